"""Stands in for KServe's scikit-learn runtime: one model by the Open Inference Protocol (V2) and by V1, over HTTP.

Like that runtime it takes the only file of the folder that joblib may have written, and the names of inputs for those
of columns; an input that is missing is a missing value. Run as `python -m loop.model_server --model_dir=...
--model_name=... --http_port=...`.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import joblib
import numpy as np

SUFFIXES = (".joblib", ".pkl", ".pickle")


class Model:
    """A model that was loaded."""

    def __init__(self, folder: Path, name: str) -> None:
        files = [path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES]
        if len(files) != 1:
            raise SystemExit(f"{folder}: {len(files)} models, not one")
        self.name, self.model = name, joblib.load(files[0])
        self.columns = list(self.model.feature_names_in_)

    def tensors(self, body: Any) -> Any:
        """What it answers by V2."""
        columns = {tensor["name"]: tensor["data"] for tensor in body["inputs"]}
        missing = [math.nan] * len(next(iter(columns.values())))
        found = self.predicted(list(zip(*(columns.get(name, missing) for name in self.columns), strict=True)))
        output = {"name": "output-0", "shape": [len(found)], "datatype": "INT64", "data": found}
        return {"model_name": self.name, "id": body.get("id", ""), "outputs": [output]}

    def instances(self, body: Any) -> Any:
        """What it answers by V1."""
        rows = [[row[name] for name in self.columns] if isinstance(row, dict) else row for row in body["instances"]]
        return {"predictions": self.predicted(rows)}

    def predicted(self, rows: Sequence[Sequence[float]]) -> list[int]:
        """Predictions of rows."""
        return [int(value) for value in self.model.predict(np.asarray(rows, dtype=float))]


def handler(model: Model) -> type[BaseHTTPRequestHandler]:
    """How it answers."""

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """Any request."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            paths = {
                f"/v2/models/{model.name}/infer": model.tensors,
                f"/v1/models/{model.name}:predict": model.instances,
            }
            if self.command == "GET":
                self._reply(200, {"ready": True})
            elif self.path not in paths:
                self._reply(404, {"error": f"no {self.path}"})
            else:
                try:
                    self._reply(200, paths[self.path](json.loads(body)))
                except (KeyError, TypeError, ValueError) as error:
                    self._reply(400, {"error": f"{type(error).__name__}: {error}"})

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def _reply(self, status: int, answer: Any) -> None:
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_given: object) -> None:
            """Nothing."""

    return Handler


def main(arguments: Sequence[str]) -> None:
    """Serves a model until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model_dir", type=Path, required=True)
    parser.add_argument("--model_name", required=True)
    parser.add_argument("--http_port", type=int, required=True)
    given = parser.parse_args(arguments)
    # Rows come as arrays in the order of the columns, which scikit-learn would warn of every time.
    model = Model(given.model_dir, given.model_name)
    if hasattr(model.model, "feature_names_in_"):
        del model.model.feature_names_in_
    ThreadingHTTPServer(("127.0.0.1", given.http_port), handler(model)).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
