"""What a rollout meets: the cluster that its endpoint was deployed to, a registry, a bucket, a function, Prometheus.

Clusters begin with the objects of the endpoint's recorded graph, and settings are those that the graph tells the job.
"""

import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.validate import ParamValidator
from kubernetes.client.exceptions import ApiException

from examples.serving_endpoint import ROLLED
from mlplatform.contracts.registry import CHALLENGER
from mlplatform.contracts.rollout import CONFIG, VERSION
from mlplatform.contracts.tracking import RegistryError
from mlplatform.runtime.promote.cluster import Cluster
from mlplatform.runtime.promote.kubernetes import OnDeployments, OnKServe
from mlplatform.runtime.promote.metrics import Measured
from mlplatform.runtime.promote.registry import Registry
from mlplatform.runtime.promote.rollout import Rollout
from mlplatform.runtime.promote.serverless import InLambda
from mlplatform.runtime.promote.settings import Settings
from mlplatform.runtime.promote.store import Store
from mlplatform.runtime.promote.tracks import Tracks, Waiting
from serving import graph_of

REGION = "us-east-1"
PLURALS = {"HTTPRoute": "httproutes", "Deployment": "deployments", "InferenceService": "inferenceservices"}
MODEL = {"MLmodel": b"flavors: {}\n", "model/weights.bin": b"\x01\x02\x03"}


@cache
def _s3() -> Any:
    # Made once, since that is slow; moto answers whoever asks, and forgets after each test.
    return boto3.client("s3", region_name=REGION)


@cache
def _lambda_model() -> Any:
    return boto3.client("lambda", region_name=REGION).meta.service_model


@cache
def _graph(kind: str) -> str:
    return json.dumps(graph_of(ROLLED[kind]).raw)


