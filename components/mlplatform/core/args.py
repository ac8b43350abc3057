"""How components declare their arguments and check them: plain values at once, outputs when they resolve."""

# No `from __future__ import annotations` here or in any module with arguments: Pulumi's component host reads live ones.
import difflib
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, Union, cast

import pulumi
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator, model_validator

T = TypeVar("T")
U = TypeVar("U")

In = Union[T, Awaitable[T], pulumi.Output[T]]
"""An argument that may be a plain value or the output of another resource."""

Rule = Callable[[T], T]
"""Returns the value it is given, or raises a ValueError whose text says what was given, what is allowed, what to do."""


_field: ContextVar[str] = ContextVar("_field", default="value")
"""Path of the field that is being checked, for late errors of its items."""


class InvalidArgs(pulumi.RunError):
    """Arguments that a component can't work with: one line a field, each with path, value given and the way to fix it.

    Derived from `pulumi.RunError`, so the Pulumi engine prints the lines without a traceback.
    """


class Args(BaseModel):
    """Base of every component's arguments: immutable, closed to unknown fields, documented in place."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, use_attribute_docstrings=True)

    # With an underscore, since Pulumi's component host takes every public annotation for an argument.
    _path_root: ClassVar[str] = ""
    """What the paths of error messages begin with; the class's name where empty."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InvalidArgs("\n".join(explain(type(self), error))) from None

    # Without this mark, pydantic calls __init__ for nested models too, and the first bad one would hide the others.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined] # pydantic's own mark, set on its base class too

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        """Takes a field given as null for left out: the wire and YAML have both, and both mean the default."""
        if not isinstance(values, Mapping):
            return values
        return {key: value for key, value in values.items() if value is not None}

    @classmethod
    def of(cls, given: object = None, **more: object) -> Self:
        """These arguments from a model, or from the mapping that Pulumi's component host gives, and further fields.

        Of a model of another class (the part that a user writes), the fields that were set are taken.
        """
        if isinstance(given, cls) and not more:
            return given
        if isinstance(given, BaseModel):
            given = {name: getattr(given, name) for name in given.model_fields_set}
        return cls(**{**(dict(given) if isinstance(given, Mapping) else {}), **more})


def settled(value: In[T], rule: Callable[[T], T], path: str) -> In[T]:
    """Applies `rule` now to a plain value, or later to an output; `path` names the field in a late error."""
    if not isinstance(value, pulumi.Output | Awaitable):
        return _ruled(value, rule, path)
    output = pulumi.Output.from_input(value)

    async def later(resolved: T) -> T:
        try:
            return _ruled(resolved, rule, path)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            reason = _late_reason(resolved, error, hidden=await output.is_secret())
            raise InvalidArgs(f"{path}: {reason}") from None

    return applied(output, later)


def applied(output: pulumi.Output[T], function: Callable[[T], U | Awaitable[U]]) -> pulumi.Output[U]:
    """Apply a function that fails for some values. Where it fails for what does not exist, the output is unknown.

    Of a resource that does not exist the engine passes on what the provider answers to a preview, also in an update
    that skips the resource because another one failed. Some providers answer with empty values: to fail for one would
    hide the engine's own error.
    """

    async def attempt(value: T) -> U:
        try:
            result = function(value)
            return await result if isinstance(result, Awaitable) else result
        except Exception:
            if await _exists(output):
                raise
            return cast("U", pulumi.UNKNOWN)

    return output.apply(attempt)


async def _exists(output: pulumi.Output[Any]) -> bool:
    """Whether the resources that an output is of exist: each that a provider creates then has an id."""
    created = [item for item in await output.resources() if isinstance(item, pulumi.CustomResource)]
    return all([await item.id.is_known() for item in created])


def _ruled(value: T, rule: Callable[[T], T], path: str) -> T:
    token = _field.set(path)
    try:
        return rule(value)
    finally:
        _field.reset(token)


