"""Platforms for tests, and what is asked of them; their logs stay where pytest keeps its files."""

import json
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from rich.console import Console

from loop.graph import Graph
from loop.story import Story
from loop.world import Platform

ROOT = Path(__file__).resolve().parent.parent.parent


def dev() -> Graph:
    """The graph of dev."""
    return Graph.of("dev", ROOT)


@contextmanager
def told(graph: Graph, folder: Path, *, postgres: bool = False):
    """A story whose platform is there for as long."""
    platform = Platform(graph, folder / "machine", postgres=postgres)
    story = Story(platform, Console(file=StringIO(), width=200))
    try:
        yield story
    finally:
        platform.stop()
        (folder / "story.txt").write_text(story.console.file.getvalue())


def variable(manifest: dict, name: str) -> dict:
    """A variable of a CronJob's container, to read or to change."""
    (container,) = manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return next(one for one in container["env"] if one["name"] == name)


def changed(platform: Platform, **limits: int) -> None:
    """Gives the drift monitor other limits of requests, as a stack file would."""
    manifest = platform.drift_job()
    found = variable(manifest, "REQUEST_CONFIG")
    found["value"] = json.dumps({**json.loads(found["value"]), **limits})
    platform.cluster.put(manifest)


def tags(story: Story, version: str) -> dict[str, str]:
    """Tags of a version, without their prefix."""
    model = story.platform.told("TrainingPipeline", "PIPELINE_CONFIG")["model"]
    found = story.platform.client().get_model_version(model, version).tags
    return {name.removeprefix("mlplatform."): value for name, value in found.items()}


def versions(story: Story) -> list[str]:
    """All versions of the model."""
    model = story.platform.told("TrainingPipeline", "PIPELINE_CONFIG")["model"]
    return sorted((one.version for one in story.platform.client().search_model_versions(f"name='{model}'")), key=int)
