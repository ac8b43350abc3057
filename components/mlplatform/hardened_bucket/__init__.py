"""HardenedBucket: an S3 bucket that is private, encrypted, versioned, tiered and logged, or the bucket of such logs."""

from mlplatform.hardened_bucket.component import (
    AccessLogs,
    BucketLifecycle,
    BucketReplication,
    HardenedBucket,
    HardenedBucketArgs,
    ObjectLock,
    ObjectLockMode,
    refuse_both,
)

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
