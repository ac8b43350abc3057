"""Stands in for RDS: Debian's PostgreSQL, where it is installed, over TLS as the registry's connection wants it."""

import os
import pwd
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from loop.machine import free_port

FOLDERS: Final = "/usr/lib/postgresql"
_FIELD: Final = re.compile(r"\{\{\s*\.(\w+)\s*\}\}")


def binaries() -> Path | None:
    """Folder with the programs of the latest PostgreSQL of this machine."""
    found = sorted(Path(FOLDERS).glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


class Postgres:
    """A server with one database, its owner and password."""

    def __init__(self, root: Path, content: Mapping[str, str]) -> None:
        """`content` is the connection file as a template, which names database and user."""
        folder = binaries()
        if folder is None:
            raise LookupError("no PostgreSQL; fix: apt-get install postgresql")
        self.bin, self.port, self.password = folder, free_port(), secrets.token_urlsafe(16)
        self.version = f"PostgreSQL {folder.parent.name}"
        self.data = root / "postgres"
        self.name = _setting("dbname", content)
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())

    def start(self) -> None:
        """Makes the database, and starts the server."""
        self.data.mkdir(parents=True)
        self._own(self.data)
        # The server refuses to run as root, so it runs as another user, who must reach its folder.
        for folder in self.data.parents:
            if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 0o001 and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o011)
        secret = self.data / "password"
        secret.write_text(self.password)
        self._own(secret)
        data = self.data / "data"
        self._run("initdb", "-D", str(data), "-U", self.name, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8")
        certificate(data / "server.crt", data / "server.key")
        for name in ("server.crt", "server.key"):
            (data / name).chmod(0o600)
            self._own(data / name)
        options = f"-c ssl=on -c port={self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.data}"
        self._run(
            "pg_ctl", "-D", str(data), "-w", "-l", str(self.data / "log"), "-o", f"{options} -c fsync=off", "start"
        )
        environment = {"PGPASSWORD": self.password, "PATH": "/usr/bin:/bin"}
        subprocess.run(  # noqa: S603
            [str(self.bin / "createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", self.name, self.name],
            env=environment,
            check=True,
            capture_output=True,
        )

    def stop(self) -> None:
        """Ends the server."""
        self._run("pg_ctl", "-D", str(self.data / "data"), "-m", "fast", "stop")
        shutil.rmtree(self.data, ignore_errors=True)

    def content(self, secret: Mapping[str, Any]) -> dict[str, str]:
        """The Secret with the connection, which an ExternalSecret asks for, as RDS and its managed password fill it."""
        values = {"username": self.name, "password": self.password}
        filled = {}
        for name, template in secret["spec"]["target"]["template"]["data"].items():
            text = _FIELD.sub(lambda found: values[found[1]], template)
            # Names are resolved by libpq here, which knows nothing of the platform's.
            text = re.sub(r"(?m)^host=.*$", "host=127.0.0.1", text)
            filled[name] = re.sub(r"(?m)^port=.*$", f"port={self.port}", text)
        return filled

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603
            [str(self.bin / program), *arguments],
            user=self.user.pw_uid,
            group=self.user.pw_gid,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            check=False,
            stdin=subprocess.DEVNULL,
            # The server keeps what it inherits open.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {(done.stderr or b'').decode()[-1000:]}")

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)


def certificate(path: Path, key_path: Path) -> None:
    """Makes a certificate for this machine, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _setting(name: str, content: Mapping[str, str]) -> str:
    found = re.search(rf"(?m)^{name}=(.*)$", "\n".join(content.values()))
    if not found:
        raise LookupError(f"the connection names no {name}")
    return found[1]
