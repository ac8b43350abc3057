"""The version matrix: what is installed, in which version, from where, and for which Kubernetes.

Versions, repositories and defaults are those of the charts' own `Chart.yaml` and `values.yaml`; where a row has another
source, it says so. `unverified` names the parts of a row for which no source is at hand: hold them against the chart
before an upgrade relies on them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class CrdSource(StrEnum):
    """Where the CRDs of a row come from."""

    NONE = "none"
    """It has none."""
    OWN_CHART = "own chart"
    """The row is the chart of CRDs; the controller's own copies are skipped."""
    OTHER_ROW = "another row"
    """Another row of the matrix has them."""
    TEMPLATES = "inside the chart, as templates"
    """Helm upgrades them with the chart."""
    CRDS_FOLDER = "inside the chart, in its folder crds"
    """Helm makes them with the release and never changes them: an upgrade of the chart needs them applied by hand."""


class ImagePart(StrEnum):
    """What a chart's value holds of an image's reference."""

    REGISTRY = "registry"
    """The registry alone."""
    FOLDER = "folder"
    """Registry and path without the last part."""
    REPOSITORY = "repository"
    """All but tag and digest."""
    REFERENCE = "reference"
    """All of it."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that a chart installs, and the value that holds its place."""

    reference: str
    """Registry, path, tag and, where one has a source, digest."""
    key: str
    """Dotted path of the chart's value."""
    part: ImagePart = ImagePart.REPOSITORY
    """What that value holds."""

    def mirrored(self) -> str:
        """What the value holds after a mirror's registry: the same path, since a mirror keeps it."""
        path = self.reference.partition("/")[2]
        repository = path.partition("@")[0].rpartition(":")[0]
        return {
            ImagePart.REGISTRY: "",
            ImagePart.FOLDER: f"/{repository.rpartition('/')[0]}",
            ImagePart.REPOSITORY: f"/{repository}",
            ImagePart.REFERENCE: f"/{path}",
        }[self.part]


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """Minor versions of Kubernetes that a row supports."""

    first: str
    """The oldest that a source names."""
    last: str
    """The newest that a source names."""
    source: str
    """Who says so."""

    def supports(self, version: str) -> bool:
        """Whether a version such as 1.35 is in the range."""
        return _minor(self.first) <= _minor(version) <= _minor(self.last)


