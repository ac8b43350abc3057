"""Cases of the rules about encryption."""

import pulumi_aws as aws

from judging import Case, allow, custom, document, unknown

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
NO_TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
ENCRYPTED = {"encrypted": True, "kms_key_id": KEY}
BUCKET = "The bucket's objects are encrypted with"


def encrypted_buckets() -> None:
    first = aws.s3.Bucket("good")
    _encryption("good", first.id, "aws:kms")
    second = aws.s3.Bucket("good-by-name", bucket="good-by-name")
    _encryption("good-by-name", "good-by-name", "aws:kms:dsse")
    aws.s3.Bucket(
        "good-inline",
        server_side_encryption_configuration={
            "rule": {"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms"}}
        },
    )
    del second


def _encryption(name, bucket, algorithm):
    rule = {"apply_server_side_encryption_by_default": {"sse_algorithm": algorithm}}
    aws.s3.BucketServerSideEncryptionConfiguration(f"{name}-encryption", bucket=bucket, rules=[rule])


def unencrypted_buckets() -> None:
    aws.s3.Bucket("bad")
    _encryption("bad-aes", aws.s3.Bucket("bad-aes").id, "AES256")


def tls_buckets() -> None:
    bucket = aws.s3.Bucket("good")
    aws.s3.BucketPolicy("good-policy", bucket=bucket.id, policy=document(allow("s3:GetObject"), NO_TLS))


def plain_buckets() -> None:
    aws.s3.Bucket("bad")
    bucket = aws.s3.Bucket("bad-policy")
    aws.s3.BucketPolicy("bad-policy-policy", bucket=bucket.id, policy=document(allow("s3:GetObject")))


def unknown_bucket_policy() -> None:
    bucket = aws.s3.Bucket("unknown")
    aws.s3.BucketPolicy("unknown-policy", bucket=bucket.id, policy=unknown(document(NO_TLS)))


def encrypted_volumes() -> None:
    aws.ebs.Volume("good", availability_zone="eu-west-1a", encrypted=True)
    ebs = {"encrypted": "true"}
    aws.ec2.LaunchTemplate("good-template", block_device_mappings=[{"device_name": "/dev/xvda", "ebs": ebs}])
    aws.ec2.LaunchTemplate("good-nothing-said")
    aws.ec2.Instance("good-instance", root_block_device={"encrypted": True})
    mapping = {"deviceName": "/dev/xvda", "ebs": {"encrypted": True}}
    custom("good-class", "karpenter.k8s.aws/v1", "EC2NodeClass", {"blockDeviceMappings": [mapping]})
    custom("good-class-default", "karpenter.k8s.aws/v1", "EC2NodeClass", {})


def plain_volumes() -> None:
    aws.ebs.Volume("bad", availability_zone="eu-west-1a")
    ebs = {"volume_size": 50}
    aws.ec2.LaunchTemplate("bad-template", block_device_mappings=[{"device_name": "/dev/xvda", "ebs": ebs}])
    aws.ec2.Instance("bad-instance", ebs_block_devices=[{"device_name": "/dev/sdb"}])
    mapping = {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "50Gi"}}
    custom("bad-class", "karpenter.k8s.aws/v1", "EC2NodeClass", {"blockDeviceMappings": [mapping]})


def fsx(name, key):
    common = {"storage_capacity": 1200, "kms_key_id": key}
    aws.fsx.LustreFileSystem(f"{name}-lustre", subnet_ids="subnet-1", **common)
    aws.fsx.OpenZfsFileSystem(
        f"{name}-zfs", deployment_type="SINGLE_AZ_1", throughput_capacity=64, subnet_ids="subnet-1", **common
    )


def sagemaker(name, key):
    aws.sagemaker.NotebookInstance(f"{name}-notebook", instance_type="ml.t3.medium", role_arn="r", kms_key_id=key)
    variant = {"variant_name": "v", "model_name": "m"}
    aws.sagemaker.EndpointConfiguration(f"{name}-endpoint", production_variants=[variant], kms_key_arn=key)
    aws.sagemaker.Domain(
        f"{name}-domain",
        auth_mode="IAM",
        default_user_settings={"execution_role": "r"},
        domain_name="d",
        vpc_id="v",
        subnet_ids=["s"],
        kms_key_id=key,
    )


def jobs(name, encrypted):
    aws.sagemaker.DataQualityJobDefinition(
        name,
        data_quality_app_specification={"image_uri": "i"},
        data_quality_job_input={"endpoint_input": {"endpoint_name": "e"}},
        data_quality_job_output_config={"monitoring_outputs": {"s3_output": {"s3_uri": "s3://b/p"}}},
        job_resources={
            "cluster_config": {"instance_count": 1, "instance_type": "ml.t3.medium", "volume_size_in_gb": 9}
        },
        network_config={"enable_inter_container_traffic_encryption": encrypted},
        role_arn="r",
    )


