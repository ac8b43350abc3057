"""How two environments differ: exactly, whatever must differ, in every format."""

import itertools
import json

from graphs import BUCKET, GROUP, QUEUE, graph, made, urn
from mlplatform.preview.graph.environments import Where, compared
from mlplatform.preview.graph.values import shown_path
from mlplatform.preview.reports.comment import LIMIT, Cost
from mlplatform.preview.reports.environments import STATEMENT, rendered

ENTRY = "aws:eks/accessEntry:AccessEntry"
COSTS = (Cost("total", "10.00+", "35.00+"), Cost("jobs", "10.00", "35.00"), Cost("other", "1.00", "1.00"))


def resources(stack, delay, account, **more):
    inside = {"parent": urn("jobs", GROUP), "parents": GROUP}
    return [
        made("jobs", GROUP, inputs={"delay": delay}, options=more.get("options", {})),
        made("jobs-queue", inputs={"name": f"jobs-{stack}", "delaySeconds": delay}, **inside),
        made(f"jobs-role-{account[:3]}", ENTRY, inputs={"principalArn": f"arn:aws:iam::{account}:role/x"}, **inside),
        made("aws", "pulumi:providers:aws", inputs={"allowedAccountIds": [account]}),
        *more.get("extra", ()),
    ]


STAGING = graph(
    *resources("staging", 1, "222222222222", extra=[made("old", BUCKET, inputs={"bucket": "old"})]),
    stack="staging",
    outputs={"delay": 1, "queue": "jobs-staging", "gone": "x"},
    placeholders=[(urn("jobs-queue", QUEUE, GROUP), "id", "jobs-aaaaaaa")],
)
PROD = graph(
    *resources("prod", 5, "333333333333", options={"protect": True}, extra=[made("dead-letters")]),
    stack="prod",
    outputs={"delay": 5, "queue": "jobs-prod"},
    placeholders=[(urn("jobs-queue", QUEUE, GROUP), "id", "jobs-bbbbbbb")],
)


def items(found):
    return [
        (item.where.value, item.component, item.name, [(shown_path(path), a, b) for path, a, b in item.differences])
        for item in found.items
    ]


def test_what_somebody_decided_is_left():
    found = compared(STAGING, PROD)
    assert [(where, component, name) for where, component, name, _ in items(found)] == [
        ("first", "", "old"),
        ("second", "", "dead-letters"),
        ("both", "jobs", "jobs-queue"),
        ("both", "jobs", "jobs"),
    ]
    assert items(found)[2][3] == [("delaySeconds", 1, 5)]
    delay, protect = items(found)[3][3]
    assert (delay, protect[0], protect[2]) == (("delay", 1, 5), "options.protect", True)
    assert [(one.kind, one.first, one.second) for one in found.same] == [
        ("stack", "staging", "prod"),
        ("account", "222222222222", "333333333333"),
        ("generated", "jobs-aaaaaaa", "jobs-bbbbbbb"),
        ("resource", "jobs-role-222", "jobs-role-333"),
    ]
    assert found.alike == 2
    assert [shown_path(path) for path, _, _ in found.outputs] == ["delay", "gone"]


def test_the_other_way_round_it_is_the_same_mirrored():
    there, back = compared(STAGING, PROD), compared(PROD, STAGING)
    turned = {Where.BOTH: Where.BOTH, Where.FIRST: Where.SECOND, Where.SECOND: Where.FIRST}
    assert {(turned[one.where], one.name) for one in there.items} == {(one.where, one.name) for one in back.items}
    assert {(one.kind, one.second, one.first) for one in there.same} == {
        (one.kind, one.first, one.second) for one in back.same
    }


def test_the_order_of_registration_leaves_no_trace():
    given = resources("staging", 1, "222222222222"), resources("prod", 5, "333333333333")
    texts = {
        rendered(compared(graph(*first, stack="staging"), graph(*second, stack="prod")), COSTS, "json")
        for first, second in itertools.product(*(itertools.permutations(one) for one in given))
    }
    assert len(texts) == 1


