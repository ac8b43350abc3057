"""Policy packs over a recorded graph: where they are, their configuration, and what they find."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.model import Graph
from mlplatform.preview.project.configuration import Project, interpreter_of, required_field
from mlplatform.preview.project.yamlfile import read_items, shown_path

RUNNER = Path(__file__).with_name("runner.py")
"""The file that runs in the pack's interpreter."""
PACK_FILE = "PulumiPolicy.yaml"
"""What makes a folder a policy pack."""
OWN_PACK = "policies"
"""The project's own pack, beside its `Pulumi.yaml`."""
LEVELS = ("mandatory", "advisory", "disabled", "remediate")
FINDING, UNDECIDED = "finding", "undecided"


@dataclass(frozen=True)
class Policy:
    """One policy of a pack, configured."""

    name: str
    description: str
    level: str
    """mandatory, advisory or disabled."""
    severity: str
    """critical, high, medium or low; empty where the pack gives none."""
    fix: str
    url: str
    tags: Sequence[str]


@dataclass(frozen=True)
class Result:
    """One thing that a policy says of a resource, or of the stack."""

    policy: str
    level: str
    kind: str
    """`finding`, or `undecided` where it needs a value that the preview cannot know: that is not a pass."""
    urn: str
    """The resource; empty for the stack."""
    message: str
    placeholder: bool
    """Whether it rests on a value that only stands for the real one."""


@dataclass(frozen=True)
class Verdict:
    """What one pack says of one graph."""

    pack: str
    policies: Sequence[Policy]
    results: Sequence[Result]
    """Sorted by level, resource and policy."""

    @cached_property
    def by_name(self) -> Mapping[str, Policy]:
        """The pack's policies by name."""
        return {policy.name: policy for policy in self.policies}

    def findings(self, level: str) -> tuple[Result, ...]:
        """The findings of a level."""
        return tuple(result for result in self.results if result.kind == FINDING and result.level == level)

    @property
    def undecided(self) -> tuple[Result, ...]:
        """What could not be judged."""
        return tuple(result for result in self.results if result.kind == UNDECIDED)

    def to_document(self) -> dict[str, Any]:
        """The verdict as JSON data."""
        results = [asdict(result) for result in self.results]
        return {"pack": self.pack, "policies": [asdict(policy) for policy in self.policies], "results": results}


def packs(project: Project, given: Sequence[Path]) -> tuple[Path, ...]:
    """The packs given, or the project's own where there is one; raises BadInput for a folder that is none."""
    own = project.root / OWN_PACK
    folders = given or ([own] if (own / PACK_FILE).is_file() else [])
    for folder in folders:
        if not (folder / PACK_FILE).is_file():
            raise BadInput(f"{shown_path(folder)}: has no {PACK_FILE}; give the folder of a Pulumi policy pack")
    return tuple(folder.resolve() for folder in folders)


def configuration(pack: Path, given: Path | None, stack: str) -> Mapping[str, Any]:
    """A pack's configuration in Pulumi's format: the file given, or the pack's own `config.<stack>.json` if it has one.

    Raises BadInput for a file that is not that format.
    """
    usual = pack / f"config.{stack}.json"
    file = given or (usual if usual.is_file() else None)
    if file is None:
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{shown_path(file)}: cannot be read: {error.strerror}; give another --policy-config") from None
    except ValueError as error:
        raise BadInput(f"{shown_path(file)}: is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise BadInput(
            f"{shown_path(file)}: is a {type(content).__name__}; it must map policies to their configuration"
        )
    for name, value in content.items():
        level = value.get("enforcementLevel", LEVELS[0]) if isinstance(value, dict) else value
        if level not in LEVELS:
            raise BadInput(f"{shown_path(file)}: {name} is {value!r}; allowed is one of {', '.join(LEVELS)}")
    return content


def judged(graph: Graph, project: Project, packs_given: Sequence[Path], configs: Sequence[Path]) -> tuple[Verdict, ...]:
    """What each pack says of a graph: those given, with the configurations in the same order, or the project's own.

    Raises BadInput for more configurations than packs, and for what `packs`, `configuration` and `judge` refuse.
    """
    found = packs(project, packs_given)
    if len(configs) > len(found):
        raise BadInput(
            f"--policy-config is given {len(configs)} times for {len(found)} policy packs; "
            "give one a --policy-pack, in the same order"
        )
    paired = [(pack, configs[at] if at < len(configs) else None) for at, pack in enumerate(found)]
    return tuple(judge(graph, pack, configuration(pack, given, graph.stack)) for pack, given in paired)


