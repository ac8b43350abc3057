"""What a deploy role is denied, whatever its policies allow: to change what bounds it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from mlplatform.core.args import In
from mlplatform.facts.aws.iam import Conditions, Statement

_ROLES: Final = (
    *("iam:AttachRolePolicy", "iam:DeleteRole*", "iam:DetachRolePolicy", "iam:PutRole*", "iam:UpdateAssumeRolePolicy"),
    *("iam:TagRole", "iam:UntagRole", "iam:UpdateRole*"),
)
_POLICIES: Final = ("iam:CreatePolicyVersion", "iam:DeletePolicy*", "iam:SetDefaultPolicyVersion")
_PROVIDER: Final = (
    *("iam:AddClientIDToOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider"),
    *("iam:RemoveClientIDFromOpenIDConnectProvider", "iam:UpdateOpenIDConnectProviderThumbprint"),
)
_BUCKET: Final = (
    *("s3:DeleteBucket*", "s3:PutBucket*", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration"),
    *("s3:PutReplicationConfiguration", "s3:DeleteObjectVersion"),
)
_KEY: Final = (
    *("kms:CreateGrant", "kms:DisableKey*", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:UpdatePrimaryRegion"),
)
# Those that IAM decides by iam:PermissionsBoundary (Service Authorization Reference, IAM).
_BOUNDED: Final = (
    *("iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
    *("iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"),
)
_USERS: Final = (
    *("iam:AttachGroupPolicy", "iam:AttachUserPolicy", "iam:CreateAccessKey", "iam:CreateLoginProfile"),
    *("iam:CreateUser", "iam:PutGroupPolicy", "iam:PutUserPolicy", "iam:UpdateLoginProfile"),
)


@dataclass(frozen=True, slots=True)
class Guarded:
    """What no pipeline changes."""

    role_arns: Sequence[pulumi.Output[str]]
    policy_arns: Sequence[In[str]]
    provider_arn: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    boundary_arn: In[str]


def denials(guarded: Guarded, *, bounds_made_roles: bool) -> Iterator[Statement]:
    """The statements of every deploy role."""
    everything_in_it = pulumi.Output.concat(guarded.bucket_arn, "/*")
    yield Statement("OwnRoles", _ROLES, tuple(guarded.role_arns), "Deny")
    yield Statement("OwnPolicies", _POLICIES, (*guarded.policy_arns, guarded.boundary_arn), "Deny")
    yield Statement("OwnProvider", _PROVIDER, (guarded.provider_arn,), "Deny")
    yield Statement("OwnState", _BUCKET, (guarded.bucket_arn, everything_in_it), "Deny")
    yield Statement("OwnKey", _KEY, (guarded.key_arn,), "Deny")
    if bounds_made_roles:
        # A request without the key is denied too: a negated condition holds where there is nothing to compare.
        unbounded: Conditions = {"StringNotEquals": {"iam:PermissionsBoundary": guarded.boundary_arn}}
        yield Statement("BoundedRoles", _BOUNDED, ("*",), "Deny", conditions=unbounded)
        yield Statement("NoUnbounding", ("iam:DeleteRolePermissionsBoundary", *_USERS), ("*",), "Deny")
