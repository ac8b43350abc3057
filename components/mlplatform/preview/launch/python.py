"""Runs a project's program in a process of its own and returns the graph that was recorded there."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlplatform.preview.errors import ProgramDied
from mlplatform.preview.graph.model import Graph
from mlplatform.preview.project.configuration import Project, StackConfig

RECORDER = Path(__file__).parent.parent / "recorder"
"""What runs in the program's process."""

STDERR = 2


def run(  # noqa: PLR0913 - each stands for one option of the command
    project: Project,
    stack_config: StackConfig,
    *,
    strict_unknowns: bool = False,
    answers: Mapping[str, Any] | None = None,
    organization: str = "organization",
    echo: Callable[[str], None] | None = None,
) -> Graph:
    """Runs the program offline and returns what it registered, however the program ended.

    What the program prints goes to this process's stderr, or line by line to `echo` where that is given. `answers` are
    the results of lookups by token. Raises ProgramDied when the process ends without a graph. There is no time limit.
    """
    with tempfile.TemporaryDirectory(prefix="mlplatform-") as scratch:
        graph_path = Path(scratch, "graph.json")
        request = {
            "schema": 1,
            "graph_path": str(graph_path),
            "project": {"name": project.name, "root": str(project.root)},
            "program": str(project.program),
            "organization": organization,
            "stack": stack_config.stack,
            "config": dict(stack_config.values),
            "secret_keys": sorted(stack_config.secret_keys),
            "strict_unknowns": strict_unknowns,
            "answers": dict(answers or {}),
        }
        request_path = Path(scratch, "request.json")
        request_path.write_text(json.dumps(request), encoding="utf-8")
        status = _execute([str(project.interpreter), "-u", str(RECORDER), str(request_path)], project, echo)
        if not graph_path.exists():
            raise ProgramDied(
                f"the program's process {_ending(status)} before anything was recorded; "
                f"its last words are above. It ran {project.program} with {project.interpreter}, "
                "which must have `pulumi` and all that the program imports."
            )
        return Graph.of(json.loads(graph_path.read_text(encoding="utf-8")))


def _execute(command: list[str], project: Project, echo: Callable[[str], None] | None) -> int:
    folder = project.program if project.program.is_dir() else project.program.parent
    # Pulumi's own variables name engines, stacks and tokens of this process, none of which is the program's business.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
    with subprocess.Popen(  # noqa: S603 - the program that the user asked for
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE if echo else STDERR,
        stderr=subprocess.STDOUT if echo else None,
        encoding="utf-8",
        errors="replace",
    ) as process:
        if echo and process.stdout:
            for line in process.stdout:
                echo(line.rstrip("\n"))
    return process.returncode


def _ending(status: int) -> str:
    return f"ended with exit status {status}" if status >= 0 else f"was ended by signal {-status}"
