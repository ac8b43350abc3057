"""What a training pipeline, the jobs that run its own steps, and the user's image agree on: steps, files, variables.

A run is one Workflow. All it keeps is under `runs/<run>/` of the pipeline's bucket, where Argo puts what a step's
container left at the paths that its variables name, and where the jobs `trials`, `select` and `register` read. A step
that begins anew, whenever its pod dies, does the same work over the same objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

CONFIG: Final = "PIPELINE_CONFIG"
"""Environment variable of the jobs: what is searched, selected and registered, as JSON."""
RUN: Final = "RUN"
"""Environment variable of every step: the name of the Workflow."""
RUNS: Final = "runs/"
"""Folder of the pipeline's bucket with what all runs keep."""
REFERENCE: Final = "reference/"
"""Folder of the feature bucket with what each version was evaluated on, `reference/<model>/<version>/`."""

REQUEST_ID: Final = "request-id"
"""Parameter of a run: the id of the request for retraining that it answers; empty for none."""
REQUESTED_BY: Final = "requested-by"
"""Parameter of a run: who or what asked for it, and why."""
DATA_URI: Final = "data-uri"
"""Parameter of a run: the data that it is trained on."""
DATA_VARIABLE: Final = "DATA_URI"
"""Environment variable of `prepare`: the same."""

PARAMETERS: Final = "PARAMETERS"
"""Environment variable of `train`: the trial's parameters, a JSON object."""

NO_CHAMPION: Final = "none"
"""Stands for the version of the champion where the model has none yet."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """Files that a step gets or leaves."""

    variable: str
    """Environment variable with their path in the container; of a step of several pods, with their address in S3."""
    key: str
    """Where they lie in the run's folder; `{trial}` stands for the number of the trial."""
    folder: bool
    """Whether it is a folder; else one file."""


ARTIFACTS: Final[Mapping[str, Artifact]] = MappingProxyType(
    {
        "dataset": Artifact("DATASET", "dataset", folder=True),
        "source": Artifact("SOURCE", "source.json", folder=False),
        "features": Artifact("FEATURES", "features", folder=True),
        "model": Artifact("MODEL", "trials/{trial}/model", folder=True),
        "metrics": Artifact("METRICS", "trials/{trial}/metrics.json", folder=False),
        "candidate": Artifact("CANDIDATE", "trials/{trial}/model", folder=True),
        "evaluation": Artifact("EVALUATION", "evaluation.json", folder=False),
        "reference": Artifact("REFERENCE", "reference", folder=True),
    }
)
"""Artifacts of a run, by name.

`source.json` says what was read: `{"uri", "version"}`, the version as its store names it, such as an S3 version id or
the id of a snapshot. `metrics.json` is an object of numbers. `evaluation.json` has `candidate` and `champion`, each an
object of numbers and the second null where there is none, over the same data that no trial saw. `reference` holds lines
of JSON with `features` and `prediction`, which drift is measured against.
"""
CHAMPION: Final = Artifact("CHAMPION", "{model}/{version}", folder=True)
"""What serves now, out of the bucket of promoted models; the folder is empty or missing where there is none."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that runs the user's image."""

    inputs: tuple[str, ...]
    """Artifacts that it gets."""
    outputs: tuple[str, ...]
    """Artifacts that it must leave."""


STEPS: Final[Mapping[str, Step]] = MappingProxyType(
    {
        "prepare": Step((), ("dataset", "source")),
        "features": Step(("dataset",), ("features",)),
        "train": Step(("features",), ("model", "metrics")),
        "evaluate": Step(("features", "candidate"), ("evaluation", "reference")),
    }
)
"""The user's steps, in their order; the name is the last argument of the command. `prepare` has the variable DATA_URI,
`train` has PARAMETERS, and `evaluate` has CHAMPION beside the artifacts."""

OUTPUTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "trials": ("trials", "next", "more"),
        "select": ("trial", "champion"),
        "register": ("version", "decision"),
    }
)
"""What the jobs leave for the steps after them, each as text in the file that the variable `<OUTPUT>_FILE` names.

`trials` is a JSON list of `{"trial": number, "parameters": object}` that may be empty, `next` the number of the next
round, `more` `true` or `false`; `trial` the number of the best trial, `champion` the version that serves, or
NO_CHAMPION; `version` the one registered, `decision` `challenger` or `rejected`.
"""


FIRST_ROUND: Final = 0
"""Number of the first round of a search; trials are counted from 0 as well, on over all rounds."""


def output_variable(output: str) -> str:
    """The variable that names the file of an output, such as TRIALS_FILE."""
    return f"{output.upper()}_FILE"


def folder(run: str) -> str:
    """Where a run keeps what it keeps, such as `runs/fraud-training-x7k2p/`."""
    return f"{RUNS}{run}/"


def key(run: str, artifact: str, trial: int | str = "") -> str:
    """Where an artifact of a run lies in the pipeline's bucket; of a folder without the last slash."""
    return folder(run) + ARTIFACTS[artifact].key.format(trial=trial)


def search_round(run: str, number: int) -> str:
    """Where one round lies, written once: `{"trials": [{"trial", "parameters"}], "stop": reason or null}`."""
    return f"{folder(run)}search/round-{number}.json"


def reference(model: str, version: str) -> str:
    """Where the reference of a version lies in the feature bucket, such as `reference/fraud/7/`."""
    return f"{REFERENCE}{model}/{version}/"


def asked(pipeline: object) -> dict[str, object]:
    """The `spec` of a Workflow that runs a pipeline for a request for retraining, whose placeholders are in it."""
    values = {REQUEST_ID: "${request.id}", REQUESTED_BY: "${request.endpoint}: ${request.reason}"}
    parameters = [{"name": name, "value": value} for name, value in values.items()]
    return {"workflowTemplateRef": {"name": pipeline}, "arguments": {"parameters": parameters}}
