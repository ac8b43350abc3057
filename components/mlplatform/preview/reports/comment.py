"""A change as one comment on a pull request: totals first, dangers next, the rest folded, below the limit at any size.

What the comment says of costs and findings is given as plain values, so that it can be written without either.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlplatform.preview.graph.change import Change, Diff, Step
from mlplatform.preview.graph.values import MISSING
from mlplatform.preview.reports.changes import STATEMENT, WORDS, danger, headline, shown_value
from mlplatform.preview.reports.tree import short_type

Json = Any
Key = tuple[bool, str, str, str, str, int]
"""What tells findings apart, in the order in which they are shown; the number counts those that nothing else does."""

LIMIT: Final = 65_536
"""Characters that GitHub allows a comment; it refuses one of as many."""
SPARE: Final = 200
"""Characters kept free for the lines that say what was left out."""
LONGEST_LINE: Final = 400
"""Characters of a line before it is cut: a name or a path may be of any length."""
LONGEST_NAME: Final = 100
"""Characters of a stack's name (Pulumi's own limit)."""
MOST_DANGERS: Final = 60
"""Dangers, and findings, that are named; the rest are counted. So many lines always fit."""
MANDATORY: Final = "mandatory"
"""The level of findings that end an update."""
MOST_CHANGES: Final = 30
"""Properties of one resource that are named."""


@dataclass(frozen=True)
class Cost:
    """A monthly cost in USD before and after, as text: `12.50`, `12.50+` for a floor, `unknown`."""

    name: str
    """What costs it; the total has the name `total`."""
    before: str
    after: str


@dataclass(frozen=True)
class Finding:
    """What a policy says of a resource."""

    level: str
    """mandatory or advisory."""
    policy: str
    resource: str
    """Logical name, for people."""
    message: str
    urn: str = ""
    """The resource after the change, which tells it from others of its name."""


@dataclass(frozen=True)
class Findings:
    """Findings of policies after a change, against those before it."""

    new: Sequence[Finding] = ()
    fixed: Sequence[Finding] = ()
    still: Sequence[Finding] = ()


def compared(before: Iterable[Finding], after: Iterable[Finding]) -> Findings:
    """Which findings are new, fixed, still there, mandatory ones first.

    A finding is known by level, policy and resource; its message may have other figures. Of several that a policy has
    about one resource, as many are new or fixed as there are more or less.
    """
    old, new = _keyed(before), _keyed(after)
    return Findings(
        tuple(new[key] for key in sorted(new.keys() - old.keys())),
        tuple(old[key] for key in sorted(old.keys() - new.keys())),
        tuple(new[key] for key in sorted(new.keys() & old.keys())),
    )


def _keyed(findings: Iterable[Finding]) -> dict[Key, Finding]:
    found: dict[Key, Finding] = {}
    times: Counter[tuple[bool, str, str, str, str]] = Counter()
    for one in sorted(findings, key=lambda finding: finding.message):
        about = (one.level != MANDATORY, one.level, one.policy, one.resource, one.urn)
        found[*about, times[about]] = one
        times[about] += 1
    return found


def marker(stack: str) -> str:
    """The hidden line by which the comment of a stack is found again, and edited instead of repeated."""
    return f"<!-- mlplatform:{re.sub(r'[^A-Za-z0-9_.]+', '-', stack)[:LONGEST_NAME]} -->"


def render(
    diff: Diff,
    *,
    against: str = "",
    costs: Sequence[Cost] = (),
    findings: Findings | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The comment. `against` names what the change is compared with; `costs` are the total and then each component."""
    title = f"### {code(diff.project)}, stack {code(diff.stack)}"
    head = [marker(diff.stack), f"{cut(title)}: {headline(diff)}", ""]
    if against:
        head += [cut(f"Compared with {code(against)}."), ""]
    head += list(_totals(diff, costs, findings))
    tail = ["", *(f"- {text(note)}" for note in notes[:MOST_CHANGES]), "", STATEMENT, ""]
    sections = [
        *_dangers(diff),
        *_findings(findings),
        *folded("Cost by component, USD a month", _cost_rows(costs[1:])),
        *_components(diff),
        *folded("Stack outputs", [_change(change) for change in diff.outputs]),
    ]
    return fitted(head, sections, tail)


def _totals(diff: Diff, costs: Sequence[Cost], findings: Findings | None) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    yield f"| changes | {headline(diff)}; {diff.unchanged} unchanged |"
    if diff.dangers:
        yield f"| **dangers** | **{len(diff.losses)} lost, {len(diff.dangers) - len(diff.losses)} more at risk** |"
    if costs:
        yield cut(f"| cost, USD a month | {text(costs[0].before)} → {text(costs[0].after)} |")
    if findings is not None:
        words = f"{len(findings.new)} new, {len(findings.fixed)} fixed, {len(findings.still)} still there"
        yield f"| policy findings | {words} |"
    yield ""


