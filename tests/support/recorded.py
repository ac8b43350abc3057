"""Programs recorded in the test's own process, and assertions on their graph in the manner of the CDK's.

A failed assertion prints the nearest candidates, so that the test need not be run again to see them.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlplatform.preview import recorder

ROOT = Path(__file__).resolve().parent.parent.parent
"""The project's folder."""


class Refused(Exception):
    """The program raised a `pulumi.RunError`; the text is what the user sees."""


class Matcher:
    """Says whether a recorded value fits; `describe` is shown when it does not."""

    def __init__(self, describe: str, fits: Callable[[Any], bool]) -> None:
        self.describe = describe
        self.fits = fits

    def __repr__(self) -> str:
        return self.describe


MISSING = object()
absent = Matcher("absent", lambda value: value is MISSING)
anything = Matcher("anything", lambda value: value is not MISSING)
unknown = Matcher("unknown", lambda value: value == recorder.UNKNOWN)
secret = Matcher("secret", lambda value: value == recorder.SECRET)


def matching(pattern: str) -> Matcher:
    """A text that the whole pattern matches."""
    return Matcher(
        f"matching({pattern!r})", lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value))
    )


def exactly(wanted: Any) -> Matcher:
    """A value equal in full, not only in the parts named."""
    return Matcher(f"exactly({wanted!r})", lambda value: bool(value == wanted))


def json_of(wanted: Any) -> Matcher:
    """A text that holds JSON which fits, deep and partial."""
    return Matcher(
        f"json_of({wanted!r})", lambda value: isinstance(value, str) and not mismatches(wanted, json.loads(value))
    )


def containing(*wanted: Any) -> Matcher:
    """A list in which each of these fits some item."""
    return Matcher(
        f"containing{wanted!r}",
        lambda value: isinstance(value, list) and all(any(not mismatches(w, item) for item in value) for w in wanted),
    )


def mismatches(wanted: Any, given: Any, path: str = "") -> list[str]:
    """Where a recorded value differs from what is wanted; mappings are compared only in the keys named."""
    if isinstance(wanted, Matcher):
        return [] if wanted.fits(given) else [f"{path or '.'}: want {wanted}, is {_short(given)}"]
    if isinstance(wanted, Mapping) and isinstance(given, Mapping):
        found = [mismatches(item, given.get(key, MISSING), f"{path}.{key}") for key, item in wanted.items()]
        return [line for lines in found for line in lines]
    if isinstance(wanted, list) and isinstance(given, list) and len(wanted) == len(given):
        found = [mismatches(w, g, f"{path}[{at}]") for at, (w, g) in enumerate(zip(wanted, given, strict=True))]
        return [line for lines in found for line in lines]
    return [] if wanted == given else [f"{path or '.'}: want {wanted!r}, is {_short(given)}"]


def _short(value: Any) -> str:
    text = "absent" if value is MISSING else repr(value)
    return text if len(text) <= 300 else f"{text[:300]}..."


@dataclass(frozen=True)
class Recorded:
    """A recorded graph; resources are the dictionaries of the recorder, by URN."""

    raw: dict[str, Any]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """Every resource but the stack itself."""
        return [node for node in self.raw["resources"] if node["kind"] != "stack"]

    @property
    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        return dict(self.raw["outputs"])

    def all(self, type_: str, name: str = ".*") -> list[dict[str, Any]]:
        """Resources of a type whose whole logical name a pattern matches."""
        return [node for node in self.resources if node["type"] == type_ and re.fullmatch(name, node["name"])]

    def count(self, type_: str) -> int:
        """How many resources a type has."""
        return len(self.all(type_))

    def one(self, type_: str, name: str = ".*") -> dict[str, Any]:
        """The only resource of a type, and of a name where given."""
        found = self.all(type_, name)
        assert len(found) == 1, f"want one {type_} {name}, found {[node['name'] for node in found]} of {self._types()}"
        return found[0]

    def inputs(self, type_: str, name: str = ".*") -> dict[str, Any]:
        """The inputs of the only resource of a type."""
        return dict(self.one(type_, name)["inputs"])

    def has(self, type_: str, props: Mapping[str, Any], name: str = ".*", **node: Any) -> None:
        """Asserts that a resource of the type has these inputs (deep, partial) and these other parts of its record.

        Options are given by name (`protect=True`), other parts too (`parent=...`, `provider=...`).
        """
        candidates = {n["name"]: self._misfit(n, props, node) for n in self.all(type_, name)}
        if not any(not lines for lines in candidates.values()):
            report = "\n".join(f"  {key}:\n    " + "\n    ".join(lines) for key, lines in candidates.items())
            raise AssertionError(f"no {type_} fits; candidates:\n{report or self._types()}")

    @staticmethod
    def _misfit(resource: dict[str, Any], props: Mapping[str, Any], node: Mapping[str, Any]) -> list[str]:
        flat = {**resource["options"], **{key: value for key, value in resource.items() if key != "options"}}
        return mismatches(props, resource["inputs"]) + mismatches(node, flat)

    def _types(self) -> list[str]:
        return sorted({node["type"] for node in self.resources})

    def statements(self, type_: str, name: str = ".*", prop: str = "policy") -> list[dict[str, Any]]:
        """The statements of a policy document among a resource's inputs."""
        return list(json.loads(self.inputs(type_, name)[prop])["Statement"])

    def ancestors(self, node: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The chain of parents of a resource, nearest first, without the stack."""
        by_urn = {item["urn"]: item for item in self.resources}
        while node["parent"] in by_urn:
            node = by_urn[node["parent"]]
            yield dict(node)


def record(
    program: Callable[[], object],
    *,
    config: Mapping[str, str] | None = None,
    secret_keys: Sequence[str] = (),
    answers: Mapping[str, Any] | None = None,
    strict: bool = False,
    project: str = "tests",
    stack: str = "test",
) -> Recorded:
    """Records a program; raises `Refused` for a `pulumi.RunError`, AssertionError for every other failure."""
    request = {
        "schema": 1,
        "project": {"name": project, "root": str(ROOT)},
        "organization": "organization",
        "stack": stack,
        "config": dict(config or {}),
        "secret_keys": list(secret_keys),
        "strict_unknowns": strict,
        "answers": dict(answers or {}),
    }
    graph = recorder.record(functools.partial(_ignoring_result, program), request)
    if graph["status"] == "refused":
        raise Refused(graph["error"]["message"])
    assert graph["status"] == "ok", graph["error"]
    assert not graph["unanswered"], graph["unanswered"]
    return Recorded(graph)


def _ignoring_result(program: Callable[[], object]) -> None:
    program()
