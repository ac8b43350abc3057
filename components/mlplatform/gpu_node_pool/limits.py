"""What limits mean: the nodes that they allow, what pods can have of those, and what the account must allow.

Arithmetic on plain values only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from mlplatform.facts.aws.instances import InstanceType
from mlplatform.facts.aws.quotas import Quota, quota
from mlplatform.facts.kubernetes.allocatable import Resources, allocatable
from mlplatform.gpu_node_pool import selection


@dataclass(frozen=True, slots=True)
class Limit:
    """What one tier may use at most: GPUs, or vCPUs and memory where there are none."""

    gpus: int = 0
    """Physical GPUs."""
    cpus: int = 0
    """vCPUs."""
    memory_gib: int = 0
    """GiB of memory."""

    def nodes(self, kind: InstanceType) -> int:
        """How many nodes of one type it allows."""
        if kind.accelerator:
            return self.gpus // int(kind.accelerator_count)
        return min(self.cpus // kind.vcpus, self.memory_gib // kind.memory_gib)


@dataclass(frozen=True, slots=True)
class Shares:
    """What a pod asks for of a GPU."""

    resource: str
    """Name of the extended resource."""
    a_gpu: int
    """How many each GPU has of it; 1 where GPUs are not shared."""


def check(
    field: str,
    kinds: Sequence[InstanceType],
    *,
    gpus: Optional[int],
    cpus: Optional[int],
    memory_gib: Optional[int],
) -> None:
    """ValueError where a tier's limits are missing, of the other sort, or no whole number of nodes."""
    given = {"limit_gpus": gpus, "limit_cpus": cpus, "limit_memory_gib": memory_gib}
    wanted = ("limit_gpus",) if kinds[0].accelerator else ("limit_cpus", "limit_memory_gib")
    sort = "with an accelerator" if kinds[0].accelerator else "without accelerator"
    missing = [name for name in wanted if given[name] is None]
    if missing:
        raise ValueError(
            f"{field} has no {' and no '.join(missing)}: needed on a pool {sort}; set it, {_example(kinds)}"
        )
    others = [name for name, value in given.items() if value is not None and name not in wanted]
    if others:
        raise ValueError(f"{field} has {', '.join(others)}: not on a pool {sort}; allowed is {' and '.join(wanted)}")
    if kinds[0].accelerator:
        _check_multiple(f"{field}.limit_gpus", gpus or 0, kinds)
    else:
        _check_room(field, Limit(cpus=cpus or 0, memory_gib=memory_gib or 0), kinds)


def _example(kinds: Sequence[InstanceType]) -> str:
    if kinds[0].accelerator:
        return f"a multiple of {selection.gpus_a_node(kinds)}"
    return f"at least {max(kind.vcpus for kind in kinds)} vCPUs and {max(kind.memory_gib for kind in kinds)} GiB"


def _check_multiple(field: str, gpus: int, kinds: Sequence[InstanceType]) -> None:
    step = selection.gpus_a_node(kinds)
    if gpus % step:
        below = gpus - gpus % step
        allowed = " and ".join(str(count) for count in (below, below + step) if count)
        each = ", ".join(f"{kind.name} {kind.accelerator_count}" for kind in kinds)
        raise ValueError(
            f"{field} {gpus} is no multiple of the GPUs of every instance type ({each}): allowed are multiples of "
            f"{step}, the nearest {allowed}"
        )


def _check_room(field: str, limit: Limit, kinds: Sequence[InstanceType]) -> None:
    too_large = [kind for kind in kinds if not limit.nodes(kind)]
    if too_large:
        raise ValueError(
            f"{field} allows {limit.cpus} vCPUs and {limit.memory_gib} GiB, and not one node of "
            f"{selection.described(too_large)}; raise the limits, or take the types out"
        )


def held(
    limit: Limit, kinds: Sequence[InstanceType], max_pods: int, daemons: Resources, *, chosen_by_pods: bool
) -> Resources:
    """CPU and memory that pods can have at the limit.

    Where nodes are chosen by what pods request, it is that of the types with the most CPU, and of those with the most
    memory: jobs that need it get them. Where nodes are there already, of whichever type, it is the least.
    """
    which = max if chosen_by_pods else min
    each = [(limit.nodes(kind), allocatable(kind, max_pods, daemons)) for kind in kinds]
    return Resources(
        cpu_millicores=which(count * node.cpu_millicores for count, node in each),
        memory_mib=which(count * node.memory_mib for count, node in each),
    )


def vcpus(limit: Limit, kinds: Sequence[InstanceType], *, spot: bool) -> Mapping[Quota, int]:
    """What the account must allow, in vCPUs, for the limit to be reached, by the quotas that they count against."""
    needed: dict[Quota, int] = {}
    for kind in kinds:
        counted = quota(kind.name, spot=spot)
        needed[counted] = max(needed.get(counted, 0), limit.nodes(kind) * kind.vcpus)
    return needed
