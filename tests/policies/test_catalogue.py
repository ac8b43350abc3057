"""Each rule on resources that pass and that fail, both asserted exactly."""

from typing import Any

import pytest
from pulumi_policy import ResourceValidationArgs

from catalogue import RULES, Rule, policy

LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
OPEN = "The EKS cluster's public endpoint must not be open to"

VERDICTS: dict[str, list[tuple[dict[str, Any], list[str]]]] = {
    "kms-rotation": [
        ({"enableKeyRotation": True}, []),
        ({"enableKeyRotation": False}, ["The KMS key must rotate its key material."]),
        ({}, ["The KMS key must rotate its key material."]),
    ],
    "eks-secrets-kms": [
        ({"encryptionConfig": {"resources": ["secrets"]}}, []),
        ({}, ["The EKS cluster must encrypt Kubernetes secrets with a KMS key."]),
    ],
    "eks-control-plane-logs": [
        ({"enabledClusterLogTypes": LOGS}, []),
        (
            {"enabledClusterLogTypes": LOGS[:3]},
            ["The EKS cluster must send all control-plane logs; missing: controllerManager, scheduler."],
        ),
    ],
    "eks-endpoint-no-open-cidr": [
        ({"vpcConfig": {"endpointPublicAccess": False}}, []),
        ({"vpcConfig": {"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]}}, []),
        ({"vpcConfig": {"endpointPublicAccess": True}}, [f"{OPEN} 0.0.0.0/0."]),
        ({}, [f"{OPEN} 0.0.0.0/0."]),
        (
            {"vpcConfig": {"publicAccessCidrs": ["0.0.0.0/0", "203.0.113.0/24", "::/0"]}},
            [f"{OPEN} 0.0.0.0/0.", f"{OPEN} ::/0."],
        ),
    ],
}
BY_ID = {rule.id: rule for rule in RULES}


def judged(rule: Rule, kind: str, props: dict[str, Any]) -> list[str]:
    found: list[str] = []
    args = ResourceValidationArgs(kind, props, "urn", "name", None, None, None)
    policy(rule).validate(args, lambda message, urn=None: found.append(message))
    return found


def test_every_rule_has_verdicts() -> None:
    assert set(VERDICTS) == set(BY_ID)


@pytest.mark.parametrize(("rule_id", "props", "findings"), [(i, p, f) for i, rows in VERDICTS.items() for p, f in rows])
def test_verdict(rule_id: str, props: dict[str, Any], findings: list[str]) -> None:
    rule = BY_ID[rule_id]
    assert judged(rule, rule.kind, props) == [f"{finding} {rule.fix}" for finding in findings]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_leaves_other_types_alone(rule: Rule) -> None:
    assert judged(rule, "aws:s3/bucket:Bucket", {}) == []
