"""Metrics that alerts, dashboards and scalers name: who exports each, and where its name is registered or documented.

An expression on a metric that nobody exports never says anything: tests hold every expression to this table.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

DCGM: Final = "DCGM exporter"
KUEUE: Final = "Kueue"
OWN: Final = "Prometheus, by a recording rule"
LAST_SUCCESS: Final = "mlplatform_last_success_timestamp_seconds"
"""Pushed by every job at the end of a run that succeeded: the time, as seconds since 1970. Its group has the labels
`job` and `endpoint`."""
DRIFT_SCORE: Final = "mlplatform_drift_score"
"""How far a feature, or the prediction, is from what the model was trained on: 0 to 1, by label `feature`."""
DRIFT_DRIFTED: Final = "mlplatform_drift_drifted"
"""1 where that is beyond its threshold and not by chance, else 0; by label `feature`."""
DRIFT_PROBLEMS: Final = "mlplatform_drift_data_problems"
"""What is wrong with the data, counted by label `problem`."""
QUALITY_VALUE: Final = "mlplatform_model_quality"
"""How good predictions were, by label `metric`."""
QUALITY_BREACHED: Final = "mlplatform_model_quality_breached"
"""1 where that is too bad, else 0; by label `metric`."""
RETRAINING_BLOCKED: Final = "mlplatform_retraining_blocked"
"""1 where a retraining was wanted and its budget is spent, else 0; by label `reason`."""
PIPELINE_SUCCESS: Final = "argo_workflows_mlplatform_pipeline_last_success_timestamp_seconds"
"""When the last run of a training pipeline began that ended well, as seconds since 1970; by labels `team` and
`pipeline`."""
PIPELINE_FAILURE: Final = "argo_workflows_mlplatform_pipeline_last_failure_timestamp_seconds"
"""When the last run of a training pipeline began that did not end well, likewise."""

ROLLOUTS: Final = "argo_workflows_mlplatform_rollouts_total"
"""Rollouts that have ended, by labels `endpoint` and `status`, as Argo says the latter."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of Prometheus."""

    exporter: str
    """What exports it."""
    source: str
    """Where its name is registered or documented; empty where no source was found."""


@dataclass(frozen=True, slots=True)
class _Exported:
    """Metrics that one exporter has, registered in one place."""

    exporter: str
    source: str
    names: Sequence[str]


