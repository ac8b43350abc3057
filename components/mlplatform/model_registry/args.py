"""What a model registry needs to know: settings that a person writes, and what is wired from the rest."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Optional, Self

from pydantic import model_validator

from mlplatform.core.args import Args, In, at_least, between, checked, distinct, each, matching, one_of
from mlplatform.core.capacity import Capacity, Purpose
from mlplatform.core.identifiers import BUCKET_NAME, CRON, IMAGE, IPV4_CIDR, SECRET, SECURITY_GROUP, SUBNET, VPC
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.naming import Kind, check
from mlplatform.core.objects import NAMESPACE_NAME
from mlplatform.core.registry_account import URI, RegistryAccess
from mlplatform.facts.aws.logs import RETENTION_DAYS
from mlplatform.hardened_bucket import AccessLogs, BucketLifecycle, BucketReplication, refuse_both

KINDS = ("server", "existing")
NAMESPACE = "model-registry"
SMALLEST_GIB = 20
"""Least storage of a database on gp3 (Amazon RDS User Guide, Amazon RDS DB instance storage)."""
MONITORING_SECONDS = (0, 1, 5, 10, 15, 30, 60)
"""Intervals of Enhanced Monitoring (Amazon RDS API reference, CreateDBInstance, MonitoringInterval)."""
VERSIONS = (14, 15, 16, 17)
"""Major versions of PostgreSQL; RDS calls the family of their parameters `postgres<version>` (Amazon RDS User Guide,
Available PostgreSQL database versions)."""

INSTANCE_CLASS = matching(r"db\.[a-z0-9-]+\.[a-z0-9]+", "a class of RDS, such as db.t4g.medium")
HOST = matching(
    r"[a-z0-9.*-]+(:(\d+|\*))?", "a host as browsers name it, * for any letters, such as registry.example.com"
)
ROLE_NAME = matching(r"[\w+=,.@-]{1,64}", "the name of an IAM role, not its ARN, such as external-secrets-role")


def _certificates(text: str) -> str:
    if not re.search(r"-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----", text):
        raise ValueError(
            f"got {text[:30]!r} and so on; allowed are certificates as PEM; take the bundle that AWS publishes for the "
            "region (Amazon RDS User Guide, Using SSL/TLS to encrypt a connection)"
        )
    return text


def _namespaces(clients: Mapping[str, object]) -> Mapping[str, object]:
    for namespace in clients:
        NAMESPACE_NAME(namespace)
    return clients


def _two_zones(subnets: Sequence[In[str]]) -> Sequence[In[str]]:
    if len(subnets) == 1:
        raise ValueError("got 1; allowed are two or more, in different zones, as RDS needs them; name another")
    return subnets


class RegistryDatabase(Args):
    """The PostgreSQL database of runs, models and accounts."""

    identifier: Optional[str] = None
    """Name of the instance, unique in account and region; the component's by default. Its log groups are named after
    it."""
    postgres_version: Optional[int] = 17
    """Major version of PostgreSQL, 14 to 17; 17 by default. Minor ones come by themselves; a higher major one is
    upgraded to in place, with minutes of downtime."""
    instance_class: Optional[In[str]] = "db.t4g.medium"
    """Class of the instance; db.t4g.medium by default, 4 GiB: PostgreSQL then allows 450 connections (Amazon RDS User
    Guide, Maximum number of database connections), of which two servers take 80 at most."""
    storage_gib: Optional[In[int]] = SMALLEST_GIB
    """Storage in GiB at first, at least 20; 20 by default. It grows by itself."""
    max_storage_gib: Optional[In[int]] = 100
    """Storage in GiB up to which it grows, and a ceiling of what it can cost; 100 by default. Storage never shrinks."""
    multi_az: Optional[In[bool]] = True
    """Whether a standby in another zone takes over when the zone fails; on by default: without the registry nothing is
    trained or promoted. It costs twice; off is for throw-away environments."""
    backup_days: Optional[In[int]] = 14
    """Days back to which the database can be restored to any second, 1 to 35; 14 by default: a wrong migration is
    noticed within two weeks."""
    monitoring_seconds: Optional[int] = 60
    """Seconds between two measurements of the operating system, 0, 1, 5, 10, 15, 30 or 60; 60 by default, 0 for none.
    More often costs more."""
    log_retention_days: Optional[In[int]] = 90
    """Days that PostgreSQL's logs are kept in CloudWatch; 90 by default."""
    certificates: Optional[In[str]] = None
    """Certificates of RDS's authorities as PEM, by which pods know the database for the right one. None by default,
    since they differ by region and change: connections are encrypted then, and whose they are is left to the VPC."""

    _identifier = checked(partial(check, Kind.RDS_INSTANCE), "identifier")
    _version = checked(one_of(VERSIONS, "major versions"), "postgres_version")
    _class = checked(INSTANCE_CLASS, "instance_class")
    _storage = checked(between(SMALLEST_GIB, 65_536, "GiB"), "storage_gib", "max_storage_gib")
    _backup = checked(between(1, 35, "days"), "backup_days")
    _monitoring = checked(one_of(MONITORING_SECONDS, "seconds"), "monitoring_seconds")
    _logs = checked(one_of(RETENTION_DAYS, "what CloudWatch Logs accepts"), "log_retention_days")
    _pem = checked(_certificates, "certificates")

    @model_validator(mode="after")
    def _grows(self) -> Self:
        first, most = self.storage_gib, self.max_storage_gib
        # RDS asks for a tenth of room to grow (Amazon RDS User Guide, Managing capacity automatically).
        if isinstance(first, int) and isinstance(most, int) and most * 10 < first * 11:
            raise ValueError(
                f"storage_gib {first} and max_storage_gib {most}: RDS allows a tenth more or above; set "
                f"max_storage_gib to {-(-first * 11 // 10)} or more"
            )
        return self


