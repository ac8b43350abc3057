"""What a change does to each resource: actions, renames, replacements and what follows from them."""

import itertools
import json

import pulumi
import pulumi_aws as aws
import pytest

from graphs import BUCKET, GROUP, QUEUE, TABLE, graph, made, urn
from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.change import Action
from mlplatform.preview.graph.diff import compare
from mlplatform.preview.graph.model import Graph
from mlplatform.preview.graph.values import MISSING
from mlplatform.preview.reports.changes import danger
from recorded import record

ALL_ANEW = {"old": "delete", "old-queue": "delete", "new": "create", "new-queue": "create"}
AWS, K8S = "pulumi:providers:aws", "pulumi:providers:kubernetes"


def actions(diff):
    return {step.name: step.action.value for step in diff.steps}


def changes(diff, name):
    (step,) = [step for step in diff.steps if step.name == name]
    return [(change.name, change.before, change.after, change.effect.value) for change in step.changes]


def only(diff):
    (step,) = diff.steps
    return step


def test_nothing_changes():
    same = graph(made("a"), made("b", inputs={"x": "[secret]", "y": "[unknown]"}), outputs={"o": 1})
    diff = compare(same, same)
    assert (diff.empty, diff.unchanged, diff.steps, diff.outputs) == (True, 2, (), ())
    assert set(diff.counts.values()) == {0}


def test_created_updated_replaced_deleted():
    before = graph(
        made("gone"),
        made("kept", inputs={"name": "k"}),
        made("longer", inputs={"visibilityTimeoutSeconds": 30}),
        made("other", inputs={"fifoQueue": False, "delaySeconds": 1}),
    )
    after = graph(
        made("kept", inputs={"name": "k"}),
        made("longer", inputs={"visibilityTimeoutSeconds": 60}),
        made("new"),
        made("other", inputs={"fifoQueue": True, "delaySeconds": 1}),
    )
    diff = compare(before, after)
    assert actions(diff) == {"gone": "delete", "other": "replace", "new": "create", "longer": "update"}
    assert changes(diff, "longer") == [("visibilityTimeoutSeconds", 30, 60, "update")]
    assert changes(diff, "other") == [("fifoQueue", False, True, "replace")]
    assert diff.unchanged == 1
    assert diff.counts == {"delete": 1, "replace": 1, "may-replace": 0, "create": 1, "update": 1, "rename": 0}
    assert [step.name for step in diff.losses] == ["gone", "other"]


def test_the_order_of_registration_leaves_no_trace():
    before = [made("a"), made("b", inputs={"fifoQueue": False}), made("c", inputs={"delaySeconds": 1})]
    after = [made("b", inputs={"fifoQueue": True}), made("c"), made("d")]
    texts = {
        compare(graph(*one), graph(*other)).to_json()
        for one in itertools.permutations(before)
        for other in itertools.permutations(after)
    }
    assert len(texts) == 1


def test_what_is_only_read_is_neither_created_nor_deleted():
    read = made("vpc", "aws:ec2/vpc:Vpc", kind="read", id="vpc-1")
    assert compare(graph(read), graph()).empty
    assert compare(graph(), graph(read)).empty


def test_a_component_is_where_its_resources_are_counted():
    group = made("group", GROUP, inputs={"size": 1})
    inner = made("group-inner", GROUP, parent=group.urn, parents=GROUP)
    queue = made("group-inner-queue", parent=inner.urn, parents=f"{GROUP}${GROUP}")
    diff = compare(graph(), graph(group, inner, queue, made("alone")))
    assert {component: [s.name for s in steps] for component, steps in diff.by_component.items()} == {
        "": ["alone"],
        "group": ["group-inner-queue", "group-inner", "group"],
    }
    grown = made("group", GROUP, inputs={"size": 2})
    assert changes(compare(graph(group), graph(grown)), "group") == [("size", 1, 2, "update")]


def test_outputs_are_compared():
    diff = compare(graph(outputs={"a": 1, "b": {"c": 2}}), graph(outputs={"b": {"c": 3}, "d": 4}))
    assert [(one.name, one.before, one.after) for one in diff.outputs] == [
        ("a", 1, MISSING),
        ("b.c", 2, 3),
        ("d", MISSING, 4),
    ]
    assert not diff.empty


def test_graphs_with_and_without_placeholders_are_not_compared():
    with pytest.raises(BadInput) as refused:
        compare(graph(strict=True), graph())
    assert str(refused.value) == (
        "of the two graphs the former was recorded with --strict-unknowns and the latter without, so no id in them is "
        "the same; record both alike"
    )


