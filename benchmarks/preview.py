"""How the time of an offline preview grows with a program: time a resource, as a ratio to the smallest of its kind."""

import statistics
import sys
import time
from collections.abc import Callable

import pulumi_aws as aws

from mlplatform.preview import recorder

SIZES = (100, 200, 400)
RUNS = 3


def flat(size: int) -> None:
    """Resources that know nothing of each other."""
    for at in range(size):
        aws.sns.Topic(f"topic-{at}")


def chain(size: int) -> None:
    """Resources of which each needs the one before it."""
    last = aws.sns.Topic("topic")
    for at in range(size - 1):
        last = aws.sns.Topic(f"topic-{at}", display_name=last.arn)


def seconds_a_resource(program: Callable[[int], None], size: int) -> float:
    """The median of some runs."""
    request = {"project": {"name": "benchmark", "root": "."}, "stack": "benchmark"}
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        graph = recorder.record(lambda: program(size), request)
        taken.append((time.perf_counter() - began) / size)
        if len(graph["resources"]) != size + 1:
            sys.exit(f"recorded {len(graph['resources'])} resources of {size}: {graph['error']}")
    return statistics.median(taken)


if __name__ == "__main__":
    recorder.record(lambda: flat(1), {"project": {"name": "benchmark", "root": "."}, "stack": "benchmark"})
    print(f"{'program':<10}{'resources':>10}{'ms each':>10}{'ratio':>8}")
    for program in (flat, chain):
        measured = {size: seconds_a_resource(program, size) for size in SIZES}
        for size, seconds in measured.items():
            print(f"{program.__name__:<10}{size:>10}{seconds * 1000:>10.2f}{seconds / measured[SIZES[0]]:>8.2f}")
