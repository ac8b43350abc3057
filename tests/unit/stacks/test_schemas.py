"""Every Kubernetes object that is made here against its published schema, and that the check can fail."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlplatform.facts.kubernetes.egress import ToCidr, ToPods, default_deny, egress
from recorded import ROOT
from schemas import NoDefinition, problems

NOWHERE = Path("nowhere")
OBJECTS = {"dev": 109, "staging": 140, "prod": 179}
"""Kubernetes objects of each environment; every kind of them has a definition."""
SPECS = {
    "deny": default_deny(),
    "egress": egress({"app": "trainer"}, to=[ToCidr("10.0.0.0/16", [443]), ToPods({"app": "mlflow"}, ports=[5000])]),
}


def policy(spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "x"}, "spec": spec}


def node_pool(**spec: Any) -> dict[str, Any]:
    reference = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"}
    template = {"spec": {"nodeClassRef": reference, "requirements": []}}
    pool = {"template": template, **spec}
    return {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "x"}, "spec": pool}


@pytest.mark.parametrize("name", SPECS)
def test_network_policies_validate(name: str) -> None:
    assert problems(policy(SPECS[name]), NOWHERE) == []


def test_built_in_objects_with_a_mistake_do_not() -> None:
    assert problems(policy({**SPECS["egress"], "egres": []}), NOWHERE) != []
    assert problems(policy({**SPECS["egress"], "policyTypes": "Egress"}), NOWHERE) != []


def test_custom_objects_are_held_to_their_definition(reference: Callable[[str], Path]) -> None:
    crds = reference("crds")
    assert problems(node_pool(weight=10, limits={"cpu": 10, "nvidia.com/gpu": "8"}), crds) == []
    assert problems(node_pool(weight="ten"), crds) == ["spec.weight: 'ten' is not of type 'integer'"]
    assert problems(node_pool(wieght=10), crds) == [
        "spec: Additional properties are not allowed ('wieght' was unexpected)"
    ]
    with pytest.raises(NoDefinition, match=r"karpenter.sh/v2 NodePool"):
        problems({**node_pool(), "apiVersion": "karpenter.sh/v2"}, crds)


@pytest.mark.parametrize(("stack", "count"), OBJECTS.items())
def test_objects_of_the_environments_validate(stack: str, count: int, reference: Callable[[str], Path]) -> None:
    nodes = json.loads((ROOT / "tests" / "golden" / f"{stack}.json").read_text())["resources"]
    objects = [
        node["inputs"] for node in nodes if node["type"].startswith("kubernetes:") and "apiVersion" in node["inputs"]
    ]
    assert len(objects) == count
    assert [found for item in objects for found in problems(item, reference("crds"))] == []