# --- renames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "alias"),
    [
        (made("old"), {"name": "old"}),
        (made("old"), {"urn": urn("old")}),
        (made("new", "aws:sqs/oldQueue:OldQueue"), {"type": "aws:sqs/oldQueue:OldQueue"}),
        (made("old"), {"name": "old", "stack": "dev", "project": "proj"}),
    ],
)
def test_an_alias_is_a_rename(before, alias):
    step = only(compare(graph(before), graph(made("new", options={"aliases": [alias]}))))
    assert (step.action, step.was, step.urn, step.changes) == (Action.RENAME, before.urn, urn("new"), ())


def test_without_an_alias_it_is_another_resource_and_the_author_is_told():
    before, after = (
        graph(made("old", TABLE, inputs={"hashKey": "k"})),
        graph(made("new", TABLE, inputs={"hashKey": "k"})),
    )
    diff = compare(before, after)
    assert actions(diff) == {"old": "delete", "new": "create"}
    assert diff.losses[0].hint == (
        f'new comes with the same inputs; if it is the same, give it aliases=["{urn("old", TABLE)}"]'
    )


def test_no_hint_where_several_may_be_meant_or_nothing_is_lost():
    two = graph(made("x", TABLE), made("y", TABLE))
    assert compare(graph(made("old", TABLE)), two).losses[0].hint == ""
    role = "aws:iam/role:Role"
    assert {step.hint for step in compare(graph(made("old", role)), graph(made("new", role))).steps} == {""}


def test_a_resource_that_was_in_no_component():
    group = made("group", GROUP)
    moved = made("queue", parent=group.urn, parents=GROUP, options={"aliases": [{"no_parent": True}]})
    diff = compare(graph(made("queue")), graph(group, moved))
    assert actions(diff) == {"group": "create", "queue": "rename"}


def test_a_resource_that_was_in_another_component():
    old, new = made("old", GROUP), made("new", GROUP)
    alias = {"parent": old.urn}
    before = graph(old, new, made("queue", parent=old.urn, parents=GROUP))
    after = graph(old, new, made("queue", parent=new.urn, parents=GROUP, options={"aliases": [alias]}))
    # Both components have one type, so nothing of the parent is in the URN: it is the same one.
    assert compare(before, after).empty


def test_the_children_of_a_renamed_component_are_renamed_with_it():
    old, new = made("old", GROUP), made("new", GROUP, options={"aliases": [{"name": "old"}]})
    before = graph(
        old,
        made("old-queue", parent=old.urn, parents=GROUP),
        made("fixed", parent=old.urn, parents=GROUP),
    )
    after = graph(
        new,
        made("new-queue", parent=new.urn, parents=GROUP),
        made("fixed", parent=new.urn, parents=GROUP),
    )
    diff = compare(before, after)
    assert actions(diff) == {"new": "rename", "new-queue": "rename"}
    assert {step.name: step.was for step in diff.steps} == {
        "new": old.urn,
        "new-queue": urn("old-queue", parents=GROUP),
    }


def test_grandchildren_and_a_childs_own_alias_follow_a_component_of_another_type():
    other = "x:index:Former"
    old, new = made("g", other), made("g", GROUP, options={"aliases": [{"type": other}]})
    inner_old = made("g-in", GROUP, parent=old.urn, parents=other)
    inner_new = made("g-in", GROUP, parent=new.urn, parents=GROUP)
    before = graph(old, inner_old, made("g-in-was", parent=inner_old.urn, parents=f"{other}${GROUP}"))
    after = graph(
        new,
        inner_new,
        made("g-in-is", parent=inner_new.urn, parents=f"{GROUP}${GROUP}", options={"aliases": [{"name": "g-in-was"}]}),
    )
    assert actions(compare(before, after)) == {"g": "rename", "g-in": "rename", "g-in-is": "rename"}


def test_an_alias_that_is_no_longer_needed_hands_nothing_down():
    group = made("new", GROUP, options={"aliases": [{"name": "old"}]})
    queue = made("new-queue", parent=group.urn, parents=GROUP)
    stranger = made("old-queue", parent=group.urn, parents=GROUP)
    diff = compare(graph(group, stranger), graph(group, queue))
    assert actions(diff) == {"old-queue": "delete", "new-queue": "create"}


def test_what_has_a_urn_of_its_own_is_nobodys_past():
    claims = {"aliases": [{"name": "b"}]}
    diff = compare(graph(made("b")), graph(made("a", options=claims), made("b")))
    assert actions(diff) == {"a": "create"}
    diff = compare(graph(made("b")), graph(made("a1", options=claims), made("a2", options=claims)))
    assert actions(diff) == {"a1": "rename", "a2": "create"}


