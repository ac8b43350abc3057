"""TrainingQueue, on its recorded graph: Kueue's objects, teams, the intake, and what drains it."""

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import with_values
from examples import kubernetes
from examples.training_queue import BASE, KEY, READ, RESERVED, SMALLEST, SPOT, STEPS
from mlplatform.core.capacity import Capacity
from mlplatform.runtime.dispatch import run
from mlplatform.runtime.dispatch.message import SERVICE_ACCOUNT, Config, parse
from mlplatform.runtime.dispatch.objects import manifest
from mlplatform.training_queue import TrainingQueue, TrainingQueueArgs, TrainingQueueSettings, quotas
from mlplatform.training_queue.args import SHORTEST_HOLD
from promises import covers
from recorded import Recorded, Refused, record
from schemas import problems

COMPONENT = "mlplatform:index:TrainingQueue"
KUEUE = "kubernetes:kueue.x-k8s.io/v1beta2:"
FLAVOR, COHORT, CLUSTER_QUEUE = f"{KUEUE}ResourceFlavor", f"{KUEUE}Cohort", f"{KUEUE}ClusterQueue"
LOCAL_QUEUE, PRIORITY, TOPOLOGY = f"{KUEUE}LocalQueue", f"{KUEUE}WorkloadPriorityClass", f"{KUEUE}Topology"
SCALED_JOB = "kubernetes:keda.sh/v1alpha1:ScaledJob"
TRIGGER = "kubernetes:keda.sh/v1alpha1:TriggerAuthentication"
NAMESPACE = "kubernetes:core/v1:Namespace"
ACCOUNT = "kubernetes:core/v1:ServiceAccount"
OBJECT_QUOTA, LIMIT_RANGE = "kubernetes:core/v1:ResourceQuota", "kubernetes:core/v1:LimitRange"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
RBAC_ROLE, BINDING = (f"kubernetes:rbac.authorization.k8s.io/v1:{kind}" for kind in ("Role", "RoleBinding"))
QUEUE, QUEUE_POLICY = "aws:sqs/queue:Queue", "aws:sqs/queuePolicy:QueuePolicy"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ROLE, POLICY = "aws:iam/role:Role", "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
KEY_TYPE = "aws:kms/key:Key"

LABELS = {"mlplatform.dev/component": "x", "app.kubernetes.io/managed-by": "mlplatform"}
DNS = {
    "to": [
        {
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}
POD_IDENTITY = {
    "to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}, {"ipBlock": {"cidr": "fd00:ec2::23/128"}}],
    "ports": [{"protocol": "TCP", "port": 80}],
}


def graph_of(args: Mapping[str, Any], **options: Any) -> Recorded:
    return record(lambda: TrainingQueue("x", TrainingQueueArgs.of(args), kubernetes("x")), **options)


def changed(values: Mapping[str, Any], base: Mapping[str, Any] = BASE) -> Recorded:
    return graph_of(with_values(base, values))


def outputs(graph: Recorded) -> dict[str, Any]:
    return dict(graph.one(COMPONENT)["outputs"])


def spec(graph: Recorded, type_: str, name: str = ".*") -> Any:
    return graph.inputs(type_, name)["spec"]


def tcp(cidr: str, port: int = 443, **more: Any) -> dict[str, Any]:
    return {"to": [{"ipBlock": {"cidr": cidr, **more}}], "ports": [{"protocol": "TCP", "port": port}]}


def quota(resource: str, amount: str, **limits: str) -> dict[str, str]:
    return {"name": resource, "nominalQuota": amount, **limits}


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


@covers(
    "training-queue.flavors",
    field="TrainingQueueArgs.capacity",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:ResourceFlavor.spec",
)
def test_every_tier_is_a_flavor_of_its_nodes_and_their_taints(full: Recorded) -> None:
    assert full.inputs(FLAVOR, "x-flavor-h100-reserved") == {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "ResourceFlavor",
        "metadata": {
            "name": "h100-reserved",
            "labels": {
                **LABELS,
                "mlplatform.dev/pool": "h100",
                "mlplatform.dev/tier": "reserved",
                "mlplatform.dev/purpose": "training",
            },
        },
        "spec": {
            "nodeLabels": {"karpenter.sh/nodepool": "h100-reserved"},
            "nodeTaints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}],
        },
    }
    assert spec(full, FLAVOR, "x-flavor-steps-spot") == {"nodeLabels": {"karpenter.sh/nodepool": "steps-spot"}}
    assert full.count(FLAVOR) == 3


def test_a_flavor_hands_out_no_tolerations(full: Recorded) -> None:
    assert not [node for node in full.all(FLAVOR) if "tolerations" in node["inputs"]["spec"]]


def amount(text: str, resource: str) -> int:
    """A quantity in the unit of its resource: units of a device, thousandths of a core, MiB."""
    for suffix, factor in (("Mi", 1), ("Gi", 1024), ("Ti", 1024**2), ("m", 1), ("k", 1000)):
        if text.endswith(suffix):
            number = int(text.removesuffix(suffix)) * factor
            return number * 1000 if resource == "cpu" and suffix == "k" else number
    return int(text) * (1000 if resource == "cpu" else 1)


def sums(graph: Recorded) -> dict[str, dict[str, int]]:
    """Nominal quotas of all ClusterQueues and Cohorts, by flavor and resource."""
    found: dict[str, dict[str, int]] = {}
    for node in [*graph.all(CLUSTER_QUEUE), *graph.all(COHORT)]:
        for group in node["inputs"]["spec"]["resourceGroups"]:
            for flavor in group["flavors"]:
                of_flavor = found.setdefault(flavor["name"], {})
                for given in flavor["resources"]:
                    name = given["name"]
                    of_flavor[name] = of_flavor.get(name, 0) + amount(given["nominalQuota"], name)
    return found


@covers(
    "training-queue.quotas",
    field="TrainingQueueArgs.capacity, TrainingQueueSettings.teams",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue.spec.resourceGroups",
)
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"teams": {"vision": {}}},
        {"teams.vision.guaranteed": {"h100-reserved": 17, "h100-spot": 7, "steps-spot": 63}},
        {"capacity.0.gpus": 40, "capacity.0.cpu_millicores": 955_001, "capacity.0.memory_mib": 8_999_999},
    ],
)
def test_quotas_of_all_queues_sum_to_exactly_each_limit(change: dict[str, Any]) -> None:
    args = with_values(BASE, change)
    tiers = [Capacity.of(tier) for tier in args["capacity"]]
    assert sums(graph_of(args)) == {
        tier.flavor: {"nvidia.com/gpu": tier.gpus, "cpu": tier.cpu_millicores, "memory": tier.memory_mib}
        for tier in tiers
    }


