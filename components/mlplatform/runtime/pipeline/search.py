"""Which parameters are tried next: pure functions from what was tried to a round; the sampler is Optuna's.

The same history gives the same round. What a trial came to is known after its round only, so the trials of a round are
chosen together: the sampler takes those that run for bad ones, so that it does not ask for the same twice.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from typing import Any, Final, TypeAlias

from mlplatform.runtime.pipeline.settings import Goal, IntRange, Objective, Parameter, Scalar, Search

Parameters: TypeAlias = Mapping[str, Scalar]
"""A trial's parameters, by name."""
MISSES: Final = 20
"""Times that a sampler may ask in a row for what was tried already, before another one is asked."""
ENUMERABLE: Final = 10_000
"""Sets of parameters up to which those left are listed and drawn from; of more, chance finds one that was not tried."""


class SearchError(Exception):
    """A history that the search can't go on from."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial."""

    number: int
    """Its number, over all rounds."""
    parameters: Parameters
    """Its parameters."""


@dataclass(frozen=True, slots=True)
class Round:
    """Trials that run side by side."""

    trials: Sequence[Trial]
    """The trials; none where the search has ended."""
    stop: str | None
    """Why there is no further round; None where there is one."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial of an earlier round."""

    trial: Trial
    """The trial."""
    round: int
    """Its round."""
    value: float | None
    """What its objective came to; None where it failed."""


def next_round(search: Search, objective: Objective, tried: Sequence[Tried], number: int) -> Round:
    """The round after those that were tried."""
    budget = search.trials if search.points is None else min(search.trials, search.points)
    left = budget - len(tried)
    stop = _impatient(search, objective.goal, tried, number) if left > 0 else _spent(search, budget)
    if stop:
        return Round((), stop)
    found = list(_asked(search, objective.goal, tried, number, min(search.parallelism, left)))
    trials = [Trial(len(tried) + at, parameters) for at, parameters in enumerate(found)]
    if len(trials) < min(search.parallelism, left):
        return Round(trials, "the sampler finds nothing that was not tried")
    return Round(trials, _spent(search, budget) if len(trials) == left else None)


def _spent(search: Search, budget: int) -> str:
    return f"budget of {budget} trials" if budget == search.trials else f"all {budget} sets of parameters"


def _impatient(search: Search, goal: Goal, tried: Sequence[Tried], number: int) -> str | None:
    if search.patience_rounds is None:
        return None
    best: float | None = None
    idle = 0
    for at in range(number):
        values = [each.value for each in tried if each.round == at and each.value is not None]
        better = [value for value in values if best is None or goal.gain(value, best) > search.min_delta]
        idle = 0 if better else idle + 1
        best = max(better, key=lambda value: goal.gain(value, 0.0)) if better else best
    return f"no improvement in {idle} rounds" if idle >= search.patience_rounds else None


def _asked(search: Search, goal: Goal, tried: Sequence[Tried], number: int, count: int) -> Iterator[Parameters]:
    """So many sets of parameters that were not tried; fewer where the sampler finds no more."""
    optuna = _optuna()
    seed = int.from_bytes(sha256(f"{search.seed}/{number}".encode()).digest()[:4], "big")
    study = optuna.create_study(direction=goal.value, sampler=optuna.samplers.TPESampler(seed=seed))
    axes = {name: _axis(search.space[name]) for name in sorted(search.space)}
    known = set()
    for each in sorted(tried, key=lambda each: each.trial.number):
        known.add(_key(each.trial.parameters))
        study.add_trial(_told(each, axes))
    for _ in range(count):
        parameters = _new(study, axes, known) or _rest(study, search, axes, known, seed)
        if parameters is None:
            return
        known.add(_key(parameters))
        yield parameters


def _new(study: Any, axes: Mapping[str, "_Axis"], known: set[str]) -> Parameters | None:
    states = _optuna().trial.TrialState
    for _ in range(MISSES):
        trial = study.ask({name: axis.distribution for name, axis in axes.items()})
        parameters = {name: axis.outward(trial.params[name]) for name, axis in axes.items()}
        if _key(parameters) not in known:
            return parameters
        study.tell(trial, state=states.FAIL)
    return None


def _rest(study: Any, search: Search, axes: Mapping[str, "_Axis"], known: set[str], seed: int) -> Parameters | None:
    """A set that was not tried, by chance."""
    samplers = _optuna().samplers
    few = search.points is not None and search.points <= ENUMERABLE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the first sampler is experimental
        study.sampler = samplers.BruteForceSampler(seed=seed) if few else samplers.RandomSampler(seed=seed)
    return _new(study, axes, known)


def _told(tried: Tried, axes: Mapping[str, "_Axis"]) -> Any:
    trial, states = _optuna().trial, _optuna().trial.TrialState
    try:
        return trial.create_trial(
            state=states.FAIL if tried.value is None else states.COMPLETE,
            value=tried.value,
            params={name: axis.inward(tried.trial.parameters[name]) for name, axis in axes.items()},
            distributions={name: axis.distribution for name, axis in axes.items()},
        )
    except (KeyError, TypeError, ValueError):
        raise SearchError(f"trial {tried.trial.number} has other parameters than the search") from None


@dataclass(frozen=True, slots=True)
class _Axis:
    """A parameter, and how the sampler sees it."""

    distribution: Any
    inward: Callable[[Scalar], Any]
    outward: Callable[[Any], Scalar]


def _axis(parameter: Parameter) -> _Axis:
    kinds = _optuna().distributions
    if parameter.choice is not None:
        # By position: to Python, and so to the sampler, 1 is true.
        texts = [json.dumps(value) for value in parameter.choice]
        positions = kinds.CategoricalDistribution(tuple(range(len(texts))))
        return _Axis(positions, lambda value: texts.index(json.dumps(value)), parameter.choice.__getitem__)
    if parameter.whole is not None:
        return _whole(parameter.whole, kinds)
    real = parameter.real
    assert real is not None  # noqa: S101 - a parameter has one of the three
    line = kinds.FloatDistribution(real.low, real.high, log=real.log)
    return _Axis(line, float, lambda value: min(max(float(value), real.low), real.high))


def _whole(given: IntRange, kinds: Any) -> _Axis:
    if given.step == 1:
        numbers = kinds.IntDistribution(given.low, given.high, log=given.log)
        return _Axis(numbers, int, lambda value: min(max(int(value), given.low), given.high))

    def position(value: Scalar) -> int:
        at, rest = divmod(int(value) - given.low, given.step)
        if rest:
            raise ValueError(value)
        return at

    # By position: in the sampler's floats, low and some steps need not add up to a value of the range.
    positions = kinds.IntDistribution(0, given.points - 1)
    return _Axis(positions, position, lambda at: given.low + min(max(int(at), 0), given.points - 1) * given.step)


def _key(parameters: Parameters) -> str:
    return json.dumps(parameters, sort_keys=True)


def _optuna() -> Any:
    # Loaded when first needed; it reports on every study unless told not to.
    optuna = import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
