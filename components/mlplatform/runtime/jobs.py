"""What all jobs have in common: how they end, what they write, and how they say what is wrong."""

import json
from datetime import UTC, datetime
from enum import IntEnum

from pydantic import ValidationError


class Exit(IntEnum):
    """How a job ended."""

    DONE = 0
    """Nothing left to do."""
    FAILED = 1
    """Something that it needs failed."""
    MISCONFIGURED = 2
    """The environment is wrong; nothing was done."""


class SettingsError(Exception):
    """An environment that a job can't work in; the text says which variable, and what is allowed."""


def write(level: str, event: str, **fields: object) -> None:
    """Writes one line of JSON to standard output."""
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event, **fields}
    print(json.dumps(line), flush=True)


def explain(error: ValidationError) -> list[str]:
    """One line a wrong field, with its path and what is allowed, without the value given."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [": ".join(filter(None, (".".join(map(str, item["loc"])), _plain(item["msg"])))) for item in found]


def _plain(text: str) -> str:
    return text.removeprefix("Value error, ").replace("Input should be", "allowed is")
