"""What a pipeline searches, selects and registers: `PIPELINE_CONFIG`."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlplatform.contracts.pipeline import CONFIG, RUN
from mlplatform.runtime.jobs import SettingsError, explain

Scalar: TypeAlias = str | bool | int | float
"""A value of a parameter."""

_WHOLE: Final = 2**53
"""Up to here every whole number is exact as a float, which the sampler computes with."""
_FURTHEST: Final = 1e15
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Goal(StrEnum):
    """Where better is."""

    MAXIMIZE = "maximize"
    """The more the better."""
    MINIMIZE = "minimize"
    """The less the better."""

    def gain(self, value: float, over: float) -> float:
        """By how much a value is better than another; negative where it is worse."""
        return value - over if self is Goal.MAXIMIZE else over - value


class IntRange(_Model):
    """Whole numbers from `low` to `high`, both included."""

    low: int = Field(ge=-_WHOLE, le=_WHOLE)
    """Least value."""
    high: int = Field(ge=-_WHOLE, le=_WHOLE)
    """Greatest value; of a range with a step the last step at or below it."""
    step: int = Field(default=1, ge=1)
    """Distance of the values."""
    log: bool = False
    """Whether small values are tried as often by magnitude as great ones."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        _ordered(self.low, self.high, log=self.log)
        if self.log and self.step != 1:
            raise ValueError("log and step exclude each other")
        return self

    @property
    def points(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1


class FloatRange(_Model):
    """Numbers from `low` to `high`, both included."""

    low: float = Field(ge=-_FURTHEST, le=_FURTHEST)
    """Least value."""
    high: float = Field(ge=-_FURTHEST, le=_FURTHEST)
    """Greatest value."""
    log: bool = False
    """Whether small values are tried as often by magnitude as great ones."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        _ordered(self.low, self.high, log=self.log)
        return self

    @property
    def points(self) -> int | None:
        """How many values there are; None for no end of them."""
        return 1 if self.low == self.high else None


class Parameter(_Model):
    """Values that a parameter may have: exactly one of the three."""

    choice: tuple[Scalar, ...] | None = Field(default=None, min_length=1)
    """One of these."""
    whole: IntRange | None = Field(default=None, alias="int")
    """A whole number."""
    real: FloatRange | None = Field(default=None, alias="float")
    """Any number."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(given is not None for given in (self.choice, self.whole, self.real)) != 1:
            raise ValueError("allowed is exactly one of choice, int and float")
        if self.choice and len(set(map(json.dumps, self.choice))) != len(self.choice):
            raise ValueError("choice: a value is there twice")
        return self

    @property
    def points(self) -> int | None:
        """How many values there are; None for no end of them."""
        if self.choice is not None:
            return len(self.choice)
        ranged = self.whole or self.real
        return ranged.points if ranged else None


class Search(_Model):
    """How parameters are looked for."""

    space: Mapping[str, Parameter]
    """Parameters by name; none is one trial with the image's own."""
    trials: int = Field(ge=1)
    """Trials of a run, at most."""
    parallelism: int = Field(ge=1)
    """Trials of a round, which run side by side."""
    seed: int = 0
    """Where chance begins: the same for the same search."""
    patience_rounds: int | None = Field(default=None, ge=1)
    """Rounds without improvement after which no further one begins; null for never."""
    min_delta: float = Field(default=0.0, ge=0)
    """What is no improvement."""

    @property
    def points(self) -> int | None:
        """How many sets of parameters there are; None for no end of them."""
        count = 1
        for parameter in self.space.values():
            if parameter.points is None:
                return None
            count *= parameter.points
        return count


class Bounds(_Model):
    """What a metric must keep to."""

    min: float | None = None
    """Least value."""
    max: float | None = None
    """Greatest value."""

    def hold(self, value: float) -> bool:
        """Whether a value keeps to them."""
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


class Objective(_Model):
    """Which model is the best, and which is good enough."""

    metric: str = Field(min_length=1)
    """The metric that counts."""
    goal: Goal
    """Where better is."""
    constraints: Mapping[str, Bounds] = {}
    """What other metrics must keep to, by name."""
    min_improvement: float = Field(default=0.0, ge=0)
    """A candidate must be better than the champion by more than this."""


class Code(_Model):
    """The code that trains."""

    repository: str
    """Its repository."""
    commit: str | None = None
    """Its commit; null where only the image is known."""


class Settings(_Model):
    """One pipeline."""

    pipeline: str = Field(pattern=_NAME)
    """Its name."""
    bucket: str = Field(min_length=1)
    """Bucket of its runs."""
    model: str = Field(pattern=_NAME)
    """Registered model that it makes versions of."""
    experiment: str = Field(min_length=1)
    """Experiment of the registry that has its runs."""
    search: Search
    """How parameters are looked for."""
    objective: Objective
    """Which model is the best."""
    reference_bucket: str | None = None
    """Bucket for what versions were evaluated on; null for none."""
    code: Code
    """The code that trains."""
    image: str
    """The image that trains, by digest."""


class Surroundings(BaseModel):
    """What the environment says."""

    settings: Settings
    """The pipeline."""
    run: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
    """The Workflow."""


def surroundings(environment: Mapping[str, str]) -> Surroundings:
    """Pipeline and Workflow of the environment; SettingsError for others."""
    try:
        settings = Settings.model_validate_json(environment.get(CONFIG, ""))
    except ValidationError as error:
        raise SettingsError(f"{CONFIG}: {'; '.join(explain(error))}") from None
    try:
        return Surroundings(settings=settings, run=environment.get(RUN, ""))
    except ValidationError:
        raise SettingsError(f"{RUN}: allowed is the name of a Workflow, such as fraud-training-x7k2p") from None


def _ordered(low: float, high: float, *, log: bool) -> None:
    if low > high:
        raise ValueError("low must not be above high")
    if log and low <= 0:
        raise ValueError("log needs low above 0")
