"""The job `promote` as it is started: against a real registry, an API over HTTP, Prometheus by its own form, and S3."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.stub import Stubber
from moto import mock_aws

import rollouts
from mlplatform.contracts.registry import CHALLENGER, CHAMPION, DIGEST, ROLLOUT
from mlplatform.contracts.rollout import CONFIG
from mlplatform.contracts.tracking import connect
from mlplatform.runtime.__main__ import main as runtime
from mlplatform.runtime.promote.metrics import (
    Measured,
    MetricsError,
    OfFunction,
    OfGateway,
    Prometheus,
    UnreachableError,
)
from mlplatform.runtime.promote.run import main
from mlplatform.runtime.promote.settings import Queries
from rollouts import FakeCluster, FakePrometheus, over_http, told

MODEL = "fraud"


class Site:
    """What the job finds: its environment, and what is behind it."""

    def __init__(self, folder: Path, tracking_uri: str, kind: str) -> None:
        self.folder, self.kind = folder, kind
        self.cluster, self.prometheus = FakeCluster(kind), FakePrometheus()
        self.mlflow = connect({"MLFLOW_TRACKING_URI": tracking_uri})
        self.environment = {
            "MLFLOW_TRACKING_URI": tracking_uri,
            "VERSION_FILE": str(folder / "version"),
            "MODE_FILE": str(folder / "mode"),
        }
        self.s3 = boto3.client("s3", region_name=rollouts.REGION)
        self.s3.create_bucket(Bucket="models")
        self.runs = 0

    def register(self, alias: str = "") -> str:
        """A version with files of its own, as a run has logged them."""
        self.runs += 1
        run = self.mlflow.create_run(self.mlflow.create_experiment(f"run-{self.runs}"))
        files = self.folder / run.info.run_id
        for path, content in rollouts.MODEL.items():
            (files / path).parent.mkdir(parents=True, exist_ok=True)
            (files / path).write_bytes(content)
        self.mlflow.log_artifacts(run.info.run_id, str(files), "model")
        source = f"{run.info.artifact_uri}/model"
        version = str(self.mlflow.create_model_version(MODEL, source, run.info.run_id, await_creation_for=0).version)
        if alias:
            self.mlflow.set_registered_model_alias(MODEL, alias, version)
        return version

    def answers(self, *, requests: float = 500, errors: float = 0, p99: float = 120) -> None:
        """What Prometheus knows of the candidate."""
        self.prometheus.values = {"envoy_cluster_upstream_rq_xx": requests, "histogram_quantile": p99}
        self.prometheus.values["envoy_response_code_class"] = errors

    def promote(self, *arguments: str) -> int:
        """Starts the job, as the runtime's image does."""
        return runtime(["promote", *arguments], self.environment)

    def planned(self) -> tuple[str, str]:
        """What `plan` has left."""
        return (self.folder / "version").read_text(), (self.folder / "mode").read_text()

    def aliases(self) -> dict[str, str]:
        """Of the model."""
        return {name: str(version) for name, version in self.mlflow.get_registered_model(MODEL).aliases.items()}

    def tags(self, version: str) -> dict[str, str]:
        """Of a version."""
        return dict(self.mlflow.get_model_version(MODEL, version).tags)


