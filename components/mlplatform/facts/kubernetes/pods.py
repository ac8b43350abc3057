"""What every pod and namespace made here has: the restricted Pod Security Standard, as plain dictionaries.

Source: Kubernetes documentation, Pod Security Standards, profile Restricted.
"""

from types import MappingProxyType
from typing import Final

RESTRICTED_NAMESPACE: Final = MappingProxyType(
    {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }
)
"""Labels of a namespace that admits no pod outside the restricted profile."""
USER: Final = 65532
"""User and group of containers: the `nonroot` user of distroless images, unprivileged in any image."""


def pod_security(*, user: int = USER) -> dict[str, object]:
    """The `securityContext` of a pod: `user` as user, group and owner of its volumes, the runtime's seccomp profile."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security(*, read_only: bool = True) -> dict[str, object]:
    """The `securityContext` of a container: no privilege, no capability, and a read-only root file system.

    `read_only` is False for images that are known to write to it.
    """
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": read_only,
    }
