"""The queue's quotas against the pools' limits, in every environment: numbers that people keep in step by hand."""

import copy
import json
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest

from environments import ENVIRONMENTS, composed
from recorded import ROOT, Recorded

QUEUES = ("kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue", "kubernetes:kueue.x-k8s.io/v1beta2:Cohort")
FLAVOR = "kubernetes:kueue.x-k8s.io/v1beta2:ResourceFlavor"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
POOL = "mlplatform:index:GpuNodePool"
GPU = "nvidia.com/gpu"
UNITS = {"": 1, "m": Fraction(1, 1000), "k": 1000, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}


def amount(text: str) -> Fraction:
    """A quantity of Kubernetes."""
    digits = text.rstrip("mkKMGTPi")
    return Fraction(digits) * UNITS[text[len(digits) :]]


def golden(stack: str) -> Recorded:
    return Recorded(json.loads((ROOT / "tests" / "golden" / f"{stack}.json").read_text()))


def quotas(graph: Recorded) -> dict[str, dict[str, Fraction]]:
    """Nominal quota of every flavor over all ClusterQueues and Cohorts, by resource."""
    sums: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for type_ in QUEUES:
        for node in graph.all(type_):
            for group in node["inputs"]["spec"]["resourceGroups"]:
                for flavor in group["flavors"]:
                    for resource in flavor["resources"]:
                        sums[flavor["name"]][resource["name"]] += amount(resource["nominalQuota"])
    return {name: dict(found) for name, found in sums.items()}


def limits(graph: Recorded) -> dict[str, Mapping[str, Any]]:
    """Limits of every NodePool, by its name."""
    return {node["inputs"]["metadata"]["name"]: node["inputs"]["spec"]["limits"] for node in graph.all(NODE_POOL)}


def capacity(graph: Recorded) -> list[Mapping[str, Any]]:
    """What every tier of every pool can hold."""
    return [tier for node in graph.all(POOL) for tier in node["outputs"]["capacity"]]


def differing(graph: Recorded) -> list[str]:
    """Flavors whose quota of GPUs is not the limit of their NodePool."""
    found, allowed = quotas(graph), limits(graph)
    return [name for name in found if found[name].get(GPU, 0) != amount(str(allowed[name].get(GPU, 0)))]


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_quota_of_gpus_is_the_limit_of_the_node_pool(stack: str) -> None:
    graph = golden(stack)
    assert differing(graph) == []
    assert sum(found.get(GPU, 0) for found in quotas(graph).values()) > 0


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_quota_is_all_that_pods_can_have_at_the_limit(stack: str) -> None:
    graph = golden(stack)
    for tier in capacity(graph):
        if tier["purpose"] in {"training", "notebook"}:
            found = quotas(graph)[tier["flavor"]]
            assert found["cpu"] == Fraction(tier["cpu_millicores"], 1000)
            assert found["memory"] == tier["memory_mib"] * 2**20
            assert found[GPU] == tier.get("gpus", 0)


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_what_serves_is_in_no_queue(stack: str) -> None:
    graph = golden(stack)
    flavors = {node["inputs"]["metadata"]["name"] for node in graph.all(FLAVOR)}
    assert flavors == set(quotas(graph))
    assert flavors == {tier["flavor"] for tier in capacity(graph) if tier["purpose"] in {"training", "notebook"}}
    assert {tier["purpose"] for tier in capacity(graph)} >= {"services", "training"}


def test_quota_follows_the_limit() -> None:
    graph = composed("dev", {"pools.training.spot.limit_gpus": 8})
    assert differing(graph) == []
    assert quotas(graph)["training-spot"][GPU] == 8


def test_limit_that_changes_alone_is_noticed() -> None:
    raw = copy.deepcopy(golden("prod").raw)
    node = Recorded(raw).one(NODE_POOL, "training-reserved")
    node["inputs"]["spec"]["limits"][GPU] = "40"
    assert differing(Recorded(raw)) == ["training-reserved"]
