"""Policies as AWS evaluates them: statements, wildcards, conditions."""

import pytest

from loop.policies import PolicyError, allowed, denied

BUCKET = "arn:aws:s3:::models"


def statement(effect="Allow", action="s3:GetObject", resource=f"{BUCKET}/*", **more):
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "One", "Effect": effect, "Action": action, "Resource": resource, **more}],
    }


@pytest.mark.parametrize(
    ("document", "action", "resource", "wanted"),
    [
        (statement(), "s3:GetObject", f"{BUCKET}/fraud/1/model", True),
        (statement(), "s3:PutObject", f"{BUCKET}/fraud/1/model", False),
        (statement(), "s3:GetObject", "arn:aws:s3:::others/fraud", False),
        (statement(action=["s3:*"]), "s3:PutObject", f"{BUCKET}/a", True),
        (statement(action="s3:getobject"), "s3:GetObject", f"{BUCKET}/a", True),
        (statement(resource=[f"{BUCKET}/fraud/*"]), "s3:GetObject", f"{BUCKET}/fraud-2/a", False),
        (statement(effect="Deny"), "s3:GetObject", f"{BUCKET}/a", False),
    ],
)
def test_a_statement_covers_actions_and_resources(document, action, resource, wanted):
    assert allowed([document], action, resource, {}) is wanted


@pytest.mark.parametrize(
    ("condition", "context", "wanted"),
    [
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:securetransport": "true"}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:securetransport": "false"}, True),
        ({"Null": {"s3:if-none-match": "true"}}, {}, True),
        ({"Null": {"s3:if-none-match": "true"}}, {"s3:if-none-match": "*"}, False),
        ({"Null": {"x": "false"}, "StringNotEquals": {"x": "aws:kms"}}, {}, False),
        ({"Null": {"x": "false"}, "StringNotEquals": {"x": "aws:kms"}}, {"x": "AES256"}, True),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {"s3:tlsversion": "1.3"}, False),
        ({"StringLike": {"s3:prefix": ["a/*", "b/*"]}}, {"s3:prefix": "b/c"}, True),
        ({"StringLike": {"s3:prefix": ["a/*"]}}, {}, False),
        (
            {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}},
            {"kms:viaservice": "s3.eu-west-1.amazonaws.com"},
            True,
        ),
        ({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["fraud"]}}, {"dynamodb:leadingkeys": "other"}, False),
        ({"StringEqualsIfExists": {"x": "1"}}, {}, True),
    ],
)
def test_conditions(condition, context, wanted):
    assert allowed([statement(Condition=condition)], "s3:GetObject", f"{BUCKET}/a", context) is wanted


def test_who_denies_is_named_and_services_are_others():
    document = statement("Deny", Condition={"Bool": {"a": "true"}}, Principal={"AWS": "*"})
    assert denied([document], "s3:GetObject", f"{BUCKET}/a", {"a": "true"}) == "One"
    assert denied([document], "s3:GetObject", f"{BUCKET}/a", {"a": "false"}) is None
    of_service = statement("Deny", Principal={"Service": "logging.s3.amazonaws.com"})
    assert denied([of_service], "s3:GetObject", f"{BUCKET}/a", {}) is None


def test_an_unknown_operator_is_an_error():
    with pytest.raises(PolicyError, match="operator IpAddress is not understood here"):
        allowed([statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})], "s3:GetObject", f"{BUCKET}/a", {})
