"""Dashboards of Grafana, one a part of the platform: pure functions, the same bytes every time.

Source: Grafana documentation, Dashboard JSON model. Expressions name only metrics of `contracts.metrics`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mlplatform.contracts.drift import JOB as DRIFT_JOB
from mlplatform.contracts.metrics import (
    DRIFT_DRIFTED,
    DRIFT_PROBLEMS,
    DRIFT_SCORE,
    LAST_SUCCESS,
    PIPELINE_SUCCESS,
    QUALITY_VALUE,
    RETRAINING_BLOCKED,
    ROLLOUTS,
)

SCHEMA: Final = 39
"""Version of the JSON model, of Grafana 11; later ones migrate it when they load it."""
COLUMNS: Final = 24
"""Columns of Grafana's grid."""
WIDTH: Final = 12
HEIGHT: Final = 8
REFRESH: Final = "1m"
SOURCE: Final[Mapping[str, str]] = {"type": "prometheus", "uid": "${source}"}
"""The data source that is chosen on the dashboard."""

_USERS_POD: Final = 'exported_pod!=""'


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of a panel."""

    expr: str
    """PromQL; `$name` stands for what is chosen on the dashboard."""
    legend: str
    """Name of each series, with its labels as `{{name}}`."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel."""

    title: str
    """What it shows."""
    unit: str
    """Unit of its values, by Grafana's name."""
    queries: Sequence[Query]
    """What it shows, one after the other."""
    description: str = ""
    """How to read it, where the title does not say."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person can narrow a dashboard to."""

    name: str
    """Name that expressions use."""
    metric: str
    """Metric whose labels are offered."""
    label: str
    """The label."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard."""

    title: str
    """Title in Grafana's list."""
    panels: Sequence[Panel]
    """Its panels, two a row."""
    choices: Sequence[Choice] = ()
    """What it can be narrowed to."""


GPUS: Final = Dashboard(
    "GPUs",
    [
        Panel(
            "Multiprocessors at work, by pod",
            "percentunit",
            [
                Query(
                    "max by (exported_namespace, exported_pod)"
                    f' (mlplatform:gpu_sm_active:ratio{{{_USERS_POD}, node=~"$node"}})',
                    "{{exported_namespace}}/{{exported_pod}}",
                )
            ],
            "Share of time in which a multiprocessor had work. A pod near 0 holds a GPU and does not use it.",
        ),
        Panel(
            "GPUs that a pod holds, and those that do work",
            "short",
            [
                Query(f"count(mlplatform:gpu_sm_active:ratio{{{_USERS_POD}}})", "held by a pod"),
                Query(f"count(mlplatform:gpu_sm_active:ratio{{{_USERS_POD}}} > 0.05)", "at work"),
                Query("count(mlplatform:gpu_sm_active:ratio)", "all"),
            ],
        ),
        Panel(
            "Tensor cores at work, by pod",
            "percentunit",
            [
                Query(
                    f"max by (exported_namespace, exported_pod) (DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{{{_USERS_POD}}})",
                    "{{exported_namespace}}/{{exported_pod}}",
                )
            ],
        ),
        Panel(
            "Memory interface at work, by pod",
            "percentunit",
            [
                Query(
                    f"max by (exported_namespace, exported_pod) (DCGM_FI_PROF_DRAM_ACTIVE{{{_USERS_POD}}})",
                    "{{exported_namespace}}/{{exported_pod}}",
                )
            ],
            "High here and low above: the job waits for memory, and a faster GPU would not help it.",
        ),
        Panel(
            "Memory in use, by pod",
            "percentunit",
            [
                Query(
                    f"max by (exported_namespace, exported_pod) (DCGM_FI_DEV_FB_USED{{{_USERS_POD}}}"
                    f" / (DCGM_FI_DEV_FB_USED{{{_USERS_POD}}} + DCGM_FI_DEV_FB_FREE{{{_USERS_POD}}}))",
                    "{{exported_namespace}}/{{exported_pod}}",
                )
            ],
        ),
        Panel(
            "Power",
            "watt",
            [Query("sum by (modelName) (DCGM_FI_DEV_POWER_USAGE)", "{{modelName}}")],
        ),
        Panel(
            "Hottest GPU, by model",
            "celsius",
            [Query("max by (modelName) (DCGM_FI_DEV_GPU_TEMP)", "{{modelName}}")],
        ),
        Panel(
            "Errors of the last hour",
            "short",
            [
                Query(
                    "count by (err_code) (max_over_time(DCGM_FI_DEV_XID_ERRORS[1h]) > 0)",
                    "GPUs with XID {{err_code}}",
                ),
                Query("sum(increase(DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS[1h]))", "rows remapped"),
                Query("sum(DCGM_FI_DEV_ROW_REMAP_FAILURE)", "GPUs without spare rows"),
            ],
        ),
    ],
    [Choice("node", "mlplatform:gpu_sm_active:ratio", "node")],
)

