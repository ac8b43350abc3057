"""Reliability: what is lost by one mistake, or by one zone."""

from collections.abc import Sequence
from typing import Final

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
from mlplatform_policies.reading import each, listed, number, shown, text, truth
from mlplatform_policies.relations import BUCKETS, companions, of_kinds

CONTROL_PLANE_LOGS: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""All types (Amazon EKS API reference, LogSetup)."""
CLUSTER: Final = "aws:eks/cluster:Cluster"
DATABASES: Final = ("aws:rds/cluster:Cluster", "aws:rds/instance:Instance")
TABLE: Final = "aws:dynamodb/table:Table"
REPOSITORY: Final = "aws:ecr/repository:Repository"
STATEFUL: Final = (
    *BUCKETS,
    *DATABASES,
    CLUSTER,
    TABLE,
    REPOSITORY,
    "aws:efs/fileSystem:FileSystem",
    "aws:fsx/lustreFileSystem:LustreFileSystem",
    "aws:kms/key:Key",
)


def protected(subject: Subject, _: Parameters) -> Findings:
    """Something that holds data, and that one word in a diff deletes."""
    if not subject.protect:
        yield "Pulumi may delete it."


def cluster_deletion(cluster: Subject, _: Parameters) -> Findings:
    """A cluster that EKS deletes when asked."""
    if not truth(cluster.props, "deletionProtection"):
        yield "EKS deletes the cluster when asked."


def databases(database: Subject, given: Parameters) -> Findings:
    """A database that can be deleted, or not brought back."""
    if not truth(database.props, "deletionProtection"):
        yield "RDS deletes the database when asked."
    days = number(database.props, "backupRetentionPeriod") or 0
    if days < given["min_days"]:
        yield f"Backups are kept for {days:g} days; at least {given['min_days']:g} are needed."
    if truth(database.props, "skipFinalSnapshot"):
        yield "No last snapshot is taken at deletion."


def tables(table: Subject, _: Parameters) -> Findings:
    """A DynamoDB table that can be deleted, or not brought back."""
    if not truth(table.props, "pointInTimeRecovery", "enabled"):
        yield "The table cannot be brought back to a point in time."
    if not truth(table.props, "deletionProtectionEnabled"):
        yield "DynamoDB deletes the table when asked."


def versioning(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A bucket in which what was overwritten is gone."""
    buckets = of_kinds(subjects, BUCKETS)
    settings = companions(
        buckets,
        subjects,
        ("aws:s3/bucketVersioning:BucketVersioning", "aws:s3/bucketVersioningV2:BucketVersioningV2"),
        "bucket",
    )

    def judge(bucket: Subject) -> Found:
        given = [text(setting.props, "versioningConfiguration", "status") for setting in settings(bucket)]
        if "Enabled" not in given and not truth(bucket.props, "versioning", "enabled"):
            yield bucket, "What is overwritten or deleted in the bucket is gone."

    yield from each(buckets, judge)


def forced(subject: Subject, _: Parameters) -> Findings:
    """Data that go with their container."""
    for prop in ("forceDestroy", "forceDelete"):
        if truth(subject.props, prop):
            yield f"{prop} is set: all that it holds is deleted with it."


def zones(subject: Subject, _: Parameters) -> Findings:
    """A cluster or a database in one zone."""
    if subject.kind == CLUSTER:
        subnets = len(listed(subject.props, "vpcConfig", "subnetIds"))
        if subnets < 2:  # noqa: PLR2004 - two zones
            yield f"The cluster is in {subnets} subnet; each is in one zone."
    elif not truth(subject.props, "multiAz"):
        yield "The database is in one zone."


def control_plane_logs(cluster: Subject, _: Parameters) -> Findings:
    """A cluster that keeps back one of its control plane's logs."""
    enabled = list(listed(cluster.props, "enabledClusterLogTypes"))
    missing = [name for name in CONTROL_PLANE_LOGS if name not in enabled]
    if missing:
        yield f"Control-plane logs are missing: {shown(missing)}."