def _late_reason(value: object, error: Exception, *, hidden: bool) -> str:
    if hidden:
        return "the value is refused; it is secret and therefore not shown"
    # A rule relies on the type of its field, which nothing has checked in an output.
    return str(error) if isinstance(error, ValueError) else f"got {value!r}; allowed is a value of the field's type"


def checked(rule: Callable[[Any], Any], *fields: str) -> Any:
    """A pydantic validator that holds fields to a rule, plain values at once and outputs when they resolve."""

    def check(cls: type[Args], value: Any, info: ValidationInfo) -> Any:
        name = str(info.field_name)
        path = _path(cls._path_root or cls.__name__, (name,))
        if cls.model_fields[name].is_required():
            return settled(value, rule, path)
        return settled(value, lambda known: None if known is None else rule(known), path)

    return field_validator(*fields)(classmethod(check))


def each(rule: Callable[[T], T]) -> Callable[[Sequence[In[T]]], Sequence[In[T]]]:
    """The rule for every item of a list; items that are outputs are checked when they resolve."""
    return lambda items: [settled(item, rule, f"{_field.get()}[{at}]") for at, item in enumerate(items)]


def each_value(rule: Callable[[T], T]) -> Callable[[Mapping[str, In[T]]], Mapping[str, In[T]]]:
    """The rule for every value of a mapping; values that are outputs are checked when they resolve."""
    return lambda values: {key: settled(value, rule, f"{_field.get()}.{key}") for key, value in values.items()}


def distinct(values: Sequence[T]) -> Sequence[T]:
    """A list in which no plain value stands twice."""
    plain = [value for value in values if isinstance(value, str)]
    twice = sorted({value for value in plain if plain.count(value) > 1})
    if twice:
        raise ValueError(f"got {', '.join(twice)} more than once; allowed is once each; take the others out")
    return values


def between(low: int, high: int, unit: str) -> Rule[int]:
    """A number from `low` to `high`, both included, in `unit`."""

    def rule(value: int) -> int:
        if not low <= value <= high:
            raise ValueError(f"got {value}; allowed are {low} to {high} {unit}")
        return value

    return rule


def at_least(low: int, unit: str) -> Rule[int]:
    """A number of `low` or more, in `unit`."""

    def rule(value: int) -> int:
        if value < low:
            raise ValueError(f"got {value}; allowed are {low} {unit} or more")
        return value

    return rule


def one_of(allowed: Iterable[T], why: str = "") -> Rule[T]:
    """One of the values listed; `why` says where the list comes from."""
    options = list(allowed)

    def rule(value: T) -> T:
        if value not in options:
            listed = ", ".join(map(str, options))
            raise ValueError(f"got {value!r}; allowed are {listed}{why and f' ({why})'}{_nearest(value, options)}")
        return value

    return rule


def matching(pattern: str, allowed: str) -> Rule[str]:
    """A text that the whole pattern matches; `allowed` describes it, with an example."""
    compiled = re.compile(pattern)

    def rule(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"got {value!r}; allowed is {allowed}")
        return value

    return rule


def _nearest(given: object, options: Iterable[object]) -> str:
    texts = [option for option in options if isinstance(option, str)]
    close = difflib.get_close_matches(given, texts, n=1) if isinstance(given, str) else []
    return f"; did you mean {close[0]!r}?" if close else ""


def explain(model: type[BaseModel], error: ValidationError) -> list[str]:
    """One line a bad field, sorted by path: path, value given, what is allowed, how to fix it."""
    errors = error.errors(include_url=False)
    # Each In[...] is a union; its branch for outputs marks the place, and says nothing to the user.
    branches = {tuple(item["loc"][:-1]) for item in errors if _is_output_branch(item)}
    found = [item for item in errors if not _is_output_branch(item)]
    root = str(getattr(model, "_path_root", "") or model.__name__)
    lines = {
        _path(root, _without_labels(item["loc"], branches)): _reason(model, item, branches) for item in reversed(found)
    }
    return [f"{path}: {reason}" for path, reason in sorted(lines.items())]