# --- sections: each a whole that may be left out ---------------------------------------------------------------------


def _dangers(diff: Diff) -> Iterator[str]:
    if not diff.dangers:
        return
    lines = ["#### What would be lost or is at risk", "", *(_danger(step) for step in diff.dangers[:MOST_DANGERS])]
    left = len(diff.dangers) - MOST_DANGERS
    yield "\n".join([*lines, *([f"- and {left} more"] if left > 0 else []), ""])


def _danger(step: Step) -> str:
    what = f"- **{text(step.name)}** ({code(short_type(step.type))}) {text(danger(step))}"
    return cut(f"{what}  {code(step.urn)}")


def _findings(findings: Findings | None) -> Iterator[str]:
    if findings is None:
        return
    if findings.new:
        lines = ["#### New policy findings", "", *(_finding(one) for one in findings.new[:MOST_DANGERS])]
        left = len(findings.new) - MOST_DANGERS
        yield "\n".join([*lines, *([f"- and {left} more"] if left > 0 else []), ""])
    yield from folded("Fixed policy findings", [_finding(one) for one in findings.fixed])
    yield from folded("Policy findings that are still there", [_finding(one) for one in findings.still])


def _finding(one: Finding) -> str:
    return cut(f"- {text(one.level)} {code(one.policy)} {text(one.resource)}: {text(one.message)}")


def _cost_rows(costs: Sequence[Cost]) -> list[str]:
    changed = [one for one in costs if one.before != one.after]
    rows = [f"| {text(one.name)} | {text(one.before)} | {text(one.after)} |" for one in changed]
    return ["| | before | after |", "|---|---|---|", *map(cut, rows)] if rows else []


def _components(diff: Diff) -> Iterator[str]:
    for component, steps in diff.by_component.items():
        counted = ", ".join(
            f"{sum(step.action is action for step in steps)} {word}"
            for action, word in WORDS.items()
            if any(step.action is action for step in steps)
        )
        yield from folded(f"{component or 'directly in the stack'}: {counted}", [_step(step) for step in steps])


def _step(step: Step) -> str:
    was = f" (was {code(step.was)})" if step.was else ""
    lines = [cut(f"- {WORDS[step.action]}: **{text(step.name)}** {code(short_type(step.type))}{was}")]
    lines += [f"  {_change(change)}" for change in step.changes[:MOST_CHANGES]]
    left = len(step.changes) - MOST_CHANGES
    return "\n".join([*lines, *([f"  - and {left} more properties"] if left > 0 else [])])


def _change(change: Change) -> str:
    note = f" ({text(change.note)})" if change.note else ""
    if change.before is MISSING and change.after is MISSING:
        return cut(f"- {code(change.name)}{note}")
    return cut(f"- {code(change.name)}: {_value(change.before)} → {_value(change.after)}{note}")


def _value(value: Json) -> str:
    return "nothing" if value is MISSING else code(shown_value(value))


def folded(title: str, lines: Sequence[str]) -> Iterator[str]:
    """A section that is opened by a click; none where there is nothing in it."""
    if lines:
        yield "\n".join([f"<details><summary>{cut(text(title))}</summary>", "", *lines, "", "</details>", ""])


def fitted(head: Sequence[str], sections: Sequence[str], tail: Sequence[str], command: str = "preview") -> str:
    """As many whole sections as there is room for, in their order, and a line that says how many are left out."""
    first, last = "\n".join(head), "\n".join(cut(line) for line in tail)
    room = LIMIT - SPARE - len(first) - len(last)
    kept = []
    for section in sections:
        if len(section) + 1 <= room:
            kept.append(section)
            room -= len(section) + 1
    left = len(sections) - len(kept)
    more = f"{left} more sections do not fit into a comment; the report of `mlplatform {command}` has them all.\n"
    return "\n".join([first, *kept, *([more] if left else []), last])


# --- escaping --------------------------------------------------------------------------------------------------------

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_MARKUP: Final = re.compile(r"([\\`*_\[\]#|~>$])")


def text(given: str) -> str:
    """Text that Markdown and HTML show as it is: one line, no markup, no mention, no reference."""
    plain = _CONTROLS.sub(" ", given).replace("&", "&amp;").replace("<", "&lt;")
    # A zero-width space keeps `@name` from calling a person.
    return _MARKUP.sub(r"\\\1", plain).replace("@", "@\u200b")


def code(given: str) -> str:
    """Text as code, in a fence longer than any run of backticks in it. Not for tables, whose cells a pipe ends."""
    plain = _CONTROLS.sub(" ", given) or " "
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {plain} {fence}" if longest else f"{fence}{plain}{fence}"


def cut(line: str) -> str:
    """A line of bearable length; one that is cut loses its markup, since half of it would show as something else."""
    if len(line) <= LONGEST_LINE:
        return line
    return f"{text(line[: LONGEST_LINE // 2])[:LONGEST_LINE]}..."
