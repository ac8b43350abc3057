"""Policy packs over a recorded graph: any pack, in its own interpreter, and what is said of what it finds."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema

from mlplatform import cli
from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.model import Graph, Placeholder, Resource, Source
from mlplatform.preview.policies import packs
from mlplatform.preview.reports import sarif

PACK = """\
import pulumi_policy as sdk
from helper import CONFIG

print("said by the pack")

def named(args, report):
    if args.resource_type == "x:index:Thing" and args.props.get("owner") != args.get_config()["owner"]:
        report(f"owner is {args.props['owner']}")

def sized(args, report):
    if args.resource_type == "x:index:Thing" and args.props["size"] > 2.5:
        report("too big")
        report("far too big")

async def later(args, report):
    if args.resource_type == "x:index:Other":
        report("not allowed: " + args.stack_tags["pulumi:stack"])

def skipped(args, report):
    args.not_applicable()

def counted(args, report):
    things = [resource for resource in args.resources if resource.resource_type == "x:index:Thing"]
    if len(things) > 1:
        report(f"{len(things)} things")
        report(f"child of {things[0].parent and things[0].parent.name}", things[0].urn)

sdk.PolicyPack("rules", [
    sdk.ResourceValidationPolicy("owned", "Somebody owns it.", named, severity=sdk.Severity.HIGH,
        config_schema=sdk.PolicyConfigSchema({"owner": {"type": "string", "default": "ml"}}),
        remediation_steps="Set owner.", url="https://example.com/owned", tags=["CIS 1"]),
    sdk.ResourceValidationPolicy("sized", "It is small.", sized, sdk.EnforcementLevel.MANDATORY),
    sdk.ResourceValidationPolicy("later", "It is allowed.", later),
    sdk.ResourceValidationPolicy("skipped", "Does not apply.", skipped, sdk.EnforcementLevel.MANDATORY),
    sdk.StackValidationPolicy("counted", "There is one.", counted, sdk.EnforcementLevel.REMEDIATE),
], enforcement_level=sdk.EnforcementLevel.ADVISORY, initial_config=CONFIG)
"""
PREFIX = "urn:pulumi:dev::proj::"


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """A policy pack with a module of its own, of this interpreter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    return write(tmp_path / "rules")


def write(folder, program=PACK, config="{}"):
    folder.mkdir()
    folder.joinpath("PulumiPolicy.yaml").write_text("runtime: python\n")
    folder.joinpath("__main__.py").write_text(program)
    folder.joinpath("helper.py").write_text(f"CONFIG = {config}\n")
    return folder


def thing(name, kind="custom", type_="x:index:Thing", parent=None, **inputs):
    urn = f"{PREFIX}{type_}::{name}"
    source = Source("app/__main__.py", 7) if name == "a" else None
    return Resource(urn=urn, type=type_, name=name, kind=kind, parent=parent, inputs=inputs, source=source)


def graph(*resources, **more):
    return Graph(project="proj", stack="dev", resources=resources, **more)


def said(verdict):
    return [
        (item.level, item.kind, item.policy, item.urn.removeprefix(PREFIX), item.message) for item in verdict.results
    ]


def test_findings_are_those_of_the_packs_own_policy_objects(pack, capfd):
    found = packs.judge(graph(thing("a", owner="me", size=3), thing("b", type_="x:index:Other")), pack, {})
    assert said(found) == [
        ("mandatory", "finding", "sized", "x:index:Thing::a", "far too big"),
        ("mandatory", "finding", "sized", "x:index:Thing::a", "too big"),
        ("advisory", "finding", "later", "x:index:Other::b", "not allowed: dev"),
        ("advisory", "finding", "owned", "x:index:Thing::a", "owner is me"),
    ]
    assert found.pack == "rules"
    assert capfd.readouterr() == ("", "said by the pack\n")


def test_a_stack_policy_sees_parents_and_is_mandatory_where_it_would_remediate(pack):
    whole = thing("whole", kind="component", type_="x:index:Whole")
    found = packs.judge(
        graph(thing("a", owner="ml", size=1, parent=whole.urn), thing("b", owner="ml", size=1), whole), pack, {}
    )
    assert said(found) == [
        ("mandatory", "finding", "counted", "", "2 things"),
        ("mandatory", "finding", "counted", "x:index:Thing::a", "child of whole"),
    ]


