"""Asking for retraining: the gate as a function, on moto's DynamoDB, SQS and SNS, and under any interleaving."""

import contextlib
import itertools
import json
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from mlplatform.contracts.drift import REQUEST_CONFIG, TABLE_KEY, TABLE_TTL, VALUES, filled, strange
from mlplatform.runtime.dispatch.message import Config, parse
from mlplatform.runtime.dispatch.objects import name_of
from mlplatform.runtime.request import run
from mlplatform.runtime.request.gate import Limits, Request, State, Verdict, decide, sent, settled
from mlplatform.runtime.request.message import Settings, by_hand, of_window
from mlplatform.runtime.request.requester import ContentionError, Outbox, Requester, settle
from mlplatform.runtime.request.store import KEPT_SECONDS, ConflictError, Store
from promises import covers

REGION = "eu-west-1"
HOUR = 3600
NOON = 1_770_033_600
"""2026-02-02T12:00:00Z, a Monday."""
LIMITS = Limits(cooldown_hours=24, longest_hours=24, daily=1, monthly=8)
FIRST = Request("retrain-1", "risk", "{}", "drift of amount 0.300")
SECOND = replace(FIRST, id="retrain-2")
SETTINGS: dict[str, Any] = {
    "endpoint": "fraud",
    "table": "state",
    "queue_url": "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo",
    "team": "risk",
    "kind": "Workflow",
    "spec": {
        "workflowTemplateRef": {"name": "fraud-training"},
        "arguments": {"parameters": [{"name": "asked", "value": "${request.id} for ${request.reason}"}]},
    },
    "cooldown_hours": 24,
    "max_hours": 24,
    "daily_budget": 1,
    "monthly_budget": 8,
}
START, END = datetime(2026, 2, 1, 1, tzinfo=UTC), datetime(2026, 2, 2, 1, tzinfo=UTC)


def granted(request: Request = FIRST, at: int = NOON, limits: Limits = LIMITS, before: State | None = None) -> State:
    verdict, state = decide(before, request, limits, at)
    assert verdict is Verdict.GRANTED
    assert state is not None
    return state


def done(state: State) -> State:
    return settled(sent(state))


def test_the_first_is_granted() -> None:
    assert granted() == State(
        request=FIRST,
        asked_at=NOON,
        sent=False,
        settled=False,
        former=(),
        day="2026-02-02",
        of_day=1,
        month="2026-02",
        of_month=1,
        version=1,
    )


LATER = {
    "not sent yet": (granted(), 0, SECOND, Verdict.UNSENT),
    "the same again": (sent(granted()), 0, FIRST, Verdict.REPEATED),
    "the same, long after": (done(granted()), 90 * 24, FIRST, Verdict.REPEATED),
    "in the cooldown": (done(granted()), 23.99, SECOND, Verdict.COOLDOWN),
    "a clock that is behind": (done(granted()), -48, SECOND, Verdict.COOLDOWN),
    "after the cooldown": (done(granted()), 24, SECOND, Verdict.GRANTED),
}


@pytest.mark.parametrize(("state", "hours", "request_", "verdict"), LATER.values(), ids=LATER)
def test_a_later_one_is_judged_by_what_is_known(
    state: State, hours: float, request_: Request, verdict: Verdict
) -> None:
    found, after = decide(state, request_, LIMITS, NOON + int(hours * HOUR))
    assert found is verdict
    assert (after is None) == (verdict is not Verdict.GRANTED)


@covers(
    "drift-monitor.one-at-a-time",
    field="DriftMonitorArgs.retraining.max_hours",
    ends_in="kubernetes:batch/v1:CronJob.spec",
)
def test_one_runs_at_a_time_until_it_is_settled_or_overdue() -> None:
    limits = replace(LIMITS, cooldown_hours=1, longest_hours=10, daily=5)
    running = sent(granted())
    assert decide(running, SECOND, limits, NOON + 9 * HOUR)[0] is Verdict.RUNNING
    assert decide(settled(running), SECOND, limits, NOON + 9 * HOUR)[0] is Verdict.GRANTED
    assert decide(running, SECOND, limits, NOON + 10 * HOUR)[0] is Verdict.GRANTED


