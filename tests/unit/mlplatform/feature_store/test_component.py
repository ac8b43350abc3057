"""FeatureStore, on its recorded graph; its Feast configuration, against Feast's own models."""

import fnmatch
import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
import yaml

from examples.feature_store import BASE
from examples.hardened_bucket import COPY_KEY, KEY
from mlplatform.core.args import InvalidArgs
from mlplatform.facts.aws.iam import MANAGED_POLICY_CHARACTERS
from mlplatform.feature_store import FeatureStore, FeatureStoreArgs, FeatureStoreSettings, feast
from promises import covers
from recorded import Recorded, absent, exactly, record

TABLE = "aws:dynamodb/table:Table"
DATABASE = "aws:glue/catalogDatabase:CatalogDatabase"
WORKGROUP = "aws:athena/workgroup:Workgroup"
KEY_TYPE = "aws:kms/key:Key"
BUCKET = "aws:s3/bucket:Bucket"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
EVENTS = "aws:s3/bucketNotification:BucketNotification"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
POLICY = "aws:iam/policy:Policy"
ROLE = "aws:iam/role:Role"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
COMPONENT = "mlplatform:index:FeatureStore"

SMALLEST: dict[str, Any] = {"project": "fraud_dev", "feature_views": {"user_stats": {}}}
ACCOUNT = "us-east-1:123456789012"
PREFIXES = ("offline/", "registry/", "staging/", "materialized/")
ROLES = ("reader", "materializer", "admin")


def graph_of(args: Mapping[str, Any], **options: Any) -> Recorded:
    return record(lambda: FeatureStore("x", FeatureStoreArgs.of(args)), **options)


def outputs(graph: Recorded) -> dict[str, Any]:
    return dict(graph.one(COMPONENT)["outputs"])


def configured(graph: Recorded) -> dict[str, Any]:
    return dict(yaml.safe_load(outputs(graph)["feature_store_yaml"]))


def statements(graph: Recorded, role: str, policy: str) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in graph.statements(POLICY, f"x-{role}-{policy}")}


def actions(graph: Recorded, role: str) -> set[str]:
    """Everything that a role may do, wherever."""
    documents = [node["inputs"]["policy"] for node in graph.all(POLICY, f"x-{role}-.*")]
    return {
        action for text in documents for statement in json.loads(text)["Statement"] for action in statement["Action"]
    }


def prefixes_of(graph: Recorded, role: str, sid: str) -> list[str]:
    """Prefixes of the bucket that a statement names."""
    arn = outputs(graph)["bucket_arn"]
    return [
        name.removeprefix(f"{arn}/").removesuffix("*") for name in statements(graph, role, "offline")[sid]["Resource"]
    ]


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


# --- offline bucket and key


@covers("feature-store.kms", field="FeatureStoreArgs.kms_key_arn", ends_in="aws:kms/key:Key.policy")
def test_bucket_is_encrypted_by_an_own_key(smallest: Recorded) -> None:
    key = smallest.one(KEY_TYPE)["outputs"]["arn"]
    wanted = {"rules": [{"applyServerSideEncryptionByDefault": {"kmsMasterKeyId": key}, "bucketKeyEnabled": True}]}
    smallest.has(ENCRYPTION, wanted, name="x-offline-encryption")
    assert outputs(smallest)["key_arn"] == key


@covers("feature-store.rotation", field="FeatureStoreArgs.kms_key_arn", ends_in="aws:kms/key:Key.enableKeyRotation")
def test_key_rotates(smallest: Recorded) -> None:
    smallest.has(KEY_TYPE, {"enableKeyRotation": True, "rotationPeriodInDays": 365})


@pytest.mark.parametrize(
    ("store", "uses"), [("smallest", {"S3", "DynamoDb"}), ("full", {"S3", "DynamoDb", "S3Replication"})]
)
def test_key_admits_every_service_that_uses_it(request: pytest.FixtureRequest, store: str, uses: set[str]) -> None:
    graph: Recorded = request.getfixturevalue(store)
    assert {statement["Sid"] for statement in graph.statements(KEY_TYPE)} == {"AccountByIamPolicies", *uses}


def test_key_given_is_used_and_none_is_made() -> None:
    graph = graph_of({**SMALLEST, "kms_key_arn": KEY})
    assert graph.count(KEY_TYPE) == 0
    assert outputs(graph)["key_arn"] == KEY
    graph.has(TABLE, {"serverSideEncryption": {"enabled": True, "kmsKeyArn": KEY}})
    assert statements(graph, "reader", "key")["Key"]["Resource"] == [KEY]


