"""ModelRegistry, on its recorded graph: database, bucket, server, jobs, secrets and who reaches whom."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from components import with_values
from examples import kubernetes
from examples.hardened_bucket import COPY_KEY, KEY
from examples.model_registry import BASE, CERTIFICATES, EXISTING, IMAGE, INFERENCE, NEXT, SECRET, SMALLEST
from mlplatform.facts.aws.iam import MANAGED_POLICY_CHARACTERS
from mlplatform.model_registry import ModelRegistry, ModelRegistryArgs, ModelRegistrySettings, accounts, mlflow
from promises import covers
from recorded import Recorded, absent, record, unknown
from schemas import problems

COMPONENT = "mlplatform:index:ModelRegistry"
DATABASE = "aws:rds/instance:Instance"
PARAMETERS, SUBNETS = "aws:rds/parameterGroup:ParameterGroup", "aws:rds/subnetGroup:SubnetGroup"
GROUP, INGRESS = "aws:ec2/securityGroup:SecurityGroup", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
KEY_TYPE, LOG_GROUP = "aws:kms/key:Key", "aws:cloudwatch/logGroup:LogGroup"
BUCKET = "aws:s3/bucket:Bucket"
ROLE, POLICY = "aws:iam/role:Role", "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
DEPLOYMENT, SERVICE = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Service"
JOB, CRON_JOB = "kubernetes:batch/v1:Job", "kubernetes:batch/v1:CronJob"
BUDGET, MONITOR = "kubernetes:policy/v1:PodDisruptionBudget", "kubernetes:monitoring.coreos.com/v1:PodMonitor"
EXTERNAL_SECRET = "kubernetes:external-secrets.io/v1:ExternalSecret"
NETWORK_POLICY, NAMESPACE = "kubernetes:networking.k8s.io/v1:NetworkPolicy", "kubernetes:core/v1:Namespace"
CONFIG, ACCOUNT = "kubernetes:core/v1:ConfigMap", "kubernetes:core/v1:ServiceAccount"

SERVER = {"mlplatform.dev/component": "x", "mlplatform.dev/role": "server"}
JOBS = {"mlplatform.dev/component": "x", "mlplatform.dev/role": "job"}
URI = "http://x.model-registry.svc:5000"
DATA = ("aws:rds/", "aws:s3/", "aws:kms/", "aws:cloudwatch/")
"""Types of what outlives the cluster."""


def graph_of(args: Mapping[str, Any], **options: Any) -> Recorded:
    return record(lambda: ModelRegistry("x", ModelRegistryArgs.of(args), kubernetes("x")), **options)


def changed(values: Mapping[str, Any], base: Mapping[str, Any] = BASE) -> Recorded:
    return graph_of(with_values(base, values))


def outputs(graph: Recorded) -> dict[str, Any]:
    return dict(graph.one(COMPONENT)["outputs"])


def spec(graph: Recorded, type_: str, name: str = ".*") -> Any:
    return graph.inputs(type_, name)["spec"]


def pod(graph: Recorded, type_: str, name: str = ".*") -> Any:
    found = spec(graph, type_, name)
    return (found["jobTemplate"]["spec"] if type_ == CRON_JOB else found)["template"]["spec"]


def variables(container: Mapping[str, Any]) -> dict[str, Any]:
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container["env"]}


def statements(graph: Recorded, name: str) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in graph.statements(POLICY, name)}


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


@pytest.fixture(scope="module")
def existing() -> Recorded:
    return graph_of(EXISTING)


# --- database


@covers("model-registry.postgres", field="ModelRegistryArgs.kms_key_arn", ends_in="aws:rds/instance:Instance.kmsKeyId")
def test_database_is_encrypted_by_an_own_key_that_rotates(smallest: Recorded) -> None:
    key = smallest.one(KEY_TYPE)
    arn = key["outputs"]["arn"]
    assert key["inputs"]["enableKeyRotation"] is True
    smallest.has(
        DATABASE,
        {
            "engine": "postgres",
            "engineVersion": "17",
            "storageEncrypted": True,
            "kmsKeyId": arn,
            "masterUserSecretKmsKeyId": arn,
            "performanceInsightsKmsKeyId": arn,
        },
    )
    assert {node["inputs"]["kmsKeyId"] for node in smallest.all(LOG_GROUP)} == {arn}


@pytest.mark.parametrize(
    ("registry", "uses"),
    [
        ("smallest", {"Rds", "S3", "Secrets", "Logs"}),
        ("full", {"Rds", "S3", "S3Replication", "Secrets", "Logs"}),
    ],
)
def test_key_admits_every_service_that_uses_it(request: pytest.FixtureRequest, registry: str, uses: set[str]) -> None:
    found = {statement["Sid"]: statement for statement in request.getfixturevalue(registry).statements(KEY_TYPE)}
    assert set(found) == {"AccountByIamPolicies", *uses}
    assert found["Logs"]["Condition"] == {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": [
                "arn:aws:logs:us-east-1:123456789012:log-group:/aws/rds/instance/x/*"
            ]
        }
    }


def test_key_given_is_used_and_none_is_made() -> None:
    graph = graph_of({**SMALLEST, "kms_key_arn": KEY})
    assert graph.count(KEY_TYPE) == 0
    graph.has(DATABASE, {"kmsKeyId": KEY})
    assert outputs(graph)["key_arn"] == KEY


@covers(
    "model-registry.password",
    field="ModelRegistryArgs.server.database.identifier",
    ends_in="aws:rds/instance:Instance.manageMasterUserPassword",
)
def test_rds_keeps_the_password_and_pulumi_never_sees_it(smallest: Recorded) -> None:
    smallest.has(DATABASE, {"manageMasterUserPassword": True, "password": absent, "passwordWo": absent})


@covers(
    "model-registry.multi-az",
    field="ModelRegistryArgs.server.database.multi_az",
    ends_in="aws:rds/instance:Instance.multiAz",
)
@pytest.mark.parametrize("multi_az", [True, False])
def test_standby_is_in_another_zone_unless_switched_off(multi_az: bool) -> None:
    changed({"server.database": {"multi_az": multi_az}}, SMALLEST).has(DATABASE, {"multiAz": multi_az})


@covers(
    "model-registry.deletion-protection",
    field="ModelRegistryArgs.deletion_protection",
    ends_in="aws:rds/instance:Instance.deletionProtection",
)
def test_what_holds_data_is_protected_by_aws_and_by_pulumi_and_nothing_else(smallest: Recorded) -> None:
    smallest.has(
        DATABASE,
        {
            "deletionProtection": True,
            "skipFinalSnapshot": False,
            "finalSnapshotIdentifier": "x-final",
            "deleteAutomatedBackups": False,
        },
        protect=True,
        retain_on_delete=True,
    )
    protected = {node["type"].rpartition(":")[2] for node in smallest.resources if node["options"].get("protect")}
    assert protected == {"Instance", "Bucket", "Key", "Alias"}


def test_throw_away_registry_goes_without_a_trace() -> None:
    graph = graph_of({**SMALLEST, "deletion_protection": False, "force_destroy": True})
    graph.has(
        DATABASE,
        {
            "deletionProtection": False,
            "skipFinalSnapshot": True,
            "finalSnapshotIdentifier": absent,
            "deleteAutomatedBackups": True,
        },
    )
    assert {node["inputs"]["forceDestroy"] for node in graph.all(BUCKET)} == {True}
    assert [node["name"] for node in graph.resources if node["options"].get("protect")] == []


@covers(
    "model-registry.backups",
    field="ModelRegistryArgs.server.database.backup_days",
    ends_in="aws:rds/instance:Instance.backupRetentionPeriod",
)
def test_database_can_be_restored(smallest: Recorded) -> None:
    smallest.has(DATABASE, {"backupRetentionPeriod": 14, "copyTagsToSnapshot": True})


@covers(
    "model-registry.private",
    field="ModelRegistryArgs.subnet_ids",
    ends_in="aws:rds/instance:Instance.publiclyAccessible",
)
def test_database_lies_in_the_subnets_given_and_is_not_public(smallest: Recorded) -> None:
    group = smallest.one(SUBNETS)
    assert group["inputs"]["subnetIds"] == ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
    smallest.has(DATABASE, {"publiclyAccessible": False, "dbSubnetGroupName": group["outputs"]["name"]})


@covers(
    "model-registry.security-group",
    field="ModelRegistryArgs.cluster_security_group_id",
    ends_in="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule.referencedSecurityGroupId",
)
def test_only_the_cluster_reaches_the_database(smallest: Recorded) -> None:
    group = smallest.one(GROUP)
    smallest.has(DATABASE, {"vpcSecurityGroupIds": [group["id"]]})
    smallest.has(
        INGRESS,
        {
            "securityGroupId": group["id"],
            "referencedSecurityGroupId": "sg-0a1b2c3d",
            "ipProtocol": "tcp",
            "fromPort": 5432,
            "toPort": 5432,
            "cidrIpv4": absent,
        },
    )
    assert (smallest.count(INGRESS), smallest.count(EGRESS)) == (1, 0)
    assert outputs(smallest)["database_security_group_id"] == group["id"]


@pytest.mark.parametrize(("version", "family"), [(17, "postgres17"), (16, "postgres16")])
def test_database_refuses_connections_without_tls(version: int, family: str) -> None:
    graph = changed({"server.database": {"postgres_version": version}}, SMALLEST)
    forced = [{"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"}]
    graph.has(PARAMETERS, {"family": family, "parameters": forced})
    graph.has(DATABASE, {"parameterGroupName": graph.one(PARAMETERS)["outputs"]["name"]})


def test_logs_have_groups_with_a_key_before_rds_makes_some(smallest: Recorded) -> None:
    groups = {node["inputs"]["name"]: node for node in smallest.all(LOG_GROUP)}
    assert set(groups) == {"/aws/rds/instance/x/postgresql", "/aws/rds/instance/x/upgrade"}
    assert {node["inputs"]["retentionInDays"] for node in groups.values()} == {90}
    database = smallest.one(DATABASE)
    assert database["inputs"]["enabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    assert {node["urn"] for node in groups.values()} <= set(database["dependencies"])


def test_storage_grows_to_its_ceiling(full: Recorded) -> None:
    full.has(DATABASE, {"storageType": "gp3", "allocatedStorage": 20, "maxAllocatedStorage": 100})


def test_operating_system_is_measured_by_a_role_of_its_own(smallest: Recorded) -> None:
    role = smallest.one(ROLE, "x-monitoring")
    smallest.has(DATABASE, {"monitoringInterval": 60, "monitoringRoleArn": role["outputs"]["arn"]})
    assert json.loads(role["inputs"]["assumeRolePolicy"])["Statement"][0]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"}
    }
    smallest.has(ATTACHMENT, {"policyArn": "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"})


def test_no_role_is_made_where_nothing_is_measured() -> None:
    graph = changed({"server.database": {"monitoring_seconds": 0}}, SMALLEST)
    graph.has(DATABASE, {"monitoringInterval": 0, "monitoringRoleArn": absent})
    assert graph.all(ROLE, "x-monitoring") == []


# --- bucket and roles


@covers(
    "model-registry.artifacts",
    field="ModelRegistryArgs.server.artifacts.access_logs",
    ends_in="kubernetes:apps/v1:Deployment.spec.template.spec.containers.command",
)
def test_artifacts_go_through_the_server_to_a_hardened_bucket(smallest: Recorded) -> None:
    bucket = outputs(smallest)["bucket_name"]
    command = pod(smallest, DEPLOYMENT)["containers"][0]["command"]
    assert command[command.index("--serve-artifacts") :][:3] == [
        *("--serve-artifacts", "--artifacts-destination", f"s3://{bucket}/artifacts"),
    ]
    inside = {node["type"] for node in smallest.resources if node["name"].startswith("x-artifacts-")}
    assert {
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketLogging:BucketLogging",
        "aws:s3/bucketVersioning:BucketVersioning",
    } < inside


def test_server_alone_reads_and_writes_artifacts(smallest: Recorded) -> None:
    arn, key = outputs(smallest)["bucket_arn"], outputs(smallest)["key_arn"]
    found = statements(smallest, "x-server-artifacts")
    assert found["Artifacts"]["Resource"] == [f"{arn}/artifacts/*"]
    assert found["List"]["Condition"] == {"StringLike": {"s3:prefix": ["artifacts", "artifacts/*"]}}
    assert found["Key"]["Resource"] == [key]
    assert found["Key"]["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    smallest.has(ASSOCIATION, {"namespace": "model-registry", "serviceAccount": "model-registry"})
    assert smallest.count(ASSOCIATION) == 1


def test_external_secrets_reads_this_databases_password_and_no_other(smallest: Recorded) -> None:
    found = statements(smallest, "x-password")
    assert found["Read"]["Resource"] == ["arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-*"]
    assert found["Read"]["Condition"] == {
        "StringEquals": {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": "arn:aws:rds:us-east-1:123456789012:db:x"}
    }
    assert found["Key"]["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}
    smallest.has(ATTACHMENT, {"role": "external-secrets-role"}, name="x-password")


def test_promotion_adds_versions_and_deletes_none(full: Recorded) -> None:
    found = statements(full, "x-promotion")
    assert found["Promote"]["Resource"] == ["arn:aws:s3:::promoted-models/*"]
    assert found["Promote"]["Action"] == [
        *("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"),
    ]
    assert found["Key"]["Resource"] == [KEY]
    assert outputs(full)["promotion_policy_arn"] == full.one(POLICY, "x-promotion")["outputs"]["arn"]


def test_no_policy_of_promotion_without_promoted_models(smallest: Recorded) -> None:
    assert smallest.all(POLICY, "x-promotion") == []
    assert "promotion_policy_arn" not in outputs(smallest)


def test_policies_fit(full: Recorded) -> None:
    lengths = {node["name"]: len(node["inputs"]["policy"]) for node in full.all(POLICY)}
    assert set(lengths) == {"x-password", "x-promotion", "x-server-artifacts"}
    assert max(lengths.values()) <= MANAGED_POLICY_CHARACTERS


def test_boundary_bounds_every_role() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    graph = changed({"permissions_boundary_arn": boundary})
    assert {node["inputs"]["permissionsBoundary"] for node in graph.all(ROLE)} == {boundary}
    assert graph.count(ROLE) == 3


# --- server


@covers(
    "model-registry.server",
    field="ModelRegistryArgs.server.replicas",
    ends_in="kubernetes:apps/v1:Deployment.spec.replicas",
)
def test_two_servers_spread_over_zones_and_are_replaced_one_by_one(smallest: Recorded) -> None:
    found = spec(smallest, DEPLOYMENT)
    assert found["replicas"] == 2
    assert found["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    spread = pod(smallest, DEPLOYMENT)["topologySpreadConstraints"]
    assert [item["topologyKey"] for item in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert pod(smallest, DEPLOYMENT)["containers"][0]["image"] == IMAGE
    smallest.has(SERVICE, {"metadata": {"name": "x"}, "spec": {"selector": SERVER}})
    assert outputs(smallest)["tracking_uri"] == URI


@covers(
    "model-registry.probes",
    field="ModelRegistryArgs.server.image",
    ends_in="kubernetes:apps/v1:Deployment.spec.template.spec.containers.readinessProbe",
)
def test_server_is_probed_where_it_asks_for_no_password(smallest: Recorded) -> None:
    container = pod(smallest, DEPLOYMENT)["containers"][0]
    probes = {name: container[name] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert all(probe["httpGet"] == {"path": "/health", "port": 5000} for probe in probes.values())
    assert {name: probe["failureThreshold"] for name, probe in probes.items()} == {
        "startupProbe": 30,
        "readinessProbe": 2,
        "livenessProbe": 6,
    }


@covers(
    "model-registry.budget",
    field="ModelRegistryArgs.server.replicas",
    ends_in="kubernetes:policy/v1:PodDisruptionBudget.spec.maxUnavailable",
)
def test_one_server_at_a_time_moves(smallest: Recorded) -> None:
    assert spec(smallest, BUDGET) == {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": SERVER},
    }


@covers(
    "model-registry.restricted",
    field="ModelRegistryArgs.namespace",
    ends_in="kubernetes:apps/v1:Deployment.spec.template.spec.securityContext",
)
def test_every_pod_is_restricted_and_bounded(smallest: Recorded) -> None:
    smallest.has(NAMESPACE, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
    for type_, name in ((DEPLOYMENT, ".*"), (JOB, ".*"), (CRON_JOB, "x-accounts"), (CRON_JOB, "x-collection")):
        found = pod(smallest, type_, name)
        assert found["automountServiceAccountToken"] is False
        assert found["securityContext"]["runAsNonRoot"] is True
        for container in (*found["containers"], *found.get("initContainers", ())):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert {"memory", "ephemeral-storage"} <= set(container["resources"]["limits"])


def test_server_is_sized_as_asked() -> None:
    graph = changed({"server": {**SMALLEST["server"], "memory_mib": 4096, "cpu_millicores": 750, "disk_gib": 50}})
    assert pod(graph, DEPLOYMENT)["containers"][0]["resources"] == {
        "requests": {"cpu": "750m", "memory": "4096Mi", "ephemeral-storage": "50Gi"},
        "limits": {"memory": "4096Mi", "ephemeral-storage": "50Gi"},
    }


@covers(
    "model-registry.authentication",
    field="ModelRegistryArgs.server.credentials_secret",
    ends_in="kubernetes:core/v1:ConfigMap.data",
)
def test_server_asks_for_accounts_of_the_same_database(smallest: Recorded) -> None:
    container = pod(smallest, DEPLOYMENT)["containers"][0]
    assert container["command"][:4] == ["mlflow", "server", "--app-name", "basic-auth"]
    assert variables(container)["MLFLOW_FLASK_SERVER_SECRET_KEY"] == {
        "secretKeyRef": {"name": "x-accounts", "key": "secret_key"}
    }
    assert smallest.inputs(CONFIG)["data"]["basic_auth.ini"] == mlflow.AUTH


def test_server_answers_by_its_own_names_only(smallest: Recorded) -> None:
    hosts = variables(pod(smallest, DEPLOYMENT)["containers"][0])["MLFLOW_SERVER_ALLOWED_HOSTS"]
    assert hosts == (
        "x.model-registry:5000,x.model-registry.svc:5000,x.model-registry.svc.cluster.local:5000,10.0.*,localhost:*"
    )


def test_server_runs_on_any_tier_of_its_pool() -> None:
    graph = changed({"server.pool": "l40s", "capacity": [INFERENCE, {**INFERENCE, "flavor": "l40s-spot"}]})
    for type_, name in ((DEPLOYMENT, ".*"), (JOB, ".*"), (CRON_JOB, "x-collection")):
        found = pod(graph, type_, name)
        terms = found["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert len(terms["nodeSelectorTerms"]) == 2
        assert found["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_without_a_pool_any_node_will_do(smallest: Recorded) -> None:
    assert {"affinity", "tolerations"} & set(pod(smallest, DEPLOYMENT)) == set()


@covers(
    "model-registry.metrics",
    field="ModelRegistryArgs.server.metrics",
    ends_in="kubernetes:monitoring.coreos.com/v1:PodMonitor.spec.podMetricsEndpoints.basicAuth",
)
def test_prometheus_scrapes_as_the_administrator(smallest: Recorded) -> None:
    assert spec(smallest, MONITOR)["podMetricsEndpoints"] == [
        {
            "portNumber": 5000,
            "path": "/metrics",
            "interval": "30s",
            "basicAuth": {
                "username": {"name": "x-accounts", "key": "admin_username"},
                "password": {"name": "x-accounts", "key": "admin_password"},
            },
        }
    ]


def test_prometheus_has_no_way_in_without_metrics() -> None:
    graph = changed({"server.metrics": False})
    assert graph.count(MONITOR) == 0
    peers = spec(graph, NETWORK_POLICY, "x-server")["ingress"][0]["from"]
    assert [peer.get("namespaceSelector", {}).get("matchLabels") for peer in peers] == [
        {"kubernetes.io/metadata.name": "drift"},
        {"kubernetes.io/metadata.name": "pipelines"},
        None,
    ]


# --- secrets


@covers(
    "model-registry.secrets",
    field="ModelRegistryArgs.secret_store",
    ends_in="kubernetes:external-secrets.io/v1:ExternalSecret.spec.secretStoreRef",
)
def test_secrets_come_from_secrets_manager_and_none_is_in_the_graph(smallest: Recorded) -> None:
    found = {node["name"]: node["inputs"]["spec"] for node in smallest.all(EXTERNAL_SECRET)}
    assert set(found) == {"x-connection", "x-accounts"}
    assert {item["secretStoreRef"]["name"] for item in found.values()} == {"secrets-manager"}
    assert found["x-accounts"]["data"] == [
        {"secretKey": key, "remoteRef": {"key": SECRET, "property": key}}
        for key in ("admin_password", "writer_password", "reader_password", "secret_key")
    ]
    assert found["x-accounts"]["target"]["template"]["data"] == {
        "admin_password": "{{ .admin_password }}",
        "writer_password": "{{ .writer_password }}",
        "reader_password": "{{ .reader_password }}",
        "secret_key": "{{ .secret_key }}",
        "admin_username": "admin",
    }
    assert smallest.count("kubernetes:core/v1:Secret") == 0


def test_password_that_rds_changed_is_read_within_a_minute_and_without_a_restart(smallest: Recorded) -> None:
    found = spec(smallest, EXTERNAL_SECRET, "x-connection")
    assert found["refreshInterval"] == "1m"
    assert [item["remoteRef"]["property"] for item in found["data"]] == ["username", "password"]
    content = found["target"]["template"]["data"]["pg_service.conf"]
    assert content == mlflow.connection(outputs(smallest)["database_address"], verified=False)
    # A volume follows its Secret; a variable or a path inside the volume would stay as it was.
    container = pod(smallest, DEPLOYMENT)["containers"][0]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert mounts["connection"] == {"name": "connection", "mountPath": "/etc/registry/connection", "readOnly": True}
    assert variables(container)["PGSERVICEFILE"] == "/etc/registry/connection/pg_service.conf"
    assert not [name for name in variables(container) if "PASSWORD" in name]


def test_database_is_known_for_the_right_one_by_certificates(full: Recorded) -> None:
    assert full.inputs(CONFIG)["data"]["certificates.pem"] == CERTIFICATES
    content = spec(full, EXTERNAL_SECRET, "x-connection")["target"]["template"]["data"]["pg_service.conf"]
    assert content.endswith("sslmode=verify-full\nsslrootcert=/etc/registry/config/certificates.pem\n")


def test_other_configuration_makes_other_pods(full: Recorded) -> None:
    def digest(graph: Recorded) -> str:
        return str(spec(graph, DEPLOYMENT)["template"]["metadata"]["annotations"]["mlplatform.dev/config"])

    assert digest(changed({"server.database.certificates": CERTIFICATES * 2})) != digest(full)


# --- jobs


@covers(
    "model-registry.migrations",
    field="ModelRegistryArgs.server.image",
    ends_in="kubernetes:batch/v1:Job.spec.template.spec.initContainers",
)
def test_both_schemas_are_migrated_in_one_job_before_the_server(smallest: Recorded) -> None:
    job = smallest.one(JOB)
    assert job["inputs"]["metadata"]["name"] == "x-migration-0a1b2c3d0a1b"
    steps = pod(smallest, JOB)["initContainers"]
    assert [step["command"] for step in steps] == [
        ["mlflow", "db", "upgrade", "postgresql+psycopg2:///?service=mlflow"],
        [
            *("python", "-m", "mlflow.server.auth", "db", "upgrade"),
            *("--url", "postgresql+psycopg2:///?service=mlflow"),
        ],
    ]
    assert {step["image"] for step in steps} == {IMAGE}
    assert job["urn"] in smallest.one(DEPLOYMENT)["dependencies"]


def test_another_image_is_another_migration() -> None:
    assert changed({"server.image": NEXT}).inputs(JOB)["metadata"]["name"] == "x-migration-1a1b2c3d1a1b"


def test_migration_waits_for_its_password_and_its_way_to_the_database(smallest: Recorded) -> None:
    names = {urn.rpartition("::")[2] for urn in smallest.one(JOB)["dependencies"]}
    assert {"x-connection", "x-accounts", "x-jobs", "x-server", "x-database"} <= names


def test_accounts_are_settled_before_the_server_and_every_quarter_of_an_hour(smallest: Recorded) -> None:
    command = ["python", "/etc/registry/config/accounts.py", "/etc/registry/accounts", "admin", "writer", "reader"]
    assert pod(smallest, JOB)["containers"][0]["command"] == command
    assert pod(smallest, CRON_JOB, "x-accounts")["containers"][0]["command"] == command
    assert spec(smallest, CRON_JOB, "x-accounts")["schedule"] == "*/15 * * * *"
    assert smallest.inputs(CONFIG)["data"]["accounts.py"] == Path(accounts.__file__).read_text()


@covers(
    "model-registry.collection",
    field="ModelRegistryArgs.server.collection.schedule, ModelRegistryArgs.server.collection.older_than_days",
    ends_in="kubernetes:batch/v1:CronJob.spec.schedule",
)
def test_what_was_deleted_is_gone_after_a_month_with_its_artifacts(smallest: Recorded) -> None:
    found = spec(smallest, CRON_JOB, "x-collection")
    assert (found["schedule"], found["timeZone"], found["concurrencyPolicy"]) == ("17 3 * * *", "Etc/UTC", "Forbid")
    container = pod(smallest, CRON_JOB, "x-collection")["containers"][0]
    assert container["command"] == [
        *("mlflow", "gc", "--older-than", "30d"),
        *("--backend-store-uri", "postgresql+psycopg2:///?service=mlflow"),
    ]
    assert {key: value for key, value in variables(container).items() if key.startswith("MLFLOW_TRACKING")} == {
        "MLFLOW_TRACKING_URI": URI,
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": {"secretKeyRef": {"name": "x-accounts", "key": "admin_password"}},
    }


def test_jobs_have_no_rights_in_aws(smallest: Recorded) -> None:
    users = {
        pod(smallest, type_, name)["serviceAccountName"]
        for type_, name in ((JOB, ".*"), (CRON_JOB, "x-accounts"), (CRON_JOB, "x-collection"))
    }
    assert users == {"model-registry-jobs"}
    assert {node["inputs"]["serviceAccount"] for node in smallest.all(ASSOCIATION)} == {"model-registry"}


# --- clients and the network


@covers(
    "model-registry.writer",
    field="ModelRegistryArgs.clients.access",
    ends_in="kubernetes:external-secrets.io/v1:ExternalSecret.spec.target.template.data",
)
@covers(
    "model-registry.reader",
    field="ModelRegistryArgs.clients.access",
    ends_in="kubernetes:external-secrets.io/v1:ExternalSecret.spec.data.remoteRef.property",
)
@pytest.mark.parametrize(("namespace", "account"), [("pipelines", "writer"), ("drift", "reader")])
def test_client_gets_address_account_and_password(full: Recorded, namespace: str, account: str) -> None:
    found = full.inputs(EXTERNAL_SECRET, f"x-client-{namespace}")
    assert found["metadata"]["namespace"] == namespace
    assert found["spec"]["data"] == [
        {"secretKey": "password", "remoteRef": {"key": SECRET, "property": f"{account}_password"}}
    ]
    assert found["spec"]["target"]["template"]["data"] == {
        "MLFLOW_TRACKING_URI": URI,
        "MLFLOW_TRACKING_USERNAME": account,
        "MLFLOW_TRACKING_PASSWORD": "{{ .password }}",
    }
    assert outputs(full)["credentials"] == {"drift": "x-credentials", "pipelines": "x-credentials"}


def test_a_namespace_that_comes_later_reaches_the_server_and_makes_its_secret_itself() -> None:
    graph = changed({"clients": {"fraud": {"access": "writer", "credentials": False}}})
    assert not graph.all(EXTERNAL_SECRET, "x-client-.*")
    assert outputs(graph)["credentials"] == {}
    assert {"kubernetes.io/metadata.name": "fraud"} in [
        peer["namespaceSelector"]["matchLabels"]
        for peer in spec(graph, NETWORK_POLICY, "x-server")["ingress"][0]["from"]
        if "namespaceSelector" in peer
    ]


@covers(
    "model-registry.network",
    field="ModelRegistryArgs.clients.pod_labels",
    ends_in="kubernetes:networking.k8s.io/v1:NetworkPolicy.spec.ingress",
)
def test_clients_prometheus_and_the_collection_reach_the_server_and_nobody_else(full: Recorded) -> None:
    policy = spec(full, NETWORK_POLICY, "x-server")
    assert policy["podSelector"] == {"matchLabels": SERVER}
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [
        {
            "from": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "drift"}}, "podSelector": {}},
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "pipelines"}},
                    "podSelector": {"matchLabels": {"app": "trainer"}},
                },
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
                    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
                },
                {"podSelector": {"matchLabels": {**JOBS, "mlplatform.dev/part": "collection"}}},
            ],
            "ports": [{"protocol": "TCP", "port": 5000}],
        }
    ]


def test_server_reaches_database_and_s3_and_jobs_database_and_server(full: Recorded) -> None:
    server, jobs = (spec(full, NETWORK_POLICY, name)["egress"][2:] for name in ("x-server", "x-jobs"))
    assert server == [
        {
            "to": [{"ipBlock": {"cidr": "10.0.0.0/16"}}],
            "ports": [{"protocol": "TCP", "port": 5432}, {"protocol": "TCP", "port": 443}],
        },
        {
            "to": [
                {
                    "ipBlock": {
                        "cidr": "0.0.0.0/0",
                        "except": [
                            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
                        ],
                    }
                }
            ],
            "ports": [{"protocol": "TCP", "port": 443}],
        },
    ]
    assert jobs == [
        {"to": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 5432}]},
        {"to": [{"podSelector": {"matchLabels": SERVER}}], "ports": [{"protocol": "TCP", "port": 5000}]},
    ]
    # Selected for ingress without a rule: nobody comes in.
    assert spec(full, NETWORK_POLICY, "x-jobs")["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec(full, NETWORK_POLICY, "x-jobs")


# --- an MLflow that exists


@covers(
    "model-registry.existing",
    field="ModelRegistryArgs.existing.tracking_uri, ModelRegistryArgs.existing.credentials_secret",
    ends_in="kubernetes:external-secrets.io/v1:ExternalSecret.spec",
)
def test_existing_server_is_adopted_and_nothing_is_made_but_credentials(existing: Recorded) -> None:
    made = {node["type"] for node in existing.resources}
    assert made == {COMPONENT, EXTERNAL_SECRET, POLICY, "pulumi:providers:kubernetes"}
    found = spec(existing, EXTERNAL_SECRET, "x-client-pipelines")
    assert found["data"] == [
        {"secretKey": "password", "remoteRef": {"key": "teams/mlflow", "property": "writer_password"}},
        {"secretKey": "username", "remoteRef": {"key": "teams/mlflow", "property": "writer_username"}},
    ]
    assert found["target"]["template"]["data"] == {
        "MLFLOW_TRACKING_URI": "https://mlflow.example.com",
        "MLFLOW_TRACKING_USERNAME": "{{ .username }}",
        "MLFLOW_TRACKING_PASSWORD": "{{ .password }}",
    }
    # An output of nothing is not registered.
    assert set(outputs(existing)) == {"credentials", "promotion_policy_arn", "tracking_uri"}
    assert outputs(existing)["tracking_uri"] == "https://mlflow.example.com"


# --- order, schemas, settings


def test_data_do_not_wait_for_the_cluster() -> None:
    def program() -> None:
        provider = kubernetes("x")
        inside = pulumi.ResourceOptions(provider=provider.providers[0])  # type: ignore[index]
        cluster = k8s.core.v1.ServiceAccount("cluster", opts=inside)
        of_cluster = {
            name: pulumi.Output.all(SMALLEST[name], cluster.urn).apply(lambda known: known[0])
            for name in ("cluster_name", "cluster_security_group_id", "secret_store", "secrets_role_name")
        }
        ModelRegistry("x", ModelRegistryArgs.of({**BASE, **of_cluster}), provider)

    graph = record(program)
    by_urn = {node["urn"]: node for node in graph.resources}

    def needs(node: Mapping[str, Any], found: frozenset[str] = frozenset()) -> frozenset[str]:
        for urn in {*node["dependencies"], *(u for urns in node["property_dependencies"].values() for u in urns)}:
            if urn in by_urn and urn not in found:
                found = needs(by_urn[urn], found | {urn})
        return found

    inside = [node for node in graph.resources if node["name"].startswith("x-")]
    waiting = {node["urn"]: {by_urn[urn]["name"] for urn in needs(node)} for node in inside}
    for node in inside:
        if node["type"].startswith(DATA):
            assert "cluster" not in waiting[node["urn"]], node["urn"]
    assert any("cluster" in waiting[node["urn"]] for node in inside)


@pytest.mark.parametrize("registry", ["smallest", "full", "existing"])
def test_objects_fit_their_schemas(
    request: pytest.FixtureRequest, reference: Callable[[str], Path], registry: str
) -> None:
    crds = reference("crds")
    graph: Recorded = request.getfixturevalue(registry)
    found = [node for node in graph.resources if node["type"].startswith("kubernetes:")]
    assert {node["name"]: problems(node["inputs"], crds) for node in found if problems(node["inputs"], crds)} == {}
    assert found


def test_secret_of_the_database_is_known_to_aws_only(smallest: Recorded) -> None:
    smallest.has(COMPONENT, {}, outputs={"database_secret_arn": unknown})


def test_settings_of_a_person_lack_what_is_wired() -> None:
    assert set(ModelRegistrySettings.model_fields) == {
        *("server", "existing", "namespace", "kms_key_arn", "permissions_boundary_arn"),
        *("deletion_protection", "force_destroy"),
    }
    args = ModelRegistryArgs.of(
        ModelRegistrySettings.of({"server": SMALLEST["server"]}),
        **{key: value for key, value in SMALLEST.items() if key != "server"},
    )
    assert args == ModelRegistryArgs.of(SMALLEST)


def test_copies_are_encrypted_by_the_key_of_their_region(full: Recorded) -> None:
    found = full.inputs("aws:s3/bucketReplicationConfig:BucketReplicationConfig")
    assert found["rules"][0]["destination"]["encryptionConfiguration"]["replicaKmsKeyId"] == COPY_KEY
