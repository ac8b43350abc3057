"""The cases of every rule, by the rule's id."""

from judging import Case
from policy_cases import cost, encryption, exposure, hygiene, identity, ml, reliability, workloads

TOPICS = (encryption, exposure, identity, cost, reliability, workloads, ml, hygiene)
CASES: dict[str, Case] = {rule: case for topic in TOPICS for rule, case in topic.CASES.items()}