@covers(
    "training-queue.cluster-queues",
    field="TrainingQueueSettings.teams",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue.spec",
)
@covers(
    "training-queue.borrowing",
    field="QueueTeam.borrowing_limit",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue.spec.resourceGroups.flavors.resources.borrowingLimit",
)
@covers(
    "training-queue.lending",
    field="QueueTeam.lending_limit",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue.spec.resourceGroups.flavors.resources.lendingLimit",
)
def test_a_teams_queue_has_what_it_is_guaranteed_and_its_limits(full: Recorded) -> None:
    gpu = "nvidia.com/gpu"
    assert full.inputs(CLUSTER_QUEUE, "x-queue-vision") == {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "ClusterQueue",
        "metadata": {"name": "x-vision", "labels": LABELS},
        "spec": {
            "cohortName": "x-cohort",
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "vision"}},
            "queueingStrategy": "BestEffortFIFO",
            "resourceGroups": [
                {
                    "coveredResources": [gpu, "cpu", "memory"],
                    "flavors": [
                        {
                            "name": "steps-spot",
                            "resources": [quota(gpu, "0"), quota("cpu", "20"), quota("memory", "78694Mi")],
                        },
                        {
                            "name": "h100-reserved",
                            "resources": [
                                quota(gpu, "16", lendingLimit="8"),
                                quota("cpu", "382", lendingLimit="191"),
                                quota("memory", "4050000Mi", lendingLimit="2025000Mi"),
                            ],
                        },
                        {
                            "name": "h100-spot",
                            "resources": [
                                quota(gpu, "0", borrowingLimit="8"),
                                quota("cpu", "0", borrowingLimit="191"),
                                quota("memory", "0", borrowingLimit="2025000Mi"),
                            ],
                        },
                    ],
                }
            ],
            "flavorFungibility": {"whenCanBorrow": "MayStopSearch", "whenCanPreempt": "TryNextFlavor"},
            "preemption": {
                "withinClusterQueue": "LowerPriority",
                "reclaimWithinCohort": "Any",
                "borrowWithinCohort": {"policy": "Never"},
            },
            "fairSharing": {"weight": "1"},
            "stopPolicy": "None",
        },
    }


@covers(
    "training-queue.cohort",
    field="TrainingQueueArgs.capacity",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:Cohort.spec.resourceGroups",
)
def test_the_cohort_has_what_nobody_is_guaranteed(full: Recorded) -> None:
    (group,) = spec(full, COHORT)["resourceGroups"]
    assert {
        flavor["name"]: [given["nominalQuota"] for given in flavor["resources"]] for flavor in group["flavors"]
    } == {
        "steps-spot": ["0", "43500m", "171162Mi"],
        "h100-reserved": ["8", "191", "2025000Mi"],
        "h100-spot": ["16", "382", "4050000Mi"],
    }
    assert full.inputs(COHORT)["metadata"]["name"] == "x-cohort"
    assert {node["inputs"]["spec"]["cohortName"] for node in full.all(CLUSTER_QUEUE)} == {"x-cohort"}


@covers(
    "training-queue.order",
    field="TrainingQueueArgs.capacity",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue.spec.resourceGroups.flavors",
)
@pytest.mark.parametrize(
    ("given", "order"),
    [
        ([RESERVED, SPOT, STEPS], ["steps-spot", "h100-reserved", "h100-spot"]),
        ([SPOT, RESERVED], ["h100-spot", "h100-reserved"]),
    ],
)
def test_flavors_are_tried_as_given_after_those_without_gpu(given: list[Any], order: list[str]) -> None:
    graph = graph_of({**SMALLEST, "capacity": given})
    for node in [*graph.all(CLUSTER_QUEUE), *graph.all(COHORT)]:
        (group,) = node["inputs"]["spec"]["resourceGroups"]
        assert [flavor["name"] for flavor in group["flavors"]] == order


@covers(
    "training-queue.preemption",
    field="QueuePreemption.within_cluster_queue, QueuePreemption.reclaim_within_cohort",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue.spec.preemption",
)
def test_preemption_is_what_was_asked_for_in_every_queue() -> None:
    asked = {"within_cluster_queue": "Never", "reclaim_within_cohort": "LowerPriority"}
    for node in changed({"preemption": asked}).all(CLUSTER_QUEUE):
        assert node["inputs"]["spec"]["preemption"] == {
            "withinClusterQueue": "Never",
            "reclaimWithinCohort": "LowerPriority",
            "borrowWithinCohort": {"policy": "Never"},
        }


@covers(
    "training-queue.fair-sharing",
    field="QueueTeam.weight",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue.spec.fairSharing.weight",
)
def test_teams_share_by_weight(full: Recorded) -> None:
    weights = {node["name"]: node["inputs"]["spec"]["fairSharing"] for node in full.all(CLUSTER_QUEUE)}
    assert weights == {"x-queue-vision": {"weight": "1"}, "x-queue-nlp": {"weight": "2"}}
    assert spec(changed({"teams.nlp.weight": 0}), CLUSTER_QUEUE, "x-queue-nlp")["fairSharing"] == {"weight": "0"}


