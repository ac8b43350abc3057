"""The thread that makes lines of exchanges and writes them to S3, in batches; no request waits for it."""

import gzip
import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from mlplatform.runtime.request_log.exchange import Exchange, Reason, Tally

SECONDS: Final = 60
"""Seconds that a line waits at most; an object a minute and replica costs some cents a month in requests."""
LINES: Final = 5000
"""Lines of a batch at most."""
BYTES: Final = 4 * 1024 * 1024
"""Bytes of a batch at most, beside those of one exchange."""
PAUSES: Final = (1, 2, 4, 8, 16, 30)
"""Seconds before each further attempt to write an object; then its lines are lost, and counted."""
WRITTEN: Final = "written"
"""In a tally: lines that S3 took."""


class _Signal(Enum):
    """What the thread is told between exchanges."""

    FLUSH = "flush"
    """Write what there is."""
    END = "end"
    """Write what there is, and end."""


@dataclass
class Writer:
    """Writes the lines of one process."""

    client: Any
    """A client of S3."""
    bucket: str
    """Where lines go."""
    prefix: str
    """What keys begin with, day excluded."""
    model_version: str
    """What lines name as the model and version that answered."""
    pod: str
    """Who writes, for those who read keys."""
    tally: Tally
    """What is counted."""
    log: Callable[..., None]
    """Writes a line about an event."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    """The time, in UTC."""
    seconds: float = SECONDS
    """How long a line waits at most."""
    _queue: queue.SimpleQueue[Exchange | _Signal] = field(default_factory=queue.SimpleQueue)
    _hurry: threading.Event = field(default_factory=threading.Event)
    _run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    """Keeps apart the keys of a pod's former and later processes."""
    _batch: dict[date, list[str]] = field(default_factory=dict)
    _lines: int = 0
    _bytes: int = 0
    _due: float = 0.0
    _objects: int = 0

    def __post_init__(self) -> None:
        self._due = time.monotonic() + self.seconds
        self._thread = threading.Thread(target=self._work, name="request-log", daemon=True)

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def put(self, exchange: Exchange) -> None:
        """Leaves an exchange to the thread; how much waits is bounded by the budget that its copies are of."""
        self._queue.put(exchange)

    def hasten(self) -> None:
        """Writes what there is now, and from now on pauses no more between attempts."""
        self._hurry.set()
        self._queue.put(_Signal.FLUSH)

    def finish(self) -> None:
        """Writes what is left, and ends."""
        self._hurry.set()
        self._queue.put(_Signal.END)
        self._thread.join()

    def _work(self) -> None:
        found: Exchange | _Signal | None = None
        while found is not _Signal.END:
            found = self._next()
            if isinstance(found, Exchange):
                self._add(found)
            if not isinstance(found, Exchange) or self._is_due():
                self._flush()

    def _next(self) -> Exchange | _Signal | None:
        """What comes next, or None where the batch is due before."""
        try:
            return self._queue.get(timeout=max(0.0, self._due - time.monotonic()))
        except queue.Empty:
            return None

    def _is_due(self) -> bool:
        return self._lines >= LINES or self._bytes >= BYTES or time.monotonic() >= self._due

    def _add(self, exchange: Exchange) -> None:
        try:
            lines = exchange.lines(self.model_version)
        except Exception as error:  # noqa: BLE001 - one request that nobody foresaw must not end the log
            self.log("error", "unforeseen", reason=type(error).__name__)
            lines = Reason.FORM
        exchange.release()
        if isinstance(lines, Reason):
            self.tally.add(lines)
            return
        self._batch.setdefault(exchange.time.date(), []).extend(lines)
        self._lines += len(lines)
        self._bytes += sum(map(len, lines))

    def _flush(self) -> None:
        """An object for each day of the batch."""
        for day, lines in sorted(self._batch.items()):
            self._objects += 1
            name = f"{self.clock():%H%M%S}-{self.pod}-{self._run}-{self._objects}.jsonl.gz"
            body = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)
            taken = self._stored(f"{self.prefix}dt={day:%Y-%m-%d}/{name}", body)
            self.tally.add(WRITTEN if taken else Reason.LOST, len(lines))
        self._batch, self._lines, self._bytes, self._due = {}, 0, 0, time.monotonic() + self.seconds
        counts = self.tally.take()
        if counts:
            bad = {Reason.LOST, Reason.BUSY} & counts.keys()
            self.log("warning" if bad else "info", "logged", **counts)

    def _stored(self, key: str, body: bytes) -> bool:
        """Whether S3 took it; an object whose answer was lost is written again, under the same key."""
        for pause in (*PAUSES, None):
            try:
                self.client.put_object(Bucket=self.bucket, Key=key, Body=body)
            except (BotoCoreError, ClientError) as error:
                self.log("warning", "retry" if pause else "lost", key=key, reason=_reason(error))
            else:
                return True
            if pause:
                self._hurry.wait(pause)
        return False


def _reason(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response.get('Error', {}).get('Code', 'unknown')}"
    return type(error).__name__
