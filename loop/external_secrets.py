"""Stands in for External Secrets: makes the Secrets that ExternalSecrets ask for, out of values in Secrets Manager."""

import json
import re
from collections.abc import Mapping
from typing import Any

from loop.kubernetes import Cluster, Manifest

_FIELD = re.compile(r"\{\{\s*\.(\w+)\s*\}\}")


def wanted(cluster: Cluster) -> dict[str, set[str]]:
    """Names of the secrets that the ExternalSecrets read, and the properties that they read of each."""
    found: dict[str, set[str]] = {}
    for manifest in cluster.all("ExternalSecret"):
        for data in manifest["spec"].get("data", ()):
            found.setdefault(data["remoteRef"]["key"], set()).add(data["remoteRef"].get("property", ""))
    return found


def settle(cluster: Cluster, client: Any) -> list[str]:
    """Makes every Secret whose values are there; the names of the others."""
    missing = []
    for manifest in cluster.all("ExternalSecret"):
        try:
            values = {item["secretKey"]: _read(client, item["remoteRef"]) for item in manifest["spec"].get("data", ())}
        except LookupError as error:
            missing.append(f"{manifest['metadata']['namespace']}/{manifest['metadata']['name']}: {error}")
            continue
        target = manifest["spec"].get("target", {})
        name = target.get("name", manifest["metadata"]["name"])
        cluster.secret(manifest["metadata"]["namespace"], name, _content(target, values))
    return missing


def _read(client: Any, reference: Mapping[str, str]) -> str:
    try:
        text = client.get_secret_value(SecretId=reference["key"])["SecretString"]
    except client.exceptions.ResourceNotFoundException:
        raise LookupError(f"no secret {reference['key']}") from None
    return str(json.loads(text)[reference["property"]]) if "property" in reference else str(text)


def _content(target: Manifest, values: Mapping[str, str]) -> dict[str, str]:
    template = target.get("template", {})
    if "data" not in template:
        return dict(values)
    return {key: _FIELD.sub(lambda found: values[found[1]], str(text)) for key, text in template["data"].items()}
