"""ModelRegistry: valid sets of arguments, and for each field another value that shows in the graph."""

from examples import kubernetes
from examples.hardened_bucket import COPY_KEY, KEY
from mlplatform.model_registry import ModelRegistry, ModelRegistryArgs

ARGS = ModelRegistryArgs
IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/mlflow@sha256:{'0a1b2c3d' * 8}"
NEXT = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/mlflow@sha256:{'1a1b2c3d' * 8}"
SECRET = "platform/registry"
CERTIFICATES = "-----BEGIN CERTIFICATE-----\nMIIEBjCCAu6gAwIBAgIJAMc0\n-----END CERTIFICATE-----\n"

SERVICES: dict[str, object] = {
    "flavor": "services-spot",
    "pool": "services",
    "tier": "spot",
    "purpose": "services",
    "node_labels": {"karpenter.sh/nodepool": "services-spot"},
    "tolerations": [{"key": "example.com/services"}],
    "cpu_millicores": 15_500,
    "memory_mib": 60_000,
}
INFERENCE: dict[str, object] = {
    **SERVICES,
    "flavor": "l40s-on-demand",
    "pool": "l40s",
    "tier": "on-demand",
    "purpose": "inference",
    "node_labels": {"karpenter.sh/nodepool": "l40s-on-demand"},
    "tolerations": [{"key": "nvidia.com/gpu"}],
}
WIRED: dict[str, object] = {
    "secret_store": "secrets-manager",
    "cluster_name": "ml-dev",
    "cluster_security_group_id": "sg-0a1b2c3d",
    "secrets_role_name": "external-secrets-role",
    "vpc_id": "vpc-0a1b2c3d",
    "vpc_cidr": "10.0.0.0/16",
    "subnet_ids": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
}
SMALLEST: dict[str, object] = {"server": {"image": IMAGE, "credentials_secret": SECRET}, **WIRED}
EXISTING: dict[str, object] = {
    "existing": {"tracking_uri": "https://mlflow.example.com", "credentials_secret": "teams/mlflow"},
    "secret_store": "secrets-manager",
    "clients": {"pipelines": {"access": "writer"}, "drift": {"access": "reader"}},
    "model_bucket_name": "promoted-models",
    "model_key_arn": KEY,
}
BASE: dict[str, object] = {
    "server": {
        "image": IMAGE,
        "credentials_secret": SECRET,
        "pool": "services",
        "artifacts": {
            "replication": {"destination_bucket_arn": "arn:aws:s3:::replicas", "destination_kms_key_arn": COPY_KEY}
        },
        "database": {"certificates": CERTIFICATES},
    },
    **WIRED,
    "clients": {"pipelines": {"access": "writer", "pod_labels": {"app": "trainer"}}, "drift": {"access": "reader"}},
    "model_bucket_name": "promoted-models",
    "model_key_arn": KEY,
    "capacity": [SERVICES, INFERENCE],
}

CHANGES: dict[str, object] = {
    "server.image": NEXT,
    "server.credentials_secret": "platform/mlflow",
    "server.replicas": 3,
    "server.workers": 4,
    "server.cpu_millicores": 1000,
    "server.memory_mib": 4096,
    "server.disk_gib": 100,
    "server.hosts": ["registry.example.com"],
    "server.metrics": False,
    "server.pool": "l40s",
    "server.collection.schedule": "0 4 * * 0",
    "server.collection.older_than_days": 7,
    "server.artifacts.lifecycle.noncurrent_days": 90,
    "server.artifacts.lifecycle.abort_multipart_days": 1,
    "server.artifacts.lifecycle.intelligent_tiering": False,
    "server.artifacts.lifecycle.intelligent_tiering_days": 0,
    "server.artifacts.lifecycle.expire_days": {"artifacts/0/": 40},
    "server.artifacts.access_logs.bucket_name": "access-logs",
    "server.artifacts.access_logs.retention_days": 365,
    "server.artifacts.replication.destination_bucket_arn": "arn:aws:s3:::copies",
    "server.artifacts.replication.destination_kms_key_arn": f"{COPY_KEY[:-1]}9",
    "server.artifacts.replication.delete_markers": True,
    "server.database.identifier": "registry",
    "server.database.postgres_version": 16,
    "server.database.instance_class": "db.m7g.large",
    "server.database.storage_gib": 50,
    "server.database.max_storage_gib": 500,
    "server.database.multi_az": False,
    "server.database.backup_days": 35,
    "server.database.monitoring_seconds": 0,
    "server.database.log_retention_days": 30,
    "server.database.certificates": CERTIFICATES * 2,
    "existing.tracking_uri": "https://mlflow.example.org",
    "existing.credentials_secret": "teams/registry",
    "namespace": "mlflow",
    "kms_key_arn": KEY,
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
    "deletion_protection": False,
    "force_destroy": True,
    "secret_store": "parameter-store",
    "clients.pipelines.access": "reader",
    "clients.pipelines.pod_labels": {},
    "clients.pipelines.credentials": False,
    "cluster_name": "ml-test",
    "cluster_security_group_id": "sg-1a1b2c3d",
    "secrets_role_name": "secrets-reader",
    "vpc_id": "vpc-1a1b2c3d",
    "vpc_cidr": "10.1.0.0/16",
    "subnet_ids": ["subnet-2a1b2c3d", "subnet-3a1b2c3d"],
    "s3_cidrs": ["52.216.0.0/15"],
    "monitoring_namespace": "observability",
    "model_bucket_name": "models",
    "model_key_arn": COPY_KEY,
    "capacity.0.node_labels": {"karpenter.sh/nodepool": "services-reserved"},
    "capacity.0.tolerations.0.key": "example.com/servers",
    "capacity.0.tolerations.0.operator": "Equal",
    "capacity.0.tolerations.0.value": "true",
    "capacity.0.tolerations.0.effect": "NoExecute",
    "capacity.0.pool": "others",
}
_ADOPTED = {**dict.fromkeys(BASE), **EXISTING}
CONTEXT: dict[str, dict[str, object]] = {
    "capacity.0.pool": {
        "capacity": [SERVICES, {**SERVICES, "flavor": "services-on-demand", "node_labels": {"a": "b"}}]
    },
    "capacity.0.tolerations.0.value": {"capacity.0.tolerations.0.operator": "Equal"},
    "force_destroy": {"deletion_protection": False},
    "existing.tracking_uri": _ADOPTED,
    "existing.credentials_secret": _ADOPTED,
}
_OF_QUEUES = "what a queue needs to know of a tier"
EXCEPTIONS: dict[str, str] = {
    "capacity.0.flavor": _OF_QUEUES,
    "capacity.0.tier": _OF_QUEUES,
    "capacity.0.purpose": "decides whether the pool is accepted",
    "capacity.0.gpu_resource": _OF_QUEUES,
    "capacity.0.gpus": _OF_QUEUES,
    "capacity.0.cpu_millicores": _OF_QUEUES,
    "capacity.0.memory_mib": _OF_QUEUES,
    "capacity.0.standing": _OF_QUEUES,
}


def program(args: dict[str, object], name: str = "x") -> None:
    """A model registry, and nothing beside it."""
    ModelRegistry(name, ModelRegistryArgs.of(args), kubernetes(name))