def test_a_team_can_be_held() -> None:
    graph = changed({"teams.vision.stop_policy": "HoldAndDrain"})
    policies = {node["name"]: node["inputs"]["spec"]["stopPolicy"] for node in graph.all(CLUSTER_QUEUE)}
    assert policies == {"x-queue-vision": "HoldAndDrain", "x-queue-nlp": "None"}


@covers(
    "training-queue.local-queues",
    field="TrainingQueueSettings.teams",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:LocalQueue.spec.clusterQueue",
)
def test_every_team_has_the_queue_that_kueue_takes_by_default(full: Recorded) -> None:
    for team in ("vision", "nlp"):
        found = full.inputs(LOCAL_QUEUE, f"x-local-queue-{team}")
        assert found["metadata"] == {"name": "default", "namespace": team, "labels": LABELS}
        assert found["spec"] == {"clusterQueue": f"x-{team}"}
        assert found["spec"]["clusterQueue"] == full.inputs(CLUSTER_QUEUE, f"x-queue-{team}")["metadata"]["name"]


@covers(
    "training-queue.priorities",
    field="TrainingQueueSettings.priorities",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:WorkloadPriorityClass.value",
)
def test_priorities_have_their_value_beside_the_metadata(full: Recorded) -> None:
    assert full.inputs(PRIORITY, "x-priority-high") == {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "WorkloadPriorityClass",
        "metadata": {"name": "high", "labels": LABELS},
        "value": 1000,
    }
    found = {node["inputs"]["metadata"]["name"]: node["inputs"]["value"] for node in full.all(PRIORITY)}
    assert found == {"low": -1000, "normal": 0, "high": 1000}


@covers(
    "training-queue.topology",
    field="QueueTopology.levels",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:Topology.spec.levels",
)
def test_a_topology_is_that_of_every_flavor(full: Recorded) -> None:
    graph = changed({"topology": {"levels": ["topology.k8s.aws/network-node-layer-1", "kubernetes.io/hostname"]}})
    assert spec(graph, TOPOLOGY) == {
        "levels": [{"nodeLabel": "topology.k8s.aws/network-node-layer-1"}, {"nodeLabel": "kubernetes.io/hostname"}]
    }
    assert {node["inputs"]["spec"]["topologyName"] for node in graph.all(FLAVOR)} == {"x-topology"}
    assert graph.inputs(TOPOLOGY)["metadata"]["name"] == "x-topology"
    assert graph.one(TOPOLOGY)["urn"] in graph.one(FLAVOR, "x-flavor-steps-spot")["dependencies"]
    assert full.count(TOPOLOGY) == 0


@covers(
    "training-queue.gang",
    field="TrainingQueueSettings.queueing_strategy",
    ends_in="kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue.spec.queueingStrategy",
)
def test_a_job_is_one_workload_admitted_whole_and_in_the_order_asked_for() -> None:
    graph = changed({"queueing_strategy": "StrictFIFO"})
    assert {node["inputs"]["spec"]["queueingStrategy"] for node in graph.all(CLUSTER_QUEUE)} == {"StrictFIFO"}
    config = Config.model_validate_json(environment_of(graph)[run.CONFIG])
    body = {"version": 1, "team": "vision", "kind": "Job", "spec": {"parallelism": 8, "completions": 8}}
    job = manifest(parse(json.dumps(body), "vision", config), config, deduplication_id="a", message_id="b")
    # One suspended object with the queue's label: Kueue admits all of its pods or none, a part only on request.
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "default"
    assert not [key for key in job["metadata"]["annotations"] if key.startswith("kueue.x-k8s.io")]


@covers(
    "training-queue.namespaces",
    field="TrainingQueueSettings.teams",
    ends_in="kubernetes:core/v1:Namespace.metadata.labels",
)
def test_every_team_has_a_restricted_namespace_that_kueue_manages(full: Recorded) -> None:
    for team in ("vision", "nlp"):
        assert full.inputs(NAMESPACE, f"x-namespace-{team}")["metadata"] == {
            "name": team,
            "labels": {
                **LABELS,
                "mlplatform.dev/queue": "managed",
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/warn": "restricted",
            },
        }
    assert full.count(NAMESPACE) == 3


def test_kueue_does_not_manage_the_namespace_of_dispatchers(full: Recorded) -> None:
    metadata = full.inputs(NAMESPACE, "x-dispatcher-namespace")["metadata"]
    assert metadata["name"] == "training-dispatch"
    assert "mlplatform.dev/queue" not in metadata["labels"]
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@covers(
    "training-queue.object-quota",
    field="QueueTeam.max_pods, QueueTeam.max_jobs",
    ends_in="kubernetes:core/v1:ResourceQuota.spec.hard",
)
def test_objects_of_a_team_are_bounded_and_what_kueue_counts_is_not(full: Recorded) -> None:
    assert spec(full, OBJECT_QUOTA, "x-quota-vision") == {
        "hard": {
            "pods": "500",
            "count/jobs.batch": "1000",
            "count/workflows.argoproj.io": "1000",
            "count/trainjobs.trainer.kubeflow.org": "1000",
            "services.loadbalancers": "0",
            "services.nodeports": "0",
        }
    }
    graph = changed({"teams.nlp.max_pods": 10, "teams.nlp.max_jobs": 20})
    hard = spec(graph, OBJECT_QUOTA, "x-quota-nlp")["hard"]
    assert (hard["pods"], hard["count/jobs.batch"], hard["count/workflows.argoproj.io"]) == ("10", "20", "20")


def test_a_container_that_says_nothing_requests_something(full: Recorded) -> None:
    wanted = {"limits": [{"type": "Container", "defaultRequest": {"cpu": "500m", "memory": "1Gi"}}]}
    assert [node["inputs"]["spec"] for node in full.all(LIMIT_RANGE)] == [wanted, wanted]


