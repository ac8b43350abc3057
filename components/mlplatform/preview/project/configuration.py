"""Pulumi.yaml and Pulumi.<stack>.yaml as the engine reads them: where the program is, what configuration it gets."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.model import SECRET
from mlplatform.preview.project.yamlfile import Entry, read_items, shown_path

Json = Any

PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml")
DECLARATION_FIELDS = ("type", "items", "description", "secret", "default", "value")
STACK_FIELDS = ("config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt")
STACK_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
TOOLCHAINS = ("pip", "poetry", "uv")
SMALLEST_PLAIN_FLOAT, LARGEST_PLAIN_FLOAT = 1e-6, 1e21
SMALLEST_INTEGER, LARGEST_INTEGER, LARGEST_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1


@dataclass(frozen=True)
class Declaration:
    """A key that Pulumi.yaml declares for every stack."""

    key: str
    """Qualified by its namespace."""
    entry: Entry
    type: str | None = None
    """One of TYPES, `array<...>` for arrays; None where it is not declared."""
    secret: bool = False
    """Whether a stack's value must be encrypted; the engine asks for it only where a type is declared."""
    default: Json = None
    """What a stack that does not set the key gets; None for a key that the stack must set."""


@dataclass(frozen=True)
class Project:
    """A Pulumi project whose program is in Python."""

    name: str
    file: Path
    """Its Pulumi.yaml."""
    program: Path
    """A directory with a __main__.py, or a .py file."""
    interpreter: Path
    """The Python that runs the program."""
    stack_dir: Path
    """Where the stacks' files lie."""
    declared: tuple[Declaration, ...] = ()

    @property
    def root(self) -> Path:
        """The directory of the project file."""
        return self.file.parent

    @property
    def stacks(self) -> tuple[str, ...]:
        """The stacks that have a file, sorted."""
        names = (path.name for path in self.stack_dir.glob(f"Pulumi.*{self.file.suffix}"))
        return tuple(sorted(name[len("Pulumi.") : -len(self.file.suffix)] for name in names))

    def stack_file(self, stack: str) -> Path:
        """The file that holds a stack's configuration: the extension is that of the project file."""
        return self.stack_dir / f"Pulumi.{stack}{self.file.suffix}"


@dataclass(frozen=True)
class StackConfig:
    """The configuration that a program is given in one stack."""

    stack: str
    values: Mapping[str, str]
    """By qualified key; lists and objects as compact JSON text."""
    secret_keys: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    """What the user should know of the stack's file, a line each."""


# --- the project -----------------------------------------------------------------------------------------------------


def load_project(directory: Path) -> Project:
    """The project of a directory, or of the nearest one above it; raises BadInput for what cannot be used."""
    file = _find_project_file(directory.resolve())
    top = read_items(file)
    name = required_field(file, top, "name", "a name such as `name: my-project`").text()
    root = file.parent
    stack_dir = top.get("stackConfigDir")
    config = top.get("config")
    if config and isinstance(config.node.value, str) and not config.empty:
        # The old way to name the directory.
        if stack_dir:
            raise config.refusal("and stackConfigDir both name the directory of the stacks' files; keep stackConfigDir")
        config, stack_dir = None, config
    return Project(
        name=name,
        file=file,
        program=_program(root, top.get("main")),
        interpreter=interpreter_of(root, required_field(file, top, "runtime", "`runtime: python`")),
        stack_dir=root / stack_dir.text() if stack_dir else root,
        declared=tuple(_declarations(name, config)),
    )


def _find_project_file(directory: Path) -> Path:
    if not directory.is_dir():
        raise BadInput(f"{shown_path(directory)}: is no directory; give that of a Pulumi project (--project DIR)")
    for folder in (directory, *directory.parents):
        for name in PROJECT_FILES:
            if (folder / name).is_file():
                return folder / name
    raise BadInput(
        f"{shown_path(directory)}: has no {' or '.join(PROJECT_FILES)}, and no directory above it has one; "
        "give that of a Pulumi project (--project DIR)"
    )


