"""What both Kubernetes kinds have in common: a closed namespace, a role, a route over two tracks, budget and alerts."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.contracts.alerts import rule_group
from mlplatform.contracts.labels import COMPONENT
from mlplatform.contracts.rollout import CANARY, STABLE, TRACK
from mlplatform.core.args import In
from mlplatform.core.objects import NOT_AWAITED, Objects, known
from mlplatform.core.place import Place
from mlplatform.serving_endpoint import container, kserve, network, pods, rollout_objects
from mlplatform.serving_endpoint.access import ModelSource, read_policies, request_log_policy
from mlplatform.serving_endpoint.alerts import Watched, alerts
from mlplatform.serving_endpoint.args import (
    ServingEndpointArgs,
    ServingGateway,
    ServingMetrics,
    ServingObjectives,
    ServingScaling,
)
from mlplatform.serving_endpoint.pods import SERVICE_ACCOUNT, Serving
from mlplatform.serving_endpoint.rollout import left_alone
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

HTTP: Final = 80
"""Port of the Services."""
TRACK_HEADER: Final = "x-mlplatform-track"
"""Header of every answer: the track that gave it."""
# A rollout that moves a weight is noted as who manages all rules, which are one field to the API server: without this a
# change of another part of them is refused. Weights are then those of an endpoint at rest.
_FORCED: Final = MappingProxyType({"pulumi.com/patchForce": "true"})


@dataclass(frozen=True, slots=True)
class Served:
    """What was made, as far as others need it."""

    address: pulumi.Output[str]
    """URL through the Gateway."""
    role_arn: pulumi.Output[str]
    """ARN of the role of its pods."""
    names: Mapping[str, pulumi.Input[str]]
    """Names of its objects, by what they are."""


def create(component: pulumi.ComponentResource, name: str, args: ServingEndpointArgs) -> Served:
    """Makes an endpoint on Kubernetes, as children `<name>-...` of the component, which has registered itself."""
    objects, models, place = Objects.of(component, name), _models(args), Place.of(component)
    namespace = objects.namespace_name("namespace", name=args.namespace or name)
    role = _role(place, objects, args, models)
    before = [role, _service_account(objects, namespace), *_policies(objects, args, namespace)]
    serving = Serving(name, args, objects, namespace, models, place.region, objects.after(*before))
    if args.kserve:
        kserve.create(serving, args.kserve)
    elif args.container:
        container.create(serving, args.container)
    host = pulumi.Output.concat(name, "-", serving.namespace_name, ".", args.domain or "")
    _route(serving, host)
    _budget(serving)
    _pod_monitor(serving)
    deployment = kserve.deployment if args.kserve else container.deployment
    deployments = {track: deployment(name, track) for track in (STABLE, CANARY)}
    _alerts(serving, deployments[STABLE])
    if args.rollout:
        rollouts = rollout_objects.Rollouts(name, args, args.rollout, objects, place, namespace)
        rollout_objects.on_kubernetes(rollouts, deployments)
    gateway = args.gateway or ServingGateway()
    names: dict[str, pulumi.Input[str]] = {
        "namespace": namespace,
        "service_account": SERVICE_ACCOUNT,
        "route": name,
        "deployment": deployments[STABLE],
    }
    return Served(pulumi.Output.concat("https://" if gateway.tls else "http://", host), role.role_arn, names)


def _models(args: ServingEndpointArgs) -> dict[str, ModelSource]:
    versions = {STABLE: args.model.version, CANARY: args.canary.model_version if args.canary else args.model.version}
    return {
        track: ModelSource(args.model_bucket_name, args.model.name, version, args.model_key_arn)
        for track, version in versions.items()
    }


def _role(place: Place, objects: Objects, args: ServingEndpointArgs, models: Mapping[str, ModelSource]) -> WorkloadRole:
    policies = read_policies(place, models.values(), rollout=args.rollout is not None)
    if args.request_log and args.feature_bucket_name is not None and args.feature_key_arn is not None:
        policies["request-log"] = request_log_policy(
            place, objects.name, bucket=args.feature_bucket_name, key_arn=args.feature_key_arn
        )
    return WorkloadRole(
        f"{objects.name}-server",
        WorkloadRoleArgs(
            namespace=args.namespace or objects.name,
            service_account=SERVICE_ACCOUNT,
            policies=policies,
            cluster_name=args.cluster_name,
            permissions_boundary_arn=args.permissions_boundary_arn,
        ),
        objects.inside,
    )


def _service_account(objects: Objects, namespace: pulumi.Output[str]) -> pulumi.Resource:
    return k8s.core.v1.ServiceAccount(
        f"{objects.name}-server",
        metadata=objects.metadata("server", name=SERVICE_ACCOUNT, namespace=namespace),
        automount_service_account_token=False,
        opts=objects.inside,
    )


def _policies(objects: Objects, args: ServingEndpointArgs, namespace: pulumi.Output[str]) -> list[pulumi.Resource]:
    metrics = _metrics(args)
    scraped = [] if metrics is None else [metrics.port or _port(args)]
    ingress = network.from_gateway_and_prometheus(args, port=pods.entry(args, _port(args)), metrics=scraped)
    return [
        objects.network_policy("egress", network.to_the_outside(args), namespace=namespace),
        objects.network_policy("ingress", ingress, namespace=namespace),
    ]


def _port(args: ServingEndpointArgs) -> In[int]:
    """Port of the server."""
    return kserve.PORT if args.container is None else args.container.port or 0


def _metrics(args: ServingEndpointArgs) -> ServingMetrics | None:
    server = args.container or args.kserve
    return server.metrics if server else None


def _route(serving: Serving, host: pulumi.Output[str]) -> None:
    """Both tracks at all times: a rollout then finds the weight that it moves, and 0 percent are no requests."""
    args = serving.args
    percent = pulumi.Output.from_input(args.canary.percent if args.canary else 0)
    weights = {STABLE: percent.apply(_rest), CANARY: percent}
    gateway = args.gateway or ServingGateway()
    rule = {
        "backendRefs": [
            {
                "name": _service(serving, track),
                "port": HTTP,
                "weight": weight,
                # A filter makes a track a cluster of its own in Envoy, with metrics of its own.
                "filters": [
                    {
                        "type": "ResponseHeaderModifier",
                        "responseHeaderModifier": {"set": [{"name": TRACK_HEADER, "value": track}]},
                    }
                ],
            }
            for track, weight in weights.items()
        ],
        "timeouts": {"request": pulumi.Output.format("{0}s", args.timeout_seconds)},
    }
    spec = {
        "parentRefs": [{"namespace": gateway.namespace, "name": gateway.name}],
        "hostnames": [host],
        "rules": [rule],
    }
    metadata = serving.objects.metadata(
        "route", name=serving.name, namespace=serving.namespace, annotations=_FORCED if args.rollout else None
    )
    options = left_alone("route", rollout=args.rollout is not None)
    serving.objects.custom(
        *("route", "gateway.networking.k8s.io/v1", "HTTPRoute", spec),
        metadata=metadata,
        opts=pulumi.ResourceOptions.merge(serving.objects.inside, options),
    )


def _rest(percent: int | None) -> int:
    return 100 - int(percent or 0)


def _service(serving: Serving, track: str) -> pulumi.Output[str]:
    port = {
        "name": "http",
        "port": HTTP,
        "targetPort": pods.entry(serving.args, _port(serving.args)),
        "protocol": "TCP",
    }
    spec: Any = {"selector": pods.labels(serving.name, track), "ports": [port]}
    # Pulumi waits until no pod of a Service is unready, and pods are unready until their model is there.
    metadata = serving.objects.metadata(track, namespace=serving.namespace, annotations=NOT_AWAITED)
    name = f"{serving.name}-{track}"
    return known(k8s.core.v1.Service(name, metadata=metadata, spec=spec, opts=serving.objects.inside), name)


def _budget(serving: Serving) -> None:
    """One replica at a time is moved to another node; one that is not ready serves nobody and may go at once."""
    spec: Any = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": {COMPONENT: serving.name}},
    }
    k8s.policy.v1.PodDisruptionBudget(
        f"{serving.name}-budget",
        metadata=serving.objects.metadata("budget", namespace=serving.namespace),
        spec=spec,
        opts=serving.objects.inside,
    )


def _pod_monitor(serving: Serving) -> None:
    """Lets Prometheus scrape the servers, where they export metrics."""
    metrics = _metrics(serving.args)
    if metrics is None:
        return
    endpoint = {"portNumber": metrics.port or _port(serving.args), "path": metrics.path, "interval": "30s"}
    spec = {
        "selector": {"matchLabels": {COMPONENT: serving.name}},
        "podTargetLabels": [TRACK],
        "podMetricsEndpoints": [endpoint],
    }
    metadata = serving.objects.metadata("metrics", namespace=serving.namespace)
    serving.objects.custom("metrics", "monitoring.coreos.com/v1", "PodMonitor", spec, metadata=metadata)


def _alerts(serving: Serving, deployment: str) -> None:
    args = serving.args
    objectives, scaling = args.objectives or ServingObjectives(), args.scaling or ServingScaling()
    watched = Watched(
        name=serving.name,
        namespace=serving.namespace_name,
        deployment=deployment,
        scaled=scaling.trigger is not None or not scaling.fixed,
        canary=bool(args.canary or args.rollout),
    )
    rules = alerts(
        watched,
        availability=objectives.availability_percent or 0,
        p95=objectives.p95_milliseconds or 0,
        p99=objectives.p99_milliseconds or 0,
    )
    # Rules of all endpoints have the same names: without these, Alertmanager would take their alerts for one.
    labels = {"endpoint": serving.name, "namespace": serving.namespace_name}
    group = {**rule_group(f"serving-{serving.name}", rules, args.runbooks_url), "labels": labels}
    metadata = serving.objects.metadata("alerts", namespace=serving.namespace)
    serving.objects.custom(
        "alerts", "monitoring.coreos.com/v1", "PrometheusRule", {"groups": [group]}, metadata=metadata
    )
