"""EC2's quotas of running instances, which count vCPUs, by group of instance families and by how they are bought.

Codes and names are those of `aws service-quotas list-service-quotas --service-code ec2`, as public listings show them.
Instances in an On-Demand Capacity Reservation count as On-Demand ones. Capacity blocks have quotas of their own, whose
codes no source at hand states.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Quota:
    """One quota of an account in a region."""

    code: str
    """Code, such as `L-417A185B`."""
    name: str
    """Name, as the console shows it."""
    verified: bool = True
    """Whether listings agree on it."""


_ON_DEMAND: Final = {
    "standard": Quota("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"),
    "g": Quota("L-DB2E81BA", "Running On-Demand G and VT instances"),
    "p": Quota("L-417A185B", "Running On-Demand P instances"),
}
_SPOT: Final = {
    "standard": Quota("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests"),
    "g": Quota("L-3819A6DF", "All G and VT Spot Instance Requests"),
    # Older listings have this one for P4, P3 and P2 only, and L-C4BD4855 for P5.
    "p": Quota("L-7212CCBC", "All P Spot Instance Requests", verified=False),
}
_GROUPS: Final[Mapping[str, str]] = MappingProxyType(
    {**dict.fromkeys("acdhimrtz", "standard"), "g": "g", "gr": "g", "p": "p"}
)


def quota(instance_type: str, *, spot: bool) -> Quota:
    """The quota that an instance type counts against; ValueError for a family without a row."""
    family = re.split(r"\d", instance_type, maxsplit=1)[0]
    if family not in _GROUPS:
        raise ValueError(f"instance type {instance_type!r} has no known quota; known families: {', '.join(_GROUPS)}")
    return (_SPOT if spot else _ON_DEMAND)[_GROUPS[family]]
