"""Policies of IAM and of resources, as AWS evaluates them: statements, wildcards, conditions.

What is unknown is an error.

Source: IAM User Guide, Policy evaluation logic, and IAM JSON policy elements: Condition operators.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

Document = Mapping[str, Any]
Context = Mapping[str, str]
"""Keys of conditions, in small letters, and their values in a request; those that are missing have none."""


class PolicyError(Exception):
    """A policy that is not understood here."""


def denied(documents: Iterable[Document], action: str, resource: str, context: Context) -> str | None:
    """Name of the first statement that denies, for a principal of the account; None where none does."""
    return next((_sid(one) for one in _statements(documents, "Deny", action, resource, context)), None)


def allowed(documents: Iterable[Document], action: str, resource: str, context: Context) -> bool:
    """Whether a statement allows."""
    return next(_statements(documents, "Allow", action, resource, context), None) is not None


def _statements(documents: Iterable[Document], effect: str, action: str, resource: str, context: Context) -> Any:
    for document in documents:
        for statement in _list(document["Statement"]):
            if statement["Effect"] != effect or not _for_anyone(statement):
                continue
            if _covers(statement, "Action", action) and _covers(statement, "Resource", resource):
                conditions = statement.get("Condition", {})
                if all(_holds(operator, wanted, context) for operator, wanted in conditions.items()):
                    yield statement


def _for_anyone(statement: Mapping[str, Any]) -> bool:
    """Whether the statement speaks of principals of the account, and not of a service only."""
    principal = statement.get("Principal", "*")
    return principal == "*" or "AWS" in principal


def _covers(statement: Mapping[str, Any], part: str, value: str) -> bool:
    if f"Not{part}" in statement:
        return not any(_like(value, pattern, part) for pattern in _list(statement[f"Not{part}"]))
    return any(_like(value, pattern, part) for pattern in _list(statement.get(part, "*")))


def _like(value: str, pattern: str, part: str) -> bool:
    # Actions have no case.
    return bool(
        _pattern(pattern.lower() if part == "Action" else pattern).fullmatch(
            value.lower() if part == "Action" else value
        )
    )


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _wild(value: str, pattern: str) -> bool:
    return bool(_pattern(pattern).fullmatch(value))


_OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "ArnEquals": _wild,
    "ArnLike": _wild,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "NumericGreaterThan": lambda value, wanted: float(value) > float(wanted),
    "NumericLessThan": lambda value, wanted: float(value) < float(wanted),
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": _wild,
}
_NEGATED: Final = {
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
}


def _holds(operator: str, wanted: Mapping[str, Any], context: Context) -> bool:
    # Of keys with several values there are none here.
    single = operator.removeprefix("ForAllValues:").removeprefix("ForAnyValue:")
    plain = single.removesuffix("IfExists")
    # Of no values, all are such (IAM User Guide, Multivalued context keys).
    lenient = plain != single or operator.startswith("ForAllValues:")
    return all(
        _one(plain, [str(value) for value in _list(values)], context.get(key.lower()), lenient)
        for key, values in wanted.items()
    )


def _one(operator: str, wanted: Sequence[str], value: str | None, lenient: bool) -> bool:  # noqa: FBT001 - of the operator
    if operator == "Null":
        return (value is None) == (_text(wanted[0]) == "true")
    if operator in _NEGATED:
        # A negated operator holds where the key is missing.
        return value is None or not any(_OPERATORS[_NEGATED[operator]](value, one) for one in wanted)
    if operator not in _OPERATORS:
        raise PolicyError(f"operator {operator} is not understood here")
    if value is None:
        return lenient
    return any(_OPERATORS[operator](value, _text(one)) for one in wanted)


def _text(value: str) -> str:
    return value.lower() if value in {"True", "False"} else value


def _sid(statement: Mapping[str, Any]) -> str:
    return str(statement.get("Sid", "a statement without a name"))


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]
