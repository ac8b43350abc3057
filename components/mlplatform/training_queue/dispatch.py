"""What turns messages into jobs: a ScaledJob of KEDA that starts a dispatcher for each message, and its roles."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from mlplatform.contracts.labels import COMPONENT
from mlplatform.core.build import Build
from mlplatform.core.objects import Objects
from mlplatform.facts.aws.iam import Statement, document
from mlplatform.facts.kubernetes.egress import default_deny
from mlplatform.facts.kubernetes.pods import container_security, pod_security
from mlplatform.training_queue import reach
from mlplatform.training_queue.args import DISPATCH_NAMESPACE, QueueIntake, TrainingQueueArgs
from mlplatform.training_queue.intake import Intake, key_use
from mlplatform.training_queue.kueue import LOCAL_QUEUE
from mlplatform.training_queue.numbers import as_text
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

API: Final = "keda.sh/v1alpha1"
DISPATCHER: Final = "dispatcher"
"""Service account of the dispatchers."""
COMMAND: Final = ("python", "-m", "mlplatform.runtime", "worker")
CPU: Final = "100m"
MEMORY: Final = "256Mi"
"""A Python process with two SDKs, for some seconds."""
DEADLINE_SECONDS: Final = 1800
"""Seconds after which a dispatcher is ended, should it hang: twice what a run takes at most, which is ten minutes of
messages and five of attempts at the last one."""
SUCCEEDED, FAILED = 3, 10
"""Finished dispatchers that are kept to look at; KEDA keeps 100 of each otherwise."""

_Build: TypeAlias = Build[TrainingQueueArgs]


@dataclass(frozen=True, slots=True)
class Home:
    """Where dispatchers run, and as whom."""

    namespace: pulumi.Output[str]
    """Name of their namespace."""
    subject: k8s.rbac.v1.SubjectArgs
    """Who they are in Kubernetes."""
    role: WorkloadRole
    """Who they are in AWS."""
    ready: Sequence[pulumi.Resource]
    """What they need before they start."""


def home(build: _Build, objects: Objects, intake: Intake) -> Home:
    """Their namespace, which Kueue does not manage: dispatchers would wait in the queue that they fill."""
    name = build.args.dispatcher.namespace or DISPATCH_NAMESPACE
    namespace = objects.namespace_name("dispatcher-namespace", name=name)
    ready = [
        objects.network_policy("dispatcher-ingress", default_deny(), namespace=namespace),
        objects.network_policy("dispatcher-egress", reach.of_dispatchers(build.args), namespace=namespace),
        k8s.core.v1.ServiceAccount(
            f"{build.name}-dispatcher",
            metadata=objects.metadata("dispatcher", name=DISPATCHER, namespace=namespace),
            opts=objects.inside,
        ),
    ]
    subject = k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=DISPATCHER, namespace=namespace)
    role = _role(build, intake, name)
    return Home(namespace, subject, role, [*ready, role])


def create(build: _Build, objects: Objects, intake: Intake, home: Home, teams_ready: Sequence[pulumi.Resource]) -> None:
    """The ScaledJob, once all that its dispatchers need is there."""
    metadata = objects.metadata("dispatch", namespace=home.namespace)
    scaler = _scaler(build, intake)
    trigger = objects.custom(
        "dispatch-trigger",
        API,
        "TriggerAuthentication",
        {"podIdentity": {"provider": "aws", "roleArn": scaler.role.arn}},
        metadata=metadata,
    )
    # Labels of the ScaledJob itself, and not those of its template, are on the Jobs that KEDA makes.
    objects.custom(
        "dispatch",
        API,
        "ScaledJob",
        _scaled_job(build, intake),
        metadata=metadata,
        opts=objects.after(trigger, scaler.attachment, *home.ready, *teams_ready),
    )


def _role(build: _Build, intake: Intake, namespace: str) -> WorkloadRole:
    """The role of dispatchers: they take messages and nothing else, and cannot send one."""
    receive = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage")
    statements = (
        Statement("Receive", receive, (intake.queue.arn,)),
        key_use(build, intake.key_arn, ("kms:Decrypt",)),
    )
    return WorkloadRole(
        f"{build.name}-dispatcher",
        WorkloadRoleArgs(
            namespace=namespace,
            service_account=DISPATCHER,
            policies={"receive": pulumi.Output.json_dumps(document(*statements))},
            cluster_name=build.args.cluster_name,
            permissions_boundary_arn=build.args.permissions_boundary_arn,
        ),
        build.inside,
    )


class _Scaler(NamedTuple):
    role: aws.iam.Role
    attachment: aws.iam.RolePolicyAttachment


def _scaler(build: _Build, intake: Intake) -> _Scaler:
    """The role by which KEDA's operator reads the length of the queue.

    TagSession too: the tags that Pod Identity gives the operator's session go on to this one.
    """
    operator = {"AWS": (build.args.keda_role_arn,)}
    trust = Statement("KedaAssumesRole", ("sts:AssumeRole", "sts:TagSession"), principals=operator)
    name = f"{build.name}-scaler"
    made = aws.iam.Role(
        f"{name}-role",
        description="KEDA reads the length of the training queue",
        assume_role_policy=pulumi.Output.json_dumps(document(trust)),
        permissions_boundary=build.args.permissions_boundary_arn,
        opts=build.inside,
    )
    read = document(Statement("Length", ("sqs:GetQueueAttributes",), (intake.queue.arn,)))
    policy = aws.iam.Policy(f"{name}-length", policy=pulumi.Output.json_dumps(read), opts=build.inside)
    attachment = aws.iam.RolePolicyAttachment(
        f"{name}-length", role=made.name, policy_arn=policy.arn, opts=build.inside
    )
    return _Scaler(made, attachment)


def _scaled_job(build: _Build, intake: Intake) -> dict[str, Any]:
    given = build.args.dispatcher
    return {
        "jobTargetRef": _job(build, intake),
        "pollingInterval": given.polling_seconds,
        "maxReplicaCount": given.max_replicas,
        "successfulJobsHistoryLimit": SUCCEEDED,
        "failedJobsHistoryLimit": FAILED,
        # KEDA's default deletes running Jobs at every update.
        "rollout": {"strategy": "gradual"},
        # Messages in work are not counted, so neither are the dispatchers at work on them.
        "scalingStrategy": {"strategy": "accurate"},
        "triggers": [
            {
                "type": "aws-sqs-queue",
                "authenticationRef": {"name": f"{build.name}-dispatch"},
                "metadata": {
                    "queueURL": intake.queue.url,
                    "queueLength": "1",
                    "awsRegion": build.place.region,
                    "scaleOnInFlight": "false",
                },
            }
        ],
    }


def _job(build: _Build, intake: Intake) -> dict[str, Any]:
    return {
        "parallelism": 1,
        "completions": 1,
        # Not tried again here: SQS gives the message to the next dispatcher when it becomes visible.
        "backoffLimit": 0,
        "activeDeadlineSeconds": DEADLINE_SECONDS,
        "template": {"metadata": {"labels": {COMPONENT: build.name}}, "spec": _pod(build, intake)},
    }


def _pod(build: _Build, intake: Intake) -> dict[str, Any]:
    held = (build.args.intake or QueueIntake()).visibility_seconds
    container = {
        "name": "dispatch",
        "image": build.args.dispatcher.image,
        "command": list(COMMAND),
        "env": [
            {"name": "AWS_DEFAULT_REGION", "value": build.place.region},
            {"name": "DISPATCH_QUEUE_URL", "value": intake.queue.url},
            {"name": "DISPATCH_HOLD_SECONDS", "value": as_text(held)},
            {"name": "DISPATCH_CONFIG", "value": configuration(build.args)},
        ],
        "resources": {"requests": {"cpu": CPU, "memory": MEMORY}, "limits": {"memory": MEMORY}},
        "securityContext": container_security(),
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a volume of the pod's own
    }
    return {
        "serviceAccountName": DISPATCHER,
        "restartPolicy": "Never",
        "securityContext": pod_security(),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
    }


def configuration(args: TrainingQueueArgs) -> str:
    """What a dispatcher knows: teams with their queues, and priorities; as JSON."""
    known = {
        "teams": {team: {"queue": LOCAL_QUEUE} for team in sorted(args.teams)},
        "priorities": sorted(args.priorities or {}),
        "default_priority": args.default_priority,
    }
    return json.dumps(known, sort_keys=True)
