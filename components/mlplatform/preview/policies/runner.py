"""Runs one Pulumi policy pack over a recorded graph: `python runner.py REQUEST`, in the pack's own interpreter.

The policies are the very objects that the pack gives to the engine, with the SDK's own checking of unknown values and
with the pack's configuration. Only this file of the preview knows `pulumi_policy`, and it knows no other file.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import runpy
import sys
import traceback
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

MISSING = ""
"""Name of the SDK's package where this interpreter has it not."""
try:
    import pulumi_policy as sdk
    from pulumi_policy import policy as internals
    from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError, unknown_checking_proxy
except ModuleNotFoundError as error:
    MISSING = error.name or "pulumi_policy"

Json = Any
Node = Mapping[str, Json]

UNKNOWN = "[unknown]"
SECRET = "[secret]"  # noqa: S105 - what is shown instead of one
FINDING, UNDECIDED = "finding", "undecided"
UNJUDGED = ("read", "stack")
"""Kinds of nodes that no policy is asked about."""


class Pack(BaseException):
    """Ends a pack's program where it would begin to serve, with what it would have served."""

    def __init__(
        self,
        name: str,
        policies: Sequence[sdk.Policy],
        enforcement_level: sdk.EnforcementLevel | None = None,
        initial_config: Mapping[str, Json] | None = None,
        **_: Json,
    ) -> None:
        super().__init__(name)
        self.name = name
        self.policies = policies
        self.level = enforcement_level
        self.config = initial_config or {}


def load(folder: Path) -> Pack:
    """The pack of a folder, as its `__main__.py` makes it."""

    def capture(*args: Json, **kwargs: Json) -> None:
        raise Pack(*args, **kwargs)

    for module in (sdk, internals):
        setattr(module, "PolicyPack", capture)  # noqa: B010 - what the program imports, whatever mypy thinks of it
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        runpy.run_path(str(folder), run_name="__main__")
    except Pack as pack:
        return pack
    raise RuntimeError("the program made no PolicyPack")


class Settings:
    """Levels and parameters of a pack's policies, from the pack, its initial configuration and the one given."""

    def __init__(self, pack: Pack, config: Mapping[str, Json]) -> None:
        self.levels: dict[str, str] = {}
        self.parameters: dict[str, dict[str, Json]] = {}
        for policy in pack.policies:
            level = policy.enforcement_level or pack.level or sdk.EnforcementLevel.ADVISORY
            schema = (policy.config_schema.properties if policy.config_schema else None) or {}
            self.levels[policy.name] = str(level.value)
            self.parameters[policy.name] = {
                key: value["default"] for key, value in schema.items() if value.get("default") is not None
            }
        for given in (pack.config, config):
            for name in self.levels if "all" in given else ():
                self._take(name, given["all"])
            for name in self.levels:
                if name in given:
                    self._take(name, given[name])
        self.strange = sorted(set(config) - set(self.levels) - {"all"})

    def _take(self, name: str, values: Json) -> None:
        given = values if isinstance(values, dict) else {"enforcementLevel": values}  # a level alone
        level = given.get("enforcementLevel")
        if level:
            self.levels[name] = str(getattr(level, "value", level))
        self.parameters[name].update({key: value for key, value in given.items() if key != "enforcementLevel"})

    def level(self, policy: sdk.Policy) -> str:
        """What a finding does. Nothing is mended offline: what is still wrong afterwards would end the update."""
        level = self.levels[policy.name]
        return "mandatory" if level == "remediate" else level

    def active(self, pack: Pack, kind: type) -> list[Json]:
        """The policies of a kind that are not disabled."""
        return [item for item in pack.policies if isinstance(item, kind) and self.level(item) != "disabled"]


