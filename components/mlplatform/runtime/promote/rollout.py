"""The verbs of a rollout. Each begins by what the registry and the endpoint are now, and ends where it should be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from mlplatform.contracts.registry import DIGEST
from mlplatform.contracts.rollout import ROLLED_BACK
from mlplatform.contracts.tracking import RegistryError
from mlplatform.runtime.promote.cluster import ClusterError
from mlplatform.runtime.promote.gate import Outcome, Verdict, judge
from mlplatform.runtime.promote.metrics import MetricsError, Prometheus, Requests, UnreachableError
from mlplatform.runtime.promote.registry import Plan, Registry
from mlplatform.runtime.promote.serverless import FunctionError
from mlplatform.runtime.promote.settings import Settings
from mlplatform.runtime.promote.store import ContentError, Store
from mlplatform.runtime.promote.tracks import NotReadyError, Tracks, Waiting
from mlplatform.runtime.request.run import reason_of

LOOKS: Final = 60
"""Seconds between two looks at a gate that is undecided."""


class RefusedError(Exception):
    """A gate that the candidate does not pass; the text says why."""


FAILURES: Final = (
    *(ClusterError, ContentError, FunctionError, MetricsError, NotReadyError, RefusedError, RegistryError),
    *(BotoCoreError, ClientError),
)
"""What a step ends by that does not end well."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """The rollouts of one endpoint."""

    settings: Settings
    """The endpoint."""
    registry: Registry
    """Which version is next, and how far it is."""
    store: Store
    """Where promoted versions lie."""
    tracks: Tracks
    """What serves."""
    source: Callable[[str], Any]
    """The repository with the files of a version."""
    requests: Callable[[str], Requests]
    """Where the requests of a candidate of a version are counted."""
    log: Callable[..., None]
    """Writes a line about an event."""
    waiting: Waiting
    """How time passes."""

    def attempt(self, version: str, step: Callable[[], None]) -> None:
        """Does a step; why it fails is noted with the version, for who takes it back."""
        try:
            step()
        except RegistryError:
            # There is nobody to note it.
            raise
        except FAILURES as error:
            self.registry.note(version, reason_of(error))
            raise

    def plan(self, asked: str) -> Plan:
        """What is to be done."""
        plan = self.registry.plan(asked)
        self._say("info", "planned", version=plan.version, mode=plan.mode, reason=plan.reason)
        return plan

    def copy(self, version: str) -> None:
        """Copies the version to where the endpoint reads it, and notes its digest."""
        self.registry.begin(version)
        known = self.registry.tags(version).get(DIGEST)
        found = self.store.promoted(version)
        if found is None:
            found = self.store.promote(version, self.source(version), known)
        elif known not in {None, found}:
            raise ContentError(
                f"version {version} of {self.settings.model} was promoted with the digest {found}, and has {known} in "
                "the registry"
            )
        if known is None:
            self.registry.tag(version, DIGEST, found)
        self._say("info", "copied", version=version, digest=found)

    def start(self, version: str) -> None:
        """Has the version beside what serves, without requests."""
        self.registry.begin(version)
        self.tracks.declare(version)
        self._say("info", "started", version=version)

    def weigh(self, version: str, percent: int) -> None:
        """Gives the version a share of the requests."""
        self.tracks.weigh(version, percent)
        self._say("info", "weighed", version=version, percent=percent)

    def gate(self, version: str, minutes: int) -> None:
        """Judges the version by the last minutes; RefusedError where it is not to go on.

        While there is too little to judge by, it looks again, and back as far as before.
        """
        patience = self.settings.gates.patience_minutes
        begun, clock = self.waiting.clock(), self.waiting.clock
        while True:
            gone = (clock() - begun) / 60
            verdict = self._verdict(version, minutes + int(gone))
            if verdict.outcome is not Outcome.UNDECIDED or gone >= patience:
                break
            self._say("info", "undecided", version=version, reasons=list(verdict.reasons))
            self.waiting.pause(LOOKS)
        passed = verdict.outcome is Outcome.PASSED
        self._say(
            "info" if passed else "error",
            "gate",
            version=version,
            outcome=verdict.outcome,
            reasons=list(verdict.reasons),
        )
        if not passed:
            raise RefusedError("; ".join(verdict.reasons))

    def finish(self, version: str) -> None:
        """Has the version serve all requests, then makes it the champion."""
        self.tracks.settle(version)
        self.registry.commit(version)
        self._say("info", "promoted", version=version)

    def roll_back(self, reason: str) -> None:
        """Ends what is under way: nothing of it serves, and it is not tried again by itself.

        What is decided stays: a version that is the champion is only completed.
        """
        under_way = self.registry.running()
        if not under_way:
            self._say("info", "nothing-to-roll-back")
        for version in under_way:
            champion = self.registry.champion()
            if champion == version:
                self.finish(version)
                continue
            why = self.registry.noted(version) or reason
            former = champion or self.settings.initial_version
            self.tracks.retreat(version, former)
            self.registry.end(version, f"{ROLLED_BACK}: {why}")
            self._say("warning", "rolled-back", version=version, serves=former, reason=why)

    def _verdict(self, version: str, minutes: int) -> Verdict:
        settings = self.settings
        prometheus = Prometheus(settings.prometheus_url)
        try:
            measured = self.requests(version).measure(minutes)
            checks = {check.name: prometheus.value(check.query, minutes) for check in settings.gates.checks}
        except UnreachableError as error:
            return Verdict(Outcome.UNDECIDED, (str(error),))
        return judge(settings.gates, measured, checks)

    def _say(self, level: str, event: str, **fields: object) -> None:
        self.log(level, event, endpoint=self.settings.endpoint, model=self.settings.model, **fields)
