"""How the capacity of pools becomes quota: what teams are guaranteed and what they share add up to every limit exactly.

All amounts are whole numbers in the unit of their resource: GPUs or shares of them, thousandths of a core, MiB.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Optional

from mlplatform.core.capacity import Capacity

CPU: Final = "cpu"
MEMORY: Final = "memory"
MILLICORES: Final = 1000
"""Thousandths of a core in a core."""

Amounts = Mapping[str, int]
"""Amounts by resource."""
ByFlavor = Mapping[str, Amounts]
"""Amounts by flavor and resource."""

# Kubernetes' canonical suffixes, from the unit of the amounts upwards (Kubernetes documentation, Quantity). Kueue's
# webhook decodes what it is given and encodes it again, so that any other spelling would show as drift.
_SUFFIXES: Final[Mapping[str, tuple[int, tuple[str, ...]]]] = {
    CPU: (1000, ("m", "", "k", "M")),
    MEMORY: (1024, ("Mi", "Gi", "Ti", "Pi", "Ei")),
}
_COUNT: Final = (1000, ("", "k", "M"))


@dataclass(frozen=True, slots=True)
class Quotas:
    """Nominal quotas of one queue."""

    teams: Mapping[str, ByFlavor]
    """What each team's ClusterQueue is guaranteed, for every flavor."""
    shared: ByFlavor
    """What is left in the Cohort for all of them."""


def ordered(capacity: Sequence[Capacity]) -> list[Capacity]:
    """The flavors in the order in which a queue tries them: those without GPU first, then as given.

    Work that needs no GPU then finds a CPU pool before it finds the CPU of GPU nodes, and work that needs one passes
    over flavors whose quota of GPUs is 0.
    """
    return sorted(capacity, key=lambda tier: tier.gpu_resource is not None)


def covered(capacity: Sequence[Capacity]) -> list[str]:
    """The resources that every flavor has a quota of: each kind of GPU, CPU and memory.

    All flavors are in one resource group, since a ClusterQueue can have each resource in one group only, and every
    flavor needs CPU and memory.
    """
    gpus = dict.fromkeys(tier.gpu_resource for tier in capacity if tier.gpu_resource)
    return [*gpus, CPU, MEMORY]


def total(tier: Capacity) -> dict[str, int]:
    """All that a flavor has."""
    gpus = {tier.gpu_resource: tier.gpus or 0} if tier.gpu_resource else {}
    return {**gpus, CPU: tier.cpu_millicores, MEMORY: tier.memory_mib}


def unit(tier: Capacity) -> str:
    """What a flavor is counted in: its kind of GPU, or cores where it has none."""
    return tier.gpu_resource or "cores"


def units(tier: Capacity) -> int:
    """How many whole units a flavor has."""
    return tier.gpus or 0 if tier.gpu_resource else tier.cpu_millicores // MILLICORES


def portion(tier: Capacity, count: int) -> dict[str, int]:
    """What goes with a number of a flavor's units: the others of its resources in proportion, rounded down."""
    whole = Fraction(tier.gpus or 0) if tier.gpu_resource else Fraction(tier.cpu_millicores, MILLICORES)
    share = Fraction(count) / whole if whole else Fraction(0)
    return {resource: int(amount * share) for resource, amount in total(tier).items()}


def split(capacity: Sequence[Capacity], guaranteed: Mapping[str, Mapping[str, int]]) -> Quotas:
    """Nominal quotas from the units that each team is guaranteed, by team and flavor.

    Rounding leaves nothing out: the Cohort has whatever no team has. The guarantees must fit the capacity.
    """
    teams = {
        team: {tier.flavor: portion(tier, asked.get(tier.flavor, 0)) for tier in capacity}
        for team, asked in guaranteed.items()
    }
    shared = {tier.flavor: _less(total(tier), [quota[tier.flavor] for quota in teams.values()]) for tier in capacity}
    return Quotas(teams, shared)


def _less(amounts: Amounts, taken: Sequence[Amounts]) -> dict[str, int]:
    return {resource: amount - sum(part[resource] for part in taken) for resource, amount in amounts.items()}


def resource_groups(
    capacity: Sequence[Capacity],
    nominal: ByFlavor,
    limits: Optional[Mapping[str, ByFlavor]] = None,
) -> list[dict[str, Any]]:
    """`resourceGroups` of a ClusterQueue or Cohort; `limits` has further amounts by the name of their field."""
    resources = covered(capacity)

    def quota(flavor: str, resource: str) -> dict[str, str]:
        extra = {field: by_flavor[flavor] for field, by_flavor in (limits or {}).items() if flavor in by_flavor}
        fields = {"nominalQuota": nominal[flavor], **extra}
        return {"name": resource, **{field: quantity(resource, of.get(resource, 0)) for field, of in fields.items()}}

    flavors = [
        {"name": tier.flavor, "resources": [quota(tier.flavor, resource) for resource in resources]}
        for tier in ordered(capacity)
    ]
    return [{"coveredResources": resources, "flavors": flavors}]


def quantity(resource: str, amount: int) -> str:
    """An amount in Kubernetes' canonical form."""
    base, suffixes = _SUFFIXES.get(resource, _COUNT)
    power = 0
    while amount and amount % base == 0 and power < len(suffixes) - 1:
        amount, power = amount // base, power + 1
    return f"{amount}{suffixes[power]}" if amount else "0"
