"""The pods inside Kubernetes objects, whatever controller makes them, and the images of everything that runs one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml

from model import Subject
from reading import decoded, each, listed, within

EVERY: Final = "*"
"""In a path: each item of a list, or each value of a mapping."""
Path = tuple[str, ...]
_TEMPLATE: Final[Path] = ("spec", "template", "spec")
_KSERVE: Final[Sequence[Path]] = (
    ("spec", "predictor"),
    ("spec", "predictor", "workerSpec"),
    ("spec", "canary", EVERY, "predictor"),
    ("spec", "canary", EVERY, "predictor", "workerSpec"),
    ("spec", "transformer"),
    ("spec", "explainer"),
)
_LLM: Final[Sequence[Path]] = (
    ("spec", "template"),
    ("spec", "worker"),
    ("spec", "prefill", "template"),
    ("spec", "prefill", "worker"),
    ("spec", "router", "scheduler", "template"),
)
_JOBS: Final[Path] = ("replicatedJobs", EVERY, "template", "spec", "template", "spec")
_RAY: Final[Sequence[Path]] = (
    ("headGroupSpec", "template", "spec"),
    ("workerGroupSpecs", EVERY, "template", "spec"),
)

PODS: Final[Mapping[tuple[str, str], Sequence[Path]]] = {
    ("", "Pod"): (("spec",),),
    ("", "PodTemplate"): (("template", "spec"),),
    ("", "ReplicationController"): (_TEMPLATE,),
    ("apps", "DaemonSet"): (_TEMPLATE,),
    ("apps", "Deployment"): (_TEMPLATE,),
    ("apps", "ReplicaSet"): (_TEMPLATE,),
    ("apps", "StatefulSet"): (_TEMPLATE,),
    ("batch", "Job"): (_TEMPLATE,),
    ("batch", "CronJob"): (("spec", "jobTemplate", *_TEMPLATE),),
    ("jobset.x-k8s.io", "JobSet"): (("spec", *_JOBS),),
    ("keda.sh", "ScaledJob"): (("spec", "jobTargetRef", "template", "spec"),),
    ("kubeflow.org", "MPIJob"): (("spec", "mpiReplicaSpecs", EVERY, "template", "spec"),),
    ("kubeflow.org", "PyTorchJob"): (("spec", "pytorchReplicaSpecs", EVERY, "template", "spec"),),
    ("kubeflow.org", "TFJob"): (("spec", "tfReplicaSpecs", EVERY, "template", "spec"),),
    ("leaderworkerset.x-k8s.io", "LeaderWorkerSet"): (
        ("spec", "leaderWorkerTemplate", "leaderTemplate", "spec"),
        ("spec", "leaderWorkerTemplate", "workerTemplate", "spec"),
    ),
    ("ray.io", "RayCluster"): tuple(("spec", *path) for path in _RAY),
    ("ray.io", "RayJob"): tuple(("spec", "rayClusterSpec", *path) for path in _RAY),
    ("ray.io", "RayService"): tuple(("spec", "rayClusterConfig", *path) for path in _RAY),
    ("serving.kserve.io", "ClusterServingRuntime"): (("spec",), ("spec", "workerSpec")),
    ("serving.kserve.io", "InferenceService"): _KSERVE,
    ("serving.kserve.io", "LLMInferenceService"): _LLM,
    ("serving.kserve.io", "ServingRuntime"): (("spec",), ("spec", "workerSpec")),
    ("trainer.kubeflow.org", "ClusterTrainingRuntime"): (("spec", "template", "spec", *_JOBS),),
    ("trainer.kubeflow.org", "TrainingRuntime"): (("spec", "template", "spec", *_JOBS),),
    ("trainer.kubeflow.org", "TrainJob"): (
        ("spec", "runtimePatches", EVERY, "trainingRuntimeSpec", "template", "spec", *_JOBS),
    ),
}
"""Where an object's pod specs are, by the group and kind of the object."""
ARGO: Final[Mapping[str, Path]] = {
    "ClusterWorkflowTemplate": ("spec",),
    "CronWorkflow": ("spec", "workflowSpec"),
    "Workflow": ("spec",),
    "WorkflowTemplate": ("spec",),
}
"""Where Argo's kinds have their templates, each of which is a pod, or an object that it makes."""
_GROUPS: Final[Mapping[str, str]] = {"": "core"}
KINDS: Final = tuple(
    f"kubernetes:{_GROUPS.get(group, group)}/*:{kind}"
    for group, kind in (*PODS, *(("argoproj.io", kind) for kind in ARGO))
)
"""Type tokens of all objects that hold pods."""

