"""What must differ between two environments of one program, and so is taken for the same when they are compared.

That is the stack's name wherever it stands as a word, the account, the region with its zones, what a resource is called
in each, and what the cloud generates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mlplatform.preview.graph.model import SECRET, UNKNOWN, Graph, Resource

Json = Any

SHORTEST_NAME: Final = 3
"""Characters from which on a text tells one thing from another wherever it stands."""
NAMING_INPUTS: Final = ("bucket", "identifier", "name")
"""Inputs that say what a resource is called."""
AWS_PROVIDER: Final = "pulumi:providers:aws"
_WORD: Final = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True)
class Same:
    """Two texts that stand for the same thing, each in its environment."""

    kind: str
    """stack, account, region, name, resource (a logical name) or generated."""
    first: str
    second: str


class Names:
    """The texts that are taken for the same, and other texts with one sign in place of them."""

    def __init__(self) -> None:
        self.found: list[Same] = []
        self._signs: dict[str, str] = {}
        self._by_word: dict[str, list[str]] = {}
        self._zoned: set[str] = set()
        self._known: dict[str, str] = {}

    def add(self, kind: str, first: Json, second: Json) -> None:
        """Takes two texts for the same, unless they are too short, computed, or the same by what is known already."""
        texts = [text for text in (first, second) if isinstance(text, str) and _usable(text)]
        if len(texts) < 2 or self.alike(first) == self.alike(second):  # noqa: PLR2004 - both of them
            return
        self.found.append(Same(kind, first, second))
        known = [self._signs[text] for text in texts if text in self._signs]
        sign = known[0] if known else f"\x00{len(self._signs)}\x00"
        if len(known) == len(texts):
            self._signs = {text: sign if one in known else one for text, one in self._signs.items()}
        for text in texts:
            self._signs[text] = sign
            self._index(text)
        self._zoned |= set(texts) if kind == "region" else set()
        self._known.clear()

    def _index(self, text: str) -> None:
        begins = _WORD.findall(text)[0]
        same = {*self._by_word.get(begins, ()), text}
        self._by_word[begins] = sorted(same, key=lambda one: (-len(one), one))

    def alike(self, text: str) -> str:
        """The text with one sign for all that is taken for the same, wherever it stands as whole words."""
        if text not in self._known:
            self._known[text] = "".join(self._parts(text))
        return self._known[text]

    def _parts(self, text: str) -> Iterator[str]:
        done = 0
        for word in _WORD.finditer(text):
            known = self._by_word.get(word.group(), ()) if word.start() >= done else ()
            name = next((one for one in known if self._stands(one, text, word.start())), None)
            if name is not None:
                yield text[done : word.start()]
                yield self._signs[name]
                done = word.start() + len(name)
        yield text[done:]

    def _stands(self, name: str, text: str, at: int) -> bool:
        rest = text[at + len(name) : at + len(name) + 2]
        if name in self._zoned and rest[:1].isalpha():
            rest = rest[1:]  # a zone is its region and a letter
        return text.startswith(name, at) and not _WORD.match(rest)


def _usable(text: str) -> bool:
    computed = SECRET in text or UNKNOWN in text
    return len(text) >= SHORTEST_NAME and bool(_WORD.match(text)) and not computed


def names_of(first: Graph, second: Graph, pairs: Mapping[str, str]) -> Names:
    """What is taken for the same between two graphs, whose resources `pairs` names: the first's by the second's URN."""
    names = Names()
    names.add("stack", first.stack, second.stack)
    both = [(first.by_urn[pairs[urn]], second.by_urn[urn]) for urn in sorted(pairs)]
    for old, new in both:
        if new.type == AWS_PROVIDER:
            names.add("account", *(_only(one.inputs.get("allowedAccountIds")) for one in (old, new)))
            names.add("region", *(one.inputs.get("region") for one in (old, new)))
    generated = {*_generated(first), *_generated(second)}
    for one, other in sorted(_called(both), key=_shortest):
        if not generated >= {one, other}:
            names.add("name", one, other)
    add_generated(names, first, second, pairs)
    return names


def _called(both: list[tuple[Resource, Resource]]) -> Iterator[tuple[str, str]]:
    for old, new in both:
        for key in NAMING_INPUTS if new.kind == "custom" else ():
            one, other = old.inputs.get(key), new.inputs.get(key)
            if isinstance(one, str) and isinstance(other, str):
                yield one, other


def _generated(graph: Graph) -> Iterator[str]:
    """Placeholders that no input of their resource says."""
    for one in graph.placeholders:
        if one.value not in [given for given in graph.by_urn[one.urn].inputs.values() if isinstance(given, str)]:
            yield one.value


def add_generated(names: Names, first: Graph, second: Graph, pairs: Mapping[str, str]) -> None:
    """Adds what the cloud generates for resources that are in both graphs."""
    there = {(one.urn, one.property): one.value for one in first.placeholders}
    made = [(there.get((pairs.get(one.urn, ""), one.property)), one.value) for one in second.placeholders]
    # Ids before the ARNs that hold them, which are then the same already.
    for one, other in sorted(((one, other) for one, other in made if one is not None), key=_shortest):
        names.add("generated", one, other)


def _shortest(pair: tuple[str, str]) -> tuple[int, tuple[str, str]]:
    return len(pair[0]), pair


def _only(values: Json) -> Json:
    """The only item of a list, which providers are given as JSON text."""
    try:
        items = json.loads(values) if isinstance(values, str) else values
    except ValueError:  # unknown, or secret
        return None
    return items[0] if isinstance(items, list) and len(items) == 1 else None
