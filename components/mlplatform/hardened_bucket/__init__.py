"""HardenedBucket: an S3 bucket that is private, encrypted, versioned, tiered and logged, or the bucket of such logs."""

from mlplatform.hardened_bucket.args import (
    AccessLogs,
    BucketLifecycle,
    BucketReplication,
    HardenedBucketArgs,
    ObjectLock,
    ObjectLockMode,
    refuse_both,
)
from mlplatform.hardened_bucket.component import HardenedBucket

__all__ = [
    "AccessLogs",
    "BucketLifecycle",
    "BucketReplication",
    "HardenedBucket",
    "HardenedBucketArgs",
    "ObjectLock",
    "ObjectLockMode",
    "refuse_both",
]
