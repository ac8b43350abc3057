"""Tests of the loop. Those that need its environment say so and skip without it; `make loop-test` makes it."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# The package `loop` lies in the project's folder, and what its tests share in theirs.
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
OF_THE_LOOP = ("test_story.py", "test_failures.py", "test_cloud.py", "test_changes.py")
LACKING = [name for name in ("flask", "matplotlib", "sklearn") if importlib.util.find_spec(name) is None]


def pytest_ignore_collect(collection_path, config):
    """Modules that import what only the loop's environment has are replaced by a test that skips by name."""
    return True if LACKING and collection_path.name in OF_THE_LOOP else None