def versions(cluster: Subject, given: Parameters) -> Findings:
    """A Kubernetes version that nobody here has tried, or that costs extra."""
    version = text(cluster.props, "version")
    if version and version not in given["versions"]:
        yield f"The version is {version}; allowed are {shown(given['versions'])}."


RULES: Final = (
    Rule(
        id="stateful-protected",
        kinds=STATEFUL,
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="One word in a diff, or one rename, deletes what no backup brings back in time.",
        fix="Set ResourceOptions(protect=True).",
        check=protected,
    ),
    Rule(
        id="eks-deletion-protection",
        kinds=(CLUSTER,),
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="Protection by Pulumi ends where somebody uses the console.",
        fix="Set deletion_protection=True.",
        check=cluster_deletion,
    ),
    Rule(
        id="rds-deletion-protection-and-backups",
        kinds=DATABASES,
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="A registry of models without its database is a bucket of files without names.",
        fix="Set deletion_protection=True, backup_retention_period, and skip_final_snapshot=False.",
        frameworks=("AWS FSBP RDS.7", "AWS FSBP RDS.8", "AWS FSBP RDS.11", "CKV_AWS_139", "CKV_AWS_293"),
        parameters={"min_days": Parameter(7, {"type": "number", "minimum": 0}, "Days that backups are kept at least.")},
        check=databases,
    ),
    Rule(
        id="dynamodb-recoverable",
        kinds=(TABLE,),
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="A wrong materialization overwrites every feature in minutes.",
        fix="Set point_in_time_recovery with enabled=True, and deletion_protection_enabled=True.",
        frameworks=("AWS FSBP DynamoDB.2", "AWS FSBP DynamoDB.6"),
        check=tables,
    ),
    StackRule(
        id="s3-versioning",
        kinds=BUCKETS,
        severity=Severity.MEDIUM,
        levels=PRODUCTION,
        why="A dataset that a job overwrote cannot be trained on again.",
        fix="Add a BucketVersioning with status 'Enabled'.",
        frameworks=("AWS FSBP S3.14", "CKV_AWS_21"),
        check=versioning,
    ),
    Rule(
        id="force-delete-off",
        kinds=(*BUCKETS, REPOSITORY),
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="Deletion stops at a bucket that is not empty, unless it was told not to.",
        fix="Set force_destroy=False, force_delete=False.",
        check=forced,
    ),
    Rule(
        id="multi-az",
        kinds=(CLUSTER, "aws:rds/instance:Instance"),
        severity=Severity.MEDIUM,
        levels=PRODUCTION,
        why="One zone that fails takes all of it.",
        fix="Give subnets of two zones or more; set multi_az=True.",
        check=zones,
    ),
    Rule(
        id="eks-control-plane-logs",
        kinds=(CLUSTER,),
        severity=Severity.MEDIUM,
        levels=ALWAYS,
        why="An incident that was not logged cannot be investigated.",
        fix="Set enabled_cluster_log_types to all five types.",
        frameworks=("AWS FSBP EKS.8", "AwsSolutions-EKS2", "CKV_AWS_37"),
        check=control_plane_logs,
    ),
    Rule(
        id="eks-version-supported",
        kinds=(CLUSTER,),
        severity=Severity.MEDIUM,
        levels=ADVICE,
        why="Add-ons are chosen for a version; an old one costs extra and is raised by AWS in the end.",
        fix="Set a version that is allowed, one minor version at a time.",
        frameworks=("AWS FSBP EKS.2", "CKV_AWS_339"),
        parameters={
            "versions": Parameter(
                ["1.35"],
                {"type": "array", "items": {"type": "string"}},
                "Kubernetes versions that may be: those that the charts and definitions here were tested with.",
            )
        },
        check=versions,
    ),
)
"""Rules about reliability, in the order of the documentation."""
