"""A training pipeline under construction, and what every template of it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from mlplatform.contracts.labels import KUEUE_PRIORITY_CLASS, KUEUE_QUEUE_NAME
from mlplatform.core.args import In
from mlplatform.core.capacity import placement
from mlplatform.core.place import Place
from mlplatform.facts.kubernetes.pods import container_security
from mlplatform.training_pipeline.args import TrainingPipelineArgs
from mlplatform.training_pipeline.step_args import PipelineStep

IN: Final = "/pipeline/in"
"""Where a step finds what it gets."""
OUT: Final = "/pipeline/out"
"""Where a step leaves what others get."""
SERVICE_ACCOUNT: Final = "worker"
"""Service account of a team's pods, which its training queue makes."""
TAKEN_AWAY: Final = 10
"""How often a step is tried again whose pod was taken away: Kueue preempts a pod by deleting it."""
_BACKOFF: Final[Mapping[str, str]] = {"duration": "30s", "factor": "2", "cap": "10m"}
_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path
_VOLUMES: Final[Mapping[str, str]] = {
    "in": IN,
    "out": OUT,
    "tmp": "/tmp",  # noqa: S108 - a volume of the pod's own
    # Argo's executor reports by the service account's token. The program beside it does not get it: the API server
    # mounts it only where a container has nothing (Kubernetes, plugin/pkg/admission/serviceaccount).
    "no-token": _TOKEN,
}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline under construction."""

    name: str
    """Its name, which is also that of its WorkflowTemplate."""
    args: TrainingPipelineArgs
    """What it was asked to be."""
    place: Place
    """Account, region and partition."""
    bucket: pulumi.Output[str] | None
    """Bucket of its runs; None without steps."""

    @property
    def experiment(self) -> str:
        """Experiment that has its runs."""
        return self.args.experiment or self.name

    @property
    def data_uri(self) -> In[str]:
        """Address of the data that a run is trained on, unless it is given another."""
        if self.args.data_uri is not None:
            return self.args.data_uri
        return pulumi.Output.concat(
            "s3://", self.args.feature_bucket_name or "", "/", next(iter(self.args.reads or ()))
        )

    @property
    def admission(self) -> dict[str, object]:
        """Labels by which Kueue admits pods and jobs."""
        return {KUEUE_QUEUE_NAME: self.args.queue_name, KUEUE_PRIORITY_CLASS: self.args.priority}


def argo(*parts: str) -> str:
    """A variable that Argo replaces, such as `{{inputs.parameters.trial}}`."""
    return f"{{{{{'.'.join(parts)}}}}}"


def parameters(values: Mapping[str, object]) -> dict[str, Any]:
    """Arguments by name."""
    return {"parameters": [{"name": name, "value": value} for name, value in values.items()]}


def variables(values: Mapping[str, object]) -> list[dict[str, object]]:
    """Environment variables of a container."""
    return [{"name": name, "value": value} for name, value in values.items()]


def retries(own: int) -> dict[str, object]:
    """How often Argo begins a pod anew: `own` times when it failed by itself, more often when it was taken away.

    Both count together, since a template has one strategy; `retries` in the expression is the number of the attempt,
    beginning with 0 (Argo Workflows, workflow/controller/operator.go). Argo says of a pod that was deleted that it was,
    but may see how its program ended first, so that the attempt counts as its own.
    """
    return {
        "limit": str(TAKEN_AWAY + own),
        "retryPolicy": "Always",
        "expression": f'asInt(retries) < {own} || lastRetry.message contains "pod deleted"',
        "backoff": dict(_BACKOFF),
    }


def seconds(minutes: In[int] | None) -> pulumi.Output[int]:
    """Minutes in seconds."""
    return pulumi.Output.from_input(minutes).apply(lambda number: int(number or 0) * 60)


def pod(pipeline: Pipeline, pool: str | None, *, gpus: int = 0, shared_memory: In[str] | None = None) -> dict[str, Any]:
    """The parts of a template beside its container: volumes, and the nodes of a pool."""
    volumes: list[dict[str, Any]] = [{"name": name, "emptyDir": {}} for name in _VOLUMES]
    if gpus:
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": shared_memory}})
    return {"volumes": volumes, **placement(pipeline.args.tiers(pool))}


def mounts(*, gpus: int = 0) -> list[dict[str, object]]:
    """Where the volumes of `pod` are in its container."""
    shared = {"shm": "/dev/shm"} if gpus else {}  # noqa: S108 - a volume of the pod's own
    return [{"name": name, "mountPath": path} for name, path in {**_VOLUMES, **shared}.items()]


def resources(cpu: In[str] | None, memory: In[str] | None, disk: In[str] | None, **more: str) -> dict[str, Any]:
    """Requests and limits; the CPU is not limited, since what nobody else wants lies idle otherwise."""
    bounded = {"memory": memory, "ephemeral-storage": disk, **more}
    return {"requests": {"cpu": cpu, **bounded}, "limits": bounded}


def of_step(pipeline: Pipeline, given: PipelineStep) -> dict[str, Any]:
    """Requests and limits of a team's step, with its GPUs."""
    tiers = pipeline.args.tiers(given.pool)
    resource = tiers[0].gpu_resource if tiers else None
    gpus = {resource: str(given.gpus)} if resource and given.gpus else {}
    return resources(given.cpu, given.memory, given.disk, **gpus)


def job(pipeline: Pipeline, arguments: Sequence[object], environment: Mapping[str, object]) -> dict[str, Any]:
    """A container of the runtime's image with one of the platform's jobs."""
    return {
        "image": pipeline.args.runtime_image,
        "command": ["python", "-m", "mlplatform.runtime"],
        "args": list(arguments),
        "env": variables(environment),
        "securityContext": container_security(),
        "volumeMounts": mounts(),
    }
