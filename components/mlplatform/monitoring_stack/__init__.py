"""MonitoringStack: Prometheus, Alertmanager and Grafana with rules, dashboards and alarms for the whole platform."""

from mlplatform.monitoring_stack.args import MonitoringStackArgs, MonitoringStackSettings
from mlplatform.monitoring_stack.component import MonitoringStack
from mlplatform.monitoring_stack.thresholds import AlertThresholds

__all__ = ["AlertThresholds", "MonitoringStack", "MonitoringStackArgs", "MonitoringStackSettings"]
