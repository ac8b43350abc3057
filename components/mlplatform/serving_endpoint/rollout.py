"""What a rollout moves: fields that Pulumi sets once and then leaves alone where `rollout` is given.

Pulumi owns the shape of an endpoint, the rollout its weights and versions; the truth of those is the registry's alias
and the object itself. Which fields they are stands in `contracts.rollout`, and every object asks here.
"""

import pulumi

from mlplatform.contracts.rollout import OWNED


def left_alone(role: str, *, rollout: bool) -> pulumi.ResourceOptions:
    """Options of an object whose fields belong to a rollout, where there is one."""
    return pulumi.ResourceOptions(ignore_changes=list(OWNED[role]) if rollout else None)
