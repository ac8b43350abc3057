"""The runner of Workflows: their order, values, fan-out, repetition and ends, by small templates of its own."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from loop.argo import Argo, Phase, WorkflowError, seconds
from loop.clock import Clock
from loop.machine import Machine

NAMESPACE = "team"


class Paginator:
    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def paginate(self, **given: Any) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(given["Prefix"])]}]


class Body:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self) -> bytes:
        return self.content


class Storage:
    """Objects in memory, with the methods of an S3 client that artifacts take."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def get_object(self, **given: Any) -> dict[str, Any]:
        if given["Key"] not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": Body(self.objects[given["Key"]])}

    def put_object(self, **given: Any) -> None:
        self.objects[given["Key"]] = given["Body"]

    def download_file(self, _bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self.objects[key])

    def get_paginator(self, _operation: str) -> Paginator:
        return Paginator(self.objects)

    class exceptions:  # noqa: N801 - as clients have them
        NoSuchBucket = KeyError


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def argo(tmp_path: Path, storage: Storage) -> Argo:
    machine = Machine(tmp_path, Clock(tmp_path / "clock"), "eu-west-1")
    return Argo(machine, lambda _namespace, _account: storage, lambda _namespace, _name: {})


def pod(name: str, code: str, **more: Any) -> dict[str, Any]:
    """A template of one container that runs Python."""
    container = {"image": "i", "command": ["python", "-c", code], **more.pop("container", {})}
    return {"name": name, "container": container, **more}


def leaves(name: str, value: str) -> dict[str, Any]:
    """A template that leaves an output."""
    code = "import os; open(os.environ['X_FILE'], 'w').write(os.environ['X'])"
    env = [{"name": "X_FILE", "value": "{{outputs.parameters.x.path}}"}, {"name": "X", "value": value}]
    outputs = {"parameters": [{"name": "x", "valueFrom": {"path": "/out/x"}}]}
    return pod(name, code, container={"env": env}, outputs=outputs)


def workflow(*templates: dict[str, Any], entrypoint: str = "main", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "w", "namespace": NAMESPACE},
        "spec": {"entrypoint": entrypoint, "templates": list(templates), **spec},
    }


def steps(*groups: Any, name: str = "main", **more: Any) -> dict[str, Any]:
    """A template of steps; a text is a step of a template of the same name."""
    made = [
        [
            {"name": one, "template": one} if isinstance(one, str) else one
            for one in (group if isinstance(group, list) else [group])
        ]
        for group in groups
    ]
    return {"name": name, "steps": made, **more}


def order(run: Any) -> list[str]:
    """Names of the pods that ran, in their order."""
    return [node.name.rpartition(".")[2] for node in run.pods()]


def test_steps_run_in_the_order_of_the_template(argo: Argo) -> None:
    one, two = pod("one", "pass"), pod("two", "pass")
    assert order(argo.run(workflow(steps("one", "two"), one, two))) == ["one", "two"]
    assert order(argo.run(workflow(steps("two", "one"), one, two))) == ["two", "one"]


def test_another_command_is_another_run(argo: Argo) -> None:
    good = argo.run(workflow(steps("one"), pod("one", "pass")))
    bad = argo.run(workflow(steps("one"), pod("one", "raise SystemExit(3)")))
    assert (good.phase, bad.phase) == (Phase.SUCCEEDED, Phase.FAILED)
    assert bad.message == "child w[0].one Failed: Error (exit code 3)"


def test_what_a_step_leaves_is_what_the_next_one_gets(argo: Argo) -> None:
    given = {"parameters": [{"name": "x", "value": "{{steps.first.outputs.parameters.x}}, {{workflow.parameters.y}}"}]}
    second = {"name": "second", "template": "second", "arguments": given}
    show = pod("second", "import os; print(os.environ['GOT'])", inputs={"parameters": [{"name": "x"}]})
    show["container"]["env"] = [{"name": "GOT", "value": "{{inputs.parameters.x}} in {{workflow.name}}"}]
    run = argo.run(
        workflow(
            steps("first", second), leaves("first", "7"), show, arguments={"parameters": [{"name": "y", "value": "8"}]}
        )
    )
    assert run.phase is Phase.SUCCEEDED
    assert run.pods()[-1].process.text == "7, 8 in w\n"


def test_a_list_fans_out_and_its_outputs_come_back_as_one(argo: Argo) -> None:
    each = {
        "name": "each",
        "template": "each",
        "withParam": '[{"n": 1, "more": {"a": 0.5}}, {"n": 2, "more": {"a": 1.5}}]',
        "arguments": {"parameters": [{"name": "n", "value": "{{item.n}} {{item.more}}"}]},
    }
    last = {
        "name": "last",
        "template": "last",
        "arguments": {"parameters": [{"name": "n", "value": "{{steps.each.outputs.parameters.x}}"}]},
    }
    one = {**leaves("each", "{{inputs.parameters.n}}"), "inputs": {"parameters": [{"name": "n"}]}}
    end = {**leaves("last", "{{inputs.parameters.n}}"), "inputs": {"parameters": [{"name": "n"}]}}
    run = argo.run(workflow(steps(each, last), one, end))
    assert json.loads(run.nodes[-1].outputs["x"]) == ['1 {"a": 0.5}', '2 {"a": 1.5}']


