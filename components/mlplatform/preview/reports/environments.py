"""How two environments differ, for people: as text, and as Markdown that fits into a comment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from mlplatform.preview.graph.environments import Environments, Item, Where
from mlplatform.preview.graph.model import SECRET
from mlplatform.preview.graph.values import MISSING, Difference, shown_path
from mlplatform.preview.reports.changes import shown_value
from mlplatform.preview.reports.comment import MOST_CHANGES, Cost, code, cut, fitted, folded, text
from mlplatform.preview.reports.tree import short_type

Json = Any

STATEMENT: Final = (
    "This is offline: the program ran for both against mocks, with no credentials. Secrets are not compared. Account, "
    "region, names and generated ids must differ, and are taken for the same."
)
FORMATS: Final = ("text", "json", "markdown")
"""Formats of a comparison."""
GENERATED: Final = "generated"
"""The kind of texts that are counted and not listed: ids, ARNs and names that the cloud makes."""
KEPT: Final = 10
"""Characters of two long texts that are shown before the first that differs."""
CROSSED: Final = "Names the other environment's account"
"""What is said of resources that perhaps belong to the wrong environment."""
DIRECTLY: Final = "directly in the stack"


def rendered(found: Environments, costs: Sequence[Cost], form: str) -> str:
    """The comparison in one of FORMATS, the same bytes for the same graphs; the first of `costs` is the total."""
    if form == "json":
        document = {**found.to_document(), "cost": [_cost(one) for one in costs]}
        return json.dumps(document, indent=2, sort_keys=True) + "\n"
    return _markdown(found, costs) if form == "markdown" else _text(found, costs)


def _cost(one: Cost) -> dict[str, str]:
    return {"name": one.name, "first": one.before, "second": one.after}


def headline(found: Environments) -> str:
    """How they differ, in one line."""
    if found.items:
        return _counted(found, found.items)
    return "only outputs differ" if found.outputs else "no differences"


def _counted(found: Environments, items: Sequence[Item]) -> str:
    words = {Where.BOTH: "differ", Where.FIRST: f"only in {found.first}", Where.SECOND: f"only in {found.second}"}
    counts = {word: sum(item.where is where for item in items) for where, word in words.items()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _listed(found: Environments) -> Iterator[tuple[str, str, str]]:
    yield from ((one.kind, one.first, one.second) for one in found.same if one.kind != GENERATED)


def _generated(found: Environments) -> str:
    count = sum(one.kind == GENERATED for one in found.same)
    return f"generated ids, ARNs and names: {count}"


def _sides(one: Difference) -> tuple[str, str]:
    _, first, second = one
    texts = isinstance(first, str) and isinstance(second, str)
    if texts and shown_value(first) == shown_value(second) != SECRET:
        pairs = enumerate(zip(first, second, strict=False))
        alike = next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))
        first, second = (f"...{value[max(alike - KEPT, 0) :]}" for value in (first, second))
    shown, other = ("nothing" if value is MISSING else shown_value(value) for value in (first, second))
    return shown, other


# --- text ------------------------------------------------------------------------------------------------------------


def _text(found: Environments, costs: Sequence[Cost]) -> str:
    lines = [f"{found.project}, {found.first} and {found.second}: {headline(found)}; {found.alike} alike"]
    if costs:
        lines.append(f"Cost a month in USD, expected: {costs[0].before} and {costs[0].after}")
    by_component = {one.name: one for one in costs[1:]}
    for component, items in found.by_component.items():
        paid = by_component.get(component or "(stack)")
        apart = f" (USD a month: {paid.before} and {paid.after})" if paid and paid.before != paid.after else ""
        lines += ["", f"{component or DIRECTLY}{apart}", *(line for item in items for line in _item(found, item))]
    if found.outputs:
        lines += ["", "Outputs", *(f"  {_difference(one)}" for one in found.outputs)]
    if found.crossed:
        lines += ["", CROSSED, *(f"  in {one.stack}: {short_type(one.type)}  {one.name}" for one in found.crossed)]
    if found.same:
        lines += ["", "Taken for the same", *(f"  {kind}: {a} = {b}" for kind, a, b in _listed(found))]
        lines.append(f"  {_generated(found)}")
    return "\n".join([*lines, "", STATEMENT, ""])


def _word(found: Environments, item: Item) -> str:
    return {Where.FIRST: f"only in {found.first}", Where.SECOND: f"only in {found.second}"}.get(item.where, "differs")


def _item(found: Environments, item: Item) -> Iterator[str]:
    yield f"  {_word(found, item)}: {short_type(item.type)}  {item.name}"
    yield from (f"    {_difference(one)}" for one in item.differences)


def _difference(one: Difference) -> str:
    first, second = _sides(one)
    return f"{shown_path(one[0])}: {first} | {second}"


# --- Markdown --------------------------------------------------------------------------------------------------------


def _markdown(found: Environments, costs: Sequence[Cost]) -> str:
    first, second = code(found.first), code(found.second)
    head = [cut(f"### {code(found.project)}, {first} and {second}: {headline(found)}"), "", f"{found.alike} alike.", ""]
    if costs:
        rows = [one for one in costs if one.before != one.after or one is costs[0]]
        head += [f"| USD a month, expected | {text(found.first)} | {text(found.second)} |", "|---|---|---|"]
        head += [cut(f"| {text(one.name)} | {text(one.before)} | {text(one.after)} |") for one in rows[:MOST_CHANGES]]
        head += [f"| and {len(rows) - MOST_CHANGES} more | | |"] if len(rows) > MOST_CHANGES else []
        head.append("")
    if found.crossed:
        crossed = [
            f"- in {code(one.stack)}: **{text(one.name)}** {code(short_type(one.type))}" for one in found.crossed
        ]
        more = [f"- and {len(crossed) - MOST_CHANGES} more"] if len(crossed) > MOST_CHANGES else []
        head += [f"#### {CROSSED}", "", *map(cut, crossed[:MOST_CHANGES]), *more, ""]
    sections = [section for component in found.by_component for section in _component(found, component)]
    sections += folded("Stack outputs", [_bullet(one) for one in found.outputs])
    same = [cut(f"- {kind} {code(one)} = {code(other)}") for kind, one, other in _listed(found)]
    sections += folded("Taken for the same", [*same, f"- {_generated(found)}"] if found.same else [])
    return fitted(head, sections, ["", STATEMENT, ""], "compare")


def _component(found: Environments, component: str) -> Iterator[str]:
    items = found.by_component[component]
    yield from folded(f"{component or DIRECTLY}: {_counted(found, items)}", [_entry(found, item) for item in items])


def _entry(found: Environments, item: Item) -> str:
    lines = [cut(f"- {text(_word(found, item))}: **{text(item.name)}** {code(short_type(item.type))}")]
    lines += [f"  {_bullet(one)}" for one in item.differences[:MOST_CHANGES]]
    left = len(item.differences) - MOST_CHANGES
    return "\n".join([*lines, *([f"  - and {left} more properties"] if left > 0 else [])])


def _bullet(one: Difference) -> str:
    first, second = (side if side == "nothing" else code(side) for side in _sides(one))
    return cut(f"- {code(shown_path(one[0]))}: {first} | {second}")
