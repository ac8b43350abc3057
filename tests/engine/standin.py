"""A provider plugin that stands in for `aws` or `kubernetes`: it creates nothing, and answers the engine as they do.

The engine starts it as `pulumi-resource-NAME ENGINE_ADDRESS`, a script of that name on PATH. It computes outputs from
the SDK's own classes: names that the provider generates, documents as text, computed properties as values in an update
and as unknown in a preview. It decides updates and replacements by the tables of the offline preview.

The folder STANDIN_WORLD says what exists and what goes wrong. `objects/` has one file per object, so that a second
object of the same identity is refused as the real services refuse it, also after a deployment that was killed.
`hang` names a URN that is made and never answered for, until the engine cancels or ends, `hang-before` one that is not
even made, and `fail` one that cannot be. With a file `placeholders`, previews answer with empty values, not with
unknown ones.
"""

import contextlib
import hashlib
import json
import os
import sys
import threading
import typing
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi import _types
from pulumi.runtime import rpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, resource_pb2, resource_pb2_grpc

from mlplatform.preview import recorder
from mlplatform.preview.graph.replacements import Effect, effect
from sdk import hints_of

WORLD = "STANDIN_WORLD"
"""Environment variable that names the folder of what exists."""
MISSING = object()
Object = dict[str, Any]
Leaf = Callable[..., Any]


class Exists(Exception):
    """An object of this identity is already there."""


class World:
    """What exists, across processes and deployments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects = folder / "objects"
        self.objects.mkdir(parents=True, exist_ok=True)

    def create(self, identity: str, made: Object, *, upsert: bool = False) -> None:
        """Records an object; raises Exists where it is there and may not be taken over."""
        with contextlib.suppress(FileExistsError), self._file(identity).open("x") as file:
            json.dump({"identity": identity, **made}, file)
            return
        if not upsert:
            raise Exists(identity)

    def delete(self, identity: str) -> None:
        """Forgets an object, if it is there."""
        self._file(identity).unlink(missing_ok=True)

    def find(self, identity: str) -> Object | None:
        """The object of an identity, if it is there: its URN and inputs."""
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads(self._file(identity).read_text()))
        return None

    def all(self) -> list[Object]:
        """Every object that exists."""
        return [json.loads(path.read_text()) for path in sorted(self.objects.iterdir())]

    def names(self, trouble: str, urn: str) -> bool:
        """Whether `hang` or `fail` names this resource."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / trouble).read_text() == urn
        return False

    def _file(self, identity: str) -> Path:
        return self.objects / hashlib.sha256(identity.encode()).hexdigest()


# --- outputs ---------------------------------------------------------------------------------------------------------


def completed(name: str, value: Any, hint: Any, leaf: Leaf) -> Any:
    """A value as the provider gives it back: documents as text, computed parts made by `leaf`, MISSING if left out."""
    arguments = typing.get_args(hint)
    if type(None) in arguments:
        inner = next(argument for argument in arguments if argument is not type(None))
        return value if value is MISSING else completed(name, value, inner, leaf)
    if isinstance(hint, type) and _types.is_output_type(hint):
        return _completed_object({} if value is MISSING else value, hint, leaf)
    if value is MISSING:
        return _computed(name, hint, leaf)
    return _given(name, value, hint, leaf)


def _given(name: str, value: Any, hint: Any, leaf: Leaf) -> Any:
    if hint is str and isinstance(value, dict | list) and recorder.SIGNATURE not in value:
        return _document(value)
    if isinstance(value, list) and typing.get_args(hint):
        return [completed(name, item, typing.get_args(hint)[0], leaf) for item in value]
    return value


def _completed_object(value: Any, cls: type, leaf: Leaf) -> Any:
    if not isinstance(value, dict) or recorder.SIGNATURE in value:
        return value
    return _completed_fields(value, _types._raw_return_hints(cls), leaf)


def _completed_fields(value: Object, hints: Mapping[str, Any], leaf: Leaf) -> Object:
    fields = {key: completed(key, value.get(key, MISSING), hint, leaf) for key, hint in hints.items()}
    return {**value, **{key: field for key, field in fields.items() if field is not MISSING}}


def _computed(name: str, hint: Any, leaf: Leaf) -> Any:
    origin = typing.get_origin(hint) or hint
    if issubclass(origin, Mapping):
        return {}
    if origin in {bool, int, float, str}:
        return leaf(name, origin)
    return [completed(name, MISSING, typing.get_args(hint)[0], leaf)]


