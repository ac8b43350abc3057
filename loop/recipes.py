"""How resources of a graph are asked of AWS: which operation takes which input, as the AWS provider does it.

A path leads to where a value goes in the operation's request, `[]` makes it an item of a list. A value below it is
spelled by the operation's own shapes, so that only what the provider names otherwise stands here. Inputs with a `#`
come from elsewhere: `#name` is what the engine named the resource, `#id` what AWS did.
Source: the Pulumi AWS provider's schema, and botocore's models of the operations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class Call:
    """One call of a service."""

    operation: str
    paths: Mapping[str, str]
    constant: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""
    """Input without which there is no call; empty where there always is one."""


@dataclass(frozen=True)
class Recipe:
    """How a type is made."""

    service: str
    calls: Sequence[Call]
    local: frozenset[str] = frozenset()
    """Inputs that only the provider or the engine uses."""
    identity: str = ""
    """Path in the answer of the first call to what AWS alone can name."""
    change: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """What the provider makes of an input before it sends it."""


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _key(kind: str) -> Callable[[str], dict[str, str]]:
    return lambda name: {"AttributeName": name, "KeyType": kind}


def _table_encryption(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"Enabled": given["enabled"], "SSEType": "KMS", "KMSMasterKeyId": given["kmsKeyArn"]}


def _recovery(given: Mapping[str, Any]) -> dict[str, Any]:
    days = given.get("recoveryPeriodInDays")
    period = {"RecoveryPeriodInDays": days} if days else {}
    return {"PointInTimeRecoveryEnabled": given["enabled"], **period}


def _of_bucket(operation: str, **paths: str) -> Recipe:
    return Recipe("s3", (Call(operation, {"bucket": "Bucket", **paths}),))


_QUEUE: Final = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}

RECIPES: Final[Mapping[str, Recipe]] = {
    "aws:kms/key:Key": Recipe(
        "kms",
        (
            Call("CreateKey", {"description": "Description", "policy": "Policy", "tags": "Tags"}),
            Call(
                "EnableKeyRotation",
                {"#id": "KeyId", "rotationPeriodInDays": "RotationPeriodInDays"},
                needs="enableKeyRotation",
            ),
        ),
        local=frozenset(("deletionWindowInDays", "enableKeyRotation")),
        identity="KeyMetadata.KeyId",
        change={"tags": lambda tags: [{"TagKey": key, "TagValue": value} for key, value in tags.items()]},
    ),
    "aws:kms/alias:Alias": Recipe(
        "kms",
        (Call("CreateAlias", {"#name": "AliasName", "targetKeyId": "TargetKeyId"}),),
        # The provider begins the names that it makes up so, since AWS takes no others.
        change={"#name": lambda name: name if name.startswith("alias/") else f"alias/{name}"},
    ),
    "aws:s3/bucket:Bucket": Recipe(
        "s3",
        (
            Call(
                "CreateBucket",
                {
                    "#name": "Bucket",
                    "#region": "CreateBucketConfiguration.LocationConstraint",
                    "objectLockEnabled": "ObjectLockEnabledForBucket",
                },
            ),
            Call("PutBucketTagging", {"#name": "Bucket", "tags": "Tagging.TagSet"}, needs="tags"),
        ),
        local=frozenset(("forceDestroy",)),
        change={"tags": _tags},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _of_bucket(
        "PutBucketVersioning", versioningConfiguration="VersioningConfiguration"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _of_bucket(
        "PutBucketEncryption", rules="ServerSideEncryptionConfiguration.Rules"
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _of_bucket(
        "PutBucketLifecycleConfiguration", rules="LifecycleConfiguration.Rules"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _of_bucket(
        "PutPublicAccessBlock",
        **{
            name: f"PublicAccessBlockConfiguration.{name[0].upper()}{name[1:]}"
            for name in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        },
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _of_bucket(
        "PutBucketOwnershipControls", rule="OwnershipControls.Rules[]"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _of_bucket("PutBucketPolicy", policy="Policy"),
    "aws:s3/bucketLogging:BucketLogging": _of_bucket(
        "PutBucketLogging",
        targetBucket="BucketLoggingStatus.LoggingEnabled.TargetBucket",
        targetPrefix="BucketLoggingStatus.LoggingEnabled.TargetPrefix",
    ),
    "aws:s3/bucketNotification:BucketNotification": Recipe(
        "s3",
        (
            Call(
                "PutBucketNotificationConfiguration",
                {"bucket": "Bucket", "eventbridge": "NotificationConfiguration.EventBridgeConfiguration"},
            ),
        ),
        change={"eventbridge": lambda _on: {}},
    ),
    "aws:sqs/queue:Queue": Recipe(
        "sqs",
        (
            Call(
                "CreateQueue",
                {"#name": "QueueName", "tags": "tags", **{key: f"Attributes.{name}" for key, name in _QUEUE.items()}},
            ),
        ),
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Recipe(
        "sqs", (Call("SetQueueAttributes", {"queueUrl": "QueueUrl", "policy": "Attributes.Policy"}),)
    ),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": Recipe(
        "sqs",
        (
            Call(
                "SetQueueAttributes",
                {"queueUrl": "QueueUrl", "redriveAllowPolicy": "Attributes.RedriveAllowPolicy"},
            ),
        ),
    ),
    "aws:dynamodb/table:Table": Recipe(
        "dynamodb",
        (
            Call(
                "CreateTable",
                {
                    "#name": "TableName",
                    "attributes": "AttributeDefinitions",
                    "billingMode": "BillingMode",
                    "deletionProtectionEnabled": "DeletionProtectionEnabled",
                    "hashKey": "KeySchema[]",
                    "onDemandThroughput": "OnDemandThroughput",
                    "rangeKey": "KeySchema[]",
                    "serverSideEncryption": "SSESpecification",
                    "tags": "Tags",
                },
            ),
            Call(
                "UpdateContinuousBackups",
                {"#name": "TableName", "pointInTimeRecovery": "PointInTimeRecoverySpecification"},
                needs="pointInTimeRecovery",
            ),
            Call("UpdateTimeToLive", {"#name": "TableName", "ttl": "TimeToLiveSpecification"}, needs="ttl"),
        ),
        local=frozenset(("name",)),
        change={
            "attributes": lambda given: [{"AttributeName": i["name"], "AttributeType": i["type"]} for i in given],
            "hashKey": _key("HASH"),
            "pointInTimeRecovery": _recovery,
            "rangeKey": _key("RANGE"),
            "serverSideEncryption": _table_encryption,
            "tags": _tags,
        },
    ),
    "aws:sns/topic:Topic": Recipe(
        "sns",
        (
            Call(
                "CreateTopic",
                {
                    "#name": "Name",
                    "kmsMasterKeyId": "Attributes.KmsMasterKeyId",
                    "signatureVersion": "Attributes.SignatureVersion",
                    "tags": "Tags",
                },
            ),
        ),
        change={"tags": _tags},
    ),
    "aws:sns/topicPolicy:TopicPolicy": Recipe(
        "sns",
        (Call("SetTopicAttributes", {"arn": "TopicArn", "policy": "AttributeValue"}, {"AttributeName": "Policy"}),),
    ),
    "aws:sns/topicSubscription:TopicSubscription": Recipe(
        "sns",
        (Call("Subscribe", {"topic": "TopicArn", "protocol": "Protocol", "endpoint": "Endpoint"}),),
    ),
    "aws:iam/role:Role": Recipe(
        "iam",
        (
            Call(
                "CreateRole",
                {
                    "#name": "RoleName",
                    "assumeRolePolicy": "AssumeRolePolicyDocument",
                    "description": "Description",
                    "maxSessionDuration": "MaxSessionDuration",
                    "permissionsBoundary": "PermissionsBoundary",
                    "tags": "Tags",
                },
            ),
        ),
        local=frozenset(("name",)),
        change={"tags": _tags},
    ),
    "aws:iam/policy:Policy": Recipe(
        "iam",
        (
            Call(
                "CreatePolicy",
                {"#name": "PolicyName", "policy": "PolicyDocument", "description": "Description", "tags": "Tags"},
            ),
        ),
        local=frozenset(("name",)),
        change={"tags": _tags},
    ),
    "aws:iam/rolePolicy:RolePolicy": Recipe(
        "iam", (Call("PutRolePolicy", {"#name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"}),)
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Recipe(
        "iam", (Call("AttachRolePolicy", {"role": "RoleName", "policyArn": "PolicyArn"}),)
    ),
}
"""How each type is made that this loop makes."""