def test_bucket_is_hardened(smallest: Recorded) -> None:
    inside = {
        node["type"] for node in smallest.resources if "x-offline" in [a["name"] for a in smallest.ancestors(node)]
    }
    assert {BUCKET, BUCKET_POLICY, ENCRYPTION, VERSIONING, LIFECYCLE, LOGGING, EVENTS} < inside


def test_results_of_queries_expire_after_a_week_and_other_prefixes_as_given(full: Recorded) -> None:
    rules = {rule["id"]: rule for rule in full.inputs(LIFECYCLE, "x-offline-lifecycle")["rules"]}
    expiring = {
        rule["filter"]["prefix"]: rule["expiration"] for name, rule in rules.items() if name.startswith("expire-")
    }
    assert expiring == {"offline/raw/": {"days": 400}, "staging/": {"days": 7}}


@covers(
    "feature-store.object-lock",
    field="FeatureStoreArgs.object_lock.days",
    ends_in="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration.rule.defaultRetention",
)
def test_object_lock_reaches_the_bucket(full: Recorded) -> None:
    full.has(LOCK, {"rule": {"defaultRetention": {"days": 30, "mode": "GOVERNANCE"}}})


@covers(
    "feature-store.replication",
    field="FeatureStoreArgs.replication.destination_bucket_arn",
    ends_in="aws:s3/bucketReplicationConfig:BucketReplicationConfig.rules.destination.bucket",
)
def test_replication_reaches_the_bucket(full: Recorded) -> None:
    full.has(REPLICATION, {"rules": [{"destination": {"bucket": "arn:aws:s3:::replicas"}}]})


def test_access_logs_go_to_the_bucket_given() -> None:
    graph = graph_of({**SMALLEST, "access_logs": {"bucket_name": "access-logs"}})
    graph.has(LOGGING, {"targetBucket": "access-logs"})
    assert graph.count(BUCKET) == 1


# --- online tables


@covers("feature-store.tables", field="FeatureStoreArgs.feature_views", ends_in="aws:dynamodb/table:Table.name")
@covers("feature-store.tables", field="FeatureStoreArgs.project", ends_in="aws:dynamodb/table:Table.hashKey")
def test_each_view_has_a_table_in_feasts_contract(full: Recorded) -> None:
    assert {node["inputs"]["name"] for node in full.all(TABLE)} == {"fraud_dev.user_stats", "fraud_dev.device_risk"}
    for node in full.all(TABLE):
        full.has(
            TABLE,
            {
                "attributes": [{"name": "entity_id", "type": "S"}],
                "hashKey": "entity_id",
                "rangeKey": absent,
                "billingMode": "PAY_PER_REQUEST",
            },
            name=node["name"],
        )


@covers(
    "feature-store.table-kms",
    field="FeatureStoreArgs.kms_key_arn",
    ends_in="aws:dynamodb/table:Table.serverSideEncryption.kmsKeyArn",
)
def test_tables_are_encrypted_by_the_key(smallest: Recorded) -> None:
    key = smallest.one(KEY_TYPE)["outputs"]["arn"]
    smallest.has(TABLE, {"serverSideEncryption": {"enabled": True, "kmsKeyArn": key}})


@covers(
    "feature-store.pitr",
    field="FeatureStoreArgs.recovery_days, FeatureStoreArgs.feature_views.recovery_days",
    ends_in="aws:dynamodb/table:Table.pointInTimeRecovery",
)
def test_tables_can_be_restored_by_the_days_of_the_store_or_of_the_view(full: Recorded) -> None:
    found = {node["inputs"]["name"]: node["inputs"]["pointInTimeRecovery"] for node in full.all(TABLE)}
    assert found == {
        "fraud_dev.user_stats": {"enabled": True, "recoveryPeriodInDays": 35},
        "fraud_dev.device_risk": {"enabled": True, "recoveryPeriodInDays": 7},
    }


@covers(
    "feature-store.ttl",
    field="FeatureStoreArgs.feature_views.ttl_attribute",
    ends_in="aws:dynamodb/table:Table.ttl.attributeName",
)
def test_items_expire_only_where_asked_for(full: Recorded) -> None:
    full.has(TABLE, {"ttl": {"enabled": True, "attributeName": "expires_at"}}, name="x-table-device_risk")
    full.has(TABLE, {"ttl": absent}, name="x-table-user_stats")