class Resources:
    """The graph's resources as the SDK hands them to policies."""

    def __init__(self, graph: Node) -> None:
        self.nodes: list[Node] = [node for node in graph["resources"] if node["kind"] not in UNJUDGED]
        self.by_urn: dict[str, Node] = {node["urn"]: node for node in graph["resources"]}
        self.tags = {"pulumi:project": graph["project"], "pulumi:stack": graph["stack"]}
        self._placeholders: dict[str, list[str]] = {}
        for item in graph["placeholders"]:
            self._placeholders.setdefault(item["urn"], []).append(item["value"])
        # A name that the program gave is the id of some resources, and none that only stands for another.
        for urn, values in self._placeholders.items():
            given = json.dumps(self.by_urn[urn]["inputs"]) if urn in self.by_urn else ""
            self._placeholders[urn] = [value for value in values if value not in given]

    def placeholders(self, node: Node) -> list[str]:
        """The placeholders that a resource may have been made of, and its own."""
        return [value for urn in (node["urn"], *node["dependencies"]) for value in self._placeholders.get(urn, ())]

    def props(self, values: Mapping[str, Json], hidden: Sequence[str] = ()) -> Json:
        """Properties in the SDK's proxy, which raises for an unknown one; values with something hidden are unknown."""
        return unknown_checking_proxy({key: self._value(value, hidden) for key, value in values.items()})

    def _value(self, value: Json, hidden: Sequence[str]) -> Json:
        if isinstance(value, dict):
            return {key: self._value(item, hidden) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, hidden) for item in value]
        # The engine would know a secret; here it is as unknown as what only a provider computes.
        if isinstance(value, str) and any(text in value for text in (UNKNOWN, SECRET, *hidden)):
            return UNKNOWN_STRING_VALUE
        return value

    def options(self, node: Node) -> sdk.PolicyResourceOptions:
        """A resource's options, as far as the engine tells policies of them."""
        given = node["options"]
        return sdk.PolicyResourceOptions(
            bool(given.get("protect")),
            list(given.get("ignore_changes") or []),
            given.get("delete_before_replace"),
            [],
            sdk.PolicyCustomTimeouts(0, 0, 0),
            list(given.get("additional_secret_outputs") or []),
            node["parent"],
        )

    def provider(self, node: Node) -> sdk.PolicyProviderResource | None:
        """The explicit provider of a resource."""
        found = self.by_urn.get(node["provider"])
        if found is None:
            return None
        return sdk.PolicyProviderResource(found["type"], self.props(found["inputs"]), found["urn"], found["name"])

    def together(self, *, hiding: bool) -> list[sdk.PolicyResource]:
        """All resources as a policy over the stack sees them: inputs are outputs until the provider says otherwise."""
        made = {node["urn"]: self._stack_resource(node, hiding=hiding) for node in self.nodes}
        for node in self.nodes:
            resource = made[node["urn"]]
            resource.parent = made.get(node["parent"])
            resource.dependencies = _known(made, node["dependencies"])
            resource.property_dependencies = {
                key: _known(made, urns) for key, urns in node["property_dependencies"].items()
            }
        return list(made.values())

    def _stack_resource(self, node: Node, *, hiding: bool) -> sdk.PolicyResource:
        props = self.props({**node["inputs"], **node["outputs"]}, self.placeholders(node) if hiding else ())
        known = (node["type"], props, node["urn"], node["name"])
        return sdk.PolicyResource(*known, self.options(node), self.provider(node), None, [], {})


def _known(made: Mapping[str, sdk.PolicyResource], urns: Iterable[str]) -> list[sdk.PolicyResource]:
    return [made[urn] for urn in urns if urn in made]


def judge(pack: Pack, settings: Settings, resources: Resources) -> list[dict[str, Json]]:
    """Findings and undecided policies of a pack."""
    return [*_singly(pack, settings, resources), *_together(pack, settings, resources)]


def _singly(pack: Pack, settings: Settings, resources: Resources) -> Iterator[dict[str, Json]]:
    active = [item for item in settings.active(pack, sdk.ResourceValidationPolicy) if item.has_validation()]
    for node in resources.nodes:
        yield from _of_node(node, active, settings, resources)


