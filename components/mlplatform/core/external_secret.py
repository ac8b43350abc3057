"""Secrets that External Secrets fills from Secrets Manager; Pulumi knows their names only."""

from collections.abc import Mapping
from typing import Any, Final

import pulumi

API: Final = "external-secrets.io/v1"


def external_secret(
    store: pulumi.Input[str],
    name: str,
    refresh: str,
    data: Mapping[str, Mapping[str, pulumi.Input[str]]],
    content: Mapping[str, pulumi.Input[str]] | None = None,
) -> dict[str, Any]:
    """The spec of an ExternalSecret that makes the Secret `name`, read anew every `refresh`, such as 5m.

    `data` has what is read, by key: the secret's `key` in the ClusterSecretStore and, of JSON, its `property`. With
    `content` the Secret has these templates instead, in which `{{ .key }}` stands for what was read.
    """
    template = {"template": {"engineVersion": "v2", "data": dict(content)}} if content else {}
    return {
        "refreshInterval": refresh,
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
        "target": {"name": name, "creationPolicy": "Owner", **template},
        "data": [{"secretKey": key, "remoteRef": dict(remote)} for key, remote in data.items()],
    }
