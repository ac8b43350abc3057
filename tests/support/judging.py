"""Programs judged by rules of the catalogue, through the SDK's own policy objects and proxies."""

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi_aws as aws
import pulumi_kubernetes as k8s

from mlplatform.preview.policies import runner
from mlplatform_policies.exceptions import Exceptions
from mlplatform_policies.model import Rule, StackRule
from mlplatform_policies.pack import policies
from recorded import ROOT, record

Program = Callable[[], object]
NO_EXCEPTIONS = Exceptions([])
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Case:
    """Resources that a rule passes and fails, and one that it cannot judge."""

    good: Program
    bad: Program
    findings: Mapping[str, Sequence[str]]
    """What it finds, without the fix, by the logical name of the resource; the stack's own under an empty name."""
    unknown: Program | None
    """Makes one resource that cannot be judged, and others that are well; None for a rule that reads no property."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Parameters other than the defaults."""


def unknown(value: Any = "") -> Any:
    """An output that only the provider knows; once known it would be this value."""
    return aws.ec2.VpcDhcpOptions(f"unrelated-{next(_NUMBERS)}").owner_id.apply(lambda _: value)


def document(*statements: Mapping[str, Any]) -> str:
    """A policy document as text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def custom(name: str, api_version: str, kind: str, spec: Any, **metadata: Any) -> k8s.apiextensions.CustomResource:
    """An object of a custom kind, named as its logical name unless metadata say otherwise."""
    given = {"name": name, "namespace": "team", **metadata}
    return k8s.apiextensions.CustomResource(name, api_version=api_version, kind=kind, metadata=given, spec=spec)


def graph_of(program: Program, **options: Any) -> dict[str, Any]:
    """The recorded graph of a program, with numbers as policies see them."""
    return wire(record(program, **options).raw)


def wire(graph: Mapping[str, Any]) -> dict[str, Any]:
    """A graph as it reaches policies: JSON, whose numbers are floating-point."""
    return dict(json.loads(json.dumps(graph), parse_int=float))


def judged(
    graph: Mapping[str, Any],
    rules: Iterable[Rule | StackRule],
    config: Mapping[str, Any] | None = None,
    exceptions: Exceptions = NO_EXCEPTIONS,
) -> list[dict[str, Any]]:
    """What rules, and the policy about exceptions, say of a graph."""
    pack = runner.Pack("tests", policies(list(rules), exceptions))
    settings = runner.Settings(pack, config or {})
    assert settings.strange == []
    return runner.judge(pack, settings, runner.Resources(graph))


def by_name(graph: Mapping[str, Any], results: Iterable[Mapping[str, Any]], kind: str) -> dict[str, list[str]]:
    """The messages of a kind by the resource's logical name."""
    names = {node["urn"]: node["name"] for node in graph["resources"]}
    found: dict[str, list[str]] = {}
    for result in results:
        if result["kind"] == kind:
            found.setdefault(names.get(result["urn"], ""), []).append(result["message"])
    return found


def config_of(environment: str, **changes: Any) -> dict[str, Any]:
    """An environment's configuration, on a fixed day."""
    file = ROOT / "policies" / f"config.{environment}.json"
    today = {"policy-exceptions": {"enforcementLevel": "mandatory", "today": "2027-01-01"}}
    return {**json.loads(file.read_text()), **today, **changes}