def _document(value: Any) -> Any:
    if recorder.is_unknown(value):
        return rpc.UNKNOWN
    text = json.dumps(recorder.revealed(value), separators=(",", ":"), sort_keys=True)
    return recorder.secret_of(text) if recorder.holds_secret(value) else text


def value_of(name: str, kind: type, known: Any = None) -> Any:
    """What a computed property is in an update."""
    if known is not None:
        return known
    return f"computed-{name}" if kind is str else kind(1)


def unknown_of(name: str, kind: type, known: Any = None) -> Any:
    """What a computed property is in a preview."""
    return rpc.UNKNOWN


def empty_of(name: str, kind: type, known: Any = None) -> Any:
    """What a computed property is in a preview, to a provider that does not say that it is unknown."""
    return kind()


# --- the provider ----------------------------------------------------------------------------------------------------


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine; one process per provider resource."""

    def __init__(self, package: str, world: World) -> None:
        self.package = package
        self.world = world
        self.settings: Object = {}
        self.cancelled = threading.Event()

    # -- the plugin

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=False)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=metadata.version(f"pulumi-{self.package}"))

    def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": self.package}))

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        self.cancelled.set()
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return self._diff(f"pulumi:providers:{self.package}", request)

    def Configure(self, request: Any, context: Any) -> Any:
        self.settings = recorder.raw_object(request.args)
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    # -- resources

    def Check(self, request: Any, context: Any) -> Any:
        inputs, old = recorder.raw_object(request.news), recorder.raw_object(request.olds)
        seed = request.randomSeed.hex()[:7] or uuid.uuid4().hex[:7]
        name = _AUTONAMES[self.package](request.type, f"{request.name}-{seed}", inputs, old)
        return provider_pb2.CheckResponse(inputs=recorder.struct_of({**inputs, **name}))

    def Diff(self, request: Any, context: Any) -> Any:
        return self._diff(request.type, request)

    def _diff(self, token: str, request: Any) -> Any:
        old, new = recorder.raw_object(request.old_inputs), recorder.raw_object(request.news)
        changes = [path for path in changed(old, new) if ".".join(map(str, path)) not in set(request.ignoreChanges)]
        changes = [path for path in changes if not path or path[0] not in set(request.ignoreChanges)]
        settings = new if token.startswith("pulumi:providers:") else self.settings
        replaces = [path for path in changes if effect(token, path, settings) is not Effect.UPDATE]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=[str(path[0]) for path in replaces],
            diffs=sorted({str(path[0]) for path in changes}),
            deleteBeforeReplace=bool(replaces) and self.package == "kubernetes",
        )

    def Create(self, request: Any, context: Any) -> Any:
        inputs = recorder.raw_object(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(
                properties=recorder.struct_of(self._outputs(request.type, inputs, {}, self._foreseen))
            )
        if self.world.names("fail", request.urn):
            context.abort(grpc.StatusCode.UNKNOWN, f"{request.name} cannot be created")
        self._hang("hang-before", request.urn)
        identity = self._identity(request, inputs)
        key = identity_of(request.type, identity.id, inputs)
        try:
            self.world.create(key, {"urn": request.urn, "inputs": inputs}, upsert=self._upserts(request.type))
        except Exists:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"{key} already exists")
        self._hang("hang", request.urn)
        outputs = self._outputs(request.type, inputs, identity.outputs, value_of)
        return provider_pb2.CreateResponse(id=identity.id, properties=recorder.struct_of(outputs))

    def _hang(self, trouble: str, urn: str) -> None:
        if self.world.names(trouble, urn):
            (self.world.folder / "hung").touch()
            self.cancelled.wait()

    def Read(self, request: Any, context: Any) -> Any:
        inputs, state = recorder.raw_object(request.inputs), recorder.raw_object(request.properties)
        found = self.world.find(identity_of(request.type, request.id, inputs))
        if found is None:
            return provider_pb2.ReadResponse()
        inputs = inputs or found["inputs"]
        properties = state or self._outputs(request.type, inputs, {}, value_of)
        return provider_pb2.ReadResponse(
            id=request.id, properties=recorder.struct_of(properties), inputs=recorder.struct_of(inputs)
        )

    def Update(self, request: Any, context: Any) -> Any:
        inputs = recorder.raw_object(request.news)
        old = recorder.raw_object(request.olds)
        kept = {key: value for key, value in old.items() if key not in recorder.raw_object(request.old_inputs)}
        leaf = self._foreseen if request.preview else value_of
        outputs = self._outputs(request.type, inputs, kept, leaf)
        return provider_pb2.UpdateResponse(properties=recorder.struct_of(outputs))

    def Delete(self, request: Any, context: Any) -> Any:
        inputs = recorder.raw_object(request.old_inputs)
        self.world.delete(identity_of(request.type, request.id, inputs))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        args = recorder.raw_object(request.args)
        answer = recorder.ANSWERS[request.tok](self._place(args), args)
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(recorder.struct_of(answer))
        return response

    def Construct(self, request: Any, context: Any) -> Any:
        with grpc.insecure_channel(request.monitorEndpoint) as channel:
            monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
            made = monitor.RegisterResource(
                resource_pb2.RegisterResourceRequest(
                    type=request.type, name=request.name, parent=request.parent, object=request.inputs
                )
            )
        return provider_pb2.ConstructResponse(urn=made.urn)

    # -- answers

    @property
    def _foreseen(self) -> Leaf:
        return empty_of if (self.world.folder / "placeholders").exists() else unknown_of

    def _place(self, inputs: Object) -> recorder.Place:
        region = inputs.get("region") or self.settings.get("region") or recorder.DEFAULT_PLACE.region
        accounts = self.settings.get("allowedAccountIds") or [recorder.DEFAULT_PLACE.account]
        return recorder.Place(region, (json.loads(accounts) if isinstance(accounts, str) else accounts)[0])

    def _identity(self, request: Any, inputs: Object) -> recorder.Identity:
        born = f"{request.urn}#{uuid.uuid4()}"  # what was made anew has another id
        return recorder.identity_of(recorder.Subject(request.type, request.name, born, inputs, self._place(inputs)))

    def _upserts(self, token: str) -> bool:
        return (
            self.package == "kubernetes"
            and token != RELEASE
            and self.settings.get("upsertExistingObjects")
            in {
                True,
                "true",
            }
        )

    def _outputs(self, token: str, inputs: Object, known: Object, leaf: Leaf) -> Object:
        if self.package == "kubernetes":
            return {**inputs, **known}
        outputs = _completed_fields({**inputs, **known}, hints_of(token), leaf)
        for name, parts in COMPUTED_PARTS.get(token, {}).items():
            outputs[name] = {**{key: leaf(key, str, value) for key, value in parts.items()}, **outputs[name]}
        return outputs


COMPUTED_PARTS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "aws:eks/cluster:Cluster": {
        "vpcConfig": {"clusterSecurityGroupId": "sg-0123456789abcdef0", "vpcId": "vpc-0123456789abcdef0"}
    }
}
"""Parts of given objects that AWS computes, though the SDK says that they may be missing: outputs, by property."""


RELEASE = "kubernetes:helm.sh/v3:Release"


def identity_of(token: str, id_: str, inputs: Object) -> str:
    """What no second object may share: its id, or where the service makes that up, the inputs that it holds unique."""
    fields = NATURAL_KEYS.get(token)
    return f"{token} {id_ if fields is None else [inputs.get(field) for field in fields]}"


NATURAL_KEYS: Mapping[str, tuple[str, ...]] = {
    "aws:ec2/route:Route": ("routeTableId", "destinationCidrBlock"),
    "aws:ec2/subnet:Subnet": ("vpcId", "cidrBlock"),
    "aws:eks/accessEntry:AccessEntry": ("clusterName", "principalArn"),
    "aws:eks/addon:Addon": ("clusterName", "addonName"),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": ("clusterName", "namespace", "serviceAccount"),
}
"""Inputs that AWS holds unique among resources whose ids say nothing of them."""


def _aws_name(token: str, generated: str, inputs: Object, old: Object) -> Object:
    form = recorder.FORMS.get(token.partition(":")[2], recorder.Form(""))
    if form.name in inputs or form.name not in hints_of(token):
        return {}
    tail = ".fifo" if inputs.get("fifoQueue") or inputs.get("fifoTopic") else ""
    return {form.name: old.get(form.name) or f"{generated}{tail}"}


def _kubernetes_name(token: str, generated: str, inputs: Object, old: Object) -> Object:
    if token == RELEASE:
        return {"name": inputs.get("name") or old.get("name") or generated}
    metadata = inputs.get("metadata") or {}
    name = metadata.get("name") or (old.get("metadata") or {}).get("name") or generated
    return {"metadata": {**metadata, "name": name}}


_AUTONAMES = {"aws": _aws_name, "kubernetes": _kubernetes_name}


def changed(old: Any, new: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths at which two values differ; lists are compared as a whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from changed(old.get(key, MISSING), new.get(key, MISSING), (*path, key))
    elif old != new:
        yield path


def serve(package: str) -> None:
    """Serves until the engine ends the process."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(package, World(Path(os.environ[WORLD]))), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    serve(sys.argv[1])
