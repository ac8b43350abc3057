"""The environments as tests run them: their configuration as the command reads it, changed where a test wants."""

import copy
import json
import runpy
from collections.abc import Iterator, Mapping
from typing import Any

from mlplatform.preview.project.configuration import load_project, load_stack
from recorded import ROOT, Recorded, record

ENVIRONMENTS = ("dev", "staging", "prod")
DELETE = object()
"""Takes a key out of the configuration."""


def configuration(stack: str) -> dict[str, Any]:
    """A stack's configuration by field, objects decoded."""
    values = load_stack(load_project(ROOT), stack).values
    own = {key.partition(":")[2]: value for key, value in values.items() if key.startswith("mlplatform:")}
    return {key: json.loads(value) if value[:1] in "[{" else value for key, value in own.items()}


def changed(stack: str, edits: Mapping[str, Any]) -> dict[str, Any]:
    """A stack's configuration with values set, or taken out, at dotted paths."""
    config = copy.deepcopy(configuration(stack))
    for path, value in edits.items():
        at = config
        *way, last = path.split(".")
        for part in way:
            at = at.setdefault(part, {})
        if value is DELETE:
            del at[last]
        else:
            at[last] = value
    return config


def golden(stack: str) -> Recorded:
    """The reviewed graph of an environment."""
    return Recorded(json.loads((ROOT / "tests" / "golden" / f"{stack}.json").read_text()))


def texts(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a tree, and the dotted path to it."""
    if isinstance(tree, str):
        yield path, tree
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from texts(value, f"{path}.{key}" if path else str(key))


def encoded(config: Mapping[str, Any]) -> dict[str, str]:
    """A configuration as the engine hands it to the program."""
    return {
        f"mlplatform:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in config.items()
    }


def composed(stack: str, edits: Mapping[str, Any] | None = None, *, strict: bool = False) -> Recorded:
    """The recorded graph of an environment."""
    program = str(ROOT / "stacks")
    return record(
        lambda: runpy.run_path(program, run_name="__main__"),
        config=encoded(changed(stack, edits or {})),
        project="mlplatform",
        stack=stack,
        strict=strict,
    )
