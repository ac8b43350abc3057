"""Cases of the rules about workloads: every controller, and the pods inside KServe, KEDA, Kubeflow and Argo objects."""

import json

import pulumi_aws as aws
import pulumi_kubernetes as k8s

from judging import Case, custom, unknown

DIGEST = "@sha256:" + "0" * 64
GOOD_IMAGE = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/server:1.2{DIGEST}"
SECURE = {"allowPrivilegeEscalation": False}
RESOURCES = {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}
METADATA = {"namespace": "team"}


def container(name="server", image=GOOD_IMAGE, **more):
    return {"name": name, "image": image, "securityContext": SECURE, "resources": RESOURCES, **more}


def deployment(name, spec, kind=k8s.apps.v1.Deployment, metadata=METADATA, **more):
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    kind(name, metadata=metadata, spec={"selector": {"matchLabels": labels}, "template": template, **more})


def everywhere(name, made) -> None:
    """One container in every sort of object that has pods; `made` gives it by its name."""
    spec = {"containers": [made("main")]}
    for kind, what in (
        (k8s.apps.v1.Deployment, "deployment"),
        (k8s.apps.v1.DaemonSet, "daemon"),
        (k8s.apps.v1.ReplicaSet, "replicas"),
    ):
        deployment(f"{name}-{what}", spec, kind)
    deployment(f"{name}-stateful", spec, k8s.apps.v1.StatefulSet, serviceName="s")
    k8s.core.v1.Pod(
        f"{name}-pod",
        metadata=METADATA,
        spec={**spec, "initContainers": [made("init")], "ephemeralContainers": [made("debug")]},
    )
    k8s.batch.v1.Job(f"{name}-job", metadata=METADATA, spec={"template": {"spec": spec}})
    k8s.batch.v1.CronJob(
        f"{name}-cron",
        metadata=METADATA,
        spec={"schedule": "@daily", "jobTemplate": {"spec": {"template": {"spec": spec}}}},
    )
    model = {key: value for key, value in made("").items() if key != "name"}
    canary = [{"trafficPercent": 0, "predictor": {"name": "canary", "containers": [made("canary")]}}]
    custom(
        f"{name}-kserve",
        "serving.kserve.io/v1beta1",
        "InferenceService",
        {"predictor": {"model": model, "containers": [made("sidecar")]}, "canary": canary},
    )
    custom(f"{name}-runtime", "serving.kserve.io/v1alpha1", "ClusterServingRuntime", spec)
    custom(f"{name}-keda", "keda.sh/v1alpha1", "ScaledJob", {"jobTargetRef": {"template": {"spec": spec}}})
    job = {"name": "node", "template": {"spec": {"template": {"spec": spec}}}}
    custom(
        f"{name}-trainer",
        "trainer.kubeflow.org/v1alpha1",
        "TrainingRuntime",
        {"template": {"spec": {"replicatedJobs": [job]}}},
    )
    custom(
        f"{name}-pytorch",
        "kubeflow.org/v1",
        "PyTorchJob",
        {"pytorchReplicaSpecs": {"Worker": {"template": {"spec": spec}}}},
    )
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": spec}}}
    templates = [
        {"name": "step", "container": made("step"), "sidecars": [made("side")]},
        {"name": "set", "containerSet": {"containers": [made("one")]}},
        {"name": "gang", "resource": {"action": "create", "manifest": json.dumps(manifest)}},
    ]
    custom(f"{name}-argo", "argoproj.io/v1alpha1", "WorkflowTemplate", {"templates": templates})
    custom(f"{name}-argo-cron", "argoproj.io/v1alpha1", "CronWorkflow", {"workflowSpec": {"templates": templates[:1]}})


