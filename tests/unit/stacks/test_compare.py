"""The environments compared: what differs is what their stack files say, and nothing that must differ."""

import json

import pytest

from mlplatform.preview.graph.environments import Environments, compared
from mlplatform.preview.graph.model import Graph
from mlplatform.preview.graph.values import shown_path
from recorded import ROOT

ACCOUNTS = {"dev": "111111111111", "staging": "222222222222", "prod": "333333333333"}


def environments(first: str, second: str) -> Environments:
    graphs = (Graph.of(json.loads((ROOT / "tests" / "golden" / f"{one}.json").read_text())) for one in (first, second))
    return compared(*graphs)


@pytest.mark.parametrize(("first", "second"), [("dev", "staging"), ("staging", "prod"), ("prod", "dev")])
def test_nothing_differs_only_by_account_or_stack(first: str, second: str) -> None:
    found = environments(first, second)
    leaves = [
        (one, other)
        for item in found.items
        for _, one, other in item.differences
        if isinstance(one, str) and isinstance(other, str)
    ]
    assert leaves
    names = {ACCOUNTS[first]: ACCOUNTS[second], first: second}
    for one, other in leaves:
        for name, becomes in names.items():
            assert one.replace(name, becomes) != other, (one, other)
    same = {(one.kind, one.first, one.second) for one in found.same}
    assert {("stack", first, second), ("account", ACCOUNTS[first], ACCOUNTS[second])} <= same


def test_from_staging_to_production() -> None:
    found = environments("staging", "prod")
    components = {item.name: item for item in found.items if item.name in ("network", "training", "addons")}
    differ = {
        name: {shown_path(path): (one, other) for path, one, other in item.differences}
        for name, item in components.items()
    }
    assert differ["network"]["nat"] == ("single", "per_zone")
    assert differ["network"]["flow_logs.retention_days"] == (30, 365)
    assert differ["training"] == {
        "max_job_hours": (24, 72),
        "on_demand.limit_gpus": (8, 16),
        "reserved.limit_gpus": (8, 32),
        "reserved.paused": (True, False),
    }
    assert differ["addons"]["argo.server"] == (False, True)
    only = {item.name for item in found.items if item.where.value == "second"}
    assert {"network-nat-eu-west-1b", "network-nat-eu-west-1c", "steps-on-demand"} <= only
    same = {(one.first, one.second) for one in found.same if one.kind == "resource"}
    assert {one.rpartition("-")[0] for pair in same for one in pair} == {
        "cluster-access-deployer",
        "cluster-access-engineer",
    }
