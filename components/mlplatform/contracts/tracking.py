"""How an MLflow server is reached, and what is said where it is not; MLflow is imported when it is connected to."""

import logging
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

URI: Final = "MLFLOW_TRACKING_URI"
"""Environment variable: address of the server; the account is in MLFLOW_TRACKING_USERNAME and ..._PASSWORD."""
_QUIET: Final[Mapping[str, str]] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""What the client would do by itself and nobody asks for (mlflow/environment_variables.py)."""
_EXAMPLE: Final = "http://registry.ml:5000"
_LONGEST: Final = 300
_NOT_FOUND: Final = "RESOURCE_DOES_NOT_EXIST"
_THERE: Final = ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS")
_ACCOUNT: Final = ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED")


class NoRegistryError(Exception):
    """No server is named, or there is no MLflow to speak to it."""


class RegistryError(Exception):
    """The server refused something, or was not reached; the text has no credentials."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code: Final = code

    @property
    def missing(self) -> bool:
        """Whether what was asked for is not there."""
        return self.code == _NOT_FOUND

    @property
    def there(self) -> bool:
        """Whether what should be made is there already."""
        return self.code in _THERE


class Client:
    """MLflow's client, whose errors are RegistryErrors."""

    def __init__(self, client: Any, server: str) -> None:
        self._client: Final = client
        self._server: Final = server
        self._errors: Final = (
            import_module("mlflow.exceptions").MlflowException,
            import_module("requests").RequestException,
        )

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*given: Any, **named: Any) -> Any:
            try:
                return method(*given, **named)
            except self._errors as error:
                raise _explained(error, self._server) from None

        return call


def connect(environment: Mapping[str, str], *, retries: int | None = None) -> Any:
    """A client of the server that the environment names.

    MLflow tries a request that fails for want of the server 7 times more, over four minutes, unless `retries` or the
    environment say otherwise. What it reads itself, such as the account, it reads from this process's environment.
    """
    uri = environment.get(URI, "")
    if not uri:
        raise NoRegistryError(f"{URI}: missing; allowed: address of an MLflow server, such as {_EXAMPLE}")
    defaults = {**_QUIET, **({} if retries is None else {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(retries)})}
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    try:
        mlflow = import_module("mlflow")
    except ModuleNotFoundError:
        raise NoRegistryError("MLflow is not installed; fix: pip install 'mlplatform[registry]'") from None
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    try:
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    except mlflow.MlflowException:
        scheme = urlsplit(uri).scheme
        raise NoRegistryError(
            f"{URI}: scheme {scheme!r}; allowed: address of an MLflow server, such as {_EXAMPLE}"
        ) from None
    return Client(client, server(uri))


def server(uri: str) -> str:
    """The server of an address, without what may be secret in it."""
    parts = urlsplit(uri)
    return parts.netloc.rpartition("@")[2] or f"{parts.scheme}:"


def _explained(error: Exception, where: str) -> RegistryError:
    code, text = str(getattr(error, "error_code", "")), str(getattr(error, "message", ""))
    if code in _ACCOUNT:
        return RegistryError(f"MLflow at {where} refuses the account or what it asks for ({code})", code)
    # MLflow has no code of its own for a server that does not answer; its text may hold the whole address.
    if not code or (code == "INTERNAL_ERROR" and not hasattr(error, "json")):
        return RegistryError(f"MLflow at {where} was not reached, or failed, however often it was tried")
    line = text.removeprefix(f"{code}: ").partition("\n")[0][:_LONGEST]
    return RegistryError(f"MLflow at {where}: {code}: {line}", code)
