"""Labels, annotations and names on which controllers and components agree: changing one is a migration."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

DOMAIN: Final = "mlplatform.dev"
"""Prefix of the labels and annotations of this project."""
COMPONENT: Final = f"{DOMAIN}/component"
"""Logical name of the component that an object belongs to; selectors of alerts and policies use it."""
QUEUE: Final = f"{DOMAIN}/queue"
"""On a namespace: `managed` where Kueue admits the jobs."""
QUEUE_MANAGED: Final = "managed"
"""The value of `QUEUE` that Kueue selects."""
POOL: Final = f"{DOMAIN}/pool"
"""On a node: the pool that it belongs to, whatever its tier."""
PURPOSE: Final = f"{DOMAIN}/purpose"
"""On a node: what its pool is for."""

MANAGED_BY: Final = ("app.kubernetes.io/managed-by", "mlplatform")
"""On every object that a component makes."""
NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
"""On every namespace, its name: set by the API server (Kubernetes documentation, Well-Known Labels)."""

KUEUE_QUEUE_NAME: Final = "kueue.x-k8s.io/queue-name"
"""On a job: the LocalQueue that it waits in."""
KUEUE_PRIORITY_CLASS: Final = "kueue.x-k8s.io/priority-class"
"""On a job: its WorkloadPriorityClass."""

KARPENTER_NODE_POOL: Final = "karpenter.sh/nodepool"
"""On a node: the NodePool that made it; Karpenter sets it."""
KARPENTER_CAPACITY_TYPE: Final = "karpenter.sh/capacity-type"
"""On a node: reserved, on-demand or spot; Karpenter rewrites it when an instance leaves its reservation."""
KARPENTER_DO_NOT_DISRUPT: Final = "karpenter.sh/do-not-disrupt"
"""On a pod, "true": Karpenter does not end its node by its own doing."""
EKS_NODE_GROUP: Final = "eks.amazonaws.com/nodegroup"
"""On a node of a managed node group: the group's name; EKS sets it."""

GPU: Final = "nvidia.com/gpu"
"""Extended resource of one NVIDIA GPU, and the taint of nodes that have one."""
GPU_PRESENT: Final = "nvidia.com/gpu.present"
"""On a node, "true": the device plugin and the DCGM exporter run there."""
EFA: Final = "vpc.amazonaws.com/efa"
"""Extended resource of one Elastic Fabric Adapter interface."""

APP: Final = "app.kubernetes.io/name"
"""On the pods of a chart or operator: what runs in them."""
PROMETHEUS: Final[Mapping[str, str]] = MappingProxyType({APP: "prometheus"})
"""On the pods of Prometheus: its operator sets it."""
PROMETHEUS_PORT: Final = 9090
"""Where they are asked (kube-prometheus-stack, values.yaml, prometheus.service.targetPort)."""
PUSHGATEWAY: Final[Mapping[str, str]] = MappingProxyType({APP: "prometheus-pushgateway"})
"""On the Pushgateway's pods: its chart sets it (prometheus-pushgateway, templates/_helpers.tpl)."""
PUSHGATEWAY_PORT: Final = 9091
"""Where they listen (prometheus-pushgateway, values.yaml, service.targetPort)."""
