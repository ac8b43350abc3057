"""What a bucket holds, how long, under which key, and what S3 refuses together."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Optional, Self

from pydantic import model_validator

from mlplatform.core.args import Args, In, at_least, between, checked, each, each_value, matching
from mlplatform.core.identifiers import BUCKET_NAME
from mlplatform.core.keys import KEY_ARN

BUCKET = matching(r"arn:aws[a-z-]*:s3:::[a-z0-9.-]+", "the ARN of a bucket, such as arn:aws:s3:::replicas")
BUCKETS = matching(
    r"arn:aws[a-z-]*:s3:::[a-z0-9.*-]+", "the ARN of a bucket, * for any letters, as arn:aws:s3:::logged"
)
NONCURRENT_DAYS = 30
"""Days that superseded versions are kept by default."""
LONGEST_LOCK_DAYS = 36_500
"""S3's limit, 100 years (Amazon S3 User Guide, Locking objects with Object Lock)."""


class ObjectLockMode(StrEnum):
    """Who can delete a locked version, by S3's names."""

    GOVERNANCE = "GOVERNANCE"
    """Who has `s3:BypassGovernanceRetention`."""
    COMPLIANCE = "COMPLIANCE"
    """Nobody, not the root user either, until its time is over: neither bucket nor account can be tidied up before."""


class ObjectLock(Args):
    """Object Lock: versions that cannot be deleted for a time, whatever prefix they are under."""

    days: In[int]
    """Days that every new version is locked, 1 to 36500. Each is stored and paid that long, also those superseded."""
    mode: Optional[ObjectLockMode] = ObjectLockMode.GOVERNANCE
    """Whether a lock can be lifted; GOVERNANCE by default, which a privileged role can."""

    _days = checked(between(1, LONGEST_LOCK_DAYS, "days"), "days")


class BucketReplication(Args):
    """A copy of every new object in another bucket, which has versioning on and lets the role write."""

    destination_bucket_arn: In[str]
    """ARN of the bucket that gets the copies, in another region or this one."""
    destination_kms_key_arn: In[str]
    """ARN of the KMS key that encrypts the copies, in the region of their bucket."""
    delete_markers: Optional[bool] = False
    """Whether a deletion without version is copied too; off by default, so that a mistake here spares the copy."""

    _bucket = checked(BUCKET, "destination_bucket_arn")
    _key = checked(KEY_ARN, "destination_kms_key_arn")


class BucketLifecycle(Args):
    """When S3 deletes what is superseded, unfinished or temporary, and moves what is rarely read."""

    noncurrent_days: Optional[In[int]] = NONCURRENT_DAYS
    """Days that a superseded or deleted version is kept, at least 1; 30 by default: time to notice a mistake. All are
    paid like current ones."""
    abort_multipart_days: Optional[In[int]] = 7
    """Days after which parts of an unfinished upload are deleted, at least 1; 7 by default: they are paid and cannot
    be read, and no upload takes a week."""
    intelligent_tiering: Optional[bool] = True
    """Whether objects move to INTELLIGENT_TIERING, which lowers the price of what nobody reads and charges nothing for
    reading it again; on by default, since training data are large and read by bursts."""
    intelligent_tiering_days: Optional[In[int]] = 30
    """Days after which they move, 0 or more; 30 by default: what lives shorter is not charged for the move."""
    expire_days: Optional[Mapping[str, In[int]]] = {}
    """Days after which objects expire, at least 1, by prefix such as `tmp/` (empty for the whole bucket); none by
    default. A superseded version remains for `noncurrent_days`."""

    _noncurrent = checked(at_least(1, "days"), "noncurrent_days", "abort_multipart_days")
    _tiering = checked(at_least(0, "days"), "intelligent_tiering_days")
    _expire = checked(each_value(at_least(1, "days")), "expire_days")

    @model_validator(mode="after")
    def _tiered_or_not(self) -> Self:
        if not self.intelligent_tiering and "intelligent_tiering_days" in self.model_fields_set:
            raise ValueError(
                f"intelligent_tiering false and intelligent_tiering_days {self.intelligent_tiering_days}: "
                "nothing moves; take one of them out"
            )
        return self


