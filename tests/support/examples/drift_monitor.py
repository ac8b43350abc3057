"""DriftMonitor: a valid set of arguments, and for each field another value that shows in the graph."""

from examples import kubernetes
from mlplatform.drift_monitor import DriftMonitor, DriftMonitorArgs

ARGS = DriftMonitorArgs
IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/mlplatform@sha256:{'0' * 64}"
KEYS = [f"arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-00000000000{at}" for at in range(6)]
TEMPLATE: dict[str, object] = {
    "workflowTemplateRef": {"name": "fraud-training"},
    "arguments": {
        "parameters": [
            {"name": "request", "value": "${request.id}"},
            {"name": "asked-by", "value": "${request.reason}, see ${request.report}"},
        ]
    },
}

BASE: dict[str, object] = {
    "endpoint": "fraud",
    "image": IMAGE,
    "reference_prefix": "reference/${model_version}/",
    "thresholds": {"amount": 0.2, "prediction": 0.05},
    "ignored_features": ["request_time"],
    "quality": {"metric": "accuracy", "threshold": 0.9},
    "retraining": {"team": "risk", "kind": "Workflow", "spec": TEMPLATE, "priority": "high"},
    "bucket_name": "features-1a2b3c4",
    "bucket_key_arn": KEYS[0],
    "cluster_name": "ml-dev",
    "vpc_cidr": "10.20.0.0/16",
    "runbooks_url": "https://wiki.example.com/runbooks",
    "reference_bucket_name": "training-1a2b3c4",
    "reference_key_arn": KEYS[1],
    "queue": {
        "url": "https://sqs.us-east-1.amazonaws.com/123456789012/queue-intake-1a2b3c4.fifo",
        "arn": "arn:aws:sqs:us-east-1:123456789012:queue-intake-1a2b3c4.fifo",
        "key_arn": KEYS[2],
    },
    "topic_arn": "arn:aws:sns:us-east-1:123456789012:ml",
    "topic_key_arn": KEYS[3],
}
SMALLEST: dict[str, object] = {
    field: BASE[field]
    for field in (
        *("endpoint", "image", "reference_prefix", "bucket_name", "bucket_key_arn"),
        *("cluster_name", "vpc_cidr", "runbooks_url"),
    )
}

CHANGES: dict[str, object] = {
    "endpoint": "churn",
    "image": f"{IMAGE[:-1]}1",
    "reference_prefix": "reference/",
    "schedule": "15 * * * *",
    "window_hours": 48,
    "threshold": 0.2,
    "thresholds": {},
    "significance": 0.001,
    "ignored_features": [],
    "min_rows": 1000,
    "max_rows": 10_000,
    "max_invalid_percent": 5,
    "quality.metric": "mean_absolute_error",
    "quality.threshold": 0.8,
    "quality.labels_prefix": "outcomes/",
    "quality.window_hours": 336,
    "quality.min_rows": 1000,
    "retraining.team": "vision",
    "retraining.pipeline": "fraud-training",
    "retraining.kind": "Job",
    "retraining.spec": {"workflowTemplateRef": {"name": "other"}},
    "retraining.priority": "low",
    "retraining.cooldown_hours": 48,
    "retraining.max_hours": 48,
    "retraining.daily_budget": 2,
    "retraining.monthly_budget": 4,
    "stale_hours": 50,
    "namespace": "monitors",
    "cpu": "1",
    "memory": "2Gi",
    "kms_key_arn": KEYS[4],
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
    "deletion_protection": False,
    "bucket_name": "others-1a2b3c4",
    "bucket_key_arn": KEYS[5],
    "cluster_name": "ml-test",
    "vpc_cidr": "10.30.0.0/16",
    "runbooks_url": "https://wiki.example.com/other",
    "reference_bucket_name": "others-1a2b3c4",
    "reference_key_arn": KEYS[5],
    "queue.url": "https://sqs.us-east-1.amazonaws.com/123456789012/other.fifo",
    "queue.arn": "arn:aws:sqs:us-east-1:123456789012:other.fifo",
    "queue.key_arn": KEYS[5],
    "topic_arn": "arn:aws:sns:us-east-1:123456789012:other",
    "topic_key_arn": KEYS[5],
    "s3_cidrs": ["3.5.0.0/16"],
    "pushgateway_url": "http://push.other:9091",
    "pushgateway_namespace": "other",
}
# Exactly one of `pipeline` and `spec`.
CONTEXT: dict[str, dict[str, object]] = {
    "retraining.pipeline": {"retraining.spec": None, "retraining.pipeline": "other"}
}
EXCEPTIONS: dict[str, str] = {}


def program(args: dict[str, object], name: str = "x") -> None:
    """A monitor, and nothing beside it."""
    DriftMonitor(name, DriftMonitorArgs.of(args), kubernetes(name))
