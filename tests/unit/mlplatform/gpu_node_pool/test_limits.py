"""GpuNodePool's arithmetic: nodes, capacity and quotas, for any limits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.gpu_node_pool import CPU, MANAGED, SHARED, WIRED
from mlplatform.contracts import gpu_sharing
from mlplatform.core.args import InvalidArgs
from mlplatform.core.capacity import Tier
from mlplatform.facts.aws.instances import INSTANCE_TYPES, InstanceType, instance_type, with_accelerator
from mlplatform.facts.kubernetes.allocatable import Resources, allocatable
from mlplatform.gpu_node_pool import GpuNodePoolArgs, flavors, limits, selection
from mlplatform.gpu_node_pool.limits import Limit

CPU_KINDS = [kind.name for kind in INSTANCE_TYPES.values() if not kind.accelerator and kind.architecture == "x86_64"]
NOTHING = Resources(0, 0)


def gpu_args(accelerator: str, names: list[str], tiers: dict[str, Any], **more: Any) -> GpuNodePoolArgs:
    given_ = {"purpose": "training", "accelerator": accelerator, "instance_types": names, **tiers}
    return GpuNodePoolArgs.of({"karpenter": {"ami_alias": "al2023@v20261001"}, **WIRED, **given_, **more})


@st.composite
def gpu_pools(draw: st.DrawFn) -> tuple[str, list[str], int]:
    """An accelerator, some of its types, and the GPUs of which a limit is a multiple."""
    accelerator = draw(st.sampled_from(selection.NVIDIA))
    whole = [kind for kind in with_accelerator(accelerator) if kind.whole_accelerators]
    names = draw(st.lists(st.sampled_from([kind.name for kind in whole]), min_size=1, max_size=4, unique=True))
    return accelerator, names, selection.gpus_a_node([instance_type(name) for name in names])


# --- nodes and limits


@pytest.mark.parametrize(
    ("name", "limit", "nodes"),
    [
        ("p5.48xlarge", Limit(gpus=24), 3),
        ("g6.xlarge", Limit(gpus=24), 24),
        ("m7i.xlarge", Limit(cpus=64, memory_gib=256), 16),
        ("c7i.xlarge", Limit(cpus=64, memory_gib=256), 16),
        ("r7i.xlarge", Limit(cpus=64, memory_gib=256), 8),
        ("r7i.xlarge", Limit(), 0),
    ],
)
def test_nodes_that_a_limit_allows(name: str, limit: Limit, nodes: int) -> None:
    assert limit.nodes(instance_type(name)) == nodes


@pytest.mark.parametrize(
    ("names", "step"),
    [(["g6.xlarge"], 1), (["g6.xlarge", "g6.12xlarge"], 4), (["g6.12xlarge", "g6.48xlarge"], 8), (["p5.48xlarge"], 8)],
)
def test_limits_are_multiples_of_the_gpus_of_every_type(names: list[str], step: int) -> None:
    assert selection.gpus_a_node([instance_type(name) for name in names]) == step


@given(gpu_pools(), st.integers(1, 500))
def test_a_limit_is_taken_if_and_only_if_it_is_a_whole_number_of_nodes_of_each_type(
    pool: tuple[str, list[str], int], gpus: int
) -> None:
    accelerator, names, step = pool
    whole = all(gpus % int(instance_type(name).accelerator_count) == 0 for name in names)
    assert whole == (gpus % step == 0)
    if whole:
        gpu_args(accelerator, names, {"on_demand": {"limit_gpus": gpus}})
    else:
        with pytest.raises(InvalidArgs, match=f"allowed are multiples of {step}, the nearest "):
            gpu_args(accelerator, names, {"on_demand": {"limit_gpus": gpus}})


# --- capacity


def test_capacity_of_gpu_nodes_is_what_pods_can_have_of_them() -> None:
    args = gpu_args("H100", ["p5.48xlarge"], {"on_demand": {"limit_gpus": 16}})
    node = allocatable(instance_type("p5.48xlarge"), 110, Resources(500, 1024))
    (found,) = flavors.capacity("train", args)
    assert (found.gpus, found.cpu_millicores, found.memory_mib) == (16, 2 * node.cpu_millicores, 2 * node.memory_mib)
    assert (found.cpu_millicores, found.memory_mib) == (381_900, 3_874_552)


def test_capacity_where_pods_choose_is_the_most_of_each_and_where_nodes_stand_the_least() -> None:
    # Per GPU, g6.xlarge has 4 vCPUs and 16 GiB, g6.2xlarge twice that.
    kinds = [instance_type(name) for name in ("g6.xlarge", "g6.2xlarge")]
    small, large = (allocatable(kind, 110, NOTHING) for kind in kinds)
    chosen = limits.held(Limit(gpus=4), kinds, 110, NOTHING, chosen_by_pods=True)
    standing = limits.held(Limit(gpus=4), kinds, 110, NOTHING, chosen_by_pods=False)
    assert chosen == Resources(4 * large.cpu_millicores, 4 * large.memory_mib)
    assert standing == Resources(4 * small.cpu_millicores, 4 * small.memory_mib)


def test_capacity_of_a_tier_that_is_paused_is_nothing_and_its_quota_stays() -> None:
    args = gpu_args("H100", ["p5.48xlarge"], {"on_demand": {"limit_gpus": 16, "paused": True}})
    (found,) = flavors.capacity("train", args)
    assert (found.gpus, found.cpu_millicores, found.memory_mib) == (0, 0, 0)
    assert [quota["vcpus"] for quota in flavors.service_quotas(args)] == [384]


@given(gpu_pools(), st.integers(1, 60), st.sampled_from([None, 2, 4, 10]))
def test_gpus_of_the_quota_are_the_limit_exactly_and_their_shares_where_shared(
    pool: tuple[str, list[str], int], nodes: int, slices: int | None
) -> None:
    accelerator, names, step = pool
    shared = {"sharing": {"time_slices": slices}, "node_overlays": True} if slices else {}
    args = gpu_args(accelerator, names, {"spot": {"limit_gpus": nodes * step}}, **shared)
    (found,) = flavors.capacity("train", args)
    assert found.gpus == nodes * step * (slices or 1)
    assert found.gpu_resource == ("nvidia.com/gpu.shared" if slices else "nvidia.com/gpu")


@given(gpu_pools(), st.integers(1, 60))
def test_capacity_never_exceeds_the_hardware_at_the_limit(pool: tuple[str, list[str], int], nodes: int) -> None:
    accelerator, names, step = pool
    gpus = nodes * step
    kinds = [instance_type(name) for name in names]
    for found in flavors.capacity("train", gpu_args(accelerator, names, {"on_demand": {"limit_gpus": gpus}})):
        assert 0 < found.cpu_millicores < max(gpus // int(k.accelerator_count) * k.vcpus for k in kinds) * 1000
        assert 0 < found.memory_mib < max(gpus // int(k.accelerator_count) * k.memory_gib for k in kinds) * 1024


@given(
    st.lists(st.sampled_from(CPU_KINDS), min_size=1, max_size=5, unique=True),
    st.integers(1, 1000),
    st.integers(1, 4000),
    st.booleans(),
)
def test_capacity_of_cpu_nodes_never_exceeds_the_limits(
    names: list[str], cpus: int, memory: int, chosen_by_pods: bool
) -> None:
    kinds = [instance_type(name) for name in names]
    found = limits.held(
        Limit(cpus=cpus, memory_gib=memory), kinds, 110, Resources(500, 1024), chosen_by_pods=chosen_by_pods
    )
    assert 0 <= found.cpu_millicores <= cpus * 1000
    assert 0 <= found.memory_mib <= memory * 1024


@given(st.lists(st.sampled_from(CPU_KINDS), min_size=1, max_size=5, unique=True), st.integers(1, 100))
def test_nodes_that_stand_have_at_least_what_their_capacity_says(names: list[str], cpus: int) -> None:
    kinds = [instance_type(name) for name in names]
    limit = Limit(cpus=cpus, memory_gib=4 * cpus)
    nodes = min(limit.nodes(kind) for kind in kinds)
    found = limits.held(limit, kinds, 110, NOTHING, chosen_by_pods=False)
    for kind in kinds:
        node = allocatable(kind, 110, NOTHING)
        assert found.cpu_millicores <= limit.nodes(kind) * node.cpu_millicores
        assert nodes <= limit.nodes(kind)


@pytest.mark.parametrize(
    ("gpu", "profile"), [(gpu, name) for gpu, profiles in gpu_sharing.MIG_PROFILES.items() for name in profiles]
)
def test_quota_of_partitions_is_what_all_gpus_have_of_them(gpu: str, profile: str) -> None:
    name = next(kind.name for kind in with_accelerator(gpu))
    step = int(instance_type(name).accelerator_count)
    args = gpu_args(
        gpu, [name], {"on_demand": {"limit_gpus": 2 * step}}, sharing={"mig_profile": profile}, node_overlays=True
    )
    (found,) = flavors.capacity("train", args)
    assert found.gpu_resource == f"nvidia.com/mig-{profile}"
    assert found.gpus == 2 * step * gpu_sharing.MIG_PROFILES[gpu][profile]


# --- quotas of the account


def test_quotas_add_up_by_code_and_reserved_counts_as_on_demand() -> None:
    tiers = {
        "reserved": {"limit_gpus": 16, "reservation_ids": ["cr-0123456789abcdef0"]},
        "on_demand": {"limit_gpus": 8},
        "spot": {"limit_gpus": 24},
    }
    assert flavors.service_quotas(gpu_args("H100", ["p5.48xlarge"], tiers)) == [
        {"code": "L-417A185B", "name": "Running On-Demand P instances", "vcpus": 3 * 192, "verified": True},
        {"code": "L-7212CCBC", "name": "All P Spot Instance Requests", "vcpus": 3 * 192, "verified": False},
    ]


def test_a_fallback_needs_both_quotas_and_a_capacity_block_none() -> None:
    spot = gpu_args("H100", ["p5.48xlarge"], {"spot": {"limit_gpus": 8, "fallback": "on-demand"}})
    assert [(quota["code"], quota["vcpus"]) for quota in flavors.service_quotas(spot)] == [
        ("L-417A185B", 192),
        ("L-7212CCBC", 192),
    ]
    block = {"limit_gpus": 8, "reservation_ids": ["cr-0123456789abcdef0"], "capacity_block": True}
    assert flavors.service_quotas(gpu_args("H100", ["p5.48xlarge"], {"reserved": block})) == []


def test_quota_is_that_of_the_type_with_the_most_vcpus_a_gpu() -> None:
    args = gpu_args("L4", ["g6.xlarge", "g6.16xlarge", "g6.12xlarge"], {"on_demand": {"limit_gpus": 8}})
    assert [(quota["code"], quota["vcpus"]) for quota in flavors.service_quotas(args)] == [("L-DB2E81BA", 8 * 64)]


@given(gpu_pools(), st.integers(1, 60))
def test_quotas_allow_the_limit_whichever_of_the_types_is_launched(
    pool: tuple[str, list[str], int], nodes: int
) -> None:
    accelerator, names, step = pool
    (quota,) = flavors.service_quotas(gpu_args(accelerator, names, {"on_demand": {"limit_gpus": nodes * step}}))
    for kind in map(instance_type, names):
        assert quota["vcpus"] >= nodes * step // int(kind.accelerator_count) * kind.vcpus


# --- types


def by_need(need: dict[str, Any], accelerator: str | None = None) -> list[str]:
    tier = {"limit_gpus": 8} if accelerator else {"limit_cpus": 640, "limit_memory_gib": 2560}
    args = {**CPU, "accelerator": accelerator, "need": need, "on_demand": tier}
    return [kind.name for kind in GpuNodePoolArgs.of(args).kinds]


def test_types_by_need_have_all_of_it_and_come_from_small_to_large() -> None:
    assert by_need({"gpus": 1, "min_memory_gib": 64}, "L40S") == [
        *("g6e.2xlarge", "g6e.4xlarge", "g6e.8xlarge", "g6e.16xlarge"),
    ]
    assert by_need({"min_vcpus": 8, "max_vcpus": 8}, "A10G") == ["g5.2xlarge"]
    assert by_need({"architecture": "arm64", "max_vcpus": 4}) == ["m7g.large", "m7g.xlarge"]


def test_types_by_need_are_neither_bare_metal_nor_a_share_of_a_gpu() -> None:
    assert "g4dn.metal" not in by_need({}, "T4")
    assert not [name for name in by_need({}, "L4") if name.startswith(("g6f", "gr6f"))]


@given(
    st.sampled_from([None, *selection.NVIDIA]),
    st.integers(1, 64),
    st.integers(1, 512),
)
def test_types_by_need_are_exactly_those_that_meet_it(accelerator: str | None, vcpus: int, memory: int) -> None:
    def fits(kind: InstanceType) -> bool:
        return kind.vcpus >= vcpus and kind.memory_gib >= memory

    wanted = {
        kind.name
        for kind in INSTANCE_TYPES.values()
        if kind.accelerator == accelerator and (kind.whole_accelerators or not accelerator)
        if fits(kind) and not kind.name.endswith(".metal")
    }
    if wanted:
        assert {kind.name for kind in selection.needed(accelerator, fits)} == wanted
    else:
        with pytest.raises(ValueError, match="no known instance type has all of it; there are "):
            selection.needed(accelerator, fits)


# --- what queues and endpoints get


def test_flavors_are_in_the_order_in_which_tiers_are_used() -> None:
    tiers = {
        "spot": {"limit_gpus": 8},
        "reserved": {"limit_gpus": 8, "reservation_tags": {"pool": "h100"}},
        "on_demand": {"limit_gpus": 8},
    }
    args = gpu_args("H100", ["p5.48xlarge"], tiers)
    assert [tier.flavor for tier in flavors.capacity("train", args)] == [
        *("train-reserved", "train-on-demand", "train-spot")
    ]
    turned = gpu_args("H100", ["p5.48xlarge"], tiers, order=["spot", "reserved", "on-demand"])
    assert [tier.tier for tier in flavors.capacity("train", turned)] == [Tier.SPOT, Tier.RESERVED, Tier.ON_DEMAND]


def test_nodes_of_a_flavor_are_known_by_a_label_that_nobody_else_can_set() -> None:
    (karpenters,) = flavors.capacity("notes", GpuNodePoolArgs.of(SHARED))
    (groups,) = flavors.capacity("train", GpuNodePoolArgs.of(MANAGED))
    assert karpenters.node_labels == {"karpenter.sh/nodepool": "notes-on-demand"}
    assert groups.node_labels == {"eks.amazonaws.com/nodegroup": "train-reserved"}
    assert (karpenters.standing, groups.standing) == (False, True)


def test_pods_tolerate_what_keeps_others_away() -> None:
    taints = [
        {"key": "team.dev/only", "value": "vision"},
        {"key": "team.dev/any", "effect": "NoExecute"},
        {"key": "team.dev/rather", "effect": "PreferNoSchedule"},
    ]
    args = gpu_args("H100", ["p5.48xlarge"], {"on_demand": {"limit_gpus": 8}}, taints=taints)
    (found,) = flavors.capacity("train", args)
    assert [toleration.model_dump(exclude_none=True) for toleration in found.tolerations or ()] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "team.dev/only", "operator": "Equal", "value": "vision", "effect": "NoSchedule"},
        {"key": "team.dev/any", "operator": "Exists", "effect": "NoExecute"},
    ]
