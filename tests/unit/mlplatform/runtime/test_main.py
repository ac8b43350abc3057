"""One way to start every job."""

import json
import os
import re
import subprocess
import sys

import pytest

from mlplatform.drift_monitor import job
from mlplatform.runtime import jobs
from mlplatform.runtime.__main__ import JOBS, main
from mlplatform.training_queue import dispatch
from recorded import ROOT

RUNTIME = ROOT / "components" / "mlplatform" / "runtime"
NAMES = "drift, promote, register, request, request-log, select, submit, trials, worker"


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlplatform.runtime", *arguments]
    inherited = {name: value for name, value in os.environ.items() if not re.match("DISPATCH_|DRIFT_|REQUEST_", name)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**inherited, **environment}
    )


def test_the_table_is_in_order_and_says_what_each_does() -> None:
    assert ", ".join(JOBS) == ", ".join(sorted(JOBS)) == NAMES
    assert all(job.does and "\n" not in job.does for job in JOBS.values())


@pytest.mark.parametrize("name", sorted(JOBS))
def test_every_job_has_a_help_of_its_own(name: str) -> None:
    done = start(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m mlplatform.runtime {name} ")
    # Which variables it reads.
    assert re.search(r"\b[A-Z]+_[A-Z_]+\b", done.stdout)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_the_help_lists_the_jobs(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: python -m mlplatform.runtime <job> ...\n")
    assert re.findall(r"^  ([a-z-]+)  +(.+)$", shown, re.MULTILINE) == [(name, job.does) for name, job in JOBS.items()]


@pytest.mark.parametrize("arguments", [[], ["drifts"], ["--end", "drift"]])
def test_an_unknown_job_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    given = arguments[0] if arguments else ""
    said = f"job {given!r} is not known; allowed: {NAMES}; fix: see `python -m mlplatform.runtime --help`"
    assert capsys.readouterr() == ("", f"python -m mlplatform.runtime: {said}\n")


def test_a_job_gets_the_arguments_after_its_name_and_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["request", "ask", "--key", "k", "--reason", "r"], {"REQUEST_CONFIG": "{}"}) == 2
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["reason"].split(":")[0]) == ("misconfigured", "REQUEST_CONFIG")


def test_what_a_job_returns_is_how_the_program_ends() -> None:
    done = start("drift", DRIFT_CONFIG="{}")
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout)["event"] == "misconfigured"


def test_only_the_job_that_is_called_is_imported() -> None:
    # The table, its help and one job need none of what the other jobs need.
    program = (
        "import sys; from mlplatform.runtime.__main__ import main\n"
        "main(['--help']); print({'boto3', 'pulumi'} & set(sys.modules))\n"
        "main(['drift'], {}); print({'aiohttp', 'kubernetes', 'mlflow', 'optuna', 'pulumi', 'scipy'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert re.findall(r"^set.*$|^\{'.*$", done.stdout, re.MULTILINE) == ["set()", "set()"]


def test_packages_have_no_entry_of_their_own() -> None:
    assert [path.relative_to(RUNTIME).as_posix() for path in RUNTIME.rglob("__main__.py")] == ["__main__.py"]


@pytest.mark.parametrize("command", [dispatch.COMMAND, job.COMMAND], ids=["worker", "drift"])
def test_the_components_commands_start_jobs(command: tuple[str, ...]) -> None:
    assert " ".join(command[:3]) == jobs.PROGRAM
    assert command[3] in JOBS


def test_the_page_has_every_job() -> None:
    page = (ROOT / "docs" / "runtime.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE) == [
        (name, job.does) for name, job in JOBS.items()
    ]


def test_pages_name_jobs_that_exist() -> None:
    for page in sorted((ROOT / "docs").rglob("*.md")):
        named = re.findall(r"-m mlplatform\.runtime(\S*)(?: (\w[\w-]*))?", page.read_text())
        assert {(ending.strip("`."), job) for ending, job in named} <= {("", job) for job in ("", *JOBS)}, page


def test_the_rows_of_a_help_are_in_columns() -> None:
    long = "word " * 30
    assert jobs.table("names:", {"A": "one", "LONGER": long.strip()}).splitlines() == [
        "names:",
        "  A       one",
        f"  LONGER  {('word ' * 18).strip()}",
        f"          {('word ' * 12).strip()}",
    ]
