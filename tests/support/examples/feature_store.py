"""FeatureStore: a valid set of arguments, and for each field another value that shows in the graph."""

from examples.hardened_bucket import COPY_KEY, KEY
from mlplatform.feature_store import FeatureStore, FeatureStoreArgs

ARGS = FeatureStoreArgs

BASE: dict[str, object] = {
    "project": "fraud_dev",
    "feature_views": {
        "user_stats": {},
        "device_risk": {"max_read_request_units": 12000, "recovery_days": 7, "ttl_attribute": "expires_at"},
    },
    "lifecycle": {"expire_days": {"offline/raw/": 400}},
    "object_lock": {"days": 30},
    "replication": {"destination_bucket_arn": "arn:aws:s3:::replicas", "destination_kms_key_arn": COPY_KEY},
    "cluster_name": "ml-dev",
    "table_tags": {"environment": "dev", "owner": "fraud-team"},
}

CHANGES: dict[str, object] = {
    "project": "risk",
    "feature_views": {"user_stats": {}},
    "feature_views.user_stats.max_read_request_units": 1,
    "feature_views.user_stats.max_write_request_units": 1,
    "feature_views.user_stats.recovery_days": 1,
    "feature_views.user_stats.ttl_attribute": "gone_at",
    "max_read_request_units": 500,
    "max_write_request_units": 500,
    "recovery_days": 14,
    "scan_limit_gib": 1000,
    "staging_days": 1,
    "database": "fraud_history",
    "namespace": "fraud",
    "kms_key_arn": KEY,
    "lifecycle.noncurrent_days": 90,
    "lifecycle.abort_multipart_days": 1,
    "lifecycle.intelligent_tiering": False,
    "lifecycle.intelligent_tiering_days": 0,
    "lifecycle.expire_days": {"offline/raw/": 40},
    "access_logs.bucket_name": "access-logs",
    "access_logs.retention_days": 365,
    "object_lock.days": 7,
    "object_lock.mode": "COMPLIANCE",
    "replication.destination_bucket_arn": "arn:aws:s3:::copies",
    "replication.destination_kms_key_arn": f"{COPY_KEY[:-1]}9",
    "replication.delete_markers": True,
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
    "deletion_protection": False,
    "force_destroy": True,
    "cluster_name": "ml-test",
    "table_tags": {"environment": "dev"},
}
CONTEXT: dict[str, dict[str, object]] = {"force_destroy": {"deletion_protection": False}}
EXCEPTIONS: dict[str, str] = {}


def program(args: dict[str, object], name: str = "x") -> None:
    """A feature store, and nothing beside it."""
    FeatureStore(name, FeatureStoreArgs.of(args))