_LISTS: Final = ("initContainers", "containers", "ephemeralContainers", "sidecars")
_SINGLE: Final = ("container", "script", "model", "huggingface", "lightgbm", "onnx", "paddle", "pmml", "pytorch")
_MORE_SINGLE: Final = ("sklearn", "tensorflow", "triton", "xgboost", "art")
_PARAMETER: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Container:
    """A container of any sort."""

    where: str
    """Its place in the object and its name."""
    spec: Mapping[str, Any]
    ephemeral: bool = False
    """Whether it is for debugging: such a one has no resources."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod spec, or what stands for one."""

    where: str
    """Its place in the object."""
    spec: Mapping[str, Any]
    around: Mapping[str, Any]
    """The spec of the object around it whose fields hold for all its pods; empty where there is none."""

    def field(self, name: str) -> Any:
        """A field of the pod, or of the workflow around it."""
        own = self.spec.get(name)
        return self.around.get(name) if own is None else own

    def items(self, name: str) -> Sequence[Any]:
        """The items of a list of the pod, and of the workflow around it."""
        return [*listed(self.spec, name), *listed(self.around, name)]


def group_and_kind(token: str) -> tuple[str, str]:
    """The API group and kind of a Kubernetes type token; a `...Patch` counts as what it patches."""
    _, _, rest = token.partition(":")
    version, _, kind = rest.rpartition(":")
    group = version.rpartition("/")[0]
    return ("" if group == "core" else group), kind.removesuffix("Patch")


def pods(subject: Subject) -> Iterator[Pod]:
    """All pods of an object."""
    group, kind = group_and_kind(subject.kind)
    yield from _pods(group, kind, subject.props)


def _pods(group: str, kind: str, props: Mapping[str, Any]) -> Iterator[Pod]:
    yield from each(
        PODS.get((group, kind), ()), lambda path: (Pod(where, spec, {}) for where, spec in _at(props, path, ""))
    )
    if group == "argoproj.io" and kind in ARGO:
        yield from _of_workflow(within(props, *ARGO[kind]), ".".join(ARGO[kind]))


