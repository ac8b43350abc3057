"""Stands in for the Kubernetes API: the objects of a graph behind the API's own paths, with its rights and answers.

Whoever calls has the token of a ServiceAccount and the rights that the Roles and RoleBindings of the graph give it.
"""

import copy
import json
import re
import secrets
import threading
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from loop.clock import Clock

Manifest = dict[str, Any]
_PATH: Final = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?"
)
_VERBS: Final = {"GET": "get", "POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
_REASONS: Final = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "AlreadyExists",
    415: "UnsupportedMediaType",
    422: "Invalid",
}


class ApiError(Exception):
    """An answer that is none of success."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def plural(kind: str) -> str:
    """A kind's name in paths."""
    name = kind.lower()
    if name.endswith("y"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch")) else f"{name}s"


class Cluster:
    """The objects, and the rights on them."""

    def __init__(self, objects: Iterable[Manifest], clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.objects: dict[tuple[str, str, str, str], Manifest] = {}
        self.changed: list[Callable[[str, Manifest], None]] = []
        """Who hears of an object that was created or changed, with the verb."""
        self.requests: list[str] = []
        """Verb, kind and name of every call that a pod made, with what came of it."""
        self.tokens: dict[str, tuple[str, str]] = {}
        self._version = 0
        for manifest in objects:
            self.put(manifest)

    def put(self, manifest: Manifest) -> Manifest:
        """Makes or replaces an object, as a controller or the engine does."""
        with self.lock:
            made = copy.deepcopy(manifest)
            key = self._key(made)
            self._stamp(made, self.objects.get(key))
            self.objects[key] = made
        return made

    def get(self, kind: str, namespace: str, name: str) -> Manifest:
        """An object; LookupError without it."""
        with self.lock:
            for (_, plural_, namespace_, name_), manifest in self.objects.items():
                if (plural_, namespace_, name_) == (plural(kind), namespace, name):
                    return copy.deepcopy(manifest)
        raise LookupError(f"no {kind} {name} in {namespace}")

    def all(self, kind: str, namespace: str | None = None) -> list[Manifest]:
        """Objects of a kind, by namespace and name."""
        with self.lock:
            return [
                copy.deepcopy(manifest)
                for (_, plural_, of, _), manifest in sorted(self.objects.items())
                if plural_ == plural(kind) and namespace in {None, of}
            ]

    def status(self, manifest: Manifest, status: Mapping[str, Any]) -> None:
        """Sets the status of an object, as its controller does."""
        with self.lock:
            self.objects[self._key(manifest)]["status"] = dict(status)

    def secret(self, namespace: str, name: str, values: Mapping[str, str]) -> None:
        """Makes a Secret of texts."""
        data = {key: b64encode(value.encode()).decode() for key, value in values.items()}
        self.put(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}, "data": data}
        )

    def token(self, namespace: str, account: str) -> str:
        """A token of a ServiceAccount."""
        made = secrets.token_urlsafe(24)
        self.tokens[made] = (namespace, account)
        return made

    def answer(self, verb: str, path: str, body: Any, who: tuple[str, str] | None, media: str = "") -> tuple[int, Any]:
        """What the API answers to a call; ApiError where that is none of success."""
        if who is None:
            raise ApiError(401, "Unauthorized")
        found = _PATH.fullmatch(path)
        if not found:
            raise ApiError(404, f"the server could not find {path}")
        group, place = found["group"] or "", (found["namespace"] or "", found["name"] or "")
        verb = "list" if verb == "get" and not place[1] else verb
        name = place[1] or ((body or {}).get("metadata") or {}).get("name", "")
        if not self._allowed(who, verb, group, found["plural"], (place[0], name)):
            raise ApiError(403, f"{who[1]} of {who[0]} cannot {verb} resource {found['plural']} {name} in {place[0]}")
        key = (group, found["plural"], *place)
        with self.lock:
            return {
                "get": lambda: (200, self._found(key)),
                "list": lambda: (200, self._listed(key)),
                "create": lambda: (201, self._created(body, place[0])),
                "patch": lambda: (200, self._patched(key, body, media)),
                "update": lambda: (200, self._replaced(key, body)),
                "delete": lambda: (200, self._deleted(key)),
            }[verb]()

    # The verbs.

    def _found(self, key: tuple[str, str, str, str]) -> Manifest:
        if key not in self.objects:
            raise ApiError(404, f'{key[1]} "{key[3]}" not found')
        return copy.deepcopy(self.objects[key])

    def _listed(self, key: tuple[str, str, str, str]) -> Manifest:
        items = [copy.deepcopy(one) for at, one in sorted(self.objects.items()) if at[:3] == key[:3]]
        return {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}

    def _created(self, body: Manifest, namespace: str) -> Manifest:
        made = copy.deepcopy(body)
        metadata = made.setdefault("metadata", {})
        if "generateName" in metadata and "name" not in metadata:
            metadata["name"] = f"{metadata['generateName']}{secrets.token_hex(3)[:5]}"
        metadata["namespace"] = namespace
        key = self._key(made)
        if key in self.objects:
            raise ApiError(409, f'{key[1]} "{key[3]}" already exists')
        self._stamp(made, None)
        self.objects[key] = made
        self._tell("create", made)
        return copy.deepcopy(made)

    def _patched(self, key: tuple[str, str, str, str], body: Any, media: str) -> Manifest:
        before = self._found(key)
        if media == "application/json-patch+json":
            after = patched(before, body)
        elif media in {"application/merge-patch+json", "application/strategic-merge-patch+json"}:
            after = _merged(before, body)
        else:
            raise ApiError(415, f"{media} is not understood")
        return self._replaced(key, after)

    def _replaced(self, key: tuple[str, str, str, str], body: Manifest) -> Manifest:
        before = self._found(key)
        wanted = body["metadata"].get("resourceVersion", before["metadata"]["resourceVersion"])
        if wanted != before["metadata"]["resourceVersion"]:
            raise ApiError(409, "the object has been modified")
        after = copy.deepcopy(body)
        self._stamp(after, before)
        self.objects[key] = after
        self._tell("patch", after)
        return copy.deepcopy(after)

    def _deleted(self, key: tuple[str, str, str, str]) -> Manifest:
        self._found(key)
        del self.objects[key]
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def _tell(self, verb: str, manifest: Manifest) -> None:
        for hear in self.changed:
            hear(verb, copy.deepcopy(manifest))

    def _stamp(self, manifest: Manifest, before: Manifest | None) -> None:
        self._version += 1
        metadata, former = manifest.setdefault("metadata", {}), (before or {}).get("metadata", {})
        moved = before is None or manifest.get("spec") != before.get("spec")
        metadata["uid"] = former.get("uid") or str(uuid.uuid4())
        metadata["creationTimestamp"] = former.get("creationTimestamp") or stamp(self.clock.now())
        metadata["generation"] = former.get("generation", 0) + moved
        metadata["resourceVersion"] = str(self._version)

    @staticmethod
    def _key(manifest: Manifest) -> tuple[str, str, str, str]:
        group = manifest["apiVersion"].rpartition("/")[0]
        metadata = manifest["metadata"]
        return (group, plural(manifest["kind"]), metadata.get("namespace", ""), metadata["name"])

    # Rights.

    def _allowed(self, who: tuple[str, str], verb: str, group: str, resource: str, place: tuple[str, str]) -> bool:
        return any(
            verb in rule["verbs"]
            and group in rule.get("apiGroups", ())
            and resource in rule.get("resources", ())
            and (not rule.get("resourceNames") or place[1] in rule["resourceNames"])
            for rule in self._rules(who, place[0])
        )

    def _rules(self, who: tuple[str, str], namespace: str) -> Iterator[Mapping[str, Any]]:
        subject = {"kind": "ServiceAccount", "namespace": who[0], "name": who[1]}
        for binding in self.all("RoleBinding", namespace) + self.all("ClusterRoleBinding"):
            given = [{"namespace": namespace, **one} for one in binding.get("subjects", ())]
            if any(subject.items() <= one.items() for one in given):
                of = binding["roleRef"]
                place = namespace if of["kind"] == "Role" else ""
                yield from self.get(of["kind"], place, of["name"]).get("rules", ())


