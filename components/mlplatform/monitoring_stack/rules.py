"""Alert rules and recording rules of the platform, part by part: pure functions of the thresholds.

Labels as they reach Prometheus, which the expressions rely on:

- monitors keep `honorLabels: false`, the default of the charts, so that a label of the exporter that collides with one
  of the target is `exported_...`. The DCGM exporter's `exported_pod` is then the pod that has the GPU, and missing
  where none has it. kube-state-metrics, the kubelet and the Pushgateway have `honorLabels: true`, also by default.
- controllers with several replicas export a series each: gauges are the maximum over them, counters the sum.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from mlplatform.contracts.alerts import Alert, Recording, Severity, rule_group
from mlplatform.monitoring_stack.args import NAMESPACE, nodes_namespace
from mlplatform.monitoring_stack.thresholds import AlertThresholds

NAMESPACES: Final = (
    "argo",
    "cert-manager",
    "envoy-gateway-system",
    "external-secrets",
    "gpu-software",
    "keda",
    "kserve",
    "kube-system",
    "kueue-system",
)
"""Namespaces of the platform itself beside the stack's own; a Deployment in any other one is a server of somebody's."""
APPLICATION_XIDS: Final = (13, 31, 43, 45, 68, 109)
"""XID errors of a program on a sound GPU: those that NVIDIA's device plugin ignores (k8s-device-plugin,
internal/rm/health.go)."""

_GPUS_OF_NODE: Final = 'resource=~"nvidia_com_.+"'
"""GPUs and shares of GPUs, as kube-state-metrics spells extended resources."""
_GPUS_OF_KARPENTER: Final = 'resource_type=~"nvidia.com/.+"'
"""GPUs and shares of GPUs, as Karpenter spells extended resources."""
_NODE_OF_POD: Final = "on (namespace, pod) group_left (node) max by (namespace, pod, node) (kube_pod_info)"
"""Joins a series of the DCGM exporter with the node that its pod runs on."""
_ONE_GPU: Final = "max by (node, gpu, UUID)"
_OFFER: Final = "instance_type, capacity_type, zone"
_KARPENTER_NODE: Final = "node_name, nodepool, instance_type, capacity_type, zone"


class _Part(NamedTuple):
    """The rules of one part."""

    recordings: Sequence[Recording]
    alerts: Sequence[Alert]


def parts(thresholds: AlertThresholds, namespace: str = NAMESPACE) -> Mapping[str, Sequence[Alert]]:
    """Alerts by the part of the platform that they watch; `namespace` is the stack's own."""
    return {name: part.alerts for name, part in _all(thresholds, namespace).items()}


def recordings(thresholds: AlertThresholds) -> Mapping[str, Sequence[Recording]]:
    """Recording rules by the part of the platform that they are about."""
    return {name: part.recordings for name, part in _all(thresholds, NAMESPACE).items()}


def specs(thresholds: AlertThresholds, runbooks_url: str, namespace: str) -> Mapping[str, dict[str, object]]:
    """The spec of one PrometheusRule a part: its recording rules, then its alerts.

    `runbooks_url` is where the runbooks are published, without a last slash; `namespace` is the stack's own.
    """
    return {
        name: {"groups": [rule_group(name, [*part.recordings, *part.alerts], runbooks_url)]}
        for name, part in _all(thresholds, namespace).items()
    }


def _all(thresholds: AlertThresholds, namespace: str) -> Mapping[str, _Part]:
    spaces = (*NAMESPACES, namespace, nodes_namespace(namespace))
    return {
        "gpus": _gpus(thresholds),
        "queues": _queues(thresholds),
        "pools": _pools(thresholds),
        "serving": _serving(thresholds, spaces),
        "pipelines": _pipelines(thresholds),
        "cost": _cost(thresholds),
        "platform": _platform(thresholds, spaces),
    }


