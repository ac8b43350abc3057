"""What an endpoint may do in S3: read its model and nothing beside it, and write its own request log."""

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi

from mlplatform.contracts import request_log
from mlplatform.core.args import matching
from mlplatform.core.place import Place
from mlplatform.facts.aws.iam import Conditions, Statement, document

# Without a slash and what IAM reads as a wildcard, as names of models are: no policy names more than it says.
MODEL_VERSION = matching(
    r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", "a version of the model, one folder without /, in quotes, such as '17'"
)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """One version of a registered model, where a promotion put it: `s3://<bucket>/<name>/<version>/`, write-once."""

    bucket: pulumi.Input[str]
    """Bucket of the promoted models."""
    name: str
    """Registered model: the first folder."""
    version: str
    """Its version: the second folder."""
    key_arn: pulumi.Input[str]
    """KMS key of the bucket."""

    @property
    def prefix(self) -> str:
        """What the keys of the version's objects begin with, and no other version's: `<name>/<version>/`."""
        return f"{self.name}/{self.version}/"

    @property
    def uri(self) -> pulumi.Output[str]:
        """Address of the version, as KServe's `storageUri` and `MODEL_URI` have it."""
        return pulumi.Output.concat("s3://", self.bucket, "/", self.prefix)


def read_policies(place: Place, models: Iterable[ModelSource], *, rollout: bool) -> dict[str, pulumi.Output[str]]:
    """Policies that read what is served, by a short name.

    One a version, since that of a former one is then deleted last, when nothing needs it any more; one of all versions
    where a rollout changes them.
    """
    by_version = {model.version: model for model in models}
    if rollout:
        return {"models": model_read_policy(place, next(iter(by_version.values())), every_version=True)}
    return {f"model-{version}": model_read_policy(place, model) for version, model in by_version.items()}


def model_read_policy(place: Place, model: ModelSource, *, every_version: bool = False) -> pulumi.Output[str]:
    """Policy that reads exactly the model's version: its objects, their names, and their key through S3 only.

    `every_version` widens it to all versions of this model: for endpoints whose version a rollout changes.
    """
    prefix = f"{model.name}/" if every_version else model.prefix
    bucket_arn = _bucket_arn(place, model.bucket)
    named: Conditions = {"StringLike": {"s3:prefix": f"{prefix}*"}}
    return _json(
        Statement("Get", ("s3:GetObject",), (pulumi.Output.concat(bucket_arn, f"/{prefix}*"),)),
        Statement("List", ("s3:ListBucket",), (bucket_arn,), conditions=named),
        _key(place, model.key_arn, "kms:Decrypt"),
    )


def request_log_policy(
    place: Place, endpoint: str, *, bucket: pulumi.Input[str], key_arn: pulumi.Input[str]
) -> pulumi.Output[str]:
    """Policy that adds objects to the request log of one endpoint, and neither reads nor deletes any."""
    objects = pulumi.Output.concat(_bucket_arn(place, bucket), f"/{request_log.prefix(endpoint)}*")
    return _json(Statement("Put", ("s3:PutObject",), (objects,)), _key(place, key_arn, "kms:GenerateDataKey"))


def _bucket_arn(place: Place, bucket: pulumi.Input[str]) -> pulumi.Output[str]:
    return pulumi.Output.concat("arn:", place.partition, ":s3:::", bucket)


def _key(place: Place, key_arn: pulumi.Input[str], action: str) -> Statement:
    through: Conditions = {"StringEquals": {"kms:ViaService": place.host("s3")}}
    return Statement("Key", (action,), (key_arn,), conditions=through)


def _json(*statements: Statement) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(document(*statements))
