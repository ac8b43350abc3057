"""The job `trials`: the next round of a search, after what the rounds before it came to."""

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence

from mlplatform.contracts.pipeline import FIRST_ROUND
from mlplatform.runtime.jobs import write
from mlplatform.runtime.pipeline import job
from mlplatform.runtime.pipeline.runs import RunError, Runs
from mlplatform.runtime.pipeline.search import Round, Tried, next_round
from mlplatform.runtime.pipeline.settings import Objective, Settings, Surroundings
from mlplatform.runtime.pipeline.verdicts import objective_of

Log = Callable[..., None]
"""Writes a line about an event."""


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Leaves the round that the command line names."""
    given = _parser().parse_args(arguments)

    def work(found: Surroundings, runs: Runs) -> Mapping[str, str]:
        made = suggest(found.settings, runs, given.round, write)
        trials = [{"trial": trial.number, "parameters": dict(trial.parameters)} for trial in made.trials]
        more = "true" if made.stop is None else "false"
        return {"trials": json.dumps(trials, sort_keys=True), "next": str(given.round + 1), "more": more}

    return job.run("trials", environment, work)


def suggest(settings: Settings, runs: Runs, number: int, log: Log) -> Round:
    """The round of a number: the one that is there, or a new one that is written before anybody sees it."""
    made = runs.round(number) or runs.write_round(number, _new(settings, runs, number, log))
    named = [trial.number for trial in made.trials]
    log("info", "suggested", run=runs.run, round=number, trials=named, stop=made.stop)
    return made


def _new(settings: Settings, runs: Runs, number: int, log: Log) -> Round:
    tried: list[Tried] = []
    for before in range(FIRST_ROUND, number):
        found = runs.round(before)
        if found is None:
            raise RunError(f"round {number} comes after round {before}, which run {runs.run} does not have")
        if found.stop is not None:
            return Round((), found.stop)
        tried += [Tried(trial, before, _value(settings.objective, runs, trial.number, log)) for trial in found.trials]
    return next_round(settings.search, settings.objective, tried, number)


def _value(objective: Objective, runs: Runs, trial: int, log: Log) -> float | None:
    metrics = runs.metrics(trial)
    value = metrics if isinstance(metrics, str) else objective_of(objective, metrics)
    if isinstance(value, str):
        log("warning", "trial failed", run=runs.run, trial=trial, reason=value)
        return None
    return value


def _parser() -> argparse.ArgumentParser:
    parser = job.parser("trials", "Leaves the trials of a round of a search.", registry=False)
    parser.add_argument("--round", type=_number, required=True, help=f"number of the round; the first is {FIRST_ROUND}")
    return parser


def _number(value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise argparse.ArgumentTypeError(f"got {value!r}; allowed is a number from {FIRST_ROUND}")
    return int(value)
