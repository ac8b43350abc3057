"""The API of Kubeflow Pipelines (v2beta1) as the job needs it, and whose fault it is if that fails.

Paths and fields are those of kfp_server_api 2.17, the form of a filter that of kubeflow/pipelines,
backend/api/v2beta1/filter.proto. The SDK itself needs another protobuf than the rest of the jobs.
"""

import json
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import urllib3
from urllib3.exceptions import HTTPError

TIMEOUTS: Final = urllib3.Timeout(connect=5, read=60)
"""The server makes a Workflow before it answers that there is a run."""
REASON: Final = 300
"""Characters of the server's own words that a reason shows."""
_BASE: Final = "/apis/v2beta1"
_OK: Final = 200
_MANY: Final = 429
_SERVER_ERROR: Final = 500


class UnavailableError(Exception):
    """The API does not answer now; it may later."""


class RefusedError(Exception):
    """The API would refuse the same request again."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Api:
    """One Kubeflow Pipelines."""

    endpoint: str
    """Its address."""
    token: Path | None = None
    """File with the token that it wants; none by default."""
    http: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)
    """Connections to it."""

    def experiments(self, name: str, namespace: str | None) -> list[dict[str, Any]]:
        """The experiments of a name; there is at most one in a namespace."""
        within = {"namespace": namespace} if namespace else {}
        return list(self._listed("experiments", name, within))

    def create_experiment(self, name: str, namespace: str | None) -> None:
        """Makes an experiment."""
        within = {"namespace": namespace} if namespace else {}
        self._json("POST", "/experiments", body={"display_name": name, **within})

    def runs(self, name: str, experiment: str) -> list[dict[str, Any]]:
        """The runs of a name in an experiment, by its id; the oldest first."""
        found = self._listed("runs", name, {"experiment_id": experiment})
        return sorted(found, key=lambda run: (run["created_at"], run["run_id"]))

    def create_run(
        self, name: str, experiment: str, pipeline: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Makes a run of a pipeline."""
        body = {
            "display_name": name,
            "experiment_id": experiment,
            "pipeline_spec": pipeline,
            "runtime_config": {"parameters": parameters},
        }
        return self._json("POST", "/runs", body=body)

    def run(self, run_id: str) -> dict[str, Any]:
        """A run by its id."""
        return self._json("GET", f"/runs/{run_id}")

    def terminate(self, run_id: str) -> None:
        """Ends a run that has not ended."""
        self._json("POST", f"/runs/{run_id}:terminate")

    def _listed(self, kind: str, name: str, within: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """What has exactly this name; the server compares without regard to case (backend/src/apiserver/filter)."""
        named = {"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]}
        query = {**within, "filter": json.dumps(named), "page_size": "100"}
        while True:
            page = self._json("GET", f"/{kind}?{urllib.parse.urlencode(query)}")
            yield from (item for item in page.get(kind) or [] if item.get("display_name") == name)
            if not page.get("next_page_token"):
                return
            query["page_token"] = page["next_page_token"]

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            # The job repeats by itself. A redirect would lead to a page for people to log in, and take the token there.
            answer = self.http.request(
                method,
                f"{self.endpoint.rstrip('/')}{_BASE}{path}",
                body=None if body is None else json.dumps(body, allow_nan=False),
                headers=self._headers(),
                timeout=TIMEOUTS,
                retries=False,
                redirect=False,
            )
        except HTTPError as error:
            raise UnavailableError(f"Kubeflow Pipelines: {type(error).__name__}") from None
        if answer.status == _MANY or answer.status >= _SERVER_ERROR:
            raise UnavailableError(_reason(answer.status, answer.data))
        if answer.status != _OK:
            raise RefusedError(answer.status, _reason(answer.status, answer.data))
        return _object(answer.data)

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.token:
            # Read anew each time: the kubelet replaces it before it expires.
            headers["Authorization"] = f"Bearer {self.token.read_text().strip()}"
        return headers


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UnavailableError(
            "Kubeflow Pipelines: the answer is no JSON object; is this its API, with the right path?"
        )
    return found


def _reason(status: int, data: bytes) -> str:
    """The status and the server's own words, on one line."""
    try:
        words = str(json.loads(data)["message"]).split()
    except (KeyError, TypeError, ValueError):
        words = []
    return ": ".join(filter(None, (f"Kubeflow Pipelines: {status}", " ".join(words)[:REASON])))
