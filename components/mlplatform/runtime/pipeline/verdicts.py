"""Which trial is the best, and whether its model is better than the champion: pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from mlplatform.contracts.pipeline import NO_CHAMPION
from mlplatform.runtime.pipeline.settings import Objective

Metrics: TypeAlias = Mapping[str, float]
"""Numbers by name."""


class Outcome(StrEnum):
    """What becomes of a version."""

    CHALLENGER = "challenger"
    """It is to be rolled out."""
    REJECTED = "rejected"
    """It is kept, and not rolled out."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The best of the trials, and what was wrong with others."""

    trial: int | None
    """Number of the best; None where none is left."""
    failed: Mapping[int, str]
    """Trials that left no objective, with the reason."""
    violated: Mapping[int, str]
    """Trials that do not keep to the constraints, with the reason."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a version, and why."""

    outcome: Outcome
    """What."""
    reason: str
    """Why."""


class EvaluationError(Exception):
    """An evaluation from which nothing follows."""


def select(objective: Objective, metrics: Mapping[int, Metrics | str]) -> Selection:
    """The best trial by what each left: its metrics, or why it has none. Of equals, the first."""
    left: dict[int, float] = {}
    failed: dict[int, str] = {}
    violated: dict[int, str] = {}
    for number in sorted(metrics):
        found = metrics[number]
        value = found if isinstance(found, str) else objective_of(objective, found)
        if isinstance(value, str):
            failed[number] = value
            continue
        assert not isinstance(found, str)  # noqa: S101 - else the value were one
        broken = violations(objective, found)
        if broken:
            violated[number] = "; ".join(broken)
        else:
            left[number] = value
    best = min(left, key=lambda number: (-objective.goal.gain(left[number], 0.0), number), default=None)
    return Selection(best, failed, violated)


def objective_of(objective: Objective, metrics: Metrics) -> float | str:
    """What counts of a trial's metrics, or that it is missing."""
    return metrics.get(objective.metric, f"no metric {objective.metric}")


def violations(objective: Objective, metrics: Metrics) -> list[str]:
    """Constraints that metrics do not keep to; one without its metric is one of them."""
    found = []
    for name, bounds in sorted(objective.constraints.items()):
        if name not in metrics:
            found.append(f"{name} is missing")
        elif not bounds.hold(metrics[name]):
            found.append(f"{name} is {metrics[name]:g}; allowed is {_between(bounds.min, bounds.max)}")
    return found


def decide(objective: Objective, candidate: Metrics, champion: Metrics | None, held_against: str, now: str) -> Decision:
    """What becomes of a candidate that was held against a version, where another may be the champion now."""
    broken = violations(objective, candidate)
    if broken:
        return Decision(Outcome.REJECTED, "; ".join(broken))
    value = _counted(objective, candidate, "candidate")
    if now == NO_CHAMPION:
        return Decision(Outcome.CHALLENGER, f"{objective.metric} {value:g}, and no champion")
    if now != held_against:
        return Decision(Outcome.REJECTED, f"the champion is {now} now; it was held against {held_against}")
    if champion is None:
        return Decision(Outcome.REJECTED, f"it was not held against champion {now}")
    before = _counted(objective, champion, "champion")
    gain = objective.goal.gain(value, before)
    text = f"{objective.metric} {value:g}, of champion {now} {before:g}"
    if gain > objective.min_improvement:
        return Decision(Outcome.CHALLENGER, text)
    return Decision(Outcome.REJECTED, f"{text}; needed is better by more than {objective.min_improvement:g}")


def _counted(objective: Objective, metrics: Metrics, side: str) -> float:
    value = objective_of(objective, metrics)
    if isinstance(value, str):
        raise EvaluationError(f"evaluation.json: {side}: {value}")
    return value


def _between(least: float | None, most: float | None) -> str:
    if least is None:
        return f"at most {most:g}"
    return f"at least {least:g}" if most is None else f"{least:g} to {most:g}"
