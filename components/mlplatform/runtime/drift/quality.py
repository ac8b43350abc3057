"""How good predictions were, for the requests whose labels have arrived."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlplatform.runtime.drift.columns import Problem, Trouble, answer
from mlplatform.runtime.drift.rows import Row
from mlplatform.runtime.drift.settings import Metric


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric over labelled requests."""

    metric: Metric
    """Which one."""
    rows: int
    """Requests with a label that could be compared."""
    value: float | None
    """Its value; None where too few have a label."""
    breached: bool
    """Whether it is too bad."""


def joined(rows: Iterable[Row], labels: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Answers and labels of the requests that have one."""
    return [(answer(row.prediction), labels[row.id]) for row in rows if row.id in labels]


def measure(
    pairs: Sequence[tuple[Any, Any]], metric: Metric, threshold: float, min_rows: int, allowed_percent: float
) -> tuple[Measured, list[Problem]]:
    """The metric, and what is wrong with labels or predictions."""
    good = pairs if metric is Metric.ACCURACY else [pair for pair in pairs if all(map(_number, pair))]
    bad = len(pairs) - len(good)
    problems = []
    if pairs and 100 * bad / len(pairs) > allowed_percent:
        detail = f"{metric}: {100 * bad / len(pairs):.1f} % of labels or predictions are no numbers"
        problems = [Problem(Trouble.WRONG_TYPE, f"{detail}; allowed are {allowed_percent:.1f} %", "label")]
    if len(good) < min_rows:
        return Measured(metric, len(good), None, breached=False), problems
    value = _accuracy(good) if metric is Metric.ACCURACY else _error(good)
    return Measured(metric, len(good), value, metric.worse(value, threshold)), problems


def _accuracy(pairs: Sequence[tuple[Any, Any]]) -> float:
    return sum(_same(*pair) for pair in pairs) / len(pairs)


def _same(prediction: Any, label: Any) -> bool:
    # True is not 1: a model that answers one where labels have the other is mended, not forgiven.
    return isinstance(prediction, bool) == isinstance(label, bool) and bool(prediction == label)


def _error(pairs: Sequence[tuple[float, float]]) -> float:
    return sum(abs(prediction - label) for prediction, label in pairs) / len(pairs)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
