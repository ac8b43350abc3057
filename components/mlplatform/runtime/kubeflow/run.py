"""The job: read the package, find or make the run, wait until it has ended."""

import argparse
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from mlplatform.contracts.kubeflow import CONFIG, PACKAGE, TOKEN, TRACKING_URI, Package, PackageError, read
from mlplatform.contracts.pipeline import RUN
from mlplatform.runtime.jobs import Exit, SettingsError, explain, write
from mlplatform.runtime.jobs import parser as command
from mlplatform.runtime.kubeflow.api import REASON, Api, RefusedError, UnavailableError
from mlplatform.runtime.kubeflow.settings import Settings

POLL_SECONDS: Final = 15
"""Seconds between two looks at a run."""
PATIENCE_SECONDS: Final = 600
"""Seconds that the API may not answer in a row: longer than a rolling update of it takes."""
LONGEST_PAUSE: Final = 60
"""Seconds between two attempts at most; the first pause is two seconds, each next one twice as long."""
_CONFLICT: Final = 409
_SUCCEEDED: Final = "SUCCEEDED"
ENDED: Final = (_SUCCEEDED, "SKIPPED", "FAILED", "CANCELED")
"""States that a run stays in (kubeflow/pipelines, backend/api/v2beta1/run.proto, RuntimeState)."""

READS: Final[Mapping[str, str]] = {
    CONFIG: "where the pipeline is submitted, and with which parameters, as JSON",
    PACKAGE: "path of the compiled pipeline",
    RUN: "name of the Workflow, which is also that of the run",
    TOKEN: "path of the token that the API wants; none by default",
    TRACKING_URI: "address of the model registry, for pipelines that declare tracking_uri",
}
"""What the job reads from its environment."""

T = TypeVar("T")


class StoppedError(Exception):
    """The job was told to end before its run has."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One run of one pipeline."""

    settings: Settings
    """Where it is submitted."""
    run: str
    """Its name."""
    package: Package
    """The pipeline."""
    arguments: Mapping[str, Any]
    """What it is given."""
    api: Api
    """Where it is made."""
    log: Callable[..., None]
    """Writes a line about an event."""
    stopping: threading.Event
    """Set when the job is to end."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970."""

    def submit(self) -> Exit:
        """Makes the run unless it is there, and waits until it has ended, or too long."""
        experiment = self._tried(self._experiment)
        run = self._tried(lambda: self._run(experiment))
        about = {"run": self.run, "id": run["run_id"]}
        self.log("info", "submitted", **about, pipeline=self.package.name, experiment=self.settings.experiment)
        # By the age of the run, not of this job, which may be its second or third.
        end = datetime.fromisoformat(run["created_at"]).timestamp() + 60 * self.settings.timeout_minutes
        while run.get("state") not in ENDED:
            if self.clock() >= end:
                return self._late(about)
            self._wait(POLL_SECONDS)
            run = self._tried(lambda: self.api.run(about["id"]))
        well = run["state"] == _SUCCEEDED
        self.log("info" if well else "error", "ended", **about, state=run["state"], reason=_reason(run))
        return Exit.DONE if well else Exit.FAILED

    def _experiment(self) -> str:
        name, namespace = self.settings.experiment, self.settings.namespace
        found = self.api.experiments(name, namespace)
        if not found:
            try:
                self.api.create_experiment(name, namespace)
            except RefusedError as error:
                # Somebody else made it meanwhile.
                if error.status != _CONFLICT:
                    raise
            found = self.api.experiments(name, namespace)
        if not found:
            raise UnavailableError(f"Kubeflow Pipelines: experiment {name} was made and is not there")
        return str(found[0]["experiment_id"])

    def _run(self, experiment: str) -> dict[str, Any]:
        """The run of this name. Looks again after making it: an earlier attempt may have ended late."""
        runs = self.api.runs(self.run, experiment)
        if not runs:
            made = self.api.create_run(self.run, experiment, self.package.body, self.arguments)
            runs = self.api.runs(self.run, experiment) or [made]
        first, *others = runs
        for other in others:
            if other.get("state") not in ENDED:
                self.log("warning", "duplicate", run=self.run, id=other["run_id"], kept=first["run_id"])
                self.api.terminate(other["run_id"])
        return first

    def _late(self, about: Mapping[str, str]) -> Exit:
        self._tried(lambda: self.api.terminate(about["id"]))
        reason = f"not ended after {self.settings.timeout_minutes} minutes; it was told to end"
        self.log("error", "late", **about, reason=reason)
        return Exit.FAILED

    def _tried(self, action: Callable[[], T]) -> T:
        """What the action gives, repeated while the API is unavailable."""
        end, pause = self.clock() + PATIENCE_SECONDS, 2
        while True:
            try:
                return action()
            except UnavailableError as error:
                if self.clock() + pause >= end:
                    raise
                self.log("warning", "retry", run=self.run, reason=str(error), seconds=pause)
            self._wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _wait(self, seconds: float) -> None:
        if self.stopping.wait(seconds):
            raise StoppedError(f"told to end before run {self.run} has; the next attempt finds it")


def _reason(run: Mapping[str, Any]) -> str | None:
    message = (run.get("error") or {}).get("message")
    return message and " ".join(str(message).split())[:REASON]


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Submits what the environment describes."""
    given = _parser().parse_args(arguments)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    try:
        return _submission(given, environment, stopping).submit()
    except SettingsError as error:
        write("error", "misconfigured", reason=str(error))
        return Exit.MISCONFIGURED
    except (UnavailableError, RefusedError, StoppedError, OSError) as error:
        write("error", "failed", reason=str(error))
        return Exit.FAILED


def _parser() -> argparse.ArgumentParser:
    parser = command("submit", "Submits a compiled Kubeflow pipeline, once, and waits for its run to end.", READS)
    parser.add_argument("--requested-by", required=True, help="who or what asked for the run, and why")
    parser.add_argument("--request-id", default="", help="id of the request for retraining; none by default")
    parser.add_argument("--data-uri", default="", help="the data that the run is trained on")
    return parser


def _submission(given: argparse.Namespace, environment: Mapping[str, str], stopping: threading.Event) -> Submission:
    run = environment.get(RUN, "")
    if not run:
        raise SettingsError(f"{RUN}: not set; allowed is the name of the Workflow")
    try:
        settings = Settings.model_validate_json(environment.get(CONFIG, ""))
    except ValidationError as error:
        raise SettingsError(f"{CONFIG}: {'; '.join(explain(error))}") from None
    values = {
        "data_uri": given.data_uri,
        "model": settings.model,
        "request_id": given.request_id,
        "requested_by": given.requested_by,
        "run": run,
        "tracking_uri": environment.get(TRACKING_URI, ""),
    }
    package = _package(environment)
    try:
        filled = package.arguments(settings.parameters, values)
    except PackageError as error:
        raise SettingsError(f"{CONFIG}: {error}") from None
    return Submission(settings, run, package, filled, Api(settings.endpoint, _token(environment)), write, stopping)


def _package(environment: Mapping[str, str]) -> Package:
    path = environment.get(PACKAGE, "")
    try:
        return read(Path(path).read_text())
    except OSError as error:
        raise SettingsError(f"{PACKAGE}: got {path!r}, which can't be read: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"{PACKAGE}: {path}: {error}") from None


def _token(environment: Mapping[str, str]) -> Path | None:
    if not environment.get(TOKEN):
        return None
    path = Path(environment[TOKEN])
    if not path.is_file():
        raise SettingsError(f"{TOKEN}: got {str(path)!r}, which is no file; mount the token there, or unset it")
    return path
