"""Stands in for Envoy Gateway: routes by the HTTPRoutes' host names and weights, and counts as Envoy does."""

import http.client
import math
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from loop.kubernetes import Cluster

TIMES: Final = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000)
"""Bounds of Envoy's histogram in milliseconds, some of them left out (Envoy documentation, Statistics,
histogram_bucket_settings)."""
_HOP: Final = frozenset({"connection", "content-length", "date", "host", "keep-alive", "server", "transfer-encoding"})
Backend = tuple[str, Mapping[str, Any]]


class Gateway:
    """The gateway of a cluster."""

    def __init__(self, cluster: Cluster, address: Callable[[str, Mapping[str, str]], int | None]) -> None:
        """`address` gives the port of a ready pod, by namespace and a Service's selector."""
        self.cluster, self.address = cluster, address
        self.answers: Counter[tuple[str, str]] = Counter()
        self.times: Counter[tuple[str, float]] = Counter()
        self.lock = threading.Lock()
        self.broken: set[str] = set()
        """Backends whose requests fail, by the name of their Service: a bad network, for tests of gates."""
        self._random = random.Random(0)  # noqa: S311 - chooses a backend
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.http.daemon_threads = True
        self.port = int(self.http.server_address[1])
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def backend(self, host: str) -> Backend | None:
        """The name of a backend in Envoy, and the backend, that a request for a host goes to."""
        for route in self.cluster.all("HTTPRoute"):
            if host not in route["spec"].get("hostnames", ()):
                continue
            metadata, backends = route["metadata"], route["spec"]["rules"][0]["backendRefs"]
            weights = [backend.get("weight", 1) for backend in backends]
            if not sum(weights):
                return None
            (at,) = self._random.choices(range(len(backends)), weights)
            return f"httproute/{metadata['namespace']}/{metadata['name']}/rule/0/backend/{at}", {
                **backends[at],
                "namespace": metadata["namespace"],
            }
        return None

    def send(self, backend: Mapping[str, Any], method: str, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        """What a backend answers: status, headers and body; 503 where no pod of it is there."""
        service = self.cluster.get("Service", backend["namespace"], backend["name"])
        port = self.address(backend["namespace"], service["spec"]["selector"])
        if port is None or backend["name"] in self.broken:
            return 503, {}, b"no healthy upstream"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except OSError:
            return 503, {}, b"upstream connect error"
        finally:
            connection.close()

    def count(self, name: str, status: int, seconds: float) -> None:
        """Counts an answer."""
        with self.lock:
            self.answers[name, str(status // 100)] += 1
            self.times.update((name, bound) for bound in (*TIMES, math.inf) if seconds * 1000 <= bound)

    def metrics(self) -> str:
        """What Envoy exports (Envoy documentation, Cluster manager statistics), in Prometheus' text format."""
        with self.lock:
            return "\n".join(self._lines())

    def stop(self) -> None:
        """Ends it."""
        self.http.shutdown()

    def _lines(self) -> Iterator[str]:
        for (name, kind), count in sorted(self.answers.items()):
            labels = f'envoy_cluster_name="{name}",envoy_response_code_class="{kind}"'
            yield f"envoy_cluster_upstream_rq_xx{{{labels}}} {count}"
        for name in sorted({name for name, _ in self.answers}):
            for bound in (*TIMES, math.inf):
                labels = f'envoy_cluster_name="{name}",le="{"+Inf" if math.isinf(bound) else f"{bound:g}"}"'
                yield f"envoy_cluster_upstream_rq_time_bucket{{{labels}}} {self.times[name, bound]}"
        yield ""


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """Any request."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            chosen = gateway.backend((self.headers.get("Host") or "").partition(":")[0])
            if chosen is None:
                self._reply(404, {}, b"")
                return
            name, backend = chosen
            headers = {key: value for key, value in self.headers.items() if key.lower() not in _HOP}
            headers.setdefault("x-request-id", str(uuid.uuid4()))
            began = time.perf_counter()
            status, given, answer = gateway.send(backend, self.command, self.path, headers, body)
            gateway.count(name, status, time.perf_counter() - began)
            self._reply(status, {**given, **_set(backend)}, answer)

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def _reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for key, value in headers.items():
                if key.lower() not in _HOP:
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_given: object) -> None:
            """Nothing."""

    return Handler


def _set(backend: Mapping[str, Any]) -> dict[str, str]:
    """Headers that a backend's filters set."""
    filters = [one for one in backend.get("filters", ()) if one["type"] == "ResponseHeaderModifier"]
    return {
        header["name"]: header["value"] for one in filters for header in one["responseHeaderModifier"].get("set", ())
    }
