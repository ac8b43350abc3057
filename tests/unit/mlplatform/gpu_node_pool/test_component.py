"""GpuNodePool, on its recorded graph."""

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from examples import kubernetes
from examples.gpu_node_pool import BASE, CPU, KEY, MANAGED, ROLE_ARN, SHARED
from mlplatform.core.capacity import Purpose
from mlplatform.gpu_node_pool import GpuNodePool, GpuNodePoolArgs
from mlplatform.gpu_node_pool.purposes import BEHAVIOUR
from promises import covers
from recorded import Recorded, absent, exactly, record
from schemas import problems

NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
OVERLAY = "kubernetes:karpenter.sh/v1alpha1:NodeOverlay"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
PLACEMENT = "aws:ec2/placementGroup:PlacementGroup"
COMPONENT = "mlplatform:index:GpuNodePool"
PROVIDER = "pulumi:providers:kubernetes"

TIERS = ("reserved", "on-demand", "spot")
BLOCK: dict[str, Any] = {
    "limit_gpus": 16,
    "reservation_ids": ["cr-0123456789abcdef0"],
    "capacity_block": True,
}


def graph_of(args: Mapping[str, Any], **options: Any) -> Recorded:
    return record(lambda: GpuNodePool("x", GpuNodePoolArgs.of(args), kubernetes("x")), **options)


def node_class(graph: Recorded) -> dict[str, Any]:
    return dict(graph.inputs(NODE_CLASS)["spec"])


def node_pool(graph: Recorded, tier: str = "on-demand") -> dict[str, Any]:
    return dict(graph.inputs(NODE_POOL, f"x-{tier}")["spec"])


def life(graph: Recorded, tier: str = "on-demand") -> dict[str, Any]:
    """When nodes are ended, and for what."""
    spec = node_pool(graph, tier)
    template = spec["template"]["spec"]
    return {
        "disruption": spec["disruption"],
        **{key: template.get(key) for key in ("expireAfter", "terminationGracePeriod")},
    }


def requirements(graph: Recorded, tier: str = "on-demand") -> dict[str, list[str]]:
    found = node_pool(graph, tier)["template"]["spec"]["requirements"]
    assert {one["operator"] for one in found} == {"In"}
    return {one["key"]: one["values"] for one in found}


def outputs(graph: Recorded) -> dict[str, Any]:
    return dict(graph.one(COMPONENT)["outputs"])


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


@pytest.fixture(scope="module")
def cpu() -> Recorded:
    return graph_of(CPU)


@pytest.fixture(scope="module")
def shared() -> Recorded:
    return graph_of(SHARED)


@pytest.fixture(scope="module")
def managed() -> Recorded:
    return graph_of(MANAGED)


# --- tiers


@covers(
    "gpu-node-pool.karpenter",
    field="GpuNodePoolArgs.karpenter.ami_alias",
    ends_in="kubernetes:karpenter.k8s.aws/v1:EC2NodeClass",
)
@covers(
    "gpu-node-pool.tiers",
    field="GpuNodePoolArgs.reserved.limit_gpus, GpuNodePoolArgs.on_demand.limit_gpus, GpuNodePoolArgs.spot.limit_gpus",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.metadata.name",
)
def test_each_tier_is_a_node_pool_and_all_have_one_node_class(full: Recorded) -> None:
    assert {node["inputs"]["metadata"]["name"] for node in full.all(NODE_POOL)} == {f"x-{tier}" for tier in TIERS}
    assert full.inputs(NODE_CLASS)["metadata"]["name"] == "x-nodes"
    for tier in TIERS:
        assert node_pool(full, tier)["template"]["spec"]["nodeClassRef"] == {
            "group": "karpenter.k8s.aws",
            "kind": "EC2NodeClass",
            "name": "x-nodes",
        }
    assert full.count(NODE_GROUP) == 0


@covers(
    "gpu-node-pool.physical",
    field="GpuNodePoolArgs.on_demand.limit_gpus",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.limits",
)
@covers(
    "gpu-node-pool.limit",
    field="GpuNodePoolArgs.reserved.limit_gpus",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.limits",
)
def test_each_tier_has_its_limit_in_physical_gpus(full: Recorded) -> None:
    assert {tier: node_pool(full, tier)["limits"] for tier in TIERS} == {
        "reserved": {"nvidia.com/gpu": "32"},
        "on-demand": {"nvidia.com/gpu": "16"},
        "spot": {"nvidia.com/gpu": "8"},
    }


@covers(
    "gpu-node-pool.multiple",
    field="GpuNodePoolArgs.on_demand.limit_gpus",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.limits",
)
def test_limits_are_a_whole_number_of_nodes(full: Recorded) -> None:
    # A p5.48xlarge has 8 GPUs.
    assert [int(node_pool(full, tier)["limits"]["nvidia.com/gpu"]) % 8 for tier in TIERS] == [0, 0, 0]