TEMPLATE = "spec.template.spec.containers[main]"
ARGO = (
    "spec.templates[0].sidecars[side]",
    "spec.templates[0].container",
    "spec.templates[1].containerSet.containers[one]",
    "spec.templates[2].resource.manifest.spec.template.spec.containers[main]",
)
PLACES = {
    "deployment": (TEMPLATE,),
    "daemon": (TEMPLATE,),
    "replicas": (TEMPLATE,),
    "stateful": (TEMPLATE,),
    "pod": ("spec.initContainers[init]", "spec.containers[main]", "spec.ephemeralContainers[debug]"),
    "job": (TEMPLATE,),
    "cron": ("spec.jobTemplate.spec.template.spec.containers[main]",),
    "kserve": (
        "spec.predictor.containers[sidecar]",
        "spec.predictor.model",
        "spec.canary[0].predictor.containers[canary]",
    ),
    "runtime": ("spec.containers[main]",),
    "keda": ("spec.jobTargetRef.template.spec.containers[main]",),
    "trainer": ("spec.template.spec.replicatedJobs[0].template.spec.template.spec.containers[main]",),
    "pytorch": ("spec.pytorchReplicaSpecs.Worker.template.spec.containers[main]",),
    "argo": ARGO,
    "argo-cron": ("spec.workflowSpec.templates[0].sidecars[side]", "spec.workflowSpec.templates[0].container"),
}
"""Where `everywhere` has containers."""


def found_everywhere(name, say, but=()):
    """What is found where, for a finding that `say` makes of a place."""
    return {f"{name}-{what}": [say(place) for place in places if place not in but] for what, places in PLACES.items()}


def good_everywhere() -> None:
    everywhere("good", container)


def aws_images(name, image):
    aws.lambda_.Function(name, role="r", package_type="Image", image_uri=image)
    aws.sagemaker.Model(f"{name}-model", execution_role_arn="r", primary_container={"image": image})
    definitions = json.dumps([{"name": "main", "image": image}])
    aws.ecs.TaskDefinition(f"{name}-task", family="f", container_definitions=definitions)


def with_aws(name, findings, say):
    places = {"": "imageUri", "-model": "primaryContainer.image", "-task": "containerDefinitions[0]"}
    return {**findings, **{f"{name}{end}": [say(place)] for end, place in places.items()}}


def images(name, image):
    everywhere(name, lambda container_name: container(container_name, image))
    aws_images(name, image)


def image_unknown() -> None:
    deployment("unknown", {"containers": [container(image=unknown(GOOD_IMAGE))]})


def chart(name, version, chart_name="kueue"):
    k8s.helm.v3.Release(name, chart=chart_name, version=version, namespace="team")


def insecure() -> None:
    everywhere("bad", lambda name: container(name, securityContext={"privileged": True}))
    deployment("bad-silent", {"containers": [container(securityContext=None)]})
    volumes = [
        {"name": "socket", "hostPath": {"path": "/run/containerd/containerd.sock"}},
        {"name": "root", "hostPath": {"path": "/"}},
    ]
    added = {**SECURE, "capabilities": {"add": ["NET_BIND_SERVICE", "SYS_ADMIN"]}}
    host = {"hostPID": True, "hostNetwork": True, "hostIPC": True, "volumes": volumes}
    deployment("bad-host", {"containers": [container(securityContext=added)], **host}, k8s.apps.v1.DaemonSet)
    custom(
        "bad-workflow",
        "argoproj.io/v1alpha1",
        "Workflow",
        {"hostNetwork": True, "templates": [{"name": "a", "container": container()}]},
    )
    made = {"name": "made", "resource": {"action": "create", "manifest": "kind: Job\n  spec: {"}}
    custom("bad-manifest", "argoproj.io/v1alpha1", "Workflow", {"templates": [made]})


def namespace_with_guards(name) -> None:
    namespace = k8s.core.v1.Namespace(name)
    inside = {"namespace": namespace.metadata.name}
    k8s.core.v1.ResourceQuota(f"{name}-quota", metadata=inside, spec={"hard": {"pods": "10"}})
    k8s.networking.v1.NetworkPolicy(f"{name}-policy", metadata=inside, spec={"podSelector": {}})


