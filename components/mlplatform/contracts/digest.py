"""One digest for many files: the same wherever they lie, in whatever order they are read."""

import json
from collections.abc import Mapping
from hashlib import sha256


def of_files(digests: Mapping[str, str]) -> str:
    """SHA-256 in hex of a folder, from the SHA-256 in hex of each of its files by its path below the folder."""
    return sha256(json.dumps(sorted(digests.items()), separators=(",", ":")).encode()).hexdigest()
