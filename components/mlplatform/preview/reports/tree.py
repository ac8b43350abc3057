"""The recorded graph for people: the tree of resources by component, what matters of their inputs, counts, outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlplatform.preview.graph.model import SECRET, UNKNOWN, Graph, Lookup, Problem, Resource
from mlplatform.preview.project.yamlfile import dump

Json = Any

WIDTH = 120
"""Columns of the text report, whatever the terminal's are."""
LONGEST_VALUE = 40
"""Characters of a value that are shown before it is shortened."""
FEWEST_INPUTS = 30
"""Columns that a resource's inputs get even where type and name fill the line."""

MARKS = {"protect": "protected", "retain_on_delete": "retained"}
STATEMENT = """\
This is offline: the program ran against mocks, with no credentials, and nothing was contacted.
{identities}
Other values that only a provider computes are [unknown]; secrets are [secret], never decrypted.
Only `pulumi preview` knows what exists already, what would change or be deleted, and what a provider refuses."""
PLACEHOLDERS = "Ids, ARNs, generated names and endpoints are placeholders, not real ones."
NO_PLACEHOLDERS = "Ids, ARNs, generated names and endpoints are unknown too (--strict-unknowns), as in the engine's."


@dataclass(frozen=True)
class Row:
    """One line of the tree."""

    depth: int
    type: str
    name: str
    marks: str
    inputs: str


def rows(graph: Graph) -> Iterator[Row]:
    """The tree's lines, parents before their children, siblings by type and name."""
    for root in _sorted(graph.roots()):
        yield from _rows_of(graph, root, 0)


def _sorted(resources: tuple[Resource, ...]) -> list[Resource]:
    return sorted(resources, key=lambda resource: (resource.type, resource.name, resource.urn))


def _rows_of(graph: Graph, resource: Resource, depth: int) -> Iterator[Row]:
    type_, marks = short_type(resource.type), _marks(resource)
    taken = 2 * depth + len(type_) + len(resource.name) + len(marks) + 6
    yield Row(depth, type_, resource.name, marks, inputs_that_matter(resource, max(WIDTH - taken, FEWEST_INPUTS)))
    for child in _sorted(graph.children(resource.urn)):
        yield from _rows_of(graph, child, depth + 1)


def short_type(token: str) -> str:
    """A type token as people read it: `aws:ec2/vpc:Vpc` is `aws:ec2:Vpc`."""
    package, _, rest = token.partition(":")
    module, _, name = rest.rpartition(":")
    folder, _, file = module.rpartition("/")
    return f"{package}:{folder}:{name}" if file.lower() == name.lower() else token


def _marks(resource: Resource) -> str:
    marks = [word for option, word in MARKS.items() if resource.options.get(option)]
    if resource.kind in ("read", "provider", "remote"):
        marks.insert(0, f"read {resource.id}" if resource.kind == "read" else resource.kind)
    if resource.leaf:
        marks.append(f"leaf, {resource.leaf}")
    return "".join(f" ({mark})" for mark in marks)


def inputs_that_matter(resource: Resource, room: int) -> str:
    """The inputs that fit into `room` characters, shallow ones first, then by name; how many more at the end."""
    repeated = {"apiVersion", "kind"} if resource.type.startswith("kubernetes:") else set()
    leaves = _leaves({key: value for key, value in resource.inputs.items() if key not in repeated}, "")
    shown: list[str] = []
    found = sorted(leaves, key=lambda leaf: (leaf[0].count("."), isinstance(leaf[1], list), leaf[0]))
    for path, value in found:
        text = f"{path}={short(value)}"
        if shown and len("  ".join((*shown, text))) > room - len("  +000"):
            break
        shown.append(text)
    more = len(found) - len(shown)
    return "  ".join((*shown, *([f"+{more}"] if more else [])))


def _leaves(value: Json, path: str) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif path:
        yield path, value