def _at(value: Any, path: Path, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not path:
        if isinstance(value, Mapping):
            yield where, value
        return
    key, *rest = path
    if key != EVERY:
        yield from _at(within(value, key), tuple(rest), f"{where}.{key}" if where else key)
    elif isinstance(value, Mapping):
        names = list(value)
        yield from each(names, lambda name: _at(value[name], tuple(rest), f"{where}.{name}"))
    else:
        items = listed(value)
        yield from each(range(len(items)), lambda at: _at(items[at], tuple(rest), f"{where}[{at}]"))


def _of_workflow(spec: Any, where: str) -> Iterator[Pod]:
    if not isinstance(spec, Mapping):
        return
    templates = [*listed(spec, "templates"), *listed(spec, "templateDefaults")]
    yield from each(range(len(templates)), lambda at: _of_template(templates[at], spec, f"{where}.templates[{at}]"))


def _of_template(template: Mapping[str, Any], workflow: Mapping[str, Any], where: str) -> Iterator[Pod]:
    manifest = within(template, "resource", "manifest")
    if isinstance(manifest, str):
        made = _parsed(manifest)
        group = str(made.get("apiVersion", "")).rpartition("/")[0]
        inside = _pods(group, str(made.get("kind", "")), made)
        yield from (replace(pod, where=f"{where}.resource.manifest.{pod.where}") for pod in inside)
        return
    containers = within(template, "containerSet")
    yield Pod(where, template, workflow)
    if containers:
        yield Pod(f"{where}.containerSet", containers, workflow)


def unreadable(subject: Subject) -> Iterator[str]:
    """The places of manifests in a workflow that are no YAML, so that nobody can say what pods they make."""
    group, kind = group_and_kind(subject.kind)
    if group != "argoproj.io" or kind not in ARGO:
        return
    templates = listed(subject.props, *ARGO[kind], "templates")
    for at in range(len(templates)):
        manifest = within(templates[at], "resource", "manifest")
        if isinstance(manifest, str) and not _parsed(manifest):
            yield f"{'.'.join(ARGO[kind])}.templates[{at}].resource.manifest"


def _parsed(manifest: str) -> Mapping[str, Any]:
    """An object that a workflow makes, empty where it is none; its parameters, which may be no YAML, become text."""
    text = _PARAMETER.sub(lambda found: f"__{re.sub(r'[^A-Za-z0-9]+', '_', found[0]).strip('_')}__", manifest)
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, Mapping) else {}


def containers(pod: Pod) -> Iterator[Container]:
    """All containers of a pod, the initial and the ephemeral ones too."""
    yield from each(_LISTS, lambda name: _of_list(pod, name))
    yield from each((*_SINGLE, *_MORE_SINGLE), lambda name: _of_field(pod, name))


def _of_list(pod: Pod, name: str) -> Iterator[Container]:
    items = listed(pod.spec, name)

    def one(at: int) -> Iterator[Container]:
        where = f"{pod.where}.{name}[{within(items[at], 'name') or at}]"
        yield Container(where, items[at], ephemeral=name == "ephemeralContainers")

    yield from each(range(len(items)), one)


def _of_field(pod: Pod, name: str) -> Iterator[Container]:
    spec = pod.spec.get(name)
    if isinstance(spec, Mapping):
        yield Container(f"{pod.where}.{name}", spec)


def all_containers(subject: Subject) -> Iterator[Container]:
    """All containers of all pods of an object."""
    yield from each(pods(subject), containers)


AWS_IMAGES: Final[Mapping[str, Sequence[Path]]] = {
    "aws:lambda/function:Function": (("imageUri",),),
    "aws:sagemaker/model:Model": (("primaryContainer", "image"), ("containers", EVERY, "image")),
}
"""Where AWS resources name an image."""
TASKS: Final = "aws:ecs/taskDefinition:TaskDefinition"
IMAGE_KINDS: Final = (*KINDS, *AWS_IMAGES, TASKS)
"""Type tokens of all resources that run an image."""


def images(subject: Subject) -> Iterator[tuple[str, str]]:
    """Every image that a resource runs, with the place that names it."""
    if subject.kind == TASKS:
        for at, task in enumerate(decoded(subject.props.get("containerDefinitions")) or ()):
            yield f"containerDefinitions[{at}]", task.get("image", "")
    for path in AWS_IMAGES.get(subject.kind, ()):
        yield from _texts(subject.props, path)
    yield from each(all_containers(subject), _image)
    trainer = within(subject.props, "spec", "trainer", "image") if subject.kind.endswith(":TrainJob") else None
    if trainer:
        yield "spec.trainer", trainer


def _texts(value: Any, path: Path) -> Iterator[tuple[str, str]]:
    *above, last = path
    for where, holder in _at(value, tuple(above), ""):
        if holder.get(last):
            yield ".".join(filter(None, (where, last))), holder[last]


def _image(container: Container) -> Iterator[tuple[str, str]]:
    image = container.spec.get("image")
    if image:
        yield container.where, image
