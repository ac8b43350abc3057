"""Stands in for Prometheus and the Pushgateway: takes pushes in the text format, answers instant queries over HTTP."""

import json
import math
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from loop.clock import Clock
from loop.kubernetes import Cluster
from loop.promql import QueryError, Samples, Value, query

_SAMPLE: Final = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\d+)?")
_LABEL: Final = re.compile(r'([a-zA-Z_]\w*)="((?:\\.|[^"\\])*)"')
Sample = tuple[str, dict[str, str], float]


def parsed(text: str) -> Iterator[Sample]:
    """Samples of the text format (Prometheus documentation, Exposition formats)."""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        found = _SAMPLE.fullmatch(line.strip())
        if not found:
            raise ValueError(f"{line!r} is no sample")
        labels = {name: _plain(value) for name, value in _LABEL.findall(found[2] or "")}
        yield found[1], labels, float(found[3].replace("Inf", "inf"))


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value)


class Prometheus:
    """Samples, what is pushed, and the rules of the graph."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.samples = clock, Samples()
        self.pushed: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
        """What the Pushgateway holds, by group."""
        self.targets: list[Callable[[], str]] = []
        """What is scraped beside it: each gives the text format."""
        self.strange: dict[str, str] = {}
        """Alerts whose expression is beyond what is understood here, and why."""
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.http.daemon_threads = True
        self.port = int(self.http.server_address[1])
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def scrape(self) -> None:
        """Takes a sample of everything."""
        now = self.clock.time()
        for target in self.targets:
            for name, labels, value in parsed(target()):
                self.samples.add(name, labels, value, now)
        for group in list(self.pushed.values()):
            for name, labels, value in group:
                self.samples.add(name, labels, value, now)

    def push(self, path: str, text: str) -> None:
        """Replaces a group, as PUT does (prometheus/pushgateway, README.md)."""
        parts = [urllib.parse.unquote(part) for part in path.strip("/").split("/")][1:]
        group = dict(zip(parts[::2], parts[1::2], strict=True))
        self.pushed[tuple(sorted(group.items()))] = [
            (name, {**labels, **group}, value) for name, labels, value in parsed(text)
        ]
        self.scrape()

    def value(self, text: str) -> Value:
        """What a query gives now."""
        return query(text, self.samples, self.clock.time())

    def firing(self, cluster: Cluster, component: str = "") -> dict[str, str]:
        """Alerts whose expression holds now, with their summary, of the PrometheusRules whose name begins so."""
        found = {}
        for manifest in cluster.all("PrometheusRule"):
            if not manifest["metadata"]["name"].startswith(component):
                continue
            for rule in (rule for group in manifest["spec"]["groups"] for rule in group["rules"] if "alert" in rule):
                try:
                    holds = self.value(rule["expr"])
                except QueryError as error:
                    self.strange[rule["alert"]] = str(error)
                    continue
                if holds:
                    found[rule["alert"]] = rule.get("annotations", {}).get("summary", "")
        return found

    def stop(self) -> None:
        """Ends it."""
        self.http.shutdown()

    def answer(self, path: str, parameters: Mapping[str, str]) -> tuple[int, Any]:
        """What the HTTP API answers (Prometheus documentation, HTTP API, Instant queries)."""
        if path != "/api/v1/query":
            return 404, {"status": "error", "errorType": "not_found", "error": f"no {path}"}
        at = float(parameters.get("time", self.clock.time()))
        try:
            value = query(parameters["query"], self.samples, at)
        except QueryError as error:
            return 400, {"status": "error", "errorType": "bad_data", "error": str(error)}
        if isinstance(value, dict):
            result = [{"metric": dict(labels), "value": [at, _shown(number)]} for labels, number in value.items()]
            return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}
        return 200, {"status": "success", "data": {"resultType": "scalar", "result": [at, _shown(value)]}}


def _shown(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return repr(number) if not math.isinf(number) else ("+Inf" if number > 0 else "-Inf")


def _handler(prometheus: Prometheus) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One call."""

        def do_GET(self) -> None:
            """A query."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            split = urllib.parse.urlsplit(self.path)
            if self.command == "PUT":
                prometheus.push(split.path, body)
                self._reply(202, b"")
                return
            given = dict(urllib.parse.parse_qsl(body if self.command == "POST" else split.query))
            code, answer = prometheus.answer(split.path, given)
            self._reply(code, json.dumps(answer).encode())

        do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server calls

        def _reply(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_given: object) -> None:
            """Nothing."""

    return Handler