@covers(
    "training-queue.network-policy",
    field="TrainingQueueSettings.destinations, TrainingQueueArgs.vpc_cidr",
    ends_in="kubernetes:networking.k8s.io/v1:NetworkPolicy.spec",
)
def test_pods_of_a_team_reach_what_they_need_and_nothing_else(full: Recorded) -> None:
    closed = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"]
    mlflow = {
        "to": [
            {
                "podSelector": {"matchLabels": {"app": "mlflow"}},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "mlflow"}},
            }
        ],
        "ports": [{"protocol": "TCP", "port": 5000}],
    }
    for team in ("vision", "nlp"):
        found = full.inputs(NETWORK_POLICY, f"x-egress-{team}")
        assert found["metadata"]["namespace"] == team
        assert found["spec"] == {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                DNS,
                POD_IDENTITY,
                tcp("10.20.0.0/16"),
                tcp("10.100.0.0/16"),
                tcp("172.20.0.0/16"),
                tcp("0.0.0.0/0", **{"except": closed}),
                mlflow,
                tcp("10.60.0.0/16", 2049),
                {"to": [{"podSelector": {}}]},
            ],
        }
        assert full.inputs(NETWORK_POLICY, f"x-ingress-{team}")["spec"] == {
            "podSelector": {},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {}}]}],
        }


def test_dispatchers_reach_aws_and_the_api_server_and_nobody_reaches_them(full: Recorded) -> None:
    egress = full.inputs(NETWORK_POLICY, "x-dispatcher-egress")
    assert egress["metadata"]["namespace"] == "training-dispatch"
    assert egress["spec"]["podSelector"] == {}
    assert egress["spec"]["egress"][:5] == [
        DNS,
        POD_IDENTITY,
        tcp("10.20.0.0/16"),
        tcp("10.100.0.0/16"),
        tcp("172.20.0.0/16"),
    ]
    assert len(egress["spec"]["egress"]) == 6
    ingress = full.inputs(NETWORK_POLICY, "x-dispatcher-ingress")["spec"]
    assert ingress == {"podSelector": {}, "policyTypes": ["Ingress"]}


@pytest.mark.parametrize(
    "change", [{}, {"public_https": False}, {"destinations": []}, {"service_cidr": "10.99.0.0/16"}]
)
def test_every_egress_policy_has_dns_and_pod_identity(change: dict[str, Any]) -> None:
    policies = [node["inputs"]["spec"] for node in changed(change).all(NETWORK_POLICY)]
    leaving = [policy["egress"] for policy in policies if policy["policyTypes"] == ["Egress"]]
    assert len(leaving) == 3
    assert [rules[:2] for rules in leaving] == [[DNS, POD_IDENTITY]] * 3


def test_without_public_https_no_rule_leaves_the_vpc() -> None:
    graph = changed({"public_https": False, "destinations": [], "service_cidr": "10.99.0.0/16"})
    for name in ("x-egress-vision", "x-dispatcher-egress"):
        rules = spec(graph, NETWORK_POLICY, name)["egress"]
        assert rules[2:4] == [tcp("10.20.0.0/16"), tcp("10.99.0.0/16")]
        assert "0.0.0.0/0" not in json.dumps(rules)


@covers("training-queue.worker", field="QueueTeam.policies", ends_in="aws:iam/role:Role.assumeRolePolicy")
def test_pods_of_a_team_have_a_role_of_their_own_with_what_it_was_given(full: Recorded) -> None:
    for team in ("vision", "nlp"):
        account = full.inputs(ACCOUNT, f"x-worker-{team}")["metadata"]
        assert (account["name"], account["namespace"]) == ("worker", team)
        arn = outputs(full)["worker_role_arns"][team]
        assert arn.endswith(f":role/{outputs(full)['worker_role_names'][team]}")
        wanted = {"clusterName": "ml-dev", "namespace": team, "serviceAccount": "worker", "roleArn": arn}
        full.has(ASSOCIATION, wanted, name=f"x-worker-{team}-association")
    assert full.inputs(POLICY, "x-worker-vision-read")["policy"] == READ
    attached = [node["name"] for node in full.all(ATTACHMENT, "x-worker-.*")]
    assert attached == ["x-worker-vision-managed-0", "x-worker-vision-read"]


def test_the_dispatcher_names_the_workers_service_account(full: Recorded) -> None:
    assert full.inputs(ACCOUNT, "x-worker-nlp")["metadata"]["name"] == SERVICE_ACCOUNT


def rules_of(graph: Recorded, name: str) -> list[tuple[list[str], list[str], list[str]]]:
    return [(rule["apiGroups"], rule["resources"], rule["verbs"]) for rule in graph.inputs(RBAC_ROLE, name)["rules"]]


def test_dispatchers_make_and_look_up_three_kinds_in_namespaces_of_teams(full: Recorded) -> None:
    for team in ("vision", "nlp"):
        assert rules_of(full, f"x-dispatch-{team}") == [
            (["batch"], ["jobs"], ["create", "get"]),
            (["argoproj.io"], ["workflows"], ["create", "get"]),
            (["trainer.kubeflow.org"], ["trainjobs"], ["create", "get"]),
        ]
        binding = full.inputs(BINDING, f"x-dispatch-{team}")
        assert binding["metadata"]["namespace"] == team
        assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "dispatcher"}
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "dispatcher", "namespace": "training-dispatch"}
        ]


def test_workers_may_report_and_make_the_jobs_of_resource_steps(full: Recorded) -> None:
    assert rules_of(full, "x-executor-vision") == [
        (["argoproj.io"], ["workflowtaskresults"], ["create", "patch"]),
        (["batch"], ["jobs"], ["create", "get"]),
        (["trainer.kubeflow.org"], ["trainjobs"], ["create", "get"]),
    ]
    binding = full.inputs(BINDING, "x-executor-vision")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "worker", "namespace": "vision"}]
    assert binding["roleRef"]["name"] == full.inputs(RBAC_ROLE, "x-executor-vision")["metadata"]["name"] == "worker"


def test_nobody_has_a_right_beyond_a_namespace(full: Recorded) -> None:
    assert [node["type"] for node in full.resources if "ClusterRole" in node["type"]] == []
    assert not [rule for node in full.all(RBAC_ROLE) for rule in node["inputs"]["rules"] if "*" in str(rule)]


