"""Stands in for AWS: moto's server in a process of its own, with the resources of a graph."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from loop.graph import Graph, Resource
from loop.machine import HERE, SHIM, free_port
from loop.recipes import RECIPES, Call, Recipe

START_SECONDS: Final = 30
_SECRET: Final = "test"  # noqa: S105 - moto takes any


class CloudError(Exception):
    """A graph that cannot be made here."""


class Cloud:
    """The stand-in for AWS."""

    def __init__(self, graph: Graph, root: Path, clock: Path) -> None:
        self.graph, self.port = graph, free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.made: Counter[str] = Counter()
        """Resources that were made, by type."""
        self.refused: list[str] = []
        """What moto refused: resource, operation and its words."""
        self.real: dict[str, str] = {}
        """What AWS named itself, by what stands for it in the graph."""
        self._clients: dict[tuple[str, str], Any] = {}
        self._roles = {
            (one["inputs"]["namespace"], one["inputs"]["serviceAccount"]): one["inputs"]["roleArn"].rpartition("/")[2]
            for one in graph.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
        }
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(root),
            "PYTHONPATH": os.pathsep.join(map(str, (SHIM, HERE.parent))),
            "POD_CLOCK": str(clock),
            "MOTO_ACCOUNT_ID": graph.account,
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
            **self.variables,
        }
        with (root / "logs" / "moto.log").open("ab") as log:
            self.server = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "loop.aws", "--port", str(self.port)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def variables(self) -> dict[str, str]:
        """Variables by which every SDK finds it, instead of the endpoints of AWS."""
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_EC2_METADATA_DISABLED": "true"}

    def identity(self, namespace: str, account: str) -> dict[str, str]:
        """Variables with the role of a ServiceAccount, as Pod Identity gives it; none without an association."""
        role = self._roles.get((namespace, account))
        return {"AWS_ACCESS_KEY_ID": role, "AWS_SECRET_ACCESS_KEY": _SECRET} if role else {}

    def client(self, service: str, role: str = _SECRET) -> Any:
        """A client of a service, of the deployer's or of a role."""
        if (service, role) not in self._clients:
            self._clients[service, role] = boto3.client(
                service,
                endpoint_url=self.endpoint,
                region_name=self.graph.region,
                aws_access_key_id=role,
                aws_secret_access_key=_SECRET,
                config=Config(retries={"total_max_attempts": 2}, max_pool_connections=20, read_timeout=30),
            )
        return self._clients[service, role]

    def storage(self, namespace: str, account: str) -> Any:
        """A client of S3 with the role of a ServiceAccount; one without any right where it has none."""
        return self.client("s3", self._roles.get((namespace, account), "nobody"))

    def wait(self) -> None:
        """Waits until it answers."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"{self.endpoint}/moto-api/data.json", timeout=2).close()  # noqa: S310
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return
        raise CloudError(f"moto does not answer on {self.endpoint}")

    def stop(self) -> None:
        """Ends it."""
        self.server.terminate()
        self.server.wait()

    def make(self) -> None:
        """Makes the resources of the graph that it has recipes for, each after what it depends on."""
        known = {resource["urn"]: resource for resource in self.graph.of_type(*RECIPES)}
        order = TopologicalSorter({urn: set(one["dependencies"]) & set(known) for urn, one in known.items()})
        late = [urn for urn in order.static_order() if not self._make(known[urn])]
        # What a service refuses may only be early: the engine starts side by side what does not depend on each other.
        self.refused.clear()
        for urn in late:
            self._make(known[urn])

    def not_made(self) -> Counter[str]:
        """Resources of AWS in the graph of which there is no recipe, by type: the loop needs none of them."""
        types = (one["type"] for one in self.graph.resources if one["type"].startswith("aws:"))
        return Counter(type_ for type_ in types if type_ not in RECIPES)

    def resolved(self, value: Any) -> Any:
        """A value with what AWS named itself instead of what stands for it: as the engine resolves references."""
        if isinstance(value, str):
            for placeholder, real in self.real.items():
                value = value.replace(placeholder, real)
            return value
        if isinstance(value, Mapping):
            return {key: self.resolved(item) for key, item in value.items()}
        return [self.resolved(item) for item in value] if isinstance(value, list | tuple) else value

    def _make(self, resource: Resource) -> bool:
        """Makes a resource; False where a call was refused."""
        recipe = RECIPES[resource["type"]]
        inputs = self.resolved(resource["inputs"])
        unused = set(inputs) - recipe.local - {key for call in recipe.calls for key in call.paths}
        if unused:
            raise CloudError(f"{resource['name']} ({resource['type']}): no recipe for {', '.join(sorted(unused))}")
        values = {**inputs, "#name": _name(resource), "#region": self.graph.region, "#id": resource["id"]}
        complete = True
        for call in recipe.calls:
            if call.needs and not inputs.get(call.needs):
                continue
            try:
                answer = self._call(recipe, call, values)
            except (ClientError, BotoCoreError) as error:
                complete = False
                self.refused.append(f"{resource['type']} {resource['name']}: {call.operation}: {_words(error)}")
                continue
            if recipe.identity and call is recipe.calls[0]:
                values["#id"] = self._named(resource, recipe, answer)
        self.made[resource["type"]] += complete
        return complete

    def _call(self, recipe: Recipe, call: Call, values: Mapping[str, Any]) -> Mapping[str, Any]:
        client = self.client(recipe.service)
        shape = client.meta.service_model.operation_model(call.operation).input_shape
        request: dict[str, Any] = dict(call.constant)
        for key, path in call.paths.items():
            if key in values:
                value = recipe.change.get(key, lambda given: given)(values[key])
                _put(request, path, value, shape)
        method = next(name for name, of in client.meta.method_to_api_mapping.items() if of == call.operation)
        return dict(getattr(client, method)(**request))

    def _named(self, resource: Resource, recipe: Recipe, answer: Mapping[str, Any]) -> str:
        found: Any = answer
        for part in recipe.identity.split("."):
            found = found[part]
        self.real[resource["id"]] = str(found)
        return str(found)


def _name(resource: Resource) -> str:
    """What the engine named it."""
    inputs, outputs = resource["inputs"], resource["outputs"]
    for key in ("bucket", "name"):
        if key in outputs or key in inputs:
            return str(outputs.get(key, inputs.get(key)))
    return str(resource["name"])


def _put(request: dict[str, Any], path: str, value: Any, shape: Shape) -> None:
    """Puts a value where the path leads, spelled as the shape has it."""
    *way, last = path.removesuffix("[]").split(".")
    place, inner = request, shape
    for part in way:
        place, inner = place.setdefault(part, {}), _member(inner, part)
    inner = _member(inner, last)
    if path.endswith("[]"):
        place.setdefault(last, []).append(_spelled(value, inner.member))
    else:
        place[last] = _spelled(value, inner)


def _member(shape: Shape, name: str) -> Any:
    if isinstance(shape, MapShape):
        return shape.value
    if not isinstance(shape, StructureShape):
        raise CloudError(f"{shape.name} has no {name}")
    return shape.members[name]


def _spelled(value: Any, shape: Shape) -> Any:
    if isinstance(shape, StructureShape):
        members = {name.lower(): name for name in shape.members}
        names = {key: members[_plain(key, members)] for key in value}
        return {names[key]: _spelled(item, shape.members[names[key]]) for key, item in value.items()}
    if isinstance(shape, ListShape):
        return [_spelled(item, shape.member) for item in value]
    if isinstance(shape, MapShape):
        return {key: _spelled(item, shape.value) for key, item in value.items()}
    if shape.type_name == "string":
        return value if isinstance(value, str) else json.dumps(value)
    return value


def _plain(key: str, members: Mapping[str, str]) -> str:
    """A provider's key among those of a shape: without regard to case."""
    if key.lower() not in members:
        raise CloudError(f"{key} is none of {', '.join(members.values())}")
    return key.lower()


def _words(error: Exception) -> str:
    if isinstance(error, ClientError):
        given = error.response["Error"]
        return f"{given.get('Code', 'unknown')} {given.get('Message', '')}".strip()[:200]
    return str(error)[:200]


def lines(cloud: Cloud) -> Iterator[str]:
    """What was made and what was not, for people."""
    made = ", ".join(f"{count} {type_.rpartition(':')[2]}" for type_, count in sorted(cloud.made.items()))
    yield f"made: {made}"
    others = ", ".join(f"{count} {type_.rpartition(':')[2]}" for type_, count in sorted(cloud.not_made().items()))
    yield f"not made, since nothing here needs them: {others or 'none'}"
    yield f"refused by moto: {'; '.join(cloud.refused) or 'none'}"
