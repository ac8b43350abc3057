"""The job `register`, on moto's S3 and an MLflow store in SQLite: what it makes, and that it makes it once."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlplatform.contracts.digest import of_files
from mlplatform.contracts.tracking import connect
from mlplatform.runtime.pipeline import register, select
from mlplatform.runtime.pipeline.register import Registration, Wish
from mlplatform.runtime.pipeline.registry import Workflow
from mlplatform.runtime.pipeline.runs import Runs
from mlplatform.runtime.pipeline.settings import Settings
from pipelines import DATA, IMAGE, MODEL, REFERENCE, Pipeline

Lines = Callable[[], list[dict[str, Any]]]
ARGUMENTS = [
    "--trial=1",
    "--champion=none",
    "--requested-by=drift of fraud: drift of amount 0.412",
    "--request-id=retrain-1",
    "--data-uri=s3://lake/fraud/",
]
WISH = Wish(1, "none", "schedule", "", "")


def digest(files: Mapping[str, bytes]) -> str:
    return of_files({name: sha256(body).hexdigest() for name, body in files.items()})


@pytest.fixture
def registry(pipeline: Pipeline) -> Any:
    return connect(pipeline.environment)


def versions(registry: Any, model: str = "fraud") -> list[Any]:
    return sorted(registry.search_model_versions(f"name = '{model}'"), key=lambda each: int(each.version))


def aliases(registry: Any, model: str = "fraud") -> dict[str, str]:
    """Versions by alias; a store has them as numbers, a server as text."""
    return {name: str(version) for name, version in registry.get_registered_model(model).aliases.items()}


def runs_of(registry: Any, run: str = "run-1", experiment: str = "fraud-training") -> dict[str, Any]:
    """Runs of a Workflow by name."""
    folder = registry.get_experiment_by_name(experiment).experiment_id
    found = registry.search_runs([folder], f"tags.`mlplatform.run` = '{run}'")
    assert len({each.info.run_name for each in found}) == len(found)
    return {each.info.run_name: each for each in found}


def promoted(registry: Any) -> None:
    """A champion, version 1, that another run made."""
    registry.create_registered_model("fraud")
    registry.create_model_version("fraud", "s3://elsewhere/model", await_creation_for=0)
    registry.set_registered_model_alias("fraud", "champion", "1")


# What is made


def test_a_first_version_and_where_it_comes_from(pipeline: Pipeline, registry: Any, lines: Lines) -> None:
    pipeline.trained()
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    assert pipeline.left("register") == {"version": "1", "decision": "challenger"}
    line = lines()[-1]
    assert {name: line[name] for name in line if name != "time"} == {
        "level": "info",
        "event": "registered",
        "run": "run-1",
        "model": "fraud",
        "version": "1",
        "decision": "challenger",
        "reason": "accuracy 0.8, and no champion",
    }
    (made,) = versions(registry)
    assert made.tags == {
        "mlplatform.run": "run-1",
        "mlplatform.trial": "1",
        "mlplatform.decision": "challenger",
        "mlplatform.reason": "accuracy 0.8, and no champion",
        "mlplatform.parent": "none",
        "mlplatform.digest": digest(MODEL),
        "mlplatform.requested-by": "drift of fraud: drift of amount 0.412",
        "mlplatform.request": "retrain-1",
        "mlplatform.data.uri": "s3://lake/fraud/",
        "mlplatform.data.version": "v7",
        "mlplatform.data.digest": digest(DATA),
        "mlplatform.code.repository": "https://git.example.com/fraud",
        "mlplatform.code.commit": "c0ffee",
        "mlplatform.image": IMAGE,
    }
    assert aliases(registry) == {"challenger": "1"}


def test_runs_have_parameters_metrics_and_data(pipeline: Pipeline, registry: Any) -> None:
    pipeline.trained({"candidate": {"accuracy": 0.8}, "champion": {"accuracy": 0.6}})
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    found = runs_of(registry)
    own = found.pop("run-1")
    assert (own.info.status, own.data.params) == ("FINISHED", {"depth": "2", "kind": "tree"})
    assert own.data.metrics == {
        "accuracy": 0.75,
        "latency": 3.0,
        "evaluation/candidate/accuracy": 0.8,
        "evaluation/champion/accuracy": 0.6,
    }
    (read,) = own.inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest) == ("fraud-training", digest(DATA)[:36])
    assert json.loads(read.dataset.source) == {"uri": "s3://lake/fraud/", "version": "v7"}
    assert {
        name: (each.info.status, each.data.params, each.data.metrics, each.data.tags["mlflow.parentRunId"])
        for name, each in found.items()
    } == {
        "trial-0": ("FINISHED", {"depth": "1", "kind": "tree"}, {"accuracy": 0.7}, own.info.run_id),
        "trial-1": ("FINISHED", {"depth": "2", "kind": "tree"}, {"accuracy": 0.75, "latency": 3.0}, own.info.run_id),
        "trial-2": ("FAILED", {"depth": "3", "kind": "tree"}, {}, own.info.run_id),
    }
    assert {each.data.tags["mlplatform.trial"] for each in found.values()} == {"0", "1", "2"}


def test_the_version_holds_the_trials_model(pipeline: Pipeline, registry: Any, tmp_path: Path) -> None:
    pipeline.trained()
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    (made,) = versions(registry)
    assert made.source == f"{runs_of(registry)['run-1'].info.artifact_uri}/model"
    folder = Path(registry.download_artifacts(made.run_id, "model", str(tmp_path)))
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert files == MODEL


def test_a_challengers_reference_lies_where_drift_looks(pipeline: Pipeline) -> None:
    pipeline.trained()
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    assert {
        key: pipeline.s3.get_object(Bucket="features", Key=key)["Body"].read() for key in pipeline.keys("features")
    } == {f"reference/fraud/1/{name}": body for name, body in REFERENCE.items()}


def test_without_a_bucket_for_it_no_reference_is_kept(pipeline: Pipeline) -> None:
    unkept = Pipeline(pipeline.folder, pipeline.environment["MLFLOW_TRACKING_URI"], reference_bucket=None).trained()
    pipeline.s3.delete_object(Bucket="runs", Key="runs/run-1/reference/part-0.jsonl")
    pipeline.s3.delete_object(Bucket="runs", Key="runs/run-1/reference/more/part-1.jsonl")
    assert register.main(ARGUMENTS, unkept.asks("register")) == 0
    assert pipeline.keys("features") == []


def test_what_is_unknown_has_no_tag(pipeline: Pipeline, registry: Any) -> None:
    code = {"repository": "https://git.example.com/fraud", "commit": None}
    Pipeline(pipeline.folder, pipeline.environment["MLFLOW_TRACKING_URI"], code=code).trained()
    unknown = Pipeline(pipeline.folder, pipeline.environment["MLFLOW_TRACKING_URI"], code=code)
    assert register.main(["--trial=1", "--requested-by=schedule"], unknown.asks("register")) == 0
    (made,) = versions(registry)
    assert made.tags["mlplatform.requested-by"] == "schedule"
    assert not {"mlplatform.code.commit", "mlplatform.request"} & made.tags.keys()


def test_more_metrics_and_parameters_than_one_request_takes(pipeline: Pipeline, registry: Any) -> None:
    workflow = Workflow(registry, registry.create_experiment("many"), "run-1")
    run = workflow.own({})
    workflow.log(run, {f"p{at}": at for at in range(130)}, {f"m{at}": at / 2 for at in range(250)})
    found = registry.get_run(run.info.run_id).data
    assert found.params == {f"p{at}": str(at) for at in range(130)}
    assert found.metrics == {f"m{at}": at / 2 for at in range(250)}


def test_parameters_are_text_as_json_has_it(pipeline: Pipeline, registry: Any) -> None:
    workflow = Workflow(registry, registry.create_experiment("types"), "run-1")
    run = workflow.own({})
    workflow.log(run, {"flag": True, "name": "tree", "rate": 1e-05, "size": 3}, {})
    assert registry.get_run(run.info.run_id).data.params == {
        "flag": "true",
        "name": "tree",
        "rate": "1e-05",
        "size": "3",
    }


# What is decided


def test_a_better_model_challenges_the_champion(pipeline: Pipeline, registry: Any) -> None:
    promoted(registry)
    pipeline.trained({"candidate": {"accuracy": 0.8}, "champion": {"accuracy": 0.7}})
    assert register.main([*ARGUMENTS, "--champion=1"], pipeline.asks("register")) == 0
    assert pipeline.left("register") == {"version": "2", "decision": "challenger"}
    assert versions(registry)[1].tags["mlplatform.parent"] == "1"
    assert aliases(registry) == {"champion": "1", "challenger": "2"}


def test_a_worse_model_is_kept_and_the_champion_serves_on(pipeline: Pipeline, registry: Any) -> None:
    promoted(registry)
    pipeline.trained({"candidate": {"accuracy": 0.6}, "champion": {"accuracy": 0.7}})
    assert register.main([*ARGUMENTS, "--champion=1"], pipeline.asks("register")) == 0
    assert pipeline.left("register") == {"version": "2", "decision": "rejected"}
    made = versions(registry)[1]
    assert made.tags["mlplatform.decision"] == "rejected"
    assert made.tags["mlplatform.reason"] == ("accuracy 0.6, of champion 1 0.7; needed is better by more than 0")
    assert aliases(registry) == {"champion": "1"}
    assert pipeline.keys("features") == []


def test_without_being_told_it_was_held_against_the_champion_of_now(pipeline: Pipeline, registry: Any) -> None:
    promoted(registry)
    pipeline.trained({"candidate": {"accuracy": 0.8}, "champion": {"accuracy": 0.7}})
    assert register.main(["--trial=1", "--requested-by=me"], pipeline.asks("register")) == 0
    assert versions(registry)[1].tags["mlplatform.parent"] == "1"


def test_a_champion_that_changed_meanwhile_was_not_held_against(pipeline: Pipeline, registry: Any) -> None:
    pipeline.trained()
    promoted(registry)
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    assert versions(registry)[1].tags["mlplatform.reason"] == "the champion is 1 now; it was held against none"
    assert aliases(registry) == {"champion": "1"}


def test_select_and_register_agree_on_the_champion(pipeline: Pipeline, registry: Any) -> None:
    promoted(registry)
    pipeline.trained({"candidate": {"accuracy": 0.8}, "champion": {"accuracy": 0.7}})
    assert select.main([], pipeline.asks("select")) == 0
    chosen = pipeline.left("select")
    told = [f"--trial={chosen['trial']}", f"--champion={chosen['champion']}", "--requested-by=me"]
    assert register.main(told, pipeline.asks("register")) == 0
    assert pipeline.left("register")["decision"] == "challenger"


@pytest.mark.parametrize("again", range(2))
def test_what_was_decided_stays_decided(pipeline: Pipeline, registry: Any, again: int) -> None:
    pipeline.trained()
    for _ in range(again):
        assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    registry.set_registered_model_alias("fraud", "champion", "1")
    registry.delete_registered_model_alias("fraud", "challenger")
    registry.set_model_version_tag("fraud", "1", "mlplatform.rollout", "promoted")
    # The evaluation would say something else now.
    pipeline.put("evaluation", {"candidate": {"accuracy": 0.1}, "champion": {"accuracy": 0.9}})
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    assert pipeline.left("register") == {"version": "1", "decision": "challenger"}
    assert aliases(registry) == {"champion": "1"}
    assert len(versions(registry)) == 1


@pytest.mark.parametrize("end", ["promoted", "rolled-back: error rate 3.1 %"])
def test_a_version_whose_rollout_is_over_challenges_no_more(pipeline: Pipeline, registry: Any, end: str) -> None:
    pipeline.trained()
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    registry.delete_registered_model_alias("fraud", "challenger")
    registry.set_model_version_tag("fraud", "1", "mlplatform.rollout", end)
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    assert aliases(registry) == {}


def test_a_later_challenger_stays(pipeline: Pipeline, registry: Any) -> None:
    pipeline.trained()
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    later = Pipeline(pipeline.folder, pipeline.environment["MLFLOW_TRACKING_URI"], "run-2").trained()
    assert register.main(ARGUMENTS, later.asks("register")) == 0
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 0
    assert aliases(registry) == {"challenger": "2"}
    assert [each.tags["mlplatform.run"] for each in versions(registry)] == ["run-1", "run-2"]


# Killed at any point


UNHARMED = 10**6
WRITES = {
    *("create_experiment", "create_run", "log_batch", "set_terminated", "log_inputs", "log_artifact"),
    *("create_registered_model", "create_model_version", "set_registered_model_alias", "upload_fileobj"),
}


class Killed(BaseException):
    """The pod is gone."""


class Edges:
    """Counts calls to the outside, and dies when one of them has had its effect, which is before the next."""

    def __init__(self, last: int) -> None:
        self.left = last
        self.died_at = ""

    def around(self, client: Any) -> Any:
        edges = self

        class Around:
            def __getattr__(self, name: str) -> Any:
                return partial(edges.call, name, getattr(client, name))

        return Around()

    def call(self, name: str, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        self.left -= 1
        if self.left:
            return method(*given, **named)
        self.died_at = name
        with suppress(Exception):
            method(*given, **named)
        raise Killed


def registration(pipeline: Pipeline, registry: Any, edges: Edges) -> Registration:
    settings = Settings.model_validate(pipeline.settings)
    runs = Runs(edges.around(pipeline.s3), "runs", pipeline.run)
    return Registration(settings, runs, edges.around(registry), WISH, lambda *_, **__: None)


def end(pipeline: Pipeline, registry: Any) -> dict[str, Any]:
    """All that there is of a run, without what is new in every run."""
    model = pipeline.settings["model"]
    found = runs_of(registry, pipeline.run, pipeline.settings["experiment"])
    ids = {each.info.run_id: name for name, each in found.items()}
    made = versions(registry, model)
    prefix = f"reference/{model}/"
    return {
        "versions": [
            (each.version, each.tags["mlplatform.run"] == ids[each.run_id], {**each.tags, "mlplatform.run": "?"})
            for each in made
        ],
        "aliases": aliases(registry, model),
        "runs": {
            name.replace(pipeline.run, "?"): (
                each.info.status,
                each.data.params,
                {metric: len(registry.get_metric_history(each.info.run_id, metric)) for metric in each.data.metrics},
                each.data.metrics,
                len(each.inputs.dataset_inputs),
                ids.get(each.data.tags.get("mlflow.parentRunId", ""), "").replace(pipeline.run, "?"),
            )
            for name, each in found.items()
        },
        "model": sorted(
            each.path for folder in ("model", "model/code") for each in registry.list_artifacts(made[0].run_id, folder)
        ),
        "reference": sorted(key.removeprefix(prefix) for key in pipeline.keys("features") if key.startswith(prefix)),
    }


def test_killed_at_any_point_and_started_again_the_end_is_the_same(pipeline: Pipeline, registry: Any) -> None:
    def one(name: str) -> Pipeline:
        return Pipeline(pipeline.folder, "", name, model=name, experiment=name).trained()

    whole, edges = one("whole"), Edges(UNHARMED)
    left = registration(whole, registry, edges).run()
    calls = UNHARMED - edges.left
    wanted = end(whole, registry)
    assert (left, wanted["aliases"]) == ({"version": "1", "decision": "challenger"}, {"challenger": "1"})
    died = []
    for last in range(1, calls + 1):
        killed, edges = one(f"killed-{last}"), Edges(last)
        with pytest.raises(Killed):
            registration(killed, registry, edges).run()
        died.append(edges.died_at)
        again = registration(killed, registry, Edges(UNHARMED)).run()
        assert (again, end(killed, registry)) == (left, wanted), f"killed at call {last}, {edges.died_at}"
    assert set(died) >= WRITES


# What fails


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda made: made.put("source", b"{"), "source.json: is no JSON object"),
        (
            lambda made: made.put("source", {"uri": "s3://lake/fraud/"}),
            'source.json: allowed is {"uri": text, "version": text}, neither empty',
        ),
        (
            lambda made: made.put("evaluation", {"champion": None}),
            "evaluation.json: candidate is missing; allowed is an object of numbers",
        ),
        (
            lambda made: made.put("evaluation", {"candidate": {"accuracy": "0.8"}, "champion": None}),
            "evaluation.json: candidate: accuracy is no number",
        ),
        (
            lambda made: made.s3.delete_object(Bucket="runs", Key="runs/run-1/evaluation.json"),
            "evaluation.json: missing; fix: leave it in the step",
        ),
        (
            lambda made: made.put_round(0, [0]),
            "trial 1 is none of run run-1, which has 2",
        ),
    ],
)
def test_what_the_steps_left_wrong_is_found_before_anything_is_made(
    pipeline: Pipeline, registry: Any, lines: Lines, break_it: Callable[[Pipeline], None], reason: str
) -> None:
    pipeline.trained()
    break_it(pipeline)
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 1
    (line,) = lines()
    assert (line["level"], line["event"], line["reason"]) == ("error", "failed", reason)
    assert registry.get_experiment_by_name("fraud-training") is None
    assert registry.search_registered_models() == []


def test_an_evaluation_without_the_metric_makes_no_version(pipeline: Pipeline, registry: Any, lines: Lines) -> None:
    pipeline.trained({"candidate": {"recall": 1}, "champion": None})
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 1
    assert lines()[-1]["reason"] == "evaluation.json: candidate: no metric accuracy"
    assert registry.search_registered_models() == []


def test_other_data_than_asked_for_are_said(pipeline: Pipeline, lines: Lines) -> None:
    pipeline.trained()
    assert register.main([*ARGUMENTS, "--data-uri=s3://lake/2026/"], pipeline.asks("register")) == 0
    line = lines()[0]
    assert (line["level"], line["event"]) == ("warning", "other data")
    assert (line["asked"], line["read"]) == ("s3://lake/2026/", "s3://lake/fraud/")


def test_a_deleted_experiment_is_a_failure(pipeline: Pipeline, registry: Any, lines: Lines) -> None:
    registry.delete_experiment(registry.create_experiment("fraud-training"))
    pipeline.trained()
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 1
    assert lines()[-1]["reason"] == ("experiment fraud-training: is deleted; fix: restore it, or name another one")


class Server:
    """An MLflow that answers every request alike."""

    def __init__(self, status: int, body: str) -> None:
        self.requests: list[str] = []
        seen = self.requests

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                seen.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = answer  # noqa: N815 - as http.server calls them

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://writer:hunter2@127.0.0.1:{self.server.server_port}"
        self.where = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def answers() -> Iterator[Callable[[int, str], Server]]:
    servers: list[Server] = []

    def make(status: int, body: str) -> Server:
        servers.append(Server(status, body))
        return servers[-1]

    yield make
    for each in servers:
        each.server.shutdown()
        each.server.server_close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "writer")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("job", ["select", "register"])
def test_mlflow_that_is_down_is_tried_again_and_then_a_clear_failure(
    pipeline: Pipeline, capfd: pytest.CaptureFixture[str], job: str, answers: Callable[[int, str], Server]
) -> None:
    server = answers(503, "no")
    pipeline.trained().environment["MLFLOW_TRACKING_URI"] = server.uri
    told = ARGUMENTS if job == "register" else []
    assert {"select": select, "register": register}[job].main(told, pipeline.asks(job)) == 1
    out, err = capfd.readouterr()
    assert json.loads(out.splitlines()[-1])["reason"] == (
        f"MLflow at {server.where} was not reached, or failed, however often it was tried"
    )
    assert len(server.requests) == 3
    assert "hunter2" not in out + err
    assert "Traceback" not in out + err


@pytest.mark.usefixtures("impatient")
def test_mlflow_that_is_not_there(pipeline: Pipeline, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    pipeline.trained().environment["MLFLOW_TRACKING_URI"] = f"http://writer:hunter2@127.0.0.1:{port}"
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 1
    out, err = capfd.readouterr()
    assert json.loads(out.splitlines()[-1])["reason"] == (
        f"MLflow at 127.0.0.1:{port} was not reached, or failed, however often it was tried"
    )
    assert "hunter2" not in out + err


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, "You are not authenticated."), " refuses the account or what it asks for (UNAUTHENTICATED)"),
        ((403, "Permission denied"), " refuses the account or what it asks for (PERMISSION_DENIED)"),
        (
            (400, json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid name\nmore"})),
            ": INVALID_PARAMETER_VALUE: Invalid name",
        ),
    ],
)
def test_mlflow_that_refuses(
    pipeline: Pipeline, lines: Lines, answers: Callable[[int, str], Server], answer: tuple[int, str], reason: str
) -> None:
    server = answers(*answer)
    pipeline.trained().environment["MLFLOW_TRACKING_URI"] = server.uri
    assert register.main(ARGUMENTS, pipeline.asks("register")) == 1
    assert lines()[-1]["reason"] == f"MLflow at {server.where}{reason}"
