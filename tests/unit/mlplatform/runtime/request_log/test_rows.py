"""Bodies as rows, and rows as lines of the log's schema."""

import gzip
import json
import zlib
from datetime import UTC, datetime

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.contracts.request_log import SCHEMA
from mlplatform.runtime.drift.rows import Window, logged
from mlplatform.runtime.request_log.exchange import Budget, Copy, Exchange, Reason, Tally, identity
from mlplatform.runtime.request_log.rows import LIMIT, MOST, FormError, TooLargeError, body, rows

VALID = jsonschema.Draft202012Validator(SCHEMA)
CAME = datetime(2026, 1, 31, 23, 59, 59, 987654, UTC)
NEVER = 1 << 30

FORMS = {
    "instances by name": (
        {"instances": [{"amount": 1.5, "country": "NL"}, {"amount": 2, "country": None}]},
        {"predictions": [0, 1]},
        [({"amount": 1.5, "country": "NL"}, 0), ({"amount": 2, "country": None}, 1)],
    ),
    "instances by place": (
        {"instances": [[1, 2], [3, 4]]},
        {"predictions": [[0.1, 0.9], [0.8, 0.2]]},
        [({"x0": 1, "x1": 2}, [0.1, 0.9]), ({"x0": 3, "x1": 4}, [0.8, 0.2])],
    ),
    "instances of one value": (
        {"instances": ["good", "bad"]},
        {"predictions": [{"yes": 0.9, "no": 0.1}, {"yes": 0.2, "no": 0.8}]},
        [({"x0": "good"}, {"yes": 0.9, "no": 0.1}), ({"x0": "bad"}, {"yes": 0.2, "no": 0.8})],
    ),
    "a feature that is a list": (
        {"instances": [{"history": [1, 2, 3]}]},
        {"predictions": [7]},
        [({"history": [1, 2, 3]}, 7)],
    ),
    "no instance": ({"instances": []}, {"predictions": []}, []),
    "a tensor a feature": (
        {
            "inputs": [
                {"name": "amount", "shape": [2], "datatype": "FP32", "data": [1.5, 2.5]},
                {"name": "country", "shape": [2, 1], "datatype": "BYTES", "data": ["NL", "DE"]},
                {"name": "history", "shape": [2, 2], "datatype": "INT32", "data": [1, 2, 3, 4]},
            ]
        },
        {"outputs": [{"name": "fraud", "shape": [2, 1], "datatype": "INT64", "data": [0, 1]}]},
        [
            ({"amount": 1.5, "country": "NL", "history": [1, 2]}, 0),
            ({"amount": 2.5, "country": "DE", "history": [3, 4]}, 1),
        ],
    ),
    "one tensor with a column a feature": (
        {"inputs": [{"name": "input-0", "shape": [2, 3], "datatype": "FP64", "data": [1, 2, 3, 4, 5, 6]}]},
        {"outputs": [{"name": "output-0", "shape": [2], "datatype": "INT64", "data": [0, 1]}]},
        [({"x0": 1, "x1": 2, "x2": 3}, 0), ({"x0": 4, "x1": 5, "x2": 6}, 1)],
    ),
    "a nested tensor": (
        {"inputs": [{"name": "input-0", "shape": [2, 2], "datatype": "FP64", "data": [[1, 2], [3, 4]]}]},
        {"outputs": [{"name": "output-0", "shape": [2, 2], "datatype": "FP64", "data": [[0, 1], [1, 0]]}]},
        [({"x0": 1, "x1": 2}, [0, 1]), ({"x0": 3, "x1": 4}, [1, 0])],
    ),
    "one tensor of one column": (
        {"inputs": [{"name": "amount", "shape": [2, 1], "datatype": "FP64", "data": [1, 2]}]},
        {"outputs": [{"name": "output-0", "shape": [2], "datatype": "FP64", "data": [0, 1]}]},
        [({"amount": 1}, 0), ({"amount": 2}, 1)],
    ),
    "several outputs": (
        {"inputs": [{"name": "amount", "shape": [1], "datatype": "FP64", "data": [1]}]},
        {
            "outputs": [
                {"name": "yes", "shape": [1], "datatype": "FP64", "data": [0.9]},
                {"name": "no", "shape": [1], "datatype": "FP64", "data": [0.1]},
            ]
        },
        [({"amount": 1}, {"yes": 0.9, "no": 0.1})],
    ),
    "plain": ({"features": {"amount": 1}}, {"prediction": True}, [({"amount": 1}, True)]),
}


def tensor(**changes: object) -> dict[str, object]:
    return {"inputs": [{"name": "a", "shape": [2], "datatype": "FP64", "data": [1, 2], **changes}]}


