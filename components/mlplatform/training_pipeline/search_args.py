"""What is searched: a space of parameters, a budget, and what makes a model the best."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Optional, Self

from pydantic import model_validator

from mlplatform.core.args import Args, at_least, between, checked, matching

MOST_TRIALS = 1000
"""Trials of one run at most: what one Workflow's status can hold is bounded by etcd (Argo Workflows documentation,
Offloading Large Workflows)."""
MOST_ROUNDS = 90
"""Rounds of one search at most: each is a level deeper, of which Argo allows 100 (Argo Workflows, workflow/controller,
maxAllowedStackDepth), and some are taken by what is around them."""
MOST_WHOLE = 2**53
"""Up to here floats, which samplers compute with, hold every whole number."""
MOST = 1e15
"""Bound of other numbers: far beyond it, floats leave out too many."""

# Argo puts values into its templates as text, and Kubernetes into variables, where these would end or begin something.
_UNSAFE = frozenset("\"'\\{}%$\n\r\t")
_NAME = matching(r"[A-Za-z_][\w.-]{0,62}", "letters, digits, _, . and -, at most 63, such as learning_rate")


class PipelineGoal(StrEnum):
    """Where better is."""

    MAXIMIZE = "maximize"
    """The more the better, as of accuracy."""
    MINIMIZE = "minimize"
    """The less the better, as of an error."""


def _ordered(low: float, high: float) -> None:
    if low >= high:
        raise ValueError(f"low {low} and high {high}; allowed is a low below high; swap them, or give a choice of one")


def _finite(value: float) -> float:
    if not -MOST <= value <= MOST:
        raise ValueError(f"got {value}; allowed are -1e15 to 1e15; express it in a larger unit")
    return value


def _from_one(step: int) -> int:
    if step < 1:
        raise ValueError(f"got {step}; allowed are whole numbers of 1 or more; leave it out for 1")
    return step


def _not_negative(value: float) -> float:
    if value < 0:
        raise ValueError(f"got {value}; allowed are numbers of 0 or more, in the metric's own unit")
    return value


class SearchIntRange(Args):
    """Whole numbers from `low` to `high`, both included."""

    low: int
    """Least value; at least 1 with `log`."""
    high: int
    """Greatest value."""
    step: Optional[int] = 1
    """Distance of the values, at least 1; 1 by default, and always with `log`."""
    log: Optional[bool] = False
    """Whether small values are tried as often, by magnitude, as great ones; not by default. For sizes of batches and
    layers."""

    _bounds = checked(between(-MOST_WHOLE, MOST_WHOLE, "as a whole number"), "low", "high")
    _step = checked(_from_one, "step")

    @model_validator(mode="after")
    def _range(self) -> Self:
        _ordered(self.low, self.high)
        if self.log and self.low < 1:
            raise ValueError(
                f"low {self.low} and log: a logarithm needs values above 0; raise low to 1, or take log out"
            )
        if self.log and self.step != 1:
            raise ValueError(f"step {self.step} and log: Optuna takes one of them; take the other out")
        return self


class SearchFloatRange(Args):
    """Numbers from `low` to `high`, both included."""

    low: float
    """Least value; above 0 with `log`."""
    high: float
    """Greatest value."""
    log: Optional[bool] = False
    """Whether small values are tried as often, by magnitude, as great ones; not by default. For learning rates."""

    _bounds = checked(_finite, "low", "high")

    @model_validator(mode="after")
    def _range(self) -> Self:
        _ordered(self.low, self.high)
        if self.log and self.low <= 0:
            raise ValueError(
                f"low {self.low} and log: a logarithm needs values above 0; raise low, such as to 1e-6, or take log out"
            )
        return self


def _choices(values: Sequence[Any]) -> Sequence[Any]:
    if not values:
        raise ValueError("got none; allowed are one or more; name the values")
    for value in values:
        if not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(
                f"got {value!r}; allowed are text, numbers, true and false; give a name that stands for it"
            )
        if isinstance(value, str) and (not value or _UNSAFE & set(value)):
            raise ValueError(
                f"got {value!r}; allowed is text without quotes, backslashes, braces, %, $ and line ends, which mean "
                "something to Argo or Kubernetes; give a name that stands for it"
            )
    # By type too: 1, 1.0 and true are not the same.
    counted = Counter((type(value), value) for value in values)
    twice = [repr(value) for (_, value), count in counted.items() if count > 1]
    if twice:
        raise ValueError(f"got {', '.join(twice)} more than once; allowed is once each; take the others out")
    return values


class SearchParameter(Args):
    """The values that one parameter may have: exactly one of `choice`, `int` and `float`."""

    choice: Optional[Sequence[Any]] = None
    """Any of these values: text, numbers, true and false. They have no order for the search."""
    int: Optional[SearchIntRange] = None
    """A whole number of a range."""
    float: Optional[SearchFloatRange] = None
    """A number of a range."""

    _values = checked(_choices, "choice")

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("choice", "int", "float") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"got {' and '.join(given) or 'none'}; allowed is exactly one of choice, int and float; "
                f"{'take the others out' if given else 'set one'}"
            )
        return self


def _space(space: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in space:
        _NAME(name)
    return space


class PipelineSearch(Args):
    """How parameters are searched: rounds of trials, each round chosen by what the ones before it have shown."""

    space: Optional[Mapping[str, SearchParameter]] = {}
    """Parameters by name, each with the values it may have. None by default: `train` runs once, with parameters of its
    own."""
    trials: Optional[int] = 20
    """Trials of a run at most, 1 to 1000: the budget. 20 by default."""
    parallelism: Optional[int] = 4
    """Trials of one round, which run side by side where the quota allows, at least 1; 4 by default. Fewer rounds take
    less time, and know less when they choose."""
    seed: Optional[int] = 0
    """What chance begins with; 0 by default. The same search with the same results makes the same choices."""
    patience_rounds: Optional[int] = 3
    """Rounds without improvement after which the search ends, at least 1; 3 by default, since what no longer improves
    costs only money. As many as there are rounds for never."""
    min_delta: Optional[float] = 0.0
    """What is no improvement yet, 0 or more, in the metric's own unit; 0 by default."""

    _names = checked(_space, "space")
    _trials = checked(between(1, MOST_TRIALS, "trials"), "trials")
    _parallelism = checked(at_least(1, "trials"), "parallelism")
    _patience = checked(at_least(1, "rounds"), "patience_rounds")
    _delta = checked(_not_negative, "min_delta")

    @property
    def rounds(self) -> int:
        """Rounds of a search that is not ended early."""
        return -(-(self.trials or 1) // (self.parallelism or 1))

    @model_validator(mode="after")
    def _budget(self) -> Self:
        trials, parallelism = self.trials or 1, self.parallelism or 1
        if parallelism > trials:
            raise ValueError(f"parallelism {parallelism} is more than trials {trials}; lower it to {trials} or less")
        if self.rounds > MOST_ROUNDS:
            raise ValueError(
                f"trials {trials} by {parallelism} are {self.rounds} rounds; allowed are {MOST_ROUNDS}, as deep as "
                f"Argo goes; raise parallelism to {-(-trials // MOST_ROUNDS)} or more"
            )
        return self


class MetricBound(Args):
    """Between what a metric must lie, at least one of `min` and `max`."""

    min: Optional[float] = None
    """Least value; none by default."""
    max: Optional[float] = None
    """Greatest value; none by default."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("got neither min nor max; allowed are one or both; set one, or leave the metric out")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}; swap them")
        return self


def _metrics(bounds: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in bounds:
        _named(name)
    return bounds


_named = matching(r"[\w./ -]{1,250}", "the name of a metric of metrics.json, such as accuracy")


class PipelineObjective(Args):
    """What makes a model the best, and good enough to challenge the one that serves."""

    metric: str
    """Metric that is compared, by its name in `metrics.json` and `evaluation.json`."""
    goal: PipelineGoal
    """Where better is. No default: a model chosen the wrong way round is the worst of all."""
    constraints: Optional[Mapping[str, MetricBound]] = {}
    """Metrics that must lie within bounds, in a trial and in the evaluation; none by default. A trial that lacks one
    is not chosen."""
    min_improvement: Optional[float] = 0.0
    """By how much, in the metric's own unit, a candidate must be better than the champion, 0 or more. 0 by default: it
    must be better, however little."""

    _metric = checked(_named, "metric")
    _constrained = checked(_metrics, "constraints")
    _improvement = checked(_not_negative, "min_improvement")