def guarded() -> None:
    namespace_with_guards("good")
    k8s.core.v1.Namespace("good-by-name", metadata={"name": "named"})
    inside = {"namespace": "named"}
    k8s.core.v1.ResourceQuota("quota", metadata=inside, spec={"hard": {"pods": "10"}})
    k8s.networking.v1.NetworkPolicy("policy", metadata=inside, spec={"podSelector": {}})
    k8s.core.v1.Namespace("good-system", metadata={"name": "kube-system"})


def unguarded() -> None:
    k8s.core.v1.Namespace("bad", metadata={"name": "bad"})
    k8s.core.v1.Namespace("bad-half", metadata={"name": "half"})
    k8s.core.v1.ResourceQuota("half-quota", metadata={"namespace": "half"}, spec={"hard": {"pods": "10"}})


def variables(name, *env):
    deployment(name, {"containers": [container(env=list(env))]})


FLOATING = "is whatever was pushed last."
CASES = {
    "image-digest": Case(
        good=lambda: [good_everywhere(), aws_images("good", GOOD_IMAGE), images("good-other-rule", "server:latest")],
        bad=lambda: images("bad", "server:1.2"),
        findings=with_aws(
            "bad",
            found_everywhere("bad", lambda place: f"{place}: the image server:1.2 has no digest."),
            lambda place: f"{place}: the image server:1.2 has no digest.",
        ),
        unknown=image_unknown,
    ),
    "image-not-latest": Case(
        good=lambda: [good_everywhere(), images("good-tag", "registry:5000/server:1.2")],
        bad=lambda: [images("bad", "server:latest"), deployment("bad-none", {"containers": [container(image="a/b")]})],
        findings={
            **with_aws(
                "bad",
                found_everywhere("bad", lambda place: f"{place}: the image server:latest {FLOATING}"),
                lambda place: f"{place}: the image server:latest {FLOATING}",
            ),
            "bad-none": [f"spec.template.spec.containers[server]: the image a/b {FLOATING}"],
        },
        unknown=image_unknown,
    ),
    "image-registry-allowed": Case(
        good=lambda: [
            good_everywhere(),
            deployment("good-other", {"containers": [container(image="quay.io/org/server:1")]}),
        ],
        bad=lambda: [
            deployment("bad", {"containers": [container(image="org/server:1")]}),
            deployment("bad-other", {"initContainers": [container("init", "ghcr.io/org/a:1")], "containers": []}),
        ],
        findings={
            "bad": [
                (
                    "spec.template.spec.containers[server]: the image org/server:1 comes from docker.io; "
                    "allowed are *.dkr.ecr.*.amazonaws.com, quay.io/org/*."
                )
            ],
            "bad-other": [
                (
                    "spec.template.spec.initContainers[init]: the image ghcr.io/org/a:1 comes from ghcr.io; "
                    "allowed are *.dkr.ecr.*.amazonaws.com, quay.io/org/*."
                )
            ],
        },
        config={"registries": ["*.dkr.ecr.*.amazonaws.com", "quay.io/org/*"]},
        unknown=image_unknown,
    ),
    "ecr-immutable": Case(
        good=lambda: aws.ecr.Repository("good", image_tag_mutability="IMMUTABLE"),
        bad=lambda: aws.ecr.Repository("bad"),
        findings={"bad": ["Tags of the repository can be pushed anew."]},
        unknown=lambda: aws.ecr.Repository("unknown", image_tag_mutability=unknown("IMMUTABLE")),
    ),
    "ecr-scan": Case(
        good=lambda: aws.ecr.Repository("good", image_scanning_configuration={"scan_on_push": True}),
        bad=lambda: aws.ecr.Repository("bad"),
        findings={"bad": ["Images are not scanned when they are pushed."]},
        unknown=lambda: aws.ecr.Repository("unknown", image_scanning_configuration={"scan_on_push": unknown(True)}),
    ),
    "helm-version-pinned": Case(
        good=lambda: [chart("good", "0.19.2"), chart("good-v", "v1.20.2"), chart("good-file", None, "./charts/own")],
        bad=lambda: [chart("bad", None), chart("bad-range", "^1.2.0"), chart("bad-part", "1.2")],
        findings={
            "bad": ["The chart has no version."],
            "bad-range": ["The chart's version ^1.2.0 is a range."],
            "bad-part": ["The chart's version 1.2 is a range."],
        },
        unknown=lambda: chart("unknown", unknown("1.2.3")),
    ),
    "pod-security": Case(
        good=good_everywhere,
        bad=insecure,
        findings={
            **found_everywhere("bad", lambda place: f"{place} is privileged."),
            "bad-silent": [
                "spec.template.spec.containers[server] may gain privileges: allowPrivilegeEscalation is not false."
            ],
            "bad-host": [
                "spec.template.spec has hostIPC.",
                "spec.template.spec has hostNetwork.",
                "spec.template.spec has hostPID.",
                "spec.template.spec mounts the container runtime's socket /run/containerd/containerd.sock.",
                "spec.template.spec mounts / of the node.",
                "spec.template.spec.containers[server] adds the capability SYS_ADMIN.",
            ],
            "bad-workflow": ["spec.templates[0] has hostNetwork."],
            "bad-manifest": [
                "spec.templates[0].resource.manifest is no YAML, so that the pods that it makes cannot be judged."
            ],
        },
        unknown=lambda: deployment(
            "unknown", {"containers": [container(securityContext={"allowPrivilegeEscalation": unknown(False)})]}
        ),
    ),
    "pod-resources": Case(
        good=good_everywhere,
        bad=lambda: [
            everywhere("bad", lambda name: container(name, resources=None)),
            deployment("bad-some", {"containers": [container(resources={"limits": {"memory": "1Gi"}})]}),
        ],
        findings={
            **found_everywhere(
                "bad",
                lambda place: f"{place} lacks requests.cpu, requests.memory, limits.memory.",
                but=("spec.ephemeralContainers[debug]",),
            ),
            "bad-some": ["spec.template.spec.containers[server] lacks requests.cpu."],
        },
        unknown=lambda: deployment("unknown", {"containers": [container(resources=unknown(RESOURCES))]}),
    ),
    "default-namespace": Case(
        good=lambda: [
            good_everywhere(),
            custom("good-cluster-wide", "serving.kserve.io/v1alpha1", "ClusterServingRuntime", {}, namespace=None),
        ],
        bad=lambda: [
            deployment("bad", {"containers": [container()]}, metadata={"namespace": "default"}),
            k8s.core.v1.Secret("bad-none", string_data={"a": "b"}),
        ],
        findings=dict.fromkeys(("bad", "bad-none"), ("The object is in the namespace default.",)),
        unknown=lambda: k8s.core.v1.ConfigMap("unknown", metadata={"namespace": unknown("team")}, data={}),
    ),
    "namespace-guarded": Case(
        good=guarded,
        bad=unguarded,
        findings={
            "bad": ["The namespace has no ResourceQuota and no NetworkPolicy."],
            "bad-half": ["The namespace has no NetworkPolicy."],
        },
        unknown=lambda: [
            k8s.core.v1.Namespace("other", metadata={"name": "other"}),
            k8s.networking.v1.NetworkPolicy("unknown", metadata={"namespace": unknown()}, spec={"podSelector": {}}),
        ],
    ),
    "secret-not-plain-env": Case(
        good=lambda: variables(
            "good",
            {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "TOKEN_FILE", "value": "/var/run/token"},
            {"name": "MAX_TOKENS", "value": "4096"},
        ),
        bad=lambda: variables(
            "bad", {"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "openai_api_key", "value": "sk-1"}
        ),
        findings={
            "bad": [
                "spec.template.spec.containers[server] has DB_PASSWORD in clear.",
                "spec.template.spec.containers[server] has openai_api_key in clear.",
            ]
        },
        unknown=lambda: variables("unknown", {"name": unknown("A"), "value": "b"}),
    ),
}