@covers("training-queue.kms", field="QueueIntake.kms_key_arn", ends_in="aws:sqs/queue:Queue.kmsMasterKeyId")
@covers(
    "training-queue.long-polling",
    field="TrainingQueueSettings.intake",
    ends_in="aws:sqs/queue:Queue.receiveWaitTimeSeconds",
)
@covers(
    "training-queue.visibility",
    field="QueueIntake.visibility_seconds",
    ends_in="aws:sqs/queue:Queue.visibilityTimeoutSeconds",
)
def test_the_intake_is_fifo_encrypted_and_polled_long(smallest: Recorded) -> None:
    key = outputs(smallest)["key_arn"]
    dead = outputs(smallest)["dead_letter_queue_arn"]
    intake = smallest.inputs(QUEUE, "x-intake")
    assert json.loads(intake.pop("redrivePolicy")) == {"deadLetterTargetArn": dead, "maxReceiveCount": 3}
    assert intake == {
        "fifoQueue": True,
        "contentBasedDeduplication": False,
        "receiveWaitTimeSeconds": 20,
        "visibilityTimeoutSeconds": 900,
        "messageRetentionSeconds": 4 * 86400,
        "kmsMasterKeyId": key,
    }
    assert smallest.one(KEY_TYPE)["outputs"]["arn"] == key


@covers(
    "training-queue.dead-letters",
    field="QueueIntake.dead_letter_days",
    ends_in="aws:sqs/queue:Queue.messageRetentionSeconds",
)
@covers("training-queue.redrive", field="QueueIntake.max_receives", ends_in="aws:sqs/queue:Queue.redrivePolicy")
def test_dead_letters_are_kept_longest_and_come_from_the_intake_only(smallest: Recorded) -> None:
    assert smallest.inputs(QUEUE, "x-dead-letters") == {
        "fifoQueue": True,
        "contentBasedDeduplication": False,
        "receiveWaitTimeSeconds": 20,
        "messageRetentionSeconds": 14 * 86400,
        "kmsMasterKeyId": outputs(smallest)["key_arn"],
    }
    allowed = smallest.inputs("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy")
    assert allowed["queueUrl"] == smallest.one(QUEUE, "x-dead-letters")["outputs"]["url"]
    assert json.loads(allowed["redriveAllowPolicy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [outputs(smallest)["queue_arn"]],
    }
    redrive = json.loads(changed({"intake.max_receives": 7}).inputs(QUEUE, "x-intake")["redrivePolicy"])
    assert redrive["maxReceiveCount"] == 7


@covers("training-queue.tls", field="TrainingQueueSettings.intake", ends_in="aws:sqs/queuePolicy:QueuePolicy.policy")
@pytest.mark.parametrize("role", ["intake", "dead-letters"])
def test_both_queues_are_closed_without_tls(smallest: Recorded, role: str) -> None:
    queue = smallest.one(QUEUE, f"x-{role}")["outputs"]
    assert smallest.inputs(QUEUE_POLICY, f"x-{role}")["queueUrl"] == queue["url"]
    (statement,) = smallest.statements(QUEUE_POLICY, f"x-{role}")
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == {"AWS": ["*"]}
    assert statement["Action"] == ["sqs:*"]
    assert statement["Resource"] == [queue["arn"]]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_own_key_rotates_and_is_for_sqs_only(smallest: Recorded) -> None:
    smallest.has(KEY_TYPE, {"enableKeyRotation": True, "rotationPeriodInDays": 365})
    statements = {one["Sid"]: one for one in smallest.statements(KEY_TYPE)}
    assert set(statements) == {"AccountByIamPolicies", "Sqs"}
    assert statements["Sqs"]["Condition"]["StringLike"] == {"kms:ViaService": "sqs.us-east-1.amazonaws.com"}


def test_a_key_given_is_the_only_one() -> None:
    graph = changed({"intake.kms_key_arn": KEY})
    assert graph.count(KEY_TYPE) == 0
    assert {node["inputs"]["kmsMasterKeyId"] for node in graph.all(QUEUE)} == {KEY}
    assert outputs(graph)["key_arn"] == KEY


def test_queues_and_key_are_protected_unless_said_otherwise(smallest: Recorded) -> None:
    for type_ in (QUEUE, KEY_TYPE):
        for node in smallest.all(type_):
            assert (node["options"]["protect"], node["options"]["retain_on_delete"]) == (True, True)
    for node in changed({"deletion_protection": False}).all(QUEUE):
        assert not node["options"].get("protect")


def test_alarms_hear_of_a_message_that_waits_and_of_one_that_is_dead(full: Recorded) -> None:
    topics = ["arn:aws:sns:us-east-1:123456789012:ml-alarms"]
    common = {
        "namespace": "AWS/SQS",
        "statistic": "Maximum",
        "period": 300,
        "evaluationPeriods": 1,
        "comparisonOperator": "GreaterThanThreshold",
        "treatMissingData": "notBreaching",
        "alarmActions": topics,
        "okActions": topics,
    }
    assert full.inputs(ALARM, "x-message-age") == {
        **common,
        "alarmDescription": "A message has waited too long for a dispatcher",
        "metricName": "ApproximateAgeOfOldestMessage",
        "dimensions": {"QueueName": full.one(QUEUE, "x-intake")["outputs"]["name"]},
        "threshold": 1800,
    }
    assert full.inputs(ALARM, "x-dead-letter") == {
        **common,
        "alarmDescription": "A message could not be dispatched",
        "metricName": "ApproximateNumberOfMessagesVisible",
        "dimensions": {"QueueName": full.one(QUEUE, "x-dead-letters")["outputs"]["name"]},
        "threshold": 0,
    }


@covers("training-queue.submitter", field="TrainingQueueSettings.submitters", ends_in="aws:iam/policy:Policy.policy")
def test_submitters_send_and_do_nothing_else(full: Recorded) -> None:
    assert full.statements(POLICY, "x-submitter") == [
        {
            "Sid": "Send",
            "Effect": "Allow",
            "Action": ["sqs:SendMessage"],
            "Resource": [outputs(full)["queue_arn"]],
        },
        {
            "Sid": "Key",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": [outputs(full)["key_arn"]],
            "Condition": {"StringEquals": {"kms:ViaService": "sqs.us-east-1.amazonaws.com"}},
        },
    ]
    wanted = {
        "clusterName": "ml-dev",
        "namespace": "pipelines",
        "serviceAccount": "argo",
        "roleArn": outputs(full)["submitter_role_arns"]["pipeline"],
    }
    full.has(ASSOCIATION, wanted, name="x-submitter-pipeline-association")
    attached = [node["inputs"]["policyArn"] for node in full.all(ATTACHMENT, "x-submitter-.*")]
    assert attached == [outputs(full)["submitter_policy_arn"]]


def test_without_submitters_there_is_the_policy_and_no_role(smallest: Recorded) -> None:
    assert outputs(smallest)["submitter_role_arns"] == {}
    assert [node["name"] for node in smallest.all(ROLE, "x-submitter.*")] == []
    assert smallest.count(POLICY) == 3


@covers(
    "training-queue.dispatcher-role", field="TrainingQueueSettings.dispatcher", ends_in="aws:iam/policy:Policy.policy"
)
def test_dispatchers_take_messages_and_cannot_send(full: Recorded) -> None:
    assert full.statements(POLICY, "x-dispatcher-receive") == [
        {
            "Sid": "Receive",
            "Effect": "Allow",
            "Action": ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"],
            "Resource": [outputs(full)["queue_arn"]],
        },
        {
            "Sid": "Key",
            "Effect": "Allow",
            "Action": ["kms:Decrypt"],
            "Resource": [outputs(full)["key_arn"]],
            "Condition": {"StringEquals": {"kms:ViaService": "sqs.us-east-1.amazonaws.com"}},
        },
    ]
    wanted = {
        "namespace": "training-dispatch",
        "serviceAccount": "dispatcher",
        "roleArn": outputs(full)["dispatcher_role_arn"],
    }
    full.has(ASSOCIATION, wanted, name="x-dispatcher-association")


def test_keda_alone_takes_the_role_that_reads_the_length(full: Recorded) -> None:
    assert full.statements(ROLE, "x-scaler-role", "assumeRolePolicy") == [
        {
            "Sid": "KedaAssumesRole",
            "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam::123456789012:role/keda-operator"]},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    ]
    assert full.statements(POLICY, "x-scaler-length") == [
        {
            "Sid": "Length",
            "Effect": "Allow",
            "Action": ["sqs:GetQueueAttributes"],
            "Resource": [outputs(full)["queue_arn"]],
        }
    ]
    role = full.one(ROLE, "x-scaler-role")["outputs"]
    assert full.inputs(ATTACHMENT, "x-scaler-length")["role"] == role["name"]
    found = full.inputs(TRIGGER)
    assert found["metadata"]["namespace"] == "training-dispatch"
    assert found["spec"] == {"podIdentity": {"provider": "aws", "roleArn": role["arn"]}}


