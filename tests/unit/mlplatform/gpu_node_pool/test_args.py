"""GpuNodePool: what its arguments refuse, and with which words."""

from typing import Any

import pytest

from examples.gpu_node_pool import BASE, CPU, MANAGED, SHARED, WIRED
from mlplatform.core.args import InvalidArgs
from mlplatform.facts.aws.karpenter import DISCOVERY_TAG
from mlplatform.gpu_node_pool import GpuNodePool, GpuNodePoolArgs, GpuNodePoolSettings
from mlplatform.network.component import KARPENTER_TAG
from promises import covers
from recorded import Refused, record

H100: dict[str, Any] = {
    "purpose": "training",
    "accelerator": "H100",
    "instance_types": ["p5.48xlarge"],
    "on_demand": {"limit_gpus": 16},
    "karpenter": {"ami_alias": "al2023@v20261001"},
    **WIRED,
}
L4: dict[str, Any] = {**H100, "accelerator": "L4", "instance_types": ["g6.xlarge"]}
RESERVED: dict[str, Any] = {"limit_gpus": 8, "reservation_ids": ["cr-0123456789abcdef0"]}
ZONE: dict[str, Any] = {"zones": ["us-east-1a"]}

NVIDIA = "A100, A100-80GB, A10G, B200, B300, H100, H200, L4, L40S, RTX PRO Server 6000, T4, T4g, V100, V100-32GB"
PARAMETER = (
    "allowed is an SSM parameter of AWS's own (Karpenter may read no other) that names a release, not recommended, "
    "such as /aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/"
    "amazon-eks-node-al2023-x86_64-nvidia-1.35-v20261001/image_id"
)
ONE_RESERVATION = "allowed is exactly one of reservation_ids and reservation_tags; say by it what is reserved"
ONE_IMAGE = "allowed is exactly one of ami_alias, ami_ssm_parameter, ami_id"
OWN_DOMAIN = "allowed is a domain of your own, or none; rename it"
NO_ZONES = "EFA does not leave a zone; allowed is exactly one"

FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown accelerator": (
        H100,
        {"accelerator": "H10"},
        f".accelerator: got 'H10'; allowed are {NVIDIA}; did you mean 'H100'?",
    ),
    "accelerator of AWS's own": (
        H100,
        {"accelerator": "Trainium"},
        (
            ".accelerator: got 'Trainium', which needs AWS's Neuron device plugin, and no add-on here brings it; "
            f"allowed are {NVIDIA}"
        ),
    ),
    "instance type twice": (
        H100,
        {"instance_types": ["p5.48xlarge", "p5.48xlarge"]},
        ".instance_types: got p5.48xlarge more than once; allowed is once each; take the others out",
    ),
    "unknown purpose": (
        H100,
        {"purpose": "batch"},
        ".purpose: got 'batch'; allowed are 'training', 'inference', 'notebook', 'services'",
    ),
    "limit of nothing": (
        H100,
        {"on_demand": {"limit_gpus": 0}},
        ".on_demand.limit_gpus: got 0; allowed are 1 GPUs or more",
    ),
    "fallback of what nothing is cheaper than": (
        H100,
        {"on_demand": {"limit_gpus": 8, "fallback": "spot"}},
        (".on_demand.fallback: unknown field; known are limit_cpus, limit_gpus, limit_memory_gib, paused"),
    ),
    "fallback to what is tried first": (
        H100,
        {"spot": {"limit_gpus": 8, "fallback": "reserved"}},
        ".spot.fallback: got 'reserved'; allowed is on-demand",
    ),
    "fallback to itself": (
        H100,
        {"reserved": {**RESERVED, "fallback": "reserved"}},
        ".reserved.fallback: got 'reserved'; allowed are on-demand, spot",
    ),
    "capacity block of Spot": (
        H100,
        {"spot": {"limit_gpus": 8, "capacity_block": True}},
        ".spot.capacity_block: unknown field; known are fallback, limit_cpus, limit_gpus, limit_memory_gib, paused",
    ),
    "reserved tier without reservation": (
        H100,
        {"reserved": {"limit_gpus": 8}},
        f".reserved: got no reservation; {ONE_RESERVATION}",
    ),
    "reservations by both": (
        H100,
        {"reserved": {**RESERVED, "reservation_tags": {"pool": "h100"}}},
        f".reserved: got reservation_ids and reservation_tags; {ONE_RESERVATION}",
    ),
    "owner of an id": (
        H100,
        {"reserved": {**RESERVED, "owner_id": "123456789012"}},
        ".reserved: owner_id and reservation_ids: an id has one owner anyway; take owner_id out",
    ),
    "no id of a reservation": (
        H100,
        {"reserved": {"limit_gpus": 8, "reservation_ids": ["odcr-1"]}},
        (
            ".reserved.reservation_ids: got 'odcr-1'; allowed is the id of a capacity reservation, such as "
            "cr-0123456789abcdef0"
        ),
    ),
    "one pod that shares": (
        H100,
        {"sharing": {"time_slices": 1}},
        ".sharing.time_slices: got 1; allowed are 2 pods or more",
    ),
    "both ways of sharing": (
        H100,
        {"sharing": {"time_slices": 2, "mig_profile": "1g.10gb"}},
        ".sharing: got time_slices and mig_profile; allowed is exactly one: time_slices, mig_profile",
    ),
    "no image": (H100, {"karpenter": {}}, f".karpenter: got no image; {ONE_IMAGE}"),
    "two images": (
        H100,
        {"karpenter": {"ami_alias": "al2023@v20261001", "ami_id": "ami-0123456789abcdef0"}},
        f".karpenter: got ami_alias and ami_id; {ONE_IMAGE}",
    ),
    "parameter that moves": (
        H100,
        {"karpenter": {"ami_ssm_parameter": "/aws/service/eks/optimized-ami/1.35/recommended/image_id"}},
        (f".karpenter.ami_ssm_parameter: got '/aws/service/eks/optimized-ami/1.35/recommended/image_id'; {PARAMETER}"),
    ),
    "parameter that Karpenter may not read": (
        H100,
        {"karpenter": {"ami_ssm_parameter": "/ours/ami"}},
        f".karpenter.ami_ssm_parameter: got '/ours/ami'; {PARAMETER}",
    ),
    "no id of an image": (
        H100,
        {"karpenter": {"ami_id": "latest"}},
        ".karpenter.ami_id: got 'latest'; allowed is the id of an image, such as ami-0123456789abcdef0",
    ),
    "release that moves": (
        MANAGED,
        {"managed": {"release_version": "latest"}},
        (
            ".managed.release_version: got 'latest'; allowed is a release of EKS's images for the cluster's Kubernetes "
            "version, such as 1.35.3-20261001"
        ),
    ),
    "label of Karpenter's": (
        H100,
        {"labels": {"karpenter.sh/nodepool": "other"}},
        f".labels: got 'karpenter.sh/nodepool', which karpenter.sh sets or reads itself; {OWN_DOMAIN}",
    ),
    "label of a part of Kubernetes": (
        H100,
        {"labels": {"node-role.kubernetes.io/gpu": ""}},
        (
            ".labels: got 'node-role.kubernetes.io/gpu', which node-role.kubernetes.io sets or reads itself; "
            f"{OWN_DOMAIN}"
        ),
    ),
    "label of the GPU software": (
        H100,
        {"labels": {"nvidia.com/gpu.present": "false"}},
        f".labels: got 'nvidia.com/gpu.present', which nvidia.com sets or reads itself; {OWN_DOMAIN}",
    ),
    "no key of a label": (
        H100,
        {"labels": {"for whom": "vision"}},
        (".labels: got 'for whom'; allowed is a key of Kubernetes, with or without a domain, such as team.dev/use"),
    ),
    "no value of a label": (
        H100,
        {"labels": {"use": "a b"}},
        ".labels: got 'a b'; allowed is letters, digits, - _ and . of at most 63 characters, such as vision",
    ),
    "taint of GPUs": (
        H100,
        {"taints": [{"key": "nvidia.com/gpu"}]},
        f".taints[0].key: got 'nvidia.com/gpu', which nvidia.com sets or reads itself; {OWN_DOMAIN}",
    ),
    "tag of Karpenter's": (
        H100,
        {"tags": {"karpenter.sh/nodepool": "other"}},
        (
            ".tags: got 'karpenter.sh/nodepool', which Karpenter or EKS sets, and by which Karpenter knows its own; "
            "take it out"
        ),
    ),
    "too many pods": (H100, {"max_pods": 500}, ".max_pods: got 500; allowed are 10 to 250 pods"),
    "disk smaller than the image": (H100, {"disk_gib": 10}, ".disk_gib: got 10; allowed are 20 GiB or more"),
    "no zone": (H100, {"zones": ["a"]}, ".zones: got 'a'; allowed is an availability zone, such as eu-west-1a"),
    "no time of cron": (
        SHARED,
        {"working_hours": {"start": "weekdays"}},
        (
            ".working_hours.start: got 'weekdays'; allowed is a time of cron in five fields, minute and hour first, "
            "such as 30 1 * * mon-fri"
        ),
    ),
    "day of more than a day": (
        SHARED,
        {"working_hours": {"hours": 25}},
        ".working_hours.hours: got 25; allowed are 1 to 24 hours",
    ),
    "job of no time": (H100, {"max_job_hours": 0}, ".max_job_hours: got 0; allowed are 1 hours or more"),
    "ARN of a role for its name": (
        H100,
        {"node_role_name": "arn:aws:iam::123456789012:role/nodes"},
        (
            ".node_role_name: got 'arn:aws:iam::123456789012:role/nodes'; allowed is the name of an IAM role, not its "
            "ARN, such as ml-prod-nodes"
        ),
    ),
    "no id of a security group": (
        H100,
        {"security_group_ids": ["nodes"]},
        ".security_group_ids: got 'nodes'; allowed is the id of a security group, such as sg-0123456789abcdef0",
    ),
}
"""Of one field: arguments, what is changed in them, and the message without the name of the class."""

