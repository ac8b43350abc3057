"""Whether a retraining may be asked for now: a pure function of what is known, what is asked and the time.

All that is known of an endpoint is one value with a version. Whoever changes it writes it back on condition that the
version is still the one that was read, so that of any number of writers one wins and the others decide anew.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

HOUR = 3600
REMEMBERED = 100
"""Former requests that are known by their ids: a run that was held up for days must not make one of them again."""


class Verdict(StrEnum):
    """What became of a wish for retraining."""

    GRANTED = "granted"
    """It was asked for."""
    REPEATED = "repeated"
    """The same request was asked for before; nothing more is needed."""
    UNSENT = "unsent"
    """An earlier one is granted and its message not known to be sent: that comes first."""
    COOLDOWN = "cooldown"
    """The last one is too recent."""
    RUNNING = "running"
    """The last one is not known to have ended."""
    DAILY_BUDGET = "daily_budget"
    """The day (UTC) has had all of its retrainings."""
    MONTHLY_BUDGET = "monthly_budget"
    """The month (UTC) has had all of its retrainings."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a retraining may be asked for."""

    cooldown_hours: int
    """Hours between two requests."""
    longest_hours: int
    """Hours after which a training that nobody reported as ended is taken for ended."""
    daily: int
    """Requests in a day (UTC)."""
    monthly: int
    """Requests in a month (UTC)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A retraining that is wanted."""

    id: str
    """The same for the same wish, however often it is made."""
    group: str
    """Message group: the team."""
    body: str
    """The message."""
    reason: str
    """Who or what asks, and why."""


@dataclass(frozen=True, slots=True)
class State:
    """What is known of an endpoint: its last request, and how many there were."""

    request: Request
    """The last request."""
    asked_at: int
    """When it was granted, in seconds since 1970."""
    sent: bool
    """Whether its message is known to be sent."""
    settled: bool
    """Whether its training is known to have ended."""
    former: tuple[str, ...]
    """Ids of the requests before it, the latest first."""
    day: str
    """Day of the last request, as 2026-01-31."""
    of_day: int
    """Requests of that day."""
    month: str
    """Month of the last request, as 2026-01."""
    of_month: int
    """Requests of that month."""
    version: int
    """Grows by one with every change."""


def decide(state: State | None, request: Request, limits: Limits, now: int) -> tuple[Verdict, State | None]:
    """The verdict, and where it is GRANTED the state that must replace the one given before anything is sent."""
    time = datetime.fromtimestamp(now, UTC)
    day, month = f"{time:%Y-%m-%d}", f"{time:%Y-%m}"
    if state is None:
        return Verdict.GRANTED, State(
            request, now, sent=False, settled=False, former=(), day=day, of_day=1, month=month, of_month=1, version=1
        )
    # A clock that is behind that of an earlier writer must not open a day or month again.
    day, month = max(day, state.day), max(month, state.month)
    of_day = state.of_day if day == state.day else 0
    of_month = state.of_month if month == state.month else 0
    refused = _refusal(state, request, limits, now) or _spent(of_day, of_month, limits)
    if refused:
        return refused, None
    return Verdict.GRANTED, State(
        request,
        now,
        sent=False,
        settled=False,
        former=(state.request.id, *state.former)[:REMEMBERED],
        day=day,
        of_day=of_day + 1,
        month=month,
        of_month=of_month + 1,
        version=state.version + 1,
    )


def _refusal(state: State, request: Request, limits: Limits, now: int) -> Verdict | None:
    if not state.sent:
        return Verdict.UNSENT
    if request.id in {state.request.id, *state.former}:
        return Verdict.REPEATED
    if now < state.asked_at + limits.cooldown_hours * HOUR:
        return Verdict.COOLDOWN
    if not state.settled and now < state.asked_at + limits.longest_hours * HOUR:
        return Verdict.RUNNING
    return None


def _spent(of_day: int, of_month: int, limits: Limits) -> Verdict | None:
    if of_month >= limits.monthly:
        return Verdict.MONTHLY_BUDGET
    return Verdict.DAILY_BUDGET if of_day >= limits.daily else None


def sent(state: State) -> State:
    """The state once the message of its request is sent."""
    return replace(state, sent=True, version=state.version + 1)


def settled(state: State) -> State:
    """The state once the training of its request has ended."""
    return replace(state, settled=True, version=state.version + 1)
