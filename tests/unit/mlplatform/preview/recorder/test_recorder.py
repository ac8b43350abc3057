"""What the recorder shows of a program, and what it lets the program see."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest

from mlplatform.preview import recorder
from recorded import ROOT, Refused, matching, record

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}


class Part(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tests:index:Part", name, {}, opts)
        self.topic = aws.sns.Topic(f"{name}-topic", opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"topic": self.topic.arn})


def test_urns_carry_the_chain_of_parents_without_the_stack() -> None:
    graph = record(lambda: Part("outer", pulumi.ResourceOptions(parent=Part("root"))))
    assert [node["urn"] for node in graph.resources] == [
        "urn:pulumi:test::tests::tests:index:Part$aws:sns/topic:Topic::root-topic",
        "urn:pulumi:test::tests::tests:index:Part$tests:index:Part$aws:sns/topic:Topic::outer-topic",
        "urn:pulumi:test::tests::tests:index:Part$tests:index:Part::outer",
        "urn:pulumi:test::tests::tests:index:Part::root",
    ]


@pytest.mark.parametrize(
    ("make", "id_", "arn"),
    [
        (lambda: aws.s3.Bucket("b"), "b-[0-9a-f]{7}", "arn:aws:s3:::b-[0-9a-f]{7}"),
        (lambda: aws.s3.Bucket("b", bucket="mine"), "mine", "arn:aws:s3:::mine"),
        (
            lambda: aws.iam.Role("r", assume_role_policy="{}"),
            "r-[0-9a-f]{7}",
            "arn:aws:iam::123456789012:role/r-[0-9a-f]{7}",
        ),
        (lambda: aws.sns.Topic("t"), "arn:aws:sns:.*", "arn:aws:sns:us-east-1:123456789012:t-[0-9a-f]{7}"),
        (
            lambda: aws.sqs.Queue("q", fifo_queue=True),
            r"https://sqs.us-east-1.amazonaws.com/123456789012/q-[0-9a-f]{7}\.fifo",
            r"arn:aws:sqs:us-east-1:123456789012:q-[0-9a-f]{7}\.fifo",
        ),
        (lambda: aws.kms.Key("k"), "[0-9a-f-]{36}", "arn:aws:kms:us-east-1:123456789012:key/[0-9a-f-]{36}"),
        (lambda: aws.ec2.Vpc("v"), "vpc-[0-9a-f]{17}", "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-[0-9a-f]{17}"),
        (
            lambda: aws.backup.Vault("v"),
            "vault-[0-9a-f]{17}",
            "arn:aws:backup:us-east-1:123456789012:vault/v-[0-9a-f]{7}",
        ),
    ],
)
def test_ids_and_arns_are_placeholders_of_awss_form(make: Any, id_: str, arn: str) -> None:
    def program() -> None:
        made = make()
        pulumi.export("id", made.id)
        pulumi.export("arn", made.arn)

    outputs = record(program).outputs
    assert matching(id_).fits(outputs["id"]), outputs
    assert matching(arn).fits(outputs["arn"]), outputs


def test_placeholders_follow_the_providers_region_and_account() -> None:
    def program() -> None:
        place = aws.Provider("p", region="eu-central-1", allowed_account_ids=["111122223333"])
        queue = aws.sqs.Queue("q", opts=pulumi.ResourceOptions(provider=place))
        pulumi.export("arn", queue.arn)
        pulumi.export("region", aws.get_region_output(opts=pulumi.InvokeOptions(provider=place)).region)

    graph = record(program)
    assert graph.outputs["arn"].startswith("arn:aws:sqs:eu-central-1:111122223333:q-")
    assert graph.outputs["region"] == "eu-central-1"


def test_placeholders_are_listed_with_their_owner() -> None:
    graph = record(lambda: aws.sqs.Queue("q", name="fixed"))
    urn = "urn:pulumi:test::tests::aws:sqs/queue:Queue::q"
    assert graph.raw["placeholders"] == [
        {"property": "arn", "urn": urn, "value": "arn:aws:sqs:us-east-1:123456789012:fixed"},
        {"property": "id", "urn": urn, "value": "https://sqs.us-east-1.amazonaws.com/123456789012/fixed"},
        {"property": "url", "urn": urn, "value": "https://sqs.us-east-1.amazonaws.com/123456789012/fixed"},
    ]


def test_strict_runs_leave_every_identifier_unknown() -> None:
    def program() -> None:
        bucket = aws.s3.Bucket("b")
        for name, value in {"id": bucket.id, "arn": bucket.arn, "name": bucket.bucket}.items():
            pulumi.export(name, value)

    assert record(program, strict=True).outputs == {
        "id": recorder.UNKNOWN,
        "arn": recorder.UNKNOWN,
        "name": recorder.UNKNOWN,
    }


def test_computed_values_are_unknown_and_never_none() -> None:
    def program() -> None:
        cluster = aws.eks.Cluster("c", role_arn="r", vpc_config={"subnet_ids": ["subnet-1"]})
        pulumi.export("authority", cluster.certificate_authority.data)
        pulumi.export("given", cluster.vpc_config.subnet_ids)
        pulumi.export("computed", cluster.vpc_config.cluster_security_group_id)

    assert record(program).outputs == {
        "authority": recorder.UNKNOWN,
        "given": ["subnet-1"],
        "computed": recorder.UNKNOWN,
    }


def test_documents_come_back_as_json_text() -> None:
    def program() -> None:
        role = aws.iam.Role("r", assume_role_policy=TRUST)
        pulumi.export("trust", role.assume_role_policy.apply(json.loads))

    assert record(program).outputs["trust"] == TRUST


def test_kubernetes_names_are_generated_where_none_is_given() -> None:
    def program() -> None:
        for name, metadata in {"plain": None, "named": {"name": "fixed", "namespace": "ml"}}.items():
            made = kubernetes.core.v1.ConfigMap(name, metadata=metadata)
            pulumi.export(name, [made.id, made.metadata.name])

    outputs = record(program).outputs
    assert outputs["named"] == ["ml/fixed", "fixed"]
    assert matching("plain-[0-9a-f]{7}").fits(outputs["plain"][0])


def test_secrets_are_hidden_wherever_they_go() -> None:
    def program() -> None:
        password = pulumi.Config().require_secret("password")
        secret = aws.secretsmanager.SecretVersion("v", secret_id="s", secret_string=pulumi.Output.concat("x", password))
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["name"])
        topic = aws.sns.Topic("t", name="visible-input", opts=hidden)
        pulumi.export("derived", {"nested": [secret.secret_string]})
        pulumi.export("name", topic.name)

    graph = record(program, config={"tests:password": "hunter2"}, secret_keys=["tests:password"])
    assert "hunter2" not in json.dumps(graph.raw)
    assert graph.inputs("aws:secretsmanager/secretVersion:SecretVersion")["secretString"] == recorder.SECRET
    assert graph.outputs == {"derived": {"nested": [recorder.SECRET]}, "name": recorder.SECRET}


def test_reads_and_stack_references_are_nodes_and_answered_from_the_table() -> None:
    def program() -> None:
        network = pulumi.StackReference("org/network/dev")
        vpc = aws.ec2.Vpc.get("vpc", "vpc-1")
        pulumi.export("subnets", network.get_output("subnets"))
        pulumi.export("cidr", vpc.cidr_block)

    graph = record(program)
    assert graph.outputs == {"subnets": recorder.UNKNOWN, "cidr": recorder.UNKNOWN}
    assert graph.one("aws:ec2/vpc:Vpc")["kind"] == "read"
    answers = {
        "pulumi:pulumi:StackReference": [
            {"args": {"name": "org/other/dev"}, "result": {"outputs": {"subnets": ["wrong"]}}},
            {"args": {"name": "org/network/dev"}, "result": {"outputs": {"subnets": ["a"]}, "secretOutputNames": []}},
        ],
        "aws:ec2/vpc:Vpc": {"cidrBlock": "10.0.0.0/16"},
    }
    assert record(program, answers=answers).outputs == {"subnets": ["a"], "cidr": "10.0.0.0/16"}


def test_lookups_without_an_answer_are_collected_together() -> None:
    def program() -> None:
        for name in ("a", "b"):
            aws.sns.Topic(name, display_name=aws.ssm.get_parameter_output(name=name).value)

    request = {"project": {"name": "tests", "root": "/"}, "stack": "test"}
    graph = recorder.record(program, request)
    assert graph["status"] == "ok"
    assert graph["unanswered"] == [
        {"token": "aws:ssm/getParameter:getParameter", "args": {"name": "a"}},
        {"token": "aws:ssm/getParameter:getParameter", "args": {"name": "b"}},
    ]


def test_policy_documents_are_built_as_the_provider_builds_them() -> None:
    def program() -> None:
        inner = aws.iam.get_policy_document(statements=[{"sid": "A", "actions": ["s3:GetObject"], "resources": ["*"]}])
        outer = aws.iam.get_policy_document(
            source_policy_documents=[inner.json],
            statements=[
                {
                    "effect": "Deny",
                    "notActions": ["s3:Get*", "s3:List*"],
                    "notResources": ["arn:aws:s3:::a"],
                    "principals": [
                        {"type": "AWS", "identifiers": ["1", "2"]},
                        {"type": "Service", "identifiers": ["x"]},
                    ],
                    "conditions": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["false"]}],
                },
                {"actions": ["sts:AssumeRole"], "principals": [{"type": "*", "identifiers": ["*"]}]},
            ],
            override_policy_documents=[json.dumps({"Statement": [{"Sid": "A", "Effect": "Deny"}]})],
        )
        pulumi.export("document", json.loads(outer.json))

    assert record(program).outputs["document"] == {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "A", "Effect": "Deny"},
            {
                "Effect": "Deny",
                "NotAction": ["s3:Get*", "s3:List*"],
                "NotResource": "arn:aws:s3:::a",
                "Principal": {"AWS": ["1", "2"], "Service": "x"},
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"},
        ],
    }


def test_options_and_aliases_are_recorded() -> None:
    options = pulumi.ResourceOptions(
        aliases=[pulumi.Alias(name="old"), pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE), "urn:pulumi:a::b::c::d"],
        custom_timeouts=pulumi.CustomTimeouts(create="5m"),
        delete_before_replace=True,
        ignore_changes=["tags"],
        replace_on_changes=["name"],
        retain_on_delete=True,
    )
    graph = record(lambda: aws.sns.Topic("t", opts=options))
    assert graph.one("aws:sns/topic:Topic")["options"] == {
        "aliases": [{"name": "old"}, {"no_parent": True}, {"urn": "urn:pulumi:a::b::c::d"}],
        "custom_timeouts": {"create": "5m"},
        "delete_before_replace": True,
        "ignore_changes": ["tags"],
        "replace_on_changes": ["name"],
        "retain_on_delete": True,
    }
    assert list(graph.raw["packages"]) == ["aws"]


def test_transforms_of_options_reach_the_record() -> None:
    def protect(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
        args.opts.protect = True
        args.opts.ignore_changes = ["tags"]
        return pulumi.ResourceTransformResult(props={**args.props, "tags": {"by": "transform"}}, opts=args.opts)

    graph = record(lambda: aws.sns.Topic("t", opts=pulumi.ResourceOptions(transforms=[protect])))
    graph.has("aws:sns/topic:Topic", {"tags": {"by": "transform"}}, protect=True, ignore_changes=["tags"])


def test_invoke_transforms_run() -> None:
    def elsewhere(args: pulumi.InvokeTransformArgs) -> pulumi.InvokeTransformResult:
        return pulumi.InvokeTransformResult(args={**args.args, "region": "eu-west-2"}, opts=args.opts)

    def program() -> None:
        pulumi.runtime.register_invoke_transform(elsewhere)
        pulumi.export("region", aws.get_region_output().region)

    assert record(program).outputs == {"region": "eu-west-2"}


def test_charts_and_remote_components_are_leaves() -> None:
    def program() -> None:
        kubernetes.helm.v4.Chart("remote", kubernetes.helm.v4.ChartArgs(chart="c"))
        kubernetes.helm.v3.Release("release", chart="c", version="1.0.0")

    graph = record(program)
    assert graph.one("kubernetes:helm.sh/v4:Chart")["leaf"] == recorder.REMOTE_LEAF
    assert graph.one("kubernetes:helm.sh/v4:Chart")["kind"] == "remote"
    assert graph.one("kubernetes:helm.sh/v3:Release")["leaf"] is None


def test_run_errors_are_refusals_and_others_failures_with_the_users_frame() -> None:
    def refuse() -> None:
        pulumi.Config().require("missing")

    def fail() -> None:
        pulumi.Output.from_input(1).apply(lambda value: value / 0)

    with pytest.raises(Refused, match="Missing required configuration variable 'tests:missing'"):
        record(refuse)
    graph = recorder.record(fail, {"project": {"name": "tests", "root": str(ROOT)}, "stack": "test"})
    assert graph["status"] == "failed"
    assert graph["error"]["message"] == "ZeroDivisionError: division by zero"
    assert [(frame["function"], frame["code"]) for frame in graph["error"]["frames"]] == [
        ("<lambda>", "pulumi.Output.from_input(1).apply(lambda value: value / 0)")
    ]


def test_graph_does_not_depend_on_the_order_of_registration() -> None:
    makers = [lambda: aws.sns.Topic("a"), lambda: aws.sqs.Queue("b"), lambda: Part("c")]
    first = record(lambda: [make() for make in makers]).raw
    second = record(lambda: [make() for make in reversed(makers)]).raw
    for graph in (first, second):
        for node in graph["resources"]:
            node["source"] = None
    assert first == second


class Labelled(pulumi.ComponentResource):
    """Has an output of the name of an input, and may have it of another type."""

    labels: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, labels: Any) -> None:
        super().__init__("tests:index:Labelled", name, {"labels": labels, "size": 2})
        self.labels = pulumi.Output.from_input({"a": "b"})
        self.register_outputs({"labels": self.labels})


def test_an_input_that_no_update_can_read_fails_at_the_programs_line() -> None:
    with pytest.raises(AssertionError) as failure:
        record(lambda: Labelled("x", {"a": ["b"]}))
    error = failure.value.args[0]
    assert error["message"] == (
        "tests:index:Labelled x: input 'labels' has another type than the output 'labels', and `pulumi up` cannot read "
        "it: Unexpected type. Expected 'list' got '<class 'str'>'. Rename one of them."
    )
    assert error["frames"][-1]["code"] == 'record(lambda: Labelled("x", {"a": ["b"]}))'


@pytest.mark.parametrize("labels", [lambda: {"c": "d"}, lambda: None, lambda: pulumi.Output.secret({"c": "d"})])
def test_an_input_of_the_type_of_its_output_is_read(labels: Any) -> None:
    graph = record(lambda: Labelled("x", labels()))
    assert graph.one("tests:index:Labelled")["outputs"] == {"labels": {"a": "b"}}


def test_a_resource_given_as_an_input_is_looked_up_among_those_registered() -> None:
    class Holder(pulumi.ComponentResource):
        topic: pulumi.Output[aws.sns.Topic]

        def __init__(self, topic: aws.sns.Topic) -> None:
            super().__init__("tests:index:Holder", "holder", {"topic": topic})

    def program() -> None:
        topic = aws.sns.Topic("t")
        Holder(topic)
        aws.sns.TopicSubscription("s", topic=topic, protocol="sqs", endpoint="arn:aws:sqs:us-east-1:1:q")

    graph = record(program)
    urn = graph.one("aws:sns/topic:Topic")["urn"]
    assert graph.inputs("tests:index:Holder") == {"topic": {"urn": urn}}
    assert graph.inputs("aws:sns/topicSubscription:TopicSubscription")["topic"] == {"urn": urn}


@pytest.mark.parametrize(("strict", "name"), [(False, "x"), (True, "unknown")])
def test_a_strict_recording_asks_no_provider_that_is_not_configured_yet(*, strict: bool, name: str) -> None:
    """The engine's preview does not, either, so the output of a fixed name is unknown to it."""

    def program() -> None:
        cluster = aws.eks.Cluster("c", role_arn="r", vpc_config={"subnet_ids": ["s"]})
        provider = kubernetes.Provider("k", kubeconfig=cluster.endpoint)
        made = kubernetes.core.v1.Namespace("n", metadata={"name": "x"}, opts=pulumi.ResourceOptions(provider=provider))
        pulumi.export("name", made.metadata.name)

    assert record(program, strict=strict).outputs == {"name": recorder.UNKNOWN if name == "unknown" else name}
