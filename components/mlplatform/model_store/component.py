"""ModelStore: where promoted versions of models lie, each written once, for endpoints to read."""

from typing import Optional, Self

import pulumi
from pydantic import model_validator

from mlplatform.core.args import Args, In, checked
from mlplatform.core.build import Build
from mlplatform.core.keys import KEY_ARN, encryption_key
from mlplatform.facts.aws.kms import KeyUse
from mlplatform.hardened_bucket import (
    AccessLogs,
    BucketLifecycle,
    BucketReplication,
    HardenedBucket,
    HardenedBucketArgs,
    refuse_both,
)


class ModelStoreArgs(Args):
    """How promoted models are kept."""

    access_logs: Optional[AccessLogs] = AccessLogs()
    """Where the access logs of the bucket go; to an own bucket by default. They say which role read which version."""
    replication: Optional[BucketReplication] = None
    """Copies of every version in another bucket; none by default: the registry has what was promoted, too."""
    kms_key_arn: Optional[In[str]] = None
    """KMS key that encrypts every object; by default an own one, rotated every year, so that whoever may read models
    may not read features. One given must let the account's IAM policies allow its use by S3."""
    permissions_boundary_arn: Optional[In[str]] = None
    """Policy that bounds what the role of replication can ever do; none by default."""
    deletion_protection: Optional[bool] = True
    """Whether bucket and key are protected from deletion by Pulumi, and kept when they leave the program; on by
    default. Off is for throw-away environments."""
    force_destroy: Optional[bool] = False
    """Whether deleting the store deletes the models in it; off by default: S3 then refuses to delete what is not
    empty."""

    _key = checked(KEY_ARN, "kms_key_arn")

    @model_validator(mode="after")
    def _kept_or_destroyed(self) -> Self:
        refuse_both(deletion_protection=self.deletion_protection, force_destroy=self.force_destroy)
        return self


class ModelStore(pulumi.ComponentResource):
    """A bucket of promoted models, `s3://<bucket>/<model>/<version>/`, in which nothing is written twice.

    An endpoint that reads a version reads what was promoted: neither a writer's mistake nor a second promotion can
    change it under its key. A promotion uploads with `If-None-Match: *`; S3 refuses copies, which cannot say so.
    """

    bucket_name: pulumi.Output[str]
    """Name of the bucket."""
    bucket_arn: pulumi.Output[str]
    """ARN of the bucket."""
    key_arn: pulumi.Output[str]
    """ARN of the key of every object."""

    def __init__(self, name: str, args: ModelStoreArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = ModelStoreArgs.of(args)
        super().__init__("mlplatform:index:ModelStore", name, args.model_dump(exclude_none=True), opts)
        build = Build.of(self, name, args)
        self.key_arn = _key_arn(build)
        bucket = HardenedBucket(
            f"{name}-promoted",
            HardenedBucketArgs(
                kms_key_arn=self.key_arn,
                write_once=True,
                # A replica that starts waits for its model, and what is served is read often enough.
                lifecycle=BucketLifecycle(intelligent_tiering=False),
                access_logs=args.access_logs,
                replication=args.replication,
                permissions_boundary_arn=args.permissions_boundary_arn,
                deletion_protection=args.deletion_protection,
                force_destroy=args.force_destroy,
            ),
            build.inside,
        )
        self.bucket_name = bucket.bucket_name
        self.bucket_arn = bucket.bucket_arn
        self.register_outputs({"bucket_name": self.bucket_name, "bucket_arn": self.bucket_arn, "key_arn": self.key_arn})


def _key_arn(build: Build[ModelStoreArgs]) -> pulumi.Output[str]:
    if build.args.kms_key_arn is not None:
        return pulumi.Output.from_input(build.args.kms_key_arn)
    uses: dict[KeyUse, list[pulumi.Input[str]]] = {KeyUse.S3: []}
    if build.args.replication:
        uses[KeyUse.S3_REPLICATION] = []
    return encryption_key(f"{build.name}-key", "Promoted models", uses, place=build.place, opts=build.kept).arn