def cluster(name, config):
    aws.eks.Cluster(name, role_arn="r", vpc_config={"subnet_ids": ["a", "b"]}, encryption_config=config)


def key_policy(name, principal, **condition):
    statement = allow("kms:Decrypt", Principal=principal, **condition)
    aws.kms.Key(name, policy=document(statement))


def rotated_secrets() -> None:
    secret = aws.secretsmanager.Secret("good")
    rules = {"automatically_after_days": 30}
    aws.secretsmanager.SecretRotation("good-rotation", secret_id=secret.arn, rotation_rules=rules)


def database(name, encrypted):
    aws.rds.Instance(name, instance_class="db.t4g.micro", storage_encrypted=encrypted)
    aws.rds.Cluster(f"{name}-cluster", engine="aurora-postgresql", storage_encrypted=encrypted)


def table(name, sse):
    aws.dynamodb.Table(
        name,
        attributes=[{"name": "id", "type": "S"}],
        hash_key="id",
        billing_mode="PAY_PER_REQUEST",
        server_side_encryption=sse,
    )


REVOKE = "encrypted with AWS's key, which nobody here can revoke."
ABSENT = "is absent: volumes are encrypted with AWS's key, which nobody here can revoke."
CASES = {
    "s3-bucket-encryption-kms": Case(
        good=encrypted_buckets,
        bad=unencrypted_buckets,
        findings={
            "bad": [f"{BUCKET} AES256, not with a KMS key."],
            "bad-aes": [f"{BUCKET} AES256, not with a KMS key."],
        },
        unknown=lambda: _encryption("unknown", aws.s3.Bucket("unknown").id, unknown("aws:kms")),
    ),
    "s3-tls-only": Case(
        good=tls_buckets,
        bad=plain_buckets,
        findings={
            "bad": ["The bucket's policy denies no request without TLS."],
            "bad-policy": ["The bucket's policy denies no request without TLS."],
        },
        unknown=unknown_bucket_policy,
    ),
    "message-policy-tls-only": Case(
        good=lambda: [
            aws.sqs.QueuePolicy("good", queue_url="u", policy=document(NO_TLS)),
            aws.sns.TopicPolicy("good-topic", arn="a", policy=document(NO_TLS)),
        ],
        bad=lambda: [
            aws.sqs.QueuePolicy("bad", queue_url="u", policy=document(allow("sqs:SendMessage"))),
            aws.sns.TopicPolicy("bad-topic", arn="a", policy=document(allow("sns:Publish"))),
        ],
        findings=dict.fromkeys(("bad", "bad-topic"), ("The policy denies no request without TLS.",)),
        unknown=lambda: aws.sqs.QueuePolicy("unknown", queue_url="u", policy=unknown(document(NO_TLS))),
    ),
    "ebs-encrypted": Case(
        good=encrypted_volumes,
        bad=plain_volumes,
        findings={
            "bad": ["The volume itself is not encrypted."],
            "bad-template": ["The volume /dev/xvda is not encrypted."],
            "bad-instance": ["The volume of the root is not encrypted.", "The volume /dev/sdb is not encrypted."],
            "bad-class": ["The volume /dev/xvda is not encrypted."],
        },
        unknown=lambda: aws.ebs.Volume("unknown", availability_zone="a", encrypted=unknown(True)),
    ),
    "efs-encrypted": Case(
        good=lambda: aws.efs.FileSystem("good", **ENCRYPTED),
        bad=lambda: [aws.efs.FileSystem("bad"), aws.efs.FileSystem("bad-key", encrypted=True)],
        findings={"bad": ["The file system is not encrypted."], "bad-key": [f"The file system is {REVOKE}"]},
        unknown=lambda: aws.efs.FileSystem("unknown", encrypted=True, kms_key_id=unknown()),
    ),
    "fsx-cmk": Case(
        good=lambda: fsx("good", KEY),
        bad=lambda: fsx("bad", None),
        findings=dict.fromkeys(("bad-lustre", "bad-zfs"), (f"The file system is {REVOKE}",)),
        unknown=lambda: aws.fsx.LustreFileSystem("unknown", subnet_ids="subnet-1", kms_key_id=unknown()),
    ),
    "eks-secrets-kms": Case(
        good=lambda: cluster("good", {"provider": {"key_arn": KEY}, "resources": ["secrets"]}),
        bad=lambda: cluster("bad", None),
        findings={"bad": ["Kubernetes secrets are not encrypted with a KMS key of your own."]},
        unknown=lambda: cluster("unknown", {"provider": {"key_arn": KEY}, "resources": unknown(["secrets"])}),
    ),
    "sagemaker-kms": Case(
        good=lambda: sagemaker("good", KEY),
        bad=lambda: sagemaker("bad", None),
        findings={
            "bad-notebook": [f"kmsKeyId {ABSENT}"],
            "bad-endpoint": [f"kmsKeyArn {ABSENT}"],
            "bad-domain": [f"kmsKeyId {ABSENT}"],
        },
        unknown=lambda: aws.sagemaker.NotebookInstance(
            "unknown", instance_type="ml.t3.medium", role_arn="r", kms_key_id=unknown()
        ),
    ),
    "sagemaker-intercontainer-tls": Case(
        good=lambda: jobs("good", True),
        bad=lambda: jobs("bad", False),
        findings={"bad": ["Containers of the job speak to each other unencrypted."]},
        unknown=lambda: jobs("unknown", unknown(True)),
    ),
    "kms-rotation": Case(
        good=lambda: [
            aws.kms.Key("good", enable_key_rotation=True),
            aws.kms.Key("good-asymmetric", customer_master_key_spec="RSA_2048"),
        ],
        bad=lambda: [aws.kms.Key("bad"), aws.kms.Key("bad-off", enable_key_rotation=False)],
        findings=dict.fromkeys(("bad", "bad-off"), ("The key's material never rotates.",)),
        unknown=lambda: aws.kms.Key("unknown", enable_key_rotation=unknown(True)),
    ),
    "kms-no-wildcard-principal": Case(
        good=lambda: [
            key_policy("good", {"AWS": "arn:aws:iam::123456789012:root"}),
            key_policy("good-condition", "*", Condition={"StringEquals": {"kms:CallerAccount": "123456789012"}}),
            aws.kms.Key("good-default"),
        ],
        bad=lambda: [
            key_policy("bad", "*"),
            aws.kms.KeyPolicy("bad-list", key_id="k", policy=document(allow("kms:*", Principal={"AWS": ["*"]}))),
        ],
        findings={
            "bad": ["The key's policy allows everybody kms:Decrypt, always."],
            "bad-list": ["The key's policy allows everybody kms:*, always."],
        },
        unknown=lambda: aws.kms.Key("unknown", policy=unknown(document())),
    ),
    "logs-kms-and-retention": Case(
        good=lambda: aws.cloudwatch.LogGroup("good", retention_in_days=30, kms_key_id=KEY),
        bad=lambda: [
            aws.cloudwatch.LogGroup("bad"),
            aws.cloudwatch.LogGroup("bad-short", retention_in_days=7, kms_key_id=KEY),
        ],
        findings={
            "bad": ["Logs are kept for ever.", "Logs are not encrypted with a KMS key of your own."],
            "bad-short": ["Logs are kept for 7 days; at least 30 are needed to look into an incident."],
        },
        unknown=lambda: aws.cloudwatch.LogGroup("unknown", retention_in_days=30, kms_key_id=unknown()),
    ),
    "secret-kms": Case(
        good=lambda: aws.secretsmanager.Secret("good", kms_key_id=KEY),
        bad=lambda: aws.secretsmanager.Secret("bad"),
        findings={"bad": ["The secret is encrypted with AWS's key, which every principal of the account may use."]},
        unknown=lambda: aws.secretsmanager.Secret("unknown", kms_key_id=unknown()),
    ),
    "secret-rotation": Case(
        good=rotated_secrets,
        bad=lambda: aws.secretsmanager.Secret("bad"),
        findings={"bad": ["Nothing rotates the secret."]},
        unknown=lambda: [
            aws.secretsmanager.Secret("other"),
            aws.secretsmanager.SecretRotation(
                "unknown", secret_id=unknown(), rotation_rules={"automatically_after_days": 30}
            ),
        ],
    ),
    "rds-encrypted": Case(
        good=lambda: database("good", True),
        bad=lambda: database("bad", False),
        findings=dict.fromkeys(("bad", "bad-cluster"), ("The database's storage is not encrypted.",)),
        unknown=lambda: aws.rds.Instance("unknown", instance_class="db.t4g.micro", storage_encrypted=unknown(True)),
    ),
    "dynamodb-cmk": Case(
        good=lambda: table("good", {"enabled": True, "kms_key_arn": KEY}),
        bad=lambda: [table("bad", None), table("bad-key", {"enabled": True})],
        findings=dict.fromkeys(("bad", "bad-key"), (f"The table is {REVOKE}",)),
        unknown=lambda: table("unknown", {"enabled": True, "kms_key_arn": unknown()}),
    ),
    "sqs-encrypted": Case(
        good=lambda: [aws.sqs.Queue("good"), aws.sqs.Queue("good-key", kms_master_key_id=KEY)],
        bad=lambda: aws.sqs.Queue("bad", sqs_managed_sse_enabled=False),
        findings={"bad": ["The queue's messages are not encrypted."]},
        unknown=lambda: aws.sqs.Queue("unknown", kms_master_key_id=unknown()),
    ),
    "sns-encrypted": Case(
        good=lambda: aws.sns.Topic("good", kms_master_key_id=KEY),
        bad=lambda: aws.sns.Topic("bad"),
        findings={"bad": ["The topic's messages are not encrypted."]},
        unknown=lambda: aws.sns.Topic("unknown", kms_master_key_id=unknown()),
    ),
}
