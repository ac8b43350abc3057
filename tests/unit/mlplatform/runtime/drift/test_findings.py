"""What the drift job concludes: rows, columns, findings and gauges, as pure functions."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.contracts import request_log
from mlplatform.runtime.drift.columns import Kind, Problem, Trouble, answer, read
from mlplatform.runtime.drift.distances import Distance
from mlplatform.runtime.drift.findings import Drift, Findings, compare, served
from mlplatform.runtime.drift.gauges import Gauge, gauges, text
from mlplatform.runtime.drift.quality import Measured, joined, measure
from mlplatform.runtime.drift.rows import Row, Sample, Window, labels, logged, reference
from mlplatform.runtime.drift.settings import Metric, Settings
from mlplatform.runtime.request.gate import Verdict
from promises import covers

SETTINGS: dict[str, Any] = {
    "endpoint": "fraud",
    "bucket": "features",
    "reference": {"bucket": "features", "prefix": "reference/${model_version}/"},
    "reports": {"bucket": "features", "prefix": "drift/fraud/"},
    "pushgateway_url": "http://push:9091",
    "window_hours": 24,
    "min_rows": 20,
    "max_rows": 1000,
    "max_invalid_percent": 1,
    "significance": 0.01,
    "threshold": 0.1,
}
NOW = datetime(2026, 2, 2, 1, 30, tzinfo=UTC)
WINDOW = Window.before(NOW, 24)


def line(**changes: Any) -> dict[str, Any]:
    """A line of the request log, as its schema has it."""
    return {
        "schema_version": request_log.SCHEMA_VERSION,
        "id": "r1",
        "time": "2026-02-01T12:00:00Z",
        "model_version": "fraud/7",
        "features": {"amount": 1.5},
        "prediction": 0.2,
        **changes,
    }


def settings_of(**changes: Any) -> Settings:
    return Settings.model_validate({**SETTINGS, **changes})


def test_windows_end_at_the_last_full_hour() -> None:
    assert Window(datetime(2026, 2, 1, 1, tzinfo=UTC), datetime(2026, 2, 2, 1, tzinfo=UTC)) == WINDOW
    assert list(WINDOW.days()) == [date(2026, 2, 1), date(2026, 2, 2)]
    midnight = Window.before(datetime(2026, 2, 2, tzinfo=UTC), 24)
    assert list(midnight.days()) == [date(2026, 2, 1)]
    assert list(midnight.days(until=NOW)) == [date(2026, 2, 1), date(2026, 2, 2)]


TIMES = {
    "2026-02-01T00:59:59.999Z": False,
    "2026-02-01T01:00:00Z": True,
    "2026-02-02T00:59:59.999999999Z": True,
    "2026-02-02T01:00:00Z": False,
}


@pytest.mark.parametrize(("time", "inside"), TIMES.items())
def test_rows_of_the_window_are_taken(time: str, inside: bool) -> None:
    row = Row("r1", "fraud/7", {"amount": 1.5}, 0.2)
    assert list(logged([json.dumps(line(time=time))], WINDOW)) == ([row] if inside else [])


MALFORMED = {
    "no JSON": "{",
    "no object": "[1]",
    "another schema": json.dumps(line(schema_version=2)),
    "no time": json.dumps(line(time=None)),
    "a time without zone": json.dumps(line(time="2026-02-01T12:00:00")),
    "no time at all": json.dumps(line(time="noon Z")),
    "an id that is a number": json.dumps(line(id=1)),
    "features in a list": json.dumps(line(features=[1.5])),
    "no prediction": json.dumps({key: value for key, value in line().items() if key != "prediction"}),
}


@pytest.mark.parametrize("bad", MALFORMED.values(), ids=MALFORMED)
def test_lines_that_are_no_rows_are_counted(bad: str) -> None:
    sample = Sample(10)
    for row in logged([bad, "", "\n", json.dumps(line())], WINDOW):
        sample.add(row)
    assert (sample.seen, sample.malformed) == (1, 1)


def test_what_json_has_no_number_for_is_no_value() -> None:
    (row,) = logged(['{"a": 1}'.replace('"a": 1', json.dumps(line(features={"x": float("nan")}))[1:-1])], WINDOW)
    assert row is not None
    assert row.features == {"x": None}


def test_references_and_labels_take_further_keys() -> None:
    lines = [json.dumps({"features": {"a": 1}, "prediction": 2, "weight": 3}), json.dumps({"features": {"a": 1}})]
    assert list(reference(lines)) == [Row("0", "", {"a": 1}, 2), None]
    lines = [json.dumps({"id": "r1", "label": True, "by": "x"}), json.dumps({"id": "r1"}), json.dumps({"label": 1})]
    assert list(labels(lines)) == [("r1", True), None, None]


@given(st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True, max_size=30), st.randoms())
def test_the_same_rows_are_kept_in_any_order(ids: list[str], source: Any) -> None:
    rows = [Row(name, "", {}, 0) for name in ids]
    one, other = Sample(5), Sample(5)
    for row in rows:
        one.add(row)
    source.shuffle(rows)
    for row in rows:
        other.add(row)
    assert one.rows == other.rows
    assert len(one.rows) == min(5, len(ids))
    kept = {request_log.fraction(row.id) for row in one.rows}
    assert all(request_log.fraction(name) >= max(kept) for name in ids if request_log.fraction(name) not in kept)


# Columns.


def rows(values: Sequence[Mapping[str, Any]], prediction: Any = 0.5, version: str = "fraud/7") -> list[Row]:
    return [Row(f"r{at}", version, features, prediction) for at, features in enumerate(values)]


def found(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], percent: float = 1) -> list[str]:
    return [f"{item.trouble}: {item.detail}" for item in read(rows(before), rows(now), [], percent)[1]]


def test_columns_are_of_the_kind_of_the_reference() -> None:
    values = {"n": 1, "f": 1.5, "s": "a", "b": True, "l": [1], "e": None, "prediction": "x", "ignored": 1}
    columns, problems = read(rows([values] * 2), rows([values]), ["ignored"], 1)
    assert problems == []
    assert {column.name: column.kind for column in columns} == {
        "n": Kind.NUMBER,
        "f": Kind.NUMBER,
        "s": Kind.CATEGORY,
        "b": Kind.CATEGORY,
        "l": Kind.OTHER,
        "e": Kind.OTHER,
        "features.prediction": Kind.CATEGORY,
        "prediction": Kind.NUMBER,
    }
    by_name = {column.name: column for column in columns}
    assert (by_name["n"].before, by_name["n"].now) == ([1, 1], [1])


BAD_DATA = {
    "none": ([{"a": 1}] * 100, [{"a": 2.5}] * 100, []),
    "a missing column": (
        [{"a": 1, "b": 1}],
        [{"a": 1}],
        ["missing_column: b (number): 100.0 % of the rows; allowed are 1.0 %"],
    ),
    "one row in a hundred lacks it": ([{"a": 1}], [{"a": 1}] * 99 + [{}], []),
    "two rows in a hundred lack it": (
        [{"a": 1}],
        [{"a": 1}] * 98 + [{}] * 2,
        ["missing_column: a (number): 2.0 % of the rows; allowed are 1.0 %"],
    ),
    "it lacks in the reference too": ([{"a": 1}, {}], [{"a": 1}, {}], []),
    "text for numbers": (
        [{"a": 1}],
        [{"a": "1"}],
        ["wrong_type: a (number): 100.0 % of the rows; allowed are 1.0 %"],
    ),
    "truth for numbers": (
        [{"a": 1}],
        [{"a": True}],
        ["wrong_type: a (number): 100.0 % of the rows; allowed are 1.0 %"],
    ),
    "numbers for text": (
        [{"a": "x"}],
        [{"a": 1}, {"a": "x"}],
        ["wrong_type: a (category): 50.0 % of the rows; allowed are 1.0 %"],
    ),
    "mixed as in the reference": ([{"a": "x"}, {"a": 1}], [{"a": 1}, {"a": "x"}], []),
    "emptier": (
        [{"a": 1}] * 9 + [{"a": None}],
        [{"a": 1}, {"a": None}],
        ["missing_values: a (number): 50.0 % of the rows; allowed are 11.0 %"],
    ),
    "no emptier": ([{"a": 1}, {"a": None}], [{"a": 1}, {"a": None}], []),
    "without end": ([{"a": 1}], [{"a": 1e999}], ["wrong_type: a (number): 100.0 % of the rows; allowed are 1.0 %"]),
    "a column that is new": ([{"a": 1}], [{"a": 1, "z": "?"}], []),
}


@pytest.mark.parametrize(("before", "now", "expected"), BAD_DATA.values(), ids=BAD_DATA)
def test_bad_data_are_told_by_column(before: Any, now: Any, expected: list[str]) -> None:
    assert found(before, now) == expected


def test_an_answer_is_one_value() -> None:
    assert answer({"no": 0.2, "yes": 0.8}) == "yes"
    assert answer({"b": 0.5, "a": 0.5}) == "a"
    assert answer({"a": "x"}) is None
    assert answer([3.5]) == 3.5
    assert answer([1, 2]) == [1, 2]
    assert answer(None) is None


# Findings.


def sample(given_: Sequence[Row | None]) -> Sample:
    taken = Sample(1000)
    for row in given_:
        taken.add(row)
    return taken


def fixed(value: float, chance: float) -> Mapping[Kind, Any]:
    return dict.fromkeys((Kind.NUMBER, Kind.CATEGORY), lambda before, now: Distance(value, chance))


TWENTY = rows([{"amount": 1.5}] * 20)


def drifted(settings: Settings, value: float, chance: float) -> dict[str, bool]:
    findings = compare(settings, sample(TWENTY), sample(TWENTY), fixed(value, chance))
    assert findings.problems == []
    return {one.column: one.drifted for one in findings.drifts}


@covers(
    "drift-monitor.thresholds",
    field="DriftMonitorArgs.thresholds, DriftMonitorArgs.threshold",
    ends_in="kubernetes:batch/v1:CronJob.spec",
)
def test_a_column_has_drifted_beyond_its_own_threshold_and_not_by_chance() -> None:
    both = {"amount": True, "prediction": True}
    neither = dict.fromkeys(both, False)
    assert drifted(settings_of(), 0.11, 1e-9) == both
    assert drifted(settings_of(), 0.1, 1e-9) == neither
    # Of two columns each has half of the chance.
    assert drifted(settings_of(), 0.5, 0.0051) == neither
    assert drifted(settings_of(), 0.5, 0.0049) == both
    own = settings_of(thresholds={"amount": 0.4})
    assert drifted(own, 0.3, 1e-9) == {"amount": False, "prediction": True}


@covers("drift-monitor.min-rows", field="DriftMonitorArgs.min_rows", ends_in="kubernetes:batch/v1:CronJob.spec")
def test_too_few_rows_decide_nothing() -> None:
    findings = compare(settings_of(), sample(TWENTY[1:]), sample(TWENTY), fixed(1, 0))
    assert [one.distance for one in findings.drifts] == [None, None]
    detail = "19 requests of the version that is served; at least 20 are needed"
    assert findings.problems == [Problem(Trouble.FEW_ROWS, detail)]
    assert findings.reasons == []


def test_a_column_with_too_few_values_decides_nothing() -> None:
    values: list[dict[str, Any]] = [{"amount": 1.5}] * 10 + [{"amount": None}] * 10
    findings = compare(settings_of(), sample(rows(values)), sample(rows(values)), fixed(1, 0))
    assert {one.column: one.distance for one in findings.drifts} == {"amount": None, "prediction": Distance(1, 0)}


@covers(
    "drift-monitor.bad-data",
    field="DriftMonitorArgs.max_invalid_percent",
    ends_in="kubernetes:batch/v1:CronJob.spec",
)
def test_bad_data_are_never_a_reason() -> None:
    lacking = rows([{"other": 1}] * 20)
    findings = compare(settings_of(), sample(lacking), sample(TWENTY), fixed(1, 0))
    assert [problem.trouble for problem in findings.problems] == [Trouble.MISSING_COLUMN]
    # The prediction has drifted all the same, and is shown.
    assert [(one.column, one.drifted) for one in findings.drifts] == [("amount", False), ("prediction", True)]
    assert findings.reasons == []


def test_an_empty_window_is_a_problem() -> None:
    findings = compare(settings_of(), sample([]), sample([]), fixed(1, 0))
    assert findings == Findings("", 0, 0, [], [Problem(Trouble.EMPTY_WINDOW, "no request in the window")])


def test_no_reference_is_a_problem() -> None:
    findings = compare(settings_of(), sample(TWENTY), sample([]), fixed(1, 0))
    detail = "no row of a reference for the version that is served"
    assert findings.problems == [Problem(Trouble.NO_REFERENCE, detail)]


def test_many_malformed_lines_are_a_problem() -> None:
    findings = compare(settings_of(), sample([*TWENTY, None]), sample([*TWENTY * 10, None]), fixed(0, 1))
    detail = "request log: 4.8 % of the lines are no rows; allowed are 1.0 %"
    assert findings.problems == [Problem(Trouble.MALFORMED_LINES, detail)]


def test_the_version_that_answered_most_is_compared() -> None:
    live = [*rows([{"amount": 1}] * 21, version="fraud/8"), *rows([{"other": 1}] * 20, version="fraud/7")]
    live = [Row(f"{at}", row.version, row.features, row.prediction) for at, row in enumerate(live)]
    assert served(live) == "fraud/8"
    findings = compare(settings_of(), sample(live), sample(TWENTY), fixed(0, 1))
    assert (findings.version, findings.rows, findings.problems) == ("fraud/8", 21, [])
    assert served([]) == ""
    assert served(live[:1] + live[-1:]) == "fraud/8"


REPORTED = Findings(
    "fraud/7",
    20,
    30,
    [
        Drift("amount", Kind.NUMBER, 0.1, Distance(0.3, 1e-9), drifted=True),
        Drift("tags", Kind.OTHER, 0.1, None, drifted=False),
    ],
    [],
    Measured(Metric.ACCURACY, 25, 0.8, breached=True),
)


@covers(
    "drift-monitor.report",
    field="DriftMonitorArgs.bucket_name",
    ends_in="kubernetes:batch/v1:CronJob.spec",
)
def test_the_report_says_all_and_shows_no_value() -> None:
    assert REPORTED.report(settings_of(), WINDOW) == {
        "endpoint": "fraud",
        "window": {"start": "2026-02-01T01:00:00Z", "end": "2026-02-02T01:00:00Z"},
        "model_version": "fraud/7",
        "rows": 20,
        "reference": {"rows": 30},
        "columns": [
            {
                "column": "amount",
                "kind": "number",
                "threshold": 0.1,
                "drifted": True,
                "distance": 0.3,
                "chance": 1e-9,
            },
            {"column": "tags", "kind": "other", "threshold": 0.1, "drifted": False},
        ],
        "problems": [],
        "quality": {"metric": "accuracy", "rows": 25, "value": 0.8, "breached": True},
        "reasons": ["drift of amount 0.300", "accuracy 0.8"],
    }


# Quality.


QUALITY = {
    "all right": (Metric.ACCURACY, [("a", "a"), (1, 1.0)], 1.0, False),
    "half right": (Metric.ACCURACY, [("a", "a"), ("a", "b")], 0.5, True),
    "at the threshold": (Metric.ACCURACY, [("a", "a")] * 9 + [("a", "b")], 0.9, False),
    "truth is not one": (Metric.ACCURACY, [(1, True), (True, True)], 0.5, True),
    "near": (Metric.MEAN_ABSOLUTE_ERROR, [(1.0, 1.5), (2, 1)], 0.75, False),
    "far": (Metric.MEAN_ABSOLUTE_ERROR, [(1, 4), (2, 2)], 1.5, True),
}


@covers("drift-monitor.quality", field="DriftMonitorArgs.quality.metric", ends_in="kubernetes:batch/v1:CronJob.spec")
@pytest.mark.parametrize(("metric", "pairs", "value", "breached"), QUALITY.values(), ids=QUALITY)
def test_quality_is_measured_where_labels_are(
    metric: Metric, pairs: list[tuple[Any, Any]], value: float, breached: bool
) -> None:
    assert measure(pairs, metric, 0.9, 2, 1) == (Measured(metric, len(pairs), value, breached), [])


def test_too_few_labels_decide_nothing() -> None:
    assert measure([("a", "b")], Metric.ACCURACY, 0.9, 2, 1) == (
        Measured(Metric.ACCURACY, 1, None, breached=False),
        [],
    )


def test_labels_of_the_wrong_type_are_a_problem() -> None:
    measured, problems = measure([(1, 2), (1, "2")], Metric.MEAN_ABSOLUTE_ERROR, 0.9, 1, 1)
    assert measured == Measured(Metric.MEAN_ABSOLUTE_ERROR, 1, 1.0, breached=True)
    detail = "mean_absolute_error: 50.0 % of labels or predictions are no numbers; allowed are 1.0 %"
    assert problems == [Problem(Trouble.WRONG_TYPE, detail, "label")]


def test_labels_are_joined_by_the_requests_id() -> None:
    asked = [Row("r1", "", {}, {"no": 0.1, "yes": 0.9}), Row("r2", "", {}, "no"), Row("r3", "", {}, "no")]
    assert joined(asked, {"r1": "yes", "r3": "yes", "r9": "no"}) == [("yes", "yes"), ("no", "yes")]


# Gauges.


def test_every_gauge_of_a_run_is_there() -> None:
    problems = [Problem(Trouble.WRONG_TYPE, "", "a"), Problem(Trouble.WRONG_TYPE, "", "b")]
    found_ = Findings("fraud/7", 20, 30, REPORTED.drifts, problems, REPORTED.quality)
    assert list(gauges(found_, Verdict.MONTHLY_BUDGET, 1770000000.5)) == [
        Gauge("mlplatform_drift_score", 0.3, ("feature", "amount")),
        Gauge("mlplatform_drift_drifted", 1, ("feature", "amount")),
        *(
            Gauge("mlplatform_drift_data_problems", 2 * (trouble is Trouble.WRONG_TYPE), ("problem", trouble.value))
            for trouble in Trouble
        ),
        Gauge("mlplatform_model_quality", 0.8, ("metric", "accuracy")),
        Gauge("mlplatform_model_quality_breached", 1, ("metric", "accuracy")),
        Gauge("mlplatform_retraining_blocked", 0, ("reason", "daily_budget")),
        Gauge("mlplatform_retraining_blocked", 1, ("reason", "monthly_budget")),
        Gauge("mlplatform_last_success_timestamp_seconds", 1770000000.5),
    ]


def test_gauges_are_written_as_prometheus_reads_them() -> None:
    samples = [Gauge("a", 0.25, ("feature", 'x"\\\n')), Gauge("a", 1, ("feature", "y")), Gauge("b", float("inf"))]
    assert text(samples) == (
        '# TYPE a gauge\na{feature="x\\"\\\\\\n"} 0.25\na{feature="y"} 1.0\n# TYPE b gauge\nb NaN\n'
    )
