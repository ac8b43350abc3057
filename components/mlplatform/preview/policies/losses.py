"""What a person has said of losses: which are accepted, on whose word, and until when."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.change import Diff, Step
from mlplatform.preview.graph.identity import tail
from mlplatform.preview.project.yamlfile import Entry, read_items

FILE: Final = "losses.yaml"
"""Beside the stacks' files: the losses that are accepted there, as rows of `accepted`."""
LOST: Final = 4
"""Exit code where something stateful would be lost that nobody has accepted."""
SHORTEST_REASON: Final = 10
"""Characters of a reason that may convince a reviewer."""
_FIELDS: Final = ("resource", "reason", "expires", "stack")


@dataclass(frozen=True)
class Accepted:
    """One row of the file."""

    resource: str
    """Pattern of URNs from the type on, without stack and project: `*` stands for anything."""
    reason: str
    expires: date
    """Last day on which it holds."""
    entry: Entry
    """Where it stands."""

    def covers(self, urn: str) -> bool:
        """Whether the row is about that resource."""
        return fnmatch.fnmatchcase(tail(urn), self.resource)


def read_accepted(folder: Path, stack: str) -> tuple[Accepted, ...]:
    """The rows of a folder's file that are about a stack, none where there is no file; raises BadInput."""
    file = folder / FILE
    top = read_items(file) if file.is_file() else {}
    for key, entry in top.items():
        if key != "accepted":
            raise entry.refusal("is nothing that this file has; it has `accepted`, a list of rows")
    if not top or top["accepted"].empty:
        return ()
    rows = top["accepted"]
    if not isinstance(rows.value(), list):
        raise rows.refusal(f"is {rows.kind}; it must be a list of rows with {', '.join(_FIELDS)}")
    entries = [Entry(rows.file, f"accepted[{at}]", node) for at, node in enumerate(rows.node.value)]
    return tuple(_row(entry) for entry in entries if _stack(entry) in (None, stack))


def _stack(entry: Entry) -> str | None:
    fields = entry.items()
    for name, value in fields.items():
        if name not in _FIELDS:
            raise value.refusal(f"is no field of a row; allowed are {', '.join(_FIELDS)}")
    return fields["stack"].text() if "stack" in fields else None


def _row(entry: Entry) -> Accepted:
    fields = entry.items()
    for name in _FIELDS[:3]:
        if name not in fields:
            raise entry.refusal(f"has no {name}; add it")
    reason = fields["reason"].text()
    if len(reason) < SHORTEST_REASON:
        raise fields["reason"].refusal(f"is {reason!r}; say in {SHORTEST_REASON} characters or more why it may be lost")
    return Accepted(fields["resource"].text(), reason, _day(fields["expires"]), entry)


def _day(entry: Entry) -> date:
    try:
        return date.fromisoformat(entry.text())
    except ValueError:
        raise entry.refusal(f'is {entry.text()!r}; it must be a day such as "2027-06-30", quoted') from None


def unaccepted(diff: Diff, urns: Sequence[str], rows: Sequence[Accepted], today: date) -> tuple[Step, ...]:
    """The losses that nobody has accepted, neither by URN (`--accept-loss`) nor by a row that still holds.

    Raises BadInput for what accepts nothing: it would accept a loss that nobody has seen.
    """
    for urn in urns:
        if not any(_is(step, urn) for step in diff.losses):
            raise BadInput(f"--accept-loss {urn}: nothing of that URN would be lost; {_what(diff)}")
    for row in rows:
        if not any(row.covers(step.urn) for step in diff.losses):
            raise row.entry.refusal(f"accepts {row.resource}, of which nothing would be lost; remove the row")
    held = [row for row in rows if row.expires >= today]
    return tuple(
        step
        for step in diff.losses
        if not any(_is(step, urn) for urn in urns) and not any(row.covers(step.urn) for row in held)
    )


def _is(step: Step, urn: str) -> bool:
    return urn in (step.urn, step.was)


def _what(diff: Diff) -> str:
    if not diff.losses:
        return "nothing would be lost at all; leave it out"
    return f"lost would be {', '.join(step.urn for step in diff.losses)}"


def refusal(lost: Sequence[Step], rows: Sequence[Accepted], today: date) -> str:
    """What stands between a change and exit code 0: each loss, and how it is accepted."""
    lines = ["this change loses what cannot be made again:"]
    for step in lost:
        lines.append(f"  {step.urn}: {step.loses} ({step.action.value})")
        ended = [row for row in rows if row.covers(step.urn) and row.expires < today]
        lines.extend(f"    {row.entry.place}: the row that accepts it ended on {row.expires}" for row in ended)
    lines.append(f"Give --accept-loss URN for each that may be lost, or a row in {FILE} beside the stacks' files.")
    return "\n".join(lines)
