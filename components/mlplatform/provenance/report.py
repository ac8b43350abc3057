"""Where a version comes from, as text for people and as JSON for programs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from mlplatform.contracts.pipeline import NO_CHAMPION

UNKNOWN: Final = "unknown"
_LABEL: Final = 12


class Line(NamedTuple):
    """One line of the text."""

    label: str
    """What it is about; empty where the line above says it."""
    value: str
    """What it says."""


def as_json(origin: Mapping[str, Any]) -> str:
    """The whole, sorted: the same bytes for the same version."""
    return json.dumps(origin, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def as_text(origin: Mapping[str, Any]) -> str:
    """The whole, a line for each thing."""
    body = [f"{line.label:<{_LABEL}}{line.value}".rstrip() for line in lines(origin)]
    return "\n".join([title(origin), "", *body]) + "\n"


def title(origin: Mapping[str, Any]) -> str:
    """Model, version and aliases."""
    aliases = f" ({', '.join(origin['aliases'])})" if origin["aliases"] else ""
    return plain(f"{origin['model']} version {origin['version']}{aliases}")


def lines(origin: Mapping[str, Any]) -> Iterator[Line]:
    """The lines below the title."""
    data, code = origin["data"], origin["code"]
    yield Line("registered", origin["registered"])
    yield _line("asked by", origin["requested_by"])
    if origin["request"]:
        yield _line("", f"request {origin['request']}")
    yield _line("run", _joined(origin["run"], origin["trial"] and f"trial {origin['trial']}"))
    yield _line("data", _joined(data["uri"], data["version"] and f"version {data['version']}"))
    if data["digest"]:
        yield _line("", f"sha256 {data['digest']}")
    yield _line("code", _joined(code["repository"], code["commit"] and f"commit {code['commit']}"))
    yield _line("image", origin["image"])
    yield _line("model", origin["digest"] and f"sha256 {origin['digest']}")
    yield from _table("parameters", origin["parameters"])
    yield from _table("metrics", {name: f"{value:g}" for name, value in origin["metrics"].items()})
    yield _line("decision", _joined(origin["decision"], origin["reason"], between=": "))
    yield _line("rollout", origin["rollout"] or "none yet")
    yield from _ancestry(origin["parent"], origin["parents"])


def plain(text: str) -> str:
    """A text of which nothing moves the cursor or colours the terminal, whoever wrote it into the registry."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _line(label: str, value: str | None) -> Line:
    return Line(label, plain(value or UNKNOWN))


def _joined(*parts: str | None, between: str = "  ") -> str:
    return between.join(part for part in parts if part)


def _table(label: str, values: Mapping[str, str]) -> Iterator[Line]:
    if not values:
        yield Line(label, "none")
    width = max(map(len, values), default=0)
    for at, (name, value) in enumerate(values.items()):
        yield _line("" if at else label, f"{name:<{width}}  {value}")


def _ancestry(parent: str | None, parents: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    if not parents:
        yield Line("parent", "none: it was the first" if parent == NO_CHAMPION else UNKNOWN)
    for at, each in enumerate(parents):
        yield _line("" if at else "parent", f"version {each['version']}  {_summary(each)}")


def _summary(parent: Mapping[str, Any]) -> str:
    if parent.get("deleted"):
        return "deleted from the registry"
    data, code = parent["data"], parent["code"]
    return _joined(
        f"registered {parent['registered']}",
        data["uri"] and f"data {data['uri']}",
        data["version"] and f"version {data['version']}",
        code["commit"] and f"commit {code['commit']}",
        f"rollout {parent['rollout']}" if parent["rollout"] else "",
    )
