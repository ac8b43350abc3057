"""Runs one operation of the project's own program, inline by the Automation API: `program.py REQUEST`.

The request: folder `work` of the project file, `stack`, `operation` (up or preview), `events` and `answers`, the files
to log the engine's events and its answers to registrations to, and `flags`: refresh, continue-on-error.
"""

import functools
import json
import runpy
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

from pulumi import automation
from pulumi.runtime.settings import SETTINGS

from mlplatform.preview import recorder
from recorded import ROOT


class _Listening:
    """The engine's resource monitor, and what it answers for each resource."""

    def __init__(self, monitor: Any, log: TextIO) -> None:
        self._monitor = monitor
        self._log = log
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._monitor, name)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        answer = self._monitor.RegisterResource(request)
        line = {"urn": answer.urn, "type": request.type, "outputs": recorder.raw_object(answer.object)}
        with self._lock:  # Pulumi's threads ask at the same time
            self._log.write(json.dumps(line) + "\n")
        return answer


def _program(answers: TextIO) -> None:
    monitor: Any = SETTINGS.monitor
    SETTINGS.monitor = _Listening(monitor, answers)
    runpy.run_path(str(ROOT / "stacks"), run_name="__main__")


def main(request: dict[str, Any]) -> int:
    """Runs the operation; 1 where it fails, with what the CLI printed."""
    options = {flag.replace("-", "_"): True for flag in request["flags"]}
    with Path(request["events"]).open("w") as log, Path(request["answers"]).open("w") as answers:
        stack = automation.create_or_select_stack(
            request["stack"],
            "mlplatform",
            functools.partial(_program, answers),
            opts=automation.LocalWorkspaceOptions(work_dir=request["work"]),
        )

        def record(event: automation.EngineEvent) -> None:
            if event.resource_pre_event:
                step = event.resource_pre_event.metadata
                log.write(json.dumps({"resourcePreEvent": {"metadata": {"op": step.op, "urn": step.urn}}}) + "\n")

        try:
            getattr(stack, request["operation"])(on_event=record, **options)
        except automation.CommandError as error:
            print(error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
