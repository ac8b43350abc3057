"""What all jobs have in common: their command line, how they end, what they write, and how they say what is wrong."""

import argparse
import json
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

from pydantic import ValidationError

PROGRAM: Final = "python -m mlplatform.runtime"
"""How the jobs are started; the name of one follows."""
_WIDTH: Final = 100


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


def parser(job: str, description: str, reads: Mapping[str, str]) -> argparse.ArgumentParser:
    """A job's command line, whose help says what it does and which environment variables it reads."""
    return argparse.ArgumentParser(
        prog=f"{PROGRAM} {job}",
        description=textwrap.fill(description, _WIDTH),
        epilog=table("environment variables:", reads),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def table(title: str, rows: Mapping[str, str]) -> str:
    """Names and what they mean, a row each, for a help text."""
    indent = max(map(len, rows)) + 4
    return "\n".join(
        [
            title,
            *(
                textwrap.fill(meaning, _WIDTH, initial_indent=f"  {name}".ljust(indent), subsequent_indent=" " * indent)
                for name, meaning in rows.items()
            ),
        ]
    )


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