@covers(
    "drift-monitor.budget",
    field="DriftMonitorArgs.retraining.daily_budget, DriftMonitorArgs.retraining.monthly_budget",
    ends_in="kubernetes:batch/v1:CronJob.spec",
)
def test_day_and_month_have_their_budgets() -> None:
    limits = Limits(cooldown_hours=1, longest_hours=1, daily=2, monthly=3)
    one = done(granted(limits=limits))
    two = done(granted(SECOND, NOON + HOUR, limits, one))
    third = replace(FIRST, id="retrain-3")
    assert (two.of_day, two.of_month) == (2, 2)
    assert decide(two, third, limits, NOON + 2 * HOUR) == (Verdict.DAILY_BUDGET, None)
    three = done(granted(third, NOON + 12 * HOUR, limits, two))
    assert (three.day, three.of_day, three.of_month) == ("2026-02-03", 1, 3)
    fourth = replace(FIRST, id="retrain-4")
    assert decide(three, fourth, limits, NOON + 24 * HOUR) == (Verdict.MONTHLY_BUDGET, None)
    march = granted(fourth, NOON + 28 * 24 * HOUR, limits, three)
    assert (march.month, march.of_month, march.of_day) == ("2026-03", 1, 1)


def test_a_former_request_is_known_by_its_id() -> None:
    limits = Limits(cooldown_hours=1, longest_hours=1, daily=200, monthly=200)
    state = done(granted(limits=limits))
    for at in range(1, 102):
        state = done(granted(replace(FIRST, id=f"later-{at}"), NOON + at * HOUR, limits, state))
    # As many as are remembered, and the last one itself.
    assert (len(state.former), state.former[0], state.former[-1]) == (100, "later-100", "later-1")
    later = NOON + 200 * HOUR
    assert decide(state, replace(FIRST, id="later-1"), limits, later) == (Verdict.REPEATED, None)
    assert decide(state, replace(FIRST, id="later-102"), limits, later)[0] is Verdict.GRANTED


def test_the_month_is_named_where_both_are_spent() -> None:
    limits = Limits(cooldown_hours=1, longest_hours=1, daily=1, monthly=1)
    state = done(granted(limits=limits))
    assert decide(state, SECOND, limits, NOON + 2 * HOUR)[0] is Verdict.MONTHLY_BUDGET


def test_a_clock_behind_opens_no_former_day() -> None:
    limits = Limits(cooldown_hours=1, longest_hours=1, daily=1, monthly=8)
    # Granted at noon of the 2nd; the state says the 3rd, as a writer whose clock was ahead had it.
    ahead = replace(done(granted()), day="2026-02-03", of_day=1)
    assert decide(ahead, SECOND, limits, NOON + 2 * HOUR)[0] is Verdict.DAILY_BUDGET


# The message.


def test_the_message_is_one_that_the_dispatcher_takes() -> None:
    wish = Settings.model_validate({**SETTINGS, "priority": "high"})
    request = of_window(wish, START, END, ["drift of amount 0.300", "accuracy 0.8"], "s3://features/drift/fraud/x.json")
    config = Config.model_validate(
        {"teams": {"risk": {"queue": "default"}}, "priorities": ["high"], "default_priority": "high"}
    )
    message = parse(request.body, request.group, config)
    assert (message.team, message.kind.value, message.priority) == ("risk", "Workflow", "high")
    assert message.spec == {
        "workflowTemplateRef": {"name": "fraud-training"},
        "arguments": {
            "parameters": [{"name": "asked", "value": f"{request.id} for drift of amount 0.300; accuracy 0.8"}]
        },
    }
    # The object of it is named like the request, with nothing added.
    assert name_of(request.id) == request.id


def test_a_request_is_known_by_its_endpoint_and_window() -> None:
    wish = Settings.model_validate(SETTINGS)
    request = of_window(wish, START, END, ["a"], "s3://x")
    assert re.fullmatch(r"retrain-[0-9a-f]{16}", request.id)
    assert of_window(wish, START, END, ["b"], "s3://y").id == request.id
    others = {
        of_window(wish, START, datetime(2026, 2, 2, 2, tzinfo=UTC), ["a"], "s3://x").id,
        of_window(Settings.model_validate({**SETTINGS, "endpoint": "churn"}), START, END, ["a"], "s3://x").id,
        by_hand(wish, "2026-02-02T01:00:00Z", "a", END).id,
    }
    assert len(others | {request.id}) == 4


