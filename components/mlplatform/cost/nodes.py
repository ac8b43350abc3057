"""What nodes cost: managed node groups from minimum to maximum, Karpenter's from none to their limits."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from mlplatform.cost.model import NOTHING, Range, Resource
from mlplatform.cost.services import Charge, hours
from mlplatform.cost.stack import Stack
from mlplatform.facts.aws.instances import INSTANCE_TYPES, InstanceType

NODE_GROUP: Final = "aws:eks/nodeGroup:NodeGroup"
LAUNCH_TEMPLATE: Final = "aws:ec2/launchTemplate:LaunchTemplate"
NODE_POOL: Final = "kubernetes:karpenter.sh/v1:NodePool"
NODE_CLASS: Final = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
CAPACITY_TYPE: Final = "karpenter.sh/capacity-type"
INSTANCE_TYPE: Final = "node.kubernetes.io/instance-type"
GPU: Final = "nvidia.com/gpu"
RESERVED: Final = "a reservation is paid for whether it is used or not; here at the on-demand price"
_NODE_GROUP_DISK_GIB: Final = 20
"""Disk of a node group that names none, Linux (pulumi-aws, `diskSize` of NodeGroup)."""
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|m)?")
_GIB: Final = {
    None: Decimal(1) / 2**30,
    "Ki": Decimal(1) / 2**20,
    "Mi": Decimal(1) / 2**10,
    "Gi": Decimal(1),
    "Ti": Decimal(2**10),
}


@dataclass(frozen=True, slots=True)
class NodeCharge:
    """A number of nodes a month of one of several types, before their prices are known."""

    count: Mapping[str, Range]
    """Nodes by instance type: each is what there would be if all were of that type."""
    prices: Sequence[str]
    """Ways to pay, the preferred one first: `spot_hour`, `on_demand_hour`."""
    what: str
    disk_gib: Decimal
    """Size of each node's volumes."""
    disk: str
    """Type of the volumes."""
    always: bool = False
    """Whether all that the limit allows are paid for, whether they run or not."""


def node_group(stack: Stack, group: Resource) -> Iterator[NodeCharge]:
    """The nodes of a managed node group: minimum, desired, maximum."""
    scaling = group.inputs.get("scalingConfig") or {}
    sizes = [scaling.get(size) for size in ("minSize", "desiredSize", "maxSize")]
    numbers = [Decimal(size) for size in sizes if isinstance(size, int)]
    known = len(numbers) == len(sizes)
    count = Range(numbers[0], max(numbers[:2]), max(numbers)) if known else NOTHING
    kinds = [kind for kind in group.inputs.get("instanceTypes") or () if isinstance(kind, str) and known]
    spot = group.inputs.get("capacityType") == "SPOT"
    template = stack.source_of(group, "launchTemplate", LAUNCH_TEMPLATE)
    mappings = template.inputs.get("blockDeviceMappings") or () if template else ()
    disks = [mapping.get("ebs") or {} for mapping in mappings]
    size = sum((_whole(disk.get("volumeSize")) for disk in disks), Decimal(0))
    yield NodeCharge(
        dict.fromkeys(kinds, count),
        ("spot_hour",) if spot else ("on_demand_hour",),
        f"{'spot' if spot else 'on-demand'} nodes",
        size or _whole(group.inputs.get("diskSize") or _NODE_GROUP_DISK_GIB),
        next((str(disk["volumeType"]) for disk in disks if disk.get("volumeType")), "gp2"),
    )


def node_pool(stack: Stack, pool: Resource) -> Iterator[NodeCharge]:
    """The nodes of a Karpenter NodePool: none, a share of the limit, the limit."""
    spec = pool.inputs.get("spec") or {}
    inside = (spec.get("template") or {}).get("spec") or {}
    asked = {one.get("key"): one.get("values") or [] for one in inside.get("requirements") or ()}
    limits = {key: _amount(value) for key, value in (spec.get("limits") or {}).items()}
    share = stack.settings.assumptions.node_share
    most = {name: _nodes(INSTANCE_TYPES.get(name), limits) for name in asked.get(INSTANCE_TYPE, ())}
    bounded = all(number is not None for number in most.values())
    ways = [str(way) for way in asked.get(CAPACITY_TYPE, ["on-demand"])]
    size, disk = _disks(stack, inside.get("nodeClassRef") or {})
    yield NodeCharge(
        {name: Range(Decimal(0), (most[name] or 0) * share, most[name] or Decimal(0)) for name in most if bounded},
        [price for way, price in (("spot", "spot_hour"), ("on-demand", "on_demand_hour")) if way in ways]
        or ["on_demand_hour"],
        f"{' or '.join(ways)} nodes",
        size,
        disk,
        always=ways == ["reserved"],
    )


