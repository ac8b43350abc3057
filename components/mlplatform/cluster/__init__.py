"""Cluster: EKS with everything that a pod needs before the first controller, or a cluster that exists."""

from mlplatform.cluster.args import (
    ClusterAccess,
    ClusterAccessPolicy,
    ClusterAddonVersions,
    ClusterAmi,
    ClusterArgs,
    ClusterNodes,
    ClusterSettings,
    ClusterSupport,
    ExistingCluster,
    ExistingKarpenter,
    ServiceLinkedRole,
)
from mlplatform.cluster.component import Cluster

__all__ = [
    "Cluster",
    "ClusterAccess",
    "ClusterAccessPolicy",
    "ClusterAddonVersions",
    "ClusterAmi",
    "ClusterArgs",
    "ClusterNodes",
    "ClusterSettings",
    "ClusterSupport",
    "ExistingCluster",
    "ExistingKarpenter",
    "ServiceLinkedRole",
]