OUTPUT = {"outputs": [{"name": "b", "shape": [2], "datatype": "FP64", "data": [0, 1]}]}
STRANGE = {
    "no object": ([1], {"prediction": 1}),
    "no answer of that form": ({"instances": [1]}, {"outputs": []}),
    "a name that is empty": ({"features": {"": 1}}, {"prediction": 1}),
    "features without names": ({"features": [1]}, {"prediction": 1}),
    "a nested feature": ({"features": {"a": {"b": 1}}}, {"prediction": 1}),
    "a list in a list": ({"instances": [[[[1]]]]}, {"predictions": [1]}),
    "a nested prediction": ({"features": {"a": 1}}, {"prediction": [[1]]}),
    "a list by class": ({"features": {"a": 1}}, {"prediction": {"b": [1]}}),
    "fewer answers": ({"instances": [1, 2]}, {"predictions": [1]}),
    "instances that are none": ({"instances": 1}, {"predictions": [1]}),
    "predictions that are none": ({"instances": [1]}, {"predictions": {"a": 1}}),
    "no tensor": ({"inputs": []}, OUTPUT),
    "tensors that are none": ({"inputs": {"a": 1}}, OUTPUT),
    "a tensor that is none": ({"inputs": [1]}, OUTPUT),
    "a tensor without a name": (tensor(name=None), OUTPUT),
    "a tensor without data": (tensor(data=None), OUTPUT),
    "a tensor without a shape": (tensor(shape=None), OUTPUT),
    "a tensor of no dimension": (tensor(shape=[], data=[1]), OUTPUT),
    "a tensor of three": (tensor(shape=[2, 1, 1]), OUTPUT),
    "a size that is none": (tensor(shape=["2"]), OUTPUT),
    "many rows of nothing": (tensor(shape=[10**9, 0], data=[]), OUTPUT),
    "less data than the shape has": (tensor(shape=[3]), OUTPUT),
    "tensors of several lengths": (
        {"inputs": [*tensor()["inputs"], {"name": "c", "shape": [1], "data": [1]}]},  # type: ignore[misc]
        OUTPUT,
    ),
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_known_form_gives_a_row_an_instance(form: str) -> None:
    asked, answered, expected = FORMS[form]
    assert rows(asked, answered) == expected


@pytest.mark.parametrize("case", sorted(STRANGE))
def test_what_has_no_known_form_is_not_logged(case: str) -> None:
    with pytest.raises(FormError):
        rows(*STRANGE[case])


def test_the_rows_of_a_request_have_a_limit() -> None:
    asked, answered = {"instances": [1] * MOST}, {"predictions": [1] * MOST}
    assert len(rows(asked, answered)) == MOST
    with pytest.raises(TooLargeError):
        rows({"instances": [1] * (MOST + 1)}, {"predictions": [1] * (MOST + 1)})


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b'{"a": 1}', ""),
        (b'{"a": 1}', "identity"),
        (gzip.compress(b'{"a": 1}', mtime=0), " GZIP"),
        (zlib.compress(b'{"a": 1}'), "deflate"),
    ],
)
def test_packed_bodies_are_unpacked(raw: bytes, encoding: str) -> None:
    assert body(raw, encoding) == {"a": 1}


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"", ""),
        (b"\xff\xfe\xff", ""),
        (b"{", ""),
        (b"[" * 100_000, ""),
        (b"1" * 5000, ""),
        (b"{}", "br"),
        (b"{}", "gzip"),
        (b"{}", "gzip, gzip"),
        (gzip.compress(b'{"a": 1}', mtime=0)[:-12], "gzip"),
    ],
)
def test_what_is_no_json_has_no_form(raw: bytes, encoding: str) -> None:
    with pytest.raises(FormError):
        body(raw, encoding)


def test_a_small_body_that_unpacks_to_a_large_one_is_too_large() -> None:
    with pytest.raises(TooLargeError):
        body(gzip.compress(b" " * (LIMIT + 1)), "gzip")


def test_numbers_that_json_has_not_are_missing_ones() -> None:
    assert body(b"[NaN, Infinity, -Infinity, 1e999, 1.5, 12]") == [None, None, None, None, 1.5, 12]


def exchange(asked: bytes, answered: bytes, name: str = "r-1") -> Exchange:
    budget = Budget(NEVER)
    made = Exchange(name, CAME, Copy(budget), Copy(budget))
    made.asked.add(asked)
    made.answered.add(answered)
    return made


def test_a_line_is_what_the_schema_says() -> None:
    found = exchange(b'{"features": {"a": "\xc3\xa9"}}', b'{"prediction": 1}').lines("fraud/7")
    about = '"schema_version":1,"id":"r-1","time":"2026-01-31T23:59:59.987Z","model_version":"fraud/7"'
    assert found == [f'{{{about},"features":{{"a":"\\u00e9"}},"prediction":1}}']
    VALID.validate(json.loads(found[0]))


def test_rows_of_one_request_have_ids_of_their_own() -> None:
    longest = "x" * 120
    found = exchange(b'{"instances": [1, 2]}', b'{"predictions": [0, 1]}', longest).lines("fraud/7")
    assert [json.loads(line)["id"] for line in found] == [f"{longest}-0", f"{longest}-1"]
    most = json.dumps({"instances": [1] * MOST}).encode(), json.dumps({"predictions": [1] * MOST}).encode()
    VALID.validate(json.loads(exchange(*most, longest).lines("fraud/7")[-1]))


