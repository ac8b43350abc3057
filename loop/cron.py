"""When a schedule is next: cron with five fields, in UTC."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

_RANGES: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_PART: Final = re.compile(r"(\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")
_YEAR: Final = 366 * 24 * 60


class CronError(Exception):
    """A schedule that is not understood here."""


def following(schedule: str, after: datetime) -> datetime:
    """The first minute of a schedule after a moment."""
    fields = schedule.split()
    if len(fields) != len(_RANGES):
        raise CronError(f"{schedule!r} has not five fields")
    minutes, hours, days, months, weekdays = (
        _values(text, *bounds) for text, bounds in zip(fields, _RANGES, strict=True)
    )
    every_day, every_weekday = fields[2] == "*", fields[4] == "*"
    moment = after.replace(second=0, microsecond=0)
    for _ in range(_YEAR):
        moment += timedelta(minutes=1)
        if moment.minute not in minutes or moment.hour not in hours or moment.month not in months:
            continue
        by_day, by_weekday = moment.day in days, moment.isoweekday() % 7 in {day % 7 for day in weekdays}
        # Where both are given either is enough (crontab(5)).
        if (by_day and by_weekday) if every_day or every_weekday else (by_day or by_weekday):
            return moment
    raise CronError(f"{schedule!r} is never")


def _values(text: str, low: int, high: int) -> Sequence[int]:
    found: set[int] = set()
    for part in text.split(","):
        given = _PART.fullmatch(part)
        if not given:
            raise CronError(f"{part!r} is not understood here")
        first = low if given[1] == "*" else int(given[2])
        last = high if given[1] == "*" or (given[4] and not given[3]) else int(given[3] or given[2])
        found.update(range(first, last + 1, int(given[4] or 1)))
    return sorted(found)
