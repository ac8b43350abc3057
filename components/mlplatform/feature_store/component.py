"""FeatureStore: an offline bucket that Athena queries, online tables, three roles and Feast's configuration."""

from collections.abc import Mapping
from typing import Optional, TypeAlias

import pulumi
import pulumi_aws as aws

from mlplatform.core.build import Build
from mlplatform.core.keys import encryption_key
from mlplatform.facts.aws.kms import KeyUse
from mlplatform.feature_store import access, feast
from mlplatform.feature_store.args import FeatureStoreArgs, FeatureView
from mlplatform.hardened_bucket import BucketLifecycle, HardenedBucket, HardenedBucketArgs
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

GIB = 2**30
_Build: TypeAlias = Build[FeatureStoreArgs]


class FeatureStore(pulumi.ComponentResource):
    """Where Feast keeps features: offline in S3, described by Glue and queried by Athena, online in DynamoDB.

    Pulumi owns the tables and Feast their items: Feast's roles cannot make, delete or tag a table.
    """

    bucket_name: pulumi.Output[str]
    """Name of the offline bucket."""
    bucket_arn: pulumi.Output[str]
    """ARN of the offline bucket."""
    key_arn: pulumi.Output[str]
    """ARN of the key of bucket, tables and results of queries."""
    table_names: pulumi.Output[Mapping[str, str]]
    """Names of the online tables, by feature view."""
    table_arns: pulumi.Output[Mapping[str, str]]
    """ARNs of the online tables, by feature view."""
    database_name: pulumi.Output[str]
    """Name of the Glue database of the offline data."""
    workgroup_name: pulumi.Output[str]
    """Name of the Athena workgroup in which Feast queries."""
    reader_role_arn: pulumi.Output[str]
    """ARN of the role that reads features, online and offline."""
    materializer_role_arn: pulumi.Output[str]
    """ARN of the role that brings offline features online."""
    admin_role_arn: pulumi.Output[str]
    """ARN of the role that defines features."""
    service_accounts: pulumi.Output[Mapping[str, str]]
    """Names of the service accounts that take the roles, by reader, materializer and admin."""
    feature_store_yaml: pulumi.Output[str]
    """Feast's `feature_store.yaml`; nothing in it is secret."""

    def __init__(self, name: str, args: FeatureStoreArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = FeatureStoreArgs.of(args)
        # Data outlive the cluster: were its name registered, everything in the store would wait for the cluster.
        props = args.model_dump(exclude_none=True, exclude={"cluster_name"})
        super().__init__("mlplatform:index:FeatureStore", name, props, opts)
        build = Build.of(self, name, args)
        self.key_arn = _key_arn(build)
        bucket = _bucket(build, self.key_arn)
        tables = {view: _table(build, view, given, self.key_arn) for view, given in args.feature_views.items()}
        database = _database(build, bucket)
        workgroup = _workgroup(build, bucket, self.key_arn)
        roles = _roles(build, bucket, workgroup, self.key_arn)

        self.bucket_name = bucket.bucket_name
        self.bucket_arn = bucket.bucket_arn
        self.table_names = pulumi.Output.all(**{view: table.name for view, table in tables.items()})
        self.table_arns = pulumi.Output.all(**{view: table.arn for view, table in tables.items()})
        self.database_name = database.name
        self.workgroup_name = workgroup.name
        self.reader_role_arn = roles["reader"].role_arn
        self.materializer_role_arn = roles["materializer"].role_arn
        self.admin_role_arn = roles["admin"].role_arn
        self.service_accounts = pulumi.Output.from_input({role: service_account(role) for role in roles})
        self.feature_store_yaml = _feast(build, bucket, database, workgroup)
        self.register_outputs(
            {
                "bucket_name": self.bucket_name,
                "bucket_arn": self.bucket_arn,
                "key_arn": self.key_arn,
                "table_names": self.table_names,
                "table_arns": self.table_arns,
                "database_name": self.database_name,
                "workgroup_name": self.workgroup_name,
                "reader_role_arn": self.reader_role_arn,
                "materializer_role_arn": self.materializer_role_arn,
                "admin_role_arn": self.admin_role_arn,
                "service_accounts": self.service_accounts,
                "feature_store_yaml": self.feature_store_yaml,
            }
        )


def service_account(role: str) -> str:
    """Name of the service account that takes a role."""
    return f"feature-{role}"


def _key_arn(build: _Build) -> pulumi.Output[str]:
    args = build.args
    if args.kms_key_arn is not None:
        return pulumi.Output.from_input(args.kms_key_arn)
    uses: dict[KeyUse, list[pulumi.Input[str]]] = {KeyUse.S3: [], KeyUse.DYNAMODB: []}
    if args.replication:
        uses[KeyUse.S3_REPLICATION] = []
    description = f"Features of Feast project {args.project}"
    return encryption_key(f"{build.name}-key", description, uses, place=build.place, opts=build.kept).arn


def _bucket(build: _Build, key_arn: pulumi.Output[str]) -> HardenedBucket:
    args = build.args
    lifecycle = args.lifecycle or BucketLifecycle()
    expire_days = {**(lifecycle.expire_days or {}), feast.STAGING: args.staging_days}
    return HardenedBucket(
        f"{build.name}-offline",
        HardenedBucketArgs(
            kms_key_arn=key_arn,
            lifecycle=BucketLifecycle.of(lifecycle, expire_days=expire_days),
            access_logs=args.access_logs,
            object_lock=args.object_lock,
            replication=args.replication,
            permissions_boundary_arn=args.permissions_boundary_arn,
            deletion_protection=args.deletion_protection,
            force_destroy=args.force_destroy,
        ),
        build.inside,
    )


def _table(build: _Build, view: str, given: FeatureView, key_arn: pulumi.Output[str]) -> aws.dynamodb.Table:
    def of(field: str) -> pulumi.Input[int]:
        own = getattr(given, field)
        chosen: pulumi.Input[int] = getattr(build.args, field) if own is None else own
        return chosen

    ttl = given.ttl_attribute
    return aws.dynamodb.Table(
        f"{build.name}-table-{view}",
        # Feast finds tables by name.
        name=feast.table_name(build.args.project, view),
        attributes=[aws.dynamodb.TableAttributeArgs(name=feast.HASH_KEY, type="S")],
        hash_key=feast.HASH_KEY,
        billing_mode="PAY_PER_REQUEST",
        on_demand_throughput=aws.dynamodb.TableOnDemandThroughputArgs(
            max_read_request_units=of("max_read_request_units"), max_write_request_units=of("max_write_request_units")
        ),
        point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(
            enabled=True, recovery_period_in_days=of("recovery_days")
        ),
        server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(enabled=True, kms_key_arn=key_arn),
        ttl=aws.dynamodb.TableTtlArgs(enabled=True, attribute_name=ttl) if ttl else None,
        deletion_protection_enabled=build.args.deletion_protection,
        tags=build.args.table_tags,
        opts=build.kept,
    )


def _database(build: _Build, bucket: HardenedBucket) -> aws.glue.CatalogDatabase:
    return aws.glue.CatalogDatabase(
        f"{build.name}-database",
        # Feast writes the name into SQL without quotes, where a generated one with - is an error.
        name=build.args.database_name,
        description=f"Offline features of Feast project {build.args.project}",
        location_uri=pulumi.Output.concat("s3://", bucket.bucket_name, "/", feast.OFFLINE),
        opts=build.kept,
    )


def _workgroup(build: _Build, bucket: HardenedBucket, key_arn: pulumi.Output[str]) -> aws.athena.Workgroup:
    limit = pulumi.Output.from_input(build.args.scan_limit_gib).apply(lambda gib: (gib or 0) * GIB)
    encryption = aws.athena.WorkgroupConfigurationResultConfigurationEncryptionConfigurationArgs(
        encryption_option="SSE_KMS", kms_key_arn=key_arn
    )
    results = aws.athena.WorkgroupConfigurationResultConfigurationArgs(
        output_location=pulumi.Output.concat("s3://", bucket.bucket_name, "/", feast.STAGING),
        encryption_configuration=encryption,
    )
    configuration = aws.athena.WorkgroupConfigurationArgs(
        bytes_scanned_cutoff_per_query=limit,
        # Enforced, Athena fails every CREATE TABLE AS with an external_location, which is how Feast reads. Not
        # enforced, a query may name another place, where the roles cannot write, and no weaker encryption than this.
        enforce_workgroup_configuration=False,
        enable_minimum_encryption_configuration=True,
        publish_cloudwatch_metrics_enabled=True,
        result_configuration=results,
    )
    return aws.athena.Workgroup(
        f"{build.name}-workgroup",
        description=f"Queries of Feast project {build.args.project}",
        configuration=configuration,
        force_destroy=build.args.force_destroy,
        opts=build.inside,
    )


def _roles(
    build: _Build, bucket: HardenedBucket, workgroup: aws.athena.Workgroup, key_arn: pulumi.Output[str]
) -> dict[str, WorkloadRole]:
    args = build.args
    store = access.Store(
        place=build.place,
        project=args.project,
        database=args.database_name,
        bucket_arn=bucket.bucket_arn,
        workgroup_arn=workgroup.arn,
        key_arn=key_arn,
    )
    return {
        role: WorkloadRole(
            f"{build.name}-{role}",
            WorkloadRoleArgs(
                namespace=args.namespace or "features",
                service_account=service_account(role),
                policies=access.policies(store, allowed),
                cluster_name=args.cluster_name,
                permissions_boundary_arn=args.permissions_boundary_arn,
            ),
            build.inside,
        )
        for role, allowed in access.ROLES.items()
    }


def _feast(
    build: _Build,
    bucket: HardenedBucket,
    database: aws.glue.CatalogDatabase,
    workgroup: aws.athena.Workgroup,
) -> pulumi.Output[str]:
    return pulumi.Output.all(
        region=build.place.region,
        bucket=bucket.bucket_name,
        database=database.name,
        workgroup=workgroup.name,
        tags=build.args.table_tags or {},
    ).apply(lambda known: feast.configuration(project=build.args.project, **known))
