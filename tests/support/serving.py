"""Recorded graphs of endpoints, and what tests of every kind of endpoint read of them."""

import re
from collections.abc import Mapping
from typing import Any

from examples.serving_endpoint import (
    IMAGE,
    MODEL,
    WIRED,
    program,
)
from recorded import Recorded, record

COMPONENT = "mlplatform:index:ServingEndpoint"
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
NAMESPACE = "kubernetes:core/v1:Namespace"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
SERVICE = "kubernetes:core/v1:Service"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
HPA = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
SCALED_OBJECT = "kubernetes:keda.sh/v1alpha1:ScaledObject"
ROUTE = "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
POD_MONITOR = "kubernetes:monitoring.coreos.com/v1:PodMonitor"
RULES = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
INFERENCE_SERVICE = "kubernetes:serving.kserve.io/v1beta1:InferenceService"
VERSION = "mlplatform.dev/model-version"
SMALLEST: dict[str, Any] = {
    "model": MODEL,
    "container": {"image": IMAGE, "ready_path": "/ready", "live_path": "/live"},
    **WIRED,
}
SMALLEST_KSERVE: dict[str, Any] = {"model": MODEL, "kserve": {"model_format": "sklearn"}, **WIRED}


def graph_of(args: Mapping[str, Any], **options: Any) -> Recorded:
    return record(lambda: program(dict(args)), **options)


def outputs(graph: Recorded) -> dict[str, Any]:
    return dict(graph.one(COMPONENT)["outputs"])


def variables(one: Mapping[str, Any]) -> dict[str, Any]:
    return {variable["name"]: variable.get("value", variable.get("valueFrom")) for variable in one["env"]}


def found(manifest: Any, path: str) -> bool:
    """Whether a path's place is in a manifest, if not its value."""
    *way, _ = re.findall(r'\["([^"]+)"\]|\[(\d+)\]|([A-Za-z_]+)', path)
    at = manifest
    for quoted, number, word in way:
        key: Any = int(number) if number else quoted or word
        if not isinstance(at, list if number else dict) or (key >= len(at) if number else key not in at):
            return False
        at = at[key]
    return isinstance(at, dict)