@pytest.fixture
def site(tmp_path: Path, tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", rollouts.REGION)
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        made = Site(tmp_path, tracking_uri, "kserve")
        made.mlflow.create_registered_model(MODEL)
        with over_http(made.cluster) as api, made.prometheus.served() as prometheus:
            config = {**told("kserve"), "prometheus_url": prometheus}
            config["gates"]["patience_minutes"] = 0
            made.environment[CONFIG] = json.dumps(config)
            file = tmp_path / "kubeconfig"
            file.write_text(yaml.safe_dump(kubeconfig(api)))
            monkeypatch.setenv("KUBECONFIG", str(file))
            yield made


def kubeconfig(url: str) -> dict[str, Any]:
    named = {"name": "here"}
    return {
        "clusters": [{**named, "cluster": {"server": url}}],
        "contexts": [{**named, "context": {"cluster": "here", "user": "here"}}],
        "users": [{**named, "user": {}}],
        "current-context": "here",
    }


def test_a_whole_rollout(site: Site) -> None:
    former, version = site.register(CHAMPION), site.register(CHALLENGER)
    site.answers()
    assert site.promote("plan", "--version", "") == 0
    assert site.planned() == (version, "steps")
    for step in ("copy", "start"):
        assert site.promote(step, "--version", version) == 0
    for percent in ("5", "25", "50"):
        assert site.promote("weight", "--version", version, "--percent", percent) == 0
        assert site.promote("gate", "--version", version, "--window", "10") == 0
    assert site.promote("finish", "--version", version) == 0
    assert site.aliases() == {CHAMPION: version}
    assert site.tags(version)[ROLLOUT] == "promoted"
    assert site.cluster.serving() == {"x-predictor": (version, 2)}
    assert all("[10m]" in query for query in site.prometheus.asked)
    copied = {each["Key"] for each in site.s3.list_objects_v2(Bucket="models")["Contents"]}
    assert copied == {f"fraud/{version}.json", *(f"fraud/{version}/{path}" for path in rollouts.MODEL)}
    marker = json.loads(site.s3.get_object(Bucket="models", Key=f"fraud/{version}.json")["Body"].read())
    assert marker["digest"] == site.tags(version)[DIGEST]
    assert former != version


def test_a_gate_that_is_not_passed(site: Site, lines: Callable[[], list[dict[str, Any]]]) -> None:
    former, version = site.register(CHAMPION), site.register(CHALLENGER)
    site.answers(errors=50)
    for step in (["copy"], ["start"], ["weight", "--percent", "5"]):
        assert site.promote(step[0], "--version", version, *step[1:]) == 0
    assert site.cluster.weights() == (95, 5)
    lines()
    assert site.promote("gate", "--version", version, "--window", "10") == 1
    assert [(line["level"], line["event"]) for line in lines()] == [("error", "gate"), ("error", "failed")]
    assert site.promote("rollback") == 0
    assert lines()[-1]["reason"] == "10 % of its requests failed; allowed are 1 %"
    assert site.aliases() == {CHAMPION: former}
    assert site.tags(version)[ROLLOUT] == "rolled-back: 10 % of its requests failed; allowed are 1 %"
    assert site.cluster.weights() == (100, 0)
    assert site.promote("plan") == 0
    assert site.planned() == ("", "none")


def test_a_registry_that_is_down_is_a_clear_failure(
    site: Site, lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a-secret")
    site.environment["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"
    assert site.promote("plan") == 1
    (line,) = lines()
    assert (line["event"], line["reason"]) == (
        "failed",
        "MLflow at 127.0.0.1:9 was not reached, or failed, however often it was tried",
    )


def test_other_content_is_a_clear_failure(site: Site, lines: Callable[[], list[dict[str, Any]]]) -> None:
    version = site.register(CHALLENGER)
    site.s3.put_object(Bucket="models", Key=f"fraud/{version}/MLmodel", Body=b"another")
    assert site.promote("copy", "--version", version) == 1
    reason = (
        f"s3://models/fraud/{version}/MLmodel is there with other content; nothing there is written twice: register "
        "the model as another version"
    )
    assert lines()[-1]["reason"] == reason
    assert site.tags(version)[ROLLOUT] == f"running: {reason}"


def test_a_version_that_is_not_there_is_a_clear_failure(site: Site, lines: Callable[[], list[dict[str, Any]]]) -> None:
    assert site.promote("plan", "--version", "9") == 1
    assert "RESOURCE_DOES_NOT_EXIST" in lines()[-1]["reason"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bucket": ""}, "ROLLOUT_CONFIG: bucket: String should have at least 1 character"),
        ({"kserve": None}, "ROLLOUT_CONFIG: got none of kserve, container, serverless; allowed is exactly one"),
        (
            {"serverless": {"function": "x", "alias": "live"}},
            "ROLLOUT_CONFIG: got kserve and serverless of kserve, container, serverless; allowed is exactly one",
        ),
        ({"endpiont": "x"}, "ROLLOUT_CONFIG: endpiont: Extra inputs are not permitted"),
    ],
)
def test_settings_that_are_wrong(
    site: Site, changes: dict[str, Any], reason: str, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    site.environment[CONFIG] = json.dumps({**json.loads(site.environment[CONFIG]), **changes})
    assert site.promote("plan") == 2
    assert [(line["level"], line["event"], line["reason"]) for line in lines()] == [("error", "misconfigured", reason)]


def test_without_files_for_what_is_planned(site: Site, lines: Callable[[], list[dict[str, Any]]]) -> None:
    del site.environment["MODE_FILE"]
    assert site.promote("plan") == 2
    assert lines()[-1]["reason"] == "MODE_FILE: missing; allowed is the path of a file"


def test_without_a_registry(site: Site, lines: Callable[[], list[dict[str, Any]]]) -> None:
    del site.environment["MLFLOW_TRACKING_URI"]
    assert site.promote("plan") == 2
    assert lines()[-1]["reason"].startswith("MLFLOW_TRACKING_URI: missing")


def test_outside_of_a_cluster(
    site: Site, lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG")
    assert site.promote("rollback") == 2
    assert lines()[-1]["event"] == "misconfigured"


@pytest.mark.parametrize("verb", ["copy", "start", "gate", "finish", "weight"])
def test_a_version_is_needed(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb], {})
    assert ended.value.code == 2
    assert "--version" in capsys.readouterr().err


@pytest.mark.parametrize("percent", ["-1", "101", "half"])
def test_a_weight_is_a_share(percent: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["weight", "--version", "18", "--percent", percent], {})
    assert "--percent" in capsys.readouterr().err


# --- what is measured


@pytest.fixture
def prometheus() -> Iterator[tuple[Prometheus, FakePrometheus]]:
    fake = FakePrometheus()
    with fake.served() as url:
        yield Prometheus(url), fake


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ({"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "2.5"]}]}, 2.5),
        ({"resultType": "vector", "result": []}, None),
        ({"resultType": "vector", "result": [{"metric": {}, "value": [1, "NaN"]}]}, None),
        ({"resultType": "scalar", "result": [1, "3"]}, 3.0),
    ],
)
def test_one_number_of_prometheus(
    data: dict[str, Any], value: float | None, prometheus: tuple[Prometheus, FakePrometheus]
) -> None:
    asked, fake = prometheus
    fake.answers = [(200, {"status": "success", "data": data})]
    assert asked.value("sum(a[${window}])", 15) == value
    assert fake.asked == ["sum(a[15m])"]


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (
            (200, {"data": {"resultType": "vector", "result": [{"value": [1, "2"]}, {"value": [1, "3"]}]}}),
            MetricsError,
            "query 'up' yields 2 series; allowed is one number: sum or max over them",
        ),
        ((400, {"status": "error", "error": "parse error"}), MetricsError, "Prometheus: 400 parse error"),
        ((422, "no JSON"), MetricsError, "Prometheus: 422"),
        ((503, ""), UnreachableError, "Prometheus: 503"),
        ((200, "no JSON"), UnreachableError, "Prometheus: JSONDecodeError"),
    ],
)
def test_answers_of_prometheus_that_are_none(
    answer: tuple[int, Any], error: type[Exception], text: str, prometheus: tuple[Prometheus, FakePrometheus]
) -> None:
    asked, fake = prometheus
    fake.answers = [answer]
    with pytest.raises(error) as raised:
        asked.value("up", 10)
    assert str(raised.value) == text


def test_a_prometheus_that_is_not_there() -> None:
    with pytest.raises(UnreachableError, match=r"^Prometheus: URLError$"):
        Prometheus("http://127.0.0.1:9").value("up", 10)


def test_requests_that_prometheus_knows_nothing_of_are_none(prometheus: tuple[Prometheus, FakePrometheus]) -> None:
    asked, _ = prometheus
    queries = Queries(requests="a", errors="b", p99="c")
    assert OfGateway(asked, queries).measure(10) == Measured(0, 0, None)


def test_requests_of_a_function_are_those_of_its_version() -> None:
    client = boto3.client(
        "cloudwatch", region_name=rollouts.REGION, aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    found = [
        {"Id": "invocations", "Values": [400.0, 100.0]},
        {"Id": "errors", "Values": [5.0]},
        {"Id": "duration", "Values": [90.0, 120.5]},
    ]
    asked: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.cloudwatch.GetMetricData", lambda params, **_: asked.append(params)
    )
    with Stubber(client) as stub:
        stub.add_response("get_metric_data", {"MetricDataResults": found})
        assert OfFunction(client, "x", "live", "8").measure(10) == Measured(500, 5, 120.5)
        stub.add_response("get_metric_data", {"MetricDataResults": [{"Id": "duration", "Values": []}]})
        assert OfFunction(client, "x", "live", "8").measure(10) == Measured(0, 0, None)
    (first, _) = asked
    assert (first["EndTime"] - first["StartTime"]).total_seconds() == 600
    assert {query["MetricStat"]["Stat"] for query in first["MetricDataQueries"]} == {"Sum", "p99"}
    for query in first["MetricDataQueries"]:
        assert query["MetricStat"]["Period"] == 600
        dimensions = {each["Name"]: each["Value"] for each in query["MetricStat"]["Metric"]["Dimensions"]}
        assert dimensions == {"FunctionName": "x", "Resource": "x:live", "ExecutedVersion": "8"}
