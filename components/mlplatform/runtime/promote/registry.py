"""The registry's side of a rollout: which version is next, how far it is, and that it is decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mlplatform.contracts.registry import CHALLENGER, CHAMPION, ROLLOUT
from mlplatform.contracts.rollout import FIRST, NOTHING, PROMOTED, ROLLED_BACK, RUNNING, STEPS
from mlplatform.contracts.tracking import RegistryError

LONGEST: Final = 500
"""Characters of how a rollout ended that are noted: a tag could hold more, and nobody would read them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rollout has to do."""

    mode: str
    """By steps, at once, or not at all."""
    version: str = ""
    """The version; empty for none."""
    reason: str = ""
    """Why nothing is to be done, or that something was begun before."""


@dataclass(frozen=True, slots=True)
class Registry:
    """A registered model and its versions."""

    client: Any
    """A client of MLflow whose errors are RegistryErrors."""
    model: str
    """The model."""

    def plan(self, asked: str) -> Plan:
        """What is to be done for a version that somebody asked for, or for the challenger."""
        aliases = self.aliases()
        version = asked or aliases.get(CHALLENGER, "")
        if not version:
            return Plan(NOTHING, reason="no challenger")
        if aliases.get(CHAMPION) == version:
            self.commit(version)
            return Plan(NOTHING, reason=f"version {version} is the champion")
        ended = self.tags(version).get(ROLLOUT, "")
        if ended.startswith(ROLLED_BACK) and not asked:
            self.leave(version)
            return Plan(NOTHING, reason=f"version {version} was rolled back")
        begun = "begun before" if ended.startswith(RUNNING) else ""
        return Plan(STEPS if CHAMPION in aliases else FIRST, version, begun)

    def aliases(self) -> Mapping[str, str]:
        """Versions by alias; none where there is no such model yet."""
        try:
            found = self.client.get_registered_model(self.model).aliases
        except RegistryError as error:
            if error.missing:
                return {}
            raise
        return {name: str(version) for name, version in found.items()}

    def champion(self) -> str | None:
        """The version that serves; None where there is none."""
        return self.aliases().get(CHAMPION)

    def tags(self, version: str) -> Mapping[str, str]:
        """Tags of a version."""
        return dict(self.client.get_model_version(self.model, version).tags)

    def tag(self, version: str, name: str, value: str) -> None:
        """Sets a tag of a version."""
        self.client.set_model_version_tag(self.model, version, name, value)

    def begin(self, version: str) -> None:
        """Notes that the version's rollout is under way, and no other's: there is one candidate at a time."""
        others = [other for other in self.running() if other != version]
        champion = self.champion() if others else None
        for other in others:
            if other == champion:
                self.commit(other)
            else:
                self.end(other, f"{ROLLED_BACK}: version {version} came instead")
        self.tag(version, ROLLOUT, RUNNING)

    def note(self, version: str, reason: str) -> None:
        """Notes why a rollout under way cannot go on, for who takes it back."""
        self.tag(version, ROLLOUT, f"{RUNNING}: {reason}"[:LONGEST])

    def noted(self, version: str) -> str:
        """Why it cannot go on; empty where nothing is noted."""
        return self.tags(version).get(ROLLOUT, "").removeprefix(RUNNING).removeprefix(": ")

    def running(self) -> list[str]:
        """Versions whose rollout is under way, the oldest first."""
        found = (each for each in self._versions() if each.tags.get(ROLLOUT, "").startswith(RUNNING))
        return sorted((str(each.version) for each in found), key=int)

    def commit(self, version: str) -> None:
        """Decides a rollout: the version is the champion, and no challenger any more."""
        if self.champion() != version:
            self.client.set_registered_model_alias(self.model, CHAMPION, version)
        if self.tags(version).get(ROLLOUT) != PROMOTED:
            self.tag(version, ROLLOUT, PROMOTED)
        self.leave(version)

    def end(self, version: str, how: str) -> None:
        """Notes how a rollout ended that is not to be tried again by itself."""
        # In this order: as long as the tag says that it is under way, its end is not forgotten.
        self.leave(version)
        self.tag(version, ROLLOUT, how[:LONGEST])

    def leave(self, version: str) -> None:
        """Takes alias challenger from the version, if that has it."""
        if self.aliases().get(CHALLENGER) == version:
            self.client.delete_registered_model_alias(self.model, CHALLENGER)

    def _versions(self) -> Iterator[Any]:
        asked, token = f"name = '{self.model}'", None
        while True:
            page = self.client.search_model_versions(asked, page_token=token)
            yield from page
            token = page.token
            if not token:
                return