def judge(graph: Graph, pack: Path, config: Mapping[str, Any]) -> Verdict:
    """What a pack says of a graph. Raises BadInput for a pack that cannot be run, or that lacks a policy configured."""
    answer = _run(graph, pack, config)
    if "error" in answer:
        raise BadInput(_why(pack, answer["error"], answer["missing"]))
    if answer["strange"]:
        raise BadInput(
            f"{shown_path(pack)}: the configuration names {', '.join(answer['strange'])}, which the pack has not; "
            f"it has {', '.join(sorted(policy['name'] for policy in answer['policies']))}"
        )
    results = sorted(
        (Result(**result) for result in answer["results"]),
        key=lambda result: (LEVELS.index(result.level), result.urn, result.policy, result.kind, result.message),
    )
    return Verdict(answer["name"], tuple(Policy(**policy) for policy in answer["policies"]), tuple(results))


def _run(graph: Graph, pack: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    file = pack / PACK_FILE
    python = interpreter_of(pack, required_field(file, read_items(file), "runtime", "`runtime: python`"))
    with tempfile.TemporaryDirectory(prefix="mlplatform-") as scratch:
        request_path, graph_path, answer_path = (
            Path(scratch, f"{part}.json") for part in ("request", "graph", "answer")
        )
        graph_path.write_text(graph.to_json(), encoding="utf-8")
        request = {"graph": str(graph_path), "pack": str(pack), "config": dict(config), "answer": str(answer_path)}
        request_path.write_text(json.dumps(request), encoding="utf-8")
        done = subprocess.run([str(python), str(RUNNER), str(request_path)], stdout=2, check=False)  # noqa: S603 - the user's own pack
        if not answer_path.exists():
            raise BadInput(
                f"{shown_path(pack)}: the pack's process ended with {done.returncode} before it judged anything; "
                "its last words are above"
            )
        answer: dict[str, Any] = json.loads(answer_path.read_text(encoding="utf-8"))
        return answer


def _why(pack: Path, error: str, missing: str) -> str:
    if missing == "pulumi_policy":
        return (
            f"{shown_path(pack)}: its Python has no pulumi_policy; install it there with `pip install pulumi-policy`, "
            "or name another `virtualenv` in PulumiPolicy.yaml"
        )
    return f"{shown_path(pack)}: the pack cannot be run:\n{error}"


def as_text(graph: Graph, verdict: Verdict) -> str:
    """The findings by level and component, each with its fix; then what could not be decided."""
    counts = {level: len(verdict.findings(level)) for level in LEVELS[:2]}
    decided = ", ".join(f"{count} {level}" for level, count in counts.items())
    lines = [f"Policies of {verdict.pack}: {decided}, {len(verdict.undecided)} undecided"]
    for level in LEVELS[:2]:
        lines.extend(_section(graph, verdict, level.upper(), verdict.findings(level)))
    lines.extend(
        _section(graph, verdict, "UNDECIDED: needs values that are unknown or cannot be read", verdict.undecided)
    )
    return "\n".join([*lines, ""])


def _section(graph: Graph, verdict: Verdict, title: str, results: Sequence[Result]) -> Iterator[str]:
    if results:
        yield from ("", title)
    component = None
    for result in sorted(results, key=lambda result: (_component(graph, result), result.urn, result.policy)):
        if _component(graph, result) != component:
            component = _component(graph, result)
            yield f"  {component}"
        name = graph.by_urn[result.urn].name if result.urn in graph.by_urn else "the stack"
        policy = verdict.by_name[result.policy]
        marks = [mark for mark in (policy.severity, "rests on a placeholder" if result.placeholder else "") if mark]
        yield f"    {name}: {result.policy}{_in_brackets(marks)}"
        yield f"      {result.message}"
        if result.kind == FINDING and policy.fix and policy.fix not in result.message:
            yield f"      fix: {policy.fix}"


def _component(graph: Graph, result: Result) -> str:
    """The outermost component around a resource, which is where a person looks for it."""
    if result.urn not in graph.by_urn:
        return "the stack"
    outer = [resource for resource in graph.ancestors(result.urn) if resource.kind == "component"]
    return f"{outer[-1].name} ({outer[-1].type})" if outer else "directly in the stack"


def _in_brackets(words: Sequence[str]) -> str:
    return f" ({', '.join(words)})" if words else ""