def _minor(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@dataclass(frozen=True, slots=True)
class Row:
    """One chart."""

    version: str
    """Version of the chart."""
    repository: str
    """Repository of the chart, `oci://` for a registry."""
    namespace: str
    """Namespace of the release; of CRDs, that of Helm's own record. None of a chart that is rendered."""
    crds: CrdSource = CrdSource.NONE
    """Where its CRDs come from."""
    images: Sequence[Image] = ()
    """Images that it installs as configured here."""
    kubernetes: Kubernetes | None = None
    """Kubernetes versions that it supports; None where no source is at hand."""
    unverified: Sequence[str] = ()
    """Parts of the row without a source."""


KARPENTER: Final = Kubernetes("1.35", "1.36", "Karpenter documentation, Compatibility: 1.35 from 1.9, 1.36 from 1.13")
_GATEWAY: Final = Kubernetes("1.32", "1.35", "Envoy Gateway documentation, Compatibility Matrix, v1.8")
_TRAINER: Final = Kubernetes("1.29", "1.35", "kubeflow/trainer, charts/kubeflow-trainer/README.md: 1.29 or later")
_RANGE: Final = ("kubernetes",)
_RANGE_AND_IMAGES: Final = ("kubernetes", "images")
_KSERVE: Final = "oci://ghcr.io/kserve/charts"
_NVIDIA: Final = "nvcr.io/nvidia"
_PROMETHEUS: Final = "https://prometheus-community.github.io/helm-charts"


def _operand(key: str, reference: str) -> Image:
    return Image(f"{_NVIDIA}/{reference}", f"{key}.repository", ImagePart.FOLDER)


MATRIX: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "prometheus-operator-crds": Row(
            "31.0.1",
            _PROMETHEUS,
            "monitoring",
            CrdSource.OWN_CHART,
            unverified=_RANGE,
        ),
        "karpenter-crd": Row(
            "1.14.1",
            "oci://public.ecr.aws/karpenter",
            "kube-system",
            CrdSource.OWN_CHART,
            kubernetes=KARPENTER,
        ),
        "karpenter": Row(
            "1.14.1",
            "oci://public.ecr.aws/karpenter",
            "kube-system",
            CrdSource.OTHER_ROW,
            (
                # The chart pins this digest itself, and a mirror that keeps manifests keeps it.
                Image(
                    "public.ecr.aws/karpenter/controller:1.14.1"
                    "@sha256:723130949e4cab989461ff07d1be4cd781d63515432494641b33c235f300ae23",
                    "controller.image.repository",
                ),
            ),
            KARPENTER,
        ),
        "aws-load-balancer-controller": Row(
            "3.5.0",
            "https://aws.github.io/eks-charts",
            "kube-system",
            CrdSource.CRDS_FOLDER,
            (Image("public.ecr.aws/eks/aws-load-balancer-controller:v3.5.0", "image.repository"),),
            unverified=_RANGE,
        ),
        # Since 1.20 the chart composes images of registry, namespace and name; a repository given still is all of it.
        "cert-manager": Row(
            "v1.20.2",
            "oci://quay.io/jetstack/charts",
            "cert-manager",
            CrdSource.TEMPLATES,
            (
                Image("quay.io/jetstack/cert-manager-controller:v1.20.2", "image.repository"),
                *(
                    Image(f"quay.io/jetstack/cert-manager-{part}:v1.20.2", f"{part}.image.repository")
                    for part in ("webhook", "cainjector", "acmesolver", "startupapicheck")
                ),
            ),
            Kubernetes("1.32", "1.35", "cert-manager documentation, Supported Releases, 1.20"),
        ),
        # The Gateway API v1.5.1, standard channel, and the CRDs of Envoy Gateway. The chart is rendered, not released:
        # Helm stores a whole chart with each release, and this one does not fit into the Secret of at most 1 MiB.
        "gateway-crds-helm": Row(
            "v1.8.1",
            "oci://docker.io/envoyproxy",
            "",
            CrdSource.OWN_CHART,
            kubernetes=_GATEWAY,
        ),
        # Its Envoy, which it starts itself, is in a value of no chart: see `ENVOY`.
        "gateway-helm": Row(
            "v1.8.1",
            "oci://docker.io/envoyproxy",
            "envoy-gateway-system",
            CrdSource.OTHER_ROW,
            (Image("docker.io/envoyproxy/gateway:v1.8.1", "global.images.envoyGateway.image", ImagePart.REFERENCE),),
            _GATEWAY,
        ),
        "external-secrets": Row(
            "2.9.0",
            "https://charts.external-secrets.io",
            "external-secrets",
            CrdSource.TEMPLATES,
            tuple(
                Image("ghcr.io/external-secrets/external-secrets:v2.9.0", f"{part}image.repository")
                for part in ("", "webhook.", "certController.")
            ),
            unverified=_RANGE,
        ),
        # The development branch's values name a staging image; this is where releases are.
        "kueue": Row(
            "0.19.2",
            "oci://registry.k8s.io/kueue/charts",
            "kueue-system",
            CrdSource.TEMPLATES,
            (Image("registry.k8s.io/kueue/kueue:v0.19.2", "controllerManager.manager.image.repository"),),
            unverified=_RANGE,
        ),
        "kserve-crd": Row("v0.20.0", _KSERVE, "kserve", CrdSource.OWN_CHART, unverified=_RANGE),
        # 0.20.0 takes replicas from what is served when a canary is declared, and routes to a canary that is not ready:
        # transient 503s, mended after it by kserve/kserve#5983.
        "kserve-resources": Row(
            "v0.20.0",
            _KSERVE,
            "kserve",
            CrdSource.OTHER_ROW,
            (
                Image("docker.io/kserve/kserve-controller:v0.20.0", "kserve.controller.image"),
                Image("docker.io/kserve/agent:v0.20.0", "kserve.agent.image"),
                Image("docker.io/kserve/router:v0.20.0", "kserve.router.image"),
                Image("docker.io/kserve/storage-initializer:v0.20.0", "kserve.storage.image"),
                Image(
                    "quay.io/brancz/kube-rbac-proxy:v0.18.0",
                    "kserve.controller.rbacProxyImage",
                    ImagePart.REFERENCE,
                ),
            ),
            unverified=_RANGE,
        ),
        # Keys and tags of the images that are not KServe's own: the chart's values of v0.17.1.
        "kserve-runtime-configs": Row(
            "v0.20.0",
            _KSERVE,
            "kserve",
            CrdSource.OTHER_ROW,
            (
                *(
                    Image(f"docker.io/kserve/{runtime}:v0.20.0", f"kserve.servingruntime.{runtime}.image")
                    for runtime in ("sklearnserver", "xgbserver", "lgbserver", "huggingfaceserver")
                ),
                Image("docker.io/seldonio/mlserver:1.5.0", "kserve.servingruntime.mlserver.image"),
                Image("nvcr.io/nvidia/tritonserver:23.05-py3", "kserve.servingruntime.tritonserver.image"),
            ),
            unverified=_RANGE_AND_IMAGES,
        ),
        "keda": Row(
            "2.20.2",
            "https://kedacore.github.io/charts",
            "keda",
            CrdSource.TEMPLATES,
            tuple(
                Image(f"ghcr.io/kedacore/{image}:2.20.2", "global.image.registry", ImagePart.REGISTRY)
                for image in ("keda", "keda-metrics-apiserver", "keda-admission-webhooks")
            ),
            Kubernetes("1.33", "1.35", "KEDA documentation, Cluster, Kubernetes Compatibility, v2.20"),
        ),
        "argo-workflows": Row(
            "1.0.18",
            "https://argoproj.github.io/argo-helm",
            "argo",
            CrdSource.TEMPLATES,
            tuple(
                Image(f"quay.io/argoproj/{image}:v4.0.6", f"{part}.image.registry", ImagePart.REGISTRY)
                for part, image in (
                    ("controller", "workflow-controller"),
                    ("executor", "argoexec"),
                    ("server", "argocli"),
                )
            ),
            unverified=_RANGE,
        ),
        "prometheus-pushgateway": Row(
            "3.8.0",
            _PROMETHEUS,
            "monitoring",
            images=(Image("quay.io/prometheus/pushgateway:v1.11.3", "image.repository"),),
            unverified=_RANGE,
        ),
        # Version: pinned by NVIDIA/aicr, recipes/registry.yaml. The registry is that of one region; nodes of others
        # pull from there, with credentials of their role.
        "aws-efa-k8s-device-plugin": Row(
            "v0.5.29",
            "https://aws.github.io/eks-charts",
            "gpu-software",
            images=(
                Image(
                    "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/aws-efa-k8s-device-plugin:v0.5.20",
                    "image.repository",
                ),
            ),
            unverified=_RANGE_AND_IMAGES,
        ),
        "nvidia-device-plugin": Row(
            "0.20.0",
            "https://nvidia.github.io/k8s-device-plugin",
            "gpu-software",
            images=(Image(f"{_NVIDIA}/k8s-device-plugin:v0.20.0", "image.repository"),),
            unverified=_RANGE,
        ),
        "dcgm-exporter": Row(
            "4.8.2",
            "https://nvidia.github.io/dcgm-exporter/helm-charts",
            "gpu-software",
            images=(Image(f"{_NVIDIA}/k8s/dcgm-exporter:4.5.3-4.8.2-distroless", "image.repository"),),
            unverified=_RANGE,
        ),
        # Values: its development branch's. Version: pinned by NVIDIA/aicr, recipes/registry.yaml.
        "gpu-operator": Row(
            "v26.7.0",
            "https://helm.ngc.nvidia.com/nvidia",
            "gpu-software",
            CrdSource.CRDS_FOLDER,
            (
                _operand("operator", "gpu-operator:v26.7.0"),
                _operand("validator", "gpu-operator:v26.7.0"),
                _operand("devicePlugin", "k8s-device-plugin:v0.20.0"),
                _operand("gfd", "k8s-device-plugin:v0.20.0"),
                _operand("dcgmExporter", "k8s/dcgm-exporter:4.6.0-4.8.3-distroless"),
                _operand("migManager", "cloud-native/k8s-mig-manager:v0.15.0"),
                Image("registry.k8s.io/nfd/node-feature-discovery:v0.19.0", "node-feature-discovery.image.repository"),
            ),
            unverified=_RANGE_AND_IMAGES,
        ),
        # Version: pinned by NVIDIA/aicr. It brings JobSet, whose version it pins.
        "kubeflow-trainer": Row(
            "2.2.0",
            "oci://ghcr.io/kubeflow/charts",
            "kueue-system",
            CrdSource.CRDS_FOLDER,
            (
                Image(
                    "ghcr.io/kubeflow/trainer/trainer-controller-manager:v2.2.0", "image.registry", ImagePart.REGISTRY
                ),
                Image("registry.k8s.io/jobset/jobset:v0.12.0", "jobset.image.registry", ImagePart.REGISTRY),
            ),
            _TRAINER,
            unverified=("images",),
        ),
    }
)
"""Every chart by its name, which is also the name of its release."""
ENVOY: Final = Image("docker.io/envoyproxy/envoy:distroless-v1.38.1", "imageRepository")
"""The proxy that Envoy Gateway v1.8.1 starts, by a field of the EnvoyProxy; Envoy Gateway chooses the tag."""
