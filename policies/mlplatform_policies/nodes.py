"""Nodes and their GPUs, as Karpenter, managed node groups, instances and SageMaker name them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from mlplatform.contracts.labels import DOMAIN, GPU, KARPENTER_CAPACITY_TYPE
from mlplatform.facts.aws.instances import INSTANCE_TYPES, InstanceType
from mlplatform_policies.model import Subject
from mlplatform_policies.reading import each, listed, mapping, number, quantity, texts, within

NODE_POOLS: Final = ("kubernetes:karpenter.sh/v1:NodePool", "kubernetes:karpenter.sh/v1beta1:NodePool")
"""Type tokens of Karpenter's pools."""
NODE_GROUP: Final = "aws:eks/nodeGroup:NodeGroup"
"""Type token of EKS's managed node groups."""
FLAVOR: Final = "kubernetes:kueue.x-k8s.io/*:ResourceFlavor"
PURPOSE: Final = f"{DOMAIN}/purpose"
"""Label that says what a pool is for."""
INSTANCES: Final[Mapping[str, tuple[str, ...]]] = {
    "aws:ec2/instance:Instance": ("instanceType",),
    "aws:ec2/launchTemplate:LaunchTemplate": ("instanceType",),
    NODE_GROUP: ("instanceTypes",),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": ("productionVariants", "instanceType"),
    "aws:sagemaker/notebookInstance:NotebookInstance": ("instanceType",),
}
"""Where a resource names its instance types."""
_GPU_PREFIX: Final = "nvidia.com/"
_GPU_KEY: Final = "karpenter.k8s.aws/instance-gpu-"
_ATTRIBUTES: Final[Mapping[str, Callable[[InstanceType], str]]] = {
    "node.kubernetes.io/instance-type": lambda kind: kind.name,
    "karpenter.k8s.aws/instance-category": lambda kind: re.split(r"\d", kind.name, maxsplit=1)[0],
    "karpenter.k8s.aws/instance-family": lambda kind: kind.name.partition(".")[0],
    "karpenter.k8s.aws/instance-size": lambda kind: kind.name.partition(".")[2],
    f"{_GPU_KEY}name": lambda kind: (kind.accelerator or "").lower(),
    f"{_GPU_KEY}count": lambda kind: str(int(kind.accelerator_count)),
}
"""What Karpenter's requirements say of an instance type (Karpenter documentation, NodePools, well-known labels)."""


@dataclass(frozen=True, slots=True)
class Pool:
    """A NodePool of Karpenter."""

    spec: Any
    """What should be its specification."""

    def wanted(self, key: str) -> Sequence[str] | None:
        """The values of a requirement `In`; None where there is none."""
        for requirement in listed(self.spec, "template", "spec", "requirements"):
            if within(requirement, "key") == key and within(requirement, "operator") == "In":
                return [str(value) for value in listed(requirement, "values")]
        return None

    def label(self, key: str) -> Any:
        """The value of a label of its nodes."""
        return within(self.spec, "template", "metadata", "labels", key)

    @property
    def types(self) -> Sequence[InstanceType]:
        """The known instance types that it may launch, as far as its requirements say."""
        asked = {key: self.wanted(key) for key in _ATTRIBUTES}
        return [
            kind
            for kind in INSTANCE_TYPES.values()
            if all(values is None or _ATTRIBUTES[key](kind) in values for key, values in asked.items())
        ]

    @property
    def has_gpus(self) -> bool:
        """Whether it is for GPUs: it asks for them, or all types that it names have some."""
        if any(self.wanted(key) for key in _ATTRIBUTES if key.startswith(_GPU_KEY)) or self.gpu_limit is not None:
            return True
        return bool(self.types) and all(kind.accelerator for kind in self.types)

    @property
    def may_have_gpus(self) -> bool:
        """Whether some type that it may launch has one."""
        return self.has_gpus or any(kind.accelerator for kind in self.types)

    @property
    def gpu_limit(self) -> Decimal | None:
        """Its limit of GPUs; None for none."""
        return quantity(self.spec, "limits", GPU)

    @property
    def capacity_types(self) -> Sequence[str]:
        """How it buys capacity; Karpenter's default is on-demand."""
        return self.wanted(KARPENTER_CAPACITY_TYPE) or ("on-demand",)

    @property
    def most_usd_hour(self) -> Decimal:
        """What it costs an hour on demand at its limit of GPUs, or of processors where it has none; 0 for no limit."""
        whole = [kind for kind in self.types if kind.on_demand_usd_hour is not None]
        if self.gpu_limit is not None:
            per_gpu = [
                (kind.on_demand_usd_hour or 0) / kind.accelerator_count for kind in whole if kind.accelerator_count
            ]
            return self.gpu_limit * max(per_gpu, default=Decimal(0))
        per_cpu = [(kind.on_demand_usd_hour or 0) / Decimal(kind.vcpus) for kind in whole if not kind.accelerator]
        return (quantity(self.spec, "limits", "cpu") or 0) * max(per_cpu, default=Decimal(0))


def pool_of(subject: Subject) -> Pool:
    """A NodePool as these rules read it."""
    return Pool(within(subject.props, "spec"))


def instance_types(subject: Subject) -> Iterator[str]:
    """The instance types that a resource names, as EC2 names them."""
    *above, last = INSTANCES[subject.kind]
    yield from each(
        listed(subject.props, *above),
        lambda holder: (name.removeprefix("ml.") for name in texts(holder, last) if name),
    )


def gpu_types(subject: Subject) -> Iterator[InstanceType]:
    """Those of them that have an accelerator."""
    for name in instance_types(subject):
        kind = INSTANCE_TYPES.get(name)
        if kind and kind.accelerator:
            yield kind


def most_nodes(subject: Subject) -> int:
    """How many instances a resource can have at most."""
    if subject.kind == NODE_GROUP:
        return int(number(subject.props, "scalingConfig", "maxSize") or 0)
    return 1 if subject.kind == "aws:ec2/instance:Instance" else 0


def gpus_of(resources: Any) -> bool:
    """Whether a container's resources name GPUs, whole or shared."""
    return any(
        str(name).startswith(_GPU_PREFIX)
        for field in ("limits", "requests")
        for name in list(mapping(resources, field))
    )
