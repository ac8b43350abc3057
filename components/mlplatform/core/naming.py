"""How long names may be and of which characters, checked before AWS or Kubernetes refuses them.

Limits are those of the services' own API models (as shipped in botocore 1.44) or of the page named in `source`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import Final

AUTONAME_SUFFIX: Final = 8
"""Characters that Pulumi appends to the logical name of a resource whose physical name is not given: `-` and seven
hexadecimal digits."""
_HASH: Final = 8


class Kind(StrEnum):
    """What a name names."""

    IAM_ROLE = "IAM role"
    """`aws.iam.Role.name`."""
    IAM_ROLE_PREFIX = "IAM role prefix"
    """`aws.iam.Role.name_prefix`: the provider appends 26 characters."""
    IAM_POLICY = "IAM policy"
    """`aws.iam.Policy.name`."""
    INSTANCE_PROFILE = "instance profile"
    """`aws.iam.InstanceProfile.name`."""
    S3_BUCKET = "S3 bucket"
    """`aws.s3.Bucket.bucket`."""
    SQS_QUEUE = "SQS queue"
    """`aws.sqs.Queue.name`, `.fifo` included."""
    SNS_TOPIC = "SNS topic"
    """`aws.sns.Topic.name`, `.fifo` included."""
    EVENT_RULE = "EventBridge rule"
    """`aws.cloudwatch.EventRule.name`."""
    EVENT_BUS = "EventBridge bus"
    """`aws.cloudwatch.EventBus.name`."""
    SCHEDULE = "EventBridge schedule"
    """`aws.scheduler.Schedule.name`."""
    LOAD_BALANCER = "load balancer"
    """`aws.lb.LoadBalancer.name`."""
    SECURITY_GROUP = "security group"
    """`aws.ec2.SecurityGroup.name`."""
    EKS_CLUSTER = "EKS cluster"
    """`aws.eks.Cluster.name`."""
    DYNAMODB_TABLE = "DynamoDB table"
    """`aws.dynamodb.Table.name`."""
    LOG_GROUP = "log group"
    """`aws.cloudwatch.LogGroup.name`."""
    KMS_ALIAS = "KMS alias"
    """`aws.kms.Alias.name`, `alias/` included."""
    GLUE_DATABASE = "Glue database"
    """`aws.glue.CatalogDatabase.name`."""
    ATHENA_WORKGROUP = "Athena workgroup"
    """`aws.athena.Workgroup.name`."""
    LAMBDA_FUNCTION = "Lambda function"
    """`aws.lambda_.Function.name`."""
    ECR_REPOSITORY = "ECR repository"
    """`aws.ecr.Repository.name`."""
    RDS_INSTANCE = "RDS instance"
    """`aws.rds.Instance.identifier`."""
    SECRET = "secret"  # noqa: S105 - a kind of name
    """`aws.secretsmanager.Secret.name`."""
    KUBERNETES = "Kubernetes name"
    """A DNS-1123 label: most objects, and every value used as a label."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a service accepts as a name."""

    longest: int
    """Characters a name may have."""
    pattern: str
    """Regular expression that the whole name must match."""
    allowed: str
    """The pattern in words."""
    source: str
    """Where the limit is documented."""
    joiner: str = "-"
    """What parts a shortened name from its hash."""


_IAM = r"[\w+=,.@-]+"
_WORDS = "letters, digits, - and _"
_QUEUE = r"[A-Za-z0-9_-]+(\.fifo)?"

