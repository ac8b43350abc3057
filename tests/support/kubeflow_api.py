"""A Kubeflow Pipelines API on the loopback: what the job and the SDK's own client both speak to."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import yaml

BASE = "/apis/v2beta1"
TERMINAL = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")


def run_body(name: str, experiment_id: str, package: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The body that makes a run; that of the SDK's own client is the same."""
    pipeline, *platforms = yaml.safe_load_all(package)
    both = {"pipeline_spec": pipeline, "platform_spec": platforms[0]} if platforms else pipeline
    return {
        "display_name": name,
        "experiment_id": experiment_id,
        "pipeline_spec": both,
        "runtime_config": {"parameters": parameters},
    }


class KubeflowApi:
    """Experiments and runs; `answers` are given first, each once, as (status, body), None for a dead connection.

    A run goes through `states`, one each time that it is asked for by its id.
    """

    def __init__(self) -> None:
        self.experiments: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.states: list[str] = ["PENDING", "RUNNING", "SUCCEEDED"]
        self.answers: list[tuple[int, Any] | None] = []
        self.requests: list[str] = []
        self.tokens: list[str | None] = []
        self.page_size = 100
        self.begun = datetime.now(UTC)
        self.form = "%Y-%m-%dT%H:%M:%SZ"
        self.after: Callable[[str, str], None] = lambda method, path: None
        self._asked: dict[str, int] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add_run(self, run: dict[str, Any]) -> dict[str, Any]:
        """A run as the server would make it."""
        run_id = f"run-{len(self.runs) + 1}"
        created_at = self.begun + timedelta(seconds=len(self.runs))
        made = {**run, "run_id": run_id, "state": "PENDING", "created_at": created_at.strftime(self.form)}
        self.runs[run_id] = made
        return made

    def _answer(self, method: str, url: str, body: Any) -> tuple[int, Any]:
        path, query = urlsplit(url).path.removeprefix(BASE), parse_qs(urlsplit(url).query)
        kind, _, name = path.removeprefix("/").partition("/")
        if method == "POST" and name.endswith(":terminate"):
            self.runs[name.removesuffix(":terminate")]["state"] = "CANCELED"
            return 200, {}
        if method == "POST":
            return self._created(kind, body)
        if name:
            return (200, self._passing(name)) if name in self.runs else (404, {"code": 5, "message": "not found"})
        return 200, self._page(kind, query)

    def _created(self, kind: str, body: dict[str, Any]) -> tuple[int, Any]:
        if kind == "runs":
            return 200, self.add_run(body)
        place = body["display_name"], body.get("namespace")
        if place in {(found["display_name"], found.get("namespace")) for found in self.experiments.values()}:
            return 409, {"code": 6, "message": "Already exist error"}
        made = {**body, "experiment_id": f"experiment-{len(self.experiments) + 1}"}
        self.experiments[made["experiment_id"]] = made
        return 200, made

    def _passing(self, run_id: str) -> dict[str, Any]:
        run = self.runs[run_id]
        if run["state"] not in TERMINAL:
            at = self._asked.get(run_id, 0)
            self._asked[run_id] = at + 1
            run["state"] = self.states[min(at, len(self.states) - 1)]
        return run

    def _page(self, kind: str, query: dict[str, list[str]]) -> dict[str, Any]:
        found = list((self.experiments if kind == "experiments" else self.runs).values())
        for key in {"experiment_id", "namespace"} & set(query):
            found = [item for item in found if item.get(key) == query[key][0]]
        for predicate in json.loads(query.get("filter", ["{}"])[0]).get("predicates", []):
            # An enum by name or by number, as protobuf's JSON has it; the server compares without regard to case.
            assert predicate["operation"] in {"EQUALS", 1}
            wanted = predicate["stringValue"].lower()
            found = [item for item in found if item[predicate["key"]].lower() == wanted]
        start = int(query.get("page_token", ["0"])[0])
        end = start + self.page_size
        token = {"next_page_token": str(end)} if end < len(found) else {}
        return {kind: found[start:end], "total_size": len(found), **token}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve(None)

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self._serve(json.loads(text) if text else None)

            def _serve(self, body: Any) -> None:
                path = urlsplit(self.path).path
                api.requests.append(f"{self.command} {path}")
                api.tokens.append(self.headers.get("Authorization"))
                planned = api.answers.pop(0) if api.answers else api._answer(self.command, self.path, body)
                api.after(self.command, path)
                if planned is None:
                    self.close_connection = True
                    return
                status, answer = planned
                text = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