def required_field(file: Path, top: Mapping[str, Entry], key: str, wanted: str) -> Entry:
    """A field that a file must have; raises BadInput that says what to add."""
    if key not in top:
        raise BadInput(f"{shown_path(file)}: {key} is missing; add {wanted}")
    return top[key]


def _program(root: Path, main: Entry | None) -> Path:
    program = Path(os.path.normpath(root / main.text())) if main else root
    start = program / "__main__.py" if program.suffix != ".py" or program.is_dir() else program
    if not start.is_file():
        place = f"{main.place}: main is {main.text()}" if main else shown_path(root)
        raise BadInput(
            f"{place}: there is no {shown_path(start)}; main is a directory with a __main__.py, or a .py file"
        )
    return program


def interpreter_of(root: Path, runtime: Entry) -> Path:
    """The Python of a `runtime` entry whose virtual environment is relative to `root`; raises BadInput."""
    fields = {} if isinstance(runtime.value(), str) else runtime.items()
    if fields and "name" not in fields:
        raise runtime.refusal("has no name; write `name: python`")
    name = fields.get("name", runtime)
    if name.text() != "python":
        raise name.refusal(f"is {name.text()}; the offline preview runs Python programs only (python)")
    options = fields["options"].items() if "options" in fields else {}
    toolchain = options.get("toolchain")
    if toolchain and toolchain.text() not in TOOLCHAINS:
        raise toolchain.refusal(f"is {toolchain.text()}; it must be one of {', '.join(TOOLCHAINS)}")
    named = options.get("virtualenv")
    if named is None:
        usual = _python_of(root / ".venv") if toolchain and toolchain.text() != "pip" else None
        return usual or Path(sys.executable)
    environment = root / named.text()
    found = _python_of(environment)
    if found is None:
        shown = shown_path(environment)
        raise named.refusal(
            f"is {named.text()}, but there is no Python in {shown}; make it with `pulumi install`, "
            f"or with `python -m venv {shown} && {shown}/bin/pip install ...`"
        )
    return found


def _python_of(environment: Path) -> Path | None:
    usual = (environment / "bin" / "python", environment / "Scripts" / "python.exe")
    return next((path for path in usual if path.is_file()), None)


# --- the keys that the project declares ------------------------------------------------------------------------------


def _declarations(project: str, config: Entry | None) -> Iterator[Declaration]:
    for name, entry in _entries(config).items():
        yield _declaration(_qualified(project, name, entry), entry, project)


def _entries(entry: Entry | None) -> dict[str, Entry]:
    return entry.items() if entry and not entry.empty else {}


def _qualified(project: str, name: str, entry: Entry) -> str:
    namespace, colon, rest = name.rpartition(":")
    namespace = namespace.removesuffix(":config")
    if ":" in namespace:
        raise entry.refusal("is no configuration key; allowed are <name> and <namespace>:<name>")
    return f"{namespace if colon else project}:{rest}"


def _declaration(key: str, entry: Entry, project: str) -> Declaration:
    value = entry.value()
    own = key.startswith(f"{project}:")
    if own and set(key.rpartition(":")[2]) & set(".[]"):
        raise entry.refusal("is a path into an object; declare the object itself")
    if not isinstance(value, dict):
        if value is None or isinstance(value, float):
            raise entry.refusal(
                f"is {entry.kind}, which must stand in a field; write `{'default' if own else 'value'}: ...`"
            )
        return Declaration(key, entry, default=value)
    for field, item in entry.items().items():
        if field not in DECLARATION_FIELDS:
            raise item.refusal(f"is no field of a declaration; allowed are {', '.join(DECLARATION_FIELDS)}")
    return _own_declaration(key, entry) if own else _foreign_declaration(key, entry)


