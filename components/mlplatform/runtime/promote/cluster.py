"""The objects of an endpoint in the cluster: read, and patched in exactly the fields that a rollout owns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kubernetes.client.exceptions import ApiException  # type: ignore[import-untyped]
from urllib3.exceptions import HTTPError

from mlplatform.contracts.rollout import MANAGER, VERSION
from mlplatform.runtime.kubernetes import TIMEOUTS, reason
from mlplatform.runtime.promote.settings import Tracks

DEPLOYMENT: Final = ("apps", "v1", "deployments")
ROUTE: Final = ("gateway.networking.k8s.io", "v1", "httproutes")
INFERENCE_SERVICE: Final = ("serving.kserve.io", "v1beta1", "inferenceservices")
"""Group, version and plural of the kinds."""
_NOT_FOUND: Final = 404
_JSON_PATCH: Final = "application/json-patch+json"
_MERGE_PATCH: Final = "application/merge-patch+json"

Kind = tuple[str, str, str]


class ClusterError(Exception):
    """The API refuses something, or does not answer."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The namespace of an endpoint."""

    api: Any
    """A `CustomObjectsApi`."""
    namespace: str
    """The namespace."""

    def get(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """An object; None where there is none."""
        try:
            return dict(self.api.get_namespaced_custom_object(*self._at(kind), name, _request_timeout=TIMEOUTS))
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise ClusterError(f"{kind[2]} {name}: {reason(error)}") from None
        except HTTPError as error:
            raise ClusterError(f"{kind[2]} {name}: Kubernetes API: {type(error).__name__}") from None

    def merge(self, kind: Kind, name: str, patch: Mapping[str, Any]) -> None:
        """Sets the fields of an object that the patch names; null takes one away."""
        self._patch(kind, name, dict(patch), _MERGE_PATCH)

    def weigh(self, route: str, services: Tracks, percent: int) -> None:
        """Gives the candidate a share of the requests; refused where the route leads elsewhere than it did."""
        operations = []
        for at, (service, weight) in enumerate(((services.stable, 100 - percent), (services.canary, percent))):
            backend = f"/spec/rules/0/backendRefs/{at}"
            operations += [
                {"op": "test", "path": f"{backend}/name", "value": service},
                {"op": "add", "path": f"{backend}/weight", "value": weight},
            ]
        self._patch(ROUTE, route, operations, _JSON_PATCH)

    def ready(self, deployment: str, version: str) -> bool:
        """Whether all replicas of a Deployment serve the version, and no other replica is left."""
        found = self.get(DEPLOYMENT, deployment)
        return found is not None and shows(found) == version and _settled(found)

    def _patch(self, kind: Kind, name: str, patch: Any, form: str) -> None:
        options = {"field_manager": MANAGER, "field_validation": "Strict", "_content_type": form}
        try:
            self.api.patch_namespaced_custom_object(*self._at(kind), name, patch, **options, _request_timeout=TIMEOUTS)
        except ApiException as error:
            raise ClusterError(f"{kind[2]} {name}: {reason(error)}") from None
        except HTTPError as error:
            raise ClusterError(f"{kind[2]} {name}: Kubernetes API: {type(error).__name__}") from None

    def _at(self, kind: Kind) -> Sequence[str]:
        group, version, plural = kind
        return group, version, self.namespace, plural


def shows(deployment: Mapping[str, Any]) -> str | None:
    """The version that the pods of a Deployment are to serve."""
    annotations = deployment["spec"]["template"].get("metadata", {}).get("annotations") or {}
    found = annotations.get(VERSION)
    return None if found is None else str(found)


def _settled(deployment: Mapping[str, Any]) -> bool:
    """As `kubectl rollout status` has it: what was wanted last is seen, is all there is, and is available."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return bool(seen and wanted >= 1 and counts == [wanted] * len(counts))
