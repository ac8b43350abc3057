"""The pods inside Kubernetes objects, whatever controller makes them, and the images of everything that runs one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml

from mlplatform_policies.model import Subject
from mlplatform_policies.reading import decoded, each, listed, text, within

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
    spec: Any
    """What should be its specification."""
    ephemeral: bool = False
    """Whether it is for debugging: such a one has no resources."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod spec, or what stands for one."""

    where: str
    """Its place in the object."""
    spec: Any
    """What should be its specification."""
    around: Any
    """The spec of the object around it whose fields hold for all its pods; empty where there is none."""

    def field(self, name: str) -> Any:
        """A field of the pod, or of the workflow around it."""
        own = within(self.spec, name)
        return within(self.around, name) if own is None else own

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


def _at(value: Any, path: Path, where: str) -> Iterator[tuple[str, Any]]:
    """Everything at a path in which `EVERY` may stand, with its place."""
    if not path:
        if value is not None:
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
    templates = [*listed(spec, "templates"), *listed(spec, "templateDefaults")]
    yield from each(range(len(templates)), lambda at: _of_template(templates[at], spec, f"{where}.templates[{at}]"))


def _of_template(template: Any, workflow: Any, where: str) -> Iterator[Pod]:
    manifest = text(template, "resource", "manifest")
    if manifest:
        made = _parsed(manifest)
        group = text(made, "apiVersion").rpartition("/")[0]
        inside = _pods(group, text(made, "kind"), made)
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

    def judge(at: int) -> Iterator[str]:
        manifest = text(templates[at], "resource", "manifest")
        if manifest and not _parsed(manifest):
            yield f"{'.'.join(ARGO[kind])}.templates[{at}].resource.manifest"

    yield from each(range(len(templates)), judge)


def _parsed(manifest: str) -> Mapping[str, Any]:
    """An object that a workflow makes, empty where it is none; its parameters, which may be no YAML, become text."""
    plain = _PARAMETER.sub(lambda found: f"__{re.sub(r'[^A-Za-z0-9]+', '_', found[0]).strip('_')}__", manifest)
    try:
        found = yaml.safe_load(plain)
    except (yaml.YAMLError, ValueError, RecursionError):  # a date that no calendar has is a ValueError
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
    spec = within(pod.spec, name)
    if spec is not None:
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
    yield from each(AWS_IMAGES.get(subject.kind, ()), lambda path: _at_path(subject.props, path))
    if subject.kind == TASKS:
        tasks = listed(decoded(subject.props, "containerDefinitions"))
        yield from each(range(len(tasks)), lambda at: _image(f"containerDefinitions[{at}]", tasks[at]))
    yield from each(all_containers(subject), lambda container: _image(container.where, container.spec))
    if subject.kind.endswith(":TrainJob"):
        yield from _image("spec.trainer", within(subject.props, "spec", "trainer"))


def _at_path(props: Mapping[str, Any], path: Path) -> Iterator[tuple[str, str]]:
    *above, last = path
    yield from each(_at(props, tuple(above), ""), lambda found: _image(*found, last=last))


def _image(where: str, holder: Any, last: str = "") -> Iterator[tuple[str, str]]:
    """The image that an object names, if it does, in the field `last` of its place."""
    image = text(holder, last or "image")
    if image:
        yield ".".join(filter(None, (where, last))), image
