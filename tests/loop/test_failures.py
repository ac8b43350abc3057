"""The loop's failing paths, on one platform with a champion; each begins by what the one before it has left.

They run in their order, since each takes time, and since a platform that goes on after a failure is what they show.
"""

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from platforms import changed, dev, tags, told, versions

from loop.payments import SHIFTED, USUAL
from loop.workloads import ended


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    with told(dev(), tmp_path_factory.mktemp("failures")) as made:
        made.stand()
        made.first_model()
        made.platform.quiet = True
        yield made


def state(story):
    """What the endpoint is: champion, address of its model, weights, and whether there is a candidate."""
    spec = story.platform.cluster.get("InferenceService", "fraud-scorer", "fraud-scorer")["spec"]
    (route,) = story.platform.cluster.all("HTTPRoute")
    weights = [one["weight"] for one in route["spec"]["rules"][0]["backendRefs"]]
    return story.champion(), spec["predictor"]["model"]["storageUri"].split("/")[-2], weights, "canary" in spec


def past(story, name, world, count):
    """Data of their own, as the address that a run is given."""
    address = story.platform.lake(world, count, f"{name}/payments")
    return f"{address.rpartition('/')[0]}/"


def asked(story, world):
    """A day of requests of a world, with their labels, and the check after it; then no more requests."""
    story.platform.world = world
    story.midnight()
    story.platform.world = None
    story.check()
    return story.points[-1]


def test_a_worse_challenger_is_not_promoted_and_the_champion_serves_on(story):
    # So few payments that nothing is learned from them.
    run = story.platform.submit(
        "TrainingPipeline", {"data-uri": past(story, "few", USUAL, 60), "requested-by": "by hand: few"}
    )
    assert run.phase == "Succeeded"
    found = tags(story, "2")
    assert found["decision"] == "rejected"
    assert found["reason"].startswith("accuracy ")
    assert (story.alias("challenger"), state(story)) == ("", ("1", "1", [100, 0], False))
    rollout = story.platform.submit("ServingEndpoint", {})
    assert [node.outputs for node in rollout.pods()] == [{"version": "", "mode": "none"}]
    assert state(story) == ("1", "1", [100, 0], False)


def test_a_gate_that_is_not_passed_rolls_back(story):
    point = asked(story, SHIFTED)
    assert point.retraining == "granted"
    (run,) = story.platform.settle()
    assert (run.phase, story.alias("challenger")) == ("Succeeded", "3")
    story.platform.world = SHIFTED
    # The candidate's pods can't be reached, as by a policy of the network.
    story.platform.gateway.broken.add("fraud-scorer-canary")
    rollout = story.platform.submit("ServingEndpoint", {})
    story.platform.gateway.broken.clear()
    story.platform.world = None
    names = [node.name.rpartition(".")[2] for node in rollout.pods()]
    assert names == ["plan", "copy", "start", "weight-20", "gate-20", "rollback"]
    assert rollout.phase == "Failed"
    assert state(story) == ("1", "1", [100, 0], False)
    assert tags(story, "3")["rollout"] == "rolled-back: 100 % of its requests failed; allowed are 1 %"
    assert story.alias("challenger") == ""


def test_what_was_rolled_back_is_not_tried_again(story):
    rollout = story.platform.submit("ServingEndpoint", {})
    assert [node.outputs for node in rollout.pods()] == [{"version": "", "mode": "none"}]


def test_a_second_drift_within_the_cooldown_gives_no_second_request(story):
    manifest, before = story.platform.drift_job(), len(story.platform.cluster.all("Workflow", "fraud"))
    first = story.points[-1]
    assert (first.retraining, bool(first.drifted)) == ("granted", True)
    # An hour later the window is another, and so is what would be asked for.
    story.platform.clock.pass_(3600)
    second = story.platform.check(manifest)
    assert second.event["reasons"]
    assert second.event["retraining"] == "cooldown"
    assert story.platform.waiting(story.queue()) == 0
    assert story.platform.settle() == []
    assert len(story.platform.cluster.all("Workflow", "fraud")) == before


def test_a_spent_budget_is_an_alert_and_no_request(story):
    changed(story.platform, cooldown_hours=1, daily_budget=1)
    story.platform.clock.pass_(3600)
    found = story.platform.check(story.platform.drift_job())
    assert found.event["retraining"] == "daily_budget"
    assert found.gauges["mlplatform_retraining_blocked", "daily_budget"] == 1
    assert "RetrainingBudgetSpent" in story.platform.prometheus.firing(story.platform.cluster, "fraud-drift")
    assert story.platform.waiting(story.queue()) == 0


