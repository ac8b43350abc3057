"""Network: a valid set of arguments, and for each field another value that shows in the graph."""

from mlplatform.network import Network, NetworkArgs

ARGS = NetworkArgs
KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000001"

ENDPOINTS = ["ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "sqs", "ssm", "sts"]
"""What a network without NAT cannot do without."""
BASE: dict[str, object] = {
    "cidr": "10.20.0.0/16",
    "zones": ["us-east-1a", "us-east-1b", "us-east-1c"],
    "nat": "single",
    "interface_endpoints": ["ecr.api", "logs"],
    "trusted_account_ids": ["210987654321"],
    "flow_logs": {"retention_days": 30},
    "cluster_name": "ml-dev",
}
ISOLATED: dict[str, object] = {**BASE, "nat": "none", "public_subnets": False, "interface_endpoints": ENDPOINTS}
"""A network that neither reaches the internet nor is reached from it."""
EXISTING: dict[str, object] = {
    "vpc_id": "vpc-0123456789abcdef0",
    "vpc_cidr": "10.30.0.0/16",
    "public_subnet_ids": ["subnet-0000000000000001a", "subnet-0000000000000001b"],
    "private_subnet_ids": ["subnet-0000000000000002a", "subnet-0000000000000002b"],
    "intra_subnet_ids": ["subnet-0000000000000003a", "subnet-0000000000000003b"],
}
ADOPTED: dict[str, object] = {"cluster_name": "ml-dev", "existing": EXISTING}
"""A network that exists."""

_ADOPTING: dict[str, object] = {**dict.fromkeys(BASE), **ADOPTED}

CHANGES: dict[str, object] = {
    "cidr": "10.21.0.0/16",
    "zones": ["us-east-1a", "us-east-1b"],
    "nat": "per_zone",
    "public_subnets": False,
    "interface_endpoints": ["ecr.api"],
    "trusted_account_ids": [],
    "flow_logs": {"enabled": False},
    "flow_logs.enabled": False,
    "flow_logs.retention_days": 365,
    "flow_logs.key_arn": KEY,
    "cluster_name": "ml-test",
    "deletion_protection": False,
    "existing": {**EXISTING, "vpc_id": "vpc-0fedcba9876543210"},
    "existing.vpc_id": "vpc-0fedcba9876543210",
    "existing.vpc_cidr": "10.31.0.0/16",
    "existing.public_subnet_ids": [],
    "existing.private_subnet_ids": ["subnet-0000000000000004a", "subnet-0000000000000004b"],
    "existing.intra_subnet_ids": [],
    "existing.tag_subnets": True,
}
CONTEXT: dict[str, dict[str, object]] = {
    "public_subnets": {"nat": "none", "interface_endpoints": ENDPOINTS},
    "flow_logs.enabled": {"flow_logs": {}},
    **{path: _ADOPTING for path in CHANGES if path.split(".")[0] == "existing"},
}
EXCEPTIONS: dict[str, str] = {}


def program(args: dict[str, object], name: str = "x") -> None:
    """A network, and nothing beside it."""
    Network(name, NetworkArgs.of(args))
