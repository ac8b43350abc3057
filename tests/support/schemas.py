"""Kubernetes objects against published schemas: built-in kinds by kubernetes-validate, custom ones by their CRDs."""

import functools
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from mlplatform.preview import recorder

VERSION = "1.35"
"""Kubernetes version of the schemas, which is the cluster's."""


class NoDefinition(Exception):
    """No CRD for an object's group, version and kind is at hand."""


def problems(manifest: dict[str, Any], crds: Path) -> list[str]:
    """What is wrong with an object; `crds` is the folder of the definitions of custom kinds."""
    if "." in manifest["apiVersion"].partition("/")[0] and not manifest["apiVersion"].split("/")[0].endswith(".k8s.io"):
        return _custom(manifest, crds)
    try:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError:
        return _custom(manifest, crds)
    return []


def _custom(manifest: dict[str, Any], crds: Path) -> list[str]:
    group, _, version = manifest["apiVersion"].partition("/")
    schema = _schemas(crds).get((group, version, manifest["kind"]))
    if schema is None:
        raise NoDefinition(f"{manifest['apiVersion']} {manifest['kind']}")
    found = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    # What only the provider computes is known to no schema.
    known = [error for error in found if error.instance != recorder.UNKNOWN]
    return sorted(f"{'.'.join(map(str, error.path))}: {error.message}" for error in known)


@functools.cache
def _schemas(crds: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = {}
    for path in sorted(crds.glob("*.yaml")):
        spec = yaml.load(path.read_text(), Loader=loader)["spec"]  # noqa: S506 - a safe one, in C where there is one
        for version in spec["versions"]:
            schema = _closed(version["schema"]["openAPIV3Schema"])
            schema["properties"].update({"apiVersion": {}, "kind": {}, "metadata": {}})
            found[spec["group"], version["name"], spec["names"]["kind"]] = schema
    return found


def _closed(schema: Any) -> Any:
    """The schema with unknown fields forbidden, as strict field validation has it."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(item) for key, item in schema.items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if schema.get("type") == "object" and "properties" in schema and not open_ended:
        closed["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        closed.pop("type", None)
    return closed
