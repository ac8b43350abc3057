"""MLflow's side of the contract: what MLflow 3.17 reads, and what its server is told. No Pulumi.

Source, unless another is named: MLflow 3.17.2 (`mlflow/cli`, `mlflow/server`, `mlflow/environment_variables.py`), each
point also tried with that version on PostgreSQL 15.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from types import MappingProxyType
from typing import Final

from mlplatform.contracts.registry import PORT

DATABASE: Final = "mlflow"
"""Name of the database, of its user, and of the service in the connection file."""
DATABASE_PORT: Final = 5432
DATABASE_URI: Final = f"postgresql+psycopg2:///?service={DATABASE}"
"""Names a service of the connection file and holds no secret: it may stand in arguments, where MLflow passes it on."""
ADMIN, WRITER, READER = "admin", "writer", "reader"
"""Accounts. By MLflow's rights, a reader sees everything; a writer changes everything and deletes what it made."""
PASSWORDS: Final[Mapping[str, str]] = MappingProxyType(
    {account: f"{account}_password" for account in (ADMIN, WRITER, READER)}
)
"""Key of each account's password in the secret."""
SECRET_KEY: Final = "secret_key"  # noqa: S105 - the name of a key
"""Key of what signs the forms of the server's pages, the same in every replica."""

CONFIG: Final = "/etc/registry/config"
CONNECTION: Final = "/etc/registry/connection"
ACCOUNTS: Final = "/etc/registry/accounts"
"""Where pods find the configuration, the connection to the database, and the passwords of accounts."""
CONNECTION_FILE: Final = "pg_service.conf"
CERTIFICATES_FILE: Final = "certificates.pem"
AUTH_FILE: Final = "basic_auth.ini"
METRICS: Final = "/tmp/metrics"  # noqa: S108 - a volume of the pod's own
"""Where the server's processes keep their counters."""
ARTIFACTS: Final = "artifacts"
"""Prefix of everything in the bucket."""

POOL_SIZE, OVERFLOW = 5, 5
"""Connections that each process keeps, and opens beside for a time, for each of its two stores: runs and accounts."""
RECYCLE_SECONDS: Final = 1800
"""Age after which a connection is opened anew, so that a moved database is found."""

REMEMBERED_SECONDS: Final = 60
"""How long a process of the server takes a password for right that was right: each check takes a third of a second,
which is most of a request. A former password works as much longer."""
AUTH: Final = f"""\
[mlflow]
default_permission = READ
database_uri = {DATABASE_URI}
admin_username = {ADMIN}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = {REMEMBERED_SECONDS}
"""
"""Configuration of the app `basic-auth`: accounts lie in the same database. What nobody was granted is read only."""


def connection(host: str, *, verified: bool) -> str:
    """The connection file, as a template of External Secrets that fills in user and password.

    libpq reads it at every new connection (PostgreSQL documentation, The Connection Service File), so a password that
    changes is used as soon as the file has it, and no pod restarts. Unlike a password file, its mode does not matter.
    """
    certificates = f"{CONFIG}/{CERTIFICATES_FILE}"
    lines = {
        "host": host,
        "port": DATABASE_PORT,
        "dbname": DATABASE,
        "user": "{{ .username }}",
        "password": "{{ .password }}",
        "connect_timeout": 10,
        "sslmode": "verify-full" if verified else "require",
        **({"sslrootcert": certificates} if verified else {}),
    }
    return "\n".join([f"[{DATABASE}]", *(f"{key}={value}" for key, value in lines.items()), ""])


def environment() -> dict[str, str]:
    """Variables of every process that reaches the database."""
    return {
        "HOME": "/tmp",  # noqa: S108 - a volume of the pod's own
        "PGSERVICEFILE": f"{CONNECTION}/{CONNECTION_FILE}",
        "MLFLOW_AUTH_CONFIG_PATH": f"{CONFIG}/{AUTH_FILE}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(POOL_SIZE),
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": str(OVERFLOW),
        "MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE": str(RECYCLE_SECONDS),
    }


def server_environment(hosts: object) -> dict[str, object]:
    """Variables of the server beside those of every process."""
    return {
        "MLFLOW_SERVER_ALLOWED_HOSTS": hosts,
        # Its background jobs are for language models, and each replica would run them.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def server_arguments(workers: object, destination: object) -> list[object]:
    """How the server is started; `destination` is where artifacts go, which clients reach through the server only.

    Both are texts, or what becomes one later.
    """
    return [
        *("mlflow", "server", "--app-name", "basic-auth"),
        *("--host", "0.0.0.0", "--port", str(PORT), "--workers", workers),  # noqa: S104 - the pod's own address
        *("--backend-store-uri", DATABASE_URI),
        *("--serve-artifacts", "--artifacts-destination", destination),
        *("--expose-prometheus", METRICS),
    ]


MIGRATIONS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        # The first takes a database with any table for one to upgrade, so the other must not have made its own yet.
        "runs": ("mlflow", "db", "upgrade", DATABASE_URI),
        "accounts": ("python", "-m", "mlflow.server.auth", "db", "upgrade", "--url", DATABASE_URI),
    }
)
"""Commands that bring the schema to that of the image, in their order."""


def collection_arguments(age: object) -> list[object]:
    """How garbage is collected: what was deleted longer ago than `age`, such as 30d, with its artifacts."""
    return ["mlflow", "gc", "--older-than", age, "--backend-store-uri", DATABASE_URI]


def hosts(service: str, namespace: str, vpc_cidr: str, more: Sequence[str] = ()) -> str:
    """Values of the header `Host` that the server answers.

    Names of its service, addresses of pods for Prometheus, localhost for port forwards, and `more`.
    """
    names = (f"{service}.{namespace}{suffix}:{PORT}" for suffix in ("", ".svc", ".svc.cluster.local"))
    return ",".join((*names, *addresses(vpc_cidr), "localhost:*", *more))


_OCTETS: Final = 4
"""Of an address."""


def addresses(cidr: str) -> list[str]:
    """Patterns with `*` that fit exactly the addresses of a network, with any port behind them."""
    network = IPv4Network(cidr)
    octets = max(-(-network.prefixlen // 8), 1)
    if octets == _OCTETS:
        return [f"{address}:*" for address in network]
    parts = network.subnets(new_prefix=octets * 8)
    return [".".join([*str(part.network_address).split(".")[:octets], "*"]) for part in parts]
