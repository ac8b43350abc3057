"""What a search is told, and which parameters it tries: pure, with Optuna's own sampler."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlplatform.contracts.pipeline import CONFIG, RUN
from mlplatform.runtime.jobs import SettingsError
from mlplatform.runtime.pipeline.search import Round, SearchError, Trial, Tried, next_round
from mlplatform.runtime.pipeline.settings import Goal, Objective, Search, surroundings

SPACE: dict[str, Any] = {
    "depth": {"int": {"low": 2, "high": 12, "step": 5}},
    "kind": {"choice": ["tree", 1, True, 1.0]},
    "rate": {"float": {"low": 1e-4, "high": 1.0, "log": True}},
}
SETTINGS: dict[str, Any] = {
    "pipeline": "fraud-training",
    "bucket": "runs",
    "model": "fraud",
    "experiment": "fraud-training",
    "search": {"space": SPACE, "trials": 6, "parallelism": 4, "seed": 7},
    "objective": {"metric": "accuracy", "goal": "maximize"},
    "reference_bucket": None,
    "code": {"repository": "https://git.example.com/fraud", "commit": None},
    "image": "registry.example.com/fraud@sha256:" + "0" * 64,
}
MAXIMIZE = Objective(metric="accuracy", goal=Goal.MAXIMIZE)
MINIMIZE = Objective(metric="loss", goal=Goal.MINIMIZE)


def search(**changes: Any) -> Search:
    return Search.model_validate({**SETTINGS["search"], **changes})


def history(*rounds: tuple[float | None, ...]) -> list[Tried]:
    """Trials with these values, a round each; their parameters are of SPACE and no two the same."""
    values = [(at, value) for at, each in enumerate(rounds) for value in each]
    return [
        Tried(Trial(number, {"depth": 2, "kind": "tree", "rate": 0.5 / (number + 1)}), at, value)
        for number, (at, value) in enumerate(values)
    ]


def played(searched: Search, value: Any = lambda parameters: 0.5, objective: Objective = MAXIMIZE) -> list[Round]:
    """All rounds of a search whose trials come to what `value` says."""
    rounds: list[Round] = []
    tried: list[Tried] = []
    while not rounds or rounds[-1].stop is None:
        rounds.append(next_round(searched, objective, tried, len(rounds)))
        tried += [Tried(trial, len(rounds) - 1, value(trial.parameters)) for trial in rounds[-1].trials]
    return rounds


# Settings


def changed(path: str, value: Any) -> str:
    document = json.loads(json.dumps(SETTINGS))
    *folders, last = path.split(".")
    place = document
    for folder in folders:
        place = place[folder]
    place[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("model", "a/b", "model: String should match pattern '^[A-Za-z0-9][A-Za-z0-9._-]*$'"),
        ("search.trials", 0, "search.trials: allowed is greater than or equal to 1"),
        ("search.space.depth", {}, "search.space.depth: allowed is exactly one of choice, int and float"),
        (
            "search.space.depth",
            {"int": {"low": 1, "high": 2}, "choice": [1]},
            "search.space.depth: allowed is exactly one of choice, int and float",
        ),
        ("search.space.kind", {"choice": ["a", "a"]}, "search.space.kind: choice: a value is there twice"),
        ("search.space.depth", {"int": {"low": 3, "high": 2}}, "search.space.depth.int: low must not be above high"),
        (
            "search.space.depth",
            {"int": {"low": 1, "high": 9, "step": 2, "log": True}},
            "search.space.depth.int: log and step exclude each other",
        ),
        (
            "search.space.rate",
            {"float": {"low": 0, "high": 9, "log": True}},
            "search.space.rate.float: log needs low above 0",
        ),
        ("objective.goal", "more", "objective.goal: allowed is 'maximize' or 'minimize'"),
        ("sarch", {}, "sarch: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_setting_is_one_line(path: str, value: Any, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        surroundings({CONFIG: changed(path, value), RUN: "run-1"})
    assert str(caught.value) == f"{CONFIG}: {text}"


@pytest.mark.parametrize("run", [None, "", "a/b", "../x", "Run"])
def test_a_run_is_named_like_a_workflow(run: str | None) -> None:
    environment = {CONFIG: json.dumps(SETTINGS), **({} if run is None else {RUN: run})}
    with pytest.raises(SettingsError) as caught:
        surroundings(environment)
    assert str(caught.value) == f"{RUN}: allowed is the name of a Workflow, such as fraud-training-x7k2p"


@pytest.mark.parametrize(
    ("space", "points"),
    [
        ({}, 1),
        (SPACE, None),
        ({"depth": SPACE["depth"], "kind": SPACE["kind"]}, 12),
        ({"one": {"float": {"low": 2.5, "high": 2.5}}}, 1),
        ({"wide": {"int": {"low": 1, "high": 100, "log": True}}}, 100),
    ],
)
def test_points_of_a_space(space: dict[str, Any], points: int | None) -> None:
    assert search(space=space).points == points


# Rounds


def test_rounds_share_the_budget_and_numbers_run_on() -> None:
    rounds = played(search())
    assert [[trial.number for trial in each.trials] for each in rounds] == [[0, 1, 2, 3], [4, 5]]
    assert [each.stop for each in rounds] == [None, "budget of 6 trials"]


def test_the_same_history_gives_the_same_round_and_another_seed_another() -> None:
    tried = history((0.5, 0.6, None, 0.7))
    first = next_round(search(), MAXIMIZE, tried, 1)
    assert next_round(search(), MAXIMIZE, list(reversed(tried)), 1) == first
    assert next_round(search(seed=8), MAXIMIZE, tried, 1) != first


def test_parameters_are_in_the_order_of_their_names() -> None:
    assert all(list(trial.parameters) == ["depth", "kind", "rate"] for trial in played(search())[0].trials)


def test_a_choice_keeps_its_type() -> None:
    space = {"kind": {"choice": [1, True, "1", 1.0]}}
    found = [trial.parameters["kind"] for each in played(search(space=space)) for trial in each.trials]
    assert sorted(map(json.dumps, found)) == ['"1"', "1", "1.0", "true"]


@pytest.mark.parametrize("objective", [MAXIMIZE, MINIMIZE])
def test_the_sampler_learns_from_what_was_tried(objective: Objective) -> None:
    """With a great budget, trials come closer to the best: 0.25 of 0 to 1."""
    space = {"x": {"float": {"low": 0.0, "high": 1.0}}}

    def value(parameters: Any) -> float:
        distance = abs(parameters["x"] - 0.25)
        return -distance if objective.goal is Goal.MAXIMIZE else distance

    rounds = played(search(space=space, trials=40, parallelism=4), value, objective)
    late = [abs(float(trial.parameters["x"]) - 0.25) for each in rounds[5:] for trial in each.trials]
    assert sum(late) / len(late) < 0.15


def test_a_grid_below_the_budget_is_tried_once_over() -> None:
    space = {"depth": SPACE["depth"], "kind": SPACE["kind"]}
    rounds = played(search(space=space, trials=50))
    found = [json.dumps(trial.parameters) for each in rounds for trial in each.trials]
    assert len(set(found)) == len(found) == 12
    assert rounds[-1].stop == "all 12 sets of parameters"


def test_without_a_space_there_is_one_trial() -> None:
    assert played(search(space={})) == [Round([Trial(0, {})], "all 1 sets of parameters")]


def test_what_chance_alone_finds_is_found_too() -> None:
    """Small values of a great range, which the sampler asks for again and again."""
    space = {"x": {"int": {"low": 1, "high": 2**40, "log": True}}}
    rounds = played(search(space=space, trials=60, parallelism=20), lambda parameters: -parameters["x"])
    found = [trial.parameters["x"] for each in rounds for trial in each.trials]
    assert len(set(found)) == len(found) == 60


@pytest.mark.parametrize(
    ("objective", "rounds", "stop"),
    [
        (MAXIMIZE, ((0.5,), (0.6,), (0.7,)), None),
        (MAXIMIZE, ((0.5,), (0.5,), (0.4,)), "no improvement in 2 rounds"),
        (MAXIMIZE, ((0.5,), (0.505,), (0.509,)), "no improvement in 2 rounds"),
        (MAXIMIZE, ((0.5,), (0.505,), (0.515,)), None),
        (MAXIMIZE, ((0.5,), (None,), (None,)), "no improvement in 2 rounds"),
        (MAXIMIZE, ((None,), (None,)), "no improvement in 2 rounds"),
        (MAXIMIZE, ((None,), (0.1,), (None,)), None),
        (MINIMIZE, ((0.5,), (0.6,), (0.7,)), "no improvement in 2 rounds"),
        (MINIMIZE, ((0.5,), (0.4,), (0.3,)), None),
    ],
)
def test_patience(objective: Objective, rounds: tuple[tuple[float | None, ...], ...], stop: str | None) -> None:
    patient = search(trials=50, patience_rounds=2, min_delta=0.01)
    found = next_round(patient, objective, history(*rounds), len(rounds))
    assert found.stop == stop
    assert bool(found.trials) is (stop is None)


def test_without_patience_a_search_goes_on() -> None:
    assert next_round(search(trials=50), MAXIMIZE, history((0.5,), (0.4,), (0.3,)), 3).stop is None


@pytest.mark.parametrize("parameters", [{}, {"depth": 3, "kind": "tree", "rate": 0.1}, {**SPACE, "kind": "bush"}])
def test_a_history_of_another_search_is_refused(parameters: Any) -> None:
    with pytest.raises(SearchError) as caught:
        next_round(search(), MAXIMIZE, [Tried(Trial(0, parameters), 0, 0.5)], 1)
    assert str(caught.value) == "trial 0 has other parameters than the search"


# Properties

WHOLE = st.integers(-(2**53), 2**53)
REAL = st.floats(-1e15, 1e15)
SCALARS = st.one_of(st.text(max_size=5), st.booleans(), WHOLE, REAL)
NAMES = st.text("abcxyz_-.", min_size=1, max_size=6)


@st.composite
def ranges(draw: Any, numbers: Any, positive: Any, *, whole: bool) -> dict[str, Any]:
    log = draw(st.booleans())
    low, high = sorted([draw(positive if log else numbers), draw(positive if log else numbers)])
    step = {"step": draw(st.integers(1, 2**20))} if whole and not log else {}
    return {"int" if whole else "float": {"low": low, "high": high, "log": log, **step}}


PARAMETERS = st.one_of(
    st.lists(SCALARS, min_size=1, max_size=6, unique_by=json.dumps).map(lambda values: {"choice": values}),
    ranges(WHOLE, st.integers(1, 2**53), whole=True),
    ranges(REAL, st.floats(min_value=0, max_value=1e15, exclude_min=True), whole=False),
)


def lies_in(parameter: dict[str, Any], value: Any) -> bool:
    if "choice" in parameter:
        return any(type(value) is type(choice) and value == choice for choice in parameter["choice"])
    if "int" in parameter:
        bounds = parameter["int"]
        inside = bounds["low"] <= value <= bounds["high"]
        return type(value) is int and inside and (value - bounds["low"]) % bounds.get("step", 1) == 0
    return type(value) is float and parameter["float"]["low"] <= value <= parameter["float"]["high"]


@given(
    space=st.dictionaries(NAMES, PARAMETERS, max_size=4),
    trials=st.integers(1, 14),
    parallelism=st.integers(1, 14),
    seed=st.integers(-5, 2**40),
    values=st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=14, max_size=14),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_suggested_lies_in_the_space_and_is_new(
    space: Any, trials: int, parallelism: int, seed: int, values: list[float | None]
) -> None:
    searched = Search.model_validate({"space": space, "trials": trials, "parallelism": parallelism, "seed": seed})
    left = iter(values)
    rounds = played(searched, lambda _: next(left))
    found = [trial for each in rounds for trial in each.trials]
    assert [trial.number for trial in found] == list(range(len(found)))
    assert 1 <= len(found) <= trials
    assert len({json.dumps(trial.parameters) for trial in found}) == len(found)
    for trial in found:
        assert trial.parameters.keys() == space.keys()
        assert all(lies_in(space[name], value) for name, value in trial.parameters.items())
    # What lies in S3 between two rounds is JSON.
    assert json.loads(json.dumps([dict(trial.parameters) for trial in found])) == [
        dict(trial.parameters) for trial in found
    ]