class AccessLogs(Args):
    """Where S3's server access logs of a bucket go."""

    bucket_name: Optional[In[str]] = None
    """Name of a bucket that somebody else made, in the same account and region, whose policy lets S3 deliver; by
    default an own one is made, for this bucket alone."""
    retention_days: Optional[In[int]] = 90
    """Days that logs are kept in the own bucket, at least 1; 90 by default: long enough to look into an incident."""

    _bucket = checked(BUCKET_NAME, "bucket_name")
    _retention = checked(at_least(1, "days"), "retention_days")

    @model_validator(mode="after")
    def _own_or_given(self) -> Self:
        if self.bucket_name is not None and "retention_days" in self.model_fields_set:
            raise ValueError(
                "bucket_name and retention_days: how long logs are kept in a bucket of others is theirs to say; "
                "take one of them out"
            )
        return self


NOT_FOR_LOGS = ("kms_key_arn", "access_logs", "object_lock", "replication", "write_once")
"""What the bucket of access logs cannot have (Amazon S3 User Guide, Enabling Amazon S3 server access logging). S3
delivers without asking whether an object exists."""


class HardenedBucketArgs(Args):
    """What a bucket holds, how long, and under which key."""

    kms_key_arn: Optional[In[str]] = None
    """ARN of the KMS key that encrypts every object; uploads that name another key or encryption are refused. Required,
    except for a bucket of access logs, to which S3 delivers under its own key (SSE-S3) only."""
    logs_of: Optional[Sequence[In[str]]] = None
    """ARNs of the buckets whose access logs this one receives, * for any letters; by default it receives none and holds
    data."""
    versioning: Optional[bool] = True
    """Whether superseded and deleted objects are kept as versions; on by default. Off is for what can be made again."""
    lifecycle: Optional[BucketLifecycle] = BucketLifecycle()
    """When objects are moved and deleted."""
    events: Optional[bool] = True
    """Whether S3 tells EventBridge of every change; on by default: it costs nothing until a rule matches."""
    access_logs: Optional[AccessLogs] = AccessLogs()
    """Where access logs go; to an own bucket by default. Always on, except for the bucket of such logs itself."""
    object_lock: Optional[ObjectLock] = None
    """Object Lock; none by default. It can be switched on later, but never off."""
    replication: Optional[BucketReplication] = None
    """Copies in another bucket; none by default. The key's policy must let the account's roles use it by S3."""
    write_once: Optional[bool] = False
    """Whether an object can be written only where none is: uploads must then say `If-None-Match: *`, and copies within
    S3 are refused, since they cannot. Off by default; on for what others refer to by its key."""
    permissions_boundary_arn: Optional[In[str]] = None
    """Policy that bounds what the role of replication can ever do; none by default."""
    deletion_protection: Optional[bool] = True
    """Whether Pulumi refuses to delete the bucket and its logs, and keeps them when they leave the program; on by
    default. Off is for throw-away environments."""
    force_destroy: Optional[bool] = False
    """Whether deleting the bucket deletes all objects and versions in it; off by default: a bucket with data stays."""

    _key = checked(KEY_ARN, "kms_key_arn")
    _sources = checked(each(BUCKETS), "logs_of")

    @model_validator(mode="after")
    def _data_or_logs(self) -> Self:
        if self.logs_of is None:
            if self.kms_key_arn is None:
                raise ValueError(
                    "kms_key_arn and logs_of missing: allowed is a bucket of data or of access logs; "
                    "set kms_key_arn for data, logs_of for access logs"
                )
            return self
        if not self.logs_of:
            raise ValueError("logs_of is empty: allowed are one or more ARNs of buckets; name them or take it out")
        given = [field for field in NOT_FOR_LOGS if field in self.model_fields_set]
        if given:
            raise ValueError(
                f"logs_of and {', '.join(given)}: S3 delivers access logs only to buckets without; "
                "take one or the other out"
            )
        return self

    @model_validator(mode="after")
    def _versions(self) -> Self:
        needing = [field for field in ("object_lock", "replication") if getattr(self, field) is not None]
        if needing and not self.versioning:
            raise ValueError(
                f"versioning false and {', '.join(needing)}: S3 needs versions for it; set versioning to true"
            )
        return self

    @model_validator(mode="after")
    def _kept_or_destroyed(self) -> Self:
        refuse_both(deletion_protection=self.deletion_protection, force_destroy=self.force_destroy)
        return self


def refuse_both(*, deletion_protection: bool | None, force_destroy: bool | None) -> None:
    """ValueError where data are both protected and let go."""
    if deletion_protection and force_destroy:
        raise ValueError(
            "deletion_protection true and force_destroy true: what is protected cannot be destroyed; "
            "set one of them to false"
        )
