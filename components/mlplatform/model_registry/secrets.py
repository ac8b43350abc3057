"""Secrets in the cluster, which External Secrets fills from Secrets Manager; Pulumi knows their names only."""

from typing import Any, Final

import pulumi

from mlplatform.core.external_secret import external_secret
from mlplatform.core.objects import Objects
from mlplatform.core.registry_account import REFRESH, RegistryAccount
from mlplatform.model_registry import mlflow
from mlplatform.model_registry.args import ModelRegistryArgs
from mlplatform.model_registry.database import Database

CONNECTION, ACCOUNTS, CREDENTIALS = "connection", "accounts", "credentials"
"""Roles of the Secrets: the database, the accounts, and what a client has."""
ADMIN_USERNAME: Final = "admin_username"
"""Key of the administrator's name beside its password: a PodMonitor takes both from a Secret."""
PASSWORD_REFRESH: Final = "1m"  # noqa: S105 - an interval
"""How often the database's password is read: while the file has a former one, no new connection opens."""
_Secret = dict[str, Any]


def connection(objects: Objects, args: ModelRegistryArgs, database: Database, *, verified: bool) -> _Secret:
    """The spec of the Secret with the connection file."""
    content = database.address.apply(lambda host: mlflow.connection(host, verified=verified))
    data = {key: {"key": database.secret_arn, "property": key} for key in ("username", "password")}
    name, content_of = f"{objects.name}-{CONNECTION}", {mlflow.CONNECTION_FILE: content}
    return external_secret(args.secret_store, name, PASSWORD_REFRESH, data, content_of)


def accounts(objects: Objects, args: ModelRegistryArgs, credentials: pulumi.Input[str]) -> _Secret:
    """The spec of the Secret with the passwords of all accounts."""
    keys = (*mlflow.PASSWORDS.values(), mlflow.SECRET_KEY)
    data = {key: {"key": credentials, "property": key} for key in keys}
    content = {key: f"{{{{ .{key} }}}}" for key in keys}
    name = f"{objects.name}-{ACCOUNTS}"
    return external_secret(args.secret_store, name, REFRESH, data, {**content, ADMIN_USERNAME: mlflow.ADMIN})


def account(args: ModelRegistryArgs, uri: pulumi.Input[str]) -> RegistryAccount:
    """Where the registry's clients find it and their accounts."""
    return RegistryAccount(
        tracking_uri=uri,
        credentials_secret=args.credentials_secret,
        secret_store=args.secret_store,
        existing=args.existing is not None,
    )
