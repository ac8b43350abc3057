"""Moto's server with the rights that it lacks: roles of pods, and policies of buckets with their conditions.

Whoever signs with the name of a role as its access key, as pods here do, may do what the role's policies allow,
conditions looked at, and use keys of KMS through a service only where they allow that too. Moto by itself takes a
statement that denies under a condition for one that always does, so that no hardened bucket would take anything. What
comes by HTTP here counts as TLS 1.3. Run as `python -m loop.aws --port PORT`, by `loop.cloud`.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from flask import request
from moto.core.base_backend import BackendDict
from moto.dynamodb.models import dynamodb_backends
from moto.iam.access_control import PermissionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3 import models
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from werkzeug.serving import run_simple
from werkzeug.wrappers import Request, Response

from loop.policies import Document, allowed, denied

ADMINISTRATOR: Final = "test"
"""Access key that may do everything: the deployer's, and the loop's own."""
ACCOUNT: Final = os.environ.get("MOTO_ACCOUNT_ID", "123456789012")
_CREDENTIAL: Final = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_ACTIONS: Final = {"s3:HeadObject": "s3:GetObject", "s3:PostObject": "s3:PutObject"}
"""What moto calls by the method of HTTP."""
_HEADERS: Final = (
    "if-none-match",
    "x-amz-acl",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
)
_WRITES: Final = frozenset({"s3:PutObject"})
_FREE: Final = frozenset({"sts:GetCallerIdentity"})
"""What everybody may do."""


class Wish(NamedTuple):
    """What a request asks for."""

    action: str
    resource: str
    context: Mapping[str, str] = {}


class Refusal(Exception):  # noqa: N818 - what S3 and IAM call it
    """A request that is not allowed; the text says what is not."""


# What a request asks for, by service.


def of_s3(asked: Request, region: str) -> Iterator[Wish]:
    """An object or a bucket, and the bucket's key."""
    bucket, _, key = asked.path.lstrip("/").partition("/")
    arn = f"arn:aws:s3:::{bucket}"
    if not key:
        listing = asked.method in {"GET", "HEAD"}
        prefix = {"s3:prefix": asked.args["prefix"]} if "prefix" in asked.args else {}
        yield Wish("s3:ListBucket" if listing else f"s3:{asked.method}Bucket", arn, prefix)
        return
    action = _object_action(asked.method, asked.args)
    yield Wish(action, f"{arn}/{key}")
    master = _key_of_bucket(bucket)
    if master and action in {"s3:GetObject", "s3:PutObject"}:
        through = {"kms:viaservice": f"s3.{region}.amazonaws.com"}
        yield Wish("kms:GenerateDataKey" if action in _WRITES else "kms:Decrypt", master, through)


def of_sqs(asked: Request, region: str) -> Iterator[Wish]:
    """A queue, and its key where messages are sent or received."""
    action, body = _target(asked), json.loads(asked.get_data() or b"{}")
    name = body.get("QueueUrl", "").rpartition("/")[2]
    yield Wish(f"sqs:{action}", f"arn:aws:sqs:{region}:{ACCOUNT}:{name}")
    queue = _backend(sqs_backends, region).queues.get(name)
    master = getattr(queue, "kms_master_key_id", None)
    uses = {"SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"), "ReceiveMessage": ("kms:Decrypt",)}
    for use in uses.get(action, ()) if master else ():
        yield Wish(use, str(master), {"kms:viaservice": f"sqs.{region}.amazonaws.com"})


def of_dynamodb(asked: Request, region: str) -> Iterator[Wish]:
    """A table, with the hash key of the item, and the table's key."""
    action, body = _target(asked), json.loads(asked.get_data() or b"{}")
    name = body.get("TableName", "")
    table = _backend(dynamodb_backends, region).tables.get(name)
    item = body.get("Key") or body.get("Item") or {}
    hashed = next((part["AttributeName"] for part in table.schema if part["KeyType"] == "HASH"), "") if table else ""
    leading = {"dynamodb:leadingkeys": next(iter(item[hashed].values()))} if hashed in item else {}
    yield Wish(f"dynamodb:{action}", f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{name}", leading)
    master = (table.sse_specification or {}).get("KMSMasterKeyId") if table else None
    if master:
        yield Wish("kms:Decrypt", master, {"kms:viaservice": f"dynamodb.{region}.amazonaws.com"})


def of_sns(asked: Request, region: str) -> Iterator[Wish]:
    """A topic, and its key where something is published."""
    form = dict(parse_qsl(asked.get_data(as_text=True)))
    action, arn = form.get("Action", ""), form.get("TopicArn", "")
    yield Wish(f"sns:{action}", arn)
    topic = _backend(sns_backends, region).topics.get(arn)
    master = getattr(topic, "kms_master_key_id", None) or getattr(topic, "_kms_master_key_id", None)
    for use in ("kms:GenerateDataKey", "kms:Decrypt") if master and action == "Publish" else ():
        yield Wish(use, str(master), {"kms:viaservice": f"sns.{region}.amazonaws.com"})


SERVICES: Final[Mapping[str, Callable[[Request, str], Iterable[Wish]]]] = {
    "dynamodb": of_dynamodb,
    "s3": of_s3,
    "sns": of_sns,
    "sqs": of_sqs,
}


def _object_action(method: str, query: Mapping[str, str]) -> str:
    if "uploadId" in query and method in {"DELETE", "GET"}:
        return {"DELETE": "s3:AbortMultipartUpload", "GET": "s3:ListMultipartUploadParts"}[method]
    named = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "DELETE": "s3:DeleteObject"}
    action = named.get(method, "s3:PutObject")
    return f"{action}Version" if "versionId" in query and action != "s3:PutObject" else action


