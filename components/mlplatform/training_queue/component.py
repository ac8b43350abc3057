"""TrainingQueue: quotas of teams from the capacity of pools, and an intake that turns messages into their jobs."""

from collections.abc import Mapping
from typing import Optional

import pulumi

from mlplatform.core.args import InvalidArgs
from mlplatform.core.build import Build
from mlplatform.core.naming import Kind, check
from mlplatform.core.objects import Objects
from mlplatform.training_queue import dispatch, intake, kueue, quotas, teams
from mlplatform.training_queue.args import TrainingQueueArgs


class TrainingQueue(pulumi.ComponentResource):
    """Who trains, when and on what: Kueue's queues with quotas derived from the pools, and a way in by SQS.

    Every team has a namespace and a ClusterQueue with what it is guaranteed; all are in one Cohort, which has the rest.
    Over all of them, the quota of each flavor is its limit exactly. A message of the SQS queue becomes one Job,
    Workflow or TrainJob of a team, which Kueue then admits.

    A template that needs GPUs must tolerate the taint of their nodes; what needs none then never lands there.
    """

    queue_url: pulumi.Output[str]
    """URL of the SQS queue that jobs are sent to."""
    queue_arn: pulumi.Output[str]
    """ARN of that queue."""
    dead_letter_queue_arn: pulumi.Output[str]
    """ARN of the queue of messages that could not be dispatched."""
    key_arn: pulumi.Output[str]
    """ARN of the key of both queues."""
    submitter_policy_arn: pulumi.Output[str]
    """ARN of the managed policy that lets a role send jobs: attach it to the role of a pipeline, a function or an
    EventBridge schedule. EventBridge rules cannot send: they give no de-duplication id, which names the job."""
    submitter_role_arns: pulumi.Output[Mapping[str, str]]
    """ARNs of the roles of `submitters`, by their short name."""
    worker_role_arns: pulumi.Output[Mapping[str, str]]
    """ARNs of the roles that pods of jobs take, by team."""
    worker_role_names: pulumi.Output[Mapping[str, str]]
    """Names of the same roles, to attach policies to."""
    dispatcher_role_arn: pulumi.Output[str]
    """ARN of the role of the dispatchers."""
    cluster_queues: pulumi.Output[Mapping[str, str]]
    """Names of the ClusterQueues, by team."""
    local_queues: pulumi.Output[Mapping[str, str]]
    """Names of the LocalQueues, by team, which is also their namespace."""
    cohort_name: pulumi.Output[str]
    """Name of the Cohort."""
    quotas: pulumi.Output[Mapping[str, Mapping[str, str]]]
    """Quota of each flavor over all teams and what they share, by flavor and resource: the limit of its tier."""

    def __init__(self, name: str, args: TrainingQueueArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = TrainingQueueArgs.of(args)
        _check_names(name, args)
        super().__init__("mlplatform:index:TrainingQueue", name, args.model_dump(exclude_none=True), opts)
        build, objects = Build.of(self, name, args), Objects.of(self, name)
        entry = intake.create(build)
        common = kueue.shared(build, objects)
        home = dispatch.home(build, objects, entry)
        made = {team: teams.create(build, objects, team, common, home.subject) for team in args.teams}
        ready = [*common.priorities, *(resource for team in made.values() for resource in team.ready)]
        dispatch.create(build, objects, entry, home, ready)

        self.queue_url = entry.queue.url
        self.queue_arn = entry.queue.arn
        self.dead_letter_queue_arn = entry.dead_letters.arn
        self.key_arn = entry.key_arn
        self.submitter_policy_arn = entry.submitter_policy_arn
        self.submitter_role_arns = _resolved(entry.submitter_role_arns)
        self.worker_role_arns = _resolved({team: one.worker.role_arn for team, one in made.items()})
        self.worker_role_names = _resolved({team: one.worker.role_name for team, one in made.items()})
        self.dispatcher_role_arn = home.role.role_arn
        self.cluster_queues = pulumi.Output.from_input({team: f"{name}-{team}" for team in made})
        self.local_queues = pulumi.Output.from_input(dict.fromkeys(made, kueue.LOCAL_QUEUE))
        self.cohort_name = pulumi.Output.from_input(common.cohort)
        self.quotas = pulumi.Output.from_input(_totals(args))
        self.register_outputs(
            {
                "queue_url": self.queue_url,
                "queue_arn": self.queue_arn,
                "dead_letter_queue_arn": self.dead_letter_queue_arn,
                "key_arn": self.key_arn,
                "submitter_policy_arn": self.submitter_policy_arn,
                "submitter_role_arns": self.submitter_role_arns,
                "worker_role_arns": self.worker_role_arns,
                "worker_role_names": self.worker_role_names,
                "dispatcher_role_arn": self.dispatcher_role_arn,
                "cluster_queues": self.cluster_queues,
                "local_queues": self.local_queues,
                "cohort_name": self.cohort_name,
                "quotas": self.quotas,
            }
        )


def _resolved(arns: Mapping[str, pulumi.Output[str]]) -> pulumi.Output[Mapping[str, str]]:
    """All of them by name; of none, `Output.all` would make a list."""
    return pulumi.Output.all(**arns) if arns else pulumi.Output.from_input({})


def _totals(args: TrainingQueueArgs) -> dict[str, dict[str, str]]:
    return {
        tier.flavor: {resource: quotas.quantity(resource, amount) for resource, amount in quotas.total(tier).items()}
        for tier in args.capacity
    }


def _check_names(name: str, args: TrainingQueueArgs) -> None:
    """Of all names made of the component's and a team's, a role's leaves the least room."""
    roles = [*(f"worker-{team}" for team in args.teams), *(f"submitter-{short}" for short in args.submitters or {})]
    policies = [f"worker-{team}-{short}" for team, given in args.teams.items() for short in given.policies or {}]
    try:
        check(Kind.KUBERNETES, name)
        for role in roles:
            check(Kind.IAM_ROLE, f"{name}-{role}-role", autonamed=True)
        for policy in policies:
            check(Kind.IAM_POLICY, f"{name}-{policy}", autonamed=True)
    except ValueError as error:
        raise InvalidArgs(f"TrainingQueue {name!r}: {error}") from None
