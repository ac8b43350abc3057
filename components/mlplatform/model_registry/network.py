"""Who may speak to the pods of the registry, and whom they may speak to, as specs of network policies."""

from collections.abc import Mapping
from typing import Any, Final

from mlplatform.contracts.labels import NAMESPACE_NAME, PROMETHEUS
from mlplatform.contracts.registry import PORT
from mlplatform.facts.kubernetes.egress import ToCidr, ToPods, egress, to_https
from mlplatform.model_registry.args import ModelRegistryArgs
from mlplatform.model_registry.mlflow import DATABASE_PORT

HTTPS: Final = 443

Labels = Mapping[str, str]


def of_server(args: ModelRegistryArgs, server: Labels, collection: Labels, *, metrics: bool) -> dict[str, Any]:
    """The server's policy: clients, the collection and Prometheus come in; database and AWS are reached."""
    storage = to_https(args.s3_cidrs or ())
    clients = [_peer(namespace, client.pod_labels or {}) for namespace, client in sorted((args.clients or {}).items())]
    prometheus = [_peer(str(args.monitoring_namespace), PROMETHEUS)] if metrics else []
    peers = [*clients, *prometheus, {"podSelector": {"matchLabels": dict(collection)}}]
    return {
        **egress(server, to=(ToCidr(args.vpc_cidr, (DATABASE_PORT, HTTPS)), *storage)),
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": peers, "ports": [{"protocol": "TCP", "port": PORT}]}],
    }


def of_jobs(args: ModelRegistryArgs, jobs: Labels, server: Labels) -> dict[str, Any]:
    """The policy of jobs: nobody comes in; database and server are reached."""
    spec = egress(jobs, to=(ToCidr(args.vpc_cidr, (DATABASE_PORT,)), ToPods(server, ports=(PORT,))))
    return {**spec, "policyTypes": ["Ingress", "Egress"]}


def _peer(namespace: str, labels: Labels) -> dict[str, Any]:
    return {
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: namespace}},
        "podSelector": {"matchLabels": dict(labels)} if labels else {},
    }
