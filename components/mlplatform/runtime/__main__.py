"""Where every job begins: `python -m mlplatform.runtime <job> ...`, the entry point of the runtime's image."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from mlplatform.runtime.jobs import PROGRAM, Exit, table


class Job(NamedTuple):
    """One job."""

    module: str
    """Where its `main(arguments, environment)` is, which returns how it ended; imported when the job is called."""
    does: str
    """What it does, in a line."""


JOBS: Final[Mapping[str, Job]] = MappingProxyType(
    {
        "drift": Job("mlplatform.runtime.drift.run", "compare an endpoint's window with its reference"),
        "promote": Job("mlplatform.runtime.promote.run", "roll a version out by steps, or back"),
        "register": Job(
            "mlplatform.runtime.pipeline.register", "register a run's best model, with where it comes from"
        ),
        "request": Job("mlplatform.runtime.request.run", "ask for a retraining, or note that one has ended"),
        "request-log": Job("mlplatform.runtime.request_log.run", "pass requests on to a server, and log them"),
        "select": Job("mlplatform.runtime.pipeline.select", "choose the best trial of a run"),
        "submit": Job("mlplatform.runtime.kubeflow.run", "run a compiled package on Kubeflow Pipelines"),
        "trials": Job("mlplatform.runtime.pipeline.trials", "suggest the next trials of a run"),
        "worker": Job("mlplatform.runtime.dispatch.run", "make the jobs that a training queue's messages ask for"),
    }
)
"""All jobs, by name."""


def main(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Runs the job that the first argument names, with the others."""
    name, *others = arguments or ("",)
    if name in {"-h", "--help"}:
        print(_usage())
        return Exit.DONE
    if name not in JOBS:
        allowed = f"allowed: {', '.join(JOBS)}; fix: see `{PROGRAM} --help`"
        print(f"{PROGRAM}: job {name!r} is not known; {allowed}", file=sys.stderr)
        return Exit.MISCONFIGURED
    ended: int = importlib.import_module(JOBS[name].module).main(others, environment)
    return ended


def _usage() -> str:
    what = f"usage: {PROGRAM} <job> ...\n\nJobs inside the platform; each has a --help of its own.\n"
    return f"{what}\n{table('jobs:', {name: job.does for name, job in JOBS.items()})}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
