"""How two environments of one program differ, by component: what `same` leaves is what somebody decided."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from mlplatform.preview.graph.diff import OPTIONS
from mlplatform.preview.graph.identity import managed, name_of, pairs, tail
from mlplatform.preview.graph.model import Graph, Resource
from mlplatform.preview.graph.normalize import Names, Same, add_generated, names_of
from mlplatform.preview.graph.values import MISSING, Difference, differences, shown_path

Json = Any


class Where(StrEnum):
    """In which of two environments a resource is."""

    BOTH = "both"
    FIRST = "first"
    SECOND = "second"


@dataclass(frozen=True)
class Item:
    """A resource that is in one environment only, or in both and not alike."""

    where: Where
    urn: str
    """In the second environment, where it is there."""
    type: str
    name: str
    component: str
    """Name of the outermost component around it, or its own; empty directly in the stack."""
    differences: tuple[Difference, ...] = ()

    def to_document(self) -> dict[str, Json]:
        """The resource as JSON data."""
        return {
            "where": self.where.value,
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "component": self.component,
            "differences": [_document(one) for one in self.differences],
        }


@dataclass(frozen=True)
class Crossed:
    """A resource of one environment that names the other one's account: shared on purpose, or left over from a copy."""

    stack: str
    urn: str
    type: str
    name: str


@dataclass(frozen=True)
class Environments:
    """Two environments, and how they differ."""

    project: str
    first: str
    """Name of its stack."""
    second: str
    items: tuple[Item, ...]
    """Sorted by component, where they are, type and name."""
    outputs: tuple[Difference, ...]
    """Stack outputs that differ."""
    same: tuple[Same, ...]
    """What is taken for the same, though it differs."""
    crossed: tuple[Crossed, ...]
    """Resources that name the account of the other environment, sorted by stack and URN."""
    alike: int
    """Resources that are in both and do not differ."""

    @cached_property
    def by_component(self) -> Mapping[str, tuple[Item, ...]]:
        """What differs by outermost component, sorted; the empty name is the stack itself."""
        found: dict[str, list[Item]] = {}
        for item in self.items:
            found.setdefault(item.component, []).append(item)
        return {component: tuple(items) for component, items in found.items()}

    def to_document(self) -> dict[str, Json]:
        """The comparison as JSON data."""
        return {
            "schema": 1,
            "project": self.project,
            "first": self.first,
            "second": self.second,
            "alike": self.alike,
            "counts": {where.value: sum(item.where is where for item in self.items) for where in Where},
            "resources": [item.to_document() for item in self.items],
            "outputs": [_document(one) for one in self.outputs],
            "same": [vars(one) for one in self.same],
            "crossed": [vars(one) for one in self.crossed],
        }


def _document(one: Difference) -> dict[str, Json]:
    path, first, second = one
    values = {"first": first, "second": second}
    return {"path": shown_path(path), **{key: value for key, value in values.items() if value is not MISSING}}


def compared(first: Graph, second: Graph) -> Environments:
    """How two environments of one program differ."""
    found = dict(pairs(first, second))
    names = names_of(first, second, found)
    twins = _twins(first, second, found, names)
    for urn in sorted(twins):
        names.add("resource", name_of(twins[urn]), name_of(urn))
    add_generated(names, first, second, twins)
    found |= twins
    items = list(_items(first, second, found, names))
    return Environments(
        second.project,
        first.stack,
        second.stack,
        tuple(sorted(items, key=lambda item: (item.component, list(Where).index(item.where), item.type, item.name))),
        tuple(differences(dict(first.outputs), dict(second.outputs), (), names.alike)),
        tuple(names.found),
        tuple(_crossed(first, second, names)),
        len(found) - sum(item.where is Where.BOTH for item in items),
    )


def _twins(first: Graph, second: Graph, found: Mapping[str, str], names: Names) -> dict[str, str]:
    """Resources that are called otherwise in each environment, since their names come from what must differ.

    They are of one type at one place, and the only two whose inputs are alike.
    """
    there, here = (
        _by_inputs(graph, known, names)
        for graph, known in ((first, frozenset(found.values())), (second, frozenset(found)))
    )
    alone = {key: (there[key], here[key]) for key in there.keys() & here.keys()}
    return {new[0]: old[0] for old, new in alone.values() if len(old) == len(new) == 1}


def _by_inputs(graph: Graph, known: frozenset[str], names: Names) -> dict[tuple[str, str], list[str]]:
    kept: dict[tuple[str, str], list[str]] = {}
    for one in managed(graph):
        if one.urn not in known and one.inputs:
            types = tail(one.urn).rpartition("::")[0]
            inputs = names.alike(json.dumps(dict(one.inputs), sort_keys=True))
            kept.setdefault((types, inputs), []).append(one.urn)
    return kept


def _items(first: Graph, second: Graph, found: Mapping[str, str], names: Names) -> Iterator[Item]:
    for new in managed(second):
        if new.urn not in found:
            yield _item(Where.SECOND, second, new)
            continue
        unlike = tuple(_unlike(first.by_urn[found[new.urn]], new, names))
        if unlike:
            yield _item(Where.BOTH, second, new, unlike)
    past = set(found.values())
    for old in managed(first):
        if old.urn not in past:
            yield _item(Where.FIRST, first, old)


def _crossed(first: Graph, second: Graph, names: Names) -> Iterator[Crossed]:
    for account in (one for one in names.found if one.kind == "account"):
        for graph, foreign in ((first, account.second), (second, account.first)):
            word = re.compile(rf"(?<![0-9A-Za-z]){re.escape(foreign)}(?![0-9A-Za-z])")
            for one in managed(graph):
                if one.kind != "component" and word.search(json.dumps(dict(one.inputs))):
                    yield Crossed(graph.stack, one.urn, one.type, one.name)


def _unlike(old: Resource, new: Resource, names: Names) -> Iterator[Difference]:
    yield from differences(dict(old.inputs), dict(new.inputs), (), names.alike)
    there, here = ({key: one.options[key] for key in OPTIONS if one.options.get(key)} for one in (old, new))
    yield from differences(there, here, ("options",), names.alike)


def _item(where: Where, graph: Graph, one: Resource, unlike: tuple[Difference, ...] = ()) -> Item:
    around = [above for above in graph.ancestors(one.urn) if above.kind in ("component", "remote")]
    outer = around[-1] if around else one if one.kind in ("component", "remote") else None
    return Item(where, one.urn, one.type, one.name, outer.name if outer else "", unlike)
