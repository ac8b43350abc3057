"""Quotas from capacity: pure arithmetic that must leave nothing over and hand nothing out twice."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.core.capacity import Capacity
from mlplatform.training_queue import quotas
from mlplatform.training_queue.quotas import Quotas

GPU = "nvidia.com/gpu"
MIG = "nvidia.com/mig-1g.10gb"


def tier(flavor: str, **more: Any) -> Capacity:
    base = {"pool": "p", "tier": "spot", "purpose": "training", "node_labels": {"karpenter.sh/nodepool": flavor}}
    return Capacity(**{**base, "flavor": flavor, "cpu_millicores": 0, "memory_mib": 0, **more})


H100 = tier("h100", gpu_resource=GPU, gpus=16, cpu_millicores=382_000, memory_mib=4_050_000)
SLICES = tier("slices", gpu_resource=MIG, gpus=7, cpu_millicores=95_500, memory_mib=1_000_001)
STEPS = tier("steps", cpu_millicores=63_500, memory_mib=249_856)
PAUSED = tier("paused", gpu_resource=GPU, gpus=0)


def total(capacity: list[Capacity], found: Quotas) -> dict[str, dict[str, int]]:
    """What teams and Cohort have together, by flavor and resource."""
    return {
        one.flavor: {
            resource: found.shared[one.flavor][resource]
            + sum(team[one.flavor][resource] for team in found.teams.values())
            for resource in quotas.total(one)
        }
        for one in capacity
    }


def test_a_guarantee_takes_cpu_and_memory_in_proportion() -> None:
    found = quotas.split([H100, STEPS], {"vision": {"h100": 4}, "nlp": {"steps": 10}})
    assert found.teams == {
        "vision": {"h100": {GPU: 4, "cpu": 95_500, "memory": 1_012_500}, "steps": {"cpu": 0, "memory": 0}},
        "nlp": {"h100": {GPU: 0, "cpu": 0, "memory": 0}, "steps": {"cpu": 10_000, "memory": 39_347}},
    }
    assert found.shared == {
        "h100": {GPU: 12, "cpu": 286_500, "memory": 3_037_500},
        "steps": {"cpu": 53_500, "memory": 210_509},
    }


def test_without_guarantees_all_is_shared() -> None:
    found = quotas.split([H100], {"vision": {}})
    assert found.shared == {"h100": {GPU: 16, "cpu": 382_000, "memory": 4_050_000}}
    assert found.teams == {"vision": {"h100": {GPU: 0, "cpu": 0, "memory": 0}}}


def test_a_paused_tier_has_nothing() -> None:
    assert quotas.split([PAUSED], {"vision": {}}).shared == {"paused": {GPU: 0, "cpu": 0, "memory": 0}}
    assert quotas.portion(PAUSED, 3) == {GPU: 0, "cpu": 0, "memory": 0}


@st.composite
def platforms(draw: st.DrawFn) -> tuple[list[Capacity], dict[str, dict[str, int]]]:
    """Pools of every kind, and guarantees of several teams that fit them."""
    amounts = st.integers(0, 10**7)
    capacity = [
        tier(
            f"flavor-{at}",
            gpu_resource=draw(st.sampled_from([None, GPU, MIG])),
            gpus=draw(st.integers(0, 4096)),
            cpu_millicores=draw(amounts),
            memory_mib=draw(amounts),
        )
        for at in range(draw(st.integers(1, 4)))
    ]
    teams: dict[str, dict[str, int]] = {f"team-{at}": {} for at in range(draw(st.integers(1, 4)))}
    for one in capacity:
        left = quotas.units(one)
        for asked in teams.values():
            asked[one.flavor] = draw(st.integers(0, left))
            left -= asked[one.flavor]
    return capacity, teams


@given(platforms())
def test_teams_and_cohort_sum_to_every_limit_exactly(
    platform: tuple[list[Capacity], dict[str, dict[str, int]]],
) -> None:
    capacity, teams = platform
    found = quotas.split(capacity, teams)
    assert total(capacity, found) == {one.flavor: quotas.total(one) for one in capacity}
    assert all(amount >= 0 for flavor in found.shared.values() for amount in flavor.values())


@given(platforms())
def test_a_team_has_the_units_that_it_was_guaranteed(
    platform: tuple[list[Capacity], dict[str, dict[str, int]]],
) -> None:
    capacity, teams = platform
    found = quotas.split(capacity, teams)
    for team, asked in teams.items():
        for one in capacity:
            resource, factor = (one.gpu_resource, 1) if one.gpu_resource else ("cpu", 1000)
            assert found.teams[team][one.flavor][resource] == asked[one.flavor] * factor


@given(platforms())
def test_more_units_never_have_less_of_anything(platform: tuple[list[Capacity], dict[str, dict[str, int]]]) -> None:
    for one in platform[0]:
        counts = range(min(quotas.units(one), 20))
        for resource in quotas.total(one):
            amounts = [quotas.portion(one, count)[resource] for count in counts]
            assert amounts == sorted(amounts)


def test_a_limit_that_changes_changes_its_quota() -> None:
    more = H100.model_copy(update={"gpus": 24})
    before, after = (quotas.split([one], {"vision": {"h100": 4}}) for one in (H100, more))
    assert after.shared["h100"][GPU] - before.shared["h100"][GPU] == 8


def test_work_without_gpu_looks_at_pools_without_one_first() -> None:
    assert [one.flavor for one in quotas.ordered([H100, STEPS, SLICES])] == ["steps", "h100", "slices"]


def test_every_flavor_has_a_quota_of_every_resource() -> None:
    capacity = [H100, SLICES, STEPS]
    assert quotas.resource_groups(capacity, quotas.split(capacity, {}).shared) == [
        {
            "coveredResources": [GPU, MIG, "cpu", "memory"],
            "flavors": [
                {
                    "name": "steps",
                    "resources": [
                        {"name": GPU, "nominalQuota": "0"},
                        {"name": MIG, "nominalQuota": "0"},
                        {"name": "cpu", "nominalQuota": "63500m"},
                        {"name": "memory", "nominalQuota": "244Gi"},
                    ],
                },
                {
                    "name": "h100",
                    "resources": [
                        {"name": GPU, "nominalQuota": "16"},
                        {"name": MIG, "nominalQuota": "0"},
                        {"name": "cpu", "nominalQuota": "382"},
                        {"name": "memory", "nominalQuota": "4050000Mi"},
                    ],
                },
                {
                    "name": "slices",
                    "resources": [
                        {"name": GPU, "nominalQuota": "0"},
                        {"name": MIG, "nominalQuota": "7"},
                        {"name": "cpu", "nominalQuota": "95500m"},
                        {"name": "memory", "nominalQuota": "1000001Mi"},
                    ],
                },
            ],
        }
    ]


def test_limits_stand_beside_the_quota_of_their_flavor_only() -> None:
    nominal = quotas.split([H100, STEPS], {}).shared
    limits = {"lendingLimit": {"h100": quotas.portion(H100, 4)}, "borrowingLimit": {}}
    steps, h100 = quotas.resource_groups([H100, STEPS], nominal, limits)[0]["flavors"]
    assert h100["resources"] == [
        {"name": GPU, "nominalQuota": "16", "lendingLimit": "4"},
        {"name": "cpu", "nominalQuota": "382", "lendingLimit": "95500m"},
        {"name": "memory", "nominalQuota": "4050000Mi", "lendingLimit": "1012500Mi"},
    ]
    assert all(set(resource) == {"name", "nominalQuota"} for resource in steps["resources"])


@pytest.mark.parametrize(
    ("resource", "amount", "text"),
    [
        (GPU, 0, "0"),
        (GPU, 8, "8"),
        (GPU, 1000, "1k"),
        (GPU, 1024, "1024"),
        ("cpu", 0, "0"),
        ("cpu", 500, "500m"),
        ("cpu", 1000, "1"),
        ("cpu", 63_500, "63500m"),
        ("cpu", 4_000_000, "4k"),
        ("memory", 0, "0"),
        ("memory", 1, "1Mi"),
        ("memory", 1024, "1Gi"),
        ("memory", 1536, "1536Mi"),
        ("memory", 2 * 1024**2, "2Ti"),
    ],
)
def test_quantities_are_spelt_as_kubernetes_spells_them(resource: str, amount: int, text: str) -> None:
    assert quotas.quantity(resource, amount) == text


SUFFIX = {"": 1, "k": 10**3, "M": 10**6, "Mi": 1, "Gi": 1024, "Ti": 1024**2, "Pi": 1024**3, "Ei": 1024**4}


@given(st.sampled_from([GPU, "cpu", "memory"]), st.integers(0, 10**12))
def test_a_quantity_is_the_amount(resource: str, amount: int) -> None:
    found = re.fullmatch(r"(\d+)(\w*)", quotas.quantity(resource, amount))
    assert found
    number, suffix = int(found[1]), found[2]
    whole = number if suffix == "m" else number * SUFFIX[suffix] * (1000 if resource == "cpu" else 1)
    assert whole == amount
