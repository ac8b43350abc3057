"""DriftMonitor: compares what an endpoint is asked with what its model was trained on, and asks for one retraining."""

from mlplatform.drift_monitor.args import (
    DriftMetric,
    DriftMonitorArgs,
    DriftMonitorSettings,
    DriftQuality,
    DriftQueue,
    DriftRetraining,
    DriftTraining,
)
from mlplatform.drift_monitor.component import DriftMonitor

__all__ = [
    "DriftMetric",
    "DriftMonitor",
    "DriftMonitorArgs",
    "DriftMonitorSettings",
    "DriftQuality",
    "DriftQueue",
    "DriftRetraining",
    "DriftTraining",
]
