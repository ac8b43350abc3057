"""The pool as Karpenter's objects: one EC2NodeClass, one NodePool a tier, and NodeOverlays where GPUs are shared."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.contracts import labels
from mlplatform.core.capacity import Tier
from mlplatform.core.objects import Objects
from mlplatform.facts.aws.instances import Architecture, InstanceType
from mlplatform.facts.aws.karpenter import DISCOVERY_TAG
from mlplatform.facts.kubernetes.allocatable import kubelet
from mlplatform.gpu_node_pool import flavors
from mlplatform.gpu_node_pool.args import GpuNodePoolArgs, KarpenterNodes, PoolTier, PoolWorkingHours, ReservedTier
from mlplatform.gpu_node_pool.fabric import Fabric
from mlplatform.gpu_node_pool.purposes import BEHAVIOUR, EXPIRE_HOURS, WEIGHT_STEP

API: Final = "karpenter.sh/v1"
OVERLAY_API: Final = "karpenter.sh/v1alpha1"
NODE_CLASS_GROUP: Final = "karpenter.k8s.aws"
NODE_CLASS: Final = "EC2NodeClass"
NODES: Final = "nodes"
"""Role of the EC2NodeClass."""
ROOT_DEVICE: Final = "/dev/xvda"
"""Root device of Amazon Linux 2023."""
ARCHITECTURES: Final[Mapping[Architecture, str]] = {Architecture.X86_64: "amd64", Architecture.ARM64: "arm64"}
"""Kubernetes' names."""

Requirement = Mapping[str, object]


def create(objects: Objects, args: GpuNodePoolArgs, nodes: KarpenterNodes, fabric: Fabric) -> None:
    """All objects of the pool; NodePools come last and go first, since nodes need the others to be launched and ended.

    The tiers have one EC2NodeClass: what differs between them, the capacity type, is a requirement of the NodePool.
    """
    node_class = objects.custom(
        NODES,
        f"{NODE_CLASS_GROUP}/v1",
        NODE_CLASS,
        _node_class(args, nodes, fabric),
        opts=objects.after(*fabric.made),
    )
    before = [node_class, *_overlays(objects, args)]
    for place, (tier, given) in enumerate(args.given.items()):
        objects.custom(
            tier.value, API, "NodePool", _node_pool(objects.name, args, tier, given, place), opts=objects.after(*before)
        )


def _node_class(args: GpuNodePoolArgs, nodes: KarpenterNodes, fabric: Fabric) -> dict[str, Any]:
    parts = {
        "amiFamily": "AL2023",
        "amiSelectorTerms": [_image(nodes)],
        "role": args.node_role_name,
        "subnetSelectorTerms": _subnets(args),
        "securityGroupSelectorTerms": [{"id": group} for group in fabric.security_group_ids],
        "capacityReservationSelectorTerms": list(_reservations(args.reserved)) if args.reserved else [],
        "networkInterfaces": [
            {"networkCardIndex": one.network_card, "deviceIndex": one.device, "interfaceType": one.kind}
            for one in fabric.interfaces
        ],
        "placementGroupSelector": {"name": fabric.placement_group} if fabric.placement_group is not None else {},
        "blockDeviceMappings": [{"deviceName": ROOT_DEVICE, "rootVolume": True, "ebs": _volume(args)}],
        "instanceStorePolicy": "RAID0" if args.instance_store else None,
        # One hop: pods, which are a hop further than the node, get no credentials of the node.
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpProtocolIPv6": "disabled",
            "httpPutResponseHopLimit": 1,
            "httpTokens": "required",
        },
        "kubelet": kubelet(args.max_pods or 0),
        "tags": dict(args.tags or {}),
    }
    # An output is none of these, whatever it holds.
    return {field: value for field, value in parts.items() if value not in (None, [], {})}


def _image(nodes: KarpenterNodes) -> dict[str, Any]:
    if nodes.ami_alias is not None:
        return {"alias": nodes.ami_alias}
    if nodes.ami_ssm_parameter is not None:
        return {"ssmParameter": nodes.ami_ssm_parameter}
    return {"id": nodes.ami_id}


def _subnets(args: GpuNodePoolArgs) -> Any:
    if args.subnet_ids is None:
        return [{"tags": {DISCOVERY_TAG: args.cluster_name}}]
    return pulumi.Output.from_input(args.subnet_ids).apply(lambda ids: [{"id": subnet} for subnet in ids])


def _reservations(reserved: ReservedTier) -> Iterator[dict[str, Any]]:
    for reservation in reserved.reservation_ids or ():
        yield {"id": reservation}
    if reserved.reservation_tags:
        owner = {} if reserved.owner_id is None else {"ownerID": reserved.owner_id}
        yield {"tags": dict(reserved.reservation_tags), **owner}


