"""What a team's pods may do for a pipeline, beside what their role may do anyway."""

from collections.abc import Iterator, Sequence

import pulumi

from mlplatform.contracts import pipeline as contract
from mlplatform.core.place import Place
from mlplatform.facts.aws.iam import Conditions, Statement, document
from mlplatform.training_pipeline.args import TrainingPipelineArgs

_PARTS = ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


def of_runs(
    place: Place, args: TrainingPipelineArgs, bucket_arn: pulumi.Output[str], key_arn: pulumi.Output[str]
) -> pulumi.Output[str]:
    """Reads and writes what runs keep, reads features and promoted versions of its model, writes their references."""
    return pulumi.Output.json_dumps(document(*_statements(place, args, bucket_arn, key_arn)))


def _statements(
    place: Place, args: TrainingPipelineArgs, bucket_arn: pulumi.Output[str], key_arn: pulumi.Output[str]
) -> Iterator[Statement]:
    models = pulumi.Output.concat("arn:", place.partition, ":s3:::", args.model_bucket_name or "")
    # Argo asks for a folder as if it were a file first, and goes on where S3 says that it is missing (Argo Workflows,
    # workflow/artifacts/s3). S3 says so only to who may list the bucket (Amazon S3 API Reference, GetObject), and a
    # condition on a prefix would not hold for such a request, which has none. So names of other models can be seen,
    # and nothing of them read.
    yield Statement("List", ("s3:ListBucket",), (bucket_arn, models))
    runs = pulumi.Output.concat(bucket_arn, f"/{contract.RUNS}*")
    yield Statement("Runs", ("s3:GetObject", "s3:PutObject", *_PARTS), (runs,))
    yield Statement("Models", ("s3:GetObject",), (pulumi.Output.concat(models, f"/{args.model}/*"),))
    yield _key("Read", place, (key_arn, args.model_key_arn), ("kms:Decrypt",))
    yield _key("Write", place, (key_arn,), ("kms:GenerateDataKey",))
    if args.feature_bucket_name is not None:
        yield from _features(
            place, args, pulumi.Output.concat("arn:", place.partition, ":s3:::", args.feature_bucket_name)
        )


def _features(place: Place, args: TrainingPipelineArgs, bucket_arn: pulumi.Output[str]) -> Iterator[Statement]:
    if args.reads:
        named: Conditions = {"StringLike": {"s3:prefix": [f"{folder}*" for folder in args.reads]}}
        yield Statement("Folders", ("s3:ListBucket",), (bucket_arn,), conditions=named)
        read = [pulumi.Output.concat(bucket_arn, f"/{folder}*") for folder in args.reads]
        yield Statement("Features", ("s3:GetObject", "s3:GetObjectVersion"), read)
    reference = pulumi.Output.concat(bucket_arn, f"/{contract.REFERENCE}{args.model}/*")
    yield Statement("Reference", ("s3:PutObject", *_PARTS), (reference,))
    # Decrypt too, not only for what is read: S3 puts the parts of an upload together with it (Amazon S3 User Guide,
    # Uploading and copying objects using multipart upload).
    yield _key("FeatureKey", place, (args.feature_key_arn,), ("kms:Decrypt", "kms:GenerateDataKey"))


def _key(sid: str, place: Place, arns: Sequence[object], actions: Sequence[str]) -> Statement:
    """Use of keys through S3 only."""
    return Statement(sid, actions, arns, conditions={"StringEquals": {"kms:ViaService": [place.host("s3")]}})
