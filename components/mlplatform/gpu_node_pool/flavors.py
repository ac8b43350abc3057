"""What a pool tells others: what each tier can hold, and which quotas of EC2 it needs. From its arguments alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from mlplatform.contracts import labels
from mlplatform.core.capacity import Capacity, Tier, Toleration
from mlplatform.facts.aws.quotas import Quota
from mlplatform.gpu_node_pool import limits
from mlplatform.gpu_node_pool.args import FallbackTier, GpuNodePoolArgs, PoolTier, ReservedTier, TaintEffect
from mlplatform.gpu_node_pool.limits import Limit

GPU_TAINT = (labels.GPU, "true", TaintEffect.NO_SCHEDULE)
"""Taint of nodes with GPUs; `true` is the value that Karpenter's documentation gives it."""


def flavor(pool: str, tier: Tier) -> str:
    """Name of a tier's NodePool or node group, and of its flavor in a queue."""
    return f"{pool}-{tier}"


def ways(tier: Tier, given: PoolTier) -> Sequence[Tier]:
    """The kinds of capacity that a tier launches, the next where there is none of the first."""
    fallback = given.fallback if isinstance(given, FallbackTier) else None
    return (tier, fallback) if fallback else (tier,)


def limit(tier: PoolTier) -> Limit:
    """What a tier may use now: nothing while it is paused."""
    if tier.paused:
        return Limit()
    return Limit(tier.limit_gpus or 0, tier.limit_cpus or 0, tier.limit_memory_gib or 0)


def capacity(pool: str, args: GpuNodePoolArgs) -> list[Capacity]:
    """What each tier of the pool of that name can hold, in the order in which they are used."""
    return [_capacity(pool, args, tier, given) for tier, given in args.given.items()]


def _capacity(pool: str, args: GpuNodePoolArgs, tier: Tier, given: PoolTier) -> Capacity:
    allowed = limit(given)
    held = limits.held(
        allowed, args.kinds, args.max_pods or 0, args.daemon_resources, chosen_by_pods=args.karpenter is not None
    )
    # Labels that only Karpenter and EKS can set: no other node gets them.
    label = labels.KARPENTER_NODE_POOL if args.karpenter else labels.EKS_NODE_GROUP
    return Capacity(
        flavor=flavor(pool, tier),
        pool=pool,
        tier=tier,
        purpose=args.purpose,
        node_labels={label: flavor(pool, tier)},
        tolerations=[_toleration(*taint) for taint in taints(args) if taint[2] is not TaintEffect.PREFER_NO_SCHEDULE],
        gpu_resource=args.shares.resource if args.accelerator else None,
        gpus=allowed.gpus * args.shares.a_gpu,
        cpu_millicores=held.cpu_millicores,
        memory_mib=held.memory_mib,
        standing=args.managed is not None,
    )


def taints(args: GpuNodePoolArgs) -> list[tuple[str, str, TaintEffect]]:
    """Key, value and effect of every taint of the nodes."""
    own = [(taint.key, taint.value or "", taint.effect or TaintEffect.NO_SCHEDULE) for taint in args.taints or ()]
    return [*([GPU_TAINT] if args.accelerator else []), *own]


def _toleration(key: str, value: str, effect: TaintEffect) -> Toleration:
    # Any value of NVIDIA's taint, as its own software tolerates it.
    if not value or key == labels.GPU:
        return Toleration(key=key, effect=effect.value)
    return Toleration(key=key, operator="Equal", value=value, effect=effect.value)


def node_labels(pool: str, args: GpuNodePoolArgs) -> dict[str, str]:
    """Labels of every node, beside those that Karpenter and EKS set."""
    own = {labels.POOL: pool, labels.PURPOSE: args.purpose.value}
    gpu = {labels.GPU_PRESENT: "true"} if args.accelerator else {}
    return {**own, **gpu, **args.sharing_label, **(args.labels or {})}


def service_quotas(args: GpuNodePoolArgs) -> list[dict[str, Any]]:
    """The quotas of EC2 that must allow all tiers at their limits together, by code.

    Paused tiers count too: they are meant to come back. Capacity blocks do not: EC2 checks them when they are bought.
    """
    needed: Counter[Quota] = Counter()
    for spot, allowed in _launched(args):
        needed.update(limits.vcpus(allowed, args.kinds, spot=spot))
    return [
        {"code": found.code, "name": found.name, "vcpus": count, "verified": found.verified}
        for found, count in sorted(needed.items(), key=lambda item: item[0].code)
    ]


def _launched(args: GpuNodePoolArgs) -> Iterator[tuple[bool, Limit]]:
    """Whether as Spot, and how much at most, for each way in which a tier launches nodes."""
    for tier, given in args.given.items():
        if isinstance(given, ReservedTier) and given.capacity_block:
            continue
        for spot in sorted({way is Tier.SPOT for way in ways(tier, given)}):
            yield spot, Limit(given.limit_gpus or 0, given.limit_cpus or 0, given.limit_memory_gib or 0)