class Server:
    """The API over HTTP."""

    def __init__(self, cluster: Cluster, root: Path) -> None:
        self.cluster, self.root = cluster, root
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(cluster))
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def account(self, namespace: str, name: str) -> Mapping[str, str]:
        """How the pods of a ServiceAccount find the API: a kubeconfig instead of what is mounted on a cluster."""
        path = self.root / "pods" / f"kubeconfig-{namespace}-{name}.json"
        if not path.exists():
            user = {"name": name, "user": {"token": self.cluster.token(namespace, name)}}
            config = {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "here", "cluster": {"server": self.address}}],
                "users": [user],
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": name, "namespace": namespace}}],
                "current-context": "here",
            }
            path.write_text(json.dumps(config))
            path.chmod(0o600)
        return {"KUBECONFIG": str(path)}

    def stop(self) -> None:
        """Ends it."""
        self.http.shutdown()


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One call."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Any verb."""
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            verb, path = _VERBS[self.command], self.path.partition("?")[0]
            who = cluster.tokens.get((self.headers.get("Authorization") or "").removeprefix("Bearer "))
            media = (self.headers.get("Content-Type") or "").partition(";")[0]
            try:
                code, answer = cluster.answer(verb, path, body, who, media)
            except ApiError as error:
                code = error.code
                answer = {
                    "kind": "Status",
                    "apiVersion": "v1",
                    "status": "Failure",
                    "message": error.message,
                    "reason": _REASONS.get(code, ""),
                    "code": code,
                }
            cluster.requests.append(f"{verb} {path} {code}")
            text = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

        def log_message(self, *_given: object) -> None:
            """Nothing: the calls are kept by the cluster."""

    return Handler


def patched(before: Manifest, operations: Iterable[Mapping[str, Any]]) -> Manifest:
    """The object after operations of RFC 6902: test, add, replace and remove."""
    after = copy.deepcopy(before)
    for operation in operations:
        *way, last = (part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:])
        try:
            place: Any = after
            for part in way:
                place = place[_index(place, part)]
            _operate(place, _index(place, last), operation)
        except (IndexError, KeyError, TypeError, ValueError):
            raise ApiError(422, f"the patch does not apply: {operation['op']} {operation['path']}") from None
    return after


def _index(place: Any, part: str) -> Any:
    if isinstance(place, list):
        return len(place) if part == "-" else int(part)
    return part


def _operate(place: Any, at: Any, operation: Mapping[str, Any]) -> None:
    kind = operation["op"]
    if kind == "test":
        if place[at] != operation["value"]:
            raise ValueError(at)
    elif kind == "add" and isinstance(place, list):
        place.insert(at, operation["value"])
    elif kind == "add":
        place[at] = operation["value"]
    elif kind == "replace":
        place[at], _ = operation["value"], place[at]
    elif kind == "remove":
        del place[at]
    else:
        raise ApiError(422, f"operation {kind} is not understood here")


def _merged(before: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    after = dict(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value is None:
            after.pop(key, None)
        else:
            after[key] = _merged(after.get(key), value)
    return after


def stamp(moment: datetime) -> str:
    """A time as the API writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
