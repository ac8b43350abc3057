"""The alerts of an endpoint, by its own objectives. No Pulumi.

Requests and times are those that the Gateway's Envoy saw: also of servers that export nothing. A backend that has a
filter is a cluster of its own in Envoy, `httproute/<namespace>/<route>/rule/<n>/backend/<n>` (Envoy Gateway v1.8,
internal/gatewayapi/helpers.go and internal/ir/xds.go), which is how what is served and its canary are told apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mlplatform.contracts.alerts import Alert, Severity
from mlplatform.contracts.metrics import ROLLOUTS

ERRORS: Final = "envoy_cluster_upstream_rq_xx"
TIMES: Final = "envoy_cluster_upstream_rq_time_bucket"
READY: Final = "kube_deployment_status_replicas_ready"
WANTED: Final = "kube_deployment_spec_replicas"
REPLICAS: Final = "kube_horizontalpodautoscaler_status_current_replicas"
MOST: Final = "kube_horizontalpodautoscaler_spec_max_replicas"

EVERY, STABLE, CANARY = "[01]", "0", "1"
"""Backends of an endpoint's route, by their number."""

FAST: Final = ((14.4, "1h", "5m"), (6, "6h", "30m"))
SLOW: Final = ((3, "1d", "2h"), (1, "3d", "6h"))
"""Times the rate that uses up a month's errors in a month, over a long window and a short one that ends the alert soon
after the errors do (Google, The Site Reliability Workbook, Alerting on SLOs)."""
ENOUGH: Final = 100
"""Requests in a window below which a share of them says nothing; that there are none at all is seen by replicas."""
CANARY_WINDOW: Final = "15m"
CANARY_ENOUGH: Final = 50
"""Requests of a canary in its window below which a comparison says nothing."""


def cluster(namespace: str, route: str, backend: str) -> str:
    """Name of a backend's cluster in Envoy."""
    return f"httproute/{namespace}/{route}/rule/0/backend/{backend}"


@dataclass(frozen=True, slots=True)
class Watched:
    """What of an endpoint is watched."""

    name: str
    """Name of the endpoint, which is also that of its route."""
    namespace: str
    """Its namespace."""
    deployment: str
    """Deployment of what is served."""
    scaled: bool
    """Whether a HorizontalPodAutoscaler, KEDA's or another, has the Deployment's name."""
    canary: bool
    """Whether a candidate may get requests."""

    def cluster(self, backend: str) -> str:
        """Regular expression of clusters in Envoy, for a regular expression of numbers of backends."""
        return cluster(self.namespace, self.name, backend)


def alerts(watched: Watched, *, availability: float, p95: int, p99: int) -> Sequence[Alert]:
    """The alerts for objectives in percent and milliseconds."""
    return list(_alerts(watched, (100 - availability) / 100, p95, p99))


def rollout_failed(endpoint: str) -> Alert:
    """The alert for a rollout of an endpoint that has failed."""
    failed = f'{ROLLOUTS}{{endpoint="{endpoint}",status!="Succeeded"}}'
    # A counter is born with its first failure, which `increase` does not see.
    rise, first = f"increase({failed}[1h]) > 0", f"({failed} unless {failed} offset 1h) > 0"
    return Alert(
        *("RolloutFailed", f"sum by (endpoint) ({rise} or {first})", "0m", Severity.WARNING),
        f"A rollout of endpoint {endpoint} has failed: its candidate was taken back, or it could not begin.",
        metrics=(ROLLOUTS,),
    )