def test_ids_of_a_renamed_resource_are_no_changes_elsewhere():
    def policy(name):
        arn = f"arn:aws:sqs:::{name}"
        document = json.dumps({"Resource": [arn, f"{arn}/x"]})
        of = {"policy": (urn(name),)}
        inputs = {"policy": document}
        return made("policy", "aws:sqs/queuePolicy:QueuePolicy", inputs=inputs, property_dependencies=of), arn

    (old, old_arn), (new, new_arn) = policy("old"), policy("new")
    before = graph(made("old"), old, placeholders=[(urn("old"), "arn", old_arn)], outputs={"arn": f"{old_arn}!"})
    after = graph(
        made("new", options={"aliases": [{"name": "old"}]}),
        new,
        placeholders=[(urn("new"), "arn", new_arn)],
        outputs={"arn": f"{new_arn}!"},
    )
    diff = compare(before, after)
    assert actions(diff) == {"new": "rename"}
    assert diff.outputs == ()


def test_stacks_of_one_program_can_be_compared():
    def stack(name, size):
        found = graph(made("a", inputs={"delaySeconds": size}), stack=name)
        moved = [type(one)(**{**vars(one), "urn": one.urn.replace(":dev:", f":{name}:")}) for one in found.resources]
        return type(found)(**{**vars(found), "resources": tuple(moved)})

    assert changes(compare(stack("staging", 1), stack("prod", 2)), "a") == [("delaySeconds", 1, 2, "update")]
    assert compare(stack("staging", 1), stack("prod", 1)).empty


class Group(pulumi.ComponentResource):
    """A component with one queue."""

    def __init__(self, name, type_=GROUP, opts=None, queue=None):
        super().__init__(type_, name, {}, opts)
        aws.sqs.Queue(f"{name}-queue", opts=pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=self), queue))
        self.register_outputs({})


def recorded_graph(program):
    """The graph of a program, with aliases as Pulumi registers them."""
    return Graph.of(record(program).raw)


def aliased(**alias):
    return pulumi.ResourceOptions(aliases=[pulumi.Alias(**alias)])


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            lambda: Group("old"),
            lambda: Group("new", opts=aliased(name="old")),
            {"new": "rename", "new-queue": "rename"},
        ),
        (
            lambda: Group("g", "x:index:Former"),
            lambda: Group("g", opts=aliased(type_="x:index:Former")),
            {"g": "rename", "g-queue": "rename"},
        ),
        (
            lambda: aws.sqs.Queue("loose"),
            lambda: Group("g", queue=aliased(name="loose", parent=None)),
            {"g": "create", "g-queue": "rename"},
        ),
        (
            lambda: Group("old", queue=None),
            lambda: Group("new", opts=aliased(name="old"), queue=aliased(name="older")),
            {"new": "rename", "new-queue": "rename"},
        ),
        (
            lambda: aws.sqs.Queue("loose"),
            lambda: Group("g", queue=pulumi.ResourceOptions(aliases=[f"urn:pulumi:test::tests::{QUEUE}::loose"])),
            {"g": "create", "g-queue": "rename"},
        ),
        (lambda: Group("old"), lambda: Group("new"), ALL_ANEW),
    ],
)
def test_aliases_as_pulumi_registers_them(before, after, expected):
    assert actions(compare(recorded_graph(before), recorded_graph(after))) == expected


# --- options ---------------------------------------------------------------------------------------------------------


def test_ignored_properties_do_not_change():
    def with_(value, **more):
        options = {"ignore_changes": ["tags.a", "spec.containers[*].image"]}
        inputs = {"tags": {"a": value}, "spec": {"containers": [{"image": value}]}, **more}
        return made("q", inputs=inputs, options=options)

    assert compare(graph(with_(1)), graph(with_(2))).empty
    assert changes(compare(graph(with_(1)), graph(with_(2, delaySeconds=3))), "q") == [
        ("delaySeconds", MISSING, 3, "update")
    ]


def test_replace_on_changes_and_a_trigger_replace():
    options = {"replace_on_changes": ["delaySeconds"]}
    diff = compare(
        graph(made("q", inputs={"delaySeconds": 1})), graph(made("q", inputs={"delaySeconds": 2}, options=options))
    )
    assert only(diff).action is Action.REPLACE
    assert only(diff).forced_by == ("delaySeconds",)
    before, after = (graph(made("q", options={"replacement_trigger": at})) for at in (1, 2))
    assert changes(compare(before, after), "q") == [("options.replacement_trigger", 1, 2, "replace")]


