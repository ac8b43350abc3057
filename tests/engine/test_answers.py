"""What the program learns of each resource: from the engine in a first preview, and from a strict recording."""

import json
from collections.abc import Callable
from typing import Any

from deployment import Deployment
from pulumi.runtime import rpc
from pytest_mock import MockerFixture

from environments import composed
from mlplatform.preview import recorder
from mlplatform.preview.recorder.monitor import Recorder
from pulumi_cli import needs_cli

pytestmark = needs_cli
STACK = "dev"


def known(value: Any) -> Any:
    """The known parts of what a resource's outputs are."""
    if isinstance(value, dict):
        return {key: known(item) for key, item in value.items() if item != rpc.UNKNOWN}
    return [known(item) for item in value] if isinstance(value, list) else value


def within(parts: Any, whole: Any) -> bool:
    """Whether all that is known is known there too, and is the same."""
    if isinstance(parts, dict) and isinstance(whole, dict):
        return all(key in whole and within(item, whole[key]) for key, item in parts.items())
    if isinstance(parts, list) and isinstance(whole, list):
        return len(parts) == len(whole) and all(map(within, parts, whole))
    return bool(parts == whole)


def test_a_strict_recording_knows_nothing_that_the_first_preview_does_not_know(
    deploy: Callable[[str], Deployment], mocker: MockerFixture
) -> None:
    deployment = deploy(STACK)
    assert deployment.preview().error == ""
    lines = [json.loads(line) for line in deployment.answers.read_text().splitlines()]
    engine = {line["urn"]: known(line["outputs"]) for line in lines}
    register = mocker.spy(Recorder, "RegisterResource")
    composed(STACK, strict=True)
    answers = [answer for answer in register.spy_return_list if "pulumi:pulumi:Stack" not in answer.urn]
    recorded = {answer.urn: known(recorder.raw_object(answer.object)) for answer in answers}
    assert recorded.keys() == engine.keys()
    assert {urn: parts for urn, parts in recorded.items() if not within(parts, engine[urn])} == {}
