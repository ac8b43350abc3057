"""Every field of every component's arguments does something: changing it changes what is created."""

import functools
import itertools
import json
from collections.abc import Iterator

import pytest

from components import EXAMPLES, sub_models, with_values
from mlplatform.core.args import Args
from recorded import Recorded, record

CHANGES = [(name, path) for name, module in EXAMPLES.items() for path in module.CHANGES]


@functools.cache
def created(name: str, args: str) -> str:
    """What a component creates with arguments in JSON, without the copy of them that it registers."""
    graph: Recorded = record(lambda: EXAMPLES[name].program(json.loads(args)))
    return json.dumps(
        [
            {**node, "inputs": {} if node["kind"] == "component" else node["inputs"], "source": None}
            for node in graph.resources
        ]
    )


def field_paths(model: type[Args], prefix: str = "") -> Iterator[str]:
    """Dotted paths of a model's fields and of those of its sub-models."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        inner = list(sub_models(info.annotation))
        if not inner:
            yield path
        for sub in inner:
            yield from field_paths(sub, f"{path}.")


def without_keys(path: str, fields: set[str]) -> str:
    """A dotted path of an example without the numbers and keys of its lists and mappings."""
    parts = path.split(".")
    for removed in (1, 2):
        for kept in itertools.combinations(parts, max(len(parts) - removed, 0)):
            if ".".join(kept) in fields:
                return ".".join(kept)
    return path


@pytest.mark.parametrize(("name", "path"), CHANGES, ids=[f"{name}-{path}" for name, path in CHANGES])
def test_changing_the_field_changes_what_is_created(name: str, path: str) -> None:
    module = EXAMPLES[name]
    base = with_values(module.BASE, module.CONTEXT.get(path, {}))
    changed = with_values(base, {path: module.CHANGES[path]})
    assert created(name, json.dumps(changed)) != created(name, json.dumps(base))


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_field_is_changed_or_excepted_with_a_reason(name: str) -> None:
    module = EXAMPLES[name]
    fields = set(field_paths(module.ARGS))
    listed = {path if path in fields else without_keys(path, fields) for path in [*module.CHANGES, *module.EXCEPTIONS]}
    assert fields - listed == set()
    assert all(module.EXCEPTIONS.values())
