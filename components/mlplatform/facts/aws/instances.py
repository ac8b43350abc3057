"""EC2 instance types that a machine-learning platform uses: hardware and prices, as exact numbers.

Hardware is what EC2's DescribeInstanceTypes reports; prices are those of the public skypilot-catalog (v8, 2026), spot
being the cheapest zone of the region. What no source states is None, never a guess.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Architecture(StrEnum):
    """Processor architecture, spelled as EC2 spells it (Kubernetes says `amd64` for `x86_64`)."""

    X86_64 = "x86_64"
    """Intel and AMD."""
    ARM64 = "arm64"
    """Graviton."""


class UnknownInstanceType(ValueError):  # noqa: N818 - says what is wrong, not that it is an error
    """An instance type that the table lacks; the text names the nearest ones."""


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One EC2 instance type."""

    name: str
    """EC2's name, such as `g6.xlarge`."""
    accelerator: str | None
    """Name of its accelerator, such as `L4`; None where it has none."""
    accelerator_count: Decimal
    """Accelerators in one instance, 0 where it has none; a fraction on shared-GPU types (g6f, gr6f)."""
    accelerator_memory_gib: Decimal | None
    """Memory of each accelerator in GiB; None where it has none."""
    vcpus: int
    """Virtual CPUs."""
    memory_gib: int
    """Main memory in GiB."""
    efa_interfaces: int | None
    """Elastic Fabric Adapter interfaces, one a network card; None where unknown."""
    architecture: Architecture
    """Processor architecture."""
    on_demand_usd_hour: Decimal | None
    """On-demand price in USD an hour (Linux, in `price_region`); None where unknown."""
    spot_usd_hour: Decimal | None
    """Spot price in USD an hour in the cheapest zone of `price_region`; None where unknown."""
    price_region: str
    """Region of both prices."""
    price_source: str
    """Who publishes both prices."""

    @property
    def whole_accelerators(self) -> bool:
        """Whether its accelerators can be counted, so that a GPU limit can be a multiple of them."""
        return self.accelerator_count >= 1 and self.accelerator_count == self.accelerator_count.to_integral_value()


PRICE_REGION: Final = "us-east-1"
"""Region of every price whose row names no other."""
PRICE_SOURCE: Final = "skypilot-catalog v8"
"""Source of every price of the table."""

_X86, _ARM = Architecture.X86_64, Architecture.ARM64


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _of(  # noqa: PLR0913, PLR0917 - one row of the table
    name: str,
    accelerator: str | None,
    count: str,
    accelerator_memory: str | None,
    vcpus: int,
    memory: int,
    efa: int | None,
    architecture: Architecture,
    on_demand: str | None,
    spot: str | None,
    region: str = PRICE_REGION,
) -> InstanceType:
    return InstanceType(
        name=name,
        accelerator=accelerator,
        accelerator_count=Decimal(count),
        accelerator_memory_gib=_decimal(accelerator_memory),
        vcpus=vcpus,
        memory_gib=memory,
        efa_interfaces=efa,
        architecture=architecture,
        on_demand_usd_hour=_decimal(on_demand),
        spot_usd_hour=_decimal(spot),
        price_region=region,
        price_source=PRICE_SOURCE,
    )


