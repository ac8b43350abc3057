"""How rules read a resource: narrowly, since a value that is not known yet raises when it is touched."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_SUFFIXES: Final[Mapping[str, Decimal]] = {
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    "m": Decimal("0.001"),
}
"""Kubernetes documentation, Quantity."""


def each(items: Iterable[T], judge: Callable[[T], Iterable[R]]) -> Iterator[R]:
    """What `judge` says of every item. One that it cannot judge yet hides nothing of the others: that comes last."""
    unknown: Exception | None = None
    pending = _one_by_one(items)
    while True:
        try:
            take = next(pending, None)
            if take is None:
                break
            yield from judge(take())
        except Exception as error:  # noqa: BLE001 - what a value raises is its maker's business; it is raised again
            unknown = unknown or error
    if unknown:
        raise unknown


def _one_by_one(items: Iterable[T]) -> Iterator[Callable[[], T]]:
    """How to get each item: of a list, even those after one that raises."""
    if isinstance(items, Sequence):
        yield from (partial(items.__getitem__, at) for at in range(len(items)))
    else:
        for item in items:
            yield partial(_same, item)


def _same(item: T) -> T:
    return item


def within(value: Any, *path: str) -> Any:
    """The value at a path of keys; None where a part is absent, or is no mapping."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def listed(value: Any, *path: str) -> Sequence[Any]:
    """The list at a path: empty where it is absent, of one where a single value stands for itself."""
    found = within(value, *path)
    if found is None:
        return ()
    return found if isinstance(found, Sequence) and not isinstance(found, str) else (found,)


def truth(value: Any) -> bool:
    """A boolean, also where a provider has it as text."""
    return value is True or value == "true"


def decoded(value: Any) -> Any:
    """A JSON document, which may have come as text; ValueError for text that is none."""
    return json.loads(value) if isinstance(value, str) else value


def quantity(value: Any) -> Decimal:
    """A Kubernetes quantity, such as 8, "500m" or "64Gi", as a number; ValueError for anything else."""
    text = str(value)
    suffix = next((end for end in _SUFFIXES if text.endswith(end)), "")
    try:
        return Decimal(text.removesuffix(suffix)) * _SUFFIXES.get(suffix, 1)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no quantity") from None


def plain(number: Decimal) -> str:
    """A number without an exponent or idle zeros."""
    return f"{number.normalize():f}"


def matches_any(text: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns, in which `*` stands for anything, is the whole text."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def shown(values: Iterable[Any]) -> str:
    """Values in a sentence."""
    return ", ".join(str(value) for value in values) or "none"
