"""One request with its answer, the memory that it holds, and its lines."""

import json
import re
import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from mlplatform.contracts.request_log import SCHEMA_VERSION
from mlplatform.runtime.request_log.rows import LIMIT, FormError, TooLargeError, body, rows

HEADER: Final = "X-Request-ID"
"""Header with the id of a request; Envoy sets one where the client has not (Envoy documentation, HTTP connection
manager, x-request-id)."""
_ID: Final = re.compile(r"[!-~]{1,120}")
"""An id that a line can have, with room for the number of a row."""


class Reason(StrEnum):
    """Why a request is not logged."""

    OUTSIDE = "outside"
    """The sample has it not, or it is no POST; the only reason that is not counted."""
    FAILED = "failed"
    """It was answered with another status than 2xx, or not at all."""
    FORM = "form"
    """Its bodies have none of the known forms."""
    LARGE = "large"
    """A body is beyond the limit, or the number of its rows."""
    BUSY = "busy"
    """The memory for copies is used up: S3 is too slow, or there is too much at once."""
    LOST = "lost"
    """S3 did not take it."""


class Tally:
    """How many there were, by what they are; of several threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, what: str, number: int = 1) -> None:
        """So many more."""
        with self._lock:
            self._counts[what] += number

    def take(self) -> dict[str, int]:
        """What there was since it was last asked."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return dict(sorted(counts.items()))


class Budget:
    """Bytes that copies may hold at a time; of several threads."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Whether there were so many left; then they are taken."""
        with self._lock:
            there = size <= self._left
            self._left -= size if there else 0
        return there

    def give(self, size: int) -> None:
        """Gives them back."""
        with self._lock:
            self._left += size


@dataclass(slots=True)
class Copy:
    """What passed of a body, as long as the limit and the budget allow."""

    budget: Budget
    """What its memory is taken from."""
    data: bytearray = field(default_factory=bytearray)
    """What passed; in one piece, since a stream may come in very many."""
    given_up: Reason | None = None
    """Why there is no copy any more."""

    def add(self, chunk: bytes) -> None:
        """Copies what passes."""
        if self.given_up:
            return
        if len(self.data) + len(chunk) > LIMIT:
            self.drop(Reason.LARGE)
        elif self.budget.take(len(chunk)):
            self.data += chunk
        else:
            self.drop(Reason.BUSY)

    def drop(self, reason: Reason) -> None:
        """Gives up on it."""
        self.given_up = self.given_up or reason
        self.release()

    def release(self) -> None:
        """Gives its memory back."""
        self.budget.give(len(self.data))
        self.data = bytearray()


@dataclass(slots=True)
class Exchange:
    """A request that is to be logged."""

    id: str
    """Its id."""
    time: datetime
    """When it came, in UTC."""
    asked: Copy
    """Body of the request."""
    answered: Copy
    """Body of the answer."""
    asked_encoding: str = ""
    """How the first is packed."""
    answered_encoding: str = ""
    """How the second is packed."""

    @property
    def given_up(self) -> Reason | None:
        """Why it can't be logged any more."""
        return self.asked.given_up or self.answered.given_up

    def release(self) -> None:
        """Gives its memory back."""
        self.asked.release()
        self.answered.release()

    def lines(self, model_version: str) -> list[str] | Reason:
        """Its lines, one a row, or why there are none."""
        try:
            found = rows(
                body(self.asked.data, self.asked_encoding),
                body(self.answered.data, self.answered_encoding),
            )
        except FormError:
            return Reason.FORM
        except TooLargeError:
            return Reason.LARGE
        time = f"{self.time:%Y-%m-%dT%H:%M:%S}.{self.time.microsecond // 1000:03}Z"
        return [
            json.dumps(
                {
                    "schema_version": SCHEMA_VERSION,
                    "id": self.id if len(found) == 1 else f"{self.id}-{number}",
                    "time": time,
                    "model_version": model_version,
                    **row._asdict(),
                },
                separators=(",", ":"),
                allow_nan=False,
            )
            for number, row in enumerate(found)
        ]


def identity(header: str | None) -> str:
    """The id of a request: its header's, where a line can have that, or a new one."""
    return header if header and _ID.fullmatch(header) else str(uuid.uuid4())
