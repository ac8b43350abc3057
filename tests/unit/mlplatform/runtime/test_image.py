"""The image of the jobs: what its Dockerfile does, done here in a folder instead of a container."""

import ast
import importlib.metadata as installed
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlplatform.facts.kubernetes.pods import USER
from mlplatform.runtime.__main__ import JOBS
from mlplatform.runtime.jobs import PROGRAM
from recorded import ROOT

RUNTIME = ROOT / "components" / "mlplatform" / "runtime"
IMPORTED = (RUNTIME, RUNTIME.parent / "contracts", RUNTIME.parent / "facts")
LOCKED = ("build", "runtime")
"""Groups that the image is made of, each with a lock of its own."""
NEVER = ("hypothesis", "moto", "pulumi", "pulumi_aws", "pulumi_kubernetes", "pytest", "rich")


class Instruction(NamedTuple):
    stage: int
    word: str
    text: str


def instructions() -> Iterator[Instruction]:
    stage = -1
    lines = (line for line in (RUNTIME / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    for line in filter(None, "\n".join(lines).replace("\\\n", " ").splitlines()):
        word, text = line.split(maxsplit=1)
        stage += word == "FROM"
        yield Instruction(stage, word, " ".join(text.split()))


def only(word: str, stage: int) -> list[str]:
    return [one.text for one in instructions() if (one.stage, one.word) == (stage, word)]


def group(name: str) -> list[Requirement]:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return [Requirement(line) for line in groups[name]]


def lock(name: str) -> list[Requirement]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return [Requirement(line) for line in re.findall(r"^([a-z0-9].*?) \\$", text, re.MULTILINE)]


@cache
def needs(name: str, extras: frozenset[str] = frozenset()) -> frozenset[str]:
    """What is installed for a requirement, itself included, by what the installed packages say of themselves."""
    found = {canonicalize_name(name)}
    for line in installed.requires(name) or ():
        one = Requirement(line)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            found |= needs(one.name, frozenset(one.extras))
    return frozenset(found)


@pytest.mark.parametrize("name", LOCKED)
def test_the_lock_is_in_step_with_its_group(name: str) -> None:
    pins = lock(name)
    for wanted in group(name):
        (pin,) = [one for one in pins if one.name == wanted.name and (one.marker is None or one.marker.evaluate())]
        assert wanted.specifier.contains(next(iter(pin.specifier)).version), (wanted, pin)
    here = {canonicalize_name(one.name) for one in pins if one.marker is None or one.marker.evaluate()}
    assert here == frozenset().union(*(needs(one.name, frozenset(one.extras)) for one in group(name)))


def test_the_lock_has_neither_pulumi_nor_what_only_tests_need() -> None:
    names = {one.name for one in lock("runtime")}
    assert names & {"hypothesis", "moto", "mypy", "pytest", "rich", "ruff"} == set()
    assert [name for name in sorted(names) if "pulumi" in name] == []


def test_the_final_stage_runs_as_nobody_and_starts_the_jobs() -> None:
    base, final = (one.text for one in instructions() if one.word == "FROM")
    assert (base, final) == ("${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}")
    assert only("USER", 1) == [f"{USER}:{USER}"]
    assert " ".join(ast.literal_eval(only("ENTRYPOINT", 1)[0])) == PROGRAM
    assert only("RUN", 1) == []
    assert only("COPY", 1) == ["--from=build /venv /venv"]
    assert {"PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"} <= set(only("ENV", 1)[0].split())


def test_the_base_is_an_argument_with_the_python_of_the_tests() -> None:
    (base,) = only("ARG", -1)
    lowest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert base == f"PYTHON_IMAGE=python:{lowest}-slim"


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert (lines[0], lines[-1]) == ("*", "**/__pycache__")
    sources = {source.split("/")[0] for copy in only("COPY", 0) for source in copy.split()[:-1]}
    assert {line.removeprefix("!") for line in lines[1:-1]} == sources


def build(folder: Path) -> None:
    """Does what the first stage does, with its folders below another one."""
    source = folder / "source"
    source.mkdir()
    # To compile what is run once takes longer than to run it.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PIP_NO_COMPILE": "1"}
    for one in instructions():
        if (one.stage, one.word) == (0, "COPY"):
            *sources, target = one.text.split()
            copy([ROOT / name for name in sources], source / target)
        elif (one.stage, one.word) == (0, "RUN"):
            script = re.sub(r"(?<=[ \t])/(build|venv|wheel)\b", rf"{folder}/\1", f" {one.text}")
            subprocess.run(["/bin/sh", "-ec", script], cwd=source, env=environment, check=True, timeout=600)


def copy(sources: Iterable[Path], target: Path) -> None:
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(exist_ok=True)
            shutil.copy(source, target)


def imported() -> set[str]:
    """Packages that the jobs' sources import, also those that they import late."""
    found: set[str] = set()
    for path in sorted(path for folder in IMPORTED for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return found


def reachable(folder: Path) -> bool:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--retries", "0"]
    lock_file = ROOT / "requirements" / "build.txt"
    command = [*pip, "--timeout", "15", "--require-hashes", "--requirement", str(lock_file), "--dest", str(folder)]
    return subprocess.run(command, capture_output=True, timeout=300, check=False).returncode == 0


def test_the_dockerfiles_own_steps_make_a_place_where_every_job_runs(tmp_path: Path) -> None:
    if not reachable(tmp_path / "probe"):
        pytest.skip("no package index can be reached, of which the image's packages come")
    build(tmp_path)
    empty = tmp_path / "tmp"
    empty.mkdir()
    settings = {"PATH": f"{tmp_path}/venv/bin", "HOME": str(empty), "PYTHONDONTWRITEBYTECODE": "1"}

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [f"{tmp_path}/venv/bin/python", *arguments]
        return subprocess.run(
            command, cwd=empty, env=settings, capture_output=True, text=True, timeout=120, check=False
        )

    find = "import importlib.util, sys; print([name for name in sys.argv[1:] if not importlib.util.find_spec(name)])"
    assert python("-c", find, *sorted(imported())).stdout == "[]\n"
    assert python("-c", find, *NEVER).stdout == f"{list(NEVER)}\n"
    for name in JOBS:
        done = python(*PROGRAM.split()[1:], name, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"usage: {PROGRAM} {name} ")
    unconfigured = python(*PROGRAM.split()[1:], "drift")
    assert (unconfigured.returncode, unconfigured.stderr) == (2, "")
    # Nothing was written: the pods' file system is read-only.
    assert list(empty.iterdir()) == []
