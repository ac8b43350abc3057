"""Secrets in the cluster, which External Secrets fills from Secrets Manager; Pulumi knows their names only."""

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from mlplatform.model_registry import mlflow
from mlplatform.model_registry.args import ModelRegistryArgs, RegistryClient
from mlplatform.model_registry.database import Database
from mlplatform.objects import Objects

API: Final = "external-secrets.io/v1"
CONNECTION, ACCOUNTS, CREDENTIALS = "connection", "accounts", "credentials"
"""Roles of the Secrets: the database, the accounts, and what a client has."""
ADMIN_USERNAME: Final = "admin_username"
"""Key of the administrator's name beside its password: a PodMonitor takes both from a Secret."""
PASSWORD_REFRESH: Final = "1m"  # noqa: S105 - an interval
"""How often the database's password is read: while the file has a former one, no new connection opens."""
REFRESH: Final = "5m"
"""How often the accounts' passwords are read."""

_Secret = dict[str, Any]


def connection(objects: Objects, args: ModelRegistryArgs, database: Database, *, verified: bool) -> _Secret:
    """The spec of the Secret with the connection file."""
    content = database.address.apply(lambda host: mlflow.connection(host, verified=verified))
    data = {key: {"key": database.secret_arn, "property": key} for key in ("username", "password")}
    return _spec(args, f"{objects.name}-{CONNECTION}", PASSWORD_REFRESH, data, {mlflow.CONNECTION_FILE: content})


def accounts(objects: Objects, args: ModelRegistryArgs, credentials: pulumi.Input[str]) -> _Secret:
    """The spec of the Secret with the passwords of all accounts."""
    keys = (*mlflow.PASSWORDS.values(), mlflow.SECRET_KEY)
    data = {key: {"key": credentials, "property": key} for key in keys}
    content = {key: f"{{{{ .{key} }}}}" for key in keys}
    return _spec(args, f"{objects.name}-{ACCOUNTS}", REFRESH, data, {**content, ADMIN_USERNAME: mlflow.ADMIN})


def client(objects: Objects, args: ModelRegistryArgs, given: RegistryClient, uri: pulumi.Input[str]) -> _Secret:
    """The spec of a client's Secret: the variables that MLflow's clients read."""
    existing = args.existing
    access = given.access.value
    source = existing.credentials_secret if existing else args.server.credentials_secret if args.server else ""
    wanted = {"password": f"{access}_password", **({"username": f"{access}_username"} if existing else {})}
    data = {key: {"key": source, "property": remote} for key, remote in wanted.items()}
    content = {
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_TRACKING_USERNAME": "{{ .username }}" if existing else access,
        "MLFLOW_TRACKING_PASSWORD": "{{ .password }}",
    }
    return _spec(args, f"{objects.name}-{CREDENTIALS}", REFRESH, data, content)


def _spec(
    args: ModelRegistryArgs,
    name: str,
    refresh: str,
    data: Mapping[str, Mapping[str, pulumi.Input[str]]],
    content: Mapping[str, pulumi.Input[str]],
) -> _Secret:
    return {
        "refreshInterval": refresh,
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": args.secret_store},
        "target": {
            "name": name,
            "creationPolicy": "Owner",
            "template": {"engineVersion": "v2", "data": dict(content)},
        },
        "data": [{"secretKey": key, "remoteRef": dict(remote)} for key, remote in data.items()],
    }
