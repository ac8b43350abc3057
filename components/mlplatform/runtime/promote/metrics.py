"""What is measured of a candidate: by Prometheus, or of a function by CloudWatch."""

import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from mlplatform.contracts.rollout import WINDOW
from mlplatform.runtime.promote.settings import Queries

TIMEOUT: Final = 30
"""Seconds that one query may take."""
_SERVER_ERROR: Final = 500
_DAY: Final = 86_400
"""The longest period of CloudWatch (Amazon CloudWatch API Reference, MetricStat), in seconds."""


class MetricsError(Exception):
    """A query that will not be answered any better later."""


class UnreachableError(Exception):
    """Nobody answers now."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A candidate's requests in a window."""

    requests: float
    """How many there were."""
    errors: float
    """How many of them failed."""
    p99: float | None
    """Milliseconds within which 99 percent were answered; None where there is nothing to say."""


class Requests(Protocol):
    """Where the requests of a candidate are counted."""

    def measure(self, minutes: int) -> Measured:
        """Those of the last minutes."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Prometheus, by its HTTP API (Prometheus documentation, HTTP API, Instant queries)."""

    url: str
    """Its address."""

    def value(self, query: str, minutes: int) -> float | None:
        """The one number that a query yields now; None for none, or for one that is no number."""
        asked = urllib.parse.urlencode({"query": query.replace(WINDOW, f"{minutes}m")})
        data = self._get(f"{self.url.rstrip('/')}/api/v1/query?{asked}")
        if data.get("resultType") == "scalar":
            return _number(data["result"][1])
        found = data.get("result", [])
        if data.get("resultType") != "vector" or len(found) > 1:
            raise MetricsError(
                f"query {query!r} yields {len(found)} series; allowed is one number: sum or max over them"
            )
        return _number(found[0]["value"][1]) if found else None

    def _get(self, url: str) -> Mapping[str, Any]:
        # Settings take addresses of http and https only.
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310
                body = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code >= _SERVER_ERROR:
                raise UnreachableError(f"Prometheus: {error.code}") from None
            raise MetricsError(f"Prometheus: {error.code} {_said(error)}".strip()) from None
        except (OSError, ValueError) as error:
            raise UnreachableError(f"Prometheus: {type(error).__name__}") from None
        return dict(body.get("data") or {})


@dataclass(frozen=True, slots=True)
class OfGateway:
    """Requests as Prometheus has them of the Gateway."""

    prometheus: Prometheus
    """Prometheus."""
    queries: Queries
    """What to ask for."""

    def measure(self, minutes: int) -> Measured:
        """Those of the last minutes."""
        value = self.prometheus.value
        requests, errors = value(self.queries.requests, minutes), value(self.queries.errors, minutes)
        return Measured(requests or 0, errors or 0, value(self.queries.p99, minutes))


@dataclass(frozen=True, slots=True)
class OfFunction:
    """Requests that an alias had answered by one version, as CloudWatch has them.

    AWS Lambda Developer Guide, Types of metrics for Lambda functions.
    """

    client: Any
    """A client of CloudWatch."""
    function: str
    """Name of the function."""
    alias: str
    """The alias."""
    version: str
    """Number of the version."""

    def measure(self, minutes: int) -> Measured:
        """Those of the last minutes."""
        end = datetime.now(UTC).replace(second=0, microsecond=0)
        kinds = (("invocations", "Invocations", "Sum"), ("errors", "Errors", "Sum"), ("duration", "Duration", "p99"))
        queries = [self._query(name, metric, statistic, minutes) for name, metric, statistic in kinds]
        found = self.client.get_metric_data(
            MetricDataQueries=queries, StartTime=end - timedelta(minutes=minutes), EndTime=end
        )
        values = {each["Id"]: each["Values"] for each in found["MetricDataResults"]}
        # The period is the whole window, up to a day, and CloudWatch may cut it in two.
        slowest = max(values.get("duration", ()), default=None)
        return Measured(sum(values.get("invocations", ())), sum(values.get("errors", ())), slowest)

    def _query(self, name: str, metric: str, statistic: str, minutes: int) -> dict[str, Any]:
        dimensions = {
            "FunctionName": self.function,
            "Resource": f"{self.function}:{self.alias}",
            "ExecutedVersion": self.version,
        }
        return {
            "Id": name,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": metric,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                },
                "Period": min(minutes * 60, _DAY),
                "Stat": statistic,
            },
        }


def _number(text: str) -> float | None:
    found = float(text)
    return None if math.isnan(found) else found


def _said(error: urllib.error.HTTPError) -> str:
    """What Prometheus says is wrong with a query."""
    try:
        return str(json.load(error).get("error", ""))
    except (OSError, ValueError, AttributeError):
        return ""