@covers(
    "training-queue.scaled-job",
    field="TrainingQueueSettings.dispatcher",
    ends_in="kubernetes:keda.sh/v1alpha1:ScaledJob.spec",
)
def test_a_dispatcher_starts_for_each_message_and_running_ones_are_left_alone(full: Recorded) -> None:
    scaled = copy.deepcopy(full.inputs(SCALED_JOB))
    job = scaled["spec"].pop("jobTargetRef")
    # Labels here reach the Jobs; a Kueue label is not among them, since dispatchers do not queue.
    assert scaled["metadata"] == {"name": "x-dispatch", "namespace": "training-dispatch", "labels": LABELS}
    assert scaled["spec"] == {
        "pollingInterval": 30,
        "maxReplicaCount": 5,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 10,
        "rollout": {"strategy": "gradual"},
        "scalingStrategy": {"strategy": "accurate"},
        "triggers": [
            {
                "type": "aws-sqs-queue",
                "authenticationRef": {"name": full.inputs(TRIGGER)["metadata"]["name"]},
                "metadata": {
                    "queueURL": outputs(full)["queue_url"],
                    "queueLength": "1",
                    "awsRegion": "us-east-1",
                    "scaleOnInFlight": "false",
                },
            }
        ],
    }
    template = job.pop("template")
    assert job == {"parallelism": 1, "completions": 1, "backoffLimit": 0, "activeDeadlineSeconds": 1800}
    assert template["metadata"] == {"labels": {"mlplatform.dev/component": "x"}}


@covers(
    "training-queue.image",
    field="QueueDispatcher.image",
    ends_in="kubernetes:keda.sh/v1alpha1:ScaledJob.spec.jobTargetRef.template.spec.containers.image",
)
def test_a_dispatcher_is_the_image_given_under_the_restricted_standard(full: Recorded) -> None:
    pod = copy.deepcopy(spec(full, SCALED_JOB)["jobTargetRef"]["template"]["spec"])
    (container,) = pod.pop("containers")
    assert pod == {
        "serviceAccountName": "dispatcher",
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
    }
    assert container.pop("env")
    assert container == {
        "name": "dispatch",
        "image": BASE["dispatcher"]["image"],  # type: ignore[index]
        "command": ["python", "-m", "mlplatform.runtime", "worker"],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a volume of the pod's own
    }


def environment_of(graph: Recorded) -> dict[str, str]:
    (container,) = spec(graph, SCALED_JOB)["jobTargetRef"]["template"]["spec"]["containers"]
    return {item["name"]: item["value"] for item in container["env"]}


