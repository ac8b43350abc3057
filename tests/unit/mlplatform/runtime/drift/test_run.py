"""Runs of the drift job on moto's S3, DynamoDB and SQS, before a Pushgateway of its own."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws

from mlplatform.contracts.drift import CONFIG, REQUEST_CONFIG, TABLE_KEY
from mlplatform.runtime.drift import run
from mlplatform.runtime.drift.columns import Kind
from mlplatform.runtime.drift.distances import Distance
from mlplatform.runtime.drift.gauges import PushError, push
from promises import covers

REGION = "eu-west-1"
END = ["--end", "2026-02-02T01:30:00Z"]
SETTINGS: dict[str, Any] = {
    "endpoint": "fraud",
    "bucket": "features",
    "reference": {"bucket": "training", "prefix": "reference/${model_version}/"},
    "reports": {"bucket": "features", "prefix": "drift/fraud/"},
    "window_hours": 24,
    "min_rows": 20,
    "max_rows": 1000,
    "max_invalid_percent": 1,
    "significance": 0.01,
    "threshold": 0.1,
}
WISH: dict[str, Any] = {
    "endpoint": "fraud",
    "table": "state",
    "team": "risk",
    "kind": "Workflow",
    "spec": {"workflowTemplateRef": {"name": "training"}, "seen": "${request.report}"},
    "cooldown_hours": 24,
    "max_hours": 24,
    "daily_budget": 1,
    "monthly_budget": 8,
}


class Gateway:
    """A Pushgateway that keeps the last body of each group; `answers` are given first, each once."""

    def __init__(self) -> None:
        self.groups: dict[str, str] = {}
        self.answers: list[int] = []
        self.pushes = 0
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                gateway.pushes += 1
                code = gateway.answers.pop(0) if gateway.answers else 200
                if code == 200:
                    gateway.groups[self.path] = body
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def gauges(self) -> dict[str, float]:
        """Samples of the endpoint's group."""
        body = self.groups["/metrics/job/drift/endpoint/fraud"]
        pairs = [line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in pairs}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.server.shutdown()
    made.server.server_close()


class World:
    """Buckets, a table and a queue."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.s3, self.dynamodb, self.sqs = (
            boto3.client(service, region_name=REGION) for service in ("s3", "dynamodb", "sqs")
        )
        for bucket in ("features", "training"):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.dynamodb.create_table(
            TableName="state",
            KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.url = self.sqs.create_queue(QueueName="jobs.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]

    def put(self, bucket: str, key: str, lines: list[Mapping[str, Any]]) -> None:
        body = "\n".join(map(json.dumps, lines)).encode()
        self.s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(body) if key.endswith(".gz") else body)

    def log(self, amount: float, count: int = 30, version: str = "fraud/7", name: str = "r") -> None:
        """Requests of noon, half of them packed."""
        lines: list[Mapping[str, Any]] = [
            {
                "schema_version": 1,
                "id": f"{name}{at}",
                "time": "2026-02-01T12:00:00Z",
                "model_version": version,
                "features": {"amount": amount},
                "prediction": 0.5,
            }
            for at in range(count)
        ]
        self.put("features", f"requests/fraud/dt=2026-02-01/{name}-a.jsonl", lines[::2])
        self.put("features", f"requests/fraud/dt=2026-02-01/{name}-b.jsonl.gz", lines[1::2])

    def train(self, amount: float, version: str = "fraud/7") -> None:
        self.put(
            "training",
            f"reference/{version}/part-0.jsonl",
            [{"features": {"amount": amount}, "prediction": 0.5}] * 30,
        )

    def check(self, arguments: list[str] = END, wish: Mapping[str, Any] | None = WISH, **changes: Any) -> int:
        settings = {**SETTINGS, "pushgateway_url": self.gateway.url, **changes}
        asks = {REQUEST_CONFIG: json.dumps({**wish, "queue_url": self.url})} if wish else {}
        return run.main(arguments, {CONFIG: json.dumps(settings), **asks})

    def messages(self) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def report(self) -> dict[str, Any]:
        body = self.s3.get_object(Bucket="features", Key="drift/fraud/2026-02-02T01.json")["Body"]
        return dict(json.load(body))


@pytest.fixture
def world(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)

    def apart(before: list[Any], now: list[Any]) -> Distance:
        """In place of SciPy's: entirely apart, or the same."""
        return Distance(0.0, 1.0) if set(before) == set(now) else Distance(1.0, 0.0)

    monkeypatch.setattr(run, "MEASURES", {Kind.NUMBER: apart, Kind.CATEGORY: apart})
    with mock_aws():
        yield World(gateway)


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out.splitlines()[-1]))