def test_a_template_may_hold_every_value_at_any_depth() -> None:
    template = {
        "a": [{"b": "".join(f"${{request.{name}}}" for name in VALUES)}, 1, None, True],
        "${request.id}": "$(X)",
    }
    assert list(strange(template)) == []
    values = dict.fromkeys(VALUES, "-")
    assert filled(template, values) == {"a": [{"b": "------"}, 1, None, True], "${request.id}": "$(X)"}


def test_a_placeholder_that_names_nothing_is_found() -> None:
    template = {"a": ["${request.di}", "${HOME} {{workflow.name}} ${request.}"]}
    assert list(strange(template)) == ["${request.di}", "${request.}"]
    with pytest.raises(ValueError, match=re.escape("spec: unknown placeholders ${request.di}, ${request.}")):
        Settings.model_validate({**SETTINGS, "spec": template})


# On moto.


class Place:
    """The table, the queue and a topic that a queue listens to."""

    def __init__(self) -> None:
        self.dynamodb, self.sqs, self.sns = (
            boto3.client(service, region_name=REGION) for service in ("dynamodb", "sqs", "sns")
        )
        self.dynamodb.create_table(
            TableName="state",
            KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        fifo = {"FifoQueue": "true"}
        self.url = self.sqs.create_queue(QueueName="jobs.fifo", Attributes=fifo)["QueueUrl"]
        heard = self.sqs.create_queue(QueueName="heard")["QueueUrl"]
        self.topic = self.sns.create_topic(Name="ml")["TopicArn"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:heard")
        self.heard_url = heard
        self.now = float(NOON)
        self.store = Store(self.dynamodb, "state", "fraud")

    def requester(self, limits: Limits = LIMITS, **clients: Any) -> Requester:
        outbox = Outbox(clients.get("sqs", self.sqs), self.url, self.sns, self.topic)
        store = replace(self.store, client=clients.get("dynamodb", self.dynamodb))
        return Requester(store, outbox, limits, lambda: self.now)

    def messages(self, url: str | None = None) -> list[dict[str, Any]]:
        found = []
        while answer := self.sqs.receive_message(
            QueueUrl=url or self.url, MessageSystemAttributeNames=["All"], MaxNumberOfMessages=10
        ).get("Messages"):
            found += answer
            for message in answer:
                self.sqs.delete_message(QueueUrl=url or self.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def ids(self) -> list[str]:
        return [message["Attributes"]["MessageDeduplicationId"] for message in self.messages()]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield Place()


@covers(
    "drift-monitor.request",
    field="DriftMonitorArgs.retraining.spec",
    ends_in="kubernetes:batch/v1:CronJob.spec",
)
def test_a_grant_is_one_message_and_one_notice(place: Place) -> None:
    assert place.requester().ask(FIRST) is Verdict.GRANTED
    (message,) = place.messages()
    assert message["Body"] == "{}"
    assert message["Attributes"]["MessageDeduplicationId"] == "retrain-1"
    assert message["Attributes"]["MessageGroupId"] == "risk"
    (notice,) = place.messages(place.heard_url)
    assert json.loads(notice["Body"])["Message"] == (
        "Retraining retrain-1 of endpoint fraud was asked for: drift of amount 0.300"
    )
    state = place.store.read()
    assert state == sent(granted())
    item = place.dynamodb.get_item(TableName="state", Key={TABLE_KEY: {"S": "fraud"}})["Item"]
    assert item[TABLE_TTL] == {"N": str(NOON + KEPT_SECONDS)}


@covers(
    "drift-monitor.cooldown",
    field="DriftMonitorArgs.retraining.cooldown_hours",
    ends_in="kubernetes:batch/v1:CronJob.spec",
)
def test_drift_twice_in_the_cooldown_is_one_request(place: Place) -> None:
    assert place.requester().ask(FIRST) is Verdict.GRANTED
    place.now += 23 * HOUR
    assert place.requester().ask(SECOND) is Verdict.COOLDOWN
    assert place.ids() == ["retrain-1"]
    place.now += HOUR
    assert place.requester().ask(SECOND) is Verdict.GRANTED
    assert place.ids() == ["retrain-2"]


def test_a_spent_budget_is_no_request(place: Place) -> None:
    limits = replace(LIMITS, cooldown_hours=1, longest_hours=1)
    place.requester(limits).ask(FIRST)
    place.now += 2 * HOUR
    assert place.requester(limits).ask(SECOND) is Verdict.DAILY_BUDGET
    assert place.ids() == ["retrain-1"]


class Killed(BaseException):
    """The process is gone."""


class Dying:
    """A client that dies before or after one of its calls, by number."""

    def __init__(self, client: Any, calls: Counter[str], at: int, *, after: bool) -> None:
        self.client, self.calls, self.at, self.after = client, calls, at, after

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**given: Any) -> Any:
            self.calls["all"] += 1
            dies = self.calls["all"] == self.at
            if dies and not self.after:
                raise Killed
            answer = getattr(self.client, name)(**given)
            if dies:
                raise Killed
            return answer

        return call


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 8))
def test_killed_at_any_call_and_started_again_nothing_is_lost_or_doubled(place: Place, at: int, after: bool) -> None:
    calls: Counter[str] = Counter()
    dying = {name: Dying(getattr(place, name), calls, at, after=after) for name in ("dynamodb", "sqs")}
    with contextlib.suppress(Killed):
        place.requester(**dying).ask(FIRST)
    # A run for another window, as after a night without a node.
    place.now += HOUR
    assert place.requester().ask(SECOND) is (Verdict.GRANTED if (at, after) in EARLY else Verdict.COOLDOWN)
    assert place.ids() == ["retrain-2" if (at, after) in EARLY else "retrain-1"]