@covers(
    "gpu-node-pool.weight", field="GpuNodePoolArgs.order", ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.weight"
)
@covers(
    "gpu-node-pool.order", field="GpuNodePoolArgs.purpose", ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.weight"
)
def test_earlier_tiers_are_heavier_and_a_field_turns_the_order(full: Recorded) -> None:
    assert {tier: node_pool(full, tier)["weight"] for tier in TIERS} == {"reserved": 50, "on-demand": 40, "spot": 30}
    turned = graph_of({**BASE, "order": ["spot", "on-demand", "reserved"]})
    assert {tier: node_pool(turned, tier)["weight"] for tier in TIERS} == {"reserved": 30, "on-demand": 40, "spot": 50}


def test_pods_that_name_no_pool_go_to_services_before_the_steps_of_pipelines(cpu: Recorded) -> None:
    steps = graph_of({**CPU, "purpose": "training"})
    assert node_pool(cpu)["weight"] > node_pool(steps)["weight"]


def test_each_tier_launches_its_capacity_type_and_a_fallback_where_there_is_none(full: Recorded) -> None:
    found = {tier: requirements(full, tier)["karpenter.sh/capacity-type"] for tier in TIERS}
    assert found == {"reserved": ["reserved"], "on-demand": ["on-demand"], "spot": ["spot", "on-demand"]}


def test_tier_that_is_paused_gets_no_more_nodes() -> None:
    graph = graph_of({**BASE, "reserved": {**BASE["reserved"], "paused": True}})
    assert node_pool(graph, "reserved")["limits"] == {"nvidia.com/gpu": "0"}
    assert [tier["gpus"] for tier in outputs(graph)["capacity"]] == [0, 16, 8]


@covers(
    "gpu-node-pool.types",
    field="GpuNodePoolArgs.instance_types",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.template.spec.requirements",
)
def test_nodes_are_of_the_types_named(full: Recorded) -> None:
    assert requirements(full) == {
        "karpenter.sh/capacity-type": ["on-demand"],
        "node.kubernetes.io/instance-type": ["p5.48xlarge"],
        "kubernetes.io/arch": ["amd64"],
        "kubernetes.io/os": ["linux"],
        "topology.kubernetes.io/zone": ["us-east-1a"],
    }
    assert outputs(full)["instance_types"] == ["p5.48xlarge"]


@covers(
    "gpu-node-pool.need",
    field="GpuNodePoolArgs.need.gpus, GpuNodePoolArgs.need.min_memory_gib",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.template.spec.requirements",
)
def test_nodes_are_of_every_type_that_meets_a_need() -> None:
    need = {"gpus": 1, "min_memory_gib": 64, "max_vcpus": 16}
    graph = graph_of({**CPU, "accelerator": "L40S", "need": need, "on_demand": {"limit_gpus": 4}})
    wanted = ["g6e.2xlarge", "g6e.4xlarge"]
    assert requirements(graph)["node.kubernetes.io/instance-type"] == wanted == outputs(graph)["instance_types"]


def test_nodes_of_graviton_are_asked_for_by_kubernetes_name() -> None:
    graph = graph_of({**CPU, "need": {"architecture": "arm64", "min_vcpus": 4, "max_vcpus": 4}})
    assert requirements(graph)["kubernetes.io/arch"] == ["arm64"]


# --- reservations


@covers(
    "gpu-node-pool.reservations",
    field="GpuNodePoolArgs.reserved.reservation_ids, GpuNodePoolArgs.reserved.capacity_block",
    ends_in="kubernetes:karpenter.k8s.aws/v1:EC2NodeClass.spec.capacityReservationSelectorTerms",
)
def test_reservations_and_capacity_blocks_by_id(full: Recorded) -> None:
    assert node_class(full)["capacityReservationSelectorTerms"] == [
        {"id": "cr-0123456789abcdef0"},
        {"id": "cr-0123456789abcdef1"},
    ]
    assert "karpenter.k8s.aws/capacity-reservation-type" not in requirements(full, "reserved")
    block = graph_of({**BASE, "reserved": BLOCK})
    assert requirements(block, "reserved")["karpenter.k8s.aws/capacity-reservation-type"] == ["capacity-block"]
    assert "karpenter.k8s.aws/capacity-reservation-type" not in requirements(block, "on-demand")


