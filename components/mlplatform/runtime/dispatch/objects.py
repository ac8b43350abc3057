"""The object that a message asks for: named after the message, held by Kueue, never moved by Karpenter."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from mlplatform.contracts.labels import (
    DOMAIN,
    KARPENTER_DO_NOT_DISRUPT,
    KUEUE_PRIORITY_CLASS,
    KUEUE_QUEUE_NAME,
    MANAGED_BY,
)
from mlplatform.facts.kubernetes.pods import container_security, pod_security
from mlplatform.runtime.dispatch.message import SERVICE_ACCOUNT, Config, Kind, Message, MessageError

DEDUPLICATION_ID: Final = f"{DOMAIN}/deduplication-id"
"""Annotation with the de-duplication id of the message that an object was made for: messages with the same ask for the
same job."""
MESSAGE_ID: Final = f"{DOMAIN}/message-id"
"""Annotation with the id that SQS gave that message, to find it in the logs."""

LONGEST: Final = 63 - len("-dataset-initializer-0-0-abcde")
"""Longest name: JobSet's webhook wants the names of pods within 63 characters, and this is the most that it appends for
the jobs of Kubeflow's runtimes, whose JobSet has the TrainJob's name. What an indexed Job appends to host names is
shorter."""
KEPT_SECONDS: Final = 14 * 24 * 3600
"""How long a finished object stays unless the message says so: as long as SQS can keep a message, so that none that
comes again runs again."""
RETRIES: Final[Mapping[str, Any]] = {
    "retryPolicy": "OnError",
    "limit": "10",
    "backoff": {"duration": "30s", "factor": "2", "cap": "10m"},
}
"""How often Argo repeats a step whose pod was taken away: Kueue preempts it by deleting it, which Argo calls an error.
A step that fails by itself is not repeated; without a limit Argo would never give up."""
_ONE_POD: Final = ("container", "script")
"""Templates of one pod. A `resource` template is not repeated: it would make its job twice."""
_TRAINER: Final = "node"
"""The job of the training nodes in the runtimes of Kubeflow Trainer, and its container (Kubeflow Trainer,
manifests/base/runtimes)."""
_UNDISTURBED: Final[Mapping[str, str]] = {KARPENTER_DO_NOT_DISRUPT: "true"}

# The first letter, since the name of a TrainJob is an RFC 1035 label.
_PLAIN: Final = re.compile(rf"(?=.{{1,{LONGEST}}}$)[a-z]([a-z0-9-]*[a-z0-9])?")
_DIGITS: Final = 12
_HASHED: Final = re.compile(rf"-[0-9a-f]{{{_DIGITS}}}$")


@dataclass(frozen=True, slots=True)
class Resource:
    """Where the API has the objects of a kind."""

    group: str
    """API group."""
    version: str
    """Version of the group."""
    plural: str
    """The kind's name in paths."""


RESOURCES: Final[Mapping[Kind, Resource]] = {
    Kind.JOB: Resource("batch", "v1", "jobs"),
    Kind.WORKFLOW: Resource("argoproj.io", "v1alpha1", "workflows"),
    Kind.TRAIN_JOB: Resource("trainer.kubeflow.org", "v1alpha1", "trainjobs"),
}
"""The kinds; the paths of all three have the same form, since each has a group."""


def name_of(deduplication_id: str) -> str:
    """The name for a message: its de-duplication id, or as much of it as a name can hold and a hash of all of it.

    Always the same for the same id. An id that ends like a hash gets one too, so that it is never the name of another.
    """
    if _PLAIN.fullmatch(deduplication_id) and not _HASHED.search(deduplication_id):
        return deduplication_id
    words = re.sub(r"[^a-z0-9]+", "-", deduplication_id.lower()).strip("-")
    readable = words if words[:1].isalpha() else f"m-{words}"
    digest = sha256(deduplication_id.encode()).hexdigest()[:_DIGITS]
    return f"{readable[: LONGEST - _DIGITS - 1].rstrip('-')}-{digest}"


