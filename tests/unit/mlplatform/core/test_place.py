"""Where a component works, asked through its own provider."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from mlplatform.core.place import Place
from recorded import Recorded, record

HOLDER = "tests:index:Holder"
ELSEWHERE: Mapping[str, Any] = {
    "aws:index/getRegion:getRegion": {"region": "cn-north-1"},
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": "210987654321"},
    "aws:index/getPartition:getPartition": {"partition": "aws-cn"},
}


class Holder(pulumi.ComponentResource):
    """A component that shows its place."""

    def __init__(self, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(HOLDER, "x", {}, opts)
        place = Place.of(self)
        self.register_outputs(
            {
                "account_id": place.account_id,
                "region": place.region,
                "partition": place.partition,
                "regional": place.arn("logs", "log-group:x"),
                "global": place.arn("iam", "role/x", region=False),
                "later": place.arn("ec2", pulumi.Output.concat("vpc-flow-log/", "*")),
            }
        )


def outputs(graph: Recorded) -> dict[str, Any]:
    return dict(graph.one(HOLDER)["outputs"])


def test_place_is_the_providers() -> None:
    assert outputs(record(Holder)) == {
        "account_id": "123456789012",
        "region": "us-east-1",
        "partition": "aws",
        "regional": "arn:aws:logs:us-east-1:123456789012:log-group:x",
        "global": "arn:aws:iam::123456789012:role/x",
        "later": "arn:aws:ec2:us-east-1:123456789012:vpc-flow-log/*",
    }


def test_arns_are_of_the_partition() -> None:
    found = outputs(record(Holder, answers=ELSEWHERE))
    assert found["regional"] == "arn:aws-cn:logs:cn-north-1:210987654321:log-group:x"
    assert found["global"] == "arn:aws-cn:iam::210987654321:role/x"


def test_a_component_asks_its_own_provider() -> None:
    def program() -> None:
        provider = aws.Provider("elsewhere", region="eu-west-1")
        Holder(pulumi.ResourceOptions(providers=[provider]))

    assert outputs(record(program))["region"] == "eu-west-1"


def test_place_is_known_before_anything_is_created() -> None:
    assert outputs(record(Holder, strict=True)) == outputs(record(Holder))