def _gpus(limits: AlertThresholds) -> _Part:
    recordings = [
        Recording(
            "mlplatform:gpu_sm_active:ratio",
            "max by (node, gpu, UUID, modelName, GPU_I_ID, exported_namespace, exported_pod)"
            f" (DCGM_FI_PROF_SM_ACTIVE * {_NODE_OF_POD})",
            metrics=("DCGM_FI_PROF_SM_ACTIVE", "kube_pod_info"),
        ),
    ]
    xids = "|".join(str(xid) for xid in (0, *APPLICATION_XIDS))
    alerts = [
        Alert(
            # The gauge keeps the last error until the exporter restarts; an hour of memory, since an application's XID
            # would otherwise hide the one before it.
            "GpuXidError",
            "max by (node, gpu, UUID, err_code, err_msg)"
            f' (max_over_time(DCGM_FI_DEV_XID_ERRORS{{err_code!~"{xids}"}}[1h]) * {_NODE_OF_POD}) > 0',
            "0m",
            Severity.CRITICAL,
            "GPU {{ $labels.gpu }} of node {{ $labels.node }} had XID {{ $labels.err_code }} ({{ $labels.err_msg }}).",
            metrics=("DCGM_FI_DEV_XID_ERRORS", "kube_pod_info"),
        ),
        Alert(
            "GpuRowRemapFailed",
            f"{_ONE_GPU} (DCGM_FI_DEV_ROW_REMAP_FAILURE * {_NODE_OF_POD}) > 0",
            "0m",
            Severity.CRITICAL,
            "GPU {{ $labels.gpu }} of node {{ $labels.node }} has no spare memory rows left: its memory is not safe.",
            metrics=("DCGM_FI_DEV_ROW_REMAP_FAILURE", "kube_pod_info"),
        ),
        Alert(
            "GpuUncorrectableMemoryError",
            f"{_ONE_GPU} (increase(DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS[1h]) * {_NODE_OF_POD}) > 0",
            "0m",
            Severity.WARNING,
            "GPU {{ $labels.gpu }} of node {{ $labels.node }} remapped a memory row after an uncorrectable error.",
            metrics=("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "kube_pod_info"),
        ),
        Alert(
            "GpuUnhealthy",
            f"sum by (node) (kube_node_status_capacity{{{_GPUS_OF_NODE}}})"
            f" - sum by (node) (kube_node_status_allocatable{{{_GPUS_OF_NODE}}}) > 0",
            "10m",
            Severity.CRITICAL,
            "Node {{ $labels.node }} has GPUs that its device plugin took out of use.",
            metrics=("kube_node_status_capacity", "kube_node_status_allocatable"),
        ),
        Alert(
            "GpuIdle",
            "max by (node, gpu, exported_namespace, exported_pod)"
            ' (avg_over_time(mlplatform:gpu_sm_active:ratio{exported_pod!=""}[5m]))'
            f" < {limits.gpu_idle_percent} / 100",
            f"{limits.gpu_idle_minutes}m",
            Severity.WARNING,
            "Pod {{ $labels.exported_namespace }}/{{ $labels.exported_pod }} holds GPU {{ $labels.gpu }} of node"
            " {{ $labels.node }} and does not use it.",
            metrics=("mlplatform:gpu_sm_active:ratio",),
        ),
        Alert(
            "GpuThermalThrottling",
            f"{_ONE_GPU} (({_bit(32)} + {_bit(64)}) * {_NODE_OF_POD}) > 0",
            f"{limits.gpu_throttle_minutes}m",
            Severity.WARNING,
            "GPU {{ $labels.gpu }} of node {{ $labels.node }} runs slower because it is too hot.",
            metrics=("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", "kube_pod_info"),
        ),
        Alert(
            "GpuPowerBrake",
            f"{_ONE_GPU} ({_bit(128)} * {_NODE_OF_POD}) > 0",
            f"{limits.gpu_throttle_minutes}m",
            Severity.WARNING,
            "GPU {{ $labels.gpu }} of node {{ $labels.node }} runs slower because its power supply asks for it.",
            metrics=("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", "kube_pod_info"),
        ),
        Alert(
            "GpuExporterMissing",
            f"sum by (node) (kube_node_status_allocatable{{{_GPUS_OF_NODE}}}) > 0"
            f" unless on (node) max by (node) (DCGM_FI_DEV_GPU_TEMP * {_NODE_OF_POD})",
            "15m",
            Severity.WARNING,
            "Node {{ $labels.node }} has GPUs, and nothing measures them.",
            metrics=("kube_node_status_allocatable", "DCGM_FI_DEV_GPU_TEMP", "kube_pod_info"),
        ),
    ]
    return _Part(recordings, alerts)


def _bit(value: int) -> str:
    """1 where a GPU's clock is lowered for that reason, a bit of NVML's nvmlClocksEventReasons, else 0.

    Bit 4, the power cap, is no fault: a GPU at full load is always there.
    """
    return f"floor(DCGM_FI_DEV_CLOCKS_EVENT_REASONS / {value}) % 2"


def _queues(limits: AlertThresholds) -> _Part:
    quota = "max by (cluster_queue, flavor, resource)"
    recordings = [
        Recording(
            "mlplatform:queue_pending:count",
            "sum by (cluster_queue) (max by (cluster_queue, status) (kueue_pending_workloads))",
            metrics=("kueue_pending_workloads",),
        ),
        Recording(
            "mlplatform:queue_wait:p95_seconds",
            "histogram_quantile(0.95, sum by (cluster_queue, le) (rate(kueue_admission_wait_time_seconds_bucket[1h])))",
            metrics=("kueue_admission_wait_time_seconds_bucket",),
        ),
    ]
    alerts = [
        _down("KueueDown", "kueue-system", "Kueue", "no job is admitted", Severity.CRITICAL),
        Alert(
            "ClusterQueueInactive",
            'max by (cluster_queue) (kueue_cluster_queue_status{status="active"}) == 0',
            "10m",
            Severity.CRITICAL,
            "ClusterQueue {{ $labels.cluster_queue }} admits no jobs: it is stopped or lacks a flavor or check.",
            metrics=("kueue_cluster_queue_status",),
        ),
        Alert(
            "QueueStuck",
            "mlplatform:queue_pending:count > 0"
            " unless on (cluster_queue) sum by (cluster_queue) (increase(kueue_admitted_workloads_total[30m])) > 0",
            f"{limits.queue_stuck_hours}h",
            Severity.WARNING,
            "Jobs wait in ClusterQueue {{ $labels.cluster_queue }}, and none was admitted for"
            f" {limits.queue_stuck_hours} hours.",
            metrics=("mlplatform:queue_pending:count", "kueue_admitted_workloads_total"),
        ),
        Alert(
            "QueueWaitLong",
            f"mlplatform:queue_wait:p95_seconds > {limits.queue_wait_minutes} * 60",
            "15m",
            Severity.WARNING,
            "One job in twenty waits {{ $value | humanizeDuration }} or longer in ClusterQueue"
            " {{ $labels.cluster_queue }}.",
            metrics=("mlplatform:queue_wait:p95_seconds",),
        ),
        Alert(
            "PodsReadyTimeouts",
            _evictions("PodsReadyTimeout", limits.pods_ready_timeouts_per_hour),
            "0m",
            Severity.WARNING,
            "ClusterQueue {{ $labels.cluster_queue }} evicted jobs again and again because their pods did not start.",
            metrics=("kueue_evicted_workloads_total",),
        ),
        Alert(
            "PreemptionsFrequent",
            _evictions("Preempted", limits.preemptions_per_hour),
            "0m",
            Severity.WARNING,
            "ClusterQueue {{ $labels.cluster_queue }} lost {{ $value | humanize }} jobs to others within an hour.",
            metrics=("kueue_evicted_workloads_total",),
        ),
        Alert(
            # A queue without a quota of its own lives on borrowing: that is its design, not a finding.
            "QuotaBorrowedLong",
            f"{quota} (kueue_cluster_queue_resource_usage) > ({quota} (kueue_cluster_queue_nominal_quota) > 0)",
            f"{limits.borrowing_hours}h",
            Severity.WARNING,
            "ClusterQueue {{ $labels.cluster_queue }} has used more {{ $labels.resource }} of {{ $labels.flavor }} than"
            f" its quota for {limits.borrowing_hours} hours.",
            metrics=("kueue_cluster_queue_resource_usage", "kueue_cluster_queue_nominal_quota"),
        ),
        _scaler("IntakeScalerFailing", "scaledjob", "messages of its queue are not dispatched"),
    ]
    return _Part(recordings, alerts)


def _evictions(reason: str, an_hour: int | None) -> str:
    return f'sum by (cluster_queue) (increase(kueue_evicted_workloads_total{{reason="{reason}"}}[1h])) >= {an_hour}'


def _pools(limits: AlertThresholds) -> _Part:
    alerts = [
        _down(
            "KarpenterDown", "kube-system", "Karpenter", "no node is added or removed", Severity.CRITICAL, "karpenter"
        ),
        Alert(
            "KarpenterStateUnsynced",
            "max(karpenter_cluster_state_unsynced_time_seconds) > 600",
            "5m",
            Severity.WARNING,
            "Karpenter's picture of the cluster has been out of date for {{ $value | humanizeDuration }}.",
            metrics=("karpenter_cluster_state_unsynced_time_seconds",),
        ),
        Alert(
            "NodePoolNotReady",
            "max by (name, type, reason) (operator_nodepool_status_condition_count"
            '{type=~"NodeClassReady|NodeRegistrationHealthy|ValidationSucceeded", status="False"}) > 0',
            "10m",
            Severity.CRITICAL,
            "NodePool {{ $labels.name }} makes no nodes: {{ $labels.type }} is false ({{ $labels.reason }}).",
            metrics=("operator_nodepool_status_condition_count",),
        ),
        Alert(
            "NodeClassNotReady",
            'max by (name, type, reason) (operator_ec2nodeclass_status_condition_count{status="False"}) > 0',
            "10m",
            Severity.CRITICAL,
            "EC2NodeClass {{ $labels.name }} makes no nodes: {{ $labels.type }} is false ({{ $labels.reason }}).",
            metrics=("operator_ec2nodeclass_status_condition_count",),
        ),
        Alert(
            "NodeClaimNotReady",
            "max by (name, type, reason) (operator_nodeclaim_status_condition_current_status_seconds"
            f'{{type=~"Launched|Registered|Initialized", status!="True"}}) > {limits.node_ready_minutes} * 60',
            "0m",
            Severity.WARNING,
            "NodeClaim {{ $labels.name }} is paid for and not usable: no {{ $labels.type }} ({{ $labels.reason }}).",
            metrics=("operator_nodeclaim_status_condition_current_status_seconds",),
        ),
        Alert(
            "NodeNotReady",
            'max by (node) (kube_node_status_condition{condition="Ready", status!="true"}) > 0',
            "10m",
            Severity.WARNING,
            "Node {{ $labels.node }} is not ready.",
            metrics=("kube_node_status_condition",),
        ),
        Alert(
            "PodsUnschedulable",
            "max(karpenter_scheduler_unschedulable_pods_count) > 0",
            "30m",
            Severity.WARNING,
            "{{ $value }} pods fit on no node that any NodePool may make.",
            metrics=("karpenter_scheduler_unschedulable_pods_count",),
        ),
        Alert(
            "PoolLimitReached",
            "max by (nodepool, resource_type) (karpenter_nodepools_usage)"
            " / (max by (nodepool, resource_type) (karpenter_nodepools_limit) > 0)"
            f" >= {limits.pool_limit_percent} / 100"
            " and on () max(karpenter_scheduler_unschedulable_pods_count) > 0",
            "15m",
            Severity.WARNING,
            "NodePool {{ $labels.nodepool }} is at its limit of {{ $labels.resource_type }} while pods wait for nodes.",
            metrics=(
                "karpenter_nodepools_usage",
                "karpenter_nodepools_limit",
                "karpenter_scheduler_unschedulable_pods_count",
            ),
        ),
        Alert(
            "CapacityUnavailable",
            "sum by (capacity_type, zone, reason)"
            " (increase(karpenter_cloudprovider_instance_launch_failures_total[1h]))"
            f" >= {limits.launch_failures_per_hour}",
            "0m",
            Severity.WARNING,
            "EC2 refused {{ $value | humanize }} {{ $labels.capacity_type }} instances in {{ $labels.zone }} within an"
            " hour: {{ $labels.reason }}.",
            metrics=("karpenter_cloudprovider_instance_launch_failures_total",),
        ),
        Alert(
            # spot_interrupted in Karpenter's source, spot_interruption in its documentation.
            "SpotInterruptions",
            'sum(increase(karpenter_interruption_received_messages_total{message_type=~"spot_interrupt.+"}[1h]))'
            f" >= {limits.spot_interruptions_per_hour}",
            "0m",
            Severity.WARNING,
            "EC2 took back {{ $value | humanize }} spot instances within an hour.",
            metrics=("karpenter_interruption_received_messages_total",),
        ),
        Alert(
            "NodesReplacedOften",
            'sum by (nodepool, reason) (increase(karpenter_nodeclaims_disrupted_total{reason!~"(?i)empty"}[1h]))'
            f" >= {limits.disruptions_per_hour}",
            "0m",
            Severity.WARNING,
            "Karpenter ended {{ $value | humanize }} nodes of {{ $labels.nodepool }} within an hour:"
            " {{ $labels.reason }}.",
            metrics=("karpenter_nodeclaims_disrupted_total",),
        ),
    ]
    return _Part((), alerts)


def _serving(limits: AlertThresholds, spaces: Sequence[str]) -> _Part:
    """Without what one endpoint promises: those alerts are the endpoints' own."""
    servers = f'namespace!~"{"|".join(spaces)}"'
    # Without Envoy's own page and the listeners that Envoy Gateway adds for its probes and statistics.
    traffic = 'envoy_http_conn_manager_prefix!~"admin|eg-.+"'
    recordings = [
        Recording(
            "mlplatform:gateway_requests:rate5m",
            f"sum by (envoy_response_code_class) (rate(envoy_http_downstream_rq_xx{{{traffic}}}[5m]))",
            metrics=("envoy_http_downstream_rq_xx",),
        ),
    ]
    alerts = [
        _down(
            "EnvoyGatewayDown", "envoy-gateway-system", "Envoy Gateway", "routes or requests fail", Severity.CRITICAL
        ),
        _down("KServeDown", "kserve", "KServe", "InferenceServices do not change", Severity.WARNING),
        Alert(
            "GatewayErrors",
            'sum(mlplatform:gateway_requests:rate5m{envoy_response_code_class="5"})'
            " / sum(mlplatform:gateway_requests:rate5m)"
            f" > {limits.gateway_error_percent} / 100"
            f" and sum(mlplatform:gateway_requests:rate5m) > {limits.gateway_requests_per_minute} / 60",
            "10m",
            Severity.CRITICAL,
            "The gateway answers {{ $value | humanizePercentage }} of all requests with an error.",
            metrics=("mlplatform:gateway_requests:rate5m",),
        ),
        Alert(
            "ServerDown",
            _without_replicas(servers),
            "5m",
            Severity.CRITICAL,
            "No replica of {{ $labels.namespace }}/{{ $labels.deployment }} is available.",
            metrics=("kube_deployment_status_replicas_available", "kube_deployment_spec_replicas"),
        ),
        Alert(
            "ServerDegraded",
            f"max by (namespace, deployment) (kube_deployment_status_replicas_unavailable{{{servers}}}) > 0",
            f"{limits.server_unready_minutes}m",
            Severity.WARNING,
            "{{ $value }} replicas of {{ $labels.namespace }}/{{ $labels.deployment }} are not available.",
            metrics=("kube_deployment_status_replicas_unavailable",),
        ),
        Alert(
            "ServerCrashLooping",
            f"{_crash_looping(servers)}"
            ' and on (namespace, pod) max by (namespace, pod) (kube_pod_owner{owner_kind="ReplicaSet"}) > 0',
            "10m",
            Severity.WARNING,
            "Container {{ $labels.container }} of {{ $labels.namespace }}/{{ $labels.pod }} ends again and again.",
            metrics=("kube_pod_container_status_waiting_reason", "kube_pod_owner"),
        ),
        _scaler("EndpointScalerFailing", "scaledobject", "its endpoint does not follow the load"),
    ]
    return _Part(recordings, alerts)


def _scaler(name: str, kind: str, effect: str) -> Alert:
    """KEDA can't read a trigger of that kind of object."""
    return Alert(
        name,
        "sum by (exported_namespace, scaledObject, scaler)"
        f' (increase(keda_scaler_detail_errors_total{{type="{kind}"}}[15m])) > 0',
        "15m",
        Severity.WARNING,
        "KEDA can not read {{ $labels.scaler }} of {{ $labels.exported_namespace }}/{{ $labels.scaledObject }}:"
        f" {effect}.",
        metrics=("keda_scaler_detail_errors_total",),
    )


def _pipelines(limits: AlertThresholds) -> _Part:
    alerts = [
        _down("ArgoWorkflowsDown", "argo", "Argo Workflows", "no pipeline moves on", Severity.CRITICAL),
        Alert(
            "WorkflowsFailing",
            "sum by (exported_namespace)"
            ' (increase(argo_workflows_total_count{phase=~"Failed|Error"}[1h]))'
            f" >= {limits.workflow_failures_per_hour}",
            "0m",
            Severity.WARNING,
            "{{ $value | humanize }} workflows of {{ $labels.exported_namespace }} failed within an hour.",
            metrics=("argo_workflows_total_count",),
        ),
        Alert(
            "WorkflowControllerErrors",
            "sum by (cause) (increase(argo_workflows_error_count[15m])) > 0",
            "0m",
            Severity.WARNING,
            "Argo's workflow controller fails by itself: {{ $labels.cause }}.",
            metrics=("argo_workflows_error_count",),
        ),
        Alert(
            # The Pushgateway repeats what was pushed for ever: without this, an ended job looks healthy.
            "PushedMetricsStale",
            "time() - max by (job, endpoint) (mlplatform_last_success_timestamp_seconds)"
            f" > {limits.pushed_metrics_hours} * 3600",
            "5m",
            Severity.WARNING,
            "Job {{ $labels.job }} of endpoint {{ $labels.endpoint }} last succeeded {{ $value | humanizeDuration }}"
            " ago.",
            metrics=("mlplatform_last_success_timestamp_seconds",),
        ),
        Alert(
            "PushRefused",
            "max by (job, endpoint) (push_failure_time_seconds) > max by (job, endpoint) (push_time_seconds)",
            "5m",
            Severity.WARNING,
            "The Pushgateway refuses what job {{ $labels.job }} of endpoint {{ $labels.endpoint }} pushes.",
            metrics=("push_failure_time_seconds", "push_time_seconds"),
        ),
    ]
    return _Part((), alerts)


def _cost(limits: AlertThresholds) -> _Part:
    price = "karpenter_cloudprovider_instance_type_offering_price_estimate"
    pool_of_node = (
        'label_replace(group by (node_name, nodepool) (mlplatform:node:usd_hour), "node", "$1", "node_name", "(.+)")'
    )
    recordings = [
        Recording(
            # Karpenter prices a reservation at a ten-millionth, to prefer it; it is paid like on-demand, used or not.
            "mlplatform:node:usd_hour",
            f'group by ({_KARPENTER_NODE}) (karpenter_nodes_allocatable{{resource_type="cpu", nodepool!=""}})'
            f" * on ({_OFFER}) group_left ()"
            f' (max by ({_OFFER}) ({price}{{capacity_type!="reserved"}})'
            f' or label_replace(max by ({_OFFER}) ({price}{{capacity_type="on-demand"}}),'
            ' "capacity_type", "reserved", "capacity_type", ".+"))',
            metrics=("karpenter_nodes_allocatable", price),
        ),
        Recording(
            "mlplatform:nodepool:usd_hour",
            "sum by (nodepool) (mlplatform:node:usd_hour)",
            metrics=("mlplatform:node:usd_hour",),
        ),
        Recording(
            "mlplatform:node:gpus",
            f"sum by ({_KARPENTER_NODE}) (max by ({_KARPENTER_NODE}, resource_type)"
            f' (karpenter_nodes_allocatable{{{_GPUS_OF_KARPENTER}, nodepool!=""}})) > 0',
            metrics=("karpenter_nodes_allocatable",),
        ),
        Recording(
            "mlplatform:nodepool:gpus",
            "sum by (nodepool) (mlplatform:node:gpus)",
            metrics=("mlplatform:node:gpus",),
        ),
        Recording(
            "mlplatform:nodepool_idle_gpus:ratio",
            f"avg by (nodepool) ((mlplatform:gpu_sm_active:ratio < bool {limits.gpu_idle_percent} / 100)"
            f" * on (node) group_left (nodepool) {pool_of_node})",
            metrics=("mlplatform:gpu_sm_active:ratio", "mlplatform:node:usd_hour"),
        ),
        Recording(
            "mlplatform:nodepool_idle:usd_hour",
            "mlplatform:nodepool_idle_gpus:ratio * on (nodepool) mlplatform:nodepool:usd_hour",
            metrics=("mlplatform:nodepool_idle_gpus:ratio", "mlplatform:nodepool:usd_hour"),
        ),
        *(
            Recording("mlplatform:nodepool_budget:gpu_hours", f"vector({hours})", labels={"nodepool": nodepool})
            for nodepool, hours in sorted((limits.gpu_hours_per_day or {}).items())
        ),
        *([Recording("mlplatform:budget:usd_day", f"vector({limits.usd_per_day})")] if limits.usd_per_day else []),
    ]
    alerts = [
        Alert(
            "GpuNodeEmpty",
            "mlplatform:node:gpus unless on (node_name)"
            f" sum by (node_name) (karpenter_nodes_total_pod_requests{{{_GPUS_OF_KARPENTER}}}) > 0",
            f"{limits.gpu_node_empty_minutes}m",
            Severity.WARNING,
            "Node {{ $labels.node_name }} ({{ $labels.instance_type }}, {{ $labels.nodepool }}) runs, and no pod uses"
            " its GPUs.",
            metrics=("mlplatform:node:gpus", "karpenter_nodes_total_pod_requests"),
        ),
        Alert(
            "IdleGpuCost",
            f"{_day('mlplatform:nodepool_idle:usd_hour')} / {_day('mlplatform:nodepool:usd_hour')}"
            f" > {limits.idle_cost_percent} / 100",
            "1h",
            Severity.WARNING,
            "{{ $value | humanizePercentage }} of what NodePool {{ $labels.nodepool }} costs a day goes to idle GPUs.",
            metrics=("mlplatform:nodepool_idle:usd_hour", "mlplatform:nodepool:usd_hour"),
        ),
        Alert(
            "GpuHoursOverBudget",
            f"{_day('mlplatform:nodepool:gpus')} > on (nodepool) mlplatform:nodepool_budget:gpu_hours",
            "0m",
            Severity.WARNING,
            "NodePool {{ $labels.nodepool }} used {{ $value | humanize }} GPU hours in a day, more than its budget.",
            metrics=("mlplatform:nodepool:gpus", "mlplatform:nodepool_budget:gpu_hours"),
        ),
        Alert(
            "CostOverBudget",
            f"sum({_day('mlplatform:nodepool:usd_hour')}) > max(mlplatform:budget:usd_day)",
            "0m",
            Severity.WARNING,
            "Nodes cost an estimated {{ $value | humanize }} US dollars in a day, more than the budget.",
            metrics=("mlplatform:nodepool:usd_hour", "mlplatform:budget:usd_day"),
        ),
    ]
    return _Part(recordings, alerts)


def _day(series: str) -> str:
    """What a series adds up to in a day, in units an hour: samples of five minutes, so that gaps count as nothing."""
    return f"(sum by (nodepool) (sum_over_time({series}[1d:5m])) / 12)"


def _platform(limits: AlertThresholds, spaces: Sequence[str]) -> _Part:
    own = {"argo", "envoy-gateway-system", "kserve", "kueue-system"}
    others = "|".join(name for name in spaces if name not in own)
    platform = f'namespace=~"{"|".join(spaces)}"'
    measured = "argo|cert-manager|envoy-gateway-system|external-secrets|keda|kueue-system"
    free = (
        "min by (namespace, persistentvolumeclaim)"
        " (kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes)"
    )
    alerts = [
        Alert(
            "PlatformControllerDown",
            _without_replicas(f'namespace=~"{others}", deployment!="karpenter"'),
            "10m",
            Severity.CRITICAL,
            "No replica of the platform's {{ $labels.namespace }}/{{ $labels.deployment }} is available.",
            metrics=("kube_deployment_status_replicas_available", "kube_deployment_spec_replicas"),
        ),
        Alert(
            "PlatformPodCrashLooping",
            _crash_looping(platform),
            "10m",
            Severity.WARNING,
            "Container {{ $labels.container }} of the platform's {{ $labels.namespace }}/{{ $labels.pod }} ends again"
            " and again.",
            metrics=("kube_pod_container_status_waiting_reason",),
        ),
        Alert(
            # An alert on a metric that nobody scrapes never fires: silence is not health.
            "PlatformMetricsMissing",
            f'group by (namespace) (kube_deployment_spec_replicas{{namespace=~"{measured}"}} > 0)'
            " unless on (namespace) max by (namespace) (up) > 0"
            " or group by (namespace)"
            ' (kube_deployment_spec_replicas{namespace="kube-system", deployment="karpenter"} > 0)'
            " unless on () karpenter_build_info",
            "15m",
            Severity.WARNING,
            "Controllers run in {{ $labels.namespace }}, and Prometheus reads no metrics of them: alerts on them are"
            " silent.",
            metrics=("kube_deployment_spec_replicas", "up", "karpenter_build_info"),
        ),
        Alert(
            "TargetDown",
            f"count by (namespace, job) (up{{{platform}}} == 0)",
            "15m",
            Severity.WARNING,
            "Prometheus can not read {{ $value }} targets of {{ $labels.job }} in {{ $labels.namespace }}.",
            metrics=("up",),
        ),
        Alert(
            "KubeStateMetricsMissing",
            "absent(kube_node_status_condition)",
            "10m",
            Severity.CRITICAL,
            "kube-state-metrics gives no metrics: alerts on pods, nodes and controllers are silent.",
            metrics=("kube_node_status_condition",),
        ),
        Alert(
            "CertificateExpiring",
            "(min by (exported_namespace, name) (certmanager_certificate_expiration_timestamp_seconds) > 0) - time()"
            f" < {limits.certificate_days} * 86400",
            "1h",
            Severity.WARNING,
            "Certificate {{ $labels.exported_namespace }}/{{ $labels.name }} ends in {{ $value | humanizeDuration }}"
            " and was not renewed.",
            metrics=("certmanager_certificate_expiration_timestamp_seconds",),
        ),
        Alert(
            "CertificateNotReady",
            'max by (exported_namespace, name) (certmanager_certificate_ready_status{condition!="True"}) > 0',
            "30m",
            Severity.WARNING,
            "Certificate {{ $labels.exported_namespace }}/{{ $labels.name }} is not issued.",
            metrics=("certmanager_certificate_ready_status",),
        ),
        Alert(
            "SecretSyncFailing",
            "max by (exported_namespace, name)"
            ' (externalsecret_status_condition{condition="Ready", status="False"}) > 0',
            "15m",
            Severity.WARNING,
            "ExternalSecret {{ $labels.exported_namespace }}/{{ $labels.name }} is not in step with Secrets Manager.",
            metrics=("externalsecret_status_condition",),
        ),
        Alert(
            "SecretStoreNotReady",
            'max by (name) (clustersecretstore_status_condition{condition="Ready", status="False"}) > 0',
            "15m",
            Severity.WARNING,
            "ClusterSecretStore {{ $labels.name }} can not reach Secrets Manager.",
            metrics=("clustersecretstore_status_condition",),
        ),
        Alert(
            "VolumeNearlyFull",
            f"{free} < {limits.volume_free_percent} / 100",
            "15m",
            Severity.WARNING,
            "Volume {{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }}"
            " free.",
            metrics=("kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"),
        ),
        Alert(
            "VolumeFullSoon",
            "min by (namespace, persistentvolumeclaim)"
            " (predict_linear(kubelet_volume_stats_available_bytes[6h], 4 * 3600)) < 0"
            f" and {free} < 0.5",
            "30m",
            Severity.CRITICAL,
            "Volume {{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }} will be full within four hours.",
            metrics=("kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"),
        ),
        Alert(
            "RuleEvaluationFailing",
            "sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[15m])) > 0",
            "15m",
            Severity.WARNING,
            "Prometheus can not evaluate rules of {{ $labels.rule_group }}: their alerts are silent.",
            metrics=("prometheus_rule_evaluation_failures_total",),
        ),
        Alert(
            "RemoteWriteFailing",
            "sum by (remote_name) (rate(prometheus_remote_storage_samples_failed_total[5m])) > 0",
            "15m",
            Severity.WARNING,
            "Prometheus loses samples on their way to {{ $labels.remote_name }}.",
            metrics=("prometheus_remote_storage_samples_failed_total",),
        ),
        Alert(
            "NotificationsFailing",
            "sum by (integration) (increase(alertmanager_notifications_failed_total[15m])) > 0",
            "5m",
            Severity.CRITICAL,
            "Alertmanager can not deliver through {{ $labels.integration }}: alerts do not arrive.",
            metrics=("alertmanager_notifications_failed_total",),
        ),
        Alert(
            "Watchdog",
            "vector(1)",
            "0m",
            Severity.NONE,
            "Always sent: what receives it should tell somebody when it stays away.",
        ),
    ]
    return _Part((), alerts)


def _down(  # noqa: PLR0913, PLR0917 - one row of a table
    name: str, namespace: str, controller: str, effect: str, severity: Severity, deployment: str = ".+"
) -> Alert:
    """A controller without an available replica."""
    return Alert(
        name,
        _without_replicas(f'namespace="{namespace}", deployment=~"{deployment}"'),
        "5m",
        severity,
        f"{controller} ({{{{ $labels.namespace }}}}/{{{{ $labels.deployment }}}}) does not run: {effect}.",
        metrics=("kube_deployment_status_replicas_available", "kube_deployment_spec_replicas"),
    )


def _without_replicas(which: str) -> str:
    """Deployments that want replicas and have none available."""
    return (
        f"max by (namespace, deployment) (kube_deployment_status_replicas_available{{{which}}}) == 0"
        f" and on (namespace, deployment) max by (namespace, deployment) (kube_deployment_spec_replicas{{{which}}}) > 0"
    )


def _crash_looping(which: str) -> str:
    """Containers that the kubelet waits longer and longer to start again."""
    return (
        "max by (namespace, pod, container)"
        f' (kube_pod_container_status_waiting_reason{{reason="CrashLoopBackOff", {which}}}) > 0'
    )
