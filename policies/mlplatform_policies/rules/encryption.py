"""Encryption at rest and on the way: with keys of one's own, and for everything that holds data."""

from collections.abc import Sequence
from typing import Any, Final

from mlplatform_policies.documents import Statement, of_key, of_resource, statements
from mlplatform_policies.model import (
    ADVICE,
    ALWAYS,
    PRODUCTION,
    Findings,
    Found,
    Parameter,
    Parameters,
    Rule,
    Severity,
    StackRule,
    Subject,
)
from mlplatform_policies.reading import each, listed, number, shown, text, truth, within
from mlplatform_policies.relations import BUCKETS, companions, of_kinds

TLS: Final = "aws:SecureTransport"
SAGEMAKER_KEYS: Final = {
    "aws:sagemaker/domain:Domain": "kmsKeyId",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": "kmsKeyArn",
    "aws:sagemaker/notebookInstance:NotebookInstance": "kmsKeyId",
}
FSX: Final = (
    "aws:fsx/lustreFileSystem:LustreFileSystem",
    "aws:fsx/ontapFileSystem:OntapFileSystem",
    "aws:fsx/openZfsFileSystem:OpenZfsFileSystem",
    "aws:fsx/windowsFileSystem:WindowsFileSystem",
)
VOLUME: Final = "aws:ebs/volume:Volume"
INSTANCE: Final = "aws:ec2/instance:Instance"
MAPPINGS: Final = {
    "aws:ec2/launchTemplate:LaunchTemplate": ("blockDeviceMappings",),
    "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass": ("spec", "blockDeviceMappings"),
}
"""Where what describes instances describes their volumes. Karpenter's own default, where it is absent, is encrypted."""
OWN_ALGORITHM: Final = (
    "serverSideEncryptionConfiguration",
    "rule",
    "applyServerSideEncryptionByDefault",
    "sseAlgorithm",
)
"""Where a bucket itself names the algorithm."""


