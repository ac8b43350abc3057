"""What every test may rely on."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from recorded import ROOT

# A gate that finds today what it passed yesterday stops work that is not at fault; `--hypothesis-profile wild` looks
# for new examples.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("wild", deadline=None, max_examples=1000)
settings.load_profile("repeatable")

# An output in an f-string is a mistake; here it fails instead of warning.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "1"


def reference_path(relative: str) -> Path:
    """A file of the reference material (CRDs, chart values, data), wherever MLPLATFORM_REFERENCE says it lies."""
    return (ROOT / os.environ.get("MLPLATFORM_REFERENCE", "../shared") / relative).resolve()


@pytest.fixture(scope="session")
def reference() -> Callable[[str], Path]:
    """Finds reference material, or skips the test by the name of what must lie there."""

    def find(relative: str) -> Path:
        path = reference_path(relative)
        if not path.exists():
            pytest.skip(f"{relative} is not below MLPLATFORM_REFERENCE (default ../shared)")
        return path

    return find


def pytest_addoption(parser: pytest.Parser) -> None:
    """Flags of this suite: one refreshes every golden file, the others are those of `make engine-test`."""
    parser.addoption("--update-golden", action="store_true", help="write the golden graphs and tables anew")
    parser.addoption("--environments", action="store_true", help="deploy whole environments in the real engine")
    parser.addoption("--interruptions", type=int, default=3, help="how many of those deployments to interrupt")
