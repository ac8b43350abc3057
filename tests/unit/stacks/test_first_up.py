"""The first `pulumi up`: nothing that a provider waits for needs anything that comes later.

A provider waits for some kinds of objects until they are ready, and `up` fails if they never are. What such an object
needs is created before it by the same program, or it is a preparation that README lists.
"""

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from environments import ENVIRONMENTS, configuration, golden, texts
from recorded import ROOT, Recorded

RELEASE = "kubernetes:helm.sh/v3:Release"
POOL = "kubernetes:karpenter.sh/v1:NodePool"
EXTERNAL = "kubernetes:external-secrets.io/v1:ExternalSecret"
SKIPPED = {"pulumi.com/skipAwait": "true"}

AWAITED = {
    *("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "ReplicationController"),
    *("Service", "Ingress", "PersistentVolume", "PersistentVolumeClaim", "ResourceQuota", "Secret", "ServiceAccount"),
}
"""Built-in kinds that pulumi-kubernetes 4.32 waits for (provider/pkg/await/awaiters.go)."""
CREATED = {
    *("ClusterRole", "ClusterRoleBinding", "ConfigMap", "CronJob", "HorizontalPodAutoscaler", "LimitRange"),
    *("Namespace", "NetworkPolicy", "PodDisruptionBudget", "Role", "RoleBinding", "StorageClass"),
}
"""Built-in kinds that are ready as soon as they exist, like every kind of a CRD without `pulumi.com/waitFor`."""
POD_KINDS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "ReplicationController"}
REFERENCES = {
    "serviceAccountName": "ServiceAccount",
    **dict.fromkeys(("secret.secretName", "secretKeyRef.name", "secretRef.name"), "Secret"),
    **dict.fromkeys(("configMap.name", "configMapKeyRef.name", "configMapRef.name"), "ConfigMap"),
    "persistentVolumeClaim.claimName": "PersistentVolumeClaim",
}
"""What the fields of a PodSpec refer to, by the end of their path."""
BUILT_IN = re.compile(r"kubernetes:(apps|autoscaling|batch|core|policy|[a-z]+(\.authorization)?\.k8s\.io)/v\d+:(\w+)")
CUSTOM = ("gateway.networking.k8s.io", "karpenter.k8s.aws", "kueue.x-k8s.io")

ALONE = {
    f"aws:{service}/{name[0].lower()}{name[1:]}:{name}"
    for service, names in {
        "amp": "Workspace WorkspaceConfiguration",
        "athena": "Workgroup",
        "cloudwatch": "EventRule EventTarget LogGroup MetricAlarm",
        "dynamodb": "Table",
        "ec2": "DefaultSecurityGroup Eip FlowLog InternetGateway LaunchTemplate NatGateway Route RouteTable "
        "RouteTableAssociation SecurityGroup Subnet Vpc VpcEndpoint",
        "eks": "AccessEntry AccessPolicyAssociation Cluster PodIdentityAssociation",
        "glue": "CatalogDatabase",
        "iam": "Policy Role RolePolicy RolePolicyAttachment",
        "kms": "Alias Key",
        "lambda": "Alias FunctionUrl Permission",
        "rds": "Instance ParameterGroup SubnetGroup",
        "s3": "Bucket BucketLifecycleConfiguration BucketLogging BucketNotification BucketOwnershipControls "
        "BucketPolicy BucketPublicAccessBlock BucketReplicationConfig BucketServerSideEncryptionConfiguration "
        "BucketVersioning",
        "sns": "Topic TopicPolicy",
        "sqs": "Queue QueuePolicy RedriveAllowPolicy",
        "vpc": "SecurityGroupEgressRule SecurityGroupIngressRule",
    }.items()
    for name in names.split()
}
"""Resources that AWS finishes by itself, whether the provider waits for them or not."""
WRITTEN_TO = {"registry-server": "the registry's bucket of artifacts, which a server reads when it is asked for one"}
"""Pods that name a bucket of the program and need no object of it to be ready."""
ON_SYSTEM_NODES = {
    "addons-karpenter": "its chart tolerates the taint of the system nodes",
    "addons-karpenter-crd": "it has no pods",
    "addons-prometheus-operator-crds": "it has no pods",
}
"""What needs no node of a pool, and why."""


