"""A team's namespace: who its pods are, what they may do and reach, and how many objects it may have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.contracts.labels import QUEUE, QUEUE_MANAGED
from mlplatform.core.build import Build
from mlplatform.core.objects import Objects
from mlplatform.training_queue import kueue, reach
from mlplatform.training_queue.args import QueueTeam, TrainingQueueArgs
from mlplatform.training_queue.numbers import as_text
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

WORKER: Final = "worker"
"""Service account of the pods of jobs, in each team's namespace."""
RBAC: Final = "rbac.authorization.k8s.io"

_MADE_BY_MESSAGES: Final = {
    "batch": ["jobs"],
    "argoproj.io": ["workflows"],
    "trainer.kubeflow.org": ["trainjobs"],
}
# What Argo's executor needs to report a step's result (Argo Workflows, Workflow RBAC), and what a `resource` template
# needs to make a job of several pods and to look whether it is done (workflow/executor/resource.go).
_EXECUTOR: Final = (
    ("argoproj.io", ["workflowtaskresults"], ["create", "patch"]),
    ("batch", ["jobs"], ["create", "get"]),
    ("trainer.kubeflow.org", ["trainjobs"], ["create", "get"]),
)
# A job on its first look exists or not: two dispatchers of one message make it once.
_DISPATCHER: Final = tuple((group, kinds, ["create", "get"]) for group, kinds in _MADE_BY_MESSAGES.items())

_Build: TypeAlias = Build[TrainingQueueArgs]
_Rules: TypeAlias = Sequence[tuple[str, list[str], list[str]]]


@dataclass(frozen=True, slots=True)
class Team:
    """What was made for one team."""

    worker: WorkloadRole
    """The role of its workers."""
    ready: Sequence[pulumi.Resource]
    """What a dispatcher needs before it makes a job there."""


def create(
    build: _Build, objects: Objects, name: str, common: kueue.Shared, dispatcher: k8s.rbac.v1.SubjectArgs
) -> Team:
    """The namespace `name`, closed but for what its jobs need, with a queue of its own."""
    given = build.args.teams[name]
    namespace = objects.namespace_name(f"namespace-{name}", name=name, labels={QUEUE: QUEUE_MANAGED})
    _ceilings(build, objects, name, namespace)
    queue = kueue.local_queue(build, objects, name, namespace, kueue.cluster_queue(build, objects, name, common))
    closed = [
        objects.network_policy(f"ingress-{name}", reach.among_neighbours(), namespace=namespace),
        objects.network_policy(f"egress-{name}", reach.of_teams(build.args), namespace=namespace),
    ]
    role = _worker(build, objects, name, given, namespace)
    worker = k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=WORKER, namespace=namespace)
    bindings = [
        _binding(objects, f"executor-{name}", WORKER, namespace, _EXECUTOR, worker),
        _binding(objects, f"dispatch-{name}", "dispatcher", namespace, _DISPATCHER, dispatcher),
    ]
    return Team(role, [queue, role, *closed, *bindings])


def _worker(build: _Build, objects: Objects, name: str, given: QueueTeam, namespace: pulumi.Input[str]) -> WorkloadRole:
    k8s.core.v1.ServiceAccount(
        f"{build.name}-worker-{name}",
        metadata=objects.metadata("worker", name=WORKER, namespace=namespace),
        opts=objects.inside,
    )
    return WorkloadRole(
        f"{build.name}-worker-{name}",
        WorkloadRoleArgs(
            namespace=name,
            service_account=WORKER,
            policies=given.policies,
            managed_policy_arns=given.managed_policy_arns,
            cluster_name=build.args.cluster_name,
            permissions_boundary_arn=build.args.permissions_boundary_arn,
        ),
        build.inside,
    )


def _binding(  # noqa: PLR0913, PLR0917 - the parts of a binding
    objects: Objects,
    role: str,
    name: str,
    namespace: pulumi.Input[str],
    rules: _Rules,
    subject: k8s.rbac.v1.SubjectArgs,
) -> k8s.rbac.v1.RoleBinding:
    """A role of this namespace, and who has it."""
    metadata = objects.metadata(role, name=name, namespace=namespace)
    allowed = [
        k8s.rbac.v1.PolicyRuleArgs(api_groups=[group], resources=kinds, verbs=verbs) for group, kinds, verbs in rules
    ]
    made = k8s.rbac.v1.Role(f"{objects.name}-{role}", metadata=metadata, rules=allowed, opts=objects.inside)
    reference = k8s.rbac.v1.RoleRefArgs(api_group=RBAC, kind="Role", name=name)
    return k8s.rbac.v1.RoleBinding(
        f"{objects.name}-{role}", metadata=metadata, role_ref=reference, subjects=[subject], opts=objects.after(made)
    )


def _ceilings(build: _Build, objects: Objects, name: str, namespace: pulumi.Input[str]) -> None:
    """How many objects there may be, and what a container requests that says nothing.

    No ResourceQuota of GPU, CPU or memory: that is Kueue's, and a second one would refuse pods that it admitted. No
    default limits: one below what a container requests would refuse the container.
    """
    args = build.args
    k8s.core.v1.ResourceQuota(
        f"{build.name}-quota-{name}",
        metadata=objects.metadata("quota", name="objects", namespace=namespace),
        spec=k8s.core.v1.ResourceQuotaSpecArgs(hard=_objects(args.teams[name])),
        opts=objects.inside,
    )
    requests: dict[str, Any] = {"cpu": args.default_cpu, "memory": args.default_memory}
    limits = k8s.core.v1.LimitRangeItemArgs(type="Container", default_request=requests)
    k8s.core.v1.LimitRange(
        f"{build.name}-requests-{name}",
        metadata=objects.metadata("requests", name="requests", namespace=namespace),
        spec=k8s.core.v1.LimitRangeSpecArgs(limits=[limits]),
        opts=objects.inside,
    )


def _objects(team: QueueTeam) -> dict[str, pulumi.Output[str]]:
    jobs = {f"count/{kinds[0]}.{group}": team.max_jobs for group, kinds in _MADE_BY_MESSAGES.items()}
    # Jobs are not published: no load balancer and no port of every node.
    ceilings = {"pods": team.max_pods, **jobs, "services.loadbalancers": 0, "services.nodeports": 0}
    return {name: as_text(count) for name, count in ceilings.items()}