def _foreign_declaration(key: str, entry: Entry) -> Declaration:
    value = entry.value()
    for field in ("type", "default"):
        if value.get(field) is not None:
            raise entry.items()[field].refusal("is for the project's own keys; a provider's key takes `value: ...`")
    if value.get("value") is None:
        raise entry.refusal("has no value; add `value: ...`")
    return Declaration(key, entry, default=value["value"])


def _own_declaration(key: str, entry: Entry) -> Declaration:
    fields, value = entry.items(), entry.value()
    given = [field for field in ("default", "value") if value.get(field) is not None]
    if len(given) > 1:
        raise entry.refusal("has both default and value; keep one")
    default = value[given[0]] if given else None
    type_ = _type(entry) if "type" in fields else None
    secret = fields["secret"].value() if "secret" in fields else False
    if not isinstance(secret, bool):
        raise fields["secret"].refusal(f"is {fields['secret'].kind}; it must be true or false")
    if type_ and given and not fits(type_, default):
        raise fields[given[0]].refusal(f"is {json.dumps(default)}; the declared type is {type_}")
    return Declaration(key, entry, type_, secret, default)


def _type(entry: Entry) -> str:
    fields = entry.items()
    if "type" not in fields:
        raise entry.refusal(f"has no type; add one of {', '.join(TYPES)}")
    type_ = fields["type"].value()
    if type_ not in TYPES:
        raise fields["type"].refusal(f"is {fields['type'].kind}; it must be one of {', '.join(TYPES)}")
    if type_ != "array":
        return str(type_)
    if "items" not in fields:
        raise entry.refusal("is an array without the type of its items; add `items: {type: string}` or another type")
    return f"array<{_type(fields['items'])}>"


def fits(type_: str, value: Json) -> bool:
    """Whether the engine takes a value for a declared type: text that reads as a number or a boolean is one."""
    if value == SECRET:
        return True
    if type_.startswith("array<"):
        return isinstance(value, list) and all(fits(type_[len("array<") : -1], item) for item in value)
    return FITS[type_](value)


def _is_integer(value: Json) -> bool:
    if isinstance(value, str):
        return bool(re.fullmatch(r"[-+]?[0-9]+", value)) and SMALLEST_INTEGER <= int(value) <= LARGEST_INTEGER
    return isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()