def _is_output_branch(item: Any) -> bool:
    return item["type"] == "is_instance_of" and str(item["loc"][-1]).startswith("is-instance[")


def _without_labels(loc: tuple[int | str, ...], branches: set[tuple[int | str, ...]]) -> tuple[int | str, ...]:
    return tuple(part for at, part in enumerate(loc) if loc[:at] not in branches)


def _path(root: str, loc: tuple[int | str, ...]) -> str:
    if not loc:
        return root.rstrip(":")
    path = root
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else part if path.endswith(":") else f".{part}"
    return path


class _Problem(NamedTuple):
    """One of pydantic's errors, and where it is."""

    given: Any
    context: Mapping[str, Any]
    name: str
    holder: type[BaseModel] | None
    """The model that has the field."""
    wanted: type[BaseModel] | None
    """The model that the field wants, if it is one."""


def _reason(model: type[BaseModel], item: Any, branches: set[tuple[int | str, ...]]) -> str:
    loc = _without_labels(item["loc"], branches)
    name = str(loc[-1]) if loc else ""
    problem = _Problem(item["input"], item.get("ctx", {}), name, _owner(model, loc[:-1]), _owner(model, loc))
    if isinstance(problem.given, pulumi.Output) and item["type"] != "extra_forbidden":
        return "got an output; allowed is a plain value, known before anything is created"
    if item["type"] in REASONS:
        return REASONS[item["type"]](problem)
    allowed = ALLOWED.get(problem.context.get("class", item["type"]))
    return f"got {problem.given!r}; {allowed or item['msg'].replace('Input should be', 'allowed is')}"


def _missing(problem: _Problem) -> str:
    field = problem.holder.model_fields.get(problem.name) if problem.holder else None
    description = " ".join(((field and field.description) or "").split())
    return f"missing; set it: {description.split('. ')[0]}".rstrip(".: ")


def _unknown(problem: _Problem) -> str:
    known = sorted(problem.holder.model_fields) if problem.holder else []
    return f"unknown field; known are {', '.join(known)}{_nearest(problem.name, known)}"


def _no_choice(problem: _Problem) -> str:
    return f"got {problem.given!r}; allowed are {problem.context['expected'].replace(' or ', ', ')}"


def _no_model(problem: _Problem) -> str:
    known = sorted(problem.wanted.model_fields) if problem.wanted else []
    return f"got {problem.given!r}; allowed is a mapping of {', '.join(known)}"


REASONS: Mapping[str, Callable[[_Problem], str]] = {
    "enum": _no_choice,
    "extra_forbidden": _unknown,
    "missing": _missing,
    "model_type": _no_model,
    "value_error": lambda problem: str(problem.context["error"]),
}
"""What is said of pydantic's errors, by its name of them."""
ALLOWED: Mapping[str, str] = {
    **dict.fromkeys(("bool_parsing", "bool_type"), "allowed are true and false"),
    **dict.fromkeys(("Mapping", "dict_type", "mapping_type"), "allowed is a mapping"),
    **dict.fromkeys(("int_from_float", "int_parsing", "int_type"), "allowed is a whole number"),
    **dict.fromkeys(("Sequence", "list_type", "sequence_type"), "allowed is a list"),
    "string_type": "allowed is text; put it in quotes",
}
"""What a value of the wrong type should be, by pydantic's name of the error, or of the class wanted."""


def _owner(model: type[BaseModel], loc: Sequence[int | str]) -> type[BaseModel] | None:
    owner: type[BaseModel] | None = model
    for part in loc:
        field = owner.model_fields.get(str(part)) if owner and isinstance(part, str) else None
        if field is not None:
            owner = next(_models(field.annotation), None)
    return owner


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models(argument)
