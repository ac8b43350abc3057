"""Findings as SARIF 2.1.0, for code scanning: one run a pack, one rule a policy, one result a finding.

What each field means and which are asked for: OASIS, Static Analysis Results Interchange Format 2.1.0, and GitHub's
documentation, SARIF support for code scanning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mlplatform.preview.graph.model import Graph, Source
from mlplatform.preview.policies.packs import UNDECIDED, Policy, Result, Verdict

Json = Any

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: Mapping[str, str] = {"mandatory": "error", "advisory": "warning", "disabled": "none"}
"""SARIF's levels for Pulumi's."""
SCORES: Mapping[str, str] = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.5"}
"""GitHub's `security-severity`: in the middle of each of its ranges."""
DESCRIPTION_CHARACTERS = 1024
"""Longest description that GitHub accepts."""


def as_sarif(graph: Graph, verdicts: Sequence[Verdict], stack_file: str, prefix: str = "") -> str:
    """The verdicts as a SARIF document, the same bytes for the same findings.

    A result lies at the program's line that made its resource; where there is none, at the beginning of `stack_file`.
    Both are relative to the project; `prefix` is where the project lies in the repository, such as `infra/`.
    """
    runs = [_run(graph, verdict, Source(stack_file, 1), prefix) for verdict in verdicts]
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": runs}, indent=2) + "\n"


def _run(graph: Graph, verdict: Verdict, otherwise: Source, prefix: str) -> dict[str, Json]:
    at = {policy.name: position for position, policy in enumerate(verdict.policies)}
    driver = {"name": verdict.pack, "rules": [_rule(policy) for policy in verdict.policies]}
    results = [_result(graph, result, at[result.policy], otherwise, prefix) for result in verdict.results]
    return {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}


def _rule(policy: Policy) -> dict[str, Json]:
    description = {"text": policy.description[:DESCRIPTION_CHARACTERS] or policy.name}
    rule: dict[str, Json] = {
        "id": policy.name,
        "shortDescription": description,
        "fullDescription": description,
        "help": {"text": policy.fix or policy.description or policy.name},
        "defaultConfiguration": {"level": LEVELS[policy.level], "enabled": policy.level != "disabled"},
        "properties": {"tags": ["security", *policy.tags]},
    }
    if policy.severity in SCORES:
        rule["properties"]["security-severity"] = SCORES[policy.severity]
    if policy.url:
        rule["helpUri"] = policy.url
    return rule


def _result(graph: Graph, result: Result, rule: int, otherwise: Source, prefix: str) -> dict[str, Json]:
    resource = graph.by_urn.get(result.urn)
    source = (resource.source if resource else None) or otherwise
    place: dict[str, Json] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(prefix + source.file)},
            "region": {"startLine": max(source.line, 1)},
        }
    }
    if resource:
        place["logicalLocations"] = [
            {"name": resource.name, "fullyQualifiedName": resource.urn, "kind": "resource"},
        ]
    undecided = result.kind == UNDECIDED
    name = f"{resource.name}: " if resource else ""
    note = " (rests on a placeholder)" if result.placeholder else ""
    return {
        "ruleId": result.policy,
        "ruleIndex": rule,
        # SARIF: a result that is no failure has level none.
        "kind": "open" if undecided else "fail",
        "level": "none" if undecided else LEVELS[result.level],
        "message": {"text": f"{name}{'undecided: ' if undecided else ''}{result.message}{note}"},
        "locations": [place],
        "partialFingerprints": {"finding/v1": _fingerprint(result)},
        "properties": {"placeholder": result.placeholder},
    }


def _fingerprint(result: Result) -> str:
    return hashlib.sha256("\n".join((result.policy, result.urn, result.message)).encode()).hexdigest()
