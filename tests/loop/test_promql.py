"""PromQL of the loop: tables, and the same as Prometheus' own where promtool is there."""

import math
import shutil
import subprocess

import pytest
import yaml

from loop.promql import QueryError, Samples, query

NOW = 630.0
"""Between samples: whether a range includes its beginning differs between versions of Prometheus."""
SERIES = {
    'requests{track="stable",code="2"}': [100.0 * minute for minute in range(11)],
    'requests{track="stable",code="5"}': [2.0 * minute for minute in range(11)],
    'requests{track="canary",code="2"}': [10.0, 20.0, 30.0, 5.0, 15.0, 25.0, 35.0, 45.0, 55.0, 65.0, 75.0],
    'times{le="100"}': [50.0 * minute for minute in range(11)],
    'times{le="250"}': [90.0 * minute for minute in range(11)],
    'times{le="+Inf"}': [100.0 * minute for minute in range(11)],
    'drifted{feature="a"}': [1.0] * 11,
    'drifted{feature="b"}': [0.0] * 11,
    'score{feature="a"}': [0.5] * 11,
    'score{feature="b"}': [0.25] * 11,
}


def labels(text):
    """The name and labels of a series."""
    name, _, rest = text.removesuffix("}").partition("{")
    return name, dict(part.split("=", 1) for part in rest.replace('"', "").split(",") if part)


@pytest.fixture(scope="module")
def samples():
    made = Samples()
    for text, values in SERIES.items():
        name, given = labels(text)
        for minute, value in enumerate(values):
            made.add(name, given, value, 60.0 * minute)
    return made


QUERIES = {
    "sum(increase(requests{track='stable'}[10m]))": 1020.0,
    "sum(rate(requests{code=~'2|5', track!='canary'}[5m]))": 1.7,
    "sum(increase(requests{code='5'}[5m])) / sum(increase(requests{track='stable'}[5m])) * 100": 100 * 2 / 102,
    "(sum(rate(missing[5m])) or vector(0)) / sum(rate(requests{track='stable'}[5m]))": 0.0,
    "histogram_quantile(0.99, sum by (le) (rate(times[5m])))": 250.0,
    "histogram_quantile(0.5, sum(rate(times[5m])) by (le))": 100.0,
    "sum(drifted)": 1.0,
    "max(score and on (feature) drifted == 1)": 0.5,
    "count(score > 0.3)": 1.0,
    "time() - 500": 130.0,
    "-3 + 2 * 4 - 1": 4.0,
    "avg(score) unless missing": 0.375,
    "max(max_over_time(requests{track='canary'}[10m]))": 75.0,
    "absent(missing)": 1.0,
    "sum(score > bool 0.3)": 1.0,
}


@pytest.mark.parametrize("text", sorted(QUERIES))
def test_values(samples, text):
    found = query(text, samples, NOW)
    value = next(iter(found.values())) if isinstance(found, dict) else found
    assert value == pytest.approx(QUERIES[text])


def test_a_counter_that_fell_began_anew(samples):
    (value,) = query("increase(requests{track='canary'}[10m])", samples, NOW).values()
    # From 20 to 30, from 0 to 75 after the fall, in nine of ten minutes.
    assert value == pytest.approx(85 * 600 / 540)


@pytest.mark.parametrize("text", ["sum(missing)", "score > 1", "histogram_quantile(0.9, missing)", "rate(score[1s])"])
def test_nothing_is_no_value(samples, text):
    assert query(text, samples, NOW) == {}


def test_no_requests_in_a_histogram_is_no_number(samples):
    made = Samples()
    for bound in ("100", "+Inf"):
        made.add("times", {"le": bound}, 0.0, 0.0)
        made.add("times", {"le": bound}, 0.0, 60.0)
    (value,) = query("histogram_quantile(0.99, rate(times[5m]))", made, 60.0).values()
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("predict_linear(score[5m], 60)", "function predict_linear is not understood here"),
        ("score * on (feature) group_left drifted", "group_left is not understood here"),
        ("score[5m]", "score is a range, which only a function takes"),
        ("rate(score)", "a function wants a range such as x[5m]"),
        ("sum(", "the query ends early"),
        ("score )", "')' is not expected in score )"),
    ],
)
def test_what_is_not_understood_is_an_error(samples, text, message):
    with pytest.raises(QueryError) as caught:
        query(text, samples, NOW)
    assert str(caught.value) == message


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH; fix: apt-get install prometheus")
def test_prometheus_comes_to_the_same(samples, tmp_path):
    series = [{"series": text, "values": " ".join(map(str, values))} for text, values in SERIES.items()]
    cases = []
    for text in sorted([*QUERIES, "increase(requests{track='canary'}[10m])"]):
        found = query(text, samples, NOW)
        vector = found if isinstance(found, dict) else {frozenset(): found}
        expected = [{"labels": _shown(given), "value": value} for given, value in vector.items()]
        cases.append({"expr": text, "eval_time": "10m30s", "exp_samples": expected})
    (tmp_path / "none.yaml").write_text("groups: []\n")
    test = {
        "rule_files": ["none.yaml"],
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": cases}],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(test))
    done = subprocess.run(
        [shutil.which("promtool"), "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _shown(given):
    pairs = dict(given)
    name = pairs.pop("__name__", "")
    inner = ",".join(f'{key}="{value}"' for key, value in sorted(pairs.items()))
    return f"{name}{{{inner}}}"
