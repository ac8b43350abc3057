"""Cluster: a valid set of arguments, and for each field another value that shows in the graph."""

from mlplatform.cluster import Cluster, ClusterArgs

ARGS = ClusterArgs
ROLE = "arn:aws:iam::123456789012:role/"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-"

BASE: dict[str, object] = {
    "name": "ml-dev",
    "version": "1.35",
    "deployer_arns": [f"{ROLE}ci/deployer", f"{ROLE}on-call"],
    "access": [
        {"principal_arn": f"{ROLE}auditor", "policy": "AmazonEKSViewPolicy"},
        {"principal_arn": f"{ROLE}science", "policy": "AmazonEKSViewPolicy"},
        {"principal_arn": f"{ROLE}science", "policy": "AmazonEKSEditPolicy", "namespaces": ["training", "notebooks"]},
    ],
    "public_access_cidrs": ["203.0.113.0/24"],
    "private_access_cidrs": ["10.20.0.0/16", "192.168.7.0/24"],
    "service_cidr": "172.20.0.0/16",
    "addon_versions": {
        "vpc_cni": "v1.22.4-eksbuild.3",
        "kube_proxy": "v1.35.3-eksbuild.29",
        "coredns": "v1.13.2-eksbuild.31",
        "pod_identity_agent": "v1.3.10-eksbuild.3",
    },
    "nodes": {"instance_types": ["m7i.large", "m6i.large"], "release_version": "1.35.3-20261001", "dedicated": True},
    "create_service_linked_roles": ["autoscaling.amazonaws.com", "spot.amazonaws.com"],
    "control_plane_subnet_ids": ["subnet-0000000000000001a", "subnet-0000000000000001b"],
    "node_subnet_ids": ["subnet-0000000000000002a", "subnet-0000000000000002b"],
}
EXISTING: dict[str, object] = {
    "arn": "arn:aws:eks:us-east-1:123456789012:cluster/ml-dev",
    "endpoint": "https://0123456789ABCDEF.gr7.us-east-1.eks.amazonaws.com",
    "certificate_authority": "Q0VSVElGSUNBVEU=",
    "security_group_id": "sg-0123456789abcdef0",
}
KARPENTER: dict[str, object] = {
    "node_role_arn": f"{ROLE}karpenter/nodes",
    "controller_role_arn": f"{ROLE}karpenter-controller",
    "interruption_queue_name": "karpenter-ml-dev",
}
ADOPTED: dict[str, object] = {
    "name": "ml-dev",
    "existing": EXISTING,
}
"""An existing cluster, for which Karpenter's side of AWS is made."""

_ONLY_NEW = ("version", "deployer_arns", "access", "public_access_cidrs", "private_access_cidrs", "service_cidr")
_ADOPTING = {**dict.fromkeys((*_ONLY_NEW, "addon_versions", "nodes")), "existing": EXISTING}

CHANGES: dict[str, object] = {
    "name": "ml-test",
    "version": "1.36",
    "support": "EXTENDED",
    "deployer_arns": [f"{ROLE}ci/deployer"],
    "access": [],
    "access.0.principal_arn": f"{ROLE}accountant",
    "access.0.policy": "AmazonEKSAdminViewPolicy",
    "access.0.namespaces": ["training"],
    "public_access_cidrs": [],
    "private_access_cidrs": ["10.20.0.0/16"],
    "service_cidr": "10.100.0.0/16",
    "zonal_shift": True,
    "log_retention_days": 30,
    "addon_versions": {
        "vpc_cni": "v1.21.1-eksbuild.7",
        "kube_proxy": "v1.34.6-eksbuild.2",
        "coredns": "v1.12.4-eksbuild.1",
        "pod_identity_agent": "v1.3.10-eksbuild.1",
    },
    "addon_versions.vpc_cni": "v1.21.1-eksbuild.7",
    "addon_versions.kube_proxy": "v1.35.3-eksbuild.2",
    "addon_versions.coredns": "v1.13.2-eksbuild.4",
    "addon_versions.pod_identity_agent": "v1.3.10-eksbuild.1",
    "nodes": {"size": 4},
    "nodes.instance_types": ["m7i.xlarge"],
    "nodes.ami_type": "AL2023_ARM_64_STANDARD",
    "nodes.size": 3,
    "nodes.disk_gib": 80,
    "nodes.release_version": "1.35.3-20261101",
    "nodes.dedicated": False,
    "session_manager": False,
    "secrets_key_arn": f"{KEY}000000000001",
    "logs_key_arn": f"{KEY}000000000002",
    "ebs_key_arn": f"{KEY}000000000003",
    "create_service_linked_roles": [],
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
    "deletion_protection": False,
    "existing": {**EXISTING, "arn": "arn:aws:eks:us-east-1:210987654321:cluster/ml-dev"},
    "existing.arn": "arn:aws:eks:us-east-1:210987654321:cluster/ml-dev",
    "existing.endpoint": "https://FEDCBA9876543210.gr7.us-east-1.eks.amazonaws.com",
    "existing.certificate_authority": "QVVUSE9SSVRZ",
    "existing.security_group_id": "sg-0fedcba9876543210",
    "existing_karpenter": {**KARPENTER, "interruption_queue_name": "karpenter"},
    "existing_karpenter.node_role_arn": f"{ROLE}karpenter/others",
    "existing_karpenter.controller_role_arn": f"{ROLE}karpenter-other",
    "existing_karpenter.interruption_queue_name": "karpenter-other",
    "control_plane_subnet_ids": ["subnet-0000000000000003a", "subnet-0000000000000003b"],
    "node_subnet_ids": ["subnet-0000000000000004a", "subnet-0000000000000004b"],
}
CONTEXT: dict[str, dict[str, object]] = {
    "version": {"nodes.release_version": None},
    "nodes.ami_type": {"nodes.instance_types": ["m8g.large"]},
    **{path: _ADOPTING for path in CHANGES if path.split(".")[0] == "existing"},
    **{
        path: {**_ADOPTING, "existing_karpenter": KARPENTER}
        for path in CHANGES
        if path.split(".")[0] == "existing_karpenter"
    },
}
EXCEPTIONS: dict[str, str] = {
    "kubeconfig_role_arn": "ends in the kubeconfig only, which is secret and shown nowhere; a test of its own reads it",
}


def program(args: dict[str, object], name: str = "x") -> None:
    """A cluster, and nothing beside it."""
    Cluster(name, ClusterArgs.of(args))