class Need(NamedTuple):
    """An object that pods cannot start without."""

    kind: str
    namespace: str
    name: str


class Environment:
    """The recorded graph of an environment, and what comes before what in it."""

    def __init__(self, stack: str, graph: Recorded | None = None) -> None:
        self.stack = stack
        self.graph = graph or golden(stack)
        self.by_urn = {node["urn"]: node for node in self.graph.resources}
        self.children: dict[str, list[str]] = {}
        for urn, node in self.by_urn.items():
            self.children.setdefault(node["parent"], []).append(urn)

    def before(self, node: Mapping[str, Any]) -> set[str]:
        """URNs of all that a resource waits for; a component stands for everything in it."""
        found: set[str] = set()
        pending = [node]
        while pending:
            near = pending.pop()
            inside = self.children.get(near["urn"], []) if near["kind"] == "component" else []
            for urn in (*near["dependencies"], *near["waits_for"], near["provider"], *inside):
                if urn in self.by_urn and urn not in found:
                    found.add(urn)
                    pending.append(self.by_urn[urn])
        return found

    def awaited(self) -> Iterator[dict[str, Any]]:
        """Kubernetes objects and releases that `up` waits for."""
        for node in self.graph.resources:
            kind, annotations = built_in(node["type"]), metadata(node).get("annotations", {})
            waits = kind in AWAITED and not SKIPPED.items() <= annotations.items()
            if waits or node["type"] == RELEASE or "pulumi.com/waitFor" in annotations:
                yield node

    def made(self) -> dict[Need, dict[str, Any]]:
        """What pods may need, and the resource of the program that brings it."""
        found = {}
        for node in self.graph.resources:
            kind, place = built_in(node["type"]), metadata(node).get("namespace", "")
            if kind in {"ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim", "Namespace"}:
                found[Need(kind, place, metadata(node)["name"])] = node
            elif node["type"] == EXTERNAL:
                found[Need("Secret", place, node["inputs"]["spec"]["target"]["name"])] = node
        return found

    def needs(self, node: Mapping[str, Any]) -> set[Need]:
        """What must be there before the pods of a resource can be ready."""
        if node["type"] != RELEASE:
            return set(of_pods(pod_spec(node), metadata(node).get("namespace", "")))
        place = node["inputs"]["namespace"]
        named = {text for _, text in texts(node["inputs"].get("values", {}))}
        return {
            need
            for need in self.made()
            if (need.namespace == place and need.name in named) or need == ("Namespace", "", place)
        }

    def prepared(self, value: str) -> bool:
        """Whether a value of the stack file is one that README lists as a preparation."""
        listed = preparations()
        fields = [path for path, text in texts(configuration(self.stack)) if text == value]
        return any(fnmatch.fnmatchcase(field, pattern) for field in fields for pattern in listed)


def built_in(token: str) -> str | None:
    """The kind of a built-in type of Kubernetes; None of any other."""
    match = BUILT_IN.fullmatch(token)
    return match[3] if match and match[1] not in CUSTOM else None


def metadata(node: Mapping[str, Any]) -> dict[str, Any]:
    found = node["inputs"].get("metadata")
    return dict(found) if isinstance(found, dict) else {}


def pod_spec(node: Mapping[str, Any]) -> dict[str, Any]:
    """The PodSpec of a workload; an empty one of any other object."""
    if built_in(node["type"]) not in POD_KINDS:
        return {}
    spec = node["inputs"]["spec"]
    return dict(spec["template"]["spec"] if "template" in spec else spec)


def of_pods(pod: Mapping[str, Any], place: str) -> Iterator[Need]:
    """What a PodSpec refers to, and its namespace."""
    if pod:
        yield Need("Namespace", "", place)
    for path, name in texts(pod):
        reference = ".".join(path.rsplit(".", 2)[-2:])
        if reference in REFERENCES:
            yield Need(REFERENCES[reference], place, name)


def preparations() -> list[str]:
    """Fields of the stack file that README lists as preparations, with * for a name."""
    section = (ROOT / "README.md").read_text().partition("**Preparations.**")[2].partition("\n5. ")[0]
    return re.findall(r"^ *\| .* \| `([a-z_.*]+)` \|", section, re.MULTILINE)


