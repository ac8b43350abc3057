"""Programs whose resources do not exist: a preview, or an update that skips them because another one failed.

For a skipped resource the engine passes on what its provider answers to a preview. Here that is something empty for
everything that a provider computes; the resource has no id, in a preview as in an update.
"""

import asyncio
import typing
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi import _types
from pulumi.runtime import mocks, settings, stack

from mlplatform.core.args import Args
from mlplatform.preview.recorder.answers import ANSWERS
from mlplatform.preview.recorder.identities import DEFAULT_PLACE, Place
from sdk import hints_of

EMPTY: Mapping[type, Any] = {str: "", int: 0, float: 0.0, bool: False}
"""The empty values of plain types."""


class Placeholders(mocks.Mocks):
    """A provider that knows the inputs of a resource, and nothing else of it."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        id_ = "an-id" if args.typ == Existing.TYPE else ""
        return id_, {**_computed(hints_of(args.typ)), **args.inputs} if args.custom else {}

    def call(self, args: mocks.MockCallArgs) -> Any:
        return ANSWERS[args.token](self.place, args.args)


def _computed(hints: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _empty(hint) for key, hint in hints.items() if type(None) not in typing.get_args(hint)}


def _empty(hint: Any) -> Any:
    if isinstance(hint, type) and _types.is_output_type(hint):
        return _computed(_types._raw_return_hints(hint))
    origin = typing.get_origin(hint) or hint
    return {} if issubclass(origin, Mapping) else EMPTY.get(origin, [])


class Skipped(pulumi.CustomResource):
    """A resource that does not exist, with an empty output for each plain type."""

    def __init__(self) -> None:
        super().__init__("tests:index:Skipped", "skipped", {kind.__name__: value for kind, value in EMPTY.items()})

    def empty(self, kind: type) -> pulumi.Output[Any]:
        """The output of a type."""
        output: pulumi.Output[Any] = getattr(self, kind.__name__)
        return output


class Existing(pulumi.CustomResource):
    """A resource that exists, with one output."""

    TYPE = "tests:index:Existing"
    value: pulumi.Output[Any]

    def __init__(self, value: Any) -> None:
        super().__init__(self.TYPE, "existing", {"value": value})


def run(
    program: Callable[[], object],
    *,
    preview: bool,
    place: Place = DEFAULT_PLACE,
    project: str = "tests",
    name: str = "test",
) -> None:
    """Runs a program of which no resource exists, as a preview or as an update; raises what it raises."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    settings.SETTINGS.outputs.clear()  # of an earlier program that failed
    mocks.set_mocks(Placeholders(place), project, name, preview=preview)
    settings.set_root_resource(None)  # type: ignore[arg-type]
    try:
        loop.run_until_complete(stack.run_in_stack(lambda: (program(), None)[1]))
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:  # what waits for ever for a program that failed
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.close()


def of_skipped(value: Any, annotation: Any, skipped: Skipped) -> Any:
    """A value of arguments in which everything that may be an output is an empty one of the resource skipped."""
    if value is None:
        return None
    parts = [part for part in typing.get_args(annotation) if part is not type(None)]
    late = [part for part in parts if typing.get_origin(part) is pulumi.Output]
    if late and type(value) in EMPTY:
        return skipped.empty(type(value))
    if typing.get_origin(annotation) is typing.Union:
        (annotation,) = typing.get_args(late[0]) if late else parts
    if isinstance(annotation, type) and issubclass(annotation, Args):
        fields = annotation.model_fields
        return {key: of_skipped(item, fields[key].annotation, skipped) for key, item in value.items()}
    inner = (typing.get_args(annotation) or (Any,))[-1]
    if isinstance(value, Mapping):
        return {key: of_skipped(item, inner, skipped) for key, item in value.items()}
    return [of_skipped(item, inner, skipped) for item in value] if isinstance(value, list) else value
