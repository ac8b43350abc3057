"""HardenedBucket: a valid set of arguments, and for each field another value that shows in the graph."""

from mlplatform.hardened_bucket import HardenedBucket, HardenedBucketArgs

ARGS = HardenedBucketArgs
KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000001"
COPY_KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000002"

BASE: dict[str, object] = {
    "kms_key_arn": KEY,
    "lifecycle": {"expire_days": {"tmp/": 7}},
    "access_logs": {"bucket_name": "access-logs"},
    "object_lock": {"days": 30},
    "replication": {"destination_bucket_arn": "arn:aws:s3:::replicas", "destination_kms_key_arn": COPY_KEY},
}

CHANGES: dict[str, object] = {
    "kms_key_arn": f"{KEY[:-1]}9",
    "logs_of": ["arn:aws:s3:::other"],
    "versioning": False,
    "lifecycle.noncurrent_days": 90,
    "lifecycle.abort_multipart_days": 1,
    "lifecycle.intelligent_tiering": False,
    "lifecycle.intelligent_tiering_days": 0,
    "lifecycle.expire_days": {"tmp/": 1},
    "events": False,
    "access_logs.bucket_name": "other-logs",
    "access_logs.retention_days": 365,
    "object_lock.days": 7,
    "object_lock.mode": "COMPLIANCE",
    "replication.destination_bucket_arn": "arn:aws:s3:::copies",
    "replication.destination_kms_key_arn": f"{COPY_KEY[:-1]}9",
    "replication.delete_markers": True,
    "write_once": True,
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
    "deletion_protection": False,
    "force_destroy": True,
}
_ONLY_DATA = ("kms_key_arn", "access_logs", "object_lock", "replication")
CONTEXT: dict[str, dict[str, object]] = {
    "logs_of": {**dict.fromkeys(_ONLY_DATA), "logs_of": ["arn:aws:s3:::logged"]},
    "versioning": {"object_lock": None, "replication": None},
    "access_logs.retention_days": {"access_logs.bucket_name": None},
    "force_destroy": {"deletion_protection": False},
}
EXCEPTIONS: dict[str, str] = {}


def program(args: dict[str, object], name: str = "x") -> None:
    """A bucket, and nothing beside it."""
    HardenedBucket(name, HardenedBucketArgs.of(args))