def _volume(args: GpuNodePoolArgs) -> dict[str, Any]:
    size = pulumi.Output.from_input(args.disk_gib).apply(lambda gib: f"{int(gib or 0)}Gi")
    return {
        "volumeType": "gp3",
        "volumeSize": size,
        "encrypted": True,
        "kmsKeyID": args.ebs_key_arn,
        "deleteOnTermination": True,
    }


def _node_pool(pool: str, args: GpuNodePoolArgs, tier: Tier, given: PoolTier, place: int) -> dict[str, Any]:
    behaviour = BEHAVIOUR[args.purpose]
    template = {
        "metadata": {"labels": flavors.node_labels(pool, args)},
        "spec": {
            "nodeClassRef": {"group": NODE_CLASS_GROUP, "kind": NODE_CLASS, "name": f"{pool}-{NODES}"},
            "requirements": list(_requirements(args, tier, given)),
            **_taints(args),
            **_life(args),
        },
    }
    return {
        "weight": behaviour.weight - WEIGHT_STEP * place,
        "limits": _limits(args, given),
        "template": template,
        "disruption": {
            "consolidationPolicy": behaviour.consolidation,
            "consolidateAfter": behaviour.consolidate_after,
            "budgets": _budgets(args),
        },
    }


def _requirements(args: GpuNodePoolArgs, tier: Tier, given: PoolTier) -> Iterator[Requirement]:
    yield _in(labels.KARPENTER_CAPACITY_TYPE, [way.value for way in flavors.ways(tier, given)])
    yield _in("node.kubernetes.io/instance-type", [kind.name for kind in args.kinds])
    yield _in("kubernetes.io/arch", [ARCHITECTURES[args.kinds[0].architecture]])
    yield _in("kubernetes.io/os", ["linux"])
    if args.zones:
        yield _in("topology.kubernetes.io/zone", list(args.zones))
    if isinstance(given, ReservedTier) and given.capacity_block:
        yield _in("karpenter.k8s.aws/capacity-reservation-type", ["capacity-block"])


def _in(key: str, values: Sequence[str]) -> Requirement:
    return {"key": key, "operator": "In", "values": list(values)}


def _taints(args: GpuNodePoolArgs) -> dict[str, Any]:
    found = [
        {"key": key, "effect": effect.value, **({"value": value} if value else {})}
        for key, value, effect in flavors.taints(args)
    ]
    return {"taints": found} if found else {}


def _life(args: GpuNodePoolArgs) -> dict[str, str]:
    """When a node expires, and how long what runs there may go on after that.

    Expiry knows no budgets. A job that begins at the last moment has its hours, and one more: Karpenter deletes pods
    early enough for their own grace period to end with the node's.
    """
    behaviour = BEHAVIOUR[args.purpose]
    if args.max_job_hours is not None:
        grace = args.max_job_hours + 1
        return {"expireAfter": f"{max(EXPIRE_HOURS, grace)}h", "terminationGracePeriod": f"{grace}h"}
    return {
        "expireAfter": behaviour.expire_after,
        **({"terminationGracePeriod": behaviour.grace} if behaviour.grace else {}),
    }


def _budgets(args: GpuNodePoolArgs) -> list[dict[str, object]]:
    hours = args.working_hours or PoolWorkingHours()
    return BEHAVIOUR[args.purpose].budget(hours.start or "", hours.hours or 0)


def _limits(args: GpuNodePoolArgs, given: PoolTier) -> dict[str, str]:
    """What Karpenter counts: physical GPUs until a node registers, shares from then on, hence both."""
    allowed = flavors.limit(given)
    if not args.accelerator:
        return {"cpu": str(allowed.cpus), "memory": f"{allowed.memory_gib}Gi"}
    shares = args.shares
    return {labels.GPU: str(allowed.gpus), shares.resource: str(allowed.gpus * shares.a_gpu)}


def _overlays(objects: Objects, args: GpuNodePoolArgs) -> list[k8s.apiextensions.CustomResource]:
    """What Karpenter cannot know of shared GPUs: their shares, and that no pod can have a whole one there."""
    if args.sharing is None:
        return []
    shares = args.shares
    pools = [flavors.flavor(objects.name, tier) for tier in args.given]
    return [
        objects.custom(
            f"shares-{gpus}",
            OVERLAY_API,
            "NodeOverlay",
            {
                "requirements": [
                    _in(labels.KARPENTER_NODE_POOL, pools),
                    _in("node.kubernetes.io/instance-type", [kind.name for kind in kinds]),
                ],
                "capacity": {labels.GPU: "0", shares.resource: str(gpus * shares.a_gpu)},
            },
        )
        for gpus, kinds in _by_gpus(args.kinds).items()
    ]


def _by_gpus(kinds: Sequence[InstanceType]) -> dict[int, list[InstanceType]]:
    found: dict[int, list[InstanceType]] = {}
    for kind in kinds:
        found.setdefault(int(kind.accelerator_count), []).append(kind)
    return found
