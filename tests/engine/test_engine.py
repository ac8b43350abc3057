"""The recorder against the real engine: the same programs, of components alone, through Pulumi's Automation API."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

from pulumi_cli import needs_cli
from recorded import record

pytestmark = needs_cli

COMPARED = ("type", "parent", "inputs", "outputs", "protect", "retainOnDelete")
"""What the engine's state and the recorded graph both say of a component."""


Engine = Callable[[Callable[[], None]], dict[str, Any]]


class Part(pulumi.ComponentResource):
    def __init__(
        self, name: str, props: dict[str, Any] | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("tests:index:Part", name, props, opts)
        self.register_outputs({"label": f"label of {name}"})


class Whole(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tests:index:Whole", name, {"size": 2, "ratio": 0.5, "tags": {"a": ["b", True]}}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        self.first = Part(f"{name}-first", {"n": 1}, inside)
        self.second = Part(f"{name}-second", None, pulumi.ResourceOptions(parent=self.first))
        self.register_outputs({"parts": 2})


def nested() -> None:
    """Chains of parent types, plain and nested properties, stack outputs of every plain kind."""
    whole = Whole("whole")
    pulumi.export("urn", whole.second.urn)
    pulumi.export("plain", {"a": [1, 2.5, "x", True, None]})


def options() -> None:
    """Protection and retention that children inherit, and dependencies between components."""
    first = Whole("kept", pulumi.ResourceOptions(protect=True, retain_on_delete=True))
    Whole("after", pulumi.ResourceOptions(depends_on=[first]))


def transformed() -> None:
    """A resource's own transform, then its parent's, then the stack's."""

    def append(text: str) -> Callable[[pulumi.ResourceTransformArgs], pulumi.ResourceTransformResult | None]:
        def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
            if args.type_ != "tests:index:Part":
                return None
            return pulumi.ResourceTransformResult(
                props={**args.props, "order": f"{args.props.get('order', '')}{text}"}, opts=args.opts
            )

        return transform

    pulumi.runtime.register_resource_transform(append("stack"))
    parent = Whole("outer", pulumi.ResourceOptions(transforms=[append("parent,")]))
    Part("own", {"order": ""}, pulumi.ResourceOptions(parent=parent, transforms=[append("own,")]))


def configured() -> None:
    """Configuration, secret and not, in properties and outputs."""
    config = pulumi.Config()
    Part("part", {"size": config.require_int("size"), "list": config.require_object("list")})
    pulumi.export("size", config.require("size"))
    pulumi.export("password", config.require_secret("password"))
    pulumi.export("joined", pulumi.Output.concat("a-", config.require_secret("password")))


CONFIG = {"tests:size": "3", "tests:list": '["a",{"b":1}]', "tests:password": "hunter2"}
PROGRAMS = [nested, options, transformed, configured]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Runs a program with the real engine, in a backend of its own, and returns the resulting state."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "passphrase")
    monkeypatch.setenv("PULUMI_SKIP_UPDATE_CHECK", "1")
    monkeypatch.setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    settings = automation.ProjectSettings(name="tests", runtime="python")

    def run(program: Callable[[], None]) -> dict[str, Any]:
        stack = automation.create_stack(
            "test", "tests", program, automation.LocalWorkspaceOptions(project_settings=settings)
        )
        for key, value in CONFIG.items():
            stack.set_config(key, automation.ConfigValue(value, secret=key == "tests:password"))
        stack.up(on_error=print)
        return dict(stack.export_stack().deployment or {})

    return run


def plain(value: Any) -> Any:
    """A value of the engine's state as the recorder writes it."""
    if isinstance(value, dict):
        return "[secret]" if "4dabf18193072939515e22adb298388d" in value else {k: plain(v) for k, v in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def of_engine(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: plain(resource.get(key)) or None for key in COMPARED}


def of_recorder(resource: dict[str, Any]) -> dict[str, Any]:
    options = resource["options"]
    flat = {**resource, "protect": options.get("protect"), "retainOnDelete": options.get("retain_on_delete")}
    return {key: flat[key] or None for key in COMPARED}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_graph_is_the_engines(program: Callable[[], None], engine: Engine) -> None:
    state = engine(program)
    recorded = record(program, config=CONFIG, secret_keys=["tests:password"])
    expected = {item["urn"]: of_engine(item) for item in state["resources"]}
    assert {item["urn"]: of_recorder(item) for item in recorded.raw["resources"]} == expected


def test_duplicate_urn_is_an_error_in_both(engine: Engine) -> None:
    def program() -> None:
        Part("same")
        Part("same")

    text = "Duplicate resource URN 'urn:pulumi:test::tests::tests:index:Part::same'; try giving it a unique name"
    with pytest.raises(automation.CommandError, match=text.replace("$", r"\$")):
        engine(program)
    with pytest.raises(AssertionError, match=text.replace("$", r"\$")):
        record(program)
