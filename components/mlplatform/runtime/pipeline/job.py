"""What the pipeline's jobs have in common: how they begin, what they leave, how they end."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from mlplatform.contracts.pipeline import CONFIG, OUTPUTS, RUN, output_variable
from mlplatform.contracts.tracking import URI, NoRegistryError, RegistryError
from mlplatform.runtime import jobs
from mlplatform.runtime.jobs import Exit, SettingsError, write
from mlplatform.runtime.pipeline.runs import RunError, Runs
from mlplatform.runtime.pipeline.search import SearchError
from mlplatform.runtime.pipeline.settings import Surroundings, surroundings
from mlplatform.runtime.pipeline.verdicts import EvaluationError
from mlplatform.runtime.request.run import client, reason_of

_FAILURES: Final = (BotoCoreError, ClientError, EvaluationError, RegistryError, RunError, SearchError)


_READS: Final[Mapping[str, str]] = {
    CONFIG: "what the pipeline searches, selects and registers, as JSON",
    RUN: "name of the Workflow",
    "AWS_DEFAULT_REGION": "region of the buckets",
}
_REGISTRY: Final[Mapping[str, str]] = {
    URI: "address of the MLflow server",
    "MLFLOW_TRACKING_USERNAME": "account there; none where the server knows no accounts",
    "MLFLOW_TRACKING_PASSWORD": "password of the account",
}


def parser(job: str, what: str, *, registry: bool) -> argparse.ArgumentParser:
    """The parser of a job, whose help says what it reads."""
    files = {output_variable(output): f"file for its output {output}" for output in OUTPUTS[job]}
    return jobs.parser(job, what, {**_READS, **files, **(_REGISTRY if registry else {})})


def outputs(job: str, environment: Mapping[str, str]) -> Mapping[str, Path]:
    """Files for what a job leaves; SettingsError where one is not named."""
    found = {}
    for output in OUTPUTS[job]:
        variable = output_variable(output)
        if not environment.get(variable):
            raise SettingsError(f"{variable}: missing; allowed: path of a file for what the job leaves")
        found[output] = Path(environment[variable])
    return found


def leave(files: Mapping[str, Path], values: Mapping[str, str]) -> None:
    """Writes what a job leaves."""
    for output, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(values[output])


def run(
    job: str, environment: Mapping[str, str], work: Callable[[Surroundings, Runs], Mapping[str, str] | None]
) -> int:
    """Does the work of a job and leaves its outputs; None means that it failed and has said so."""
    try:
        files = outputs(job, environment)
        found = surroundings(environment)
        values = work(found, Runs(client("s3"), found.settings.bucket, found.run))
        if values is None:
            return Exit.FAILED
        leave(files, values)
    except (SettingsError, NoRegistryError) as error:
        write("error", "misconfigured", reason=str(error))
        return Exit.MISCONFIGURED
    except _FAILURES as error:
        write("error", "failed", reason=reason_of(error))
        return Exit.FAILED
    return Exit.DONE