@covers(
    "gpu-node-pool.reservation-tags",
    field="GpuNodePoolArgs.reserved.reservation_tags, GpuNodePoolArgs.reserved.owner_id",
    ends_in="kubernetes:karpenter.k8s.aws/v1:EC2NodeClass.spec.capacityReservationSelectorTerms",
)
def test_reservations_by_tags_of_anybody_or_of_one_account() -> None:
    reserved: dict[str, Any] = {"limit_gpus": 8, "reservation_tags": {"pool": "h100"}}
    anybodys = graph_of({**BASE, "reserved": reserved})
    assert node_class(anybodys)["capacityReservationSelectorTerms"] == [{"tags": {"pool": "h100"}}]
    ones = graph_of({**BASE, "reserved": {**reserved, "owner_id": "210987654321"}})
    assert node_class(ones)["capacityReservationSelectorTerms"] == [
        {"tags": {"pool": "h100"}, "ownerID": "210987654321"}
    ]


def test_nothing_here_buys_capacity(full: Recorded) -> None:
    bought = {node["type"] for graph in (full, graph_of({**MANAGED, "reserved": BLOCK})) for node in graph.resources}
    assert not [found for found in bought if "apacityReservation" in found or "apacityBlock" in found]


# --- nodes


def test_nodes_are_launched_in_the_clusters_subnets_with_its_role_and_groups(cpu: Recorded) -> None:
    found = node_class(cpu)
    assert found["role"] == "ml-dev-nodes"
    assert found["subnetSelectorTerms"] == [{"tags": {"karpenter.sh/discovery": "ml-dev"}}]
    assert found["securityGroupSelectorTerms"] == [{"id": "sg-0123456789abcdef0"}]
    assert found["tags"] == {"owner": "ml-platform"}
    named = graph_of({**CPU, "subnet_ids": ["subnet-0000000000000002a", "subnet-0000000000000002b"]})
    assert node_class(named)["subnetSelectorTerms"] == [
        {"id": "subnet-0000000000000002a"},
        {"id": "subnet-0000000000000002b"},
    ]


@covers(
    "gpu-node-pool.ami",
    field="GpuNodePoolArgs.karpenter.ami_id, GpuNodePoolArgs.karpenter.ami_ssm_parameter",
    ends_in="kubernetes:karpenter.k8s.aws/v1:EC2NodeClass.spec.amiSelectorTerms",
)
@pytest.mark.parametrize(
    ("field", "value", "term"),
    [
        ("ami_alias", "al2023@v20261001", "alias"),
        ("ami_ssm_parameter", "/aws/service/eks/optimized-ami/1.35/v20261001/image_id", "ssmParameter"),
        ("ami_id", "ami-0123456789abcdef0", "id"),
    ],
)
def test_image_is_pinned(field: str, value: str, term: str) -> None:
    found = node_class(graph_of({**CPU, "karpenter": {field: value}}))
    assert (found["amiFamily"], found["amiSelectorTerms"]) == ("AL2023", [{term: value}])


@covers(
    "gpu-node-pool.volumes",
    field="GpuNodePoolArgs.ebs_key_arn, GpuNodePoolArgs.disk_gib",
    ends_in="kubernetes:karpenter.k8s.aws/v1:EC2NodeClass.spec.blockDeviceMappings",
)
def test_volumes_are_encrypted_by_the_key_given(full: Recorded) -> None:
    assert node_class(full)["blockDeviceMappings"] == [
        {
            "deviceName": "/dev/xvda",
            "rootVolume": True,
            "ebs": {
                "volumeType": "gp3",
                "volumeSize": "100Gi",
                "encrypted": True,
                "kmsKeyID": KEY,
                "deleteOnTermination": True,
            },
        }
    ]


@covers(
    "gpu-node-pool.instance-store",
    field="GpuNodePoolArgs.instance_store",
    ends_in="kubernetes:karpenter.k8s.aws/v1:EC2NodeClass.spec.instanceStorePolicy",
)
def test_local_disks_are_joined_unless_said_otherwise(full: Recorded) -> None:
    assert node_class(full)["instanceStorePolicy"] == "RAID0"
    assert "instanceStorePolicy" not in node_class(graph_of({**BASE, "instance_store": False}))


def test_pods_get_no_credentials_of_the_node(full: Recorded, managed: Recorded) -> None:
    assert node_class(full)["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpProtocolIPv6": "disabled",
        "httpPutResponseHopLimit": 1,
        "httpTokens": "required",
    }
    wanted = {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1}
    managed.has(TEMPLATE, {"metadataOptions": exactly(wanted)})


def test_nodes_keep_what_the_capacity_leaves_them() -> None:
    found = node_class(graph_of({**CPU, "max_pods": 60}))
    assert found["kubelet"] == {"maxPods": 60, "kubeReserved": {"memory": "915Mi"}}


