"""Addresses of a VPC: which subnet of which zone gets which block.

Nodes and pods both take addresses of the private subnets (VPC CNI with prefix delegation: every node holds whole /28
blocks), so those get most of the space. The plan is always made for three zones and then cut to the zones asked for: a
VPC that grows from two zones to three moves nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses
from types import MappingProxyType
from typing import Final

ZONES: Final = (2, 3)
"""Numbers of zones that a plan can have."""
RESERVED: Final = 5
"""Addresses that AWS keeps of every subnet: network, router, DNS, one for later, broadcast (Amazon VPC User Guide,
Subnet CIDR blocks)."""
SMALLEST: Final = 28
"""Prefix length of the smallest subnet that AWS makes, and of the blocks that prefix delegation hands to nodes."""
PREFIXES: Final = range(16, 25)
"""Prefix lengths of a VPC that can be planned; AWS allows /16 to /28, but below /24 three zones do not fit."""
PRIVATE_RANGES: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""Addresses that are never routed on the internet: RFC 1918, and RFC 6598's shared space."""

NEVER_PUBLIC: Final = (*map(str, PRIVATE_RANGES), "169.254.0.0/16")
"""Ranges that are never on the internet, link-local ones included (RFC 3927): the instance's metadata are there."""

# Bits by which a private, a public and an intra subnet are longer than their VPC. An application load balancer needs a
# public /27 (Elastic Load Balancing, Application Load Balancers), so small VPCs give up private space for it.
_EXTRA_BITS: Final[Mapping[int, tuple[int, int, int]]] = MappingProxyType(
    dict.fromkeys(range(16, 23), (2, 5, 5)) | {23: (3, 4, 4), 24: (3, 3, 4)}
)


@dataclass(frozen=True, slots=True)
class SubnetPlan:
    """The blocks of one VPC; each tuple has one block a zone, in the zones' order."""

    public: tuple[IPv4Network, ...]
    """Load balancers and NAT gateways: route to the internet gateway."""
    private: tuple[IPv4Network, ...]
    """Nodes and pods: route out through NAT or endpoints."""
    intra: tuple[IPv4Network, ...]
    """Control-plane interfaces, databases, interface endpoints: no route to the internet."""
    spare: tuple[IPv4Network, ...]
    """What is left, as few blocks as possible; holds the third zone's blocks in a plan of two."""


def plan(vpc: IPv4Network, zones: int) -> SubnetPlan:
    """Subnets of a VPC of /16 to /24 over two or three zones; ValueError for other sizes.

    From /16 to /22 a private subnet is a quarter of the VPC, a public and an intra one a thirty-second. /23 and /24
    hold a trial only: a /24 has 27 usable private addresses a zone.
    """
    if vpc.prefixlen not in PREFIXES:
        raise ValueError(
            f"VPC {vpc} is a /{vpc.prefixlen}; allowed: /16 to /24; fix: take a /16, or less where space is short"
        )
    if zones not in ZONES:
        raise ValueError(f"zones is {zones}; allowed: 2 or 3; fix: use 3 where the region has them")
    cursor = int(vpc.network_address)
    kinds: list[tuple[IPv4Network, ...]] = []
    for bits in _EXTRA_BITS[vpc.prefixlen]:  # from large to small, so that every block is aligned
        blocks = tuple(_consecutive(cursor, vpc.prefixlen + bits))
        cursor = int(blocks[-1].broadcast_address) + 1
        kinds.append(blocks[:zones])
    private, public, intra = kinds
    return SubnetPlan(public, private, intra, spare=tuple(_without(vpc, (*private, *public, *intra))))


def _consecutive(start: int, prefix: int) -> Iterable[IPv4Network]:
    size = 2 ** (32 - prefix)
    return (IPv4Network((start + zone * size, prefix)) for zone in range(max(ZONES)))


def _without(vpc: IPv4Network, taken: Iterable[IPv4Network]) -> Iterable[IPv4Network]:
    free = [vpc]
    for block in taken:
        home = next(candidate for candidate in free if block.subnet_of(candidate))
        free.remove(home)
        free.extend(home.address_exclude(block))
    return collapse_addresses(free)


def overlaps(a: IPv4Network, b: IPv4Network) -> bool:
    """Whether two networks share an address."""
    return a.overlaps(b)


def ipv4_network(text: str) -> IPv4Network:
    """The network that a text such as `10.0.0.0/16` names; ValueError for another shape or for host bits."""
    address, slash, prefix = text.partition("/")
    try:
        meant = IPv4Network(text, strict=False) if slash and prefix.isdecimal() else None
    except ValueError:
        meant = None
    if meant is None:
        raise ValueError(f"network {text!r} is not IPv4; allowed: address/prefix; fix: write for example 10.0.0.0/16")
    if address != str(meant.network_address):
        raise ValueError(f"network {text!r} has host bits set; allowed: a network address; fix: write {str(meant)!r}")
    return meant


def is_private(network: IPv4Network) -> bool:
    """Whether all its addresses are private (RFC 1918) or shared (100.64.0.0/10)."""
    return any(network.subnet_of(private) for private in PRIVATE_RANGES)


def usable(network: IPv4Network) -> int:
    """Addresses of a subnet that AWS hands out: all but five; 0 where the block is too small for a subnet."""
    return network.num_addresses - RESERVED if network.prefixlen <= SMALLEST else 0
