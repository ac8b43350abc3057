"""Values on the wire and in the graph: what is unknown, secret, a resource or an asset, and how each is shown."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import (
    Any,
    Callable,
    Dict,
    Mapping,
    NamedTuple,
    Optional,
)

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

Json = Any
Object = Dict[str, Any]
UNKNOWN = "[unknown]"
"""How an unknown value is written in the graph."""
SECRET = "[secret]"
"""How a secret value is written in the graph, whatever it holds."""
SIGNATURE = "4dabf18193072939515e22adb298388d"
SIGNED_SECRET = "1b47061264138c4ac30d75fd1eb44270"
SIGNED_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
SIGNED_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
SIGNED_ASSET = "c44067f5952c0a294b673a41bacd8c17"
SIGNED_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"


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


def signature_of(value: Json) -> Optional[str]:
    """The signature of an object that means more than its fields; none for any other value."""
    return value.get(SIGNATURE) if isinstance(value, dict) else None


def is_unknown(value: Json) -> bool:
    """Whether the value is, or holds anywhere, one that only the provider can know."""
    if isinstance(value, dict):
        if signature_of(value) == SIGNED_OUTPUT and "value" not in value:
            return True
        return any(is_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(is_unknown(item) for item in value)
    return isinstance(value, str) and value == rpc.UNKNOWN


def holds_secret(value: Json) -> bool:
    """Whether the value is, or holds anywhere, a secret."""
    if isinstance(value, dict):
        if signature_of(value) == SIGNED_SECRET or (signature_of(value) == SIGNED_OUTPUT and value.get("secret")):
            return True
        return any(holds_secret(item) for item in value.values())
    return isinstance(value, list) and any(holds_secret(item) for item in value)


def secret_of(value: Json) -> Json:
    """The value, marked secret for Pulumi, once."""
    return value if signature_of(value) == SIGNED_SECRET else {SIGNATURE: SIGNED_SECRET, "value": value}


def revealed(value: Json) -> Json:
    """The value without secret marks: for documents that Pulumi serialises; never written to the graph."""
    if isinstance(value, dict):
        if signature_of(value) == SIGNED_SECRET:
            return revealed(value.get("value"))
        return {key: revealed(item) for key, item in value.items()}
    return [revealed(item) for item in value] if isinstance(value, list) else value


OWN = os.path.dirname(os.path.realpath(__file__))
"""Folder of the recorder, whose lines are not the program's."""


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
        return absolute.startswith(self.root + os.sep) and not installed and not absolute.startswith(OWN + os.sep)


def shown(value: Json, paths: Paths) -> Json:
    """The value as the graph has it: no secret, no protobuf signature, unknowns named."""
    if isinstance(value, list):
        return [shown(item, paths) for item in value]
    if isinstance(value, str):
        return UNKNOWN if value == rpc.UNKNOWN else value
    if not isinstance(value, dict):
        return value
    signature = signature_of(value)
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
