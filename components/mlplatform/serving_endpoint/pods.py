"""What the pods of both Kubernetes kinds have in common, as parts of a PodSpec in the API's own spelling."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import pulumi

from mlplatform.contracts import request_log
from mlplatform.contracts.labels import COMPONENT
from mlplatform.contracts.rollout import MODEL_URI, TRACK, VERSION
from mlplatform.core.args import In
from mlplatform.core.capacity import placement
from mlplatform.core.objects import Objects
from mlplatform.facts.kubernetes.pods import container_security, pod_security
from mlplatform.serving_endpoint.access import ModelSource
from mlplatform.serving_endpoint.args import (
    VERSION_VARIABLE,
    WRITER_PORT,
    ServingEndpointArgs,
    ServingResources,
)

SERVICE_ACCOUNT: Final = "model-server"
"""Service account of an endpoint's pods, in the endpoint's own namespace."""
DRAIN_SECONDS: Final = 15
"""Seconds that a server goes on after it was told to end: Envoy learns of it later than the server does."""
PROBE_SECONDS: Final = 10
STRATEGY: Final = MappingProxyType(
    {"type": "RollingUpdate", "rollingUpdate": MappingProxyType({"maxSurge": 1, "maxUnavailable": 0})}
)
"""Of an update: one replica more than wanted, never one less."""
WRITER: Final[Mapping[str, str]] = MappingProxyType({"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "1Gi"})
"""What the request log's sidecar has."""


@dataclass(frozen=True, slots=True)
class Serving:
    """An endpoint on Kubernetes under construction."""

    name: str
    """Name of the endpoint."""
    args: ServingEndpointArgs
    """What it was asked to be."""
    objects: Objects
    """Maker of its objects."""
    namespace: pulumi.Output[str]
    """Its namespace, known when that exists."""
    models: Mapping[str, ModelSource]
    """The model of each track."""
    region: pulumi.Output[str]
    """Its region."""
    ready: pulumi.ResourceOptions
    """Options of objects that make pods: after access and network policies."""

    @property
    def namespace_name(self) -> str:
        """Name of its namespace, known at once."""
        return self.args.namespace or self.name


def labels(name: str, track: str) -> dict[str, str]:
    """Labels of the pods of one track."""
    return {COMPONENT: name, TRACK: track}


def annotations(serving: Serving, track: str) -> dict[str, str]:
    """Annotations of the pods of one track: which version they serve."""
    return {VERSION: serving.models[track].version}


def pod(serving: Serving, track: str, *, user: In[int] | None) -> dict[str, Any]:
    """The parts of a PodSpec beside its containers."""
    args = serving.args
    return {
        "serviceAccountName": SERVICE_ACCOUNT,
        # Pod Identity brings a token of its own; the one for the API server is nobody's business here.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {**pod_security(), **dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), user)},
        "terminationGracePeriodSeconds": pulumi.Output.from_input(args.timeout_seconds).apply(_grace),
        # Preferred only: a replica in the same zone serves, one that waits for another zone does not.
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels(serving.name, track)},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "volumes": _volumes(args),
        **placement(args.tiers),
    }


def server(args: ServingEndpointArgs, *, port: In[int], live: object, ready: object, read_only: bool) -> dict[str, Any]:
    """The parts of the server's container that do not depend on its image."""
    resources = args.resources or ServingResources()
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - a volume of the pod's own
    if resources.gpus:
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108 - likewise
    return {
        "resources": _resources(args),
        "securityContext": container_security(read_only=read_only),
        "volumeMounts": mounts,
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "startupProbe": {
            **_http(live, port, seconds=PROBE_SECONDS),
            "failureThreshold": -(-(args.startup_seconds or 0) // PROBE_SECONDS),
        },
        "readinessProbe": {**_http(ready, port, seconds=5), "failureThreshold": 3},
        # A busy server is slow, not dead: a minute without any answer.
        "livenessProbe": {**_http(live, port, seconds=PROBE_SECONDS), "failureThreshold": 6},
    }


def writer(serving: Serving, track: str, name: str, *, upstream: In[int]) -> dict[str, Any]:
    """The request log's sidecar: requests come to it, and it passes them on to the server."""
    log = serving.args.request_log
    if log is None:
        raise ValueError(f"{serving.name} has no request log")
    variables = request_log.env(
        bucket=serving.args.feature_bucket_name,
        endpoint=serving.name,
        model=serving.models[track].name,
        version=f"$({VERSION_VARIABLE})",
        sample_percent=log.sample_percent,
    )
    variables[request_log.UPSTREAM] = pulumi.Output.format("http://127.0.0.1:{0}", upstream)
    variables[request_log.PORT] = WRITER_PORT
    variables["AWS_DEFAULT_REGION"] = serving.region
    listening: dict[str, Any] = {"tcpSocket": {"port": WRITER_PORT}}
    return {
        "name": name,
        "image": serving.args.runtime_image if log.image is None else log.image,
        **({"args": list(log.args)} if log.args else {}),
        "ports": [{"name": "http-log", "containerPort": WRITER_PORT, "protocol": "TCP"}],
        "env": environment(variables),
        # No limit of CPU: every request passes through it, and a throttled one would wait.
        "resources": {"requests": dict(WRITER), "limits": {name: WRITER[name] for name in WRITER if name != "cpu"}},
        "securityContext": container_security(),
        "volumeMounts": [{"name": "log", "mountPath": "/tmp"}],  # noqa: S108 - a volume of the pod's own
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "readinessProbe": {**listening, "periodSeconds": 5},
        "livenessProbe": {**listening, "periodSeconds": PROBE_SECONDS, "failureThreshold": 6},
    }


def model_uri(serving: Serving, track: str) -> dict[str, object]:
    """The variable that tells a server where the version lies that its pod's annotation names."""
    model = serving.models[track]
    return {MODEL_URI: pulumi.Output.concat("s3://", model.bucket, f"/{model.name}/$({VERSION_VARIABLE})/")}


def environment(values: Mapping[str, object]) -> list[dict[str, object]]:
    """Environment variables of a container, after the version, which they may refer to."""
    version = {"fieldRef": {"fieldPath": f"metadata.annotations['{VERSION}']"}}
    return [
        {"name": VERSION_VARIABLE, "valueFrom": version},
        *({"name": name, "value": _text(value)} for name, value in values.items()),
    ]


def entry(args: ServingEndpointArgs, port: In[int]) -> In[int]:
    """The port that requests come to: the request log's sidecar, or the server itself."""
    return WRITER_PORT if args.request_log else port


def _text(value: object) -> object:
    """A value as variables have it: text."""
    return value if isinstance(value, str) else pulumi.Output.from_input(value).apply(str)


def _grace(timeout: int | None) -> int:
    return (timeout or 0) + 2 * DRAIN_SECONDS


def _http(path: object, port: In[int], *, seconds: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": seconds, "timeoutSeconds": seconds // 2}


def _resources(args: ServingEndpointArgs) -> dict[str, Any]:
    resources = args.resources or ServingResources()
    amounts: dict[str, Any] = {
        "cpu": resources.cpu,
        "memory": resources.memory,
        "ephemeral-storage": resources.disk,
    }
    if resources.gpus and args.gpu_resource:
        amounts[args.gpu_resource] = str(resources.gpus)
    return {"requests": amounts, "limits": dict(amounts)}


def _volumes(args: ServingEndpointArgs) -> list[dict[str, Any]]:
    resources = args.resources or ServingResources()
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    if resources.gpus:
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": resources.shared_memory}})
    if args.request_log:
        volumes.append({"name": "log", "emptyDir": {}})
    return volumes
