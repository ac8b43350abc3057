"""Shares of GPUs: their names as resources, how many a GPU has, and on which names pools and GPU software agree."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mlplatform.contracts.labels import GPU

DEVICE_PLUGIN_CONFIG: Final = "nvidia.com/device-plugin.config"
"""On a node: the configuration of the device plugin that holds there."""
MIG_CONFIG: Final = "nvidia.com/mig.config"
"""On a node: the configuration by which the MIG manager partitions its GPUs."""
TIME_SLICE: Final = f"{GPU}.shared"
"""Resource of one time slice, as the device plugin names it with `renameByDefault`."""

_80_GB: Final = {"1g.10gb": 7, "1g.20gb": 4, "2g.20gb": 3, "3g.40gb": 2}
MIG_PROFILES: Final[Mapping[str, Mapping[str, int]]] = MappingProxyType(
    {
        "A100": {"1g.5gb": 7, "1g.10gb": 4, "2g.10gb": 3, "3g.20gb": 2},
        "A100-80GB": _80_GB,
        "H100": _80_GB,
        "H200": {"1g.18gb": 7, "1g.35gb": 4, "2g.35gb": 3, "3g.71gb": 2},
        "B200": {"1g.23gb": 7, "1g.45gb": 4, "2g.45gb": 3, "3g.90gb": 2},
        "B300": {"1g.34gb": 7, "1g.67gb": 4, "2g.67gb": 3, "3g.135gb": 2},
        "RTX PRO Server 6000": {"1g.24gb": 4, "2g.48gb": 2},
    }
)
"""Partitions that a GPU has of each profile, if it is partitioned into that one only (NVIDIA Multi-Instance GPU User
Guide, Supported MIG Profiles; the MIG manager's configurations `all-<profile>`)."""


def mig_resource(profile: str) -> str:
    """Resource of one partition, as the device plugin names it under the strategy `mixed`."""
    return f"nvidia.com/mig-{profile}"


def time_slicing_config(slices: int) -> str:
    """Name of the device plugin's configuration with `slices` of each GPU: the value of `DEVICE_PLUGIN_CONFIG`."""
    return f"time-slicing-{slices}"


def mig_config(profile: str) -> str:
    """Name of the MIG manager's configuration that partitions GPUs into `profile` only: the value of `MIG_CONFIG`."""
    return f"all-{profile}"
