"""Which clause of what was promised each test holds; `tests/COVERAGE.md` is generated from these marks."""

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


def covers(clause: str, *, field: str, ends_in: str) -> Callable[[F], F]:
    """Marks the test that fails without a clause.

    `clause` is an id of `tests/support/clauses`, `field` the argument that carries it as `ClassArgs.path`
    (several separated by commas), `ends_in` the resource property as `type.path`. All three are literals: the table is
    read from the source.
    """

    def mark(test: F) -> F:
        return test

    return mark
