"""A stack's outputs for other tools: Terraform variables, an Ansible inventory, a shell's environment, JSON."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.model import SECRET, UNKNOWN
from mlplatform.preview.graph.values import shown_path
from mlplatform.preview.project.yamlfile import Unsafe, dump

Json = Any

RESERVED: Final = (
    "count",
    "depends_on",
    "for_each",
    "lifecycle",
    "locals",
    "provider",
    "providers",
    "source",
    "version",
)
"""Names that Terraform 1.11 refuses for a variable; a test asks Terraform."""
COMMENT: Final = "//"
"""Key that Terraform skips in JSON: what it holds is a comment."""


@dataclass(frozen=True)
class Outputs:
    """Outputs of a stack that can be handed on."""

    title: str
    """Where they come from, in one line."""
    values: Mapping[str, Json]
    left_out: tuple[str, ...] = ()
    """What is not among the values and why, a line each."""
    placeholders: bool = False
    """Whether ids, ARNs and names in them stand for real ones."""


def usable(title: str, given: Mapping[str, Json], only: Sequence[str] = (), *, placeholders: bool = False) -> Outputs:
    """The outputs without those that are, or hold, something secret or unknown; raises BadInput for names of others."""
    unknown = [name for name in only if name not in given]
    if unknown:
        known = ", ".join(sorted(given)) or "none"
        raise BadInput(f"--only {unknown[0]}: is no output of this stack; allowed are {known}")
    chosen = {name: given[name] for name in sorted(given) if not only or name in only}
    bad = {name: found for name, value in chosen.items() if (found := next(_unusable(value, (name,)), None))}
    return Outputs(
        title,
        {name: value for name, value in chosen.items() if name not in bad},
        tuple(f"output {name} is left out: {found}" for name, found in bad.items()),
        placeholders,
    )


def _unusable(value: Json, path: tuple[str | int, ...]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _unusable(value[key], (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _unusable(item, (*path, at))
    elif isinstance(value, str) and SECRET in value:
        yield f"{shown_path(path)} is secret"
    elif isinstance(value, str) and UNKNOWN in value:
        yield f"{shown_path(path)} is known only when it exists"


# --- names -----------------------------------------------------------------------------------------------------------


def _named(outputs: Outputs, prefix: str, name_of: Callable[[str], str]) -> dict[str, Json]:
    """The values by names that the tool takes; raises BadInput where two outputs would get one name."""
    named: dict[str, Json] = {}
    origin: dict[str, str] = {}
    for name, value in outputs.values.items():
        known = name_of(prefix + name)
        if known in named:
            raise BadInput(
                f"outputs {origin[known]} and {name} would both be {known}; rename one, or choose outputs with --only"
            )
        named[known], origin[known] = value, name
    return named


def _identifier(text: str, also: str = "") -> str:
    """The text with `_` for what is no letter, digit or `_`, and in front of a digit."""
    name = re.sub(rf"[^A-Za-z0-9_{also}]", "_", text)
    return name if re.match("[A-Za-z_]", name) else f"_{name}"


def _variable(text: str) -> str:
    name = _identifier(text, "-")
    if name in RESERVED:
        raise BadInput(f"output {name}: Terraform takes no variable of that name; give all a --prefix")
    return name


# --- formats ---------------------------------------------------------------------------------------------------------


def as_json(outputs: Outputs, prefix: str) -> str:
    """JSON under the outputs' own names, as `pulumi stack output --json` writes it."""
    return _json(outputs, {prefix + name: value for name, value in outputs.values.items()})


def as_tfvars(outputs: Outputs, prefix: str) -> str:
    """A `terraform.tfvars.json`: a variable each, `_` in place of what Terraform does not allow in names."""
    return _json(outputs, _named(outputs, prefix, _variable))


def _json(outputs: Outputs, named: Mapping[str, Json]) -> str:
    comment = {COMMENT: _comment(outputs)} if outputs.placeholders else {}
    return json.dumps({**comment, **dict(sorted(named.items()))}, indent=2, ensure_ascii=False) + "\n"


def as_ansible(outputs: Outputs, prefix: str) -> str:
    """An Ansible inventory in YAML: localhost, and the outputs as variables of all hosts."""
    named = {name: _marked(value) for name, value in _named(outputs, prefix, _identifier).items()}
    # A localhost that is written down has not what the implied one has: how it is reached, and with which Python.
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    return f"# {_comment(outputs)}\n" + dump({"all": {"hosts": {"localhost": local}, "vars": named}})


def _marked(value: Json) -> Json:
    """The value with texts that Ansible would take for templates marked as data."""
    if isinstance(value, Mapping):
        return {key: _marked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_marked(item) for item in value]
    return Unsafe(value) if isinstance(value, str) and re.search(r"\{[{%#]", value) else value


def as_env(outputs: Outputs, prefix: str) -> str:
    """Lines that a POSIX shell reads with `.`: exported, in capitals, quoted; anything but text as JSON."""
    named = _named(outputs, prefix, lambda name: _identifier(name).upper())
    lines = [f"export {name}={shlex.quote(_word(name, value))}" for name, value in named.items()]
    return "\n".join([f"# {_comment(outputs)}", *lines, ""])


def _word(name: str, value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    if "\x00" in text:
        raise BadInput(f"{name}: holds a NUL character, which no environment can; choose others with --only")
    return text


def _comment(outputs: Outputs) -> str:
    placeholders = ": ids, ARNs, names and endpoints are placeholders, not real ones" if outputs.placeholders else ""
    return " ".join(f"{outputs.title}{placeholders}".split())  # a line break would end the comment


FORMATS: Final[Mapping[str, Callable[[Outputs, str], str]]] = {
    "tfvars": as_tfvars,
    "ansible": as_ansible,
    "env": as_env,
    "json": as_json,
}
"""How outputs are written, by the name of the format."""
PREFIXES: Final = {"tfvars": "", "ansible": "stack_", "env": "stack_", "json": ""}
"""What stands in front of every name unless another prefix is given: an output `path` must not become `PATH`."""