# name, accelerator, count, GiB each, vCPUs, memory GiB, EFA, architecture, on-demand, spot[, region of the prices]
_TABLE: Final = (
    _of("g4dn.xlarge", "T4", "1", "16", 4, 16, 0, _X86, "0.526", "0.2000"),
    _of("g4dn.2xlarge", "T4", "1", "16", 8, 32, 0, _X86, "0.752", "0.3112"),
    _of("g4dn.4xlarge", "T4", "1", "16", 16, 64, 0, _X86, "1.204", "0.4062"),
    _of("g4dn.8xlarge", "T4", "1", "16", 32, 128, 1, _X86, "2.176", "0.6706"),
    _of("g4dn.12xlarge", "T4", "4", "16", 48, 192, 1, _X86, "3.912", "1.2875"),
    _of("g4dn.16xlarge", "T4", "1", "16", 64, 256, 1, _X86, "4.352", "0.9122"),
    _of("g4dn.metal", "T4", "8", "16", 96, 384, 1, _X86, "7.824", "2.9236"),
    _of("g5.xlarge", "A10G", "1", "22.35", 4, 16, 0, _X86, "1.006", "0.4246"),
    _of("g5.2xlarge", "A10G", "1", "22.35", 8, 32, 0, _X86, "1.212", "0.4738"),
    _of("g5.4xlarge", "A10G", "1", "22.35", 16, 64, 0, _X86, "1.624", "0.6420"),
    _of("g5.8xlarge", "A10G", "1", "22.35", 32, 128, 1, _X86, "2.448", "0.8391"),
    _of("g5.12xlarge", "A10G", "4", "22.35", 48, 192, 1, _X86, "5.672", "2.0796"),
    _of("g5.16xlarge", "A10G", "1", "22.35", 64, 256, 1, _X86, "4.096", "1.1410"),
    _of("g5.24xlarge", "A10G", "4", "22.35", 96, 384, 1, _X86, "8.144", "2.7817"),
    _of("g5.48xlarge", "A10G", "8", "22.35", 192, 768, 1, _X86, "16.288", "4.5408"),
    _of("g5g.xlarge", "T4g", "1", "16", 4, 8, 0, _ARM, "0.42", "0.1309"),
    _of("g5g.2xlarge", "T4g", "1", "16", 8, 16, 0, _ARM, "0.556", "0.2096"),
    _of("g5g.4xlarge", "T4g", "1", "16", 16, 32, 0, _ARM, "0.828", "0.2741"),
    _of("g5g.8xlarge", "T4g", "1", "16", 32, 64, 0, _ARM, "1.372", "0.5411"),
    _of("g5g.16xlarge", "T4g", "2", "16", 64, 128, 0, _ARM, "2.744", "0.4066"),
    _of("g5g.metal", "T4g", "2", "16", 64, 128, 0, _ARM, "2.744", "0.3844"),
    _of("g6.xlarge", "L4", "1", "22.35", 4, 16, 0, _X86, "0.8048", "0.3490"),
    _of("g6.2xlarge", "L4", "1", "22.35", 8, 32, 0, _X86, "0.9776", "0.4416"),
    _of("g6.4xlarge", "L4", "1", "22.35", 16, 64, 0, _X86, "1.3232", "0.6637"),
    _of("g6.8xlarge", "L4", "1", "22.35", 32, 128, 1, _X86, "2.0144", "0.9393"),
    _of("g6.12xlarge", "L4", "4", "22.35", 48, 192, 1, _X86, "4.6016", "1.7552"),
    _of("g6.16xlarge", "L4", "1", "22.35", 64, 256, 1, _X86, "3.3968", "1.0717"),
    _of("g6.24xlarge", "L4", "4", "22.35", 96, 384, 1, _X86, "6.6752", "2.5043"),
    _of("g6.48xlarge", "L4", "8", "22.35", 192, 768, 1, _X86, "13.3504", "3.7289"),
    _of("g6e.xlarge", "L40S", "1", "44.7", 4, 32, 0, _X86, "1.861", "0.9154"),
    _of("g6e.2xlarge", "L40S", "1", "44.7", 8, 64, 0, _X86, "2.24208", "0.8064"),
    _of("g6e.4xlarge", "L40S", "1", "44.7", 16, 128, 0, _X86, "3.00424", "1.0320"),
    _of("g6e.8xlarge", "L40S", "1", "44.7", 32, 256, 1, _X86, "4.52856", "1.2495"),
    _of("g6e.12xlarge", "L40S", "4", "44.7", 48, 384, 1, _X86, "10.49264", "3.7887"),
    _of("g6e.16xlarge", "L40S", "1", "44.7", 64, 512, 1, _X86, "7.57719", "1.4678"),
    _of("g6e.24xlarge", "L40S", "4", "44.7", 96, 768, 2, _X86, "15.06559", "5.1278"),
    _of("g6e.48xlarge", "L40S", "8", "44.7", 192, 1536, 4, _X86, "30.13118", "8.0189"),
    _of("g6f.large", "L4", "0.125", "2.79", 2, 8, 0, _X86, "0.202", "0.0514"),
    _of("g6f.xlarge", "L4", "0.125", "2.79", 4, 16, 0, _X86, "0.2375", "0.0733"),
    _of("g6f.2xlarge", "L4", "0.25", "5.59", 8, 32, 0, _X86, "0.475", "0.1561"),
    _of("g6f.4xlarge", "L4", "0.5", "11.18", 16, 64, 0, _X86, "0.95", "0.3797"),
    _of("g7e.2xlarge", "RTX PRO Server 6000", "1", "96", 8, 64, 0, _X86, "3.36312", "1.4782"),
    _of("g7e.4xlarge", "RTX PRO Server 6000", "1", "96", 16, 128, 0, _X86, "3.99816", "1.7772"),
    _of("g7e.8xlarge", "RTX PRO Server 6000", "1", "96", 32, 256, 1, _X86, "5.26824", "2.2840"),
    _of("g7e.12xlarge", "RTX PRO Server 6000", "2", "96", 48, 512, 1, _X86, "8.28608", "3.6846"),
    _of("g7e.24xlarge", "RTX PRO Server 6000", "4", "96", 96, 1024, 2, _X86, "16.57216", "7.2628"),
    _of("g7e.48xlarge", "RTX PRO Server 6000", "8", "96", 192, 2048, 4, _X86, "33.14432", "14.5018"),
    _of("gr6.4xlarge", "L4", "1", "22.35", 16, 128, 0, _X86, "1.5392", "0.6502"),
    _of("gr6.8xlarge", "L4", "1", "22.35", 32, 256, 1, _X86, "2.4464", "0.8387"),
    _of("gr6f.4xlarge", "L4", "0.5", "11.18", 16, 128, 0, _X86, "1.066", "0.3720"),
    _of("inf2.xlarge", "Inferentia2", "1", "32", 4, 16, 0, _X86, "0.7582", "0.1152"),
    _of("inf2.8xlarge", "Inferentia2", "1", "32", 32, 128, 0, _X86, "1.96786", "0.4479"),
    _of("inf2.24xlarge", "Inferentia2", "6", "32", 96, 384, 0, _X86, "6.49063", "1.6792"),
    _of("inf2.48xlarge", "Inferentia2", "12", "32", 192, 768, 0, _X86, "12.98127", "4.1929"),
    _of("p3.2xlarge", "V100", "1", "16", 8, 61, None, _X86, "3.06", "0.3707"),
    _of("p3.8xlarge", "V100", "4", "16", 32, 244, None, _X86, "12.24", "1.4129"),
    _of("p3.16xlarge", "V100", "8", "16", 64, 488, None, _X86, "24.48", "2.6694"),
    _of("p3dn.24xlarge", "V100-32GB", "8", "32", 96, 768, 1, _X86, "31.212", "6.2567"),
    _of("p4d.24xlarge", "A100", "8", "40", 96, 1152, 4, _X86, "21.957642", "2.4655"),
    _of("p4de.24xlarge", "A100-80GB", "8", "80", 96, 1152, 4, _X86, "27.44705", "8.6505"),
    _of("p5.4xlarge", "H100", "1", "80", 16, 256, 1, _X86, "6.88", None),
    _of("p5.48xlarge", "H100", "8", "80", 192, 2048, 32, _X86, "55.04", "17.6289"),
    _of("p5e.48xlarge", "H200", "8", "141", 192, 2048, 32, _X86, None, "18.7359", "us-east-2"),
    _of("p5en.48xlarge", "H200", "8", "141", 192, 2048, 16, _X86, "63.296", "16.5551"),
    _of("p6-b200.48xlarge", "B200", "8", "179.06", 192, 2048, 8, _X86, "113.9328", "21.0148"),
    _of("p6-b300.48xlarge", "B300", "8", "268.59", 192, 4096, 16, _X86, "142.416", "33.4308", "us-west-2"),
    _of("trn1.2xlarge", "Trainium", "1", "32", 8, 32, 0, _X86, "1.34375", "0.2198"),
    _of("trn1.32xlarge", "Trainium", "16", "32", 128, 512, 8, _X86, "21.5", "2.4334"),
    _of("trn1n.32xlarge", "Trainium", "16", "32", 128, 512, 16, _X86, "24.78", "2.7033"),
    _of("trn2.48xlarge", "Trainium2", "16", "96", 192, 2048, 16, _X86, None, "23.0631", "us-east-2"),
    _of("c7i.large", None, "0", None, 2, 4, 0, _X86, "0.08925", None),
    _of("c7i.xlarge", None, "0", None, 4, 8, 0, _X86, "0.1785", None),
    _of("c7i.2xlarge", None, "0", None, 8, 16, 0, _X86, "0.357", None),
    _of("c7i.4xlarge", None, "0", None, 16, 32, 0, _X86, "0.714", None),
    _of("c7i.8xlarge", None, "0", None, 32, 64, 0, _X86, "1.428", None),
    _of("m6i.large", None, "0", None, 2, 8, 0, _X86, "0.096", None),
    _of("m6i.xlarge", None, "0", None, 4, 16, 0, _X86, "0.192", None),
    _of("m6i.2xlarge", None, "0", None, 8, 32, 0, _X86, "0.384", None),
    _of("m6i.4xlarge", None, "0", None, 16, 64, 0, _X86, "0.768", None),
    _of("m6i.8xlarge", None, "0", None, 32, 128, 0, _X86, "1.536", None),
    _of("m7g.large", None, "0", None, 2, 8, 0, _ARM, "0.0816", "0.0301"),
    _of("m7g.xlarge", None, "0", None, 4, 16, 0, _ARM, "0.1632", "0.0654"),
    _of("m7g.2xlarge", None, "0", None, 8, 32, 0, _ARM, "0.3264", "0.1352"),
    _of("m7g.4xlarge", None, "0", None, 16, 64, 0, _ARM, "0.6528", "0.2574"),
    _of("m7g.8xlarge", None, "0", None, 32, 128, 0, _ARM, "1.3056", "0.4211"),
    _of("m7i.large", None, "0", None, 2, 8, 0, _X86, "0.1008", "0.0361"),
    _of("m7i.xlarge", None, "0", None, 4, 16, 0, _X86, "0.2016", "0.0816"),
    _of("m7i.2xlarge", None, "0", None, 8, 32, 0, _X86, "0.4032", "0.1655"),
    _of("m7i.4xlarge", None, "0", None, 16, 64, 0, _X86, "0.8064", "0.3417"),
    _of("m7i.8xlarge", None, "0", None, 32, 128, 0, _X86, "1.6128", "0.7429"),
    _of("r7i.large", None, "0", None, 2, 16, 0, _X86, "0.1323", "0.0400"),
    _of("r7i.xlarge", None, "0", None, 4, 32, 0, _X86, "0.2646", "0.0841"),
    _of("r7i.2xlarge", None, "0", None, 8, 64, 0, _X86, "0.5292", "0.2114"),
    _of("r7i.4xlarge", None, "0", None, 16, 128, 0, _X86, "1.0584", "0.3621"),
    _of("r7i.8xlarge", None, "0", None, 32, 256, 0, _X86, "2.1168", "0.5479"),
    _of("t3.medium", None, "0", None, 2, 4, 0, _X86, "0.0416", "0.0170"),
    _of("t3.large", None, "0", None, 2, 8, 0, _X86, "0.0832", "0.0391"),
    _of("t3.xlarge", None, "0", None, 4, 16, 0, _X86, "0.1664", "0.0650"),
    _of("t3.2xlarge", None, "0", None, 8, 32, 0, _X86, "0.3328", "0.0873"),
)

