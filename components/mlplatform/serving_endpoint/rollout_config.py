"""What the job `promote` is told of an endpoint: `ROLLOUT_CONFIG`."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pulumi

from mlplatform.contracts import drift
from mlplatform.contracts.metrics import DRIFT_DRIFTED
from mlplatform.contracts.rollout import CANARY, STABLE, WINDOW
from mlplatform.serving_endpoint import alerts, serverless
from mlplatform.serving_endpoint.args import ServingEndpointArgs, ServingObjectives, ServingScaling
from mlplatform.serving_endpoint.rollout_args import ServingRollout, ServingRolloutGates
from mlplatform.serving_endpoint.serverless_args import Serverless

DRIFTED: Final = "drifted-features"
"""Name of the gate on drift."""


def configuration(
    name: str, args: ServingEndpointArgs, given: ServingRollout, where: Mapping[str, Any]
) -> dict[str, Any]:
    """All of it; `where` says where the endpoint's own objects are, by its kind."""
    return {
        "endpoint": name,
        "model": args.model.name,
        "bucket": args.model_bucket_name,
        "initial_version": args.model.version,
        "ready_minutes": given.ready_minutes,
        "prometheus_url": args.prometheus_url,
        "gates": _gates(name, args, given.gates or ServingRolloutGates()),
        args.kind: dict(where),
    }


def on_kubernetes(
    name: str, args: ServingEndpointArgs, given: ServingRollout, deployments: Mapping[str, str]
) -> dict[str, Any]:
    """Where the objects of an endpoint on Kubernetes are."""
    scaling = args.scaling or ServingScaling()
    most = scaling.max_replicas or 0
    service = {"service": name, "stable_replicas": most} if args.kserve else {}
    return {
        "namespace": args.namespace or name,
        "route": name,
        "services": {track: f"{name}-{track}" for track in (STABLE, CANARY)},
        "deployments": dict(deployments),
        "replicas": given.candidates(most),
        **service,
    }


def _gates(name: str, args: ServingEndpointArgs, given: ServingRolloutGates) -> dict[str, Any]:
    slowest = given.max_p99_milliseconds
    return {
        "min_requests": given.min_requests,
        "patience_minutes": given.patience_minutes,
        "max_error_percent": given.max_error_percent,
        "max_p99_milliseconds": _slowest(args) if slowest is None else slowest,
        "checks": list(_checks(name, given)),
        **({} if args.serverless else {"queries": queries(args.namespace or name, name)}),
    }


def _slowest(args: ServingEndpointArgs) -> Any:
    if args.serverless:
        seconds = Serverless.of(args.serverless).timeout_seconds
        return pulumi.Output.from_input(seconds).apply(lambda known: (known or 0) * 1000 * serverless.NEAR)
    return (args.objectives or ServingObjectives()).p99_milliseconds


def _checks(name: str, given: ServingRolloutGates) -> Iterator[dict[str, Any]]:
    if given.max_drifted_features is not None:
        query = f'sum({DRIFT_DRIFTED}{{job="{drift.JOB}",endpoint="{name}"}})'
        yield {"name": DRIFTED, "query": query, "max": given.max_drifted_features}
    yield from ({"name": gate.name, "query": gate.query, "max": gate.max} for gate in given.more or ())


def queries(namespace: str, name: str) -> dict[str, str]:
    """The candidate's requests, as the Gateway's Envoy has seen them."""
    of = f'envoy_cluster_name="{alerts.cluster(namespace, name, alerts.CANARY)}"'
    times = f"rate({alerts.TIMES}{{{of}}}[{WINDOW}])"
    return {
        "requests": f"sum(increase({alerts.ERRORS}{{{of}}}[{WINDOW}]))",
        "errors": f'sum(increase({alerts.ERRORS}{{{of},envoy_response_code_class="5"}}[{WINDOW}]))',
        "p99": f"histogram_quantile(0.99, sum by (le) ({times}))",
    }