@covers(
    "gpu-node-pool.labels",
    field="GpuNodePoolArgs.labels",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.template.metadata.labels",
)
def test_nodes_say_what_they_are(full: Recorded, cpu: Recorded) -> None:
    assert node_pool(full)["template"]["metadata"]["labels"] == {
        "mlplatform.dev/pool": "x",
        "mlplatform.dev/purpose": "training",
        "nvidia.com/gpu.present": "true",
        "team.dev/use": "vision",
    }
    assert node_pool(cpu)["template"]["metadata"]["labels"] == {
        "mlplatform.dev/pool": "x",
        "mlplatform.dev/purpose": "services",
    }


@covers(
    "gpu-node-pool.taint",
    field="GpuNodePoolArgs.accelerator, GpuNodePoolArgs.taints.key",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.template.spec.taints",
)
@covers(
    "gpu-node-pool.purpose-taints",
    field="GpuNodePoolArgs.purpose",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.template.spec.taints",
)
def test_gpus_are_kept_for_pods_that_tolerate_their_taint_and_services_let_everybody_in(
    full: Recorded, cpu: Recorded
) -> None:
    assert node_pool(full)["template"]["spec"]["taints"] == [
        {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"},
        {"key": "team.dev/only", "value": "vision", "effect": "NoSchedule"},
    ]
    assert "taints" not in node_pool(cpu)["template"]["spec"]


@covers(
    "gpu-node-pool.cpu",
    field="GpuNodePoolArgs.on_demand.limit_cpus, GpuNodePoolArgs.on_demand.limit_memory_gib",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.limits",
)
def test_without_an_accelerator_it_is_a_cpu_pool(cpu: Recorded) -> None:
    assert node_pool(cpu)["limits"] == {"cpu": "64", "memory": "256Gi"}
    (tier,) = outputs(cpu)["capacity"]
    assert (tier.get("gpu_resource"), tier["gpus"], tier["tolerations"]) == (None, 0, [])
    assert tier["cpu_millicores"] <= 64_000
    assert tier["memory_mib"] <= 256 * 1024


# --- the end of nodes


@covers(
    "gpu-node-pool.no-eviction",
    field="GpuNodePoolArgs.purpose",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.disruption",
)
@pytest.mark.parametrize("tier", TIERS)
def test_nothing_here_ends_a_node_on_which_a_job_runs(full: Recorded, tier: str) -> None:
    found = life(full, tier)
    # Empty nodes only; what is in use is left alone by drift and consolidation, whatever the time.
    assert found["disruption"] == {
        "consolidationPolicy": "WhenEmpty",
        "consolidateAfter": "5m",
        "budgets": [{"nodes": "0", "reasons": ["Drifted", "Underutilized"]}],
    }
    # Budgets do not hold expiry up, and a grace period lets drift evict pods that say do-not-disrupt.
    assert found["expireAfter"] == "Never"
    assert found["terminationGracePeriod"] is None


@covers(
    "gpu-node-pool.expiry",
    field="GpuNodePoolArgs.max_job_hours",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.template.spec.expireAfter",
)
@pytest.mark.parametrize("hours", [1, 72, 719, 720, 2000])
def test_nodes_that_expire_let_the_longest_job_end(hours: int) -> None:
    found = life(graph_of({**BASE, "max_job_hours": hours}))
    grace = int(found["terminationGracePeriod"].removesuffix("h"))
    assert grace > hours
    assert int(found["expireAfter"].removesuffix("h")) >= max(720, grace)
    assert found["disruption"]["budgets"] == [{"nodes": "0", "reasons": ["Drifted", "Underutilized"]}]


@pytest.mark.parametrize("tier", ["reserved", "spot"])
def test_every_tier_is_ended_alike(full: Recorded, tier: str) -> None:
    assert life(full, tier) == life(full)


@covers(
    "gpu-node-pool.disruption",
    field="GpuNodePoolArgs.purpose, GpuNodePoolArgs.working_hours.start",
    ends_in="kubernetes:karpenter.sh/v1:NodePool.spec.disruption",
)
def test_purpose_decides_when_nodes_end(cpu: Recorded, shared: Recorded) -> None:
    serving = {
        "consolidationPolicy": "WhenEmptyOrUnderutilized",
        "consolidateAfter": "5m",
        "budgets": [{"nodes": "10%"}],
    }
    wanted = {"disruption": serving, "expireAfter": "720h", "terminationGracePeriod": "1h"}
    assert life(cpu) == wanted
    assert life(graph_of({**CPU, "purpose": "inference"})) == wanted
    budget = {
        "nodes": "0",
        "reasons": ["Drifted", "Underutilized"],
        "schedule": "0 6 * * mon-fri",
        "duration": "14h",
    }
    assert life(shared) == {
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "1h", "budgets": [budget]},
        "expireAfter": "Never",
        "terminationGracePeriod": "1h",
    }


