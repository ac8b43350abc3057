"""The alerts of a drift monitor: what they name, that Prometheus reads them, and when they are sent."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting import PROMTOOL, promtool
from mlplatform.contracts.alerts import rule_group
from mlplatform.contracts.metrics import METRICS
from mlplatform.drift_monitor.alerts import alerts
from mlplatform.runtime.drift.columns import Trouble
from mlplatform.runtime.request.gate import Verdict
from promql import metrics
from recorded import ROOT

ALERTS = {alert.name: alert for alert in alerts("fraud", stale_hours=26)}


@pytest.mark.parametrize("name", ALERTS)
def test_each_names_its_metrics_and_no_other(name: str) -> None:
    alert = ALERTS[name]
    assert metrics(alert.expr) == set(alert.metrics) <= set(METRICS)
    assert "fraud" in alert.summary


@pytest.mark.parametrize("name", sorted(set(ALERTS) - {"DriftCheckStale", "DriftCheckMissing"}))
def test_each_is_silent_once_it_is_stale(name: str) -> None:
    assert re.search(r"mlplatform_last_success_timestamp_seconds\{[^}]*\}\) <= 26 \* 3600$", ALERTS[name].expr)


@pytest.mark.parametrize("name", ALERTS)
def test_each_has_a_runbook_page(name: str) -> None:
    text = (ROOT / "docs" / "runbooks" / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n\nSeverity: {ALERTS[name].severity}.")
    for heading in ("## Likely causes", "## What to look at", "## How to mend"):
        assert heading in text


def test_the_page_on_bad_data_knows_every_problem() -> None:
    text = (ROOT / "docs" / "runbooks" / "DriftDataBad.md").read_text()
    assert {trouble.value for trouble in Trouble} == set(re.findall(r"^- `(\w+)`", text, re.MULTILINE))


def test_the_page_on_budgets_knows_both() -> None:
    text = (ROOT / "docs" / "runbooks" / "RetrainingBudgetSpent.md").read_text()
    assert Verdict.DAILY_BUDGET in text
    assert Verdict.MONTHLY_BUDGET in text


def rules(folder: Path) -> Path:
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [rule_group("drift-fraud", list(ALERTS.values()), "https://x")]}))
    return path


@PROMTOOL
def test_prometheus_reads_them(tmp_path: Path) -> None:
    rules(tmp_path)
    assert promtool(tmp_path, "check", "rules", "rules.yaml") == ""


HOURS = 60
"""How long the series are; an alert is looked for 30 hours after the beginning, and after all of it."""


def series(name: str, value: float, endpoint: str = "fraud", **labels: str) -> dict[str, str]:
    of = ",".join(f'{key}="{text}"' for key, text in {"job": "drift", "endpoint": endpoint, **labels}.items())
    return {"series": f"{name}{{{of}}}", "values": f"{value}x{HOURS * 4}"}


def last_success(hours: float, endpoint: str = "fraud") -> dict[str, str]:
    """So many hours after the beginning."""
    return series("mlplatform_last_success_timestamp_seconds", hours * 3600, endpoint)


def column(drifted: int, endpoint: str = "fraud") -> list[dict[str, str]]:
    return [
        series("mlplatform_drift_score", 0.3, endpoint, feature="amount"),
        series("mlplatform_drift_drifted", drifted, endpoint, feature="amount"),
        series("mlplatform_drift_score", 0.2, endpoint, feature="other"),
        series("mlplatform_drift_drifted", 0, endpoint, feature="other"),
    ]


QUALITY = [
    series("mlplatform_model_quality", 0.8, metric="accuracy"),
    series("mlplatform_model_quality_breached", 1, metric="accuracy"),
]
CASES: dict[str, tuple[list[dict[str, str]], set[str]]] = {
    "all is well": ([last_success(20), *column(0)], set()),
    "a feature drifted": ([last_success(20), *column(1)], {"DriftFound"}),
    "a feature of another endpoint drifted": (
        [last_success(20), *column(0), last_success(20, "churn"), *column(1, "churn")],
        set(),
    ),
    "it drifted, but that is long ago": ([last_success(3), *column(1)], {"DriftCheckStale"}),
    "quality is low": ([last_success(20), *QUALITY], {"ModelQualityLow"}),
    "data are bad": (
        [last_success(20), series("mlplatform_drift_data_problems", 2, problem="wrong_type")],
        {"DriftDataBad"},
    ),
    "no budget": (
        [last_success(20), series("mlplatform_retraining_blocked", 1, reason="daily_budget")],
        {"RetrainingBudgetSpent"},
    ),
    "a budget that is left": (
        [last_success(20), series("mlplatform_retraining_blocked", 0, reason="daily_budget")],
        set(),
    ),
    "nothing was ever pushed": ([], {"DriftCheckMissing"}),
}
"""Series, and the alerts that are sent after thirty hours of them."""


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
                    "eval_time": "30h",
                    "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(sent)],
                }
            ],
        }
    ]
    unit: dict[str, Any] = {"rule_files": ["rules.yaml"], "evaluation_interval": "15m", "tests": tests}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(unit))
    assert promtool(tmp_path, "test", "rules", "tests.yaml") == ""


@PROMTOOL
def test_the_summary_says_what_and_how_much(tmp_path: Path) -> None:
    rules(tmp_path)
    found = {
        "exp_labels": {"severity": "warning", "job": "drift", "endpoint": "fraud", "feature": "amount"},
        "exp_annotations": {
            "summary": "What endpoint fraud gets as amount differs from what its model was trained on by 0.30.",
            "runbook_url": "https://x/DriftFound.md",
        },
    }
    test = {
        "interval": "15m",
        "input_series": [last_success(20), *column(1)],
        "alert_rule_test": [{"alertname": "DriftFound", "eval_time": "30h", "exp_alerts": [found]}],
    }
    unit = {"rule_files": ["rules.yaml"], "evaluation_interval": "15m", "tests": [test]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(unit))
    assert promtool(tmp_path, "test", "rules", "tests.yaml") == ""
