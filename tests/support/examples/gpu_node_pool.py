"""GpuNodePool: a valid set of arguments, and for each field another value that shows in the graph."""

from examples import kubernetes
from mlplatform.gpu_node_pool import GpuNodePool, GpuNodePoolArgs

ARGS = GpuNodePoolArgs
ROLE_ARN = "arn:aws:iam::123456789012:role/ml-dev-nodes"
PARAMETER = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000001"

WIRED: dict[str, object] = {
    "cluster_name": "ml-dev",
    "security_group_ids": ["sg-0123456789abcdef0"],
    "ebs_key_arn": KEY,
    "node_role_name": "ml-dev-nodes",
    "vpc_id": "vpc-0123456789abcdef0",
    "tags": {"owner": "ml-platform"},
}
BASE: dict[str, object] = {
    "purpose": "training",
    "accelerator": "H100",
    "instance_types": ["p5.48xlarge"],
    "reserved": {
        "limit_gpus": 32,
        "reservation_ids": ["cr-0123456789abcdef0", "cr-0123456789abcdef1"],
    },
    "on_demand": {"limit_gpus": 16},
    "spot": {"limit_gpus": 8, "fallback": "on-demand"},
    "zones": ["us-east-1a"],
    "efa": True,
    "karpenter": {"ami_alias": "al2023@v20261001"},
    "labels": {"team.dev/use": "vision"},
    "taints": [{"key": "team.dev/only", "value": "vision"}],
    **WIRED,
}
"""A training pool with every way of buying, and Elastic Fabric Adapters."""
CPU: dict[str, object] = {
    "purpose": "services",
    "need": {"min_vcpus": 4, "max_vcpus": 8, "min_memory_gib": 16},
    "on_demand": {"limit_cpus": 64, "limit_memory_gib": 256},
    "karpenter": {"ami_alias": "al2023@v20261001"},
    **WIRED,
}
"""A pool without accelerator."""
SHARED: dict[str, object] = {
    "purpose": "notebook",
    "accelerator": "A100",
    "instance_types": ["p4d.24xlarge"],
    "on_demand": {"limit_gpus": 16},
    "sharing": {"mig_profile": "1g.5gb"},
    "karpenter": {"ami_alias": "al2023@v20261001"},
    "node_overlays": True,
    **WIRED,
}
"""A pool whose GPUs are shared."""
MANAGED: dict[str, object] = {
    "purpose": "training",
    "accelerator": "H100",
    "instance_types": ["p5.48xlarge"],
    "reserved": {"limit_gpus": 16, "reservation_ids": ["cr-0123456789abcdef0"]},
    "efa": True,
    "managed": {"release_version": "1.35.3-20261001"},
    **WIRED,
    "node_role_arn": ROLE_ARN,
    "subnet_ids": ["subnet-0000000000000002a"],
}
"""A pool of managed node groups."""


def _instead(args: dict[str, object]) -> dict[str, object]:
    """A context with these arguments in the place of the base's."""
    return {**dict.fromkeys(BASE), **args}