TOGETHER: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "types by both": (
        H100,
        {"need": {"gpus": 8}},
        (
            "got instance_types and need; allowed is exactly one of instance_types, need; name types, or say what a "
            "node must have"
        ),
    ),
    "types by neither": (
        H100,
        {"instance_types": []},
        ("got neither; allowed is exactly one of instance_types, need; name types, or say what a node must have"),
    ),
    "both backends": (
        H100,
        {"managed": {"release_version": "1.35.3-20261001"}},
        (
            "got karpenter and managed; allowed is exactly one of karpenter, managed; most pools are Karpenter's, "
            "which pays for nodes in use only"
        ),
    ),
    "no backend": (
        H100,
        {"karpenter": None},
        (
            "got neither; allowed is exactly one of karpenter, managed; most pools are Karpenter's, which pays for "
            "nodes in use only"
        ),
    ),
    "no tier": (
        H100,
        {"on_demand": None},
        "reserved, on_demand and spot are missing; allowed are one or more; set one, with its limit",
    ),
    "type of another accelerator": (
        H100,
        {"instance_types": ["p5.48xlarge", "g6.xlarge"]},
        "instance_types g6.xlarge (L4) and accelerator 'H100': allowed are p5.4xlarge, p5.48xlarge",
    ),
    "type without accelerator": (
        H100,
        {"instance_types": ["m7i.large"]},
        "instance_types m7i.large (no accelerator) and accelerator 'H100': allowed are p5.4xlarge, p5.48xlarge",
    ),
    "type with an accelerator nobody asked for": (
        CPU,
        {"need": None, "instance_types": ["g6.xlarge"]},
        (
            "instance_types g6.xlarge (L4) and no accelerator: a pool without accelerator has CPU types only; set "
            "accelerator: L4"
        ),
    ),
    "share of a GPU": (
        L4,
        {"instance_types": ["g6f.large", "gr6f.4xlarge"]},
        (
            "instance_types g6f.large, gr6f.4xlarge: they have a share of a GPU, and limits are in whole ones; allowed "
            "are g6.xlarge, g6.2xlarge, g6.4xlarge, gr6.4xlarge, g6.8xlarge, gr6.8xlarge, g6.16xlarge, g6.12xlarge, "
            "g6.24xlarge, g6.48xlarge"
        ),
    ),
    "mixed architecture": (
        CPU,
        {"need": None, "instance_types": ["m7i.large", "m7g.large", "m7g.xlarge"]},
        (
            "instance types of different architectures, x86_64: m7i.large; arm64: m7g.large, m7g.xlarge: one pool has "
            "one; keep the types of one of them"
        ),
    ),
    "mixed layout of EFA": (
        {**H100, **ZONE},
        {"efa": True, "instance_types": ["p5.48xlarge", "p5.4xlarge"]},
        (
            "instance types of different layouts of EFA, 32 cards: p5.48xlarge; 1 card: p5.4xlarge: with efa, one pool "
            "has one; keep the types of one of them"
        ),
    ),
    "EFA on a type without": (
        {**L4, **ZONE},
        {"efa": True},
        (
            "efa and g6.xlarge: they have no EFA; allowed are g6.8xlarge, g6.12xlarge, g6.16xlarge, g6.24xlarge, "
            "g6.48xlarge, gr6.8xlarge; take the types out, or efa"
        ),
    ),
    "need that no type meets": (
        H100,
        {"instance_types": [], "need": {"gpus": 4}},
        (
            "need and accelerator 'H100': no known instance type has all of it; there are p5.4xlarge (1 GPU, 16 vCPUs, "
            "256 GiB, x86_64), p5.48xlarge (8 GPUs, 192 vCPUs, 2048 GiB, x86_64)"
        ),
    ),
    "GPUs of no accelerator": (
        CPU,
        {"need": {"gpus": 4}},
        "need.gpus 4 and no accelerator: say of which GPU; set accelerator",
    ),
    "no multiple": (
        L4,
        {"instance_types": ["g6.xlarge", "g6.12xlarge"], "on_demand": {"limit_gpus": 6}},
        (
            "on_demand.limit_gpus 6 is no multiple of the GPUs of every instance type (g6.xlarge 1, g6.12xlarge 4): "
            "allowed are multiples of 4, the nearest 4 and 8"
        ),
    ),
    "less than a node": (
        H100,
        {"on_demand": {"limit_gpus": 4}},
        (
            "on_demand.limit_gpus 4 is no multiple of the GPUs of every instance type (p5.48xlarge 8): allowed are "
            "multiples of 8, the nearest 8"
        ),
    ),
    "no limit": (
        H100,
        {"on_demand": {}},
        "on_demand has no limit_gpus: needed on a pool with an accelerator; set it, a multiple of 8",
    ),
    "no limit of memory": (
        CPU,
        {"on_demand": {"limit_cpus": 64}},
        (
            "on_demand has no limit_memory_gib: needed on a pool without accelerator; set it, at least 8 vCPUs and 64 "
            "GiB"
        ),
    ),
    "limit of CPU where GPUs count": (
        H100,
        {"on_demand": {"limit_gpus": 8, "limit_cpus": 64}},
        "on_demand has limit_cpus: not on a pool with an accelerator; allowed is limit_gpus",
    ),
    "limit of GPUs where there are none": (
        CPU,
        {"on_demand": {"limit_cpus": 64, "limit_memory_gib": 256, "limit_gpus": 8}},
        "on_demand has limit_gpus: not on a pool without accelerator; allowed is limit_cpus and limit_memory_gib",
    ),
    "limit with no room for a node": (
        CPU,
        {
            "need": None,
            "instance_types": ["m7i.large", "m7i.2xlarge"],
            "on_demand": {"limit_cpus": 4, "limit_memory_gib": 64},
        },
        (
            "on_demand allows 4 vCPUs and 64 GiB, and not one node of m7i.2xlarge (8 vCPUs, 32 GiB, x86_64); raise the "
            "limits, or take the types out"
        ),
    ),
    "order of other tiers": (
        H100,
        {"order": ["spot", "on-demand"]},
        (
            "order spot, on-demand and the tiers given, on-demand: allowed is an order of exactly these; name each "
            "once, or leave order out"
        ),
    ),
    "fallback of a capacity block": (
        H100,
        {"reserved": {**RESERVED, "capacity_block": True, "fallback": "on-demand"}},
        (
            "reserved.capacity_block and reserved.fallback 'on-demand': nodes of a block end with it, and those of a "
            "fallback would not; set on_demand instead, with a limit of its own"
        ),
    ),
    "EFA without GPUs": (
        CPU,
        {"efa": True},
        "efa and no accelerator: only GPUs are shared and connected; set accelerator",
    ),
    "shares of no GPU": (
        CPU,
        {"sharing": {"time_slices": 4}},
        "sharing and no accelerator: only GPUs are shared and connected; set accelerator",
    ),
    "MIG on a GPU without": (
        L4,
        {"sharing": {"mig_profile": "1g.5gb"}, "node_overlays": True},
        (
            "sharing.mig_profile and accelerator 'L4', which has no MIG; allowed are A100, A100-80GB, H100, H200, "
            "B200, B300, RTX PRO Server 6000"
        ),
    ),
    "profile of another GPU": (
        H100,
        {"sharing": {"mig_profile": "1g.5gb"}, "node_overlays": True},
        ("sharing.mig_profile '1g.5gb' and accelerator 'H100'; allowed there are 1g.10gb, 1g.20gb, 2g.20gb, 3g.40gb"),
    ),
    "shares without overlay": (
        H100,
        {"sharing": {"time_slices": 4}},
        (
            "sharing and node_overlays false: Karpenter knows whole GPUs only, and would launch nothing for a share; "
            "turn its feature gate NodeOverlay on, and set node_overlays to true"
        ),
    ),
    "hours of jobs where nobody waits": (
        CPU,
        {"max_job_hours": 4},
        "max_job_hours and purpose services: only pools for training wait for jobs; take it out",
    ),
    "working hours of machines": (
        H100,
        {"working_hours": {}},
        "working_hours and purpose training: only pools for notebooks keep hours; take it out",
    ),
    "EFA in all zones": (H100, {"efa": True}, f"efa and zones of all subnets: {NO_ZONES}; name the zone"),
    "EFA in two zones": (
        H100,
        {"efa": True, "zones": ["us-east-1a", "us-east-1b"]},
        f"efa and zones us-east-1a, us-east-1b: {NO_ZONES}; name the zone",
    ),
    "placement group of a capacity block": (
        H100,
        {"reserved": {**RESERVED, "capacity_block": True}, "placement_group": {"name": "close"}},
        (
            "placement_group and reserved.capacity_block: a block's instances are close together already, and EC2 "
            "takes no placement group with one; take placement_group out"
        ),
    ),
    "placement group made after the reservation": (
        H100,
        {"reserved": RESERVED, "placement_group": {}},
        (
            "placement_group without name, and reserved: capacity that is reserved cannot be in a group made after it; "
            "set placement_group.name to the group of the reservation"
        ),
    ),
    "zones of a node group": (
        MANAGED,
        ZONE,
        ("zones and managed: a node group is where its subnets are, and replaces no node by itself; take it out"),
    ),
    "fallback of a node group": (
        MANAGED,
        {"reserved": None, "spot": {"limit_gpus": 8, "fallback": "on-demand"}},
        "spot.fallback and managed: a node group has one capacity type; add a tier of that one",
    ),
    "node group of different sizes": (
        {**MANAGED, "efa": False, "reserved": None, "on_demand": {"limit_gpus": 8}},
        {"instance_types": ["p5.48xlarge", "p5.4xlarge"]},
        (
            "instance types with 1, 8 GPUs and managed: the number of nodes would say nothing of the number of GPUs; "
            "keep types with one number of GPUs"
        ),
    ),
    "reservations of a node group by tags": (
        MANAGED,
        {"reserved": {"limit_gpus": 8, "reservation_tags": {"pool": "h100"}}},
        (
            "reserved and managed: a launch template has exactly one reservation; name one in "
            "reserved.reservation_ids, or use karpenter"
        ),
    ),
    "capacity block of two types": (
        {**MANAGED, "efa": False, "accelerator": "L4"},
        {"instance_types": ["g6.xlarge", "g6.2xlarge"], "reserved": {**RESERVED, "capacity_block": True}},
        "reserved.capacity_block, managed and 2 instance types: a block is of one; keep that one",
    ),
    "EFA of a node group in two subnets": (
        MANAGED,
        {"subnet_ids": ["subnet-0000000000000002a", "subnet-0000000000000002b"]},
        f"efa, managed and 2 subnet_ids: {NO_ZONES}; keep one",
    ),
    "node group not wired": (
        MANAGED,
        {"subnet_ids": None, "node_role_arn": None},
        "managed without node_role_arn, subnet_ids: needed for managed; set node_role_arn, subnet_ids",
    ),
    "Karpenter not wired": (
        H100,
        {"node_role_name": None},
        "karpenter without node_role_name: needed for karpenter; set node_role_name",
    ),
    "EFA not wired": (BASE, {"vpc_id": None}, "efa without vpc_id: needed for efa; set vpc_id"),
    "no security group": (
        H100,
        {"security_group_ids": []},
        "security_group_ids is empty; allowed are one or more; give the cluster security group",
    ),
}
"""Of several fields that do not go together."""


