"""How jobs come in: a FIFO queue and its dead-letter queue, their key, their alarms, and who may send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pulumi
import pulumi_aws as aws

from mlplatform.core.build import Build
from mlplatform.core.keys import encryption_key
from mlplatform.facts.aws.iam import Statement, deny_insecure_transport, document
from mlplatform.facts.aws.kms import KeyUse
from mlplatform.training_queue.args import QueueIntake, TrainingQueueArgs
from mlplatform.training_queue.numbers import whole
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

LONG_POLL_SECONDS = 20
"""The longest that SQS waits for a message: fewer empty answers, at no cost."""
ALARM_SECONDS = 300
DAY = 86_400

_Build: TypeAlias = Build[TrainingQueueArgs]


@dataclass(frozen=True, slots=True)
class Intake:
    """What was made to take jobs in."""

    queue: aws.sqs.Queue
    dead_letters: aws.sqs.Queue
    key_arn: pulumi.Output[str]
    submitter_policy_arn: pulumi.Output[str]
    submitter_role_arns: Mapping[str, pulumi.Output[str]]


def create(build: _Build) -> Intake:
    """Both queues, closed to requests without TLS, and all around them."""
    given = build.args.intake or QueueIntake()
    key_arn = _key_arn(build, given)
    dead_letters = _queue(build, "dead-letters", given.dead_letter_days, key_arn)
    redrive = {"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": whole(given.max_receives)}
    queue = _queue(build, "intake", given.retention_days, key_arn, given.visibility_seconds, redrive)
    aws.sqs.RedriveAllowPolicy(
        f"{build.name}-dead-letters",
        queue_url=dead_letters.url,
        redrive_allow_policy=pulumi.Output.json_dumps({"redrivePermission": "byQueue", "sourceQueueArns": [queue.arn]}),
        opts=build.inside,
    )
    _alarms(build, given, queue, dead_letters)
    policy = aws.iam.Policy(
        f"{build.name}-submitter",
        description="Sends jobs to the training queue",
        policy=pulumi.Output.json_dumps(document(*_sends(build, queue, key_arn))),
        opts=build.inside,
    )
    return Intake(queue, dead_letters, key_arn, policy.arn, _submitters(build, policy))


def _key_arn(build: _Build, given: QueueIntake) -> pulumi.Output[str]:
    if given.kms_key_arn is not None:
        return pulumi.Output.from_input(given.kms_key_arn)
    uses: dict[KeyUse, Sequence[pulumi.Input[str]]] = {KeyUse.SQS: []}
    return encryption_key(f"{build.name}-key", "Jobs sent for training", uses, place=build.place, opts=build.kept).arn


def _queue(  # noqa: PLR0913, PLR0917 - what differs between the two
    build: _Build,
    role: str,
    days: pulumi.Input[int] | None,
    key_arn: pulumi.Output[str],
    visibility_seconds: pulumi.Input[int] | None = None,
    redrive: Mapping[str, object] | None = None,
) -> aws.sqs.Queue:
    queue = aws.sqs.Queue(
        f"{build.name}-{role}",
        fifo_queue=True,
        # The sender says which messages are the same, since a job takes its name from that.
        content_based_deduplication=False,
        receive_wait_time_seconds=LONG_POLL_SECONDS,
        visibility_timeout_seconds=visibility_seconds,
        message_retention_seconds=_times(days, DAY),
        kms_master_key_id=key_arn,
        redrive_policy=None if redrive is None else pulumi.Output.json_dumps(redrive),
        opts=build.kept,
    )
    aws.sqs.QueuePolicy(
        f"{build.name}-{role}",
        queue_url=queue.url,
        policy=pulumi.Output.json_dumps(document(deny_insecure_transport("sqs", (queue.arn,)))),
        opts=build.inside,
    )
    return queue


def _alarms(build: _Build, given: QueueIntake, queue: aws.sqs.Queue, dead_letters: aws.sqs.Queue) -> None:
    minutes = _times(given.max_wait_minutes, 60)
    waits = "A message has waited too long for a dispatcher"
    _alarm(build, "message-age", waits, queue, "ApproximateAgeOfOldestMessage", minutes)
    dead = "A message could not be dispatched"
    _alarm(build, "dead-letter", dead, dead_letters, "ApproximateNumberOfMessagesVisible", 0)


def _alarm(  # noqa: PLR0913, PLR0917 - the parts of an alarm
    build: _Build,
    role: str,
    description: str,
    queue: aws.sqs.Queue,
    metric: str,
    threshold: pulumi.Input[float],
) -> None:
    topics = list(build.args.alarm_topic_arns or ())
    # Metrics are those of the Amazon SQS Developer Guide, Available CloudWatch metrics for Amazon SQS.
    aws.cloudwatch.MetricAlarm(
        f"{build.name}-{role}",
        alarm_description=description,
        namespace="AWS/SQS",
        metric_name=metric,
        dimensions={"QueueName": queue.name},
        statistic="Maximum",
        period=ALARM_SECONDS,
        evaluation_periods=1,
        comparison_operator="GreaterThanThreshold",
        threshold=threshold,
        # SQS sends nothing for a queue that nobody used for hours.
        treat_missing_data="notBreaching",
        alarm_actions=topics,
        ok_actions=topics,
        opts=build.inside,
    )


def _sends(build: _Build, queue: aws.sqs.Queue, key_arn: pulumi.Output[str]) -> Sequence[Statement]:
    # Decrypt too: SQS verifies the data key with it (Amazon SQS Developer Guide, Key management, Configure KMS
    # permissions for producers).
    return (
        Statement("Send", ("sqs:SendMessage",), (queue.arn,)),
        key_use(build, key_arn, ("kms:Decrypt", "kms:GenerateDataKey")),
    )


def key_use(build: _Build, key_arn: pulumi.Output[str], actions: Sequence[str]) -> Statement:
    """Use of the queues' key, through SQS only."""
    through = build.place.host("sqs")
    return Statement("Key", actions, (key_arn,), conditions={"StringEquals": {"kms:ViaService": through}})


def _submitters(build: _Build, policy: aws.iam.Policy) -> dict[str, pulumi.Output[str]]:
    return {
        short: WorkloadRole(
            f"{build.name}-submitter-{short}",
            WorkloadRoleArgs(
                namespace=given.namespace,
                service_account=given.service_account,
                managed_policy_arns=[policy.arn],
                cluster_name=build.args.cluster_name,
                permissions_boundary_arn=build.args.permissions_boundary_arn,
            ),
            build.inside,
        ).role_arn
        for short, given in (build.args.submitters or {}).items()
    }


def _times(count: pulumi.Input[int] | None, factor: int) -> pulumi.Output[int]:
    return whole(count).apply(lambda number: number * factor)
