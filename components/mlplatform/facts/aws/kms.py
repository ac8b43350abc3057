"""Key policies of customer-managed keys, from a table that says what each AWS service needs of a key.

Without its statement a service fails late and quietly: alarms that are not sent, events that are dropped, nodes that
end a second after they start. Every policy has the account's statement, so that IAM policies work and nobody is locked
out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mlplatform.facts.aws.iam import Conditions, Statement, dns_suffix, document

POLICY_BYTES: Final = 32_768
"""Largest key policy (AWS KMS Developer Guide, Resource quotas)."""


class KeyUse(StrEnum):
    """Who uses a key, and what the ARNs given with it mean. The value begins the Sid of each of its statements.

    AWS checks that every role named in a key policy exists: give roles only after they were made, and SPOT and
    AUTOSCALING only in accounts that have those service-linked roles.
    """

    LOGS = "Logs"
    """CloudWatch Logs encrypts log groups; ARNs of the groups, at least one."""
    ALARMS_TO_SNS = "AlarmsToSns"
    """CloudWatch alarms publish to encrypted topics; ARNs of the topics, at least one."""
    EVENTS_TO_SNS = "EventsToSns"
    """EventBridge rules publish to encrypted topics; ARNs of the topics, at least one."""
    EVENTS_TO_SQS = "EventsToSqs"
    """EventBridge rules send to encrypted queues; ARNs of the queues, at least one."""
    SNS_TO_SQS = "SnsToSqs"
    """Topics send to encrypted queues; ARNs of the queues, at least one."""
    EVENTS = "Events"
    """EventBridge encrypts an event bus; ARNs of the buses, at least one."""
    EBS = "Ebs"
    """EC2 encrypts volumes for these roles, such as Karpenter's and the EBS CSI driver's."""
    SPOT = "Spot"
    """EC2 Spot attaches encrypted volumes, by its service-linked role; no ARNs."""
    AUTOSCALING = "Autoscaling"
    """Managed node groups attach encrypted volumes, by Auto Scaling's service-linked role; no ARNs."""
    EKS = "Eks"
    """EKS encrypts Kubernetes secrets; the cluster's role and that of whoever creates the cluster."""
    S3 = "S3"
    """S3 encrypts objects for these roles."""
    S3_REPLICATION = "S3Replication"
    """S3 replicates encrypted objects by these roles; the key of the source and that of the destination need it."""
    DYNAMODB = "DynamoDb"
    """DynamoDB encrypts tables for these roles."""
    RDS = "Rds"
    """RDS encrypts databases for these roles."""
    SECRETS = "Secrets"
    """Secrets Manager encrypts secrets for these roles."""
    ECR = "Ecr"
    """ECR encrypts repositories that these roles make."""
    LAMBDA = "Lambda"
    """Lambda encrypts environment variables for these roles."""
    SQS = "Sqs"
    """SQS encrypts messages that these roles send and receive."""
    SNS = "Sns"
    """SNS encrypts messages that these roles publish."""


@dataclass(frozen=True, slots=True)
class _Service:
    """A service that uses the key as itself, for resources that its encryption context names."""

    principal: str
    """Service principal; `{region}` and `{suffix}` are filled in."""
    context: str
    """Key of the encryption context that holds the resource's ARN."""
    actions: tuple[str, ...]
    by_account: bool
    """Whether the service sends `aws:SourceAccount` with these requests."""
    describes: bool = False
    """Whether it also describes the key: that request has no encryption context, so it has a statement of its own."""


@dataclass(frozen=True, slots=True)
class _Roles:
    """A service that uses the key on behalf of roles of the account."""

    service: str
    """What `kms:ViaService` names; empty where the service documents no such condition."""
    actions: tuple[str, ...]
    grants: bool = False
    """Whether it makes grants, for AWS resources only."""
    region: str = "{region}"
    """Region part of `kms:ViaService`."""


_MESSAGE: Final = ("kms:GenerateDataKey*", "kms:Decrypt")
_CRYPTO: Final = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*")
_VOLUME: Final = (*_CRYPTO, "kms:DescribeKey")
_TOPIC, _QUEUE = "aws:sns:topicArn", "aws:sqs:arn"