def refusal(args: dict[str, Any], change: dict[str, Any]) -> str:
    with pytest.raises(InvalidArgs) as refused:
        GpuNodePoolArgs.of({**args, **change})
    return str(refused.value)


@pytest.mark.parametrize(("args", "change", "message"), FIELDS.values(), ids=FIELDS)
def test_bad_fields_are_refused(args: dict[str, Any], change: dict[str, Any], message: str) -> None:
    assert refusal(args, change) == f"GpuNodePoolArgs{message}"


@covers(
    "gpu-node-pool.wrong-accelerator",
    field="GpuNodePoolArgs.accelerator, GpuNodePoolArgs.instance_types",
    ends_in="mlplatform:index:GpuNodePool.instance_types",
)
@covers(
    "gpu-node-pool.mixed-architecture",
    field="GpuNodePoolArgs.instance_types",
    ends_in="mlplatform:index:GpuNodePool.instance_types",
)
@covers(
    "gpu-node-pool.mixed-efa",
    field="GpuNodePoolArgs.efa, GpuNodePoolArgs.instance_types",
    ends_in="kubernetes:karpenter.k8s.aws/v1:EC2NodeClass.spec.networkInterfaces",
)
@covers(
    "gpu-node-pool.no-efa",
    field="GpuNodePoolArgs.efa",
    ends_in="kubernetes:karpenter.k8s.aws/v1:EC2NodeClass.spec.networkInterfaces",
)
@covers(
    "gpu-node-pool.no-multiple",
    field="GpuNodePoolArgs.on_demand.limit_gpus",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.limits",
)
@pytest.mark.parametrize(("args", "change", "message"), TOGETHER.values(), ids=TOGETHER)
def test_contradictions_are_refused(args: dict[str, Any], change: dict[str, Any], message: str) -> None:
    assert refusal(args, change) == f"GpuNodePoolArgs: {message}"


