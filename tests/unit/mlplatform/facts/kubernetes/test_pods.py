"""What pods have in common: the restricted Pod Security Standard, control by control."""

import json

from mlplatform.facts.kubernetes.pods import RESTRICTED_NAMESPACE, USER, container_security, pod_security


def test_namespace_admits_restricted_pods_only() -> None:
    assert dict(RESTRICTED_NAMESPACE) == {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }


def test_pod_is_somebody_without_privileges() -> None:
    assert pod_security() == {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod_security(user=1000)["fsGroup"] == 1000
    assert USER != 0


def test_container_has_no_capability_and_writes_to_volumes_only() -> None:
    assert container_security() == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert container_security(read_only=False)["readOnlyRootFilesystem"] is False


def test_parts_are_plain_and_nobody_elses() -> None:
    json.dumps([pod_security(), container_security()])
    container_security()["capabilities"] = {}
    assert container_security()["capabilities"] == {"drop": ["ALL"]}
