"""The recorded graph: loading, bytes, tree and dependencies."""

import json

from mlplatform.preview.graph.model import Frame, Graph, Lookup, Placeholder, Problem, Resource

STACK = "urn:pulumi:dev::proj::pulumi:pulumi:Stack::proj-dev"


def node(name, type_="aws:sqs/queue:Queue", *, parent=STACK, **fields):
    """A node as the recorder writes it."""
    plain = {
        "urn": f"urn:pulumi:dev::proj::{type_}::{name}",
        "type": type_,
        "name": name,
        "kind": "component" if ":index:" in type_ else "custom",
        "parent": parent,
        "inputs": {},
        "outputs": {},
        "id": None,
        "provider": None,
        "dependencies": [],
        "property_dependencies": {},
        "options": {},
        "leaf": None,
        "source": None,
    }
    return {**plain, **fields}


def urn(name, type_="aws:sqs/queue:Queue"):
    return f"urn:pulumi:dev::proj::{type_}::{name}"


def document(*nodes, **fields):
    """A graph as the recorder writes it."""
    stack = node("proj-dev", "pulumi:pulumi:Stack", parent=None, kind="stack")
    plain = {
        "schema": 1,
        "project": "proj",
        "stack": "dev",
        "strict_unknowns": False,
        "status": "ok",
        "error": None,
        "unanswered": [],
        "outputs": {},
        "packages": {"aws": ["7.51.1"]},
        "resources": sorted([stack, *nodes], key=lambda one: one["urn"]),
        "placeholders": [],
    }
    return {**plain, **fields}


def graph(*nodes, **fields) -> Graph:
    return Graph.of(document(*nodes, **fields))


A, B = urn("a", "x:index:Group"), urn("b", "x:index:Group")


def two_groups(**of_b) -> Graph:
    """Two components of two queues each; `b` with the given fields."""
    return graph(
        node("a", "x:index:Group"),
        node("a1", parent=A),
        node("a2", parent=A),
        node("b", "x:index:Group", **of_b),
        node("b1", parent=B),
        node("b2", parent=B, dependencies=[urn("b1")]),
    )


def test_json_is_the_recorders_document_without_what_is_of_the_run_only():
    given = document(
        node(
            "q",
            inputs={"name": "q", "tags": {"b": "é", "a": [1, None, True, 1.5]}},
            outputs={"arn": "arn:aws:sqs:::q"},
            id="q",
            provider=urn("p", "pulumi:providers:aws"),
            dependencies=[urn("a")],
            property_dependencies={"name": [urn("a")]},
            options={"protect": True, "aliases": [{"name": "old"}]},
            leaf="why",
            source={"file": "__main__.py", "line": 3},
        ),
        node("a"),
        outputs={"url": "[unknown]"},
        placeholders=[{"value": "arn:aws:sqs:::q", "urn": urn("q"), "property": "arn"}],
    )
    text = Graph.of(given).to_json()
    expected = {key: value for key, value in given.items() if key not in ("status", "error", "unanswered")}
    expected["resources"] = [{**item, "waits_for": []} for item in given["resources"]]
    assert text == json.dumps(expected, indent=2, sort_keys=True) + "\n"
    assert Graph.of(json.loads(text)).to_json() == text


def test_the_outcome_of_a_run_is_loaded():
    loaded = graph(
        status="failed",
        error={"message": "ValueError: x", "frames": [{"file": "a.py", "line": 1, "function": "f", "code": "g()"}]},
        unanswered=[
            {
                "token": "aws:ssm/getParameter:getParameter",
                "args": {"name": "/x"},
            },
            {"token": "t", "args": {}},
        ],
        placeholders=[{"value": "v", "urn": "u", "property": "id"}],
    )
    assert loaded.status == "failed"
    assert loaded.error == Problem("ValueError: x", (Frame("a.py", 1, "f", "g()"),))
    assert loaded.unanswered == (
        Lookup("aws:ssm/getParameter:getParameter", {"name": "/x"}),
        Lookup("t", {}),
    )
    assert loaded.placeholders == (Placeholder("v", "u", "id"),)


def test_the_tree():
    found = two_groups()
    assert [one.name for one in found.roots()] == ["a", "b"]
    assert [one.name for one in found.children(A)] == ["a1", "a2"]
    assert {one.name for one in found.descendants(STACK)} == {"a", "a1", "a2", "b", "b1", "b2"}
    assert [one.urn for one in found.ancestors(urn("a1"))] == [A, STACK]
    assert found.children(urn("a1")) == ()
    assert found.by_urn[A].name == "a"


def test_a_resource_without_a_stack_is_a_root():
    alone = Graph("proj", "dev", resources=(Resource("urn:x", "aws:sqs/queue:Queue", "q", "custom"),))
    assert [one.name for one in alone.roots()] == ["q"]


def test_counts_leave_out_the_stack():
    found = two_groups()
    assert found.counts_by_type() == {"aws:sqs/queue:Queue": 4, "x:index:Group": 2}
    assert found.counts_by_kind() == {"component": 2, "custom": 4}
    assert found.counts_by_package() == {"aws": 4, "x": 2}


def test_own_dependencies():
    assert two_groups().dependencies(urn("b2")) == {urn("b1")}


def test_children_inherit_what_their_component_depends_on_and_a_component_means_all_inside():
    found = two_groups(dependencies=[A])
    assert found.dependencies(B) == {A, urn("a1"), urn("a2")}
    assert found.dependencies(urn("b1")) == {A, urn("a1"), urn("a2")}
    assert found.dependencies(urn("b2")) == {A, urn("a1"), urn("a2"), urn("b1")}
    assert found.dependencies(urn("a1")) == frozenset()
    waits = {item["urn"]: item["waits_for"] for item in json.loads(found.to_json())["resources"]}
    assert {one for one, waiting in waits.items() if waiting} == {urn("b1"), urn("b2")}
    assert waits[urn("b1")] == waits[urn("b2")] == [A]


def test_children_inherit_what_comes_from_their_components_arguments():
    found = two_groups(dependencies=[urn("a1")], property_dependencies={"url": [urn("a1")]})
    assert found.dependencies(B) == {urn("a1")}
    assert found.dependencies(urn("b1")) == {urn("a1")}
