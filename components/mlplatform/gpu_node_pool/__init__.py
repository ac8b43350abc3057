"""GpuNodePool: nodes with or without GPUs, from Karpenter or in managed node groups, and what a queue may give out."""

from mlplatform.gpu_node_pool.args import (
    FallbackTier,
    GpuNodePoolArgs,
    GpuNodePoolSettings,
    KarpenterNodes,
    ManagedNodes,
    PoolDaemons,
    PoolNeed,
    PoolPlacementGroup,
    PoolSharing,
    PoolTaint,
    PoolTier,
    PoolWorkingHours,
    ReservedTier,
    SpotTier,
    TaintEffect,
)
from mlplatform.gpu_node_pool.component import GpuNodePool

__all__ = [
    "FallbackTier",
    "GpuNodePool",
    "GpuNodePoolArgs",
    "GpuNodePoolSettings",
    "KarpenterNodes",
    "ManagedNodes",
    "PoolDaemons",
    "PoolNeed",
    "PoolPlacementGroup",
    "PoolSharing",
    "PoolTaint",
    "PoolTier",
    "PoolWorkingHours",
    "ReservedTier",
    "SpotTier",
    "TaintEffect",
]
