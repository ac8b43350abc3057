"""Values that a property should never have: a rule that reads one is undecided, and hides nothing else."""

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judging import by_name, config_of, custom, document, graph_of, judged
from mlplatform.preview.recorder import UNKNOWN
from mlplatform_policies.catalogue import RULES, TOPICS
from mlplatform_policies.model import Findings, Parameters, Rule, StackRule, Subject
from mlplatform_policies.pack import AUDIT, matches, parameters
from policy_cases.table import CASES

Graph = dict[str, Any]
Place = tuple[str | int, ...]
"""Where a value is: the URN of its resource, then its path in the properties."""
BY_ID = {rule.id: rule for rule in RULES}
MISTAKE = "this is a mistake in the policy pack"


class _Object(Mapping[str, Any]):
    """An object that records what is asked of it, also for what it has not."""

    def __init__(self, target: Mapping[str, Any], at: Place, seen: set[Place]) -> None:
        self.target, self.at, self.seen = target, at, seen

    def __getitem__(self, key: str) -> Any:
        self.seen.add((*self.at, key))
        return _watched(self.target[key], (*self.at, key), self.seen)

    def __iter__(self) -> Iterator[str]:
        return iter(self.target)

    def __len__(self) -> int:
        return len(self.target)


class _List(Sequence[Any]):
    """A list that records what is asked of it."""

    def __init__(self, target: Sequence[Any], at: Place, seen: set[Place]) -> None:
        self.target, self.at, self.seen = target, at, seen

    def __getitem__(self, key: Any) -> Any:
        self.seen.add((*self.at, key))
        return _watched(self.target[key], (*self.at, key), self.seen)

    def __len__(self) -> int:
        return len(self.target)


def _watched(value: Any, at: Place, seen: set[Place]) -> Any:
    if isinstance(value, dict):
        return _Object(value, at, seen)
    return _List(value, at, seen) if isinstance(value, list) else value


def _parsed(value: Any) -> Any:
    """A value whose JSON documents are data, so that there are places inside them too."""
    if isinstance(value, dict):
        return {key: item if key == "manifest" else _parsed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_parsed(item) for item in value]
    return json.loads(value, parse_int=float) if isinstance(value, str) and value.startswith(("{", "[{")) else value


@functools.cache
def graph_for(rule_id: str) -> Graph:
    """Everything that a rule passes and fails, related by names alone, so that it reads them."""
    case = CASES[rule_id]
    graph = graph_of(lambda: (case.good(), case.bad()))
    nodes = [node for node in graph["resources"] if node["kind"] not in {"read", "stack"}]
    return {**graph, "resources": [{**node, "inputs": _parsed(node["inputs"]), **ALONE} for node in nodes]}


ALONE: Graph = {"property_dependencies": {}, "dependencies": []}


@functools.cache
def places(rule_id: str) -> tuple[Place, ...]:
    """Everything that a rule reads of resources and providers in its graph, also where they have nothing."""
    rule, seen = BY_ID[rule_id], set[Place]()
    nodes = {node["urn"]: node for node in graph_for(rule_id)["resources"]}

    def subject(urn: str) -> Subject:
        node = nodes[urn]
        props = _Object({**node["outputs"], **node["inputs"]}, (urn,), seen)
        parent = node["parent"] if node["parent"] in nodes else None
        provider = subject(node["provider"]) if node["provider"] in nodes else None
        return Subject(node["type"], node["name"], urn, props, parent=parent, provider=provider)

    subjects, values = [subject(urn) for urn in nodes], parameters(rule, CASES[rule_id].config)
    if isinstance(rule, StackRule):
        list(rule.check(subjects, values))
    else:
        for item in subjects:
            list(rule.check(item, values) if matches(rule, item.kind) else ())
    # One place stands for all of the same path, less numbers, in resources of the same type.
    alike = {
        (nodes[str(urn)]["type"], *(part for part in path if isinstance(part, str))): (urn, *path)
        for urn, *path in sorted(seen, key=str)
    }
    return tuple(sorted(alike.values(), key=str))


