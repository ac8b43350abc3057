"""The queue as the dispatcher needs it: one message at a time, held while it is worked on."""

import uuid
from dataclasses import dataclass
from typing import Any, Final

WAIT_SECONDS: Final = 20
"""How long a request waits for a message: the longest that SQS allows, hence the fewest requests."""
_ATTRIBUTES: Final = ("MessageDeduplicationId", "MessageGroupId", "ApproximateReceiveCount")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it was received."""

    body: str
    """Its text."""
    handle: str
    """What SQS knows this delivery by."""
    message_id: str
    """The id that SQS gave it."""
    deduplication_id: str
    """The id that its sender gave it, or the hash of its body."""
    group: str
    """Its message group: the next of a group is delivered when this one is deleted or dead."""
    receives: int
    """How many times it was received, this one included."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A FIFO queue of SQS; its redrive policy moves what is received too often to the dead-letter queue."""

    client: Any
    """A client of SQS."""
    url: str
    """The queue."""
    hold_seconds: int
    """How long a message is held anew before each further attempt, and so also how long its group rests after the last
    one. More than an attempt and a pause take, and short enough that a crash does not hold up a team for long."""

    def receive(self) -> Delivery | None:
        """The next message, or None where none came in time. One, so that only one has to be held."""
        answer = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=list(_ATTRIBUTES),
            # Lets the client repeat a request whose answer was lost and get the same message, which is held by then.
            ReceiveRequestAttemptId=str(uuid.uuid4()),
        )
        return next(map(_delivery, answer.get("Messages", [])), None)

    def hold(self, delivery: Delivery) -> None:
        """Keeps the message from others for as long again."""
        self._visible_in(delivery, self.hold_seconds)

    def refuse(self, delivery: Delivery) -> None:
        """Gives the message back at once: after the last receive that the redrive policy allows, it is dead."""
        self._visible_in(delivery, 0)

    def delete(self, delivery: Delivery) -> None:
        """Takes the message off the queue."""
        self.client.delete_message(QueueUrl=self.url, ReceiptHandle=delivery.handle)

    def _visible_in(self, delivery: Delivery, seconds: int) -> None:
        self.client.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=delivery.handle, VisibilityTimeout=seconds
        )


def _delivery(message: dict[str, Any]) -> Delivery:
    attributes = message["Attributes"]
    return Delivery(
        body=message["Body"],
        handle=message["ReceiptHandle"],
        message_id=message["MessageId"],
        deduplication_id=attributes["MessageDeduplicationId"],
        group=attributes["MessageGroupId"],
        receives=int(attributes["ApproximateReceiveCount"]),
    )