# --- what is wrong, one line each


def unordered(env: Environment) -> Iterator[str]:
    """Objects that awaited pods cannot start without, and that are not created before them."""
    made = env.made()
    for node in env.awaited():
        before = env.before(node)
        for need in env.needs(node):
            if need not in made or made[need]["urn"] not in before:
                yield f"{node['name']} needs {need.kind} {need.namespace}/{need.name}, which is not created before it"


def unprepared(env: Environment) -> Iterator[str]:
    """Values in Secrets Manager, and images, that awaited pods need and that nobody is told to provide."""
    made = env.made()
    for node in env.awaited():
        for need in env.needs(node):
            secret = made.get(need, {})
            for entry in secret["inputs"]["spec"]["data"] if secret.get("type") == EXTERNAL else ():
                key = entry["remoteRef"]["key"]
                # One that is not known before `up` is an output: the secret that RDS makes.
                known_later = key == "[unknown]" and "aws:rds/instance:Instance" in types_before(env, secret)
                if not known_later and not env.prepared(key):
                    yield f"{node['name']} needs the secret {key}, which README does not list"
        for path, image in texts(pod_spec(node)):
            if path.endswith(".image") and not env.prepared(image):
                yield f"{node['name']} needs the image {image}, which README does not list"


def types_before(env: Environment, node: Mapping[str, Any]) -> set[str]:
    return {env.by_urn[urn]["type"] for urn in env.before(node)}


def of_the_future(env: Environment) -> Iterator[str]:
    """Objects in buckets of the program, which only people and pipelines write."""
    buckets = {node["id"] for node in env.graph.all("aws:s3/bucket:Bucket")}
    for node in env.awaited():
        if node["name"] not in WRITTEN_TO:
            for path, text in texts(pod_spec(node)):
                if any(f"s3://{bucket}/" in text for bucket in buckets):
                    yield f"{node['name']} reads {text} ({path}), which nobody has written yet"


def of_others(env: Environment) -> Iterator[str]:
    """Services that wait for pods which `up` itself does not wait for, or which are not of the program."""
    awaited = list(env.awaited())
    for service in awaited:
        if built_in(service["type"]) == "Service":
            selector = service["inputs"]["spec"]["selector"].items()
            served = [
                node
                for node in awaited
                if built_in(node["type"]) == "Deployment"
                and metadata(node)["namespace"] == metadata(service)["namespace"]
                and selector <= node["inputs"]["spec"]["template"]["metadata"]["labels"].items()
            ]
            if not served:
                yield f"Service {service['name']} waits for pods that nothing else waits for"


def without_nodes(env: Environment) -> Iterator[str]:
    """What waits for pods while every pool that could run them waits for it."""
    ahead = [env.before(pool) for pool in env.graph.all(POOL)]
    for node in env.awaited():
        waited_for = all(node["urn"] in before for before in ahead)
        if waited_for and (node["type"] == RELEASE or pod_spec(node)) and node["name"] not in ON_SYSTEM_NODES:
            yield f"{node['name']} needs nodes, and every pool waits for it"


def unjudged(env: Environment) -> Iterator[str]:
    """Types of which this test does not know whether a provider waits for them, and for what."""
    judged = ALONE | AWS.keys()
    for node in env.graph.resources:
        package, kind = node["type"].partition(":")[0], built_in(node["type"])
        if package == "aws" and node["type"] not in judged:
            yield f"{node['type']}: say in ALONE or AWS what the provider waits for"
        if kind and kind not in AWAITED | CREATED:
            yield f"{node['type']}: say in AWAITED or CREATED whether the provider waits for it"


def unfinished(env: Environment) -> Iterator[str]:
    """AWS resources that need more than AWS to be finished, and do not have it."""
    for node in env.graph.resources:
        if node["type"] in AWS and not AWS[node["type"]](env, node):
            yield f"{node['name']} ({node['type']}) waits for what comes later"