def test_working_hours_are_those_given() -> None:
    found = life(graph_of({**SHARED, "working_hours": {"start": "30 7 * * *", "hours": 9}}))
    (budget,) = found["disruption"]["budgets"]
    assert (budget["schedule"], budget["duration"]) == ("30 7 * * *", "9h")


@pytest.mark.parametrize("purpose", Purpose)
def test_every_purpose_has_room_below_its_weight_for_all_tiers(purpose: Purpose) -> None:
    behaviour = BEHAVIOUR[purpose]
    assert 1 <= behaviour.weight - 10 * (len(behaviour.order) - 1) <= behaviour.weight <= 100


def test_nodes_go_before_what_they_are_launched_and_ended_by(full: Recorded, shared: Recorded) -> None:
    for graph, needed in ((full, {"x-nodes"}), (shared, {"x-nodes", "x-shares-8"})):
        names = {node["urn"]: node["name"] for node in graph.resources}
        for node in graph.all(NODE_POOL):
            assert needed <= {names[urn] for urn in node["dependencies"]}


# --- EFA and placement


@covers(
    "gpu-node-pool.efa",
    field="GpuNodePoolArgs.efa, GpuNodePoolArgs.zones",
    ends_in="kubernetes:karpenter.k8s.aws/v1:EC2NodeClass.spec.networkInterfaces",
)
def test_nodes_have_all_their_adapters(full: Recorded) -> None:
    interfaces = node_class(full)["networkInterfaces"]
    assert interfaces[:3] == [
        {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"},
        {"networkCardIndex": 0, "deviceIndex": 1, "interfaceType": "efa-only"},
        {"networkCardIndex": 1, "deviceIndex": 0, "interfaceType": "efa-only"},
    ]
    assert len(interfaces) == 33
    assert outputs(full)["efa_interfaces"] == 32


@covers(
    "gpu-node-pool.efa",
    field="GpuNodePoolArgs.vpc_id",
    ends_in="aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule.referencedSecurityGroupId",
)
def test_adapters_reach_each_other_and_nobody_else_by_their_group(full: Recorded) -> None:
    group = full.one(GROUP)["id"]
    full.has(GROUP, {"vpcId": "vpc-0123456789abcdef0", "ingress": absent, "egress": absent}, name="x-efa")
    within = {"securityGroupId": group, "referencedSecurityGroupId": group, "ipProtocol": "-1", "cidrIpv4": absent}
    full.has(INGRESS, within)
    full.has(EGRESS, within)
    assert (full.count(INGRESS), full.count(EGRESS)) == (1, 1)
    assert node_class(full)["securityGroupSelectorTerms"] == [{"id": "sg-0123456789abcdef0"}, {"id": group}]


def test_rules_come_before_the_first_node(full: Recorded) -> None:
    names = {node["urn"]: node["name"] for node in full.resources}
    assert {"x-efa-in", "x-efa-out"} <= {names[urn] for urn in full.one(NODE_CLASS)["dependencies"]}


def test_without_efa_there_is_no_group_of_its_own(cpu: Recorded) -> None:
    assert (cpu.count(GROUP), outputs(cpu)["efa_interfaces"]) == (0, 0)
    assert "networkInterfaces" not in node_class(cpu)


def test_placement_group_only_if_asked_for() -> None:
    alone = {**BASE, "reserved": None}
    assert "placementGroupSelector" not in node_class(graph_of(alone))
    made = graph_of({**alone, "placement_group": {}})
    made.has(PLACEMENT, {"strategy": "cluster"}, name="x-nodes")
    assert node_class(made)["placementGroupSelector"] == {"name": made.one(PLACEMENT)["outputs"]["name"]}
    named = graph_of({**BASE, "placement_group": {"name": "close"}})
    assert named.count(PLACEMENT) == 0
    assert node_class(named)["placementGroupSelector"] == {"name": "close"}


# --- sharing


@covers(
    "gpu-node-pool.mig",
    field="GpuNodePoolArgs.sharing.mig_profile",
    ends_in="kubernetes:karpenter.sh/v1alpha1:NodeOverlay.spec.capacity",
)
def test_partitions_are_told_to_karpenter_and_to_the_mig_manager(shared: Recorded) -> None:
    assert shared.inputs(OVERLAY, "x-shares-8")["spec"] == {
        "requirements": [
            {"key": "karpenter.sh/nodepool", "operator": "In", "values": ["x-on-demand"]},
            {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["p4d.24xlarge"]},
        ],
        "capacity": {"nvidia.com/gpu": "0", "nvidia.com/mig-1g.5gb": "56"},
    }
    assert node_pool(shared)["template"]["metadata"]["labels"]["nvidia.com/mig.config"] == "all-1g.5gb"
    # Physical until a node registers, partitions from then on.
    assert node_pool(shared)["limits"] == {"nvidia.com/gpu": "16", "nvidia.com/mig-1g.5gb": "112"}
    assert [(tier["gpu_resource"], tier["gpus"]) for tier in outputs(shared)["capacity"]] == [
        ("nvidia.com/mig-1g.5gb", 112)
    ]


@covers(
    "gpu-node-pool.time-slicing",
    field="GpuNodePoolArgs.sharing.time_slices",
    ends_in="kubernetes:karpenter.sh/v1alpha1:NodeOverlay.spec.capacity",
)
def test_time_slices_are_told_by_the_number_of_gpus_of_a_type() -> None:
    kinds = ["g6.xlarge", "g6.12xlarge", "g6.2xlarge"]
    more = {"accelerator": "L4", "instance_types": kinds, "sharing": {"time_slices": 5}, "spot": {"limit_gpus": 4}}
    graph = graph_of({**SHARED, **more})
    found = {node["name"]: node["inputs"]["spec"] for node in graph.all(OVERLAY)}
    assert {name: spec["capacity"] for name, spec in found.items()} == {
        "x-shares-1": {"nvidia.com/gpu": "0", "nvidia.com/gpu.shared": "5"},
        "x-shares-4": {"nvidia.com/gpu": "0", "nvidia.com/gpu.shared": "20"},
    }
    assert [one["values"] for one in found["x-shares-1"]["requirements"]] == [
        ["x-on-demand", "x-spot"],
        ["g6.xlarge", "g6.2xlarge"],
    ]
    labels = node_pool(graph)["template"]["metadata"]["labels"]
    assert labels["nvidia.com/device-plugin.config"] == "time-slicing-5"
    assert node_pool(graph, "spot")["limits"] == {"nvidia.com/gpu": "4", "nvidia.com/gpu.shared": "20"}


def test_whole_gpus_need_no_overlay(full: Recorded) -> None:
    assert full.count(OVERLAY) == 0
    labels = node_pool(full)["template"]["metadata"]["labels"]
    assert not {"nvidia.com/device-plugin.config", "nvidia.com/mig.config"} & set(labels)


# --- managed node groups


@covers(
    "gpu-node-pool.managed",
    field="GpuNodePoolArgs.managed.release_version, GpuNodePoolArgs.node_role_arn, GpuNodePoolArgs.subnet_ids",
    ends_in="aws:eks/nodeGroup:NodeGroup.scalingConfig",
)
def test_a_node_group_has_the_nodes_of_its_limit(managed: Recorded) -> None:
    template = managed.one(TEMPLATE)
    managed.has(
        NODE_GROUP,
        {
            "clusterName": "ml-dev",
            "nodeGroupName": "x-reserved",
            "nodeRoleArn": ROLE_ARN,
            "subnetIds": ["subnet-0000000000000002a"],
            "amiType": "AL2023_x86_64_NVIDIA",
            "version": "1.35",
            "releaseVersion": "1.35.3-20261001",
            "capacityType": "ON_DEMAND",
            "instanceTypes": ["p5.48xlarge"],
            "launchTemplate": {"id": template["id"]},
            "scalingConfig": {"minSize": 2, "desiredSize": 2, "maxSize": 2},
            "forceUpdateVersion": absent,
            "labels": {"mlplatform.dev/pool": "x", "nvidia.com/gpu.present": "true"},
            "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
        },
        name="x-reserved",
    )
    assert (managed.count(NODE_POOL), managed.count(NODE_CLASS)) == (0, 0)


@pytest.mark.parametrize(
    ("purpose", "repaired"), [("training", False), ("notebook", False), ("inference", True), ("services", True)]
)
def test_nodes_of_jobs_are_not_replaced_because_eks_thinks_them_unhealthy(purpose: str, repaired: bool) -> None:
    graph_of({**MANAGED, "purpose": purpose}).has(NODE_GROUP, {"nodeRepairConfig": {"enabled": repaired}})


def test_templates_of_node_groups_are_encrypted_tagged_and_have_the_adapters(managed: Recorded) -> None:
    volume = {
        "volumeType": "gp3",
        "volumeSize": 100,
        "encrypted": "true",
        "kmsKeyId": KEY,
        "deleteOnTermination": "true",
    }
    group = managed.one(GROUP)["id"]
    managed.has(
        TEMPLATE,
        {
            "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": volume}],
            "tagSpecifications": [
                {"resourceType": "instance", "tags": {"owner": "ml-platform"}},
                {"resourceType": "volume", "tags": {"owner": "ml-platform"}},
            ],
            "vpcSecurityGroupIds": absent,
            "instanceType": absent,
            "instanceMarketOptions": absent,
            "capacityReservationSpecification": exactly(
                {"capacityReservationTarget": {"capacityReservationId": "cr-0123456789abcdef0"}}
            ),
        },
    )
    interfaces = managed.inputs(TEMPLATE)["networkInterfaces"]
    assert len(interfaces) == 33
    assert {tuple(one["securityGroups"]) for one in interfaces} == {("sg-0123456789abcdef0", group)}
    assert interfaces[1] == {
        "networkCardIndex": 0,
        "deviceIndex": 1,
        "interfaceType": "efa-only",
        "securityGroups": ["sg-0123456789abcdef0", group],
        "deleteOnTermination": "true",
    }


