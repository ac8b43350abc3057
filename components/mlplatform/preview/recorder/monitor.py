"""The resource monitor: what a program is answered, and the graph that is made of what it asks for."""

from __future__ import annotations

import json
import linecache
import os
import threading
import urllib.parse
import urllib.request
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, provider_pb2, resource_pb2

from .answers import ANSWERS, supplied
from .identities import DEFAULT_PLACE, Identity, Place, Subject, echoed, identity_of
from .values import Json, Object, Paths, is_unknown, raw, raw_object, secret_of, shown, struct_of

STACK_TYPE = "pulumi:pulumi:Stack"
LEAVES = {
    "kubernetes:helm.sh/v3:Chart": "chart: the provider renders it, only the engine sees its objects",
    "kubernetes:yaml:ConfigFile": "manifest file: the provider reads it, only the engine sees its objects",
    "kubernetes:yaml:ConfigGroup": "manifest files: the provider reads them, only the engine sees their objects",
    "kubernetes:kustomize:Directory": "kustomization: the provider renders it, only the engine sees its objects",
}
REMOTE_LEAF = "remote component: its provider makes the children, only the engine sees them"
GET_RESOURCE = "pulumi:pulumi:getResource"
"""The lookup by which an SDK finds a resource that it was given a reference to."""


class Node(NamedTuple):
    """One registered resource, and what its descendants inherit from it."""

    record: Object
    inputs: Object
    transforms: Sequence[callback_pb2.Callback]
    frames: Sequence[Object]
    id: str = ""
    """Its id as the program learns it."""
    outputs: Mapping[str, Json] = {}
    """Its outputs as the program learns them."""


