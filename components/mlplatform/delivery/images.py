"""Repositories of container images: immutable tags, scans, own key, and an end for what nobody deploys."""

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import pulumi
import pulumi_aws as aws

from mlplatform.core.build import Build
from mlplatform.core.keys import encryption_key
from mlplatform.core.place import Place
from mlplatform.delivery.args import DeliveryArgs, ImageRepository
from mlplatform.facts.aws.iam import Statement, document
from mlplatform.facts.aws.kms import KeyUse

_Build: TypeAlias = Build[DeliveryArgs]
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
# Amazon ECR User Guide, IAM permissions for pushing an image.
_PUSH = (
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)


def repositories(build: _Build) -> dict[str, aws.ecr.Repository]:
    """The repositories, by name; each with its lifecycle, and its policy where others pull."""
    given = build.args.repositories or {}
    if not given:
        return {}
    key_arn = _key_arn(build)
    return {name: _repository(build, name, repository, key_arn) for name, repository in given.items()}


def pushing(repositories: Mapping[str, aws.ecr.Repository]) -> Iterator[Statement]:
    """What a role needs to push to the repositories."""
    yield Statement("Login", ("ecr:GetAuthorizationToken",), ("*",))
    yield Statement("Push", (*_PULL, *_PUSH), tuple(made.arn for made in repositories.values()))


def _key_arn(build: _Build) -> pulumi.Output[str]:
    if build.args.images_kms_key_arn is not None:
        return pulumi.Output.from_input(build.args.images_kms_key_arn)
    uses: dict[KeyUse, list[pulumi.Input[str]]] = {KeyUse.ECR: []}
    return encryption_key(f"{build.name}-images-key", "Container images", uses, place=build.place, opts=build.kept).arn


def _repository(build: _Build, name: str, given: ImageRepository, key_arn: pulumi.Output[str]) -> aws.ecr.Repository:
    encryption = aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=key_arn)
    repository = aws.ecr.Repository(
        f"{build.name}-images-{name}",
        # Images are pushed and pulled by this name.
        name=name,
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
        encryption_configurations=[encryption],
        force_delete=build.args.force_destroy,
        opts=build.kept,
    )
    numbers = pulumi.Output.all(untagged_days=given.untagged_days, keep_images=given.keep_images)
    aws.ecr.LifecyclePolicy(
        f"{build.name}-images-{name}",
        repository=repository.name,
        policy=numbers.apply(lambda known: json.dumps(lifecycle(**known))),
        opts=build.inside,
    )
    statements = list(_pulling(build.place, given))
    if statements:
        policy = pulumi.Output.json_dumps(document(*statements))
        aws.ecr.RepositoryPolicy(
            f"{build.name}-images-{name}", repository=repository.name, policy=policy, opts=build.inside
        )
    return repository


def lifecycle(untagged_days: int, keep_images: int) -> dict[str, object]:
    """ECR's lifecycle policy; the rule of any tag must have the highest number."""
    untagged = {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": int(untagged_days),
    }
    newest = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": int(keep_images)}
    rules = {"untagged images": untagged, f"all but the newest {int(keep_images)}": newest}
    return {
        "rules": [
            {"rulePriority": at, "description": what, "selection": selection, "action": {"type": "expire"}}
            for at, (what, selection) in enumerate(rules.items(), 1)
        ]
    }


def _pulling(place: Place, given: ImageRepository) -> Iterator[Statement]:
    if given.pull_account_ids:
        accounts = [
            pulumi.Output.concat("arn:", place.partition, ":iam::", account, ":root")
            for account in given.pull_account_ids
        ]
        yield Statement("Accounts", _PULL, principals={"AWS": accounts})
    if given.lambda_pulls:
        # AWS Lambda Developer Guide, Create a Lambda function using a container image, Amazon ECR permissions.
        functions = {"aws:SourceArn": place.arn("lambda", "function:*")}
        yield Statement(
            "Lambda",
            ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            principals={"Service": ("lambda.amazonaws.com",)},
            conditions={"ArnLike": functions},
        )
