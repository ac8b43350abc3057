"""The request log's contract: what a line holds, where it lies, which requests are in it, and how a writer is told.

A log is JSON lines under `requests/<endpoint>/dt=YYYY-MM-DD/` of the feature bucket, by the day of the request in UTC.
Its writer is a sidecar of the server's pod or, for a function, a part of the function's own image: functions made of
images take no layers (AWS Lambda Developer Guide, Working with layers).
"""

import re
from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from types import MappingProxyType
from typing import Final

SCHEMA_VERSION: Final = 1
"""Version of the schema, in every line; a reader refuses lines of another one."""
FOLDER: Final = "requests/"
"""Folder of the feature bucket that holds the logs of all endpoints."""
PERCENT: Final = 100
"""The share that logs every request."""

BUCKET: Final = "REQUEST_LOG_BUCKET"
"""Environment variable: name of the bucket."""
PREFIX: Final = "REQUEST_LOG_PREFIX"
"""Environment variable: what the keys of the endpoint's objects begin with, day excluded."""
SAMPLE_PERCENT: Final = "REQUEST_LOG_SAMPLE_PERCENT"
"""Environment variable: share of the requests that is logged, 1 to 100."""
MODEL_VERSION: Final = "REQUEST_LOG_MODEL_VERSION"
"""Environment variable: version of the model that answers, as lines name it."""
VERSION: Final = "REQUEST_LOG_SCHEMA_VERSION"
"""Environment variable: version of the schema that lines must have."""
VARIABLES: Final = (BUCKET, PREFIX, SAMPLE_PERCENT, MODEL_VERSION, VERSION)
"""All of a writer's variables."""
UPSTREAM: Final = "REQUEST_LOG_UPSTREAM"
"""Environment variable of the sidecar: where it passes requests on to, such as `http://127.0.0.1:8080`."""
PORT: Final = "REQUEST_LOG_PORT"
"""Environment variable of the sidecar: where it listens."""

_SCALARS: Final = ["boolean", "null", "number", "string"]
SCHEMA: Final[Mapping[str, object]] = MappingProxyType(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:mlplatform:request-log:{SCHEMA_VERSION}",
        "title": "One request to an endpoint, and its prediction",
        "type": "object",
        "required": ["schema_version", "id", "time", "model_version", "features", "prediction"],
        "additionalProperties": False,
        "properties": {
            "schema_version": {"const": SCHEMA_VERSION},
            "id": {
                "description": "Unique for the request; later labels are joined by it",
                "type": "string",
                "minLength": 1,
                "maxLength": 128,
            },
            "time": {
                "description": "When the request came, RFC 3339 in UTC",
                "type": "string",
                "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$",
            },
            "model_version": {
                "description": "Registered model and version that answered",
                "type": "string",
                "pattern": "^[^/]+/[^/]+$",
            },
            "features": {
                "description": "What the model was given, by name: a column each, so nothing nested but lists",
                "type": "object",
                "propertyNames": {"minLength": 1},
                "additionalProperties": {"type": [*_SCALARS, "array"], "items": {"type": _SCALARS}},
            },
            "prediction": {
                "description": "What it answered: a value, a list of values, or values by name such as by class",
                "type": [*_SCALARS, "array", "object"],
                "items": {"type": _SCALARS},
                "additionalProperties": {"type": _SCALARS},
            },
        },
    }
)
"""JSON Schema (2020-12) of one line; closed, since a field that only some writers know is one that no reader uses."""


def prefix(endpoint: str) -> str:
    """Where the log of an endpoint lies in the bucket, such as `requests/fraud/`.

    ValueError for a name that is no folder's, such as one with a slash.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", endpoint):
        raise ValueError(
            f"endpoint {endpoint!r} is no folder; allowed: letters, digits, . _ and -; fix: change the characters"
        )
    return f"{FOLDER}{endpoint}/"


def partition(endpoint: str, day: date) -> str:
    """Where the requests of one day (UTC) lie, such as `requests/fraud/dt=2026-01-31/`: as Athena reads partitions."""
    return f"{prefix(endpoint)}dt={day:%Y-%m-%d}/"


def fraction(request_id: str) -> float:
    """A number from 0 up to but not 1, always the same for the same id: its SHA-256's first 53 bits over 2**53.

    53 bits are what a float holds exactly, so every writer, in whatever language, comes to the same number.
    """
    return (int.from_bytes(sha256(request_id.encode()).digest()[:8], "big") >> 11) / 2**53


def sampled(request_id: str, percent: float) -> bool:
    """Whether a request is logged: its fraction is below the share.

    The same requests are logged by every replica and after every restart, and a greater share logs those and more.
    """
    return fraction(request_id) * PERCENT < percent


def env(*, bucket: object, endpoint: str, model: str, version: str, sample_percent: object) -> dict[str, object]:
    """The environment variables of a writer; bucket and percentage may be anything that is serialised later."""
    return {
        BUCKET: bucket,
        PREFIX: prefix(endpoint),
        SAMPLE_PERCENT: sample_percent,
        MODEL_VERSION: f"{model}/{version}",
        VERSION: str(SCHEMA_VERSION),
    }
