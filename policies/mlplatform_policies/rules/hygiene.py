"""Tags and hygiene: who pays for a resource, who owns it, and what made it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mlplatform_policies.model import (
    ADVICE,
    ALWAYS,
    Findings,
    Found,
    Parameter,
    Parameters,
    Rule,
    Severity,
    StackRule,
    Subject,
)
from mlplatform_policies.reading import decoded, mapping, matches_any, shown
from mlplatform_policies.relations import of_kinds

TAGGABLE: Final = (
    "aws:athena/workgroup:Workgroup",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:dynamodb/table:Table",
    "aws:ebs/volume:Volume",
    "aws:ec2/eip:Eip",
    "aws:ec2/instance:Instance",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpc:Vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ecr/repository:Repository",
    "aws:efs/fileSystem:FileSystem",
    "aws:eks/cluster:Cluster",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:fsx/lustreFileSystem:LustreFileSystem",
    "aws:iam/policy:Policy",
    "aws:iam/role:Role",
    "aws:kms/key:Key",
    "aws:lambda/function:Function",
    "aws:rds/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:sagemaker/domain:Domain",
    "aws:sagemaker/endpoint:Endpoint",
    "aws:sagemaker/model:Model",
    "aws:sagemaker/notebookInstance:NotebookInstance",
    "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic",
    "aws:sqs/queue:Queue",
)
"""Kinds that cost money or hold data, and take tags."""
PROVIDER: Final = "pulumi:providers:"
RENDERED: Final = ("kubernetes:helm.sh/*:Chart", "kubernetes:yaml*", "kubernetes:kustomize*")
"""Components that only render what others make: they have no provider of their own."""


def _tags(subject: Subject) -> Mapping[str, Any]:
    """A resource's own tags, above its provider's."""
    default = mapping(decoded(subject.provider.props, "defaultTags"), "tags") if subject.provider else {}
    own = mapping(subject.props, "tags")
    return {**{key: default[key] for key in default}, **{key: own[key] for key in own}}


def required_tags(subject: Subject, given: Parameters) -> Findings:
    """A resource of which nobody knows whose it is."""
    tags = _tags(subject)
    missing = [key for key in given["tags"] if not tags.get(key)]
    if missing:
        yield f"Tags are missing: {shown(missing)}."


def environment_tag(subject: Subject, given: Parameters) -> Findings:
    """A resource that says it belongs to another environment."""
    environment = _tags(subject).get("environment")
    if given["environment"] and environment and environment != given["environment"]:
        yield f"The tag environment is {environment}; this is {given['environment']}."


def lonely(subjects: Sequence[Subject], given: Parameters) -> Found:
    """A resource in no component, in a program that has components."""
    components = {subject.parent for subject in subjects if subject.parent}
    for subject in subjects:
        ours = subject.kind.startswith(("aws:", "kubernetes:")) and subject.kind not in given["alone"]
        if components and ours and subject.parent is None:
            yield subject, "The resource is in no component."


def ad_hoc_providers(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A resource of the default provider, beside others of an explicit one."""
    packages = {subject.kind.removeprefix(PROVIDER) for subject in subjects if _explicit(subject)}
    for subject in of_kinds(subjects, [f"{package}:*" for package in packages]):
        if subject.provider is None and not matches_any(subject.kind, RENDERED):
            package = subject.kind.partition(":")[0]
            yield subject, f"The resource uses {package}'s default provider beside an explicit one."


def _explicit(subject: Subject) -> bool:
    return subject.kind.startswith(PROVIDER) and not subject.name.startswith("default")


RULES: Final = (
    Rule(
        id="required-tags",
        kinds=TAGGABLE,
        severity=Severity.MEDIUM,
        levels=ALWAYS,
        why="Nobody pays for, or dares to delete, what has no owner.",
        fix="Set default_tags on an explicit aws.Provider.",
        parameters={
            "tags": Parameter(
                ["cost-centre", "environment", "owner", "project"],
                {"type": "array", "items": {"type": "string"}},
                "Keys of tags that everything must have.",
            )
        },
        check=required_tags,
    ),
    Rule(
        id="tag-environment-matches",
        kinds=TAGGABLE,
        severity=Severity.LOW,
        levels=ADVICE,
        why="Costs and alerts of a resource go to the wrong environment.",
        fix="Take the tag from the stack's name.",
        parameters={
            "environment": Parameter("", {"type": "string"}, "Value that the tag environment must have; empty: any.")
        },
        check=environment_tag,
    ),
    StackRule(
        id="child-has-component-parent",
        kinds=("aws:*", "kubernetes:*"),
        severity=Severity.LOW,
        levels=ADVICE,
        why="What belongs to nothing is found by nobody, and is forgotten when its component goes.",
        fix="Put it into a component, with ResourceOptions(parent=self).",
        parameters={
            "alone": Parameter(
                [], {"type": "array", "items": {"type": "string"}}, "Type tokens of resources that may be alone."
            )
        },
        check=lonely,
    ),
    StackRule(
        id="no-ad-hoc-provider",
        kinds=("aws:*", "kubernetes:*"),
        severity=Severity.MEDIUM,
        levels=ADVICE,
        why="The default provider takes account, region and cluster from whoever runs the program.",
        fix="Pass the explicit provider, with ResourceOptions(provider=...) or by the component's providers.",
        check=ad_hoc_providers,
    ),
)
"""Rules about tags and hygiene, in the order of the documentation."""
