"""How an MLflow server is reached: its name, its client, and what errors say."""

import os
from typing import Any

import pytest
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from requests import HTTPError

from mlplatform.contracts.tracking import Client, RegistryError, connect, server

DOWN = "MLflow at registry:5000 was not reached, or failed, however often it was tried"


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("http://registry.ml:5000", "registry.ml:5000"),
        ("https://registry.example.com/mlflow", "registry.example.com"),
        ("http://writer:hunter2@registry.ml:5000/", "registry.ml:5000"),
        ("sqlite:////tmp/store.db", "sqlite:"),
    ],
)
def test_a_server_is_named_without_what_may_be_secret(uri: str, name: str) -> None:
    assert server(uri) == name


@pytest.mark.parametrize(
    ("error", "text", "code"),
    [
        (MlflowException("API request to http://writer:hunter2@registry:5000/api failed with exception x"), DOWN, ""),
        (HTTPError("500 Server Error for url: http://writer:hunter2@registry:5000/api"), DOWN, ""),
        (
            RestException({"error_code": "INTERNAL_ERROR", "message": "no such table"}),
            "MLflow at registry:5000: INTERNAL_ERROR: no such table",
            "INTERNAL_ERROR",
        ),
        (
            RestException({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No model\ntrace"}),
            "MLflow at registry:5000: RESOURCE_DOES_NOT_EXIST: No model",
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            MlflowException("x" * 400, INVALID_PARAMETER_VALUE),
            f"MLflow at registry:5000: INVALID_PARAMETER_VALUE: {'x' * 300}",
            "INVALID_PARAMETER_VALUE",
        ),
        (
            RestException({"error_code": "PERMISSION_DENIED", "message": "Permission denied"}),
            "MLflow at registry:5000 refuses the account or what it asks for (PERMISSION_DENIED)",
            "PERMISSION_DENIED",
        ),
    ],
)
def test_errors_are_one_line_without_credentials(error: Exception, text: str, code: str) -> None:
    class Failing:
        def get_run(self, _: str) -> None:
            raise error

    with pytest.raises(RegistryError) as caught:
        Client(Failing(), "registry:5000").get_run("1")
    assert (str(caught.value), caught.value.code) == (text, code)
    assert caught.value.__suppress_context__


def test_what_is_no_error_of_mlflow_is_left_alone() -> None:
    class Wrong:
        def get_run(self) -> None:
            raise KeyError("x")

    with pytest.raises(KeyError):
        Client(Wrong(), "registry:5000").get_run()


@pytest.mark.parametrize(
    ("code", "missing", "there"),
    [
        ("RESOURCE_DOES_NOT_EXIST", True, False),
        ("RESOURCE_ALREADY_EXISTS", False, True),
        ("ALREADY_EXISTS", False, True),
        ("INVALID_PARAMETER_VALUE", False, False),
        ("", False, False),
    ],
)
def test_what_an_error_means(code: str, missing: bool, there: bool) -> None:
    error = RegistryError("text", code)
    assert (error.missing, error.there) == (missing, there)


def test_the_client_reports_to_nobody_and_keeps_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES")

    def values(**given: Any) -> list[str | None]:
        connect({"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}, **given)
        return [os.environ.get(name) for name in names]

    for name in names:
        # So that what the client sets is taken back as well.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    assert values() == ["true", "true", None]
    assert values(retries=1) == ["true", "true", "1"]
    monkeypatch.setenv(names[2], "9")
    assert values(retries=1) == ["true", "true", "9"]
