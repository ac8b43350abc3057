"""What holds for every component, whatever it makes."""

import functools
import inspect
import json
import typing
from collections.abc import Awaitable, Iterator
from typing import Any

import pulumi
import pytest
from pulumi import _types
from pulumi.provider.experimental.analyzer import Analyzer

from components import EXAMPLES, all_args
from mlplatform.core.args import Args
from recorded import ROOT, Recorded, record

# Statements, by Sid, that the policy of a key must have, by the property of a resource that names the key. A role's own
# right is not here: the key trusts the account's IAM policies.
USES_OF_KEYS: dict[str, tuple[str, ...]] = {
    "aws:amp/workspace:Workspace.kmsKeyArn": ("AccountByIamPolicies",),
    "aws:athena/workgroup:Workgroup.configuration.resultConfiguration.encryptionConfiguration.kmsKeyArn": ("S3",),
    "aws:cloudwatch/logGroup:LogGroup.kmsKeyId": ("Logs",),
    "aws:dynamodb/table:Table.serverSideEncryption.kmsKeyArn": ("DynamoDb",),
    "aws:ec2/launchTemplate:LaunchTemplate.blockDeviceMappings.ebs.kmsKeyId": ("Ebs", "Autoscaling", "Spot"),
    "aws:eks/cluster:Cluster.encryptionConfig.provider.keyArn": ("Eks",),
    "aws:lambda/function:Function.kmsKeyArn": ("Lambda",),
    "aws:rds/instance:Instance.kmsKeyId": ("Rds",),
    "aws:rds/instance:Instance.masterUserSecretKmsKeyId": ("Secrets",),
    "aws:rds/instance:Instance.performanceInsightsKmsKeyId": ("Rds",),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ".rules.applyServerSideEncryptionByDefault.kmsMasterKeyId": ("S3",),
    "aws:sns/topic:Topic.kmsMasterKeyId": ("AlarmsToSns",),
    "aws:sqs/queue:Queue.kmsMasterKeyId": ("Sqs",),
    "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass.spec.blockDeviceMappings.ebs.kmsKeyID": ("Ebs", "Spot"),
    # The EBS CSI driver's role has its right by its own policy.
    "kubernetes:storage.k8s.io/v1:StorageClass.parameters.kmsKeyId": ("AccountByIamPolicies",),
}


@functools.cache
def recorded(name: str) -> Recorded:
    module = EXAMPLES[name]
    return record(lambda: module.program(module.BASE))


