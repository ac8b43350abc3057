"""The alerts of an endpoint: what they name, that Prometheus reads them, and when they are sent."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting import PROMTOOL, promtool
from mlplatform.contracts.alerts import rule_group
from mlplatform.serving_endpoint.alerts import Watched, alerts

WATCHED = Watched(name="fraud", namespace="risk", deployment="fraud-stable", scaled=True, canary=True)
ALERTS = {alert.name: alert for alert in alerts(WATCHED, availability=99.5, p95=500, p99=1000)}
FUNCTIONS = {
    *("and", "by", "histogram_quantile", "increase", "le", "or", "rate", "sum", "vector"),
}


def names(expr: str) -> set[str]:
    """Metrics in an expression: words outside of selectors, windows and functions."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", re.sub(r'"[^"]*"', '""', expr))
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare)) - FUNCTIONS


def test_there_are_seven() -> None:
    assert set(ALERTS) == {
        *("ServingErrorBudgetFast", "ServingErrorBudgetSlow", "ServingLatencyP95", "ServingLatencyP99"),
        *("ServingNoReadyReplicas", "ServingAtMaxReplicas", "ServingCanaryWorse"),
    }


@pytest.mark.parametrize("name", ALERTS)
def test_each_names_its_metrics_and_no_other(name: str) -> None:
    alert = ALERTS[name]
    assert names(alert.expr) == set(alert.metrics)
    assert re.fullmatch(r"\d+m", alert.lasting)
    assert "fraud" in alert.summary


def test_a_fixed_endpoint_without_canary_has_five() -> None:
    watched = Watched(name="fraud", namespace="risk", deployment="fraud-stable", scaled=False, canary=False)
    found = {alert.name for alert in alerts(watched, availability=99.5, p95=500, p99=1000)}
    assert set(ALERTS) - found == {"ServingAtMaxReplicas", "ServingCanaryWorse"}


def test_burn_rates_are_of_the_objective() -> None:
    # Half a percent of errors is what a month has, and 14.4 times that is a month's in two days.
    assert "> 0.072 " in ALERTS["ServingErrorBudgetFast"].expr
    assert "> 0.03 " in ALERTS["ServingErrorBudgetFast"].expr
    assert "> 0.015 " in ALERTS["ServingErrorBudgetSlow"].expr
    assert "> 0.005 " in ALERTS["ServingErrorBudgetSlow"].expr


def test_times_are_those_of_the_objective() -> None:
    assert "histogram_quantile(0.95," in ALERTS["ServingLatencyP95"].expr
    assert "> 500 and" in ALERTS["ServingLatencyP95"].expr
    assert "> 1000 and" in ALERTS["ServingLatencyP99"].expr


def rules(folder: Path) -> Path:
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [rule_group("serving-fraud", list(ALERTS.values()), "https://x")]}))
    return path


@PROMTOOL
def test_prometheus_reads_them(tmp_path: Path) -> None:
    rules(tmp_path)
    assert promtool(tmp_path, "check", "rules", "rules.yaml") == ""


def responses(backend: int, code: int, each_minute: int, *, name: str = "fraud") -> dict[str, str]:
    """Requests of a backend with a class of codes, so many a minute, over two hours."""
    cluster = f"httproute/risk/{name}/rule/0/backend/{backend}"
    labels = f'envoy_cluster_name="{cluster}",envoy_response_code_class="{code}"'
    return {"series": f"envoy_cluster_upstream_rq_xx{{{labels}}}", "values": f"0+{each_minute}x120"}


def ready(replicas: int) -> list[dict[str, str]]:
    labels = '{namespace="risk",deployment="fraud-stable"}'
    return [
        {"series": f"kube_deployment_status_replicas_ready{labels}", "values": f"{replicas}x120"},
        {"series": f"kube_deployment_spec_replicas{labels}", "values": "2x120"},
    ]


CASES: dict[str, tuple[list[dict[str, str]], set[str]]] = {
    "all is well": ([responses(0, 2, 100), *ready(2)], set()),
    "one in ten fails": (
        [responses(0, 2, 90), responses(0, 5, 10)],
        {"ServingErrorBudgetFast", "ServingErrorBudgetSlow"},
    ),
    "one in a hundred fails": ([responses(0, 2, 99), responses(0, 5, 1)], {"ServingErrorBudgetSlow"}),
    "one in a thousand fails": ([responses(0, 2, 999), responses(0, 5, 1)], set()),
    "one of another endpoint fails": ([responses(0, 2, 100), responses(0, 5, 50, name="frauds")], set()),
    "a canary that fails a third": (
        [responses(0, 2, 10000), responses(1, 2, 20), responses(1, 5, 10)],
        {"ServingCanaryWorse"},
    ),
    "a canary like the rest": ([responses(0, 2, 900), responses(1, 2, 100)], set()),
    "a canary of few requests": ([responses(0, 2, 1000), responses(1, 5, 1)], set()),
    "no replica is ready": (ready(0), {"ServingNoReadyReplicas"}),
}
"""Series, and the alerts that are sent after two hours of them."""


@PROMTOOL
@pytest.mark.parametrize(("series", "sent"), CASES.values(), ids=CASES)
def test_they_are_sent_when_and_only_when_something_is_wrong(
    series: list[dict[str, str]], sent: set[str], tmp_path: Path
) -> None:
    rules(tmp_path)
    tests: list[dict[str, Any]] = [
        {
            "eval_time": "2h",
            "alertname": name,
            "exp_alerts": [expected(name)] if name in sent else [],
        }
        for name in sorted(ALERTS)
    ]
    case = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": tests}],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(case))
    assert promtool(tmp_path, "test", "rules", "test.yaml") == ""


def expected(name: str) -> dict[str, Any]:
    """An alert as Prometheus sends it."""
    alert = ALERTS[name]
    annotations = {"summary": alert.summary, "runbook_url": f"https://x/{name}.md"}
    return {"exp_labels": {"severity": alert.severity.value}, "exp_annotations": annotations}
