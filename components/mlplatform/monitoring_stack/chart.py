"""The chart kube-prometheus-stack, and the values that it is installed with. Its CRDs come from elsewhere.

What the chart has of rules and dashboards stays only where nothing here watches the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from mlplatform.facts.kubernetes.pods import container_security
from mlplatform.monitoring_stack.alertmanager import configuration, urls
from mlplatform.monitoring_stack.args import (
    AlertmanagerServer,
    GrafanaServer,
    MonitoringStackArgs,
    PrometheusServer,
    nodes_namespace,
)

CHART: Final = "kube-prometheus-stack"
VERSION: Final = "88.5.3"
REPOSITORY: Final = "https://prometheus-community.github.io/helm-charts"
LONGEST_NAME: Final = 26
"""Characters of `fullnameOverride` that the chart uses: it makes longer names of it (its templates/_helpers.tpl)."""
PROMETHEUS: Final = "prometheus"
"""Service account of Prometheus; Pod Identity matches by it."""
ALERTMANAGER: Final = "alertmanager"
"""Service account of Alertmanager; Pod Identity matches by it."""
GRAFANA_DASHBOARD: Final = ("grafana_dashboard", "1")
"""Label of the ConfigMaps that Grafana's sidecar loads."""
ADMIN_KEYS: Final[Mapping[str, str]] = {"userKey": "username", "passwordKey": "password"}
"""Keys of the administrator's credentials, in Grafana's words and in the secret."""
COLLECTED: Final = (
    *("cronjobs", "daemonsets", "deployments", "horizontalpodautoscalers", "jobs", "namespaces"),
    *("nodes", "persistentvolumeclaims", "persistentvolumes", "poddisruptionbudgets", "pods", "replicasets"),
    *("resourcequotas", "services", "statefulsets", "storageclasses"),
)
"""What kube-state-metrics may list and watch: of its defaults, what is of use here. With secrets and ConfigMaps it
could read every secret of the cluster."""
_NOT_ON_EKS: Final = ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler")
"""Parts of the control plane whose metrics EKS does not give, and kube-proxy, which gives them to its node only."""
_NO_RULES: Final = (
    # Of what EKS has no metrics of.
    *("etcd", "kubeControllerManager", "kubeProxy", "kubeSchedulerAlerting", "kubeSchedulerRecording", "windows"),
    # Of what rules here watch, under the same names or by the same cause.
    *("general", "kubernetesApps", "kubernetesStorage"),
    # Overcommitted requests are normal where nodes come on demand; network interfaces come and go with pods.
    *("kubernetesResources", "network"),
)
_SPREAD: Final = {"podAntiAffinity": "hard", "podAntiAffinityTopologyKey": "kubernetes.io/hostname"}
_SMALL: Final = {"requests": {"cpu": "25m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
_MIDDLE: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}
"""Requests of the small parts, for tens of nodes; no limit of CPU, which would delay them."""


@dataclass(frozen=True, slots=True)
class Wired:
    """What the values need of other resources."""

    topic_arn: pulumi.Input[str]
    """Topic that Alertmanager sends to."""
    region: pulumi.Input[str]
    """Region of the topic."""
    urls_secret: str
    """Secret with the URLs of webhooks."""
    admin_secret: str
    """Secret with the credentials of Grafana's administrator."""
    remote_write: Mapping[str, object] | None
    """Where Prometheus writes a copy of every series; None for nowhere."""


def values(name: str, args: MonitoringStackArgs, wired: Wired) -> dict[str, object]:
    """All values that differ from the chart's defaults; `name` begins the names of all objects."""
    return {
        "fullnameOverride": name,
        "crds": {"enabled": False},
        # Every subchart takes its images from there too, each under its own path.
        **({} if args.image_registry is None else {"global": {"imageRegistry": args.image_registry}}),
        "defaultRules": {"rules": dict.fromkeys(_NO_RULES, False)},
        **{part: {"enabled": False} for part in _NOT_ON_EKS},
        "prometheusOperator": {"resources": _MIDDLE},
        "prometheus": _prometheus(args, wired),
        "alertmanager": _alertmanager(args, wired),
        "grafana": {"enabled": False} if args.grafana is None else _grafana(args, args.grafana, wired),
        "kube-state-metrics": {
            "collectors": list(COLLECTED),
            "resources": _MIDDLE,
            "containerSecurityContext": container_security(),
        },
        # It needs the network and the file system of its host, which the namespace of the others forbids.
        "prometheus-node-exporter": {
            "namespaceOverride": nodes_namespace(str(args.namespace)),
            "resources": _SMALL,
        },
    }


def _prometheus(args: MonitoringStackArgs, wired: Wired) -> dict[str, object]:
    server = args.prometheus or PrometheusServer()
    several = (server.replicas or 1) > 1
    memory = _text("{0}Mi", server.memory_mib)
    selected = ("podMonitor", "probe", "rule", "scrapeConfig", "serviceMonitor")
    return {
        "serviceAccount": {"name": PROMETHEUS},
        "podDisruptionBudget": {"enabled": several},
        "prometheusSpec": {
            "replicas": server.replicas,
            # By it, Amazon Managed Service for Prometheus keeps one copy of what several servers send (its User Guide,
            # Send high-availability data with the Prometheus Operator).
            **({"replicaExternalLabelName": "__replica__"} if several else {}),
            "externalLabels": {"cluster": args.cluster_name},
            # Else only monitors and rules with the label of this release count.
            **{f"{kind}SelectorNilUsesHelmValues": False for kind in selected},
            "scrapeInterval": _text("{0}s", server.scrape_seconds),
            "retention": _text("{0}d", server.retention_days),
            "retentionSize": pulumi.Output.from_input(server.disk_gib).apply(lambda gib: f"{(gib or 0) * 4 // 5}GiB"),
            "storageSpec": _volume(args, server.disk_gib),
            "resources": {
                "requests": {"cpu": _text("{0}m", server.cpu_millicores), "memory": memory},
                "limits": {"memory": memory},
            },
            **({"remoteWrite": [wired.remote_write]} if wired.remote_write else {}),
            **_SPREAD,
        },
    }


def _alertmanager(args: MonitoringStackArgs, wired: Wired) -> dict[str, object]:
    server = args.alertmanager or AlertmanagerServer()
    return {
        "serviceAccount": {"name": ALERTMANAGER},
        "podDisruptionBudget": {"enabled": (server.replicas or 1) > 1},
        "config": configuration(server, topic_arn=wired.topic_arn, region=wired.region, secret=wired.urls_secret),
        "alertmanagerSpec": {
            "replicas": server.replicas,
            "secrets": [wired.urls_secret] if urls(server) else [],
            "storage": _volume(args, server.disk_gib),
            "resources": _SMALL,
            **_SPREAD,
        },
    }


def _grafana(args: MonitoringStackArgs, server: GrafanaServer, wired: Wired) -> dict[str, object]:
    # ConfigMaps of its own namespace only: by default it may read every ConfigMap and secret of the cluster.
    own = {"searchNamespace": args.namespace, "resource": "configmap"}
    return {
        "admin": {"existingSecret": wired.admin_secret, **ADMIN_KEYS},
        "rbac": {"namespaced": True},
        "sidecar": {"dashboards": own, "datasources": own, "resources": _SMALL},
        "persistence": {
            "enabled": True,
            "storageClassName": args.storage_class,
            "size": _text("{0}Gi", server.disk_gib),
        },
        # It would run as root; the volume belongs to Grafana's group by `fsGroup`.
        "initChownData": {"enabled": False},
        # Of two pods, the second would wait for the volume for ever.
        "deploymentStrategy": {"type": "Recreate"},
        "resources": _MIDDLE,
        "testFramework": {"enabled": False},
        "grafana.ini": {
            "analytics": {"check_for_updates": False, "reporting_enabled": False},
            "auth.anonymous": {"enabled": False},
            "users": {"allow_sign_up": False},
        },
    }


def _volume(args: MonitoringStackArgs, gib: pulumi.Input[int] | None) -> dict[str, object]:
    spec = {
        "storageClassName": args.storage_class,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": _text("{0}Gi", gib)}},
    }
    return {"volumeClaimTemplate": {"spec": spec}}


def _text(pattern: str, number: pulumi.Input[int] | None) -> pulumi.Output[str]:
    return pulumi.Output.format(pattern, number)
