"""The bucket of artifacts, what the server may do in it, and what a promotion may do in that of promoted models."""

from typing import TypeAlias

import pulumi
import pulumi_aws as aws

from mlplatform.core.build import Build
from mlplatform.core.place import Place
from mlplatform.facts.aws.iam import Conditions, Statement, document
from mlplatform.hardened_bucket import HardenedBucket, HardenedBucketArgs
from mlplatform.model_registry.args import ModelRegistryArgs, RegistryArtifacts
from mlplatform.model_registry.mlflow import ARTIFACTS

_Build: TypeAlias = Build[ModelRegistryArgs]


def bucket(build: _Build, given: RegistryArtifacts, key_arn: pulumi.Output[str]) -> HardenedBucket:
    """The bucket, as hardened as every other."""
    args = build.args
    return HardenedBucket(
        f"{build.name}-artifacts",
        HardenedBucketArgs(
            kms_key_arn=key_arn,
            lifecycle=given.lifecycle,
            access_logs=given.access_logs,
            replication=given.replication,
            permissions_boundary_arn=args.permissions_boundary_arn,
            deletion_protection=args.deletion_protection,
            force_destroy=args.force_destroy,
        ),
        build.inside,
    )


def server_policy(place: Place, bucket_arn: pulumi.Output[str], key_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """IAM policy of the server: it alone reads, writes and deletes artifacts."""
    objects = pulumi.Output.concat(bucket_arn, f"/{ARTIFACTS}/*")
    actions = (
        *("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts"),
        "s3:PutObject",
    )
    named: Conditions = {"StringLike": {"s3:prefix": [ARTIFACTS, f"{ARTIFACTS}/*"]}}
    return _json(
        Statement("List", ("s3:ListBucket",), (bucket_arn,), conditions=named),
        Statement("Artifacts", actions, (objects,)),
        _key(place, key_arn),
    )


def promotion_policy(build: _Build) -> pulumi.Output[str] | None:
    """ARN of a policy that adds versions to the promoted models; None where their bucket is not given.

    It reads too, to tell a version that it has promoted before from another's. What is there already is protected by
    the bucket, which takes no object twice.
    """
    name, key_arn = build.args.model_bucket_name, build.args.model_key_arn
    if name is None or key_arn is None:
        return None
    arn = pulumi.Output.concat("arn:", build.place.partition, ":s3:::", name)
    actions = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject")
    text = _json(
        Statement("List", ("s3:ListBucket",), (arn,)),
        Statement("Promote", actions, (pulumi.Output.concat(arn, "/*"),)),
        _key(build.place, key_arn),
    )
    return aws.iam.Policy(
        f"{build.name}-promotion", description="Promotion of model versions", policy=text, opts=build.inside
    ).arn


def _key(place: Place, key_arn: pulumi.Input[str]) -> Statement:
    through: Conditions = {"StringEquals": {"kms:ViaService": place.host("s3")}}
    return Statement("Key", ("kms:Decrypt", "kms:GenerateDataKey"), (key_arn,), conditions=through)


def _json(*statements: Statement) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(document(*statements))
