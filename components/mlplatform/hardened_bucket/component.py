"""HardenedBucket: an S3 bucket that is private, encrypted, versioned, tiered and logged, or the bucket of such logs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import pulumi
import pulumi_aws as aws

from mlplatform.core.args import In, InvalidArgs, applied
from mlplatform.core.build import Build
from mlplatform.core.naming import Kind, check
from mlplatform.facts.aws.iam import (
    ANYONE,
    Conditions,
    Statement,
    deny_insecure_transport,
    dns_suffix,
    document,
    region_of,
    require_tls,
    service_trust,
)
from mlplatform.hardened_bucket.args import (
    NONCURRENT_DAYS,
    AccessLogs,
    BucketLifecycle,
    BucketReplication,
    HardenedBucketArgs,
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
        "StringEquals": {"kms:ViaService": applied(pulumi.Output.from_input(key_arn), _s3_of)},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": list(context)},
    }
    return Statement(sid, actions, (key_arn,), conditions=conditions)


def _s3_of(key_arn: str | None) -> str:
    region = region_of(str(key_arn))
    return f"s3.{region}.{dns_suffix(region)}"
