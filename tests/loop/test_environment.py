"""The loop's own environment, and what is left out without it."""

import importlib.util

import pytest

MODULES = {
    "test_story": "the closed loop, with MLflow on SQLite and on PostgreSQL",
    "test_failures": "the loop's failing paths",
    "test_changes": "a changed component changes the run",
    "test_cloud": "resources of the recorded graph on moto, and rights of pods",
}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_is_tested_in_the_loops_own_environment(module):
    lacking = [name for name in ("flask", "matplotlib", "sklearn") if importlib.util.find_spec(name) is None]
    if lacking:
        pytest.skip(f"{MODULES[module]}: needs {', '.join(lacking)}; run `make loop-test`")
    assert importlib.util.find_spec("mlflow.server") is not None
