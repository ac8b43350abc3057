"""Karpenter's side of AWS: the roles of its controller and of its nodes, and the queue of interruption events."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from mlplatform.cluster.args import ExistingKarpenter
from mlplatform.cluster.build import Build
from mlplatform.cluster.control_plane import ControlPlane
from mlplatform.cluster.nodes import node_role
from mlplatform.facts.aws.karpenter import (
    QUEUE_RETENTION_SECONDS,
    QUEUE_SQS_MANAGED_SSE,
    controller_policies,
    interruption_events,
    interruption_queue_policy,
)
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

NAMESPACE = "kube-system"
"""Namespace of Karpenter's controller; API priority and fairness favours it there."""
SERVICE_ACCOUNT = "karpenter"
"""Service account of Karpenter's controller."""


@dataclass(frozen=True, slots=True)
class Karpenter:
    """What Karpenter needs of AWS, whoever made it."""

    node_role_arn: pulumi.Output[str]
    """ARN of the role of its nodes."""
    node_role_name: pulumi.Output[str]
    """Name of that role."""
    controller_role_arn: pulumi.Output[str]
    """ARN of the role of its controller."""
    queue_name: pulumi.Output[str]
    """Name of the queue of interruption events."""
    ready: Sequence[pulumi.Resource] = ()
    """What a node of Karpenter's needs in order to join, and to be ended again."""


def adopt(existing: ExistingKarpenter) -> Karpenter:
    """What somebody else made for Karpenter."""
    node_role_arn = pulumi.Output.from_input(existing.node_role_arn)
    return Karpenter(
        node_role_arn=node_role_arn,
        node_role_name=node_role_arn.apply(lambda arn: arn.rpartition("/")[2]),
        controller_role_arn=pulumi.Output.from_input(existing.controller_role_arn),
        queue_name=pulumi.Output.from_input(existing.interruption_queue_name),
    )


def create(build: Build, control_plane: ControlPlane) -> Karpenter:
    """Roles and queue of our own."""
    nodes = node_role(build, "karpenter-node", "Nodes that Karpenter launches")
    entry = aws.eks.AccessEntry(
        f"{build.name}-karpenter-node",
        cluster_name=control_plane.name,
        principal_arn=nodes.arn,
        type="EC2_LINUX",
        opts=build.inside,
    )
    queue = _queue(build)
    controller = WorkloadRole(
        f"{build.name}-karpenter",
        WorkloadRoleArgs(
            namespace=NAMESPACE,
            service_account=SERVICE_ACCOUNT,
            policies=_policies(build, control_plane, nodes.arn, queue.arn),
            cluster_name=control_plane.name,
            permissions_boundary_arn=build.args.permissions_boundary_arn,
        ),
        build.inside,
    )
    ready = [entry, *nodes.attachments, controller]
    return Karpenter(nodes.arn, nodes.name, controller.role_arn, queue.name, ready)


def _policies(
    build: Build, control_plane: ControlPlane, node_role_arn: pulumi.Output[str], queue_arn: pulumi.Output[str]
) -> Mapping[str, pulumi.Output[str]]:
    def policies(values: Sequence[str]) -> dict[str, str]:
        documents = _documents(build.args.name, *values)
        return {role: json.dumps(document) for role, document in documents.items()}

    place = build.place
    arns = (node_role_arn, queue_arn, control_plane.arn)
    texts = pulumi.Output.all(place.partition, place.region, place.account_id, *arns).apply(policies)
    # The names of the policies depend on nothing that is known later.
    names = _documents(*[""] * 7)
    return {role: texts[role] for role in names}


def _documents(  # noqa: PLR0913, PLR0917 - the template's own parameters
    name: str, partition: str, region: str, account_id: str, node_role: str, queue: str, cluster: str
) -> Mapping[str, dict[str, object]]:
    return controller_policies(
        cluster_name=name,
        partition=partition,
        region=region,
        account_id=account_id,
        node_role_arn=node_role,
        queue_arn=queue,
        cluster_arn=cluster,
    )


def _queue(build: Build) -> aws.sqs.Queue:
    queue = aws.sqs.Queue(
        f"{build.name}-interruption",
        message_retention_seconds=QUEUE_RETENTION_SECONDS,
        sqs_managed_sse_enabled=QUEUE_SQS_MANAGED_SSE,
        opts=build.inside,
    )
    rules = {short: _rule(build, short, pattern) for short, pattern in interruption_events().items()}
    policy = aws.sqs.QueuePolicy(
        f"{build.name}-interruption",
        queue_url=queue.url,
        policy=pulumi.Output.json_dumps(interruption_queue_policy(queue.arn, [rule.arn for rule in rules.values()])),
        opts=build.inside,
    )
    for short, rule in rules.items():
        # A target that may not send yet would drop events.
        aws.cloudwatch.EventTarget(f"{build.name}-{short}", rule=rule.name, arn=queue.arn, opts=build.after(policy))
    return queue


def _rule(build: Build, short: str, pattern: Mapping[str, object]) -> aws.cloudwatch.EventRule:
    return aws.cloudwatch.EventRule(
        f"{build.name}-{short}",
        description=f"Tells Karpenter of cluster {build.args.name}",
        event_pattern=json.dumps(pattern),
        opts=build.inside,
    )
