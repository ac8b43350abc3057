"""What AWS, Kubernetes and registries call things: one rule for each, for all arguments that take one."""

from typing import Final

from mlplatform.core.args import Rule, matching
from mlplatform.facts.aws.cidr import ipv4_network


def _ipv4_cidr(text: str) -> str:
    return str(ipv4_network(text))


ACCOUNT: Final[Rule[str]] = matching(r"\d{12}", "an AWS account id of twelve digits, quoted")
VPC: Final[Rule[str]] = matching(r"vpc-[0-9a-f]+", "the id of a VPC, such as vpc-0123456789abcdef0")
SUBNET: Final[Rule[str]] = matching(r"subnet-[0-9a-f]+", "the id of a subnet, such as subnet-0123456789abcdef0")
SECURITY_GROUP: Final[Rule[str]] = matching(r"sg-[0-9a-f]+", "the id of a security group, such as sg-0123456789abcdef0")
ROLE_ARN: Final[Rule[str]] = matching(
    r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+",
    "the ARN of an IAM role, such as arn:aws:iam::111122223333:role/nodes",
)
PRINCIPAL_ARN: Final[Rule[str]] = matching(
    r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]+",
    "the ARN of an IAM role or user, not of a session, such as arn:aws:iam::111122223333:role/deployer",
)
TOPIC_ARN: Final[Rule[str]] = matching(
    r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+",
    "the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:111122223333:alarms",
)
BUCKET_NAME: Final[Rule[str]] = matching(
    r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket, not its ARN or URL, such as access-logs"
)
ADDON_VERSION: Final[Rule[str]] = matching(
    r"v\d+\.\d+\.\d+-eksbuild\.\d+", "a version of an EKS add-on, such as v1.22.4-eksbuild.3"
)
DOMAIN: Final[Rule[str]] = matching(
    r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", "a domain without scheme and port, such as models.example.com"
)
IMAGE: Final[Rule[str]] = matching(
    r"[^@\s/]+/[^@\s]+@sha256:[0-9a-f]{64}",
    "an image by its digest, which no push changes, such as "
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud@sha256:<64 hexadecimal digits>",
)
REGISTRY: Final[Rule[str]] = matching(
    r"[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9][a-z0-9._-]*)*",
    "a registry, with a prefix where it has one, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/mirror",
)
DIGEST: Final[Rule[str]] = matching(r"sha256:[0-9a-f]{64}", "a digest: sha256: and 64 hexadecimal digits")
QUANTITY: Final[Rule[str]] = matching(
    r"\d+(\.\d+)?(m|k|[KMGTP]i|[MGTP])?", "a quantity of Kubernetes, such as 500m, 2 or 16Gi"
)
IPV4_CIDR: Final[Rule[str]] = _ipv4_cidr
URL: Final[Rule[str]] = matching(
    r"https?://[^\s/]+(/[^\s/]+)*", "a URL without a last slash, such as https://wiki.example.com/runbooks"
)
SECRET: Final[Rule[str]] = matching(
    r"(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:)?[A-Za-z0-9/_+=.@-]+",
    "the name or the ARN of a secret in Secrets Manager, such as platform/registry",
)
CRON: Final[Rule[str]] = matching(
    r"[\d*,/-]+( [\w*,/-]+){4}", "a time of cron in five fields, minute and hour first, such as 30 1 * * mon-fri"
)
ROLE_NAME: Final[Rule[str]] = matching(
    r"[\w+=,.@-]{1,64}", "the name of an IAM role, not its ARN, such as queue-worker-fraud-role-1a2b3c4"
)
MODEL_NAME: Final[Rule[str]] = matching(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}",
    "the name of a registered model, a folder of its own: letters, digits, - and _, at most 63, such as fraud-scorer",
)
# A wildcard would widen a role's right to read.
FOLDER: Final[Rule[str]] = matching(
    r"[\w.=-]+(/[\w.=-]+)*/",
    "a folder of the bucket, with / at its end and not at its beginning, such as labels/fraud/",
)
