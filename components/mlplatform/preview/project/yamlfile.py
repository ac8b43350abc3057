"""YAML as the Pulumi engine reads it, with the place of every value; what YAML readers disagree about is refused.

The engine has a YAML 1.2 reader that keeps parts of 1.1, Python's usual reader is a 1.1 reader, and other tools are
strict 1.2. A plain scalar that they take for different values is a mistake in waiting (an account id that loses its
zero, a date that becomes a time), so it must be quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlplatform.preview.errors import BadInput

Json = Any

_PLAIN = "plain"
_TEXT = "tag:yaml.org,2002:str"

_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")

_DISPUTED = re.compile(
    r"""
      (?i: y | n | yes | no | on | off )                                                     # boolean or text
    | [-+]? [0-9]+                                                                           # octal, +1
    | [-+]? 0 (?: [bB][-+]?[01]+ | [oO][-+]?[0-7]+ | [xX][0-9a-fA-F]+ )                    # other bases
    | [-+]? (?: [0-9]+ \.? [0-9]* | \. [0-9]+ ) (?: [eE] [-+]? [0-9]+ )?                     # 1e3, .5, 1.
    | [-+]? \. (?i: inf | nan )
    | [-+]? [0-9]+ (?: : [0-5]?[0-9] )+ (?: \. [0-9]* )?                                     # 12:30, base sixty
    | [0-9]{4} - [0-9]{1,2} - [0-9]{1,2} (?: (?: [Tt] | [ \t]+ ) [0-9]{1,2} : .* )?          # dates
    | = | <<
    """,
    re.VERBOSE,
)


def disputed(text: str) -> bool:
    """Whether YAML readers take this text for different values when it stands without quotes."""
    number = text if text.startswith("_") else text.replace("_", "")  # some allow underscores anywhere in a number
    agreed = number == text and (_INTEGER.fullmatch(text) or _FLOAT.fullmatch(text))
    return bool(_DISPUTED.fullmatch(number)) and not agreed


def shown_path(path: Path) -> str:
    """A path for people: relative to the current directory where it lies inside, with forward slashes."""
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


@dataclass(frozen=True)
class Entry:
    """One value of a YAML file: where it stands and what it is called there."""

    file: str
    path: str
    node: yaml.Node

    @property
    def place(self) -> str:
        """File, line and column, as editors understand them."""
        return f"{self.file}:{self.node.start_mark.line + 1}:{self.node.start_mark.column + 1}"

    @property
    def empty(self) -> bool:
        """Whether there is nothing, or null."""
        return self.node.tag == _PLAIN and self.node.value in _NULLS

    def refusal(self, why: str) -> BadInput:
        """The error that says why this value cannot be used."""
        return BadInput(f"{self.place}: {self.path} {why}" if self.path else f"{self.place}: {why}")

    def value(self) -> Json:
        """The value as plain data; raises BadInput for what YAML readers disagree about."""
        try:
            return _plain(self)
        except RecursionError:
            raise self.refusal("contains itself; write the value out") from None

    def items(self) -> dict[str, Entry]:
        """The entries of a mapping by key, merge keys (`<<`) resolved; raises BadInput for any other shape."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.refusal(f"is {self.kind}; it must be a mapping (key: value)")
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, value in self.node.value:
            if key.tag == _PLAIN and key.value == "<<":
                merged = {**self._merged(value), **merged}
                continue
            name = self._key(key)
            if name in own:
                raise Entry(self.file, self._below(name), key).refusal("is there twice; remove one")
            own[name] = Entry(self.file, self._below(name), value)
        return {**merged, **own}

    def _key(self, key: yaml.Node) -> str:
        entry = Entry(self.file, self._below("key"), key)
        name = entry.value()
        if isinstance(name, bool) or not isinstance(name, (str, int)):
            raise entry.refusal("is no text; quote it")
        return str(name)

    def _below(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _merged(self, node: yaml.Node) -> dict[str, Entry]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        entries: dict[str, Entry] = {}
        for part in reversed(parts):
            entries.update(Entry(self.file, self.path, part).items())
        return entries

    @property
    def kind(self) -> str:
        """The value's shape in words."""
        if isinstance(self.node, yaml.MappingNode):
            return "a mapping"
        return "a list" if isinstance(self.node, yaml.SequenceNode) else json.dumps(self.node.value)

    def text(self) -> str:
        """The value, which must be text that is not empty."""
        value = self.value()
        if not isinstance(value, str) or not value:
            raise self.refusal("is empty; it must be text" if self.empty else f"is {self.kind}; it must be text")
        return value


def _plain(entry: Entry) -> Json:
    node = entry.node
    if isinstance(node, yaml.ScalarNode):
        return _scalar(entry, node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(Entry(entry.file, f"{entry.path}[{i}]", item)) for i, item in enumerate(node.value)]
    return {key: _plain(item) for key, item in entry.items().items()}


def _scalar(entry: Entry, node: yaml.ScalarNode) -> Json:
    text: str = node.value
    if node.tag not in (_PLAIN, _TEXT):
        raise entry.refusal(f"has the tag {node.tag}, which not every YAML reader knows; write it without a tag")
    if disputed(text) and node.tag == _PLAIN:
        raise entry.refusal(
            f"is {text} without quotes, which YAML readers take for different values; quote it: {json.dumps(text)}"
        )
    if node.tag == _TEXT:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return None if entry.empty else _BOOLEANS.get(text, text)


class _Loader(yaml.SafeLoader):
    """Keeps apart what was plain and what was quoted, and resolves nothing; containers are known by their class."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:  # noqa: ARG002 - PyYAML's signature
        return _PLAIN if kind is yaml.ScalarNode and implicit[0] else _TEXT


def read(path: Path) -> Entry | None:
    """The document of a YAML file, None for an empty one; raises BadInput for what cannot be read."""
    file = shown_path(path)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except OSError as error:
        raise BadInput(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{file}: is not UTF-8 text; save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        raise BadInput(_syntax(file, error)) from None
    except yaml.YAMLError as error:
        raise BadInput(f"{file}: {str(error).splitlines()[0]}") from None
    return Entry(file, "", node) if node else None


def _syntax(file: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
    what = ", ".join(part for part in (error.context, error.problem) if part)
    return f"{place}: {what}" + ("; indent with spaces, YAML forbids tabs" if "\\t" in what else "")


def read_items(path: Path) -> dict[str, Entry]:
    """The top-level entries of a YAML file, none for an empty one."""
    document = read(path)
    return document.items() if document and not document.empty else {}


class _Dumper(yaml.SafeDumper):
    """Writes text so that every YAML reader takes it for text, and repeats instead of using anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else '"' if disputed(text) else None
    return dumper.represent_scalar(_TEXT, text, style=style)


class Unsafe(str):
    """Text that Ansible must not take for a template: written with the tag `!unsafe`."""

    __slots__ = ()


def _represent_unsafe(dumper: yaml.SafeDumper, text: Unsafe) -> yaml.ScalarNode:
    return dumper.represent_scalar("!unsafe", str(text), style='"')


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(Unsafe, _represent_unsafe)


def dump(value: Mapping[str, Json] | list[Json]) -> str:
    """The value as a YAML document, keys in their order, the same bytes for the same value."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text