LIMITS: Final[Mapping[Kind, Limit]] = MappingProxyType(
    {
        Kind.IAM_ROLE: Limit(64, _IAM, "letters, digits and _+=,.@-", "IAM API model, CreateRole"),
        Kind.IAM_ROLE_PREFIX: Limit(38, _IAM, "letters, digits and _+=,.@-", "AWS provider, aws_iam_role name_prefix"),
        Kind.IAM_POLICY: Limit(128, _IAM, "letters, digits and _+=,.@-", "IAM API model, CreatePolicy"),
        Kind.INSTANCE_PROFILE: Limit(128, _IAM, "letters, digits and _+=,.@-", "IAM API model, CreateInstanceProfile"),
        Kind.S3_BUCKET: Limit(
            63,
            r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*\.\.)(?!\d+(\.\d+){3}$)(?!.*(-s3alias|--ol-s3|\.mrap|--x-s3)$)"
            r"[a-z0-9][a-z0-9.-]+[a-z0-9]",
            "3 or more lower-case letters, digits, . and -, a letter or digit at both ends, no AWS prefix or suffix",
            "Amazon S3 User Guide, General purpose bucket naming rules",
        ),
        Kind.SQS_QUEUE: Limit(80, _QUEUE, f"{_WORDS}, then .fifo for a FIFO queue", "SQS API model, CreateQueue"),
        Kind.SNS_TOPIC: Limit(256, _QUEUE, f"{_WORDS}, then .fifo for a FIFO topic", "SNS API model, CreateTopic"),
        Kind.EVENT_RULE: Limit(64, r"[A-Za-z0-9._-]+", f"{_WORDS} and .", "EventBridge API model, PutRule"),
        Kind.EVENT_BUS: Limit(256, r"[A-Za-z0-9._-]+", f"{_WORDS} and .", "EventBridge API model, CreateEventBus"),
        Kind.SCHEDULE: Limit(64, r"[A-Za-z0-9._-]+", f"{_WORDS} and .", "Scheduler API model, CreateSchedule"),
        Kind.LOAD_BALANCER: Limit(
            32,
            r"(?!internal-)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?",
            "letters, digits and -, none at an end, not beginning with internal-",
            "Elastic Load Balancing v2 API model, CreateLoadBalancer",
        ),
        Kind.SECURITY_GROUP: Limit(
            255,
            r"(?![sS][gG]-)[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]+",
            "letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*, not beginning with sg-",
            "EC2 API model, CreateSecurityGroup",
        ),
        Kind.EKS_CLUSTER: Limit(
            100,
            r"[A-Za-z0-9][A-Za-z0-9_-]*",
            f"{_WORDS}, first a letter or digit",
            "EKS API model, CreateCluster",
        ),
        Kind.DYNAMODB_TABLE: Limit(
            255,
            r"[A-Za-z0-9._-]{3,}",
            f"3 or more {_WORDS} and .",
            "Amazon DynamoDB Developer Guide, Naming rules",
        ),
        Kind.LOG_GROUP: Limit(
            512,
            r"(?!aws/)[A-Za-z0-9._/#-]+",
            f"{_WORDS}, . / and #, not beginning with aws/",
            "CloudWatch Logs API model, CreateLogGroup",
        ),
        Kind.KMS_ALIAS: Limit(
            256,
            r"alias/(?!aws/)[A-Za-z0-9/_-]+",
            f"alias/ and {_WORDS} and /, not alias/aws/",
            "KMS API model, CreateAlias",
        ),
        Kind.GLUE_DATABASE: Limit(
            255,
            r"[a-z0-9_]+",
            "lower-case letters, digits and _ (Athena reads no others without quotes)",
            "Amazon Athena User Guide, Name databases, tables, and columns",
            joiner="_",
        ),
        Kind.ATHENA_WORKGROUP: Limit(128, r"[A-Za-z0-9._-]+", f"{_WORDS} and .", "Athena API model, CreateWorkGroup"),
        Kind.LAMBDA_FUNCTION: Limit(64, r"[A-Za-z0-9_-]+", _WORDS, "AWS Lambda API Reference, CreateFunction"),
        Kind.ECR_REPOSITORY: Limit(
            256,
            r"(?=..)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*",
            "2 or more lower-case letters and digits, parted by . _ __ - or /",
            "ECR API model, CreateRepository",
        ),
        Kind.RDS_INSTANCE: Limit(
            63,
            r"(?!.*--)[a-z]([a-z0-9-]*[a-z0-9])?",
            "lower-case letters, digits and single -, first a letter, last no -",
            "RDS API model, CreateDBInstance",
        ),
        Kind.SECRET: Limit(
            512, r"[A-Za-z0-9/_+=.@-]+", "letters, digits and /_+=.@-", "Secrets Manager API model, CreateSecret"
        ),
        Kind.KUBERNETES: Limit(
            63,
            r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
            "lower-case letters, digits and -, a letter or digit at both ends",
            "Kubernetes documentation, Object Names and IDs, RFC 1123 Label Names",
        ),
    }
)
"""The limit of every kind of name."""


def check(kind: Kind, name: str, *, autonamed: bool = False) -> str:
    """The name itself where the service accepts it, also with Pulumi's suffix if `autonamed`; else ValueError."""
    limit = LIMITS[kind]
    longest = limit.longest - (AUTONAME_SUFFIX if autonamed else 0)
    if len(name) > longest:
        suffix = f" before Pulumi's suffix of {AUTONAME_SUFFIX}" if autonamed else ""
        over = len(name) - longest
        raise ValueError(
            f"{kind} {name!r} has {len(name)} characters; allowed: {longest}{suffix}; fix: take away {over}"
        )
    if not re.fullmatch(limit.pattern, name):
        raise ValueError(f"{kind} {name!r} is not accepted; allowed: {limit.allowed}; fix: change the characters")
    return name


def fit(kind: Kind, name: str) -> str:
    """The name where it is short enough, else its beginning and a hash of the whole: always the same for the same name.

    For names that a contract fixes; others are shortened by hand. ValueError where the characters are not accepted.
    """
    limit = LIMITS[kind]
    if len(name) <= limit.longest:
        return check(kind, name)
    tail = ".fifo" if name.endswith(".fifo") else ""
    digest = sha256(name.encode()).hexdigest()[:_HASH]
    kept = name[: limit.longest - len(tail) - _HASH - 1].rstrip("-._/")
    return check(kind, f"{kept}{limit.joiner}{digest}{tail}")
