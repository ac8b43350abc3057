"""Rules of Prometheus, as plain dictionaries of a PrometheusRule (monitoring.coreos.com/v1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

RUNBOOKS: Final = "docs/runbooks"
"""Folder of the runbook pages, one an alert, named after it."""


class Severity(StrEnum):
    """Who has to act, and when."""

    CRITICAL = "critical"
    """Somebody, now: users or running jobs are hurt."""
    WARNING = "warning"
    """Somebody, in working hours: it becomes critical, or costs money, when left alone."""
    NONE = "none"
    """Nobody: it is sent at all times, to prove that alerts arrive."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; its page is `docs/runbooks/<name>.md`."""

    name: str
    """Name in CamelCase, unique in the platform."""
    expr: str
    """PromQL that yields a series for each thing that is wrong."""
    lasting: str
    """How long it must hold before it is sent, such as 10m; 0m for at once."""
    severity: Severity
    """Who has to act."""
    summary: str
    """One sentence, with labels of the series as `{{ $labels.name }}`."""
    metrics: Sequence[str] = field(default=(), kw_only=True)
    """Names of the metrics in `expr`, each a row of `contracts.metrics`; a test compares them with the expression."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule: an expression that several others need, kept as a series of its own."""

    name: str
    """Name of the series, a row of `contracts.metrics` itself."""
    expr: str
    """PromQL of its values."""
    labels: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Labels that every series gets."""
    metrics: Sequence[str] = field(default=(), kw_only=True)
    """Names of the metrics in `expr`, each a row of `contracts.metrics`; a test compares them with the expression."""


def rule_group(name: str, rules: Sequence[Alert | Recording], runbooks_url: object) -> dict[str, object]:
    """A rule group of a PrometheusRule; `runbooks_url` is where `docs/runbooks` is published, without a last slash."""
    return {"name": name, "rules": [_rule(rule, runbooks_url) for rule in rules]}


def _rule(rule: Alert | Recording, runbooks_url: object) -> dict[str, object]:
    if isinstance(rule, Recording):
        labels = {"labels": dict(rule.labels)} if rule.labels else {}
        return {"record": rule.name, "expr": rule.expr, **labels}
    return {
        "alert": rule.name,
        "expr": rule.expr,
        "for": rule.lasting,
        "labels": {"severity": rule.severity.value},
        "annotations": {"summary": rule.summary, "runbook_url": f"{runbooks_url}/{rule.name}.md"},
    }
