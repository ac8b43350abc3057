"""The alerts of a training pipeline: what they name, that Prometheus reads them, and when they are sent."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting import PROMTOOL, promtool
from examples import kubernetes
from examples.training_pipeline import BASE, SMALLEST
from mlplatform.contracts.alerts import rule_group
from mlplatform.contracts.metrics import METRICS, PIPELINE_FAILURE, PIPELINE_SUCCESS
from mlplatform.training_pipeline import TrainingPipeline, TrainingPipelineArgs
from mlplatform.training_pipeline.alerts import alerts
from mlplatform.training_pipeline.alerts import metrics as emitted
from promises import covers
from promql import metrics
from recorded import ROOT, Recorded, record

ALERTS = {alert.name: alert for alert in alerts("risk", "fraud", stale_hours=30)}


def rules_of(args: dict[str, Any]) -> list[Any]:
    graph: Recorded = record(lambda: TrainingPipeline("x", TrainingPipelineArgs.of(args), kubernetes("x")))
    given = graph.inputs("kubernetes:monitoring.coreos.com/v1:PrometheusRule")
    assert given["metadata"]["namespace"] == "risk"
    (group,) = given["spec"]["groups"]
    assert group["name"] == "pipeline-risk-x"
    return list(group["rules"])


@covers(
    "training-pipeline.alerts",
    field="PipelineSchedule.stale_hours",
    ends_in="kubernetes:monitoring.coreos.com/v1:PrometheusRule.spec",
)
def test_its_alerts_are_of_its_runs() -> None:
    scheduled = rules_of(BASE)
    assert [rule["alert"] for rule in scheduled] == list(ALERTS)
    for rule in scheduled:
        assert 'team="risk",pipeline="x"' in rule["expr"]
        assert rule["annotations"]["runbook_url"] == f"https://wiki.example.com/runbooks/{rule['alert']}.md"
    assert scheduled[2]["for"] == "200h"
    # Without a schedule nothing is late.
    assert [rule["alert"] for rule in rules_of(SMALLEST)] == ["TrainingPipelineFailed"]


def test_runs_leave_the_metrics_that_alerts_read() -> None:
    def one(name: str, compared: str, ended: str) -> dict[str, Any]:
        return {
            "name": name,
            "help": f"When the last run of a pipeline began that {ended}, as seconds since 1970",
            "labels": [{"key": "team", "value": "risk"}, {"key": "pipeline", "value": "fraud"}],
            "when": f"{{{{workflow.status}}}} {compared} Succeeded",
            "gauge": {"realtime": False, "value": "{{workflow.creationTimestamp.s}}"},
        }

    assert emitted("risk", "fraud") == [
        one("mlplatform_pipeline_last_success_timestamp_seconds", "==", "ended well"),
        one("mlplatform_pipeline_last_failure_timestamp_seconds", "!=", "did not end well"),
    ]
    # Argo puts its own prefix before them.
    assert {f"argo_workflows_{metric['name']}" for metric in emitted("risk", "fraud")} == {
        PIPELINE_SUCCESS,
        PIPELINE_FAILURE,
    }


@pytest.mark.parametrize("name", ALERTS)
def test_each_names_its_metrics_and_no_other(name: str) -> None:
    alert = ALERTS[name]
    assert metrics(alert.expr) == set(alert.metrics) <= set(METRICS)
    assert "pipeline fraud of team risk" in alert.summary


@pytest.mark.parametrize("name", ALERTS)
def test_each_has_a_runbook_page(name: str) -> None:
    text = (ROOT / "docs" / "runbooks" / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n\nSeverity: {ALERTS[name].severity}.")
    for heading in ("## Likely causes", "## What to look at", "## How to mend"):
        assert heading in text


def rules(folder: Path) -> Path:
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [rule_group("pipeline", list(ALERTS.values()), "https://x")]}))
    return path


@PROMTOOL
def test_prometheus_reads_them(tmp_path: Path) -> None:
    rules(tmp_path)
    assert promtool(tmp_path, "check", "rules", "rules.yaml") == ""


def series(name: str, values: str, pipeline: str = "fraud") -> dict[str, str]:
    """A gauge of Argo's controller, with the labels that scraping adds; a value every 15 minutes."""
    labels = f'team="risk",pipeline="{pipeline}",job="argo-workflows-workflow-controller",namespace="argo"'
    return {"series": f"{name}{{{labels}}}", "values": values}