def bucket_encryption(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A bucket whose objects lie under no KMS key."""
    buckets = of_kinds(subjects, BUCKETS)
    settings = companions(
        buckets,
        subjects,
        (
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
        ),
        "bucket",
    )

    def judge(bucket: Subject) -> Found:
        given = [
            text(rule, "applyServerSideEncryptionByDefault", "sseAlgorithm")
            for setting in settings(bucket)
            for rule in listed(setting.props, "rules")
        ]
        algorithm = next(iter(given), "") or text(bucket.props, *OWN_ALGORITHM) or "AES256"
        if not algorithm.startswith("aws:kms"):
            yield bucket, f"The bucket's objects are encrypted with {algorithm}, not with a KMS key."

    yield from each(buckets, judge)


def bucket_tls(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A bucket that answers requests without TLS."""
    buckets = of_kinds(subjects, BUCKETS)
    policies = companions(buckets, subjects, ("aws:s3/bucketPolicy:BucketPolicy",), "bucket")

    def judge(bucket: Subject) -> Found:
        demanded = any(_demands_tls(of_resource(policy)) for policy in policies(bucket))
        if not demanded and not _demands_tls(statements(bucket.props, "policy")):
            yield bucket, "The bucket's policy denies no request without TLS."

    yield from each(buckets, judge)


def message_tls(subject: Subject, _: Parameters) -> Findings:
    """A queue or topic whose policy lets requests without TLS through."""
    if not _demands_tls(of_resource(subject)):
        yield "The policy denies no request without TLS."


def _demands_tls(given: Sequence[Statement]) -> bool:
    return any(not statement.allows and "false" in (statement.asks(TLS) or ()) for statement in given)


def volumes(subject: Subject, _: Parameters) -> Findings:
    """A volume, or a description of one, that is not encrypted."""
    if subject.kind == VOLUME:
        yield from _device({"deviceName": "itself", "encrypted": subject.props.get("encrypted")})
    elif subject.kind == INSTANCE:
        root = subject.props.get("rootBlockDevice") or {}
        yield from each([root, *listed(subject.props, "ebsBlockDevices")], _device)
    else:
        yield from each(listed(subject.props, *MAPPINGS[subject.kind]), _mapping)


def _mapping(mapping: Any) -> Findings:
    ebs = within(mapping, "ebs")
    if ebs is not None and not truth(ebs, "encrypted"):
        yield f"The volume {within(mapping, 'deviceName')} is not encrypted."


def _device(device: Any) -> Findings:
    if not truth(device, "encrypted"):
        yield f"The volume {within(device, 'deviceName') or 'of the root'} is not encrypted."


def file_systems(subject: Subject, _: Parameters) -> Findings:
    """An EFS file system that is not encrypted with a key of one's own."""
    if not truth(subject.props, "encrypted"):
        yield "The file system is not encrypted."
    elif not text(subject.props, "kmsKeyId"):
        yield "The file system is encrypted with AWS's key, which nobody here can revoke."


def fsx(subject: Subject, _: Parameters) -> Findings:
    """An FSx file system under AWS's own key."""
    if not text(subject.props, "kmsKeyId"):
        yield "The file system is encrypted with AWS's key, which nobody here can revoke."


def eks_secrets(cluster: Subject, _: Parameters) -> Findings:
    """An EKS cluster whose Kubernetes secrets lie under no key of one's own."""
    if "secrets" not in listed(cluster.props, "encryptionConfig", "resources"):
        yield "Kubernetes secrets are not encrypted with a KMS key of your own."


def sagemaker_keys(subject: Subject, _: Parameters) -> Findings:
    """SageMaker storage under AWS's own key."""
    prop = SAGEMAKER_KEYS[subject.kind]
    if not text(subject.props, prop):
        yield f"{prop} is absent: volumes are encrypted with AWS's key, which nobody here can revoke."


def sagemaker_traffic(subject: Subject, _: Parameters) -> Findings:
    """SageMaker jobs whose containers speak to each other in clear."""
    if not truth(subject.props, "networkConfig", "enableInterContainerTrafficEncryption"):
        yield "Containers of the job speak to each other unencrypted."


def key_rotation(key: Subject, _: Parameters) -> Findings:
    """A symmetric key that never rotates; KMS rotates no asymmetric key and no HMAC."""
    spec = text(key.props, "customerMasterKeySpec") or "SYMMETRIC_DEFAULT"
    if spec == "SYMMETRIC_DEFAULT" and not truth(key.props, "enableKeyRotation"):
        yield "The key's material never rotates."


def key_principals(key: Subject, _: Parameters) -> Findings:
    """A key that everybody may use."""
    for statement in of_key(key):
        if statement.public:
            yield f"The key's policy allows everybody {shown(statement.actions)}, always."


def log_groups(group: Subject, given: Parameters) -> Findings:
    """A log group under AWS's own key, or one that keeps its logs too short or for ever."""
    days = number(group.props, "retentionInDays") or 0
    if not days:
        yield "Logs are kept for ever."
    elif days < given["min_days"]:
        yield f"Logs are kept for {days:g} days; at least {given['min_days']:g} are needed to look into an incident."
    if not text(group.props, "kmsKeyId"):
        yield "Logs are not encrypted with a KMS key of your own."


def secret_keys(secret: Subject, _: Parameters) -> Findings:
    """A secret under AWS's own key."""
    if not text(secret.props, "kmsKeyId"):
        yield "The secret is encrypted with AWS's key, which every principal of the account may use."


def secret_rotation(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A secret that nothing rotates."""
    secrets = of_kinds(subjects, ("aws:secretsmanager/secret:Secret",))
    rotations = companions(secrets, subjects, ("aws:secretsmanager/secretRotation:SecretRotation",), "secretId", "arn")

    def judge(secret: Subject) -> Found:
        if not rotations(secret):
            yield secret, "Nothing rotates the secret."

    yield from each(secrets, judge)


def databases(database: Subject, _: Parameters) -> Findings:
    """A database whose storage is not encrypted."""
    if not truth(database.props, "storageEncrypted"):
        yield "The database's storage is not encrypted."


def tables(table: Subject, _: Parameters) -> Findings:
    """A DynamoDB table under AWS's own key."""
    if not text(table.props, "serverSideEncryption", "kmsKeyArn"):
        yield "The table is encrypted with AWS's key, which nobody here can revoke."


def queues(queue: Subject, _: Parameters) -> Findings:
    """A queue whose messages are not encrypted."""
    if not text(queue.props, "kmsMasterKeyId") and not truth(queue.props, "sqsManagedSseEnabled", default=True):
        yield "The queue's messages are not encrypted."


def topics(topic: Subject, _: Parameters) -> Findings:
    """A topic whose messages are not encrypted."""
    if not text(topic.props, "kmsMasterKeyId"):
        yield "The topic's messages are not encrypted."


RULES: Final = (
    StackRule(
        id="s3-bucket-encryption-kms",
        kinds=BUCKETS,
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="Who may read a bucket under S3's own key reads its objects: no key policy stands in between.",
        fix="Add a BucketServerSideEncryptionConfiguration with aws:kms and a key of your own.",
        frameworks=("AWS FSBP S3.17", "CKV_AWS_145"),
        check=bucket_encryption,
    ),
    StackRule(
        id="s3-tls-only",
        kinds=BUCKETS,
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="A request without TLS shows credentials and data to everybody on its way.",
        fix="Add a BucketPolicy that denies s3:* where aws:SecureTransport is false.",
        frameworks=("AWS FSBP S3.5", "AwsSolutions-S10", "CKV_AWS_379"),
        check=bucket_tls,
    ),
    Rule(
        id="message-policy-tls-only",
        kinds=("aws:sns/topicPolicy:TopicPolicy", "aws:sqs/queuePolicy:QueuePolicy"),
        severity=Severity.MEDIUM,
        levels=ADVICE,
        why="A message sent without TLS is read by everybody on its way.",
        fix="Add a statement that denies everything where aws:SecureTransport is false.",
        check=message_tls,
    ),
    Rule(
        id="ebs-encrypted",
        kinds=(VOLUME, INSTANCE, *MAPPINGS),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="A snapshot or a disk that leaves the account is readable wherever it lands.",
        fix="Set encrypted, with a key of your own, on every block device.",
        frameworks=("AWS FSBP EC2.3", "AwsSolutions-EC26", "CKV_AWS_3"),
        check=volumes,
    ),
    Rule(
        id="efs-encrypted",
        kinds=("aws:efs/fileSystem:FileSystem",),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="Datasets and checkpoints on a shared file system are data as much as those in a bucket.",
        fix="Set encrypted=True and kms_key_id; this replaces the file system.",
        frameworks=("AWS FSBP EFS.1", "AwsSolutions-EFS1", "CKV_AWS_42", "CKV_AWS_184"),
        check=file_systems,
    ),
    Rule(
        id="fsx-cmk",
        kinds=FSX,
        severity=Severity.MEDIUM,
        levels=ALWAYS,
        why="Datasets under AWS's key cannot be made unreadable by revoking it.",
        fix="Set kms_key_id; this replaces the file system.",
        frameworks=("CKV_AWS_178", "CKV_AWS_203"),
        check=fsx,
    ),
    Rule(
        id="eks-secrets-kms",
        kinds=("aws:eks/cluster:Cluster",),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="Without it, who reads etcd or its backups reads every Kubernetes secret.",
        fix="Set encryption_config with a key of your own and resources=['secrets'].",
        frameworks=("AWS FSBP EKS.3", "CKV_AWS_58"),
        check=eks_secrets,
    ),
    Rule(
        id="sagemaker-kms",
        kinds=tuple(SAGEMAKER_KEYS),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="Notebooks and endpoints hold training data and models on their volumes.",
        fix="Set the KMS key.",
        frameworks=("AwsSolutions-SM2", "CKV_AWS_22", "CKV_AWS_98", "CKV_AWS_187"),
        check=sagemaker_keys,
    ),
    Rule(
        id="sagemaker-intercontainer-tls",
        kinds=("aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition",),
        severity=Severity.LOW,
        levels=ADVICE,
        why="Parts of a dataset go from container to container.",
        fix="Set network_config.enable_inter_container_traffic_encryption=True.",
        frameworks=("CKV_AWS_369",),
        check=sagemaker_traffic,
    ),
    Rule(
        id="kms-rotation",
        kinds=("aws:kms/key:Key",),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="A key that never rotates makes every object ever written readable by one leak.",
        fix="Set enable_key_rotation=True.",
        frameworks=("AwsSolutions-KMS5", "CKV_AWS_7"),
        check=key_rotation,
    ),
    Rule(
        id="kms-no-wildcard-principal",
        kinds=("aws:kms/key:Key", "aws:kms/keyPolicy:KeyPolicy"),
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="A key that everybody may use protects nothing.",
        fix="Name principals, or add a condition such as kms:CallerAccount.",
        frameworks=("CKV_AWS_33",),
        check=key_principals,
    ),
    Rule(
        id="logs-kms-and-retention",
        kinds=("aws:cloudwatch/logGroup:LogGroup",),
        severity=Severity.LOW,
        levels=ADVICE,
        why="Logs quote data, and cost money for as long as they are kept.",
        fix="Set kms_key_id and retention_in_days.",
        frameworks=("CKV_AWS_66", "CKV_AWS_158"),
        parameters={"min_days": Parameter(30, {"type": "integer", "minimum": 1}, "Days that logs are kept at least.")},
        check=log_groups,
    ),
    Rule(
        id="secret-kms",
        kinds=("aws:secretsmanager/secret:Secret",),
        severity=Severity.MEDIUM,
        levels=ADVICE,
        why="Every principal of the account that may read secrets may use AWS's key for them.",
        fix="Set kms_key_id.",
        frameworks=("CKV_AWS_149",),
        check=secret_keys,
    ),
    StackRule(
        id="secret-rotation",
        kinds=("aws:secretsmanager/secret:Secret",),
        severity=Severity.LOW,
        levels=ADVICE,
        why="A secret that leaked once is good for ever.",
        fix="Add a SecretRotation.",
        frameworks=("AwsSolutions-SMG4", "CKV_AWS_304"),
        check=secret_rotation,
    ),
    Rule(
        id="rds-encrypted",
        kinds=("aws:rds/cluster:Cluster", "aws:rds/instance:Instance"),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="Snapshots of a database are as readable as the database was.",
        fix="Set storage_encrypted=True and kms_key_id; this replaces the database.",
        frameworks=("AWS FSBP RDS.27", "CKV_AWS_16"),
        check=databases,
    ),
    Rule(
        id="dynamodb-cmk",
        kinds=("aws:dynamodb/table:Table",),
        severity=Severity.MEDIUM,
        levels=PRODUCTION,
        why="Features under AWS's key cannot be made unreadable by revoking it.",
        fix="Set server_side_encryption with enabled=True and kms_key_arn.",
        check=tables,
    ),
    Rule(
        id="sqs-encrypted",
        kinds=("aws:sqs/queue:Queue",),
        severity=Severity.MEDIUM,
        levels=ALWAYS,
        why="Messages name datasets, models and people.",
        fix="Set kms_master_key_id, or leave sqs_managed_sse_enabled on.",
        check=queues,
    ),
    Rule(
        id="sns-encrypted",
        kinds=("aws:sns/topic:Topic",),
        severity=Severity.MEDIUM,
        levels=ADVICE,
        why="Alerts quote the data that they are about.",
        fix="Set kms_master_key_id.",
        check=topics,
    ),
)
"""Rules about encryption, in the order of the documentation."""
