"""How the time of a comparison grows with a stack: time a resource, as a ratio to the smallest of its kind."""

import statistics
import sys
import time
from collections.abc import Callable

from mlplatform.preview.graph.diff import compare
from mlplatform.preview.graph.model import Graph, Placeholder, Resource
from mlplatform.preview.reports.comment import LIMIT, render

SIZES = (1_000, 10_000)
RUNS = 3
TYPE = "aws:sqs/queue:Queue"
PREFIX = "urn:pulumi:benchmark::benchmark::"


def stack(size: int, *, group: str, delay: int, alias: str = "", fifo: bool = False) -> Graph:
    """Queues in components of a hundred; each holds the ARN of the one before it in its policy."""
    resources, placeholders = [], []
    for at in range(size):
        component = f"{PREFIX}x:index:Group::{group}-{at // 100}"
        if at % 100 == 0:
            own = {"aliases": [{"name": f"{alias}-{at // 100}"}]} if alias else {}
            resources.append(Resource(component, "x:index:Group", f"{group}-{at // 100}", "component", options=own))
        name = f"{group}-{at // 100}-{at}"
        urn = f"{PREFIX}x:index:Group${TYPE}::{name}"
        before = resources[-1].urn if at % 100 else ""
        inputs = {"policy": f"arn:{before}", "delaySeconds": delay, "fifoQueue": fifo, "tags": {"owner": "ml"}}
        depends = {"policy": (before,)} if before else {}
        resources.append(Resource(urn, TYPE, name, "custom", component, inputs, property_dependencies=depends))
        placeholders.append(Placeholder(f"arn:{urn}", urn, "arn"))
    return Graph("benchmark", "benchmark", resources=tuple(resources), placeholders=tuple(placeholders))


def same(size: int) -> tuple[Graph, Graph]:
    """Nothing changes."""
    return stack(size, group="g", delay=1), stack(size, group="g", delay=1)


def updated(size: int) -> tuple[Graph, Graph]:
    """Every resource changes."""
    return stack(size, group="g", delay=1), stack(size, group="g", delay=2)


def renamed(size: int) -> tuple[Graph, Graph]:
    """Every component is renamed, and its children with it."""
    return stack(size, group="old", delay=1), stack(size, group="new", delay=1, alias="old")


def replaced(size: int) -> tuple[Graph, Graph]:
    """Every resource is replaced, and is used by another."""
    return stack(size, group="g", delay=1), stack(size, group="g", delay=1, fifo=True)


def seconds_a_resource(change: Callable[[int], tuple[Graph, Graph]], size: int) -> float:
    """The median of some runs, the comment included."""
    before, after = change(size)
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        diff = compare(before, after)
        comment = render(diff)
        taken.append((time.perf_counter() - began) / size)
        if len(comment) >= LIMIT or diff.unchanged + len(diff.steps) != size + size // 100:
            sys.exit(f"{change.__name__}: {diff.counts}, {diff.unchanged} unchanged, {len(comment)} characters")
    return statistics.median(taken)


if __name__ == "__main__":
    print(f"{'change':<10}{'resources':>10}{'ms each':>10}{'ratio':>8}")
    for change in (same, updated, renamed, replaced):
        measured = {size: seconds_a_resource(change, size) for size in SIZES}
        for size, seconds in measured.items():
            print(f"{change.__name__:<10}{size:>10}{seconds * 1000:>10.3f}{seconds / measured[SIZES[0]]:>8.2f}")
