"""What the controllers' roles may do: the documents hold, fit, and are narrow."""

import json

import pytest

from mlplatform.facts.aws.iam import MANAGED_POLICY_CHARACTERS
from mlplatform.facts.aws.load_balancer import TAG, controller_policy

parliament = pytest.importorskip(
    "parliament", reason="needs parliament and pkg_resources: pip install 'parliament==1.6.4' 'setuptools<81'"
)

STATEMENTS = {statement["Sid"]: statement for statement in controller_policy("aws")["Statement"]}
HARMLESS = {"LinkedRole", "Read", "Rules", "MakeGroups", "Listeners"}
"""Statements on every resource without the controller's tag: what they allow breaks no load balancer of others' by
itself, or has no tag to go by."""


def test_policy_fits_into_one_managed_policy() -> None:
    assert len(json.dumps(controller_policy("aws-us-gov"), separators=(",", ":"))) <= MANAGED_POLICY_CHARACTERS


def test_actions_are_named_in_full() -> None:
    actions = [action for statement in STATEMENTS.values() for action in statement["Action"]]
    assert not [action for action in actions if "*" in action]
    assert not [action for action in actions if action.startswith(("waf", "shield", "cognito"))]


@pytest.mark.parametrize("sid", sorted(set(STATEMENTS) - HARMLESS))
def test_what_changes_load_balancers_asks_for_the_tag_or_names_the_kind(sid: str) -> None:
    statement = STATEMENTS[sid]
    assert TAG in json.dumps(statement.get("Condition", {})) or "*" not in statement["Resource"]


def test_partition_is_the_clusters() -> None:
    assert ":aws-cn:" in "".join(
        arn.replace("arn", "") for s in controller_policy("aws-cn")["Statement"] for arn in s["Resource"]
    )


# What the linter finds in a document that is meant, and why.
MEANT = {
    # Describing and most making have no resource to name.
    ("RESOURCE_STAR", ""),
    # Newer than the linter.
    ("UNKNOWN_ACTION", "Unknown action elasticloadbalancing:ModifyIpPools"),
    (
        "UNKNOWN_CONDITION_FOR_ACTION",
        "Unknown condition elasticloadbalancing:CreateAction for action elasticloadbalancing:AddTags",
    ),
}


def test_policy_lints() -> None:
    found = parliament.analyze_policy_string(json.dumps(controller_policy("aws"))).findings
    assert {(finding.issue, finding.detail if isinstance(finding.detail, str) else "") for finding in found} == MEANT
