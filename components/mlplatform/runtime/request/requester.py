"""Asking: the state is written before the message is sent, and the message sent again until that is noted too.

Killed between the two, the next run, whoever starts it, sends the message that was granted: with the same id, so that
the queue drops it within five minutes, and the dispatcher finds its object there after that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mlplatform.runtime.request.gate import Limits, Request, State, Verdict, decide, sent, settled
from mlplatform.runtime.request.store import ConflictError, Store

ATTEMPTS: Final = 20
"""Times a decision is made anew because somebody else wrote first; each time somebody got further."""
SUBJECT: Final = 100
"""Characters of a subject (Amazon SNS API Reference, Publish)."""


class ContentionError(Exception):
    """Others wrote first, again and again."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """Where a granted request goes."""

    sqs: Any
    """A client of SQS."""
    queue_url: str
    """FIFO queue of a training queue."""
    sns: Any = None
    """A client of SNS, with a topic."""
    topic_arn: str | None = None
    """Topic that hears of it; none by default."""

    def send(self, request: Request, endpoint: str) -> None:
        """Sends the message, and tells the topic; both again where it was not noted that they were sent."""
        self.sqs.send_message(
            QueueUrl=self.queue_url,
            MessageBody=request.body,
            MessageGroupId=request.group,
            MessageDeduplicationId=request.id,
        )
        if self.topic_arn:
            self.sns.publish(
                TopicArn=self.topic_arn,
                Subject=f"Retraining of {endpoint}"[:SUBJECT],
                Message=f"Retraining {request.id} of endpoint {endpoint} was asked for: {request.reason}",
            )


@dataclass(frozen=True, slots=True)
class Requester:
    """Asks for retrainings of one endpoint."""

    store: Store
    """What is known of it."""
    outbox: Outbox
    """Where a request goes."""
    limits: Limits
    """How often."""
    clock: Callable[[], float]
    """Seconds since 1970."""

    def ask(self, request: Request) -> Verdict:
        """What became of it; before it, the message of an earlier request that may not have been sent is sent."""
        for _ in range(ATTEMPTS):
            before = self.flush()
            verdict, after = decide(before, request, self.limits, int(self.clock()))
            if verdict is Verdict.UNSENT:
                continue
            if after is None:
                return verdict
            if self._replaced(before, after):
                self.flush()
                return verdict
        raise ContentionError(f"{self.store.endpoint}: somebody else wrote first, {ATTEMPTS} times")

    def flush(self) -> State | None:
        """Sends what is granted and not known to be sent; the state, read after that."""
        state = self.store.read()
        if state is None or state.sent:
            return state
        self.outbox.send(state.request, self.store.endpoint)
        # Where another run was faster it has sent the same message: nothing is lost, and nothing to repeat.
        self._replaced(state, sent(state))
        return self.store.read()

    def _replaced(self, before: State | None, after: State) -> bool:
        try:
            self.store.replace(before, after)
        except ConflictError:
            return False
        return True


def settle(store: Store, request_id: str) -> bool:
    """Notes that the training of a request has ended; False where the endpoint's last request is another."""
    for _ in range(ATTEMPTS):
        state = store.read()
        if state is None or state.request.id != request_id:
            return False
        if state.settled:
            return True
        try:
            store.replace(state, settled(state))
        except ConflictError:
            continue
        return True
    raise ContentionError(f"{store.endpoint}: somebody else wrote first, {ATTEMPTS} times")
