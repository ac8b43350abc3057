"""Which resource of one graph is which of another: by URN, and by aliases as the engine reads them.

As in the engine's step generator (pulumi/pulumi, `pkg/resource/deploy/step_generator.go`: `generateAliases`,
`collapseAliasToUrn`, `inheritedChildAlias`): a resource's own aliases first; then, where its parent was found under an
old URN, those that follow from that one, with the parent's old name in front of the child's where it carries the new
one. Only the alias that was used is handed down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mlplatform.preview.graph.model import Graph, Resource

Json = Any

UNMANAGED: Final = ("stack", "read")
"""Kinds that nothing creates or deletes."""
STACK_TYPE: Final = "pulumi:pulumi:Stack"


def tail(urn: str) -> str:
    """A URN without stack and project, which two stacks of one program share: `<types>::<name>`."""
    return urn.split("::", 2)[-1]


def name_of(urn: str) -> str:
    """The logical name in a URN."""
    return urn.rsplit("::", 1)[-1]


def managed(graph: Graph) -> tuple[Resource, ...]:
    """The resources that a deployment creates, changes and deletes."""
    return tuple(resource for resource in graph.resources if resource.kind not in UNMANAGED)


def pairs(before: Graph, after: Graph) -> Mapping[str, str]:
    """The URN before by the URN after, for every resource that is in both."""
    old = {tail(resource.urn): resource.urn for resource in managed(before)}
    new = {tail(resource.urn) for resource in managed(after)}
    found: dict[str, str] = {}
    used: dict[str, str] = {}  # tails of the aliases that were used, by the URN after
    taken: set[str] = set()
    for resource in _parents_first(after):
        # What is there under a URN of its own is nobody else's past.
        past = (one for one in aliases(resource, used) if one in old and one not in new and one not in taken)
        own = tail(resource.urn)
        known = own if own in old else next(past, None)
        if known is None:
            continue
        taken.add(known)
        found[resource.urn] = old[known]
        if known != own:
            used[resource.urn] = known
    return found


def _parents_first(graph: Graph) -> Iterator[Resource]:
    kept = {resource.urn for resource in managed(graph)}
    pending = [resource for resource in managed(graph) if resource.parent not in kept]
    while pending:
        yield from pending
        pending = [child for resource in pending for child in graph.children(resource.urn) if child.urn in kept]


def aliases(resource: Resource, used: Mapping[str, str]) -> Iterator[str]:
    """The tails under which a resource may have been known, best first; `used` are those of its ancestors."""
    own = [_collapsed(resource, alias, used) for alias in resource.options.get("aliases", ())]
    yield from own
    if resource.parent is not None and resource.parent in used:
        parent, parents_name = used[resource.parent], name_of(resource.parent)
        yield _inherited(resource.type, resource.name, parents_name, parent)
        for alias in own:
            yield _inherited(alias.rpartition("::")[0].rpartition("$")[2], name_of(alias), parents_name, parent)


def _collapsed(resource: Resource, alias: Mapping[str, Json], used: Mapping[str, str]) -> str:
    if "urn" in alias:
        return tail(alias["urn"])
    parent = tail(resource.parent or "")
    if "parent" in alias:
        parent = used.get(alias["parent"], tail(alias["parent"]))
    types = "" if alias.get("no_parent") else parent.rpartition("::")[0]
    return _joined(types, alias.get("type", resource.type), alias.get("name", resource.name))


def _inherited(type_: str, name: str, parents_name: str, parent: str) -> str:
    renamed = name_of(parent) + name.removeprefix(parents_name) if name.startswith(parents_name) else name
    return _joined(parent.rpartition("::")[0], type_, renamed)


def _joined(parents_types: str, type_: str, name: str) -> str:
    return f"{type_}::{name}" if parents_types in ("", STACK_TYPE) else f"{parents_types}${type_}::{name}"
