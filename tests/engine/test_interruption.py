"""A deployment that was interrupted anywhere is resumed by the steps of docs/interrupted.md."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from deployment import Deployment, engine_of, kill
from standin import RELEASE

from environments import composed
from pulumi_cli import needs_cli

pytestmark = needs_cli
SECONDS = 300
"""Longest that it may take until the deployment comes to the resource at which it is interrupted."""
WAYS = ("hang", "hang-before", "interrupt")
"""The machine went away after the service had made the resource, or before; somebody pressed Ctrl+C."""
STACK = "dev"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", range(metafunc.config.getoption("--interruptions")))


def test_an_interrupted_deployment_resumes(
    number: int, deploy: Callable[[str], Deployment], capsys: pytest.CaptureFixture[str]
) -> None:
    graph = composed(STACK)
    choice = random.Random(number)  # noqa: S311 - the same resources every time
    node = choice.choice([node for node in graph.resources if node["kind"] == "custom"])
    way = WAYS[number % len(WAYS)]
    deployment = deploy(STACK)
    interrupt(deployment, node["urn"], way)
    steps = resume(deployment)
    assert deployment.preview().changes == {}
    assert not deployment.state().get("pending_operations")
    assert deployment.unmanaged() == []
    with capsys.disabled():
        print(f"\n{number:2} {way:12} {node['type']:50} {node['name']:40} {', '.join(steps)}")


def interrupt(deployment: Deployment, urn: str, way: str) -> None:
    """Deploys until a resource is being made, and stops there."""
    trouble = deployment.world / ("hang" if way == "interrupt" else way)
    trouble.write_text(urn)
    process = deployment.start("up")
    wait(process, (deployment.world / "hung").exists)
    if way == "interrupt":
        os.kill(engine_of(process), signal.SIGINT)
        process.communicate(timeout=SECONDS)
    else:
        kill(process)
    trouble.unlink()


def wait(process: subprocess.Popen[str], arrived: Callable[[], bool]) -> None:
    """Waits until the deployment has come to its resource."""
    end = time.monotonic() + SECONDS
    while not arrived():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "the deployment never came to the resource"
        time.sleep(0.1)


def resume(deployment: Deployment) -> list[str]:
    """Follows the page, and says which of its steps were needed."""
    steps = ["cancel"] if deployment.locked else []
    if deployment.locked:
        deployment.cli("cancel", "--yes", "--stack", STACK)
    pending = {item["resource"]["urn"] for item in deployment.state().get("pending_operations", [])}
    steps.append("up")
    first = deployment.up()
    if first.error:
        assert "already exists" in first.error, first.error
        steps += take_over(deployment, pending)
    if deployment.state().get("pending_operations"):
        steps.append("refresh")
        assert not deployment.refresh("--clear-pending-creates").error
    for made in deployment.unmanaged():
        assert made["urn"] in pending
        steps.append("delete what is left")
        deployment.services.delete(made["identity"])
    return steps


def take_over(deployment: Deployment, pending: set[str]) -> list[str]:
    """Deletes what was made, but for Kubernetes objects, which an `up` takes over."""
    steps = []
    left = [made for made in deployment.unmanaged() if made["urn"] in pending]
    for made in left:
        if made["identity"].startswith(("aws:", RELEASE)):
            steps.append("delete what is left")
            deployment.services.delete(made["identity"])
    if any(made["identity"].startswith("kubernetes:") for made in left):
        steps.append("up that takes over")
        over = deployment.up(PULUMI_K8S_UPSERT_EXISTING_OBJECTS="true")
        assert not over.error, over.error
    steps.append("up")
    last = deployment.up()
    assert not last.error, last.error
    return steps