def short(value: Json) -> str:
    """A value in a few characters: long text and documents are cut, lists of anything but short scalars are counted."""
    if isinstance(value, list):
        text = f"[{', '.join(short(item) for item in value)}]"
        scalars = all(not isinstance(item, (list, Mapping)) for item in value)
        many = "1 item" if len(value) == 1 else f"{len(value)} items"
        return text if scalars and len(text) <= LONGEST_VALUE else f"[{many}]"
    if isinstance(value, str) and "\n" in value.strip():
        return f"({len(value.splitlines())} lines)"
    text = value.strip() if isinstance(value, str) else json.dumps(value)
    if len(text) <= LONGEST_VALUE:
        return text
    return f"({len(text)} characters)" if text[0] in "{[" else f"{text[: LONGEST_VALUE - 3]}..."


def head(graph: Graph) -> str:
    """What this is a preview of, in one line."""
    return f"Offline preview of {graph.project}, stack {graph.stack}"


def tail(graph: Graph) -> str:
    """Counts, outputs, and what an offline preview cannot know."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in graph.counts_by_kind().items())
    types = graph.counts_by_type()
    total = sum(types.values())
    lines = [f"{total} resource{'s' if total > 1 else ''}: {kinds}" if total else "No resources"]
    for package, count in graph.counts_by_package().items():
        lines.append(f"  {count:>5}  {package}")
        inside = {short_type(token): many for token, many in types.items() if token.split(":")[0] == package}
        lines.extend(f"         {many:>5}  {name}" for name, many in inside.items())
    if graph.outputs:
        lines += ["", "Outputs", *(f"  {name} = {_output(value)}" for name, value in sorted(graph.outputs.items()))]
    identities = NO_PLACEHOLDERS if graph.strict_unknowns else PLACEHOLDERS
    return "\n".join([*lines, "", STATEMENT.format(identities=identities)])


def _output(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= WIDTH - LONGEST_VALUE and "\n" not in text else short(value)


def as_text(graph: Graph) -> str:
    """The whole report as plain text, the same bytes for the same graph."""
    lines = [
        f"{'  ' * row.depth}{row.type}  {row.name}{row.marks}{f'  {row.inputs}' if row.inputs else ''}"
        for row in rows(graph)
    ]
    return "\n".join([head(graph), "", *lines, *([""] if lines else []), tail(graph), ""])


def as_json(graph: Graph, verdicts: Sequence[Mapping[str, Json]], more: Mapping[str, Json]) -> str:
    """The graph as JSON, with `more`, and what policy packs say of it under `policies` where any were run."""
    if not verdicts and not more:
        return graph.to_json()
    document = {**json.loads(graph.to_json()), **more, **({"policies": list(verdicts)} if verdicts else {})}
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


# --- when there is no report -----------------------------------------------------------------------------------------


def problem_text(problem: Problem) -> str:
    """Why the program ended, with its own frames as Python shows them."""
    if not problem.frames:
        return problem.message
    lines = ["Traceback (most recent call last), your program's frames only:"]
    for frame in problem.frames:
        lines.append(f'  File "{frame.file}", line {frame.line}' + (f", in {frame.function}" if frame.function else ""))
        lines.extend([f"    {frame.code.strip()}"] if frame.code.strip() else [])
    return "\n".join([*lines, problem.message])


def unanswered_text(lookups: tuple[Lookup, ...]) -> str:
    """Every lookup that has no answer, and a file of answers to fill in."""
    cases: dict[str, list[Json]] = {}
    for lookup in lookups:
        args = {key: value for key, value in lookup.args.items() if not _computed(value)}
        cases.setdefault(lookup.token, []).append({"args": args, "result": {}})
    places = [f"  {lookup.token}" for lookup in lookups]
    many = "1 lookup has" if len(lookups) == 1 else f"{len(lookups)} lookups have"
    example = dump(cases).replace("result: {}", "result: {}  # what the provider returns, keys in camelCase")
    return "\n".join(
        [
            f"{many} no answer offline:",
            *places,
            "Save the following as a file, fill in the results, and give it with --answers FILE:",
            "",
            example.rstrip(),
        ]
    )


def _computed(value: Json) -> bool:
    text = json.dumps(value)
    return UNKNOWN in text or SECRET in text