def _nodes(kind: InstanceType | None, limits: Mapping[str, Decimal]) -> Decimal | None:
    """Nodes of one type that limits allow; None where none of them limits it, or the type is unknown."""
    if kind is None:
        return None
    has = {
        "cpu": Decimal(kind.vcpus),
        "memory": Decimal(kind.memory_gib) * 2**30,
        GPU: Decimal(kind.accelerator_count) if kind.accelerator else Decimal(0),
    }
    return min((limit // has[key] for key, limit in limits.items() if has.get(key)), default=None)


def _amount(value: Any) -> Decimal:
    """A Kubernetes quantity, memory in bytes."""
    found = _QUANTITY.fullmatch(str(value))
    if not found:
        return Decimal(0)
    number, unit = Decimal(found[1]), found[2]
    return number / 1000 if unit == "m" else number * _GIB[unit] * 2**30 if unit else number


def _disks(stack: Stack, reference: Mapping[str, Any]) -> tuple[Decimal, str]:
    """Size and type of the volumes that a NodePool's node class gives each node."""
    for node_class in stack.of(NODE_CLASS):
        if (node_class.inputs.get("metadata") or {}).get("name") == reference.get("name"):
            mappings = (node_class.inputs.get("spec") or {}).get("blockDeviceMappings") or ()
            disks = [mapping.get("ebs") or {} for mapping in mappings]
            size = sum((_amount(disk.get("volumeSize")) / 2**30 for disk in disks), Decimal(0))
            return size, next((str(disk["volumeType"]) for disk in disks if disk.get("volumeType")), "gp3")
    return Decimal(0), "gp3"


def _whole(value: Any) -> Decimal:
    return Decimal(value) if isinstance(value, int) else Decimal(0)


def charges(stack: Stack, nodes: NodeCharge, region: str | None) -> Iterator[Charge]:
    """The charges of nodes: the cheapest type and way as expected, the dearest as ceiling.

    Where a type that is allowed has no price, the first such price is asked for, and nothing is counted; neither where
    nothing says of which types nodes are, or how many.
    """
    keys = [f"ec2.{name}.{way}" for name in sorted(nodes.count) for way in nodes.prices]
    without = [key for key in keys if stack.rate(key, region) is None]
    if without or not keys:
        yield Charge(without[0] if without else "", nodes.what, Range.of(0) if without else None)
        return
    rates = {key: stack.rate(key, region) for key in keys}

    def cost(key: str, part: str) -> Decimal:
        rate = rates[key]
        amount: Decimal = getattr(nodes.count[_type_of(key)], part)
        return amount * rate.usd if rate else Decimal(0)

    preferred = [key for key in keys if key.endswith(nodes.prices[0])]
    cheap = min(preferred, key=lambda key: (cost(key, "expected"), key))
    dear = max(keys, key=lambda key: (cost(key, "ceiling"), key))
    low, high = nodes.count[_type_of(cheap)], nodes.count[_type_of(dear)]
    if nodes.always:
        yield Charge(dear, _what(nodes, dear), hours(stack, Range.of(high.ceiling)), note=RESERVED)
    elif cost(cheap, "ceiling") == cost(dear, "ceiling"):
        yield Charge(cheap, _what(nodes, cheap), hours(stack, low))
    else:
        usual, at_most = Range(low.floor, low.expected, Decimal(0)), Range(Decimal(0), Decimal(0), high.ceiling)
        yield Charge(cheap, _what(nodes, cheap), hours(stack, usual), note="the ceiling is the next line")
        yield Charge(dear, f"{_what(nodes, dear)}, at most", hours(stack, at_most))
    if nodes.disk_gib:
        disks = Range(low.floor, low.expected, high.ceiling) * nodes.disk_gib
        yield Charge(f"ebs.{nodes.disk}_gib_month", f"volumes of nodes, {nodes.disk}, GiB", disks)


def _type_of(key: str) -> str:
    return key.removeprefix("ec2.").rpartition(".")[0]


def _what(nodes: NodeCharge, key: str) -> str:
    way = "spot" if key.endswith("spot_hour") else "on-demand"
    return f"{nodes.what}: {_type_of(key)} {way}, hours"
