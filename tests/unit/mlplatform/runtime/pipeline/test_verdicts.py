"""Which trial is chosen, and what becomes of its model: pure."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.runtime.pipeline.settings import Objective
from mlplatform.runtime.pipeline.verdicts import Decision, EvaluationError, Outcome, Selection, decide, select

CHALLENGER, REJECTED = Outcome.CHALLENGER, Outcome.REJECTED


def objective(**changes: Any) -> Objective:
    return Objective.model_validate({"metric": "accuracy", "goal": "maximize", **changes})


BOUNDED = objective(constraints={"latency": {"max": 20}, "recall": {"min": 0.5, "max": 0.9}})


def test_the_best_trial_by_goal() -> None:
    metrics = {0: {"accuracy": 0.7}, 1: {"accuracy": 0.9}, 2: {"accuracy": 0.8}}
    assert select(objective(), metrics) == Selection(1, {}, {})
    assert select(objective(goal="minimize"), metrics) == Selection(0, {}, {})


def test_of_equals_the_first_trial() -> None:
    assert select(objective(), {3: {"accuracy": 0.9}, 1: {"accuracy": 0.9}, 2: {"accuracy": 0.8}}).trial == 1


def test_trials_are_left_out_with_a_reason() -> None:
    found = select(
        BOUNDED,
        {
            0: "metrics.json is missing",
            1: {"latency": 1, "recall": 0.6},
            2: {"accuracy": 0.9, "latency": 21, "recall": 0.4},
            3: {"accuracy": 0.9, "recall": 0.95},
            4: {"accuracy": 0.1, "latency": 20, "recall": 0.5},
        },
    )
    assert found == Selection(
        4,
        {0: "metrics.json is missing", 1: "no metric accuracy"},
        {
            2: "latency is 21; allowed is at most 20; recall is 0.4; allowed is 0.5 to 0.9",
            3: "latency is missing; recall is 0.95; allowed is 0.5 to 0.9",
        },
    )


def test_none_is_left() -> None:
    only = objective(constraints={"recall": {"min": 0.5}})
    assert select(only, {0: "metrics.json is missing", 1: {"accuracy": 1, "recall": 0.4}}) == Selection(
        None, {0: "metrics.json is missing"}, {1: "recall is 0.4; allowed is at least 0.5"}
    )
    assert select(only, {}) == Selection(None, {}, {})


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
METRICS = st.dictionaries(st.sampled_from(["accuracy", "latency", "recall"]), NUMBERS)


@given(
    trials=st.dictionaries(st.integers(0, 30), st.one_of(METRICS, st.just("metrics.json is missing"))),
    bounds=st.dictionaries(st.sampled_from(["accuracy", "latency", "recall"]), st.tuples(NUMBERS, NUMBERS)),
    goal=st.sampled_from(["maximize", "minimize"]),
    random=st.randoms(use_true_random=False),
)
def test_the_choice_violates_nothing_and_does_not_depend_on_order(
    trials: dict[int, Any], bounds: dict[str, tuple[float, float]], goal: str, random: Any
) -> None:
    limits = {name: {"min": min(pair), "max": max(pair)} for name, pair in bounds.items()}
    wanted = objective(goal=goal, constraints=limits)
    shuffled = list(trials.items())
    random.shuffle(shuffled)
    found = select(wanted, dict(shuffled))
    assert found == select(wanted, trials)
    good = {
        number: metrics["accuracy"]
        for number, metrics in trials.items()
        if isinstance(metrics, dict)
        and "accuracy" in metrics
        and all(name in metrics and each["min"] <= metrics[name] <= each["max"] for name, each in limits.items())
    }
    assert {*found.failed, *found.violated} == trials.keys() - good.keys()
    assert (found.trial in good) if good else found.trial is None
    if good:
        best = max(good.values()) if goal == "maximize" else min(good.values())
        assert found.trial == min(number for number, value in good.items() if value == best)


# Decisions


@pytest.mark.parametrize(
    ("changes", "candidate", "champion", "now", "decision"),
    [
        ({}, 0.8, None, "none", Decision(CHALLENGER, "accuracy 0.8, and no champion")),
        ({}, 0.8, 0.7, "3", Decision(CHALLENGER, "accuracy 0.8, of champion 3 0.7")),
        (
            {},
            0.7,
            0.7,
            "3",
            Decision(REJECTED, "accuracy 0.7, of champion 3 0.7; needed is better by more than 0"),
        ),
        (
            {"min_improvement": 0.25},
            0.75,
            0.5,
            "3",
            Decision(REJECTED, "accuracy 0.75, of champion 3 0.5; needed is better by more than 0.25"),
        ),
        ({"min_improvement": 0.25}, 0.8, 0.5, "3", Decision(CHALLENGER, "accuracy 0.8, of champion 3 0.5")),
        ({"goal": "minimize"}, 0.4, 0.5, "3", Decision(CHALLENGER, "accuracy 0.4, of champion 3 0.5")),
        (
            {"goal": "minimize"},
            0.6,
            0.5,
            "3",
            Decision(REJECTED, "accuracy 0.6, of champion 3 0.5; needed is better by more than 0"),
        ),
        ({}, 0.8, None, "3", Decision(REJECTED, "it was not held against champion 3")),
        ({}, 0.8, 0.7, "4", Decision(REJECTED, "the champion is 4 now; it was held against 3")),
        (
            {"constraints": {"accuracy": {"min": 0.9}}},
            0.8,
            None,
            "none",
            Decision(REJECTED, "accuracy is 0.8; allowed is at least 0.9"),
        ),
        (
            {"constraints": {"recall": {"min": 0.9}}},
            0.8,
            0.7,
            "3",
            Decision(REJECTED, "recall is missing"),
        ),
    ],
)
def test_decisions(
    changes: dict[str, Any], candidate: float, champion: float | None, now: str, decision: Decision
) -> None:
    before = None if champion is None else {"accuracy": champion}
    assert decide(objective(**changes), {"accuracy": candidate}, before, "3", now) == decision


@pytest.mark.parametrize(
    ("candidate", "champion", "text"),
    [
        ({"recall": 1.0}, {"accuracy": 0.7}, "evaluation.json: candidate: no metric accuracy"),
        ({"accuracy": 0.8}, {"recall": 1.0}, "evaluation.json: champion: no metric accuracy"),
    ],
)
def test_nothing_is_decided_without_the_metric(candidate: Any, champion: Any, text: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        decide(objective(), candidate, champion, "3", "3")
    assert str(caught.value) == text
