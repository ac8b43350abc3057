"""What the pods of the registry have in common, as parts of a PodSpec in the API's own spelling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from mlplatform.contracts.labels import COMPONENT, DOMAIN
from mlplatform.core.build import Build
from mlplatform.core.capacity import placement
from mlplatform.core.objects import Objects
from mlplatform.facts.kubernetes.pods import container_security, pod_security
from mlplatform.model_registry import mlflow
from mlplatform.model_registry.args import ModelRegistryArgs, RegistryServer
from mlplatform.model_registry.secrets import ACCOUNTS, CONNECTION

ROLE: Final = f"{DOMAIN}/role"
"""On a pod: whether it is the server or a job."""
PART: Final = f"{DOMAIN}/part"
"""On the pod of a job: which one."""
SERVER, JOB = "server", "job"
SERVER_ACCOUNT, JOBS_ACCOUNT = "model-registry", "model-registry-jobs"
"""Service accounts: only the server has rights in AWS."""
JOB_RESOURCES: Final[Mapping[str, str]] = {"cpu": "250m", "memory": "1Gi", "ephemeral-storage": "1Gi"}
"""What each job has: a Python process with MLflow loaded takes 300 MiB."""


@dataclass(frozen=True, slots=True)
class Home:
    """An own server under construction, once its data are there."""

    build: Build[ModelRegistryArgs]
    """The component."""
    server: RegistryServer
    """What was asked for."""
    objects: Objects
    """Maker of the Kubernetes objects."""
    namespace: pulumi.Output[str]
    """Namespace, known when that exists."""
    config: pulumi.Output[str]
    """Name of the ConfigMap, known when that exists."""
    config_hash: pulumi.Output[str]
    """Hash of its content: a pod's annotation, so that another content makes other pods."""

    @property
    def secrets(self) -> Mapping[str, str]:
        """Name of the Secret with the connection, and of that with the accounts."""
        return {role: f"{self.objects.name}-{role}" for role in (CONNECTION, ACCOUNTS)}


def labels(name: str, role: str, part: str | None = None) -> dict[str, str]:
    """Labels of the server's pods, or of those of a job."""
    return {COMPONENT: name, ROLE: role, **({PART: part} if part else {})}


def template(home: Home, role: str, part: str | None, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The template of pods of one role."""
    return {
        "metadata": {
            "labels": labels(home.objects.name, role, part),
            "annotations": {f"{DOMAIN}/config": home.config_hash},
        },
        "spec": {
            # Pod Identity brings a token of its own; the one for the API server is nobody's business here.
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": pod_security(),
            **placement(home.build.args.tiers),
            **spec,
        },
    }


def container(
    home: Home, name: str, arguments: Sequence[Any], mounts: Sequence[str], variables: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A container of MLflow's image, without its resources; `mounts` name volumes."""
    environment = {**mlflow.environment(), **(variables or {})}
    return {
        "name": name,
        "image": home.server.image,
        "command": list(arguments),
        "env": [_variable(key, value) for key, value in environment.items()],
        "securityContext": container_security(),
        "volumeMounts": [{"name": volume, **_MOUNTS[volume]} for volume in mounts],
    }


def volumes(home: Home, names: Sequence[str], *, disk: pulumi.Input[str]) -> list[dict[str, Any]]:
    """Volumes of a pod by their names; `disk` is the size of the temporary one."""
    known: Mapping[str, dict[str, Any]] = {
        "tmp": {"emptyDir": {"sizeLimit": disk}},
        "config": {"configMap": {"name": home.config}},
        CONNECTION: {"secret": {"secretName": home.secrets[CONNECTION], "defaultMode": 0o440}},
        ACCOUNTS: {"secret": {"secretName": home.secrets[ACCOUNTS], "defaultMode": 0o440}},
    }
    return [{"name": name, **known[name]} for name in names]


_MOUNTS: Final[Mapping[str, dict[str, Any]]] = {
    "tmp": {"mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
    "config": {"mountPath": mlflow.CONFIG, "readOnly": True},
    CONNECTION: {"mountPath": mlflow.CONNECTION, "readOnly": True},
    ACCOUNTS: {"mountPath": mlflow.ACCOUNTS, "readOnly": True},
}


def _variable(name: str, value: Any) -> dict[str, Any]:
    """A variable: a text, or where it comes from."""
    return {"name": name, "valueFrom": value} if isinstance(value, dict) else {"name": name, "value": value}
