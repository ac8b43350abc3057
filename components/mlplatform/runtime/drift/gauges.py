"""What a run pushes: all gauges of its endpoint at once, so that none of an earlier run stays behind."""

import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mlplatform.contracts.drift import JOB
from mlplatform.contracts.metrics import (
    DRIFT_DRIFTED,
    DRIFT_PROBLEMS,
    DRIFT_SCORE,
    LAST_SUCCESS,
    QUALITY_BREACHED,
    QUALITY_VALUE,
    RETRAINING_BLOCKED,
)
from mlplatform.runtime.drift.columns import Trouble
from mlplatform.runtime.drift.findings import Findings
from mlplatform.runtime.request.gate import Verdict

TIMEOUT: Final = 10
"""Seconds that one push may take."""
PAUSES: Final = (1.0, 5.0)
"""Seconds between attempts."""
_BUDGETS: Final = (Verdict.DAILY_BUDGET, Verdict.MONTHLY_BUDGET)
_SERVER_ERROR: Final = 500


class PushError(Exception):
    """The Pushgateway does not take what is pushed."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One sample."""

    name: str
    """Name of the metric."""
    value: float
    """Its value."""
    label: tuple[str, str] | None = None
    """A label and its value, beside those of the group."""


def gauges(findings: Findings, verdict: Verdict | None, now: float) -> Iterator[Gauge]:
    """The gauges of a run that ended well at `now`; metrics of the same name follow each other."""
    compared = [found for found in findings.drifts if found.distance]
    yield from (
        Gauge(DRIFT_SCORE, found.distance.value, ("feature", found.column)) for found in compared if found.distance
    )
    yield from (Gauge(DRIFT_DRIFTED, float(found.drifted), ("feature", found.column)) for found in compared)
    for trouble in Trouble:
        count = sum(problem.trouble is trouble for problem in findings.problems)
        yield Gauge(DRIFT_PROBLEMS, count, ("problem", trouble.value))
    quality = findings.quality
    if quality and quality.value is not None:
        yield Gauge(QUALITY_VALUE, quality.value, ("metric", quality.metric.value))
        yield Gauge(QUALITY_BREACHED, float(quality.breached), ("metric", quality.metric.value))
    yield from (Gauge(RETRAINING_BLOCKED, float(verdict is budget), ("reason", budget.value)) for budget in _BUDGETS)
    yield Gauge(LAST_SUCCESS, now)


def text(samples: Iterable[Gauge]) -> str:
    """The samples in Prometheus' text format (Prometheus documentation, Exposition formats)."""
    lines, known = [], set()
    for sample in samples:
        if sample.name not in known:
            known.add(sample.name)
            lines.append(f"# TYPE {sample.name} gauge")
        label = f'{{{sample.label[0]}="{_escaped(sample.label[1])}"}}' if sample.label else ""
        lines.append(f"{sample.name}{label} {_number(sample.value)}")
    return "\n".join([*lines, ""])


def push(url: str, endpoint: str, body: str, pause: Callable[[float], object]) -> None:
    """Replaces the endpoint's group (prometheus/pushgateway, README.md, PUT method); PushError where it is refused."""
    address = f"{url.rstrip('/')}/metrics/job/{JOB}/endpoint/{urllib.parse.quote(endpoint, safe='')}"
    for seconds in (*PAUSES, None):
        try:
            _put(address, body)
        except urllib.error.HTTPError as error:
            if error.code < _SERVER_ERROR or seconds is None:
                raise PushError(f"Pushgateway: {error.code}") from None
        except OSError as error:
            if seconds is None:
                raise PushError(f"Pushgateway: {type(error).__name__}") from None
        else:
            return
        pause(seconds)


def _put(address: str, body: str) -> None:
    # Settings take addresses of http and https only.
    headers = {"Content-Type": "text/plain; version=0.0.4"}
    request = urllib.request.Request(address, body.encode(), headers, method="PUT")  # noqa: S310
    with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
        pass


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return repr(float(value)) if math.isfinite(value) else "NaN"