INSTANCE_TYPES: Final[Mapping[str, InstanceType]] = MappingProxyType({kind.name: kind for kind in _TABLE})
"""Every known instance type by its name."""


def instance_type(name: str) -> InstanceType:
    """The instance type of that name; UnknownInstanceType (a ValueError) names the nearest where there is none."""
    if name not in INSTANCE_TYPES:
        raise UnknownInstanceType(_unknown("instance type", name, INSTANCE_TYPES))
    return INSTANCE_TYPES[name]


def accelerators() -> tuple[str, ...]:
    """Names of all accelerators, sorted."""
    return tuple(sorted({kind.accelerator for kind in INSTANCE_TYPES.values() if kind.accelerator}))


def with_accelerator(name: str) -> tuple[InstanceType, ...]:
    """All types with that accelerator, from the smallest to the largest; ValueError names the nearest accelerators."""
    if name not in accelerators():
        raise ValueError(_unknown("accelerator", name, accelerators()))
    found = (kind for kind in INSTANCE_TYPES.values() if kind.accelerator == name)
    return tuple(sorted(found, key=lambda kind: (kind.accelerator_count, kind.vcpus, kind.memory_gib, kind.name)))


def _unknown(what: str, name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    nearest = get_close_matches(name, known, n=3, cutoff=0.0)
    return f"{what} {name!r} is unknown; nearest known: {', '.join(nearest)}; fix: use one of these, or add a row"
