"""The registry's side of a run: every function finds what was made before, and makes what is missing."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from mlplatform.contracts import registry as names
from mlplatform.contracts.pipeline import NO_CHAMPION
from mlplatform.contracts.tracking import RegistryError
from mlplatform.runtime.pipeline.runs import RunError, Source
from mlplatform.runtime.pipeline.search import Parameters
from mlplatform.runtime.pipeline.verdicts import Metrics

_BATCH: Final = 100
"""Parameters of one request (mlflow/utils/validation.py, MAX_PARAMS_TAGS_PER_BATCH); of metrics, there may be more."""
_DIGEST: Final = 36
"""Characters of a dataset's digest (the same, MAX_DATASET_DIGEST_SIZE)."""
_ENDED: Final = ("FINISHED", "FAILED", "KILLED")
_NAME, _PARENT, _CONTEXT = "mlflow.runName", "mlflow.parentRunId", "mlflow.data.context"
"""Tags that MLflow shows (mlflow/utils/mlflow_tags.py)."""


@dataclass(frozen=True, slots=True)
class Logged:
    """What a trial was, for its run."""

    number: int
    """Its number."""
    parameters: Parameters
    """Its parameters."""
    metrics: Metrics | None
    """What it left; None where it failed."""


def champion(client: Any, model: str) -> str:
    """The version that serves, or NO_CHAMPION."""
    return alias(client, model, names.CHAMPION) or NO_CHAMPION


def alias(client: Any, model: str, name: str) -> str | None:
    """The version that an alias names; None where there is no model or no such alias."""
    try:
        found = client.get_registered_model(model).aliases.get(name)
    except RegistryError as error:
        if error.missing:
            return None
        raise
    return None if found is None else str(found)


def experiment(client: Any, name: str) -> str:
    """Id of an experiment."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except RegistryError as error:
            if not error.there:
                raise
        found = client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage != "active":
        raise RunError(f"experiment {name}: is deleted; fix: restore it, or name another one")
    return str(found.experiment_id)


@dataclass(frozen=True, slots=True)
class Workflow:
    """The runs that the registry has of a Workflow: its own, and one for each trial, by the trial's number."""

    client: Any
    """A client of MLflow."""
    experiment: str
    """Id of their experiment."""
    run: str
    """Name of the Workflow."""

    def runs(self) -> dict[str, Any]:
        """What is there, the own one under the empty name; of several by any mischance the first."""
        found: dict[str, Any] = {}
        for each in sorted(self._all(), key=lambda run: (run.info.start_time, run.info.run_id)):
            found.setdefault(each.data.tags.get(names.TRIAL, ""), each)
        return found

    def own(self, there: Mapping[str, Any]) -> Any:
        """The run of the Workflow itself."""
        return there.get("") or self.client.create_run(
            self.experiment, tags={names.RUN: self.run, _NAME: self.run}, run_name=self.run
        )

    def trial(self, there: Mapping[str, Any], own: Any, trial: Logged) -> None:
        """Has a run for a trial, below the Workflow's; one that has ended is whole."""
        number = str(trial.number)
        name = f"trial-{number}"
        tags = {names.RUN: self.run, names.TRIAL: number, _PARENT: own.info.run_id, _NAME: name}
        run = there.get(number) or self.client.create_run(self.experiment, tags=tags, run_name=name)
        if run.info.status in _ENDED:
            return
        self.log(run, trial.parameters, trial.metrics or {})
        self.client.set_terminated(run.info.run_id, "FAILED" if trial.metrics is None else "FINISHED")

    def log(self, run: Any, parameters: Parameters, metrics: Metrics) -> None:
        """Logs parameters and metrics; again, they are the same ones."""
        entities = import_module("mlflow.entities")
        # Metrics are told apart by their time, too: that of the run stays.
        numbers = [entities.Metric(name, value, run.info.start_time, 0) for name, value in sorted(metrics.items())]
        texts = [entities.Param(name, _text(value)) for name, value in sorted(parameters.items())]
        for at in range(0, max(len(numbers), len(texts)), _BATCH):
            part = slice(at, at + _BATCH)
            self.client.log_batch(run.info.run_id, metrics=numbers[part], params=texts[part])

    def dataset(self, run: Any, name: str, source: Source, digest: str) -> None:
        """Names the data that were read, where MLflow shows them."""
        entities = import_module("mlflow.entities")
        read = json.dumps({"uri": source.uri, "version": source.version}, sort_keys=True)
        data = entities.Dataset(name, digest[:_DIGEST], "mlplatform", read)
        context = [entities.InputTag(_CONTEXT, "training")]
        self.client.log_inputs(run.info.run_id, datasets=[entities.DatasetInput(data, context)])

    def _all(self) -> Iterator[Any]:
        asked, token = f"tags.`{names.RUN}` = '{self.run}'", None
        while True:
            page = self.client.search_runs([self.experiment], asked, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def version(client: Any, model: str, run: Any) -> Any:
    """The version that was made of a run; None where there is none."""
    asked = f"name = '{model}' and run_id = '{run.info.run_id}'"
    found = sorted(client.search_model_versions(asked), key=lambda each: int(each.version))
    return found[0] if found else None


def new_version(client: Any, model: str, run: Any, tags: Mapping[str, str]) -> Any:
    """A version of a run's model, with all of its tags at once, so that there is none without them."""
    try:
        client.create_registered_model(model)
    except RegistryError as error:
        if not error.there:
            raise
    source = f"{run.info.artifact_uri.rstrip('/')}/{names.MODEL}"
    return client.create_model_version(model, source, run.info.run_id, tags=dict(tags), await_creation_for=0)


def challenge(client: Any, model: str, number: str) -> None:
    """Gives a version the alias challenger, unless its rollout is over, or a later version has it."""
    if names.ROLLOUT in client.get_model_version(model, number).tags or alias(client, model, names.CHAMPION) == number:
        return
    waiting = alias(client, model, names.CHALLENGER)
    if waiting is None or int(waiting) < int(number):
        client.set_registered_model_alias(model, names.CHALLENGER, number)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