@covers(
    "feature-store.on-demand",
    field="FeatureStoreArgs.max_read_request_units, FeatureStoreArgs.max_write_request_units",
    ends_in="aws:dynamodb/table:Table.onDemandThroughput",
)
@covers(
    "feature-store.on-demand",
    field="FeatureStoreArgs.feature_views.max_read_request_units",
    ends_in="aws:dynamodb/table:Table.onDemandThroughput.maxReadRequestUnits",
)
def test_tables_have_a_ceiling_of_the_store_or_of_the_view(full: Recorded) -> None:
    found = {node["inputs"]["name"]: node["inputs"]["onDemandThroughput"] for node in full.all(TABLE)}
    assert found == {
        "fraud_dev.user_stats": {"maxReadRequestUnits": 3000, "maxWriteRequestUnits": 1000},
        "fraud_dev.device_risk": {"maxReadRequestUnits": 12000, "maxWriteRequestUnits": 1000},
    }


@covers(
    "feature-store.deletion-protection",
    field="FeatureStoreArgs.deletion_protection",
    ends_in="aws:dynamodb/table:Table.deletionProtectionEnabled",
)
def test_what_holds_data_is_protected_by_aws_and_by_pulumi_and_nothing_else(smallest: Recorded) -> None:
    smallest.has(TABLE, {"deletionProtectionEnabled": True}, protect=True, retain_on_delete=True)
    protected = {node["type"].rpartition(":")[2] for node in smallest.resources if node["options"].get("protect")}
    assert protected == {"Table", "Bucket", "CatalogDatabase", "Key", "Alias"}


def test_throw_away_store_is_not_protected_and_keeps_its_objects() -> None:
    graph = graph_of({**SMALLEST, "deletion_protection": False})
    graph.has(TABLE, {"deletionProtectionEnabled": False})
    graph.has(WORKGROUP, {"forceDestroy": False})
    assert [node["name"] for node in graph.resources if node["options"].get("protect")] == []
    assert {node["inputs"]["forceDestroy"] for node in graph.all(BUCKET)} == {False}


def test_everything_goes_when_asked_for() -> None:
    graph = graph_of({**SMALLEST, "deletion_protection": False, "force_destroy": True})
    graph.has(WORKGROUP, {"forceDestroy": True})
    assert {node["inputs"]["forceDestroy"] for node in graph.all(BUCKET)} == {True}


# --- offline queries


@covers(
    "feature-store.glue", field="FeatureStoreArgs.database", ends_in="aws:glue/catalogDatabase:CatalogDatabase.name"
)
@covers(
    "feature-store.glue",
    field="FeatureStoreArgs.project",
    ends_in="aws:glue/catalogDatabase:CatalogDatabase.locationUri",
)
def test_glue_database_lies_over_the_offline_data(smallest: Recorded) -> None:
    bucket = outputs(smallest)["bucket_name"]
    smallest.has(DATABASE, {"name": "fraud_dev", "locationUri": f"s3://{bucket}/offline/"})


def test_glue_database_has_the_name_given() -> None:
    graph = graph_of({**SMALLEST, "database": "history"})
    graph.has(DATABASE, {"name": "history"})
    tables = statements(graph, "reader", "queries")["ReadCatalog"]["Resource"]
    assert tables[1:] == [f"arn:aws:glue:{ACCOUNT}:database/history", f"arn:aws:glue:{ACCOUNT}:table/history/*"]
    assert configured(graph)["offline_store"]["database"] == "history"


def test_queries_are_bounded_encrypted_and_end_in_staging(smallest: Recorded) -> None:
    key = smallest.one(KEY_TYPE)["outputs"]["arn"]
    bucket = outputs(smallest)["bucket_name"]
    wanted = exactly(
        {
            "bytesScannedCutoffPerQuery": 100 * 1024**3,
            "enableMinimumEncryptionConfiguration": True,
            "enforceWorkgroupConfiguration": False,
            "publishCloudwatchMetricsEnabled": True,
            "resultConfiguration": {
                "outputLocation": f"s3://{bucket}/staging/",
                "encryptionConfiguration": {"encryptionOption": "SSE_KMS", "kmsKeyArn": key},
            },
        }
    )
    smallest.has(WORKGROUP, {"configuration": wanted})