class RegistryCollection(Args):
    """When what was deleted in MLflow is gone for good: until then it can be restored."""

    schedule: Optional[str] = "17 3 * * *"
    """When it runs, by cron in UTC; every night at 3:17 by default."""
    older_than_days: Optional[In[int]] = 30
    """Days after a deletion that it waits, at least 1; 30 by default: time to notice a mistake."""

    _schedule = checked(CRON, "schedule")
    _days = checked(at_least(1, "days"), "older_than_days")


class RegistryArtifacts(Args):
    """The bucket of what runs log and of models that are not promoted."""

    lifecycle: Optional[BucketLifecycle] = BucketLifecycle()
    """When objects are moved and old versions deleted."""
    access_logs: Optional[AccessLogs] = AccessLogs()
    """Where its access logs go; to an own bucket by default."""
    replication: Optional[BucketReplication] = None
    """Copies in another bucket; none by default."""


class RegistryServer(Args):
    """An own MLflow server."""

    image: str
    """Image of MLflow 3.17 by digest, with the extras `auth`, `db` and `extras`, as MLflow's own `-full` images have
    them. Another digest migrates the schema first; there is no way back but a restored backup."""
    credentials_secret: In[str]
    """Name or ARN of the secret in Secrets Manager with `admin_password`, `writer_password` and `reader_password`, of
    at least 12 characters each, and a random `secret_key`, as JSON. Passwords that change there are set in MLflow
    within 20 minutes."""
    replicas: Optional[int] = 2
    """Servers, at least 1; 2 by default, so that one may move to another node."""
    workers: Optional[In[int]] = 2
    """Processes of each server, at least 1; 2 by default. Each has up to 20 connections to the database."""
    cpu_millicores: Optional[In[int]] = 500
    """CPU that each server requests in thousandths of a core, at least 100; 500 by default. No limit."""
    memory_mib: Optional[In[int]] = 2048
    """Memory that each server requests, and its limit, in MiB, at least 1024; 2048 by default: a process takes 300 at
    rest, and one more starts them."""
    disk_gib: Optional[In[int]] = 20
    """Temporary disk of each server in GiB, at least 1; 20 by default. Uploads pass through it, so that the largest
    artifact must fit."""
    hosts: Optional[Sequence[str]] = []
    """Further hosts by which the server is called, such as that of a gateway; none by default. It refuses all that it
    does not know."""
    metrics: Optional[bool] = True
    """Whether Prometheus scrapes the server; on by default. MLflow shows metrics to administrators only, so that the
    administrator's password is then in Prometheus' configuration too, a Secret of its namespace."""
    pool: Optional[str] = None
    """Node pool that it runs on, one for services or inference; any node without a taint by default."""
    collection: Optional[RegistryCollection] = RegistryCollection()
    """When what was deleted is gone for good."""
    artifacts: Optional[RegistryArtifacts] = RegistryArtifacts()
    """The bucket of artifacts."""
    database: Optional[RegistryDatabase] = RegistryDatabase()
    """The database."""

    _image = checked(IMAGE, "image")
    _secret = checked(SECRET, "credentials_secret")
    _replicas = checked(at_least(1, "servers"), "replicas")
    _workers = checked(at_least(1, "processes"), "workers")
    _cpu = checked(at_least(100, "thousandths of a core"), "cpu_millicores")
    _memory = checked(at_least(1024, "MiB"), "memory_mib")
    _disk = checked(at_least(1, "GiB"), "disk_gib")
    _hosts = checked(each(HOST), "hosts")