EARLY = {(1, False), (1, True), (2, False)}
"""Deaths before the first was granted: nothing has happened, and the second may be asked for."""


def test_an_answer_that_was_lost_is_no_second_request(place: Place) -> None:
    class Lost:
        """Writes, and says that the condition failed: what a repeated request is told when its first got through."""

        def __init__(self) -> None:
            self.lost = False

        def __getattr__(self, name: str) -> Any:
            return getattr(place.dynamodb, name)

        def put_item(self, **given: Any) -> Any:
            answer = place.dynamodb.put_item(**given)
            if self.lost:
                return answer
            self.lost = True
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")

    assert place.requester(dynamodb=Lost()).ask(FIRST) is Verdict.REPEATED
    assert place.ids() == ["retrain-1"]


def test_the_store_refuses_what_is_no_longer_so(place: Place) -> None:
    state = granted()
    place.store.replace(None, state)
    assert place.store.read() == state
    for before in (None, replace(state, version=7)):
        with pytest.raises(ConflictError):
            place.store.replace(before, sent(state))
    place.store.replace(state, sent(state))
    assert place.store.read() == sent(state)


def test_other_errors_of_the_table_are_not_taken_for_conflicts(place: Place) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        Store(place.dynamodb, "nowhere", "fraud").replace(None, granted())


