"""What pods can have of a node: its hardware, less what the node keeps for itself.

- The virtual machine: EC2's figure of memory is more than the operating system sees. Karpenter takes 7.5 % off until it
  has seen a node (its chart, `settings.vmMemoryOverheadPercent`), and so does this, for every node.
- The kubelet: CPU by the number of cores, memory by the number of pods, a margin before eviction (amazon-eks-ami,
  nodeadm, internal/kubelet/config.go; Karpenter computes the same). For the memory, nodeadm counts the pods for which
  the network interfaces of the type have addresses, hundreds on a large one, whatever number the kubelet is told: nodes
  are told the memory too, by `kubelet`.
- What runs on every node, DaemonSets: a reserve that the caller states.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from mlplatform.facts.aws.instances import InstanceType

VM_OVERHEAD: Final = Fraction("0.075")
"""Share of EC2's figure of memory that the operating system does not see, at most."""
EVICTION_MIB: Final = 100
"""Memory below which the kubelet evicts pods (`evictionHard`, memory.available)."""
MAX_PODS: Final = 110
"""Pods of a node where nobody says otherwise: what Kubernetes is tested for (Kubernetes documentation, Considerations
for large clusters); prefix delegation has addresses for them on every type."""

# Beginning of a range in thousandths of a core, and how many ten-thousandths of it are reserved.
_CPU_RANGES: Final = ((0, 600), (1000, 100), (2000, 50), (4000, 25))


@dataclass(frozen=True, slots=True)
class Resources:
    """CPU and memory."""

    cpu_millicores: int
    """Thousandths of a core."""
    memory_mib: int
    """MiB."""


def reserved_cpu_millicores(vcpus: int) -> int:
    """CPU that the kubelet reserves for itself and the container runtime."""
    total = vcpus * 1000
    ends = [begin for begin, _ in _CPU_RANGES[1:]] + [total]
    return sum(
        max(0, min(total, end) - begin) * share // 10_000 for (begin, share), end in zip(_CPU_RANGES, ends, strict=True)
    )


def reserved_memory_mib(max_pods: int) -> int:
    """Memory that the kubelet reserves for itself and the container runtime."""
    return 255 + 11 * max_pods


def kubelet(max_pods: int) -> dict[str, object]:
    """What a kubelet must be told so that its node keeps for itself what `allocatable` takes off.

    CPU is not in it: it goes by the instance type, and nobody counts it otherwise.
    """
    return {"maxPods": max_pods, "kubeReserved": {"memory": f"{reserved_memory_mib(max_pods)}Mi"}}


def allocatable(kind: InstanceType, max_pods: int, daemons: Resources) -> Resources:
    """What pods other than `daemons` can have of one node."""
    memory = int(kind.memory_gib * 1024 * (1 - VM_OVERHEAD))
    kept = reserved_memory_mib(max_pods) + EVICTION_MIB + daemons.memory_mib
    return Resources(
        cpu_millicores=max(0, kind.vcpus * 1000 - reserved_cpu_millicores(kind.vcpus) - daemons.cpu_millicores),
        memory_mib=max(0, memory - kept),
    )
