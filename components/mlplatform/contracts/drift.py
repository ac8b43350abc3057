"""What a drift monitor, its job and a request for retraining agree on: names, folders, and what a template may hold."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

CONFIG: Final = "DRIFT_CONFIG"
"""Environment variable of the drift job: what it compares, as JSON."""
REQUEST_CONFIG: Final = "REQUEST_CONFIG"
"""Environment variable of whoever asks for a retraining: how, and how often, as JSON."""
JOB: Final = "drift"
"""The label `job` of what the drift job pushes."""
PREDICTION: Final = "prediction"
"""Name of the prediction beside those of features."""

REPORTS: Final = "drift/"
"""Folder of the feature bucket with the reports of all endpoints."""
LABELS: Final = "labels/"
"""Folder of the feature bucket with the labels that arrive later."""
MODEL_VERSION: Final = "${model_version}"
"""In a reference's prefix: model and version that answered, as lines of the request log name them."""

TABLE_KEY: Final = "id"
"""Hash key of the table: the endpoint."""
TABLE_TTL: Final = "expires_at"
"""Attribute by which DynamoDB deletes an endpoint's state, long after it has ceased to matter."""

VALUES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "id": "the request's id, which is also the de-duplication id of its message",
        "endpoint": "the endpoint",
        "window_start": "beginning of the window, RFC 3339",
        "window_end": "end of the window, RFC 3339",
        "reason": "who or what asked, and why",
        "report": "address of the report in S3; empty for a request by hand",
    }
)
"""What a template may hold, each as `${request.<name>}` in any text of it."""
_PLACEHOLDER: Final = re.compile(r"\$\{request\.([^}]*)\}")


def reports(endpoint: str) -> str:
    """Where the reports of an endpoint lie in the bucket."""
    return f"{REPORTS}{endpoint}/"


def labels(endpoint: str) -> str:
    """Where the labels of an endpoint's requests lie in the bucket, unless another place is given."""
    return f"{LABELS}{endpoint}/"


def filled(template: Any, values: Mapping[str, str]) -> Any:
    """The template with every placeholder replaced, in texts at any depth; keys stay as they are."""
    if isinstance(template, str):
        return _PLACEHOLDER.sub(lambda found: values[found[1]], template)
    if isinstance(template, Mapping):
        return {key: filled(value, values) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [filled(value, values) for value in template]
    return template


def strange(template: Any) -> Iterator[str]:
    """Placeholders of a template that name nothing known."""
    if isinstance(template, str):
        yield from (found[0] for found in _PLACEHOLDER.finditer(template) if found[1] not in VALUES)
    if isinstance(template, Mapping):
        template = list(template.values())
    if isinstance(template, list | tuple):
        for value in template:
            yield from strange(value)