def component_class(name: str) -> type[pulumi.ComponentResource]:
    module = EXAMPLES[name]
    return next(
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, pulumi.ComponentResource) and cls is not pulumi.ComponentResource
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_child_lies_in_its_component(name: str) -> None:
    graph = recorded(name)
    token = f"mlplatform:index:{component_class(name).__name__}"
    root = graph.one(token)
    assert root["name"] == "x"
    for node in graph.resources:
        if node is not root and (node["type"], node["name"]) != ("pulumi:providers:kubernetes", "x-kubernetes"):
            assert [ancestor["urn"] for ancestor in graph.ancestors(node)][-1] == root["urn"]
            assert node["name"].startswith("x-"), node["urn"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_component_makes_an_aws_provider(name: str) -> None:
    assert recorded(name).count("pulumi:providers:aws") == 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_outputs_are_those_annotated(name: str) -> None:
    cls = component_class(name)
    root = recorded(name).one(f"mlplatform:index:{cls.__name__}")
    assert set(root["outputs"]) == set(vars(cls)["__annotations__"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_output_has_the_type_of_the_argument_of_its_name(name: str) -> None:
    """An update of Pulumi's reads the argument as the output, which fails where their types differ."""
    outputs = _types.resource_types(component_class(name))
    arguments = EXAMPLES[name].ARGS.model_fields
    shared = {key: _plain(arguments[key].annotation) for key in outputs.keys() & arguments.keys()}
    assert shared == {key: outputs[key] for key in shared}


def _plain(annotation: Any) -> Any:
    """The type of a plain value of an argument: without outputs, awaitables and None."""
    branches = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Union else (annotation,)
    wrapped = (pulumi.Output, Awaitable)
    plain = [kind for kind in branches if typing.get_origin(kind) not in wrapped and kind is not type(None)]
    assert len(plain) == 1, annotation
    return plain[0]


@pytest.mark.parametrize("name", EXAMPLES)
def test_outputs_have_docstrings(name: str) -> None:
    source = inspect.getsource(component_class(name)).splitlines()
    for field in component_class(name).__annotations__:
        at = next(number for number, line in enumerate(source) if line.strip().startswith(f"{field}:"))
        assert source[at + 1].strip().startswith('"""'), field


@pytest.mark.parametrize("args", all_args(), ids=lambda cls: cls.__name__)
def test_every_field_has_a_docstring(args: type[Args]) -> None:
    assert [name for name, info in args.model_fields.items() if not info.description] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_pulumis_analyzer_accepts_the_component(name: str) -> None:
    cls = component_class(name)
    definition = Analyzer("mlplatform").analyze_component(cls)
    assert definition.name == cls.__name__
    required = {field for field, info in EXAMPLES[name].ARGS.model_fields.items() if info.is_required()}
    assert {field for field, prop in definition.inputs.items() if not prop.optional} == {
        camel(field) for field in required
    }


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


@pytest.mark.parametrize("name", EXAMPLES)
def test_mappings_are_accepted_as_pulumis_component_host_gives_them(name: str) -> None:
    module = EXAMPLES[name]
    assert module.ARGS.of(module.BASE) == module.ARGS.of(module.ARGS.of(module.BASE))


@pytest.mark.parametrize("name", EXAMPLES)
def test_two_instances_do_not_collide(name: str) -> None:
    module = EXAMPLES[name]

    def program() -> None:
        module.program(module.BASE)
        module.program(module.BASE, "y")

    graph = record(program)
    names: list[str] = [node["name"] for node in graph.resources]
    assert len([n for n in names if n.split("-")[0] == "x"]) == len([n for n in names if n.split("-")[0] == "y"])


def environment(stack: str) -> Recorded:
    return Recorded(json.loads((ROOT / "tests" / "golden" / f"{stack}.json").read_text()))


def values(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Paths, without numbers of items, and texts of everything in a resource's inputs."""
    if isinstance(value, str):
        yield path, value
    for item in value if isinstance(value, list) else ():
        yield from values(item, path)
    for key, item in value.items() if isinstance(value, dict) else ():
        yield from values(item, f"{path}.{key}")


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_every_use_of_a_key_is_admitted_by_its_policy(stack: str) -> None:
    graph = environment(stack)
    keys = graph.all("aws:kms/key:Key")
    statements = {node["outputs"]["arn"]: json.loads(node["inputs"]["policy"])["Statement"] for node in keys}
    sids = {arn: {statement["Sid"] for statement in found} for arn, found in statements.items()}
    used = {
        (path, text)
        for node in graph.resources
        if node["kind"] == "custom"
        for path, text in values(node["inputs"], node["type"])
        if text in sids
    }
    assert {path for path, _ in used} <= set(USES_OF_KEYS)
    assert stack != "prod" or {path for path, _ in used} == set(USES_OF_KEYS)
    for path, key in used:
        for sid in USES_OF_KEYS[path]:
            assert any(found.startswith(sid) for found in sids[key]), (path, sid, sids[key])


@pytest.mark.parametrize("name", EXAMPLES)
def test_recording_with_every_computed_value_unknown_makes_the_same_resources(name: str) -> None:
    module = EXAMPLES[name]
    strict = record(lambda: module.program(module.BASE), strict=True)
    assert [node["urn"] for node in strict.resources] == [node["urn"] for node in recorded(name).resources]
