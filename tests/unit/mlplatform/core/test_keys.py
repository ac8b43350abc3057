"""Customer-managed keys, on the recorded graph."""

import pulumi
import pulumi_aws as aws
import pytest

from mlplatform.core.keys import KEY_ARN, encryption_key
from mlplatform.core.place import Place
from mlplatform.facts.aws.kms import KeyUse
from recorded import Recorded, record, unknown

KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"


class Holder(pulumi.ComponentResource):
    """A component that needs a key."""

    def __init__(self) -> None:
        super().__init__("tests:index:Holder", "x")
        inside = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic("x-alarms", opts=inside)
        kept = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(protect=True))
        uses = {KeyUse.LOGS: ["arn:aws:logs:us-east-1:123456789012:log-group:*"], KeyUse.ALARMS_TO_SNS: [topic.arn]}
        key = encryption_key("x-key", "Everything of x", uses, place=Place.of(self), opts=kept)
        pulumi.export("key", key.arn)


@pytest.fixture(scope="module")
def graph() -> Recorded:
    return record(Holder)


def test_key_rotates_every_year(graph: Recorded) -> None:
    graph.has(KEY, {"enableKeyRotation": True, "rotationPeriodInDays": 365})


def test_deleted_key_can_be_brought_back_for_a_month(graph: Recorded) -> None:
    graph.has(KEY, {"deletionWindowInDays": 30})


def test_key_says_what_it_is_for(graph: Recorded) -> None:
    graph.has(KEY, {"description": "Everything of x"}, name="x-key")


def test_alias_has_the_keys_name(graph: Recorded) -> None:
    assert graph.inputs(ALIAS, "x-key") == {"targetKeyId": graph.one(KEY)["outputs"]["keyId"]}


@pytest.mark.parametrize("type_", [KEY, ALIAS])
def test_key_and_alias_have_the_options_given(graph: Recorded, type_: str) -> None:
    graph.has(type_, {}, protect=True, parent=graph.one("tests:index:Holder")["urn"])


def test_policy_admits_the_uses_in_their_order(graph: Recorded) -> None:
    statements = graph.statements(KEY)
    assert [statement["Sid"] for statement in statements] == ["AccountByIamPolicies", "Logs", "AlarmsToSns"]
    assert statements[0]["Principal"] == {"AWS": ["arn:aws:iam::123456789012:root"]}


def test_each_use_is_narrowed_to_its_resources(graph: Recorded) -> None:
    _, logs, alarms = graph.statements(KEY)
    assert logs["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": ["arn:aws:logs:us-east-1:123456789012:log-group:*"]}
    }
    topic_arn = graph.one("aws:sns/topic:Topic")["outputs"]["arn"]
    assert alarms["Condition"]["ArnLike"] == {"kms:EncryptionContext:aws:sns:topicArn": [topic_arn]}


def test_policy_waits_for_what_it_names(graph: Recorded) -> None:
    assert graph.one("aws:sns/topic:Topic")["urn"] in graph.one(KEY)["dependencies"]


def test_policy_is_unknown_where_its_parts_are() -> None:
    record(Holder, strict=True).has(KEY, {"policy": unknown})


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000001",
        "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-0123456789abcdef",
    ],
)
def test_arns_of_keys_are_accepted(arn: str) -> None:
    assert KEY_ARN(arn) == arn


@pytest.mark.parametrize("arn", ["alias/logs", "arn:aws:kms:eu-west-1:111122223333:alias/logs", "0a1b2c3d"])
def test_anything_else_is_refused(arn: str) -> None:
    with pytest.raises(ValueError, match="allowed is the ARN of a KMS key, not of an alias") as refused:
        KEY_ARN(arn)
    assert str(refused.value) == (
        f"got {arn!r}; allowed is the ARN of a KMS key, not of an alias, such as "
        "arn:aws:kms:eu-west-1:111122223333:key/mrk-0123456789abcdef"
    )