def manifests(kind: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Objects of the recorded graph that a rollout may patch, by plural and name."""
    found = {}
    for node in json.loads(_graph(kind))["resources"]:
        made = node["inputs"]
        plural = PLURALS.get(made.get("kind", ""))
        if node["type"].startswith("kubernetes:") and plural:
            manifest = {key: value for key, value in made.items() if not key.startswith("__")}
            found[plural, made["metadata"]["name"]] = manifest
    return found


def told(kind: str) -> dict[str, Any]:
    """What the recorded graph tells the job."""
    nodes = json.loads(_graph(kind))["resources"]
    spec = next(node["inputs"]["spec"] for node in nodes if node["type"].endswith(":WorkflowTemplate"))
    variables = spec["templates"][-1]["container"]["env"]
    return dict(json.loads(next(each["value"] for each in variables if each["name"] == CONFIG)))


class FakeCluster:
    """An API server, and the controllers behind it, which have done their work whenever somebody looks."""

    def __init__(self, kind: str) -> None:
        self.objects = deepcopy(manifests(kind))
        self.declared = deepcopy(self.objects)
        self.managers: set[str] = set()
        self.answers: list[ApiException] = []
        self.stuck: set[str] = set()
        """Deployments whose replicas never become ready."""
        self.seen: list[tuple[int, int]] = []
        """Weights after each patch of a route."""
        for each in self.objects.values():
            each["metadata"]["generation"] = 1
        self._control()

    def get_namespaced_custom_object(self, *where: str, **_: Any) -> dict[str, Any]:
        return deepcopy(self._at(where))

    def patch_namespaced_custom_object(self, *where: Any, **options: Any) -> dict[str, Any]:
        *place, body = where
        assert options["field_validation"] == "Strict"
        found = self._at(place)
        before = deepcopy(found)
        if options["_content_type"] == "application/json-patch+json":
            _json_patch(found, body)
            backends = found["spec"]["rules"][0]["backendRefs"]
            self.seen.append((backends[0]["weight"], backends[1]["weight"]))
        else:
            _merge(found, body)
        self.managers.add(options["field_manager"])
        if found["spec"] != before["spec"]:
            found["metadata"]["generation"] += 1
        self._control()
        return deepcopy(found)

    def weights(self) -> tuple[int, int]:
        """Of both tracks."""
        route = next(each for (plural, _), each in self.objects.items() if plural == "httproutes")
        stable, canary = (backend["weight"] for backend in route["spec"]["rules"][0]["backendRefs"])
        return stable, canary

    def serving(self) -> dict[str, tuple[str, int]]:
        """Version and ready replicas of each Deployment that has some."""
        found = {}
        for (plural, name), each in self.objects.items():
            ready = each.get("status", {}).get("availableReplicas", 0)
            if plural == "deployments" and ready:
                found[name] = (each["spec"]["template"]["metadata"]["annotations"][VERSION], ready)
        return found

    def _at(self, where: Sequence[str]) -> dict[str, Any]:
        if self.answers:
            raise self.answers.pop(0)
        _, _, namespace, plural, name = where
        found = self.objects.get((plural, name))
        if found is None or namespace != "x":
            raise ApiException(status=404, reason="Not Found")
        return found

    def _control(self) -> None:
        for (plural, name), each in list(self.objects.items()):
            if plural == "inferenceservices":
                self._kserve(name, each["spec"])
        for (plural, name), each in self.objects.items():
            if plural == "deployments":
                self._ready(name, each)

    def _kserve(self, name: str, spec: Mapping[str, Any]) -> None:
        canaries = spec.get("canary") or []
        beside = sum(canary["predictor"]["minReplicas"] for canary in canaries)
        self._deploy(f"{name}-predictor", spec["predictor"], spec["predictor"]["minReplicas"] - beside)
        for canary in canaries:
            predictor = canary["predictor"]
            self._deploy(f"{name}-{predictor['name']}-predictor", predictor, predictor["minReplicas"])
        if not canaries:
            self.objects.pop(("deployments", f"{name}-canary-predictor"), None)

    def _deploy(self, name: str, predictor: Mapping[str, Any], replicas: int) -> None:
        made = self.objects.setdefault(("deployments", name), {"metadata": {"generation": 0}, "spec": {}})
        wanted = {
            "replicas": replicas,
            "template": {
                "metadata": {"annotations": dict(predictor["annotations"])},
                "uri": predictor["model"]["storageUri"],
            },
        }
        if made["spec"] != wanted:
            made["spec"] = wanted
            made["metadata"]["generation"] += 1

    def _ready(self, name: str, deployment: dict[str, Any]) -> None:
        wanted = deployment["spec"].get("replicas", 1)
        counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), wanted)
        if name in self.stuck:
            counts["availableReplicas"] = 0
        deployment["status"] = {"observedGeneration": deployment["metadata"]["generation"], **counts}


def _merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """RFC 7396."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            _merge(target[key], value)
        else:
            target[key] = deepcopy(value)


def _json_patch(target: dict[str, Any], operations: Sequence[Mapping[str, Any]]) -> None:
    """The two operations of RFC 6902 that are used, on existing places."""
    made = deepcopy(target)
    for operation in operations:
        at: Any = made
        *way, last = operation["path"].removeprefix("/").split("/")
        for part in way:
            at = at[int(part)] if isinstance(at, list) else at[part]
        if operation["op"] == "test" and at[last] != operation["value"]:
            body = json.dumps({"reason": "Invalid", "message": "the server rejected our request"})
            error = ApiException(status=422, reason="Unprocessable Entity")
            error.body = body
            raise error
        if operation["op"] == "add":
            at[last] = operation["value"]
    target.clear()
    target.update(made)


@contextmanager
def over_http(cluster: FakeCluster) -> Iterator[str]:
    """The cluster by its API's own form; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(lambda where, _: cluster.get_namespaced_custom_object(*where))

        def do_PATCH(self) -> None:
            length = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(length))
            asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
            options = {
                "field_manager": asked["fieldManager"],
                "field_validation": asked["fieldValidation"],
                "_content_type": self.headers["Content-Type"],
            }
            self._answer(lambda where, _: cluster.patch_namespaced_custom_object(*where, body, **options))

        def _answer(self, act: Callable[[list[str], None], Any]) -> None:
            # /apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}
            _, _, group, version, _, namespace, plural, name = urllib.parse.urlsplit(self.path).path.split("/")
            try:
                status, body = 200, act([group, version, namespace, plural, name], None)
            except ApiException as error:
                status, body = error.status, json.loads(error.body or "{}")
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with _served(Handler) as url:
        yield url


class FakePrometheus:
    """Answers instant queries with what they are given for, by a part of the query; nothing for the rest."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.asked: list[str] = []
        self.answers: list[tuple[int, Any]] = []

    @contextmanager
    def served(self) -> Iterator[str]:
        """Its address."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(asked.query))["query"]
                fake.asked.append(query)
                status, body = fake.answers.pop(0) if fake.answers else (200, fake.answer(query))
                text = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status if asked.path == "/api/v1/query" else 404)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        with _served(Handler) as url:
            yield url

    def answer(self, query: str) -> dict[str, Any]:
        """As Prometheus words it (Prometheus documentation, HTTP API)."""
        found = [value for part, value in self.values.items() if part in query]
        result = [{"metric": {}, "value": [1_700_000_000.0, str(found[-1])]}] if found else []
        return {"status": "success", "data": {"resultType": "vector", "result": result}}


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class FakeMlflow:
    """One registered model, as MLflow's client sees it; `files` are those of its versions."""

    def __init__(self, *versions: str, **aliases: str) -> None:
        self.aliases = dict(aliases)
        self.tags: dict[str, dict[str, str]] = {version: {} for version in versions}
        self.files: dict[str, bytes] = dict(MODEL)

    def get_registered_model(self, name: str) -> Any:
        if not self.tags:
            raise RegistryError(f"MLflow: no model {name}", "RESOURCE_DOES_NOT_EXIST")
        return SimpleNamespace(aliases=dict(self.aliases))

    def get_model_version(self, name: str, version: str) -> Any:
        if version not in self.tags:
            raise RegistryError(f"MLflow: no version {version} of {name}", "RESOURCE_DOES_NOT_EXIST")
        return SimpleNamespace(version=version, tags=dict(self.tags[version]))

    def set_model_version_tag(self, _: str, version: str, key: str, value: str) -> None:
        self.tags[version][key] = value

    def set_registered_model_alias(self, _: str, alias: str, version: str) -> None:
        self.aliases[alias] = version

    def delete_registered_model_alias(self, _: str, alias: str) -> None:
        self.aliases.pop(alias, None)

    def search_model_versions(self, _: str, page_token: str | None = None) -> Any:
        # One a page, so that pages are followed.
        versions = sorted(self.tags)
        at = int(page_token or 0)
        page = _Page([self.get_model_version("", version) for version in versions[at : at + 1]])
        page.token = str(at + 1) if at + 1 < len(versions) else None
        return page

    def list_artifacts(self, path: str | None) -> list[Any]:
        below = f"{path}/" if path else ""
        names = {below + name.removeprefix(below).split("/")[0] for name in self.files if name.startswith(below)}
        return [SimpleNamespace(path=name, is_dir=name not in self.files) for name in names]

    def download_artifacts(self, path: str, folder: str) -> str:
        local = Path(folder) / Path(path).name
        local.write_bytes(self.files[path])
        return str(local)


class _Page(list[Any]):
    token: str | None = None


class FakeLambda:
    """A function with published versions; parameters are held to the API's own model."""

    def __init__(self) -> None:
        self.latest = {"MODEL_URI": "s3://models/fraud/17/", "REQUEST_LOG_MODEL_VERSION": "fraud/17", "OTHER": "1"}
        self.versions: list[dict[str, str]] = [dict(self.latest)]
        self.alias: dict[str, Any] = {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {}}}
        self.updates: list[str] = []
        self.fails = False

    def weights(self) -> tuple[str, dict[str, float]]:
        """What the alias leads to."""
        return self.alias["FunctionVersion"], dict(self.alias["RoutingConfig"]["AdditionalVersionWeights"])

    def get_alias(self, **given: Any) -> dict[str, Any]:
        self._check("GetAlias", given)
        return deepcopy(self.alias)

    def update_alias(self, **given: Any) -> None:
        self._check("UpdateAlias", given)
        self.alias.update({key: given[key] for key in ("FunctionVersion", "RoutingConfig")})

    def get_function_configuration(self, **given: Any) -> dict[str, Any]:
        self._check("GetFunctionConfiguration", given)
        if "Qualifier" in given:
            return self._configuration(given["Qualifier"])
        status = self.updates.pop(0) if self.updates else "Successful"
        return {**self._configuration("$LATEST"), "LastUpdateStatus": status}

    def update_function_configuration(self, **given: Any) -> None:
        self._check("UpdateFunctionConfiguration", given)
        self.latest = dict(given["Environment"]["Variables"])
        self.updates = ["InProgress", "Failed" if self.fails else "Successful"]

    def publish_version(self, **given: Any) -> None:
        self._check("PublishVersion", given)
        if self.versions[-1] != self.latest:
            self.versions.append(dict(self.latest))

    def get_paginator(self, name: str) -> Any:
        assert name == "list_versions_by_function"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, **given: Any) -> Iterator[dict[str, Any]]:
        self._check("ListVersionsByFunction", given)
        for number in ("$LATEST", *map(str, range(1, len(self.versions) + 1))):
            yield {"Versions": [self._configuration(number)]}

    def _configuration(self, number: str) -> dict[str, Any]:
        variables = self.latest if number == "$LATEST" else self.versions[int(number) - 1]
        return {"Version": number, "Environment": {"Variables": dict(variables)}, "State": "Active"}

    def _check(self, operation: str, given: Mapping[str, Any]) -> None:
        shape = _lambda_model().operation_model(operation).input_shape
        report = ParamValidator().validate(dict(given), shape)
        assert not report.has_errors(), report.generate_report()