def _target(asked: Request) -> str:
    return asked.headers.get("X-Amz-Target", "").rpartition(".")[2]


def _backend(backends: BackendDict[Any], region: str) -> Any:
    return backends[ACCOUNT][region]


def _key_of_bucket(name: str) -> str | None:
    bucket = s3_backends[ACCOUNT]["aws"].buckets.get(name)
    rules = ((bucket.encryption or {}).get("Rule") if bucket else None) or {}
    rule = rules[0] if isinstance(rules, list) else rules
    found = rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
    return str(found) if found else None


# Whether it is allowed.


def documents(role: str) -> list[Document]:
    """Policies of a role; Refusal for one that is not there."""
    try:
        found = iam_backends[ACCOUNT]["aws"].get_role(role)
    except NotFoundException:
        raise Refusal(f"{role} is no role") from None
    versions = (version for policy in found.managed_policies.values() for version in policy.versions)
    managed = [version.document for version in versions if version.is_default]
    return [json.loads(text) if isinstance(text, str) else text for text in (*managed, *found.policies.values())]


def check(asked: Request) -> None:
    """Refusal where whoever asks may not."""
    found = _CREDENTIAL.search(asked.headers.get("Authorization", ""))
    if found is None or found[1] == ADMINISTRATOR:
        return
    role, region, service = found[1], found[2], found[3]
    if service not in SERVICES:
        if f"{service}:{dict(parse_qsl(asked.get_data(as_text=True))).get('Action')}" in _FREE:
            return
        raise Refusal(f"{role} is not authorized: what it may do in {service} is not known here")
    own = documents(role)
    for wish in SERVICES[service](asked, region):
        context = {**wish.context, "aws:securetransport": "true"}
        if denied(own, wish.action, wish.resource, context) or not allowed(own, wish.action, wish.resource, context):
            raise Refusal(f"{role} is not authorized to perform: {wish.action} on resource: {wish.resource}")


def answer(asked: Request, text: str) -> Response:
    """How the service says that something is not allowed."""
    print(f"refused: {text}", file=sys.stderr, flush=True)
    if "X-Amz-Target" in asked.headers:
        body = json.dumps({"__type": "com.amazonaws#AccessDeniedException", "message": text})
        return Response(body, 400, content_type="application/x-amz-json-1.0")
    error = f"<Error><Code>AccessDenied</Code><Message>{text}</Message></Error>"
    whole = (
        error
        if asked.method != "POST" or "Credential" not in asked.headers
        else f"<ErrorResponse>{error}</ErrorResponse>"
    )
    return Response(whole, 403, content_type="application/xml")


def guarded(app: Callable[..., Any]) -> Callable[..., Any]:
    """An app that asks first."""

    def ask(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        asked = Request(environ)
        found = _CREDENTIAL.search(asked.headers.get("Authorization", ""))
        if found is not None and found[3] != "s3":
            # Moto reads it, too.
            environ["wsgi.input"] = BytesIO(asked.get_data(cache=True))
        try:
            check(asked)
        except Refusal as refusal:
            return answer(asked, str(refusal))(environ, start)
        return app(environ, start)

    return ask


# Policies of buckets.


def context() -> dict[str, str]:
    """Keys of conditions that the request in hand has."""
    query = request.args
    known = {
        "aws:securetransport": "true",
        "s3:tlsversion": "1.3",
        # Parts of an upload make no object, what completes it does (Amazon S3 User Guide, Enforce conditional writes).
        "s3:objectcreationoperation": str("partNumber" not in query and "uploads" not in query).lower(),
    }
    return {**known, **{f"s3:{name}": request.headers[name] for name in _HEADERS if name in request.headers}}


def permission(bucket: Any, action: str, resource: str) -> Any:
    """What the policy of a bucket says; only that it denies matters here, as all callers are of its account."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    by = denied([json.loads(bucket.policy)], _ACTIONS.get(action, action), resource, context())
    return PermissionResult.NEUTRAL if by is None else PermissionResult.DENIED


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    models.FakeBucket.get_permission = permission  # type: ignore[method-assign]
    app = guarded(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", given.port, app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
