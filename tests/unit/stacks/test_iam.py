"""Every IAM document of every environment, before a linter that knows AWS's actions, resources and conditions."""

import json
from collections.abc import Iterator

import pytest

from environments import ENVIRONMENTS
from recorded import ROOT

parliament = pytest.importorskip(
    "parliament", reason="needs parliament and pkg_resources: pip install 'parliament==1.6.4' 'setuptools<81'"
)

# What the linter finds in documents that are meant, by type and, where only some are, by name.
MEANT_OF_TYPE = {
    # A key's resource is itself, a trust policy has none; the narrowing of both is in principals and conditions.
    "aws:kms/key:Key": {"RESOURCE_STAR", "MISMATCHED_TYPE"},
    "aws:iam/role:Role": {"MALFORMED"},
    # An endpoint's policy bounds what IAM allows, by account.
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"RESOURCE_STAR"},
    # s3:* holds a few actions without a TLS version; the version is written as text, as AWS does.
    "aws:s3/bucketPolicy:BucketPolicy": {"UNKNOWN_CONDITION_FOR_ACTION", "MISMATCHED_TYPE"},
}
MEANT_OF_NAME = {
    # Describing and most making have no resource to name; an action and a condition are newer than the linter.
    "addons-load-balancer-controller-load-balancers": {
        "RESOURCE_STAR",
        "UNKNOWN_ACTION",
        "UNKNOWN_CONDITION_FOR_ACTION",
    },
    # The linter's form of a workspace's ARN lacks the workspace.
    "monitoring-prometheus-write": {"RESOURCE_MISMATCH"},
    # Launching names many kinds of resource: Karpenter's template has a statement for each group of them.
    "cluster-karpenter-node-lifecycle": {"RESOURCE_MISMATCH"},
    # AWS's public parameters have no account in their ARN.
    "cluster-karpenter-resource-discovery": {"RESOURCE_MISMATCH"},
    # The condition names the cluster.
    "cluster-karpenter-zonal-shift": {"RESOURCE_STAR"},
    # Listing log groups takes all of an account's, where the linter still knows * only.
    "network-flow-logs": {"RESOURCE_MISMATCH"},
}


def documents(stack: str) -> Iterator[tuple[str, str, str]]:
    """Type, name and text of each document."""
    for node in json.loads((ROOT / "tests" / "golden" / f"{stack}.json").read_text())["resources"]:
        for prop in ("assumeRolePolicy", "policy"):
            if isinstance(node["inputs"].get(prop), str) and node["kind"] == "custom":
                yield node["type"], node["name"], node["inputs"][prop]


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_documents_lint(stack: str) -> None:
    for type_, name, text in documents(stack):
        found = {finding.issue for finding in parliament.analyze_policy_string(text).findings}
        meant = MEANT_OF_TYPE.get(type_) or MEANT_OF_NAME.get(name, set())
        assert found <= meant, (type_, name, found - meant)


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_managed_policies_are_no_longer_than_iam_takes(stack: str) -> None:
    lengths = {name: len("".join(text.split())) for type_, name, text in documents(stack) if type_.endswith(":Policy")}
    assert lengths
    assert {name: length for name, length in lengths.items() if length > 6144} == {}
