"""The job `register`: a version of the best trial's model, with where it comes from, and whether it may challenge.

All that can be wrong with what the steps left is found before anything is written. A version is made with all of its
tags at once, which also say what was decided, and becomes the challenger last of all; so a job that begins anew finds
how far an earlier one came, and goes on from there.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlplatform.contracts import registry as names
from mlplatform.contracts.digest import of_files
from mlplatform.contracts.pipeline import reference
from mlplatform.contracts.tracking import connect
from mlplatform.runtime.jobs import write
from mlplatform.runtime.pipeline import job
from mlplatform.runtime.pipeline.registry import Logged, Workflow, challenge, champion, experiment, new_version, version
from mlplatform.runtime.pipeline.runs import RunError, Runs, Source
from mlplatform.runtime.pipeline.search import Trial
from mlplatform.runtime.pipeline.settings import Settings, Surroundings
from mlplatform.runtime.pipeline.trials import Log
from mlplatform.runtime.pipeline.verdicts import Decision, Metrics, Outcome, decide


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be registered, and for whom."""

    trial: int
    """Number of the trial."""
    champion: str | None
    """Version that the trial was held against, or NO_CHAMPION; None for the champion of now."""
    requested_by: str
    """Who or what asked, and why."""
    request_id: str
    """Request for retraining that is answered; empty for none."""
    data_uri: str
    """Data that were asked for, which the run was told; empty for its own choice."""


@dataclass(frozen=True, slots=True)
class Left:
    """What the steps left."""

    trials: Sequence[Trial]
    """All trials."""
    metrics: Mapping[int, Metrics | str]
    """What each left, or why it left nothing."""
    candidate: Metrics
    """Evaluation of the best."""
    champion: Metrics | None
    """Evaluation of the champion; None where there is none."""
    source: Source
    """Data that were read."""
    data_digest: str
    """Digest of the prepared data."""
    files: Sequence[str]
    """Files of the model."""
    references: Sequence[str]
    """Files with what it was evaluated on; none where nobody keeps them."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Registers the best trial of one run."""

    settings: Settings
    """The pipeline."""
    runs: Runs
    """What the steps left."""
    client: Any
    """A client of MLflow."""
    wish: Wish
    """What is to be registered."""
    log: Log
    """Writes a line about an event."""

    def run(self) -> Mapping[str, str]:
        """The version and what was decided, whether made now or before."""
        left = self._left()
        if not left.source.uri.startswith(self.wish.data_uri):
            self.log("warning", "other data", run=self.runs.run, asked=self.wish.data_uri, read=left.source.uri)
        workflow = Workflow(self.client, experiment(self.client, self.settings.experiment), self.runs.run)
        there = workflow.runs()
        own = workflow.own(there)
        for trial in left.trials:
            metrics = left.metrics[trial.number]
            kept = None if isinstance(metrics, str) else metrics
            workflow.trial(there, own, Logged(trial.number, trial.parameters, kept))
        made = version(self.client, self.settings.model, own) or self._version(workflow, own, left)
        number, outcome = str(made.version), made.tags[names.DECISION]
        if outcome == Outcome.CHALLENGER:
            self._keep_reference(number, left.references)
            challenge(self.client, self.settings.model, number)
        self.client.set_terminated(own.info.run_id, "FINISHED")
        self.log(
            "info",
            "registered",
            run=self.runs.run,
            model=self.settings.model,
            version=number,
            decision=outcome,
            reason=made.tags[names.REASON],
        )
        return {"version": number, "decision": outcome}

    def _left(self) -> Left:
        trials = [trial for each in self.runs.rounds() for trial in each.trials]
        if self.wish.trial not in [trial.number for trial in trials]:
            raise RunError(f"trial {self.wish.trial} is none of run {self.runs.run}, which has {len(trials)}")
        metrics = {trial.number: self.runs.metrics(trial.number) for trial in trials}
        candidate, before = self.runs.evaluation()
        references = self.runs.names("reference") if self.settings.reference_bucket else []
        return Left(
            trials,
            metrics,
            candidate,
            before,
            self.runs.source(),
            self.runs.digest("dataset"),
            self.runs.names("model", self.wish.trial),
            references,
        )

    def _version(self, workflow: Workflow, own: Any, left: Left) -> Any:
        """A new version, after all that it names is there."""
        serves = champion(self.client, self.settings.model)
        held_against = self.wish.champion or serves
        decision = decide(self.settings.objective, left.candidate, left.champion, held_against, serves)
        trial = next(trial for trial in left.trials if trial.number == self.wish.trial)
        trained = left.metrics[trial.number]
        metrics = {} if isinstance(trained, str) else dict(trained)
        for side, found in (("candidate", left.candidate), ("champion", left.champion or {})):
            metrics |= {f"evaluation/{side}/{name}": value for name, value in found.items()}
        workflow.log(own, trial.parameters, metrics)
        workflow.dataset(own, self.settings.pipeline, left.source, left.data_digest)
        digest = self._upload(own, left.files)
        return new_version(self.client, self.settings.model, own, self._tags(left, decision, held_against, digest))

    def _upload(self, own: Any, files: Sequence[str]) -> str:
        """Hands the model's files on to the registry, one at a time; their digest."""
        digests = {}
        for name in files:
            folder = "/".join([names.MODEL, *name.split("/")[:-1]])
            with self.runs.file("model", self.wish.trial, name) as copy:
                digests[name] = copy.digest
                self.client.log_artifact(own.info.run_id, str(copy.path), folder)
        return of_files(digests)

    def _tags(self, left: Left, decision: Decision, held_against: str, digest: str) -> Mapping[str, str]:
        """Where the version comes from; what is unknown has no tag."""
        tags = {
            names.RUN: self.runs.run,
            names.TRIAL: str(self.wish.trial),
            names.DECISION: decision.outcome.value,
            names.REASON: decision.reason,
            names.PARENT: held_against,
            names.DIGEST: digest,
            names.REQUESTED_BY: self.wish.requested_by,
            names.REQUEST: self.wish.request_id,
            names.DATA_URI: left.source.uri,
            names.DATA_VERSION: left.source.version,
            names.DATA_DIGEST: left.data_digest,
            names.CODE: self.settings.code.repository,
            names.COMMIT: self.settings.code.commit,
            names.IMAGE: self.settings.image,
        }
        return {name: value for name, value in tags.items() if value}

    def _keep_reference(self, number: str, files: Sequence[str]) -> None:
        """Copies what the version was evaluated on to where drift is measured against it."""
        for name in files:
            with self.runs.file("reference", "", name) as copy:
                where = f"{reference(self.settings.model, number)}{name}"
                with copy.path.open("rb") as body:
                    self.runs.client.upload_fileobj(body, self.settings.reference_bucket, where)


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Registers the trial that the command line names."""
    given = _parser().parse_args(arguments)
    wish = Wish(given.trial, given.champion or None, given.requested_by, given.request_id, given.data_uri)

    def work(found: Surroundings, runs: Runs) -> Mapping[str, str]:
        return Registration(found.settings, runs, connect(environment), wish, write).run()

    return job.run("register", environment, work)


def _parser() -> argparse.ArgumentParser:
    parser = job.parser("register", "Makes a version of a trial's model, and decides on it.", registry=True)
    parser.add_argument("--trial", type=int, required=True, help="number of the trial")
    parser.add_argument("--champion", default="", help="version that it was held against; the champion by default")
    parser.add_argument("--requested-by", required=True, help="who or what asked, and why")
    parser.add_argument("--request-id", default="", help="request for retraining that is answered; none by default")
    parser.add_argument("--data-uri", default="", help="data that were asked for")
    return parser
