"""The runner reads the WorkflowTemplate and knows no step: another component, or another stack file, is another run."""

import shutil
from contextlib import contextmanager

import pytest
import yaml
from botocore.exceptions import ClientError
from platforms import ROOT, dev

from loop.argo import Argo, Phase, _Execution
from loop.clock import Clock
from loop.graph import Graph
from loop.kubernetes import Cluster
from loop.machine import Machine
from mlplatform.training_pipeline import workflow as component

PIPELINE = ("fraud", "fraud-training")


class Storage:
    """S3 without any object, that takes what it is given and forgets it."""

    class exceptions:  # noqa: N801 - as clients have them
        NoSuchBucket = KeyError

    def get_object(self, **_given):
        raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")

    def put_object(self, **_given):
        pass

    def get_paginator(self, _operation):
        class Pages:
            def paginate(self, **_given):
                return [{}]

        return Pages()


def stack(folder, change):
    """The graph of dev with a change to its stack file."""
    for name in ("Pulumi.yaml", "stacks", "policies"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy(source, folder / name)
    path = folder / "stacks" / "Pulumi.dev.yaml"
    read = yaml.safe_load(path.read_text())
    change(read["config"]["mlplatform:pipelines"]["fraud-training"])
    path.write_text(yaml.safe_dump(read, sort_keys=False))
    return Graph.of("dev", folder)


def ran(graph, folder, templates=None):
    """What a run of the pipeline of a graph comes to, with nothing in S3."""
    machine = Machine(folder / "machine", Clock(_made(folder) / "clock"), graph.region)
    cluster = Cluster(graph.objects(), machine.clock)
    argo = Argo(
        machine,
        lambda _namespace, _account: Storage(),
        lambda namespace, name: cluster.get("WorkflowTemplate", namespace, name),
    )
    found = cluster.get("WorkflowTemplate", *PIPELINE)
    if templates is not None:
        found["spec"]["templates"] = templates(found["spec"]["templates"])
        cluster.put(found)
    manifest = {
        "metadata": {"name": "run", "namespace": PIPELINE[0]},
        "spec": {"workflowTemplateRef": {"name": PIPELINE[1]}},
    }
    return argo.run(manifest)


def _made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def writes(*variables):
    """A command of a step that only leaves what it must."""
    code = (
        "import os, pathlib, json\n"
        f"for name in {variables!r}:\n"
        "    path = pathlib.Path(os.environ[name])\n"
        "    path = path if path.suffix else path / 'f'\n"
        "    path.parent.mkdir(parents=True, exist_ok=True)\n"
        "    path.write_text('{}')\n"
    )
    return ["python", "-c", code]


def names(run):
    return [node.name.rpartition(".")[2] for node in run.pods()]


def test_another_command_in_the_stack_file_is_another_run(tmp_path):
    def leave(pipeline):
        pipeline["steps"]["command"] = writes("DATASET", "SOURCE")

    def fail(pipeline):
        pipeline["steps"]["command"] = ["python", "-c", "raise SystemExit(7)"]
        pipeline["steps"]["prepare"] = {"pool": "steps", "retries": 1}

    left = ran(stack(_made(tmp_path / "a"), leave), tmp_path / "one")
    failed = ran(stack(_made(tmp_path / "b"), fail), tmp_path / "two")
    # The data of the first step are nowhere in this S3, so the second has nothing.
    assert [(node.name, node.phase) for node in left.pods()] == [
        ("run[0].prepare", Phase.SUCCEEDED),
        ("run[1].features", Phase.ERROR),
    ]
    assert left.message.endswith("artifact missing: dataset")
    assert [(node.name, node.phase, node.attempts) for node in failed.pods()] == [("run[0].prepare", Phase.FAILED, 2)]
    assert failed.message == "child run[0].prepare Failed: Error (exit code 7)"


@contextmanager
def reordered(monkeypatch):
    """The component with its first two steps the other way round."""
    original = component._main

    def main():
        made = original()
        made["steps"][0], made["steps"][1] = made["steps"][1], made["steps"][0]
        return made

    with monkeypatch.context() as patch:
        patch.setattr(component, "_main", main)
        yield


def test_another_order_in_the_component_is_another_run(tmp_path, monkeypatch):
    graph = dev()
    usual = ran(graph, tmp_path / "one", lambda templates: [_quiet(one) for one in templates])
    with reordered(monkeypatch):
        main = component._main()
    other = ran(
        graph,
        tmp_path / "two",
        lambda templates: [main if one["name"] == main["name"] else _quiet(one) for one in templates],
    )
    assert names(usual)[:1] == ["prepare"]
    assert names(other) == ["features"]
    assert other.message.endswith("artifact missing: dataset")


def _quiet(template):
    """A template whose pod does nothing but leave what it must."""
    if "container" not in template:
        return template
    variables = [one["name"].upper() for one in template.get("outputs", {}).get("artifacts", ())]
    container = {**template["container"], "command": writes(*variables), "args": []}
    return {**template, "container": container, "retryStrategy": {}}


@pytest.mark.parametrize("component_", ["TrainingPipeline", "ServingEndpoint"])
def test_every_template_of_dev_is_understood(component_):
    graph = dev()
    for found in graph.below(f"mlplatform:index:{component_}", "kubernetes:argoproj.io/v1alpha1:WorkflowTemplate"):
        manifest = {**found["inputs"], "metadata": {**found["inputs"]["metadata"], "name": "run"}}
        argo = Argo(None, lambda _namespace, _account: None, lambda _namespace, _name: {})
        assert set(_Execution(argo, manifest).templates) >= {manifest["spec"]["entrypoint"]}
