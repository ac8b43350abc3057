"""The jobs `trials` and `select`, on moto's S3 and an MLflow store in SQLite."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from mlplatform.contracts.pipeline import RUN
from mlplatform.contracts.tracking import connect
from mlplatform.runtime.pipeline import select, trials
from mlplatform.runtime.pipeline.runs import RunError
from mlplatform.runtime.pipeline.settings import Settings
from mlplatform.runtime.pipeline.trials import suggest
from pipelines import REGION, Pipeline

Lines = Callable[[], list[dict[str, Any]]]


def untimed(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name != "time"} for line in lines]


# trials


def test_rounds_to_the_end_of_the_budget(pipeline: Pipeline, lines: Lines) -> None:
    assert trials.main(["--round", "0"], pipeline.asks("trials")) == 0
    first = pipeline.left("trials")
    found = json.loads(first["trials"])
    assert [each["trial"] for each in found] == [0, 1]
    assert all(each["parameters"].keys() == {"depth", "kind"} for each in found)
    assert (first["next"], first["more"]) == ("1", "true")
    assert untimed(lines()) == [
        {"level": "info", "event": "suggested", "run": "run-1", "round": 0, "trials": [0, 1], "stop": None}
    ]
    pipeline.put("metrics", {"accuracy": 0.5}, 0)
    assert trials.main(["--round", "1"], pipeline.asks("trials")) == 0
    second = pipeline.left("trials")
    assert [each["trial"] for each in json.loads(second["trials"])] == [2, 3]
    assert (second["next"], second["more"]) == ("2", "false")
    assert untimed(lines()) == [
        {
            "level": "warning",
            "event": "trial failed",
            "run": "run-1",
            "trial": 1,
            "reason": "metrics.json is missing",
        },
        {
            "level": "info",
            "event": "suggested",
            "run": "run-1",
            "round": 1,
            "trials": [2, 3],
            "stop": "budget of 4 trials",
        },
    ]
    # Whoever asks on finds that the search has ended.
    assert trials.main(["--round", "2"], pipeline.asks("trials")) == 0
    assert pipeline.left("trials") == {"trials": "[]", "next": "3", "more": "false"}


def test_a_round_that_begins_anew_is_the_same(pipeline: Pipeline) -> None:
    assert trials.main(["--round", "0"], pipeline.asks("trials")) == 0
    assert trials.main(["--round", "1"], pipeline.asks("trials")) == 0
    before = pipeline.left("trials")
    # Results that arrive later change nothing.
    pipeline.put("metrics", {"accuracy": 0.9}, 0)
    assert trials.main(["--round", "1"], pipeline.asks("trials")) == 0
    assert pipeline.left("trials") == before


def test_a_round_that_another_pod_wrote_first_counts(pipeline: Pipeline) -> None:
    class Late:
        """S3 in which somebody writes the round between a look and a put."""

        def __init__(self) -> None:
            self.writes = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(pipeline.s3, name)

        def put_object(self, **given: Any) -> Any:
            self.writes += 1
            pipeline.put_round(0, [0])
            return pipeline.s3.put_object(**given)

    late = Late()
    runs = type(pipeline.runs)(late, "runs", "run-1")
    made = suggest(Settings.model_validate(pipeline.settings), runs, 0, lambda *_, **__: None)
    assert late.writes == 1
    assert [(each.number, each.parameters) for each in made.trials] == [(0, {"depth": 1, "kind": "tree"})]


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        (
            b"{",
            "metrics.json is unreadable: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        (b"[1]", "metrics.json is unreadable: allowed is an object of numbers"),
        (b'{"accuracy": NaN}', "metrics.json is unreadable: accuracy is no number"),
        (b'{"accuracy": true}', "metrics.json is unreadable: accuracy is no number"),
        (b'{"accuracy": "0.5"}', "metrics.json is unreadable: accuracy is no number"),
        (b"\xff", "metrics.json is unreadable: "),
        (b'{"loss": 1}', "no metric accuracy"),
    ],
)
def test_a_trial_without_its_objective_has_failed(
    pipeline: Pipeline, lines: Lines, metrics: bytes, reason: str
) -> None:
    pipeline.put_round(0, [0])
    pipeline.put("metrics", metrics, 0)
    assert trials.main(["--round", "1"], pipeline.asks("trials")) == 0
    line = lines()[0]
    assert (line["level"], line["event"], line["trial"]) == ("warning", "trial failed", 0)
    assert line["reason"].startswith(reason)


def test_patience_ends_the_search(pipeline: Pipeline, lines: Lines) -> None:
    searched = {**pipeline.settings["search"], "trials": 20, "patience_rounds": 1}
    impatient = Pipeline(pipeline.folder, "", search=searched)
    impatient.put_round(0, [0])
    impatient.put_round(1, [1])
    for trial in (0, 1):
        impatient.put("metrics", {"accuracy": 0.5}, trial)
    assert trials.main(["--round", "2"], impatient.asks("trials")) == 0
    assert impatient.left("trials") == {"trials": "[]", "next": "3", "more": "false"}
    assert lines()[-1]["stop"] == "no improvement in 1 rounds"


def test_a_round_needs_those_before_it(pipeline: Pipeline, lines: Lines) -> None:
    assert trials.main(["--round", "1"], pipeline.asks("trials")) == 1
    assert untimed(lines()) == [
        {
            "level": "error",
            "event": "failed",
            "reason": "round 1 comes after round 0, which run run-1 does not have",
        }
    ]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"trials": [{}], "stop": null}', b'{"trials": []}'])
def test_a_round_that_is_none(pipeline: Pipeline, body: bytes) -> None:
    pipeline.s3.put_object(Bucket="runs", Key="runs/run-1/search/round-0.json", Body=body)
    with pytest.raises(RunError) as caught:
        pipeline.runs.round(0)
    assert str(caught.value) == "runs/run-1/search/round-0.json: is no round of a search"


def test_s3_that_refuses_is_a_failure(pipeline: Pipeline, lines: Lines) -> None:
    missing = Pipeline(pipeline.folder, "", bucket="elsewhere")
    assert trials.main(["--round", "0"], missing.asks("trials")) == 1
    assert untimed(lines()) == [{"level": "error", "event": "failed", "reason": "GetObject: NoSuchBucket"}]
    with pytest.raises(ClientError):
        type(pipeline.runs)(pipeline.s3, "elsewhere", "run-1").round(0)


@pytest.mark.parametrize("number", ["-1", "x", "1.5", ""])
def test_a_round_has_a_number(pipeline: Pipeline, capsys: pytest.CaptureFixture[str], number: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        trials.main([f"--round={number}"], pipeline.asks("trials"))
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith(f"got {number!r}; allowed is a number from 0\n")


@pytest.mark.parametrize("missing", ["TRIALS_FILE", "NEXT_FILE", "MORE_FILE"])
def test_without_a_file_for_an_output_nothing_is_done(pipeline: Pipeline, lines: Lines, missing: str) -> None:
    environment = {name: value for name, value in pipeline.asks("trials").items() if name != missing}
    assert trials.main(["--round", "0"], environment) == 2
    assert untimed(lines()) == [
        {
            "level": "error",
            "event": "misconfigured",
            "reason": f"{missing}: missing; allowed: path of a file for what the job leaves",
        }
    ]
    assert pipeline.keys("runs") == []


def test_without_a_run_nothing_is_done(pipeline: Pipeline, lines: Lines) -> None:
    assert trials.main(["--round", "0"], {**pipeline.asks("trials"), RUN: ""}) == 2
    assert lines()[0]["event"] == "misconfigured"


# select


def test_the_best_trial_and_no_champion(pipeline: Pipeline, lines: Lines) -> None:
    pipeline.trained()
    assert select.main([], pipeline.asks("select")) == 0
    assert pipeline.left("select") == {"trial": "1", "champion": "none"}
    assert untimed(lines()) == [
        {
            "level": "warning",
            "event": "trial left out",
            "run": "run-1",
            "trial": 2,
            "reason": "metrics.json is missing",
        },
        {"level": "info", "event": "selected", "run": "run-1", "trial": 1, "champion": "none"},
    ]


def test_the_champion_is_what_the_alias_names(pipeline: Pipeline, tracking_uri: str) -> None:
    client = connect({"MLFLOW_TRACKING_URI": tracking_uri})
    client.create_registered_model("fraud")
    for _ in range(2):
        client.create_model_version("fraud", "s3://elsewhere/model", await_creation_for=0)
    pipeline.trained()
    assert select.main([], pipeline.asks("select")) == 0
    assert pipeline.left("select")["champion"] == "none"
    client.set_registered_model_alias("fraud", "champion", "2")
    assert select.main([], pipeline.asks("select")) == 0
    assert pipeline.left("select") == {"trial": "1", "champion": "2"}


def test_when_no_trial_is_left_it_says_how_many_were_wrong(pipeline: Pipeline, lines: Lines) -> None:
    bounded = {**pipeline.settings["objective"], "constraints": {"latency": {"max": 2}}}
    strict = Pipeline(pipeline.folder, pipeline.environment["MLFLOW_TRACKING_URI"], objective=bounded).trained()
    assert select.main([], strict.asks("select")) == 1
    assert [(line["event"], line.get("trial"), line["reason"]) for line in lines()] == [
        ("trial left out", 0, "latency is missing"),
        ("trial left out", 1, "latency is 3; allowed is at most 2"),
        ("trial left out", 2, "metrics.json is missing"),
        ("failed", None, "no trial is left of 3: 1 failed, 2 violate constraints"),
    ]
    assert not (pipeline.folder / "run-1" / "trial").exists()


def test_without_a_registry_select_is_misconfigured(pipeline: Pipeline, lines: Lines) -> None:
    pipeline.trained()
    environment = {**pipeline.asks("select"), "MLFLOW_TRACKING_URI": ""}
    assert select.main([], environment) == 2
    assert untimed(lines()) == [
        {
            "level": "error",
            "event": "misconfigured",
            "reason": "MLFLOW_TRACKING_URI: missing; allowed: address of an MLflow server, such as "
            "http://registry.ml:5000",
        }
    ]


# Folders


def test_a_digest_does_not_depend_on_how_a_folder_is_listed(pipeline: Pipeline) -> None:
    files = {f"{number % 7}/{number}.csv": str(number).encode() for number in range(30)}
    pipeline.put_folder("dataset", files)
    other = Pipeline(pipeline.folder, "", "run-2")
    other.put_folder("dataset", dict(reversed(files.items())))

    class Backwards:
        """S3 that lists backwards, a page for each object."""

        def __getattr__(self, name: str) -> Any:
            return getattr(pipeline.s3, name)

        def get_paginator(self, _: str) -> Any:
            class Paginator:
                def paginate(self, **given: Any) -> list[dict[str, Any]]:
                    found = pipeline.s3.list_objects_v2(**given)["Contents"]
                    return [{"Contents": [each]} for each in reversed(found)] + [{}]

            return Paginator()

    backwards = type(pipeline.runs)(Backwards(), "runs", "run-2")
    assert backwards.digest("dataset") == pipeline.runs.digest("dataset")
    other.put_folder("dataset", {"0/0.csv": b"1"})
    assert backwards.digest("dataset") != pipeline.runs.digest("dataset")


def test_a_folder_without_a_file(pipeline: Pipeline) -> None:
    pipeline.put_folder("dataset", {"": b"", "below/": b""})
    with pytest.raises(RunError) as caught:
        pipeline.runs.names("dataset")
    assert str(caught.value) == "dataset: no file; fix: leave one in the step"


def test_a_name_that_leaves_its_folder_is_refused(pipeline: Pipeline) -> None:
    pipeline.put_folder("model", {"../../etc/passwd": b"x"}, 1)
    with pytest.raises(RunError) as caught:
        pipeline.runs.names("model", 1)
    assert str(caught.value) == ("runs/run-1/trials/1/model/../../etc/passwd: is no path of a file below its folder")


@pytest.mark.parametrize("job", ["trials", "select", "register"])
def test_help_says_what_a_job_reads(job: str) -> None:
    command = [sys.executable, "-m", "mlplatform.runtime", job, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "PIPELINE_CONFIG" in done.stdout
    assert f"{ {'trials': 'MORE', 'select': 'CHAMPION', 'register': 'DECISION'}[job] }_FILE" in done.stdout
    assert ("MLFLOW_TRACKING_URI" in done.stdout) is (job != "trials")


def test_no_client_is_made_of_another_account(pipeline: Pipeline) -> None:
    assert boto3.client("s3", region_name=REGION).list_objects_v2(Bucket="runs")["KeyCount"] == 0