def test_twins_are_the_only_two_with_their_inputs_at_one_place():
    first = graph(made("a1", inputs={"x": 1}), made("a2", inputs={"x": 2}), made("a3"))
    second = graph(made("b1", inputs={"x": 1}), made("b2", inputs={"x": 1}), made("b3"))
    assert [(item.where.value, item.name) for item in compared(first, second).items] == [
        ("first", "a1"),
        ("first", "a2"),
        ("first", "a3"),
        ("second", "b1"),
        ("second", "b2"),
        ("second", "b3"),
    ]
    second = graph(made("b1", inputs={"x": 1}), made("b2", inputs={"x": 3}))
    assert [item.name for item in compared(first, second).items] == ["a2", "a3", "b2"]


def test_keys_that_hold_a_name_are_compared_too():
    def one(stack, value):
        tags = {f"cluster/ml-{stack}": "owned", "z": value}
        return graph(made("a", inputs={"tags": tags, "policy": json.dumps({"tags": tags})}), stack=stack)

    assert compared(one("staging", 1), one("prod", 1)).items == ()
    assert items(compared(one("staging", 1), one("prod", 2)))[0][3] == [
        ("policy.tags.z", 1, 2),
        ("tags.z", 1, 2),
    ]


def test_two_keys_of_one_mapping_are_never_the_same():
    def one(stack, values):
        return graph(made("a", inputs={"tags": values}), stack=stack)

    both = {"staging": 1, "prod": 2}
    assert compared(one("staging", both), one("prod", both)).items == ()
    assert items(compared(one("staging", both), one("prod", {"staging": 1, "prod": 3})))[0][3] == [("tags.prod", 2, 3)]


def test_who_names_the_other_environments_account_is_named():
    def one(stack, account, image):
        provider = made("aws", "pulumi:providers:aws", inputs={"allowedAccountIds": [account]})
        return graph(
            provider, made("group", GROUP, inputs={"i": image}), made("app", inputs={"image": image}), stack=stack
        )

    first = one("staging", "222222222222", "222222222222.dkr.ecr/app")
    copied = one("prod", "333333333333", "222222222222.dkr.ecr/app")
    swapped = one("staging", "222222222222", "333333333333.dkr.ecr/app")
    assert compared(first, one("prod", "333333333333", "333333333333.dkr.ecr/app")).crossed == ()
    assert compared(first, one("prod", "333333333333", "2222222222220")).crossed == ()
    found = compared(first, copied)
    assert (found.items, [(one.stack, one.name) for one in found.crossed]) == ((), [("prod", "app")])
    assert "\nNames the other environment's account\n  in prod: aws:sqs:Queue  app\n" in rendered(found, (), "text")
    assert "- in `prod`: **app** `aws:sqs:Queue`\n" in rendered(found, (), "markdown")
    assert json.loads(rendered(found, (), "json"))["crossed"] == [
        {"stack": "prod", "urn": urn("app"), "type": QUEUE, "name": "app"}
    ]
    # Both look alike, for each account stands for the other one.
    both = compared(swapped, copied)
    assert (both.items, [one.stack for one in both.crossed]) == ((), ["staging", "prod"])


def test_as_text():
    assert rendered(compared(STAGING, PROD), COSTS, "text") == (
        "proj, staging and prod: 2 differ, 1 only in staging, 1 only in prod; 2 alike\n"
        "Cost a month in USD, expected: 10.00+ and 35.00+\n"
        "\n"
        "directly in the stack\n"
        "  only in staging: aws:s3:Bucket  old\n"
        "  only in prod: aws:sqs:Queue  dead-letters\n"
        "\n"
        "jobs (USD a month: 10.00 and 35.00)\n"
        "  differs: aws:sqs:Queue  jobs-queue\n"
        "    delaySeconds: 1 | 5\n"
        "  differs: x:index:Group  jobs\n"
        "    delay: 1 | 5\n"
        "    options.protect: nothing | true\n"
        "\n"
        "Outputs\n"
        "  delay: 1 | 5\n"
        "  gone: x | nothing\n"
        "\n"
        "Taken for the same\n"
        "  stack: staging = prod\n"
        "  account: 222222222222 = 333333333333\n"
        "  resource: jobs-role-222 = jobs-role-333\n"
        "  generated ids, ARNs and names: 1\n"
        "\n"
        f"{STATEMENT}\n"
    )


