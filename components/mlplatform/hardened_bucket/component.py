"""HardenedBucket: an S3 bucket that is private, encrypted, versioned, tiered and logged, or the bucket of such logs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Optional, Self

import pulumi
import pulumi_aws as aws
from pydantic import model_validator

from mlplatform.core.args import Args, In, InvalidArgs, at_least, between, checked, each, each_value, matching
from mlplatform.core.build import Build
from mlplatform.core.identifiers import BUCKET_NAME
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.naming import Kind, check
from mlplatform.facts.aws.iam import (
    ANYONE,
    Conditions,
    Statement,
    deny_insecure_transport,
    dns_suffix,
    document,
    require_tls,
    service_trust,
)

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


@dataclass(frozen=True, slots=True)
class _Build(Build[HardenedBucketArgs]):
    """One bucket under construction."""

    bucket: aws.s3.Bucket

    @property
    def arns(self) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """The bucket's ARN, and that of everything in it."""
        return self.bucket.arn, pulumi.Output.concat(self.bucket.arn, "/*")


class HardenedBucket(pulumi.ComponentResource):
    """An S3 bucket that nobody reads without TLS 1.2, a key and a role, and whose objects come back when deleted.

    Given `logs_of` instead of a key, it is the bucket to which S3 delivers the access logs of others.
    """

    bucket_name: pulumi.Output[str]
    """Name of the bucket."""
    bucket_arn: pulumi.Output[str]
    """ARN of the bucket."""
    regional_domain_name: pulumi.Output[str]
    """Host name of the bucket in its region."""

    def __init__(self, name: str, args: HardenedBucketArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = HardenedBucketArgs.of(args)
        _check_name(name)
        super().__init__("mlplatform:index:HardenedBucket", name, args.model_dump(exclude_none=True), opts)
        begun = Build.of(self, name, args)
        build = _Build(name, args, begun.place, begun.inside, _bucket(begun))
        _private(build)
        _encrypted(build)
        versioned = _versioned(build)
        _lifecycle(build, versioned)
        _access_logs(build)
        _events(build)
        _locked(build, versioned)
        _replicated(build, versioned)

        self.bucket_name = build.bucket.bucket
        self.bucket_arn = build.bucket.arn
        self.regional_domain_name = build.bucket.bucket_regional_domain_name
        self.register_outputs(
            {
                "bucket_name": self.bucket_name,
                "bucket_arn": self.bucket_arn,
                "regional_domain_name": self.regional_domain_name,
            }
        )


def _check_name(name: str) -> None:
    try:
        check(Kind.S3_BUCKET, f"{name}-bucket", autonamed=True)
    except ValueError as error:
        raise InvalidArgs(f"HardenedBucket {name!r}: {error}") from None


def _bucket(build: Build[HardenedBucketArgs]) -> aws.s3.Bucket:
    return aws.s3.Bucket(
        f"{build.name}-bucket",
        object_lock_enabled=build.args.object_lock is not None,
        force_destroy=build.args.force_destroy,
        opts=build.kept,
    )


def _private(build: _Build) -> None:
    blocked = aws.s3.BucketPublicAccessBlock(
        f"{build.name}-public-access-block",
        bucket=build.bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=build.inside,
    )
    aws.s3.BucketOwnershipControls(
        f"{build.name}-ownership",
        bucket=build.bucket.bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=build.inside,
    )
    aws.s3.BucketPolicy(
        f"{build.name}-policy",
        bucket=build.bucket.bucket,
        policy=pulumi.Output.json_dumps(document(*_statements(build))),
        # S3 refuses one of two settings of a bucket that it gets at the same time.
        opts=build.after(blocked),
    )


def _statements(build: _Build) -> Iterator[Statement]:
    yield deny_insecure_transport("s3", build.arns)
    yield require_tls(build.arns)
    if build.args.logs_of:
        yield Statement(
            "AccessLogDelivery",
            ("s3:PutObject",),
            (build.arns[1],),
            principals={"Service": ("logging.s3.amazonaws.com",)},
            conditions={
                "StringEquals": {"aws:SourceAccount": build.place.account_id},
                "ArnLike": {"aws:SourceArn": list(build.args.logs_of)},
            },
        )
    else:
        for sid, conditions in _other_encryption(build.args.kms_key_arn).items():
            yield Statement(sid, ("s3:PutObject",), (build.arns[1],), "Deny", ANYONE, conditions)
    if build.args.write_once:
        yield Statement("DenyOverwrite", ("s3:PutObject",), (build.arns[1],), "Deny", ANYONE, _UNCONDITIONAL)


# The parts of a multipart upload cannot say it, so only what makes the object must (Amazon S3 User Guide, Enforce
# conditional writes on Amazon S3 buckets).
_UNCONDITIONAL: Conditions = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}


