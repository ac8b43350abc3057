"""MonitoringStack: a valid set of arguments, and for each field another value that shows in the graph."""

from examples import kubernetes
from mlplatform.monitoring_stack import MonitoringStack, MonitoringStackArgs

ARGS = MonitoringStackArgs
KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000001"
WORKSPACE = "arn:aws:aps:us-east-1:123456789012:workspace/ws-0a1b2c3d-0000-4000-8000-0123456789ab"
RUNBOOKS = "https://github.com/example/platform/blob/main/docs/runbooks"

BASE: dict[str, object] = {
    "runbooks_url": RUNBOOKS,
    "cluster_name": "ml-dev",
    "storage_class": "encrypted-gp3",
    "secret_store": "secrets-manager",
    "grafana": {"admin_secret": "platform/grafana"},
    "amp": {},
    "alertmanager": {
        "webhooks": {"pager": {"secret": "platform/pager-url"}},
        "dead_man_switch": {"secret": "platform/switch-url"},
    },
    "thresholds": {"gpu_hours_per_day": {"training-reserved": 192}, "usd_per_day": 5000},
    "subscriptions": {"on-call": {"protocol": "email", "endpoint": "on-call@example.com"}},
    "interruption_queue_name": "karpenter-ml-dev",
    "feature_tables": {"user_stats": "fraud_dev.user_stats"},
    "nat_gateways": {"a": "nat-0123456789abcdef0"},
}

CHANGES: dict[str, object] = {
    "runbooks_url": "https://runbooks.example.com",
    "thresholds.gpu_idle_percent": 10,
    "thresholds.gpu_idle_minutes": 60,
    "thresholds.gpu_throttle_minutes": 20,
    "thresholds.queue_stuck_hours": 8,
    "thresholds.queue_wait_minutes": 60,
    "thresholds.pods_ready_timeouts_per_hour": 5,
    "thresholds.preemptions_per_hour": 20,
    "thresholds.borrowing_hours": 48,
    "thresholds.node_ready_minutes": 30,
    "thresholds.launch_failures_per_hour": 20,
    "thresholds.spot_interruptions_per_hour": 20,
    "thresholds.disruptions_per_hour": 40,
    "thresholds.pool_limit_percent": 80,
    "thresholds.gateway_error_percent": 1,
    "thresholds.gateway_requests_per_minute": 600,
    "thresholds.server_unready_minutes": 30,
    "thresholds.workflow_failures_per_hour": 10,
    "thresholds.pushed_metrics_hours": 2,
    "thresholds.gpu_hours_per_day": {"training-spot": 24},
    "thresholds.usd_per_day": 100,
    "thresholds.idle_cost_percent": 25,
    "thresholds.gpu_node_empty_minutes": 60,
    "thresholds.certificate_days": 7,
    "thresholds.volume_free_percent": 10,
    "aws_thresholds.interruption_age_seconds": 120,
    "aws_thresholds.throttles": 10,
    "aws_thresholds.dropped_packets": 1000,
    "prometheus.replicas": 2,
    "prometheus.retention_days": 3,
    "prometheus.disk_gib": 500,
    "prometheus.scrape_seconds": 15,
    "prometheus.cpu_millicores": 2000,
    "prometheus.memory_mib": 16384,
    "prometheus.reader_namespaces": ["keda", "drift"],
    "gated_namespaces": ["fraud"],
    "alertmanager.replicas": 3,
    "alertmanager.disk_gib": 4,
    "alertmanager.group_wait_seconds": 10,
    "alertmanager.group_interval_minutes": 10,
    "alertmanager.critical_repeat_hours": 1,
    "alertmanager.warning_repeat_hours": 72,
    "alertmanager.webhooks": {"chat": {"secret": "platform/chat-url"}},
    "alertmanager.webhooks.pager.secret": "platform/other-url",
    "alertmanager.webhooks.pager.severities": ["critical", "warning"],
    "alertmanager.dead_man_switch.secret": "platform/other-switch",
    "alertmanager.dead_man_switch.every_minutes": 10,
    "grafana": None,
    "grafana.admin_secret": "platform/other",
    "grafana.disk_gib": 20,
    "amp": None,
    "amp.workspace_arn": WORKSPACE,
    "amp.retention_days": 400,
    "subscriptions": {},
    "subscriptions.on-call.protocol": "https",
    "subscriptions.on-call.endpoint": "somebody@example.com",
    "namespace": "observability",
    "image_registry": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mirror",
    "chart_registry": "123456789012.dkr.ecr.us-east-1.amazonaws.com/charts",
    "chart_digest": f"sha256:{64 * 'a'}",
    "kms_key_arn": KEY,
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
    "deletion_protection": False,
    "cluster_name": "ml-test",
    "storage_class": "gp3",
    "secret_store": "vault",
    "create_namespace": False,
    "interruption_queue_name": "karpenter-ml-test",
    "feature_tables": {},
    "nat_gateways": {"b": "nat-0fedcba9876543210"},
}
CONTEXT: dict[str, dict[str, object]] = {
    # Helm checks digests of charts in a registry only.
    "chart_digest": {"chart_registry": "123456789012.dkr.ecr.us-east-1.amazonaws.com/charts"},
    # The protocol alone would not fit the address.
    "subscriptions.on-call.protocol": {"subscriptions.on-call.endpoint": "https://on-call@example.com"},
}
EXCEPTIONS: dict[str, str] = {}


def program(args: dict[str, object], name: str = "x") -> None:
    """A monitoring stack and the provider of its cluster, and nothing beside them."""
    MonitoringStack(name, MonitoringStackArgs.of(args), kubernetes(name))
