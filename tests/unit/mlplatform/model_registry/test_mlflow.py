"""MLflow's side of the registry: what its server is told, and how its accounts come about. No Pulumi."""

import configparser
import fnmatch
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from mlplatform.model_registry import accounts, mlflow

HOST = "registry.abc.us-east-1.rds.amazonaws.com"


def fits(patterns: list[str], address: object) -> bool:
    """What MLflow does with a header `Host`, port included."""
    return any(fnmatch.fnmatch(f"{address}:5000", pattern) for pattern in patterns)


@pytest.mark.parametrize(
    ("cidr", "patterns"),
    [
        ("10.0.0.0/8", ["10.*"]),
        ("10.1.0.0/16", ["10.1.*"]),
        ("10.1.64.0/18", [f"10.1.{third}.*" for third in range(64, 128)]),
        ("172.16.0.0/12", [f"172.{second}.*" for second in range(16, 32)]),
        ("10.1.2.0/24", ["10.1.2.*"]),
        ("10.1.2.240/30", ["10.1.2.240:*", "10.1.2.241:*", "10.1.2.242:*", "10.1.2.243:*"]),
    ],
)
def test_patterns_of_a_network(cidr: str, patterns: list[str]) -> None:
    assert mlflow.addresses(cidr) == patterns


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "10.1.16.0/20", "10.1.2.0/23", "10.1.2.128/26", "100.64.0.0/10"])
def test_patterns_fit_the_network_and_no_neighbour(cidr: str) -> None:
    network, patterns = IPv4Network(cidr), mlflow.addresses(cidr)
    first, last = network.network_address, network.broadcast_address
    assert fits(patterns, first)
    assert fits(patterns, last)
    assert not fits(patterns, IPv4Address(int(first) - 1))
    assert not fits(patterns, IPv4Address(int(last) + 1))


def test_server_answers_to_its_names_pods_and_what_is_named() -> None:
    assert mlflow.hosts("registry", "ml", "10.0.0.0/16", ["registry.example.com"]) == (
        "registry.ml:5000,registry.ml.svc:5000,registry.ml.svc.cluster.local:5000,10.0.*,"
        "localhost:*,registry.example.com"
    )


def test_connection_file_has_placeholders_and_no_secret() -> None:
    assert mlflow.connection(HOST, verified=False) == (
        f"[mlflow]\nhost={HOST}\nport=5432\ndbname=mlflow\nuser={{{{ .username }}}}\npassword={{{{ .password }}}}\n"
        "connect_timeout=10\nsslmode=require\n"
    )


def test_connection_is_verified_with_certificates() -> None:
    assert mlflow.connection(HOST, verified=True).endswith(
        "sslmode=verify-full\nsslrootcert=/etc/registry/config/certificates.pem\n"
    )


def test_accounts_lie_in_the_same_database_and_default_to_reading() -> None:
    config = configparser.ConfigParser()
    config.read_string(mlflow.AUTH)
    # As MLflow reads it: a % in the address would be an error here.
    assert dict(config["mlflow"]) == {
        "default_permission": "READ",
        "database_uri": "postgresql+psycopg2:///?service=mlflow",
        "admin_username": "admin",
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
        "auth_cache_ttl_seconds": "60",
    }


def test_runs_are_migrated_before_accounts() -> None:
    assert list(mlflow.MIGRATIONS) == ["runs", "accounts"]


class Kept:
    """Accounts in memory, with the methods of MLflow's store."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.admins: set[str] = set()
        self.grants: set[tuple[str, str, str, str]] = set()

    def has_user(self, username: str) -> bool:
        return username in self.passwords

    def create_user(self, username: str, password: str, is_admin: bool = False) -> None:
        assert username not in self.passwords
        self.passwords[username] = password
        self.admins |= {username} if is_admin else set()

    def authenticate_user(self, username: str, password: str) -> bool:
        return self.passwords[username] == password

    def update_user(self, username: str, password: str) -> None:
        self.passwords[username] = password

    def grant_user_permission(self, username: str, resource_type: str, resource_pattern: str, permission: str) -> None:
        self.grants.add((username, resource_type, resource_pattern, permission))


ROLES = tuple(mlflow.PASSWORDS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for account, file in mlflow.PASSWORDS.items():
        (tmp_path / file).write_text(f"{account} opens here")
    return tmp_path


def test_accounts_are_made_with_their_rights(folder: Path) -> None:
    store = Kept()
    assert accounts.settle(store, folder, ROLES) == ["admin: made", "writer: made", "reader: made"]
    assert store.passwords == {account: f"{account} opens here" for account in ROLES}
    assert store.admins == {"admin"}
    assert store.grants == {("writer", kind, "*", "EDIT") for kind in ("experiment", "prompt", "registered_model")}


def test_settled_accounts_are_left_alone(folder: Path) -> None:
    store = Kept()
    accounts.settle(store, folder, ROLES)
    assert accounts.settle(store, folder, ROLES) == []


def test_a_password_that_changed_is_set_the_administrators_too(folder: Path) -> None:
    store = Kept()
    accounts.settle(store, folder, ROLES)
    (folder / "admin_password").write_text("another one opens")
    (folder / "reader_password").write_text("yet another opens")
    assert accounts.settle(store, folder, ROLES) == ["admin: password changed", "reader: password changed"]
    assert store.passwords["admin"] == "another one opens"
    assert store.passwords["writer"] == "writer opens here"


def test_accounts_in_mlflows_own_store(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow.server.auth", reason="mlflow[auth] is not installed")
    config = folder / mlflow.AUTH_FILE
    config.write_text(mlflow.AUTH.replace(mlflow.DATABASE_URI, f"sqlite:///{folder}/accounts.db"))
    monkeypatch.setenv("MLFLOW_AUTH_CONFIG_PATH", str(config))
    accounts.main(str(folder), *ROLES)
    accounts.main(str(folder), *ROLES)
    assert capsys.readouterr().out.splitlines() == ["admin: made", "writer: made", "reader: made", "nothing to do"]


def test_script_needs_nothing_of_ours() -> None:
    loaded = {name for name in vars(accounts) if name in sys.modules and name.startswith("mlplatform")}
    assert loaded == set()
    assert "mlplatform" not in Path(accounts.__file__).read_text()
