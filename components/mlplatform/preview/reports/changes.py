"""A change for people, as text: dangers first, then what happens in each component."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mlplatform.preview.graph.change import Action, Change, Diff, Step
from mlplatform.preview.graph.model import SECRET
from mlplatform.preview.graph.values import MISSING
from mlplatform.preview.reports.tree import short, short_type

Json = Any

WORDS: Final = {
    Action.DELETE: "deleted",
    Action.REPLACE: "replaced",
    Action.MAY_REPLACE: "may be replaced",
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.RENAME: "renamed",
}
"""Actions as people read them."""
STATEMENT: Final = (
    "This is offline: both programs ran against mocks, with no credentials. Secrets are not compared. What exists, and "
    "what a provider decides, only `pulumi preview` knows."
)


def headline(diff: Diff) -> str:
    """The change in one line."""
    if diff.empty:
        return "no changes"
    if not diff.steps:
        return "only outputs change"
    return ", ".join(f"{count} {WORDS[Action(action)]}" for action, count in diff.counts.items() if count)


def danger(step: Step) -> str:
    """Why a step is dangerous."""
    with_it, losing = (f", {word} {step.loses}" if step.loses else "" for word in ("with", "losing"))
    words = {
        Action.DELETE: f"is deleted{with_it}",
        Action.REPLACE: f"is replaced{losing}",
        Action.MAY_REPLACE: f"may be replaced{losing}",
    }.get(step.action, "is no longer protected")
    parts = [f"{words}, for {', '.join(step.forced_by)}" if step.forced_by else words]
    if step.refused:
        parts.append("it was protected, and the engine refuses as long as it is")
    if step.loss and step.retained:
        parts.append("it was retained, and stays without being managed")
    return "; ".join([*parts, *([step.hint] if step.hint else [])])


def shown_value(value: Json) -> str:
    """A value in a few characters; nothing beside a secret."""
    shown = short(value)
    return SECRET if SECRET in shown else shown


def as_text(diff: Diff, against: str) -> str:
    """The whole change as plain text, the same bytes for the same graphs."""
    lines = [f"{diff.project}, stack {diff.stack}, against {against}: {headline(diff)}; {diff.unchanged} unchanged"]
    if diff.dangers:
        lines += ["", "DANGERS", *(f"  {step.urn}\n    {danger(step)}" for step in diff.dangers)]
    for component, steps in diff.by_component.items():
        lines += ["", component or "directly in the stack"]
        lines += [line for step in steps for line in _step(step)]
    if diff.outputs:
        lines += ["", "Outputs", *(f"  {_change(change)}" for change in diff.outputs)]
    return "\n".join([*lines, "", STATEMENT, ""])


def _step(step: Step) -> Iterator[str]:
    was = f" (was {step.was})" if step.was else ""
    yield f"  {WORDS[step.action]}: {short_type(step.type)}  {step.name}{was}"
    for change in step.changes:
        yield f"    {_change(change)}"


def _change(change: Change) -> str:
    note = f" ({change.note})" if change.note else ""
    if change.before is MISSING and change.after is MISSING:
        return f"{change.name}{note}"
    before, after = ("nothing" if value is MISSING else shown_value(value) for value in (change.before, change.after))
    return f"{change.name}: {before} -> {after}{note}"
