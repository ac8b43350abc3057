"""The closed loop, on SQLite and, where Debian's is there, on PostgreSQL: drift, one request, retraining, rollout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from platforms import ROOT, dev, tags, told, versions

from loop import postgres
from loop.policies import denied
from loop.report import end
from loop.story import facts

DATABASES = [
    "SQLite",
    pytest.param(
        "PostgreSQL",
        marks=pytest.mark.skipif(
            postgres.binaries() is None, reason="PostgreSQL is not installed; fix: apt-get install postgresql"
        ),
    ),
]


@pytest.fixture(scope="module", params=DATABASES)
def story(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with told(dev(), folder, postgres=request.param != "SQLite") as made:
        made.database = request.param
        made.tell()
        yield made


def test_it_ends_well_on_the_database_that_was_asked_for(story):
    assert story.platform.registry.database.startswith(story.database)
    assert [point.version for point in story.points] == [f"fraud-scorer/{version}" for version in "1112"]


def test_drift_is_found_only_after_the_shift_and_gone_after_the_rollout(story):
    assert [bool(point.drifted) for point in story.points] == [False, False, True, False]
    assert story.points[2].alerts == ["DriftFound", "ModelQualityLow"]
    assert [point.alerts for at, point in enumerate(story.points) if at != 2] == [[], [], []]


def test_accuracy_falls_and_comes_back(story):
    before, shifted, after = (list(story.platform.days.values())[at].accuracy for at in (1, 2, -1))
    assert before > 0.9
    assert shifted < 0.5
    assert after > 0.85


def test_one_request_gives_one_training_of_the_requests_own_name(story):
    assert [point.retraining for point in story.points] == ["", "", "granted", ""]
    workflows = [one["metadata"]["name"] for one in story.platform.cluster.all("Workflow", "fraud")]
    retrainings = [name for name in workflows if name.startswith("retrain-")]
    assert len(retrainings) == 1
    assert tags(story, "2")["request"] == retrainings[0]
    assert tags(story, "2")["requested-by"].startswith("fraud-scorer: drift of amount")


def test_the_request_is_settled(story):
    config = story.platform.told("DriftMonitor", "REQUEST_CONFIG")
    item = story.platform.cloud.client("dynamodb").get_item(
        TableName=config["table"], Key={"id": {"S": config["endpoint"]}}
    )
    assert item["Item"]["settled"] == {"BOOL": True}
    assert story.platform.waiting(config["queue_url"]) == 0


def test_the_champion_has_moved_and_serves(story):
    assert (story.champion(), story.alias("challenger"), versions(story)) == ("2", "", ["1", "2"])
    assert [tags(story, version)["rollout"] for version in "12"] == ["promoted", "promoted"]
    service = story.platform.cluster.get("InferenceService", "fraud-scorer", "fraud-scorer")["spec"]
    assert service["predictor"]["model"]["storageUri"].endswith("/fraud-scorer/2/")
    assert "canary" not in service
    (route,) = story.platform.cluster.all("HTTPRoute")
    assert [one["weight"] for one in route["spec"]["rules"][0]["backendRefs"]] == [100, 0]


def test_the_rollout_went_by_the_weights_of_the_stack_file(story):
    (rollout,) = (run for run in story.platform.runs if any(node.kind == "suspend" for node in run.nodes))
    steps = [node.name.rpartition(".")[2] for node in rollout.nodes if node.kind in {"container", "suspend"}]
    assert steps == [
        "plan",
        "copy",
        "start",
        "weight-20",
        "wait-20",
        "gate-20",
        "weight-50",
        "wait-50",
        "gate-50",
        "finish",
    ]


def test_no_request_failed_while_versions_changed(story):
    assert sum(day.failed for day in story.platform.days.values()) == 0
    assert sum(day.tracks.get("canary", 0) for day in story.platform.days.values()) >= 100


def test_the_promoted_version_is_what_was_registered_and_can_not_be_replaced(story):
    config = story.platform.told("TrainingPipeline", "PIPELINE_CONFIG")
    rollout = story.platform.told("ServingEndpoint", "ROLLOUT_CONFIG")
    bucket, client = rollout["bucket"], story.platform.cloud.client("s3")
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == [f"fraud-scorer/{version}{name}" for version in "12" for name in (".json", "/model.joblib")]
    marker = json.loads(client.get_object(Bucket=bucket, Key="fraud-scorer/2.json")["Body"].read())
    assert marker["digest"] == tags(story, "2")["digest"]
    assert config["model"] == "fraud-scorer"
    policy = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
    asked = {"aws:securetransport": "true", "s3:tlsversion": "1.3", "s3:objectcreationoperation": "true"}
    assert (
        denied([policy], "s3:PutObject", f"arn:aws:s3:::{bucket}/fraud-scorer/2/model.joblib", asked) == "DenyOverwrite"
    )
    with pytest.raises(client.exceptions.ClientError, match="403"):
        client.put_object(Bucket=bucket, Key="fraud-scorer/2/model.joblib", Body=b"another")


def test_every_version_can_be_traced(story):
    account = story.platform.registry.environment("registry-credentials", "fraud")
    environment = {**os.environ, **account, "MLFLOW_TRACKING_URI": f"http://localhost:{story.platform.registry.port}"}
    command = [Path(sys.executable).with_name("mlplatform"), "provenance", "fraud-scorer", "2", "--format", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert account["MLFLOW_TRACKING_PASSWORD"] not in done.stdout + done.stderr
    chain = json.loads(done.stdout)
    assert "fraud-training@sha256:" in done.stdout
    assert "learning_rate" in done.stdout
    assert tags(story, "2")["data.digest"] in done.stdout
    assert chain


def test_no_pod_asked_for_what_its_role_does_not_allow(story):
    log = (story.platform.root / "logs" / "moto.log").read_text()
    assert [line for line in log.splitlines() if line.startswith("refused:")] == []
    assert [call for call in story.platform.cluster.requests if call.endswith(("401", "403"))] == []


def test_what_moto_refuses_is_its_own_limit_and_named(story):
    # It wants the resource of a log bucket's policy as a text, where AWS also takes a list.
    assert {line.split(" ")[0] for line in story.platform.cloud.refused} == {"aws:s3/bucketLogging:BucketLogging"}
    assert all("PutBucketLogging: InvalidTargetBucketForLogging" in line for line in story.platform.cloud.refused)


def test_no_secret_is_written_anywhere(story):
    secret = story.platform.cloud.client("secretsmanager").get_secret_value(SecretId="ml-dev/registry")["SecretString"]
    passwords = list(json.loads(secret).values())
    logs = "".join(path.read_text(errors="replace") for path in (story.platform.root / "logs").iterdir())
    assert len(passwords) == 4
    assert [word for word in passwords if word in logs or word in story.console.file.getvalue()] == []


def test_the_end_is_made_of_the_run(story, tmp_path):
    end(story, story.console, tmp_path)
    assert (tmp_path / "loop.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    text = story.console.file.getvalue()
    for point in story.points:
        assert f"{point.score:.3f}" in text
        assert f"{point.accuracy:.3f}" in text
    assert str(sum(day.asked for day in story.platform.days.values())) in text
    found = facts(story)
    assert [point["retraining"] for point in found["points"]] == ["", "", "granted", ""]
    assert sum(day["asked"] for day in found["days"]) == sum(day.asked for day in story.platform.days.values())


def test_workers_end_when_the_queue_is_empty(story):
    story.platform.clock.pass_(60)
    assert [process.wait(60) for process in story.platform.followed] == [0]