_SERVICES: Final[Mapping[KeyUse, _Service]] = MappingProxyType(
    {
        # CloudWatch Logs User Guide, Encrypt log data in CloudWatch Logs using AWS Key Management Service.
        KeyUse.LOGS: _Service("logs.{region}.{suffix}", "aws:logs:arn", _CRYPTO, by_account=False),
        # Amazon SNS Developer Guide, Managing Amazon SNS encryption keys and costs. For EventBridge it says that source
        # conditions are not supported: with them, events are dropped without an error.
        KeyUse.ALARMS_TO_SNS: _Service("cloudwatch.amazonaws.com", _TOPIC, _MESSAGE, by_account=True),
        KeyUse.EVENTS_TO_SNS: _Service("events.amazonaws.com", _TOPIC, _MESSAGE, by_account=False),
        # Amazon SQS Developer Guide, Key management, Configure KMS permissions for AWS services.
        KeyUse.EVENTS_TO_SQS: _Service("events.amazonaws.com", _QUEUE, _MESSAGE, by_account=False),
        KeyUse.SNS_TO_SQS: _Service("sns.amazonaws.com", _QUEUE, _MESSAGE, by_account=False),
        # Amazon EventBridge User Guide, Authorizing EventBridge to use a customer managed key.
        KeyUse.EVENTS: _Service(
            "events.amazonaws.com", "aws:events:event-bus:arn", _MESSAGE, by_account=True, describes=True
        ),
    }
)

