"""The server: its Deployment, Service, disruption budget and monitor."""

from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.contracts.registry import PORT
from mlplatform.hardened_bucket import HardenedBucket
from mlplatform.model_registry import mlflow, pods
from mlplatform.model_registry.pods import SERVER, SERVER_ACCOUNT, Home
from mlplatform.model_registry.secrets import ACCOUNTS, ADMIN_USERNAME, CONNECTION

DRAIN_SECONDS: Final = 15
"""Seconds that a server goes on after it was told to end: others learn of it later than it does."""
GRACE_SECONDS: Final = 120
"""Seconds in which uploads under way may end."""
PROBE_SECONDS: Final = 10
STARTUP_FAILURES: Final = 30
"""Probes that may fail at the start: five minutes, for MLflow is loaded by each process."""
NODE_SECONDS: Final = 600
"""Seconds within which a node is bought and has pulled the image: the progress deadline that Kubernetes has anyway."""


def service_host(name: str, namespace: str) -> str:
    """Host and port by which pods of the cluster call the server."""
    return f"{name}.{namespace}.svc:{PORT}"


def create(home: Home, bucket: HardenedBucket, opts: pulumi.ResourceOptions) -> None:
    """Makes the server; `opts` name what must be there before its pods."""
    name, args = home.objects.name, home.server
    labels = pods.labels(name, SERVER)
    spec: Any = {
        "replicas": args.replicas,
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": labels},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "progressDeadlineSeconds": NODE_SECONDS,
        "template": pods.template(home, SERVER, None, _pod(home, bucket, labels)),
    }
    # An update brings up one replica after another, and each may take as long as the deadline.
    longest = f"{NODE_SECONDS * ((args.replicas or 1) + 1)}s"
    waiting = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=longest, update=longest))
    k8s.apps.v1.Deployment(
        f"{name}-server",
        metadata=home.objects.metadata(SERVER, namespace=home.namespace, labels=labels),
        spec=spec,
        opts=pulumi.ResourceOptions.merge(opts, waiting),
    )
    service: Any = {
        "selector": labels,
        "ports": [{"name": "http", "port": PORT, "targetPort": PORT, "protocol": "TCP"}],
    }
    k8s.core.v1.Service(
        f"{name}-server",
        # The first label of the address that clients have.
        metadata=home.objects.metadata(SERVER, name=name, namespace=home.namespace),
        spec=service,
        opts=home.objects.inside,
    )
    budget: Any = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": labels},
    }
    k8s.policy.v1.PodDisruptionBudget(
        f"{name}-server",
        metadata=home.objects.metadata(SERVER, namespace=home.namespace),
        spec=budget,
        opts=home.objects.inside,
    )
    if args.metrics:
        _monitor(home, labels)


def _pod(home: Home, bucket: HardenedBucket, labels: dict[str, str]) -> dict[str, Any]:
    disk = pulumi.Output.format("{0}Gi", home.server.disk_gib)
    names = ("tmp", "config", CONNECTION)
    return {
        "serviceAccountName": SERVER_ACCOUNT,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        # Preferred only: a replica in the same zone serves, one that waits for another zone does not.
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "containers": [_container(home, bucket, names, disk)],
        "volumes": pods.volumes(home, names, disk=disk),
    }


def _container(home: Home, bucket: HardenedBucket, mounts: tuple[str, ...], disk: pulumi.Output[str]) -> dict[str, Any]:
    args = home.server
    destination = pulumi.Output.concat("s3://", bucket.bucket_name, "/", mlflow.ARTIFACTS)
    command = mlflow.server_arguments(pulumi.Output.from_input(args.workers).apply(str), destination)
    memory = pulumi.Output.format("{0}Mi", args.memory_mib)
    requests = {"cpu": pulumi.Output.format("{0}m", args.cpu_millicores), "memory": memory, "ephemeral-storage": disk}
    return {
        **pods.container(home, SERVER, command, mounts, _variables(home)),
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "resources": {"requests": requests, "limits": {"memory": memory, "ephemeral-storage": disk}},
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "startupProbe": {**_probe(), "failureThreshold": STARTUP_FAILURES},
        "readinessProbe": {**_probe(), "failureThreshold": 2},
        # A busy server is slow, not dead: a minute without any answer.
        "livenessProbe": {**_probe(), "failureThreshold": 6},
    }


def _variables(home: Home) -> dict[str, Any]:
    args, name = home.build.args, home.objects.name
    hosts = pulumi.Output.from_input(args.vpc_cidr).apply(
        lambda cidr: mlflow.hosts(name, str(args.namespace), str(cidr), home.server.hosts or ())
    )
    key = {"secretKeyRef": {"name": home.secrets[ACCOUNTS], "key": mlflow.SECRET_KEY}}
    return {
        **mlflow.server_environment(hosts),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": key,
        "AWS_DEFAULT_REGION": home.build.place.region,
    }


def _probe() -> dict[str, Any]:
    # The only path, beside the version, that is open to everybody under any name.
    return {
        "httpGet": {"path": "/health", "port": PORT},
        "periodSeconds": PROBE_SECONDS,
        "timeoutSeconds": PROBE_SECONDS // 2,
    }


def _monitor(home: Home, labels: dict[str, str]) -> None:
    """Lets Prometheus scrape each server, as the administrator: MLflow shows metrics to nobody else."""
    secret = home.secrets[ACCOUNTS]
    endpoint = {
        "portNumber": PORT,
        "path": "/metrics",
        "interval": "30s",
        "basicAuth": {
            "username": {"name": secret, "key": ADMIN_USERNAME},
            "password": {"name": secret, "key": mlflow.PASSWORDS[mlflow.ADMIN]},
        },
    }
    spec = {"selector": {"matchLabels": labels}, "podMetricsEndpoints": [endpoint]}
    metadata = home.objects.metadata("metrics", namespace=home.namespace)
    home.objects.custom("metrics", "monitoring.coreos.com/v1", "PodMonitor", spec, metadata=metadata)