def test_an_empty_list_is_no_pod_and_no_failure(argo: Argo) -> None:
    each = {"name": "each", "template": "one", "withParam": "[]"}
    run = argo.run(workflow(steps(each, "two"), pod("one", "pass"), pod("two", "pass")))
    assert (run.phase, order(run)) == (Phase.SUCCEEDED, ["two"])


@pytest.mark.parametrize(
    ("condition", "runs"),
    [
        ("{{steps.first.outputs.parameters.x}} == yes", True),
        ("{{steps.first.outputs.parameters.x}} != yes", False),
        ("'{{steps.first.outputs.parameters.x}}' != ''", True),
        ("'' != ''", False),
        ("{{steps.first.outputs.parameters.x}} == yes && {{steps.first.status}} == Failed", False),
    ],
)
def test_a_condition_decides(argo: Argo, condition: str, runs: bool) -> None:
    second = {"name": "second", "template": "second", "when": condition}
    run = argo.run(workflow(steps("first", second), leaves("first", "yes"), pod("second", "pass")))
    assert order(run) == (["first", "second"] if runs else ["first"])


def test_a_template_may_call_itself(argo: Argo) -> None:
    code = "import os; n = int(os.environ['X']) + 1; open(os.environ['X_FILE'], 'w').write(str(n))"
    count = leaves("count", "{{inputs.parameters.n}}")
    count["container"]["command"][2], count["inputs"] = code, {"parameters": [{"name": "n"}]}
    given = {"parameters": [{"name": "n", "value": "{{inputs.parameters.n}}"}]}
    again = {
        "name": "again",
        "template": "round",
        "arguments": {"parameters": [{"name": "n", "value": "{{steps.count.outputs.parameters.x}}"}]},
        "when": "{{steps.count.outputs.parameters.x}} != 3",
    }
    round_ = steps(
        {"name": "count", "template": "count", "arguments": given},
        again,
        name="round",
        inputs={"parameters": [{"name": "n"}]},
    )
    begin = {"name": "round", "template": "round", "arguments": {"parameters": [{"name": "n", "value": "0"}]}}
    run = argo.run(workflow(steps(begin), round_, count))
    assert [node.outputs["x"] for node in run.pods()] == ["1", "2", "3"]


def test_a_failing_step_ends_the_run_but_for_what_it_may_go_on_after(argo: Argo) -> None:
    bad, after = pod("bad", "raise SystemExit(1)"), pod("after", "pass")
    assert order(argo.run(workflow(steps("bad", "after"), bad, after))) == ["bad"]
    tolerated = {"name": "bad", "template": "bad", "continueOn": {"failed": True}}
    run = argo.run(workflow(steps(tolerated, "after"), bad, after))
    assert (run.phase, order(run)) == (Phase.SUCCEEDED, ["bad", "after"])


@pytest.mark.parametrize(
    ("strategy", "attempts"),
    [
        (None, 1),
        ({"limit": "2"}, 3),
        ({"limit": "2", "retryPolicy": "OnError"}, 1),
        ({"limit": "5", "retryPolicy": "Always", "expression": "asInt(retries) < 1"}, 2),
        ({"limit": "5", "expression": 'lastRetry.message contains "pod deleted"'}, 1),
        ({"limit": "5", "expression": "lastRetry.exitCode == '3' && asInt(retries) < 2"}, 3),
    ],
)
def test_a_step_is_repeated_as_its_strategy_says(argo: Argo, strategy: Any, attempts: int) -> None:
    more = {"retryStrategy": strategy} if strategy else {}
    run = argo.run(workflow(steps("bad"), pod("bad", "raise SystemExit(3)", **more)))
    assert (run.phase, run.pods()[0].attempts) == (Phase.FAILED, attempts)


def test_a_pod_that_is_taken_away_is_an_error_and_not_a_failure(argo: Argo) -> None:
    argo.take("one", lambda: True)
    run = argo.run(workflow(steps("one"), pod("one", "import time; time.sleep(60)")))
    assert (run.phase, run.message) == (Phase.ERROR, "child w[0].one Error: pod deleted")
    argo.take("one", lambda: True)
    strategy = {"limit": "3", "retryPolicy": "OnError"}
    code = "import os, time; time.sleep(0 if '-1' in os.environ['P'] else 60)"
    env = [{"name": "P", "value": "{{pod.name}}"}]
    run = argo.run(workflow(steps("one"), pod("one", code, container={"env": env}, retryStrategy=strategy)))
    assert (run.phase, run.pods()[0].attempts) == (Phase.SUCCEEDED, 2)


