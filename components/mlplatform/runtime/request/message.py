"""A request for retraining: its id, and its message after the user's template."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlplatform.contracts.drift import filled, strange
from mlplatform.runtime.dispatch.message import Kind, Message
from mlplatform.runtime.request.gate import Limits, Request

_DIGITS: Final = 16


class Settings(BaseModel):
    """How retrainings are asked for: `REQUEST_CONFIG`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    endpoint: str = Field(min_length=1)
    """The endpoint."""
    table: str
    """Table with its state."""
    queue_url: str = Field(pattern=r"^https?://.+\.fifo$")
    """Queue of a training queue."""
    topic_arn: str | None = None
    """Topic that hears of every request; none by default."""
    team: str
    """Team that trains, which is also the message's group."""
    kind: Kind
    """What the training is."""
    priority: str | None = None
    """Its WorkloadPriorityClass; the queue's default when left out."""
    spec: dict[str, Any]
    """Template of its `spec`."""
    cooldown_hours: int = Field(ge=1)
    """Hours between two requests."""
    max_hours: int = Field(ge=1)
    """Hours after which a training is taken for ended."""
    daily_budget: int = Field(ge=1)
    """Requests in a day (UTC)."""
    monthly_budget: int = Field(ge=1)
    """Requests in a month (UTC)."""

    @model_validator(mode="after")
    def _placeholders(self) -> Self:
        found = sorted(set(strange(self.spec)))
        if found:
            raise ValueError(f"spec: unknown placeholders {', '.join(found)}")
        return self

    @property
    def limits(self) -> Limits:
        """How often."""
        return Limits(self.cooldown_hours, self.max_hours, self.daily_budget, self.monthly_budget)


def identify(*parts: str) -> str:
    """The id of a request for what the parts name: a name that Kubernetes takes, and that no hash is added to."""
    return f"retrain-{sha256(json.dumps(parts).encode()).hexdigest()[:_DIGITS]}"


def of_window(settings: Settings, start: datetime, end: datetime, reasons: Sequence[str], report: str) -> Request:
    """The request that a window of an endpoint gives: always the same id for the same window."""
    moments = stamp(start), stamp(end)
    values = {"window_start": moments[0], "window_end": moments[1], "reason": "; ".join(reasons), "report": report}
    return _request(settings, identify(settings.endpoint, *moments), values)


def by_hand(settings: Settings, key: str, reason: str, now: datetime) -> Request:
    """The request of a person, always the same id for the same key."""
    values = {"window_start": stamp(now), "window_end": stamp(now), "reason": reason, "report": ""}
    return _request(settings, identify(settings.endpoint, "by hand", key), values)


def stamp(time: datetime) -> str:
    """The time as RFC 3339, to the second."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _request(settings: Settings, request_id: str, values: Mapping[str, str]) -> Request:
    spec = filled(settings.spec, {**values, "id": request_id, "endpoint": settings.endpoint})
    message = Message(version=1, team=settings.team, kind=settings.kind, priority=settings.priority, spec=spec)
    return Request(request_id, settings.team, message.model_dump_json(exclude_none=True), values["reason"])