def _has_nodes(env: Environment, node: Mapping[str, Any]) -> bool:
    """An add-on for every node is active without one; any other has the first nodes, or a pool that does not wait."""
    every_node = node["inputs"]["addonName"] in {"vpc-cni", "kube-proxy", "eks-pod-identity-agent"}
    return (
        every_node
        or "aws:eks/nodeGroup:NodeGroup" in types_before(env, node)
        or any(node["urn"] not in env.before(pool) for pool in env.graph.all(POOL))
    )


def _can_join(env: Environment, node: Mapping[str, Any]) -> bool:
    """Nodes are ready with a network plugin, and reach the cluster by routes."""
    before = [env.by_urn[urn] for urn in env.before(node)]
    addons = {near["inputs"].get("addonName") for near in before}
    return "vpc-cni" in addons and "aws:ec2/routeTableAssociation:RouteTableAssociation" in types_before(env, node)


AWS: Mapping[str, Callable[[Environment, Mapping[str, Any]], bool]] = {
    "aws:eks/addon:Addon": _has_nodes,
    "aws:eks/nodeGroup:NodeGroup": _can_join,
    "aws:lambda/function:Function": lambda env, node: env.prepared(node["inputs"]["imageUri"]),
    # By email it is never waited for (terraform-provider-aws, internal/service/sns/topic_subscription.go).
    "aws:sns/topicSubscription:TopicSubscription": lambda _, node: not node["inputs"].get("endpointAutoConfirms"),
}
"""Resources that need more than AWS, and whether they have it."""

WRONG = [unordered, unprepared, of_the_future, of_others, without_nodes, unjudged, unfinished]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_nothing_waits_for_what_comes_later(stack: str, wrong: Callable[[Environment], Iterator[str]]) -> None:
    assert sorted(wrong(Environment(stack))) == []


def test_what_is_waited_for() -> None:
    env = Environment("prod")
    found = {(built_in(node["type"]) or "Release", node["name"]) for node in env.awaited()}
    releases = {("Release", node["name"]) for node in env.graph.all(RELEASE)}
    assert found - releases - {item for item in found if item[0] in {"ResourceQuota", "ServiceAccount"}} == {
        *(("Job", "registry-migration"), ("Deployment", "registry-server"), ("Service", "registry-server")),
    }
    assert len(preparations()) > 3


# --- the test itself finds what it is for


def _waiting_for_a_model(graph: Recorded) -> None:
    del graph.one("kubernetes:apps/v1:Deployment", "item-embedder-stable")["inputs"]["metadata"]["annotations"]


def _service_that_waits(graph: Recorded) -> None:
    del graph.one("kubernetes:core/v1:Service", "fraud-scorer-stable")["inputs"]["metadata"]["annotations"]


def _unordered(graph: Recorded) -> None:
    job = graph.one("kubernetes:batch/v1:Job")
    job["dependencies"] = [urn for urn in job["dependencies"] if "ExternalSecret" not in urn]


def _unknown_secret(graph: Recorded) -> None:
    secret = graph.one(EXTERNAL, "monitoring-grafana-admin")
    secret["inputs"]["spec"]["data"][0]["remoteRef"]["key"] = "elsewhere"


def _pool_that_waits(graph: Recorded) -> None:
    release = graph.one(RELEASE, "addons-keda")
    release["dependencies"] = [urn for urn in release["dependencies"] if "addons-karpenter" not in urn]
    release["waits_for"] = []
    for pool in graph.all(POOL):
        pool["dependencies"].append(release["urn"])


def _new_type(graph: Recorded) -> None:
    graph.one("aws:lambda/alias:Alias")["type"] = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"


def _unpushed(graph: Recorded) -> None:
    graph.one("aws:lambda/function:Function")["inputs"]["imageUri"] = "elsewhere"


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        (_waiting_for_a_model, of_the_future),
        (_service_that_waits, of_others),
        (_unordered, unordered),
        (_unknown_secret, unprepared),
        (_pool_that_waits, without_nodes),
        (_new_type, unjudged),
        (_unpushed, unfinished),
    ],
    ids=lambda given: given.__name__,
)
def test_fault_is_found(fault: Callable[[Recorded], None], wrong: Callable[[Environment], Iterator[str]]) -> None:
    graph = golden("prod")
    fault(graph)
    assert list(wrong(Environment("prod", graph))) != []