def test_nodes_of_node_groups_are_told_the_same_as_karpenters(managed: Recorded) -> None:
    text = base64.b64decode(managed.inputs(TEMPLATE)["userData"]).decode()
    head, _, rest = text.partition("\n--//\n")
    assert head == 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="//"\n'
    kind, _, body = rest.partition("\n\n")
    assert kind == "Content-Type: application/node.eks.aws"
    assert json.loads(body.removesuffix("\n--//--\n")) == {
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {
            "instance": {"localStorage": {"strategy": "RAID0"}},
            "kubelet": {"config": {"maxPods": 110, "kubeReserved": {"memory": "1465Mi"}}},
        },
    }
    without = graph_of({**MANAGED, "instance_store": False}).inputs(TEMPLATE)["userData"]
    assert "RAID0" not in base64.b64decode(without).decode()


def test_a_capacity_block_is_launched_as_one() -> None:
    graph = graph_of({**MANAGED, "reserved": BLOCK})
    graph.has(NODE_GROUP, {"capacityType": "CAPACITY_BLOCK", "instanceTypes": absent})
    graph.has(
        TEMPLATE,
        {
            "instanceType": "p5.48xlarge",
            "instanceMarketOptions": {"marketType": "capacity-block"},
            "capacityReservationSpecification": {
                "capacityReservationTarget": {"capacityReservationId": "cr-0123456789abcdef0"}
            },
        },
    )