QUEUES: Final = Dashboard(
    "Training queues",
    [
        Panel(
            "Jobs that wait",
            "short",
            [Query('mlplatform:queue_pending:count{cluster_queue=~"$queue"}', "{{cluster_queue}}")],
        ),
        Panel(
            "Jobs that run",
            "short",
            [
                Query(
                    'max by (cluster_queue) (kueue_admitted_active_workloads{cluster_queue=~"$queue"})',
                    "{{cluster_queue}}",
                )
            ],
        ),
        Panel(
            "Wait of the slowest twentieth",
            "s",
            [Query('mlplatform:queue_wait:p95_seconds{cluster_queue=~"$queue"}', "{{cluster_queue}}")],
            "From creation to admission, over the jobs of the last hour. Jobs that still wait are not in it.",
        ),
        Panel(
            "Jobs admitted an hour",
            "short",
            [
                Query(
                    'sum by (cluster_queue) (increase(kueue_admitted_workloads_total{cluster_queue=~"$queue"}[1h]))',
                    "{{cluster_queue}}",
                )
            ],
        ),
        Panel(
            "Use of the own quota",
            "percentunit",
            [
                Query(
                    "max by (cluster_queue, flavor, resource)"
                    ' (kueue_cluster_queue_resource_usage{cluster_queue=~"$queue"})'
                    " / (max by (cluster_queue, flavor, resource)"
                    ' (kueue_cluster_queue_nominal_quota{cluster_queue=~"$queue"}) > 0)',
                    "{{cluster_queue}} {{flavor}} {{resource}}",
                )
            ],
            "Above 100 percent, the queue borrows.",
        ),
        Panel(
            "Jobs evicted an hour, by reason",
            "short",
            [
                Query(
                    "sum by (cluster_queue, reason)"
                    ' (increase(kueue_evicted_workloads_total{cluster_queue=~"$queue"}[1h]))',
                    "{{cluster_queue}} {{reason}}",
                )
            ],
            "PodsReadyTimeout: no node came in time. Preempted: another job had a higher claim.",
        ),
        Panel(
            "Workflows that failed an hour",
            "short",
            [
                Query(
                    'sum by (exported_namespace) (increase(argo_workflows_total_count{phase=~"Failed|Error"}[1h]))',
                    "{{exported_namespace}}",
                )
            ],
        ),
        Panel(
            "Errors of scalers an hour",
            "short",
            [
                Query(
                    "sum by (exported_namespace, scaledObject, scaler)"
                    ' (increase(keda_scaler_detail_errors_total{type="scaledjob"}[1h]))',
                    "{{exported_namespace}}/{{scaledObject}} {{scaler}}",
                )
            ],
            "While there are any, messages of the intake are not dispatched.",
        ),
    ],
    [Choice("queue", "kueue_pending_workloads", "cluster_queue")],
)

