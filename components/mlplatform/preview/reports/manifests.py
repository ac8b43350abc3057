"""The Kubernetes objects of a recorded graph as YAML files."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.model import Graph, Resource
from mlplatform.preview.project.yamlfile import dump, shown_path

Json = Any

MARKER = ".mlplatform-manifests"
"""The file that makes a directory ours: it names the files that the last run wrote."""


@dataclass(frozen=True)
class Written:
    """What became of a graph's Kubernetes resources."""

    files: tuple[str, ...]
    """Relative to the directory, with forward slashes, sorted."""
    removed: tuple[str, ...]
    """Files of an earlier run that no resource has any more."""
    skipped: tuple[str, ...]
    """Resources without a manifest, each with the reason."""


def write(graph: Graph, directory: Path) -> Written:
    """Writes every Kubernetes object to `<namespace or _cluster>/<kind>-<name>.yaml` below a directory.

    The directory is made if it does not exist. Raises BadInput when it holds files that this function did not write.
    """
    earlier = _earlier(directory)
    asked = [one for one in graph.resources if one.package == "kubernetes" and one.kind not in ("provider", "read")]
    skipped = {one.urn: _reason(one) for one in asked}
    files = _named([one for one in asked if not skipped[one.urn]])
    removed = sorted(earlier - set(files))
    directory.mkdir(parents=True, exist_ok=True)
    # Listed before they are written, so that a run that is interrupted leaves nothing that the next one would not own.
    (directory / MARKER).write_text("".join(f"{name}\n" for name in sorted(files)), encoding="utf-8")
    for name in removed:
        (directory / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # other files are still in there
            (directory / name).parent.rmdir()
    for name, document in files.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(dump(document), encoding="utf-8")
    reasons = tuple(f"{one.type} {one.name}: {skipped[one.urn]}" for one in asked if skipped[one.urn])
    return Written(tuple(sorted(files)), tuple(removed), reasons)


def _earlier(directory: Path) -> set[str]:
    if directory.exists() and not directory.is_dir():
        raise BadInput(f"{shown_path(directory)}: is a file; give a directory (--out DIR)")
    marker = directory / MARKER
    if marker.is_file():
        inside = directory.resolve()
        listed = marker.read_text(encoding="utf-8").splitlines()
        return {name for name in listed if (directory / name).resolve().is_relative_to(inside)}
    if directory.is_dir() and any(directory.iterdir()):
        raise BadInput(
            f"{shown_path(directory)}: holds files that were not written by this command; "
            "give an empty or a new directory (--out DIR)"
        )
    return set()


def _reason(resource: Resource) -> str | None:
    """Why a resource has no manifest of its own; None where it has one."""
    kind = resource.inputs.get("kind")
    if resource.leaf:
        return resource.leaf
    if resource.type.startswith("kubernetes:helm.sh/"):
        return "a Helm release: Helm renders its objects"
    if not isinstance(kind, str) or "apiVersion" not in resource.inputs:
        return "no Kubernetes object of its own"
    if resource.type.endswith(f":{kind}Patch"):
        return "a patch of an object that is not in this stack"
    return "a list: it is no object" if kind.endswith("List") and "items" in resource.inputs else None


def _named(resources: list[Resource]) -> dict[str, Mapping[str, Json]]:
    wanted = {one.urn: _path(one) for one in resources}
    taken = Counter(wanted.values())
    named = {}
    for one in resources:
        path = wanted[one.urn]
        if taken[path] > 1:
            path = f"{path}-{hashlib.sha256(one.urn.encode()).hexdigest()[:8]}"
        named[f"{path}.yaml"] = _document(one)
    return named


def _path(resource: Resource) -> str:
    metadata = _document(resource).get("metadata")
    fields = metadata if isinstance(metadata, Mapping) else {}
    namespace = fields.get("namespace") or "_cluster"
    return f"{_safe(namespace)}/{_safe(resource.inputs['kind'])}-{_safe(fields.get('name') or resource.name)}"


def _safe(text: Json) -> str:
    """Lower case, only what is harmless in a path."""
    return re.sub(r"[^a-z0-9._-]|^\.+", "_", str(text).lower())


def _document(resource: Resource) -> Mapping[str, Json]:
    given: dict[str, Json] = {**resource.inputs}
    if isinstance(given.get("metadata", {}), Mapping) and "metadata" in resource.outputs:
        given["metadata"] = resource.outputs["metadata"]  # with the name that Pulumi generates
    first: dict[str, Json] = {key: given.pop(key) for key in ("apiVersion", "kind", "metadata") if key in given}
    return {**first, **dict(sorted(given.items()))}
