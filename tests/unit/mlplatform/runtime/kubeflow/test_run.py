"""Submitting a compiled pipeline to a Kubeflow Pipelines API on the loopback."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kubeflow_api import BASE, KubeflowApi, run_body
from mlplatform.contracts.kubeflow import CONFIG, PACKAGE, TOKEN, TRACKING_URI, read
from mlplatform.contracts.pipeline import RUN
from mlplatform.runtime.jobs import write
from mlplatform.runtime.kubeflow import run
from mlplatform.runtime.kubeflow.api import Api, RefusedError, UnavailableError
from mlplatform.runtime.kubeflow.run import PATIENCE_SECONDS, POLL_SECONDS, StoppedError, Submission
from mlplatform.runtime.kubeflow.settings import Settings
from recorded import ROOT

LINE = ROOT / "tests" / "kfp" / "packages" / "line.yaml"
NAME = "fraud-training-x7k2p"
ARGUMENTS = ["--requested-by", "schedule", "--request-id", "", "--data-uri", "s3://features/day/"]
GIVEN = {"data_uri": "s3://features/day/", "requested_by": "schedule", "run": NAME, "steps": 10}
DECLARED = ["data_uri", "rate", "requested_by", "run", "steps"]
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
START = NOON.timestamp()


@pytest.fixture
def api() -> Iterator[KubeflowApi]:
    with KubeflowApi() as made:
        yield made


def settings(api: KubeflowApi, **changes: Any) -> dict[str, Any]:
    return {
        "endpoint": api.url,
        "experiment": "fraud",
        "parameters": {"steps": 10},
        "timeout_minutes": 60,
        "model": "fraud",
        **changes,
    }


@pytest.fixture
def environment(api: KubeflowApi) -> dict[str, str]:
    return {RUN: NAME, PACKAGE: str(LINE), CONFIG: json.dumps(settings(api))}


@pytest.fixture
def submission(api: KubeflowApi, clock: Any) -> Callable[..., Submission]:
    """A submission whose time passes only by waiting."""
    clock.now = START
    api.begun = NOON

    def make(**changes: Any) -> Submission:
        found = Settings.model_validate(settings(api, **changes))
        return Submission(
            found, NAME, read(LINE.read_text()), GIVEN, Api(found.endpoint), write, clock, lambda: clock.now
        )

    return make


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "POLL_SECONDS", 0)


@pytest.mark.usefixtures("quick")
def test_a_pipeline_is_submitted_and_waited_for(
    api: KubeflowApi, environment: dict[str, str], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    assert run.main(ARGUMENTS, environment) == 0
    (made,) = api.runs.values()
    (experiment,) = api.experiments.values()
    wanted = run_body(NAME, experiment["experiment_id"], LINE.read_text(), GIVEN)
    assert {field: made[field] for field in wanted} == wanted
    assert experiment["display_name"] == "fraud"
    assert api.requests == [
        f"GET {BASE}/experiments",
        f"POST {BASE}/experiments",
        f"GET {BASE}/experiments",
        f"GET {BASE}/runs",
        f"POST {BASE}/runs",
        f"GET {BASE}/runs",
        *[f"GET {BASE}/runs/run-1"] * 3,
    ]
    first, last = lines()
    assert (first["event"], first["run"], first["id"], first["pipeline"]) == ("submitted", NAME, "run-1", "line")
    assert (last["event"], last["state"], last["reason"]) == ("ended", "SUCCEEDED", None)


@pytest.mark.usefixtures("quick")
def test_a_pipeline_that_declares_the_registry_is_told_of_it(
    api: KubeflowApi, environment: dict[str, str], tmp_path: Path
) -> None:
    package = tmp_path / "package.yaml"
    package.write_text(LINE.read_text().replace("      run:\n", "      tracking_uri:\n"))
    api.add_run({"display_name": "of another", "experiment_id": "experiment-1"})
    api.states = ["SUCCEEDED"]
    environment |= {PACKAGE: str(package), TRACKING_URI: "https://mlflow.example.com"}
    assert run.main(ARGUMENTS, environment) == 0
    assert api.runs["run-2"]["runtime_config"]["parameters"]["tracking_uri"] == "https://mlflow.example.com"


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("SUCCEEDED", None),
        ("SKIPPED", None),
        ("CANCELED", None),
        ("FAILED", {"code": 2, "message": "train:\n  exit 1"}),
    ],
)
@pytest.mark.usefixtures("quick")
def test_a_run_that_has_ended_says_how(
    api: KubeflowApi,
    environment: dict[str, str],
    lines: Callable[[], list[dict[str, Any]]],
    state: str,
    error: Any,
) -> None:
    code = 0 if state == "SUCCEEDED" else 1
    api.states = ["RUNNING", state]
    api.after = lambda *_: [made.update(error=error) for made in api.runs.values() if error]
    assert run.main(ARGUMENTS, environment) == code
    last = lines()[-1]
    assert (last["event"], last["level"], last["state"]) == ("ended", "error" if code else "info", state)
    assert last["reason"] == (error and "train: exit 1")


@pytest.mark.usefixtures("quick")
def test_a_run_is_made_once_however_often_the_job_begins(api: KubeflowApi, environment: dict[str, str]) -> None:
    assert [run.main(ARGUMENTS, environment) for _ in range(3)] == [0, 0, 0]
    assert len(api.runs) == len(api.experiments) == 1


@pytest.mark.usefixtures("quick")
def test_a_run_that_failed_is_not_made_again(api: KubeflowApi, environment: dict[str, str]) -> None:
    api.states = ["FAILED"]
    assert [run.main(ARGUMENTS, environment) for _ in range(2)] == [1, 1]
    assert len(api.runs) == 1


class KilledError(BaseException):
    """Ends the process at once, as a SIGKILL does; nothing in the job may hold it."""


@pytest.mark.parametrize("answered", [False, True], ids=["before the answer", "after the answer"])
@pytest.mark.parametrize("at", range(1, 10))
@pytest.mark.usefixtures("quick")
def test_killed_at_any_request_and_begun_again_there_is_one_run(
    api: KubeflowApi, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, at: int, *, answered: bool
) -> None:
    count = 0
    request = Api._json

    def dying(self: Api, *arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count == at and not answered:
            raise KilledError
        found = request(self, *arguments, **named)
        if count == at:
            raise KilledError
        return found

    monkeypatch.setattr(Api, "_json", dying)
    with pytest.raises(KilledError):
        run.main(ARGUMENTS, environment)
    assert run.main(ARGUMENTS, environment) == 0
    (made,) = api.runs.values()
    assert made["state"] == "SUCCEEDED"
    assert len(api.experiments) == 1


def begun(environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mlplatform.runtime", "submit", *ARGUMENTS]
    return subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)


def test_a_killed_process_and_a_stopped_one_leave_one_run(api: KubeflowApi, environment: dict[str, str]) -> None:
    processes: list[subprocess.Popen[str]] = []
    api.after = lambda method, path: processes[0].kill() if (method, path) == ("POST", f"{BASE}/runs") else None
    processes.append(begun(environment))
    assert processes[0].wait(60) == -signal.SIGKILL
    api.after = lambda *_: None
    assert len(api.runs) == 1

    # Its first look at the run comes only after POLL_SECONDS, so that it is told to end while it waits.
    with begun(environment) as second:
        assert second.stdout
        assert json.loads(second.stdout.readline())["event"] == "submitted"
        second.send_signal(signal.SIGTERM)
        last = json.loads(second.stdout.readline())
        assert second.wait(60) == 1
    reason = f"told to end before run {NAME} has; the next attempt finds it"
    assert (last["event"], last["reason"]) == ("failed", reason)

    api.runs["run-1"]["state"] = "SUCCEEDED"
    with begun(environment) as third:
        assert third.wait(60) == 0
    assert len(api.runs) == 1


def test_names_are_compared_exactly_over_all_pages(api: KubeflowApi, submission: Callable[..., Submission]) -> None:
    api.page_size = 1
    for name, experiment in ((NAME.upper(), "experiment-1"), (NAME, "experiment-9"), (NAME, "experiment-1")):
        api.add_run({"display_name": name, "experiment_id": experiment})
    assert submission().submit() == 0
    assert [made["state"] for made in api.runs.values()] == ["PENDING", "PENDING", "SUCCEEDED"]
    assert len(api.runs) == 3


def test_of_several_runs_the_oldest_counts_and_the_others_are_ended(
    api: KubeflowApi, submission: Callable[..., Submission], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    for state in ("FAILED", "RUNNING", "RUNNING"):
        api.add_run({"display_name": NAME, "experiment_id": "experiment-1"})["state"] = state
    api.runs["run-1"]["created_at"] = "2026-02-01T12:30:00Z"
    assert submission().submit() == 0
    assert [made["state"] for made in api.runs.values()] == ["FAILED", "SUCCEEDED", "CANCELED"]
    assert [(line["id"], line["kept"]) for line in lines() if line["event"] == "duplicate"] == [("run-3", "run-2")]


def test_an_earlier_attempt_that_ends_late_leaves_one_run(
    api: KubeflowApi, submission: Callable[..., Submission]
) -> None:
    late = {"display_name": NAME, "experiment_id": "experiment-1", "state": "PENDING"}

    def after(method: str, path: str) -> None:
        if (method, path) == ("POST", f"{BASE}/runs"):
            api.add_run(late)["created_at"] = "2026-02-01T11:59:59Z"

    api.after = after
    assert submission().submit() == 0
    assert {name: made["state"] for name, made in api.runs.items()} == {"run-1": "CANCELED", "run-2": "SUCCEEDED"}


def test_an_experiment_that_somebody_else_makes_meanwhile_is_taken(
    api: KubeflowApi, submission: Callable[..., Submission]
) -> None:
    def after(method: str, path: str) -> None:
        if method == "GET" and not api.experiments:
            api.experiments["experiment-1"] = {"experiment_id": "experiment-1", "display_name": "fraud"}

    api.after = after
    assert submission().submit() == 0
    assert len(api.experiments) == 1


def test_an_experiment_of_a_namespace_is_one_of_that_namespace(
    api: KubeflowApi, submission: Callable[..., Submission]
) -> None:
    api.experiments["other"] = {"experiment_id": "other", "display_name": "fraud", "namespace": "nlp"}
    assert submission(namespace="risk").submit() == 0
    assert api.experiments["experiment-2"] == {
        "experiment_id": "experiment-2",
        "display_name": "fraud",
        "namespace": "risk",
    }
    assert api.runs["run-1"]["experiment_id"] == "experiment-2"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "Kubeflow Pipelines: ProtocolError"),
        ((503, {"code": 14, "message": "upstream\nconnect error"}), "Kubeflow Pipelines: 503: upstream connect error"),
        ((429, "slow down"), "Kubeflow Pipelines: 429"),
        ((500, ["no message"]), "Kubeflow Pipelines: 500"),
        ((200, "<html>"), "Kubeflow Pipelines: the answer is no JSON object; is this its API, with the right path?"),
        ((200, []), "Kubeflow Pipelines: the answer is no JSON object; is this its API, with the right path?"),
    ],
)
def test_an_api_that_fails_is_asked_again(
    api: KubeflowApi,
    submission: Callable[..., Submission],
    lines: Callable[[], list[dict[str, Any]]],
    answer: Any,
    reason: str,
) -> None:
    api.answers = [answer, answer]
    assert submission().submit() == 0
    retries = [(line["reason"], line["seconds"]) for line in lines() if line["event"] == "retry"]
    assert retries == [(reason, 2), (reason, 4)]
    assert len(api.runs) == 1


def test_an_api_that_fails_while_a_run_goes_on_is_asked_again(
    api: KubeflowApi, submission: Callable[..., Submission]
) -> None:
    def after(_: str, path: str) -> None:
        api.answers = [(503, {})] if path.endswith("/run-1") and len(api.requests) % 2 else []

    api.after = after
    assert submission().submit() == 0
    assert len(api.runs) == 1


def test_an_api_that_does_not_come_back_is_given_up(
    api: KubeflowApi, submission: Callable[..., Submission], clock: Any
) -> None:
    api.answers = [(503, {})] * 100
    with pytest.raises(UnavailableError, match=r"^Kubeflow Pipelines: 503$"):
        submission().submit()
    assert clock.pauses == [2, 4, 8, 16, 32, *[60] * 8]
    assert clock.now - START <= PATIENCE_SECONDS


def test_an_endpoint_where_nothing_listens_is_a_clear_failure(
    environment: dict[str, str], lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "PATIENCE_SECONDS", 1)
    with KubeflowApi() as gone:
        environment[CONFIG] = json.dumps(settings(gone))
    assert run.main(ARGUMENTS, environment) == 1
    (line,) = lines()
    assert (line["event"], line["reason"]) == ("failed", "Kubeflow Pipelines: NewConnectionError")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, {"code": 16, "message": "no identity"}), "Kubeflow Pipelines: 401: no identity"),
        ((302, "<html>"), "Kubeflow Pipelines: 302"),
        ((400, {"message": "x" * 1000}), f"Kubeflow Pipelines: 400: {'x' * 300}"),
    ],
)
def test_what_the_api_refuses_is_not_asked_again(
    api: KubeflowApi,
    environment: dict[str, str],
    lines: Callable[[], list[dict[str, Any]]],
    answer: Any,
    reason: str,
) -> None:
    api.answers = [answer]
    assert run.main(ARGUMENTS, environment) == 1
    (line,) = lines()
    assert (line["event"], line["reason"]) == ("failed", reason)
    assert len(api.requests) == 1


def test_an_experiment_that_may_not_be_made_is_a_failure(
    api: KubeflowApi, submission: Callable[..., Submission]
) -> None:
    api.answers = [(200, {}), (403, {"message": "not allowed"})]
    with pytest.raises(RefusedError, match=r"^Kubeflow Pipelines: 403: not allowed$"):
        submission().submit()


def test_a_run_that_takes_too_long_is_ended(
    api: KubeflowApi,
    submission: Callable[..., Submission],
    clock: Any,
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    api.states = ["RUNNING"]
    assert submission(timeout_minutes=2).submit() == 1
    assert clock.pauses == [POLL_SECONDS] * 8
    assert api.runs["run-1"]["state"] == "CANCELED"
    last = lines()[-1]
    assert (last["event"], last["reason"]) == ("late", "not ended after 2 minutes; it was told to end")


def test_a_job_begun_again_does_not_give_its_run_more_time(
    api: KubeflowApi, submission: Callable[..., Submission], clock: Any
) -> None:
    api.states = ["RUNNING"]
    made = submission(timeout_minutes=2)
    api.add_run({"display_name": NAME, "experiment_id": "experiment-1"})
    clock.now = START + 100
    assert made.submit() == 1
    assert clock.pauses == [POLL_SECONDS] * 2


def test_a_job_that_is_told_to_end_leaves_its_run(
    api: KubeflowApi, submission: Callable[..., Submission], clock: Any
) -> None:
    clock.set()
    with pytest.raises(StoppedError):
        submission().submit()
    assert api.runs["run-1"]["state"] == "PENDING"


@pytest.mark.usefixtures("quick")
def test_a_token_is_read_anew_for_every_request(api: KubeflowApi, environment: dict[str, str], tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    api.after = lambda *_: token.write_text("second\n") and None
    assert run.main(ARGUMENTS, {**environment, TOKEN: str(token)}) == 0
    assert api.tokens == ["Bearer first", *["Bearer second"] * (len(api.tokens) - 1)]
    api.tokens.clear()
    assert run.main(ARGUMENTS, environment) == 0
    assert set(api.tokens) == {None}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({RUN: ""}, "RUN: not set; allowed is the name of the Workflow"),
        ({PACKAGE: ""}, "KUBEFLOW_PACKAGE: got '', which can't be read: Is a directory"),
        ({PACKAGE: "/none.yaml"}, "KUBEFLOW_PACKAGE: got '/none.yaml', which can't be read: No such file or directory"),
        ({TOKEN: "/none"}, f"{TOKEN}: got '/none', which is no file; mount the token there, or unset it"),
        ({CONFIG: ""}, "KUBEFLOW_CONFIG: Invalid JSON: EOF while parsing a value at line 1 column 0"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_environment_that_the_job_cannot_work_in(
    environment: dict[str, str], lines: Callable[[], list[dict[str, Any]]], changes: dict[str, str], reason: str
) -> None:
    assert run.main(ARGUMENTS, {**environment, **changes}) == 2
    (line,) = lines()
    assert (line["event"], line["reason"]) == ("misconfigured", reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"endpoint": "ftp://x"}, r"endpoint: String should match pattern '^https?://[^\s/?#]+(/[^\s?#]*)?$'"),
        ({"timeout_minutes": 0}, "timeout_minutes: Input should be greater than or equal to 1"),
        ({"retries": 1}, "retries: Extra inputs are not permitted"),
        (
            {"parameters": {"stepz": 1}},
            f"parameters.stepz: the package declares no such parameter; it declares {', '.join(DECLARED)}",
        ),
        ({"parameters": {"steps": 0.5}}, "parameters.steps: got 0.5; the package wants a whole number"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_settings_that_the_job_cannot_work_with(
    api: KubeflowApi,
    environment: dict[str, str],
    lines: Callable[[], list[dict[str, Any]]],
    changes: dict[str, Any],
    reason: str,
) -> None:
    assert run.main(ARGUMENTS, {**environment, CONFIG: json.dumps(settings(api, **changes))}) == 2
    (line,) = lines()
    assert line["reason"].replace("allowed is", "Input should be") == f"KUBEFLOW_CONFIG: {reason}"
    assert api.requests == []


def test_a_file_that_is_no_package_is_said_with_its_path(
    environment: dict[str, str], lines: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    package = tmp_path / "package.yaml"
    package.write_bytes(b"\xff")
    assert run.main(ARGUMENTS, {**environment, PACKAGE: str(package)}) == 2
    (line,) = lines()
    assert line["reason"].startswith(f"KUBEFLOW_PACKAGE: {package}: 'utf-8' codec can't decode byte 0xff")


def test_the_time_of_the_server_is_understood_to_the_nanosecond(
    api: KubeflowApi, submission: Callable[..., Submission]
) -> None:
    made = submission()
    api.form = "%Y-%m-%dT%H:%M:%S.123456789Z"
    assert made.submit() == 0
