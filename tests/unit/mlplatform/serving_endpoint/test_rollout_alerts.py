"""The alert of a rollout that failed: that Prometheus reads it, and when it is sent."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting import PROMTOOL, promtool
from mlplatform.contracts.alerts import rule_group
from mlplatform.contracts.metrics import ROLLOUTS
from mlplatform.serving_endpoint.alerts import rollout_failed
from recorded import ROOT

ALERT = rollout_failed("fraud")


def test_it_has_a_runbook_page() -> None:
    text = (ROOT / "docs" / "runbooks" / f"{ALERT.name}.md").read_text()
    assert text.startswith(f"# {ALERT.name}\n\nSeverity: {ALERT.severity}.")
    for heading in ("## Likely causes", "## What to look at", "## How to mend"):
        assert heading in text


def ended(values: str, status: str = "Failed", endpoint: str = "fraud") -> dict[str, str]:
    """The counter every minute, from the beginning."""
    return {"series": f'{ROLLOUTS}{{endpoint="{endpoint}",status="{status}"}}', "values": values}


CASES: dict[str, tuple[list[dict[str, str]], bool]] = {
    "nothing was ever rolled out": ([], False),
    "all went well": ([ended("0+1x180", "Succeeded")], False),
    "the first failure was a moment ago": ([ended("_x170 1x10")], True),
    "the first failure was long ago": ([ended("1x180")], False),
    "another failure was a moment ago": ([ended("1x170 2x10")], True),
    "another failure was long ago": ([ended("1x60 2x120")], False),
    "an error is a failure": ([ended("_x170 1x10", "Error")], True),
    "another endpoint failed": ([ended("1x170 2x10", endpoint="churn")], False),
}
"""Series over three hours, and whether the alert is sent at their end."""


@PROMTOOL
@pytest.mark.parametrize(("given", "sent"), CASES.values(), ids=CASES)
def test_it_is_sent_when_it_should(given: list[dict[str, str]], sent: bool, tmp_path: Path) -> None:
    rules = {"groups": [rule_group("rollout-fraud", [ALERT], "https://x")]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    wanted = {
        "exp_labels": {"severity": ALERT.severity.value, "endpoint": "fraud"},
        "exp_annotations": {"summary": ALERT.summary, "runbook_url": "https://x/RolloutFailed.md"},
    }
    check = {"eval_time": "179m", "alertname": ALERT.name, "exp_alerts": [wanted] if sent else []}
    test: dict[str, Any] = {"interval": "1m", "input_series": given, "alert_rule_test": [check]}
    unit = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(unit))
    assert promtool(tmp_path, "test", "rules", "test.yaml") == ""