class Recorder(mocks.MockMonitor):
    """Stands where the engine's resource monitor stands, keeps every request, and answers as a preview would."""

    def __init__(self, request: Object) -> None:
        super().__init__(_NoMocks())
        self.paths = Paths(os.path.realpath(request["project"]["root"]))
        program = os.path.realpath(request.get("program") or self.paths.root)
        self.program = program if os.path.isdir(program) else os.path.dirname(program)
        self.project: str = request["project"]["name"]
        self.stack: str = request["stack"]
        self.config: Mapping[str, str] = request.get("config") or {}
        self.strict: bool = bool(request.get("strict_unknowns"))
        self.answers: Mapping[str, Json] = request.get("answers") or {}
        self.nodes: Dict[str, Node] = {}
        self.stack_transforms: List[callback_pb2.Callback] = []
        self.invoke_transforms: List[callback_pb2.Callback] = []
        self.unanswered: List[Object] = []
        self.duplicates: Dict[str, Sequence[Object]] = {}
        self.placeholders: Dict[Tuple[str, str], str] = {}
        self.packages: Dict[str, Set[str]] = {}
        self._lock = threading.Lock()

    # -- names and places

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The URN as the engine forms it: the qualified type is the chain of parent types, without the stack's."""
        parent_type = parent.split("::")[2] if parent else ""
        qualified = type_ if parent_type in ("", STACK_TYPE) else f"{parent_type}${type_}"
        return f"urn:pulumi:{self.stack}::{self.project}::{qualified}::{name}"

    def place(self, provider: str, inputs: Object) -> Place:
        """Region and account that a resource's provider works in, from what the program and its configuration say."""
        node = self.nodes.get(provider.rpartition("::")[0])
        settings = node.inputs if node else {}
        region = inputs.get("region") or settings.get("region") or self.config.get("aws:region")
        accounts = settings.get("allowedAccountIds")
        accounts = json.loads(accounts) if isinstance(accounts, str) and not is_unknown(accounts) else accounts
        known = region if isinstance(region, str) and not is_unknown(region) else DEFAULT_PLACE.region
        return Place(known, str(accounts[0]) if isinstance(accounts, list) and accounts else DEFAULT_PLACE.account)

    def _user_frames(self, trace: Any) -> List[Object]:
        """File and line of the frames that are the project's own, innermost first."""
        paths = [urllib.request.url2pathname(urllib.parse.urlparse(frame.pc.uri).path) for frame in trace.frames]
        return [
            {"file": self.paths.relative(path), "line": frame.pc.line}
            for path, frame in zip(paths, trace.frames)
            if frame.pc.line and self.paths.is_users(path)
        ]

    def _source(self, frames: Sequence[Object]) -> Optional[Object]:
        """The program's line: the innermost frame in the program's folder, else the innermost of the project."""
        inside = (frame for frame in frames if os.path.join(self.paths.root, frame["file"]).startswith(self.program))
        return next(inside, next(iter(frames), None))

    # -- resources

    def RegisterResource(self, request: Any) -> Any:
        """Records a resource as the engine would be asked to make it, and answers as its provider's preview would."""
        self._inherit(request)
        if request.type != STACK_TYPE:
            self._transform(request)
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = raw_object(request.object)
        provider = _provider_urn(request.provider)
        identity = self._identity(request, urn, inputs)
        frames = self._user_frames(request.stackTrace)
        record = {
            "urn": urn,
            "type": request.type,
            "name": request.name,
            "kind": _kind(request),
            "parent": request.parent or None,
            "inputs": shown(inputs, self.paths),
            "outputs": shown(identity.outputs, self.paths),
            "id": identity.id or None,
            "provider": provider,
            "dependencies": sorted(set(request.dependencies)),
            "property_dependencies": {
                key: sorted(value.urns) for key, value in sorted(request.propertyDependencies.items()) if value.urns
            },
            "options": self._options(request),
            "leaf": REMOTE_LEAF if request.remote else LEAVES.get(request.type),
            "source": self._source(frames),
        }
        outputs = {**echoed(request.type, inputs), **identity.outputs} if self._answers(request) else {}
        for key in request.additionalSecretOutputs:
            if key in outputs:
                outputs[key] = secret_of(outputs[key])
        node = Node(record, inputs, list(request.transforms), frames, identity.id, outputs)
        self._add(node, request.version)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity.id, object=struct_of(outputs))

    def _answers(self, request: Any) -> bool:
        """Whether somebody answers for the resource: none for a component, nor a provider that is not configured yet.

        The engine's preview asks no provider whose configuration rests on what is still to be made.
        """
        provider = self.nodes.get(_provider_urn(request.provider) or "")
        unconfigured = self.strict and provider is not None and is_unknown(provider.inputs)
        return bool(request.custom) and not unconfigured

    def _identity(self, request: Any, urn: str, inputs: Object) -> Identity:
        if self.strict or not request.custom:
            return Identity("", {})
        if request.importId:
            return Identity(request.importId, {})
        identity = identity_of(Subject(request.type, request.name, urn, inputs, self.place(request.provider, inputs)))
        self._remember(urn, identity, inputs)
        return identity

    def _remember(self, urn: str, identity: Identity, inputs: Object) -> None:
        given = {value for value in inputs.values() if isinstance(value, str)}
        found = {"id": identity.id, **{key: value for key, value in identity.outputs.items() if isinstance(value, str)}}
        with self._lock:
            self.placeholders.update({(urn, key): value for key, value in found.items() if value not in given})

    def _add(self, node: Node, version: str) -> None:
        urn = node.record["urn"]
        with self._lock:
            if urn in self.nodes:
                # Registrations come in no order, so of all that claim a URN the last one in the program is to blame.
                claims = (self.duplicates.get(urn, []), self.nodes[urn].frames, node.frames)
                self.duplicates[urn] = max(claims, key=lambda frames: [(at["file"], at["line"]) for at in frames])
                return
            self.nodes[urn] = node
            if version:
                self.packages.setdefault(node.record["type"].split(":")[0], set()).add(version)

    def verdict(self) -> Tuple[str, Optional[Object]]:
        """Status and error of a program that ran to its end: the engine refuses a URN that is registered twice."""
        if not self.duplicates:
            return "ok", None
        urns = sorted(self.duplicates)
        lines = [f"Duplicate resource URN '{urn}'; try giving it a unique name" for urn in urns]
        return "failed", {"message": "\n".join(lines), "frames": self._frames_with_code(self.duplicates[urns[0]])}

    def unreadable(self, res: Any, problems: Mapping[str, Optional[str]]) -> UnreadableInputError:
        """Return the error for a component whose inputs `pulumi up` cannot read, with the SDK's message by input."""
        token, name = res._type, res._name
        frames = (
            node.frames for node in self.nodes.values() if (node.record["type"], node.record["name"]) == (token, name)
        )
        lines = [
            f"{token} {name}: input {key!r} has another type than the output {key!r}, and `pulumi up` cannot read it: "
            f"{problem}. Rename one of them."
            for key, problem in sorted(problems.items())
            if problem
        ]
        return UnreadableInputError("\n".join(lines), self._frames_with_code(next(frames, [])))

    def _frames_with_code(self, frames: Sequence[Object]) -> List[Object]:
        path = self.paths.root
        code = [linecache.getline(os.path.join(path, frame["file"]), frame["line"]).strip() for frame in frames]
        return [{**frame, "function": "", "code": line} for frame, line in reversed(list(zip(frames, code)))]

    def _inherit(self, request: Any) -> None:
        parent = self.nodes.get(request.parent)
        inherited = parent.record["options"] if parent else {}
        if not request.HasField("protect") and "protect" in inherited:
            request.protect = inherited["protect"]
        if not request.HasField("retainOnDelete") and "retain_on_delete" in inherited:
            request.retainOnDelete = inherited["retain_on_delete"]
        if not request.deletedWith and "deleted_with" in inherited:
            request.deletedWith = inherited["deleted_with"]

    def _options(self, request: Any) -> Object:
        options = {name: read(request) for name, read in OPTIONS.items()}
        options["aliases"] = list({str(alias): _alias(alias) for alias in request.aliases}.values())
        options["providers"] = {key: _provider_urn(value) for key, value in sorted(request.providers.items())}
        if request.HasField("replacement_trigger"):
            options["replacement_trigger"] = shown(raw(request.replacement_trigger), self.paths)
        return {key: value for key, value in sorted(options.items()) if value not in (None, "", [], {})}

    def ReadResource(self, request: Any) -> Any:
        """Records `.get()` and stack references; answers them from the supplied answers, else with unknowns."""
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = {key: value for key, value in raw_object(request.properties).items() if value is not None}
        answer = supplied(self.answers, request.type, {**inputs, "id": request.id})
        frames = self._user_frames(request.stackTrace)
        record = {
            "urn": urn,
            "type": request.type,
            "name": request.name,
            "kind": "read",
            "parent": request.parent or None,
            "inputs": shown(inputs, self.paths),
            "outputs": shown(answer or {}, self.paths),
            "id": shown(request.id, self.paths),
            "provider": _provider_urn(request.provider),
            "dependencies": sorted(set(request.dependencies)),
            "property_dependencies": {},
            "options": {},
            "leaf": None,
            "source": self._source(frames),
        }
        self._add(Node(record, inputs, [], frames), request.version)
        response = resource_pb2.ReadResourceResponse(urn=urn, properties=struct_of({**inputs, **(answer or {})}))
        if request.id != rpc.UNKNOWN and hasattr(response, "id"):  # older SDKs take the id from the request
            response.id = request.id
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:
        """Records a component's, or the stack's, outputs."""
        with self._lock:
            self.nodes[request.urn].record["outputs"] = shown(raw_object(request.outputs), self.paths)
        return empty_pb2.Empty()

    # -- transforms

    def RegisterStackTransform(self, request: Any) -> Any:
        """Keeps a transform that applies to every resource of the stack."""
        with self._lock:
            self.stack_transforms.append(request)
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(self, request: Any) -> Any:
        """Keeps a transform that applies to every invoke of the stack."""
        with self._lock:
            self.invoke_transforms.append(request)
        return empty_pb2.Empty()

    def _transforms_of(self, request: Any) -> List[callback_pb2.Callback]:
        callbacks = list(request.transforms)
        parent = self.nodes.get(request.parent)
        while parent:
            callbacks.extend(parent.transforms)
            parent = self.nodes.get(parent.record["parent"])
        return callbacks + self.stack_transforms

    def _transform(self, request: Any) -> None:
        for callback in self._transforms_of(request):
            asked = resource_pb2.TransformRequest(
                type=request.type,
                name=request.name,
                custom=request.custom,
                parent=request.parent,
                properties=request.object,
                options=_transform_options(request),
            )
            answer = resource_pb2.TransformResponse.FromString(call_back(callback, asked))
            request.object.CopyFrom(answer.properties)
            if answer.HasField("options"):
                _apply_options(request, answer.options)

    # -- invokes

    def Invoke(self, request: Any) -> Any:
        """Answers a lookup from the table; one without an answer is kept, and its result is unknown."""
        for callback in self.invoke_transforms:
            asked = resource_pb2.TransformInvokeRequest(token=request.tok, args=request.args)
            answer = resource_pb2.TransformInvokeResponse.FromString(call_back(callback, asked))
            request.args.CopyFrom(answer.args)
        result = self._registered(request) if request.tok == GET_RESOURCE else self._answer(request)
        if result is None:
            return resource_pb2.ResourceInvokeResponse(unknown=True)
        return _returning(resource_pb2.ResourceInvokeResponse(), result)

    def Call(self, request: Any) -> Any:
        """Answers a method call on a resource like a lookup."""
        result = self._answer(request)
        return _returning(provider_pb2.CallResponse(), {"unanswered": rpc.UNKNOWN} if result is None else result)

    def _registered(self, request: Any) -> Object:
        """What a resource that was handed on as a reference is, from its own registration."""
        urn = raw_object(request.args)["urn"]
        node = self.nodes[urn]
        return {"urn": urn, "id": node.id, "state": node.outputs}

    def _answer(self, request: Any) -> Optional[Object]:
        args = raw_object(request.args)
        answer = supplied(self.answers, request.tok, args)
        if answer is None and request.tok in ANSWERS:
            answer = ANSWERS[request.tok](self.place(request.provider, args), args)
        if answer is None:
            entry = {"token": request.tok, "args": shown(args, self.paths)}
            with self._lock:
                if entry not in self.unanswered:
                    self.unanswered.append(entry)
        return answer

    # -- the result

    def graph(self, status: str, error: Optional[Object]) -> Object:
        """Everything recorded, sorted, so that the order of registration leaves no trace."""
        records = sorted((node.record for node in self.nodes.values()), key=lambda record: record["urn"])
        stack = next((record for record in records if record["kind"] == "stack"), None)
        return {
            "schema": 1,
            "project": self.project,
            "stack": self.stack,
            "strict_unknowns": self.strict,
            "status": status,
            "error": error,
            "unanswered": sorted(
                self.unanswered, key=lambda entry: (entry["token"], json.dumps(entry, sort_keys=True))
            ),
            "outputs": stack["outputs"] if stack else {},
            "packages": {name: sorted(versions) for name, versions in sorted(self.packages.items())},
            "resources": records,
            "placeholders": sorted(
                ({"value": value, "urn": urn, "property": key} for (urn, key), value in self.placeholders.items()),
                key=lambda entry: (entry["urn"], entry["property"]),
            ),
        }


