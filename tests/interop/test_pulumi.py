"""The real Pulumi: its outputs, as `mlplatform outputs --live` reads them, and what it writes into a stack file."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pulumi
import pytest
from pulumi import automation

from pulumi_cli import needs_cli
from recorded import ROOT

COMMAND = str(Path(sys.executable).with_name("mlplatform"))

pytestmark = needs_cli


def program() -> None:
    """Outputs of every kind."""
    pulumi.export("vpc_id", "vpc-1")
    pulumi.export("tables", {"a": [1, 2.5, True, None]})
    pulumi.export("password", pulumi.Output.secret("hunter2"))
    pulumi.export("mixed", {"plain": 1, "hidden": pulumi.Output.secret("hunter2")})


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty backend, for every command of the CLI."""
    (tmp_path / "state").mkdir()
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "passphrase")
    monkeypatch.setenv("PULUMI_SKIP_UPDATE_CHECK", "1")
    monkeypatch.setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'state'}")


@pytest.fixture
def project(tmp_path: Path, backend: None) -> Path:
    """A project with a stack that has been deployed."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "Pulumi.yaml").write_text("name: tests\nruntime: python\n")
    (tmp_path / "project" / "__main__.py").touch()
    options = automation.LocalWorkspaceOptions(work_dir=str(tmp_path / "project"))
    automation.create_stack("prod", "tests", program, options).up(on_error=print)
    return tmp_path / "project"


def live(project: Path, stack: str, form: str) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, "outputs", stack, "--project", str(project), "--live", "--format", form]
    return subprocess.run(command, env={**os.environ}, capture_output=True, text=True, check=False, timeout=120)


def test_live_outputs_are_the_real_ones_without_secrets(project: Path) -> None:
    done = live(project, "prod", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"vpc_id": "vpc-1", "tables": {"a": [1, 2.5, True, None]}}
    assert done.stderr.splitlines() == [
        "note: output mixed is left out: mixed.hidden is secret",
        "note: output password is left out: password is secret",
    ]
    env = live(project, "prod", "env")
    assert env.stdout.splitlines() == [
        "# Outputs of stack prod, as Pulumi has them",
        "export STACK_TABLES='{\"a\": [1, 2.5, true, null]}'",
        "export STACK_VPC_ID=vpc-1",
    ]
    assert "hunter2" not in done.stdout + done.stderr + env.stdout + env.stderr


def test_a_stack_that_is_not_there_is_one_line(project: Path) -> None:
    done = live(project, "nope", "json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: --live: `pulumi stack output` failed: no stack named 'nope' found\n"


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "stacks").glob("Pulumi.*.yaml")))
def test_the_cli_adds_keys_to_a_stack_file_and_changes_nothing_else(name: str, tmp_path: Path, backend: None) -> None:
    for file in ("Pulumi.yaml", f"stacks/{name}"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    stack = name.split(".")[1]
    for command in (
        ("stack", "init", stack, "--secrets-provider", "passphrase"),
        ("config", "set", "mlplatform:added", "x", "--stack", stack),
        ("config", "rm", "mlplatform:added", "--stack", stack),
    ):
        subprocess.run(["pulumi", *command, "--non-interactive"], cwd=tmp_path, check=True, capture_output=True)
    lines = (tmp_path / "stacks" / name).read_text().splitlines(keepends=True)
    assert lines.pop().startswith("encryptionsalt: ")
    assert "".join(lines) == (ROOT / "stacks" / name).read_text()
    assert (tmp_path / "Pulumi.yaml").read_text() == (ROOT / "Pulumi.yaml").read_text()
