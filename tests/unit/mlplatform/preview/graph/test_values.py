"""How two values differ, and how a path is written and read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.preview.graph.values import MISSING, differences, parsed_path, shown_path, within

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab\n{", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab.", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "limits", "nvidia.com/gpu"), 'spec.limits["nvidia.com/gpu"]'),
        (("subnetIds", 0), "subnetIds[0]"),
        (("a", 1, "b-c"), "a[1].b-c"),
        (('say "x"',), '["say \\"x\\""]'),
        ((), ""),
    ],
)
def test_a_path_is_written_as_pulumi_writes_it_and_read_again(path, text):
    assert shown_path(path) == text
    assert parsed_path(text) == path


def test_a_star_stands_for_any_step():
    assert parsed_path("spec.containers[*].image") == ("spec", "containers", "*", "image")
    assert within(("spec", "containers", 3, "image"), parsed_path("spec.containers[*].image"))
    assert within(("spec", "replicas"), ("spec",))
    assert not within(("spec",), ("spec", "replicas"))
    assert not within(("spec", "replicas"), ("spec", "paused"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}, [(("b", "c"), 2, 3)]),
        ({"a": 1}, {"b": None}, [(("a",), 1, MISSING), (("b",), MISSING, None)]),
        ([1, 2, 3], [0, 1, 2, 3], [((0,), MISSING, 0)]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 3}], [((1, "a"), 2, 3)]),
        ([1, 2, 3], [3], [((0,), 1, MISSING), ((1,), 2, MISSING)]),
        (
            '{"Statement": [{"Action": "a"}]}',
            '{"Statement": [{"Action": "b"}]}',
            [(("Statement", 0, "Action"), "a", "b")],
        ),
        ('{"a": 1}', '{"a":1}', [((), '{"a": 1}', '{"a":1}')]),
        ("{not json", "{not", [((), "{not json", "{not")]),
        ("a\nb\nc", "a\nx\nc", [(("line 2",), "b", "x")]),
        ("a\nb", "a\nb\nc", [(("line 3",), MISSING, "c")]),
        (True, 1, [((), True, 1)]),
        ([{}, True, {}], [{}, 1, {}], [((1,), True, 1)]),
        ({"a": [0]}, {"a": [False]}, [(("a", 0), 0, False)]),
        (1, 1.0, []),
        ({"a": []}, {"a": {}}, [(("a",), [], {})]),
        ("x", "x", []),
    ],
)
def test_where_values_differ(before, after, expected):
    assert list(differences(before, after)) == expected


@given(JSON, JSON)
def test_values_differ_somewhere_if_and_only_if_they_are_not_equal(before, after):
    unequal = json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True)
    assert bool(list(differences({"x": before}, {"x": after}))) == unequal