def test_a_pod_that_takes_too_long_is_ended(argo: Argo) -> None:
    run = argo.run(
        workflow(steps("one"), pod("one", "import threading; threading.Event().wait(60)", activeDeadlineSeconds=1))
    )
    assert run.message == "child w[0].one Failed: Pod was active longer than 1 s"


@pytest.mark.parametrize(("code", "status"), [("pass", "Succeeded"), ("raise SystemExit(1)", "Failed")])
def test_the_exit_handler_runs_whatever_came_of_it(argo: Argo, code: str, status: str) -> None:
    end = leaves("end", "{{workflow.status}}")
    run = argo.run(workflow(steps("one"), pod("one", code), end, onExit="end"))
    assert run.nodes[-1].outputs == {"x": status}
    assert run.phase == status


def test_a_wait_lets_time_pass(argo: Argo) -> None:
    waited: list[float] = []
    argo.hooks.wait = waited.append
    assert argo.run(workflow(steps("wait"), {"name": "wait", "suspend": {"duration": "10m"}})).phase is Phase.SUCCEEDED
    assert waited == [600.0]


def artifact(name: str, key: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "path": path, "s3": {"bucket": "b", "key": key}, "archive": {"none": {}}, **more}


def test_artifacts_go_to_storage_and_come_from_it(argo: Argo, storage: Storage) -> None:
    write = pod(
        "write",
        "import os, pathlib as p; d = p.Path(os.environ['OUT'], 'a'); d.mkdir(parents=True); (d / 'f').write_text('1')",
        container={"env": [{"name": "OUT", "value": "{{outputs.artifacts.data.path}}"}]},
        outputs={"artifacts": [artifact("data", "runs/{{workflow.name}}/data", "/pipeline/out/data")]},
    )
    read = pod(
        "read",
        "import os, pathlib; print((pathlib.Path(os.environ['IN']) / 'a' / 'f').read_text())",
        container={"env": [{"name": "IN", "value": "{{inputs.artifacts.data.path}}"}]},
        inputs={"artifacts": [artifact("data", "runs/{{workflow.name}}/data", "/pipeline/in/data")]},
    )
    run = argo.run(workflow(steps("write", "read"), write, read))
    assert storage.objects == {"runs/w/data/a/f": b"1"}
    assert run.pods()[-1].process.text == "1\n"


def test_a_missing_artifact_is_an_error_unless_it_is_optional(argo: Argo) -> None:
    given = artifact("data", "nowhere", "/in/data")
    run = argo.run(workflow(steps("one"), pod("one", "pass", inputs={"artifacts": [given]})))
    assert run.message == "child w[0].one Error: artifact missing: data"
    run = argo.run(workflow(steps("one"), pod("one", "pass", inputs={"artifacts": [{**given, "optional": True}]})))
    assert run.phase is Phase.SUCCEEDED


def test_what_a_step_must_leave_and_does_not_is_an_error(argo: Argo) -> None:
    outputs = {"artifacts": [artifact("model", "m", "/out/model")]}
    run = argo.run(workflow(steps("one"), pod("one", "pass", outputs=outputs)))
    assert run.message == "child w[0].one Error: artifact model was not left at /out/model"


def test_a_reference_to_a_template_gives_all_but_what_is_given(argo: Argo) -> None:
    show = leaves("main", "{{workflow.parameters.a}} {{workflow.parameters.b}}")
    under = workflow(show, arguments={"parameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]})
    argo.templates = lambda _namespace, _name: under
    made = {
        "metadata": {"name": "w", "namespace": NAMESPACE},
        "spec": {"workflowTemplateRef": {"name": "t"}, "arguments": {"parameters": [{"name": "b", "value": "3"}]}},
    }
    assert argo.run(made).nodes[0].outputs == {"x": "1 3"}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (workflow(steps("one"), {"name": "one", "resource": {}}), "template one: resource is not understood here"),
        (workflow(steps("one"), pod("one", "pass"), hooks={}), "spec: hooks is not understood here"),
        (workflow(steps("two"), pod("one", "pass")), "w[0].two: no template two"),
        (
            workflow(steps("one"), pod("one", "print('{{inputs.parameters.a}}')")),
            "nothing known has the value of {{inputs.parameters.a}}",
        ),
        (workflow(steps("one"), pod("one", "{{=1+1}}")), "expression {{=1+1}} is not understood here"),
        (
            workflow(steps({"name": "one", "template": "one", "hooks": {}}), pod("one", "pass")),
            "step one: hooks is not understood here",
        ),
        (workflow(steps("one"), {"name": "one", "suspend": {}}), "w[0].one: waits for a person"),
    ],
)
def test_what_is_not_understood_is_an_error(argo: Argo, broken: Any, message: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        argo.run(broken)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "wanted"), [("90", 90), ("10m", 600), ("1h30m", 5400), ("500ms", 0.5), ("1d", 86_400)]
)
def test_durations(text: str, wanted: float) -> None:
    assert seconds(text) == wanted


def test_no_duration() -> None:
    with pytest.raises(WorkflowError, match="'soon' is no duration"):
        seconds("soon")
