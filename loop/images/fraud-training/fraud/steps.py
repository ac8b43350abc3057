"""The four steps: each reads what its variables name and leaves what they name."""

import csv
import gzip
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

NUMBERS = ("amount", "distance_km", "hour", "merchant_risk")
"""What is known of a payment."""
LABEL = "fraud"
REQUESTS, LABELS = "requests/fraud-scorer/", "labels/fraud-scorer/"
"""Folders of the feature bucket: what the endpoint was asked, and what the payments turned out to be."""
NAMES = {"depth": "max_depth", "iterations": "max_iter", "learning_rate": "learning_rate"}
"""What a trial's parameters are to scikit-learn."""
LATEST = 1200
"""Payments that a model is trained on: the latest, since fraud changes."""
HELD_BACK = 4
"""Every so manieth payment is seen by no trial."""


def prepare() -> None:
    """Brings the latest payments whose outcome is known: of the past, and those that the endpoint was asked of."""
    import boto3  # noqa: PLC0415 - here only

    uri = os.environ["DATA_URI"]
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    lake = Lake(boto3.client("s3"), bucket)
    past = [row for text in lake.texts(prefix) for row in csv.DictReader(text.splitlines())]
    if not past:
        raise SystemExit(f"nothing lies at {uri}")
    labels = {line["id"]: line["label"] for line in lake.lines(LABELS)}
    whole = (line for line in lake.lines(REQUESTS) if line["id"] in labels and set(NUMBERS) <= set(line["features"]))
    asked = sorted(whole, key=lambda line: line["time"])
    rows = [*past, *({**line["features"], LABEL: labels[line["id"]]} for line in asked)]
    _table(Path(os.environ["DATASET"]) / "payments.csv", rows[-LATEST:])
    Path(os.environ["SOURCE"]).write_text(json.dumps({"uri": uri, "version": lake.version}))


class Lake:
    """Objects of a bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self.client, self.bucket = client, bucket
        self.version = ""
        """Version of the object that was written last of those that were read."""
        self._latest: Any = None

    def texts(self, prefix: str) -> Iterator[str]:
        """What objects below a prefix hold, by key."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        for key in sorted(item["Key"] for page in pages for item in page.get("Contents", ())):
            answer = self.client.get_object(Bucket=self.bucket, Key=key)
            if self._latest is None or answer["LastModified"] >= self._latest:
                self._latest, self.version = answer["LastModified"], answer["VersionId"]
            body = answer["Body"].read()
            yield (gzip.decompress(body) if key.endswith(".gz") else body).decode()

    def lines(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Lines of JSON below a prefix."""
        yield from (json.loads(line) for text in self.texts(prefix) for line in text.splitlines())


def features() -> None:
    """Splits them into what trials see and what they do not."""
    rows = _rows(Path(os.environ["DATASET"]) / "payments.csv")
    folder = Path(os.environ["FEATURES"])
    _table(folder / "train.csv", [row for at, row in enumerate(rows) if at % HELD_BACK])
    _table(folder / "test.csv", [row for at, row in enumerate(rows) if not at % HELD_BACK])


def train() -> None:
    """Trains one model with the trial's parameters, and measures it on a part of what trials see."""
    import joblib  # noqa: PLC0415 - here only
    import pandas as pd  # noqa: PLC0415 - here only
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - here only

    rows = _rows(Path(os.environ["FEATURES"]) / "train.csv")
    table, labels = pd.DataFrame(_numbers(rows), columns=list(NUMBERS)), _labels(rows)
    cut = len(rows) * 3 // 4
    # Fast and fair: what the parameters do not say is the library's, but for the chance.
    given = {NAMES[name]: value for name, value in json.loads(os.environ["PARAMETERS"]).items()}
    model = HistGradientBoostingClassifier(random_state=0, **given)
    model.fit(table[:cut], labels[:cut])
    metrics = _measured(model.predict(table[cut:]), labels[cut:])
    folder = Path(os.environ["MODEL"])
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
    Path(os.environ["METRICS"]).write_text(json.dumps(metrics))


def evaluate() -> None:
    """Holds the best model against the one that serves, over payments that neither trial saw."""
    import joblib  # noqa: PLC0415 - here only
    import pandas as pd  # noqa: PLC0415 - here only

    rows = _rows(Path(os.environ["FEATURES"]) / "test.csv")
    table, labels = pd.DataFrame(_numbers(rows), columns=list(NUMBERS)), _labels(rows)
    candidate = joblib.load(Path(os.environ["CANDIDATE"]) / "model.joblib").predict(table)
    serving = Path(os.environ["CHAMPION"]) / "model.joblib"
    champion = _measured(joblib.load(serving).predict(table), labels) if serving.exists() else None
    evaluation = {"candidate": _measured(candidate, labels), "champion": champion}
    Path(os.environ["EVALUATION"]).write_text(json.dumps(evaluation))
    folder = Path(os.environ["REFERENCE"])
    folder.mkdir(parents=True, exist_ok=True)
    lines = (
        json.dumps({"features": dict(zip(NUMBERS, row, strict=True)), "prediction": int(answer)})
        for row, answer in zip(_numbers(rows), candidate, strict=True)
    )
    (folder / "rows.jsonl").write_text("".join(f"{line}\n" for line in lines))


STEPS: Mapping[str, Callable[[], None]] = {
    "prepare": prepare,
    "features": features,
    "train": train,
    "evaluate": evaluate,
}


def _measured(predicted: Any, labels: Sequence[int]) -> dict[str, float]:
    right = sum(int(one) == label for one, label in zip(predicted, labels, strict=True))
    caught = [int(one) for one, label in zip(predicted, labels, strict=True) if label]
    return {"accuracy": right / len(labels), "recall": sum(caught) / len(caught) if caught else 0.0}


def _numbers(rows: Sequence[Mapping[str, str]]) -> list[list[float]]:
    return [[float(row[name]) for name in NUMBERS] for row in rows]


def _labels(rows: Sequence[Mapping[str, str]]) -> list[int]:
    return [int(row[LABEL]) for row in rows]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*NUMBERS, LABEL])
        writer.writeheader()
        writer.writerows(rows)
