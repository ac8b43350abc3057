"""How two values differ, path by path, and how such a path is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Final

Json = Any
Path = tuple[str | int, ...]
Difference = tuple[Path, Json, Json]
"""Where, what was there, and what is there; MISSING where there is nothing."""


class _Missing:
    """The value of a path that is not there."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""Stands for a value that is not there, which null is."""

Alike = Callable[[str], str]
"""Gives texts that are to be taken for the same one text."""

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_STEPS: Final = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\[(\*)\]')


def shown_path(path: Sequence[str | int]) -> str:
    """A path as Pulumi writes one: `spec.limits["nvidia.com/gpu"]`, `subnetIds[0]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step)}]"
    return text


def parsed_path(text: str) -> Path:
    """The path that a text such as `spec.limits["nvidia.com/gpu"]` names; `*` stands for any step."""
    steps: list[str | int] = []
    for key, index, quoted, star in _STEPS.findall(text):
        steps.append(int(index) if index else key or star or re.sub(r"\\(.)", r"\1", quoted))
    return tuple(steps)


def within(path: Sequence[str | int], outer: Sequence[str | int]) -> bool:
    """Whether a path is, or lies inside, another one that may have `*` for steps."""
    return len(path) >= len(outer) and all(
        want in ("*", have) for have, want in zip(path[: len(outer)], outer, strict=True)
    )


def differences(before: Json, after: Json, path: Path = (), alike: Alike = str) -> Iterator[Difference]:
    """Where two values differ, as deep as they are of one shape, in the order of their paths.

    Lists are aligned, so that an item put in front does not change all that follow. Texts that are JSON documents or
    have several lines are compared inside. Texts, and keys, that `alike` gives the same text for do not differ.
    """
    if before == after and _written(before) == _written(after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _mappings(before, after, path, alike)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(before, after, path, alike)
    elif isinstance(before, str) and isinstance(after, str):
        if alike(before) != alike(after):
            yield from _texts(before, after, path, alike)
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield path, before, after


def _written(value: Json) -> str:
    """A value as JSON, in which true is not 1 as it is to Python, however deep it lies."""
    return json.dumps(value, sort_keys=True)


def _mappings(before: Mapping[str, Json], after: Mapping[str, Json], path: Path, alike: Alike) -> Iterator[Difference]:
    old, new = ({alike(str(key)): key for key in values} for values in (before, after))
    if (len(old), len(new)) != (len(before), len(after)):  # two keys of one mapping are never the same
        old, new = ({str(key): key for key in values} for values in (before, after))
    keys = {name: new.get(name, old.get(name, name)) for name in (*old, *new)}
    for name in sorted(keys, key=lambda one: str(keys[one])):
        there = before[old[name]] if name in old else MISSING
        here = after[new[name]] if name in new else MISSING
        yield from differences(there, here, (*path, keys[name]), alike)


def _lists(before: list[Json], after: list[Json], path: Path, alike: Alike) -> Iterator[Difference]:
    old, new = ([alike(_written(item)) for item in items] for items in (before, after))
    for tag, b1, b2, a1, a2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        both = min(b2 - b1, a2 - a1)
        for at in range(both):
            yield from differences(before[b1 + at], after[a1 + at], (*path, a1 + at), alike)
        for at in range(b1 + both, b2):
            yield (*path, at), before[at], MISSING
        for at in range(a1 + both, a2):
            yield (*path, at), MISSING, after[at]


def _texts(before: str, after: str, path: Path, alike: Alike) -> Iterator[Difference]:
    documents = _document(before), _document(after)
    if all(document is not None for document in documents):
        found = list(differences(*documents, path, alike))
        yield from found or [(path, before, after)]  # they may differ in their layout only
    elif "\n" in before and "\n" in after:
        yield from _lines(before, after, path, alike)
    else:
        yield path, before, after


def _document(text: str) -> Json:
    """The mapping or list that a text is the JSON of, else None."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _lines(before: str, after: str, path: Path, alike: Alike) -> Iterator[Difference]:
    old, new = before.split("\n"), after.split("\n")
    was, now = ([alike(line) for line in lines] for lines in (old, new))
    for tag, b1, b2, a1, a2 in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if tag != "equal":
            removed = "\n".join(old[b1:b2]) if b2 > b1 else MISSING
            added = "\n".join(new[a1:a2]) if a2 > a1 else MISSING
            yield (*path, f"line {min(a1 + 1, len(new))}"), removed, added
