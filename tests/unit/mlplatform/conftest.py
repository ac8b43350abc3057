"""An MLflow store for tests that need a registry."""

import shutil
from pathlib import Path

import pytest

from mlplatform.contracts.tracking import URI, connect


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database, just made: that takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "store.db"
    connect({URI: f"sqlite:///{path}"}).search_experiments()
    return path


@pytest.fixture
def tracking_uri(empty_store: Path, tmp_path: Path) -> str:
    """Address of an MLflow store of the test's own."""
    path = shutil.copy(empty_store, tmp_path / "store.db")
    return f"sqlite:///{path}"
