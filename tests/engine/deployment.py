"""An environment in the real engine: the Pulumi CLI, the project's own program, and providers that create nothing."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from standin import WORLD, World, identity_of

from recorded import ROOT

HERE = Path(__file__).parent
PROVIDERS = ("aws", "kubernetes")
SECONDS = 900
"""Longest that one operation may take."""


@dataclass(frozen=True)
class Outcome:
    """What the engine did."""

    operations: Mapping[str, str]
    """Operation on each resource, by URN: create, update, same, replace, delete, refresh."""
    seconds: float
    error: str = ""
    """What the CLI printed, if it failed."""

    def count(self) -> dict[str, int]:
        """How many resources each operation had."""
        names = sorted(set(self.operations.values()))
        return {name: list(self.operations.values()).count(name) for name in names}

    @property
    def changes(self) -> dict[str, str]:
        """Operations that change something, by URN."""
        return {urn: name for urn, name in self.operations.items() if name not in {"same", "refresh", "read"}}


@dataclass
class Deployment:
    """A stack in a backend, a plugin folder and a world of its own."""

    folder: Path
    stack: str
    config: Mapping[str, Any]
    """Configuration as a stack file has it, with its namespaces."""

    def __post_init__(self) -> None:
        plugins = self.folder / "plugins"
        plugins.mkdir(parents=True)
        self.world.mkdir()
        for name in PROVIDERS:
            script = plugins / f"pulumi-resource-{name}"
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "standin.py"}" {name}\n')
            script.chmod(script.stat().st_mode | stat.S_IXUSR)
        self.work.mkdir()
        self.write(self.config)
        self.cli("stack", "init", self.stack)

    @property
    def work(self) -> Path:
        """Folder of the project file and of the stack's configuration."""
        return self.folder / "work"

    @property
    def world(self) -> Path:
        """Folder of what exists."""
        return self.folder / "world"

    @property
    def answers(self) -> Path:
        """File of what the engine answered for each resource in the last run of the program, a line each."""
        return self.folder / "answers"

    @property
    def variables(self) -> dict[str, str]:
        """Environment of the CLI."""
        return {
            **os.environ,
            "PATH": f"{self.folder / 'plugins'}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "components"), str(ROOT / "tests" / "support")]),
            "PULUMI_BACKEND_URL": f"file://{self.folder}",
            "PULUMI_CONFIG_PASSPHRASE": "passphrase",
            "PULUMI_DEBUG_COMMANDS": "true",  # has --event-log
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            WORLD: str(self.world),
        }

    def write(self, config: Mapping[str, Any]) -> None:
        """Writes the project file, and the stack's with another configuration."""
        self.config = config
        (self.work / "Pulumi.yaml").write_text("name: mlplatform\nruntime: python\n")
        path = self.work / f"Pulumi.{self.stack}.yaml"
        old = yaml.safe_load(path.read_text()) if path.exists() else {}
        path.write_text(yaml.safe_dump({**old, "config": dict(config)}))

    # -- operations

    def up(self, *flags: str, **variables: str) -> Outcome:
        """Runs the program, and changes what it asks for."""
        return self._run_program("up", *flags, **variables)

    def preview(self, *flags: str) -> Outcome:
        """Runs the program, and says what it would change."""
        return self._run_program("preview", *flags)

    def refresh(self, *flags: str) -> Outcome:
        """Asks the providers for what exists."""
        return self._run_cli("refresh", "--yes", "--skip-preview", *flags)

    def destroy(self, *flags: str) -> Outcome:
        """Deletes everything; the preview before it refuses what is protected, while everything is still there."""
        return self._run_cli("destroy", "--yes", *flags)

    def state(self) -> dict[str, Any]:
        """The deployment as the backend has it."""
        return dict(json.loads(self.cli("stack", "export").stdout)["deployment"])

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of the CLI that must succeed."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--cwd", str(self.work)],
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done

    @property
    def locked(self) -> bool:
        """Whether an operation that did not end has left its lock."""
        return any((self.folder / ".pulumi" / "locks").rglob("*.json"))

    @property
    def services(self) -> World:
        """What exists."""
        return World(self.world)

    def unmanaged(self) -> list[dict[str, Any]]:
        """What exists and is not in the state."""
        resources = self.state().get("resources", [])
        managed = {identity_of(item["type"], item.get("id", ""), item.get("inputs", {})) for item in resources}
        return [made for made in self.services.all() if made["identity"] not in managed]

    def start(self, operation: str, *flags: str, **variables: str) -> subprocess.Popen[str]:
        """Starts an operation of the program, and does not wait for its end."""
        request = {
            "work": str(self.work),
            "stack": self.stack,
            "operation": operation,
            "events": str(self._events(operation)),
            "answers": str(self.answers),
            "flags": list(flags),
        }
        return subprocess.Popen(
            [sys.executable, str(HERE / "program.py"), json.dumps(request)],
            env={**self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _run_program(self, operation: str, *flags: str, **variables: str) -> Outcome:
        began = time.monotonic()
        process = self.start(operation, *flags, **variables)
        output, _ = process.communicate(timeout=SECONDS)
        return self._outcome(operation, began, output if process.returncode else "")

    def _run_cli(self, operation: str, *flags: str) -> Outcome:
        began = time.monotonic()
        arguments = [operation, "--non-interactive", "--cwd", str(self.work), "--stack", self.stack, *flags]
        done = subprocess.run(
            ["pulumi", *arguments, "--event-log", str(self._events(operation))],
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        return self._outcome(operation, began, done.stdout + done.stderr if done.returncode else "")

    def _events(self, operation: str) -> Path:
        path = self.folder / f"{operation}.events"
        path.unlink(missing_ok=True)
        return path

    def _outcome(self, operation: str, began: float, error: str) -> Outcome:
        path = self.folder / f"{operation}.events"
        lines = path.read_text().splitlines() if path.exists() else []
        return Outcome(operations_of(map(json.loads, lines)), time.monotonic() - began, diagnostics(error))


def diagnostics(output: str) -> str:
    """The end of what the CLI printed, without its progress."""
    return output.rpartition("Diagnostics:")[2].strip()[:4000]


WHOLE = {"create-replacement": "replace", "delete-replaced": "replace", "discard-replaced": "replace"}
"""Steps of a replacement, of which one resource has several."""


def operations_of(events: Iterator[Mapping[str, Any]]) -> dict[str, str]:
    """Operation on each resource that a log of the engine's events names."""
    found: dict[str, str] = {}
    for event in events:
        if step := event.get("resourcePreEvent", {}).get("metadata"):
            name = WHOLE.get(step["op"], step["op"])
            found[step["urn"]] = "replace" if "replace" in {name, found.get(step["urn"])} else name
    return found


def descendants(pid: int) -> list[int]:
    """Processes that a process started by any of its threads, and those that they started, deepest last."""
    children = [int(child) for threads in Path(f"/proc/{pid}/task").glob("*/children") for child in _words(threads)]
    return [*children, *(deeper for child in children for deeper in descendants(child))]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def engine_of(process: subprocess.Popen[str]) -> int:
    """The engine's process among those of an operation."""
    names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in descendants(process.pid)}
    return next(pid for pid, name in names.items() if name == "pulumi")


def kill(process: subprocess.Popen[str]) -> None:
    """Ends an operation as a machine that goes away does: the program, the engine and the providers at once."""
    for pid in [process.pid, *descendants(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.communicate()