POOLS: Final = Dashboard(
    "Node pools",
    [
        Panel(
            "Use of the limit",
            "percentunit",
            [
                Query(
                    'max by (nodepool, resource_type) (karpenter_nodepools_usage{nodepool=~"$pool"})'
                    ' / (max by (nodepool, resource_type) (karpenter_nodepools_limit{nodepool=~"$pool"}) > 0)',
                    "{{nodepool}} {{resource_type}}",
                )
            ],
        ),
        Panel(
            "Nodes, by how they are bought",
            "short",
            [
                Query(
                    "count by (nodepool, capacity_type)"
                    ' (karpenter_nodes_allocatable{resource_type="cpu", nodepool=~"$pool"})',
                    "{{nodepool}} {{capacity_type}}",
                )
            ],
        ),
        Panel(
            "Pods that fit on no node",
            "short",
            [Query("max(karpenter_scheduler_unschedulable_pods_count)", "pods")],
        ),
        Panel(
            "Instances that EC2 refused an hour",
            "short",
            [
                Query(
                    "sum by (capacity_type, zone, reason)"
                    " (increase(karpenter_cloudprovider_instance_launch_failures_total[1h]))",
                    "{{capacity_type}} {{zone}} {{reason}}",
                )
            ],
        ),
        Panel(
            "Nodes that Karpenter ended an hour",
            "short",
            [
                Query(
                    'sum by (nodepool, reason) (increase(karpenter_nodeclaims_disrupted_total{nodepool=~"$pool"}[1h]))',
                    "{{nodepool}} {{reason}}",
                )
            ],
        ),
        Panel(
            "Notices of EC2 an hour",
            "short",
            [
                Query(
                    "sum by (message_type) (increase(karpenter_interruption_received_messages_total[1h]))",
                    "{{message_type}}",
                )
            ],
        ),
        Panel(
            "Slowest node that is not ready",
            "s",
            [
                Query(
                    "max by (type) (operator_nodeclaim_status_condition_current_status_seconds"
                    '{type=~"Launched|Registered|Initialized", status!="True"})',
                    "not {{type}}",
                )
            ],
        ),
        Panel(
            "GPUs and shares of GPUs",
            "short",
            [
                Query('mlplatform:nodepool:gpus{nodepool=~"$pool"}', "{{nodepool}}"),
                Query('sum(kube_node_status_capacity{resource=~"nvidia_com_.+"})', "on all nodes"),
                Query('sum(kube_node_status_allocatable{resource=~"nvidia_com_.+"})', "healthy"),
            ],
        ),
    ],
    [Choice("pool", "karpenter_nodepools_usage", "nodepool")],
)

SERVING: Final = Dashboard(
    "Serving",
    [
        Panel(
            "Requests at the gateway",
            "reqps",
            [Query("mlplatform:gateway_requests:rate5m", "{{envoy_response_code_class}}xx")],
        ),
        Panel(
            "Errors at the gateway",
            "percentunit",
            [
                Query(
                    'sum(mlplatform:gateway_requests:rate5m{envoy_response_code_class="5"})'
                    " / sum(mlplatform:gateway_requests:rate5m)",
                    "5xx",
                )
            ],
        ),
        Panel(
            "Requests, by route",
            "reqps",
            [
                Query(
                    "sum by (envoy_cluster_name)"
                    ' (rate(envoy_cluster_upstream_rq_xx{envoy_cluster_name=~"$route"}[5m]))',
                    "{{envoy_cluster_name}}",
                )
            ],
            "Envoy has a cluster for each backend: httproute/<namespace>/<endpoint>/rule/<n>/backend/<n>.",
        ),
        Panel(
            "Errors, by route",
            "percentunit",
            [
                Query(
                    "sum by (envoy_cluster_name) (rate(envoy_cluster_upstream_rq_xx"
                    '{envoy_cluster_name=~"$route", envoy_response_code_class="5"}[5m]))'
                    " / sum by (envoy_cluster_name)"
                    ' (rate(envoy_cluster_upstream_rq_xx{envoy_cluster_name=~"$route"}[5m]))',
                    "{{envoy_cluster_name}}",
                )
            ],
        ),
        Panel(
            "Answer of the slowest twentieth, by route",
            "ms",
            [
                Query(
                    "histogram_quantile(0.95, sum by (envoy_cluster_name, le)"
                    ' (rate(envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=~"$route"}[5m])))',
                    "{{envoy_cluster_name}}",
                )
            ],
        ),
        Panel(
            "Answer of the slowest hundredth, by route",
            "ms",
            [
                Query(
                    "histogram_quantile(0.99, sum by (envoy_cluster_name, le)"
                    ' (rate(envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=~"$route"}[5m])))',
                    "{{envoy_cluster_name}}",
                )
            ],
        ),
        Panel(
            "Replicas at their maximum",
            "percentunit",
            [
                Query(
                    "max by (namespace, horizontalpodautoscaler)"
                    " (kube_horizontalpodautoscaler_status_current_replicas)"
                    " / max by (namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_spec_max_replicas)",
                    "{{namespace}}/{{horizontalpodautoscaler}}",
                )
            ],
        ),
        Panel(
            "Replicas that are missing",
            "short",
            [
                Query(
                    "max by (namespace, deployment) (kube_deployment_status_replicas_unavailable) > 0",
                    "{{namespace}}/{{deployment}}",
                )
            ],
        ),
    ],
    [Choice("route", "envoy_cluster_upstream_rq_xx", "envoy_cluster_name")],
)

