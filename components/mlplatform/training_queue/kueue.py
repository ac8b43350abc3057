"""The objects of Kueue: flavors, what each team is guaranteed, what all share, and priorities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Optional, TypeAlias

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.contracts.labels import DOMAIN, NAMESPACE_NAME
from mlplatform.core.build import Build
from mlplatform.core.capacity import Capacity, Toleration
from mlplatform.core.objects import Objects
from mlplatform.training_queue import quotas
from mlplatform.training_queue.args import (
    QueueFlavorFungibility,
    QueuePreemption,
    TrainingQueueArgs,
)
from mlplatform.training_queue.numbers import as_text

API: Final = "kueue.x-k8s.io/v1beta2"
LOCAL_QUEUE: Final = "default"
"""Name of each team's LocalQueue: Kueue takes it for jobs that name none."""

_Build: TypeAlias = Build[TrainingQueueArgs]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all teams have together."""

    cohort: str
    """Name of the Cohort."""
    made: Sequence[pulumi.Resource]
    """What a ClusterQueue needs, and must be gone before: a flavor in use is not deleted."""
    priorities: Sequence[pulumi.Resource]
    """What jobs name: Kueue makes no workload of one whose priority it does not know."""


def shared(build: _Build, objects: Objects) -> Shared:
    """Flavors, and the Cohort with what nobody is guaranteed."""
    args = build.args
    topology = _topology(build, objects)
    after = objects.after(*([topology] if topology else ()))
    flavors = [
        objects.custom(
            f"flavor-{tier.flavor}",
            API,
            "ResourceFlavor",
            _flavor(tier, f"{build.name}-topology" if topology else None),
            metadata=objects.metadata("flavor", name=tier.flavor, labels=_labels(tier)),
            opts=after,
        )
        for tier in args.capacity
    ]
    cohort = objects.custom(
        "cohort",
        API,
        "Cohort",
        {"resourceGroups": quotas.resource_groups(args.capacity, args.nominal.shared)},
        opts=objects.after(*flavors),
    )
    priorities = [
        _Priority(f"{build.name}-priority-{name}", objects.metadata("priority", name=name), value, objects.inside)
        for name, value in (args.priorities or {}).items()
    ]
    return Shared(f"{build.name}-cohort", [*flavors, cohort], priorities)


def cluster_queue(build: _Build, objects: Objects, team: str, common: Shared) -> k8s.apiextensions.CustomResource:
    """What one team is guaranteed, and how it borrows, lends and preempts."""
    args, given = build.args, build.args.teams[team]
    limits = {"borrowingLimit": given.borrowing_limit or {}, "lendingLimit": given.lending_limit or {}}
    groups = quotas.resource_groups(
        args.capacity,
        args.nominal.teams[team],
        {field: _portions(args.capacity, counts) for field, counts in limits.items()},
    )
    fungibility = args.flavor_fungibility or QueueFlavorFungibility()
    spec = {
        "cohortName": common.cohort,
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: team}},
        "queueingStrategy": args.queueing_strategy,
        "resourceGroups": groups,
        "flavorFungibility": {
            "whenCanBorrow": fungibility.when_can_borrow,
            "whenCanPreempt": fungibility.when_can_preempt,
        },
        "preemption": _preemption(args.preemption or QueuePreemption()),
        "fairSharing": {"weight": as_text(given.weight)},
        "stopPolicy": given.stop_policy,
    }
    metadata = objects.metadata("queue", name=f"{build.name}-{team}")
    return objects.custom(
        f"queue-{team}", API, "ClusterQueue", spec, metadata=metadata, opts=objects.after(*common.made)
    )


def local_queue(
    build: _Build, objects: Objects, team: str, namespace: pulumi.Input[str], queue: pulumi.Resource
) -> k8s.apiextensions.CustomResource:
    """The queue that a team's jobs name, or need not name."""
    return objects.custom(
        f"local-queue-{team}",
        API,
        "LocalQueue",
        {"clusterQueue": f"{build.name}-{team}"},
        metadata=objects.metadata("local-queue", name=LOCAL_QUEUE, namespace=namespace),
        opts=objects.after(queue),
    )


def _topology(build: _Build, objects: Objects) -> Optional[k8s.apiextensions.CustomResource]:
    if build.args.topology is None:
        return None
    levels = [{"nodeLabel": label} for label in build.args.topology.levels]
    return objects.custom("topology", API, "Topology", {"levels": levels})


def _flavor(tier: Capacity, topology: Optional[str]) -> dict[str, Any]:
    """A flavor's nodes by their labels, and their taints.

    Taints and not tolerations: Kueue gives a flavor's tolerations to every pod that it admits there, so that work
    without GPU would be let onto GPU nodes as soon as the CPU pool is full. A taint admits only pods that tolerate it
    themselves (Kueue documentation, Resource Flavor). EKS does that for pods that request the resource of the taint's
    name (admission plugin ExtendedResourceToleration); templates of Jobs and TrainJobs must say it.
    """
    parts = {
        "nodeLabels": dict(tier.node_labels),
        "nodeTaints": [_taint(toleration) for toleration in tier.tolerations or ()],
        "topologyName": topology,
    }
    return {field: value for field, value in parts.items() if value}


def _taint(toleration: Toleration) -> dict[str, Any]:
    taint = {"key": toleration.key, "value": toleration.value, "effect": toleration.effect}
    return {field: value for field, value in taint.items() if value}


def _labels(tier: Capacity) -> dict[str, str]:
    return {
        f"{DOMAIN}/pool": tier.pool,
        f"{DOMAIN}/tier": tier.tier.value,
        f"{DOMAIN}/purpose": tier.purpose.value,
    }


def _portions(capacity: Sequence[Capacity], counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    return {tier.flavor: quotas.portion(tier, counts[tier.flavor]) for tier in capacity if tier.flavor in counts}


def _preemption(given: QueuePreemption) -> dict[str, Any]:
    return {
        "withinClusterQueue": given.within_cluster_queue,
        "reclaimWithinCohort": given.reclaim_within_cohort,
        "borrowWithinCohort": {"policy": given.borrow_within_cohort},
    }


class _Priority(pulumi.CustomResource):
    """A WorkloadPriorityClass, whose value is not in a spec: the SDK's class for custom kinds has nowhere to put it."""

    def __init__(
        self, name: str, metadata: k8s.meta.v1.ObjectMetaArgs, value: int, opts: pulumi.ResourceOptions
    ) -> None:
        kind = "WorkloadPriorityClass"
        props = {"apiVersion": API, "kind": kind, "metadata": metadata, "value": value}
        super().__init__(f"kubernetes:{API}:{kind}", name, props, opts)