def test_a_node_group_that_is_paused_has_no_node() -> None:
    graph = graph_of({**MANAGED, "reserved": {**BLOCK, "paused": True}})
    graph.has(NODE_GROUP, {"scalingConfig": {"minSize": 0, "desiredSize": 0, "maxSize": 1}})


@pytest.mark.parametrize(
    ("change", "image"),
    [
        ({"accelerator": "T4g", "instance_types": ["g5g.xlarge"], "spot": {"limit_gpus": 2}}, "AL2023_ARM_64_NVIDIA"),
        (
            {"instance_types": ["m7i.large"], "spot": {"limit_cpus": 8, "limit_memory_gib": 32}},
            "AL2023_x86_64_STANDARD",
        ),
        (
            {"instance_types": ["m7g.large"], "spot": {"limit_cpus": 8, "limit_memory_gib": 32}},
            "AL2023_ARM_64_STANDARD",
        ),
    ],
)
def test_node_groups_of_spot_of_every_image(change: dict[str, Any], image: str) -> None:
    plain = {**MANAGED, "accelerator": None, "efa": False, "reserved": None}
    graph = graph_of({**plain, **change})
    graph.has(NODE_GROUP, {"capacityType": "SPOT", "amiType": image}, name="x-spot")
    graph.has(TEMPLATE, {"vpcSecurityGroupIds": ["sg-0123456789abcdef0"], "networkInterfaces": absent})


def test_node_group_of_types_of_different_size_has_the_nodes_that_fit_all() -> None:
    tier = {"limit_cpus": 16, "limit_memory_gib": 64}
    plain = {**MANAGED, "accelerator": None, "efa": False, "reserved": None, "on_demand": tier}
    graph = graph_of({**plain, "instance_types": ["m7i.large", "m7i.xlarge"]})
    graph.has(NODE_GROUP, {"scalingConfig": {"minSize": 4, "desiredSize": 4, "maxSize": 4}})


# --- outputs and the real thing


