"""Every kind of document that the facts build, before a linter that knows AWS's actions, resources and conditions."""

import json

import pytest

from mlplatform.facts.aws import iam, karpenter
from mlplatform.facts.aws.kms import KeyUse, key_policy

parliament = pytest.importorskip(
    "parliament", reason="needs parliament and pkg_resources: pip install 'parliament==1.6.4' 'setuptools<81'"
)

CLUSTER = "arn:aws:eks:eu-west-1:123456789012:cluster/dev"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:q"
ROLE = "arn:aws:iam::123456789012:role/r"
BUCKET = ("arn:aws:s3:::models", "arn:aws:s3:::models/*")
RULE = "arn:aws:events:eu-west-1:123456789012:rule/r"
NO_ARNS = {KeyUse.SPOT, KeyUse.AUTOSCALING}

DOCUMENTS = {
    **{
        f"karpenter {role}": policy
        for role, policy in karpenter.controller_policies(
            cluster_name="dev",
            partition="aws",
            region="eu-west-1",
            account_id="123456789012",
            node_role_arn=ROLE,
            queue_arn=QUEUE,
            cluster_arn=CLUSTER,
        ).items()
    },
    "karpenter queue": karpenter.interruption_queue_policy(QUEUE, [RULE]),
    "key": key_policy(
        "123456789012",
        "aws",
        "eu-west-1",
        {use: [] if use in NO_ARNS else [ROLE] for use in KeyUse},
        administrators=[ROLE],
        users=[ROLE],
    ),
    "bucket": iam.document(iam.deny_insecure_transport("s3", BUCKET), iam.require_tls(BUCKET)),
    "service trust": iam.service_trust("ec2.amazonaws.com", source_account="123456789012", source_arn=RULE),
    "pod identity trust": iam.pod_identity_trust(
        source_account="123456789012", cluster_arn=CLUSTER, namespace="ml", service_account="trainer"
    ),
    "account trust": iam.account_trust(["arn:aws:iam::210987654321:root"]),
}
# What the linter finds in a document that is meant.
MEANT = {
    # Launching names many kinds of resource: the template has a statement for each group of them.
    "karpenter node-lifecycle": {"RESOURCE_MISMATCH"},
    # AWS's public parameters have no account in their ARN.
    "karpenter resource-discovery": {"RESOURCE_MISMATCH"},
    # The condition names the cluster.
    "karpenter zonal-shift": {"RESOURCE_STAR"},
    # A key policy's resource is its key; AWS documents ArnLike on encryption contexts, which the linter takes for text.
    "key": {"RESOURCE_STAR", "MISMATCHED_TYPE"},
    # s3:* holds a few actions without a TLS version; the version is written as text, as AWS does.
    "bucket": {"UNKNOWN_CONDITION_FOR_ACTION", "MISMATCHED_TYPE"},
    # A trust policy has no resource; the linter gets `*`, for the role itself.
    "service trust": {"RESOURCE_STAR"},
    "pod identity trust": {"RESOURCE_STAR"},
    "account trust": {"RESOURCE_STAR"},
}


def issues(document):
    statements = [{"Resource": "*", **statement} for statement in document["Statement"]]
    policy = json.dumps({**document, "Statement": statements})
    return {finding.issue for finding in parliament.analyze_policy_string(policy).findings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_lint(name):
    assert issues(DOCUMENTS[name]) == MEANT.get(name, set())


@pytest.mark.parametrize(
    ("changes", "issue"),
    [
        ({"actions": ("s3:GetObjects",)}, "UNKNOWN_ACTION"),
        ({"resources": BUCKET[:1]}, "RESOURCE_MISMATCH"),
        ({"conditions": {"StringEquals": {"s3:Region": "eu-west-1"}}}, "UNKNOWN_CONDITION_FOR_ACTION"),
    ],
)
def test_the_linter_sees_what_is_wrong(changes, issue):
    statement = iam.Statement(**{"sid": "Read", "actions": ("s3:GetObject",), "resources": BUCKET[1:], **changes})
    assert issues(iam.document(statement)) == {issue}