class Killed(Exception):
    """The process ends here."""


@dataclass
class Edges:
    """Counts calls of what is outside, and ends the process at some of them: before they had an effect, or after."""

    at: frozenset[int] = frozenset()
    after: bool = False
    calls: int = 0

    def around(self, target: Any) -> Any:
        """The same thing, counted."""
        edges = self

        class Counted:
            def __getattr__(self, name: str) -> Any:
                found = getattr(target, name)
                return edges.counted(found) if callable(found) and name != "get_paginator" else found

        return Counted()

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def made(*given: Any, **named: Any) -> Any:
            self.calls += 1
            dies = self.calls in self.at
            if dies and not self.after:
                raise Killed
            result = call(*given, **named)
            if dies:
                raise Killed
            return result

        return made


@dataclass
class Measure:
    """A candidate's requests, as they are told."""

    measured: Measured = field(default_factory=lambda: Measured(1000, 0, 120))
    asked: list[int] = field(default_factory=list)

    def measure(self, minutes: int) -> Measured:
        self.asked.append(minutes)
        return self.measured


@dataclass
class Clock:
    """Time that passes only by waiting."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


class World:
    """An endpoint of a kind, with everything around it."""

    def __init__(self, kind: str, mlflow: FakeMlflow | None = None, s3: Any = None) -> None:
        self.kind = kind
        self.config = told(kind)
        self.mlflow = mlflow or FakeMlflow("17", "18", champion="17", **{CHALLENGER: "18"})
        self.cluster = FakeCluster(kind)
        self.function = FakeLambda()
        self.requests = Measure()
        self.clock = Clock()
        self.log: list[dict[str, Any]] = []
        self.edges = Edges()
        self.s3 = s3 or _s3()
        if s3 is None:
            self.s3.create_bucket(Bucket="models")
        for key in self.objects():
            self.s3.delete_object(Bucket="models", Key=key)

    def rollout(self) -> Rollout:
        """The job, as it is when it has just begun."""
        settings = Settings.model_validate(self.config)
        waiting = Waiting(settings.ready_minutes * 60, self.clock, self.clock.pause)
        around = self.edges.around
        return Rollout(
            settings,
            Registry(around(self.mlflow), settings.model),
            Store(around(self.s3), settings.bucket, settings.model),
            self._tracks(settings, waiting),
            lambda _: around(self.mlflow),
            lambda _: self.requests,
            lambda level, event, **more: self.log.append({"level": level, "event": event, **more}),
            waiting,
        )

    def _tracks(self, settings: Settings, waiting: Waiting) -> Tracks:
        if settings.serverless:
            function = self.edges.around(self.function)
            return InLambda(function, settings, settings.serverless.function, settings.serverless.alias, waiting)
        cluster = Cluster(self.edges.around(self.cluster), "x")
        if settings.kserve:
            return OnKServe(cluster, settings.kserve, waiting, settings.uri)
        assert settings.container
        return OnDeployments(cluster, settings.container, waiting)

    def objects(self) -> dict[str, bytes]:
        """What is in the bucket of promoted models."""
        listed = self.s3.list_objects_v2(Bucket="models").get("Contents", [])
        return {each["Key"]: self.s3.get_object(Bucket="models", Key=each["Key"])["Body"].read() for each in listed}

    def state(self) -> dict[str, Any]:
        """All that is left in the end."""
        return {
            "aliases": dict(sorted(self.mlflow.aliases.items())),
            "tags": self.mlflow.tags,
            "objects": self.objects(),
            "cluster": {key: {"spec": each["spec"]} for key, each in self.cluster.objects.items()},
            "function": (self.function.weights(), self.function.versions),
        }


def workflow(world: World, asked: str = "") -> Iterator[Callable[[], Any]]:
    """The steps of a rollout in their order, each to be called until it ends well."""
    plan: list[Any] = []
    yield lambda: plan.append(world.rollout().plan(asked))
    planned = plan[-1]
    if planned.mode != "none":
        yield from (_step(world, planned.version, *step) for step in _verbs(planned.mode))


def _verbs(mode: str) -> Iterator[tuple[Any, ...]]:
    yield ("copy",)
    if mode == "steps":
        yield ("start",)
        for percent in (5, 25, 50):
            yield from (("weigh", percent), ("gate", 10))
    yield ("finish",)


def _step(world: World, version: str, verb: str, *given: int) -> Callable[[], Any]:
    def step() -> None:
        made = world.rollout()
        made.attempt(version, lambda: getattr(made, verb)(version, *given))

    return step


def run(world: World, asked: str = "") -> None:
    """A whole rollout; a step that was killed is begun again, and one that fails ends it and is taken back."""
    for step in workflow(world, asked):
        if not attempt(world, step):
            attempt(world, lambda: world.rollout().roll_back("a step failed"))
            return


def attempt(world: World, step: Callable[[], Any]) -> bool:
    """Whether a step ends well, killed or not."""
    while True:
        try:
            step()
        except Killed:
            continue
        except Exception as error:  # noqa: BLE001 - whatever it is, the Workflow has failed
            world.log.append({"event": "raised", "error": error})
            return False
        return True
