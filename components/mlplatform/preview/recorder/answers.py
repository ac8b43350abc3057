"""Answers to lookups that nothing but the program's own arguments decides, and those that a person supplied."""

from __future__ import annotations

import hashlib
import json
from typing import (
    Callable,
    Dict,
    List,
    Mapping,
    Optional,
    Sequence,
)

from .identities import Place
from .values import Json, Object


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