def test_as_json():
    document = json.loads(rendered(compared(STAGING, PROD), COSTS, "json"))
    assert (document["first"], document["second"], document["alike"]) == ("staging", "prod", 2)
    assert document["counts"] == {"both": 2, "first": 1, "second": 1}
    assert document["resources"][2] == {
        "where": "both",
        "urn": urn("jobs-queue", QUEUE, GROUP),
        "type": QUEUE,
        "name": "jobs-queue",
        "component": "jobs",
        "differences": [{"path": "delaySeconds", "first": 1, "second": 5}],
    }
    assert document["outputs"] == [{"path": "delay", "first": 1, "second": 5}, {"path": "gone", "first": "x"}]
    assert document["cost"][0] == {"name": "total", "first": "10.00+", "second": "35.00+"}
    assert document["same"][0] == {"kind": "stack", "first": "staging", "second": "prod"}


def test_as_markdown():
    lines = rendered(compared(STAGING, PROD), COSTS, "markdown").splitlines()
    assert lines[:9] == [
        "### `proj`, `staging` and `prod`: 2 differ, 1 only in staging, 1 only in prod",
        "",
        "2 alike.",
        "",
        "| USD a month, expected | staging | prod |",
        "|---|---|---|",
        "| total | 10.00+ | 35.00+ |",
        "| jobs | 10.00 | 35.00 |",
        "",
    ]
    assert "<details><summary>jobs: 2 differ</summary>" in lines
    assert "- differs: **jobs-queue** `aws:sqs:Queue`" in lines
    assert "  - `delaySeconds`: `1` | `5`" in lines
    assert "- account `222222222222` = `333333333333`" in lines
    assert "- generated ids, ARNs and names: 1" in lines


def test_no_differences_are_said():
    same = compared(graph(made("a")), graph(made("a")))
    assert rendered(same, (), "text").startswith("proj, dev and dev: no differences; 1 alike\n")
    outputs = compared(graph(outputs={"a": 1}), graph(outputs={"a": 2}))
    assert rendered(outputs, (), "text").startswith("proj, dev and dev: only outputs differ; 0 alike\n")


def test_secrets_are_neither_compared_nor_shown_beside():
    first = graph(made("a", inputs={"p": "[secret]", "q": "[secret]", "r": {"x": "[secret]", "y": 1}}))
    second = graph(made("a", inputs={"p": "[secret]", "q": "plain"}))
    text = rendered(compared(first, second), (), "text")
    assert "p:" not in text
    assert "    q: [secret] | plain\n" in text
    assert "    r: [secret] | nothing\n" in text


def test_long_texts_are_shown_from_where_they_differ():
    common = "https://fraud-scorer-fraud-scorer.models."
    first, second = (graph(outputs={"url": f"{common}{end}"}) for end in ("one.example.com", "two.example.com"))
    assert "  url: ...er.models.one.example.com | ...er.models.two.example.com\n" in rendered(
        compared(first, second), (), "text"
    )


def test_of_a_text_and_its_beginning_the_end_is_shown():
    first, second = (graph(outputs={"url": "x" * 60 + end}) for end in ("", "/y"))
    assert "  url: ...xxxxxxxxxx | ...xxxxxxxxxx/y\n" in rendered(compared(first, second), (), "text")


def test_nothing_around_a_secret_is_shown():
    first, second = (graph(outputs={"url": f"user:[secret]@{end}"}) for end in ("one", "two"))
    assert "  url: [secret] | [secret]\n" in rendered(compared(first, second), (), "text")


def test_markdown_of_any_size_fits_into_a_comment():
    def many(value):
        inputs = {str(key): value * 30 for key in range(60)}
        return graph(*(made(f"g{at}", f"x:index:Group{at}", inputs=inputs) for at in range(500)))

    costs = [Cost(str(at), "1", "2") for at in range(100)]
    text = rendered(compared(many("x"), many("y")), costs, "markdown")
    assert len(text) < LIMIT
    assert "| and 70 more | | |" in text
    assert "the report of `mlplatform compare` has them all." in text