def manifest(message: Message, config: Config, *, deduplication_id: str, message_id: str) -> dict[str, Any]:
    """The object of a message that `parse` let through; MessageError where its spec has not the form of its kind."""
    resource = RESOURCES[message.kind]
    admission = {
        KUEUE_QUEUE_NAME: config.teams[message.team].queue,
        KUEUE_PRIORITY_CLASS: message.priority or config.default_priority,
    }
    # Kueue has no integration for Workflows: there the pods are admitted, one by one.
    on_object = {} if message.kind is Kind.WORKFLOW else admission
    return {
        "apiVersion": f"{resource.group}/{resource.version}",
        "kind": message.kind.value,
        "metadata": {
            "name": name_of(deduplication_id),
            "namespace": message.team,
            "labels": {MANAGED_BY[0]: MANAGED_BY[1], **on_object},
            "annotations": {DEDUPLICATION_ID: deduplication_id, MESSAGE_ID: message_id},
        },
        "spec": _SPECS[message.kind](message.spec, admission),
    }


def _job(spec: Mapping[str, Any], _: Mapping[str, str]) -> dict[str, Any]:
    template = _mapping(spec, "spec", "template")
    pod = _mapping(template, "spec.template", "spec")
    return {
        "ttlSecondsAfterFinished": KEPT_SECONDS,
        **spec,
        "suspend": True,
        "template": {
            **template,
            "metadata": _marked(_mapping(template, "spec.template", "metadata"), "spec.template.metadata"),
            "spec": _secured(pod),
        },
    }


def _secured(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The pod with what its namespace demands, where it says nothing itself; else it would never be admitted there."""
    lists = {key: _mappings(pod, "spec.template.spec", key) for key in ("initContainers", "containers") if key in pod}
    secured = {
        key: [{"securityContext": container_security(read_only=False), **container} for container in containers]
        for key, containers in lists.items()
    }
    return {"serviceAccountName": SERVICE_ACCOUNT, "securityContext": pod_security(), **pod, **secured}


def _workflow(spec: Mapping[str, Any], admission: Mapping[str, str]) -> dict[str, Any]:
    changed: dict[str, Any] = {
        "serviceAccountName": SERVICE_ACCOUNT,
        "ttlStrategy": {"secondsAfterCompletion": KEPT_SECONDS},
        **spec,
        "podMetadata": _marked(_mapping(spec, "spec", "podMetadata"), "spec.podMetadata", admission),
    }
    defaults = _mapping(spec, "spec", "templateDefaults")
    if "templates" in spec and "retryStrategy" not in spec and "retryStrategy" not in defaults:
        # Template by template: for the whole workflow it would also repeat steps and DAGs, each with all their pods.
        changed["templates"] = [_retried(template) for template in _mappings(spec, "spec", "templates")]
    return changed


def _retried(template: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"retryStrategy": RETRIES, **template} if any(key in template for key in _ONE_POD) else template


def _train_job(spec: Mapping[str, Any], _: Mapping[str, str]) -> dict[str, Any]:
    container = {"name": _TRAINER, "securityContext": container_security(read_only=False)}
    defaults = _patch("defaults", {"spec": {"securityContext": pod_security(), "containers": [container]}})
    fixed = {"metadata": {"annotations": dict(_UNDISTURBED)}, "spec": {"serviceAccountName": SERVICE_ACCOUNT}}
    # A later patch wins: the message's over what its namespace demands, over the message's what is the same for all.
    patches = [defaults, *_mappings(spec, "spec", "runtimePatches"), _patch("dispatch", fixed)]
    return {**spec, "suspend": True, "runtimePatches": patches}


def _patch(manager: str, pods: Mapping[str, Any]) -> dict[str, Any]:
    """A change to the pods of the trainer that a runtime has."""
    jobs = [{"name": _TRAINER, "template": {"spec": {"template": pods}}}]
    return {
        "manager": f"{DOMAIN}/{manager}",
        "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": jobs}}},
    }


_SPECS: Final[Mapping[Kind, Callable[[Mapping[str, Any], Mapping[str, str]], dict[str, Any]]]] = {
    Kind.JOB: _job,
    Kind.WORKFLOW: _workflow,
    Kind.TRAIN_JOB: _train_job,
}


def _marked(metadata: Mapping[str, Any], path: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Metadata of pods with the annotation against disruption, and labels."""
    marks = {"annotations": _UNDISTURBED, **({"labels": labels} if labels else {})}
    return {**metadata, **{key: {**_mapping(metadata, path, key), **added} for key, added in marks.items()}}


def _mapping(holder: Mapping[str, Any], path: str, key: str) -> dict[str, Any]:
    value = holder.get(key)
    if value is not None and not isinstance(value, dict):
        raise MessageError(f"{path}.{key}: allowed is a mapping")
    return value or {}


def _mappings(holder: Mapping[str, Any], path: str, key: str) -> list[dict[str, Any]]:
    value = holder.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MessageError(f"{path}.{key}: allowed is a list of mappings")
    return value