def always(name: str, hours: float, pipeline: str = "fraud") -> dict[str, str]:
    """So many hours after the beginning, for all of the time."""
    return series(name, f"{hours * 3600}x400", pipeline)


CASES: dict[str, tuple[list[dict[str, str]], set[str]]] = {
    "all is well": ([always(PIPELINE_SUCCESS, 30)], set()),
    "it failed": ([always(PIPELINE_SUCCESS, 30), always(PIPELINE_FAILURE, 40)], {"TrainingPipelineFailed"}),
    "it failed, and then ended well": ([always(PIPELINE_SUCCESS, 40), always(PIPELINE_FAILURE, 30)], set()),
    "it never ended well": (
        [always(PIPELINE_FAILURE, 40)],
        {"TrainingPipelineFailed", "TrainingPipelineMissing"},
    ),
    "another one failed": (
        [always(PIPELINE_SUCCESS, 30), always(PIPELINE_FAILURE, 40, "churn"), always(PIPELINE_SUCCESS, 30, "churn")],
        set(),
    ),
    "it is late": ([always(PIPELINE_SUCCESS, 10)], {"TrainingPipelineStale"}),
    "it never ran": ([], {"TrainingPipelineMissing"}),
    # Up to hour 40, of 50.
    "Argo's controller began anew after a failure": (
        [series(PIPELINE_FAILURE, f"{36 * 3600}x160 _x100"), always(PIPELINE_SUCCESS, 30)],
        {"TrainingPipelineFailed"},
    ),
    "Argo's controller began anew after a success": (
        [series(PIPELINE_SUCCESS, f"{36 * 3600}x160 _x100"), series(PIPELINE_FAILURE, f"{30 * 3600}x160 _x100")],
        set(),
    ),
}
"""Series, and the alerts that are sent after fifty hours of them."""


@PROMTOOL
@pytest.mark.parametrize(("given", "sent"), CASES.values(), ids=CASES)
def test_they_are_sent_when_they_should(given: list[dict[str, str]], sent: set[str], tmp_path: Path) -> None:
    rules(tmp_path)
    tests = [
        {
            "interval": "15m",
            "input_series": given,
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": "50h",
                    "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(sent)],
                }
            ],
        }
    ]
    unit: dict[str, Any] = {"rule_files": ["rules.yaml"], "evaluation_interval": "15m", "tests": tests}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(unit))
    assert promtool(tmp_path, "test", "rules", "tests.yaml") == ""


@PROMTOOL
def test_the_summary_says_how_late_it_is(tmp_path: Path) -> None:
    rules(tmp_path)
    found = {
        "exp_labels": {"severity": "warning", "team": "risk", "pipeline": "fraud"},
        "exp_annotations": {
            "summary": "The last run of pipeline fraud of team risk that ended well began 1d 16h 0m 0s ago.",
            "runbook_url": "https://x/TrainingPipelineStale.md",
        },
    }
    test = {
        "interval": "15m",
        "input_series": [always(PIPELINE_SUCCESS, 10)],
        "alert_rule_test": [{"alertname": "TrainingPipelineStale", "eval_time": "50h", "exp_alerts": [found]}],
    }
    unit = {"rule_files": ["rules.yaml"], "evaluation_interval": "15m", "tests": [test]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(unit))
    assert promtool(tmp_path, "test", "rules", "tests.yaml") == ""