FITS: Mapping[str, Callable[[Json], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "boolean": lambda value: isinstance(value, bool) or value in ("true", "false"),
    "object": lambda value: isinstance(value, dict),
}
TYPES = (*FITS, "array")


# --- the stack's configuration ---------------------------------------------------------------------------------------


def load_stack(project: Project, stack: str) -> StackConfig:
    """The configuration of one stack, the project's defaults included; raises BadInput for what cannot be used.

    A stack needs no file in a project where no stack has one.
    """
    if not STACK_NAME.fullmatch(stack):
        raise BadInput(f"{stack!r} is no stack name; it is made of letters, digits, `-`, `_` and `.`, at most 100")
    file = project.stack_file(stack)
    if not file.is_file() and project.stacks:
        raise BadInput(
            f"{shown_path(file)}: does not exist, so there is no stack {stack}; "
            f"the stacks of this project are {', '.join(project.stacks)}"
        )
    top = read_items(file) if file.is_file() else {}
    given = _given(project, top.get("config"))
    content = {key: entry.value() for key, entry in given.items()}
    values = {key: engine_text(hidden(value)) for key, value in content.items()}
    secret = {key for key, value in content.items() if hidden(value) != value}
    lines = []
    for declared in project.declared:
        if declared.key not in values and declared.default is None:
            lines.append(_missing(declared, file, top))
        elif declared.key not in values:
            values[declared.key] = engine_text(hidden(declared.default), LARGEST_INTEGER)
            secret |= {declared.key} if hidden(declared.default) != declared.default else set()
        lines += _mismatch(declared, content, given)
    if lines:
        raise BadInput("\n".join(lines))
    return StackConfig(stack, dict(sorted(values.items())), frozenset(secret), tuple(_notes(top)))


def _given(project: Project, config: Entry | None) -> dict[str, Entry]:
    given: dict[str, Entry] = {}
    for name, entry in _entries(config).items():
        key = _qualified(project.name, name, entry)
        if key in given:
            raise entry.refusal(f"sets {key} again, after {given[key].place}; remove one")
        given[key] = entry
    return given


def _missing(declared: Declaration, file: Path, top: Mapping[str, Entry]) -> str:
    cloud = " (its `environment:` may, but only Pulumi Cloud can tell)" if "environment" in top else ""
    why = f"has no default, and {shown_path(file)} does not set it{cloud}"
    return str(declared.entry.refusal(f"{why}; add `{declared.key}: <{declared.type or 'value'}>` under config there"))


def _mismatch(declared: Declaration, content: Mapping[str, Json], given: Mapping[str, Entry]) -> Iterator[str]:
    if not declared.type or declared.key not in content:
        if declared.type and declared.secret and declared.default is not None:
            yield str(declared.entry.refusal("is secret, so it cannot have a default; encrypt a value in each stack"))
        return
    value = hidden(content[declared.key])
    if declared.secret and value == content[declared.key]:
        name = declared.key
        yield str(given[name].refusal(f"must be encrypted; run `pulumi config set --secret {name}`"))
    seen = value if isinstance(value, (dict, list)) else engine_text(value)
    if not fits(declared.type, seen):
        yield str(given[declared.key].refusal(f"is {json.dumps(value)}; the project declares it as {declared.type}"))


def _notes(top: Mapping[str, Entry]) -> Iterator[str]:
    for key, entry in top.items():
        if key == "environment":
            yield (
                f"{entry.place}: environment names Pulumi ESC environments, which only Pulumi Cloud can resolve: "
                "what they set is not in this preview"
            )
        elif key not in STACK_FIELDS:
            yield f"{entry.place}: {key} is nothing that Pulumi reads; it reads {', '.join(STACK_FIELDS)}"


def hidden(value: Json) -> Json:
    """The value with every encrypted leaf (`secure: ...`) written as `[secret]`; nothing is ever decrypted."""
    if isinstance(value, dict):
        if list(value) == ["secure"] and isinstance(value["secure"], str):
            return SECRET
        return {key: hidden(item) for key, item in value.items()}
    return [hidden(item) for item in value] if isinstance(value, list) else value


# --- values as the engine passes them --------------------------------------------------------------------------------


def engine_text(value: Json, largest: int = LARGEST_UNSIGNED) -> str:
    """A configuration value as a program gets it: text as it is, nothing as empty text, all else as compact JSON.

    Whole numbers above `largest` are rounded to what a 64-bit float holds.
    """
    if isinstance(value, str):
        return value
    return "" if value is None else _json_text(value, largest)


def _json_text(value: Json, largest: int) -> str:
    if isinstance(value, dict):
        fields = (f"{_json_string(key)}:{_json_text(value[key], LARGEST_INTEGER)}" for key in sorted(value))
        return "{" + ",".join(fields) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_json_text(item, LARGEST_INTEGER) for item in value) + "]"
    if isinstance(value, str):
        return _json_string(value)
    if isinstance(value, float) or (isinstance(value, int) and not SMALLEST_INTEGER <= value <= largest):
        return _number(float(value))
    return json.dumps(value)


def _number(value: float) -> str:
    """A float as Go's JSON writes it: shortest digits, an exponent only where it is very large or very small."""
    if value == 0 or SMALLEST_PLAIN_FLOAT <= abs(value) < LARGEST_PLAIN_FLOAT:
        return format(Decimal(repr(abs(value) if value == 0 else value)), "f").removesuffix(".0")
    return re.sub(r"e([-+])0", r"e\1", repr(value))


def _json_string(text: str) -> str:
    """A string as Go's JSON writes it: what HTML or JavaScript could misread is escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", quoted)
