"""HardenedBucket, on its recorded graph."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from examples.hardened_bucket import BASE, COPY_KEY, KEY
from mlplatform.core.args import InvalidArgs
from mlplatform.hardened_bucket import BucketLifecycle, HardenedBucket, HardenedBucketArgs
from promises import covers
from recorded import Recorded, Refused, absent, exactly, record

BUCKET = "aws:s3/bucket:Bucket"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
EVENTS = "aws:s3/bucketNotification:BucketNotification"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
COMPONENT = "mlplatform:index:HardenedBucket"

SMALLEST = {"kms_key_arn": KEY}
LOGS = {"logs_of": ["arn:aws:s3:::logged"]}


def graph_of(args: Mapping[str, Any], **options: Any) -> Recorded:
    return record(lambda: HardenedBucket("x", HardenedBucketArgs.of(args)), **options)


def names(graph: Recorded, resource: Mapping[str, Any]) -> set[str]:
    """Type and name of what a resource waits for."""
    by_urn = {node["urn"]: f"{node['type'].rpartition(':')[2]} {node['name']}" for node in graph.resources}
    return {by_urn[urn] for urn in resource["dependencies"]}


def by_sid(statements: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in statements}


def rules(graph: Recorded, name: str = "x-lifecycle") -> dict[str, dict[str, Any]]:
    return {rule["id"]: rule for rule in graph.inputs(LIFECYCLE, name)["rules"]}


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


@pytest.fixture(scope="module")
def logs() -> Recorded:
    return graph_of(LOGS)


# --- who gets in


@covers(
    "feature-store.public-access",
    field="HardenedBucketArgs.kms_key_arn",
    ends_in="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock.blockPublicPolicy",
)
def test_all_public_access_is_blocked(smallest: Recorded) -> None:
    wanted = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
    for node in smallest.all(BUCKET):
        smallest.has(BLOCK, {**wanted, "bucket": node["outputs"]["bucket"]})


@covers(
    "feature-store.ownership",
    field="HardenedBucketArgs.kms_key_arn",
    ends_in="aws:s3/bucketOwnershipControls:BucketOwnershipControls.rule.objectOwnership",
)
def test_owner_of_the_bucket_owns_its_objects(smallest: Recorded) -> None:
    smallest.has(OWNERSHIP, {"rule": {"objectOwnership": "BucketOwnerEnforced"}}, name="x-ownership")


@covers("feature-store.tls", field="HardenedBucketArgs.kms_key_arn", ends_in="aws:s3/bucketPolicy:BucketPolicy.policy")
@pytest.mark.parametrize("name", ["x", "x-logs"])
def test_no_tls_and_old_tls_are_denied(smallest: Recorded, name: str) -> None:
    arn = smallest.one(BUCKET, f"{name}-bucket")["outputs"]["arn"]
    denied = by_sid(smallest.statements(POLICY, f"{name}-policy"))
    for sid in ("DenyInsecureTransport", "DenyOldTls"):
        assert denied[sid]["Effect"] == "Deny"
        assert denied[sid]["Principal"] == {"AWS": ["*"]}
        assert denied[sid]["Action"] == ["s3:*"]
        assert denied[sid]["Resource"] == [arn, f"{arn}/*"]
    assert denied["DenyInsecureTransport"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["DenyOldTls"]["Condition"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}


def test_policy_waits_for_the_public_access_block(smallest: Recorded) -> None:
    assert names(smallest, smallest.one(POLICY, "x-policy")) == {
        "Bucket x-bucket",
        "BucketPublicAccessBlock x-public-access-block",
    }


# --- encryption


@covers(
    "feature-store.kms",
    field="HardenedBucketArgs.kms_key_arn",
    ends_in="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration.rules",
)
@covers(
    "feature-store.bucket-key",
    field="HardenedBucketArgs.kms_key_arn",
    ends_in="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration.rules.bucketKeyEnabled",
)
def test_objects_are_encrypted_by_the_key_given_and_a_bucket_key(smallest: Recorded) -> None:
    default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
    wanted = {"rules": [{"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": True}]}
    smallest.has(ENCRYPTION, wanted, name="x-encryption")


def test_uploads_that_name_another_encryption_or_key_are_denied(smallest: Recorded) -> None:
    arn = smallest.one(BUCKET, "x-bucket")["outputs"]["arn"]
    denied = by_sid(smallest.statements(POLICY, "x-policy"))
    header = "s3:x-amz-server-side-encryption"
    key = f"{header}-aws-kms-key-id"
    assert {sid: denied[sid]["Condition"] for sid in list(denied)[2:]} == {
        "DenyOtherEncryption": {"Null": {header: "false"}, "StringNotEquals": {header: "aws:kms"}},
        "DenyOtherKey": {"Null": {key: "false"}, "ArnNotEquals": {key: KEY}},
        "DenyAwsManagedKey": {"Null": {key: "true"}, "StringEquals": {header: "aws:kms"}},
        "DenyCustomerProvidedKey": {"Null": {f"{header}-customer-algorithm": "false"}},
    }
    for sid in list(denied)[2:]:
        assert denied[sid]["Effect"] == "Deny"
        assert denied[sid]["Action"] == ["s3:PutObject"]
        assert denied[sid]["Resource"] == [f"{arn}/*"]


def test_what_is_there_is_not_written_again_where_asked_for(smallest: Recorded) -> None:
    def policy(graph: Recorded) -> dict[str, dict[str, Any]]:
        return by_sid(graph.statements(POLICY, "x-policy"))

    written_once = policy(graph_of({**SMALLEST, "write_once": True}))
    assert written_once["DenyOverwrite"] == {
        "Sid": "DenyOverwrite",
        "Effect": "Deny",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:PutObject"],
        "Resource": written_once["DenyOldTls"]["Resource"][1:],
        "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
    }
    assert set(written_once) - set(policy(smallest)) == {"DenyOverwrite"}


# --- versions and their end


@covers(
    "feature-store.versioning",
    field="HardenedBucketArgs.versioning",
    ends_in="aws:s3/bucketVersioning:BucketVersioning.versioningConfiguration.status",
)
def test_versions_are_kept(smallest: Recorded) -> None:
    smallest.has(VERSIONING, {"versioningConfiguration": {"status": "Enabled"}}, name="x-versioning")


def test_versioning_can_be_off() -> None:
    graph = graph_of({**SMALLEST, "versioning": False})
    assert graph.all(VERSIONING, "x-versioning") == []
    assert set(rules(graph)) == {"abort-multipart", "intelligent-tiering"}


@covers(
    "feature-store.old-versions",
    field="HardenedBucketArgs.lifecycle.noncurrent_days",
    ends_in="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration.rules.noncurrentVersionExpiration",
)
def test_old_versions_expire_after_a_month_and_their_markers_with_them(smallest: Recorded) -> None:
    rule = rules(smallest)["noncurrent"]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert rule["expiration"] == {"expiredObjectDeleteMarker": True}


@covers(
    "feature-store.multipart",
    field="HardenedBucketArgs.lifecycle.abort_multipart_days",
    ends_in="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration.rules.abortIncompleteMultipartUpload",
)
def test_unfinished_uploads_are_aborted_after_a_week(smallest: Recorded) -> None:
    assert rules(smallest)["abort-multipart"]["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}


@covers(
    "feature-store.tiering",
    field="HardenedBucketArgs.lifecycle.intelligent_tiering, HardenedBucketArgs.lifecycle.intelligent_tiering_days",
    ends_in="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration.rules.transitions",
)
def test_objects_are_tiered_after_a_month(smallest: Recorded) -> None:
    wanted = [{"days": 30, "storageClass": "INTELLIGENT_TIERING"}]
    assert rules(smallest)["intelligent-tiering"]["transitions"] == wanted


def test_tiering_can_be_off() -> None:
    assert "intelligent-tiering" not in rules(graph_of({**SMALLEST, "lifecycle": {"intelligent_tiering": False}}))


def test_prefixes_expire_as_given(full: Recorded) -> None:
    rule = rules(full)["expire-tmp/"]
    assert (rule["filter"], rule["expiration"]) == ({"prefix": "tmp/"}, {"days": 7})


def test_every_rule_is_enabled_and_says_where(full: Recorded) -> None:
    for rule in rules(full).values():
        assert rule["status"] == "Enabled"
        assert set(rule["filter"]) == {"prefix"}


# --- logs and events


@covers(
    "feature-store.access-logs",
    field="HardenedBucketArgs.access_logs.bucket_name",
    ends_in="aws:s3/bucketLogging:BucketLogging.targetBucket",
)
def test_access_logs_go_to_an_own_bucket_once_it_takes_them(smallest: Recorded) -> None:
    bucket = smallest.one(BUCKET, "x-bucket")["outputs"]["bucket"]
    own = smallest.one(BUCKET, "x-logs-bucket")["outputs"]["bucket"]
    smallest.has(LOGGING, {"bucket": bucket, "targetBucket": own, "targetPrefix": f"{bucket}/"})
    assert "BucketPolicy x-logs-policy" in names(smallest, smallest.one(LOGGING))


def test_access_logs_go_to_the_bucket_given(full: Recorded) -> None:
    full.has(LOGGING, {"targetBucket": "access-logs"})
    assert full.count(BUCKET) == 1


@covers(
    "feature-store.access-logs",
    field="HardenedBucketArgs.logs_of",
    ends_in="aws:s3/bucketPolicy:BucketPolicy.policy",
)
def test_s3_delivers_logs_of_this_bucket_and_account_only(smallest: Recorded) -> None:
    bucket, own = (smallest.one(BUCKET, name)["outputs"]["arn"] for name in ("x-bucket", "x-logs-bucket"))
    delivery = by_sid(smallest.statements(POLICY, "x-logs-policy"))["AccessLogDelivery"]
    assert delivery == {
        "Sid": "AccessLogDelivery",
        "Effect": "Allow",
        "Principal": {"Service": ["logging.s3.amazonaws.com"]},
        "Action": ["s3:PutObject"],
        "Resource": [f"{own}/*"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "123456789012"},
            "ArnLike": {"aws:SourceArn": [bucket]},
        },
    }


def test_log_bucket_has_the_encryption_that_log_delivery_takes(logs: Recorded) -> None:
    default = exactly({"sseAlgorithm": "AES256"})
    wanted = {"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": absent}
    logs.has(ENCRYPTION, {"rules": [wanted]})


def test_log_bucket_logs_and_locks_nothing(logs: Recorded) -> None:
    assert (logs.count(LOGGING), logs.count(LOCK), logs.count(BUCKET)) == (0, 0, 1)
    assert set(by_sid(logs.statements(POLICY))) == {"DenyInsecureTransport", "DenyOldTls", "AccessLogDelivery"}


@covers(
    "feature-store.access-logs",
    field="HardenedBucketArgs.access_logs.retention_days",
    ends_in="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration.rules.expiration",
)
def test_logs_expire_after_a_quarter_and_are_not_tiered(smallest: Recorded) -> None:
    found = rules(smallest, "x-logs-lifecycle")
    assert set(found) == {"abort-multipart", "expire-everything", "noncurrent"}
    assert found["expire-everything"]["expiration"] == {"days": 90}
    assert found["expire-everything"]["filter"] == {"prefix": ""}


def test_log_bucket_lies_in_the_bucket_that_it_is_of(smallest: Recorded) -> None:
    log_bucket = smallest.one(COMPONENT, "x-logs")
    assert [node["name"] for node in smallest.ancestors(log_bucket)] == ["x"]


@covers(
    "feature-store.events",
    field="HardenedBucketArgs.events",
    ends_in="aws:s3/bucketNotification:BucketNotification.eventbridge",
)
def test_eventbridge_is_told_of_data_and_not_of_logs(smallest: Recorded) -> None:
    smallest.has(EVENTS, {"eventbridge": True}, name="x-events")
    assert smallest.count(EVENTS) == 1


# --- object lock and replication


def test_nothing_is_locked_or_replicated_unless_asked_for(smallest: Recorded) -> None:
    smallest.has(BUCKET, {"objectLockEnabled": False}, name="x-bucket")
    assert [smallest.count(kind) for kind in (LOCK, REPLICATION, ROLE)] == [0, 0, 0]


@covers(
    "feature-store.object-lock",
    field="HardenedBucketArgs.object_lock.mode, HardenedBucketArgs.object_lock.days",
    ends_in="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration.rule.defaultRetention",
)
def test_objects_are_locked_for_a_time_from_the_beginning(full: Recorded) -> None:
    full.has(BUCKET, {"objectLockEnabled": True})
    full.has(LOCK, {"rule": {"defaultRetention": exactly({"mode": "GOVERNANCE", "days": 30})}})


@pytest.mark.parametrize("kind", [LOCK, REPLICATION, LIFECYCLE])
def test_what_deals_with_versions_waits_for_versioning(full: Recorded, kind: str) -> None:
    assert "BucketVersioning x-versioning" in names(full, full.one(kind))


@covers(
    "feature-store.replication",
    field="HardenedBucketArgs.replication.destination_bucket_arn",
    ends_in="aws:s3/bucketReplicationConfig:BucketReplicationConfig.rules.destination.bucket",
)
@covers(
    "feature-store.replication",
    field="HardenedBucketArgs.replication.destination_kms_key_arn",
    ends_in="aws:s3/bucketReplicationConfig:BucketReplicationConfig.rules.destination.encryptionConfiguration",
)
def test_everything_is_replicated_under_the_key_of_the_copy(full: Recorded) -> None:
    (rule,) = full.inputs(REPLICATION)["rules"]
    assert rule == {
        "id": "everything",
        "status": "Enabled",
        "priority": 0,
        "filter": {"prefix": ""},
        "deleteMarkerReplication": {"status": "Disabled"},
        "sourceSelectionCriteria": {"sseKmsEncryptedObjects": {"status": "Enabled"}},
        "destination": {
            "bucket": "arn:aws:s3:::replicas",
            "encryptionConfiguration": {"replicaKmsKeyId": COPY_KEY},
        },
    }


def test_replication_waits_for_what_its_role_may(full: Recorded) -> None:
    assert "RolePolicy x-replication" in names(full, full.one(REPLICATION))
    full.has(REPLICATION, {"role": full.one(ROLE)["outputs"]["arn"]})


def test_only_s3_takes_the_role_of_replication(full: Recorded) -> None:
    (statement,) = full.statements(ROLE, prop="assumeRolePolicy")
    assert statement["Principal"] == {"Service": ["s3.amazonaws.com"]}


def test_role_of_replication_copies_and_nothing_else(full: Recorded) -> None:
    source = full.one(BUCKET)["outputs"]["arn"]
    allowed = by_sid(full.statements(ROLE_POLICY))
    assert {sid: (statement["Action"], statement["Resource"]) for sid, statement in allowed.items()} == {
        "ReadBucket": (["s3:GetReplicationConfiguration", "s3:ListBucket"], [source]),
        "ReadVersions": (
            [
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
                "s3:GetObjectRetention",
                "s3:GetObjectLegalHold",
            ],
            [f"{source}/*"],
        ),
        "WriteCopies": (["s3:ReplicateObject", "s3:ReplicateTags"], ["arn:aws:s3:::replicas/*"]),
        "Decrypt": (["kms:Decrypt"], [KEY]),
        "Encrypt": (["kms:Encrypt", "kms:GenerateDataKey"], [COPY_KEY]),
    }


def test_role_of_replication_uses_each_key_by_s3_for_its_bucket_only(full: Recorded) -> None:
    source = full.one(BUCKET)["outputs"]["arn"]
    allowed = by_sid(full.statements(ROLE_POLICY))
    context = "kms:EncryptionContext:aws:s3:arn"
    assert allowed["Decrypt"]["Condition"] == {
        "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
        "StringLike": {context: [source, f"{source}/*"]},
    }
    assert allowed["Encrypt"]["Condition"] == {
        "StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"},
        "StringLike": {context: ["arn:aws:s3:::replicas", "arn:aws:s3:::replicas/*"]},
    }


def test_deletions_are_replicated_when_asked_for() -> None:
    replication = {**BASE["replication"], "delete_markers": True}
    graph = graph_of({**SMALLEST, "replication": replication})
    (rule,) = graph.inputs(REPLICATION)["rules"]
    assert rule["deleteMarkerReplication"] == {"status": "Enabled"}
    allowed = by_sid(graph.statements(ROLE_POLICY))
    assert allowed["WriteCopies"]["Action"] == ["s3:ReplicateObject", "s3:ReplicateTags", "s3:ReplicateDelete"]
    assert "s3:GetObjectRetention" not in allowed["ReadVersions"]["Action"]


# --- protection


@covers(
    "feature-store.deletion-protection",
    field="HardenedBucketArgs.deletion_protection",
    ends_in="aws:s3/bucket:Bucket.protect",
)
def test_buckets_are_protected_and_nothing_else(smallest: Recorded) -> None:
    smallest.has(BUCKET, {"forceDestroy": False}, name="x-bucket", protect=True, retain_on_delete=True)
    smallest.has(BUCKET, {"forceDestroy": False}, name="x-logs-bucket", protect=True, retain_on_delete=True)
    assert {node["type"] for node in smallest.resources if node["options"].get("protect")} == {BUCKET}


def test_throw_away_bucket_is_not_protected_and_keeps_its_objects() -> None:
    graph = graph_of({**SMALLEST, "deletion_protection": False})
    assert [node["name"] for node in graph.resources if node["options"].get("protect")] == []
    assert [node["inputs"]["forceDestroy"] for node in graph.all(BUCKET)] == [False, False]


def test_objects_go_with_the_bucket_when_asked_for() -> None:
    graph = graph_of({**SMALLEST, "deletion_protection": False, "force_destroy": True})
    assert [node["inputs"]["forceDestroy"] for node in graph.all(BUCKET)] == [True, True]


# --- arguments


def test_outputs_name_the_bucket(smallest: Recorded) -> None:
    bucket = smallest.one(BUCKET, "x-bucket")["outputs"]
    assert smallest.one(COMPONENT, "x")["outputs"] == {
        "bucket_name": bucket["bucket"],
        "bucket_arn": bucket["arn"],
        "regional_domain_name": bucket["bucketRegionalDomainName"],
    }


def with_outputs() -> None:
    given = {
        "kms_key_arn": pulumi.Output.from_input(KEY),
        "lifecycle": {
            **{field: pulumi.Output.from_input(3) for field in ("noncurrent_days", "abort_multipart_days")},
            "intelligent_tiering_days": pulumi.Output.from_input(3),
            "expire_days": {"tmp/": pulumi.Output.from_input(3)},
        },
        "access_logs": {"retention_days": pulumi.Output.from_input(3)},
        "object_lock": {"days": pulumi.Output.from_input(3)},
        "replication": {
            "destination_bucket_arn": pulumi.Output.from_input("arn:aws:s3:::replicas"),
            "destination_kms_key_arn": pulumi.Output.from_input(COPY_KEY),
        },
        "permissions_boundary_arn": pulumi.Output.from_input("arn:aws:iam::123456789012:policy/boundary"),
    }
    HardenedBucket("x", HardenedBucketArgs.of(given))


def test_outputs_are_taken_where_values_are() -> None:
    graph = record(with_outputs)
    found = rules(graph)
    assert found["noncurrent"]["noncurrentVersionExpiration"] == {"noncurrentDays": 3}
    assert found["expire-tmp/"]["expiration"] == {"days": 3}
    assert rules(graph, "x-logs-lifecycle")["expire-everything"]["expiration"] == {"days": 3}
    assert by_sid(graph.statements(ROLE_POLICY))["Encrypt"]["Resource"] == [COPY_KEY]
    assert by_sid(graph.statements(POLICY, "x-policy"))["DenyOtherKey"]["Condition"]["ArnNotEquals"] == {
        "s3:x-amz-server-side-encryption-aws-kms-key-id": KEY
    }


def test_outputs_are_checked_when_they_resolve() -> None:
    def program() -> None:
        lifecycle = BucketLifecycle(expire_days={"tmp/": pulumi.Output.from_input(0)})
        pulumi.export("late", lifecycle.expire_days)

    with pytest.raises(Refused) as refused:
        record(program)
    assert str(refused.value) == "BucketLifecycle.expire_days.tmp/: got 0; allowed are 1 days or more"


@pytest.mark.parametrize("args", [SMALLEST, BASE, LOGS], ids=["smallest", "full", "logs"])
def test_nothing_computed_needs_to_be_known(args: dict[str, Any]) -> None:
    assert len(graph_of(args, strict=True).resources) == len(graph_of(args).resources)


def test_name_that_s3_would_refuse_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        record(lambda: HardenedBucket("Models", HardenedBucketArgs.of(SMALLEST)))
    assert str(refused.value) == (
        "HardenedBucket 'Models': S3 bucket 'Models-bucket' is not accepted; allowed: 3 or more lower-case letters, "
        "digits, . and -, a letter or digit at both ends, no AWS prefix or suffix; fix: change the characters"
    )


BAD = {
    "key alias": (
        {"kms_key_arn": "arn:aws:kms:us-east-1:123456789012:alias/features"},
        (
            ".kms_key_arn: got 'arn:aws:kms:us-east-1:123456789012:alias/features'; allowed is the ARN of "
            "a KMS key, not of an alias, such as arn:aws:kms:eu-west-1:111122223333:key/mrk-0123456789abcdef"
        ),
    ),
    "log bucket by ARN": (
        {**SMALLEST, "access_logs": {"bucket_name": "arn:aws:s3:::access-logs"}},
        (
            ".access_logs.bucket_name: got 'arn:aws:s3:::access-logs'; allowed is the name of a bucket, "
            "not its ARN or URL, such as access-logs"
        ),
    ),
    "no days of old versions": (
        {**SMALLEST, "lifecycle": {"noncurrent_days": 0}},
        ".lifecycle.noncurrent_days: got 0; allowed are 1 days or more",
    ),
    "tiering before it exists": (
        {**SMALLEST, "lifecycle": {"intelligent_tiering_days": -1}},
        ".lifecycle.intelligent_tiering_days: got -1; allowed are 0 days or more",
    ),
    "expires at once": (
        {**SMALLEST, "lifecycle": {"expire_days": {"tmp/": 0}}},
        ".lifecycle.expire_days: got 0; allowed are 1 days or more",
    ),
    "lock without days": (
        {**SMALLEST, "object_lock": {}},
        ".object_lock.days: missing; set it: Days that every new version is locked, 1 to 36500",
    ),
    "lock for ever": (
        {**SMALLEST, "object_lock": {"days": 40_000}},
        ".object_lock.days: got 40000; allowed are 1 to 36500 days",
    ),
    "lock mode": (
        {**SMALLEST, "object_lock": {"days": 1, "mode": "LEGAL_HOLD"}},
        ".object_lock.mode: got 'LEGAL_HOLD'; allowed are 'GOVERNANCE', 'COMPLIANCE'",
    ),
    "replica by name": (
        {**SMALLEST, "replication": {"destination_bucket_arn": "replicas", "destination_kms_key_arn": COPY_KEY}},
        (
            ".replication.destination_bucket_arn: got 'replicas'; allowed is the ARN of a bucket, such as "
            "arn:aws:s3:::replicas"
        ),
    ),
    "logs of a name": (
        {"logs_of": ["logged"]},
        (".logs_of: got 'logged'; allowed is the ARN of a bucket, * for any letters, as arn:aws:s3:::logged"),
    ),
    "logs of nothing": (
        {"logs_of": []},
        ": logs_of is empty: allowed are one or more ARNs of buckets; name them or take it out",
    ),
}
CONTRADICTIONS = {
    "neither data nor logs": (
        {},
        (
            ": kms_key_arn and logs_of missing: allowed is a bucket of data or of access logs; set "
            "kms_key_arn for data, logs_of for access logs"
        ),
    ),
    "data and logs": (
        {**LOGS, **SMALLEST, "object_lock": {"days": 1}},
        (
            ": logs_of and kms_key_arn, object_lock: S3 delivers access logs only to buckets without; "
            "take one or the other out"
        ),
    ),
    "lock without versions": (
        {**SMALLEST, "versioning": False, "object_lock": {"days": 1}},
        ": versioning false and object_lock: S3 needs versions for it; set versioning to true",
    ),
    "replication without versions": (
        {**BASE, "versioning": False},
        (": versioning false and object_lock, replication: S3 needs versions for it; set versioning to true"),
    ),
    "tiered and not": (
        {**SMALLEST, "lifecycle": {"intelligent_tiering": False, "intelligent_tiering_days": 3}},
        (".lifecycle: intelligent_tiering false and intelligent_tiering_days 3: nothing moves; take one of them out"),
    ),
    "retention of others' logs": (
        {**SMALLEST, "access_logs": {"bucket_name": "access-logs", "retention_days": 3}},
        (
            ".access_logs: bucket_name and retention_days: how long logs are kept in a bucket of others is "
            "theirs to say; take one of them out"
        ),
    ),
    "protected and destroyed": (
        {**SMALLEST, "force_destroy": True},
        (
            ": deletion_protection true and force_destroy true: what is protected cannot be destroyed; set "
            "one of them to false"
        ),
    ),
}


@pytest.mark.parametrize(("args", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(args: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        HardenedBucketArgs.of(args)
    assert str(refused.value) == f"HardenedBucketArgs{message}"


@pytest.mark.parametrize(("args", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradictions_are_refused(args: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        HardenedBucketArgs.of(args)
    assert str(refused.value) == f"HardenedBucketArgs{message}"
