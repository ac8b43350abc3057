"""Network: a VPC for nodes, pods and load balancers over two or three zones, or one that exists."""

from mlplatform.network.args import ExistingNetwork, NatMode, NetworkArgs, NetworkFlowLogs, NetworkSettings
from mlplatform.network.component import Network

__all__ = ["ExistingNetwork", "NatMode", "Network", "NetworkArgs", "NetworkFlowLogs", "NetworkSettings"]
