"""What was asked and what was answered, a row an instance, by the form of both bodies.

The forms are those of KServe's V1 protocol, of the Open Inference Protocol (V2), and a plain one of our own.
"""

import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

LIMIT: Final = 1024 * 1024
"""Bytes of a body that is logged, also when it is unpacked; a table's rows are far smaller, images are no rows."""
MOST: Final = 1000
"""Rows of one request that are logged: with more, each of them a line, a small body would make a large log."""
_UNPACKED: Final = frozenset({"", "identity"})
_PACKED: Final = frozenset({"deflate", "gzip"})
_EITHER: Final = 32 + zlib.MAX_WBITS
"""What makes zlib tell both from their beginning (Python documentation, zlib.decompress, wbits)."""


class FormError(Exception):
    """A body of no known form."""


class TooLargeError(Exception):
    """A body, or its number of rows, beyond the limit."""


class Row(NamedTuple):
    """One instance."""

    features: Mapping[str, Any]
    """What the model was given, by name."""
    prediction: Any
    """What it answered."""


def body(raw: bytes | bytearray, encoding: str = "") -> Any:
    """A body of JSON; numbers that JSON has not, such as NaN, become null. FormError for others."""
    try:
        return json.loads(_unpacked(raw, encoding), parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError, zlib.error):
        raise FormError from None


def rows(asked: Any, answered: Any) -> list[Row]:
    """The rows of two bodies; FormError where they have no known form, or do not fit each other or the schema."""
    if not isinstance(asked, dict) or not isinstance(answered, dict):
        raise FormError
    for question, answer, read in _FORMS:
        if question in asked and answer in answered:
            found = read(asked[question], answered[answer])
            if not all(map(_fits, found)):
                raise FormError
            return found
    raise FormError


def _unpacked(raw: bytes | bytearray, encoding: str) -> bytes | bytearray:
    known = encoding.strip().lower()
    if known in _UNPACKED:
        return raw
    if known not in _PACKED:
        raise FormError
    unpacker = zlib.decompressobj(_EITHER)
    text = unpacker.decompress(raw, LIMIT)
    if unpacker.unconsumed_tail:
        raise TooLargeError
    return text


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _instances(asked: Any, answered: Any) -> list[Row]:
    """V1: `{"instances": [...]}` and `{"predictions": [...]}`."""
    if not isinstance(asked, list) or not isinstance(answered, list):
        raise FormError
    return [Row(_named(instance), prediction) for instance, prediction in _paired(asked, answered)]


def _tensors(asked: Any, answered: Any) -> list[Row]:
    """V2: tensors by name, whose first dimension is that of the rows.

    The only tensor of a request, where it is a table, has a column a feature; beside others it is one feature.
    """
    inputs, outputs = _columns(asked), _columns(answered)
    (first, *others) = inputs.values()
    is_table = not others and any(isinstance(value, list) for value in first)
    features = [_named(row) for row in first] if is_table else _by_row(inputs)
    predictions = next(iter(outputs.values())) if len(outputs) == 1 else _by_row(outputs)
    return [Row(*pair) for pair in _paired(features, predictions)]


def _plain(asked: Any, answered: Any) -> list[Row]:
    """`{"features": {...}}` and `{"prediction": ...}`: one row."""
    return [Row(asked, answered)]


_FORMS: Final[Sequence[tuple[str, str, Callable[[Any, Any], list[Row]]]]] = (
    ("instances", "predictions", _instances),
    ("inputs", "outputs", _tensors),
    ("features", "prediction", _plain),
)


def _paired(left: Sequence[Any], right: Sequence[Any]) -> list[tuple[Any, Any]]:
    if len(left) != len(right):
        raise FormError
    if len(left) > MOST:
        raise TooLargeError
    return list(zip(left, right, strict=True))


def _named(instance: Any) -> Any:
    """An instance by names; values without one are x0, x1 and so on.

    So does scikit-learn call them (scikit-learn API, get_feature_names_out).
    """
    if isinstance(instance, dict):
        return instance
    values = instance if isinstance(instance, list) else [instance]
    return {f"x{place}": value for place, value in enumerate(values)}


def _columns(tensors: Any) -> dict[str, list[Any]]:
    """Values of each tensor, one a row."""
    if not isinstance(tensors, list) or not tensors:
        raise FormError
    return dict(map(_column, tensors))


def _column(tensor: Any) -> tuple[str, list[Any]]:
    if not isinstance(tensor, dict):
        raise FormError
    name, shape, data = tensor.get("name"), _shape(tensor.get("shape")), tensor.get("data")
    if not isinstance(name, str) or not isinstance(data, list):
        raise FormError
    length, width = shape
    # Data is flat, or nested as the shape is (Open Inference Protocol, Tensor Data).
    nested = bool(data) and all(isinstance(item, list) for item in data)
    values = list(chain.from_iterable(data)) if nested else data
    if len(values) != length * width:
        raise FormError
    return name, values if width == 1 else [values[at : at + width] for at in range(0, len(values), width)]


def _shape(given: Any) -> tuple[int, int]:
    """Rows, and columns of each; a tensor of more dimensions is no table."""
    if not isinstance(given, list) or not all(isinstance(size, int) and size > 0 for size in given):
        raise FormError
    if len(given) not in {1, 2}:
        raise FormError
    return given[0], given[1] if len(given) > 1 else 1


def _by_row(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    if len({len(values) for values in columns.values()}) != 1:
        raise FormError
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _fits(row: Row) -> bool:
    """Whether the schema of lines takes it."""
    prediction = row.prediction
    named = isinstance(row.features, dict) and all(row.features)
    return (
        named
        and all(_is_flat(value) for value in row.features.values())
        and (all(map(_is_scalar, prediction.values())) if isinstance(prediction, dict) else _is_flat(prediction))
    )


def _is_flat(value: Any) -> bool:
    return all(map(_is_scalar, value)) if isinstance(value, list) else _is_scalar(value)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
