"""Environments in the real engine take minutes each, so a target of its own asks for them."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from deployment import Deployment

from environments import configuration


@pytest.fixture(scope="session")
def whole_environments(request: pytest.FixtureRequest) -> None:
    """Skips a test that deploys a whole environment, unless asked for."""
    if not request.config.getoption("--environments"):
        pytest.skip("deploys whole environments in the real engine; `make engine-test` does")


@pytest.fixture
def deploy(tmp_path: Path, whole_environments: None) -> Callable[[str], Deployment]:
    """Makes an empty stack of an environment, in a backend and a world of its own."""
    numbers = itertools.count()

    def make(stack: str) -> Deployment:
        config = {f"mlplatform:{key}": value for key, value in configuration(stack).items()}
        return Deployment(tmp_path / str(next(numbers)), stack, config)

    return make