def test_protection_that_is_taken_away_is_a_danger_and_no_loss():
    diff = compare(graph(made("q", options={"protect": True})), graph(made("q", options={"protect": False})))
    assert changes(diff, "q") == [("options.protect", True, False, "update")]
    assert (diff.dangers, diff.losses) == (diff.steps, ())
    assert not compare(graph(made("q")), graph(made("q", options={"protect": True}))).dangers
    assert compare(graph(made("q")), graph(made("q", options={"protect": False}))).empty
    role = "aws:iam/role:Role"
    assert not compare(graph(made("r", role, options={"protect": True})), graph(made("r", role))).dangers


def test_dangers_come_worst_first_and_say_how_the_resource_was_guarded():
    guarded = {"protect": True, "retain_on_delete": True}
    before = graph(
        made("gone", BUCKET, options=guarded),
        made("keyed", TABLE, inputs={"hashKey": "a"}),
        made("maybe", TABLE, inputs={"attributes": [{"type": "S"}]}),
        made("open", options={"protect": True}),
    )
    after = graph(
        made("keyed", TABLE, inputs={"hashKey": "b"}),
        made("maybe", TABLE, inputs={"attributes": [{"type": "N"}]}),
        made("open"),
    )
    diff = compare(before, after)
    assert [step.name for step in diff.dangers] == ["gone", "keyed", "maybe", "open"]
    assert [step.name for step in diff.losses] == ["gone", "keyed"]
    assert (diff.dangers[0].protected, diff.dangers[0].retained) == (True, True)
    assert (diff.dangers[1].protected, diff.dangers[1].retained) == (False, False)
    assert diff.dangers[2].forced_by == ("attributes[0].type",)


# --- providers and regions -------------------------------------------------------------------------------------------


def in_region(region, **fields):
    provider = made("aws", AWS, inputs={"region": region})
    return graph(
        provider,
        made("table", TABLE, provider=provider.urn, **fields),
        made("role", "aws:iam/role:Role", provider=provider.urn),
    )


def test_another_region_replaces_what_lives_in_it():
    diff = compare(in_region("eu-west-1"), in_region("us-east-1"))
    assert actions(diff) == {"aws": "update", "table": "replace"}
    assert changes(diff, "table") == [("region", "eu-west-1", "us-east-1", "replace")]
    own = compare(
        in_region("eu-west-1", inputs={"region": "eu-west-1"}), in_region("x", inputs={"region": "eu-west-2"})
    )
    assert changes(own, "table") == [("region", "eu-west-1", "eu-west-2", "replace")]
    assert actions(compare(in_region("a", inputs={"region": "r"}), in_region("b", inputs={"region": "r"}))) == {
        "aws": "update"
    }


def cluster(identifier, name="k8s", **options):
    provider = made(name, K8S, inputs={"clusterIdentifier": identifier}, options=options)
    return graph(provider, made("ns", "kubernetes:core/v1:Namespace", provider=provider.urn))


def test_a_replaced_provider_replaces_all_that_it_manages():
    diff = compare(cluster("a"), cluster("b"))
    assert actions(diff) == {"k8s": "replace", "ns": "replace"}
    (change,) = next(step for step in diff.steps if step.name == "ns").changes
    assert (change.name, change.note) == ("provider", "k8s is replaced")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (cluster("a"), cluster("a", "new", aliases=[{"name": "k8s"}]), {"new": "rename"}),
        (cluster("a"), cluster("a", "new"), {"k8s": "delete", "new": "create", "ns": "update"}),
        (cluster("a"), cluster("b", "new"), {"k8s": "delete", "new": "create", "ns": "replace"}),
        (
            cluster("a"),
            graph(made("ns", "kubernetes:core/v1:Namespace")),
            {"k8s": "delete", "ns": "may-replace"},
        ),
    ],
)
def test_another_provider(before, after, expected):
    assert actions(compare(before, after)) == expected


def test_other_settings_of_an_aws_provider_may_be_another_account():
    def managed(name, **inputs):
        provider = made(name, AWS, inputs=inputs)
        return graph(provider, made("q", provider=provider.urn))

    assert actions(compare(managed("a", profile="x"), managed("b", profile="y")))["q"] == "may-replace"


# --- what follows ----------------------------------------------------------------------------------------------------


