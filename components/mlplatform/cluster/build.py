"""What every part of the cluster is built with, and the roles that services take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from mlplatform.cluster.args import ClusterArgs
from mlplatform.core.build import Build as AnyBuild
from mlplatform.core.keys import encryption_key
from mlplatform.facts.aws.kms import KeyUse


class Build(AnyBuild[ClusterArgs]):
    """One cluster under construction."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role, and what must exist before it can do its work."""

    arn: pulumi.Output[str]
    """ARN of the role."""
    name: pulumi.Output[str]
    """Name of the role."""
    attachments: Sequence[aws.iam.RolePolicyAttachment]
    """Attachments of its policies."""


def managed_policy(build: Build, policy: str) -> pulumi.Output[str]:
    """ARN of a policy that AWS manages."""
    return pulumi.Output.concat("arn:", build.place.partition, f":iam::aws:policy/{policy}")


def service_role(build: Build, role: str, description: str, trust: pulumi.Input[str], policies: Sequence[str]) -> Role:
    """A role for an AWS service, with policies that AWS manages."""
    name = f"{build.name}-{role}"
    made = aws.iam.Role(
        name,
        description=description,
        assume_role_policy=trust,
        permissions_boundary=build.args.permissions_boundary_arn,
        opts=build.inside,
    )
    attachments = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy}", role=made.name, policy_arn=managed_policy(build, policy), opts=build.inside
        )
        for policy in policies
    ]
    return Role(made.arn, made.name, attachments)


def key_arn(  # noqa: PLR0913 - a key, and whether it is ours
    build: Build,
    given: pulumi.Input[str] | None,
    role: str,
    description: str,
    *,
    uses: Mapping[KeyUse, Sequence[pulumi.Input[str]]],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """ARN of the key given, or of an own one for these uses."""
    if given is not None:
        return pulumi.Output.from_input(given)
    return encryption_key(f"{build.name}-{role}", description, uses, place=build.place, opts=opts).arn
