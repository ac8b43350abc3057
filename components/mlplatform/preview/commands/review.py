"""A change reviewed: what it does, what it costs, what policies say of it, against a git ref or a saved graph."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from mlplatform import cost
from mlplatform.cost.report import amounts, total
from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.change import Diff
from mlplatform.preview.graph.diff import compare
from mlplatform.preview.graph.identity import name_of, tail
from mlplatform.preview.graph.model import Graph
from mlplatform.preview.policies import losses
from mlplatform.preview.policies.packs import FINDING, Verdict
from mlplatform.preview.project.configuration import Project
from mlplatform.preview.project.git_ref import at
from mlplatform.preview.project.yamlfile import read_items, shown_path
from mlplatform.preview.reports import changes, comment
from mlplatform.preview.reports.comment import Cost, Finding, Findings, compared
from mlplatform.preview.reports.tree import problem_text, unanswered_text

FORMATS: Final = ("text", "json", "markdown")
"""Formats of a review."""

Record = Callable[[Project], Graph]
"""Runs a project's program and gives its graph."""
Judge = Callable[[Project, Graph], Sequence[Verdict]]
"""Runs a project's policy packs over a graph."""


@dataclass(frozen=True)
class Side:
    """One of the two states that are compared."""

    graph: Graph
    estimate: cost.Estimate
    verdicts: Sequence[Verdict]


@dataclass(frozen=True)
class Review:
    """A change, and what is to be said of it."""

    diff: Diff
    against: str
    before: Side
    after: Side
    judged: bool
    """Whether policies were run on both sides."""
    notes: tuple[str, ...]


def estimated(graph: Graph, folder: Path) -> cost.Estimate:
    """What a graph costs by the settings in a folder of stack files; raises BadInput for settings that are wrong."""
    file = folder / cost.FILE
    given = {key: entry.value() for key, entry in read_items(file).items()} if file.is_file() else {}
    try:
        settings = cost.CostSettings.of(given, shown_path(file))
    except cost.BadSettings as error:
        raise BadInput(str(error)) from None
    return cost.estimate(graph.resources, settings)


def priced(estimate: cost.Estimate, *, items: bool) -> str:
    """What is said of costs: by component, or also by resource, with what is left out and where prices are from."""
    return cost.as_text(estimate) if items else cost.as_summary(estimate)


def side(project: Project, graph: Graph, verdicts: Sequence[Verdict]) -> Side:
    """One state, with its costs; raises BadInput for settings that are wrong."""
    return Side(graph, estimated(graph, project.stack_dir), verdicts)


def since_ref(project: Project, after: Side, ref: str, record: Record, judge: Judge | None) -> Review:
    """What changes since a git ref; raises BadInput where there is none, or its program does not run.

    Without `judge`, findings are not compared.
    """
    stack = after.graph.stack
    with at(project, ref) as there:
        new = bool(there.stacks) and stack not in there.stacks
        graph = _empty(after.graph) if new else _recorded(there.project, ref, record)
        before = side(there.project, graph, judge(there.project, graph) if judge and not new else ())
        notes = (f"there was no stack {stack} at {ref}: all of it is new", *there.notes) if new else there.notes
    return Review(compare(before.graph, after.graph), ref, before, after, judge is not None, notes)


def since_graph(project: Project, after: Side, file: Path, judge: Judge | None) -> Review:
    """What changes since a saved graph, judged as the working tree judges; raises BadInput for a file that is none."""
    graph = load_graph(file, after.graph.stack)
    before = side(project, graph, judge(project, graph) if judge else ())
    return Review(compare(graph, after.graph), shown_path(file.resolve()), before, after, judge is not None, ())


def _empty(like: Graph) -> Graph:
    return Graph(like.project, like.stack, like.strict_unknowns)


def _recorded(project: Project, ref: str, record: Record) -> Graph:
    graph = record(project)
    if graph.error:
        raise BadInput(f"--against {ref}: the program of that ref failed:\n{problem_text(graph.error)}")
    if graph.unanswered:
        raise BadInput(f"--against {ref}: of the program of that ref, {unanswered_text(graph.unanswered)}")
    return graph