def _other_encryption(key_arn: object) -> dict[str, Conditions]:
    """When an upload names another encryption than the bucket's.

    One that names none gets the bucket's. A negated condition alone is also true of a request without the header, hence
    `Null` beside each.
    """
    header = "s3:x-amz-server-side-encryption"
    key = f"{header}-aws-kms-key-id"
    return {
        "DenyOtherEncryption": {"Null": {header: "false"}, "StringNotEquals": {header: "aws:kms"}},
        "DenyOtherKey": {"Null": {key: "false"}, "ArnNotEquals": {key: key_arn}},
        # KMS without a key means the AWS managed one, which no policy of ours governs.
        "DenyAwsManagedKey": {"Null": {key: "true"}, "StringEquals": {header: "aws:kms"}},
        "DenyCustomerProvidedKey": {"Null": {f"{header}-customer-algorithm": "false"}},
    }


def _encrypted(build: _Build) -> None:
    key = build.args.kms_key_arn
    default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms" if key else "AES256", kms_master_key_id=key
    )
    rule = aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=default,
        # One call to KMS for many objects: cheaper by most of its price.
        bucket_key_enabled=True if key else None,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{build.name}-encryption", bucket=build.bucket.bucket, rules=[rule], opts=build.inside
    )


def _versioned(build: _Build) -> list[pulumi.Resource]:
    """What must be done before anything that deals with versions."""
    if not build.args.versioning:
        return []
    return [
        aws.s3.BucketVersioning(
            f"{build.name}-versioning",
            bucket=build.bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=build.inside,
        )
    ]


def _lifecycle(build: _Build, versioned: Sequence[pulumi.Resource]) -> None:
    lifecycle = build.args.lifecycle or BucketLifecycle()
    rules = [_abort(lifecycle), *_expire(lifecycle)]
    if build.args.versioning:
        rules.append(_noncurrent(lifecycle))
    if lifecycle.intelligent_tiering:
        rules.append(_tier(lifecycle))
    aws.s3.BucketLifecycleConfiguration(
        f"{build.name}-lifecycle", bucket=build.bucket.bucket, rules=rules, opts=build.after(*versioned)
    )


def _rule(id_: str, prefix: str = "", **actions: Any) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    where = aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=prefix)
    return aws.s3.BucketLifecycleConfigurationRuleArgs(id=id_, status="Enabled", filter=where, **actions)


def _abort(lifecycle: BucketLifecycle) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    action = aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
        days_after_initiation=lifecycle.abort_multipart_days
    )
    return _rule("abort-multipart", abort_incomplete_multipart_upload=action)


def _expire(lifecycle: BucketLifecycle) -> Iterator[aws.s3.BucketLifecycleConfigurationRuleArgs]:
    for prefix, days in (lifecycle.expire_days or {}).items():
        action = aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days)
        yield _rule(f"expire-{prefix or 'everything'}", prefix, expiration=action)


def _noncurrent(lifecycle: BucketLifecycle) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    days = NONCURRENT_DAYS if lifecycle.noncurrent_days is None else lifecycle.noncurrent_days
    return _rule(
        "noncurrent",
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=days
        ),
        # A deletion leaves a marker behind; when no version is left, the marker goes too.
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(expired_object_delete_marker=True),
    )


def _tier(lifecycle: BucketLifecycle) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    action = aws.s3.BucketLifecycleConfigurationRuleTransitionArgs(
        days=lifecycle.intelligent_tiering_days, storage_class="INTELLIGENT_TIERING"
    )
    return _rule("intelligent-tiering", transitions=[action])


def _access_logs(build: _Build) -> None:
    if build.args.logs_of:
        # The log of a delivered log would be the next one to deliver.
        return
    logs = build.args.access_logs or AccessLogs()
    target, before = (logs.bucket_name, []) if logs.bucket_name is not None else _log_bucket(build, logs)
    aws.s3.BucketLogging(
        f"{build.name}-logging",
        bucket=build.bucket.bucket,
        target_bucket=target,
        target_prefix=pulumi.Output.concat(build.bucket.bucket, "/"),
        opts=build.after(*before),
    )