class ExistingRegistry(Args):
    """An MLflow that somebody else runs, with accounts."""

    tracking_uri: In[str]
    """URL of the server, as MLFLOW_TRACKING_URI has it."""
    credentials_secret: In[str]
    """Name or ARN of the secret in Secrets Manager with `writer_username`, `writer_password`, `reader_username` and
    `reader_password`, as JSON: which rights those accounts have is its owner's to say."""

    _uri = checked(URI, "tracking_uri")
    _secret = checked(SECRET, "credentials_secret")


class RegistryClient(Args):
    """Pods of one namespace that use the registry."""

    access: RegistryAccess
    """As which account: reader or writer."""
    pod_labels: Optional[Mapping[str, str]] = {}
    """Labels of the pods that reach the server; every pod of the namespace by default."""
    credentials: Optional[bool] = True
    """Whether its Secret is made here, for which the namespace must exist; on by default. Off is for a namespace that
    comes after the registry, and for whose Secret whoever makes it cares."""


class ModelRegistrySettings(Args):
    """What a person decides of a model registry."""

    server: Optional[RegistryServer] = None
    """An own MLflow server; exactly one of `server` and `existing` is given."""
    existing: Optional[ExistingRegistry] = None
    """An MLflow that exists."""
    namespace: Optional[str] = NAMESPACE
    """Namespace of the own server; model-registry by default."""
    kms_key_arn: Optional[In[str]] = None
    """KMS key that encrypts database, its password, its logs and artifacts; by default an own one, rotated every year.
    One given must let CloudWatch Logs use it, and the account's IAM policies through RDS, S3 and Secrets Manager."""
    permissions_boundary_arn: Optional[In[str]] = None
    """Policy that bounds what every role made here can ever do; none by default."""
    deletion_protection: Optional[bool] = True
    """Whether database, bucket and key are protected from deletion, by AWS and by Pulumi, and kept when they leave the
    program; on by default. Off is for throw-away environments: the database then goes with its backups."""
    force_destroy: Optional[bool] = False
    """Whether deleting the registry deletes the artifacts in its buckets; off by default: S3 then refuses to delete
    what is not empty."""

    _namespace = checked(NAMESPACE_NAME, "namespace")
    _key = checked(KEY_ARN, "kms_key_arn")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(
                f"got {' and '.join(given) or 'none'} of {', '.join(KINDS)}; allowed is exactly one; "
                f"{'take the other out' if given else 'set one'}"
            )
        foreign = sorted(self.model_fields_set & _SERVER_ONLY) if self.existing else []
        if foreign:
            raise ValueError(f"existing and {', '.join(foreign)}: an own server has these; take them out")
        return self

    @model_validator(mode="after")
    def _kept_or_destroyed(self) -> Self:
        refuse_both(deletion_protection=self.deletion_protection, force_destroy=self.force_destroy)
        return self

    @property
    def credentials_secret(self) -> In[str]:
        """Name or ARN of the secret with the accounts."""
        source = self.existing or self.server
        return source.credentials_secret if source else ""


_SERVER_ONLY = frozenset(("namespace", "kms_key_arn", "deletion_protection", "force_destroy"))
_WIRED_FOR_SERVER = (
    *("cluster_name", "cluster_security_group_id", "secrets_role_name"),
    *("subnet_ids", "vpc_cidr", "vpc_id"),
)
PURPOSES = (Purpose.INFERENCE, Purpose.SERVICES)
"""Purposes of pools that servers run on; the others belong to queues."""


