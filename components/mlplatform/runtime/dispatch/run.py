"""One run of the dispatcher: receive, make the object, delete the message, until there is no more to do."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import boto3  # type: ignore[import-untyped]
from botocore.config import Config as ClientConfig  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from kubernetes.config.config_exception import ConfigException  # type: ignore[import-untyped]
from pydantic import ValidationError

from mlplatform.runtime.dispatch.cluster import Cluster, UnavailableError
from mlplatform.runtime.dispatch.message import Config, MessageError, parse
from mlplatform.runtime.dispatch.objects import RESOURCES, Resource, manifest
from mlplatform.runtime.dispatch.queue import WAIT_SECONDS, Delivery, Queue
from mlplatform.runtime.jobs import Exit, SettingsError, explain, parser, write
from mlplatform.runtime.kubernetes import TIMEOUTS

QUEUE_URL: Final = "DISPATCH_QUEUE_URL"
"""Environment variable: URL of the FIFO queue."""
HOLD: Final = "DISPATCH_HOLD_SECONDS"
"""Environment variable: seconds that a message is held anew before each further attempt, the visibility timeout of the
queue."""
CONFIG: Final = "DISPATCH_CONFIG"
"""Environment variable: teams and priorities, as JSON (see `message.Config`)."""

MAX_MESSAGES: Final = 100
"""Messages that a run receives at most, so that it ends and its Job is replaced by one of the current image."""
MAX_SECONDS: Final = 600
"""Seconds after which a run takes no further message."""
PATIENCE_SECONDS: Final = 300
"""Seconds that an object is tried for while the API fails: longer than a rolling update of an admission webhook
takes."""
LONGEST_PAUSE: Final = 30
"""Seconds between two attempts at most; the first pause is one second, each next one twice as long."""
SHORTEST_HOLD: Final = 2 * sum(TIMEOUTS) + LONGEST_PAUSE
"""Seconds that pass between two renewals at most: an attempt makes an object and may look it up, then there is a
pause."""
LONGEST_HOLD: Final = 12 * 3600
"""The longest that SQS hides a message (Amazon SQS API Reference, ChangeMessageVisibility)."""
REASON: Final = 500
"""Characters of a reason that are logged: names of a message's fields may be long too."""
DESCRIPTION: Final = (
    "Takes messages off the queue, one by one, and makes the Job, Workflow or TrainJob that each asks for, until the "
    "queue is empty. Runs in a pod, as a service account that may make these."
)
READS: Final[Mapping[str, str]] = {
    QUEUE_URL: "URL of the FIFO queue",
    HOLD: "visibility timeout of the queue, in seconds",
    CONFIG: "teams with their local queues, and priorities, as JSON",
    "AWS_DEFAULT_REGION": "region, where the queue's URL names none",
}
_URL: Final = re.compile(r"https?://(?:sqs\.(?P<region>[a-z0-9-]+)\.)?[^/]+/.+\.fifo")


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """One run."""

    queue: Queue
    """Where messages come from."""
    cluster: Cluster
    """Where objects go."""
    config: Config
    """Who may ask for what."""
    log: Callable[..., None]
    """Writes a line about an event, as `write` does."""
    stopping: threading.Event
    """Set when the run is to end after the message in hand."""
    clock: Callable[[], float] = time.monotonic
    """Seconds that only grow."""

    def run(self) -> Exit:
        """Dispatches until the queue is empty, enough is done, or something fails that would fail the next one too."""
        end = self.clock() + MAX_SECONDS
        for _ in range(MAX_MESSAGES):
            if self.stopping.is_set() or self.clock() >= end:
                break
            delivery = self.queue.receive()
            if delivery is None:
                break
            if not self._handled(delivery):
                return Exit.FAILED
        return Exit.DONE

    def _handled(self, delivery: Delivery) -> bool:
        """Whether the message is dealt with, be it as a malformed one."""
        about = {
            "message_id": delivery.message_id,
            "deduplication_id": delivery.deduplication_id,
            "group": delivery.group,
            "receives": delivery.receives,
        }
        try:
            made = self._dispatch(delivery, about)
        except MessageError as error:
            self.log("error", "malformed", **about, reason=str(error)[:REASON])
            self.queue.refuse(delivery)
            return True
        except UnavailableError as error:
            self.log("error", "unavailable", **about, reason=str(error))
            return False
        self.queue.delete(delivery)
        self.log("info", "dispatched", **about, **made)
        return True

    def _dispatch(self, delivery: Delivery, about: Mapping[str, object]) -> dict[str, object]:
        message = parse(delivery.body, delivery.group, self.config)
        ids = {"deduplication_id": delivery.deduplication_id, "message_id": delivery.message_id}
        wanted = manifest(message, self.config, **ids)
        made = self._made(delivery, RESOURCES[message.kind], wanted, about)
        return {"kind": message.kind.value, "name": wanted["metadata"]["name"], "made": made}

    def _made(
        self, delivery: Delivery, resource: Resource, wanted: dict[str, Any], about: Mapping[str, object]
    ) -> bool:
        """Tries for the object while the API fails, with the message held; False where it was there already."""
        end, pause = self.clock() + PATIENCE_SECONDS, 1
        while True:
            try:
                return self.cluster.create(resource, wanted)
            except UnavailableError as error:
                if self.clock() + pause >= end or self.stopping.is_set():
                    raise
                self.log("warning", "retry", **about, reason=str(error), seconds=pause)
            self.stopping.wait(pause)
            self.queue.hold(delivery)
            pause = min(2 * pause, LONGEST_PAUSE)


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Runs the dispatcher that the environment describes."""
    parser("worker", DESCRIPTION, READS).parse_args(arguments)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    try:
        dispatcher = _dispatcher(environment, stopping)
    except SettingsError as error:
        write("error", "misconfigured", reason=str(error))
        return Exit.MISCONFIGURED
    try:
        ended = dispatcher.run()
    except (BotoCoreError, ClientError) as error:
        write("error", "queue", reason=_queue_reason(error))
        ended = Exit.FAILED
    write("info", "ended", code=ended.value, stopped=stopping.is_set())
    return ended


def _dispatcher(environment: Mapping[str, str], stopping: threading.Event) -> Dispatcher:
    url = environment.get(QUEUE_URL, "")
    found = _URL.fullmatch(url)
    if not found:
        raise SettingsError(f"{QUEUE_URL}: got {url!r}; allowed is the URL of a FIFO queue, which ends in .fifo")
    hold = environment.get(HOLD, "")
    if not hold.isdecimal() or not SHORTEST_HOLD < int(hold) <= LONGEST_HOLD:
        raise SettingsError(f"{HOLD}: got {hold!r}; allowed are {SHORTEST_HOLD + 1} to {LONGEST_HOLD} seconds")
    try:
        config = Config.model_validate_json(environment.get(CONFIG, ""))
    except ValidationError as error:
        raise SettingsError(f"{CONFIG}: {'; '.join(explain(error))}") from None
    try:
        queue = Queue(_sqs(found["region"]), url, int(hold))
        cluster = Cluster.around()
    except (BotoCoreError, ConfigException) as error:
        raise SettingsError(f"{type(error).__name__}: {error}") from None
    return Dispatcher(queue, cluster, config, write, stopping)


def _sqs(region: str | None) -> Any:
    """A client of SQS in the queue's own region, where its URL names one; elsewhere the environment's."""
    # Somewhat longer than a long poll, so that only a dead connection times out.
    settings = ClientConfig(read_timeout=WAIT_SECONDS + 10, retries={"mode": "standard", "total_max_attempts": 5})
    return boto3.client("sqs", region_name=region, config=settings)


def _queue_reason(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response.get('Error', {}).get('Code', 'unknown')}"
    return type(error).__name__