def test_a_worker_that_is_killed_in_between_makes_its_workflow_once(story):
    platform = story.platform
    before = versions(story)
    platform.clock.pass_(86_400)
    changed(platform, cooldown_hours=1, daily_budget=8)
    assert asked(story, SHIFTED).retraining == "granted"

    def kill(verb, manifest):
        # The object is made, and whoever made it does not live to hear of it.
        if verb == "create" and manifest["kind"] == "Workflow":
            platform.followed[-1].kill()

    platform.cluster.changed.append(kill)
    process = platform.work()
    assert ended(process) == -9
    platform.cluster.changed.remove(kill)
    assert platform.waiting(story.queue()) == 0
    (workflow,) = (one["metadata"]["name"] for one in platform.cluster.all("Workflow", "fraud") if "status" not in one)

    # The message comes back when it is no longer hidden, and the next worker finds what was made of it.
    platform.clock.pass_(901)
    again = platform.work()
    platform.clock.pass_(30)
    assert ended(again) == 0
    (event,) = (event for event in again.events if event["event"] == "dispatched")
    assert (event["name"], event["made"], event["receives"]) == (workflow, False, 2)
    assert platform.waiting(story.queue()) == 0

    # A pod that is taken away after it has registered its version is begun anew, and there is one version.
    platform.argo.take("register", lambda: len(versions(story)) > len(before))
    (run,) = platform.settle()
    register = next(node for node in run.pods() if node.name.endswith(".register"))
    assert (run.phase, register.attempts) == ("Succeeded", 2)
    assert versions(story) == [*before, str(int(before[-1]) + 1)]
    assert tags(story, versions(story)[-1])["request"] == workflow
    assert story.alias("challenger") == versions(story)[-1]


def test_a_poison_message_goes_to_the_dead_letters(story):
    platform, url = story.platform, story.queue()
    sqs = platform.cloud.client("sqs")
    sqs.send_message(
        QueueUrl=url, MessageBody='{"version": 1}', MessageGroupId="fraud", MessageDeduplicationId="poison"
    )
    process = platform.work()
    platform._until(lambda: sum(event["event"] == "malformed" for event in process.events) >= 3)
    platform.clock.pass_(60)
    assert ended(process) == 0
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]
    dead = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
    (message,) = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName=dead)["QueueUrl"])["Messages"]
    assert message["Body"] == '{"version": 1}'
    assert platform.waiting(url) == 0
    assert platform.settle() == []


@pytest.mark.parametrize("trouble", ["empty_window", "missing_column"])
def test_bad_data_are_an_alert_and_no_request(story, trouble):
    platform = story.platform
    if trouble == "missing_column":
        platform.changed = lambda features: {name: value for name, value in features.items() if name != "amount"}
        found = asked(story, SHIFTED)
        platform.changed = lambda features: features
    else:
        found = asked(story, None)
    check = platform.checks[-1]
    assert trouble in check.event["problems"]
    assert check.event["reasons"] == []
    assert found.retraining == ""
    assert "DriftDataBad" in found.alerts
    assert platform.waiting(story.queue()) == 0


def test_a_registry_that_is_down_is_tried_again_and_then_a_clear_failure(story):
    before = versions(story)
    story.platform.registry.stop()
    run = story.platform.submit("TrainingPipeline", {"requested-by": "by hand: while MLflow is down"})
    story.platform.registry.start()
    select = next(node for node in run.pods() if node.name.endswith(".select"))
    assert (run.phase, select.attempts) == ("Failed", 3)
    text = select.process.text
    assert "Traceback" not in text
    (line,) = (event for event in select.process.events if event["level"] == "error")
    assert line["event"] == "failed"
    assert "registry.model-registry.svc:5000" in json.dumps(line)
    secret = story.platform.cloud.client("secretsmanager").get_secret_value(SecretId="ml-dev/registry")["SecretString"]
    assert not [word for word in json.loads(secret).values() if word in text]
    assert versions(story) == before


def test_no_pod_asked_for_what_its_role_does_not_allow(story):
    log = (story.platform.root / "logs" / "moto.log").read_text()
    assert [line for line in log.splitlines() if line.startswith("refused:")] == []


def test_a_day_has_passed_for_each_check(story):
    times = [point.time for point in story.points]
    assert all(timedelta(hours=23) < after - before for before, after in pairwise(times))
