"""Runs one Pulumi program against a recording monitor and writes down the graph that the engine would be told.

This file is started by its path, with the interpreter of the program that it runs, so it imports Pulumi and the
standard library and nothing else: `PYTHON recorder.py REQUEST.json`. It never talks to a cloud, a cluster or a backend.

The graph follows the engine and not Pulumi's test mocks: URNs carry the whole chain of parent types, a URN that is
registered twice is an error, transforms run in the engine's order (the resource's own, its ancestors', the stack's),
and children inherit protection and retention. What identifies a resource (id, ARN, generated name, URL, endpoint) is a
placeholder derived from its URN, so that documents built from it can be read; every other computed value is unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import hashlib
import inspect
import json
import linecache
import logging
import os
import re
import runpy
import sys
import threading
import traceback
import urllib.parse
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import grpc
import pulumi
from google.protobuf import empty_pb2, struct_pb2
from pulumi import _types
from pulumi.runtime import _callbacks as callbacks
from pulumi.runtime import mocks, rpc
from pulumi.runtime import stack as stack_module
from pulumi.runtime.config import set_all_config
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, provider_pb2, resource_pb2
from pulumi.runtime.settings import SETTINGS, set_root_resource

Json = Any
Object = Dict[str, Any]

UNKNOWN = "[unknown]"
"""How an unknown value is written in the graph."""
SECRET = "[secret]"
"""How a secret value is written in the graph, whatever it holds."""

STACK_TYPE = "pulumi:pulumi:Stack"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SIGNED_SECRET = "1b47061264138c4ac30d75fd1eb44270"
SIGNED_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
SIGNED_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
SIGNED_ASSET = "c44067f5952c0a294b673a41bacd8c17"
SIGNED_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"

LEAVES = {
    "kubernetes:helm.sh/v3:Chart": "chart: the provider renders it, only the engine sees its objects",
    "kubernetes:yaml:ConfigFile": "manifest file: the provider reads it, only the engine sees its objects",
    "kubernetes:yaml:ConfigGroup": "manifest files: the provider reads them, only the engine sees their objects",
    "kubernetes:kustomize:Directory": "kustomization: the provider renders it, only the engine sees its objects",
}
REMOTE_LEAF = "remote component: its provider makes the children, only the engine sees them"


# --- values ----------------------------------------------------------------------------------------------------------


def raw(value: struct_pb2.Value) -> Json:
    """The plain Python value of a protobuf value; whole numbers are ints; signed objects stay as they are."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return raw_object(value.struct_value)
    if kind == "list_value":
        return [raw(item) for item in value.list_value.values]
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    return None if kind in (None, "null_value") else getattr(value, kind)


def raw_object(struct: struct_pb2.Struct) -> Object:
    """The plain Python dictionary of a protobuf struct."""
    return {key: raw(value) for key, value in struct.fields.items()}


def struct_of(values: Mapping[str, Json]) -> struct_pb2.Struct:
    """The protobuf struct of a plain dictionary."""
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


def _signature(value: Json) -> Optional[str]:
    return value.get(SIGNATURE) if isinstance(value, dict) else None


