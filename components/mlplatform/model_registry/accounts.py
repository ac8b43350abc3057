"""Brings MLflow's accounts to what the secret says; runs in MLflow's own image, of which alone it needs something.

It may run at any time and any number of times: a password that changed is set, one that did not is left alone.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

ADMIN, WRITER = "admin", "writer"
GRANTED = ("experiment", "prompt", "registered_model")
"""Kinds of things that a writer may change, whoever made them."""


class Store(Protocol):
    """What is used of MLflow's store of accounts."""

    def has_user(self, username: str) -> bool:
        """Whether there is such an account."""

    def create_user(self, username: str, password: str, is_admin: bool = False) -> object:  # noqa: FBT001, FBT002 - MLflow's
        """Makes an account."""

    def authenticate_user(self, username: str, password: str) -> bool:
        """Whether this is the password of the account."""

    def update_user(self, username: str, password: str) -> object:
        """Sets the password of an account."""

    def grant_user_permission(
        self, username: str, resource_type: str, resource_pattern: str, permission: str
    ) -> object:
        """Grants a permission, or changes one that was granted."""


def settle(store: Store, folder: Path, accounts: Iterable[str]) -> list[str]:
    """Makes or changes the accounts, whose passwords are files `<account>_password` of the folder; says what it did."""
    done = []
    for account in accounts:
        password = (folder / f"{account}_password").read_text()
        if not store.has_user(account):
            store.create_user(account, password, is_admin=account == ADMIN)
            done.append(f"{account}: made")
        elif not store.authenticate_user(account, password):
            store.update_user(account, password=password)
            done.append(f"{account}: password changed")
        if account == WRITER:
            for kind in GRANTED:
                store.grant_user_permission(account, kind, "*", "EDIT")
    return done


def main(folder: str, *accounts: str) -> None:
    """Settles the accounts in the database that MLflow's configuration names."""
    # There in MLflow's image only.
    from mlflow.server.auth.config import read_auth_config  # noqa: PLC0415
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415

    store: Any = SqlAlchemyStore()
    store.init_db(read_auth_config().database_uri)
    for line in settle(store, Path(folder), accounts) or ["nothing to do"]:
        print(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
