"""The kind `kserve`: an InferenceService in Standard mode (KServe 0.20, serving.kserve.io/v1beta1).

What is whose: KServe owns what it makes of the InferenceService, a Deployment and Service `<name>-predictor` (and
`<name>-canary-predictor`) and the autoscaler. All else is this component's, also the route: that of KServe 0.20.0 gives
a canary no requests, whatever its `trafficPercent` (weights came after it, kserve/kserve#5912). So the InferenceService
is cluster-local, for which KServe makes no route.

KServe takes the replicas of a canary from those of what is served, so they are added here.
"""

from types import MappingProxyType
from typing import Any, Final

import pulumi

from mlplatform.contracts.rollout import CANARY, STABLE
from mlplatform.serving_endpoint import pods
from mlplatform.serving_endpoint.args import KServeProtocol, ServingKServe, ServingScaling
from mlplatform.serving_endpoint.pods import Serving
from mlplatform.serving_endpoint.rollout import left_alone

PORT: Final = 8080
"""Port of the HTTP server of KServe's own runtimes (kserve v0.20.0, config/runtimes)."""
SIDECAR: Final = "transformer-container"
"""A container of this name gets the requests instead of the server (KServe documentation, Collocate Transformer and
Predictor)."""
LIVE: Final = MappingProxyType({KServeProtocol.V1: "/", KServeProtocol.V2: "/v2/health/live"})
READY: Final = MappingProxyType({KServeProtocol.V1: "/v1/models/{name}", KServeProtocol.V2: "/v2/health/ready"})
"""Probes of each protocol (KServe documentation, Data Plane); the model has the InferenceService's name."""


def create(serving: Serving, args: ServingKServe) -> None:
    """Makes the InferenceService."""
    endpoint = serving.args
    spec: dict[str, Any] = {"predictor": {**_predictor(serving, args, STABLE), **_replicas(serving)}}
    if endpoint.canary:
        # Full, although KServe lays it over the stable one: then nothing depends on how it merges lists.
        candidate = {**_predictor(serving, args, CANARY), "name": CANARY, "minReplicas": endpoint.canary.replicas}
        spec["canary"] = [{"trafficPercent": endpoint.canary.percent, "predictor": candidate}]
    annotations = {
        # KServe's chart and configuration default to Knative.
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": _autoscaler(serving),
    }
    metadata = serving.objects.metadata(
        "inference-service",
        name=serving.name,
        namespace=serving.namespace,
        labels={"networking.kserve.io/visibility": "cluster-local"},
        annotations=annotations,
    )
    serving.objects.custom(
        *("inference-service", "serving.kserve.io/v1beta1", "InferenceService", spec),
        metadata=metadata,
        opts=pulumi.ResourceOptions.merge(
            serving.ready, left_alone("inference-service", rollout=endpoint.rollout is not None)
        ),
    )


def deployment(name: str, track: str) -> str:
    """Name of the Deployment that KServe makes for a track."""
    return f"{name}-predictor" if track == STABLE else f"{name}-{track}-predictor"


def _predictor(serving: Serving, args: ServingKServe, track: str) -> dict[str, Any]:
    endpoint = serving.args
    protocol = args.protocol or KServeProtocol.V2
    model: dict[str, Any] = {
        # KServe refuses a name that says something (kserve/kserve#4535), and the CRD wants one of a candidate.
        **({} if track == STABLE else {"name": ""}),
        "modelFormat": {"name": args.model_format},
        "protocolVersion": protocol.value,
        "storageUri": serving.models[track].uri,
        # KServe's runtimes write into their home.
        **pods.server(
            endpoint, port=PORT, live=LIVE[protocol], ready=READY[protocol].format(name=serving.name), read_only=False
        ),
    }
    given = {
        "runtime": args.runtime,
        "image": args.image,
        "args": list(args.args or ()),
        "env": pods.environment(args.environment or {}),
    }
    model.update({key: value for key, value in given.items() if value})
    return {
        **pods.pod(serving, track, user=args.user),
        "labels": pods.labels(serving.name, track),
        "annotations": pods.annotations(serving, track),
        "timeout": endpoint.timeout_seconds,
        "deploymentStrategy": dict(pods.STRATEGY),
        "model": model,
        **({"containers": [pods.writer(serving, track, SIDECAR, upstream=PORT)]} if endpoint.request_log else {}),
    }


def _autoscaler(serving: Serving) -> str:
    scaling = serving.args.scaling or ServingScaling()
    if scaling.trigger:
        return "keda"
    return "none" if scaling.fixed else "hpa"


def _replicas(serving: Serving) -> dict[str, Any]:
    endpoint = serving.args
    scaling = endpoint.scaling or ServingScaling()
    least = scaling.min_replicas or 0
    if scaling.trigger:
        metric = {
            "type": "External",
            "external": {
                "metric": {
                    "backend": "prometheus",
                    "serverAddress": endpoint.prometheus_url,
                    "query": scaling.trigger.query,
                },
                "target": {"type": "Value", "value": scaling.trigger.threshold},
            },
        }
        return {"minReplicas": least, "maxReplicas": scaling.max_replicas, "autoScaling": {"metrics": [metric]}}
    if not scaling.fixed:
        return {
            "minReplicas": least,
            "maxReplicas": scaling.max_replicas,
            "scaleMetric": "cpu",
            "scaleTarget": scaling.cpu_percent,
        }
    # KServe takes a canary's replicas from these, so they are added: what is served keeps all of its own.
    beside = endpoint.canary.replicas or 0 if endpoint.canary else 0
    return {"minReplicas": least + beside}
