"""The metrics that a pipeline's runs leave with Argo, and the alerts on them. No Pulumi.

A gauge holds when the last run began that ended well, another when the last one did that did not. They last as long as
Argo's controller does: an alert of what they said looks back for a day, so that a controller that begins anew does not
end it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from mlplatform.contracts.alerts import Alert, Severity
from mlplatform.contracts.metrics import PIPELINE_FAILURE, PIPELINE_SUCCESS

PREFIX: Final = "argo_workflows_"
"""What Argo puts before the names of such metrics (Argo Workflows documentation, Prometheus Metrics)."""
LASTS: Final = "1d"
"""How long a failure is remembered."""


def metrics(team: str, pipeline: str) -> list[dict[str, object]]:
    """`spec.metrics.prometheus` of the pipeline's Workflows."""
    outcomes = {
        PIPELINE_SUCCESS: ("==", "When the last run of a pipeline began that ended well, as seconds since 1970"),
        PIPELINE_FAILURE: ("!=", "When the last run of a pipeline began that did not end well, as seconds since 1970"),
    }
    return [
        {
            "name": name.removeprefix(PREFIX),
            # One help for all pipelines: Prometheus wants it the same for the same name.
            "help": text,
            "labels": [{"key": "team", "value": team}, {"key": "pipeline", "value": pipeline}],
            "when": f"{{{{workflow.status}}}} {compared} Succeeded",
            "gauge": {"realtime": False, "value": "{{workflow.creationTimestamp.s}}"},
        }
        for name, (compared, text) in outcomes.items()
    ]


def alerts(team: str, pipeline: str, *, stale_hours: int | None) -> Sequence[Alert]:
    """The alerts of a pipeline; those on what is late only where it has a schedule."""
    return list(_alerts(team, pipeline, stale_hours))


def _alerts(team: str, pipeline: str, stale_hours: int | None) -> Iterator[Alert]:
    group = f'team="{team}",pipeline="{pipeline}"'
    by = "by (team, pipeline)"
    succeeded, failed = (
        f"max {by} (max_over_time({name}{{{group}}}[{LASTS}]))" for name in (PIPELINE_SUCCESS, PIPELINE_FAILURE)
    )
    yield Alert(
        "TrainingPipelineFailed",
        f"{failed} unless on (team, pipeline) ({succeeded} > on (team, pipeline) {failed})",
        "0m",
        Severity.WARNING,
        f"The last run of pipeline {pipeline} of team {team} failed.",
        metrics=(PIPELINE_FAILURE, PIPELINE_SUCCESS),
    )
    if stale_hours is None:
        return
    yield Alert(
        "TrainingPipelineStale",
        f"time() - max {by} ({PIPELINE_SUCCESS}{{{group}}}) > {stale_hours} * 3600",
        "5m",
        Severity.WARNING,
        f"The last run of pipeline {pipeline} of team {team} that ended well began "
        "{{ $value | humanizeDuration }} ago.",
        metrics=(PIPELINE_SUCCESS,),
    )
    yield Alert(
        "TrainingPipelineMissing",
        f"absent({PIPELINE_SUCCESS}{{{group}}})",
        f"{stale_hours}h",
        Severity.WARNING,
        f"Nothing is known of a run of pipeline {pipeline} of team {team} that ended well.",
        metrics=(PIPELINE_SUCCESS,),
    )
