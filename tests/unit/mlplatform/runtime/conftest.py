"""A Kubernetes API on the loopback and a FIFO queue with its dead-letter queue, as the dispatcher meets them."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from kubernetes import client
from moto import mock_aws

import pipelines
from mlplatform.runtime.dispatch import run
from mlplatform.runtime.dispatch.cluster import Cluster
from mlplatform.runtime.dispatch.message import Config
from mlplatform.runtime.dispatch.queue import Queue
from mlplatform.runtime.dispatch.run import Dispatcher
from pipelines import Pipeline

REGION = "eu-west-1"
RECEIVES = 3
HOLD = 900
CONFIG = {
    "teams": {"vision": {"queue": "vision-queue"}, "nlp": {"queue": "nlp-queue"}},
    "priorities": ["batch", "urgent"],
    "default_priority": "batch",
}


class FakeApi:
    """Keeps what is posted by its path; `answers` are given first, each once, as (status, body)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.objects: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.answers: list[tuple[int, Any]] = []
        self.on_post: Callable[[], None] = lambda: None

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.on_post()
        where = f"{path}/{body['metadata']['name']}"
        if where in self.objects:
            return 409, status(409, "AlreadyExists", f'"{body["metadata"]["name"]}" already exists')
        self.objects[where] = body
        return 201, body

    def get(self, path: str) -> tuple[int, Any]:
        found = self.objects.get(path)
        return (200, found) if found else (404, status(404, "NotFound", "not found"))


def status(code: int, reason: str, message: str = "", causes: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """An error as the API server words it."""
    details = {"details": {"causes": causes}} if causes else {}
    return {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message, **details}


@pytest.fixture
def api() -> Iterator[FakeApi]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(lambda path: fake.post(path, body))

        def do_GET(self) -> None:
            self._answer(fake.get)

        def _answer(self, act: Callable[[str], tuple[int, Any]]) -> None:
            fake.requests.append(f"{self.command} {self.path}")
            code, body = fake.answers.pop(0) if fake.answers else act(self.path.partition("?")[0])
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake = FakeApi(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield fake
    server.shutdown()
    server.server_close()
    thread.join(5)


class Intake:
    """The queue, the dead-letter queue, and what a submitter does."""

    def __init__(self, sqs: Any) -> None:
        self.sqs = sqs
        fifo = {"FifoQueue": "true"}
        self.dead = sqs.create_queue(QueueName="dead.fifo", Attributes=fifo)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES})
        self.url = sqs.create_queue(
            QueueName="intake.fifo", Attributes={**fifo, "VisibilityTimeout": str(HOLD), "RedrivePolicy": redrive}
        )["QueueUrl"]

    def send(self, body: object, deduplication_id: str = "run-1", group: str = "vision") -> str:
        """Sends a message, JSON unless it is text, and returns the id that SQS gives it."""
        text = body if isinstance(body, str) else json.dumps(body)
        sent = self.sqs.send_message(
            QueueUrl=self.url, MessageBody=text, MessageGroupId=group, MessageDeduplicationId=deduplication_id
        )
        return str(sent["MessageId"])

    def left(self) -> int:
        """How many messages the queue has, those in hand included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(map(int, counts.values()))

    def died(self) -> list[str]:
        """Bodies of the messages in the dead-letter queue."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.dead).get("Messages"):
            found += [message["Body"] for message in messages]
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.dead, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture
def intake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Intake]:
    monkeypatch.setattr("mlplatform.runtime.dispatch.queue.WAIT_SECONDS", 0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield Intake(boto3.client("sqs", region_name=REGION))


class Clock(threading.Event):
    """Time that passes only by waiting, and the event that ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0)
        self.now += timeout or 0
        return self.is_set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """What was logged since it was last asked, one mapping a line."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def dispatcher(api: FakeApi, intake: Intake, clock: Clock) -> Dispatcher:
    cluster = Cluster.at(client.Configuration(host=api.url))
    config = Config.model_validate(CONFIG)
    return Dispatcher(Queue(intake.sqs, intake.url, HOLD), cluster, config, run.write, clock, lambda: clock.now)


@pytest.fixture
def pipeline(tmp_path: Path, tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """A run of a pipeline, with its buckets."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", pipelines.REGION)
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        pipeline = Pipeline(tmp_path, tracking_uri)
        for bucket in ("runs", "features"):
            pipeline.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": pipelines.REGION})
        yield pipeline