def _alerts(watched: Watched, budget: float, p95: int, p99: int) -> Iterator[Alert]:
    who = f"Endpoint {watched.name}"
    clusters = watched.cluster(EVERY)
    yield Alert(
        *("ServingErrorBudgetFast", _burns(clusters, budget, FAST), "2m", Severity.CRITICAL),
        f"{who} fails so often that a month's errors are used up within days.",
        metrics=(ERRORS,),
    )
    yield Alert(
        *("ServingErrorBudgetSlow", _burns(clusters, budget, SLOW), "15m", Severity.WARNING),
        f"{who} fails more often than its objective allows for a month.",
        metrics=(ERRORS,),
    )
    yield Alert(
        *("ServingLatencyP95", _slower(clusters, 0.95, p95), "10m", Severity.CRITICAL),
        f"{who} answers one request in twenty later than {p95} ms.",
        metrics=(ERRORS, TIMES),
    )
    yield Alert(
        *("ServingLatencyP99", _slower(clusters, 0.99, p99), "15m", Severity.WARNING),
        f"{who} answers one request in a hundred later than {p99} ms.",
        metrics=(ERRORS, TIMES),
    )
    yield from _of_replicas(watched, who)
    if watched.canary:
        yield Alert(
            *("ServingCanaryWorse", _worse(watched), "5m", Severity.CRITICAL),
            f"The canary of {watched.name} fails more often or answers later than what it shall replace.",
            metrics=(ERRORS, TIMES),
        )


def _of_replicas(watched: Watched, who: str) -> Iterator[Alert]:
    one = f'{{namespace="{watched.namespace}",deployment="{watched.deployment}"}}'
    yield Alert(
        *("ServingNoReadyReplicas", f"sum({READY}{one}) == 0 and sum({WANTED}{one}) > 0", "3m", Severity.CRITICAL),
        f"{who} has no ready replica: every request fails.",
        metrics=(READY, WANTED),
    )
    if watched.scaled:
        scaler = f"(keda-hpa-)?{watched.deployment}"
        of = f'{{namespace="{watched.namespace}",horizontalpodautoscaler=~"{scaler}"}}'
        yield Alert(
            *("ServingAtMaxReplicas", f"sum({REPLICAS}{of}) >= sum({MOST}{of})", "30m", Severity.WARNING),
            f"{who} has had its maximum of replicas for half an hour: more requests would be answered late.",
            metrics=(REPLICAS, MOST),
        )


def _worse(watched: Watched) -> str:
    """A canary that has more errors by one percent and twice the share, or is half as slow again."""
    stable, canary = watched.cluster(STABLE), watched.cluster(CANARY)
    errors = f"{_share(canary, CANARY_WINDOW)} > 0.01 + 2 * {_share(stable, CANARY_WINDOW)}"
    slower = f"{_envoy(canary, CANARY_WINDOW)} > 1.5 * {_envoy(stable, CANARY_WINDOW)}"
    return f"(({errors}) or ({slower})) and {_requests(canary, CANARY_WINDOW)} > {CANARY_ENOUGH}"


def _burns(clusters: str, budget: float, rates: Sequence[tuple[float, str, str]]) -> str:
    return " or ".join(f"({_burn(clusters, factor * budget, long, short)})" for factor, long, short in rates)


def _burn(clusters: str, share: float, long: str, short: str) -> str:
    over = [f"{_share(clusters, window)} > {share:.6g}" for window in (long, short)]
    return " and ".join([*over, f"{_requests(clusters, long)} > {ENOUGH}"])


def _share(clusters: str, window: str) -> str:
    """Share of requests that failed; 0 where none did, nothing where there was none."""
    of = f'envoy_cluster_name=~"{clusters}"'
    failed = f'sum(rate({ERRORS}{{{of},envoy_response_code_class="5"}}[{window}]))'
    return f"(({failed} or vector(0)) / sum(rate({ERRORS}{{{of}}}[{window}])))"


def _requests(clusters: str, window: str) -> str:
    return f'sum(increase({ERRORS}{{envoy_cluster_name=~"{clusters}"}}[{window}]))'


def _slower(clusters: str, share: float, milliseconds: int) -> str:
    return f"{_envoy(clusters, '5m', share)} > {milliseconds} and {_requests(clusters, '5m')} > {ENOUGH}"


def _envoy(clusters: str, window: str, share: float = 0.95) -> str:
    return _quantile(share, f'{TIMES}{{envoy_cluster_name=~"{clusters}"}}', window)


def _quantile(share: float, series: str, window: str) -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({series}[{window}])))"
