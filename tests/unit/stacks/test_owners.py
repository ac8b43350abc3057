"""No two owners: each controller, exporter and set of CRDs is installed once in each environment."""

import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

from environments import ENVIRONMENTS, golden
from recorded import Recorded

RELEASE = "kubernetes:helm.sh/v3:Release"
RENDERED = "kubernetes:helm.sh/v4:Chart"

# API groups of the CRDs that a chart has, be it among its templates or in its folder of CRDs.
CHARTS: dict[str, tuple[str, ...]] = {
    "argo-workflows": ("argoproj.io",),
    "aws-load-balancer-controller": ("elbv2.k8s.aws",),
    "cert-manager": ("cert-manager.io",),
    "external-secrets": ("external-secrets.io",),
    "gateway-crds-helm": ("gateway.envoyproxy.io", "gateway.networking.k8s.io"),
    "gateway-helm": ("gateway.envoyproxy.io", "gateway.networking.k8s.io"),
    "gpu-operator": ("nvidia.com", "nfd.k8s-sigs.io"),
    "karpenter": ("karpenter.k8s.aws", "karpenter.sh"),
    "karpenter-crd": ("karpenter.k8s.aws", "karpenter.sh"),
    "keda": ("keda.sh",),
    "kserve-crd": ("serving.kserve.io",),
    "kube-prometheus-stack": ("monitoring.coreos.com",),
    "kubeflow-trainer": ("jobset.x-k8s.io", "trainer.kubeflow.org"),
    "kueue": ("kueue.x-k8s.io",),
    "prometheus-operator-crds": ("monitoring.coreos.com",),
}
# What a chart runs beside its own controller.
EXPORTERS: dict[str, tuple[str, ...]] = {
    "dcgm-exporter": ("dcgm-exporter",),
    "gpu-operator": ("dcgm-exporter", "device-plugin"),
    "kube-prometheus-stack": ("kube-state-metrics", "node-exporter", "prometheus-operator"),
    "nvidia-device-plugin": ("device-plugin",),
    "prometheus-pushgateway": ("pushgateway",),
}
BUILT_IN = (
    "apps",
    "autoscaling",
    "batch",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
)


def chart(release: Mapping[str, Any]) -> str:
    return str(release["inputs"]["chart"].rpartition("/")[2])


def crds(release: Mapping[str, Any]) -> tuple[str, ...]:
    """API groups of the CRDs that a release installs, as it is configured."""
    off = release["inputs"].get("values", {}).get("crds", {}).get("enabled") is False
    return () if off or release["inputs"].get("skipCrds") else CHARTS.get(chart(release), ())


def owners(graph: Recorded) -> dict[str, list[str]]:
    """Who installs each set of CRDs, each exporter and each chart."""
    found: dict[str, list[str]] = defaultdict(list)
    for release in (*graph.all(RELEASE), *graph.all(RENDERED)):
        for owned in (*crds(release), *EXPORTERS.get(chart(release), ()), f"chart {chart(release)}"):
            found[owned].append(release["name"])
    for addon in graph.all("aws:eks/addon:Addon"):
        found[f"add-on {addon['inputs']['addonName']}"].append(addon["name"])
    return dict(found)


def groups(graph: Recorded) -> set[str]:
    """API groups of the custom resources of an environment."""
    versions = {node["inputs"].get("apiVersion", "v1") for node in graph.resources if node["type"].startswith("kube")}
    return {version.rpartition("/")[0] for version in versions} - {"", *BUILT_IN}


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_everything_has_one_owner(stack: str) -> None:
    assert {owned: names for owned, names in owners(golden(stack)).items() if len(names) > 1} == {}


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_custom_resource_has_its_crds_installed(stack: str) -> None:
    graph = golden(stack)
    assert groups(graph) - set(owners(graph)) == set()
    assert {"karpenter.sh", "kueue.x-k8s.io", "serving.kserve.io", "monitoring.coreos.com"} <= groups(graph)


def test_second_owner_is_noticed() -> None:
    raw = copy.deepcopy(golden("prod").raw)
    release = Recorded(raw).one(RELEASE, "monitoring-release")
    release["inputs"]["values"]["crds"]["enabled"] = True
    release["inputs"]["skipCrds"] = False
    assert owners(Recorded(raw))["monitoring.coreos.com"] == ["addons-prometheus-operator-crds", "monitoring-release"]
