"""What the registry knows of a version and of the versions that it was held against."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mlplatform.contracts import registry as names
from mlplatform.contracts.pipeline import NO_CHAMPION
from mlplatform.contracts.tracking import RegistryError

_DATA: Final[Mapping[str, str]] = {
    "digest": names.DATA_DIGEST,
    "uri": names.DATA_URI,
    "version": names.DATA_VERSION,
}
_CODE: Final[Mapping[str, str]] = {"commit": names.COMMIT, "repository": names.CODE}
_TEXTS: Final[Mapping[str, str]] = {
    "decision": names.DECISION,
    "digest": names.DIGEST,
    "image": names.IMAGE,
    "reason": names.REASON,
    "request": names.REQUEST,
    "requested_by": names.REQUESTED_BY,
    "rollout": names.ROLLOUT,
    "run": names.RUN,
    "trial": names.TRIAL,
}


class UnknownError(Exception):
    """A model or version that the registry does not have; the text says what it has."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry, for reading."""

    client: Any
    """A client of MLflow."""

    def origin(self, model: str, wanted: str) -> dict[str, Any]:
        """Where a version, given by its number or an alias, comes from, as JSON has it; UnknownError without one."""
        aliases = self._aliases(model)
        number = aliases.get(wanted, wanted)
        found = self._version(model, number) if number.isascii() and number.isdigit() else None
        if found is None:
            there = ", ".join(sorted(aliases)) or "none"
            raise UnknownError(
                f"{model} has no version {wanted!r}; allowed: a number, or an alias, of which it has {there}"
            )
        run = self._run(found.run_id)
        return {
            "model": model,
            **_told(found),
            "aliases": sorted(name for name, version in aliases.items() if version == str(found.version)),
            "metrics": dict(sorted(run.data.metrics.items())) if run else {},
            "parameters": dict(sorted(run.data.params.items())) if run else {},
            "parents": list(self._parents(model, found)),
        }

    def _aliases(self, model: str) -> dict[str, str]:
        try:
            found = self.client.get_registered_model(model).aliases
        except RegistryError as error:
            if error.missing:
                raise UnknownError(f"there is no model {model!r} in the registry") from None
            raise
        return {name: str(version) for name, version in found.items()}

    def _version(self, model: str, number: str) -> Any:
        try:
            return self.client.get_model_version(model, number)
        except RegistryError as error:
            if error.missing:
                return None
            raise

    def _run(self, run_id: str | None) -> Any:
        """The run of a version; None for one that nobody's run made, or whose run is deleted for good."""
        if not run_id:
            return None
        try:
            return self.client.get_run(run_id)
        except RegistryError as error:
            if error.missing:
                return None
            raise

    def _parents(self, model: str, version: Any) -> Iterator[dict[str, Any]]:
        """The version that this one was held against, the one that that one was, and so on to the first."""
        seen = {str(version.version)}
        while (number := version.tags.get(names.PARENT, NO_CHAMPION)) != NO_CHAMPION and number not in seen:
            seen.add(number)
            version = self._version(model, number)
            if version is None:
                yield {"version": number, "deleted": True}
                return
            yield _told(version)


def _told(version: Any) -> dict[str, Any]:
    """What a version's tags tell; null where there is none."""
    tags = version.tags
    made = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC)
    return {
        "version": str(version.version),
        "registered": f"{made:%Y-%m-%dT%H:%M:%SZ}",
        "code": {name: tags.get(tag) for name, tag in _CODE.items()},
        "data": {name: tags.get(tag) for name, tag in _DATA.items()},
        "parent": tags.get(names.PARENT),
        **{name: tags.get(tag) for name, tag in _TEXTS.items()},
    }