@pytest.mark.parametrize("value", ["[unknown]", "[secret]", "before [unknown] after"])
def test_what_cannot_be_known_is_undecided_and_never_passed(pack, value):
    found = packs.judge(graph(thing("a", owner=value, size=value)), pack, {})
    assert said(found) == [
        ("mandatory", "undecided", "sized", "x:index:Thing::a", "string value at .size can't be known during preview"),
        ("advisory", "undecided", "owned", "x:index:Thing::a", "string value at .owner can't be known during preview"),
    ]
    assert len(found.undecided) == 2
    assert found.findings("mandatory") == ()


def test_a_finding_that_rests_on_a_placeholder_is_marked(pack):
    other = thing("b", type_="x:index:None")
    made = replace(thing("a", owner="arn:made-up", size=3), dependencies=(other.urn,))
    found = packs.judge(graph(made, other, placeholders=(Placeholder("arn:made-up", other.urn, "arn"),)), pack, {})
    marks = {item.message: item.placeholder for item in found.results}
    assert marks == {"owner is arn:made-up": True, "too big": False, "far too big": False}


def test_configuration_is_the_packs_initial_one_and_above_it_the_one_given(pack, tmp_path):
    other = write(tmp_path / "other", config="{'all': 'disabled', 'owned': {'owner': 'you'}}")
    made = graph(thing("a", owner="me", size=1))
    assert said(packs.judge(made, other, {})) == []
    level = {"owned": {"enforcementLevel": "mandatory", "owner": "me"}}
    assert said(packs.judge(made, other, level)) == []
    assert said(packs.judge(made, other, {"owned": "mandatory"})) == [
        ("mandatory", "finding", "owned", "x:index:Thing::a", "owner is me")
    ]
    assert said(packs.judge(made, pack, {"all": "disabled"})) == []
    described = packs.judge(made, pack, {"all": "disabled", "owned": "advisory"}).by_name
    assert {name: policy.level for name, policy in described.items() if policy.level != "disabled"} == {
        "owned": "advisory"
    }


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise OSError('broken')", "OSError: broken"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("pass", "RuntimeError: the program made no PolicyPack"),
    ],
)
def test_a_pack_that_cannot_be_run_says_why(pack, program, message):
    pack.joinpath("__main__.py").write_text(program)
    with pytest.raises(BadInput) as error:
        packs.judge(graph(), pack, {})
    assert str(error.value).startswith("rules: the pack cannot be run:\nTraceback")
    assert str(error.value).endswith(message)


def test_a_pack_whose_process_ends_says_so(pack):
    pack.joinpath("__main__.py").write_text("import os; os._exit(3)")
    with pytest.raises(BadInput) as error:
        packs.judge(graph(), pack, {})
    assert str(error.value) == (
        "rules: the pack's process ended with 3 before it judged anything; its last words are above"
    )


def test_an_interpreter_without_the_sdk_says_how_to_get_it(pack, monkeypatch, tmp_path):
    tmp_path.joinpath("empty/pulumi_policy").mkdir(parents=True)
    tmp_path.joinpath("empty/pulumi_policy/__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'pulumi_policy'\", name='pulumi_policy')"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "empty"))
    with pytest.raises(BadInput) as error:
        packs.judge(graph(), pack, {})
    assert str(error.value) == (
        "rules: its Python has no pulumi_policy; install it there with `pip install pulumi-policy`, "
        "or name another `virtualenv` in PulumiPolicy.yaml"
    )


def test_a_configuration_for_a_policy_that_is_not_there_is_refused(pack):
    with pytest.raises(BadInput) as error:
        packs.judge(graph(), pack, {"owners": "advisory"})
    assert str(error.value) == (
        "rules: the configuration names owners, which the pack has not; it has counted, later, owned, sized, skipped"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{",
            "config.dev.json: is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ("[]", "config.dev.json: is a list; it must map policies to their configuration"),
        (
            '{"owned": "strict"}',
            "config.dev.json: owned is 'strict'; allowed is one of mandatory, advisory, disabled, remediate",
        ),
        (
            '{"owned": {"enforcementLevel": "strict"}}',
            (
                "config.dev.json: owned is {'enforcementLevel': 'strict'}; "
                "allowed is one of mandatory, advisory, disabled, remediate"
            ),
        ),
    ],
)
def test_a_configuration_that_is_none_is_refused(pack, text, message):
    pack.joinpath("config.dev.json").write_text(text)
    with pytest.raises(BadInput) as error:
        packs.configuration(pack, None, "dev")
    assert str(error.value) == f"rules/{message}"


