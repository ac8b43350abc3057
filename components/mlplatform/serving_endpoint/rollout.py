"""What a rollout moves: fields that Pulumi sets once and then leaves alone where `rollout` is set.

Pulumi owns the shape of an endpoint, the rollout its weights and versions; the truth of those is the registry's alias
and the object itself. Each field is here once, and every object asks here. The engine refuses an update of an object
in which the way to such a field is missing, or was before: so every way here leads through what an endpoint always has.

A canary that a rollout declares in an InferenceService has the labels and the annotation of its track, like one that is
declared here: the Services find its pods by them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pulumi

from mlplatform.facts.labels import DOMAIN
from mlplatform.facts.request_log import MODEL_VERSION
from mlplatform.serving_endpoint.access import MODEL_URI

VERSION: Final = f"{DOMAIN}/model-version"
"""Annotation of a pod: the version of the model that it serves. Its containers are told by it, so that a rollout
changes one field and not a variable of each."""

_POD: Final = ("spec.template.spec.containers[0].image", f'spec.template.metadata.annotations["{VERSION}"]')

OWNED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # A canary, and the replicas that are fixed meanwhile; then the version that it becomes.
        "inference-service": (
            'metadata.annotations["serving.kserve.io/autoscalerClass"]',
            "spec.canary",
            "spec.predictor.minReplicas",
            "spec.predictor.model.storageUri",
            f'spec.predictor.annotations["{VERSION}"]',
        ),
        "route": ("spec.rules[0].backendRefs[0].weight", "spec.rules[0].backendRefs[1].weight"),
        "stable": _POD,
        "canary": ("spec.replicas", *_POD),
        # A version of a function holds its model as it holds its image.
        "alias": ("functionVersion", "routingConfig"),
        "function": ("imageUri", *(f"environment.variables.{name}" for name in (MODEL_URI, MODEL_VERSION))),
    }
)
"""Paths that a rollout patches, by the role of the object or, for a function, the resource."""


def left_alone(role: str, *, rollout: bool | None) -> pulumi.ResourceOptions:
    """Options of an object whose fields belong to a rollout, where there is one."""
    return pulumi.ResourceOptions(ignore_changes=list(OWNED[role]) if rollout else None)
