"""From which values on the alerts of the platform are sent."""

from collections.abc import Mapping
from typing import Optional

from mlplatform.core.args import Args, at_least, between, checked, each_value

LAST_WAIT_BUCKET = 10240
"""Upper end in seconds of the last bucket of Kueue's wait histograms: 2.5 doubled twelve times (Kueue,
pkg/metrics/metrics.go); a quantile never exceeds it."""


class AlertThresholds(Args):
    """From which values on alerts are sent; plain values, so that every rule is known before anything is created.

    The defaults suit a platform of tens of nodes. They decide when somebody is told, not what is healthy.
    """

    gpu_idle_percent: Optional[int] = 5
    """Activity of a GPU's multiprocessors in percent below which it counts as idle; 5 by default, less than the slowest
    useful job has."""
    gpu_idle_minutes: Optional[int] = 30
    """Minutes that a GPU may be allocated and idle; 30 by default, longer than loading data or a checkpoint takes."""
    gpu_throttle_minutes: Optional[int] = 10
    """Minutes that a GPU may run at a lowered clock; 10 by default, so that one hot moment wakes nobody."""
    queue_stuck_hours: Optional[int] = 4
    """Hours in which a queue has jobs waiting and admits none; 4 by default, since long jobs may well hold a quota."""
    queue_wait_minutes: Optional[int] = 120
    """Minutes that the slowest twentieth of the jobs may wait for admission; 120 by default. At most 170: Kueue's
    histogram ends there."""
    pods_ready_timeouts_per_hour: Optional[int] = 3
    """Jobs an hour that a queue may evict because their pods did not get ready in time; 3 by default, where one is a
    slow image and three are a tier that EC2 has no stock for."""
    preemptions_per_hour: Optional[int] = 10
    """Jobs an hour that a queue may lose to others; 10 by default, above which priorities or quotas are wrong."""
    borrowing_hours: Optional[int] = 24
    """Hours without a break that a queue may use more than its own quota; 24 by default, after which it is no peak."""
    node_ready_minutes: Optional[int] = 15
    """Minutes that a new node may take to be ready; 15 by default, what jobs wait for their pods too."""
    launch_failures_per_hour: Optional[int] = 10
    """Instances an hour that EC2 may refuse in one zone and capacity type; 10 by default, since a few are usual."""
    spot_interruptions_per_hour: Optional[int] = 10
    """Spot instances an hour that EC2 may take back; 10 by default, above which jobs make no progress."""
    disruptions_per_hour: Optional[int] = 20
    """Nodes an hour of one pool that Karpenter may replace for another reason than being empty; 20 by default."""
    pool_limit_percent: Optional[int] = 90
    """Percent of a pool's limit in use above which waiting pods are its fault; 90 by default."""
    gateway_error_percent: Optional[int] = 5
    """Percent of requests that the gateway may answer with 5xx; 5 by default. Endpoints have limits of their own."""
    gateway_requests_per_minute: Optional[int] = 60
    """Requests a minute below which the share of errors says nothing; 60 by default."""
    server_unready_minutes: Optional[int] = 15
    """Minutes that a server may have fewer replicas than it should; 15 by default, what loading a large model takes."""
    workflow_failures_per_hour: Optional[int] = 3
    """Workflows an hour of one namespace that may fail; 3 by default."""
    pushed_metrics_hours: Optional[int] = 26
    """Hours without a successful run after which what a job pushed is stale; 26 by default, for daily jobs."""
    gpu_hours_per_day: Optional[Mapping[str, int]] = {}
    """GPU hours a day that a Karpenter NodePool may use, by its name (`<pool>-<tier>`); no budgets by default."""
    usd_per_day: Optional[int] = None
    """US dollars a day that the nodes of all NodePools may cost by Karpenter's estimate; no budget by default."""
    idle_cost_percent: Optional[int] = 50
    """Percent of a pool's daily cost that idle GPUs may take; 50 by default."""
    gpu_node_empty_minutes: Optional[int] = 30
    """Minutes that a node with GPUs may run without a pod that uses one; 30 by default, more than Karpenter waits."""
    certificate_days: Optional[int] = 14
    """Days before its end at which a certificate should be renewed; 14 by default: cert-manager renews certificates of
    90 days 30 days before, so that half of the time is left to mend it."""
    volume_free_percent: Optional[int] = 15
    """Percent of a volume that should be free; 15 by default."""

    _percent = checked(
        between(1, 99, "percent"),
        "gpu_idle_percent",
        "pool_limit_percent",
        "gateway_error_percent",
        "idle_cost_percent",
        "volume_free_percent",
    )
    _minutes = checked(
        between(1, 1440, "minutes"),
        "gpu_idle_minutes",
        "gpu_throttle_minutes",
        "node_ready_minutes",
        "server_unready_minutes",
        "gpu_node_empty_minutes",
    )
    _wait = checked(between(1, LAST_WAIT_BUCKET // 60, "minutes"), "queue_wait_minutes")
    _hours = checked(between(1, 168, "hours"), "queue_stuck_hours", "borrowing_hours", "pushed_metrics_hours")
    _events = checked(
        at_least(1, "an hour"),
        "pods_ready_timeouts_per_hour",
        "preemptions_per_hour",
        "launch_failures_per_hour",
        "spot_interruptions_per_hour",
        "disruptions_per_hour",
        "workflow_failures_per_hour",
    )
    _requests = checked(at_least(1, "requests a minute"), "gateway_requests_per_minute")
    _gpu_hours = checked(each_value(at_least(1, "GPU hours a day")), "gpu_hours_per_day")
    _usd = checked(at_least(1, "US dollars a day"), "usd_per_day")
    _days = checked(between(1, 60, "days"), "certificate_days")
