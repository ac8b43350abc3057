"""Elastic Fabric Adapter: which network interfaces an instance type is launched with so that it has all of its EFAs.

Layout: Amazon EC2 User Guide, Maximize network bandwidth on Amazon EC2 instances with multiple network cards. How many
EFAs a type has is `InstanceType.efa_interfaces`, one a network card.
"""

from dataclasses import dataclass
from typing import Final

from mlplatform.facts.aws.instances import InstanceType


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface, in the words of a launch template and of an EC2NodeClass."""

    network_card: int
    """Index of the network card."""
    device: int
    """Index of the device on that card."""
    kind: str
    """`interface`, which has IP addresses, or `efa-only`, which has none."""


NODE_INTERFACE: Final = Interface(0, 0, "interface")
"""The node's own interface: an EFA-only interface cannot be the primary one."""
FIRST_CARD: Final = {"p6-b300.48xlarge": 1}
"""First network card with an EFA, where it is not card 0: these have a card more than EFAs (EC2 DescribeInstanceTypes,
MaximumNetworkCards and MaximumEfaInterfaces)."""


def layout(kind: InstanceType) -> tuple[Interface, ...]:
    """Every interface of the type: the node's own one, and one EFA a card; ValueError where it has no EFA."""
    if not kind.efa_interfaces:
        raise ValueError(f"{kind.name} has no EFA; allowed are types that have one")
    first = FIRST_CARD.get(kind.name, 0)
    return NODE_INTERFACE, *(_efa(card) for card in range(first, first + kind.efa_interfaces))


def _efa(card: int) -> Interface:
    # On card 0, the node's own interface is device 0 already.
    return Interface(card, 1 if card == NODE_INTERFACE.network_card else 0, "efa-only")
