"""What a preview may read: the configuration of the services that components here use, and never data.

AWS's own ReadOnlyAccess reads objects, items, logs and messages, and grows by itself; hence an own list. What it leaves
out is denied besides, so that no further policy brings it back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import pulumi

from mlplatform.core.place import Place
from mlplatform.facts.aws.iam import Statement

LISTED: Final = (
    *("aps:Describe*", "aps:List*", "athena:List*", "autoscaling:Describe*", "budgets:ListTagsForResource"),
    *("ce:ListTagsForResource", "cloudwatch:Describe*", "cloudwatch:List*", "dynamodb:Describe*", "dynamodb:List*"),
    *("ec2:Describe*", "ecr:Describe*", "ecr:List*", "eks:Describe*", "eks:List*", "elasticloadbalancing:Describe*"),
    *("events:Describe*", "events:List*", "iam:List*", "kms:Describe*", "kms:List*", "lambda:List*", "logs:Describe*"),
    *("logs:List*", "rds:Describe*", "rds:List*", "s3:ListAllMyBuckets", "scheduler:List*", "secretsmanager:Describe*"),
    *("secretsmanager:List*", "servicequotas:List*", "sns:GetSubscriptionAttributes", "sns:List*", "sqs:List*"),
)
"""Actions that list or describe; most of them know no resource, as that on subscriptions."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of one service's resources beside what describes them."""

    actions: Sequence[str]
    resources: Sequence[str]
    """Resources of the account, by the last part of their ARNs."""


CONFIGURATION: Final[Mapping[str, Reading]] = MappingProxyType(
    {
        "athena": Reading(("athena:GetWorkGroup",), ("workgroup/*",)),
        "dynamodb": Reading(("dynamodb:GetResourcePolicy",), ("table/*",)),
        "ecr": Reading(("ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy"), ("repository/*",)),
        "glue": Reading(("glue:GetDatabase", "glue:GetTags"), ("catalog", "database/*")),
        "kms": Reading(("kms:GetKeyPolicy", "kms:GetKeyRotationStatus"), ("key/*",)),
        # Of a function whose code is a ZIP, GetFunction also gives the address of the code.
        "lambda": Reading(
            ("lambda:GetAlias", "lambda:GetFunction*", "lambda:GetPolicy", "lambda:GetProvisionedConcurrencyConfig"),
            ("function:*",),
        ),
        "scheduler": Reading(
            ("scheduler:GetSchedule", "scheduler:GetScheduleGroup"), ("schedule/*", "schedule-group/*")
        ),
        "secretsmanager": Reading(("secretsmanager:GetResourcePolicy",), ("secret:*",)),
        "sns": Reading(("sns:GetTopicAttributes",), ("*",)),
        "sqs": Reading(("sqs:GetQueueAttributes", "sqs:GetQueueUrl"), ("*",)),
    }
)
"""By service, in whatever region."""
GLOBAL: Final[Mapping[str, Reading]] = MappingProxyType(
    {
        "budgets": Reading(("budgets:ViewBudget",), ("budget/*",)),
        "ce": Reading(
            ("ce:GetAnomalyMonitors", "ce:GetAnomalySubscriptions"), ("anomalymonitor/*", "anomalysubscription/*")
        ),
        "iam": Reading(
            (
                *("iam:GetInstanceProfile", "iam:GetOpenIDConnectProvider", "iam:GetPolicy", "iam:GetPolicyVersion"),
                *("iam:GetRole", "iam:GetRolePolicy"),
            ),
            ("instance-profile/*", "oidc-provider/*", "policy/*", "role/*"),
        ),
    }
)
"""By service, of those without region."""
BUCKETS: Final = (
    *("s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration"),
    *("s3:GetIntelligentTieringConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration"),
    # The provider asks by it whether a bucket is there; it also gives the names of objects.
    "s3:ListBucket",
)
"""What is read of buckets, whose ARNs have no account."""

DATA: Final = (
    *("athena:GetQueryResults*", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:GetRecords"),
    *("dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan", "ec2:GetConsole*", "ec2:GetPasswordData"),
    *("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "glue:GetConnection*", "kinesis:GetRecords"),
    *("lambda:Invoke*", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:GetLogRecord", "logs:GetQueryResults"),
    *("logs:StartLiveTail", "logs:StartQuery", "logs:Unmask", "rds-data:*", "rds:Download*"),
    *("secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue", "sqs:ReceiveMessage"),
    *("ssm:GetParameter*", "sts:AssumeRole"),
)
"""Actions that read data or secrets, or lead to another role's."""
OBJECTS: Final = ("s3:GetObject", "s3:GetObjectTorrent", "s3:GetObjectVersion", "s3:GetObjectVersionTorrent")
DECRYPTION: Final = ("kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


def statements(place: Place) -> Iterator[Statement]:
    """What a preview reads of the account."""
    yield Statement("List", LISTED, ("*",))
    for service, reading in {**CONFIGURATION, **GLOBAL}.items():
        region = "" if service in GLOBAL else "*"
        yield Statement(service.title(), reading.actions, _arns(place, service, region, reading.resources))
    yield Statement("Buckets", BUCKETS, (pulumi.Output.concat("arn:", place.partition, ":s3:::*"),))
    # Those of AWS itself.
    managed = pulumi.Output.concat("arn:", place.partition, ":iam::aws:policy/*")
    yield Statement("ManagedPolicies", ("iam:GetPolicy", "iam:GetPolicyVersion"), (managed,))


def denials(state: Sequence[pulumi.Output[str]], key_arn: pulumi.Output[str]) -> Iterator[Statement]:
    """What a preview never reads, whatever else is allowed: all but its own state."""
    yield Statement("NoData", DATA, ("*",), "Deny")
    yield Statement("NoObjects", OBJECTS, effect="Deny", not_resources=state)
    yield Statement("NoDecryption", DECRYPTION, effect="Deny", not_resources=(key_arn,))


def _arns(place: Place, service: str, region: str, resources: Sequence[str]) -> tuple[pulumi.Output[str], ...]:
    head = pulumi.Output.concat("arn:", place.partition, f":{service}:{region}:", place.account_id, ":")
    return tuple(pulumi.Output.concat(head, resource) for resource in resources)
