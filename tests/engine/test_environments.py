"""Every environment through the real engine: made, left alone, changed, refreshed and destroyed."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from deployment import Deployment

from environments import ENVIRONMENTS, changed, composed
from mlplatform.preview.graph.change import Action, Diff
from mlplatform.preview.graph.diff import compare
from mlplatform.preview.graph.model import Graph
from pulumi_cli import needs_cli

pytestmark = needs_cli

MORE_GPUS: Mapping[str, Mapping[str, Any]] = {
    "dev": {"pools.training.spot.limit_gpus": 6},
    "staging": {"pools.training.on_demand.limit_gpus": 16},
    "prod": {"pools.inference.on_demand.limit_gpus": 14},
}
"""More GPUs than each environment has."""
IN_ENGINE = {
    Action.CREATE: "create",
    Action.DELETE: "delete",
    Action.MAY_REPLACE: "replace",
    Action.REPLACE: "replace",
    Action.UPDATE: "update",
}
"""What the engine does where the offline difference names an action; it may replace what may be replaced."""


def foreseen(stack: str, edits: Mapping[str, Any]) -> Diff:
    """What the offline difference says that a change of a stack file does."""
    before, after = (Graph.of(composed(stack, change).raw) for change in ({}, edits))
    return compare(before, after)


def operations(diff: Diff) -> dict[str, str]:
    """The engine's operation on each resource that a difference names, by URN."""
    return {step.urn: IN_ENGINE[step.action] for step in diff.steps}


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_life_of_an_environment(
    stack: str, deploy: Callable[[str], Deployment], capsys: pytest.CaptureFixture[str]
) -> None:
    made_of = composed(stack).raw["resources"]
    resources = len(made_of)
    deployment = deploy(stack)
    lines = []

    def run(step: str, operation: Callable[[], Any]) -> Any:
        done = operation()
        lines.append(f"{stack:8} {step:22} {done.seconds:4.0f} s  {done.count()}")
        return done

    made = run("up", deployment.up)
    assert (made.error, made.count()) == ("", {"create": resources})
    again = run("up again", deployment.up)
    assert (again.error, again.changes) == ("", {})

    edits = MORE_GPUS[stack]
    deployment.write({f"mlplatform:{key}": value for key, value in changed(stack, edits).items()})
    updated = run("up with more GPUs", deployment.up)
    assert (updated.error, updated.changes) == ("", operations(foreseen(stack, edits)))
    refreshed = run("refresh", deployment.refresh)
    assert (refreshed.error, refreshed.count()) == ("", {"refresh": resources})
    settled = run("preview", deployment.preview)
    assert (settled.error, settled.changes) == ("", {})

    destroyed = run("destroy", deployment.destroy)
    if any(node["options"].get("protect") for node in made_of):
        assert "protected" in destroyed.error
        assert len(deployment.state()["resources"]) == resources
    else:
        assert (destroyed.error, destroyed.count()) == ("", {"delete": resources})
        assert deployment.services.all() == []
    with capsys.disabled():
        print("", *lines, sep="\n")
