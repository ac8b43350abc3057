"""Addons: the controllers of a cluster, and their version matrix."""

from mlplatform.addons.args import (
    Addon,
    AddonsArgo,
    AddonsArgs,
    AddonsEksVersions,
    AddonsExternalSecrets,
    AddonsGateway,
    AddonsGpu,
    AddonsKarpenter,
    AddonsKeda,
    AddonsKServe,
    AddonsKueue,
    AddonsPushgateway,
    AddonsSettings,
    GpuSoftware,
)
from mlplatform.addons.component import Addons

__all__ = [
    "Addon",
    "Addons",
    "AddonsArgo",
    "AddonsArgs",
    "AddonsEksVersions",
    "AddonsExternalSecrets",
    "AddonsGateway",
    "AddonsGpu",
    "AddonsKServe",
    "AddonsKarpenter",
    "AddonsKeda",
    "AddonsKueue",
    "AddonsPushgateway",
    "AddonsSettings",
    "GpuSoftware",
]