@covers(
    "gpu-node-pool.unknown-type",
    field="GpuNodePoolArgs.instance_types",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.template.spec.requirements",
)
def test_unknown_type_names_the_nearest() -> None:
    assert refusal(H100, {"instance_types": ["p5.49xlarge"]}) == (
        "GpuNodePoolArgs.instance_types: instance type 'p5.49xlarge' is unknown; nearest known: p5.4xlarge, "
        "p5.48xlarge, p5e.48xlarge; fix: use one of these, or add a row"
    )


@covers(
    "gpu-node-pool.ami",
    field="GpuNodePoolArgs.karpenter.ami_alias",
    ends_in="kubernetes:karpenter.k8s.aws/v1:EC2NodeClass.spec.amiSelectorTerms",
)
@pytest.mark.parametrize("alias", ["al2023@latest", "al2@v20261001", "bottlerocket@v1.20.4", "al2023"])
def test_image_that_moves_or_takes_other_settings_is_refused(alias: str) -> None:
    assert refusal(H100, {"karpenter": {"ami_alias": alias}}) == (
        f"GpuNodePoolArgs.karpenter.ami_alias: got {alias!r}; allowed is a pinned release of EKS's Amazon Linux 2023 "
        "image, not latest, such as al2023@v20261001"
    )


