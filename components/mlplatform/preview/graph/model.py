"""The recorded graph of one stack: what its program asked the engine to make, its parents, dependencies, options."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

Json = Any

UNKNOWN = "[unknown]"
"""How a value that only a provider can compute is written."""
SECRET = "[secret]"  # noqa: S105 - what is shown instead of one
"""How a secret is written, whatever it holds."""


@dataclass(frozen=True)
class Source:
    """The program's line that made a resource."""

    file: str
    """Path relative to the project."""
    line: int


@dataclass(frozen=True)
class Frame:
    """One frame of the program's own code, outermost first."""

    file: str
    line: int
    function: str
    code: str


@dataclass(frozen=True)
class Problem:
    """Why a program ended early."""

    message: str
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True)
class Lookup:
    """A call to a provider that nothing offline can answer."""

    token: str
    args: Mapping[str, Json]


@dataclass(frozen=True)
class Placeholder:
    """A value that stands for one which only the cloud can give: the property of which resource it is."""

    value: str
    urn: str
    property: str


@dataclass(frozen=True)
class Resource:
    """One resource, component, provider or read, as the program registered it."""

    urn: str
    type: str
    name: str
    kind: str
    """custom, component, provider, read, remote or stack."""
    parent: str | None = None
    inputs: Mapping[str, Json] = field(default_factory=dict)
    outputs: Mapping[str, Json] = field(default_factory=dict)
    """A component's registered outputs; of other resources what is known offline."""
    id: str | None = None
    provider: str | None = None
    """URN of the explicit provider; None for the default one."""
    dependencies: tuple[str, ...] = ()
    """All of them, those that come from property values included."""
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options: Mapping[str, Json] = field(default_factory=dict)
    """Only those that are set."""
    leaf: str | None = None
    """Why the children are not in the graph; None where they are."""
    source: Source | None = None

    @property
    def package(self) -> str:
        """The package of the resource's type."""
        return self.type.split(":", 1)[0]


@dataclass(frozen=True)
class Graph:
    """Everything that one run of a program registered, sorted by URN."""

    project: str
    stack: str
    strict_unknowns: bool = False
    """Whether ids, ARNs and generated names are unknown, as in the engine's preview, instead of placeholders."""
    outputs: Mapping[str, Json] = field(default_factory=dict)
    resources: tuple[Resource, ...] = ()
    placeholders: tuple[Placeholder, ...] = ()
    packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Versions of the providers' SDKs by package."""
    status: str = "ok"
    """ok, failed (the program raised) or refused (it was given bad arguments or configuration)."""
    error: Problem | None = None
    unanswered: tuple[Lookup, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Json]) -> Graph:
        """The graph of the JSON document that the recorder writes."""
        error = document.get("error")
        return cls(
            project=document["project"],
            stack=document["stack"],
            strict_unknowns=document["strict_unknowns"],
            outputs=document["outputs"],
            resources=tuple(_resource(node) for node in document["resources"]),
            placeholders=tuple(Placeholder(**entry) for entry in document["placeholders"]),
            packages={name: tuple(versions) for name, versions in document.get("packages", {}).items()},
            status=document.get("status", "ok"),
            error=error and Problem(error["message"], tuple(Frame(**frame) for frame in error["frames"])),
            unanswered=tuple(Lookup(**entry) for entry in document.get("unanswered", ())),
        )

    def to_json(self) -> str:
        """The graph as JSON: sorted, indented by two, the same bytes for the same graph.

        `waits_for` of a resource is what a component around it depends on, which orders the resource too.
        """
        resources = [
            {**asdict(resource), "waits_for": self._in_short(self._inherited(resource))} for resource in self.resources
        ]
        document = {**asdict(self), "resources": resources, "schema": 1}
        for run_only in ("status", "error", "unanswered"):
            del document[run_only]
        return json.dumps(document, indent=2, sort_keys=True) + "\n"

    @cached_property
    def by_urn(self) -> Mapping[str, Resource]:
        """Every resource by its URN."""
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def _children(self) -> Mapping[str | None, tuple[Resource, ...]]:
        found: dict[str | None, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.parent, []).append(resource)
        return {parent: tuple(children) for parent, children in found.items()}

    def children(self, urn: str) -> tuple[Resource, ...]:
        """The resources whose parent is `urn`, sorted by URN."""
        return self._children.get(urn, ())

    def descendants(self, urn: str) -> tuple[Resource, ...]:
        """The children of `urn`, theirs, and so on; a parent comes before its children."""
        return tuple(found for child in self.children(urn) for found in (child, *self.descendants(child.urn)))

    def ancestors(self, urn: str) -> tuple[Resource, ...]:
        """The parent of `urn`, its parent, and so on up to the stack."""
        parent = self.by_urn.get(self.by_urn[urn].parent or "")
        return (parent, *self.ancestors(parent.urn)) if parent else ()

    def roots(self) -> tuple[Resource, ...]:
        """The resources that lie directly in the stack."""
        stacks = {resource.urn for resource in self.resources if resource.kind == "stack"}
        return tuple(
            resource
            for resource in self.resources
            if resource.kind != "stack" and (resource.parent is None or resource.parent in stacks)
        )

    def counts_by_type(self) -> Mapping[str, int]:
        """How many resources there are of each type, the stack left out."""
        return self._counts(lambda resource: resource.type)

    def counts_by_kind(self) -> Mapping[str, int]:
        """How many resources there are of each kind, the stack left out."""
        return self._counts(lambda resource: resource.kind)

    def counts_by_package(self) -> Mapping[str, int]:
        """How many resources there are of each package, the stack left out."""
        return self._counts(lambda resource: resource.package)

    def _counts(self, key: Callable[[Resource], str]) -> Mapping[str, int]:
        counted = Counter(key(resource) for resource in self.resources if resource.kind != "stack")
        return dict(sorted(counted.items()))

    def dependencies(self, urn: str) -> frozenset[str]:
        """Everything that must exist before `urn`: its own dependencies and those of its ancestors.

        A dependency on a component means the component and all that lies inside it.
        """
        resource = self.by_urn[urn]
        asked = {*resource.dependencies, *self._inherited(resource)}
        inside = {below.urn for one in asked for below in self.descendants(one)}
        return frozenset((asked | inside) - {urn})

    def _inherited(self, resource: Resource) -> frozenset[str]:
        """What a resource waits for because a component around it does, though it does not name it itself.

        A component is registered when all that it depends on is there, its arguments too, and its children after it.
        """
        asked = {urn for ancestor in self.ancestors(resource.urn) for urn in ancestor.dependencies}
        return frozenset(asked - set(resource.dependencies))

    def _in_short(self, urns: frozenset[str]) -> list[str]:
        """The same, with a component's URN for those of all the resources inside it."""
        short = set(urns)
        for component in (resource for resource in self.resources if urns and resource.kind == "component"):
            below = self.descendants(component.urn)
            made = {resource.urn for resource in below if resource.kind != "component"}
            if made and made <= urns:
                short = (short - {resource.urn for resource in below}) | {component.urn}
        return sorted(short)


def _resource(node: Mapping[str, Json]) -> Resource:
    typed = {
        "dependencies": tuple(node["dependencies"]),
        "property_dependencies": {key: tuple(urns) for key, urns in node["property_dependencies"].items()},
        "source": node["source"] and Source(**node["source"]),
    }
    given = {key: value for key, value in node.items() if key != "waits_for"}  # derived; see Graph.to_json
    return Resource(**{**given, **typed})
