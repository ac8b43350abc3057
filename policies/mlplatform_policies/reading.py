"""How rules read a resource: narrowly, since a value that is not known yet, or that nobody can read, raises."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_SUFFIXES: Final[Mapping[str, Decimal]] = {
    "": Decimal(1),
    **{suffix: Decimal(10) ** -power for suffix, power in (("m", 3), ("u", 6), ("n", 9))},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
}
"""Kubernetes documentation, Quantity."""
_NUMBER: Final = r"[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,2})?"
_QUANTITY: Final = re.compile(f"({_NUMBER})({'|'.join(_SUFFIXES)})")
_KINDS: Final[Mapping[type, str]] = {
    bool: "a boolean",
    str: "text",
    float: "a number",
    int: "a number",
    Mapping: "an object",
    Sequence: "a list",
}


class UnreadableError(ValueError):
    """A property holds what it never should, such as text that is no JSON: a rule that reads it cannot decide.

    The message shows no value, which may be a secret.
    """

    def __init__(self, path: Sequence[str], value: Any, must: str) -> None:
        """Takes where the value is, the value, and what it must be."""
        kind = next((name for kind, name in _KINDS.items() if isinstance(value, kind)), type(value).__name__)
        super().__init__(f"{'.'.join(path)}: got {kind}; must be {must}")


def each(items: Iterable[T], judge: Callable[[T], Iterable[R]]) -> Iterator[R]:
    """What `judge` says of every item. One that it cannot judge hides nothing of the others: that comes last."""
    late: list[Exception] = []
    pending = _one_by_one(items)
    while True:
        try:
            take = next(pending, None)
            if take is None:
                break
            yield from judge(take())
        except Exception as error:  # noqa: BLE001 - what a value raises is its maker's business; it is raised again
            late.append(error)
    settle(late)


def gathered(items: Iterable[T], read: Callable[[T], R], late: list[Exception]) -> list[R]:
    """What `read` gives of every item; what keeps it from reading one is put into `late`, which `settle` raises."""
    found = []
    for item in items:
        try:
            found.append(read(item))
        except Exception as error:  # noqa: BLE001 - as above
            late.append(error)
    return found


def settle(late: Sequence[Exception]) -> None:
    """Raises the first of what could not be read, once all the rest is judged."""
    if late:
        raise late[0]


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
    """The value at a path of keys; None where a part is absent. Unreadable where a part is no object."""
    for at, key in enumerate(path):
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise UnreadableError(path[:at] or (f"parent of {key}",), value, "an object")
        value = value.get(key)
    return value


def mapping(value: Any, *path: str) -> Mapping[str, Any]:
    """The object at a path: empty where it is absent. Unreadable for anything else."""
    found = within(value, *path)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise UnreadableError(path, found, "an object")
    return found


def listed(value: Any, *path: str) -> Sequence[Any]:
    """The list at a path: empty where it is absent, of one where a single value stands for itself."""
    found = within(value, *path)
    if found is None:
        return ()
    return found if isinstance(found, Sequence) and not isinstance(found, str) else (found,)


def text(value: Any, *path: str) -> str:
    """The text at a path: empty where it is absent. Unreadable for anything else."""
    found = within(value, *path)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise UnreadableError(path, found, "text")
    return found


def texts(value: Any, *path: str) -> Sequence[str]:
    """The list of texts at a path, as `listed` finds it. Unreadable where an item is no text."""
    found = [*listed(value, *path)]
    for item in found:
        if not isinstance(item, str):
            raise UnreadableError(path, item, "text")
    return found


def truth(value: Any, *path: str, default: bool = False) -> bool:
    """The boolean at a path, also where a provider has it as text. Unreadable for anything else."""
    found = within(value, *path)
    if found is None:
        return default
    if isinstance(found, bool):
        return found
    if found not in ("true", "false"):  # a tuple: what is compared may have no hash
        raise UnreadableError(path, found, "true or false")
    return bool(found == "true")


def number(value: Any, *path: str) -> float | None:
    """The number at a path, also where a provider has it as text; None where it is absent. Unreadable otherwise."""
    found = within(value, *path)
    if found is None:
        return None
    try:
        result = math.nan if isinstance(found, bool) else float(found)
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        raise UnreadableError(path, found, "a number")
    return result


def quantity(value: Any, *path: str) -> Decimal | None:
    """The Kubernetes quantity at a path, such as 8, "500m" or "64Gi", as a number; None where it is absent.

    Unreadable for anything else.
    """
    found = within(value, *path)
    if found is None:
        return None
    match = None if isinstance(found, bool) else _QUANTITY.fullmatch(str(found))
    if not match:
        raise UnreadableError(path, found, 'a quantity, such as 8, "500m" or "64Gi"')
    return Decimal(match[1]) * _SUFFIXES[match[4]]


def decoded(value: Any, *path: str) -> Any:
    """The JSON document at a path, which may have come as text; None where it is absent.

    Empty text is absent too: so the AWS provider writes that a bucket or a queue has no policy. Unreadable for text
    that is no JSON.
    """
    found = within(value, *path)
    if not isinstance(found, str):
        return found
    try:
        return json.loads(found) if found else None
    except (ValueError, RecursionError):
        raise UnreadableError(path, found, "JSON") from None


def plain(number: Decimal) -> str:
    """A number without an exponent or idle zeros."""
    return f"{number.normalize():f}"


def matches_any(text: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns, in which `*` stands for anything, is the whole text."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def shown(values: Iterable[Any]) -> str:
    """Values in a sentence."""
    return ", ".join(str(value) for value in values) or "none"
