"""What a pool's purpose decides: how nodes are ended, in which order tiers are used, and who is kept away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Optional

from mlplatform.core.capacity import Purpose, Tier

ORDER: Final = (Tier.RESERVED, Tier.ON_DEMAND, Tier.SPOT)
"""What is paid for already, then what stays, then what is taken back."""
EXPIRE_HOURS: Final = 720
"""Karpenter's own default: nodes older than a month miss a month of security updates."""

Budget = Mapping[str, object]
"""A disruption budget in Karpenter's words."""
_ALL_BUT_EMPTY: Final = ["Drifted", "Underutilized"]
"""Reasons for which Karpenter ends nodes in use."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How nodes of one purpose are used and ended."""

    consolidation: str
    """Karpenter's consolidation policy."""
    consolidate_after: str
    """How long a node must be empty, or unchanged, before consolidation looks at it."""
    budgets: Sequence[Budget]
    """What Karpenter may end by its own doing, and when. Expiry knows no budgets."""
    expire_after: str
    """Age at which nodes are replaced, whatever runs there."""
    grace: Optional[str]
    """Time after which a node that ends takes its pods with it; none waits for them for ever, and also keeps drift from
    evicting pods that say do-not-disrupt."""
    weight: int
    """Weight of the first tier's NodePool: pods that name no pool go to the heaviest one that fits."""
    order: Sequence[Tier] = ORDER
    """Order in which tiers are used."""
    working_hours: bool = False
    """Whether the budgets hold in working hours only."""

    def budget(self, schedule: str, hours: int) -> list[dict[str, object]]:
        """The budgets, in working hours that begin at a time of cron where they hold in those only."""
        when = {"schedule": schedule, "duration": f"{hours}h"} if self.working_hours else {}
        return [{**budget, **when} for budget in self.budgets]


BEHAVIOUR: Final[Mapping[Purpose, Behaviour]] = MappingProxyType(
    {
        # Without reasons, the budget would keep empty nodes for ever.
        Purpose.TRAINING: Behaviour(
            consolidation="WhenEmpty",
            consolidate_after="5m",
            budgets=({"nodes": "0", "reasons": _ALL_BUT_EMPTY},),
            expire_after="Never",
            grace=None,
            weight=50,
        ),
        Purpose.INFERENCE: Behaviour(
            consolidation="WhenEmptyOrUnderutilized",
            consolidate_after="5m",
            budgets=({"nodes": "10%"},),
            expire_after=f"{EXPIRE_HOURS}h",
            grace="1h",
            weight=50,
        ),
        # People come back from lunch: an hour. At night drift ends outdated nodes, notebooks and all.
        Purpose.NOTEBOOK: Behaviour(
            consolidation="WhenEmpty",
            consolidate_after="1h",
            budgets=({"nodes": "0", "reasons": _ALL_BUT_EMPTY},),
            expire_after="Never",
            grace="1h",
            weight=50,
            working_hours=True,
        ),
        # Heavier than the others: without a taint on pools of pipeline steps, pods of services would take their quota.
        Purpose.SERVICES: Behaviour(
            consolidation="WhenEmptyOrUnderutilized",
            consolidate_after="5m",
            budgets=({"nodes": "10%"},),
            expire_after=f"{EXPIRE_HOURS}h",
            grace="1h",
            weight=100,
        ),
    }
)
"""Each purpose's behaviour."""
WEIGHT_STEP: Final = 10
"""How much lighter each further tier is."""
