"""Workloads and where their code comes from: images, charts, pods and namespaces."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from mlplatform_policies.model import (
    ADVICE,
    ALWAYS,
    PRODUCTION,
    Findings,
    Found,
    Parameter,
    Parameters,
    Rule,
    Severity,
    StackRule,
    Subject,
)
from mlplatform_policies.pods import (
    IMAGE_KINDS,
    KINDS,
    Container,
    Pod,
    all_containers,
    containers,
    images,
    pods,
    unreadable,
)
from mlplatform_policies.reading import each, listed, mapping, matches_any, shown, text, texts, truth
from mlplatform_policies.relations import companions, of_kinds

REPOSITORY: Final = "aws:ecr/repository:Repository"
NAMESPACE: Final = "kubernetes:core/v1:Namespace"
GUARDS: Final = ("kubernetes:core/v1:ResourceQuota", "kubernetes:networking.k8s.io/v1:NetworkPolicy")
"""Kinds of which every namespace has one."""
NAMESPACED: Final = (
    "kubernetes:core/v1:ConfigMap",
    "kubernetes:core/v1:PersistentVolumeClaim",
    "kubernetes:core/v1:Secret",
    "kubernetes:core/v1:Service",
    "kubernetes:core/v1:ServiceAccount",
)
CHARTS: Final = (
    "kubernetes:helm.sh/v3:Chart",
    "kubernetes:helm.sh/v3:Release",
    "kubernetes:helm.sh/v4:Chart",
)
CLUSTER_WIDE: Final = ("ClusterServingRuntime", "ClusterTrainingRuntime", "ClusterWorkflowTemplate")
SYSTEM: Final = ("kube-node-lease", "kube-public", "kube-system")
"""Namespaces of Kubernetes itself."""
SOCKETS: Final = ("docker.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock")
HOST: Final = ("hostIPC", "hostNetwork", "hostPID")
EXACT_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")
"""A version of Semantic Versioning in full: anything less is a range to Helm."""
SECRET_NAME: Final = re.compile(
    r"(^|_)(PASSWORD|PASSWD|SECRET|SECRET_KEY|TOKEN|API_KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS)$", re.IGNORECASE
)
"""Names of variables whose value is a secret; `..._FILE` or `..._NAME` says where one is, and is none."""
PARAMETER: Final = re.compile(r"\{\{|^__.*__$")


def _floating(image: str) -> bool:
    """Whether an image is whatever its repository has today."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return not digest and tag in {"", "latest"} and not PARAMETER.search(image)


def digests(subject: Subject, _: Parameters) -> Findings:
    """An image by a tag, which can be pushed anew."""
    for where, image in images(subject):
        if "@sha256:" not in image and not _floating(image):
            yield f"{where}: the image {image} has no digest."


def latest(subject: Subject, _: Parameters) -> Findings:
    """An image that is another one tomorrow."""
    for where, image in images(subject):
        if _floating(image):
            yield f"{where}: the image {image} is whatever was pushed last."


def registries(subject: Subject, given: Parameters) -> Findings:
    """An image from a registry that nobody here vouches for."""
    for where, image in images(subject):
        first = image.partition("/")[0]
        named = image if "/" in image and ({".", ":"} & set(first) or first == "localhost") else f"docker.io/{image}"
        patterns = [pattern if "/" in pattern else f"{pattern}/*" for pattern in given["registries"]]
        if not PARAMETER.search(image) and not matches_any(named, patterns):
            registry, allowed = named.partition("/")[0], shown(given["registries"])
            yield f"{where}: the image {image} comes from {registry}; allowed are {allowed}."


def immutable_tags(repository: Subject, _: Parameters) -> Findings:
    """A repository whose tags can be pushed anew."""
    if not text(repository.props, "imageTagMutability").startswith("IMMUTABLE"):
        yield "Tags of the repository can be pushed anew."


def scanned(repository: Subject, _: Parameters) -> Findings:
    """A repository whose images nobody looks at."""
    if not truth(repository.props, "imageScanningConfiguration", "scanOnPush"):
        yield "Images are not scanned when they are pushed."


