"""The rules of the policy pack, one row each: what is forbidden, why, and how to mend it."""

from collections.abc import Mapping, Sequence
from typing import Final

from mlplatform_policies.model import Rule, StackRule
from mlplatform_policies.rules import cost, encryption, exposure, hygiene, identity, ml, reliability, workloads

TOPICS: Final[Mapping[str, Sequence[Rule | StackRule]]] = {
    "Encryption": encryption.RULES,
    "Exposure": exposure.RULES,
    "Identity": identity.RULES,
    "Cost and capacity": cost.RULES,
    "Reliability": reliability.RULES,
    "Supply chain and workloads": workloads.RULES,
    "Machine learning": ml.RULES,
    "Tags and hygiene": hygiene.RULES,
}
"""The rules by topic, in the order of their documentation.

Framework ids are those of AWS Foundational Security Best Practices as Prowler's table of them has them (AWS FSBP), of
checkov (CKV), of cdk-nag (AwsSolutions), and of Kyverno's policy library.
"""
RULES: Final[tuple[Rule | StackRule, ...]] = tuple(rule for rules in TOPICS.values() for rule in rules)
"""Every rule of the pack."""
