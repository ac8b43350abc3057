"""The alerts of one endpoint's monitor. No Pulumi.

The Pushgateway repeats what was pushed for ever: each rule holds only while the last run that ended well is not stale,
and that it is stale is a rule of its own.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from mlplatform.contracts.alerts import Alert, Severity
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

UNTIL_FIRST: Final = "1d"
"""How long nothing at all may be pushed: a new monitor has its first run within a day, when it runs daily."""


def alerts(endpoint: str, *, stale_hours: int) -> Sequence[Alert]:
    """The alerts for an endpoint whose runs are stale after so many hours."""
    return list(_alerts(endpoint, stale_hours))


def _alerts(endpoint: str, stale_hours: int) -> Iterator[Alert]:
    group = f'job="{JOB}",endpoint="{endpoint}"'
    age = f"time() - max by (job, endpoint) ({LAST_SUCCESS}{{{group}}})"
    fresh = f"and on (job, endpoint) {age} <= {stale_hours} * 3600"
    yield Alert(
        "DriftFound",
        f"({DRIFT_SCORE}{{{group}}} and on (job, endpoint, feature) {DRIFT_DRIFTED}{{{group}}} == 1) {fresh}",
        "0m",
        Severity.WARNING,
        f"What endpoint {endpoint} gets as {{{{ $labels.feature }}}} differs from what its model was trained on by"
        ' {{ printf "%.2f" $value }}.',
        metrics=(DRIFT_SCORE, DRIFT_DRIFTED, LAST_SUCCESS),
    )
    yield Alert(
        "ModelQualityLow",
        f"({QUALITY_VALUE}{{{group}}} and on (job, endpoint, metric) {QUALITY_BREACHED}{{{group}}} == 1) {fresh}",
        "0m",
        Severity.WARNING,
        f'The {{{{ $labels.metric }}}} of endpoint {endpoint} is {{{{ printf "%.4g" $value }}}}, beyond its threshold.',
        metrics=(QUALITY_VALUE, QUALITY_BREACHED, LAST_SUCCESS),
    )
    yield Alert(
        "DriftDataBad",
        f"{DRIFT_PROBLEMS}{{{group}}} > 0 {fresh}",
        "0m",
        Severity.WARNING,
        f"Nothing can be said of the drift of endpoint {endpoint}: {{{{ $labels.problem }}}}.",
        metrics=(DRIFT_PROBLEMS, LAST_SUCCESS),
    )
    yield Alert(
        "RetrainingBudgetSpent",
        f"{RETRAINING_BLOCKED}{{{group}}} == 1 {fresh}",
        "0m",
        Severity.WARNING,
        f"Endpoint {endpoint} should be trained anew, and its {{{{ $labels.reason }}}} is spent.",
        metrics=(RETRAINING_BLOCKED, LAST_SUCCESS),
    )
    yield Alert(
        "DriftCheckStale",
        f"{age} > {stale_hours} * 3600",
        "5m",
        Severity.WARNING,
        f"The drift of endpoint {endpoint} was last looked at {{{{ $value | humanizeDuration }}}} ago.",
        metrics=(LAST_SUCCESS,),
    )
    yield Alert(
        "DriftCheckMissing",
        f"absent({LAST_SUCCESS}{{{group}}})",
        UNTIL_FIRST,
        Severity.WARNING,
        f"The drift of endpoint {endpoint} was never looked at, or what was found is lost.",
        metrics=(LAST_SUCCESS,),
    )
