"""Each rule on resources of the SDKs' own classes: those that pass, those that fail, and one that is not known yet."""

import pytest

from judging import Case, by_name, graph_of, judged
from mlplatform_policies.catalogue import RULES
from mlplatform_policies.model import StackRule
from policy_cases.table import CASES

BY_ID = {rule.id: rule for rule in RULES}


def test_every_rule_has_its_cases() -> None:
    assert set(CASES) == set(BY_ID)


def test_only_rules_that_read_no_property_have_no_case_with_an_unknown() -> None:
    assert {rule_id for rule_id, case in CASES.items() if case.unknown is None} == {
        "child-has-component-parent",
        "ecr-not-public",
        "iam-no-users",
        "nat-gateways-bounded",
        "no-ad-hoc-provider",
        "stateful-protected",
    }


@pytest.mark.parametrize("rule_id", CASES)
def test_rule_finds_this_and_nothing_else(rule_id: str) -> None:
    case, rule = CASES[rule_id], BY_ID[rule_id]
    graph = graph_of(lambda: (case.good(), case.bad()))
    results = judged(graph, [rule], _config(case, rule_id))
    expected = {name: [f"{finding} {rule.fix}" for finding in found] for name, found in case.findings.items()}
    assert by_name(graph, results, "finding") == expected
    assert by_name(graph, results, "undecided") == {}


@pytest.mark.parametrize("rule_id", CASES)
def test_rule_passes_what_is_good(rule_id: str) -> None:
    case = CASES[rule_id]
    assert judged(graph_of(case.good), [BY_ID[rule_id]], _config(case, rule_id)) == []


@pytest.mark.parametrize("rule_id", [rule_id for rule_id, case in CASES.items() if case.unknown])
def test_what_is_not_known_is_undecided_and_not_passed(rule_id: str) -> None:
    case, rule = CASES[rule_id], BY_ID[rule_id]
    graph = graph_of(case.unknown)
    found = judged(graph, [rule], _config(case, rule_id))
    assert [result["kind"] for result in found] == ["undecided"]
    assert list(by_name(graph, found, "undecided")) == ["" if isinstance(rule, StackRule) else "unknown"]
    assert found[0]["message"].endswith("can't be known during preview")


def _config(case: Case, rule_id: str) -> dict[str, object]:
    return {rule_id: dict(case.config)} if case.config else {}