def load_graph(file: Path, stack: str) -> Graph:
    """A graph that `preview --format json` wrote; raises BadInput for anything else, and for one of another stack."""
    try:
        found = Graph.of(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInput(f"{shown_path(file)}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(
            f"{shown_path(file)}: is no recorded graph; write one with `mlplatform preview {stack} --format json`"
        ) from None
    if found.stack != stack:
        raise BadInput(f"{shown_path(file)}: is a graph of the stack {found.stack}; give one of {stack}")
    return found


# --- what is said ----------------------------------------------------------------------------------------------------


def costs(review: Review) -> tuple[Cost, ...]:
    """The total before and after, then each component, expected USD a month."""
    return both_costs(review.before.estimate, review.after.estimate)


def both_costs(before: cost.Estimate, after: cost.Estimate) -> tuple[Cost, ...]:
    """The total of two estimates, then each component, expected USD a month."""
    names = sorted({*before.by_component, *after.by_component})
    return (
        Cost("total", total(before)[1], total(after)[1]),
        *(Cost(name or "(stack)", _expected(before, name), _expected(after, name)) for name in names),
    )


def _expected(estimate: cost.Estimate, component: str) -> str:
    return amounts(estimate, component)[1] if component in estimate.by_component else "-"


def findings(review: Review) -> Findings | None:
    """Policy findings that are new, fixed, still there; None where no policies were run."""
    if not review.judged:
        return None
    renamed = {step.was: step.urn for step in review.diff.steps if step.was}
    return compared(_findings(review.before, renamed), _findings(review.after, {}))


def _findings(side_: Side, renamed: Mapping[str, str]) -> Iterator[Finding]:
    """The findings of one side, about resources as they are called after the change."""
    for verdict in side_.verdicts:
        for one in verdict.results:
            if one.kind == FINDING:
                urn = renamed.get(one.urn, one.urn)
                name = name_of(urn) if one.urn in side_.graph.by_urn else "the stack"
                yield Finding(one.level, one.policy, name, one.message, tail(urn))


def rendered(review: Review, form: str) -> str:
    """The review in one of FORMATS."""
    if form == "markdown":
        return comment.render(
            review.diff, against=review.against, costs=costs(review), findings=findings(review), notes=review.notes
        )
    if form == "json":
        return json.dumps(_document(review), indent=2, sort_keys=True) + "\n"
    shown = [changes.as_text(review.diff, review.against), *(f"note: {note}\n" for note in review.notes)]
    whole, *_ = costs(review)
    shown.append(f"\nCost a month in USD, expected: {whole.before} -> {whole.after}\n")
    found = findings(review)
    if found is not None:
        shown += ["\n", *_sorted_out(found)]
    return "".join(shown)


def _sorted_out(found: Findings) -> Iterator[str]:
    yield f"Policy findings: {len(found.new)} new, {len(found.fixed)} fixed, {len(found.still)} still there\n"
    for word, ones in (("new", found.new), ("fixed", found.fixed)):
        for one in ones:
            yield f"  {word}: {one.level} {one.policy}: {one.resource}: {one.message}\n"


def _document(review: Review) -> dict[str, Any]:
    found = findings(review)
    sorts = {} if found is None else {"new": found.new, "fixed": found.fixed, "still": found.still}
    return {
        **review.diff.to_document(),
        "against": review.against,
        "notes": list(review.notes),
        "cost": {"before": review.before.estimate.to_document(), "after": review.after.estimate.to_document()},
        "findings": {name: [vars(one) for one in ones] for name, ones in sorts.items()},
    }


def refusal(review: Review, project: Project, accepted: Sequence[str], today: date) -> str | None:
    """What is said where something stateful would be lost that nobody has accepted; None where nothing is.

    Raises BadInput for what accepts nothing.
    """
    rows = losses.read_accepted(project.stack_dir, review.diff.stack)
    lost = losses.unaccepted(review.diff, accepted, rows, today)
    return losses.refusal(lost, rows, today) if lost else None
