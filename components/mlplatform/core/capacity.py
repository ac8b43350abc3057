"""Capacity: what one tier of a node pool can hold, the only thing that a queue needs to know of a pool."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Optional

from mlplatform.core.args import Args


class Purpose(StrEnum):
    """What a pool is for; it sets the order of tiers, disruption, expiry and taints."""

    TRAINING = "training"
    """Jobs that run to their end, admitted by a queue: GPU training; on pools without GPU, the steps of pipelines."""
    INFERENCE = "inference"
    """Servers of models: never in a queue, moved to cheaper nodes when that disturbs nobody."""
    NOTEBOOK = "notebook"
    """People at work, admitted by a queue: nodes end at night rather than in the middle of a cell."""
    SERVICES = "services"
    """Controllers and other servers: never in a queue, and without a taint."""


QUEUED: Sequence[Purpose] = (Purpose.TRAINING, Purpose.NOTEBOOK)
"""Purposes whose work a queue admits."""


class Tier(StrEnum):
    """How capacity is bought, by Karpenter's names."""

    RESERVED = "reserved"
    """On-Demand Capacity Reservations and capacity blocks, paid whether used or not."""
    ON_DEMAND = "on-demand"
    """On demand."""
    SPOT = "spot"
    """Spare capacity that EC2 may take back with two minutes' notice."""


class Toleration(Args):
    """A toleration that a pod needs on the nodes, in Kubernetes' words."""

    key: str
    """Key of the taint."""
    operator: Optional[str] = "Exists"
    """Exists (the default, any value) or Equal."""
    value: Optional[str] = None
    """Value of the taint, with Equal only."""
    effect: Optional[str] = "NoSchedule"
    """Effect of the taint; NoSchedule by default."""


class Capacity(Args):
    """What one tier of one pool can hold at most: one flavor of a queue, and its quota.

    Computed from a pool's arguments alone, so that quota and limit cannot differ.
    """

    flavor: str
    """Name of the ResourceFlavor and of the NodePool or node group: `<pool>-<tier>`."""
    pool: str
    """Name of the pool."""
    tier: Tier
    """How it is bought."""
    purpose: Purpose
    """What the pool is for; a queue takes training and notebook only."""
    node_labels: Mapping[str, str]
    """Labels that exactly the nodes of this tier have."""
    tolerations: Optional[Sequence[Toleration]] = []
    """What pods must tolerate there; nothing by default."""
    gpu_resource: Optional[str] = None
    """Extended resource of its GPUs, such as nvidia.com/gpu, or of shares of them; none on a pool without GPU."""
    gpus: Optional[int] = 0
    """Units of `gpu_resource` at the limit; 0 by default."""
    cpu_millicores: int
    """CPU that pods can have at the limit, in thousandths of a core, what nodes keep for themselves taken off."""
    memory_mib: int
    """Memory that pods can have at the limit in MiB, what nodes keep for themselves taken off."""
    standing: Optional[bool] = False
    """Whether its nodes exist before any job asks for them; false by default, since Karpenter starts from zero. Only
    then can a queue know the topology."""

    @property
    def queued(self) -> bool:
        """Whether it is for work that a queue admits."""
        return self.purpose in QUEUED


def placement(tiers: Sequence[Capacity]) -> dict[str, Any]:
    """Part of a PodSpec: nodes of any of the tiers, which one first is the pool's affair; nothing without tiers."""
    if not tiers:
        return {}
    terms = [
        {
            "matchExpressions": [
                {"key": key, "operator": "In", "values": [value]} for key, value in sorted(tier.node_labels.items())
            ]
        }
        for tier in tiers
    ]
    wanted = [toleration.model_dump(exclude_none=True) for tier in tiers for toleration in tier.tolerations or ()]
    tolerations = [toleration for at, toleration in enumerate(wanted) if toleration not in wanted[:at]]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    return {"affinity": affinity, **({"tolerations": tolerations} if tolerations else {})}
