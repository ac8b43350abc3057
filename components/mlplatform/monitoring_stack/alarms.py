"""The topic that every alarm goes to, and the CloudWatch alarms of the platform's AWS parts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

import pulumi
import pulumi_aws as aws

from mlplatform.core.build import Build
from mlplatform.facts.aws.iam import ANYONE, Statement, document
from mlplatform.monitoring_stack.args import AwsAlarmThresholds, MonitoringStackArgs

_Build: TypeAlias = Build[MonitoringStackArgs]


@dataclass(frozen=True, slots=True)
class _Watched:
    """A metric of CloudWatch that is watched for each resource of a kind."""

    namespace: str
    """Namespace of the metric."""
    metric: str
    """Name of the metric."""
    dimension: str
    """Dimension that names the resource."""
    statistic: str
    """Statistic over a period."""
    period: int
    """Seconds of a period."""
    periods: int
    """Periods in a row for which the value must be reached."""
    threshold: str
    """Field of `AwsAlarmThresholds` with the value; empty where one is too many."""
    description: str
    """What it means and what to do; `{0}` is the resource's short name."""


WATCHED: Final[Mapping[str, _Watched]] = MappingProxyType(
    {
        # Amazon SQS Developer Guide, Available CloudWatch metrics for Amazon SQS.
        "interruption": _Watched(
            *("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "Maximum", 60, 3, "interruption_age_seconds"),
            "Karpenter does not read its interruption queue: Spot nodes end under their pods. See its pods and role.",
        ),
        # Amazon DynamoDB Developer Guide, DynamoDB metrics and dimensions. ThrottledRequests has a dimension more, one
        # series an operation.
        "reads": _Watched(
            *("AWS/DynamoDB", "ReadThrottleEvents", "TableName", "Sum", 300, 2, "throttles"),
            "Reads of feature view {0} are throttled: raise its max_read_request_units, or spread its hot keys.",
        ),
        "writes": _Watched(
            *("AWS/DynamoDB", "WriteThrottleEvents", "TableName", "Sum", 300, 2, "throttles"),
            "Writes of feature view {0} are throttled: raise its max_write_request_units, or materialize more slowly.",
        ),
        # Amazon VPC User Guide, NAT gateway metrics and dimensions.
        "ports": _Watched(
            *("AWS/NATGateway", "ErrorPortAllocation", "NatGatewayId", "Sum", 300, 1, ""),
            "NAT gateway {0} has no source port left for a destination: add addresses, or endpoints of the VPC.",
        ),
        "drops": _Watched(
            *("AWS/NATGateway", "PacketsDropCount", "NatGatewayId", "Sum", 300, 2, "dropped_packets"),
            "NAT gateway {0} drops packets: look at its traffic, and at the health of its zone.",
        ),
        # Amazon SNS Developer Guide, Monitoring Amazon SNS topics using CloudWatch.
        "deliveries": _Watched(
            *("AWS/SNS", "NumberOfNotificationsFailed", "TopicName", "Sum", 300, 1, ""),
            "Subscribers of the alarm topic did not get a message: see their endpoints.",
        ),
    }
)
"""What is watched, by the role of the alarms."""


def topic(build: _Build, key_arn: pulumi.Output[str]) -> aws.sns.Topic:
    """The topic with its policy and subscriptions."""
    made = aws.sns.Topic(topic_name(build.name), kms_master_key_id=key_arn, signature_version=2, opts=build.inside)
    policy = pulumi.Output.json_dumps(document(_tls_only(made.arn), _alarms_publish(build, made.arn)))
    aws.sns.TopicPolicy(f"{build.name}-alarms", arn=made.arn, policy=policy, opts=build.inside)
    for name, subscription in (build.args.subscriptions or {}).items():
        aws.sns.TopicSubscription(
            f"{build.name}-alarms-{name}",
            topic=made.arn,
            protocol=subscription.protocol.value,
            endpoint=subscription.endpoint,
            opts=build.inside,
        )
    return made


def topic_name(name: str) -> str:
    """Logical name of the topic, with which its own name begins."""
    return f"{name}-alarms"


def publish(topic_arn: pulumi.Output[str], key_arn: pulumi.Output[str]) -> pulumi.Output[str]:
    """IAM policy of who sends to the topic (Amazon SNS Developer Guide, Managing Amazon SNS encryption keys)."""
    send = Statement("Publish", ("sns:Publish",), (topic_arn,))
    encrypt = Statement("Encrypt", ("kms:GenerateDataKey*", "kms:Decrypt"), (key_arn,))
    return pulumi.Output.json_dumps(document(send, encrypt))


def alarms(build: _Build, made: aws.sns.Topic) -> None:
    """An alarm for each resource that is watched, to the topic and back."""
    thresholds = build.args.aws_thresholds or AwsAlarmThresholds()
    for role, name, resource in _resources(build.args, made):
        watched = WATCHED[role]
        aws.cloudwatch.MetricAlarm(
            "-".join(filter(None, (build.name, role, name))),
            alarm_description=watched.description.format(name),
            namespace=watched.namespace,
            metric_name=watched.metric,
            dimensions={watched.dimension: resource},
            statistic=watched.statistic,
            period=watched.period,
            evaluation_periods=watched.periods,
            threshold=getattr(thresholds, watched.threshold) if watched.threshold else 1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            # These metrics have no value while nothing happens.
            treat_missing_data="notBreaching",
            alarm_actions=[made.arn],
            ok_actions=[made.arn],
            opts=build.inside,
        )


def _resources(args: MonitoringStackArgs, made: aws.sns.Topic) -> Iterator[tuple[str, str, pulumi.Input[str]]]:
    """What is watched: the role of the alarm, the short name and the value of its dimension."""
    if args.interruption_queue_name is not None:
        yield "interruption", "", args.interruption_queue_name
    for view, table in (args.feature_tables or {}).items():
        yield from ((role, view, table) for role in ("reads", "writes"))
    for name, gateway in (args.nat_gateways or {}).items():
        yield from ((role, name, gateway) for role in ("ports", "drops"))
    yield "deliveries", "", made.name


def _tls_only(topic_arn: pulumi.Output[str]) -> Statement:
    # A topic's policy takes no wildcard of actions (Amazon SNS Developer Guide, Amazon SNS API permissions).
    return Statement(
        "DenyInsecureTransport",
        ("sns:Publish",),
        (topic_arn,),
        effect="Deny",
        principals=ANYONE,
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )


def _alarms_publish(build: _Build, topic_arn: pulumi.Output[str]) -> Statement:
    """Amazon SNS Developer Guide, Allow a CloudWatch alarm to publish; Alertmanager has an IAM policy of its own."""
    return Statement(
        "CloudWatchAlarms",
        ("sns:Publish",),
        (topic_arn,),
        principals={"Service": ("cloudwatch.amazonaws.com",)},
        conditions={
            "StringEquals": {"aws:SourceAccount": build.place.account_id},
            "ArnLike": {"aws:SourceArn": build.place.arn("cloudwatch", "alarm:*")},
        },
    )
