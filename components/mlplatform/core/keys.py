"""Customer-managed KMS keys: one way to make them, with rotation and a policy that names the services that use them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from mlplatform.core.args import matching
from mlplatform.core.place import Place
from mlplatform.facts.aws.kms import KeyUse, key_policy

ROTATION_DAYS = 365
"""AWS's own default period; shorter only costs more key versions."""
DELETION_DAYS = 30
"""The longest window AWS grants: data under a deleted key is lost for good."""
KEY_ARN = matching(
    r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+",
    "the ARN of a KMS key, not of an alias, such as arn:aws:kms:eu-west-1:111122223333:key/mrk-0123456789abcdef",
)
"""Rule for the ARN of a key that somebody else made."""


def encryption_key(
    name: str,
    description: str,
    uses: Mapping[KeyUse, Sequence[pulumi.Input[str]]],
    *,
    place: Place,
    opts: pulumi.ResourceOptions,
) -> aws.kms.Key:
    """A symmetric key with yearly rotation, and an alias of the same logical name.

    `uses` maps each service that uses the key by itself to the ARNs that narrow its statement; principals of the
    account get access by their own IAM policies.
    """

    def policy(resolved: Sequence[Any]) -> str:
        account_id, partition, region, narrowed = resolved
        return json.dumps(key_policy(account_id, partition, region, dict(zip(uses, narrowed, strict=True))))

    policy_text = pulumi.Output.all(place.account_id, place.partition, place.region, list(uses.values())).apply(policy)
    key = aws.kms.Key(
        name,
        description=description,
        enable_key_rotation=True,
        rotation_period_in_days=ROTATION_DAYS,
        deletion_window_in_days=DELETION_DAYS,
        policy=policy_text,
        opts=opts,
    )
    aws.kms.Alias(name, target_key_id=key.key_id, opts=opts)
    return key
