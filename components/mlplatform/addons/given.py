"""What values of charts are made of."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import pulumi

from mlplatform.addons.args import AddonsArgs

Values: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """What values are made of."""

    name: str
    """Logical name of the component."""
    args: AddonsArgs
    """The arguments of the component."""
    region: pulumi.Output[str]
    """Region of the cluster."""

    @property
    def replicas(self) -> int:
        """Replicas of a controller that elects a leader."""
        return self.args.replicas or 1

    @property
    def monitored(self) -> bool:
        """Whether it has a ServiceMonitor."""
        return bool(self.args.service_monitors)

    @property
    def one_stays(self) -> Values:
        """A disruption budget that keeps one pod; none where there is only one, which would hold its node for ever."""
        return {"enabled": self.replicas > 1, "minAvailable": 1}