_ESTIMATE: Final = "Karpenter's estimate: list prices, and reservations at the price on demand. It is no bill."

COST: Final = Dashboard(
    "Cost",
    [
        Panel(
            "Cost of nodes an hour",
            "currencyUSD",
            [Query("mlplatform:nodepool:usd_hour", "{{nodepool}}")],
            _ESTIMATE,
        ),
        Panel(
            "Cost of nodes in a day, and its budget",
            "currencyUSD",
            [
                Query("sum(sum_over_time(mlplatform:nodepool:usd_hour[1d:5m])) / 12", "last 24 hours"),
                Query("max(mlplatform:budget:usd_day)", "budget"),
            ],
            _ESTIMATE,
        ),
        Panel(
            "Cost of idle GPUs an hour",
            "currencyUSD",
            [Query("mlplatform:nodepool_idle:usd_hour", "{{nodepool}}")],
            "The cost of a pool's nodes times its share of idle GPUs, held by a pod or not.",
        ),
        Panel(
            "Share of idle GPUs",
            "percentunit",
            [Query("mlplatform:nodepool_idle_gpus:ratio", "{{nodepool}}")],
        ),
        Panel(
            "GPU hours in a day, and their budgets",
            "short",
            [
                Query("sum by (nodepool) (sum_over_time(mlplatform:nodepool:gpus[1d:5m])) / 12", "{{nodepool}}"),
                Query("mlplatform:nodepool_budget:gpu_hours", "budget of {{nodepool}}"),
            ],
        ),
        Panel(
            "Dearest nodes",
            "currencyUSD",
            [
                Query(
                    "topk(10, sum by (nodepool, instance_type, capacity_type) (mlplatform:node:usd_hour))",
                    "{{nodepool}} {{instance_type}} {{capacity_type}}",
                )
            ],
            f"By pool, type and how they are bought, an hour. {_ESTIMATE}",
        ),
        Panel(
            "Nodes whose GPUs no pod asked for",
            "short",
            [
                Query(
                    "count by (nodepool) (mlplatform:node:gpus unless on (node_name) sum by (node_name)"
                    ' (karpenter_nodes_total_pod_requests{resource_type=~"nvidia.com/.+"}) > 0)',
                    "{{nodepool}}",
                )
            ],
        ),
        Panel(
            "Price of a GPU hour",
            "currencyUSD",
            [
                Query(
                    "sum by (nodepool) (mlplatform:node:usd_hour and on (node_name) mlplatform:node:gpus)"
                    " / sum by (nodepool) (mlplatform:node:gpus)",
                    "{{nodepool}}",
                )
            ],
            "Of shared GPUs, the price of a share.",
        ),
    ],
)

