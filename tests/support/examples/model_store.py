"""ModelStore: a valid set of arguments, and for each field another value that shows in the graph."""

from examples.hardened_bucket import COPY_KEY, KEY
from mlplatform.model_store import ModelStore, ModelStoreArgs

ARGS = ModelStoreArgs

BASE: dict[str, object] = {
    "access_logs": {"bucket_name": "access-logs"},
    "replication": {"destination_bucket_arn": "arn:aws:s3:::replicas", "destination_kms_key_arn": COPY_KEY},
}

CHANGES: dict[str, object] = {
    "access_logs.bucket_name": "other-logs",
    "access_logs.retention_days": 365,
    "replication.destination_bucket_arn": "arn:aws:s3:::copies",
    "replication.destination_kms_key_arn": f"{COPY_KEY[:-1]}9",
    "replication.delete_markers": True,
    "kms_key_arn": KEY,
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
    "deletion_protection": False,
    "force_destroy": True,
}
CONTEXT: dict[str, dict[str, object]] = {
    "access_logs.retention_days": {"access_logs.bucket_name": None},
    "force_destroy": {"deletion_protection": False},
}
EXCEPTIONS: dict[str, str] = {}


def program(args: dict[str, object], name: str = "x") -> None:
    """A model store, and nothing beside it."""
    ModelStore(name, ModelStoreArgs.of(args))
