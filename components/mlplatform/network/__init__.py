"""Network: a VPC for nodes, pods and load balancers over two or three zones, or one that exists."""

from mlplatform.network.component import (
    ExistingNetwork,
    NatMode,
    Network,
    NetworkArgs,
    NetworkFlowLogs,
    NetworkSettings,
)

__all__ = ["ExistingNetwork", "NatMode", "Network", "NetworkArgs", "NetworkFlowLogs", "NetworkSettings"]