_ROLES: Final[Mapping[KeyUse, _Roles]] = MappingProxyType(
    {
        # Karpenter, Troubleshooting, Node terminates before ready on failed encrypted EBS volume.
        KeyUse.EBS: _Roles("ec2", _VOLUME, grants=True),
        # Amazon EKS User Guide, Create an Amazon EKS cluster: grants, and never under kms:GrantIsForAWSResource.
        KeyUse.EKS: _Roles("", ("kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:ListGrants", "kms:CreateGrant")),
        # Amazon S3 User Guide, Using server-side encryption with AWS KMS keys (SSE-KMS).
        KeyUse.S3: _Roles("s3", ("kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey")),
        # Amazon S3 User Guide, Replicating encrypted objects; bucket keys need GenerateDataKey at the destination.
        KeyUse.S3_REPLICATION: _Roles("s3", ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*")),
        # Amazon DynamoDB Developer Guide, DynamoDB encryption at rest usage notes: any region, for global tables.
        KeyUse.DYNAMODB: _Roles("dynamodb", (*_VOLUME, "kms:CreateGrant"), region="*"),
        # Amazon RDS User Guide, AWS KMS key management.
        KeyUse.RDS: _Roles("rds", (*_VOLUME, "kms:CreateGrant", "kms:ListGrants")),
        # AWS Secrets Manager User Guide, Secret encryption and decryption.
        KeyUse.SECRETS: _Roles("secretsmanager", ("kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey")),
        # Amazon ECR User Guide, Encryption at rest.
        KeyUse.ECR: _Roles("ecr", ("kms:CreateGrant", "kms:RetireGrant", "kms:DescribeKey")),
        # AWS Lambda Developer Guide, Securing Lambda environment variables.
        KeyUse.LAMBDA: _Roles("lambda", ("kms:Encrypt", "kms:Decrypt", "kms:CreateGrant", "kms:DescribeKey")),
        # Amazon SQS Developer Guide, Key management, Configure KMS permissions for producers and for consumers.
        KeyUse.SQS: _Roles("sqs", _MESSAGE),
        # Amazon SNS Developer Guide, Managing Amazon SNS encryption keys and costs.
        KeyUse.SNS: _Roles("sns", _MESSAGE),
    }
)

_LINKED: Final[Mapping[KeyUse, str]] = MappingProxyType(
    {
        # Amazon EC2 User Guide, Service-linked role for Spot Instance requests.
        KeyUse.SPOT: "spot.amazonaws.com/AWSServiceRoleForEC2Spot",
        # Amazon EC2 Auto Scaling User Guide, Required AWS KMS key policy for use with encrypted volumes.
        KeyUse.AUTOSCALING: "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
    }
)

# AWS KMS Developer Guide, Default key policy, less CreateGrant, by which administrators could let themselves use it.
_ADMINISTRATION: Final = tuple(
    f"kms:{action}"
    for action in (
        *("Describe*", "Get*", "List*", "CreateAlias", "Put*", "Update*", "Enable*", "Disable*", "Revoke*", "Delete*"),
        *("TagResource", "UntagResource", "ScheduleKeyDeletion", "CancelKeyDeletion", "RotateKeyOnDemand"),
    )
)


@dataclass(frozen=True, slots=True)
class _Place:
    account_id: str
    partition: str
    region: str

    @property
    def suffix(self) -> str:
        return dns_suffix(self.region)

    def role(self, path: str) -> str:
        return f"arn:{self.partition}:iam::{self.account_id}:{path}"


def key_policy(  # noqa: PLR0913, PLR0917 - where the key is, and who may do what
    account_id: str,
    partition: str,
    region: str,
    uses: Mapping[KeyUse, Sequence[object]],
    administrators: Sequence[object] = (),
    users: Sequence[object] = (),
) -> dict[str, object]:
    """The policy document of a key in `region` that `uses` use.

    With each use go the ARNs that KeyUse names; they may hold wildcards where they name resources, and may be anything
    that is serialised later. A use by roles without ARNs leaves it to the account's IAM policies, through that service
    only. `administrators` may manage the key and not use it; `users` may use it directly. ValueError for a use that
    needs ARNs and has none, or has some and takes none.
    """
    place = _Place(account_id, partition, region)
    statements = [
        Statement(sid="AccountByIamPolicies", actions=("kms:*",), resources=("*",), principals=_aws(place.role("root")))
    ]
    if administrators:
        statements.append(
            Statement(sid="Administrators", actions=_ADMINISTRATION, resources=("*",), principals=_aws(*administrators))
        )
    if users:
        statements.append(Statement(sid="Users", actions=_VOLUME, resources=("*",), principals=_aws(*users)))
    for use, arns in uses.items():
        statements.extend(_statements(place, use, arns))
    return document(*statements)


def _statements(place: _Place, use: KeyUse, arns: Sequence[object]) -> tuple[Statement, ...]:
    if use in _SERVICES:
        return _by_service(place, use, _SERVICES[use], arns)
    if use in _ROLES:
        return _by_roles(place, use, _ROLES[use], arns)
    return _by_linked_role(place, use, _LINKED[use], arns)


def _by_service(place: _Place, use: KeyUse, service: _Service, arns: Sequence[object]) -> tuple[Statement, ...]:
    if not arns:
        raise ValueError(f"key use {use} has no ARNs; allowed: one or more; fix: give those of the encrypted resources")
    principals = {"Service": (service.principal.format(region=place.region, suffix=place.suffix),)}
    account: Conditions = {"StringEquals": {"aws:SourceAccount": place.account_id}}
    narrowed: Conditions = {
        **(account if service.by_account else {}),
        "ArnLike": {f"kms:EncryptionContext:{service.context}": list(arns)},
    }
    use_key = Statement(use, service.actions, ("*",), principals=principals, conditions=narrowed)
    describe = Statement(f"{use}Describe", ("kms:DescribeKey",), ("*",), principals=principals, conditions=account)
    return (use_key, describe) if service.describes else (use_key,)


def _by_roles(place: _Place, use: KeyUse, roles: _Roles, arns: Sequence[object]) -> tuple[Statement, ...]:
    principals = _aws(*(arns or [place.role("root")]))
    via = f"{roles.service}.{roles.region.format(region=place.region)}.{place.suffix}"
    caller: dict[str, Mapping[str, object]] = {"StringEquals": {"kms:CallerAccount": place.account_id}}
    if roles.service:
        caller["StringLike"] = {"kms:ViaService": via}
    use_key = Statement(use, roles.actions, ("*",), principals=principals, conditions=caller)
    return (use_key, _grant(use, principals, caller)) if roles.grants else (use_key,)


def _by_linked_role(place: _Place, use: KeyUse, role: str, arns: Sequence[object]) -> tuple[Statement, ...]:
    if arns:
        raise ValueError(f"key use {use} has ARNs {list(arns)}; allowed: none, its role is known; fix: give none")
    principals = _aws(place.role(f"role/aws-service-role/{role}"))
    return Statement(use, _VOLUME, ("*",), principals=principals), _grant(use, principals, {})


def _grant(use: KeyUse, principals: Mapping[str, Sequence[object]], conditions: Conditions) -> Statement:
    only_aws = {**conditions, "Bool": {"kms:GrantIsForAWSResource": "true"}}
    return Statement(f"{use}Grant", ("kms:CreateGrant",), ("*",), principals=principals, conditions=only_aws)


def _aws(*arns: object) -> Mapping[str, Sequence[object]]:
    if "*" in arns:
        raise ValueError("principal '*' is everyone; allowed: ARNs; fix: name accounts or roles")
    return {"AWS": arns}