def chart_version(chart: Subject, _: Parameters) -> Findings:
    """A chart in whatever version there is."""
    name = text(chart.props, "chart")
    if name.startswith((".", "/")) or name.endswith(".tgz"):
        return  # a file beside the program is what it is
    version = text(chart.props, "version")
    if not version:
        yield "The chart has no version."
    elif not EXACT_VERSION.fullmatch(version):
        yield f"The chart's version {version} is a range."


def pod_security(subject: Subject, given: Parameters) -> Findings:
    """A pod that can become its node."""
    for where in unreadable(subject):
        yield f"{where} is no YAML, so that the pods that it makes cannot be judged."
    yield from each(pods(subject), lambda pod: _insecure(pod, given["host_paths"]))


def _insecure(pod: Pod, host_paths: Sequence[str]) -> Findings:
    yield from each(HOST, lambda name: _shared(pod, name))
    yield from each(pod.items("volumes"), lambda volume: _mounted(pod, volume, host_paths))
    yield from each(containers(pod), _privileged)


def _shared(pod: Pod, name: str) -> Findings:
    if truth(pod.field(name)):
        yield f"{pod.where} has {name}."


def _mounted(pod: Pod, volume: Any, host_paths: Sequence[str]) -> Findings:
    path = text(volume, "hostPath", "path")
    if path and path.rpartition("/")[2] in SOCKETS:
        yield f"{pod.where} mounts the container runtime's socket {path}."
    elif path and not matches_any(path, host_paths):
        yield f"{pod.where} mounts {path} of the node."


def _privileged(container: Container) -> Findings:
    context = mapping(container.spec, "securityContext")
    if truth(context, "privileged"):
        yield f"{container.where} is privileged."
    elif truth(context, "allowPrivilegeEscalation", default=True):
        yield f"{container.where} may gain privileges: allowPrivilegeEscalation is not false."
    for capability in texts(context, "capabilities", "add"):
        if capability != "NET_BIND_SERVICE":
            yield f"{container.where} adds the capability {capability}."


def resources(subject: Subject, _: Parameters) -> Findings:
    """A container that takes what it finds."""
    yield from each(all_containers(subject), _unbounded)


def _unbounded(container: Container) -> Findings:
    given = mapping(container.spec, "resources")
    wanted = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
    missing = [".".join(path) for path in wanted if not _has(given, path)]
    if missing and not container.ephemeral:
        yield f"{container.where} lacks {shown(missing)}."


def _has(given: Any, path: tuple[str, str]) -> bool:
    """Whether an amount is stated; a limit stands for a request that is not."""
    field, name = path
    return name in mapping(given, field) or (field == "requests" and name in mapping(given, "limits"))


def default_namespace(subject: Subject, _: Parameters) -> Findings:
    """An object among everybody else's."""
    if subject.kind.endswith(CLUSTER_WIDE):
        return
    if (text(subject.props, "metadata", "namespace") or "default") == "default":
        yield "The object is in the namespace default."


