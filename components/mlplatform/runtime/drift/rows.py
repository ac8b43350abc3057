"""Rows of the request log, of a reference and of labels, out of lines of JSON; bad ones are counted, never raised."""

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from mlplatform.contracts.request_log import SCHEMA_VERSION, fraction

_TIME: Final = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True, slots=True)
class Window:
    """A time, its end excluded."""

    start: datetime
    """Its first moment, in UTC."""
    end: datetime
    """The first moment after it."""

    @classmethod
    def before(cls, now: datetime, hours: int) -> "Window":
        """So many hours up to the last full hour, so that every run within an hour has the same."""
        end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return cls(end - timedelta(hours=hours), end)

    def days(self, until: datetime | None = None) -> Iterator[date]:
        """Days (UTC) that it touches, and those up to `until`."""
        day, last = self.start.date(), (until or self.end - timedelta(microseconds=1)).date()
        while day <= last:
            yield day
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Row:
    """One request, or one row that a model was trained on."""

    id: str
    """Id of the request; of a row of a reference, what stands for it."""
    version: str
    """Model and version that answered; empty in a reference."""
    features: Mapping[str, Any]
    """What the model was given."""
    prediction: Any
    """What it answered."""


@dataclass(slots=True)
class Sample:
    """As many rows as may be kept: always the same ones, whatever the order in which they come."""

    most: int
    """Rows that are kept."""
    seen: int = 0
    """Rows that came."""
    malformed: int = 0
    """Lines that were none."""
    _kept: list[tuple[float, int, Row]] = field(default_factory=list)

    def add(self, row: Row | None) -> None:
        """Takes a row in, or counts a line that is none."""
        if row is None:
            self.malformed += 1
            return
        self.seen += 1
        # The smallest fractions are kept; the heap has its greatest first, since numbers are negated.
        entry = (-fraction(row.id), self.seen, row)
        if len(self._kept) < self.most:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heappushpop(self._kept, entry)

    @property
    def rows(self) -> list[Row]:
        """The rows kept, in the order of their ids."""
        return sorted((row for _, _, row in self._kept), key=lambda row: row.id)


def logged(lines: Iterable[str], window: Window) -> Iterator[Row | None]:
    """Rows of a request log that came in the window; None for each line that is no row."""
    for value in _values(lines):
        row, time = _logged(value), _time(value)
        if row is None or time is None:
            yield None
        elif window.start <= time < window.end:
            yield row


def reference(lines: Iterable[str]) -> Iterator[Row | None]:
    """Rows that a model was trained on: `features` and `prediction`; other keys are for others."""
    for at, value in enumerate(_values(lines)):
        good = value is not None and isinstance(value.get("features"), dict) and "prediction" in value
        yield Row(str(at), "", value["features"], value["prediction"]) if value and good else None


def labels(lines: Iterable[str]) -> Iterator[tuple[str, Any] | None]:
    """Ids of requests and their labels; None for each line that has none."""
    for value in _values(lines):
        good = value is not None and isinstance(value.get("id"), str) and "label" in value
        yield (value["id"], value["label"]) if value and good else None


def _values(lines: Iterable[str]) -> Iterator[dict[str, Any] | None]:
    for line in lines:
        if not line.strip():
            continue
        try:
            # What JSON has no number for, such as NaN, is no value.
            value = json.loads(line, parse_constant=lambda _: None)
        except ValueError:
            value = None
        yield value if isinstance(value, dict) else None


def _logged(value: dict[str, Any] | None) -> Row | None:
    if value is None or value.get("schema_version") != SCHEMA_VERSION or "prediction" not in value:
        return None
    request_id, version, features = value.get("id"), value.get("model_version"), value.get("features")
    if not isinstance(request_id, str) or not isinstance(version, str) or not isinstance(features, dict):
        return None
    return Row(request_id, version, features, value["prediction"])


def _time(value: dict[str, Any] | None) -> datetime | None:
    text = value.get("time") if value else None
    if not isinstance(text, str) or not text.endswith("Z"):
        return None
    try:
        # To the second: which of two neighbouring windows has a row must not depend on how many digits are written.
        return datetime.strptime(text[:-1].partition(".")[0], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
