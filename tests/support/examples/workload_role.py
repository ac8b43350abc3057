"""WorkloadRole: a valid set of arguments, and for each field another value that shows in the graph."""

import json

from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

ARGS = WorkloadRoleArgs
READ = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::features/*"]}],
    }
)

BASE: dict[str, object] = {
    "namespace": "features",
    "service_account": "reader",
    "policies": {"read": READ},
    "managed_policy_arns": ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"],
    "cluster_name": "ml-dev",
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
}
CHANGES: dict[str, object] = {
    "namespace": "training",
    "service_account": "writer",
    "policies": {},
    "managed_policy_arns": [],
    "cluster_name": None,
    "permissions_boundary_arn": None,
}
CONTEXT: dict[str, dict[str, object]] = {}
EXCEPTIONS: dict[str, str] = {}


def program(args: dict[str, object], name: str = "x") -> None:
    """A role, and nothing beside it."""
    WorkloadRole(name, WorkloadRoleArgs.of(args))
