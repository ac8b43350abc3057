"""From drift to training: checks that ask and workers that make the Workflow, killed and started again at any point."""

import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
import moto.sqs.models
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes.client.exceptions import ApiException
from moto import mock_aws

from mlplatform.contracts.drift import TABLE_KEY
from mlplatform.contracts.pipeline import asked
from mlplatform.runtime.dispatch.cluster import Cluster
from mlplatform.runtime.dispatch.message import Config
from mlplatform.runtime.dispatch.queue import Queue
from mlplatform.runtime.dispatch.run import Dispatcher
from mlplatform.runtime.request.gate import Limits, Request
from mlplatform.runtime.request.requester import Outbox, Requester
from mlplatform.runtime.request.store import Store

REGION = "eu-west-1"
HOUR = 3600
NOON = 1_770_033_600
"""2026-02-02T12:00:00Z."""
LIMITS = Limits(cooldown_hours=6, longest_hours=6, daily=4, monthly=60)
TEAM = {"teams": {"fraud": {"queue": "default"}}, "priorities": ["normal"], "default_priority": "normal"}
RECEIVES = 3


class Killed(BaseException):
    """The end of a process, which no job can see coming."""


class Mortal:
    """What a process calls; the process dies before, or just after, one of its calls."""

    def __init__(self, real: Any, death: "Death") -> None:
        self.real, self.death = real, death

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*where: Any, **given: Any) -> Any:
            self.death.comes()
            answer = getattr(self.real, name)(*where, **given)
            self.death.comes()
            return answer

        return call


class Death:
    """Comes at the edge of that number, of which each call has two; never for None."""

    def __init__(self, edge: int | None) -> None:
        self.left = edge

    def comes(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


class Workflows:
    """The Kubernetes API, as far as one kind of object goes."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.objects: dict[str, Any] = {}

    def create_namespaced_custom_object(self, *where: Any, **_: Any) -> None:
        body = where[-1]
        name = body["metadata"]["name"]
        if name in self.objects:
            raise ApiException(status=409)
        self.objects[name] = body
        self.made[name] += 1

    def get_namespaced_custom_object(self, *where: Any, **_: Any) -> Any:
        return self.objects[where[-1]]


class World:
    """The table, the queue, the cluster, and a clock."""

    def __init__(self) -> None:
        self.now = NOON
        self.dynamodb = boto3.client("dynamodb", region_name=REGION)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.workflows = Workflows()
        self.grants: list[tuple[int, str]] = []
        key = [{"AttributeName": TABLE_KEY, "KeyType": "HASH"}]
        attributes = [{"AttributeName": TABLE_KEY, "AttributeType": "S"}]
        self.dynamodb.create_table(
            TableName="state", KeySchema=key, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST"
        )
        fifo = {"FifoQueue": "true"}
        dead = self.sqs.create_queue(QueueName="dead.fifo", Attributes=fifo)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES})
        made = self.sqs.create_queue(QueueName="jobs.fifo", Attributes={**fifo, "RedrivePolicy": redrive})
        self.dead, self.url = dead, made["QueueUrl"]
        self.held: list[str] = []

    def check(self, edge: int | None) -> None:
        """A look at the window that ends now, which has drifted."""
        client = Mortal(self, Death(edge))
        request_id = f"retrain-{self.now // HOUR}"
        message = {"version": 1, "team": "fraud", "kind": "Workflow", "spec": asked("fraud-training")}
        requester = Requester(
            Store(client, "state", "fraud"), Outbox(client, self.url), LIMITS, lambda: float(self.now)
        )
        requester.ask(Request(request_id, "fraud", json.dumps(message), "drift of amount"))

    def work(self, edge: int | None) -> None:
        """A worker."""
        death = Death(edge)
        queue = Queue(Mortal(self, death), self.url, 900)
        cluster = Cluster(Mortal(self.workflows, death))
        Dispatcher(queue, cluster, Config.model_validate(TEAM), lambda *_, **__: None, Never()).run()

    def give_back(self) -> None:
        """The time for which messages are hidden is over."""
        for handle in self.held:
            self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0)
        self.held.clear()

    # What the jobs call, with a note of what matters.

    def get_item(self, **given: Any) -> Any:
        return self.dynamodb.get_item(**given)

    def put_item(self, **given: Any) -> None:
        self.dynamodb.put_item(**given)
        if not given["Item"]["sent"]["BOOL"]:
            self.grants.append((int(given["Item"]["asked_at"]["N"]), given["Item"]["request_id"]["S"]))

    def send_message(self, **given: Any) -> Any:
        return self.sqs.send_message(**given)

    def receive_message(self, **given: Any) -> Any:
        answer = self.sqs.receive_message(**given)
        self.held += [message["ReceiptHandle"] for message in answer.get("Messages", [])]
        return answer

    def delete_message(self, **given: Any) -> None:
        self.sqs.delete_message(**given)
        self.held = [handle for handle in self.held if handle != given["ReceiptHandle"]]

    def buried(self) -> set[str]:
        """Requests whose message was received too often."""
        found: set[str] = set()
        names = ["MessageDeduplicationId"]
        while messages := self.sqs.receive_message(
            QueueUrl=self.dead, MessageSystemAttributeNames=names, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                found.add(message["Attributes"]["MessageDeduplicationId"])
                self.sqs.delete_message(QueueUrl=self.dead, ReceiptHandle=message["ReceiptHandle"])
        return found


class Never:
    """An event that never comes, and waits for nothing."""

    def is_set(self) -> bool:
        return False

    def wait(self, _: float | None = None) -> bool:
        return False


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["check", "work"]),
        st.one_of(st.none(), st.integers(0, 13)),
        st.sampled_from([0, 0, HOUR, 3 * HOUR, 7 * HOUR]),
        st.booleans(),
    ),
    min_size=6,
    max_size=24,
)


@pytest.fixture
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlplatform.runtime.dispatch.queue.WAIT_SECONDS", 0)
    # As if every repeated message came later than the five minutes in which SQS drops it.
    monkeypatch.setattr(moto.sqs.models, "DEDUPLICATION_TIME_IN_SECONDS", -1)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


@pytest.mark.usefixtures("_aws")
def test_any_interleaving_of_checks_and_workers_trains_once_a_cooldown() -> None:
    counts: Counter[str] = Counter()

    @settings(max_examples=25, database=None)
    @given(steps=STEPS)
    def holds(steps: list[tuple[str, int | None, int, bool]]) -> None:
        with mock_aws():
            world = World()
            for what, edge, passes, returns in steps:
                world.now += passes
                if returns:
                    world.give_back()
                try:
                    getattr(world, what)(edge)
                except Killed:
                    counts[f"{what} killed"] += 1
            judge(world, counts)

    holds()
    # Among the plays are some that were at stake.
    assert min(counts[name] for name in ("check killed", "work killed", "several")) >= 5


def judge(world: World, counts: Counter[str]) -> None:
    times = [at for at, _ in world.grants]
    assert all(later - earlier >= LIMITS.cooldown_hours * HOUR for earlier, later in itertools.pairwise(times))
    granted = [name for _, name in world.grants]
    assert len(set(granted)) == len(granted)
    # Whatever was left by those that died is taken up by the next check and the next worker.
    world.now += 1
    world.give_back()
    Requester(Store(world, "state", "fraud"), Outbox(world, world.url), LIMITS, lambda: float(world.now)).flush()
    for _ in range(RECEIVES + 1):
        world.work(None)
        world.give_back()
    assert set(world.workflows.objects) | world.buried() == set(granted)
    assert set(world.workflows.made.values()) <= {1}
    counts["several"] += len(granted) > 1
