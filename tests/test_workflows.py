"""The pipelines: valid, pinned, with the least rights, and made of commands that exist."""

import importlib.resources
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mlplatform import cli
from recorded import ROOT

WORKFLOWS = {path.stem: path for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
GITLAB = ROOT / "templates" / "gitlab-ci.yml"
STACKS = ["dev", "staging", "prod"]
READS = {"contents": "read"}
FEDERATED = {"id-token": "write"}
PERMISSIONS: dict[tuple[str, str], dict[str, str]] = {
    ("checks", "check"): READS,
    ("checks", "preview"): READS,
    ("comment", "comment"): {"actions": "read", "pull-requests": "write"},
    ("deploy", "artefact"): READS,
    ("deploy", "dev"): FEDERATED,
    ("deploy", "staging"): FEDERATED,
    ("deploy", "prod"): FEDERATED,
    ("drift", "drift"): {**READS, **FEDERATED},
    ("environment", "deploy"): FEDERATED,
    ("environment", "preview"): FEDERATED,
    ("nightly", "engine"): READS,
    ("preview", "preview"): {**READS, **FEDERATED},
}
"""All that any job may do."""


def load(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 takes its key `on` for true."""
    found = yaml.safe_load(path.read_text())
    return {("on" if key is True else key): value for key, value in found.items()}


LOADED = {name: load(path) for name, path in WORKFLOWS.items()}
JOBS = {(name, job): found for name, workflow in LOADED.items() for job, found in workflow["jobs"].items()}
PIPELINE = yaml.safe_load(GITLAB.read_text())
SCRIPTS = {
    job: [*found.get("before_script", []), *found.get("script", [])]
    for job, found in PIPELINE.items()
    if job not in {"stages", "workflow", "default"}
}


def steps() -> Iterator[dict[str, Any]]:
    for job in JOBS.values():
        yield from job.get("steps", [])


LIMITED = re.compile(r"timeout --signal=INT (\d+)m ")
"""What a deployment's command begins with."""


def commands() -> list[str]:
    """Every command line of the workflows and of GitLab's pipeline, but those that print or store something."""
    runs = [step["run"] for step in steps() if "run" in step]
    lines = [line for script in SCRIPTS.values() for line in script]
    return sorted({LIMITED.sub("", line) for line in (*runs, *lines) if not line.startswith(("echo ", "printf "))})


def schema(name: str) -> Any:
    pytest.importorskip("check_jsonschema", reason="needs the vendored schemas: pip install check-jsonschema")
    vendored = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{name}.json"
    return json.loads(vendored.read_text())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_are_valid(name: str) -> None:
    jsonschema.Draft7Validator(schema("github-workflows")).validate(LOADED[name])


def test_gitlabs_pipeline_is_valid() -> None:
    jsonschema.Draft7Validator(schema("gitlab-ci")).validate(PIPELINE)


def test_actionlint_finds_nothing() -> None:
    linter = shutil.which("actionlint")
    if linter is None:
        pytest.skip("no actionlint on PATH: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
    # Its shell checks depend on what else is installed.
    command = [linter, "-no-color", "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.returncode) == ("", 0)


# --- rights


def test_no_job_may_more_than_is_listed() -> None:
    assert [name for name, workflow in LOADED.items() if workflow["permissions"] != {}] == []
    assert {place: job["permissions"] for place, job in JOBS.items()} == PERMISSIONS


def test_no_workflow_has_a_secret() -> None:
    for path in [*WORKFLOWS.values(), GITLAB]:
        assert "secrets." not in path.read_text(), path.name
        assert "inherit" not in path.read_text(), path.name


def test_code_of_a_pull_request_never_meets_a_token_that_may_write() -> None:
    for name, workflow in LOADED.items():
        assert "pull_request_target" not in workflow["on"], name
        if "workflow_run" in workflow["on"]:
            uses = [step.get("uses", "") for job in workflow["jobs"].values() for step in job["steps"]]
            assert not [action for action in uses if action.startswith("actions/checkout@")]
            assert not [step for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def test_checks_run_without_credentials() -> None:
    """So that they run for forks too."""
    for place in (("checks", "check"), ("checks", "preview")):
        assert "id-token" not in JOBS[place]["permissions"]
        assert "vars." not in json.dumps(JOBS[place])


def test_credentials_are_for_the_repository_itself() -> None:
    assert "github.event.pull_request.head.repo.full_name == github.repository" in JOBS["preview", "preview"]["if"]
    (rule,) = PIPELINE[".preview"]["rules"]
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in rule["if"]


def test_no_checkout_leaves_its_token_behind() -> None:
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == 6
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_command_holds_an_expression() -> None:
    """What a branch or a title says would become part of the command."""
    for step in steps():
        assert "${{" not in step.get("run", ""), step
        assert "${{" not in step.get("with", {}).get("script", ""), step


# --- pins


def test_every_action_is_pinned_by_digest_and_says_its_version() -> None:
    lines = [line for path in WORKFLOWS.values() for line in path.read_text().splitlines() if "uses:" in line]
    assert len(lines) > 20
    for line in lines:
        assert re.search(
            r"uses: (\./\.github/workflows/\w+\.yml|[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)", line
        ), line


def test_one_action_has_one_digest() -> None:
    pinned = {step["uses"] for step in steps() if "uses" in step}
    assert len({action.partition("@")[0] for action in pinned}) == len(pinned)


def test_runners_and_tools_are_pinned() -> None:
    for place, job in JOBS.items():
        if "uses" not in job:
            assert job["runs-on"] in {"ubuntu-24.04", "${{ vars.RUNNER || 'ubuntu-24.04' }}"}, place
    given = [step["with"]["pulumi-version"] for step in steps() if step.get("uses", "").startswith("pulumi/actions@")]
    lock = (ROOT / "requirements" / "dev.txt").read_text()
    (version,) = re.findall(r"^pulumi==(\S+)", lock, re.MULTILINE)
    assert set(given) == {version}
    assert PIPELINE[".pulumi"]["image"]["name"] == f"pulumi/pulumi:{version}"


# --- time and order


def test_every_job_ends_by_itself() -> None:
    for place, job in JOBS.items():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 60, place
    assert PIPELINE["default"]["timeout"] == "45 minutes"


def test_updates_of_an_environment_never_overlap() -> None:
    deploy = JOBS["environment", "deploy"]
    assert deploy["concurrency"] == {"group": "deploy-${{ inputs.stack }}", "cancel-in-progress": False}
    for stack in STACKS:
        assert PIPELINE[f"deploy-{stack}"]["resource_group"] == stack
    for name in ("checks", "comment", "drift", "nightly", "preview"):
        assert LOADED[name]["concurrency"]["group"]


def test_promotion_goes_through_every_environment_in_order() -> None:
    assert {stack: JOBS["deploy", stack]["needs"] for stack in STACKS} == {
        "dev": "artefact",
        "staging": "dev",
        "prod": "staging",
    }
    assert PIPELINE["stages"] == ["check", "artefact", *STACKS]
    for stack in STACKS:
        assert JOBS["deploy", stack]["with"]["stack"] == stack
        assert stack.upper() in JOBS["deploy", stack]["with"]["deploy-role"]
    for before, stack in itertools.pairwise(STACKS):
        assert JOBS["deploy", stack]["with"]["before"] == before
        assert PIPELINE[f"before-{stack}"]["variables"]["BEFORE"] == before
        assert PIPELINE[f"deploy-{stack}"]["when"] == "manual"
        assert PIPELINE[f"deploy-{stack}"]["allow_failure"] is False


def test_what_deploys_waits_for_its_environments_approval() -> None:
    assert JOBS["environment", "deploy"]["environment"] == "${{ inputs.stack }}"
    assert JOBS["environment", "deploy"]["needs"] == "preview"
    for stack in STACKS:
        assert PIPELINE[f"deploy-{stack}"]["environment"] == stack


def test_every_environment_gets_the_same_artefact() -> None:
    (upload,) = [step for step in JOBS["deploy", "artefact"]["steps"] if "upload-artifact" in step.get("uses", "")]
    for job in ("preview", "deploy"):
        first, *others = JOBS["environment", job]["steps"]
        assert "download-artifact" in first["uses"]
        assert first["with"] == {"name": upload["with"]["name"]}
        assert not [step for step in others if "checkout" in step.get("uses", "")]
    assert PIPELINE[".promote"]["variables"]["GIT_STRATEGY"] == "empty"
    assert PIPELINE["program"]["artifacts"]["paths"] == upload["with"]["path"].split()


def fresh(folder: Path) -> Path:
    """A clone of what is deployed, at its first commit, with the environment of the tests for its own."""
    for name in PIPELINE["program"]["artifacts"]["paths"]:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / ".gitignore").write_text(".venv\n")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=first")
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    (folder / ".venv").mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.name != ".ready":
            (folder / ".venv" / entry.name).symlink_to(entry)
    # Newer than the lock, so that make has nothing to install.
    (folder / ".venv" / ".ready").touch()
    return folder


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run([shutil.which("git") or "git", *identity, *arguments], cwd=folder, check=True, timeout=60)


def test_commands_without_credentials_run_from_a_fresh_clone_of_the_artefact(tmp_path: Path) -> None:
    """But for `make check` and `make test`, which are this test's own run."""
    lines = [step["run"] for step in JOBS["checks", "preview"]["steps"] if "run" in step]
    assert len(lines) == 2
    clone = fresh(tmp_path)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(clone / "components"), "STACK": "dev", "BASE": "main"}
    for line in lines:
        done = subprocess.run(
            [shutil.which("bash") or "bash", "-c", line],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, (line, done.stderr)
    assert re.search(r"<!-- mlplatform:[^\n]*? -->", (clone / "report.md").read_text())


# --- commands


def test_every_command_is_of_make_of_mlplatform_or_of_pulumi() -> None:
    assert {shlex.split(line)[0] for line in commands()} == {"make", ".venv/bin/mlplatform", "pulumi"}


DEPLOYMENTS = {
    "github": (
        JOBS["environment", "deploy"]["timeout-minutes"],
        [step.get("run") for step in JOBS["environment", "deploy"]["steps"]],
    ),
    "gitlab": (
        int(PIPELINE[".deploy"]["timeout"].split()[0]),
        [*PIPELINE[".deploy"]["script"], *PIPELINE[".deploy"]["after_script"]],
    ),
}
"""Minutes that a deployment's job may take, and its command lines."""


@pytest.mark.parametrize("job", DEPLOYMENTS)
def test_a_deployment_is_interrupted_before_its_job_is_killed(job: str) -> None:
    """The engine writes down what it has begun when it gets SIGINT, and cannot when it is killed."""
    minutes, lines = DEPLOYMENTS[job]
    (limit,) = (found[1] for line in lines if (found := re.match(rf"{LIMITED.pattern}pulumi up ", line or "")))
    assert minutes - int(limit) == 10


@pytest.mark.parametrize("job", DEPLOYMENTS)
def test_a_deployment_that_did_not_complete_names_its_page(job: str) -> None:
    (line,) = (line for line in DEPLOYMENTS[job][1] if line and "did not complete" in line)
    (page,) = re.findall(r"docs/\w+\.md", line)
    assert (ROOT / page).exists()


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {shlex.split(line)[1] for line in commands() if line.startswith("make ")}
    assert used == {"check", "engine-test", "help", "preview", "test"}
    assert used <= targets


def flags(line: str) -> set[str]:
    return {word for word in shlex.split(line) if word.startswith("--")}


def test_mlplatform_knows_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in commands() if "mlplatform" in line]
    assert {shlex.split(line)[1] for line in lines} == {"compare", "preview"}
    for line in lines:
        cli.main([shlex.split(line)[1], "--help"])
        known = capsys.readouterr().out
        for flag in flags(line):
            assert re.search(rf"{flag}\b", known), flag
        assert "markdown" in known


def test_pulumi_knows_every_flag() -> None:
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        pytest.skip("no Pulumi CLI on PATH; install it (pulumi.com/docs/install)")
    lines = [line for line in commands() if line.startswith("pulumi ")]
    assert {shlex.split(line)[1] for line in lines} == {"preview", "up"}
    for line in lines:
        command = [pulumi, shlex.split(line)[1], "--help"]
        known = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        for flag in flags(line):
            assert re.search(rf"{flag}\b", known), (line, flag)


def test_stacks_and_their_files_exist() -> None:
    for stack in STACKS:
        assert (ROOT / "stacks" / f"Pulumi.{stack}.yaml").exists()
        assert (ROOT / "policies" / f"config.{stack}.json").exists()
    assert JOBS["checks", "preview"]["strategy"]["matrix"]["stack"] == STACKS
    for job in (JOBS["preview", "preview"], JOBS["drift", "drift"]):
        assert [row["stack"] for row in job["strategy"]["matrix"]["include"]] == STACKS


def test_the_role_of_a_row_is_that_of_its_stack() -> None:
    for job in (JOBS["preview", "preview"], JOBS["drift", "drift"]):
        for row in job["strategy"]["matrix"]["include"]:
            for value in (row["region"], row["role"], row["state"]):
                assert value.startswith(f"${{{{ vars.{row['stack'].upper()}_"), value
            assert "PREVIEW_ROLE" in row["role"]


def test_drift_fails_the_run_and_writes_nothing() -> None:
    (line,) = [step["run"] for step in JOBS["drift", "drift"]["steps"] if step.get("run", "").startswith("pulumi")]
    assert {"--refresh", "--expect-no-changes"} < flags(line)
    assert not [other for other in commands() if other.startswith("pulumi refresh")]


# --- the comment

RUNNER = """
const [script, world] = JSON.parse(require('fs').readFileSync(0));
const said = [];
const github = {
  paginate: async (list, given) => (await list(given)),
  rest: {
    pulls: {list: async ({head}) => world.pulls.filter((pull) => pull.from === head)},
    issues: {
      listComments: async () => world.comments,
      updateComment: async (given) => said.push(['update', given]),
      createComment: async (given) => said.push(['create', given]),
    },
  },
};
const core = {notice: (text) => said.push(['notice', text]), warning: (text) => said.push(['warning', text])};
const context = {repo: {owner: 'acme', repo: 'ml'}, payload: {workflow_run: world.run}};
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
new AsyncFunction('github', 'core', 'context', 'require', script)(github, core, context, require)
  .then(() => console.log(JSON.stringify(said)));
"""
WORLD: dict[str, Any] = {
    "run": {"head_sha": "abc", "head_branch": "change", "head_repository": {"owner": {"login": "mallory"}}},
    "pulls": [
        {"number": 6, "from": "mallory:change", "head": {"sha": "old"}},
        {"number": 7, "from": "mallory:change", "head": {"sha": "abc"}},
        {"number": 8, "from": "acme:change", "head": {"sha": "abc"}},
    ],
    "comments": [
        {"id": 1, "user": {"login": "mallory"}, "body": "<!-- mlplatform:dev --> quoted"},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "<!-- mlplatform:dev -->\\nold"},
        {"id": 3, "user": None, "body": None},
    ],
}


def comment(folder: Path, world: dict[str, Any], **reports: str) -> list[Any]:
    """What the workflow's script does with reports, by stack."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on PATH: the script of the comment is JavaScript")
    for stack, text in reports.items():
        (folder / "reports" / f"preview-{stack}").mkdir(parents=True)
        (folder / "reports" / f"preview-{stack}" / "report.md").write_text(text)
    script = JOBS["comment", "comment"]["steps"][-1]["with"]["script"]
    done = subprocess.run(
        [node, "-e", RUNNER], cwd=folder, input=json.dumps([script, world]), capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    return list(json.loads(done.stdout))


def test_a_report_is_edited_where_it_was_said_and_said_once_where_not(tmp_path: Path) -> None:
    dev, prod = "<!-- mlplatform:dev -->\nnew", "<!-- mlplatform:prod -->\nnew"
    repository = {"owner": "acme", "repo": "ml"}
    assert comment(tmp_path, WORLD, dev=dev, prod=prod) == [
        ["update", {**repository, "comment_id": 2, "body": dev}],
        ["create", {**repository, "issue_number": 7, "body": prod}],
    ]


def test_what_is_no_report_is_not_said(tmp_path: Path) -> None:
    said = comment(tmp_path, WORLD, dev="click here", prod=f"<!-- mlplatform:prod -->{'x' * 65536}")
    assert said == [
        ["warning", "preview-dev: not a report, or too long for a comment"],
        ["warning", "preview-prod: not a report, or too long for a comment"],
    ]


def test_a_report_of_an_older_commit_is_not_said(tmp_path: Path) -> None:
    run = {**WORLD["run"], "head_sha": "gone"}
    ((kind, _),) = comment(tmp_path, {**WORLD, "run": run}, dev="<!-- mlplatform:dev -->")
    assert kind == "notice"