def is_unknown(value: Json) -> bool:
    """Whether the value is, or holds anywhere, one that only the provider can know."""
    if isinstance(value, dict):
        if _signature(value) == SIGNED_OUTPUT and "value" not in value:
            return True
        return any(is_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(is_unknown(item) for item in value)
    return isinstance(value, str) and value == rpc.UNKNOWN


def holds_secret(value: Json) -> bool:
    """Whether the value is, or holds anywhere, a secret."""
    if isinstance(value, dict):
        if _signature(value) == SIGNED_SECRET or (_signature(value) == SIGNED_OUTPUT and value.get("secret")):
            return True
        return any(holds_secret(item) for item in value.values())
    return isinstance(value, list) and any(holds_secret(item) for item in value)


def secret_of(value: Json) -> Json:
    """The value, marked secret for Pulumi, once."""
    return value if _signature(value) == SIGNED_SECRET else {SIGNATURE: SIGNED_SECRET, "value": value}


def revealed(value: Json) -> Json:
    """The value without secret marks: for documents that Pulumi serialises; never written to the graph."""
    if isinstance(value, dict):
        if _signature(value) == SIGNED_SECRET:
            return revealed(value.get("value"))
        return {key: revealed(item) for key, item in value.items()}
    return [revealed(item) for item in value] if isinstance(value, list) else value


class Paths(NamedTuple):
    """Where the project lies, so that no path of this machine reaches the graph."""

    root: str

    def relative(self, path: str) -> str:
        """The path relative to the project, with forward slashes, where it lies inside."""
        absolute = os.path.realpath(path)
        inside = absolute == self.root or absolute.startswith(self.root + os.sep)
        return os.path.relpath(absolute, self.root).replace(os.sep, "/") if inside else os.path.basename(path)

    def is_users(self, path: str) -> bool:
        """Whether a source file belongs to the project itself: not an installed package, not this file."""
        if path.startswith("<"):
            return False
        absolute = os.path.realpath(path)
        installed = "site-packages" in absolute or absolute.startswith(os.path.realpath(sys.prefix) + os.sep)
        return absolute.startswith(self.root + os.sep) and not installed and absolute != os.path.realpath(__file__)


def shown(value: Json, paths: Paths) -> Json:
    """The value as the graph has it: no secret, no protobuf signature, unknowns named."""
    if isinstance(value, list):
        return [shown(item, paths) for item in value]
    if isinstance(value, str):
        return UNKNOWN if value == rpc.UNKNOWN else value
    if not isinstance(value, dict):
        return value
    signature = _signature(value)
    if signature is None:
        return {key: shown(item, paths) for key, item in sorted(value.items()) if key != "@isPulumiResource"}
    return _SIGNED.get(signature, _shown_asset)(value, paths)


def _shown_asset(value: Object, paths: Paths) -> Json:
    kind = "asset" if value[SIGNATURE] == SIGNED_ASSET else "archive"
    if "path" in value:
        return {kind: paths.relative(value["path"])}
    if "uri" in value:
        return {kind: value["uri"]}
    if "assets" in value:
        return {kind: {name: shown(item, paths) for name, item in sorted(value["assets"].items())}}
    return {kind: "text", "sha256": hashlib.sha256(str(value.get("text", "")).encode()).hexdigest()}


def _shown_output(value: Object, paths: Paths) -> Json:
    if value.get("secret"):
        return SECRET
    return shown(value["value"], paths) if "value" in value else UNKNOWN


_SIGNED: Mapping[str, Callable[[Object, Paths], Json]] = {
    SIGNED_SECRET: lambda value, paths: SECRET,
    SIGNED_OUTPUT: _shown_output,
    SIGNED_RESOURCE: lambda value, paths: {"urn": value.get("urn", UNKNOWN)},
}


# --- what identifies a resource --------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a provider works: what ARNs and endpoints are made of."""

    region: str
    account: str

    @property
    def partition(self) -> str:
        """AWS partition of the region."""
        return next((name for prefix, name in PARTITIONS if self.region.startswith(prefix)), "aws")

    @property
    def suffix(self) -> str:
        """DNS suffix of the partition's service endpoints."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"


PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))
DEFAULT_PLACE = Place("us-east-1", "123456789012")


class Form(NamedTuple):
    """How AWS identifies one type; the fields of a form may use {name}, {hex}, {uuid}, {region}, {account}, ..."""

    id: str
    arn: str = ""
    name: str = "name"
    extra: Tuple[Tuple[str, str], ...] = ()


# Where the general rule (an id `<type>-<17 hex digits>`, an ARN `<service>:...:<type>/<name>`) is not what AWS does.
# Forms of ARNs and ids are those of the AWS Service Authorization Reference.
FORMS: Mapping[str, Form] = {
    "cloudwatch/eventRule:EventRule": Form("{name}", "events:{region}:{account}:rule/{name}"),
    "cloudwatch/logGroup:LogGroup": Form("{name}", "logs:{region}:{account}:log-group:{name}"),
    "cloudwatch/metricAlarm:MetricAlarm": Form("{name}", "cloudwatch:{region}:{account}:alarm:{name}"),
    "dynamodb/table:Table": Form("{name}", "dynamodb:{region}:{account}:table/{name}"),
    "ec2/eip:Eip": Form("eipalloc-{hex}", "ec2:{region}:{account}:elastic-ip/{id}"),
    "ec2/flowLog:FlowLog": Form("fl-{hex}", "ec2:{region}:{account}:vpc-flow-log/{id}"),
    "ec2/internetGateway:InternetGateway": Form("igw-{hex}", "ec2:{region}:{account}:internet-gateway/{id}"),
    "ec2/launchTemplate:LaunchTemplate": Form("lt-{hex}", "ec2:{region}:{account}:launch-template/{id}"),
    "ec2/natGateway:NatGateway": Form("nat-{hex}"),
    "ec2/routeTable:RouteTable": Form("rtb-{hex}", "ec2:{region}:{account}:route-table/{id}"),
    "ec2/securityGroup:SecurityGroup": Form("sg-{hex}", "ec2:{region}:{account}:security-group/{id}"),
    "ec2/subnet:Subnet": Form("subnet-{hex}", "ec2:{region}:{account}:subnet/{id}"),
    "ec2/vpc:Vpc": Form("vpc-{hex}", "ec2:{region}:{account}:vpc/{id}"),
    "ec2/vpcEndpoint:VpcEndpoint": Form("vpce-{hex}", "ec2:{region}:{account}:vpc-endpoint/{id}"),
    "ecr/repository:Repository": Form(
        "{name}",
        "ecr:{region}:{account}:repository/{name}",
        extra=(("repositoryUrl", "{account}.dkr.ecr.{region}.{suffix}/{name}"),),
    ),
    "eks/cluster:Cluster": Form(
        "{name}",
        "eks:{region}:{account}:cluster/{name}",
        extra=(("endpoint", "https://{HEX32}.gr7.{region}.eks.{suffix}"),),
    ),
    "glue/catalogDatabase:CatalogDatabase": Form("{account}:{name}", "glue:{region}:{account}:database/{name}"),
    "iam/instanceProfile:InstanceProfile": Form("{name}", "iam::{account}:instance-profile/{name}"),
    "iam/openIdConnectProvider:OpenIdConnectProvider": Form("{arn}", "iam::{account}:oidc-provider/{name}"),
    "iam/policy:Policy": Form("{arn}", "iam::{account}:policy/{name}"),
    "iam/role:Role": Form("{name}", "iam::{account}:role/{name}"),
    "kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": Form(
        "{arn}", "firehose:{region}:{account}:deliverystream/{name}"
    ),
    "kms/alias:Alias": Form("{name}", "kms:{region}:{account}:{name}"),
    "kms/key:Key": Form("{uuid}", "kms:{region}:{account}:key/{uuid}", extra=(("keyId", "{uuid}"),)),
    "lambda/function:Function": Form("{name}", "lambda:{region}:{account}:function:{name}"),
    "rds/instance:Instance": Form(
        "{name}",
        "rds:{region}:{account}:db:{name}",
        name="identifier",
        extra=(("address", "{name}.{hex12}.{region}.rds.{suffix}"),),
    ),
    "s3/bucket:Bucket": Form(
        "{name}",
        "s3:::{name}",
        name="bucket",
        extra=(
            ("bucketDomainName", "{name}.s3.{suffix}"),
            ("bucketRegionalDomainName", "{name}.s3.{region}.{suffix}"),
        ),
    ),
    "secretsmanager/secret:Secret": Form("{arn}", "secretsmanager:{region}:{account}:secret:{name}-{hex6}"),
    "sns/topic:Topic": Form("{arn}", "sns:{region}:{account}:{name}"),
    "sqs/queue:Queue": Form(
        "https://sqs.{region}.{suffix}/{account}/{name}",
        "sqs:{region}:{account}:{name}",
        extra=(("url", "https://sqs.{region}.{suffix}/{account}/{name}"),),
    ),
}

DEFAULT_ARN = "{service}:{region}:{account}:{kind}/{name}"
DEFAULT_HOST = "{name}.{service}.{region}.{suffix}"

IDENTIFIES = re.compile(r"^(arn|url|endpoint|dnsName|address)$|(Arn|Url|Endpoint|DomainName|DnsName)$")
"""Output-only text properties that identify a resource; all other computed values are unknown."""


class Fields(NamedTuple):
    """What an SDK class says of its resource: output types by Pulumi name, and which of them are also inputs."""

    types: Mapping[str, Any]
    inputs: FrozenSet[str]


NO_FIELDS = Fields({}, frozenset())


@functools.lru_cache(maxsize=None)
def fields_of(token: str) -> Fields:
    """The fields of the SDK class that carries a type token; none where no loaded class does."""
    pending: List[type] = [pulumi.CustomResource]
    while pending:
        cls = pending.pop()
        if getattr(cls, "pulumi_type", None) == token:
            return _class_fields(cls)
        pending.extend(cls.__subclasses__())
    return NO_FIELDS


def _class_fields(cls: type) -> Fields:
    names = _types.resource_py_to_pulumi_names(cls)
    parameters = inspect.signature(getattr(cls, "_internal_init", cls)).parameters
    return Fields(_types.resource_types(cls), frozenset(names.get(name, name) for name in parameters))


def _words(token: str, name: str, urn: str, place: Place) -> Dict[str, str]:
    digest = hashlib.sha256(urn.encode()).hexdigest()
    _, module, kind = token.split(":", 2)
    kebab = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind).lower()
    return {
        "name": name,
        "hex": digest[:17],
        "hex6": digest[:6],
        "hex12": digest[:12],
        "HEX32": digest[:32].upper(),
        "uuid": "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32])),
        "kind": kebab,
        "service": module.split("/")[0],
        "region": place.region,
        "account": place.account,
        "partition": place.partition,
        "suffix": place.suffix,
    }


def generated_name(logical: str, urn: str) -> str:
    """A name as the engine generates it: the logical name and seven hexadecimal digits, here from the URN."""
    return f"{logical}-{hashlib.sha256(urn.encode()).hexdigest()[:7]}"


class Identity(NamedTuple):
    """What the program learns offline that the engine would only know after creation."""

    id: str
    outputs: Object


class Subject(NamedTuple):
    """A resource that is about to be identified."""

    token: str
    name: str
    urn: str
    inputs: Object
    place: Place


def identity_of(subject: Subject) -> Identity:
    """Placeholders for the id, ARN, generated name, URL and endpoint of one resource, from its URN."""
    package = subject.token.partition(":")[0]
    return _IDENTITIES.get(package, _plain_identity)(subject)


def _plain_identity(subject: Subject) -> Identity:
    return Identity(generated_name(subject.name, subject.urn), {})


def _known_text(value: Json) -> Optional[str]:
    """The value where it is a text that is neither secret nor unknown."""
    return value if isinstance(value, str) and not is_unknown(value) else None


def _tail(inputs: Object) -> str:
    """What the AWS provider ends a generated name with: queues and topics that keep an order must have it."""
    return ".fifo" if inputs.get("fifoQueue") or inputs.get("fifoTopic") else ""


def _aws_identity(subject: Subject) -> Identity:
    form = FORMS.get(subject.token.partition(":")[2], Form("{kind}-{hex}"))
    fields = fields_of(subject.token)
    prefix = _known_text(subject.inputs.get(f"{form.name}Prefix"))
    generated = generated_name(prefix.rstrip("-") if prefix else subject.name, subject.urn) + _tail(subject.inputs)
    name = _known_text(subject.inputs.get(form.name)) or generated
    words = _words(subject.token, name, subject.urn, subject.place)
    words["id"] = form.id.format_map({**words, "arn": ""})
    words["arn"] = f"arn:{subject.place.partition}:{form.arn or DEFAULT_ARN}".format_map(words)
    outputs = {form.name: name} if form.name in fields.types and form.name not in subject.inputs else {}
    for prop, kind in fields.types.items():
        if kind is str and prop not in fields.inputs and IDENTIFIES.search(prop):
            outputs[prop] = (words["arn"] if prop.lower().endswith("arn") else DEFAULT_HOST).format_map(words)
    outputs.update({prop: template.format_map(words) for prop, template in form.extra})
    return Identity(form.id.format_map(words), outputs)


def _kubernetes_identity(subject: Subject) -> Identity:
    described = "apiVersion" in subject.inputs
    given = subject.inputs.get("metadata", {}) if described else subject.inputs
    holder = given if isinstance(given, dict) and _signature(given) is None else {}
    name = _known_text(holder.get("name")) or generated_name(subject.name, subject.urn)
    namespace = _known_text(holder.get("namespace"))
    outputs = {"metadata": {**holder, "name": name}} if described else {"name": name}
    return Identity(f"{namespace}/{name}" if namespace else name, outputs)


_IDENTITIES: Mapping[str, Callable[[Subject], Identity]] = {"aws": _aws_identity, "kubernetes": _kubernetes_identity}


# --- what the provider would echo ------------------------------------------------------------------------------------


def echoed(token: str, inputs: Object) -> Object:
    """Inputs as the provider would give them back: documents as JSON text, computed parts of objects unknown."""
    if token.startswith("kubernetes:"):
        return dict(inputs)
    types = fields_of(token).types
    return {key: _echo(value, types.get(key)) for key, value in inputs.items()}


def _echo(value: Json, kind: Any) -> Json:
    if isinstance(value, (dict, list)) and kind is str and _signature(value) is None:
        # A struct's keys come in no order, so they are sorted.
        plain = None if is_unknown(value) else revealed(value)
        text = rpc.UNKNOWN if plain is None else json.dumps(plain, separators=(",", ":"), sort_keys=True)
        return secret_of(text) if holds_secret(value) else text
    if isinstance(value, list):
        return [_echo(item, _item_type(kind)) for item in value]
    if isinstance(value, dict) and _signature(value) is None and inspect.isclass(kind) and _types.is_output_type(kind):
        missing = {name: rpc.UNKNOWN for name in _types.output_type_types(kind) if name not in value}
        known = {name: _echo(item, _types.output_type_types(kind).get(name)) for name, item in value.items()}
        return {**missing, **known}
    return value


def _item_type(kind: Any) -> Any:
    arguments = getattr(kind, "__args__", None)
    return arguments[0] if arguments else None


# --- answers to invokes ----------------------------------------------------------------------------------------------


def _caller_identity(place: Place, args: Object) -> Object:
    arn = f"arn:{place.partition}:iam::{place.account}:user/offline-preview"
    return {"accountId": place.account, "arn": arn, "id": place.account, "userId": "AIDAOFFLINEPREVIEW00"}


def _region(place: Place, args: Object) -> Object:
    region = args.get("region") or args.get("name") or place.region
    names = {"id": region, "name": region, "region": region}
    return {**names, "endpoint": f"ec2.{region}.{place.suffix}", "description": region}


def _partition(place: Place, args: Object) -> Object:
    reverse = ".".join(reversed(place.suffix.split(".")))
    return {"partition": place.partition, "dnsSuffix": place.suffix, "reverseDnsPrefix": reverse, "id": place.partition}


def _zones(place: Place, args: Object) -> Object:
    names = [place.region + letter for letter in "abc"]
    return {"names": names, "groupNames": [place.region], "id": place.region, "region": place.region}


def _policy_document(place: Place, args: Object) -> Object:
    statements = [_policy_statement(statement) for statement in args.get("statements") or []]
    sources = [json.loads(text)["Statement"] for text in args.get("sourcePolicyDocuments") or []]
    overrides = [json.loads(text)["Statement"] for text in args.get("overridePolicyDocuments") or []]
    merged = _by_sid([*(item for source in sources for item in source), *statements])
    merged = _by_sid([*merged, *(item for override in overrides for item in override)])
    document: Object = {"Version": args.get("version") or "2012-10-17"}
    if args.get("policyId"):
        document["Id"] = args["policyId"]
    document["Statement"] = merged
    text = json.dumps(document, indent=2)
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return {**args, "id": digest, "json": text, "minifiedJson": json.dumps(document, separators=(",", ":"))}


def _by_sid(statements: Sequence[Object]) -> List[Object]:
    last = {item["Sid"]: item for item in statements if item.get("Sid")}
    seen = set()
    merged = []
    for item in statements:
        sid = item.get("Sid")
        if not sid:
            merged.append(item)
        elif sid not in seen:
            seen.add(sid)
            merged.append(last[sid])
    return merged


def _one_or_many(values: Sequence[str]) -> Json:
    return values[0] if len(values) == 1 else list(values)


def _policy_statement(given: Object) -> Object:
    statement: Object = {"Sid": given["sid"]} if given.get("sid") else {}
    statement["Effect"] = given.get("effect") or "Allow"
    for key, name in (
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
    ):
        if given.get(key):
            statement[name] = _one_or_many(given[key])
    for key, name in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(key):
            statement[name] = _policy_principals(given[key])
    conditions: Dict[str, Object] = {}
    for condition in given.get("conditions") or []:
        conditions.setdefault(condition["test"], {})[condition["variable"]] = _one_or_many(condition["values"])
    return {**statement, "Condition": conditions} if conditions else statement


def _policy_principals(given: Sequence[Object]) -> Json:
    if any(principal["type"] == "*" for principal in given):
        return "*"
    grouped: Dict[str, List[str]] = {}
    for principal in given:
        grouped.setdefault(principal["type"], []).extend(principal["identifiers"])
    return {kind: _one_or_many(identifiers) for kind, identifiers in grouped.items()}


def _rendered_elsewhere(place: Place, args: Object) -> Object:
    return {"result": []}


ANSWERS: Mapping[str, Callable[[Place, Object], Object]] = {
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "kubernetes:helm:template": _rendered_elsewhere,
    "kubernetes:kustomize:directory": _rendered_elsewhere,
    "kubernetes:yaml:decode": _rendered_elsewhere,
}
"""Lookups that need no cloud to be answered plausibly; a request's own answers go first."""


def _fits(wanted: Json, given: Json) -> bool:
    if isinstance(wanted, dict):
        return isinstance(given, dict) and all(key in given and _fits(item, given[key]) for key, item in wanted.items())
    return bool(wanted == given)


def supplied(answers: Mapping[str, Json], token: str, args: Object) -> Optional[Object]:
    """The user's answer to a lookup: the token's only one, or the first whose `args` are among those of the lookup."""
    answer = answers.get(token)
    if isinstance(answer, list):
        return next((case["result"] for case in answer if _fits(case.get("args", {}), args)), None)
    return answer


GET_RESOURCE = "pulumi:pulumi:getResource"
"""The lookup by which an SDK finds a resource that it was given a reference to."""


# --- the monitor -----------------------------------------------------------------------------------------------------


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
        """The error of a component of which `pulumi up` cannot read inputs: what the SDK says of each, if anything."""
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


# --- running a program -----------------------------------------------------------------------------------------------


def _logger() -> logging.Logger:
    logger = logging.Logger("pulumi")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    handler.setLevel(logging.INFO)
    logger.addHandler(handler)
    return logger


TRACE = "__recorded_traceback__"


@contextlib.contextmanager
def _traces_of_applies() -> Iterator[None]:
    """Keeps on an exception where in an `apply` it was raised: on its way through tasks, asyncio forgets it."""
    original = pulumi.Output.apply

    def apply(self: pulumi.Output[Any], func: Callable[[Any], Any], *args: Any, **kwargs: Any) -> pulumi.Output[Any]:
        def traced(value: Any) -> Any:
            try:
                return func(value)
            except Exception as error:
                error.__dict__.setdefault(TRACE, error.__traceback__)
                raise

        return original(self, traced, *args, **kwargs)

    pulumi.Output.apply = apply  # type: ignore[method-assign]
    try:
        yield
    finally:
        pulumi.Output.apply = original  # type: ignore[method-assign]


class _PatientAsyncio:
    """asyncio, but for a `wait` that ends when all tasks do, or one fails."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def wait(self, tasks: Any, **how: Any) -> Any:
        return await asyncio.wait(tasks, **{**how, "return_when": asyncio.FIRST_EXCEPTION})


@contextlib.contextmanager
def _waiting_once() -> Iterator[None]:
    """Lets Pulumi wait for all pending outputs at once.

    It waits for the first of them, then for the first of all others, and so on: of 400 resources in a chain, that takes
    nine tenths of the time.
    """
    patched: Any = stack_module
    original, patched.asyncio = patched.asyncio, _PatientAsyncio()
    try:
        yield
    finally:
        patched.asyncio = original


class UnreadableInputError(Exception):
    """An input of a component that `pulumi up` cannot read, and where the program makes the component."""

    def __init__(self, message: str, frames: Sequence[Object]) -> None:
        super().__init__(message)
        self.frames = frames


@contextlib.contextmanager
def _reading_inputs_as_in_an_update(recorder: Recorder) -> Iterator[None]:
    """Has the SDK read the inputs of components as it does in `pulumi up`, and in no preview.

    An update gives a component's outputs the values of the inputs of the same names, read by the types of the outputs.
    A program whose input has another type than its output passes every preview, the engine's too, and fails in `up`.
    """
    original = rpc.resolve_outputs

    def problem(res: Any, inputs: struct_pb2.Struct, *how: Any, **more: Any) -> Optional[str]:
        SETTINGS.dry_run = False
        try:
            original(res, inputs, struct_pb2.Struct(), {}, {}, *how, **more)
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is what `up` would end with
            return str(error)
        finally:
            SETTINGS.dry_run = True
        return None

    def resolve_outputs(res: Any, inputs: struct_pb2.Struct, *rest: Any, **more: Any) -> None:
        _outputs, _dependencies, _resolvers, *how = rest
        custom = how[0]
        if not custom and problem(res, inputs, *how, **more):
            alone = {key: struct_pb2.Struct(fields={key: value}) for key, value in inputs.fields.items()}
            raise recorder.unreadable(res, {key: problem(res, one, *how, **more) for key, one in alone.items()})
        original(res, inputs, *rest, **more)

    rpc.resolve_outputs = resolve_outputs
    try:
        yield
    finally:
        rpc.resolve_outputs = original


def _frames(error: BaseException, paths: Paths) -> List[Object]:
    found = [
        {"file": paths.relative(frame.filename), "line": frame.lineno, "function": frame.name, "code": frame.line or ""}
        for frame in traceback.extract_tb(error.__dict__.get(TRACE, error.__traceback__))
        if paths.is_users(frame.filename)
    ]
    if isinstance(error, SyntaxError) and error.filename and paths.is_users(error.filename):
        code = (error.text or "").strip()
        found.append({"file": paths.relative(error.filename), "line": error.lineno, "function": "", "code": code})
    return found


def _failure(error: BaseException, paths: Paths) -> Tuple[str, Object]:
    if isinstance(error, pulumi.RunError):
        return "refused", {"message": str(error), "frames": []}
    if isinstance(error, UnreadableInputError):
        return "failed", {"message": str(error), "frames": error.frames}
    lines = traceback.format_exception_only(type(error), error)
    message = lines[-1] if isinstance(error, SyntaxError) else "".join(lines)
    return "failed", {"message": message.strip(), "frames": _frames(error, paths)}


COLLECTION = (100_000, 50, 50)
"""Thresholds of the garbage collector while a program runs: its tasks and outputs all live to the end, so that looking
through them again and again is half of the time."""


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*COLLECTION)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _AtOnce(ThreadPoolExecutor):
    """Makes Pulumi's calls where they are asked for: handing each to a thread takes a fifth of the time.

    Threads still do what may wait for this one: what a program gives to them by itself, and calls by which the program
    is called back, as for transforms.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        of_pulumi = (getattr(fn, "__module__", None) or "").startswith("pulumi.")
        if not of_pulumi or _is_called_back():
            return super().submit(fn, *args, **kwargs)
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever waits for the future gets it
            future.set_exception(error)
        return future


def _is_called_back() -> bool:
    """Whether the program has transforms or the like; also where this version of Pulumi does not say."""
    return bool(getattr(getattr(callbacks, "_CallbackServicer", None), "_servicers", True))


def record(program: Callable[[], None], request: Object) -> Object:
    """Runs `program` in a stack of its own and returns the recorded graph; never raises for what the program does.

    `request` is the dictionary that `main` reads, `graph_path` and `program` aside; see `main`.
    """
    recorder = Recorder(request)
    set_all_config(dict(recorder.config), list(request.get("secret_keys") or []))
    # A root that is no stack keeps Pulumi from registering one here; run_in_stack then makes the real one, so that
    # stack outputs are registered as they are with the engine.
    SETTINGS.outputs.clear()  # of an earlier program that failed in this process
    set_root_resource(_NO_STACK)  # type: ignore[arg-type]
    mocks.set_mocks(
        _NoMocks(),
        recorder.project,
        recorder.stack,
        preview=True,
        logger=_logger(),
        monitor=recorder,
        organization=request.get("organization") or "organization",
    )
    set_root_resource(None)  # type: ignore[arg-type]
    loop = asyncio.new_event_loop()
    loop.set_default_executor(_AtOnce())
    asyncio.set_event_loop(loop)
    try:
        with _traces_of_applies(), _waiting_once(), _rare_collections(), _reading_inputs_as_in_an_update(recorder):
            loop.run_until_complete(stack_module.run_in_stack(program))
    except SystemExit as error:
        if error.code not in (None, 0):
            return recorder.graph(
                "failed", {"message": f"SystemExit: {error.code}", "frames": _frames(error, recorder.paths)}
            )
    except Exception as error:  # noqa: BLE001 - whatever the program raises is what the user wants to see
        return recorder.graph(*_failure(error, recorder.paths))
    finally:
        set_root_resource(None)  # type: ignore[arg-type]
        asyncio.set_event_loop(None)
        loop.close()
    return recorder.graph(*recorder.verdict())


_NO_STACK = object()


def _run_program(path: str) -> None:
    runpy.run_path(path, run_name="__main__")


def main(request_path: str) -> int:
    """Records the program that a request file names and writes the graph to its `graph_path`.

    The request: `schema` 1, `graph_path`, `project` {name, root}, `program` (a directory or a file), `organization`,
    `stack`, `config` {key: text}, `secret_keys`, `strict_unknowns`, `answers` {token: result or cases}.
    """
    with open(request_path, encoding="utf-8") as file:
        request = json.load(file)
    program = request["program"]
    folder = program if os.path.isdir(program) else os.path.dirname(program)
    # The first entry is this file's own folder, whose modules would shadow the program's.
    sys.path[0] = folder
    sys.argv = [program]
    graph = record(functools.partial(_run_program, program), request)
    with open(request["graph_path"], "w", encoding="utf-8") as file:
        json.dump(graph, file, sort_keys=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