# --- roles


@covers("feature-store.reader", field="FeatureStoreArgs.project", ends_in="aws:iam/policy:Policy.policy")
def test_reader_reads_items_and_prefixes(smallest: Recorded) -> None:
    (tables,) = statements(smallest, "reader", "online").values()
    assert tables["Action"] == ["dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:GetItem"]
    assert tables["Resource"] == [f"arn:aws:dynamodb:{ACCOUNT}:table/fraud_dev.*"]
    assert prefixes_of(smallest, "reader", "Get") == ["offline/", "registry/", "materialized/", "staging/"]
    assert prefixes_of(smallest, "reader", "Put") == ["staging/"]
    assert prefixes_of(smallest, "reader", "Delete") == ["staging/"]


@covers("feature-store.materializer", field="FeatureStoreArgs.project", ends_in="aws:iam/policy:Policy.policy")
def test_materializer_writes_items_and_notes_how_far_it_came(smallest: Recorded) -> None:
    (tables,) = statements(smallest, "materializer", "online").values()
    assert tables["Action"] == [
        *("dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:GetItem"),
        *("dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
    ]
    assert prefixes_of(smallest, "materializer", "Get") == ["offline/", "registry/", "materialized/", "staging/"]
    assert prefixes_of(smallest, "materializer", "Put") == ["registry/", "materialized/", "staging/"]
    assert prefixes_of(smallest, "materializer", "Delete") == ["staging/"]


@covers("feature-store.admin", field="FeatureStoreArgs.project", ends_in="aws:iam/policy:Policy.policy")
def test_admin_owns_every_prefix_and_definition_and_sees_tags(smallest: Recorded) -> None:
    (tables,) = statements(smallest, "admin", "online").values()
    assert tables["Action"][-1] == "dynamodb:ListTagsOfResource"
    for sid in ("Get", "Put", "Delete"):
        assert prefixes_of(smallest, "admin", sid) == list(PREFIXES)
    definitions = statements(smallest, "admin", "queries")["Definitions"]
    assert definitions["Resource"] == [
        f"arn:aws:glue:{ACCOUNT}:catalog",
        f"arn:aws:glue:{ACCOUNT}:database/fraud_dev",
        f"arn:aws:glue:{ACCOUNT}:table/fraud_dev/*",
    ]


@pytest.mark.parametrize("role", ROLES)
def test_no_role_makes_deletes_or_tags_a_table_or_uses_a_wildcard(smallest: Recorded, role: str) -> None:
    allowed = actions(smallest, role)
    assert not [action for action in allowed if "*" in action]
    assert not allowed & {f"dynamodb:{verb}" for verb in ("CreateTable", "DeleteTable", "TagResource", "UntagResource")}
    assert not allowed & {"dynamodb:Scan", "dynamodb:Query", "s3:DeleteObjectVersion", "s3:PutBucketPolicy"}
    assert ("dynamodb:PutItem" in allowed) == (role != "reader")
    assert ("glue:UpdateTable" in allowed) == (role == "admin")


@pytest.mark.parametrize("role", ROLES)
def test_every_role_queries_in_the_workgroup_and_makes_temporary_tables(smallest: Recorded, role: str) -> None:
    found = statements(smallest, role, "queries")
    assert found["Query"]["Resource"] == [smallest.one(WORKGROUP)["outputs"]["arn"]]
    assert found["DataCatalog"]["Resource"] == [f"arn:aws:athena:{ACCOUNT}:datacatalog/AwsDataCatalog"]
    assert found["DefaultDatabase"]["Resource"][1:] == [f"arn:aws:glue:{ACCOUNT}:database/default"]
    assert found["TemporaryTables"]["Action"] == ["glue:CreateTable", "glue:DeleteTable"]
    names = [resource.rpartition("/")[2] for resource in found["TemporaryTables"]["Resource"][2:]]
    # As Feast 0.67 names them: a table of entities, and one a query.
    for table in ("feast_entity_df_899ab102dee346fbb28961c61621c091", "_1ddb32a817494a8e9a10ccd24640ec15"):
        assert any(fnmatch.fnmatchcase(table, name) for name in names)
    assert not any(fnmatch.fnmatchcase("user_stats", name) for name in names)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_opens_the_registry(smallest: Recorded, role: str) -> None:
    bucket = statements(smallest, role, "offline")["Bucket"]
    assert bucket["Action"] == ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    assert bucket["Resource"] == [outputs(smallest)["bucket_arn"]]
    # HeadBucket, by which Feast opens it, sends no prefix.
    assert "Condition" not in bucket


@pytest.mark.parametrize("role", ROLES)
def test_every_role_uses_the_key_by_s3_and_dynamodb_only(smallest: Recorded, role: str) -> None:
    assert statements(smallest, role, "key")["Key"] == {
        "Sid": "Key",
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
        "Resource": [smallest.one(KEY_TYPE)["outputs"]["arn"]],
        "Condition": {
            "StringEquals": {"kms:ViaService": ["dynamodb.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]}
        },
    }


def test_policies_are_short_enough_for_the_longest_names() -> None:
    graph = graph_of({"project": "p" * 250, "feature_views": {"user": {}}})
    for node in graph.all(POLICY):
        assert len("".join(node["inputs"]["policy"].split())) <= MANAGED_POLICY_CHARACTERS


def test_policies_do_not_grow_with_the_views(smallest: Recorded) -> None:
    graph = graph_of({**SMALLEST, "feature_views": {view: {} for view in ("user_stats", "device_risk", "merchant")}})
    assert statements(graph, "admin", "online") == statements(smallest, "admin", "online")


@covers(
    "feature-store.pod-identity",
    field="FeatureStoreArgs.cluster_name, FeatureStoreArgs.namespace",
    ends_in="aws:eks/podIdentityAssociation:PodIdentityAssociation.roleArn",
)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_goes_to_its_service_account(full: Recorded, role: str) -> None:
    arn = outputs(full)[f"{role}_role_arn"]
    wanted = {"clusterName": "ml-dev", "namespace": "features", "serviceAccount": f"feature-{role}", "roleArn": arn}
    full.has(ASSOCIATION, wanted, name=f"x-{role}-association")
    assert outputs(full)["service_accounts"][role] == f"feature-{role}"


def test_without_a_cluster_there_are_roles_and_no_association(smallest: Recorded) -> None:
    assert (smallest.count(ROLE), smallest.count(ASSOCIATION)) == (3, 0)


def test_every_role_has_the_boundary_given() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    graph = graph_of({**BASE, "permissions_boundary_arn": boundary})
    assert [node["inputs"]["permissionsBoundary"] for node in graph.all(ROLE)] == [boundary] * 4


# --- Feast

# The models of Feast 0.67 refuse other fields in these three, and want those without a default.
ONLINE = {
    *("type", "batch_size", "endpoint_url", "region", "table_name_template", "consistent_reads", "warmup_connections"),
    *("tags", "session_based_auth", "max_read_workers", "max_pool_connections", "keepalive_timeout", "connect_timeout"),
    *("read_timeout", "total_max_retry_attempts", "retry_mode"),
}
OFFLINE = {"type", "data_source", "region", "database", "workgroup", "s3_staging_location"}
REGISTRY = {
    *("registry_type", "registry_store_type", "path", "cache_ttl_seconds", "cache_mode", "s3_additional_kwargs"),
    *("purge_feast_metadata", "enable_online_feature_view_versioning", "serve_features_while_materializing", "mcp"),
}


@covers("feature-store.feast-yaml", field="FeatureStoreArgs.project", ends_in="mlplatform:index:FeatureStore.outputs")
def test_feast_configuration_names_what_was_made(full: Recorded) -> None:
    made = outputs(full)
    bucket = made["bucket_name"]
    assert configured(full) == {
        "project": "fraud_dev",
        "provider": "aws",
        "registry": {
            "registry_type": "file",
            "path": f"s3://{bucket}/registry/registry.db",
            "enable_online_feature_view_versioning": False,
        },
        "online_store": {
            "type": "dynamodb",
            "region": "us-east-1",
            "table_name_template": "{project}.{table_name}",
            "batch_size": 100,
            "tags": {"environment": "dev", "owner": "fraud-team"},
        },
        "offline_store": {
            "type": "athena",
            "data_source": "AwsDataCatalog",
            "region": "us-east-1",
            "database": "fraud_dev",
            "workgroup": made["workgroup_name"],
            "s3_staging_location": f"s3://{bucket}/staging",
        },
        "entity_key_serialization_version": 3,
    }


@covers("feature-store.feast-yaml", field="FeatureStoreArgs.table_tags", ends_in="aws:dynamodb/table:Table.tags")
def test_feast_configuration_knows_every_tag_of_every_table(full: Recorded) -> None:
    for node in full.all(TABLE):
        assert node["inputs"]["tags"] == configured(full)["online_store"]["tags"]


def test_feast_configuration_has_feasts_fields_only(full: Recorded) -> None:
    configuration = configured(full)
    assert set(configuration["online_store"]) <= ONLINE
    assert set(configuration["offline_store"]) == OFFLINE
    assert set(configuration["registry"]) <= REGISTRY


def test_feast_finds_the_tables_by_the_template(full: Recorded) -> None:
    configuration = configured(full)
    template = configuration["online_store"]["table_name_template"]
    found = {
        view: template.format(project=configuration["project"], table_name=view)
        for view in outputs(full)["table_names"]
    }
    assert found == outputs(full)["table_names"]


def test_feast_itself_takes_the_configuration(full: Recorded) -> None:
    repo_config = pytest.importorskip("feast.repo_config", reason="pip install 'feast[aws]==0.67.0'")
    configuration = repo_config.RepoConfig(**configured(full))
    assert configuration.online_store.tags == {"environment": "dev", "owner": "fraud-team"}
    assert configuration.offline_store.database == "fraud_dev"
    assert configuration.registry.path.endswith("/registry/registry.db")
    assert configuration.entity_key_serialization_version == 3


def test_configuration_is_the_same_whatever_the_order_of_tags() -> None:
    def text(tags: dict[str, str]) -> str:
        return feast.configuration(
            project="fraud", region="eu-west-1", bucket="features", database="fraud", workgroup="fraud", tags=tags
        )

    assert text({"a": "1", "b": "2"}) == text({"b": "2", "a": "1"})


# --- arguments


def test_outputs_name_what_was_made(full: Recorded) -> None:
    made = outputs(full)
    assert made["table_arns"] == {
        view: f"arn:aws:dynamodb:{ACCOUNT}:table/fraud_dev.{view}" for view in ("user_stats", "device_risk")
    }
    assert made["database_name"] == "fraud_dev"
    assert made["workgroup_name"] == full.one(WORKGROUP)["outputs"]["name"]
    assert made["bucket_arn"] == f"arn:aws:s3:::{made['bucket_name']}"


def with_outputs() -> None:
    def number(value: int) -> pulumi.Output[int]:
        return pulumi.Output.from_input(value)

    given = {
        **SMALLEST,
        "feature_views": {"user_stats": {"max_read_request_units": number(5), "recovery_days": number(6)}},
        "max_write_request_units": number(7),
        "scan_limit_gib": number(2),
        "staging_days": number(3),
        "kms_key_arn": pulumi.Output.from_input(KEY),
        "cluster_name": pulumi.Output.from_input("ml-dev"),
        "table_tags": {"owner": pulumi.Output.from_input("fraud-team")},
        "permissions_boundary_arn": pulumi.Output.from_input("arn:aws:iam::123456789012:policy/boundary"),
        "replication": {
            "destination_bucket_arn": pulumi.Output.from_input("arn:aws:s3:::replicas"),
            "destination_kms_key_arn": pulumi.Output.from_input(COPY_KEY),
        },
    }
    FeatureStore("x", FeatureStoreArgs.of(given))


def test_outputs_are_taken_where_values_are() -> None:
    graph = record(with_outputs)
    graph.has(TABLE, {"onDemandThroughput": {"maxReadRequestUnits": 5, "maxWriteRequestUnits": 7}})
    graph.has(TABLE, {"pointInTimeRecovery": {"recoveryPeriodInDays": 6}, "tags": {"owner": "fraud-team"}})
    graph.has(WORKGROUP, {"configuration": {"bytesScannedCutoffPerQuery": 2 * 1024**3}})
    graph.has(ASSOCIATION, {"clusterName": "ml-dev"})
    assert configured(graph)["online_store"]["tags"] == {"owner": "fraud-team"}


@pytest.mark.parametrize("args", [SMALLEST, BASE], ids=["smallest", "full"])
def test_nothing_computed_needs_to_be_known(args: dict[str, Any]) -> None:
    assert len(graph_of(args, strict=True).resources) == len(graph_of(args).resources)


def test_settings_have_what_a_person_writes_and_arguments_what_is_wired() -> None:
    wired = set(FeatureStoreArgs.model_fields) - set(FeatureStoreSettings.model_fields)
    assert wired == {"cluster_name", "table_tags"}
    settings = FeatureStoreSettings.of(SMALLEST)
    assert FeatureStoreArgs.of(settings, cluster_name="ml-dev") == FeatureStoreArgs.of(
        {**SMALLEST, "cluster_name": "ml-dev"}
    )


BAD = {
    "project with a hyphen, as Feast refuses it": (
        {"project": "fraud-dev"},
        ".project: got 'fraud-dev'; allowed is a Feast project: letters, digits and _, first a letter, such as fraud",
    ),
    "no views": (
        {"feature_views": {}},
        ".feature_views: got none; allowed are one or more; name a feature view, {} has all its defaults",
    ),
    "view that is no SQL name": (
        {"feature_views": {"user-stats": {}}},
        (
            ".feature_views: got 'user-stats'; allowed is an SQL name, as Feast's queries use it: letters, digits and "
            "_, no digit first"
        ),
    ),
    "unknown field of a view": (
        {"feature_views": {"user_stats": {"ttl": "expires_at"}}},
        (
            ".feature_views.user_stats.ttl: unknown field; known are max_read_request_units, max_write_request_units, "
            "recovery_days, ttl_attribute"
        ),
    ),
    "no units": (
        {"max_read_request_units": 0},
        ".max_read_request_units: got 0; allowed are 1 request units a second or more",
    ),
    "recovery beyond DynamoDB's": (
        {"feature_views": {"user_stats": {"recovery_days": 36}}},
        ".feature_views.user_stats.recovery_days: got 36; allowed are 1 to 35 days",
    ),
    "no scan": ({"scan_limit_gib": 0}, ".scan_limit_gib: got 0; allowed are 1 GiB or more"),
    "no staging": ({"staging_days": 0}, ".staging_days: got 0; allowed are 1 days or more"),
    "database in capitals": (
        {"database": "Fraud"},
        (
            ".database: Glue database 'Fraud' is not accepted; allowed: lower-case letters, digits and _ (Athena reads "
            "no others without quotes); fix: change the characters"
        ),
    ),
    "namespace": (
        {"namespace": "Features"},
        (
            ".namespace: Kubernetes name 'Features' is not accepted; allowed: lower-case letters, digits and -, a "
            "letter or digit at both ends; fix: change the characters"
        ),
    ),
    "expiry of Feast's own attribute": (
        {"feature_views": {"user_stats": {"ttl_attribute": "event_ts"}}},
        (
            ".feature_views.user_stats.ttl_attribute: got 'event_ts', which Feast writes, and not as a time; allowed "
            "is an attribute of your own writers, a number of seconds since 1970, such as expires_at"
        ),
    ),
}
CONTRADICTIONS = {
    "names too long together": (
        {"project": "p" * 200, "feature_views": {"v" * 60: {}}},
        (
            f": project {'p' * 200!r} and feature_views.{'v' * 60}: DynamoDB table '{'p' * 200}.{'v' * 60}' has 261 "
            "characters; allowed: 255; fix: take away 6"
        ),
    ),
    "two expiries of staging": (
        {"lifecycle": {"expire_days": {"staging/": 3}}},
        (
            ": lifecycle.expire_days 'staging/' and staging_days: both say when results of queries expire; set "
            "staging_days only"
        ),
    ),
    "registry expires": (
        {"lifecycle": {"expire_days": {"": 30}}},
        (
            ": lifecycle.expire_days '' and registry/registry.db: Feast's registry would expire with all its "
            "definitions; name a narrower prefix"
        ),
    ),
    "protected and destroyed": (
        {"force_destroy": True},
        (
            ": deletion_protection true and force_destroy true: what is protected cannot be destroyed; set one of them "
            "to false"
        ),
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        FeatureStoreArgs.of({**SMALLEST, **change})
    assert str(refused.value) == f"FeatureStoreArgs{message}"


@pytest.mark.parametrize(("change", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradictions_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        FeatureStoreArgs.of({**SMALLEST, **change})
    assert str(refused.value) == f"FeatureStoreArgs{message}"


def test_missing_arguments_are_named() -> None:
    with pytest.raises(InvalidArgs) as refused:
        FeatureStoreArgs.of({})
    assert str(refused.value) == (
        "FeatureStoreArgs.feature_views: missing; set it: Feast's feature views, by name: one online table each\n"
        "FeatureStoreArgs.project: missing; set it: Feast project"
    )
