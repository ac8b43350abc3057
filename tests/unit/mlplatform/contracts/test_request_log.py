"""The request log's contract: the schema of a line, its place, and which requests are in it."""

import json
from datetime import date
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.contracts import request_log

LINE: dict[str, Any] = {
    "schema_version": 1,
    "id": "0b7c2f1e-9f0a-4a58-b3b1-0f7a5f3a1c11",
    "time": "2026-01-31T12:00:00.123Z",
    "model_version": "fraud/17",
    "features": {"amount": 12.5, "country": "NL", "known": True, "referrer": None, "embedding": [0.1, 0.2]},
    "prediction": {"fraud": 0.93, "genuine": 0.07},
}
VALIDATOR = jsonschema.Draft202012Validator(request_log.SCHEMA)
EXAMPLES = 1000
"""Ids of which the share is measured."""


def problems(line: dict[str, Any]) -> list[str]:
    return sorted(error.message for error in VALIDATOR.iter_errors(json.loads(json.dumps(line))))


def test_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(dict(request_log.SCHEMA))
    assert request_log.SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert request_log.SCHEMA["$id"] == "urn:mlplatform:request-log:1"


@pytest.mark.parametrize("prediction", [0.93, 1, "fraud", True, None, [0.1, 0.9], {"fraud": 0.93}])
def test_line_is_accepted(prediction: object) -> None:
    assert problems({**LINE, "prediction": prediction}) == []


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "another version": ({"schema_version": 2}, "1 was expected"),
    "no id": ({"id": ""}, "'' should be non-empty"),
    "time of a zone": (
        {"time": "2026-01-31T12:00:00+01:00"},
        r"'2026-01-31T12:00:00+01:00' does not match '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?Z$'",
    ),
    "version without model": ({"model_version": "17"}, "'17' does not match '^[^/]+/[^/]+$'"),
    "nested feature": (
        {"features": {"user": {"age": 40}}},
        "{'age': 40} is not of type 'boolean', 'null', 'number', 'string', 'array'",
    ),
    "feature without name": ({"features": {"": 1}}, "'' should be non-empty"),
    "nested prediction": (
        {"prediction": {"fraud": {"p": 0.9}}},
        "{'p': 0.9} is not of type 'boolean', 'null', 'number', 'string'",
    ),
    "field of one writer": (
        {"latency": 12},
        "Additional properties are not allowed ('latency' was unexpected)",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_line_is_refused(change: dict[str, Any], message: str) -> None:
    assert problems({**LINE, **change}) == [message]


@pytest.mark.parametrize("field", LINE)
def test_no_field_can_be_left_out(field: str) -> None:
    assert problems({name: value for name, value in LINE.items() if name != field}) == [
        f"{field!r} is a required property"
    ]


def test_log_lies_by_endpoint_and_day() -> None:
    assert request_log.prefix("fraud") == "requests/fraud/"
    assert request_log.partition("fraud", date(2026, 1, 31)) == "requests/fraud/dt=2026-01-31/"


@pytest.mark.parametrize("endpoint", ["", "a/b", "..", "fraud*", "fräud"])
def test_endpoint_is_a_folder(endpoint: str) -> None:
    with pytest.raises(ValueError, match="is no folder") as refused:
        request_log.prefix(endpoint)
    assert str(refused.value) == (
        f"endpoint {endpoint!r} is no folder; allowed: letters, digits, . _ and -; fix: change the characters"
    )


# The first 16 digits of `printf a | sha256sum`: what writers in other languages must come to.
@pytest.mark.parametrize(("request_id", "digits"), [("", 0xE3B0C44298FC1C14), ("a", 0xCA978112CA1BBDCA)])
def test_fraction_is_the_first_53_bits_of_the_hash(request_id: str, digits: int) -> None:
    assert request_log.fraction(request_id) == (digits >> 11) / 2**53


@given(st.text())
def test_fraction_is_stable_and_below_one(request_id: str) -> None:
    assert 0 <= request_log.fraction(request_id) < 1
    assert request_log.fraction(request_id) == request_log.fraction(request_id)


@given(st.text())
def test_all_and_none_are_exact(request_id: str) -> None:
    assert request_log.sampled(request_id, 100)
    assert not request_log.sampled(request_id, 0)


@given(st.text(), st.integers(0, 100), st.integers(0, 100))
def test_a_greater_share_has_every_request_of_a_smaller_one(request_id: str, one: int, other: int) -> None:
    if request_log.sampled(request_id, min(one, other)):
        assert request_log.sampled(request_id, max(one, other))


@given(st.integers(0, 2**32), st.integers(1, 99))
def test_share_is_about_what_was_asked(start: int, percent: int) -> None:
    logged = sum(request_log.sampled(f"request-{start + at}", percent) for at in range(EXAMPLES))
    # Eight standard deviations of the binomial distribution, so that no run fails by chance.
    assert abs(logged - EXAMPLES * percent / 100) <= 8 * (EXAMPLES * percent * (100 - percent)) ** 0.5 / 100 + 1


def test_writer_is_told_by_variables() -> None:
    given_ = request_log.env(bucket="features", endpoint="checkout", model="fraud", version="17", sample_percent=10)
    assert given_ == {
        "REQUEST_LOG_BUCKET": "features",
        "REQUEST_LOG_PREFIX": "requests/checkout/",
        "REQUEST_LOG_SAMPLE_PERCENT": 10,
        "REQUEST_LOG_MODEL_VERSION": "fraud/17",
        "REQUEST_LOG_SCHEMA_VERSION": "1",
    }
    assert tuple(given_) == request_log.VARIABLES
