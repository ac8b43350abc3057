"""Distances between samples: the counting without SciPy, the statistics with it."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.runtime.drift.distances import Distance, counted, of_categories, of_numbers, pooled

COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 400), min_size=1).map(Counter)


def test_categories_are_told_apart_by_type_and_value() -> None:
    assert counted([True, 1, 1.0, "1", False, "a", "a"]) == {
        "True": 1,
        "1.0": 2,
        "'1'": 1,
        "False": 1,
        "'a'": 2,
    }


POOLED = {
    "all are common": ({"a": 50, "b": 50}, {"a": 60, "b": 40}, [(50, 60), (50, 40)]),
    "rare ones together": (
        {"a": 80, "b": 4, "c": 3, "d": 13},
        {"a": 80, "b": 4, "c": 3, "d": 13},
        [(80, 80), (13, 13), (7, 7)],
    ),
    "new ones": ({"a": 50, "b": 50}, {"a": 50, "c": 50}, [(50, 50), (50, 0), (0, 50)]),
    "too rare even together": ({"a": 50, "b": 49, "c": 1}, {"a": 50, "b": 50}, [(50, 50), (50, 50)]),
    "only rare ones": ({"a": 1, "b": 2}, {"c": 3}, [(3, 3)]),
    "one": ({"a": 7}, {"a": 9}, [(7, 9)]),
}


@pytest.mark.parametrize(("before", "now", "expected"), POOLED.values(), ids=POOLED)
def test_rare_categories_are_one(before: dict[str, int], now: dict[str, int], expected: list[tuple[int, int]]) -> None:
    assert pooled(Counter(before), Counter(now)) == expected


@given(COUNTS, COUNTS)
def test_pooling_loses_no_row(before: Counter[str], now: Counter[str]) -> None:
    pairs = pooled(before, now)
    assert (sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)) == (before.total(), now.total())
    share = min(before.total(), now.total()) / (before.total() + now.total())
    assert len(pairs) == 1 or min(sum(pair) for pair in pairs) * share >= 5


def test_one_category_is_no_distance_and_needs_no_statistics() -> None:
    assert of_categories(["a"] * 30, ["a"] * 20) == Distance(0.0, 1.0)


def normal(seed: int, rows: int, middle: float) -> list[float]:
    source = random.Random(seed)  # noqa: S311 - a sample, not a secret
    return [source.gauss(middle, 1) for _ in range(rows)]


def test_numbers_of_the_same_source_are_near() -> None:
    found = of_numbers(normal(1, 5000, 0), normal(2, 1000, 0))
    assert found.value < 0.06
    assert found.chance > 0.01


def test_numbers_that_moved_are_far() -> None:
    found = of_numbers(normal(1, 5000, 0), normal(2, 1000, 1))
    # Two normal distributions one apart differ by 2 * Phi(1/2) - 1 at most.
    assert found.value == pytest.approx(0.383, abs=0.04)
    assert found.chance < 1e-50


def test_samples_without_a_number_in_common_are_apart_entirely() -> None:
    assert of_numbers([1, 2, 3] * 20, [4, 5] * 30).value == 1


def test_categories_that_moved_are_far() -> None:
    found = of_categories(["a"] * 700 + ["b"] * 300, ["a"] * 350 + ["b"] * 150)
    assert (found.value, found.chance) == (0, 1)
    found = of_categories(["a"] * 700 + ["b"] * 300, ["a"] * 200 + ["b"] * 300)
    assert found.value == pytest.approx(0.3)
    assert found.chance < 1e-20
    few = of_categories(["a"] * 14 + ["b"] * 6, ["a"] * 11 + ["b"] * 9)
    assert few.value == pytest.approx(0.15)
    assert few.chance > 0.1


def test_a_category_that_is_new_shows() -> None:
    found = of_categories(["a"] * 500, ["a"] * 250 + ["b"] * 250)
    assert found.value == 0.5
    assert found.chance < 1e-20
