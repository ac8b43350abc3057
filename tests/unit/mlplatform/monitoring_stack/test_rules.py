"""Rules and dashboards of the MonitoringStack and alerts of endpoints: what they name, what Prometheus says."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlplatform.contracts.alerts import RUNBOOKS, Alert, Recording, Severity, rule_group
from mlplatform.contracts.metrics import METRICS
from mlplatform.drift_monitor import alerts as drift
from mlplatform.monitoring_stack import dashboards, rules
from mlplatform.monitoring_stack.args import LONGEST_WINDOW_DAYS, TELLING
from mlplatform.monitoring_stack.thresholds import AlertThresholds
from mlplatform.serving_endpoint import alerts as serving
from mlplatform.training_pipeline import alerts as pipeline
from promises import covers
from promql import metrics, windows
from recorded import ROOT

LIMITS = AlertThresholds(gpu_hours_per_day={"training-spot": 24}, usd_per_day=100)
URL = "https://runbooks.example.com"
ENDPOINT = serving.alerts(serving.Watched("fraud", "serving", "fraud", True, True), availability=99.9, p95=200, p99=500)
PART_OF_ALERT = [(part, alert) for part, alerts in rules.parts(LIMITS).items() for alert in alerts]
ALERTS: list[Alert] = [*(alert for _, alert in PART_OF_ALERT), *ENDPOINT]
OTHERS = [
    *drift.alerts("fraud", stale_hours=26),
    *pipeline.alerts("risk", "fraud", stale_hours=26),
    serving.rollout_failed("fraud"),
]
"""Alerts of other components: drift, pipelines and rollouts."""
RECORDINGS: list[Recording] = [rule for part in rules.recordings(LIMITS).values() for rule in part]
PAGES = ROOT / RUNBOOKS
UNIT_TESTS = Path(__file__).parent / "promtool" / "alerts.yaml"
DAYS = {"m": 1 / 1440, "h": 1 / 24, "d": 1}


@pytest.fixture(scope="session")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not on PATH: Debian's package prometheus has it, as has every release of Prometheus")
    return found


def run(promtool: str, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, *args], cwd=cwd, capture_output=True, text=True, check=False)


def groups() -> list[Any]:
    specs: Any = rules.specs(LIMITS, URL, "monitoring").values()
    return [*(group for spec in specs for group in spec["groups"]), rule_group("fraud", ENDPOINT, URL)]


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDINGS], ids=lambda rule: rule.name)
def test_rule_names_the_metrics_that_it_declares(rule: Alert | Recording) -> None:
    assert metrics(rule.expr) == set(rule.metrics)
    assert set(rule.metrics) <= set(METRICS)


def test_finding_metrics_sees_through_functions_labels_and_strings() -> None:
    expr = (
        'sum by (le, a) (rate(b_total{c="d(e", f=~"g"}[5m])) > bool 1 and on (h) i:j:k unless vector(0) or l offset 1h'
    )
    assert metrics(expr) == {"b_total", "i:j:k", "l"}
    assert windows(expr) == {"5m"}


@covers(
    "monitoring.rules",
    field="MonitoringStackArgs.thresholds.gpu_idle_percent",
    ends_in="kubernetes:monitoring.coreos.com/v1:PrometheusRule.spec.groups",
)
def test_gpus_queues_serving_pools_and_cost_have_rules() -> None:
    assert {part: len(alerts) for part, alerts in rules.parts(LIMITS).items()} == {
        "gpus": 8,
        "queues": 8,
        "pools": 11,
        "serving": 7,
        "pipelines": 5,
        "cost": 4,
        "platform": 15,
    }


@covers(
    "monitoring.severity",
    field="MonitoringStackArgs.runbooks_url",
    ends_in="kubernetes:monitoring.coreos.com/v1:PrometheusRule.spec.groups.rules.labels.severity",
)
def test_every_alert_has_a_severity_a_summary_and_a_link_to_its_page() -> None:
    rendered = [rule for group in groups() for rule in group["rules"] if "alert" in rule]
    assert len(rendered) == len(ALERTS)
    for rule in rendered:
        told = {Severity.NONE.value} if rule["alert"] == "Watchdog" else {severity.value for severity in TELLING}
        assert rule["labels"]["severity"] in told, rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        assert rule["annotations"]["runbook_url"] == f"{URL}/{rule['alert']}.md"


def test_names_of_alerts_are_unique() -> None:
    names = [alert.name for alert in ALERTS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_summary_names_labels_that_the_series_can_have(alert: Alert) -> None:
    assert [label for label in re.findall(r"\$labels\.(\w+)", alert.summary) if label not in kept(alert)] == []


def kept(alert: Alert) -> set[str]:
    """Labels by which an expression or what it is recorded from is grouped; all words of it, in fact."""
    by_name = {rule.name: rule for rule in RECORDINGS}
    sources = [alert.expr, *(by_name[name].expr for name in alert.metrics if name in by_name)]
    return {word for expr in sources for word in re.findall(r"\w+", expr)} | {
        label for name in alert.metrics for label in (by_name[name].labels if name in by_name else ())
    }


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDINGS], ids=lambda rule: rule.name)
def test_no_rule_looks_back_further_than_history_is_kept(rule: Alert | Recording) -> None:
    assert [w for w in windows(rule.expr) if int(w[:-1]) * DAYS[w[-1]] > LONGEST_WINDOW_DAYS] == []


def test_stack_in_another_namespace_watches_that_one() -> None:
    platform = {alert.name: alert.expr for alert in rules.parts(LIMITS, "observability")["platform"]}
    assert "observability|observability-nodes" in platform["TargetDown"]
    assert "monitoring" not in platform["TargetDown"]


@covers(
    "monitoring.parse",
    field="MonitoringStackArgs.thresholds.queue_wait_minutes",
    ends_in="kubernetes:monitoring.coreos.com/v1:PrometheusRule.spec.groups.rules.expr",
)
def test_prometheus_can_load_every_rule_and_every_panel(promtool: str, tmp_path: Path) -> None:
    panels = [panel for board in dashboards.DASHBOARDS.values() for panel in board.panels]
    queries = [{"record": "panel:query", "expr": query.expr} for panel in panels for query in panel.queries]
    everything = {"groups": [*groups(), {"name": "panels", "rules": queries}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(everything))
    found = run(promtool, "check", "rules", "--lint=none", "rules.yaml", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert f"{len(ALERTS) + len(RECORDINGS) + len(queries)} rules found" in found.stdout


def test_prometheus_refuses_a_rule_that_does_not_parse(promtool: str, tmp_path: Path) -> None:
    broken = {"groups": [{"name": "broken", "rules": [{"alert": "Broken", "expr": "sum by (a (b)"}]}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(broken))
    assert run(promtool, "check", "rules", "rules.yaml", cwd=tmp_path).returncode != 0


def test_alerts_are_sent_when_they_should_and_not_otherwise(promtool: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups()}))
    shutil.copy(UNIT_TESTS, tmp_path)
    found = run(promtool, "test", "rules", UNIT_TESTS.name, cwd=tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr


@covers(
    "monitoring.dashboards",
    field="MonitoringStackArgs.namespace",
    ends_in="kubernetes:core/v1:ConfigMap.data",
)
def test_dashboards_are_of_gpus_queues_pools_serving_models_and_cost() -> None:
    models = {name: json.loads(text) for name, text in dashboards.dashboards().items()}
    assert list(models) == ["gpus", "queues", "pools", "serving", "models", "cost"]
    assert {name: len(model["panels"]) for name, model in models.items()} == dict.fromkeys(models, 8)
    assert {model["uid"] for model in models.values()} == {f"mlplatform-{name}" for name in models}


def test_dashboards_are_the_same_bytes_every_time() -> None:
    assert dashboards.dashboards() == dashboards.dashboards()


@pytest.mark.parametrize("name", dashboards.DASHBOARDS)
def test_panels_name_metrics_of_the_table_and_choices_of_the_dashboard(name: str) -> None:
    board = dashboards.DASHBOARDS[name]
    expressions = [query.expr for panel in board.panels for query in panel.queries]
    assert {metric for expr in expressions for metric in metrics(expr)} <= set(METRICS)
    assert {choice.metric for choice in board.choices} <= set(METRICS)
    assert {found for expr in expressions for found in re.findall(r"\$(\w+)", expr)} == {c.name for c in board.choices}


@pytest.mark.parametrize("name", dashboards.DASHBOARDS)
def test_panels_fill_the_grid_without_covering_each_other(name: str) -> None:
    panels = json.loads(dashboards.dashboards()[name])["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert cells == {(x, y) for x in (0, 12) for y in (0, 8, 16, 24)}


def test_every_query_has_a_letter_of_its_own() -> None:
    for text in dashboards.dashboards().values():
        for panel in json.loads(text)["panels"]:
            letters = [target["refId"] for target in panel["targets"]]
            assert letters == list("ABC")[: len(letters)]


@covers(
    "monitoring.runbooks",
    field="MonitoringStackArgs.runbooks_url",
    ends_in="kubernetes:monitoring.coreos.com/v1:PrometheusRule.spec.groups.rules.annotations.runbook_url",
)
def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {alert.name for alert in [*ALERTS, *OTHERS]}


@pytest.mark.parametrize("alert", [*ALERTS, *OTHERS], ids=lambda alert: alert.name)
def test_page_says_what_the_alert_means_why_where_to_look_and_how_to_mend(alert: Alert) -> None:
    lines = (PAGES / f"{alert.name}.md").read_text().splitlines()
    assert lines[0] == f"# {alert.name}"
    assert lines[2].startswith(f"Severity: {alert.severity.value}.")
    headings = [line for line in lines if line.startswith("## ")]
    assert headings == ["## Likely causes", "## What to look at", "## How to mend"]
    assert 10 <= len([line for line in lines if line]) <= 30


def test_no_two_pages_say_the_same() -> None:
    bodies = [page.read_text().split("\n", 1)[1] for page in PAGES.glob("*.md")]
    assert len(set(bodies)) == len(bodies)