def test_why_there_are_no_lines_is_said() -> None:
    assert exchange(b"{}", b"{}").lines("fraud/7") is Reason.FORM
    many = json.dumps({"instances": [1] * (MOST + 1)}).encode()
    assert exchange(many, many.replace(b"instances", b"predictions")).lines("fraud/7") is Reason.LARGE


def test_the_drift_job_reads_every_line() -> None:
    asked = b'{"instances": [{"amount": NaN}, {"amount": 2}]}'
    found = exchange(asked, b'{"predictions": [0, 1]}').lines("fraud/7")
    window = Window.before(datetime(2026, 2, 1, tzinfo=UTC), 1)
    read = list(logged(found, window))
    assert [(row.id, row.version, row.features, row.prediction) for row in read] == [
        ("r-1-0", "fraud/7", {"amount": None}, 0),
        ("r-1-1", "fraud/7", {"amount": 2}, 1),
    ]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = SCALARS | st.lists(SCALARS, max_size=3)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
NAMED = st.dictionaries(st.text(max_size=3), VALUES | JSON, max_size=3)
INSTANCES = st.lists(NAMED | VALUES | JSON, max_size=3)


@st.composite
def tensors(draw: st.DrawFn) -> list[object]:
    length = draw(st.integers(1, 3))
    made = []
    for _ in range(draw(st.integers(1, 3))):
        width = draw(st.integers(1, 3))
        flat = draw(st.lists(SCALARS, min_size=length * width, max_size=length * width))
        nested = [flat[at : at + width] for at in range(0, len(flat), width)]
        made.append(
            {
                "name": draw(st.text(max_size=3)),
                "shape": draw(st.sampled_from([[length, width], [length * width], [length], [width, length]])),
                "data": draw(st.sampled_from([flat, nested])),
            }
        )
    return made


ANSWERS = st.one_of(
    st.fixed_dictionaries({"predictions": INSTANCES}),
    st.fixed_dictionaries({"outputs": tensors()}),
    st.fixed_dictionaries({"prediction": VALUES | NAMED}),
    JSON,
)
QUESTIONS = st.one_of(
    st.fixed_dictionaries({"instances": INSTANCES}),
    st.fixed_dictionaries({"inputs": tensors()}),
    st.fixed_dictionaries({"features": NAMED}),
    JSON,
)


@given(QUESTIONS, ANSWERS, st.text(max_size=200))
def test_whatever_comes_every_line_is_valid(asked: object, answered: object, header: str) -> None:
    made = exchange(json.dumps(asked).encode(), json.dumps(answered).encode(), identity(header))
    lines = made.lines("fraud/7")
    for line in [] if isinstance(lines, Reason) else lines:
        assert "\n" not in line
        VALID.validate(json.loads(line, parse_constant=pytest.fail))


@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from(["", "gzip", "deflate", "br"]))
def test_no_bytes_are_a_failure(asked: bytes, answered: bytes, encoding: str) -> None:
    made = exchange(asked, answered)
    made.asked_encoding = made.answered_encoding = encoding
    assert isinstance(made.lines("fraud/7"), list | Reason)


@pytest.mark.parametrize("header", ["a", "8f14e45f-ceea-4a7b-9c1d", "x" * 120])
def test_a_good_id_stays(header: str) -> None:
    assert identity(header) == header


@pytest.mark.parametrize("header", [None, "", "x" * 121, "a b", "é", "\udcff", "a\n"])
def test_another_id_is_replaced(header: str | None) -> None:
    first, second = identity(header), identity(header)
    assert first != second
    assert len(first) == len(second) == 36


def test_copies_take_no_more_than_the_budget_and_give_it_back() -> None:
    budget = Budget(10)
    first, second = Copy(budget), Copy(budget)
    first.add(b"123456")
    second.add(b"1234")
    first.add(b"7")
    assert (first.given_up, first.data, second.given_up) == (Reason.BUSY, b"", None)
    second.add(b"123456")
    assert second.data == b"1234123456"
    first.add(b"more")
    second.release()
    second.release()
    assert (first.data, second.data) == (b"", b"")
    assert budget.take(10)
    assert not budget.take(1)


def test_a_body_beyond_the_limit_is_not_copied() -> None:
    copy = Copy(Budget(NEVER))
    copy.add(b"x" * LIMIT)
    assert copy.given_up is None
    copy.add(b"x")
    assert (copy.given_up, copy.data) == (Reason.LARGE, b"")


def test_what_is_counted_is_told_once() -> None:
    tally = Tally()
    tally.add("b", 2)
    tally.add("a")
    tally.add("b")
    assert list(tally.take().items()) == [("a", 1), ("b", 3)]
    assert tally.take() == {}
