"""The Kubernetes API as the dispatcher needs it: make an object once, and say whose fault it is if that fails."""

from dataclasses import dataclass
from typing import Any, Final, Self

from kubernetes.client.exceptions import ApiException  # type: ignore[import-untyped]
from urllib3.exceptions import HTTPError

from mlplatform.runtime.dispatch.message import MessageError
from mlplatform.runtime.dispatch.objects import DEDUPLICATION_ID, Resource
from mlplatform.runtime.kubernetes import TIMEOUTS, around, objects, reason

_REFUSALS: Final = frozenset({400, 403, 404, 413, 422})
"""Answers that the same object would get again: for its form or size, by an admission rule, for a kind that is not
installed."""
_PASSING: Final = ("exceeded quota", "cannot create resource", "is being terminated")
"""What the text of a 403 has where not the object is at fault: a namespace's quota that is used up for now, rights that
the dispatcher lacks, a namespace that is on its way out."""
_CONFLICT: Final = 409
_NOT_FOUND: Final = 404


class UnavailableError(Exception):
    """The API can't make the object now; it may be able to later."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster that jobs are made in."""

    api: Any
    """A `CustomObjectsApi`; it serves built-in kinds as well, as their paths have the same form."""

    @classmethod
    def at(cls, configuration: Any) -> Self:
        """The cluster that a client configuration names."""
        return cls(objects(configuration))

    @classmethod
    def around(cls) -> Self:
        """The cluster that KUBECONFIG names, else the one that this pod runs in; ConfigException without either."""
        return cls.at(around())

    def create(self, resource: Resource, manifest: dict[str, Any]) -> bool:
        """Makes the object; False where it was there already, made for the same message.

        MessageError where the API refuses the object for good, UnavailableError where it fails.
        """
        where = (resource.group, resource.version, manifest["metadata"]["namespace"], resource.plural)
        try:
            # Strict: a misspelt field would be dropped otherwise, and the job be another than was asked for.
            self.api.create_namespaced_custom_object(
                *where, manifest, field_validation="Strict", _request_timeout=TIMEOUTS
            )
        except ApiException as error:
            if error.status == _CONFLICT:
                return self._known(where, manifest)
            raise _fault(error) from None
        except HTTPError as error:
            raise UnavailableError(type(error).__name__) from None
        return True

    def _known(self, where: tuple[str, ...], manifest: dict[str, Any]) -> bool:
        metadata = manifest["metadata"]
        try:
            found = self.api.get_namespaced_custom_object(*where, metadata["name"], _request_timeout=TIMEOUTS)
        except ApiException as error:
            # Also a 404: the object has gone meanwhile, or the conflict was on another, such as the namespace's quota.
            raise UnavailableError(reason(error)) from None
        except HTTPError as error:
            raise UnavailableError(type(error).__name__) from None
        annotations = found["metadata"].get("annotations") or {}
        if annotations.get(DEDUPLICATION_ID) != metadata["annotations"][DEDUPLICATION_ID]:
            raise MessageError(f"{manifest['kind']} {metadata['name']} is there already, and not of this message")
        return False


def _fault(error: ApiException) -> MessageError | UnavailableError:
    passing = any(text in str(error.body) for text in _PASSING)
    return (MessageError if error.status in _REFUSALS and not passing else UnavailableError)(reason(error))
