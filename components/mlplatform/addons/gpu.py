"""Software of nodes with GPUs: what makes GPUs known, what measures them, and how they are shared."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import yaml

from mlplatform.addons.args import AddonsGpu
from mlplatform.addons.given import Given, Values
from mlplatform.contracts.gpu_sharing import time_slicing_config
from mlplatform.contracts.labels import DOMAIN, GPU, GPU_PRESENT
from mlplatform.facts.aws.instances import INSTANCE_TYPES

NAMESPACE: Final = "gpu-software"
WHOLE: Final = "default"
"""The device plugin's configuration of nodes that name none: whole GPUs, or the partitions that a GPU has."""
ON_GPU_NODES: Final = MappingProxyType({GPU_PRESENT: "true"})
TOLERATION: Final = MappingProxyType({"key": GPU, "operator": "Exists", "effect": "NoSchedule"})
COUNTERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "DCGM_FI_DEV_GPU_UTIL": ("gauge", "Time in which a kernel ran (in %)."),
        "DCGM_FI_DEV_FB_USED": ("gauge", "Memory in use (in MiB)."),
        "DCGM_FI_DEV_FB_FREE": ("gauge", "Memory free (in MiB)."),
        "DCGM_FI_DEV_GPU_TEMP": ("gauge", "Temperature of the GPU (in C)."),
        "DCGM_FI_DEV_MEMORY_TEMP": ("gauge", "Temperature of the memory (in C)."),
        "DCGM_FI_DEV_POWER_USAGE": ("gauge", "Power drawn (in W)."),
        "DCGM_FI_DEV_XID_ERRORS": ("gauge", "The last XID error."),
        "DCGM_FI_DEV_ROW_REMAP_FAILURE": ("gauge", "Whether a row could not be remapped."),
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": ("counter", "Rows remapped for uncorrectable errors."),
        "DCGM_FI_DEV_CLOCKS_EVENT_REASONS": ("gauge", "Why clocks are throttled (bits)."),
        "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": ("counter", "Retries on PCIe."),
        "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL": ("counter", "Traffic of all NVLinks."),
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE": ("gauge", "Share of time in which the graphics engine was active."),
        "DCGM_FI_PROF_SM_ACTIVE": ("gauge", "Share of cycles in which a multiprocessor had a warp."),
        "DCGM_FI_PROF_SM_OCCUPANCY": ("gauge", "Share of a multiprocessor's warps that were resident."),
        "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": ("gauge", "Share of cycles in which tensor cores were active."),
        "DCGM_FI_PROF_DRAM_ACTIVE": ("gauge", "Share of cycles in which memory sent or received."),
        "DCGM_FI_PROF_NVLINK_TX_BYTES": ("counter", "Bytes sent by NVLink."),
        "DCGM_FI_PROF_NVLINK_RX_BYTES": ("counter", "Bytes received by NVLink."),
    }
)
"""What the DCGM exporter exports, with kind and help: names as NVIDIA's DCGM API has its fields. The exporter's own
list leaves out those of multiprocessors."""


def counters() -> str:
    """The exporter's list, as the CSV that it reads."""
    return "".join(f"{name}, {kind}, {text}\n" for name, (kind, text) in COUNTERS.items())


def sharing(slices: Sequence[int]) -> dict[str, str]:
    """Configurations of the device plugin, as YAML by the name that a node's label chooses."""
    whole = {"version": "v1", "flags": {"migStrategy": "mixed"}}
    sliced = {time_slicing_config(count): {**whole, "sharing": {"timeSlicing": _slicing(count)}} for count in slices}
    return {name: yaml.safe_dump(made, sort_keys=True) for name, made in sorted({WHOLE: whole, **sliced}.items())}


def _slicing(count: int) -> dict[str, Any]:
    # Renamed, so that a pod asks for a slice by name. More than one slice is not more of the GPU: such pods fail.
    return {
        "renameByDefault": True,
        "failRequestsGreaterThanOne": True,
        "resources": [{"name": GPU, "replicas": count}],
    }


def device_plugin(given: Given) -> Values:
    """NVIDIA's device plugin, with the configurations that nodes choose from."""
    return {
        "config": {"map": sharing(_wanted(given).time_slices or ()), "default": WHOLE},
        "nodeSelector": dict(ON_GPU_NODES),
        # The chart's, and relied on: the taint of pools with GPUs.
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}, dict(TOLERATION)],
        "gfd": {"enabled": False},
    }


def exporter(given: Given) -> Values:
    """The DCGM exporter; neither its chart's tolerations nor its node selector fit nodes with GPUs."""
    return {
        "nodeSelector": dict(ON_GPU_NODES),
        "tolerations": [dict(TOLERATION)],
        # Pods restart when the list changes: a file mounted by its name is not read anew.
        "podAnnotations": {f"{DOMAIN}/counters": hashlib.sha256(counters().encode()).hexdigest()},
        "extraConfigMapVolumes": [
            {
                "name": "exporter-metrics-volume",
                "configMap": {
                    "name": counters_name(given),
                    "items": [{"key": "metrics", "path": "default-counters.csv"}],
                },
            }
        ],
        "kubernetes": {"enablePodLabels": True},
        # Labels `pod` and `namespace` are the exporter's own, by which rules find the node; the user's are `exported_`.
        "serviceMonitor": {"enabled": given.monitored, "honorLabels": False},
    }


def operator(given: Given) -> Values:
    """NVIDIA's GPU operator. Driver and container toolkit are in EKS's images for GPUs."""
    return {
        "driver": {"enabled": False},
        "toolkit": {"enabled": False},
        "mig": {"strategy": "mixed"},
        "migManager": {"enabled": True},
        "devicePlugin": {
            "config": {
                "create": True,
                "name": f"{given.name}-device-plugin",
                "default": WHOLE,
                "data": sharing(_wanted(given).time_slices or ()),
            }
        },
        "dcgmExporter": {
            "enabled": True,
            "config": {"name": counters_name(given)},
            "env": [
                {"name": "DCGM_EXPORTER_COLLECTORS", "value": "/etc/dcgm-exporter/dcgm-metrics.csv"},
                {"name": "COUNTERS", "value": hashlib.sha256(counters().encode()).hexdigest()},
            ],
            "enablePodLabels": True,
            "serviceMonitor": {"enabled": given.monitored, "honorLabels": False},
        },
        # For machines that run virtual ones.
        "sandboxWorkloads": {"enabled": False},
    }


def efa(_: Given) -> Values:
    """The device plugin of Elastic Fabric Adapters, on every type that has some: the chart's list is as old as it."""
    kinds = sorted(kind.name for kind in INSTANCE_TYPES.values() if kind.efa_interfaces)
    return {
        "supportedInstanceLabels": {"keys": ["node.kubernetes.io/instance-type"], "values": kinds},
        "tolerations": [dict(TOLERATION)],
    }


def counters_name(given: Given) -> str:
    """Name of the ConfigMap with the exporter's list."""
    return f"{given.name}-dcgm-counters"


def _wanted(given: Given) -> AddonsGpu:
    return given.args.gpu or AddonsGpu()


VALUES: Final[Mapping[str, Callable[[Given], Values]]] = MappingProxyType(
    {
        "nvidia-device-plugin": device_plugin,
        "dcgm-exporter": exporter,
        "gpu-operator": operator,
        "aws-efa-k8s-device-plugin": efa,
    }
)
"""Values by row."""