@covers(
    "gpu-node-pool.capacity",
    field="GpuNodePoolArgs.on_demand.limit_gpus, GpuNodePoolArgs.daemons.cpu_millicores",
    ends_in="mlplatform:index:GpuNodePool.capacity",
)
def test_capacity_is_plain_and_the_same_as_the_output() -> None:
    found: list[Any] = []

    def program() -> None:
        pool = GpuNodePool("x", GpuNodePoolArgs.of(BASE), kubernetes("x"))
        found.extend(tier.model_dump(mode="json", exclude_none=True) for tier in pool.capacity)

    graph = record(program, strict=True)
    assert outputs(graph)["capacity"] == found
    assert [(tier["flavor"], tier["tier"], tier["gpus"]) for tier in found] == [
        ("x-reserved", "reserved", 32),
        ("x-on-demand", "on-demand", 16),
        ("x-spot", "spot", 8),
    ]
    assert found[1]["cpu_millicores"] == 2 * (192_000 - 550 - 500)


@covers(
    "gpu-node-pool.service-quotas",
    field="GpuNodePoolArgs.spot.fallback",
    ends_in="mlplatform:index:GpuNodePool.service_quotas",
)
def test_quotas_that_the_limits_need(full: Recorded) -> None:
    found = outputs(full)["service_quotas"]
    assert [(quota["code"], quota["vcpus"], quota["verified"]) for quota in found] == [
        # 4 reserved, 2 on demand, and 1 that stands in for Spot.
        ("L-417A185B", 7 * 192, True),
        ("L-7212CCBC", 192, False),
    ]


def with_outputs() -> None:
    def given(value: Any) -> pulumi.Output[Any]:
        return pulumi.Output.from_input(value)

    more = {
        "disk_gib": given(300),
        "reserved": {"limit_gpus": 8, "reservation_ids": [given("cr-0123456789abcdef7")]},
        "placement_group": {"name": given("close")},
        "cluster_name": given("ml-dev"),
        "security_group_ids": [given("sg-0123456789abcdef7")],
        "ebs_key_arn": given(KEY),
        "node_role_name": given("nodes"),
        "vpc_id": given("vpc-0123456789abcdef7"),
        "subnet_ids": given(["subnet-0000000000000007a"]),
        "tags": {"owner": given("somebody")},
    }
    GpuNodePool("x", GpuNodePoolArgs.of({**BASE, **more}), kubernetes("x"))
    node_group = {**MANAGED, "subnet_ids": given(["subnet-0000000000000007a"]), "node_role_arn": given(ROLE_ARN)}
    GpuNodePool("y", GpuNodePoolArgs.of(node_group), kubernetes("y"))


def test_outputs_are_taken_where_values_are() -> None:
    graph = record(with_outputs)
    found = node_class(graph)
    assert found["blockDeviceMappings"][0]["ebs"]["volumeSize"] == "300Gi"
    assert found["capacityReservationSelectorTerms"] == [{"id": "cr-0123456789abcdef7"}]
    assert found["subnetSelectorTerms"] == [{"id": "subnet-0000000000000007a"}]
    assert (found["role"], found["tags"]) == ("nodes", {"owner": "somebody"})
    assert found["placementGroupSelector"] == {"name": "close"}
    graph.has(NODE_GROUP, {"subnetIds": ["subnet-0000000000000007a"], "nodeRoleArn": ROLE_ARN})


EVERY = {
    "full": BASE,
    "cpu": CPU,
    "mig": SHARED,
    "block": {**BASE, "reserved": BLOCK, "max_job_hours": 72},
    "tags": {**BASE, "reserved": {"limit_gpus": 8, "reservation_tags": {"a": "b"}, "owner_id": "210987654321"}},
    "placement": {**BASE, "reserved": None, "placement_group": {}},
    "slices": {
        **SHARED,
        "accelerator": "L4",
        "instance_types": ["g6.xlarge", "g6.12xlarge"],
        "sharing": {"time_slices": 5},
    },
    "parameter": {**CPU, "karpenter": {"ami_ssm_parameter": "/aws/service/eks/optimized-ami/1.35/v1/image_id"}},
    "paused": {**BASE, "on_demand": {"limit_gpus": 8, "paused": True}},
    "inference": {**CPU, "purpose": "inference", "subnet_ids": ["subnet-0000000000000002a"], "tags": {}},
}


@pytest.mark.parametrize("args", EVERY.values(), ids=EVERY)
def test_every_object_is_as_its_definition_has_it(reference: Callable[[str], Path], args: dict[str, Any]) -> None:
    crds = reference("crds")
    objects = [node["inputs"] for node in graph_of(args).resources if node["type"].startswith("kubernetes:")]
    assert len(objects) >= 2
    assert {found["metadata"]["name"]: problems(found, crds) for found in objects} == {
        found["metadata"]["name"]: [] for found in objects
    }


@pytest.mark.parametrize("args", [*EVERY.values(), MANAGED], ids=[*EVERY, "managed"])
def test_nothing_computed_needs_to_be_known(args: dict[str, Any]) -> None:
    assert len(graph_of(args, strict=True).resources) == len(graph_of(args).resources)
