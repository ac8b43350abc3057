"""The page about the pack is that of the catalogue."""

import pytest

from mlplatform_policies.catalogue import RULES, TOPICS
from mlplatform_policies.documentation import page
from recorded import ROOT


def test_page_is_current(request: pytest.FixtureRequest) -> None:
    file, text = ROOT / "docs" / "policies.md", page(TOPICS)
    if request.config.getoption("--update-golden"):
        file.write_text(text)
    assert file.read_text() == text


def test_page_names_every_rule_and_every_parameter() -> None:
    text = page(TOPICS)
    for rule in RULES:
        assert f"| `{rule.id}`" in text
        assert rule.why in text
        for parameter in rule.parameters.values():
            assert parameter.what in text
