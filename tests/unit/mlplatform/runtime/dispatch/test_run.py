"""Runs of the dispatcher, on a real FIFO queue of moto and the real Kubernetes client before a fake API."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError, NoRegionError
from kubernetes import client, config

from mlplatform.contracts.labels import KUEUE_PRIORITY_CLASS, KUEUE_QUEUE_NAME
from mlplatform.runtime.dispatch import run
from mlplatform.runtime.dispatch.queue import Delivery, Queue
from mlplatform.runtime.dispatch.run import main
from mlplatform.runtime.jobs import Exit

CONFIG = {"teams": {"vision": {"queue": "vision-queue"}}, "priorities": ["batch"], "default_priority": "batch"}
SECRET = "hunter2-do-not-log"
CONTAINER = {"name": "train", "image": "ecr/train@sha256:0", "env": [{"name": "TOKEN", "value": SECRET}]}
JOB = {
    "version": 1,
    "team": "vision",
    "kind": "Job",
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}},
}
JOBS = "/apis/batch/v1/namespaces/vision/jobs"
NLP = "/apis/batch/v1/namespaces/nlp/jobs"


def status(code, reason, message="", causes=None):
    details = {"details": {"causes": causes}} if causes else {}
    return code, {"kind": "Status", "code": code, "reason": reason, "message": message, **details}


UNAVAILABLE = status(503, "ServiceUnavailable")


def events(lines):
    return [(line["level"], line["event"]) for line in lines()]


def test_a_message_gives_one_object_and_is_deleted(dispatcher, intake, api, lines):
    sent = intake.send(JOB)
    assert dispatcher.run() is Exit.DONE
    assert list(api.objects) == [f"{JOBS}/run-1"]
    metadata = api.objects[f"{JOBS}/run-1"]["metadata"]
    assert metadata["annotations"] == {"mlplatform.dev/deduplication-id": "run-1", "mlplatform.dev/message-id": sent}
    assert (intake.left(), intake.died()) == (0, [])
    (line,) = lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert line == {
        "level": "info",
        "event": "dispatched",
        "message_id": sent,
        "deduplication_id": "run-1",
        "group": "vision",
        "receives": 1,
        "kind": "Job",
        "name": "run-1",
        "made": True,
    }


def test_objects_are_checked_strictly(dispatcher, intake, api):
    intake.send(JOB)
    dispatcher.run()
    assert api.requests == [f"POST {JOBS}?fieldValidation=Strict"]


def test_twice_the_same_message_gives_one_object(dispatcher, intake, api):
    intake.send(JOB)
    intake.send(JOB)
    assert dispatcher.run() is Exit.DONE
    assert (list(api.objects), intake.left(), intake.died()) == ([f"{JOBS}/run-1"], 0, [])


def test_the_same_message_much_later_gives_no_second_object(dispatcher, intake, api, lines):
    intake.send(JOB)
    dispatcher.run()
    made = dict(api.objects)
    intake.sqs.purge_queue(QueueUrl=intake.url)  # SQS forgets the ids of messages after five minutes
    later = Delivery(json.dumps(JOB), "handle", "another", "run-1", "vision", 1)
    assert dispatcher._dispatch(later, {}) == {"kind": "Job", "name": "run-1", "made": False}
    assert api.objects == made


def test_different_messages_give_an_object_each(dispatcher, intake, api):
    intake.send(JOB)
    intake.send(JOB, "run-2")
    intake.send({**JOB, "team": "nlp", "priority": "urgent"}, "run-3", group="nlp")
    dispatcher.run()
    assert set(api.objects) == {f"{JOBS}/run-1", f"{JOBS}/run-2", f"{NLP}/run-3"}
    labels = api.objects[f"{NLP}/run-3"]["metadata"]["labels"]
    assert (labels[KUEUE_QUEUE_NAME], labels[KUEUE_PRIORITY_CLASS]) == ("nlp-queue", "urgent")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Workflow", "/apis/argoproj.io/v1alpha1/namespaces/vision/workflows"),
        ("TrainJob", "/apis/trainer.kubeflow.org/v1alpha1/namespaces/vision/trainjobs"),
    ],
)
def test_custom_kinds_go_where_their_definition_is(dispatcher, intake, api, kind, path):
    intake.send({**JOB, "kind": kind, "spec": {}})
    assert dispatcher.run() is Exit.DONE
    assert [(at, found["kind"]) for at, found in api.objects.items()] == [(f"{path}/run-1", kind)]


MALFORMED = {
    "no JSON": ("{", "Invalid JSON: EOF while parsing an object at line 1 column 1"),
    "too deep": ("[" * 10_000, "Invalid JSON: recursion limit exceeded at line 1 column 202"),
    "no mapping": ("[]", "allowed is an object"),
    "no version": (
        {key: value for key, value in JOB.items() if key != "version"},
        "version: Field required",
    ),
    "another version": ({**JOB, "version": 2}, "version: allowed is 1"),
    "unknown field": ({**JOB, "metadata": {}}, "metadata: Extra inputs are not permitted"),
    "unknown team": ({**JOB, "team": "audio"}, "team: got 'audio'; allowed are nlp, vision"),
    "another team's group": (
        {**JOB, "team": "nlp"},
        "team: got 'nlp' in the message group 'vision'; they must be the same",
    ),
    "unknown kind": ({**JOB, "kind": "Pod"}, "kind: allowed is 'Job', 'Workflow' or 'TrainJob'"),
    "unknown priority": ({**JOB, "priority": "asap"}, "priority: got 'asap'; allowed are batch, urgent"),
    "empty priority": ({**JOB, "priority": ""}, "priority: got ''; allowed are batch, urgent"),
    "spec is a text": ({**JOB, "spec": SECRET}, "spec: allowed is an object"),
    "no spec": ({**JOB, "spec": None}, "spec: allowed is an object"),
    "no template": (
        {**JOB, "spec": {"template": SECRET}},
        "spec.template: allowed is a mapping",
    ),
    "containers are a mapping": (
        {**JOB, "spec": {"template": {"spec": {"containers": {"train": CONTAINER}}}}},
        "spec.template.spec.containers: allowed is a list of mappings",
    ),
    "another account": (
        {**JOB, "spec": {"template": {"spec": {"serviceAccountName": "admin"}}}},
        "spec.template.spec.serviceAccountName: allowed is worker only; leave it out",
    ),
    "another account of an executor": (
        {**JOB, "kind": "Workflow", "spec": {"templates": [{"executor": {"serviceAccountName": "admin"}}]}},
        "spec.templates[0].executor.serviceAccountName: allowed is worker only; leave it out",
    ),
    "another queue": (
        {**JOB, "kind": "Workflow", "spec": {"templates": [{"metadata": {"labels": {KUEUE_QUEUE_NAME: "nlp"}}}]}},
        "spec.templates[0].metadata.labels.kueue.x-k8s.io/queue-name: not allowed; the queue is the team's own",
    ),
    "another priority": (
        {**JOB, "spec": {"template": {"spec": {"priorityClassName": "system-node-critical"}}}},
        "spec.template.spec.priorityClassName: not allowed; give the priority as `priority` beside the spec",
    ),
    "a node": (
        {**JOB, "spec": {"template": {"spec": {"nodeName": "ip-10-0-0-1"}}}},
        "spec.template.spec.nodeName: not allowed; it passes by the scheduler, and so by the quota of the nodes' pool",
    ),
    "a patch": (
        {**JOB, "kind": "Workflow", "spec": {"podSpecPatch": "hostNetwork: true"}},
        "spec.podSpecPatch: not allowed; it is a text that could hold any of the fields refused here",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_message_goes_to_the_dead_letter_queue(dispatcher, intake, api, lines, case):
    body, reason = MALFORMED[case]
    intake.send(body)
    assert dispatcher.run() is Exit.DONE
    found = lines()
    assert [(line["event"], line["level"], line["receives"]) for line in found] == [
        ("malformed", "error", 1),
        ("malformed", "error", 2),
        ("malformed", "error", 3),
    ]
    assert {line["reason"] for line in found} == {reason}
    assert SECRET not in json.dumps(found)
    assert (api.requests, intake.left()) == ([], 0)
    assert intake.died() == [body if isinstance(body, str) else json.dumps(body)]


def test_a_malformed_message_holds_up_neither_its_group_nor_others(dispatcher, intake, api):
    intake.send("{")
    intake.send(JOB, "run-2")
    intake.send({**JOB, "team": "nlp"}, "run-3", group="nlp")
    assert dispatcher.run() is Exit.DONE
    assert set(api.objects) == {f"{JOBS}/run-2", f"{NLP}/run-3"}
    assert (intake.died(), intake.left()) == (["{"], 0)


REFUSED = {
    "invalid": (
        status(
            422,
            "Invalid",
            f'Job.batch "run-1" is invalid: spec.template: Invalid value: "{SECRET}"',
            [{"field": "spec.template.spec.restartPolicy", "reason": "FieldValueRequired", "message": SECRET}],
        ),
        "Kubernetes API: 422 Invalid: spec.template.spec.restartPolicy FieldValueRequired",
    ),
    "misspelt": (
        status(400, "BadRequest", f'strict decoding error: unknown field "spec.suspnd", {SECRET}'),
        "Kubernetes API: 400 BadRequest: spec.suspnd",
    ),
    "denied": (
        status(403, "Forbidden", f'admission webhook "images.example.org" denied the request: {SECRET}'),
        "Kubernetes API: 403 Forbidden: images.example.org",
    ),
    "not installed": ((404, "404 page not found"), "Kubernetes API: 404"),
    "too large": ((413, json.dumps(SECRET)), "Kubernetes API: 413"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_api_refuses_is_malformed(dispatcher, intake, api, lines, case):
    answer, reason = REFUSED[case]
    api.answers = [answer] * 3
    intake.send(JOB)
    assert dispatcher.run() is Exit.DONE
    found = lines()
    assert [(line["event"], line["reason"]) for line in found] == [("malformed", reason)] * 3
    assert SECRET not in json.dumps(found)
    assert (intake.died(), intake.left(), api.objects) == ([json.dumps(JOB)], 0, {})


PASSING = {
    "server error": (UNAVAILABLE, "Kubernetes API: 503 ServiceUnavailable"),
    "webhook down": (
        status(500, "InternalError", f"failed calling webhook: {SECRET}"),
        "Kubernetes API: 500 InternalError",
    ),
    "too many": (status(429, "TooManyRequests"), "Kubernetes API: 429 TooManyRequests"),
    "token expired": (status(401, "Unauthorized"), "Kubernetes API: 401 Unauthorized"),
    "quota used up": (
        status(403, "Forbidden", 'jobs.batch "run-1" is forbidden: exceeded quota: count'),
        "Kubernetes API: 403 Forbidden",
    ),
    "no rights": (
        status(403, "Forbidden", 'jobs.batch is forbidden: User "dispatcher" cannot create resource "jobs"'),
        "Kubernetes API: 403 Forbidden",
    ),
    "no status": ((502, "<html>"), "Kubernetes API: 502"),
}


@pytest.mark.parametrize("case", PASSING)
def test_what_passes_is_tried_again_with_the_message_held(  # noqa: PLR0917 - fixtures
    dispatcher, intake, api, lines, clock, case, mocker
):
    answer, reason = PASSING[case]
    api.answers = [answer, answer]
    held = mocker.spy(intake.sqs, "change_message_visibility")
    intake.send(JOB)
    assert dispatcher.run() is Exit.DONE
    assert [(line["event"], line.get("reason"), line.get("seconds")) for line in lines()] == [
        ("retry", reason, 1),
        ("retry", reason, 2),
        ("dispatched", None, None),
    ]
    assert clock.pauses == [1, 2]
    assert [call.kwargs["VisibilityTimeout"] for call in held.call_args_list] == [900, 900]
    assert (list(api.objects), intake.left(), intake.died()) == ([f"{JOBS}/run-1"], 0, [])


def test_what_does_not_pass_leaves_the_message_and_ends_the_run(dispatcher, intake, api, lines, clock):
    api.answers = [UNAVAILABLE] * 100
    intake.send(JOB)
    intake.send({**JOB, "team": "nlp"}, "run-2", group="nlp")
    assert dispatcher.run() is Exit.FAILED
    assert clock.pauses == [1, 2, 4, 8, 16, *[30] * 8]
    assert sum(clock.pauses) < run.PATIENCE_SECONDS
    assert events(lines)[-1] == ("error", "unavailable")
    assert (intake.left(), intake.died(), api.objects) == (2, [], {})


def test_a_message_comes_back_when_the_api_does(dispatcher, intake, api, lines):
    returning = replace(dispatcher, queue=replace(dispatcher.queue, hold_seconds=0))
    api.answers = [UNAVAILABLE] * 14
    intake.send(JOB)
    assert returning.run() is Exit.FAILED
    assert (api.objects, api.answers) == ({}, [])
    lines()
    assert returning.run() is Exit.DONE
    assert [(line["event"], line["receives"], line["made"]) for line in lines()] == [("dispatched", 2, True)]
    assert (list(api.objects), intake.left(), intake.died()) == ([f"{JOBS}/run-1"], 0, [])


def test_an_api_that_fails_for_hours_ends_in_the_dead_letter_queue(dispatcher, intake, api):
    returning = replace(dispatcher, queue=replace(dispatcher.queue, hold_seconds=0))
    api.answers = [UNAVAILABLE] * 1000
    intake.send(JOB)
    assert [returning.run() for _ in range(4)] == [Exit.FAILED] * 3 + [Exit.DONE]
    assert (intake.died(), intake.left(), api.objects) == ([json.dumps(JOB)], 0, {})


def test_an_api_that_cannot_be_reached_leaves_the_message(dispatcher, intake, api, lines, monkeypatch):
    monkeypatch.setattr(run, "PATIENCE_SECONDS", 0)
    dispatcher.cluster.api.api_client.configuration.host = "http://127.0.0.1:1"
    intake.send(JOB)
    assert dispatcher.run() is Exit.FAILED
    (line,) = lines()
    assert (line["event"], line["reason"], intake.left()) == ("unavailable", "NewConnectionError", 1)


def test_an_answer_that_was_lost_gives_no_second_object(dispatcher, intake, api, lines):
    posted = api.post

    def lost(path, body):
        posted(path, body)
        api.post = posted
        return UNAVAILABLE

    api.post = lost
    intake.send(JOB)
    assert dispatcher.run() is Exit.DONE
    assert [(line["event"], line.get("made")) for line in lines()] == [("retry", None), ("dispatched", False)]
    assert (list(api.objects), intake.left()) == ([f"{JOBS}/run-1"], 0)


def test_an_object_of_someone_else_is_not_taken_for_the_messages(dispatcher, intake, api, lines):
    api.objects[f"{JOBS}/run-1"] = foreign = {"metadata": {"name": "run-1"}}
    intake.send(JOB)
    assert dispatcher.run() is Exit.DONE
    found = lines()
    assert {line["reason"] for line in found} == {"Job run-1 is there already, and not of this message"}
    assert (intake.died(), api.objects) == ([json.dumps(JOB)], {f"{JOBS}/run-1": foreign})


@pytest.mark.parametrize("lookup", [status(404, "NotFound"), UNAVAILABLE])
def test_a_conflict_on_something_else_is_tried_again(dispatcher, intake, api, clock, lookup):
    api.answers = [status(409, "Conflict", "resourcequotas: the object has been modified"), lookup]
    intake.send(JOB)
    assert dispatcher.run() is Exit.DONE
    assert [request.split("?")[0] for request in api.requests] == [
        f"POST {JOBS}",
        f"GET {JOBS}/run-1",
        f"POST {JOBS}",
    ]
    assert (clock.pauses, list(api.objects)) == ([1], [f"{JOBS}/run-1"])


class CannotDelete:
    """A client of SQS whose process dies between the object and the message."""

    def __init__(self, sqs):
        self.sqs = sqs
        self.handles = []

    def __getattr__(self, name):
        return getattr(self.sqs, name)

    def delete_message(self, **request):
        self.handles.append(request["ReceiptHandle"])
        raise ClientError({"Error": {"Code": "Died"}}, "DeleteMessage")


def test_a_crash_after_the_object_gives_no_second_one(dispatcher, intake, api, lines):
    crashing = CannotDelete(intake.sqs)
    intake.send(JOB)
    with pytest.raises(ClientError):
        replace(dispatcher, queue=Queue(crashing, intake.url, 900)).run()
    assert (list(api.objects), intake.left()) == ([f"{JOBS}/run-1"], 1)
    (handle,) = crashing.handles
    intake.sqs.change_message_visibility(QueueUrl=intake.url, ReceiptHandle=handle, VisibilityTimeout=0)
    assert dispatcher.run() is Exit.DONE
    assert [(line["event"], line["receives"], line["made"]) for line in lines()] == [("dispatched", 2, False)]
    assert (list(api.objects), intake.left(), intake.died()) == ([f"{JOBS}/run-1"], 0, [])


def test_a_run_ends_after_so_many_messages(dispatcher, intake, api, monkeypatch):
    monkeypatch.setattr(run, "MAX_MESSAGES", 2)
    for at in range(3):
        intake.send(JOB, f"run-{at}")
    assert dispatcher.run() is Exit.DONE
    assert (len(api.objects), intake.left()) == (2, 1)


def test_a_run_ends_after_so_long(dispatcher, intake, api, clock):
    for at in range(3):
        intake.send(JOB, f"run-{at}")
    api.on_post = lambda: setattr(clock, "now", clock.now + run.MAX_SECONDS / 2)
    assert dispatcher.run() is Exit.DONE
    assert (len(api.objects), intake.left()) == (2, 1)


def test_requests_wait_as_long_as_they_can_for_one_message(mocker):
    sqs = mocker.Mock()
    sqs.receive_message.return_value = {}
    polled = Queue(sqs, "https://example.org/intake.fifo", 900)
    assert (polled.receive(), polled.receive()) == (None, None)
    one, other = (call.kwargs for call in sqs.receive_message.call_args_list)
    assert one.pop("ReceiveRequestAttemptId") != other.pop("ReceiveRequestAttemptId")
    assert one == {
        "QueueUrl": "https://example.org/intake.fifo",
        "MaxNumberOfMessages": 1,
        "WaitTimeSeconds": 20,
        "MessageSystemAttributeNames": ["MessageDeduplicationId", "MessageGroupId", "ApproximateReceiveCount"],
    }


@pytest.fixture
def environment(api, intake, monkeypatch):
    """The environment of a pod in the cluster of the fake API, and SIGTERM as it was afterwards."""

    def load(client_configuration):
        client_configuration.host = api.url

    monkeypatch.setattr(config, "load_incluster_config", load)
    before = signal.getsignal(signal.SIGTERM)
    yield {run.QUEUE_URL: intake.url, run.HOLD: "900", run.CONFIG: json.dumps(CONFIG)}
    signal.signal(signal.SIGTERM, before)


def test_the_command_drains_the_queue_in_its_own_region(environment, intake, api, lines, monkeypatch):
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    intake.send(JOB)
    assert main([], environment) == 0
    assert list(api.objects) == [f"{JOBS}/run-1"]
    assert events(lines) == [("info", "dispatched"), ("info", "ended")]


def test_sigterm_ends_the_run_after_the_message_in_hand(environment, intake, api, lines):
    api.on_post = lambda: os.kill(os.getpid(), signal.SIGTERM)
    intake.send(JOB)
    intake.send(JOB, "run-2")
    assert main([], environment) == 0
    assert (list(api.objects), intake.left()) == ([f"{JOBS}/run-1"], 1)
    found = lines()
    assert [line["event"] for line in found] == ["dispatched", "ended"]
    assert (found[-1]["code"], found[-1]["stopped"]) == (0, True)


def test_sigterm_ends_the_attempts_too(environment, intake, api, lines):
    def ends(path, body):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)  # the handler runs in the main thread, which waits for this answer
        return UNAVAILABLE

    api.post = ends
    intake.send(JOB)
    assert main([], environment) == 1
    assert [line["event"] for line in lines()] == ["unavailable", "ended"]
    assert (len(api.requests), intake.left()) == (1, 1)


def test_a_queue_that_fails_ends_the_run(environment, intake, lines):
    intake.sqs.delete_queue(QueueUrl=intake.url)
    assert main([], environment) == 1
    assert [(line["event"], line.get("reason")) for line in lines()] == [
        ("queue", "ReceiveMessage: AWS.SimpleQueueService.NonExistentQueue"),
        ("ended", None),
    ]


BAD_ENVIRONMENTS = {
    "no queue": (
        {run.QUEUE_URL: ""},
        "DISPATCH_QUEUE_URL: got ''; allowed is the URL of a FIFO queue, which ends in .fifo",
    ),
    "standard queue": (
        {run.QUEUE_URL: "https://sqs.eu-west-1.amazonaws.com/123456789012/intake"},
        (
            "DISPATCH_QUEUE_URL: got 'https://sqs.eu-west-1.amazonaws.com/123456789012/intake'; allowed is the URL of "
            "a FIFO queue, which ends in .fifo"
        ),
    ),
    "no hold": ({run.HOLD: ""}, "DISPATCH_HOLD_SECONDS: got ''; allowed are 101 to 43200 seconds"),
    "hold in words": ({run.HOLD: "15m"}, "DISPATCH_HOLD_SECONDS: got '15m'; allowed are 101 to 43200 seconds"),
    "hold shorter than an attempt": (
        {run.HOLD: "100"},
        "DISPATCH_HOLD_SECONDS: got '100'; allowed are 101 to 43200 seconds",
    ),
    "hold longer than SQS has": (
        {run.HOLD: "43201"},
        "DISPATCH_HOLD_SECONDS: got '43201'; allowed are 101 to 43200 seconds",
    ),
    "no configuration": (
        {run.CONFIG: ""},
        "DISPATCH_CONFIG: Invalid JSON: EOF while parsing a value at line 1 column 0",
    ),
    "no teams": (
        {run.CONFIG: json.dumps({**CONFIG, "teams": {}})},
        "DISPATCH_CONFIG: teams: Dictionary should have at least 1 item after validation, not 0",
    ),
    "no queue of a team": (
        {run.CONFIG: json.dumps({**CONFIG, "teams": {"vision": {}}})},
        "DISPATCH_CONFIG: teams.vision.queue: Field required",
    ),
    "unknown default": (
        {run.CONFIG: json.dumps({**CONFIG, "default_priority": "urgent"})},
        "DISPATCH_CONFIG: default_priority: got 'urgent'; allowed are batch",
    ),
    "unknown field": (
        {run.CONFIG: json.dumps({**CONFIG, "team": "vision"})},
        "DISPATCH_CONFIG: team: Extra inputs are not permitted",
    ),
}


@pytest.mark.parametrize("case", BAD_ENVIRONMENTS)
def test_a_bad_environment_ends_with_one_line(environment, lines, case):
    changes, reason = BAD_ENVIRONMENTS[case]
    assert main([], {**environment, **changes}) == 2
    assert [(line["level"], line["event"], line["reason"]) for line in lines()] == [("error", "misconfigured", reason)]


def test_outside_a_cluster_nothing_is_received(environment, intake, lines, monkeypatch):
    monkeypatch.undo()
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert main([], environment) == 2
    assert [line["reason"] for line in lines()] == ["ConfigException: Service host/port is not set."]


def test_a_region_that_nobody_names_is_an_error(environment, lines, mocker):
    mocker.patch.object(run.boto3, "client", side_effect=NoRegionError())
    assert main([], {**environment, run.QUEUE_URL: "https://queue.example.org/1/intake.fifo"}) == 2
    assert run.boto3.client.call_args.kwargs["region_name"] is None
    assert [line["reason"] for line in lines()] == ["NoRegionError: You must specify a region."]


def test_the_client_does_not_repeat_by_itself(dispatcher):
    assert dispatcher.cluster.api.api_client.configuration.retries is False
    assert client.Configuration().retries is not False


def test_neither_pulumi_nor_what_only_components_need_is_imported():
    program = (
        "import sys, mlplatform.runtime.dispatch.run; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert {"pulumi", "pulumi_aws", "pulumi_kubernetes", "rich", "grpc"}.isdisjoint(found.stdout.split())


def test_the_package_needs_none_of_its_extra():
    program = "import sys, mlplatform.runtime, mlplatform.runtime.dispatch; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert {"pulumi", "boto3", "kubernetes", "pydantic"}.isdisjoint(found.stdout.split())


def test_the_command_is_a_module():
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DISPATCH_")}
    command = [sys.executable, "-m", "mlplatform.runtime", "worker"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (found.returncode, found.stderr) == (2, "")
    assert json.loads(found.stdout)["event"] == "misconfigured"
