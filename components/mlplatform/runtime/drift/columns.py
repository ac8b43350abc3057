"""Columns of rows: of which kind each is in the reference, and what is wrong with it in the window."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from mlplatform.contracts.drift import PREDICTION
from mlplatform.runtime.drift.rows import Row

MISSING: Final = object()
"""The value of a row that has no such column."""
_NUMBERS: Final = (int, float)


class Kind(StrEnum):
    """How a column is compared."""

    NUMBER = "number"
    """By its distribution."""
    CATEGORY = "category"
    """By the shares of its values."""
    OTHER = "other"
    """Not at all: lists, and columns without a value."""


class Trouble(StrEnum):
    """What makes data bad, so that nothing may be concluded from them."""

    EMPTY_WINDOW = "empty_window"
    """No request came."""
    FEW_ROWS = "few_rows"
    """Too few came to decide anything."""
    NO_REFERENCE = "no_reference"
    """There is nothing to compare with."""
    MALFORMED_LINES = "malformed_lines"
    """Too many lines are no rows."""
    MISSING_COLUMN = "missing_column"
    """A column of the reference is not there."""
    MISSING_VALUES = "missing_values"
    """A column is empty more often than in the reference."""
    WRONG_TYPE = "wrong_type"
    """A column has values of another type than in the reference."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    trouble: Trouble
    """What kind."""
    detail: str
    """In which column, and how much; never a value."""
    column: str = ""
    """The column; empty where it is none."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the reference, and the same of the window."""

    name: str
    """Its name."""
    kind: Kind
    """Its kind in the reference."""
    before: Sequence[Any]
    """Values of the reference that are there."""
    now: Sequence[Any]
    """Values of the window that are there and of the right type."""


def read(
    reference: Sequence[Row], live: Sequence[Row], ignored: Sequence[str], allowed_percent: float
) -> tuple[list[Column], list[Problem]]:
    """The reference's columns in both, by name, and what is wrong with them."""
    columns: list[Column] = []
    problems: list[Problem] = []
    for name, value_of in _readers(reference).items():
        if name in ignored:
            continue
        before, now = [value_of(row) for row in reference], [value_of(row) for row in live]
        kind = _kind(before)
        problems += _problems(name, before, now, kind, allowed_percent) if kind is not Kind.OTHER else []
        fits = _fits(before)
        columns.append(Column(name, kind, list(filter(fits, before)), list(filter(fits, now))))
    return columns, problems


def answer(prediction: Any) -> Any:
    """A prediction as one value: of values by class the class of the greatest, of a list of one its item."""
    if isinstance(prediction, dict):
        numbers = {name: value for name, value in prediction.items() if _number(value)}
        return max(sorted(numbers), key=numbers.__getitem__) if numbers else None
    if isinstance(prediction, list) and len(prediction) == 1:
        return prediction[0]
    return prediction


def _readers(rows: Sequence[Row]) -> Mapping[str, Callable[[Row], Any]]:
    """How each column is read, by its name, sorted."""
    names = sorted({name for row in rows for name in row.features})

    def feature(name: str) -> Callable[[Row], Any]:
        return lambda row: row.features.get(name, MISSING)

    # A feature of that name keeps apart from the prediction.
    readers = {f"features.{name}" if name == PREDICTION else name: feature(name) for name in names}
    return {**readers, PREDICTION: lambda row: answer(row.prediction)}


def _kind(values: Sequence[Any]) -> Kind:
    there = [value for value in values if value is not MISSING and value is not None]
    if not there or any(isinstance(value, list | dict) for value in there):
        return Kind.OTHER
    return Kind.NUMBER if {_type(value) for value in there} == {"number"} else Kind.CATEGORY


def _number(value: Any) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool) and math.isfinite(value)


def _type(value: Any) -> str:
    return "number" if isinstance(value, _NUMBERS) and not isinstance(value, bool) else type(value).__name__


def _fits(before: Sequence[Any]) -> Callable[[Any], bool]:
    """Whether a value is of a type that the reference's column has."""
    types = {_type(value) for value in before if value is not MISSING and value is not None}
    return lambda value: _type(value) in types and (_number(value) or _type(value) != "number")


def _problems(
    name: str, before: Sequence[Any], now: Sequence[Any], kind: Kind, allowed_percent: float
) -> Iterator[Problem]:
    def beyond(trouble: Trouble, percent: float, usual: float = 0.0) -> Iterator[Problem]:
        if percent > usual + allowed_percent:
            limit = f"allowed are {usual + allowed_percent:.1f} %"
            yield Problem(trouble, f"{name} ({kind}): {percent:.1f} % of the rows; {limit}", name)

    fits = _fits(before)
    absent = [value is MISSING for value in now]
    if not absent:
        return
    # A column that the reference lacks in some rows may lack in as many.
    yield from beyond(Trouble.MISSING_COLUMN, _percent(absent), _percent([value is MISSING for value in before]))
    empty = [value is None for value in now]
    yield from beyond(Trouble.MISSING_VALUES, _percent(empty), _percent([value is None for value in before]))
    strange = [value is not MISSING and value is not None and not fits(value) for value in now]
    yield from beyond(Trouble.WRONG_TYPE, _percent(strange))


def _percent(flags: Sequence[bool]) -> float:
    return 100 * sum(flags) / len(flags)
