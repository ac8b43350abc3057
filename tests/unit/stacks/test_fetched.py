"""What `pulumi up` fetches: charts, and nothing from the internet where charts and images come from a registry."""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from environments import ENVIRONMENTS, composed, golden, texts
from mlplatform.addons.matrix import MATRIX
from mlplatform.monitoring_stack import chart
from recorded import Recorded

FETCHING = ("kubernetes:helm.sh/*", "kubernetes:kustomize*", "kubernetes:yaml*")
"""Types whose provider reads what their properties name, and whose charts may."""
OF_CHARTS = ("chart", "repositoryOpts.repo")
"""Properties that a registry of one's own replaces."""
ADDRESS = re.compile(r"\b(?:git|https?|oci|ssh)://([^/\s:\"'{}]+)")
INSIDE = ("*.svc", "*.amazonaws.com", "127.0.0.1", "localhost")
"""Hosts that are not on the internet, or are AWS itself."""
REGISTRY = "registry.example.com"
SETTINGS = {
    f"{part}.{kind}_registry": f"{REGISTRY}/{kind}s" for part in ("addons", "monitoring") for kind in ("chart", "image")
}


def addresses(graph: Recorded) -> Iterator[tuple[str, str, str]]:
    """Name, property and host of each address on the internet that a provider, Helm or a chart may fetch from."""
    for node in graph.resources:
        if any(fnmatchcase(node["type"], pattern) for pattern in FETCHING):
            for path, text in texts(node["inputs"]):
                for host in ADDRESS.findall(text):
                    if not any(fnmatchcase(host, pattern) for pattern in INSIDE):
                        yield node["name"], path, host
        if "plugin_download_url" in node["options"]:
            yield node["name"], "plugin_download_url", node["options"]["plugin_download_url"]


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_only_charts_are_fetched_and_from_their_publishers(stack: str) -> None:
    repositories = [row.repository for row in MATRIX.values()] + [chart.REPOSITORY]
    publishers = {host for repository in repositories for host in ADDRESS.findall(repository)}
    found = list(addresses(golden(stack)))
    assert [entry for entry in found if entry[1] not in OF_CHARTS or entry[2] not in publishers] == []
    assert len(found) > 15


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_nothing_is_fetched_from_elsewhere_with_a_registry(stack: str) -> None:
    hosts = {host for _, _, host in addresses(composed(stack, SETTINGS))}
    assert hosts == {REGISTRY}


def _manifest(node: dict[str, Any]) -> None:
    node["type"] = "kubernetes:yaml/v2:ConfigFile"
    node["inputs"] = {"file": "https://github.com/example/crds/releases/download/v1/install.yaml"}


def _dashboard(node: dict[str, Any]) -> None:
    node["inputs"]["values"]["dashboards"] = {"default": {"gpu": {"url": "https://grafana.com/api/dashboards/1"}}}


def _plugin(node: dict[str, Any]) -> None:
    node["options"]["plugin_download_url"] = "github://api.github.com/example/provider"


@pytest.mark.parametrize("fault", [_manifest, _dashboard, _plugin], ids=lambda fault: fault.__name__)
def test_fault_is_found(fault: Callable[[dict[str, Any]], None]) -> None:
    graph = golden("prod")
    sound = set(addresses(graph))
    fault(graph.one("kubernetes:helm.sh/v3:Release", "monitoring-release"))
    assert {path for _, path, _ in set(addresses(graph)) - sound} & {
        *("file", "values.dashboards.default.gpu.url", "plugin_download_url"),
    }