def _of_node(node: Node, active: Sequence[Json], settings: Settings, resources: Resources) -> Iterator[dict[str, Json]]:
    # One proxy a resource: the SDK makes one for each policy, which is what takes its time.
    visible = resources.props(node["inputs"])
    options, provider = resources.options(node), resources.provider(node)

    def args(policy: sdk.Policy, props: Json) -> sdk.ResourceValidationArgs:
        config = settings.parameters[policy.name]
        kind, urn, name = node["type"], node["urn"], node["name"]
        return sdk.ResourceValidationArgs(kind, props, urn, name, options, provider, config, resources.tags)

    for policy in active:
        found = _ask(policy, args(policy, visible), settings.level(policy), node["urn"])
        if found:
            hidden = resources.props(node["inputs"], resources.placeholders(node))
            yield from _marked(found, _ask(policy, args(policy, hidden), settings.level(policy), node["urn"]))


def _together(pack: Pack, settings: Settings, resources: Resources) -> Iterator[dict[str, Json]]:
    active = settings.active(pack, sdk.StackValidationPolicy)
    visible = resources.together(hiding=False) if active else []
    hidden: list[sdk.PolicyResource] = []
    for policy in active:
        config = settings.parameters[policy.name]
        found = _ask(policy, sdk.StackValidationArgs(visible, config, resources.tags), settings.level(policy))
        if found:
            hidden = hidden or resources.together(hiding=True)
            args = sdk.StackValidationArgs(hidden, config, resources.tags)
            yield from _marked(found, _ask(policy, args, settings.level(policy)))


def _marked(found: Iterable[dict[str, Json]], certain: Iterable[dict[str, Json]]) -> Iterator[dict[str, Json]]:
    """What was found, with a mark where it is not found without the placeholders."""
    sure = [(item["kind"], item["urn"], item["message"]) for item in certain]
    for item in found:
        placeholder = item["kind"] == FINDING and (item["kind"], item["urn"], item["message"]) not in sure
        yield {**item, "placeholder": placeholder}


def _ask(policy: Json, args: Json, level: str, urn: str = "") -> list[dict[str, Json]]:
    """What one policy says: findings, and that it could not decide."""
    found: list[dict[str, Json]] = []

    def add(kind: str, urn: str, message: str) -> None:
        found.append({"policy": policy.name, "level": level, "kind": kind, "urn": urn, "message": message})

    def report(message: str, of: str | None = None) -> None:
        add(FINDING, urn or of or "", message or "")

    try:
        result = policy.validate(args, report)
        if inspect.isawaitable(result):
            asyncio.run(_awaited(result))
    except UnknownValueError as unknown:
        add(UNDECIDED, urn, unknown.message)
    except internals._NotApplicableError:  # noqa: SLF001 - what `args.not_applicable` raises
        pass
    return found


async def _awaited(result: Awaitable[None]) -> None:
    await result


def described(pack: Pack, settings: Settings) -> list[dict[str, Json]]:
    """The pack's policies for a report, in its order."""
    return [
        {
            "name": policy.name,
            "description": policy.description,
            "level": settings.level(policy),
            "severity": policy.severity.value if policy.severity else "",
            "fix": policy.remediation_steps or "",
            "url": policy.url or "",
            "tags": list(policy.tags or []),
        }
        for policy in pack.policies
    ]


def main(request: Mapping[str, Json]) -> dict[str, Json]:
    """Answers a request; the answer says what went wrong where something did."""
    if MISSING:
        return {"error": f"No module named {MISSING!r}", "missing": MISSING}
    # Numbers are floating-point on the engine's wire, and so policies must see them here.
    graph = json.loads(Path(request["graph"]).read_text(encoding="utf-8"), parse_int=float)
    try:
        pack = load(Path(request["pack"]))
        settings = Settings(pack, request["config"])
        return {
            "name": pack.name,
            "policies": described(pack, settings),
            "strange": settings.strange,
            "results": judge(pack, settings, Resources(graph)),
        }
    except Exception:  # noqa: BLE001 - whatever a pack's own code raises
        return {"error": traceback.format_exc().strip(), "missing": ""}


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    os.dup2(2, 1)  # what a pack prints is no part of a report
    Path(asked["answer"]).write_text(json.dumps(main(asked)), encoding="utf-8")
