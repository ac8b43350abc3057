"""A review of a change on a real git history: what it does, costs and breaks, in every format."""

import json
import os
import sys
from datetime import date
from pathlib import Path

import pytest

from graphs import BUCKET, TABLE, graph, made, urn
from histories import commit, git
from mlplatform.preview.commands import review
from mlplatform.preview.errors import BadInput
from mlplatform.preview.launch.python import run
from mlplatform.preview.policies.packs import Policy, Result, Verdict
from mlplatform.preview.project.configuration import load_project, load_stack

TODAY = date(2026, 11, 25)
PROGRAM = """\
import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

usual = aws.Provider("aws", region="us-east-1")
on = pulumi.ResourceOptions(provider=usual)
bucket = aws.s3.Bucket("objects", opts=on)
table = aws.dynamodb.Table(
    "rows", billing_mode="PAY_PER_REQUEST", hash_key="id",
    attributes=[{"name": "id", "type": "S"}], tags={"bucket": bucket.arn}, opts=on,
)
aws.kms.Alias("alias", target_key_id=table.arn, opts=on)
kubernetes = k8s.Provider("k8s", kubeconfig="{}", cluster_identifier="c")
there = pulumi.ResourceOptions(provider=kubernetes)
k8s.helm.v3.Release("kueue", chart="kueue", name="kueue", version="0.17.0", opts=there)
k8s.apiextensions.CustomResource(
    "pool", api_version="karpenter.sh/v1", kind="NodePool", metadata={"name": "pool"},
    spec={"limits": {"nvidia.com/gpu": "8"}, "template": {"spec": {"requirements": [
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g5.xlarge"]}]}}},
    opts=there,
)
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A checkout with one commit of PROGRAM."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    git("init", "--quiet", "--initial-branch", "main")
    commit(
        **{"Pulumi.yaml": "name: proj\nruntime: python\n", "Pulumi.dev.yaml": "config: {}\n", "__main__.py": PROGRAM}
    )
    return root


def record(project, stack="dev"):
    return run(project, load_stack(project, stack))


def since(ref="HEAD", judge=None, stack="dev"):
    project = load_project(Path())
    found = record(project, stack)
    assert found.status == "ok", found.error
    now = review.side(project, found, judge(project, found) if judge else ())
    return review.since_ref(project, now, ref, record, judge)


def changed(*replacements):
    text = PROGRAM
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    Path("__main__.py").write_text(text)


def seen(diff):
    return {
        step.name: (step.action.value, [(one.name, one.before, one.after) for one in step.changes])
        for step in diff.steps
    }


def test_no_change(repository):
    found = since()
    assert found.diff.empty
    assert review.rendered(found, "text").startswith("proj, stack dev, against HEAD: no changes; 7 unchanged\n")
    assert "no changes" in review.rendered(found, "markdown")
    assert review.refusal(found, load_project(Path()), [], TODAY) is None


def test_a_change_of_the_gpu_pool(repository):
    changed(('"nvidia.com/gpu": "8"', '"nvidia.com/gpu": "16"'))
    found = since()
    assert seen(found.diff) == {"pool": ("update", [('spec.limits["nvidia.com/gpu"]', "8", "16")])}
    whole, here = review.costs(found)
    # 8 and 16 nodes, half of them as expected: 4 and 8 x 730 x 1.006
    assert (here.name, here.before, here.after) == ("(stack)", "2,937.52+", "5,875.04+")
    assert (whole.before, whole.after) == (here.before, here.after)
    assert "Cost a month in USD, expected: 2,937.52+ -> 5,875.04+\n" in review.rendered(found, "text")


def test_a_table_renamed_with_an_alias(repository):
    alias = 'pulumi.ResourceOptions.merge(on, pulumi.ResourceOptions(aliases=[pulumi.Alias(name="rows")]))'
    changed(('    "rows",', '    "items",'), ("opts=on,\n)", f"opts={alias},\n)"))
    found = since()
    assert seen(found.diff) == {"items": ("rename", [])}
    assert not found.diff.dangers


def test_a_table_renamed_without_one(repository):
    changed(('    "rows",', '    "items",'))
    found = since()
    assert seen(found.diff)["rows"] == ("delete", [])
    assert seen(found.diff)["items"] == ("create", [])
    assert found.diff.losses[0].hint.startswith("items comes with the same inputs; if it is the same, give it aliases=")
    assert review.refusal(found, load_project(Path()), [], TODAY) == (
        "this change loses what cannot be made again:\n"
        "  urn:pulumi:dev::proj::aws:dynamodb/table:Table::rows: its items (delete)\n"
        "Give --accept-loss URN for each that may be lost, or a row in losses.yaml beside the stacks' files."
    )
    assert review.refusal(found, load_project(Path()), [found.diff.losses[0].urn], TODAY) is None


def test_a_bucket_removed(repository):
    changed(('bucket = aws.s3.Bucket("objects", opts=on)\n', ""), (', tags={"bucket": bucket.arn}', ""))
    found = since()
    assert {name: action for name, (action, _) in seen(found.diff).items()} == {"objects": "delete", "rows": "update"}
    assert [step.name for step in found.diff.losses] == ["objects"]
    Path("losses.yaml").write_text(
        'accepted: [{resource: "*::objects", reason: it has been emptied, expires: "2026-12-31"}]\n'
    )
    assert review.refusal(found, load_project(Path()), [], TODAY) is None


def test_a_chart_bumped(repository):
    changed(("0.17.0", "0.18.0"))
    assert seen(since().diff) == {"kueue": ("update", [("version", "0.17.0", "0.18.0")])}


def test_a_stack_that_is_new(repository):
    Path("Pulumi.prod.yaml").write_text("config: {}\n")
    found = since(stack="prod")
    assert found.diff.counts["create"] == len(found.diff.steps) == 7
    assert found.notes == ("there was no stack prod at HEAD: all of it is new",)
    assert "note: there was no stack prod at HEAD: all of it is new\n" in review.rendered(found, "text")


def test_a_program_that_fails_at_the_ref(repository):
    Path("__main__.py").write_text("raise ValueError('no')\n")
    commit()
    Path("__main__.py").write_text(PROGRAM)
    with pytest.raises(BadInput) as refused:
        since()
    assert str(refused.value) == (
        "--against HEAD: the program of that ref failed:\n"
        "Traceback (most recent call last), your program's frames only:\n"
        '  File "__main__.py", line 1, in <module>\n'
        "    raise ValueError('no')\n"
        "ValueError: no"
    )


def test_a_lookup_without_an_answer_at_the_ref(repository):
    Path("__main__.py").write_text("import pulumi\npulumi.runtime.invoke('x:index:get', {})\n")
    commit()
    Path("__main__.py").write_text("")
    with pytest.raises(BadInput) as refused:
        since()
    assert str(refused.value).startswith(
        "--against HEAD: of the program of that ref, 1 lookup has no answer offline:\n  x:index:get\n"
    )


# --- policies, costs, saved graphs -----------------------------------------------------------------------------------


def no_buckets(_project, found):
    """A pack with one rule."""
    policy = Policy("no-buckets", "", "mandatory", "high", "", "", ())
    results = [
        Result("no-buckets", "mandatory", "finding", one.urn, "it is a bucket", placeholder=False)
        for one in found.resources
        if one.type == BUCKET
    ]
    undecided = Result("no-buckets", "mandatory", "undecided", "", "unknown", placeholder=False)
    return (Verdict("pack", (policy,), (*results, undecided)),)


PROJECT_FILES = {"Pulumi.yaml": "name: proj\nruntime: python\n", "__main__.py": ""}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in PROJECT_FILES.items():
        Path(name).write_text(text)
    return load_project(Path())


def since_file(project, before, after, judge=no_buckets):
    Path("before.json").write_text(before.to_json())
    now = review.side(project, after, judge(project, after) if judge else ())
    return review.since_graph(project, now, Path("before.json"), judge)


def test_findings_against_a_saved_graph(project):
    before = graph(made("old", BUCKET), made("both", BUCKET))
    after = graph(made("new", BUCKET), made("both", BUCKET), made("rows", TABLE))
    found = since_file(project, before, after)
    text = review.rendered(found, "text")
    assert text.startswith("proj, stack dev, against before.json: 1 deleted, 2 created; 1 unchanged\n")
    assert text.endswith(
        "Cost a month in USD, expected: unknown -> unknown\n"
        "\n"
        "Policy findings: 1 new, 1 fixed, 1 still there\n"
        "  new: mandatory no-buckets: new: it is a bucket\n"
        "  fixed: mandatory no-buckets: old: it is a bucket\n"
    )
    assert "| policy findings | 1 new, 1 fixed, 1 still there |" in review.rendered(found, "markdown")
    document = json.loads(review.rendered(found, "json"))
    assert [one["resource"] for one in document["findings"]["new"]] == ["new"]
    assert document["losses"] == [urn("old", BUCKET)]
    assert (document["against"], document["cost"]["after"]["complete"]) == ("before.json", False)


def test_a_finding_about_a_renamed_resource_is_still_there(project):
    before, after = graph(made("old", BUCKET)), graph(made("new", BUCKET, options={"aliases": [{"name": "old"}]}))
    found = review.findings(since_file(project, before, after))
    assert ([one.resource for one in found.still], found.new, found.fixed) == (["new"], (), ())


def test_without_policies_nothing_is_said_of_them(project):
    found = since_file(project, graph(), graph(), judge=None)
    assert review.findings(found) is None
    assert "olicy findings" not in review.rendered(found, "text") + review.rendered(found, "markdown")
    assert json.loads(review.rendered(found, "json"))["findings"] == {}


def test_costs_before_and_after_by_component(project):
    key = "aws:kms/key:Key"
    provider = made("aws", "pulumi:providers:aws", inputs={"region": "us-east-1"})
    group = made("group", "x:index:Group")

    def keys(count):
        inside = [
            made(f"k{at}", key, parent=group.urn, parents="x:index:Group", provider=provider.urn) for at in range(count)
        ]
        return graph(provider, group, *inside)

    Path("costs.yaml").write_text("prices: {kms.key_month: 2}\n")
    found = since_file(project, keys(1), keys(3))
    assert [(one.name, one.before, one.after) for one in review.costs(found)] == [
        ("total", "2.00", "6.00"),
        ("group", "2.00", "6.00"),
    ]
    found = since_file(project, graph(), keys(1))
    assert [(one.name, one.before, one.after) for one in review.costs(found)] == [
        ("total", "0.00", "2.00"),
        ("group", "-", "2.00"),
    ]


def test_settings_of_costs_that_are_wrong(project):
    Path("costs.yaml").write_text("prices: {nat.hour: free}\n")
    with pytest.raises(BadInput) as refused:
        review.estimated(graph(), Path())
    assert str(refused.value) == "costs.yaml: prices.nat.hour is 'free'; allowed is a number"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "before.json: cannot be read: No such file or directory"),
        ("{", "before.json: is no recorded graph; write one with `mlplatform preview dev --format json`"),
        ("[]", "before.json: is no recorded graph; write one with `mlplatform preview dev --format json`"),
        ('{"schema": 1}', "before.json: is no recorded graph; write one with `mlplatform preview dev --format json`"),
        (graph(stack="prod").to_json(), "before.json: is a graph of the stack prod; give one of dev"),
    ],
    ids=["missing", "cut", "list", "other", "stack"],
)
def test_files_that_are_no_graph_of_the_stack(project, text, message):
    if text is not None:
        Path("before.json").write_text(text)
    with pytest.raises(BadInput) as refused:
        review.load_graph(Path("before.json"), "dev")
    assert str(refused.value) == message
