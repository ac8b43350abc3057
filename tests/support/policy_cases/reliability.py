"""Cases of the rules about reliability."""

import pulumi
import pulumi_aws as aws

from judging import Case, unknown

LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
PROTECTED = pulumi.ResourceOptions(protect=True)


def cluster(name, **more):
    aws.eks.Cluster(name, **{"role_arn": "r", "vpc_config": {"subnet_ids": ["a", "b"]}, **more})


def database(name, **more):
    aws.rds.Instance(name, instance_class="db.t4g.micro", **more)


def table(name, **more):
    aws.dynamodb.Table(name, attributes=[{"name": "id", "type": "S"}], hash_key="id", **more)


def versioned(name, status):
    bucket = aws.s3.Bucket(name)
    aws.s3.BucketVersioning(f"{name}-versioning", bucket=bucket.id, versioning_configuration={"status": status})


SAFE = {"deletion_protection": True, "backup_retention_period": 7, "skip_final_snapshot": False}
GONE = "What is overwritten or deleted in the bucket is gone."
CASES = {
    "stateful-protected": Case(
        good=lambda: [aws.s3.Bucket("good", opts=PROTECTED), aws.sqs.Queue("good-stateless")],
        bad=lambda: [aws.s3.Bucket("bad"), aws.kms.Key("bad-key")],
        findings=dict.fromkeys(("bad", "bad-key"), ("Pulumi may delete it.",)),
        unknown=None,
    ),
    "eks-deletion-protection": Case(
        good=lambda: cluster("good", deletion_protection=True),
        bad=lambda: cluster("bad"),
        findings={"bad": ["EKS deletes the cluster when asked."]},
        unknown=lambda: cluster("unknown", deletion_protection=unknown(True)),
    ),
    "rds-deletion-protection-and-backups": Case(
        good=lambda: database("good", **SAFE),
        bad=lambda: database("bad", backup_retention_period=1, skip_final_snapshot=True),
        findings={
            "bad": [
                "RDS deletes the database when asked.",
                "Backups are kept for 1 days; at least 7 are needed.",
                "No last snapshot is taken at deletion.",
            ]
        },
        unknown=lambda: database("unknown", **{**SAFE, "skip_final_snapshot": unknown(False)}),
    ),
    "dynamodb-recoverable": Case(
        good=lambda: table("good", point_in_time_recovery={"enabled": True}, deletion_protection_enabled=True),
        bad=lambda: table("bad"),
        findings={
            "bad": ["The table cannot be brought back to a point in time.", "DynamoDB deletes the table when asked."]
        },
        unknown=lambda: table(
            "unknown", point_in_time_recovery={"enabled": True}, deletion_protection_enabled=unknown(True)
        ),
    ),
    "s3-versioning": Case(
        good=lambda: [versioned("good", "Enabled"), aws.s3.Bucket("good-inline", versioning={"enabled": True})],
        bad=lambda: [aws.s3.Bucket("bad"), versioned("bad-off", "Suspended")],
        findings={"bad": [GONE], "bad-off": [GONE]},
        unknown=lambda: versioned("unknown", unknown("Enabled")),
    ),
    "force-delete-off": Case(
        good=lambda: [aws.s3.Bucket("good", force_destroy=False), aws.ecr.Repository("good-images")],
        bad=lambda: [aws.s3.Bucket("bad", force_destroy=True), aws.ecr.Repository("bad-images", force_delete=True)],
        findings={
            "bad": ["forceDestroy is set: all that it holds is deleted with it."],
            "bad-images": ["forceDelete is set: all that it holds is deleted with it."],
        },
        unknown=lambda: aws.s3.Bucket("unknown", force_destroy=unknown(False)),
    ),
    "multi-az": Case(
        good=lambda: [cluster("good"), database("good-database", multi_az=True)],
        bad=lambda: [cluster("bad", vpc_config={"subnet_ids": ["a"]}), database("bad-database")],
        findings={
            "bad": ["The cluster is in 1 subnet; each is in one zone."],
            "bad-database": ["The database is in one zone."],
        },
        unknown=lambda: database("unknown", multi_az=unknown(True)),
    ),
    "eks-control-plane-logs": Case(
        good=lambda: cluster("good", enabled_cluster_log_types=LOGS),
        bad=lambda: [cluster("bad"), cluster("bad-some", enabled_cluster_log_types=LOGS[:3])],
        findings={
            "bad": ["Control-plane logs are missing: api, audit, authenticator, controllerManager, scheduler."],
            "bad-some": ["Control-plane logs are missing: controllerManager, scheduler."],
        },
        unknown=lambda: cluster("unknown", enabled_cluster_log_types=unknown(LOGS)),
    ),
    "eks-version-supported": Case(
        good=lambda: [cluster("good", version="1.35"), cluster("good-latest")],
        bad=lambda: cluster("bad", version="1.29"),
        findings={"bad": ["The version is 1.29; allowed are 1.35."]},
        unknown=lambda: cluster("unknown", version=unknown("1.35")),
    ),
}