@covers("drift-monitor.window", field="DriftMonitorArgs.window_hours", ends_in="kubernetes:batch/v1:CronJob.spec")
def test_nothing_drifted_nothing_asked(world: World) -> None:
    world.train(1.5)
    world.log(1.5)
    assert world.check() == 0
    assert world.messages() == []
    assert world.report()["reasons"] == []
    assert (world.report()["rows"], world.report()["reference"]) == (30, {"rows": 30})
    gauges = world.gateway.gauges()
    assert gauges['mlplatform_drift_score{feature="amount"}'] == 0
    assert gauges["mlplatform_last_success_timestamp_seconds"] > 1.7e9


def test_drift_is_one_request_with_its_report(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.train(1.5)
    world.log(9.5)
    assert world.check() == 0
    line = logged(capsys)
    assert (line["event"], line["reasons"], line["retraining"]) == ("checked", ["drift of amount 1.000"], "granted")
    (message,) = world.messages()
    assert message["spec"]["seen"] == "s3://features/drift/fraud/2026-02-02T01.json"
    assert world.gateway.gauges()['mlplatform_drift_drifted{feature="amount"}'] == 1
    # The same run again, as after a crash at its end, and one of the next hour.
    assert world.check() == 0
    assert logged(capsys)["retraining"] == "repeated"
    assert world.check(["--end", "2026-02-02T02:30:00Z"]) == 0
    assert logged(capsys)["retraining"] == "cooldown"
    assert world.messages() == []


@covers("drift-monitor.gauges", field="DriftMonitorArgs.pushgateway_url", ends_in="kubernetes:batch/v1:CronJob.spec")
def test_a_gauge_that_is_no_longer_measured_goes(world: World) -> None:
    world.train(1.5)
    world.log(9.5)
    world.check()
    world.check(ignored=["amount"])
    assert 'mlplatform_drift_score{feature="amount"}' not in world.gateway.gauges()


def test_a_spent_budget_shows(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    item = {
        TABLE_KEY: {"S": "fraud"},
        **{f"request_{name}": {"S": "x"} for name in ("id", "group", "body", "reason")},
        "asked_at": {"N": "0"},
        **{name: {"BOOL": True} for name in ("sent", "settled")},
        **{name: {"S": "9999-12-31"[:length]} for name, length in (("day", 10), ("month", 7))},
        "former": {"L": []},
        "of_day": {"N": "1"},
        "of_month": {"N": "3"},
        "version": {"N": "1"},
    }
    world.dynamodb.put_item(TableName="state", Item=item)
    world.train(1.5)
    world.log(9.5)
    assert world.check() == 0
    assert logged(capsys)["retraining"] == "daily_budget"
    assert world.gateway.gauges()['mlplatform_retraining_blocked{reason="daily_budget"}'] == 1
    assert world.messages() == []


BAD = {
    "empty window": (lambda world: world.train(1.5), "empty_window"),
    "too few requests": (lambda world: (world.train(1.5), world.log(9.5, 10)), "few_rows"),
    "no reference": (lambda world: (world.train(1.5, "fraud/6"), world.log(9.5)), "no_reference"),
    "missing column": (
        lambda world: (
            world.log(9.5),
            world.put("training", "reference/fraud/7/x", [{"features": {"z": 1}, "prediction": 0.5}]),
        ),
        "missing_column",
    ),
    "wrong type": (lambda world: (world.train(1.5), world.log("9.5")), "wrong_type"),
    "damaged object": (
        lambda world: (
            world.train(1.5),
            world.log(9.5),
            world.s3.put_object(Bucket="features", Key="requests/fraud/dt=2026-02-01/x.gz", Body=b"no gzip"),
        ),
        "malformed_lines",
    ),
}


@pytest.mark.parametrize(("prepare", "problem"), BAD.values(), ids=BAD)
def test_bad_data_show_and_ask_for_nothing(
    world: World, capsys: pytest.CaptureFixture[str], prepare: Any, problem: str
) -> None:
    prepare(world)
    assert world.check() == 0
    line = logged(capsys)
    assert (line["level"], line["problems"], line["reasons"]) == ("warning", [problem], [])
    assert world.gateway.gauges()[f'mlplatform_drift_data_problems{{problem="{problem}"}}'] == 1
    assert world.messages() == []
    assert [found["problem"] for found in world.report()["problems"]] == [problem]


def test_a_new_version_is_compared_with_its_own_reference(world: World) -> None:
    world.train(1.5)
    world.train(9.5, "fraud/8")
    world.log(1.5, 20)
    world.log(9.5, 40, "fraud/8", "s")
    assert world.check() == 0
    assert (world.report()["model_version"], world.report()["rows"], world.report()["reasons"]) == ("fraud/8", 40, [])


def test_labels_that_arrived_are_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.train(1.5)
    world.log(1.5)
    quality = {
        "metric": "mean_absolute_error",
        "threshold": 0.2,
        "labels": {"bucket": "features", "prefix": "labels/fraud/"},
        "window_hours": 168,
        "min_rows": 20,
    }
    assert world.check(quality=quality) == 0
    assert world.report()["quality"] == {
        "metric": "mean_absolute_error",
        "rows": 0,
        "value": None,
        "breached": False,
    }
    # They come a day after the request.
    world.put("features", "labels/fraud/dt=2026-02-02/a.jsonl", [{"id": f"r{at}", "label": 1} for at in range(25)])
    assert world.check(quality=quality) == 0
    assert logged(capsys)["reasons"] == ["mean_absolute_error 0.5"]
    assert world.gateway.gauges()['mlplatform_model_quality{metric="mean_absolute_error"}'] == 0.5
    assert len(world.messages()) == 1


def test_a_request_that_was_granted_and_not_sent_goes_out_with_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(*_: object) -> None:
        raise Killed

    world.train(1.5)
    world.log(9.5)
    with monkeypatch.context() as patched:
        patched.setattr("mlplatform.runtime.request.requester.Outbox.send", dies)
        with pytest.raises(Killed):
            world.check()
    assert world.messages() == []
    # By then nothing is there to be compared any more.
    assert world.check(["--end", "2026-02-09T01:30:00Z"]) == 0
    assert len(world.messages()) == 1


def test_without_retraining_nothing_is_asked(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.train(1.5)
    world.log(9.5)
    assert world.check(wish=None) == 0
    assert logged(capsys)["retraining"] is None
    assert world.messages() == []


def test_a_failure_of_aws_fails_the_run(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.check(bucket="nowhere") == 1
    assert logged(capsys)["reason"] == "ListObjectsV2: NoSuchBucket"
    assert world.gateway.groups == {}


def test_a_push_that_is_refused_fails_the_run(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.gateway.answers = [400]
    assert world.check() == 1
    assert logged(capsys)["reason"] == "Pushgateway: 400"
    assert world.gateway.pushes == 1


def test_a_push_is_tried_again(gateway: Gateway) -> None:
    pauses: list[float] = []
    gateway.answers = [503, 500]
    push(f"{gateway.url}/", "a/b", "x 1\n", pauses.append)
    assert gateway.groups == {"/metrics/job/drift/endpoint/a%2Fb": "x 1\n"}
    assert pauses == [1, 5]
    gateway.answers = [503] * 3
    with pytest.raises(PushError, match="Pushgateway: 503"):
        push(gateway.url, "fraud", "", pauses.append)
    gateway.server.shutdown()
    gateway.server.server_close()
    with pytest.raises(PushError, match="Pushgateway: URLError"):
        push(gateway.url, "fraud", "", pauses.append)


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({}, "DRIFT_CONFIG: Invalid JSON: EOF while parsing a value at line 1 column 0"),
    "no web address": (
        {CONFIG: json.dumps({**SETTINGS, "pushgateway_url": "file:///etc"})},
        "DRIFT_CONFIG: pushgateway_url: String should match pattern '^https?://[^\\s/]+'",
    ),
    "bad request": (
        {CONFIG: json.dumps({**SETTINGS, "pushgateway_url": "http://x"}), REQUEST_CONFIG: "{"},
        "REQUEST_CONFIG: Invalid JSON: EOF while parsing an object at line 1 column 1",
    ),
}


@pytest.mark.parametrize(("environment", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_environment_is_said(
    environment: dict[str, str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main([], environment) == 2
    assert logged(capsys)["reason"] == reason


def test_no_region_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "nowhere")
    wish = json.dumps({**WISH, "queue_url": "https://sqs.eu-west-1.amazonaws.com/1/x.fifo"})
    settings = json.dumps({**SETTINGS, "pushgateway_url": "http://x"})
    assert run.main([], {CONFIG: settings, REQUEST_CONFIG: wish}) == 2
    assert logged(capsys)["reason"] == "NoRegionError: You must specify a region."


def test_help_is_given_without_the_statistics() -> None:
    module = [sys.executable, "-m", "mlplatform.runtime", "drift", "--help"]
    shown = subprocess.run(module, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "DRIFT_CONFIG" in shown
    code = "import sys, mlplatform.runtime.drift.run; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("end", ["2026-02-02T01:30:00", "yesterday"])
def test_an_end_that_is_no_moment_is_refused(end: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["--end", end], {})
    allowed = f"got {end!r}; allowed is a time of RFC 3339 with its zone, such as 2026-01-31T00:00:00Z"
    assert f"argument --end: {allowed}" in capsys.readouterr().err


def test_the_statistics_themselves_find_the_drift(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    world.train(1.5)
    world.log(9.5)
    assert world.check() == 0
    line = logged(capsys)
    assert (line["reasons"], line["retraining"]) == (["drift of amount 1.000"], "granted")