def guarded_namespaces(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A namespace without a quota, or without a network policy."""
    namespaces = of_kinds(subjects, (NAMESPACE,))
    guards = {
        token.rpartition(":")[2]: companions(namespaces, subjects, (token,), "metadata.namespace", "metadata.name")
        for token in GUARDS
    }

    def judge(namespace: Subject) -> Found:
        if text(namespace.props, "metadata", "name") in SYSTEM:
            return
        missing = [kind for kind, guards_of in guards.items() if not guards_of(namespace)]
        if missing:
            yield namespace, f"The namespace has no {' and no '.join(missing)}."

    yield from each(namespaces, judge)


def plain_secrets(subject: Subject, _: Parameters) -> Findings:
    """A secret in a pod's specification, for everybody who may list pods."""
    yield from each(all_containers(subject), _plain)


def _plain(container: Container) -> Findings:
    yield from each(listed(container.spec, "env"), lambda variable: _plain_variable(container.where, variable))


def _plain_variable(where: str, variable: Any) -> Iterator[str]:
    if SECRET_NAME.search(text(variable, "name")) and "value" in variable:
        yield f"{where} has {variable['name']} in clear."


RULES: Final = (
    Rule(
        id="image-digest",
        kinds=IMAGE_KINDS,
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="A tag can be pushed anew: what was tested is not what runs, and nothing says so.",
        fix="Name the image by digest, as repository:tag@sha256:....",
        frameworks=("CKV_K8S_43", "require-image-checksum (Kyverno)"),
        check=digests,
    ),
    Rule(
        id="image-not-latest",
        kinds=IMAGE_KINDS,
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="Two pods of one Deployment run different code, and no rollback brings the old one back.",
        fix="Name a version and its digest.",
        frameworks=("CKV_K8S_14", "disallow-latest-tag (Kyverno)"),
        check=latest,
    ),
    Rule(
        id="image-registry-allowed",
        kinds=IMAGE_KINDS,
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="Anybody can push to a public registry, under a name that looks right.",
        fix="Copy the image into your own registry, or allow its registry in the environment's configuration.",
        frameworks=("restrict-image-registries (Kyverno)",),
        parameters={
            "registries": Parameter(
                ["*.dkr.ecr.*.amazonaws.com"],
                {"type": "array", "items": {"type": "string"}},
                "Patterns of registries, or of repositories in them.",
            )
        },
        check=registries,
    ),
    Rule(
        id="ecr-immutable",
        kinds=(REPOSITORY,),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="A tag that can be pushed anew makes every rollback a guess.",
        fix="Set image_tag_mutability='IMMUTABLE'.",
        frameworks=("AWS FSBP ECR.2", "CKV_AWS_51"),
        check=immutable_tags,
    ),
    Rule(
        id="ecr-scan",
        kinds=(REPOSITORY,),
        severity=Severity.MEDIUM,
        levels=ADVICE,
        why="Known holes in base images stay until somebody looks.",
        fix="Set image_scanning_configuration with scan_on_push=True.",
        frameworks=("AWS FSBP ECR.1", "CKV_AWS_163"),
        check=scanned,
    ),
    Rule(
        id="helm-version-pinned",
        kinds=CHARTS,
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="The next update installs a chart that nobody here has read.",
        fix="Set version to a full one, such as 1.2.3.",
        check=chart_version,
    ),
    Rule(
        id="pod-security",
        kinds=KINDS,
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="One hole in a model server becomes the node, and all that the node may do.",
        fix="Take privileges out; set security_context with allow_privilege_escalation=False.",
        frameworks=(
            "CKV_K8S_16",
            "CKV_K8S_17",
            "CKV_K8S_18",
            "CKV_K8S_19",
            "CKV_K8S_20",
            "CKV_K8S_27",
            "disallow-cri-sock-mount (Kyverno)",
        ),
        parameters={
            "host_paths": Parameter(
                [], {"type": "array", "items": {"type": "string"}}, "Patterns of paths of the node that pods may mount."
            )
        },
        check=pod_security,
    ),
    Rule(
        id="pod-resources",
        kinds=KINDS,
        severity=Severity.LOW,
        levels=ADVICE,
        why="A pod without requests is placed anywhere, and one without a limit takes its neighbours' memory.",
        fix="Set requests of cpu and memory, and a limit of memory.",
        frameworks=("CKV_K8S_10", "CKV_K8S_11", "CKV_K8S_12", "CKV_K8S_13"),
        check=resources,
    ),
    Rule(
        id="default-namespace",
        kinds=(*KINDS, *NAMESPACED),
        severity=Severity.LOW,
        levels=ADVICE,
        why="Roles, quotas and network policies are a namespace's; the default one has none.",
        fix="Set metadata.namespace.",
        frameworks=("CKV_K8S_21",),
        check=default_namespace,
    ),
    StackRule(
        id="namespace-guarded",
        kinds=(NAMESPACE,),
        severity=Severity.LOW,
        levels=ADVICE,
        why="One team takes the cluster's memory, or talks to another team's pods.",
        fix="Add a ResourceQuota and a NetworkPolicy to the namespace.",
        frameworks=("add-ns-quota (Kyverno)", "add-network-policy (Kyverno)"),
        check=guarded_namespaces,
    ),
    Rule(
        id="secret-not-plain-env",
        kinds=KINDS,
        severity=Severity.HIGH,
        levels=ADVICE,
        why="Who may list pods reads it, and so does every log of the API.",
        fix="Use value_from with a secret that External Secrets keeps.",
        frameworks=("CKV_K8S_35",),
        check=plain_secrets,
    ),
)
"""Rules about workloads, in the order of the documentation."""
