"""Metrics that a PromQL expression names, found by taking away everything else: no parser of the whole language."""

import re

_STRING = re.compile(r'"(?:\\.|[^"\\])*"')
_SELECTOR = re.compile(r"\{[^}]*\}")
_RANGE = re.compile(r"\[[^\]]*\]")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\w)(?!\s*\()")
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


def metrics(expr: str) -> set[str]:
    """Names of the metrics in an expression; those of functions and aggregations are followed by a parenthesis."""
    rest = expr
    for noise in (_STRING, _SELECTOR, _RANGE, _LABELS):
        rest = noise.sub(" ", rest)
    return {name for name in _NAME.findall(rest) if name.lower() not in _WORDS}


def windows(expr: str) -> set[str]:
    """Ranges in an expression, such as 5m; of a subquery, how far it looks back."""
    return {found.partition(":")[0] for found in re.findall(r"\[([^\]]+)\]", _STRING.sub("", _SELECTOR.sub("", expr)))}
