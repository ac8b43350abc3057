"""Policy documents: their exact shape, and what is refused."""

import re

import pytest

from mlplatform.facts.aws import iam
from mlplatform.facts.aws.iam import Statement

BUCKET = ("arn:aws:s3:::models", "arn:aws:s3:::models/*")


def read(sid="Read", **changes):
    return Statement(**{"sid": sid, "actions": ("s3:GetObject",), "resources": BUCKET[1:], **changes})


def test_a_document_keeps_lists_and_order():
    later = object()
    document = iam.document(
        read(),
        read(
            "Write", actions=("s3:PutObject",), resources=(later,), conditions={"Bool": {"aws:SecureTransport": "true"}}
        ),
    )
    assert document == {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::models/*"]},
            {
                "Sid": "Write",
                "Effect": "Allow",
                "Action": ["s3:PutObject"],
                "Resource": [later],
                "Condition": {"Bool": {"aws:SecureTransport": "true"}},
            },
        ],
    }


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ((), "policy has no statement; allowed: one or more; fix: leave the policy out instead"),
        ((read(), read()), "Sid 'Read' is given twice; allowed: once a document; fix: rename one"),
        ((read("a b"),), "Sid 'a b' is not accepted; allowed: letters and digits; fix: take other characters out"),
        ((read(""),), "Sid '' is not accepted; allowed: letters and digits; fix: take other characters out"),
        (
            (read(actions=()),),
            "statement Read has no action; allowed: one or more; fix: leave the statement out instead",
        ),
        (
            (read(resources=()),),
            "statement Read has neither resources nor principals; allowed: one of them; fix: add it",
        ),
        (
            (read(), read("Other", principals={"AWS": ("arn:aws:iam::123456789012:root",)})),
            (
                "only some of the policy's statements have principals; allowed: all or none; fix: name principals in "
                "every statement of a resource's policy"
            ),
        ),
        (
            (read(principals=iam.ANYONE),),
            "statement Read allows everyone, always; fix: name principals or add a condition",
        ),
    ],
)
def test_documents_that_are_refused(statements, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        iam.document(*statements)


def test_everyone_may_be_denied_and_conditionally_allowed():
    iam.document(
        iam.deny_insecure_transport("s3", BUCKET),
        read(principals=iam.ANYONE, conditions={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
    )


def trust(document):
    (statement,) = document["Statement"]
    assert "Resource" not in statement
    assert statement["Effect"] == "Allow"
    return statement["Principal"], statement["Action"], statement.get("Condition")


def test_service_trust():
    ec2 = {"Service": ["ec2.amazonaws.com"]}
    assert trust(iam.service_trust("ec2.amazonaws.com")) == (ec2, ["sts:AssumeRole"], None)
    narrowed = iam.service_trust(
        "scheduler.amazonaws.com",
        source_account="123456789012",
        source_arn="arn:aws:scheduler:*:123456789012:schedule/*",
    )
    assert trust(narrowed)[2] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:scheduler:*:123456789012:schedule/*"},
    }


def test_pod_identity_trust():
    pods, actions = {"Service": ["pods.eks.amazonaws.com"]}, ["sts:AssumeRole", "sts:TagSession"]
    assert trust(iam.pod_identity_trust()) == (pods, actions, None)
    cluster = "arn:aws:eks:eu-west-1:123456789012:cluster/dev"
    narrowed = iam.pod_identity_trust(
        source_account="123456789012", cluster_arn=cluster, namespace="ml", service_account="trainer"
    )
    assert trust(narrowed) == (
        pods,
        actions,
        {
            "StringEquals": {
                "aws:SourceAccount": "123456789012",
                "aws:RequestTag/kubernetes-namespace": "ml",
                "aws:RequestTag/kubernetes-service-account": "trainer",
            },
            "ArnLike": {"aws:SourceArn": cluster},
        },
    )


GITHUB = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{GITHUB}"


def test_oidc_trust():
    exact = iam.oidc_trust(PROVIDER, GITHUB, "repo:org/name:environment:prod", "sts.amazonaws.com")
    assert trust(exact) == (
        {"Federated": [PROVIDER]},
        ["sts:AssumeRoleWithWebIdentity"],
        {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:sub": ["repo:org/name:environment:prod"]}},
    )
    like = iam.oidc_trust(PROVIDER, GITHUB, ["repo:org/name:*", "repo:org/other:pull_request"], "sts.amazonaws.com")
    assert trust(like)[2] == {
        "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"},
        "StringLike": {f"{GITHUB}:sub": ["repo:org/name:*", "repo:org/other:pull_request"]},
    }


@pytest.mark.parametrize(
    "subject", ["", "*", "repo:*", "repo:org*", "repo:?rg/name:*", "*:org/name", ["repo:org/name", "*"], []]
)
def test_subjects_that_others_have_too(subject):
    with pytest.raises(ValueError, match=r"is too wide; allowed: a wildcard after kind and name; fix: "):
        iam.oidc_trust(PROVIDER, GITHUB, subject, "sts.amazonaws.com")


def test_account_trust():
    root = "arn:aws:iam::210987654321:root"
    assert trust(iam.account_trust([root])) == ({"AWS": [root]}, ["sts:AssumeRole"], None)


@pytest.mark.parametrize("principals", [[], ["*"], ["arn:aws:iam::210987654321:root", "*"]])
def test_accounts_that_are_not_trusted(principals):
    with pytest.raises(ValueError, match=r"are not trusted; allowed: ARNs; fix: name accounts or roles$"):
        iam.account_trust(principals)


def test_transport():
    anyone = {"AWS": ["*"]}
    assert iam.deny_insecure_transport("s3", BUCKET).as_dict() == {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": anyone,
        "Action": ["s3:*"],
        "Resource": list(BUCKET),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    assert iam.require_tls(BUCKET).as_dict() == {
        "Sid": "DenyOldTls",
        "Effect": "Deny",
        "Principal": anyone,
        "Action": ["s3:*"],
        "Resource": list(BUCKET),
        "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    }
    iam.document(iam.deny_insecure_transport("s3", BUCKET), iam.require_tls(BUCKET, "1.3"))


def test_arns():
    assert iam.arn("s3", "models") == "arn:aws:s3:::models"
    assert iam.arn("sqs", "q", partition="aws-cn", region="cn-north-1", account="123456789012") == (
        "arn:aws-cn:sqs:cn-north-1:123456789012:q"
    )


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("eu-west-1", "aws", "amazonaws.com"),
        ("ap-southeast-7", "aws", "amazonaws.com"),
        ("mx-central-1", "aws", "amazonaws.com"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
        ("cn-northwest-1", "aws-cn", "amazonaws.com.cn"),
        ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
        ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
        ("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk"),
        ("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov"),
        ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
    ],
)
def test_partitions(region, partition, suffix):
    assert iam.partition_of(region) == partition
    assert iam.dns_suffix(region) == suffix


@pytest.mark.parametrize("region", ["", "eu-west", "EU-WEST-1", "eu_west_1", "eu-west-1a"])
def test_no_region(region):
    message = f"region {region!r} is unknown; allowed: a region's code; fix: write for example eu-west-1"
    for ask in (iam.partition_of, iam.dns_suffix):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ask(region)


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("arn:aws:kms:eu-west-1:111122223333:key/x", "eu-west-1"),
        ("arn:aws-cn:aps:cn-north-1:111122223333:workspace/x", "cn-north-1"),
        ("arn:aws:iam::111122223333:role/x", ""),
        ("", ""),
    ],
)
def test_the_region_of_an_arn(name: str, region: str) -> None:
    assert iam.region_of(name) == region