def test_a_configuration_that_is_not_there_is_refused_and_the_usual_one_is_the_stacks(pack):
    with pytest.raises(BadInput) as error:
        packs.configuration(pack, Path("none.json"), "dev")
    assert str(error.value) == "none.json: cannot be read: No such file or directory; give another --policy-config"
    pack.joinpath("config.dev.json").write_text('{"owned": "mandatory"}')
    assert packs.configuration(pack, None, "dev") == {"owned": "mandatory"}
    assert packs.configuration(pack, None, "prod") == {}


PROGRAM = """\
import pulumi

class Thing(pulumi.CustomResource):
    def __init__(self, name, **props):
        super().__init__("x:index:Thing", name, props)

Thing("a", owner=pulumi.Config().require("owner"), size=pulumi.Config().require_int("size"))
"""
TEXT = """\
Policies of rules: 2 mandatory, 1 advisory, 0 undecided

MANDATORY
  directly in the stack
    a: sized
      far too big
    a: sized
      too big

ADVISORY
  directly in the stack
    a: owned (high)
      owner is me
      fix: Set owner.
"""


@pytest.fixture
def main(pack, capfd):
    """Runs the preview of a project that has the pack as its own; returns exit code, stdout and stderr."""
    pack.rename("policies")
    Path("Pulumi.yaml").write_text("name: proj\nruntime: python\n")
    Path("__main__.py").write_text(PROGRAM)
    Path("Pulumi.dev.yaml").write_text("config: {owner: me, size: 3}\n")

    def run(*arguments):
        code = cli.main(["preview", *arguments])
        return (code, *capfd.readouterr())

    return run


def test_mandatory_findings_of_the_projects_own_pack_exit_3_below_the_report(main):
    code, out, err = main()
    assert (code, err) == (3, "said by the pack\n")
    assert out.startswith("Offline preview of proj, stack dev\n\nx:index:Thing  a  owner=me  size=3\n")
    assert out.endswith(f"refuses.\n\n{TEXT}")


def test_advisory_findings_exit_0(main):
    Path("config.json").write_text('{"sized": "advisory"}')
    code, out, _ = main("--policy-config", "config.json")
    assert code == 0
    assert "Policies of rules: 0 mandatory, 3 advisory, 0 undecided\n" in out


def test_without_policies_there_is_the_graph_alone(main):
    code, out, err = main("--no-policies", "--format", "json")
    assert (code, err) == (0, "")
    assert "policies" not in json.loads(out)


def test_json_is_the_graph_with_the_findings(main):
    code, out, _ = main("--format", "json")
    document = json.loads(out)
    assert code == 3
    assert document["schema"] == 1
    (verdict,) = document["policies"]
    assert verdict["pack"] == "rules"
    assert [result["message"] for result in verdict["results"]] == ["far too big", "too big", "owner is me"]
    assert verdict["policies"][0] == {
        "name": "owned",
        "description": "Somebody owns it.",
        "level": "advisory",
        "severity": "high",
        "fix": "Set owner.",
        "url": "https://example.com/owned",
        "tags": ["CIS 1"],
    }


def test_other_packs_replace_the_projects_own_and_pair_with_configurations_by_order(main, tmp_path):
    write(tmp_path / "first")
    write(tmp_path / "second")
    Path("first.json").write_text('{"all": "disabled"}')
    Path("second.json").write_text('{"owned": {"owner": "me"}}')
    packs = ("--policy-pack", "first", "--policy-pack", "second")
    code, out, _ = main(*packs, "--policy-config", "first.json", "--policy-config", "second.json", "--format", "json")
    assert code == 3
    messages = [[item["message"] for item in verdict["results"]] for verdict in json.loads(out)["policies"]]
    assert messages == [[], ["far too big", "too big"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--policy-pack", "app"), "app: has no PulumiPolicy.yaml; give the folder of a Pulumi policy pack"),
        (
            ("--policy-config", "a.json", "--policy-config", "b.json"),
            "--policy-config is given 2 times for 1 policy packs; give one a --policy-pack, in the same order",
        ),
        (
            ("--no-policies", "--format", "sarif"),
            "--no-policies leaves nothing for --policy-pack, --policy-config or --format sarif; take one out",
        ),
    ],
)
def test_bad_arguments_exit_2(main, arguments, message):
    assert main(*arguments)[::2] == (2, f"error: {message}\n")


def test_sarif_needs_a_pack(main):
    Path("policies").rename("elsewhere")
    assert main("--format", "sarif")[::2] == (
        2,
        "error: --format sarif has only findings, and the project has no policy pack; give a --policy-pack\n",
    )


