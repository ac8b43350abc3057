"""Runs one operation of the project's own program, inline by the Automation API: `program.py REQUEST`.

The request: folder `work` of the project file, `stack`, `operation` (up or preview), `events`, the file to log the
engine's events to, and `flags`: refresh, continue-on-error.
"""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

from pulumi import automation

from recorded import ROOT


def _program() -> None:
    runpy.run_path(str(ROOT / "stacks"), run_name="__main__")


def main(request: dict[str, Any]) -> int:
    """Runs the operation; 1 where it fails, with what the CLI printed."""
    stack = automation.create_or_select_stack(
        request["stack"],
        "mlplatform",
        _program,
        opts=automation.LocalWorkspaceOptions(work_dir=request["work"]),
    )
    options = {flag.replace("-", "_"): True for flag in request["flags"]}
    with Path(request["events"]).open("w") as log:

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
