"""The kind `container`: Deployments of one's own image, scaled by Kubernetes or by KEDA."""

from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.contracts.rollout import CANARY, STABLE
from mlplatform.core.args import In
from mlplatform.core.objects import NOT_AWAITED, known
from mlplatform.serving_endpoint import pods
from mlplatform.serving_endpoint.args import ServingContainer, ServingScaling
from mlplatform.serving_endpoint.pods import Serving
from mlplatform.serving_endpoint.rollout import left_alone

SERVER: Final = "server"
WRITER: Final = "request-log"
"""Names of the containers of a pod."""
NODE_SECONDS: Final = 600
"""Seconds within which a node is bought and has pulled the image: the progress deadline that Kubernetes has anyway."""


def create(serving: Serving, args: ServingContainer) -> None:
    """Makes the Deployments of both tracks, where there is a canary or a rollout that makes one, and the autoscaler."""
    endpoint = serving.args
    scaling = endpoint.scaling or ServingScaling()
    # A number here would fight the autoscaler at every update.
    stable = _deployment(serving, args, STABLE, replicas=scaling.min_replicas if scaling.fixed else None)
    if endpoint.canary or endpoint.rollout:
        _deployment(serving, args, CANARY, replicas=endpoint.canary.replicas if endpoint.canary else 0)
    scaled = known(stable, deployment(serving.name, STABLE))
    if scaling.trigger:
        _by_trigger(serving, scaling, scaled)
    elif not scaling.fixed:
        _by_cpu(serving, scaling, scaled)


def deployment(name: str, track: str) -> str:
    """Name of the Deployment of a track."""
    return f"{name}-{track}"


def _deployment(
    serving: Serving, args: ServingContainer, track: str, *, replicas: int | None
) -> k8s.apps.v1.Deployment:
    endpoint = serving.args
    scaling = endpoint.scaling or ServingScaling()
    deadline = (endpoint.startup_seconds or 0) + NODE_SECONDS
    template = {
        "metadata": {"labels": pods.labels(serving.name, track), "annotations": pods.annotations(serving, track)},
        "spec": {**pods.pod(serving, track, user=args.user), "containers": _containers(serving, args, track)},
    }
    # Any, since a type checker compares a dictionary with every form that the SDK has for each part of a pod.
    spec: Any = {
        **({} if replicas is None else {"replicas": replicas}),
        "selector": {"matchLabels": pods.labels(serving.name, track)},
        "strategy": dict(pods.STRATEGY),
        "progressDeadlineSeconds": deadline,
        "template": template,
    }
    # An update brings up one replica after another, and each may take as long as the deadline.
    longest = f"{deadline * max(scaling.max_replicas or 0, replicas or 0, 1)}s"
    patience = pulumi.CustomTimeouts(create=longest, update=longest) if args.wait_until_ready else None
    options = pulumi.ResourceOptions.merge(serving.ready, left_alone(track, rollout=endpoint.rollout is not None))
    return k8s.apps.v1.Deployment(
        f"{serving.name}-{track}",
        metadata=serving.objects.metadata(
            track,
            namespace=serving.namespace,
            labels=pods.labels(serving.name, track),
            annotations=None if args.wait_until_ready else NOT_AWAITED,
        ),
        spec=spec,
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(custom_timeouts=patience)),
    )


def _containers(serving: Serving, args: ServingContainer, track: str) -> list[dict[str, Any]]:
    endpoint = serving.args
    port = args.port or 0
    given = {"command": list(args.command or ()), "args": list(args.args or ())}
    server = {
        "name": SERVER,
        "image": _image(serving, args, track),
        **{key: value for key, value in given.items() if value},
        "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
        "env": pods.environment({**pods.model_uri(serving, track), **(args.environment or {})}),
        **pods.server(
            endpoint, port=port, live=args.live_path, ready=args.ready_path, read_only=args.read_only is not False
        ),
    }
    return [server, *([pods.writer(serving, track, WRITER, upstream=port)] if endpoint.request_log else [])]


def _image(serving: Serving, args: ServingContainer, track: str) -> In[str]:
    canary = serving.args.canary
    own = canary.image if canary and track == CANARY else None
    return args.image if own is None else own


def _by_cpu(serving: Serving, scaling: ServingScaling, stable: pulumi.Output[str]) -> None:
    # The server's own use: that of the request log's sidecar says nothing of its load.
    cpu = {
        "type": "ContainerResource",
        "containerResource": {
            "name": "cpu",
            "container": SERVER,
            "target": {"type": "Utilization", "averageUtilization": scaling.cpu_percent},
        },
    }
    spec: Any = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": stable},
        "minReplicas": scaling.min_replicas,
        "maxReplicas": scaling.max_replicas,
        "metrics": [cpu],
    }
    k8s.autoscaling.v2.HorizontalPodAutoscaler(
        f"{serving.name}-{STABLE}",
        metadata=serving.objects.metadata(STABLE, namespace=serving.namespace),
        spec=spec,
        opts=serving.objects.inside,
    )


def _by_trigger(serving: Serving, scaling: ServingScaling, stable: pulumi.Output[str]) -> None:
    trigger = scaling.trigger
    if trigger is None:
        return
    prometheus = {
        "type": "prometheus",
        # Of the query's number, what one replica bears.
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": serving.args.prometheus_url,
            "query": trigger.query,
            "threshold": pulumi.Output.from_input(trigger.threshold).apply(str),
        },
    }
    spec = {
        "scaleTargetRef": {"name": stable},
        "minReplicaCount": scaling.min_replicas,
        "maxReplicaCount": scaling.max_replicas,
        "triggers": [prometheus],
    }
    metadata = serving.objects.metadata(STABLE, namespace=serving.namespace)
    serving.objects.custom(STABLE, "keda.sh/v1alpha1", "ScaledObject", spec, metadata=metadata)