def test_endless_contention_ends(place: Place) -> None:
    class Contended:
        def __getattr__(self, name: str) -> Any:
            return getattr(place.dynamodb, name)

        def put_item(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")

    with pytest.raises(ContentionError, match="fraud: somebody else wrote first, 20 times"):
        place.requester(dynamodb=Contended()).ask(FIRST)
    assert place.ids() == []
    place.store.replace(None, sent(granted()))
    with pytest.raises(ContentionError, match="fraud: somebody else wrote first, 20 times"):
        settle(replace(place.store, client=Contended()), "retrain-1")


def test_a_training_that_ended_is_settled_once(place: Place) -> None:
    assert not settle(place.store, "retrain-1")
    place.requester().ask(FIRST)
    assert not settle(place.store, "retrain-0")
    assert settle(place.store, "retrain-1")
    assert settle(place.store, "retrain-1")
    assert place.store.read() == settled(sent(granted()))


# Any interleaving.


class Stage:
    """Runs workers one call at a time, in an order that is given; each thread waits for its turn before every call."""

    def __init__(self) -> None:
        self.turns: dict[int, threading.Semaphore] = {}
        self.back = threading.Semaphore(0)
        self.ended: set[int] = set()
        self.doomed: set[int] = set()
        self.failures: list[BaseException] = []

    def client(self, worker: int, client: Any) -> Any:
        stage = self

        class Client:
            def __getattr__(self, name: str) -> Callable[..., Any]:
                def call(**given: Any) -> Any:
                    stage.back.release()
                    stage.turns[worker].acquire()
                    if worker in stage.doomed:
                        raise Killed
                    return getattr(client, name)(**given)

                return call

        return Client()

    def start(self, worker: int, work: Callable[[], object]) -> None:
        self.turns[worker] = threading.Semaphore(0)

        def body() -> None:
            try:
                work()
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001 - told below
                self.failures.append(error)
            self.ended.add(worker)
            self.back.release()

        threading.Thread(target=body, daemon=True).start()
        self.back.acquire()

    def step(self, worker: int, *, dies: bool = False) -> None:
        if worker in self.ended:
            return
        if dies:
            self.doomed.add(worker)
        self.turns[worker].release()
        self.back.acquire()


STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["step", "step", "run", "run", "dies", "restart", "settle"]),
        st.sampled_from([0, 0, 60, HOUR, 7 * HOUR, 30 * HOUR]),
    ),
    min_size=10,
    max_size=40,
)
TIGHT = Limits(cooldown_hours=6, longest_hours=12, daily=2, monthly=4)


class Watched:
    """The table and the queue, with a note of each grant and each message."""

    def __init__(self, dynamodb: Any) -> None:
        self.dynamodb = dynamodb
        self.grants: list[tuple[int, str]] = []
        self.posted: list[str] = []

    def get_item(self, **given: Any) -> Any:
        return self.dynamodb.get_item(**given)

    def put_item(self, **given: Any) -> None:
        self.dynamodb.put_item(**given)
        item = given["Item"]
        if not item["sent"]["BOOL"] and not item["settled"]["BOOL"]:
            self.grants.append((int(item["asked_at"]["N"]), item["request_id"]["S"]))

    def send_message(self, **given: Any) -> None:
        self.posted.append(given["MessageDeduplicationId"])


class Play:
    """Four places for workers, each with a clock of its own; a new worker follows one that ended or was killed."""

    def __init__(self, place: Place, skews: list[int]) -> None:
        self.place, self.skews = place, skews
        self.watched = Watched(place.dynamodb)
        self.stage = Stage()
        self.alive: dict[int, int] = {}
        for slot in range(4):
            self.follow(slot, 0)

    def follow(self, slot: int, turn: int) -> None:
        worker = slot + 4 * turn
        client = self.stage.client(worker, self.watched)
        # Two of the four look at the same window.
        request = replace(FIRST, id=f"retrain-{slot % 3}-{turn}")
        requester = self.requester(client, self.skews[slot])
        self.alive[slot] = worker
        self.stage.start(worker, lambda: requester.ask(request))

    def requester(self, client: Any, skew: int = 0) -> Requester:
        return Requester(
            Store(client, "state", "fraud"), Outbox(client, self.place.url), TIGHT, lambda: self.place.now + skew
        )

    def act(self, slot: int, what: str, turn: int) -> None:
        worker = self.alive[slot]
        if what == "settle":
            state = self.place.store.read()
            if state:
                settle(self.place.store, state.request.id)
        elif what == "restart" or worker in self.stage.ended:
            self.stage.step(worker, dies=True)
            self.follow(slot, turn)
        else:
            for _ in range(9 if what == "run" else 1):
                self.stage.step(worker, dies=what == "dies")

    def end(self) -> None:
        """All that still run are killed; the next run, which finds nothing to ask for, sends what is left."""
        for worker in self.alive.values():
            self.stage.step(worker, dies=True)
        assert self.stage.failures == []
        self.requester(self.watched).flush()


