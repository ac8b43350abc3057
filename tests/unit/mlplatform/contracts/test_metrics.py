"""The table of metrics: every row has an exporter and a source, and something names it."""

from mlplatform.contracts.metrics import DCGM, LAST_SUCCESS, METRICS, OWN, of
from mlplatform.drift_monitor import alerts as drift
from mlplatform.monitoring_stack import dashboards, rules
from mlplatform.monitoring_stack.thresholds import AlertThresholds
from mlplatform.serving_endpoint import alerts as serving
from mlplatform.training_pipeline import alerts as pipeline
from promql import metrics

WATCHED = serving.Watched("fraud", "serving", "fraud", True, True)
LIMITS = AlertThresholds(gpu_hours_per_day={"training-spot": 24}, usd_per_day=100)
UNVERIFIED: set[str] = set()
"""Metrics without a source: none."""


def expressions() -> list[str]:
    """Every expression of rules, endpoints' alerts and dashboards."""
    parts = [*rules.parts(LIMITS).values(), *rules.recordings(LIMITS).values()]
    own = serving.alerts(WATCHED, availability=99.9, p95=200, p99=500)
    panels = [panel for board in dashboards.DASHBOARDS.values() for panel in board.panels]
    return [
        *(rule.expr for part in parts for rule in part),
        *(alert.expr for alert in own),
        serving.rollout_failed("fraud").expr,
        *(alert.expr for alert in drift.alerts("fraud", stale_hours=26)),
        *(alert.expr for alert in pipeline.alerts("risk", "fraud", stale_hours=26)),
        *(query.expr for panel in panels for query in panel.queries),
    ]


def test_every_metric_of_an_expression_has_a_row_and_every_row_an_expression() -> None:
    assert {name for expr in expressions() for name in metrics(expr)} == set(METRICS)


def test_every_row_says_who_exports_it_and_where_that_stands() -> None:
    assert [name for name, metric in METRICS.items() if not metric.exporter] == []
    assert {name for name, metric in METRICS.items() if not metric.source} == UNVERIFIED


def test_own_rows_are_those_of_the_recording_rules() -> None:
    assert {rule.name for part in rules.recordings(LIMITS).values() for rule in part} == set(of(OWN))


def test_counters_of_the_dcgm_exporter_are_listed_for_its_owner() -> None:
    assert of(DCGM) == [
        "DCGM_FI_DEV_CLOCKS_EVENT_REASONS",
        "DCGM_FI_DEV_FB_FREE",
        "DCGM_FI_DEV_FB_USED",
        "DCGM_FI_DEV_GPU_TEMP",
        "DCGM_FI_DEV_POWER_USAGE",
        "DCGM_FI_DEV_ROW_REMAP_FAILURE",
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
        "DCGM_FI_DEV_XID_ERRORS",
        "DCGM_FI_PROF_DRAM_ACTIVE",
        "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
        "DCGM_FI_PROF_SM_ACTIVE",
    ]


def test_pushed_metrics_have_a_row() -> None:
    assert METRICS[LAST_SUCCESS].exporter == "Pushgateway"
