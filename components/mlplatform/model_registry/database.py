"""The PostgreSQL database: encrypted, not public, reached from the cluster only, with a password that RDS rotates."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import pulumi
import pulumi_aws as aws

from mlplatform.core.args import applied
from mlplatform.core.build import Build
from mlplatform.facts.aws.iam import Statement, document, service_trust
from mlplatform.model_registry import mlflow
from mlplatform.model_registry.args import ModelRegistryArgs, RegistryDatabase

LOGS: Final = ("postgresql", "upgrade")
"""Logs that RDS publishes to CloudWatch (Amazon RDS User Guide, Publishing PostgreSQL logs)."""
INSIGHTS_DAYS: Final = 7
"""Days of Performance Insights that cost nothing (Amazon RDS User Guide, Pricing and data retention for Performance
Insights)."""
MONITORING_POLICY: Final = "service-role/AmazonRDSEnhancedMonitoringRole"
"""AWS's own policy (Amazon RDS User Guide, Setting up and enabling Enhanced Monitoring)."""
MANAGED_SECRETS: Final = "rds!db-*"
INSTANCE_TAG: Final = "aws:rds:primaryDBInstanceArn"
"""How RDS names the secrets of users that it manages, and the tag by which each says whose it is (Amazon RDS User
Guide, Password management with Amazon RDS and AWS Secrets Manager)."""

_Build: TypeAlias = Build[ModelRegistryArgs]


@dataclass(frozen=True, slots=True)
class Database:
    """The database, as far as others need it."""

    address: pulumi.Output[str]
    """Host name."""
    secret_arn: pulumi.Output[str]
    """ARN of the secret in which RDS keeps user and password."""
    group_id: pulumi.Output[str]
    """Id of its security group."""
    reachable: pulumi.Resource
    """The rule that lets the cluster in."""


def identifier(name: str, args: RegistryDatabase) -> str:
    """Name of the instance."""
    return args.identifier or name


def log_groups(name: str, args: RegistryDatabase) -> str:
    """What the names of its log groups begin with, by RDS's own rule."""
    return f"/aws/rds/instance/{identifier(name, args)}/"


def create(build: _Build, args: RegistryDatabase, key_arn: pulumi.Output[str]) -> Database:
    """Makes the database and what is around it."""
    group = aws.ec2.SecurityGroup(
        f"{build.name}-database",
        description="Database of the model registry: PostgreSQL from the cluster, nothing out",
        vpc_id=build.args.vpc_id,
        opts=build.inside,
    )
    rule = aws.vpc.SecurityGroupIngressRule(
        f"{build.name}-database",
        security_group_id=group.id,
        description="PostgreSQL from nodes and pods of the cluster",
        referenced_security_group_id=build.args.cluster_security_group_id,
        ip_protocol="tcp",
        from_port=mlflow.DATABASE_PORT,
        to_port=mlflow.DATABASE_PORT,
        opts=build.inside,
    )
    instance = _instance(build, args, group, key_arn)
    secret_arn = applied(instance.master_user_secrets, lambda secrets: str(secrets[0].secret_arn))
    return Database(instance.address, secret_arn, group.id, rule)


def _instance(
    build: _Build, args: RegistryDatabase, group: aws.ec2.SecurityGroup, key_arn: pulumi.Output[str]
) -> aws.rds.Instance:
    name = identifier(build.name, args)
    role_arn, attached = _monitoring(build) if args.monitoring_seconds else (None, [])
    return aws.rds.Instance(
        f"{build.name}-database",
        # Its log groups are named after it.
        identifier=name,
        engine="postgres",
        engine_version=str(args.postgres_version),
        parameter_group_name=_parameters(build, args).name,
        allow_major_version_upgrade=True,
        auto_minor_version_upgrade=True,
        # Else a change waits for the maintenance window, and the state says what is not so yet.
        apply_immediately=True,
        instance_class=args.instance_class,
        multi_az=args.multi_az,
        storage_type="gp3",
        allocated_storage=args.storage_gib,
        max_allocated_storage=args.max_storage_gib,
        storage_encrypted=True,
        kms_key_id=key_arn,
        db_name=mlflow.DATABASE,
        username=mlflow.DATABASE,
        manage_master_user_password=True,
        master_user_secret_kms_key_id=key_arn,
        port=mlflow.DATABASE_PORT,
        publicly_accessible=False,
        db_subnet_group_name=_subnets(build).name,
        vpc_security_group_ids=[group.id],
        backup_retention_period=args.backup_days,
        copy_tags_to_snapshot=True,
        delete_automated_backups=not build.args.deletion_protection,
        deletion_protection=build.args.deletion_protection,
        skip_final_snapshot=not build.args.deletion_protection,
        final_snapshot_identifier=f"{name}-final" if build.args.deletion_protection else None,
        enabled_cloudwatch_logs_exports=list(LOGS),
        performance_insights_enabled=True,
        performance_insights_kms_key_id=key_arn,
        performance_insights_retention_period=INSIGHTS_DAYS,
        monitoring_interval=args.monitoring_seconds,
        monitoring_role_arn=role_arn,
        # RDS makes a log group that it does not find, without key and retention.
        opts=build.after(*_logs(build, args, key_arn), *attached, kept=True),
    )