def test_missing_arguments_are_named() -> None:
    with pytest.raises(InvalidArgs) as refused:
        GpuNodePoolArgs.of({"karpenter": {"ami_alias": "al2023@v20261001"}, "managed": {}})
    assert str(refused.value).splitlines() == [
        ("GpuNodePoolArgs.cluster_name: missing; set it: EKS cluster that the nodes join"),
        (
            "GpuNodePoolArgs.ebs_key_arn: missing; set it: KMS key that encrypts the nodes' volumes; it must admit "
            "Karpenter's controller and the service-linked roles of Auto Scaling and Spot"
        ),
        (
            "GpuNodePoolArgs.managed.release_version: missing; set it: Release of EKS's Amazon Linux 2023 image, such "
            "as 1.35.3-20261001"
        ),
        ("GpuNodePoolArgs.purpose: missing; set it: What the pool is for: training, inference, notebook or services"),
        (
            "GpuNodePoolArgs.security_group_ids: missing; set it: Ids of the security groups of the nodes: the cluster "
            "security group that EKS made, at least"
        ),
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "p" * 54,
            f"Kubernetes name '{'p' * 54}-on-demand' has 64 characters; allowed: 63; fix: take away 1",
        ),
        (
            "GPU",
            (
                "Kubernetes name 'GPU-on-demand' is not accepted; allowed: lower-case letters, digits and -, a letter "
                "or digit at both ends; fix: change the characters"
            ),
        ),
        (
            "sg-pool",
            (
                "security group 'sg-pool-efa' is not accepted; allowed: letters, digits, spaces and "
                "._-:/()#,@[]+=&;{}!$*, not beginning with sg-; fix: change the characters"
            ),
        ),
    ],
)
def test_names_that_nodes_or_security_groups_cannot_have_are_refused(name: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        record(lambda: GpuNodePool(name, GpuNodePoolArgs.of(MANAGED)))
    assert str(refused.value) == f"GpuNodePool {name!r}: {reason}"


def test_karpenters_objects_need_a_provider_and_node_groups_do_not() -> None:
    with pytest.raises(Refused) as refused:
        record(lambda: GpuNodePool("x", GpuNodePoolArgs.of(H100)))
    assert str(refused.value) == (
        "x: no Kubernetes provider; allowed is an explicit one; give "
        "ResourceOptions(providers=[..., cluster.kubernetes])"
    )
    assert record(lambda: GpuNodePool("x", GpuNodePoolArgs.of(MANAGED))).count("aws:eks/nodeGroup:NodeGroup") == 1


def test_settings_have_what_a_person_writes_and_arguments_what_is_wired() -> None:
    assert set(GpuNodePoolArgs.model_fields) - set(GpuNodePoolSettings.model_fields) == {
        *("cluster_name", "security_group_ids", "ebs_key_arn", "node_role_name", "node_role_arn"),
        *("subnet_ids", "vpc_id", "node_overlays", "tags"),
    }
    settings = GpuNodePoolSettings.of({key: value for key, value in H100.items() if key not in WIRED})
    assert GpuNodePoolArgs.of(settings, **WIRED) == GpuNodePoolArgs.of(H100)


def test_pools_look_for_the_tag_that_networks_set() -> None:
    assert DISCOVERY_TAG == KARPENTER_TAG