@covers(
    "training-queue.dispatch",
    field="TrainingQueueSettings.teams, TrainingQueueSettings.default_priority",
    ends_in="kubernetes:keda.sh/v1alpha1:ScaledJob.spec.jobTargetRef.template.spec.containers.env",
)
def test_the_environment_is_what_the_dispatcher_reads(full: Recorded) -> None:
    environment = environment_of(full)
    assert set(environment) == {"AWS_DEFAULT_REGION", run.QUEUE_URL, run.HOLD, run.CONFIG}
    config = Config.model_validate_json(environment[run.CONFIG])
    assert {team: one.queue for team, one in config.teams.items()} == {"nlp": "default", "vision": "default"}
    assert list(config.priorities) == ["high", "low", "normal"]
    assert config.default_priority == "normal"
    assert environment[run.QUEUE_URL] == outputs(full)["queue_url"]


def test_a_message_is_renewed_for_as_long_as_the_queue_hides_it() -> None:
    assert SHORTEST_HOLD > run.SHORTEST_HOLD
    for seconds in (SHORTEST_HOLD, 3600):
        graph = changed({"intake.visibility_seconds": seconds})
        assert environment_of(graph)[run.HOLD] == str(seconds)
        assert graph.inputs(QUEUE, "x-intake")["visibilityTimeoutSeconds"] == seconds


def test_a_dispatcher_may_run_for_longer_than_it_ever_does(full: Recorded) -> None:
    longest = run.MAX_SECONDS + run.PATIENCE_SECONDS + run.SHORTEST_HOLD
    assert spec(full, SCALED_JOB)["jobTargetRef"]["activeDeadlineSeconds"] > longest


def depends(graph: Recorded, type_: str, name: str) -> set[str]:
    """Names, with their kind, of what a resource waits for."""
    return {
        "/".join((urn.split("::")[2].split("$")[-1].split(":")[-1], urn.split("::")[-1]))
        for urn in _of(graph, type_, name)
    }


def _of(graph: Recorded, type_: str, name: str) -> list[str]:
    return list(graph.one(type_, name)["dependencies"])


def test_queues_wait_for_what_they_name(full: Recorded) -> None:
    flavors = {"ResourceFlavor/x-flavor-h100-reserved", "ResourceFlavor/x-flavor-h100-spot"}
    flavors |= {"ResourceFlavor/x-flavor-steps-spot"}
    assert depends(full, COHORT, "x-cohort") == flavors
    assert depends(full, CLUSTER_QUEUE, "x-queue-nlp") == {*flavors, "Cohort/x-cohort"}
    assert depends(full, LOCAL_QUEUE, "x-local-queue-nlp") == {"ClusterQueue/x-queue-nlp", "Namespace/x-namespace-nlp"}


def test_the_first_dispatcher_starts_when_all_is_there(full: Recorded) -> None:
    found = depends(full, SCALED_JOB, "x-dispatch")
    wanted = {"TriggerAuthentication/x-dispatch-trigger", "RolePolicyAttachment/x-scaler-length"}
    wanted |= {f"WorkloadPriorityClass/x-priority-{name}" for name in ("low", "normal", "high")}
    wanted |= {"PodIdentityAssociation/x-dispatcher-association", "RolePolicyAttachment/x-dispatcher-receive"}
    wanted |= {"NetworkPolicy/x-dispatcher-egress", "NetworkPolicy/x-dispatcher-ingress", "ServiceAccount/x-dispatcher"}
    for team in ("vision", "nlp"):
        wanted |= {f"LocalQueue/x-local-queue-{team}", f"RoleBinding/x-dispatch-{team}"}
        wanted |= {
            f"RoleBinding/x-executor-{team}",
            f"NetworkPolicy/x-egress-{team}",
            f"NetworkPolicy/x-ingress-{team}",
        }
        wanted |= {f"PodIdentityAssociation/x-worker-{team}-association"}
    assert wanted <= found


def objects(graph: Recorded) -> list[dict[str, Any]]:
    return [node for node in graph.resources if node["type"].startswith("kubernetes:")]


def test_every_object_goes_to_the_cluster_given(full: Recorded) -> None:
    provider = full.one("pulumi:providers:kubernetes")["urn"]
    assert len(objects(full)) == 37
    assert {node["provider"] for node in objects(full)} == {provider}


def test_without_a_kubernetes_provider_nothing_is_made() -> None:
    with pytest.raises(Refused) as refused:
        record(lambda: TrainingQueue("x", TrainingQueueArgs.of(SMALLEST)))
    assert str(refused.value) == (
        "x: no Kubernetes provider; allowed is an explicit one; "
        "give ResourceOptions(providers=[..., cluster.kubernetes])"
    )


@pytest.mark.parametrize("change", [{}, {"topology": {"levels": ["kubernetes.io/hostname"]}}, {"capacity.0.gpus": 0}])
def test_every_object_validates(change: dict[str, Any], reference: Callable[[str], Path]) -> None:
    crds = reference("crds")
    args = with_values(BASE, {**change, **({"teams": {"vision": {}}} if "capacity.0.gpus" in change else {})})
    assert [found for node in objects(graph_of(args)) for found in problems(node["inputs"], crds)] == []


def test_names_of_objects_are_unique_in_their_namespace(full: Recorded) -> None:
    names = [
        (node["type"], node["inputs"]["metadata"].get("namespace"), node["inputs"]["metadata"]["name"])
        for node in objects(full)
    ]
    assert len(names) == len(set(names))


def test_nothing_is_secret_and_no_secret_is_made(full: Recorded) -> None:
    assert "[secret]" not in json.dumps(full.raw)
    assert [node["type"] for node in full.resources if "ecret" in node["type"]] == []


def test_every_role_has_the_boundary_given() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    graph = changed({"permissions_boundary_arn": boundary})
    assert [node["inputs"]["permissionsBoundary"] for node in graph.all(ROLE)] == [boundary] * 5


