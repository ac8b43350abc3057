"""The comment on a pull request: what it shows, in which order, below the limit whatever comes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs import BUCKET, GROUP, TABLE, graph, made, urn
from mlplatform.preview.graph.change import Action, Change, Diff, Step
from mlplatform.preview.graph.diff import compare
from mlplatform.preview.graph.replacements import Effect
from mlplatform.preview.reports import changes, comment
from mlplatform.preview.reports.comment import LIMIT, Cost, Finding, Findings, code, compared, marker, render, text

GROUP_A = made("group", GROUP)


def inside(name, type_=TABLE, **fields):
    return made(name, type_, parent=GROUP_A.urn, parents=GROUP, **fields)


CHANGED = compare(
    graph(
        GROUP_A,
        made("gone", BUCKET, options={"protect": True, "retain_on_delete": True}),
        inside("rows", inputs={"hashKey": "a"}),
        inside("sized", inputs={"readCapacity": 1}),
        outputs={"url": "a"},
    ),
    graph(
        GROUP_A,
        inside("new", "aws:iam/role:Role"),
        inside("rows", inputs={"hashKey": "b"}),
        inside("sized", inputs={"readCapacity": 2, "secret": "[secret]"}),
        outputs={"url": "b"},
    ),
)
NOTHING = compare(graph(), graph())
COMMENT = """\
<!-- mlplatform:dev -->
### `proj`, stack `dev`: 1 deleted, 1 replaced, 1 created, 1 updated

Compared with `main`.

| | |
|---|---|
| changes | 1 deleted, 1 replaced, 1 created, 1 updated; 1 unchanged |
| **dangers** | **2 lost, 0 more at risk** |
| cost, USD a month | 10.00 → 12.50+ |
| policy findings | 1 new, 1 fixed, 0 still there |

#### What would be lost or is at risk

- **gone** (`aws:s3:Bucket`) is deleted, with its objects; it was protected, and the engine refuses as long as it is; \
it was retained, and stays without being managed  `urn:pulumi:dev::proj::aws:s3/bucket:Bucket::gone`
- **rows** (`aws:dynamodb:Table`) is replaced, losing its items, for hashKey  \
`urn:pulumi:dev::proj::x:index:Group$aws:dynamodb/table:Table::rows`

#### New policy findings

- mandatory `no-star` role: allows \\*

<details><summary>Fixed policy findings</summary>

- advisory `old` rows: was bad

</details>

<details><summary>Cost by component, USD a month</summary>

| | before | after |
|---|---|---|
| group | 4.00 | 6.50+ |

</details>

<details><summary>directly in the stack: 1 deleted</summary>

- deleted: **gone** `aws:s3:Bucket`

</details>

<details><summary>group: 1 replaced, 1 created, 1 updated</summary>

- replaced: **rows** `aws:dynamodb:Table`
  - `hashKey`: `a` → `b`
- created: **new** `aws:iam:Role`
- updated: **sized** `aws:dynamodb:Table`
  - `readCapacity`: `1` → `2`
  - `secret`: nothing → `[secret]`

</details>

<details><summary>Stack outputs</summary>

- `url`: `a` → `b`

</details>


- requirements/dev.txt differs