def test_any_interleaving_gives_at_most_one_request_a_cooldown(place: Place) -> None:
    counts: Counter[int] = Counter()

    @settings(max_examples=40, deadline=None, database=None)
    @given(steps=STEPS, skews=st.lists(st.integers(-600, 600), min_size=4, max_size=4))
    def holds(steps: list[tuple[int, str, int]], skews: list[int]) -> None:
        place.now = float(NOON)
        place.dynamodb.delete_item(TableName="state", Key={TABLE_KEY: {"S": "fraud"}})
        play = Play(place, skews)
        for turn, (slot, what, passes) in enumerate(steps, start=1):
            place.now += passes
            play.act(slot, what, turn)
        play.end()
        check(play.watched.grants, play.watched.posted)
        counts[len(play.watched.grants)] += 1

    holds()
    # Among the plays are some in which several were granted, so that the cooldown was at stake.
    assert sum(count for grants, count in counts.items() if grants > 1) >= 5


def check(grants: list[tuple[int, str]], posted: list[str]) -> None:
    times = [at for at, _ in grants]
    assert all(later - earlier >= TIGHT.cooldown_hours * HOUR for earlier, later in itertools.pairwise(times))
    days = Counter(datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d") for at in times)
    months = Counter(datetime.fromtimestamp(at, UTC).strftime("%Y-%m") for at in times)
    assert all(count <= TIGHT.daily for count in days.values())
    assert all(count <= TIGHT.monthly for count in months.values())
    # Every grant is sent, in its order, and nothing else is; the same id twice is one message.
    assert list(dict.fromkeys(posted)) == [name for _, name in grants]


# The jobs.


def environment(**changes: Any) -> dict[str, str]:
    return {REQUEST_CONFIG: json.dumps({**SETTINGS, **changes})}


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    line.pop("time")
    return dict(line)


def test_ask_and_settle_by_hand(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["ask", "--key", "ticket-7", "--reason", "new labels"]
    asked = environment(queue_url=place.url, topic_arn=place.topic)
    assert run.main(command, asked) == 0
    line = logged(capsys)
    assert (line["event"], line["verdict"]) == ("asked", "granted")
    assert place.ids() == [line["request"]]
    assert run.main(command, asked) == 0
    assert logged(capsys)["verdict"] == "repeated"
    assert run.main(["ask", "--key", "ticket-8", "--reason", "more"], asked) == 1
    assert logged(capsys)["verdict"] == "cooldown"
    settles = ["settle", "--table", "state", "--endpoint", "fraud", "--id"]
    assert run.main([*settles, line["request"]], {}) == 0
    assert logged(capsys)["known"] is True
    assert run.main([*settles, "retrain-0"], {}) == 0
    assert logged(capsys)["known"] is False


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({}, "REQUEST_CONFIG: Invalid JSON: EOF while parsing a value at line 1 column 0"),
    "no cooldown": (
        environment(cooldown_hours=0),
        "REQUEST_CONFIG: cooldown_hours: allowed is greater than or equal to 1",
    ),
    "another kind": (
        environment(kind="Pod"),
        "REQUEST_CONFIG: kind: allowed is 'Job', 'Workflow' or 'TrainJob'",
    ),
    "unknown field": (environment(colour="red"), "REQUEST_CONFIG: colour: Extra inputs are not permitted"),
}


@pytest.mark.parametrize(("given_", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_environment_is_said(given_: dict[str, str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["ask", "--key", "k", "--reason", "r"], given_) == 2
    assert logged(capsys) == {"level": "error", "event": "misconfigured", "reason": reason}


def test_a_failure_of_aws_is_said_without_what_was_sent(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    asked = environment(table="nowhere", queue_url=place.url)
    assert run.main(["ask", "--key", "k", "--reason", "r"], asked) == 1
    assert logged(capsys) == {"level": "error", "event": "failed", "reason": "GetItem: ResourceNotFoundException"}


@pytest.mark.parametrize("command", [[], ["ask"], ["settle"]], ids=["none", "ask", "settle"])
def test_help_is_given(command: list[str]) -> None:
    module = [sys.executable, "-m", "mlplatform.runtime", "request", *command, "--help"]
    shown = subprocess.run(module, capture_output=True, text=True, check=True, timeout=60).stdout
    assert shown.startswith("usage: python -m mlplatform.runtime request")