def _log_bucket(build: _Build, logs: AccessLogs) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
    bucket = HardenedBucket(
        f"{build.name}-logs",
        HardenedBucketArgs(
            logs_of=[build.bucket.arn],
            # Logs are many and small: S3 does not tier objects below 128 KB, and each would be an event.
            lifecycle=BucketLifecycle(expire_days={"": logs.retention_days}, intelligent_tiering=False),
            events=False,
            deletion_protection=build.args.deletion_protection,
            force_destroy=build.args.force_destroy,
        ),
        build.inside,
    )
    return bucket.bucket_name, [bucket]


def _events(build: _Build) -> None:
    if build.args.events:
        aws.s3.BucketNotification(
            f"{build.name}-events", bucket=build.bucket.bucket, eventbridge=True, opts=build.inside
        )


def _locked(build: _Build, versioned: Sequence[pulumi.Resource]) -> None:
    lock = build.args.object_lock
    if lock is None:
        return
    retention = aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(mode=lock.mode, days=lock.days)
    aws.s3.BucketObjectLockConfiguration(
        f"{build.name}-object-lock",
        bucket=build.bucket.bucket,
        rule=aws.s3.BucketObjectLockConfigurationRuleArgs(default_retention=retention),
        opts=build.after(*versioned),
    )


def _replicated(build: _Build, versioned: Sequence[pulumi.Resource]) -> None:
    replication = build.args.replication
    if replication is None:
        return
    role = aws.iam.Role(
        f"{build.name}-replication",
        description="S3 replication",
        # S3 documents no source condition for replication; the role is of use to a bucket of this account only.
        assume_role_policy=json.dumps(service_trust("s3.amazonaws.com")),
        permissions_boundary=build.args.permissions_boundary_arn,
        opts=build.inside,
    )
    policy = aws.iam.RolePolicy(
        f"{build.name}-replication",
        role=role.name,
        policy=pulumi.Output.json_dumps(document(*_replicating(build, replication))),
        opts=build.inside,
    )
    aws.s3.BucketReplicationConfig(
        f"{build.name}-replication",
        bucket=build.bucket.bucket,
        role=role.arn,
        rules=[_replication_rule(replication)],
        opts=build.after(*versioned, policy),
    )


def _replication_rule(replication: BucketReplication) -> aws.s3.BucketReplicationConfigRuleArgs:
    return aws.s3.BucketReplicationConfigRuleArgs(
        id="everything",
        status="Enabled",
        priority=0,
        filter=aws.s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
        delete_marker_replication=aws.s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(
            status="Enabled" if replication.delete_markers else "Disabled"
        ),
        # Without it S3 skips encrypted objects, which here are all.
        source_selection_criteria=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
            sse_kms_encrypted_objects=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs(
                status="Enabled"
            )
        ),
        destination=aws.s3.BucketReplicationConfigRuleDestinationArgs(
            bucket=replication.destination_bucket_arn,
            encryption_configuration=aws.s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
                replica_kms_key_id=replication.destination_kms_key_arn
            ),
        ),
    )


def _replicating(build: _Build, replication: BucketReplication) -> Iterator[Statement]:
    """What S3 needs to copy (Amazon S3 User Guide, Setting up permissions for live replication)."""
    locked = ("s3:GetObjectRetention", "s3:GetObjectLegalHold") if build.args.object_lock else ()
    versions = ("s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging")
    deletes = ("s3:ReplicateDelete",) if replication.delete_markers else ()
    destination = pulumi.Output.from_input(replication.destination_bucket_arn)
    copies = pulumi.Output.concat(destination, "/*")
    yield Statement("ReadBucket", ("s3:GetReplicationConfiguration", "s3:ListBucket"), (build.arns[0],))
    yield Statement("ReadVersions", (*versions, *locked), (build.arns[1],))
    yield Statement("WriteCopies", ("s3:ReplicateObject", "s3:ReplicateTags", *deletes), (copies,))
    yield _key_by_s3("Decrypt", ("kms:Decrypt",), build.args.kms_key_arn, build.arns)
    encrypt = ("kms:Encrypt", "kms:GenerateDataKey")
    yield _key_by_s3("Encrypt", encrypt, replication.destination_kms_key_arn, (destination, copies))


def _key_by_s3(
    sid: str, actions: Sequence[str], key_arn: In[str] | None, context: Sequence[pulumi.Output[str]]
) -> Statement:
    """Use of a key by S3 alone, in the key's region, for a bucket: as bucket key, or for one object."""
    conditions: Conditions = {
        "StringEquals": {"kms:ViaService": pulumi.Output.from_input(key_arn).apply(_s3_of)},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": list(context)},
    }
    return Statement(sid, actions, (key_arn,), conditions=conditions)


def _s3_of(key_arn: str | None) -> str:
    region = str(key_arn).split(":")[3]
    return f"s3.{region}.{dns_suffix(region)}"
