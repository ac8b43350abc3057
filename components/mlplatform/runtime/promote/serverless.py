"""An endpoint in AWS Lambda: a candidate is a published version of the function, beside the one of the alias."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlplatform.contracts.request_log import MODEL_VERSION
from mlplatform.contracts.rollout import MODEL_URI
from mlplatform.runtime.promote.settings import Settings
from mlplatform.runtime.promote.tracks import Waiting


class FunctionError(Exception):
    """The function is not as it must be."""


@dataclass(frozen=True, slots=True)
class InLambda:
    """An endpoint in AWS Lambda."""

    client: Any
    """A client of Lambda."""
    settings: Settings
    """The endpoint."""
    function: str
    """Name of the function."""
    alias: str
    """The alias that callers invoke."""
    waiting: Waiting
    """How long an update is waited for."""

    def declare(self, version: str) -> None:
        """Publishes the candidate, without requests."""
        self.route(self._live(), {})
        self._publish(version)

    def weigh(self, version: str, percent: int) -> None:
        """Gives the candidate a share of the requests."""
        self.route(self._live(), {self.published(version): percent / 100})

    def settle(self, version: str) -> None:
        """Has the version serve all requests."""
        self._publish(version)
        self.route(self.published(version), {})

    def retreat(self, version: str, former: str) -> None:
        """Takes all requests from the candidate; its published version stays, and nobody invokes it."""
        live = self._live()
        if self._serves(live) == self.settings.uri(version):
            found = self._find(former)
            if found is None:
                raise FunctionError(f"function {self.function} has no version with version {former} of the model")
            live = found
        self.route(live, {})

    def published(self, version: str) -> str:
        """Number of the function's newest version that serves a version of the model."""
        found = self._find(version)
        if found is None:
            raise FunctionError(f"function {self.function} has no version with version {version} of the model")
        return found

    def route(self, live: str, weights: Mapping[str, float]) -> None:
        """Sets what the alias leads to."""
        # A candidate that has all requests already is no second version.
        others = {number: weight for number, weight in weights.items() if number != live}
        self.client.update_alias(
            FunctionName=self.function,
            Name=self.alias,
            FunctionVersion=live,
            RoutingConfig={"AdditionalVersionWeights": others},
        )

    def _publish(self, version: str) -> None:
        """Publishes what has the model, once: Lambda answers with the last version where nothing has changed since."""
        if self._find(version) is not None:
            return
        found = self._settled()
        wanted = {MODEL_URI: self.settings.uri(version)}
        if MODEL_VERSION in found:
            wanted[MODEL_VERSION] = f"{self.settings.model}/{version}"
        if {**found, **wanted} != found:
            variables = {"Variables": {**found, **wanted}}
            self.client.update_function_configuration(FunctionName=self.function, Environment=variables)
            self._settled()
        self.client.publish_version(FunctionName=self.function)

    def _settled(self) -> Mapping[str, str]:
        """Waits until no update is under way; the environment variables then."""
        state: dict[str, Any] = {}

        def ready() -> bool:
            state.update(self.client.get_function_configuration(FunctionName=self.function))
            if state.get("LastUpdateStatus") == "Failed":
                why = state.get("LastUpdateStatusReasonCode", "update failed")
                raise FunctionError(f"function {self.function}: {why}")
            return state.get("LastUpdateStatus", "Successful") == "Successful" and state.get("State") != "Pending"

        self.waiting.until(f"function {self.function}", ready)
        return _variables(state)

    def _live(self) -> str:
        return str(self.client.get_alias(FunctionName=self.function, Name=self.alias)["FunctionVersion"])

    def _serves(self, number: str) -> str | None:
        return _variables(self.client.get_function_configuration(FunctionName=self.function, Qualifier=number)).get(
            MODEL_URI
        )

    def _find(self, version: str) -> str | None:
        uri = self.settings.uri(version)
        numbers = [int(each["Version"]) for each in self._versions() if _variables(each).get(MODEL_URI) == uri]
        return str(max(numbers)) if numbers else None

    def _versions(self) -> Iterator[Mapping[str, Any]]:
        pages = self.client.get_paginator("list_versions_by_function").paginate(FunctionName=self.function)
        for page in pages:
            yield from (each for each in page["Versions"] if each["Version"].isdecimal())


def _variables(configuration: Mapping[str, Any]) -> Mapping[str, str]:
    environment = configuration.get("Environment") or {}
    if environment.get("Error"):
        raise FunctionError(f"environment variables: {environment['Error'].get('ErrorCode', 'cannot be read')}")
    return dict(environment.get("Variables") or {})
