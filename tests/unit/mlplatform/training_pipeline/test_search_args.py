"""The search space: whatever the component accepts, the jobs that search read, and mean the same by it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from examples.training_pipeline import SMALLEST
from mlplatform.core.args import InvalidArgs
from mlplatform.runtime.pipeline.settings import Goal, Settings
from mlplatform.training_pipeline import PipelineGoal, SearchParameter, TrainingPipelineArgs
from mlplatform.training_pipeline.building import Pipeline
from mlplatform.training_pipeline.search_args import MOST, MOST_ROUNDS, MOST_WHOLE, PipelineSearch
from mlplatform.training_pipeline.workflow import configuration

WHOLE = st.integers(-MOST_WHOLE, MOST_WHOLE)
REAL = st.floats(-MOST, MOST, allow_nan=False)
TEXT = st.text(st.characters(categories=["L", "N", "P", "Z"]), max_size=20)
SCALAR = st.one_of(TEXT, st.booleans(), st.integers(-1000, 1000), st.floats(allow_nan=True))
PARAMETER = st.one_of(
    st.fixed_dictionaries({"choice": st.lists(SCALAR, max_size=4)}),
    st.fixed_dictionaries(
        {
            "int": st.fixed_dictionaries(
                {"low": WHOLE, "high": WHOLE}, optional={"step": st.integers(0, 10), "log": st.booleans()}
            )
        }
    ),
    st.fixed_dictionaries(
        {"float": st.fixed_dictionaries({"low": REAL, "high": REAL}, optional={"log": st.booleans()})}
    ),
)
NAME = st.from_regex(r"[A-Za-z_][\w.-]{0,10}", fullmatch=True)


def accepted(make: Any, values: Any) -> Any:
    """What a model makes of values; None where it refuses them."""
    try:
        return make.of(values)
    except InvalidArgs:
        return None


@given(space=st.dictionaries(NAME, PARAMETER, max_size=4))
def test_what_is_accepted_is_read_by_the_jobs_as_it_is(space: dict[str, Any]) -> None:
    args: Any = accepted(TrainingPipelineArgs, {**SMALLEST, "steps": {**SMALLEST["steps"], "search": {"space": space}}})
    if args is None:
        return
    made = Pipeline("x", args, None, None)  # type: ignore[arg-type] # neither is read
    config = {**configuration(made, args.steps), "bucket": "runs"}
    read = Settings.model_validate_json(json.dumps(config)).search
    for name, wanted in space.items():
        (kind,) = wanted
        found = read.space[name].model_dump(by_alias=True, exclude_none=True)[kind]
        if kind == "choice":
            assert [(type(value), value) for value in found] == [(type(value), value) for value in wanted[kind]]
        else:
            assert {key: found[key] for key in wanted[kind]} == wanted[kind]


@pytest.mark.filterwarnings("ignore:The distribution is specified by")
@given(parameter=PARAMETER)
def test_what_is_accepted_is_a_distribution_of_optuna(parameter: dict[str, Any]) -> None:
    args = accepted(SearchParameter, parameter)
    if args is None:
        return
    if args.choice is not None:
        assert list(CategoricalDistribution(args.choice).choices) == parameter["choice"]
    elif args.int is not None:
        made = IntDistribution(args.int.low, args.int.high, log=bool(args.int.log), step=args.int.step or 1)
        assert (made.low, made.step) == (args.int.low, args.int.step)
    else:
        assert not FloatDistribution(args.float.low, args.float.high, log=bool(args.float.log)).single()


@given(trials=st.integers(1, 1000), parallelism=st.integers(1, 1000))
def test_a_budget_is_accepted_where_it_is_no_deeper_than_argo_goes(trials: int, parallelism: int) -> None:
    search = accepted(PipelineSearch, {"trials": trials, "parallelism": parallelism})
    rounds = -(-trials // parallelism)
    assert (search is not None) == (parallelism <= trials and rounds <= MOST_ROUNDS)
    if search is not None:
        assert search.rounds == rounds
        # Each round is a level, below the entry point and the search, and above a pod.
        assert rounds + 3 < 100


def test_goals_are_those_of_the_jobs() -> None:
    assert list(PipelineGoal) == list(Goal)