This is offline: both programs ran against mocks, with no credentials. Secrets are not compared. What exists, and \
what a provider decides, only `pulumi preview` knows.
"""
FINDINGS = Findings(
    new=(Finding("mandatory", "no-star", "role", "allows *"),), fixed=(Finding("advisory", "old", "rows", "was bad"),)
)


def test_the_whole_comment():
    costs = [Cost("total", "10.00", "12.50+"), Cost("group", "4.00", "6.50+"), Cost("same", "6.00", "6.00")]
    assert render(
        CHANGED, against="main", costs=costs, findings=FINDINGS, notes=["requirements/dev.txt differs"]
    ) == COMMENT  # fmt: skip


def test_a_change_that_is_none():
    found = render(NOTHING)
    assert "### `proj`, stack `dev`: no changes\n" in found
    assert "| changes | no changes; 0 unchanged |" in found
    assert "<details>" not in found
    assert "dangers" not in found


def test_only_outputs_change():
    assert changes.headline(compare(graph(outputs={"a": 1}), graph())) == "only outputs change"


def test_the_change_as_text():
    assert changes.as_text(CHANGED, "main") == (
        "proj, stack dev, against main: 1 deleted, 1 replaced, 1 created, 1 updated; 1 unchanged\n"
        "\n"
        "DANGERS\n"
        "  urn:pulumi:dev::proj::aws:s3/bucket:Bucket::gone\n"
        "    is deleted, with its objects; it was protected, and the engine refuses as long as it is; "
        "it was retained, and stays without being managed\n"
        "  urn:pulumi:dev::proj::x:index:Group$aws:dynamodb/table:Table::rows\n"
        "    is replaced, losing its items, for hashKey\n"
        "\n"
        "directly in the stack\n"
        "  deleted: aws:s3:Bucket  gone\n"
        "\n"
        "group\n"
        "  replaced: aws:dynamodb:Table  rows\n"
        "    hashKey: a -> b\n"
        "  created: aws:iam:Role  new\n"
        "  updated: aws:dynamodb:Table  sized\n"
        "    readCapacity: 1 -> 2\n"
        "    secret: nothing -> [secret]\n"
        "\n"
        "Outputs\n"
        "  url: a -> b\n"
        "\n"
        "This is offline: both programs ran against mocks, with no credentials. Secrets are not compared. "
        "What exists, and what a provider decides, only `pulumi preview` knows.\n"
    )
    assert changes.as_text(NOTHING, "HEAD").startswith("proj, stack dev, against HEAD: no changes; 0 unchanged\n")


def test_renames_and_what_only_follows_are_shown():
    follows = Change(
        ("vpcId",), changes.MISSING, changes.MISSING, Effect.REPLACE, "it comes from vpc, which is replaced"
    )
    step = Step(Action.REPLACE, "urn:b", "aws:ec2/subnet:Subnet", "b", "custom", "", was="urn:a", changes=(follows,))
    diff = Diff("p", "s", (step,))
    assert "(was `urn:a`)\n  - `vpcId` (it comes from vpc, which is replaced)\n" in render(diff)
    assert "  replaced: aws:ec2:Subnet  b (was urn:a)\n    vpcId (it comes from vpc, which" in changes.as_text(
        diff, "x"
    )


def attributes(kind):
    return graph(made("t", TABLE, inputs={"attributes": [kind]}))


HINT = f'u comes with the same inputs; if it is the same, give it aliases=["{urn("t", TABLE)}"]'


@pytest.mark.parametrize(
    ("diff", "words"),
    [
        (compare(attributes("S"), attributes("N")), "may be replaced, losing its items, for attributes[0]"),
        (
            compare(graph(made("t", TABLE, options={"protect": True})), graph(made("t", TABLE))),
            "is no longer protected",
        ),
        (compare(graph(made("t", TABLE)), graph(made("u", TABLE))), f"is deleted, with its items; {HINT}"),
    ],
)
def test_words_for_dangers(diff, words):
    assert changes.danger(diff.dangers[0]) == words


def test_findings_are_compared_by_policy_and_resource_not_by_figures():
    def finding(policy, resource="r", message="1"):
        return Finding("mandatory", policy, resource, message)

    found = compared([finding("a"), finding("b")], [finding("b", message="2"), finding("c")])
    assert ([one.policy for one in found.new], [one.policy for one in found.fixed]) == (["c"], ["a"])
    assert [(one.policy, one.message) for one in found.still] == [("b", "2")]


def test_several_findings_of_a_policy_about_one_resource_are_counted_and_mandatory_ones_come_first():
    two = [Finding("advisory", "a", "r", "first"), Finding("advisory", "a", "r", "second")]
    late = Finding("mandatory", "z", "r", "no")
    found = compared(two, [two[0], late, Finding("advisory", "b", "r", "new")])
    assert [one.policy for one in found.new] == ["z", "b"]
    assert (len(found.still), len(found.fixed)) == (1, 1)
    assert (
        len(
            compared([], [Finding("advisory", "a", "r", "m", "urn:1"), Finding("advisory", "a", "r", "m", "urn:2")]).new
        )
        == 2
    )


# --- nothing in it is taken for markup -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a|b", "a\\|b"),
        ("<img src=x>", "&lt;img src=x\\>"),
        ("a & b", "a &amp; b"),
        ("@team #12 $x$", "@\u200bteam \\#12 \\$x\\$"),
        ("*a* _b_ `c` [d](e)", "\\*a\\* \\_b\\_ \\`c\\` \\[d\\](e)"),
        ("two\nlines\r\n\x1b[31m", "two lines \\[31m"),
    ],
)
def test_text_is_shown_as_it_is(given, shown):
    assert text(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a", "`a`"), ("a`b", "`` a`b ``"), ("```", "```` ``` ````"), ("", "` `"), ("a\nb", "`a b`"), ("a|b", "`a|b`")],
)
def test_code_is_shown_as_it_is(given, shown):
    assert code(given) == shown


def test_the_marker_is_one_comment_whatever_the_stack_is_called():
    assert marker("prod") == "<!-- mlplatform:prod -->"
    assert marker("a-->b") == "<!-- mlplatform:a-b -->"
    assert len(marker("x" * 1000)) < 150


# --- the limit -------------------------------------------------------------------------------------------------------


def many(count, name="resource"):
    steps = [
        Step(
            (Action.UPDATE, Action.DELETE)[at % 10 == 0],
            urn(f"{name}-{at}", TABLE),
            TABLE,
            f"{name}-{at}",
            "custom",
            f"component-{at % 7}",
            changes=(Change(("tags", "a"), at, at + 1, Effect.UPDATE),),
            loses="its items",
        )
        for at in range(count)
    ]
    return Diff("proj", "prod", tuple(steps))


def test_a_change_of_five_thousand_resources_still_shows_totals_and_dangers():
    found = render(many(5000), costs=[Cost("total", "1", "2")], findings=FINDINGS)
    assert len(found) < LIMIT
    assert "| changes | 500 deleted, 4500 updated; 0 unchanged |" in found
    assert "| **dangers** | **500 lost, 0 more at risk** |" in found
    assert found.count("is deleted, with its items") == comment.MOST_DANGERS
    assert f"- and {500 - comment.MOST_DANGERS} more\n" in found
    assert "allows \\*" in found
    left = re.search(r"^(\d+) more sections do not fit into a comment; ", found, re.MULTILINE)
    assert int(left[1]) == 7 - found.count("<details><summary>component-")
    assert found.count("<details>") == found.count("</details>")


def test_many_changes_of_one_resource_are_counted():
    changed = tuple(Change(("tags", f"k{at}"), 1, 2, Effect.UPDATE) for at in range(40))
    step = Step(Action.UPDATE, "urn:a", TABLE, "a", "custom", "", changes=changed)
    assert "  - and 10 more properties\n" in render(Diff("p", "s", (step,)))


TEXTS = st.text(st.sampled_from("a`|<>&@#-\n*_[$\\é"), max_size=30).map(lambda part: part * 40)
STEPS = st.builds(
    Step,
    action=st.sampled_from(Action),
    urn=TEXTS,
    type=TEXTS.map(lambda part: f"aws:x/y:{part}"),
    name=TEXTS,
    kind=st.just("custom"),
    component=TEXTS,
    was=st.none() | TEXTS,
    changes=st.lists(
        st.builds(
            Change, st.lists(TEXTS, min_size=1, max_size=3).map(tuple), TEXTS, TEXTS, st.sampled_from(Effect), TEXTS
        ),
        max_size=3,
    ).map(tuple),
    loses=st.none() | TEXTS,
    hint=TEXTS,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=6), st.integers(1, 200), st.lists(TEXTS, max_size=40), TEXTS, TEXTS)
def test_the_comment_is_below_the_limit_and_whole_whatever_comes(steps, times, notes, stack, project):
    diff = Diff(project, stack, tuple(steps) * times)
    findings = Findings(new=[Finding(part, part, part, part) for part in notes] * times)
    costs = [Cost(part, part, f"{part}+") for part in notes]
    found = render(diff, against=stack, costs=costs, findings=findings, notes=notes)
    assert len(found) < LIMIT
    assert found.startswith("<!-- mlplatform:")
    assert found.endswith(f"\n{changes.STATEMENT}\n")
    assert found.count("\n<details><summary>") == found.count("\n</details>\n")
    assert ("#### What would be lost or is at risk" in found) == bool(diff.dangers)
