"""Pipelines as a team with Kubeflow writes them, in components of plain Python; compiled to the packages beside.

    .kfp/bin/python tests/kfp/pipelines.py

compiles them anew.
"""

# A component is compiled alone, so that what it imports stands in it.
# ruff: noqa: PLC0415

import sys
from pathlib import Path

from kfp import compiler, dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output

IMAGE = "python:3.11-slim"


@dsl.component(base_image=IMAGE)
def prepare(data_uri: str, training: Output[Dataset], holdout: Output[Dataset]) -> None:
    """Reads pairs of numbers, and holds every fourth back."""
    import csv
    import json
    import urllib.request
    from pathlib import Path

    with urllib.request.urlopen(data_uri) as answer:  # noqa: S310
        pairs = [tuple(map(float, row)) for row in csv.reader(answer.read().decode().splitlines())]
    for part, held in ((training, False), (holdout, True)):
        chosen = [pair for at, pair in enumerate(pairs) if (at % 4 == 3) is held]
        Path(part.path).write_text(json.dumps(chosen))


@dsl.component(base_image=IMAGE)
def train(training: Input[Dataset], steps: int, rate: float, model: Output[Model]) -> None:
    """Fits a line by gradient descent."""
    import json
    from pathlib import Path

    pairs = json.loads(Path(training.path).read_text())
    slope = intercept = 0.0
    for _ in range(steps):
        errors = [(slope * x + intercept - y, x) for x, y in pairs]
        slope -= rate * sum(error * x for error, x in errors) / len(pairs)
        intercept -= rate * sum(error for error, _ in errors) / len(pairs)
    Path(model.path).write_text(json.dumps({"slope": slope, "intercept": intercept}))


@dsl.component(base_image=IMAGE)
def evaluate(holdout: Input[Dataset], model: Input[Model], requested_by: str, metrics: Output[Metrics]) -> float:
    """The mean absolute error on what was held back."""
    import json
    from pathlib import Path

    pairs = json.loads(Path(holdout.path).read_text())
    line = json.loads(Path(model.path).read_text())
    error = sum(abs(line["slope"] * x + line["intercept"] - y) for x, y in pairs) / len(pairs)
    metrics.log_metric("mean_absolute_error", error)
    metrics.metadata["requested_by"] = requested_by
    return error


@dsl.pipeline(name="line")
def line(data_uri: str, requested_by: str, run: str = "", steps: int = 200, rate: float = 0.02) -> float:
    """Fits a line to a file of pairs; `run` only says which Workflow asked."""
    prepared = prepare(data_uri=data_uri)
    trained = train(training=prepared.outputs["training"], steps=steps, rate=rate)
    evaluated = evaluate(holdout=prepared.outputs["holdout"], model=trained.outputs["model"], requested_by=requested_by)
    return evaluated.outputs["Output"]


@dsl.pipeline(
    name="with-workspace",
    pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")),
)
def with_workspace(data_uri: str) -> None:
    """Has something to say about Kubernetes, and so a second document."""
    prepare(data_uri=data_uri)


PIPELINES = {"line": line, "with-workspace": with_workspace}
FOLDER = Path(__file__).parent / "packages"


def compile_into(folder: Path) -> None:
    """Compiles all pipelines, to a file each."""
    for name, pipeline in PIPELINES.items():
        compiler.Compiler().compile(pipeline, str(folder / f"{name}.yaml"))


if __name__ == "__main__":
    compile_into(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
