"""Key policies: the exact statements of every use, and what holds for each policy."""

import json
from fnmatch import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.facts.aws.kms import POLICY_BYTES, KeyUse, key_policy

ACCOUNT, PARTITION, REGION = "123456789012", "aws", "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/worker"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:intake"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"
BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/ml"
GROUP = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/eks/dev/*"
ROOT = "arn:aws:iam::123456789012:root"

CALLER = {"StringEquals": {"kms:CallerAccount": ACCOUNT}}
SOURCE = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
FOR_AWS = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
MESSAGE = ["kms:GenerateDataKey*", "kms:Decrypt"]
VOLUME = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
SPOT = "arn:aws:iam::123456789012:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
SCALING = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"


def service(name):
    return {"Service": [name]}


def aws(arn):
    return {"AWS": [arn]}


def via(service):
    return {**CALLER, "StringLike": {"kms:ViaService": service}}


def context(key, arn):
    return {"ArnLike": {f"kms:EncryptionContext:{key}": [arn]}}


# The ARNs given with a use, and (Sid, principal, actions, condition) of each statement that they give.
USES = {
    KeyUse.LOGS: (
        [GROUP],
        [("Logs", service("logs.eu-west-1.amazonaws.com"), VOLUME[:4], context("aws:logs:arn", GROUP))],
    ),
    KeyUse.ALARMS_TO_SNS: (
        [TOPIC],
        [
            (
                "AlarmsToSns",
                service("cloudwatch.amazonaws.com"),
                MESSAGE,
                {**SOURCE, **context("aws:sns:topicArn", TOPIC)},
            )
        ],
    ),
    KeyUse.EVENTS_TO_SNS: (
        [TOPIC],
        [("EventsToSns", service("events.amazonaws.com"), MESSAGE, context("aws:sns:topicArn", TOPIC))],
    ),
    KeyUse.EVENTS_TO_SQS: (
        [QUEUE],
        [("EventsToSqs", service("events.amazonaws.com"), MESSAGE, context("aws:sqs:arn", QUEUE))],
    ),
    KeyUse.SNS_TO_SQS: (
        [QUEUE],
        [("SnsToSqs", service("sns.amazonaws.com"), MESSAGE, context("aws:sqs:arn", QUEUE))],
    ),
    KeyUse.EVENTS: (
        [BUS],
        [
            (
                "Events",
                service("events.amazonaws.com"),
                MESSAGE,
                {**SOURCE, **context("aws:events:event-bus:arn", BUS)},
            ),
            ("EventsDescribe", service("events.amazonaws.com"), ["kms:DescribeKey"], SOURCE),
        ],
    ),
    KeyUse.EBS: (
        [ROLE],
        [
            ("Ebs", aws(ROLE), VOLUME, via("ec2.eu-west-1.amazonaws.com")),
            ("EbsGrant", aws(ROLE), ["kms:CreateGrant"], {**via("ec2.eu-west-1.amazonaws.com"), **FOR_AWS}),
        ],
    ),
    KeyUse.SPOT: ([], [("Spot", aws(SPOT), VOLUME, None), ("SpotGrant", aws(SPOT), ["kms:CreateGrant"], FOR_AWS)]),
    KeyUse.AUTOSCALING: (
        [],
        [("Autoscaling", aws(SCALING), VOLUME, None), ("AutoscalingGrant", aws(SCALING), ["kms:CreateGrant"], FOR_AWS)],
    ),
    KeyUse.EKS: (
        [ROLE],
        [
            (
                "Eks",
                aws(ROLE),
                ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:ListGrants", "kms:CreateGrant"],
                CALLER,
            )
        ],
    ),
    KeyUse.S3: (
        [ROLE],
        [
            (
                "S3",
                aws(ROLE),
                ["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"],
                via("s3.eu-west-1.amazonaws.com"),
            )
        ],
    ),
    KeyUse.S3_REPLICATION: (
        [ROLE],
        [
            (
                "S3Replication",
                aws(ROLE),
                ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*"],
                via("s3.eu-west-1.amazonaws.com"),
            )
        ],
    ),
    KeyUse.DYNAMODB: (
        [],
        [("DynamoDb", aws(ROOT), [*VOLUME, "kms:CreateGrant"], via("dynamodb.*.amazonaws.com"))],
    ),
    KeyUse.RDS: (
        [ROLE],
        [("Rds", aws(ROLE), [*VOLUME, "kms:CreateGrant", "kms:ListGrants"], via("rds.eu-west-1.amazonaws.com"))],
    ),
    KeyUse.SECRETS: (
        [ROLE],
        [
            (
                "Secrets",
                aws(ROLE),
                ["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"],
                via("secretsmanager.eu-west-1.amazonaws.com"),
            )
        ],
    ),
    KeyUse.ECR: (
        [ROLE],
        [
            (
                "Ecr",
                aws(ROLE),
                ["kms:CreateGrant", "kms:RetireGrant", "kms:DescribeKey"],
                via("ecr.eu-west-1.amazonaws.com"),
            )
        ],
    ),
    KeyUse.LAMBDA: (
        [ROLE],
        [
            (
                "Lambda",
                aws(ROLE),
                ["kms:Encrypt", "kms:Decrypt", "kms:CreateGrant", "kms:DescribeKey"],
                via("lambda.eu-west-1.amazonaws.com"),
            )
        ],
    ),
    KeyUse.SQS: ([ROLE], [("Sqs", aws(ROLE), MESSAGE, via("sqs.eu-west-1.amazonaws.com"))]),
    KeyUse.SNS: ([ROLE], [("Sns", aws(ROLE), MESSAGE, via("sns.eu-west-1.amazonaws.com"))]),
}
ROOT_STATEMENT = {
    "Sid": "AccountByIamPolicies",
    "Effect": "Allow",
    "Principal": aws(ROOT),
    "Action": ["kms:*"],
    "Resource": ["*"],
}


def test_every_use_is_in_the_table():
    assert set(USES) == set(KeyUse)


@pytest.mark.parametrize("use", KeyUse)
def test_statements_of_a_use(use):
    arns, expected = USES[use]
    policy = key_policy(ACCOUNT, PARTITION, REGION, {use: arns})
    statements = [
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": principal,
            "Action": actions,
            "Resource": ["*"],
            **({"Condition": condition} if condition else {}),
        }
        for sid, principal, actions, condition in expected
    ]
    assert policy == {"Version": "2012-10-17", "Statement": [ROOT_STATEMENT, *statements]}


@given(st.sets(st.sampled_from(KeyUse)))
def test_every_policy_keeps_the_account_and_names_nobody_else(uses):
    policy = key_policy(ACCOUNT, PARTITION, REGION, {use: USES[use][0] for use in sorted(uses)})
    statements = policy["Statement"]
    assert statements[0] == ROOT_STATEMENT
    assert all("*" not in who for statement in statements for who in statement["Principal"].values())
    assert len({statement["Sid"] for statement in statements}) == len(statements)
    assert {use for use in KeyUse if any(statement["Sid"] == use for statement in statements)} == uses
    assert len(json.dumps(policy)) < POLICY_BYTES


def test_administrators_manage_and_users_use():
    policy = key_policy(ACCOUNT, PARTITION, REGION, {}, administrators=[ROLE], users=[ROLE])
    _, administrators, users = policy["Statement"]
    assert administrators["Principal"] == users["Principal"] == aws(ROLE)
    assert users["Action"] == VOLUME
    using = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptTo", "kms:CreateGrant", "kms:Sign")
    assert not [action for action in using for may in administrators["Action"] if fnmatch(action, may)]
    assert {"kms:Put*", "kms:ScheduleKeyDeletion"} <= set(administrators["Action"])


def test_other_partitions():
    policy = key_policy(ACCOUNT, "aws-cn", "cn-north-1", {KeyUse.LOGS: [GROUP], KeyUse.S3: [], KeyUse.SPOT: []})
    root, logs, s3, spot, _ = policy["Statement"]
    assert root["Principal"] == aws("arn:aws-cn:iam::123456789012:root")
    assert logs["Principal"] == service("logs.cn-north-1.amazonaws.com.cn")
    assert s3["Condition"]["StringLike"] == {"kms:ViaService": "s3.cn-north-1.amazonaws.com.cn"}
    assert spot["Principal"]["AWS"][0].startswith("arn:aws-cn:iam::")


def test_values_may_come_later():
    later = object()
    policy = key_policy(ACCOUNT, PARTITION, REGION, {KeyUse.S3: [later], KeyUse.LOGS: [later]}, users=[later])
    _, users, s3, logs = policy["Statement"]
    assert users["Principal"] == s3["Principal"] == {"AWS": [later]}
    assert logs["Condition"] == context("aws:logs:arn", later)


@pytest.mark.parametrize("use", [KeyUse.LOGS, KeyUse.EVENTS, KeyUse.ALARMS_TO_SNS, KeyUse.SNS_TO_SQS])
def test_uses_that_need_arns(use):
    message = f"^key use {use} has no ARNs; allowed: one or more; fix: give those of the encrypted resources$"
    with pytest.raises(ValueError, match=message):
        key_policy(ACCOUNT, PARTITION, REGION, {use: []})


@pytest.mark.parametrize("use", [KeyUse.SPOT, KeyUse.AUTOSCALING])
def test_uses_that_take_no_arns(use):
    with pytest.raises(
        ValueError, match=rf"^key use {use} has ARNs .*; allowed: none, its role is known; fix: give none$"
    ):
        key_policy(ACCOUNT, PARTITION, REGION, {use: [ROLE]})


@pytest.mark.parametrize("wide", [{"users": ["*"]}, {"administrators": ["*"]}, {"uses": {KeyUse.S3: ["*"]}}])
def test_everyone_is_refused(wide):
    with pytest.raises(ValueError, match=r"^principal '\*' is everyone; allowed: ARNs; fix: name accounts or roles$"):
        key_policy(ACCOUNT, PARTITION, REGION, **{"uses": {}, **wide})
