"""A pipeline's bucket on moto and an MLflow store of its own, for tests of the jobs that use them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3

from mlplatform.contracts.pipeline import CONFIG, OUTPUTS, RUN, key, output_variable
from mlplatform.contracts.tracking import URI
from mlplatform.runtime.pipeline.runs import Runs

REGION = "eu-west-1"
IMAGE = "registry.example.com/fraud@sha256:" + "0" * 64
SETTINGS: dict[str, Any] = {
    "pipeline": "fraud-training",
    "bucket": "runs",
    "model": "fraud",
    "experiment": "fraud-training",
    "search": {
        "space": {"depth": {"int": {"low": 1, "high": 50}}, "kind": {"choice": ["tree", "bush"]}},
        "trials": 4,
        "parallelism": 2,
    },
    "objective": {"metric": "accuracy", "goal": "maximize"},
    "reference_bucket": "features",
    "code": {"repository": "https://git.example.com/fraud", "commit": "c0ffee"},
    "image": IMAGE,
}
EVALUATION = {"candidate": {"accuracy": 0.8}, "champion": None}
DATA = {"a.csv": b"1,2\n", "b/c.csv": b"3\n"}
MODEL = {"model.pkl": b"weights", "code/predict.py": b"print(1)\n"}
REFERENCE = {"part-0.jsonl": b'{"features": {"amount": 1}, "prediction": 0}\n', "more/part-1.jsonl": b"{}\n"}


class Pipeline:
    """One run: what its steps left, and the jobs' environment."""

    def __init__(self, folder: Path, tracking_uri: str, run: str = "run-1", **changes: Any) -> None:
        self.s3: Any = boto3.client("s3", region_name=REGION)
        self.settings: dict[str, Any] = {**SETTINGS, **changes}
        self.run = run
        self.runs = Runs(self.s3, "runs", run)
        self.folder = folder
        self.environment = {CONFIG: json.dumps(self.settings), RUN: run, URI: tracking_uri}

    def asks(self, job: str) -> dict[str, str]:
        """The environment of a job, with a file for each of its outputs."""
        files = {output_variable(each): str(self.folder / self.run / each) for each in OUTPUTS[job]}
        return {**self.environment, **files}

    def left(self, job: str) -> dict[str, str]:
        """What a job left."""
        return {each: (self.folder / self.run / each).read_text() for each in OUTPUTS[job]}

    def put(self, artifact: str, value: bytes | Mapping[str, Any], trial: int | str = "") -> None:
        """Puts a file, JSON unless it is bytes."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.s3.put_object(Bucket="runs", Key=key(self.run, artifact, trial), Body=body)

    def put_folder(self, artifact: str, files: Mapping[str, bytes], trial: int | str = "") -> None:
        """Puts the files of a folder."""
        for name, body in files.items():
            self.s3.put_object(Bucket="runs", Key=f"{key(self.run, artifact, trial)}/{name}", Body=body)

    def put_round(self, number: int, trials: Sequence[int], stop: str | None = None) -> None:
        """Puts a round whose parameters are those of the numbers."""
        found = [{"trial": each, "parameters": {"depth": each + 1, "kind": "tree"}} for each in trials]
        body = json.dumps({"trials": found, "stop": stop}).encode()
        self.s3.put_object(Bucket="runs", Key=f"runs/{self.run}/search/round-{number}.json", Body=body)

    def trained(self, evaluation: Mapping[str, Any] = EVALUATION) -> "Pipeline":
        """Puts all that a run has before `register`: three trials, the second the best, the third failed."""
        self.put_round(0, [0, 1])
        self.put_round(1, [2], "budget of 3 trials")
        self.put("metrics", {"accuracy": 0.7}, 0)
        self.put("metrics", {"accuracy": 0.75, "latency": 3}, 1)
        self.put_folder("model", MODEL, 1)
        self.put_folder("dataset", DATA)
        self.put("source", {"uri": "s3://lake/fraud/", "version": "v7"})
        self.put("evaluation", evaluation)
        self.put_folder("reference", REFERENCE)
        return self

    def keys(self, bucket: str) -> list[str]:
        """Keys of a bucket."""
        return [found["Key"] for found in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
