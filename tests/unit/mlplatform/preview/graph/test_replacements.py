"""What a changed property does, held against the sources where they are present."""

import csv
import json

import pytest

from mlplatform.preview.graph.replacements import (
    AWS,
    AWS_IN_PLACE,
    AWS_WITHOUT_ROWS,
    STATEFUL,
    Effect,
    effect,
    lost_with,
    regional,
)
from recorded import ROOT

UPDATE, MAY, REPLACE = Effect


@pytest.fixture(scope="module")
def rows(reference):
    with reference("data/aws_replace_on_changes.csv").open(newline="") as file:
        found = {}
        for row in csv.DictReader(file):
            found.setdefault(row["type"], set()).add(row["property"])
        return found


def test_aws_rows_equal_the_reference(rows):
    assert {token: set(properties) for token, properties in AWS.items()} == {token: rows[token] for token in AWS}


def test_types_without_rows_have_none_in_the_reference(rows):
    assert not AWS_WITHOUT_ROWS & set(rows)


def test_no_type_here_is_replaced_for_its_tags(rows):
    assert not [token for token in AWS if AWS_IN_PLACE & rows[token]]


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_every_aws_type_of_the_environments_is_in_one_of_the_tables(stack):
    golden = json.loads((ROOT / "tests" / "golden" / f"{stack}.json").read_text())
    used = {node["type"] for node in golden["resources"] if node["type"].startswith("aws:")}
    assert not used - set(AWS) - AWS_WITHOUT_ROWS


@pytest.mark.parametrize(
    ("token", "path", "settings", "expected"),
    [
        ("aws:dynamodb/table:Table", ("hashKey",), {}, REPLACE),
        ("aws:dynamodb/table:Table", ("billingMode",), {}, UPDATE),
        ("aws:dynamodb/table:Table", ("attributes", 0, "type"), {}, MAY),
        ("aws:dynamodb/table:Table", ("localSecondaryIndices", 0, "name"), {}, REPLACE),
        ("aws:dynamodb/table:Table", ("tags", "owner"), {}, UPDATE),
        ("aws:dynamodb/table:Table", ("region",), {}, REPLACE),
        ("aws:eks/accessEntry:AccessEntry", ("clusterName",), {}, MAY),
        ("aws:eks/accessEntry:AccessEntry", ("tags", "owner"), {}, UPDATE),
        ("aws:unheard/of:Of", ("tags", "owner"), {}, MAY),
        ("kubernetes:core/v1:ConfigMap", ("data", "a"), {}, REPLACE),
        ("kubernetes:core/v1:ConfigMap", ("data", "a"), {"enableConfigMapMutable": True}, UPDATE),
        ("kubernetes:core/v1:ConfigMap", ("data", "a"), {"enableConfigMapMutable": "true"}, UPDATE),
        ("kubernetes:core/v1:ConfigMap", ("metadata", "name"), {"enableConfigMapMutable": True}, REPLACE),
        ("kubernetes:core/v1:ConfigMap", ("metadata", "labels", "a"), {}, UPDATE),
        ("kubernetes:core/v1:Pod", ("spec", "nodeName"), {}, MAY),
        ("kubernetes:core/v1:Pod", ("metadata", "name"), {}, REPLACE),
        ("kubernetes:core/v1:PersistentVolumeClaim", ("spec", "resources", "requests", "storage"), {}, REPLACE),
        ("kubernetes:apps/v1:Deployment", ("spec", "selector", "matchLabels", "a"), {}, REPLACE),
        ("kubernetes:apps/v1:Deployment", ("spec", "replicas"), {}, UPDATE),
        ("kubernetes:apps/v1:Deployment", ("spec",), {}, REPLACE),
        ("kubernetes:batch/v1:Job", ("spec", "template", "spec", "containers", 0, "image"), {}, REPLACE),
        ("kubernetes:karpenter.sh/v1:NodePool", ("metadata", "namespace"), {}, REPLACE),
        ("kubernetes:karpenter.sh/v1:NodePool", ("spec", "limits", "cpu"), {}, UPDATE),
        ("kubernetes:helm.sh/v3:Release", ("version",), {}, UPDATE),
        ("kubernetes:helm.sh/v3:Release", ("namespace",), {}, REPLACE),
        ("pulumi:providers:aws", ("region",), {}, UPDATE),
        ("pulumi:providers:kubernetes", ("clusterIdentifier",), {"clusterIdentifier": "b"}, REPLACE),
        ("pulumi:providers:kubernetes", ("kubeconfig",), {"clusterIdentifier": "b"}, UPDATE),
        ("pulumi:providers:kubernetes", ("kubeconfig",), {}, MAY),
        ("pulumi:providers:kubernetes", ("namespace",), {}, UPDATE),
        ("gcp:storage/bucket:Bucket", ("location",), {}, MAY),
    ],
)
def test_what_a_change_does(token, path, settings, expected):
    assert effect(token, path, settings) is expected


def test_effects_are_ranked():
    assert sorted([REPLACE, UPDATE, MAY], key=lambda one: one.rank) == [UPDATE, MAY, REPLACE]


@pytest.mark.parametrize(
    ("token", "expected"),
    [("aws:sqs/queue:Queue", True), ("aws:iam/role:Role", False), ("kubernetes:core/v1:Secret", False)],
)
def test_what_lives_in_a_region(token, expected):
    assert regional(token) is expected


@pytest.mark.parametrize(
    ("token", "inputs", "expected"),
    [
        ("aws:dynamodb/table:Table", {}, "its items"),
        ("aws:iam/role:Role", {}, None),
        (
            "kubernetes:helm.sh/v3:Release",
            {"chart": "karpenter-crd"},
            "its CRDs, and with them every object of their kinds",
        ),
        (
            "kubernetes:helm.sh/v3:Release",
            {"chart": "x", "values": {"prometheus": {"storageSpec": {"volumeClaimTemplate": {}}}}},
            "what its volumes hold",
        ),
        ("kubernetes:helm.sh/v3:Release", {"chart": "keda", "values": {"replicas": 2}}, None),
        ("kubernetes:helm.sh/v3:Release", {}, None),
    ],
)
def test_what_is_lost_with_a_resource(token, inputs, expected):
    assert lost_with(token, inputs) == expected


def test_what_is_stateful_here_is_known():
    assert {"aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:sqs/queue:Queue", "aws:eks/cluster:Cluster"} <= set(
        STATEFUL
    )