def _parameters(build: _Build, args: RegistryDatabase) -> aws.rds.ParameterGroup:
    force_tls = aws.rds.ParameterGroupParameterArgs(name="rds.force_ssl", value="1", apply_method="immediate")
    return aws.rds.ParameterGroup(
        f"{build.name}-database",
        family=f"postgres{args.postgres_version}",
        description="Model registry: connections with TLS only",
        parameters=[force_tls],
        opts=build.inside,
    )


def _subnets(build: _Build) -> aws.rds.SubnetGroup:
    return aws.rds.SubnetGroup(
        f"{build.name}-database",
        description="Database of the model registry",
        subnet_ids=build.args.subnet_ids,
        opts=build.inside,
    )


def _logs(build: _Build, args: RegistryDatabase, key_arn: pulumi.Output[str]) -> Sequence[pulumi.Resource]:
    return [
        aws.cloudwatch.LogGroup(
            f"{build.name}-database-{log}",
            name=f"{log_groups(build.name, args)}{log}",
            kms_key_id=key_arn,
            retention_in_days=args.log_retention_days,
            opts=build.inside,
        )
        for log in LOGS
    ]


def _monitoring(build: _Build) -> tuple[pulumi.Output[str], Sequence[pulumi.Resource]]:
    """The role of Enhanced Monitoring, and what makes it one."""
    role = aws.iam.Role(
        f"{build.name}-monitoring",
        description="RDS sends measurements of the operating system to CloudWatch Logs",
        assume_role_policy=build.place.account_id.apply(
            lambda account: json.dumps(service_trust("monitoring.rds.amazonaws.com", source_account=account))
        ),
        permissions_boundary=build.args.permissions_boundary_arn,
        opts=build.inside,
    )
    policy = aws.iam.RolePolicyAttachment(
        f"{build.name}-monitoring",
        role=role.name,
        policy_arn=pulumi.Output.concat("arn:", build.place.partition, ":iam::aws:policy/", MONITORING_POLICY),
        opts=build.inside,
    )
    return role.arn, [policy]


def readable(build: _Build, args: RegistryDatabase, key_arn: pulumi.Output[str]) -> pulumi.Resource:
    """Lets External Secrets read exactly this database's user and password."""
    # RDS names the secret `rds!db-<id>` and tags it with the instance; known by that before there is a secret.
    secrets = build.place.arn("secretsmanager", f"secret:{MANAGED_SECRETS}")
    instance = build.place.arn("rds", f"db:{identifier(build.name, args)}")
    via = build.place.host("secretsmanager")
    read = Statement(
        "Read",
        ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"),
        (secrets,),
        conditions={"StringEquals": {f"aws:ResourceTag/{INSTANCE_TAG}": instance}},
    )
    decrypt = Statement("Key", ("kms:Decrypt",), (key_arn,), conditions={"StringEquals": {"kms:ViaService": via}})
    policy = aws.iam.Policy(
        f"{build.name}-password",
        description="External Secrets reads the password of the model registry's database",
        policy=pulumi.Output.json_dumps(document(read, decrypt)),
        opts=build.inside,
    )
    return aws.iam.RolePolicyAttachment(
        f"{build.name}-password",
        role=pulumi.Output.from_input(build.args.secrets_role_name).apply(str),
        policy_arn=policy.arn,
        opts=build.inside,
    )
