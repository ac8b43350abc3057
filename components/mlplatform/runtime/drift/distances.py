"""How far two samples of a column are apart, and how likely that is by chance; the statistics are SciPy's.

Both distances are a share of the requests: for numbers, the greatest difference between the shares below any value
(Kolmogorov and Smirnov); for categories, the share that has gone from some categories to others (total variation). So
one threshold means the same for both. With many rows every difference is significant, and with few a great one may be
chance: a column has drifted where its distance is beyond its threshold and not by chance.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

EXPECTED: Final = 5
"""Rows that a category must be expected to have on each side, below which the chi-square test is not to be trusted
(SciPy, stats.chi2_contingency, notes)."""


@dataclass(frozen=True, slots=True)
class Distance:
    """How far two samples are apart."""

    value: float
    """From 0, the same, to 1, nothing in common."""
    chance: float
    """Probability of such a distance where nothing has changed."""


def of_numbers(before: Sequence[float], now: Sequence[float]) -> Distance:
    """The distance of two samples of numbers, neither empty."""
    found = _stats().ks_2samp(before, now)
    return Distance(float(found.statistic), float(found.pvalue))


def of_categories(before: Sequence[object], now: Sequence[object]) -> Distance:
    """The distance of two samples of categories, neither empty."""
    counts = pooled(counted(before), counted(now))
    total = len(before), len(now)
    apart = sum(abs(first / total[0] - second / total[1]) for first, second in counts) / 2
    if len(counts) == 1:
        return Distance(apart, 1.0)
    table = [list(side) for side in zip(*counts, strict=True)]
    return Distance(apart, float(_stats().chi2_contingency(table).pvalue))


def counted(values: Sequence[object]) -> Counter[str]:
    """How often each category is there; true is not 1, and 1 is 1.0."""
    return Counter(repr(float(value) if type(value) is int else value) for value in values)


def pooled(before: Counter[str], now: Counter[str]) -> list[tuple[int, int]]:
    """Counts of both by category, by name; rare categories together as one, so that each has rows enough."""
    total = before.total(), now.total()
    share = min(total) / sum(total)
    common, rare = [], [0, 0]
    for name in sorted(before | now):
        pair = before[name], now[name]
        if sum(pair) * share >= EXPECTED:
            common.append(pair)
        else:
            rare = [rare[0] + pair[0], rare[1] + pair[1]]
    if not any(rare):
        return common
    if common and sum(rare) * share < EXPECTED:
        # Still too few by themselves: they go with the rarest of the others.
        least = min(range(len(common)), key=lambda at: sum(common[at]))
        common[least] = (common[least][0] + rare[0], common[least][1] + rare[1])
        return common
    return [*common, (rare[0], rare[1])]


def _stats() -> Any:
    # Loaded when first needed: it takes longer than all else that a run imports.
    return import_module("scipy.stats")
