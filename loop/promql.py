"""PromQL as far as the platform's gates and alerts go: instant queries over samples in memory, as Prometheus has them.

Source: Prometheus documentation, Querying; extrapolation of rates: prometheus/prometheus, promql/functions.go,
extrapolatedRate. What is not known here is an error and never an empty answer.
"""

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

LOOKBACK_SECONDS: Final = 300
"""How old a sample may be for an instant vector (Prometheus documentation, Querying basics, Staleness)."""
Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Value = Vector | float
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)(?![\w:])|(?P<duration>\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<name>[a-zA-Z_:][\w:]*)|(?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^><=(){}\[\],]))""",
    re.VERBOSE,
)
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_LEVELS: Final = (("or",), ("and", "unless"), ("==", "!=", ">", "<", ">=", "<="), ("+", "-"), ("*", "/", "%"))
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_AGGREGATES: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "sum": math.fsum,
    "max": max,
    "min": min,
    "count": lambda values: float(len(values)),
    "avg": lambda values: math.fsum(values) / len(values),
}


class QueryError(Exception):
    """A query that is wrong, or not understood here."""


class Samples:
    """All series: samples by name and labels, each with its time, in their order."""

    def __init__(self) -> None:
        self.series: dict[tuple[str, Labels], list[tuple[float, float]]] = {}

    def add(self, name: str, labels: Mapping[str, str], value: float, time: float) -> None:
        """One sample."""
        self.series.setdefault((name, frozenset(labels.items())), []).append((time, value))

    def named(self, name: str) -> Iterator[tuple[Labels, Sequence[tuple[float, float]]]]:
        """Series of a name."""
        for (of, labels), samples in list(self.series.items()):
            if of == name:
                yield labels, samples


@dataclass(frozen=True)
class Selector:
    """A selection of series."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    seconds: float | None = None

    def series(self, samples: Samples, time: float) -> Iterator[tuple[Labels, Sequence[tuple[float, float]]]]:
        """Its series, with the samples that count at a time."""
        back = LOOKBACK_SECONDS if self.seconds is None else self.seconds
        for labels, values in samples.named(self.name):
            of = dict(labels)
            if all(_matches(of.get(label, ""), sign, text) for label, sign, text in self.matchers):
                inside = [one for one in values if time - back < one[0] <= time]
                if inside:
                    yield labels, inside


def query(text: str, samples: Samples, time: float) -> Value:
    """The value of an instant query."""
    parser = _Parser(text)
    tree = parser.binary(0)
    if parser.at < len(parser.tokens):
        raise QueryError(f"{parser.peek()!r} is not expected in {text}")
    return _Evaluation(samples, time).value(tree)