def test_policies_lint(full: Recorded) -> None:
    parliament = pytest.importorskip(
        "parliament", reason="needs parliament and pkg_resources: pip install 'parliament==1.6.4' 'setuptools<81'"
    )
    # A key's resource is itself, a trust policy has none: test_iam.py says why each of these is meant.
    meant = {KEY_TYPE: {"RESOURCE_STAR", "MISMATCHED_TYPE"}, ROLE: {"MALFORMED"}}
    documents = [
        (node["type"], node["name"], node["inputs"][prop])
        for node in full.resources
        for prop in ("policy", "assumeRolePolicy")
        if node["kind"] == "custom" and prop in node["inputs"]
    ]
    assert len(documents) == 12
    for type_, name, text in documents:
        found = {finding.issue for finding in parliament.analyze_policy_string(text).findings}
        assert found <= meant.get(type_, set()), (name, found)


@pytest.mark.parametrize("policy", ["x-submitter", "x-dispatcher-receive", "x-scaler-length"])
def test_no_role_made_here_has_a_wildcard(full: Recorded, policy: str) -> None:
    for statement in full.statements(POLICY, policy):
        assert "*" not in json.dumps([statement["Action"], statement["Resource"]])


def test_outputs_name_what_was_made(full: Recorded) -> None:
    made = outputs(full)
    intake = full.one(QUEUE, "x-intake")["outputs"]
    assert (made["queue_url"], made["queue_arn"]) == (intake["url"], intake["arn"])
    assert made["dead_letter_queue_arn"] == full.one(QUEUE, "x-dead-letters")["outputs"]["arn"]
    assert made["submitter_policy_arn"] == full.one(POLICY, "x-submitter")["outputs"]["arn"]
    assert made["cluster_queues"] == {"vision": "x-vision", "nlp": "x-nlp"}
    assert made["local_queues"] == {"vision": "default", "nlp": "default"}
    assert made["cohort_name"] == "x-cohort"
    assert made["quotas"] == {
        "h100-reserved": {"nvidia.com/gpu": "32", "cpu": "764", "memory": "8100000Mi"},
        "h100-spot": {"nvidia.com/gpu": "16", "cpu": "382", "memory": "4050000Mi"},
        "steps-spot": {"cpu": "63500m", "memory": "244Gi"},
    }
    assert set(made["worker_role_arns"]) == set(made["worker_role_names"]) == {"vision", "nlp"}
    assert set(made["submitter_role_arns"]) == {"pipeline"}


def test_the_order_of_teams_and_priorities_changes_nothing() -> None:
    def turned(of: Any) -> Any:
        return dict(reversed(of.items()))

    first = {**BASE, "priorities": {"low": -1, "normal": 0}}
    other = {**first, "teams": turned(BASE["teams"]), "priorities": turned(first["priorities"])}
    one, two = ([node for node in graph_of(args).resources if node["kind"] == "custom"] for args in (first, other))
    assert [{**node, "source": None} for node in one] == [{**node, "source": None} for node in two]


def with_outputs() -> None:
    def later(value: Any) -> pulumi.Output[Any]:
        return pulumi.Output.from_input(value)

    topic = "arn:aws:sns:us-east-1:123456789012:ml-alarms"
    given = {
        **SMALLEST,
        "teams": {"vision": {"weight": later(2.0), "max_pods": later(50.0), "policies": {"read": later(READ)}}},
        "intake": {
            "visibility_seconds": later(600.0),
            "max_receives": later(5.0),
            "retention_days": later(2.0),
            "max_wait_minutes": later(10.0),
            "kms_key_arn": later(KEY),
        },
        "alarm_topic_arns": [later(topic)],
        "cluster_name": later("ml-dev"),
        "keda_role_arn": later("arn:aws:iam::123456789012:role/keda"),
        "vpc_cidr": later("10.20.0.0/16"),
        "service_cidr": later("10.100.0.0/16"),
        "destinations": [{"cidr": later("10.60.0.0/16"), "ports": [2049]}],
    }
    TrainingQueue("x", TrainingQueueArgs.of(given), kubernetes("x"))


def test_outputs_are_taken_where_values_are() -> None:
    graph = record(with_outputs)
    assert spec(graph, CLUSTER_QUEUE)["fairSharing"] == {"weight": "2"}
    assert spec(graph, OBJECT_QUOTA)["hard"]["pods"] == "50"
    intake = graph.inputs(QUEUE, "x-intake")
    assert json.loads(intake["redrivePolicy"])["maxReceiveCount"] == 5
    assert '"maxReceiveCount": 5}' in intake["redrivePolicy"]
    assert (intake["kmsMasterKeyId"], intake["messageRetentionSeconds"]) == (KEY, 2 * 86400)
    assert environment_of(graph)[run.HOLD] == "600"
    graph.has(ALARM, {"threshold": 600}, name="x-message-age")
    graph.has(ASSOCIATION, {"clusterName": "ml-dev"}, name="x-worker-vision-association")
    rules = spec(graph, NETWORK_POLICY, "x-egress-vision")["egress"]
    assert [tcp("10.20.0.0/16"), tcp("10.100.0.0/16")] == rules[2:4]
    assert tcp("10.60.0.0/16", 2049) in rules


@pytest.mark.parametrize("args", [SMALLEST, BASE], ids=["smallest", "full"])
def test_nothing_computed_needs_to_be_known(args: dict[str, Any]) -> None:
    assert len(graph_of(args, strict=True).resources) == len(graph_of(args).resources)


def test_settings_have_what_a_person_writes_and_arguments_what_is_wired() -> None:
    wired = set(TrainingQueueArgs.model_fields) - set(TrainingQueueSettings.model_fields)
    assert wired == {"alarm_topic_arns", "capacity", "cluster_name", "keda_role_arn", "service_cidr", "vpc_cidr"}
    of_person = {field: value for field, value in BASE.items() if field not in wired}
    rest = {field: value for field, value in BASE.items() if field in wired}
    assert TrainingQueueArgs.of(TrainingQueueSettings.of(of_person), **rest) == TrainingQueueArgs.of(BASE)


def test_quotas_are_those_of_the_arguments() -> None:
    args = TrainingQueueArgs.of(BASE)
    guaranteed = {"vision": {"h100-reserved": 16, "steps-spot": 20}, "nlp": {"h100-reserved": 8}}
    assert args.nominal == quotas.split(args.capacity, guaranteed)
