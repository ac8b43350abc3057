"""Conditions in Workflows: `when`, and the expression of a retryStrategy; a small part of what Argo knows."""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

_COMPARED: Final[Mapping[type, Callable[[Any, Any], bool]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_WHEN: Final = re.compile(r"""\s*(?P<left>"[^"]*"|'[^']*'|\S*)\s*(?P<sign>==|!=)\s*(?P<right>"[^"]*"|'[^']*'|\S*)\s*""")


class ExpressionError(Exception):
    """An expression that is not understood here."""


def when(text: str) -> bool:
    """Whether a condition holds: `A == B` or `A != B`, several joined by && or ||, values with or without quotes."""
    if "||" in text:
        return any(when(part) for part in text.split("||"))
    if "&&" in text:
        return all(when(part) for part in text.split("&&"))
    if text.strip() in {"true", "false"}:
        return text.strip() == "true"
    found = _WHEN.fullmatch(text)
    if not found:
        raise ExpressionError(f"condition {text!r} is not understood here")
    left, right = (found[side].strip("\"'") for side in ("left", "right"))
    return (left == right) is (found["sign"] == "==")


def holds(text: str, variables: Mapping[str, str]) -> bool:
    """Whether an expression of a retryStrategy holds (expr-lang, as far as comparisons, and, or, not, asInt go)."""
    text = re.sub(r'(\S+) contains ("[^"]*")', r"contains(\1, \2)", text)
    python = re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or ")).strip()
    return bool(_value(ast.parse(python, mode="eval").body, variables))


def _value(node: ast.expr, variables: Mapping[str, str]) -> Any:
    known = next((read for kinds, read in _READERS if isinstance(node, kinds)), None)
    if known is None:
        raise ExpressionError(f"{ast.unparse(node)!r} is not understood here")
    return known(node, variables)


def _variable(node: ast.expr, variables: Mapping[str, str]) -> str:
    name = ast.unparse(node)
    if name not in variables:
        raise ExpressionError(f"{name!r} is not understood here")
    return variables[name]


def _joined(node: ast.BoolOp, variables: Mapping[str, str]) -> bool:
    values = (_value(item, variables) for item in node.values)
    return all(values) if isinstance(node.op, ast.And) else any(values)


def _signed(node: ast.UnaryOp, variables: Mapping[str, str]) -> Any:
    value = _value(node.operand, variables)
    return not value if isinstance(node.op, ast.Not) else -value


def _compared(node: ast.Compare, variables: Mapping[str, str]) -> bool:
    if len(node.ops) != 1 or type(node.ops[0]) not in _COMPARED:
        raise ExpressionError(f"{ast.unparse(node)!r} is not understood here")
    left, right = _value(node.left, variables), _value(node.comparators[0], variables)
    return _COMPARED[type(node.ops[0])](left, right)


def _called(node: ast.Call, variables: Mapping[str, str]) -> Any:
    name, values = ast.unparse(node.func), [_value(item, variables) for item in node.args]
    functions: Mapping[str, Callable[..., Any]] = {
        "asInt": int,
        "contains": lambda whole, part: part in whole,
        "int": int,
    }
    if name not in functions:
        raise ExpressionError(f"{ast.unparse(node)!r} is not understood here")
    return functions[name](*values)


_READERS: Final[Sequence[tuple[Any, Callable[[Any, Mapping[str, str]], Any]]]] = (
    (ast.Constant, lambda node, _variables: node.value),
    ((ast.Name, ast.Attribute), _variable),
    (ast.BoolOp, _joined),
    (ast.UnaryOp, _signed),
    (ast.Compare, _compared),
    (ast.Call, _called),
)