def network(cidr, *, fresh="vpc-0a1b"):
    vpc = made("vpc", "aws:ec2/vpc:Vpc", inputs={"cidrBlock": cidr})
    subnet = made(
        "subnet",
        "aws:ec2/subnet:Subnet",
        inputs={"vpcId": fresh, "cidrBlock": "10.0.0.0/24"},
        property_dependencies={"vpcId": (vpc.urn,)},
    )
    subnets = made(
        "nodes",
        "aws:eks/nodeGroup:NodeGroup",
        inputs={"subnetIds": ["subnet-9"]},
        property_dependencies={"subnetIds": (subnet.urn,)},
    )
    tag = made(
        "logs",
        "aws:cloudwatch/logGroup:LogGroup",
        inputs={"tags": {"vpc": f"of {fresh}"}},
        property_dependencies={"tags": (vpc.urn,)},
    )
    placeholders = [(vpc.urn, "id", fresh), (subnet.urn, "id", "subnet-9")]
    return graph(vpc, subnet, subnets, tag, placeholders=placeholders)


def test_who_uses_an_id_that_is_another_one_afterwards_changes_too():
    diff = compare(network("10.0.0.0/16"), network("10.1.0.0/16"))
    assert actions(diff) == {"vpc": "replace", "subnet": "replace", "nodes": "replace", "logs": "update"}
    assert changes(diff, "nodes") == [("subnetIds[0]", MISSING, MISSING, "replace")]
    assert changes(diff, "logs") == [("tags.vpc", MISSING, MISSING, "update")]
    (note,) = [change.note for step in diff.steps if step.name == "subnet" for change in step.changes]
    assert note == "it comes from vpc, which is replaced"


def test_an_id_that_follows_from_an_input_stays():
    def named(fifo):
        queue = made("q", inputs={"name": "jobs", "fifoQueue": fifo})
        policy = made(
            "p",
            "aws:sqs/queuePolicy:QueuePolicy",
            inputs={"queueUrl": "https://sqs/jobs"},
            property_dependencies={"queueUrl": (queue.urn,)},
        )
        return graph(queue, policy, placeholders=[(queue.urn, "id", "https://sqs/jobs")])

    assert actions(compare(named(False), named(True))) == {"q": "replace"}


def test_what_is_made_anew_is_not_also_replaced():
    before = graph(made("vpc", "aws:ec2/vpc:Vpc", inputs={"cidrBlock": "10.0.0.0/16"}))
    assert actions(compare(before, network("10.1.0.0/16")))["subnet"] == "create"


def test_what_is_to_be_replaced_with_another_is():
    def pair(fifo):
        return graph(made("q", inputs={"fifoQueue": fifo}), made("r", options={"replace_with": [urn("q")]}))

    assert actions(compare(pair(False), pair(True))) == {"q": "replace", "r": "replace"}


# --- as data ---------------------------------------------------------------------------------------------------------


def test_the_difference_as_json():
    before = graph(made("q", inputs={"fifoQueue": False}), outputs={"url": "a"})
    after = graph(made("q", inputs={"fifoQueue": True}), outputs={"url": "b"})
    assert json.loads(compare(before, after).to_json()) == {
        "schema": 1,
        "project": "proj",
        "stack": "dev",
        "counts": {"create": 0, "delete": 0, "may-replace": 0, "rename": 0, "replace": 1, "update": 0},
        "unchanged": 0,
        "dangers": [urn("q")],
        "losses": [urn("q")],
        "steps": [
            {
                "action": "replace",
                "urn": urn("q"),
                "was": None,
                "type": QUEUE,
                "name": "q",
                "component": "",
                "changes": [{"path": "fifoQueue", "effect": "replace", "before": False, "after": True}],
                "forced_by": ["fifoQueue"],
                "loses": "its messages",
                "loss": True,
                "protected": False,
                "retained": False,
                "hint": "",
            }
        ],
        "outputs": [{"path": "url", "effect": "update", "before": "a", "after": "b"}],
    }


def test_what_changes_inside_a_document_changes_the_property_that_holds_it():
    role = "aws:iam/role:Role"
    before, after = (
        graph(made("role", role, inputs={"assumeRolePolicy": json.dumps({"Statement": [{"Action": action}]})}))
        for action in ("sts:AssumeRole", "sts:TagSession")
    )
    step = only(compare(before, after))
    assert step.action is Action.UPDATE
    assert [change.name for change in step.changes] == ["assumeRolePolicy.Statement[0].Action"]


def test_what_is_protected_is_dangerous_even_where_it_holds_nothing():
    alias = made("alias", "aws:kms/alias:Alias", options={"protect": True})
    diff = compare(graph(alias), graph())
    assert [(step.name, step.refused, step.loss) for step in diff.dangers] == [("alias", True, False)]
    assert danger(diff.dangers[0]) == "is deleted; it was protected, and the engine refuses as long as it is"