class _NoMocks(mocks.Mocks):
    """Pulumi's base monitor wants one; the recorder answers everything itself."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise AssertionError(args.token)

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise AssertionError(args.typ)


def _kind(request: Any) -> str:
    if request.type == STACK_TYPE:
        return "stack"
    if request.remote:
        return "remote"
    if request.type.startswith("pulumi:providers:"):
        return "provider"
    return "custom" if request.custom else "component"


def _returning(response: Any, result: Object) -> Any:
    getattr(response, "return").CopyFrom(struct_of(result))  # the field's name is a keyword
    return response


def _provider_urn(reference: str) -> Optional[str]:
    return reference.rpartition("::")[0] or None


def _optional(field: str) -> Callable[[Any], Json]:
    return lambda request: getattr(request, field) if request.HasField(field) else None


def _sorted(field: str) -> Callable[[Any], Json]:
    return lambda request: sorted(getattr(request, field))


def _text(field: str) -> Callable[[Any], Json]:
    return lambda request: getattr(request, field)


def _timeouts(request: Any) -> Json:
    given = request.customTimeouts
    return {name: getattr(given, name) for name in ("create", "update", "delete") if getattr(given, name)}


OPTIONS: Mapping[str, Callable[[Any], Json]] = {
    "additional_secret_outputs": _sorted("additionalSecretOutputs"),
    "custom_timeouts": _timeouts,
    "delete_before_replace": lambda request: (
        request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None
    ),
    "deleted_with": _text("deletedWith"),
    "ignore_changes": _sorted("ignoreChanges"),
    "import_id": _text("importId"),
    "protect": _optional("protect"),
    "replace_on_changes": _sorted("replaceOnChanges"),
    "replace_with": _sorted("replace_with"),
    "retain_on_delete": _optional("retainOnDelete"),
}


def _alias(alias: Any) -> Object:
    if alias.HasField("urn"):
        return {"urn": alias.urn}
    spec = alias.spec
    named = {
        "name": spec.name,
        "type": spec.type,
        "stack": spec.stack,
        "project": spec.project,
        "parent": spec.parentUrn,
    }
    return {**{key: value for key, value in named.items() if value}, **({"no_parent": True} if spec.noParent else {})}


TRANSFORMED = {
    "additional_secret_outputs": "additionalSecretOutputs",
    "aliases": "aliases",
    "depends_on": "dependencies",
    "deleted_with": "deletedWith",
    "ignore_changes": "ignoreChanges",
    "import": "importId",
    "plugin_download_url": "pluginDownloadURL",
    "provider": "provider",
    "replace_on_changes": "replaceOnChanges",
    "replace_with": "replace_with",
    "version": "version",
}
"""Options by their name in a transform and in a registration; those with presence are handled beside it."""


def _transform_options(request: Any) -> Any:
    options = resource_pb2.TransformResourceOptions(
        **{option: getattr(request, field) for option, field in TRANSFORMED.items()}, providers=dict(request.providers)
    )
    for option, field in (("protect", "protect"), ("retain_on_delete", "retainOnDelete")):
        if request.HasField(field):
            setattr(options, option, getattr(request, field))
    if request.deleteBeforeReplaceDefined:
        options.delete_before_replace = request.deleteBeforeReplace
    if request.HasField("customTimeouts"):
        options.custom_timeouts.CopyFrom(request.customTimeouts)
    return options


def _apply_options(request: Any, options: Any) -> None:
    for option, field in TRANSFORMED.items():
        value = getattr(options, option)
        if isinstance(value, str):
            setattr(request, field, value)
        else:
            values = list(value)
            request.ClearField(field)
            getattr(request, field).extend(values)
    for option, field in (("protect", "protect"), ("retain_on_delete", "retainOnDelete")):
        if options.HasField(option):
            setattr(request, field, getattr(options, option))
    if options.HasField("delete_before_replace"):
        request.deleteBeforeReplace, request.deleteBeforeReplaceDefined = options.delete_before_replace, True
    if options.HasField("custom_timeouts"):
        request.customTimeouts.CopyFrom(options.custom_timeouts)


def call_back(callback: Any, message: Any) -> bytes:
    """Calls a function that the program registered, over the channel that the SDK serves it on, as the engine does."""
    with grpc.insecure_channel(callback.target) as channel:
        stub = callback_pb2_grpc.CallbacksStub(channel)
        request = callback_pb2.CallbackInvokeRequest(token=callback.token, request=message.SerializeToString())
        return bytes(stub.Invoke(request).response)


class UnreadableInputError(Exception):
    """An input of a component that `pulumi up` cannot read, and where the program makes the component."""

    def __init__(self, message: str, frames: Sequence[Object]) -> None:
        super().__init__(message)
        self.frames = frames