MODELS: Final = Dashboard(
    "Models",
    [
        Panel(
            "Drift, by feature",
            "percentunit",
            [Query(f'max by (endpoint, feature) ({DRIFT_SCORE}{{endpoint=~"$endpoint"}})', "{{endpoint}} {{feature}}")],
            "The share of the requests that has moved, as the drift job saw it last.",
        ),
        Panel(
            "Features that have drifted",
            "short",
            [Query(f'sum by (endpoint) ({DRIFT_DRIFTED}{{endpoint=~"$endpoint"}})', "{{endpoint}}")],
            "Beyond their threshold, and not by chance; the prediction is one of them.",
        ),
        Panel(
            "Quality of predictions",
            "short",
            [Query(f'max by (endpoint, metric) ({QUALITY_VALUE}{{endpoint=~"$endpoint"}})', "{{endpoint}} {{metric}}")],
            "By the labels that have arrived.",
        ),
        Panel(
            "Problems of the data",
            "short",
            [
                Query(
                    f'max by (endpoint, problem) ({DRIFT_PROBLEMS}{{endpoint=~"$endpoint"}})',
                    "{{endpoint}} {{problem}}",
                )
            ],
            "They are an alert, and never a retraining.",
        ),
        Panel(
            "Retrainings that a budget kept back",
            "short",
            [
                Query(
                    f'max by (endpoint, reason) ({RETRAINING_BLOCKED}{{endpoint=~"$endpoint"}})',
                    "{{endpoint}} {{reason}}",
                )
            ],
        ),
        Panel(
            "Time since the last check for drift",
            "s",
            [
                Query(
                    f'time() - max by (endpoint) ({LAST_SUCCESS}{{job="{DRIFT_JOB}",endpoint=~"$endpoint"}})',
                    "{{endpoint}}",
                )
            ],
        ),
        Panel(
            "Time since a pipeline's last good run",
            "s",
            [Query(f"time() - max by (team, pipeline) ({PIPELINE_SUCCESS})", "{{team}} {{pipeline}}")],
            "Argo forgets it when its controller starts anew.",
        ),
        Panel(
            "Rollouts that failed in a day",
            "short",
            [
                Query(
                    f'sum by (endpoint) (increase({ROLLOUTS}{{endpoint=~"$endpoint",status!="Succeeded"}}[1d]))',
                    "{{endpoint}}",
                )
            ],
        ),
    ],
    [Choice("endpoint", DRIFT_SCORE, "endpoint")],
)

DASHBOARDS: Final[Mapping[str, Dashboard]] = {
    "gpus": GPUS,
    "queues": QUEUES,
    "pools": POOLS,
    "serving": SERVING,
    "models": MODELS,
    "cost": COST,
}
"""Every dashboard, by its file name without the ending."""


def dashboards() -> Mapping[str, str]:
    """JSON of each dashboard by its file name without the ending: gpus, queues, pools, serving, models, cost."""
    return {name: json.dumps(_model(name, board), indent=1, sort_keys=True) for name, board in DASHBOARDS.items()}


def _model(name: str, board: Dashboard) -> dict[str, object]:
    return {
        # The identity of the dashboard: links to it hold as long as it stays.
        "uid": f"mlplatform-{name}",
        "title": f"ML platform: {board.title}",
        "tags": ["mlplatform"],
        "schemaVersion": SCHEMA,
        "editable": False,
        "refresh": REFRESH,
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source(), *(_choice(choice) for choice in board.choices)]},
        "panels": [_panel(at, panel) for at, panel in enumerate(board.panels)],
    }


def _source() -> dict[str, object]:
    return {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _choice(choice: Choice) -> dict[str, object]:
    query = f"label_values({choice.metric}, {choice.label})"
    return {
        "name": choice.name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": choice.name},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(at: int, panel: Panel) -> dict[str, object]:
    row, column = divmod(at * WIDTH, COLUMNS)
    return {
        "id": at + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": column, "y": row * HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [_target(number, query) for number, query in enumerate(panel.queries)],
    }


def _target(number: int, query: Query) -> dict[str, object]:
    # Grafana refers to the queries of a panel by a letter each.
    return {
        "refId": chr(ord("A") + number),
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
    }
