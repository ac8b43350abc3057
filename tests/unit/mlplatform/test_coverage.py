"""Holds that every promised clause has a test of its own, and keeps `COVERAGE.md` current."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from clauses import CLAUSES, LEFT_OUT
from components import all_args
from mlplatform.core.args import Args
from recorded import ROOT

TESTS = Path(__file__).parent
TABLE = ROOT / "tests" / "COVERAGE.md"


@dataclass(frozen=True)
class Mark:
    """One `@covers(...)` on one test."""

    clause: str
    field: str
    ends_in: str
    test: str


@functools.cache
def marks() -> tuple[Mark, ...]:
    """Every mark in the tests of the components, read from their source."""
    return tuple(_marks())


def _marks() -> Iterator[Mark]:
    for path in sorted(TESTS.rglob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            for call in getattr(function, "decorator_list", []):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "covers":
                    values = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
                    test = f"{path.relative_to(ROOT)}::{function.name}"
                    yield Mark(ast.literal_eval(call.args[0]), values["field"], values["ends_in"], test)


def default_of(field: str) -> str:
    """The default of `ClassArgs.path`, following sub-models; `required` where there is none."""
    owner_name, *path = field.split(".")
    owner = next(cls for cls in all_args() if cls.__name__ == owner_name)
    for at, name in enumerate(path):
        info = owner.model_fields[name]
        if at == len(path) - 1:
            return described(info)
        owner = next(cls for cls in models_in(info.annotation))
    raise AssertionError(field)


def described(info: object) -> str:
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=True)
    assert default is not PydanticUndefined
    if isinstance(default, Args):
        return "see its fields"
    return f"`{getattr(default, 'value', default)!r}`"


def models_in(annotation: object) -> Iterator[type]:
    if isinstance(annotation, type) and issubclass(annotation, Args):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from models_in(argument)


def rendered() -> str:
    rows = ["| clause | field | default | ends in | test that fails without it |", "|---|---|---|---|---|"]
    by_clause: dict[str, list[Mark]] = {}
    for mark in marks():
        by_clause.setdefault(mark.clause, []).append(mark)
    for clause, text in CLAUSES.items():
        for mark in by_clause.get(clause, []):
            fields = [field.strip() for field in mark.field.split(",")]
            defaults = "; ".join(default_of(field) for field in fields)
            named = ", ".join(f"`{field}`" for field in fields)
            rows.append(
                f"| {clause.partition('.')[0]}: {text} | {named} | {defaults} | `{mark.ends_in}` | `{mark.test}` |"
            )
        if clause in LEFT_OUT:
            rows.append(f"| {clause.partition('.')[0]}: {text} | | | | left out: {LEFT_OUT[clause]} |")
    head = ["# What is promised, and what holds it", "", "Written by `pytest --update-golden` from the tests.", ""]
    return "\n".join([*head, *rows, ""])


def test_every_mark_names_a_clause() -> None:
    assert {mark.clause for mark in marks()} <= set(CLAUSES)


@pytest.mark.parametrize("clause", CLAUSES)
def test_every_clause_has_a_test_or_a_reason(clause: str) -> None:
    covered = any(mark.clause == clause for mark in marks())
    assert covered != (clause in LEFT_OUT)


def test_table_is_current(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        TABLE.write_text(rendered())
    assert TABLE.read_text() == rendered()