class _Parser:
    """Makes a tree of a query: tuples that begin with their kind."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.at = 0
        position = 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if not found:
                raise QueryError(f"{text[position:]!r} is not understood")
            kind = str(found.lastgroup)
            self.tokens.append((kind, found[kind]))
            position = found.end()

    def peek(self) -> str:
        """The next token."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        """The next token, passed."""
        found = self.peek()
        if not found or (wanted and found != wanted):
            raise QueryError(f"want {wanted or 'more'}, got {found or 'the end'}")
        self.at += 1
        return found

    def binary(self, level: int) -> tuple[Any, ...]:
        """Operations of a level and those that bind closer."""
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in _LEVELS[level]:
            sign = self.take()
            boolean = self.peek() == "bool" and bool(self.take())
            matching = (self.take(), self.names()) if self.peek() in {"on", "ignoring"} else None
            if self.peek() in {"group_left", "group_right"}:
                raise QueryError(f"{self.peek()} is not understood here")
            left = ("binary", sign, left, self.binary(level + 1), boolean, matching)
        return left

    def unary(self) -> tuple[Any, ...]:
        """A value, perhaps negated."""
        if self.peek() == "-":
            self.take()
            return ("binary", "*", ("number", -1.0), self.unary(), False, None)
        return self.primary()

    def primary(self) -> tuple[Any, ...]:
        """A number, a text, a parenthesis, a call or a selection."""
        if self.at >= len(self.tokens):
            raise QueryError("the query ends early")
        kind, token = self.tokens[self.at]
        if kind == "number":
            return ("number", float(self.take()))
        if kind == "text":
            return ("text", _unquoted(self.take()))
        if token == "(":  # noqa: S105 - of a query
            self.take()
            inner = self.binary(0)
            self.take(")")
            return inner
        if kind != "name":
            raise QueryError(f"{token!r} is not expected")
        name = self.take()
        if name in _AGGREGATES and self.peek() in {"(", "by", "without"}:
            return self.aggregate(name)
        if self.peek() == "(":
            return ("call", name, self.arguments())
        return ("select", self.selector(name))

    def aggregate(self, name: str) -> tuple[Any, ...]:
        """An aggregation, whose labels stand before or after."""
        grouped = (self.take(), self.names()) if self.peek() in {"by", "without"} else None
        (inner,) = self.arguments()
        if grouped is None and self.peek() in {"by", "without"}:
            grouped = (self.take(), self.names())
        return ("aggregate", name, inner, grouped or ("by", ()))

    def arguments(self) -> list[tuple[Any, ...]]:
        """What stands in the parentheses of a call."""
        self.take("(")
        found = []
        while self.peek() != ")":
            found.append(self.binary(0))
            if self.peek() == ",":
                self.take()
        self.take(")")
        return found

    def names(self) -> tuple[str, ...]:
        """Labels in parentheses."""
        self.take("(")
        found = []
        while self.peek() != ")":
            found.append(self.take())
            if self.peek() == ",":
                self.take()
        self.take(")")
        return tuple(found)

    def selector(self, name: str) -> Selector:
        """A selection, with its matchers and range."""
        matchers = []
        if self.peek() == "{":
            self.take()
            while self.peek() != "}":
                matchers.append((self.take(), self.take(), _unquoted(self.take())))
                if self.peek() == ",":
                    self.take()
            self.take("}")
        seconds = None
        if self.peek() == "[":
            self.take()
            seconds = duration(self.take())
            self.take("]")
        return Selector(name, tuple(matchers), seconds)


@dataclass(frozen=True)
class _Evaluation:
    """Values of trees, at a time."""

    samples: Samples
    time: float

    def value(self, tree: tuple[Any, ...]) -> Any:
        """The value of a tree: a number, a text or a vector."""
        return getattr(self, f"_{tree[0]}")(*tree[1:])

    def _number(self, number: float) -> float:
        return number

    def _text(self, text: str) -> str:
        return text

    def _select(self, selector: Selector) -> Vector:
        if selector.seconds is not None:
            raise QueryError(f"{selector.name} is a range, which only a function takes")
        name = frozenset({("__name__", selector.name)})
        return {labels | name: values[-1][1] for labels, values in selector.series(self.samples, self.time)}

    def _aggregate(self, name: str, inner: tuple[Any, ...], grouped: tuple[str, tuple[str, ...]]) -> Vector:
        groups: dict[Labels, list[float]] = {}
        for labels, value in self.value(inner).items():
            groups.setdefault(_kept(labels, grouped), []).append(value)
        return {labels: float(_AGGREGATES[name](values)) for labels, values in groups.items()}

    def _call(self, name: str, arguments: list[tuple[Any, ...]]) -> Value:
        functions: Mapping[str, Callable[..., Value]] = {
            "absent": self._absent,
            "histogram_quantile": self._quantile,
            "avg_over_time": lambda inner: self._over_time(inner, lambda values: math.fsum(values) / len(values)),
            "max_over_time": lambda inner: self._over_time(inner, max),
            "min_over_time": lambda inner: self._over_time(inner, min),
            "increase": lambda inner: self._ranged(inner, rate=False),
            "rate": lambda inner: self._ranged(inner, rate=True),
            "scalar": self._scalar,
            "time": lambda: self.time,
            "vector": lambda inner: {frozenset(): self.value(inner)},
        }
        if name not in functions:
            raise QueryError(f"function {name} is not understood here")
        return functions[name](*arguments)

    def _absent(self, inner: tuple[Any, ...]) -> Vector:
        return {} if self.value(inner) else {frozenset(): 1.0}

    def _scalar(self, inner: tuple[Any, ...]) -> float:
        values = list(self.value(inner).values())
        return float(values[0]) if len(values) == 1 else math.nan

    def _over_time(self, inner: tuple[Any, ...], function: Callable[[Sequence[float]], float]) -> Vector:
        return {
            _kept(labels, ("without", ())): function([value for _, value in values])
            for labels, values in self._range(inner).series(self.samples, self.time)
        }

    def _range(self, inner: tuple[Any, ...]) -> Selector:
        if inner[0] != "select" or inner[1].seconds is None:
            raise QueryError("a function wants a range such as x[5m]")
        return inner[1]

    def _ranged(self, inner: tuple[Any, ...], *, rate: bool) -> Vector:
        selector, found = self._range(inner), {}
        for labels, values in selector.series(self.samples, self.time):
            increase = _increase(values, self.time, selector.seconds or 0.0)
            if increase is not None:
                found[labels] = increase / (selector.seconds or 1.0) if rate else increase
        return found

    def _quantile(self, share: tuple[Any, ...], inner: tuple[Any, ...]) -> Vector:
        groups: dict[Labels, list[tuple[float, float]]] = {}
        for labels, value in self.value(inner).items():
            bound = dict(labels).get("le")
            if bound is not None:
                groups.setdefault(_kept(labels, ("without", ("le",))), []).append((_number_of(bound), value))
        wanted = self.value(share)
        return {labels: _of_buckets(wanted, sorted(buckets)) for labels, buckets in groups.items()}

    def _binary(
        self,
        sign: str,
        left: tuple[Any, ...],
        right: tuple[Any, ...],
        boolean: bool,  # noqa: FBT001 - a part of the tree
        matching: tuple[str, tuple[str, ...]] | None,
    ) -> Value:
        first, second = self.value(left), self.value(right)
        if sign in {"and", "or", "unless"}:
            return _sets(sign, first, second, matching)
        if not isinstance(first, dict) and not isinstance(second, dict):
            found = _computed(sign, first, second)
            return float(found) if isinstance(found, bool) else found
        if not isinstance(second, dict):
            return _each({labels: (value, second) for labels, value in first.items()}, sign, boolean=boolean)
        if not isinstance(first, dict):
            # A comparison keeps the value of the vector, whichever side it is on.
            pairs = {labels: (first, value) for labels, value in second.items()}
            return _each(pairs, sign, boolean=boolean, kept=1)
        others = {_matched(labels, matching): value for labels, value in second.items()}
        both = {
            labels: (value, others[_matched(labels, matching)])
            for labels, value in first.items()
            if _matched(labels, matching) in others
        }
        return _each(both, sign, boolean=boolean)


def _each(pairs: Mapping[Labels, tuple[float, float]], sign: str, *, boolean: bool, kept: int = 0) -> Vector:
    found: Vector = {}
    for labels, pair in pairs.items():
        value = _computed(sign, *pair)
        if not isinstance(value, bool):
            found[_kept(labels, ("without", ()))] = value
        elif boolean:
            found[_kept(labels, ("without", ()))] = float(value)
        elif value:
            found[labels] = pair[kept]
    return found


def _computed(sign: str, left: float, right: float) -> float | bool:
    if sign in _COMPARISONS:
        return _COMPARISONS[sign](left, right)
    if sign in "/%" and right == 0:
        return math.nan if left == 0 or sign == "%" else math.copysign(math.inf, left)
    operations = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": math.fmod}
    return float(operations[sign](left, right))


def _sets(sign: str, first: Vector, second: Vector, matching: tuple[str, tuple[str, ...]] | None) -> Vector:
    known = {_matched(labels, matching) for labels in second}
    if sign == "and":
        return {labels: value for labels, value in first.items() if _matched(labels, matching) in known}
    if sign == "unless":
        return {labels: value for labels, value in first.items() if _matched(labels, matching) not in known}
    there = {_matched(labels, matching) for labels in first}
    return {**first, **{labels: value for labels, value in second.items() if _matched(labels, matching) not in there}}


def _matched(labels: Labels, matching: tuple[str, tuple[str, ...]] | None) -> Labels:
    if matching is None:
        return _kept(labels, ("without", ()))
    return _kept(labels, ("by" if matching[0] == "on" else "without", matching[1]))


def _kept(labels: Labels, grouped: tuple[str, tuple[str, ...]]) -> Labels:
    how, names = grouped
    if how == "by":
        return frozenset(pair for pair in labels if pair[0] in names)
    return frozenset(pair for pair in labels if pair[0] not in names and pair[0] != "__name__")


def _matches(value: str, sign: str, text: str) -> bool:
    if sign in {"=", "!="}:
        return (value == text) is (sign == "=")
    if sign in {"=~", "!~"}:
        return bool(re.fullmatch(text, value)) is (sign == "=~")
    raise QueryError(f"{sign!r} is no matcher")


def _increase(values: Sequence[tuple[float, float]], time: float, seconds: float) -> float | None:
    """How much a counter grew in a range, extrapolated to its ends as Prometheus does."""
    if len(values) < 2:  # noqa: PLR2004 - one sample shows no growth
        return None
    grown = values[-1][1] - values[0][1]
    # A counter that fell was reset, and began anew at 0.
    grown += sum(before for (_, before), (_, after) in pairwise(values) if after < before)
    sampled = values[-1][0] - values[0][0]
    between = sampled / (len(values) - 1)
    before, after = values[0][0] - (time - seconds), time - values[-1][0]
    before = min(before, between / 2) if before >= between * 1.1 else before
    if grown > 0 and values[0][1] >= 0:
        # A counter is not extrapolated below 0.
        before = min(before, sampled * values[0][1] / grown)
    after = min(after, between / 2) if after >= between * 1.1 else after
    return grown * (sampled + before + after) / sampled


def _of_buckets(share: float, buckets: Sequence[tuple[float, float]]) -> float:
    """A quantile of a histogram, linear within a bucket."""
    if not buckets or not math.isinf(buckets[-1][0]) or buckets[-1][1] == 0:
        return math.nan
    rank = share * buckets[-1][1]
    at = next(index for index, (_, count) in enumerate(buckets) if count >= rank)
    if at == len(buckets) - 1:
        return buckets[-2][0] if len(buckets) > 1 else math.nan
    start, below = buckets[at - 1] if at else (0.0, 0.0)
    end, count = buckets[at]
    return start + (end - start) * (rank - below) / (count - below) if count > below else end


def duration(text: str) -> float:
    """Seconds of a duration such as 5m or 1h30m."""
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))


def _number_of(text: str) -> float:
    return math.inf if text in {"+Inf", "Inf"} else float(text)


def _unquoted(text: str) -> str:
    return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
