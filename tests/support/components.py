"""Every component's example, and its arguments changed at dotted paths."""

import copy
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

import examples
from mlplatform.core.args import Args

EXAMPLES = {
    found.name: importlib.import_module(f"examples.{found.name}") for found in pkgutil.iter_modules(examples.__path__)
}


def with_values(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with values set at dotted paths; a list's items by their number."""
    args: dict[str, Any] = copy.deepcopy(dict(base))
    for path, value in values.items():
        at: Any = args
        *way, last = path.split(".")
        for part in way:
            at = at[int(part)] if isinstance(at, list) else at.setdefault(part, {})
        at[int(last) if isinstance(at, list) else last] = value
    return args


def sub_models(annotation: Any) -> Iterator[type[Args]]:
    if isinstance(annotation, type) and issubclass(annotation, Args):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from sub_models(argument)


def all_args() -> list[type[Args]]:
    found: dict[str, type[Args]] = {}
    pending = [module.ARGS for module in EXAMPLES.values()]
    while pending:
        cls = pending.pop()
        found[cls.__name__] = cls
        pending.extend(base for base in cls.__mro__[1:] if issubclass(base, Args) and base is not Args)
        pending.extend(sub for info in cls.model_fields.values() for sub in sub_models(info.annotation))
        pending = [cls for cls in pending if cls.__name__ not in found]
    return [found[name] for name in sorted(found)]