ABSENT = object()
KINDS: tuple[Any, ...] = (None, True, 7.5, "computed-policy", ["x"], [{}], {"x": None})
"""A value of every kind."""
JUNK = ("", " ", "computed-policy", "[]", "{", "null", "7", "1e999", "NaN", "-1", "true", "Allow", "*", UNKNOWN)


def wild(keys: Sequence[str]) -> st.SearchStrategy[Any]:
    """Values of every kind and depth, whose objects have these keys, and the same as text of JSON."""
    names = st.sampled_from(keys) | st.text(max_size=5)
    values = st.recursive(
        st.none() | st.booleans() | st.floats(-1e30, 1e30) | st.sampled_from(JUNK) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
        max_leaves=6,
    )
    return st.just(ABSENT) | values | values.map(json.dumps)


def put(value: Any, path: Place, new: Any) -> Any:
    """A value with another one at a path, on the way to which whatever is no object becomes one."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, list) and isinstance(key, int):
        items = [put(item, rest, new) if at == key else item for at, item in enumerate(value)]
        return [item for item in items if item is not ABSENT]
    held = value if isinstance(value, dict) else {}
    changed = {**held, key: put(held.get(key), rest, new)}
    return {name: item for name, item in changed.items() if item is not ABSENT}


def said(rule_id: str, changes: Mapping[Place, Any]) -> list[str]:
    """What a rule says of its graph with other values at these places; only the resources changed if it judges each."""
    rule, graph = BY_ID[rule_id], graph_for(rule_id)
    nodes = {node["urn"]: node for node in graph["resources"]}
    for (urn, *path), new in changes.items():
        sides = ("inputs", "outputs") if path[0] in nodes[urn]["outputs"] else ("inputs",)
        nodes[urn] = {**nodes[urn], **{side: put(nodes[urn][side], tuple(path), new) for side in sides}}
    if isinstance(rule, Rule):
        changed = {place[0] for place in changes}
        nodes = {urn: node for urn, node in nodes.items() if changed & {urn, node["provider"]}}
    config = {AUDIT: "disabled", **({rule_id: dict(CASES[rule_id].config)} if CASES[rule_id].config else {})}
    results = judged({**graph, "resources": [*nodes.values()]}, [rule], config)
    return [result["message"] for result in results]


READING_NOTHING = (
    "child-has-component-parent",
    "ecr-not-public",
    "iam-no-users",
    "nat-gateways-bounded",
    "no-ad-hoc-provider",
    "stateful-protected",
)
"""Rules about names, numbers and options."""
READING = [rule.id for rule in RULES if rule.id not in READING_NOTHING]


@pytest.mark.parametrize("rule_id", READING_NOTHING)
def test_rule_reads_no_property(rule_id: str) -> None:
    assert places(rule_id) == ()


@pytest.mark.parametrize("rule_id", READING)
def test_rule_survives_every_kind_of_value_wherever_it_reads_one(rule_id: str) -> None:
    assert places(rule_id)
    for place in places(rule_id):
        for value in KINDS:
            assert [message for message in said(rule_id, {place: value}) if MISTAKE in message] == [], (place, value)


@pytest.mark.parametrize("topic", TOPICS)
@given(data=st.data())
def test_rules_survive_wild_values(topic: str, data: st.DataObject) -> None:
    rule_id = data.draw(st.sampled_from([rule.id for rule in TOPICS[topic] if rule.id in READING]))
    keys = sorted({"x", *(str(part) for place in places(rule_id) for part in place[1:])})
    where = data.draw(st.lists(st.sampled_from(places(rule_id)), min_size=1, max_size=3, unique=True))
    messages = said(rule_id, {place: data.draw(wild(keys)) for place in where})
    assert [message for message in messages if MISTAKE in message] == []


def bucket(policy: Any) -> None:
    """One whose provider computed a policy, beside another without one."""
    aws.s3.Bucket("computed", policy=policy)
    aws.s3.Bucket("other")


NO_TLS = f"The bucket's policy denies no request without TLS. {BY_ID['s3-tls-only'].fix}"


def test_text_that_is_no_document_hides_nothing_of_other_resources() -> None:
    graph = graph_of(lambda: bucket("computed-policy"))
    results = judged(graph, [BY_ID["s3-tls-only"]])
    assert by_name(graph, results, "finding") == {"other": [NO_TLS]}
    assert by_name(graph, results, "undecided") == {"": ["policy: got text; must be JSON"]}


def test_text_that_is_no_document_hides_no_other_rule() -> None:
    spoilt, whole = graph_of(lambda: bucket("computed-policy")), graph_of(lambda: bucket(document()))
    rest = config_of("prod", **{"s3-tls-only": "disabled"})
    assert len(judged(whole, RULES, rest)) > 10
    assert judged(spoilt, RULES, rest) == judged(whole, RULES, rest)


def test_empty_text_is_no_document_and_not_one_that_cannot_be_read() -> None:
    graph = graph_of(lambda: bucket(""))
    found = by_name(graph, judged(graph, [BY_ID["s3-tls-only"]]), "finding")
    assert found == {"computed": [NO_TLS], "other": [NO_TLS]}


UNREADABLE: list[tuple[str, Callable[[], object], str]] = [
    ("sqs-encrypted", lambda: aws.sqs.Queue("it", sqs_managed_sse_enabled="?"), "got text; must be true or false"),
    ("logs-kms-and-retention", lambda: aws.cloudwatch.LogGroup("it", retention_in_days="?"), "must be a number"),
    ("required-tags", lambda: aws.kms.Key("it", tags="?"), "tags: got text; must be an object"),
    ("eks-version-supported", lambda: aws.eks.Cluster("it", role_arn="", vpc_config={}, version=1.35), "must be text"),
    ("gpu-pool-has-limit", lambda: pool(limits={"nvidia.com/gpu": "?"}), "limits.nvidia.com/gpu: got text; must"),
    ("gpu-pool-has-limit", lambda: pool(limits={"nvidia.com/gpu": "NaN"}), "must be a quantity, such as 8"),
    ("k8s-rbac-no-wildcard", lambda: k8s.rbac.v1.Role("it", rules="?"), "parent of apiGroups: got text; must be an"),
    ("iam-no-admin", lambda: aws.iam.Policy("it", policy="[7]"), "policy: got a list; must be a policy document"),
    ("image-digest", lambda: aws.ecs.TaskDefinition("it", family="f", container_definitions="?"), "must be JSON"),
]


def pool(**spec: Any) -> None:
    custom("it", "karpenter.sh/v1", "NodePool", spec)


@pytest.mark.parametrize(("rule_id", "program", "message"), UNREADABLE)
def test_message_says_which_value_it_is_and_what_it_must_be(
    rule_id: str, program: Callable[[], object], message: str
) -> None:
    (found,) = judged(graph_of(program), [BY_ID[rule_id]])
    assert (found["kind"], found["policy"]) == ("undecided", rule_id)
    assert message in found["message"]


def failing(_: Subject, __: Parameters) -> Findings:
    yield "It is found."
    raise LookupError("hunter2")


FAILING = dataclasses.replace(BY_ID["kms-rotation"], id="failing", check=failing)


def test_rule_with_a_mistake_says_where_hides_no_other_and_shows_no_value() -> None:
    found = judged(graph_of(lambda: aws.kms.Key("key")), [FAILING, BY_ID["kms-rotation"]])
    line = failing.__code__.co_firstlineno + 2
    assert [(item["policy"], item["kind"], item["message"]) for item in found] == [
        ("failing", "finding", f"It is found. {FAILING.fix}"),
        ("failing", "undecided", f"the rule fails with LookupError in test_unreadable.py, line {line}; {MISTAKE}"),
        ("kms-rotation", "finding", f"The key's material never rotates. {FAILING.fix}"),
    ]
