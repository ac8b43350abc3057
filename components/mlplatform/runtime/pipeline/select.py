"""The job `select`: the best trial of a run, and the version that it will be held against."""

import os
from collections.abc import Mapping, Sequence

from mlplatform.contracts.tracking import connect
from mlplatform.runtime.jobs import write
from mlplatform.runtime.pipeline import job
from mlplatform.runtime.pipeline.registry import champion
from mlplatform.runtime.pipeline.runs import Runs
from mlplatform.runtime.pipeline.settings import Surroundings
from mlplatform.runtime.pipeline.verdicts import select


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Leaves the best trial, and the champion."""
    job.parser("select", "Leaves the best trial of a run, and the champion.", registry=True).parse_args(arguments)

    def work(found: Surroundings, runs: Runs) -> Mapping[str, str] | None:
        registry = connect(environment)
        numbers = [trial.number for each in runs.rounds() for trial in each.trials]
        chosen = select(found.settings.objective, {number: runs.metrics(number) for number in numbers})
        for number, reason in sorted({**chosen.failed, **chosen.violated}.items()):
            write("warning", "trial left out", run=runs.run, trial=number, reason=reason)
        if chosen.trial is None:
            counts = f"{len(chosen.failed)} failed, {len(chosen.violated)} violate constraints"
            write("error", "failed", run=runs.run, reason=f"no trial is left of {len(numbers)}: {counts}")
            return None
        serves = champion(registry, found.settings.model)
        write("info", "selected", run=runs.run, trial=chosen.trial, champion=serves)
        return {"trial": str(chosen.trial), "champion": serves}

    return job.run("select", environment, work)
