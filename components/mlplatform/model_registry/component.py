"""ModelRegistry: MLflow with its database and bucket, or one that exists, and credentials for those who use it."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Optional, TypeAlias

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.core.args import In, InvalidArgs
from mlplatform.core.build import Build
from mlplatform.core.external_secret import API
from mlplatform.core.keys import encryption_key
from mlplatform.core.naming import Kind, check
from mlplatform.core.objects import Objects, known
from mlplatform.core.registry_account import credentials
from mlplatform.facts.aws.kms import KeyUse
from mlplatform.hardened_bucket import HardenedBucket
from mlplatform.model_registry import accounts, database, jobs, mlflow, network, pods, secrets, server, storage
from mlplatform.model_registry.args import (
    ModelRegistryArgs,
    RegistryArtifacts,
    RegistryDatabase,
    RegistryServer,
)
from mlplatform.model_registry.database import Database
from mlplatform.model_registry.pods import JOB, JOBS_ACCOUNT, SERVER, SERVER_ACCOUNT, Home
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

_FROM_THE_CLUSTER = frozenset(("cluster_name", "cluster_security_group_id", "secret_store", "secrets_role_name"))
_Build: TypeAlias = Build[ModelRegistryArgs]


class ModelRegistry(pulumi.ComponentResource):
    """Experiments, runs and versions of models, in an MLflow of its own or one that exists.

    Every client has an account: MLflow's rights, not IAM, say who writes and who reads. Database, bucket and key
    outlive the cluster. A version that serves is promoted, which copies it to the bucket of promoted models.
    """

    tracking_uri: pulumi.Output[str]
    """Address of the server, for MLFLOW_TRACKING_URI."""
    credentials: pulumi.Output[Mapping[str, str]]
    """Name of the Secret of each client, by namespace: address, account and password as variables of MLflow."""
    promotion_policy_arn: pulumi.Output[Optional[str]]
    """ARN of the IAM policy for roles that promote; none without the bucket of promoted models."""
    namespace: pulumi.Output[Optional[str]]
    """Namespace of the own server; none for one that exists."""
    bucket_name: pulumi.Output[Optional[str]]
    """Name of the bucket of artifacts; none for a server that exists."""
    bucket_arn: pulumi.Output[Optional[str]]
    """ARN of the bucket of artifacts; none for a server that exists."""
    key_arn: pulumi.Output[Optional[str]]
    """ARN of the key of database, password, logs and artifacts; none for a server that exists."""
    database_address: pulumi.Output[Optional[str]]
    """Host name of the database; none for a server that exists."""
    database_secret_arn: pulumi.Output[Optional[str]]
    """ARN of the secret with the database's user and password, which RDS rotates; none for a server that exists."""
    database_security_group_id: pulumi.Output[Optional[str]]
    """Id of the database's security group; none for a server that exists."""
    role_arn: pulumi.Output[Optional[str]]
    """ARN of the role of the server's pods; none for a server that exists."""

    def __init__(self, name: str, args: ModelRegistryArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = ModelRegistryArgs.of(args)
        _check_names(name, args)
        # Data outlive the cluster: were these registered, database and bucket would wait for it.
        props = args.model_dump(exclude_none=True, exclude=set(_FROM_THE_CLUSTER))
        super().__init__("mlplatform:index:ModelRegistry", name, props, opts)
        build, objects = Build.of(self, name, args), Objects.of(self, name)
        own = _own(build, objects, args.server) if args.server else {}
        uri = _tracking_uri(name, args)

        self.tracking_uri = uri
        self.credentials = _clients(build, objects, uri)
        self.promotion_policy_arn = _or_none(storage.promotion_policy(build))
        self.namespace = _or_none(own.get("namespace"))
        self.bucket_name = _or_none(own.get("bucket_name"))
        self.bucket_arn = _or_none(own.get("bucket_arn"))
        self.key_arn = _or_none(own.get("key_arn"))
        self.database_address = _or_none(own.get("database_address"))
        self.database_secret_arn = _or_none(own.get("database_secret_arn"))
        self.database_security_group_id = _or_none(own.get("database_security_group_id"))
        self.role_arn = _or_none(own.get("role_arn"))
        self.register_outputs(
            {
                "tracking_uri": self.tracking_uri,
                "credentials": self.credentials,
                "promotion_policy_arn": self.promotion_policy_arn,
                "namespace": self.namespace,
                "bucket_name": self.bucket_name,
                "bucket_arn": self.bucket_arn,
                "key_arn": self.key_arn,
                "database_address": self.database_address,
                "database_secret_arn": self.database_secret_arn,
                "database_security_group_id": self.database_security_group_id,
                "role_arn": self.role_arn,
            }
        )


def _or_none(value: pulumi.Output[str] | None) -> pulumi.Output[Optional[str]]:
    return pulumi.Output.from_input(value)


def _tracking_uri(name: str, args: ModelRegistryArgs) -> pulumi.Output[str]:
    if args.existing:
        return pulumi.Output.from_input(args.existing.tracking_uri)
    return pulumi.Output.from_input(f"http://{server.service_host(name, str(args.namespace))}")


def _check_names(name: str, args: ModelRegistryArgs) -> None:
    names = [(Kind.KUBERNETES, f"{name}-credentials", False)]
    if args.server:
        given = args.server.database or RegistryDatabase()
        names = [
            (Kind.RDS_INSTANCE, database.identifier(name, given), False),
            (Kind.SECURITY_GROUP, f"{name}-database", True),
            # Of all names made of the registry's, these leave the least room.
            (Kind.S3_BUCKET, f"{name}-artifacts-logs-bucket", True),
            (Kind.KUBERNETES, jobs.migration_name(name, args.server.image), False),
        ]
    try:
        for kind, made, autonamed in names:
            check(kind, made, autonamed=autonamed)
    except ValueError as error:
        raise InvalidArgs(f"ModelRegistry {name!r}: {error}") from None


def _own(build: _Build, objects: Objects, given: RegistryServer) -> dict[str, pulumi.Output[str]]:
    """Makes an own registry: what has data first, then what runs in the cluster."""
    key_arn = _key_arn(build, given)
    bucket = storage.bucket(build, given.artifacts or RegistryArtifacts(), key_arn)
    kept = database.create(build, given.database or RegistryDatabase(), key_arn)
    role = _role(build, bucket, key_arn)
    namespace = objects.namespace_name("namespace", name=build.args.namespace)
    home = _home(build, objects, given, namespace)
    before = [role, kept.reachable, *_secrets(home, kept, key_arn), *_policies(home), *_accounts(home)]
    ready = objects.after(*before)
    migration = jobs.migrate(home, ready)
    after = objects.after(*before, migration)
    server.create(home, bucket, after)
    jobs.repeat(home, _tracking_uri(build.name, build.args), after)
    return {
        "namespace": namespace,
        "bucket_name": bucket.bucket_name,
        "bucket_arn": bucket.bucket_arn,
        "key_arn": key_arn,
        "database_address": kept.address,
        "database_secret_arn": kept.secret_arn,
        "database_security_group_id": kept.group_id,
        "role_arn": role.role_arn,
    }


def _key_arn(build: _Build, given: RegistryServer) -> pulumi.Output[str]:
    if build.args.kms_key_arn is not None:
        return pulumi.Output.from_input(build.args.kms_key_arn)
    groups = database.log_groups(build.name, given.database or RegistryDatabase())
    uses: dict[KeyUse, list[pulumi.Input[str]]] = {
        KeyUse.RDS: [],
        KeyUse.S3: [],
        KeyUse.SECRETS: [],
        # By their names: the groups need the key first.
        KeyUse.LOGS: [build.place.arn("logs", f"log-group:{groups}*")],
    }
    if (given.artifacts or RegistryArtifacts()).replication:
        uses[KeyUse.S3_REPLICATION] = []
    return encryption_key(f"{build.name}-key", "Model registry", uses, place=build.place, opts=build.kept).arn


def _role(build: _Build, bucket: HardenedBucket, key_arn: pulumi.Output[str]) -> WorkloadRole:
    return WorkloadRole(
        f"{build.name}-server",
        WorkloadRoleArgs(
            namespace=str(build.args.namespace),
            service_account=SERVER_ACCOUNT,
            policies={"artifacts": storage.server_policy(build.place, bucket.bucket_arn, key_arn)},
            cluster_name=build.args.cluster_name,
            permissions_boundary_arn=build.args.permissions_boundary_arn,
        ),
        build.inside,
    )


def _home(build: _Build, objects: Objects, given: RegistryServer, namespace: pulumi.Output[str]) -> Home:
    certificates = (given.database or RegistryDatabase()).certificates
    content: dict[str, In[str]] = {
        mlflow.AUTH_FILE: mlflow.AUTH,
        jobs.ACCOUNTS_SCRIPT: Path(accounts.__file__).read_text(encoding="utf-8"),
    }
    if certificates is not None:
        content[mlflow.CERTIFICATES_FILE] = certificates
    name = f"{objects.name}-config"
    config = k8s.core.v1.ConfigMap(
        name, metadata=objects.metadata("config", namespace=namespace), data=content, opts=objects.inside
    )
    digest = pulumi.Output.json_dumps(content, sort_keys=True).apply(lambda text: sha256(text.encode()).hexdigest())
    return Home(build, given, objects, namespace, known(config, name), digest)


def _secrets(home: Home, kept: Database, key_arn: pulumi.Output[str]) -> list[pulumi.Resource]:
    """The Secrets of the server and its jobs; that of the database once it may be read."""
    args, given = home.build.args, home.server.database or RegistryDatabase()
    connection = secrets.connection(home.objects, args, kept, verified=given.certificates is not None)
    passwords = secrets.accounts(home.objects, args, home.server.credentials_secret)
    return [
        _external_secret(home, secrets.CONNECTION, connection, database.readable(home.build, given, key_arn)),
        _external_secret(home, secrets.ACCOUNTS, passwords),
    ]


def _external_secret(home: Home, role: str, spec: dict[str, object], *before: pulumi.Resource) -> pulumi.Resource:
    metadata = home.objects.metadata(role, namespace=home.namespace)
    opts = home.objects.after(*before)
    return home.objects.custom(role, API, "ExternalSecret", spec, metadata=metadata, opts=opts)


def _policies(home: Home) -> list[pulumi.Resource]:
    args, name = home.build.args, home.objects.name
    of_server, of_jobs = pods.labels(name, SERVER), pods.labels(name, JOB)
    collection = pods.labels(name, JOB, jobs.COLLECTION)
    to_server = network.of_server(args, of_server, collection, metrics=bool(home.server.metrics))
    return [
        home.objects.network_policy("server", to_server, namespace=home.namespace),
        home.objects.network_policy("jobs", network.of_jobs(args, of_jobs, of_server), namespace=home.namespace),
    ]


def _accounts(home: Home) -> list[pulumi.Resource]:
    """Service accounts; only the server's has a role."""
    return [
        k8s.core.v1.ServiceAccount(
            f"{home.objects.name}-{role}",
            metadata=home.objects.metadata(role, name=account, namespace=home.namespace),
            automount_service_account_token=False,
            opts=home.objects.inside,
        )
        for role, account in ((SERVER, SERVER_ACCOUNT), ("jobs", JOBS_ACCOUNT))
    ]


def _clients(build: _Build, objects: Objects, uri: pulumi.Output[str]) -> pulumi.Output[Mapping[str, str]]:
    """A Secret for each client; returns their names."""
    account, name = secrets.account(build.args, uri), f"{build.name}-{secrets.CREDENTIALS}"
    clients = {namespace: of for namespace, of in sorted((build.args.clients or {}).items()) if of.credentials}
    for namespace, given in clients.items():
        metadata = objects.metadata(secrets.CREDENTIALS, namespace=namespace)
        spec = credentials(name, account, given.access)
        objects.custom(f"client-{namespace}", API, "ExternalSecret", spec, metadata=metadata)
    return pulumi.Output.from_input(dict.fromkeys(clients, name))
