"""The real engine finds what the preview finds, with the same pack and configuration over the same graphs."""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pytest

from foreign_resources import FOREIGN
from judging import config_of, custom, document, graph_of, judged, unknown, wire
from mlplatform_policies.catalogue import RULES
from mlplatform_policies.exceptions import Exceptions
from mlplatform_policies.model import ENVIRONMENTS
from policy_engine import analyzed
from pulumi_cli import needs_cli
from recorded import ROOT

pytestmark = needs_cli
Found = set[tuple[str, str, str, str]]
"""Policy, level, URN (empty for the stack), message; of what is undecided, the word and what is not known."""
UNDECIDED = "undecided"
CANNOT = "during preview: "


def offline(graph: Mapping[str, Any], config: Mapping[str, Any]) -> Found:
    return {
        (item["policy"], item["level"] if item["kind"] == "finding" else UNDECIDED, item["urn"], item["message"])
        for item in judged(wire(graph), RULES, config, Exceptions.of())
    }


def in_engine(
    graph: Mapping[str, Any], config: Mapping[str, Any], folder: Path, pack: Path = ROOT / "policies"
) -> Found:
    events = [item["policyEvent"] for item in analyzed(graph, pack, config, folder) if "policyEvent" in item]
    return {_event(event) for event in events}


def _event(event: Mapping[str, Any]) -> tuple[str, str, str, str]:
    urn = event.get("resourceUrn", "")
    urn = "" if "::pulumi:pulumi:Stack::" in urn else urn
    if "can't run policy" in event["message"]:
        return event["policyName"], UNDECIDED, urn, event["message"].partition(CANNOT)[2]
    return event["policyName"], event["enforcementLevel"], urn, event["message"].partition("\n")[2]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_environment(environment: str, tmp_path: Path) -> None:
    graph = json.loads((ROOT / "tests" / "golden" / f"{environment}.json").read_text())
    config = config_of(environment)
    assert in_engine(graph, config, tmp_path) == offline(graph, config)


def test_foreign_resources(tmp_path: Path) -> None:
    graph, config = graph_of(lambda: [program() for program in FOREIGN]), config_of("prod")
    found = offline(graph, config)
    assert len(found) > len(FOREIGN)
    assert in_engine(graph, config, tmp_path) == found


def not_known() -> None:
    bucket = aws.s3.Bucket("bucket", force_destroy=unknown(False))
    aws.s3.BucketPolicy("policy", bucket=bucket.id, policy=unknown(document()))
    aws.kms.Key("key", enable_key_rotation=unknown(True), policy=unknown(document()))
    aws.iam.Policy("rights", policy=unknown(document()))
    aws.ec2.Instance("instance", instance_type=unknown(""), metadata_options={"http_tokens": unknown("required")})
    custom("pool", "karpenter.sh/v1", "NodePool", {"limits": {"nvidia.com/gpu": unknown(8)}})


def test_what_is_not_known(tmp_path: Path) -> None:
    graph, config = graph_of(not_known), config_of("prod")
    found = offline(graph, config)
    assert len({policy for policy, level, _, _ in found if level == UNDECIDED}) > 5
    assert in_engine(graph, config, tmp_path) == found


def spoilt(graph: dict[str, Any]) -> dict[str, Any]:
    """A graph in which each property, in turn, is text, a number, a list or an object, whatever it should be."""
    kinds = itertools.cycle(["computed", 7.0, ["x"], {"x": "y"}, ""])
    nodes = [{**node, "inputs": {key: next(kinds) for key in node["inputs"]}} for node in graph["resources"]]
    return {**graph, "resources": nodes}


def test_what_nobody_can_read(tmp_path: Path) -> None:
    graph, config = spoilt(graph_of(lambda: [program() for program in FOREIGN])), config_of("prod")
    found = offline(graph, config)
    undecided = {policy for policy, level, _, message in found if level == UNDECIDED and "; must be " in message}
    assert len(undecided) > 20
    assert in_engine(graph, config, tmp_path) == found


WITH_A_MISTAKE = """\
import dataclasses, sys
sys.path.insert(0, {folder!r})
from pulumi_policy import PolicyPack
from mlplatform_policies.catalogue import RULES
from mlplatform_policies.exceptions import Exceptions
from mlplatform_policies.pack import policies

def fails(*_):
    raise LookupError("hunter2")

rules = [dataclasses.replace(rule, check=fails) if rule.id in {ids!r} else rule for rule in RULES]
PolicyPack(name="mlplatform", policies=policies(rules, Exceptions.of()))
"""


def test_rule_with_a_mistake_hides_no_other(tmp_path: Path) -> None:
    graph, config = graph_of(lambda: [program() for program in FOREIGN]), config_of("prod")
    mistaken = {"kms-rotation", "s3-tls-only"}
    pack = tmp_path / "mistaken"
    pack.mkdir()
    program = WITH_A_MISTAKE.format(folder=str(ROOT / "policies"), ids=sorted(mistaken))
    pack.joinpath("__main__.py").write_text(program)
    found = in_engine(graph, config, tmp_path, pack)
    why = "the rule fails with LookupError in __main__.py, line 9; this is a mistake in the policy pack"
    assert {(policy, level, message) for policy, level, _, message in found if policy in mistaken} == {
        (policy, UNDECIDED, why) for policy in mistaken
    }
    rest = {item for item in offline(graph, config) if item[0] not in mistaken}
    assert {item for item in found if item[0] not in mistaken} == rest
