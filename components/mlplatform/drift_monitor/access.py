"""What the drift job may do: read the endpoint's data, write its reports, hold its state, send one kind of message."""

from collections.abc import Iterator, Sequence

import pulumi

from mlplatform.contracts import drift, request_log
from mlplatform.core.build import Build
from mlplatform.core.place import Place
from mlplatform.drift_monitor.args import DriftMonitorArgs
from mlplatform.facts.aws.iam import Conditions, Statement, document

_STATE = ("dynamodb:GetItem", "dynamodb:PutItem")


def of_data(build: Build[DriftMonitorArgs]) -> pulumi.Output[str]:
    """Reads request log, labels and reference of the endpoint, and writes its reports."""
    return pulumi.Output.json_dumps(document(*_data(build)))


def of_requests(
    build: Build[DriftMonitorArgs], table_arn: pulumi.Output[str], key_arn: pulumi.Output[str]
) -> pulumi.Output[str]:
    """Reads and writes the endpoint's state, sends to the queue, and tells the topic."""
    return pulumi.Output.json_dumps(document(*_requests(build, table_arn, key_arn)))


def of_the_end(
    place: Place, endpoint: str, table_arn: pulumi.Output[str], key_arn: pulumi.Output[str]
) -> pulumi.Output[str]:
    """Reads and writes the endpoint's state, for who reports that a training has ended."""
    key = _key("Key", place, (key_arn,), ("dynamodb",), ("kms:Decrypt",))
    return pulumi.Output.json_dumps(document(_state(endpoint, table_arn), key))


def labels(args: DriftMonitorArgs) -> str | None:
    """Where labels arrive; None where quality is not looked at."""
    return (args.quality.labels_prefix or drift.labels(args.endpoint)) if args.quality else None


def _data(build: Build[DriftMonitorArgs]) -> Iterator[Statement]:
    args, place = build.args, build.place
    # Up to the placeholder: which versions there will be is not known.
    reference = (args.reference_prefix or "").partition(drift.MODEL_VERSION)[0]
    own = [request_log.prefix(args.endpoint), *filter(None, [labels(args)])]
    if args.reference_bucket_name is None:
        own.append(reference)
    else:
        yield from _reads("Reference", place, args.reference_bucket_name, [reference])
    yield from _reads("Data", place, args.bucket_name, own)
    reports = pulumi.Output.concat(_bucket(place, args.bucket_name), f"/{drift.reports(args.endpoint)}*")
    yield Statement("Report", ("s3:PutObject",), (reports,))
    keys = [args.bucket_key_arn, *filter(None, [args.reference_key_arn])]
    yield _key("Read", place, keys, ("s3",), ("kms:Decrypt",))
    yield _key("Write", place, (args.bucket_key_arn,), ("s3",), ("kms:GenerateDataKey",))


def _reads(sid: str, place: Place, bucket: pulumi.Input[str], prefixes: Sequence[str]) -> Iterator[Statement]:
    arn = _bucket(place, bucket)
    named: Conditions = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
    objects = [pulumi.Output.concat(arn, f"/{prefix}*") for prefix in prefixes]
    yield Statement(f"{sid}List", ("s3:ListBucket",), (arn,), conditions=named)
    yield Statement(f"{sid}Get", ("s3:GetObject",), objects)


def _requests(
    build: Build[DriftMonitorArgs], table_arn: pulumi.Output[str], key_arn: pulumi.Output[str]
) -> Iterator[Statement]:
    args, place = build.args, build.place
    yield _state(args.endpoint, table_arn)
    yield _key("TableKey", place, (key_arn,), ("dynamodb",), ("kms:Decrypt",))
    if args.queue:
        yield Statement("Send", ("sqs:SendMessage",), (args.queue.arn,))
        # Decrypt too: SQS verifies the data key with it (Amazon SQS Developer Guide, Key management, Configure KMS
        # permissions for producers).
        yield _key("QueueKey", place, (args.queue.key_arn,), ("sqs",), ("kms:Decrypt", "kms:GenerateDataKey"))
    if args.topic_arn is not None:
        yield Statement("Tell", ("sns:Publish",), (args.topic_arn,))
    if args.topic_key_arn is not None:
        yield _key("TopicKey", place, (args.topic_key_arn,), ("sns",), ("kms:Decrypt", "kms:GenerateDataKey"))


def _state(endpoint: str, table_arn: pulumi.Output[str]) -> Statement:
    own: Conditions = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [endpoint]}}
    return Statement("State", _STATE, (table_arn,), conditions=own)


def _key(sid: str, place: Place, arns: Sequence[object], services: Sequence[str], actions: Sequence[str]) -> Statement:
    """Use of keys through services only."""
    via = [place.host(service) for service in services]
    return Statement(sid, actions, arns, conditions={"StringEquals": {"kms:ViaService": via}})


def _bucket(place: Place, name: pulumi.Input[str]) -> pulumi.Output[str]:
    return pulumi.Output.concat("arn:", place.partition, ":s3:::", name)
