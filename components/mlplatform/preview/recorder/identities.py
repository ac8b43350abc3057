"""What identifies a resource: ids, ARNs, generated names and addresses as placeholders, derived from its URN."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import re
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
)

import pulumi
from pulumi import _types
from pulumi.runtime import rpc

from .values import Json, Object, holds_secret, is_unknown, revealed, secret_of, signature_of


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
    holder = given if isinstance(given, dict) and signature_of(given) is None else {}
    name = _known_text(holder.get("name")) or generated_name(subject.name, subject.urn)
    namespace = _known_text(holder.get("namespace"))
    outputs = {"metadata": {**holder, "name": name}} if described else {"name": name}
    return Identity(f"{namespace}/{name}" if namespace else name, outputs)


_IDENTITIES: Mapping[str, Callable[[Subject], Identity]] = {"aws": _aws_identity, "kubernetes": _kubernetes_identity}


def echoed(token: str, inputs: Object) -> Object:
    """Inputs as the provider would give them back: documents as JSON text, computed parts of objects unknown."""
    if token.startswith("kubernetes:"):
        return dict(inputs)
    types = fields_of(token).types
    return {key: _echo(value, types.get(key)) for key, value in inputs.items()}


def _echo(value: Json, kind: Any) -> Json:
    if isinstance(value, (dict, list)) and kind is str and signature_of(value) is None:
        # A struct's keys come in no order, so they are sorted.
        plain = None if is_unknown(value) else revealed(value)
        text = rpc.UNKNOWN if plain is None else json.dumps(plain, separators=(",", ":"), sort_keys=True)
        return secret_of(text) if holds_secret(value) else text
    if isinstance(value, list):
        return [_echo(item, _item_type(kind)) for item in value]
    plain = isinstance(value, dict) and signature_of(value) is None
    if plain and inspect.isclass(kind) and _types.is_output_type(kind):
        missing = {name: rpc.UNKNOWN for name in _types.output_type_types(kind) if name not in value}
        known = {name: _echo(item, _types.output_type_types(kind).get(name)) for name, item in value.items()}
        return {**missing, **known}
    return value


def _item_type(kind: Any) -> Any:
    arguments = getattr(kind, "__args__", None)
    return arguments[0] if arguments else None
