"""The Kubernetes API as jobs meet it: how it is found, and what is said of its refusals."""

import json
import os
import re
from typing import Any, Final

from kubernetes import client, config  # type: ignore[import-untyped]
from kubernetes.client.exceptions import ApiException  # type: ignore[import-untyped]

TIMEOUTS: Final = (5, 30)
"""Seconds to connect and to wait for an answer: admission webhooks may take up to 30 seconds (Kubernetes documentation,
Dynamic Admission Control)."""
_NAMED: Final = re.compile(r'(?:unknown field|duplicate field|admission webhook) "([^"]{1,200})"')
"""Names, never values, that the text of an answer has."""


def objects(configuration: Any) -> Any:
    """A `CustomObjectsApi`; it serves built-in kinds of a group as well, as their paths have the same form.

    It repeats nothing: jobs do so by themselves, where they can say so.
    """
    configuration.retries = False
    return client.CustomObjectsApi(client.ApiClient(configuration))


def around() -> Any:
    """The configuration of the cluster that KUBECONFIG names, else of the one that this pod runs in.

    ConfigException where there is neither.
    """
    configuration = client.Configuration()
    file = os.environ.get("KUBECONFIG")
    if file:
        config.load_kube_config(file, client_configuration=configuration)
    else:
        config.load_incluster_config(client_configuration=configuration)
    return configuration


def reason(error: ApiException) -> str:
    """Status, reason and the names of fields; the text of an answer repeats values, which may be secret."""
    status = _status(error.body)
    details = status.get("details") or {}
    causes = [f"{cause.get('field', '')} {cause.get('reason', '')}".strip() for cause in details.get("causes") or []]
    named = _NAMED.findall(str(status.get("message", "")))
    return ": ".join(
        filter(None, (f"Kubernetes API: {error.status} {status.get('reason', '')}".strip(), ", ".join(causes + named)))
    )


def _status(body: Any) -> dict[str, Any]:
    try:
        status = json.loads(body)
    except (TypeError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}
