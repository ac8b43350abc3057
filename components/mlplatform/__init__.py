"""Pulumi components for machine-learning platforms on AWS and Kubernetes.

The public names below are loaded on first use, so that importing `mlplatform.facts`, `mlplatform.runtime` or the command
never pays for, or needs, Pulumi.
"""

import importlib
from typing import Any

PUBLIC = {
    "Cluster": "cluster",
    "ClusterArgs": "cluster",
    "FeatureStore": "feature_store",
    "FeatureStoreArgs": "feature_store",
    "Network": "network",
    "NetworkArgs": "network",
}
"""Public name to the module that defines it."""

__all__ = list(PUBLIC)  # noqa: PLE0604 - the names are strings, from one table


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
