"""An account of the model registry, as the pods of a namespace get it: a Secret with MLflow's own variables."""

from enum import StrEnum
from typing import Any, Final, Optional

from mlplatform.core.args import Args, In, checked, matching
from mlplatform.core.external_secret import external_secret
from mlplatform.core.identifiers import SECRET

URI = matching(
    r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(:\d+)?(/[^\s/?#@]+)*",
    "a URL without user, query and last slash, such as https://mlflow.example.com",
)
REFRESH: Final = "5m"
"""How often the accounts' passwords are read."""


class RegistryAccess(StrEnum):
    """What a client may do, by MLflow's accounts."""

    READER = "reader"
    """See every experiment, run and model. MLflow has no right to withhold: it can also make experiments and models of
    its own, and change no others."""
    WRITER = "writer"
    """Beside that: log to every experiment, register versions of every model and move their aliases; delete only what
    it made."""


class RegistryAccount(Args):
    """Where the model registry is, and where its accounts lie."""

    tracking_uri: In[str]
    """URL of the server, as MLFLOW_TRACKING_URI has it."""
    credentials_secret: In[str]
    """Name or ARN of the secret in Secrets Manager with the accounts' passwords, as JSON: `writer_password` and
    `reader_password`."""
    secret_store: In[str]
    """ClusterSecretStore through which External Secrets reads it."""
    existing: Optional[bool] = False
    """Whether the server is one that exists, so that the secret also has the accounts' names, `writer_username` and
    `reader_username`; by default it is a ModelRegistry's own, whose accounts have the names of the accesses."""

    _uri = checked(URI, "tracking_uri")
    _secret = checked(SECRET, "credentials_secret")


def credentials(name: str, account: RegistryAccount, access: RegistryAccess) -> dict[str, Any]:
    """The spec of an ExternalSecret that makes the Secret `name` with the variables that MLflow's clients read."""
    wanted = {"password": f"{access}_password", **({"username": f"{access}_username"} if account.existing else {})}
    data = {key: {"key": account.credentials_secret, "property": remote} for key, remote in wanted.items()}
    content = {
        "MLFLOW_TRACKING_URI": account.tracking_uri,
        "MLFLOW_TRACKING_USERNAME": "{{ .username }}" if account.existing else access.value,
        "MLFLOW_TRACKING_PASSWORD": "{{ .password }}",
    }
    return external_secret(account.secret_store, name, REFRESH, data, content)
