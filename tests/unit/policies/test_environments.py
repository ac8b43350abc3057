"""dev, staging and prod, as reviewed: nothing that the policies forbid, and by name what they cannot judge."""

import json
from typing import Any

import pytest

from judging import config_of, judged, wire
from mlplatform_policies.catalogue import RULES
from mlplatform_policies.exceptions import Exceptions
from mlplatform_policies.model import ENVIRONMENTS
from recorded import ROOT

UNDECIDED: dict[str, set[str]] = {"dev": set(), "staging": set(), "prod": {"endpoint-rollback"}}
"""Rules that need what only the provider knows: the version of a function, which its alias names."""


def found(environment: str, exceptions: Exceptions) -> list[dict[str, Any]]:
    graph = json.loads((ROOT / "tests" / "golden" / f"{environment}.json").read_text())
    return judged(wire(graph), RULES, config_of(environment), exceptions)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_environment_has_no_mandatory_finding(environment: str) -> None:
    mandatory = [item for item in found(environment, Exceptions.of()) if item["level"] == "mandatory"]
    findings = [item for item in mandatory if item["kind"] == "finding"]
    assert [(item["policy"], item["urn"], item["message"]) for item in findings] == []
    assert {item["policy"] for item in mandatory} == UNDECIDED[environment]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_without_exceptions_only_what_they_except_is_found(environment: str) -> None:
    without = found(environment, Exceptions([]))
    mandatory = {item["policy"] for item in without if (item["level"], item["kind"]) == ("mandatory", "finding")}
    assert mandatory <= {row.rule for row in Exceptions.of().good}