def test_a_program_that_fails_is_not_judged(main):
    Path("__main__.py").write_text("raise OSError('broken')")
    code, out, err = main()
    assert (code, out) == (1, "")
    assert "said by the pack" not in err


def test_sarif_has_a_rule_a_policy_and_a_result_a_finding_at_the_line_that_made_the_resource(main):
    code, out, _ = main("--format", "sarif")
    document = json.loads(out)
    (run,) = document["runs"]
    assert code == 3
    assert (document["version"], document["$schema"]) == ("2.1.0", "https://json.schemastore.org/sarif-2.1.0.json")
    assert run["tool"]["driver"]["name"] == "rules"
    assert run["tool"]["driver"]["rules"][0] == {
        "id": "owned",
        "shortDescription": {"text": "Somebody owns it."},
        "fullDescription": {"text": "Somebody owns it."},
        "help": {"text": "Set owner."},
        "defaultConfiguration": {"level": "warning", "enabled": True},
        "properties": {"tags": ["security", "CIS 1"], "security-severity": "8.0"},
        "helpUri": "https://example.com/owned",
    }
    assert {key: value for key, value in run["results"][1].items() if key != "partialFingerprints"} == {
        "ruleId": "sized",
        "ruleIndex": 1,
        "kind": "fail",
        "level": "error",
        "message": {"text": "a: too big"},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": "__main__.py"}, "region": {"startLine": 7}},
                "logicalLocations": [
                    {"name": "a", "fullyQualifiedName": f"{PREFIX}x:index:Thing::a", "kind": "resource"}
                ],
            }
        ],
        "properties": {"placeholder": False},
    }


def verdict(**result):
    policy = packs.Policy("p", "", "mandatory", "", "", "", ())
    fields = {"policy": "p", "level": "mandatory", "kind": "finding", "urn": "", "message": "m", "placeholder": False}
    return packs.Verdict("pack", (policy,), (packs.Result(**{**fields, **result}),))


def result_of(made, prefix="", **result):
    (run,) = json.loads(sarif.as_sarif(made, [verdict(**result)], "stacks/Pulumi.dev.yaml", prefix))["runs"]
    return run["results"][0]


def place_of(result):
    place = result["locations"][0]["physicalLocation"]
    return place["artifactLocation"]["uri"], place["region"]["startLine"]


def test_what_has_no_line_lies_in_the_stack_file_below_the_repositorys_root():
    assert place_of(result_of(graph(), "infra/")) == ("infra/stacks/Pulumi.dev.yaml", 1)
    made = thing("b")
    assert place_of(result_of(graph(made), urn=made.urn)) == ("stacks/Pulumi.dev.yaml", 1)
    named = replace(made, source=Source("my app/__main__.py", 3))
    assert place_of(result_of(graph(named), urn=named.urn)) == ("my%20app/__main__.py", 3)


def test_what_is_undecided_is_open_and_what_rests_on_a_placeholder_says_so():
    undecided = result_of(graph(), kind="undecided")
    assert (undecided["kind"], undecided["level"], undecided["message"]["text"]) == ("open", "none", "undecided: m")
    marked = result_of(graph(), placeholder=True)
    assert (marked["message"]["text"], marked["properties"]) == (
        "m (rests on a placeholder)",
        {"placeholder": True},
    )


def test_a_finding_keeps_its_fingerprint_wherever_it_stands():
    first, second = result_of(graph()), result_of(graph(thing("a")), "infra/")
    assert first["partialFingerprints"] == second["partialFingerprints"]
    assert first["partialFingerprints"] != result_of(graph(), message="other")["partialFingerprints"]


def valid(text):
    """Refuses what the standard's schema refuses, of which these models are made: unknown fields too."""
    return StaticAnalysisResultsFormatSarifVersion210JsonSchema.model_validate_json(text)


def test_sarif_validates_against_its_schema(main):
    for text in (
        main("--format", "sarif")[1],
        *(sarif.as_sarif(graph(), [verdict(kind=kind)], "Pulumi.dev.yaml") for kind in ("finding", "undecided")),
    ):
        for run in valid(text).runs:
            assert all(result.locations for result in run.results)
    broken = json.loads(main("--format", "sarif")[1])
    broken["runs"][0]["results"][0]["kind"] = "maybe"
    with pytest.raises(ValidationError):
        valid(json.dumps(broken))


def test_sarif_is_the_same_bytes_for_the_same_findings(main):
    assert main("--format", "sarif") == main("--format", "sarif")
