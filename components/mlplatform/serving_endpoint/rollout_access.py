"""What the steps of a rollout may do: in AWS, and with the endpoint's own objects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi

from mlplatform.core.place import Place
from mlplatform.facts.aws.iam import Conditions, Statement, document
from mlplatform.serving_endpoint.access import ModelSource

Rule = tuple[str, Sequence[str], Sequence[str], Sequence[str]]
"""Group, kinds, names of objects and verbs; no names for all of the kinds."""
EXECUTOR: Rule = ("argoproj.io", ["workflowtaskresults"], [], ["create", "patch"])
"""What Argo's executor needs to report a step's result (Argo Workflows, Workflow RBAC)."""
_PATCHED = ("get", "patch")


@dataclass(frozen=True, slots=True)
class Function:
    """The function that a rollout publishes versions of."""

    name: str
    """Its name."""
    arn: pulumi.Output[str]
    """Its ARN without a version."""
    key_arn: pulumi.Output[str]
    """KMS key of its environment variables."""


def promotion(place: Place, model: ModelSource) -> pulumi.Output[str]:
    """Policy that adds versions to the promoted ones of this model, and reads them.

    What is there already is protected by the bucket, which takes no object twice.
    """
    bucket = pulumi.Output.concat("arn:", place.partition, ":s3:::", model.bucket)
    folder = f"{model.name}/"
    named: Conditions = {"StringLike": {"s3:prefix": f"{folder}*"}}
    actions = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
    return _json(
        Statement("List", ("s3:ListBucket",), (bucket,), conditions=named),
        Statement("Promote", actions, (pulumi.Output.concat(bucket, f"/{folder}*"),)),
        _key(place, model.key_arn, "s3", ("kms:Decrypt", "kms:GenerateDataKey")),
    )


def publication(place: Place, function: Function) -> pulumi.Output[str]:
    """Policy that publishes versions of the function, moves its alias, and reads how they do."""
    return _json(*_publication(place, function))


def _publication(place: Place, function: Function) -> Iterator[Statement]:
    own = (function.arn,)
    versions = (*own, pulumi.Output.concat(function.arn, ":*"))
    yield Statement("Read", ("lambda:GetAlias", "lambda:GetFunctionConfiguration"), versions)
    changes = ("ListVersionsByFunction", "PublishVersion", "UpdateAlias", "UpdateFunctionConfiguration")
    yield Statement("Publish", tuple(f"lambda:{action}" for action in changes), own)
    # As Lambda asks of who sets environment variables under a key of the account (AWS Lambda Developer Guide, Securing
    # Lambda environment variables).
    actions = ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt")
    yield _key(place, function.key_arn, "lambda", actions)
    # Metrics have no resources to name (Service Authorization Reference, Amazon CloudWatch).
    here: Conditions = {"StringEquals": {"aws:RequestedRegion": place.region}}
    yield Statement("Metrics", ("cloudwatch:GetMetricData",), ("*",), conditions=here)


def rules(name: str, kind: str, deployments: Mapping[str, str]) -> Sequence[Rule]:
    """What the steps may do with the objects of an endpoint on Kubernetes: exactly its own."""
    both = sorted(deployments.values())
    if kind == "kserve":
        # Deployments are KServe's: they are looked at.
        service: Rule = ("serving.kserve.io", ["inferenceservices"], [name], _PATCHED)
        objects: list[Rule] = [service, ("apps", ["deployments"], both, ["get"])]
    else:
        objects = [("apps", ["deployments"], both, _PATCHED)]
    return [("gateway.networking.k8s.io", ["httproutes"], [name], _PATCHED), *objects]


def _key(place: Place, arn: pulumi.Input[str], service: str, actions: Sequence[str]) -> Statement:
    through: Conditions = {"StringEquals": {"kms:ViaService": place.host(service)}}
    return Statement("Key", actions, (arn,), conditions=through)


def _json(*statements: Statement) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(document(*statements))