CHANGES: dict[str, object] = {
    "purpose": "inference",
    "accelerator": "H200",
    "instance_types": ["p5.48xlarge", "p5.4xlarge"],
    "need.gpus": 4,
    "need.min_vcpus": 8,
    "need.max_vcpus": 4,
    "need.min_memory_gib": 32,
    "need.architecture": "arm64",
    "reserved.limit_gpus": 40,
    "reserved.limit_cpus": 128,
    "reserved.limit_memory_gib": 512,
    "reserved.paused": True,
    "reserved.fallback": "on-demand",
    "reserved.reservation_ids": ["cr-0123456789abcdef9"],
    "reserved.reservation_tags": {"pool": "other"},
    "reserved.owner_id": "210987654321",
    "reserved.capacity_block": True,
    "on_demand.limit_gpus": 24,
    "on_demand.limit_cpus": 128,
    "on_demand.limit_memory_gib": 512,
    "on_demand.paused": True,
    "spot.limit_gpus": 24,
    "spot.limit_cpus": 128,
    "spot.limit_memory_gib": 512,
    "spot.paused": True,
    "spot.fallback": None,
    "order": ["spot", "on-demand", "reserved"],
    "zones": ["us-east-1b"],
    "efa": False,
    "placement_group.name": "other-group",
    "sharing.time_slices": 8,
    "sharing.mig_profile": "2g.10gb",
    "karpenter.ami_alias": "al2023@v20261101",
    "karpenter.ami_ssm_parameter": f"{PARAMETER}/v20261101/image_id",
    "karpenter.ami_id": "ami-0123456789abcdef0",
    "managed.release_version": "1.35.3-20261101",
    "disk_gib": 500,
    "instance_store": False,
    "labels": {},
    "taints": [],
    "taints.0.key": "team.dev/also",
    "taints.0.value": "speech",
    "taints.0.effect": "NoExecute",
    "max_job_hours": 72,
    "working_hours.start": "0 8 * * *",
    "working_hours.hours": 8,
    "max_pods": 60,
    "daemons.cpu_millicores": 1000,
    "daemons.memory_mib": 4096,
    "cluster_name": "ml-test",
    "security_group_ids": ["sg-0123456789abcdef9"],
    "ebs_key_arn": f"{KEY[:-1]}9",
    "node_role_name": "ml-test-nodes",
    "node_role_arn": f"{ROLE_ARN}-other",
    "subnet_ids": ["subnet-0000000000000003a"],
    "vpc_id": "vpc-0fedcba9876543210",
    "tags": {},
}
_SERVING = {**CPU, "purpose": "inference", "accelerator": "L4", "on_demand": {"limit_gpus": 8}}
_NEEDS: dict[str, dict[str, object]] = {
    "need.gpus": {**_SERVING, "need": {"gpus": 1}},
    **dict.fromkeys(("need.min_vcpus", "need.max_vcpus", "need.min_memory_gib", "need.architecture"), CPU),
}
_LIMITS: dict[str, dict[str, object]] = {
    f"{tier}.{limit}": {**CPU, "on_demand": None, tier: {**CPU["on_demand"], **more}}
    for tier, more in (
        ("reserved", {"reservation_ids": ["cr-0123456789abcdef0"]}),
        ("on_demand", {}),
        ("spot", {}),
    )
    for limit in ("limit_cpus", "limit_memory_gib")
}
_SHARINGS: dict[str, dict[str, object]] = {
    "sharing.time_slices": {**SHARED, "sharing": {"time_slices": 4}},
    "sharing.mig_profile": SHARED,
    "working_hours.start": SHARED,
    "working_hours.hours": SHARED,
}
_IMAGES: dict[str, dict[str, object]] = {
    "karpenter.ami_ssm_parameter": {"karpenter": {"ami_ssm_parameter": f"{PARAMETER}/v20261001/image_id"}},
    "karpenter.ami_id": {"karpenter": {"ami_id": "ami-0fedcba9876543210"}},
}
_TAGGED = {"reserved": {"limit_gpus": 32, "reservation_tags": {"pool": "h100"}, "owner_id": "123456789012"}}
CONTEXT: dict[str, dict[str, object]] = {
    "accelerator": {"instance_types": None, "need": {"gpus": 8, "min_memory_gib": 2000}, "efa": False},
    "instance_types": {"efa": False},
    "reserved.reservation_tags": _TAGGED,
    "reserved.owner_id": _TAGGED,
    "placement_group.name": {"placement_group": {"name": "ml-dev"}},
    **_IMAGES,
    **{path: _instead(args) for path, args in (*_NEEDS.items(), *_LIMITS.items(), *_SHARINGS.items())},
    **dict.fromkeys(("managed.release_version", "node_role_arn"), _instead(MANAGED)),
}
EXCEPTIONS: dict[str, str] = {
    "node_overlays": "says what is on in Karpenter, and refuses `sharing` where it is off; a test of its own holds it",
}


def program(args: dict[str, object], name: str = "x") -> None:
    """A node pool, and nothing beside it."""
    GpuNodePool(name, GpuNodePoolArgs.of(args), kubernetes(name))