_EXPORTED: Final = (
    _Exported(
        DCGM,
        "NVIDIA/dcgm-exporter, etc/dcp-metrics-included.csv; err_code and err_msg: internal/pkg/collector",
        (
            "DCGM_FI_DEV_FB_FREE",
            "DCGM_FI_DEV_FB_USED",
            "DCGM_FI_DEV_GPU_TEMP",
            "DCGM_FI_DEV_POWER_USAGE",
            "DCGM_FI_DEV_ROW_REMAP_FAILURE",
            "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
            "DCGM_FI_DEV_XID_ERRORS",
            "DCGM_FI_PROF_DRAM_ACTIVE",
            "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
            # There as a comment: it must be in the exporter's list of counters by name.
            "DCGM_FI_PROF_SM_ACTIVE",
        ),
    ),
    _Exported(
        DCGM,
        # DCGM 3 called it DCGM_FI_DEV_CLOCK_THROTTLE_REASONS; the exporter knows both, as the name in its list.
        "NVIDIA/go-dcgm, pkg/dcgm/const_fields.go, field 112; bits: NVML, nvmlClocksEventReasons",
        ("DCGM_FI_DEV_CLOCKS_EVENT_REASONS",),
    ),
    _Exported(
        KUEUE,
        "kubernetes-sigs/kueue, pkg/metrics/metrics.go",
        (
            "kueue_admission_wait_time_seconds_bucket",
            "kueue_admitted_active_workloads",
            "kueue_admitted_workloads_total",
            "kueue_cluster_queue_status",
            "kueue_evicted_workloads_total",
            "kueue_pending_workloads",
        ),
    ),
    _Exported(
        KUEUE,
        "kubernetes-sigs/kueue, pkg/metrics/metrics.go; with metrics.enableClusterQueueResources in its configuration",
        ("kueue_cluster_queue_nominal_quota", "kueue_cluster_queue_resource_usage"),
    ),
    _Exported(
        "Karpenter",
        "aws/karpenter-provider-aws, website/content/en/v1.14/reference/metrics.md",
        (
            "karpenter_build_info",
            "karpenter_cloudprovider_instance_launch_failures_total",
            "karpenter_cloudprovider_instance_type_offering_price_estimate",
            "karpenter_cluster_state_unsynced_time_seconds",
            "karpenter_interruption_received_messages_total",
            "karpenter_nodeclaims_disrupted_total",
            "karpenter_nodepools_limit",
            "karpenter_nodepools_usage",
            "karpenter_nodes_allocatable",
            "karpenter_nodes_total_pod_requests",
            "karpenter_scheduler_unschedulable_pods_count",
            "operator_ec2nodeclass_status_condition_count",
            "operator_nodeclaim_status_condition_current_status_seconds",
            "operator_nodepool_status_condition_count",
        ),
    ),
    _Exported(
        "kube-state-metrics",
        "kubernetes/kube-state-metrics, docs/metrics/workload/deployment-metrics.md",
        (
            "kube_deployment_spec_replicas",
            "kube_deployment_status_replicas_available",
            "kube_deployment_status_replicas_ready",
            "kube_deployment_status_replicas_unavailable",
        ),
    ),
    _Exported(
        "kube-state-metrics",
        "kubernetes/kube-state-metrics, docs/metrics/workload/horizontalpodautoscaler-metrics.md",
        (
            "kube_horizontalpodautoscaler_spec_max_replicas",
            "kube_horizontalpodautoscaler_status_current_replicas",
        ),
    ),
    _Exported(
        "kube-state-metrics",
        "kubernetes/kube-state-metrics, docs/metrics/cluster/node-metrics.md",
        ("kube_node_status_allocatable", "kube_node_status_capacity", "kube_node_status_condition"),
    ),
    _Exported(
        "kube-state-metrics",
        "kubernetes/kube-state-metrics, docs/metrics/workload/pod-metrics.md",
        (
            "kube_pod_container_status_waiting_reason",
            "kube_pod_info",
            "kube_pod_owner",
        ),
    ),
    _Exported(
        "kubelet",
        "kubernetes/kubernetes, pkg/kubelet/metrics/collectors/volume_stats.go",
        ("kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"),
    ),
    _Exported(
        "KEDA",
        "kedacore/keda-docs, content/docs/2.18/integrations/prometheus.md",
        ("keda_scaler_detail_errors_total",),
    ),
    _Exported(
        "Envoy",
        # In Prometheus, `http.<prefix>.downstream_rq_5xx` is envoy_http_downstream_rq_xx with the class as a label.
        "Envoy documentation, HTTP connection manager statistics; labels: source/common/config/well_known_names.cc",
        ("envoy_http_downstream_rq_xx",),
    ),
    _Exported(
        "Envoy",
        "Envoy documentation, Cluster manager statistics; labels: source/common/config/well_known_names.cc",
        ("envoy_cluster_upstream_rq_time_bucket", "envoy_cluster_upstream_rq_xx"),
    ),
    _Exported(
        "Argo Workflows",
        "argoproj/argo-workflows, util/telemetry/metrics_list.go, with the prefix argo_workflows_ of docs/metrics.md",
        ("argo_workflows_error_count", "argo_workflows_total_count"),
    ),
    _Exported("Argo Workflows", "serving_endpoint/rollout_workflow.py, with the prefix of Argo's", (ROLLOUTS,)),
    _Exported(
        "Argo Workflows",
        "training_pipeline/alerts.py, with the prefix argo_workflows_ of argoproj/argo-workflows, docs/metrics.md",
        (PIPELINE_FAILURE, PIPELINE_SUCCESS),
    ),
    _Exported(
        "cert-manager",
        "cert-manager/cert-manager, internal/collectors/certificate_collector.go",
        ("certmanager_certificate_expiration_timestamp_seconds", "certmanager_certificate_ready_status"),
    ),
    _Exported(
        "External Secrets",
        "external-secrets/external-secrets, docs/api/metrics.md",
        ("clustersecretstore_status_condition", "externalsecret_status_condition"),
    ),
    _Exported("Pushgateway", "prometheus/pushgateway, README.md", ("push_failure_time_seconds", "push_time_seconds")),
    _Exported("Pushgateway", "this module: what jobs of the platform push", (LAST_SUCCESS,)),
    _Exported(
        "Pushgateway",
        "runtime/drift/gauges.py",
        (DRIFT_SCORE, DRIFT_DRIFTED, DRIFT_PROBLEMS, QUALITY_VALUE, QUALITY_BREACHED, RETRAINING_BLOCKED),
    ),
    _Exported(
        "Alertmanager", "prometheus/alertmanager, notify/metrics.go", ("alertmanager_notifications_failed_total",)
    ),
    _Exported("Prometheus", "prometheus/prometheus, rules/group.go", ("prometheus_rule_evaluation_failures_total",)),
    _Exported(
        "Prometheus",
        "prometheus/prometheus, storage/remote/queue_manager.go",
        ("prometheus_remote_storage_samples_failed_total",),
    ),
    _Exported("Prometheus", "Prometheus documentation, Jobs and instances", ("up",)),
    _Exported(
        OWN,
        "monitoring_stack/rules.py",
        (
            "mlplatform:budget:usd_day",
            "mlplatform:gateway_requests:rate5m",
            "mlplatform:gpu_sm_active:ratio",
            "mlplatform:node:gpus",
            "mlplatform:node:usd_hour",
            "mlplatform:nodepool:gpus",
            "mlplatform:nodepool:usd_hour",
            "mlplatform:nodepool_budget:gpu_hours",
            "mlplatform:nodepool_idle:usd_hour",
            "mlplatform:nodepool_idle_gpus:ratio",
            "mlplatform:queue_pending:count",
            "mlplatform:queue_wait:p95_seconds",
        ),
    ),
)


def _rows() -> Iterator[tuple[str, Metric]]:
    for exported in _EXPORTED:
        yield from ((name, Metric(exported.exporter, exported.source)) for name in exported.names)


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(dict(_rows()))
"""Every metric that an expression here names."""


def of(exporter: str) -> Sequence[str]:
    """Names of the metrics that an exporter must have, sorted: for lists such as the DCGM exporter's counters."""
    return sorted(name for name, metric in METRICS.items() if metric.exporter == exporter)
