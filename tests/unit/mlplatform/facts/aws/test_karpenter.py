"""Karpenter's permissions: those that its own template documents, no more and no less."""

import json

import pytest

from mlplatform.facts.aws import karpenter
from mlplatform.facts.aws.iam import ATTACHED_POLICIES, MANAGED_POLICY_CHARACTERS

VALUES = {
    "cluster_name": "ml-dev",
    "partition": "aws",
    "region": "eu-west-1",
    "account_id": "123456789012",
    "node_role_arn": "arn:aws:iam::123456789012:role/node",
    "queue_arn": "arn:aws:sqs:eu-west-1:123456789012:ml-dev",
    "cluster_arn": "arn:aws:eks:eu-west-1:123456789012:cluster/ml-dev",
}
SUBSTITUTED = {
    "${ClusterName}": VALUES["cluster_name"],
    "${AWS::Partition}": VALUES["partition"],
    "${AWS::Region}": VALUES["region"],
    "${AWS::AccountId}": VALUES["account_id"],
    "${KarpenterNodeRole.Arn}": VALUES["node_role_arn"],
    "${KarpenterInterruptionQueue.Arn}": VALUES["queue_arn"],
}
ROLES = {
    "node-lifecycle": "NodeLifecyclePolicy",
    "iam-integration": "IAMIntegrationPolicy",
    "eks-integration": "EKSIntegrationPolicy",
    "interruption": "InterruptionPolicy",
    "zonal-shift": "ZonalShiftPolicy",
    "resource-discovery": "ResourceDiscoveryPolicy",
}
RULES = {
    "scheduled-change": "ScheduledChangeRule",
    "spot-interruption": "SpotInterruptionRule",
    "rebalance": "RebalanceRule",
    "state-change": "InstanceStateChangeRule",
    "capacity-reservation": "CapacityReservationInterruptionRule",
}


@pytest.fixture
def template(reference):
    return json.loads(reference("data/karpenter_1_14_permissions.json").read_text())


def flat(value):
    """A value as the policy language reads it: one item and a list of one are the same, and order says nothing."""
    if isinstance(value, list):
        return frozenset(value)
    return frozenset([str(value).lower() if isinstance(value, bool) else value])


def normal(statement):
    return {
        "Sid": statement["Sid"],
        "Effect": statement["Effect"],
        "Action": flat(statement["Action"]),
        "Resource": flat(statement["Resource"]),
        "Condition": {
            operator: {key: flat(value) for key, value in keys.items()}
            for operator, keys in statement.get("Condition", {}).items()
        },
    }


def test_every_policy_of_the_template_is_here(template):
    of_template = {name for name, entry in template.items() if entry["Type"] == "AWS::IAM::ManagedPolicy"}
    assert set(ROLES.values()) == of_template
    assert set(karpenter.controller_policies(**VALUES)) == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_policies_equal_the_template(template, role):
    text = template[ROLES[role]]["Properties"]["PolicyDocument"]["Fn::Sub"]
    for variable, value in SUBSTITUTED.items():
        text = text.replace(variable, value)
    expected = json.loads(text)
    built = karpenter.controller_policies(**VALUES)[role]
    assert built["Version"] == expected["Version"]
    assert list(map(normal, built["Statement"])) == list(map(normal, expected["Statement"]))


def test_events_equal_the_template(template):
    rules = {name for name, entry in template.items() if entry["Type"] == "AWS::Events::Rule"}
    assert set(RULES.values()) == rules
    expected = {short: template[rule]["Properties"]["EventPattern"] for short, rule in RULES.items()}
    assert dict(karpenter.interruption_events()) == expected


def test_queue_settings_equal_the_template(template):
    queue = template["KarpenterInterruptionQueue"]["Properties"]
    assert queue["MessageRetentionPeriod"] == karpenter.QUEUE_RETENTION_SECONDS
    assert karpenter.QUEUE_SQS_MANAGED_SSE is queue["SqsManagedSseEnabled"]


def test_queue_policy_is_the_templates_but_narrower(template):
    send, deny = template["KarpenterInterruptionQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    rule = "arn:aws:events:eu-west-1:123456789012:rule/spot"
    built_send, built_deny = karpenter.interruption_queue_policy(VALUES["queue_arn"], [rule])["Statement"]
    assert built_send == {
        "Sid": "RulesSend",
        "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com"]},
        "Action": [send["Action"]],
        "Resource": [VALUES["queue_arn"]],
        "Condition": {"ArnEquals": {"aws:SourceArn": [rule]}},
    }
    assert set(built_send["Principal"]["Service"]) < set(send["Principal"]["Service"])
    ours, theirs = normal(built_deny), normal({**deny, "Resource": VALUES["queue_arn"]})
    assert {**ours, "Sid": ""} == {**theirs, "Sid": ""}
    assert built_deny["Principal"] == {"AWS": [deny["Principal"]]}


def test_a_queue_without_rules_is_refused():
    with pytest.raises(ValueError, match=r"^interruption queue has no rules; allowed: one or more ARNs; fix: "):
        karpenter.interruption_queue_policy(VALUES["queue_arn"], [])


def test_policies_fit_iams_quotas():
    names = {**VALUES, "cluster_name": "c" * 100, "partition": "aws-us-gov", "region": "ap-southeast-2"}
    policies = karpenter.controller_policies(**names)
    assert len(policies) <= ATTACHED_POLICIES
    assert all(
        len(json.dumps(policy, separators=(",", ":"))) <= MANAGED_POLICY_CHARACTERS for policy in policies.values()
    )


def test_arns_may_come_later():
    later = object()
    policies = karpenter.controller_policies(
        **{**VALUES, "queue_arn": later, "node_role_arn": later, "cluster_arn": later}
    )
    assert policies["interruption"]["Statement"][0]["Resource"] == [later]
    assert policies["iam-integration"]["Statement"][0]["Resource"] == [later]
    assert policies["eks-integration"]["Statement"][0]["Resource"] == [later]