class ModelRegistryArgs(ModelRegistrySettings):
    """What a model registry needs to know."""

    secret_store: In[str]
    """ClusterSecretStore through which External Secrets reads Secrets Manager."""
    clients: Optional[Mapping[str, RegistryClient]] = {}
    """Who uses the registry, by namespace, which must exist: each gets a Secret with address, account and password, and
    its pods reach the server; nobody by default."""
    cluster_name: Optional[In[str]] = None
    """EKS cluster; needed for `server`."""
    cluster_security_group_id: Optional[In[str]] = None
    """Security group of the cluster's nodes and pods, the only one that reaches the database; needed for `server`."""
    secrets_role_name: Optional[In[str]] = None
    """Name of External Secrets' own role, which gets the right to read the database's password; needed for `server`."""
    vpc_id: Optional[In[str]] = None
    """VPC of the database; needed for `server`."""
    vpc_cidr: Optional[In[str]] = None
    """IPv4 range of that VPC, where pods and database have their addresses; needed for `server`."""
    subnet_ids: Optional[In[Sequence[In[str]]]] = None
    """Subnets of the database, without a route to the internet, in two zones or more; needed for `server`."""
    s3_cidrs: Optional[Sequence[In[str]]] = ["0.0.0.0/0"]
    """Ranges on whose port 443 the server reaches S3, as gateway endpoints keep S3's public addresses. Every address by
    default, private ones excluded: AWS's list changes."""
    monitoring_namespace: Optional[str] = "monitoring"
    """Namespace of Prometheus; monitoring by default."""
    model_bucket_name: Optional[In[str]] = None
    """Bucket of promoted models, for the policy of promotion; none by default."""
    model_key_arn: Optional[In[str]] = None
    """KMS key of that bucket; given together with it."""
    capacity: Optional[Sequence[Capacity]] = []
    """What the node pools can hold, of which `server.pool` names one; none by default."""

    _distinct = checked(distinct, "subnet_ids", "s3_cidrs")
    _clients = checked(_namespaces, "clients")
    _group = checked(SECURITY_GROUP, "cluster_security_group_id")
    _role = checked(ROLE_NAME, "secrets_role_name")
    _vpc = checked(VPC, "vpc_id")
    _cidr = checked(IPV4_CIDR, "vpc_cidr")
    _subnets = checked(each(SUBNET), "subnet_ids")
    _zones = checked(_two_zones, "subnet_ids")
    _cidrs = checked(each(IPV4_CIDR), "s3_cidrs")
    _monitoring = checked(NAMESPACE_NAME, "monitoring_namespace")
    _bucket = checked(BUCKET_NAME, "model_bucket_name")
    _model_key = checked(KEY_ARN, "model_key_arn")

    @property
    def tiers(self) -> Sequence[Capacity]:
        """The tiers of the server's pool; none without a pool."""
        pool = self.server.pool if self.server else None
        return [tier for tier in self.capacity or [] if tier.pool == pool]

    @model_validator(mode="after")
    def _wired(self) -> Self:
        missing = [field for field in _WIRED_FOR_SERVER if getattr(self, field) is None] if self.server else []
        if missing:
            raise ValueError(f"server without {', '.join(missing)}: needed for server; set them")
        if (self.model_bucket_name is None) != (self.model_key_arn is None):
            given = "model_key_arn" if self.model_bucket_name is None else "model_bucket_name"
            raise ValueError(f"{given} alone: allowed are model_bucket_name and model_key_arn together; set both")
        if self.server and self.namespace in (self.clients or {}):
            raise ValueError(f"clients.{self.namespace}: the server's own namespace is no client; take it out")
        return self

    @model_validator(mode="after")
    def _pool_exists(self) -> Self:
        pool = self.server.pool if self.server else None
        if pool is None:
            return self
        known = sorted({tier.pool for tier in self.capacity or []})
        if not self.tiers:
            raise ValueError(f"server.pool {pool!r} is unknown; known are {', '.join(known) or 'none'}; name one")
        purpose = self.tiers[0].purpose
        if purpose not in PURPOSES:
            raise ValueError(
                f"server.pool {pool!r} is for {purpose}; allowed are pools for {' and '.join(PURPOSES)}, since the "
                "others belong to a queue; name another"
            )
        return self
