"""Addons, on their recorded graph: each once, in order, with what it needs and no more."""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components import with_values
from examples import kubernetes
from examples.addons import BASE, CERTIFICATE
from examples.hardened_bucket import COPY_KEY, KEY
from mlplatform.addons import Addon, Addons, AddonsArgs
from mlplatform.addons.gpu import COUNTERS
from mlplatform.addons.matrix import MATRIX, CrdSource
from mlplatform.addons.site import PRIVILEGED
from mlplatform.contracts.gpu_sharing import time_slicing_config
from mlplatform.core.args import InvalidArgs
from mlplatform.monitoring_stack.rules import NAMESPACES
from promises import covers
from recorded import ROOT, Recorded, absent, exactly, matching, record
from schemas import problems

RELEASE = "kubernetes:helm.sh/v3:Release"
RENDERED = "kubernetes:helm.sh/v4:Chart"
NAMESPACE = "kubernetes:core/v1:Namespace"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
STORAGE = "kubernetes:storage.k8s.io/v1:StorageClass"
GATEWAY = "kubernetes:gateway.networking.k8s.io/v1:Gateway"
CLASS = "kubernetes:gateway.networking.k8s.io/v1:GatewayClass"
PROXY = "kubernetes:gateway.envoyproxy.io/v1alpha1:EnvoyProxy"
STORE = "kubernetes:external-secrets.io/v1:ClusterSecretStore"
MONITOR = "kubernetes:monitoring.coreos.com/v1:PodMonitor"
EKS_ADDON = "aws:eks/addon:Addon"
POLICY = "aws:iam/policy:Policy"
ROLE = "aws:iam/role:Role"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
COMPONENT = "mlplatform:index:Addons"

ALL = [addon.value for addon in Addon]
SMALLEST: dict[str, Any] = {
    "cluster_name": "ml-dev",
    "vpc_id": "vpc-0123456789abcdef0",
    "volume_key_arn": KEY,
    "without": ALL,
    "gpu": {"software": "none"},
}
REGISTRY = "111122223333.dkr.ecr.us-east-1.amazonaws.com/mirror"
DIGEST = f"sha256:{64 * 'a'}"
OPERATOR = with_values(BASE, {"gpu.software": "operator"})
ROWS: dict[str, tuple[str, ...]] = {
    "prometheus-operator-crds": ("prometheus-operator-crds",),
    "karpenter": ("karpenter-crd", "karpenter"),
    "ebs-csi": (),
    "metrics-server": (),
    "cert-manager": ("cert-manager",),
    "load-balancer-controller": ("aws-load-balancer-controller",),
    "gateway": ("gateway-crds-helm", "gateway-helm"),
    "external-secrets": ("external-secrets",),
    "kueue": ("kueue",),
    "kserve": ("kserve-crd", "kserve-resources", "kserve-runtime-configs"),
    "keda": ("keda",),
    "argo-workflows": ("argo-workflows",),
    "pushgateway": ("prometheus-pushgateway",),
}
"""What each add-on installs, beside EKS's own."""


def graph_of(args: Mapping[str, Any], **options: Any) -> Recorded:
    return record(lambda: Addons("x", AddonsArgs.of(args), kubernetes("x")), **options)


def outputs(graph: Recorded) -> dict[str, Any]:
    return dict(graph.one(COMPONENT)["outputs"])


def values(graph: Recorded, row: str) -> dict[str, Any]:
    (chart,) = (node for node in installed(graph) if node["name"] == f"x-{row}")
    return dict(chart["inputs"]["values"])


def installed(graph: Recorded) -> list[dict[str, Any]]:
    """Every chart of a graph, released or rendered."""
    return [*graph.all(RELEASE), *graph.all(RENDERED)]


def charts(graph: Recorded) -> set[str]:
    names = [node["name"] for node in installed(graph)]
    assert len(names) == len(set(names))
    return {name.removeprefix("x-") for name in names}


def needs(graph: Recorded, name: str) -> set[str]:
    """Logical names of everything that a resource waits for, however far."""
    by_urn = {node["urn"]: node for node in graph.resources}
    pending = [node for node in graph.resources if node["name"] == name and node["kind"] != "component"]
    assert pending, name
    found: set[str] = set()
    while pending:
        for urn in pending.pop()["dependencies"]:
            if urn in by_urn and by_urn[urn]["name"] not in found:
                found.add(by_urn[urn]["name"])
                pending.append(by_urn[urn])
    return found


def statements(graph: Recorded, policy: str) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in graph.statements(POLICY, policy)}


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


@pytest.fixture(scope="module")
def operated() -> Recorded:
    return graph_of(OPERATOR)


@pytest.fixture(scope="module")
def mirrored() -> Recorded:
    return graph_of({**BASE, "image_registry": REGISTRY})


# --- contents and owners


@covers("addons.contents", field="AddonsArgs.without", ends_in="kubernetes:helm.sh/v3:Release.chart")
def test_everything_of_the_matrix_is_installed_but_what_is_owned_otherwise(full: Recorded, operated: Recorded) -> None:
    assert charts(full) == set(MATRIX) - {"gpu-operator"}
    assert charts(operated) == set(MATRIX) - {"nvidia-device-plugin", "dcgm-exporter"}


def test_versions_are_those_of_the_matrix(full: Recorded) -> None:
    for node in full.all(RELEASE):
        name = node["name"].removeprefix("x-")
        row = MATRIX[name]
        remote = row.repository.startswith("oci://")
        full.has(
            RELEASE,
            {
                "name": name,
                "chart": f"{row.repository}/{name}" if remote else name,
                "version": row.version,
                "namespace": row.namespace,
                "repositoryOpts": absent if remote else exactly({"repo": row.repository}),
                "atomic": True,
                "timeout": 1200,
            },
            node["name"],
        )
    eks = {"ebs-csi": "v1.59.0-eksbuild.1", "metrics-server": "v0.8.0-eksbuild.1"}
    charts_installed = {name: row.version for name, row in MATRIX.items() if name != "gpu-operator"}
    assert outputs(full)["installed"] == {**charts_installed, **eks}


def test_crds_of_the_gateway_come_from_their_chart_and_from_nowhere_else(full: Recorded) -> None:
    assert full.inputs(RENDERED) == {
        "chart": "oci://docker.io/envoyproxy/gateway-crds-helm",
        "version": "v1.8.1",
        "values": {"crds": {"gatewayAPI": {"enabled": True, "channel": "standard"}, "envoyGateway": {"enabled": True}}},
    }
    assert full.inputs(RELEASE, "x-gateway-helm")["skipCrds"] is True
    assert values(full, "gateway-helm")["crds"] == {"gatewayAPI": {"safeUpgradePolicy": {"enabled": False}}}


# --- where charts come from


@covers("addons.charts", field="AddonsArgs.chart_registry", ends_in="kubernetes:helm.sh/v3:Release.chart")
@pytest.mark.parametrize("software", ["device-plugin", "operator"])
def test_every_chart_comes_from_the_registry_by_its_name(software: str) -> None:
    graph = graph_of(with_values(BASE, {"chart_registry": REGISTRY, "gpu.software": software}))
    for node in installed(graph):
        name = node["name"].removeprefix("x-")
        assert node["inputs"]["chart"] == f"oci://{REGISTRY}/{name}"
        assert node["inputs"]["version"] == MATRIX[name].version
        assert "repositoryOpts" not in node["inputs"]


@covers("addons.chart-digests", field="AddonsArgs.chart_digests", ends_in="kubernetes:helm.sh/v3:Release.chart")
@pytest.mark.parametrize("registry", [None, REGISTRY], ids=["publisher", "registry"])
def test_a_digest_is_part_of_the_address_of_its_chart(registry: str | None) -> None:
    pinned = {"karpenter": DIGEST, "gateway-crds-helm": DIGEST}
    graph = graph_of({**BASE, "chart_registry": registry, "chart_digests": pinned})
    found = {node["name"]: node["inputs"]["chart"] for node in installed(graph) if "@" in node["inputs"]["chart"]}
    folders = ("public.ecr.aws/karpenter", "docker.io/envoyproxy") if registry is None else (registry, registry)
    assert found == {
        f"x-{name}": f"oci://{folder}/{name}@{DIGEST}" for name, folder in zip(pinned, folders, strict=True)
    }


@covers("addons.switches", field="AddonsArgs.without", ends_in="kubernetes:helm.sh/v3:Release.chart")
@pytest.mark.parametrize("addon", ALL)
def test_an_addon_switched_off_leaves_the_others(full: Recorded, addon: str) -> None:
    graph = graph_of({**BASE, "without": [addon]})
    assert charts(graph) == charts(full) - set(ROWS[addon])
    assert graph.count(EKS_ADDON) == 2 - (addon in {"ebs-csi", "metrics-server"})


@covers("addons.outputs", field="AddonsArgs.without", ends_in="mlplatform:index:Addons.installed")
@pytest.mark.parametrize("addon", ALL)
def test_an_addon_alone_can_be_waited_for(addon: str) -> None:
    made: list[Addons] = []
    others = [other for other in ALL if other != addon]
    more = {key: BASE[key] for key in ("eks_versions", "gateway", "kserve", "interruption_queue_name")}
    graph = record(
        lambda: made.append(Addons("x", AddonsArgs.of({**SMALLEST, **more, "without": others}), kubernetes("x")))
    )
    assert charts(graph) == set(ROWS[addon])
    assert list(made[0].controllers) == [addon]
    assert "monitoring" in made[0].namespaces


def test_nothing_is_left_with_everything_switched_off() -> None:
    graph = graph_of(SMALLEST)
    assert {node["type"] for node in graph.resources} == {COMPONENT, NAMESPACE, "pulumi:providers:kubernetes"}
    assert outputs(graph) == {"installed": {}, "images": []}


def test_what_uses_an_addon_waits_for_it() -> None:
    def program() -> None:
        addons = Addons("x", AddonsArgs.of(BASE), kubernetes("x"))
        pulumi.ComponentResource("tests:index:Pool", "pool", opts=pulumi.ResourceOptions(parent=addons))
        assert sorted(addons.controllers) == sorted([*ALL, "gpu-software", "efa", "trainer"])
        last = {name: resource._name for name, resource in addons.controllers.items()}
        assert last["karpenter"] == "x-karpenter"
        assert last["gateway"] == "x-gateway"
        assert last["external-secrets"] == "x-secret-store"
        assert last["kserve"] == "x-kserve-runtime-configs"
        assert last["ebs-csi"] == "x-gp3"

    record(program)


@covers("addons.owners", field="AddonsArgs.gpu.software", ends_in="kubernetes:helm.sh/v3:Release.chart")
def test_with_the_operator_plugin_and_exporter_are_its_own(operated: Recorded) -> None:
    assert not operated.all(RELEASE, "x-(nvidia-device-plugin|dcgm-exporter)")
    assert values(operated, "gpu-operator")["driver"] == {"enabled": False}
    assert values(operated, "gpu-operator")["toolkit"] == {"enabled": False}


def test_without_gpu_software_there_is_neither() -> None:
    graph = graph_of(with_values(BASE, {"gpu": {"software": "none"}}))
    assert not charts(graph) & {"gpu-operator", "nvidia-device-plugin", "dcgm-exporter", "aws-efa-k8s-device-plugin"}
    assert not graph.all(NAMESPACE, "x-namespace-gpu-software")


# --- namespaces


def test_namespaces_are_those_of_the_platform(full: Recorded) -> None:
    made = {node["inputs"]["metadata"]["name"] for node in full.all(NAMESPACE)}
    assert made | {"kube-system"} == {*NAMESPACES, "monitoring"}


def test_namespaces_are_restricted_but_where_a_reason_says_not(full: Recorded) -> None:
    for node in full.all(NAMESPACE):
        metadata = node["inputs"]["metadata"]
        level = "privileged" if metadata["name"] in PRIVILEGED else "restricted"
        assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == level
        assert metadata["labels"]["mlplatform.dev/component"] == "x"
    assert all(PRIVILEGED.values())


# --- order


@covers("addons.order", field="AddonsArgs.without", ends_in="kubernetes:helm.sh/v3:Release.skipCrds")
@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("karpenter-crd", "karpenter"),
        ("kserve-crd", "kserve-resources"),
        ("kserve-resources", "kserve-runtime-configs"),
        ("cert-manager", "kserve-resources"),
        ("gateway", "kserve-resources"),
        ("gateway-crds-helm", "gateway-helm"),
        ("gateway-crds-helm", "envoy-proxy"),
        ("gateway-helm", "gateway-class"),
        ("envoy-proxy", "gateway-class"),
        ("gateway-class", "gateway"),
        ("external-secrets", "secret-store"),
        ("prometheus-operator-crds", "karpenter"),
        ("prometheus-operator-crds", "envoy-metrics"),
        ("ebs-csi", "gp3"),
        ("gp3", "prometheus-pushgateway"),
        ("dcgm-counters", "dcgm-exporter"),
        ("nvidia-device-plugin", "dcgm-exporter"),
    ],
)
def test_order(full: Recorded, first: str, then: str) -> None:
    assert f"x-{first}" in needs(full, f"x-{then}")


def test_crds_of_another_row_are_not_installed_twice(full: Recorded) -> None:
    for node in full.all(RELEASE):
        row = MATRIX[node["name"].removeprefix("x-")]
        assert node["inputs"].get("skipCrds", False) == (row.crds is CrdSource.OTHER_ROW)


def test_controllers_wait_for_karpenter_and_karpenter_for_none_of_them(full: Recorded) -> None:
    waiting = {node["name"] for node in full.all(RELEASE) if "x-karpenter" in needs(full, node["name"])}
    crds = {"x-prometheus-operator-crds", "x-karpenter-crd", "x-kserve-crd"}
    assert waiting == {f"x-{name}" for name in charts(full)} - crds - {"x-karpenter", "x-gateway-crds-helm"}
    assert needs(full, "x-karpenter") == {
        *("x-karpenter-crd", "x-prometheus-operator-crds", "x-namespace-monitoring"),
    }


@pytest.mark.parametrize("row", ["aws-load-balancer-controller", "external-secrets", "keda"])
def test_controllers_find_their_role(full: Recorded, row: str) -> None:
    role = {"aws-load-balancer-controller": "load-balancer-controller"}.get(row, row)
    assert f"x-{role}-association" in needs(full, f"x-{row}")


@covers(
    "addons.tear-down",
    field="AddonsArgs.gateway.certificate_arn",
    ends_in="kubernetes:gateway.networking.k8s.io/v1:Gateway.spec",
)
def test_gateway_and_its_load_balancer_go_before_what_deletes_them(full: Recorded) -> None:
    way = ["gateway", "gateway-class", "gateway-helm", "namespace-envoy-gateway-system", "aws-load-balancer-controller"]
    for later, earlier in itertools.pairwise(way):
        assert f"x-{earlier}" in needs(full, f"x-{later}")
    for row in ("gateway-helm", "aws-load-balancer-controller"):
        found = values(full, row)
        pod = found["deployment"]["pod"] if row == "gateway-helm" else found
        assert pod["tolerations"] == [{"key": "CriticalAddonsOnly", "operator": "Exists"}]


# --- values


def test_karpenter(full: Recorded) -> None:
    found = values(full, "karpenter")
    assert found["replicas"] == 2
    assert found["serviceAccount"] == {"name": "karpenter"}
    assert found["settings"] == {
        "clusterName": "ml-dev",
        "interruptionQueue": "ml-dev-interruption",
        "isolatedVPC": False,
        "featureGates": {"reservedCapacity": True, "nodeOverlay": False},
    }
    overlaid = values(graph_of(with_values(BASE, {"karpenter.node_overlays": True})), "karpenter")
    assert overlaid["settings"]["featureGates"]["nodeOverlay"] is True


def test_load_balancer_controller(full: Recorded) -> None:
    found = values(full, "aws-load-balancer-controller")
    assert found["vpcId"] == "vpc-0123456789abcdef0"
    assert found["region"] == "us-east-1"
    assert found["defaultLoadBalancerScheme"] == "internal"
    assert found["enableServiceMutatorWebhook"] is False
    assert found["controllerConfig"] == {"featureGates": {"ALBGatewayAPI": False, "NLBGatewayAPI": False}}


def configuration(graph: Recorded) -> dict[str, Any]:
    return dict(yaml.safe_load(values(graph, "kueue")["managerConfig"]["controllerManagerConfigYaml"]))


@covers(
    "addons.queue-configuration",
    field="AddonsArgs.kueue.pods_ready_minutes",
    ends_in="kubernetes:helm.sh/v3:Release.values",
)
def test_kueue(full: Recorded) -> None:
    found = configuration(full)
    assert found["apiVersion"] == "config.kueue.x-k8s.io/v1beta2"
    assert found["waitForPodsReady"] == {
        "timeout": "15m",
        "recoveryTimeout": "15m",
        "blockAdmission": False,
        "requeuingStrategy": {"timestamp": "Eviction", "backoffBaseSeconds": 60, "backoffMaxSeconds": 3600},
    }
    assert found["manageJobsWithoutQueueName"] is True
    assert found["managedJobsNamespaceSelector"] == {"matchLabels": {"mlplatform.dev/queue": "managed"}}
    assert found["resources"] == {
        "excludeResourcePrefixes": ["vpc.amazonaws.com/efa", "ephemeral-storage", "hugepages-"]
    }
    assert found["integrations"]["frameworks"] == [
        *("batch/job", "jobset.x-k8s.io/jobset", "pod", "trainer.kubeflow.org/trainjob"),
    ]
    assert found["fairSharing"] == {"preemptionStrategies": ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]}
    assert found["metrics"]["enableClusterQueueResources"] is True
    controller = values(full, "kueue")["controllerManager"]
    assert controller["replicas"] == 2
    assert controller["podDisruptionBudget"] == {"enabled": True, "minAvailable": 1}
    assert controller["manager"]["image"] == {
        "repository": "registry.k8s.io/kueue/kueue",
        "tag": f"v{MATRIX['kueue'].version}",
        "pullPolicy": "IfNotPresent",
    }


def test_kueues_configuration_has_the_parts_of_the_charts_own(full: Recorded, reference: Callable[[str], Path]) -> None:
    default = yaml.safe_load(reference("charts/kueue.values.yaml").read_text())["managerConfig"]
    own = yaml.safe_load(default["controllerManagerConfigYaml"])
    found = configuration(full)
    for part in ("health", "webhook", "leaderElection", "controller", "clientConnection"):
        assert found[part] == own[part], part
    assert set(found["integrations"]["frameworks"]) <= set(own["integrations"]["frameworks"])


@covers("addons.serving-mode", field="AddonsArgs.kserve.domain", ends_in="kubernetes:helm.sh/v3:Release.values")
def test_kserve(full: Recorded) -> None:
    controller = values(full, "kserve-resources")["kserve"]["controller"]
    assert controller["deploymentMode"] == "Standard"
    assert controller["gateway"] == {
        "domain": "models.example.com",
        "domainTemplate": "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}",
        "urlScheme": "https",
        "disableIstioVirtualHost": True,
        "ingressGateway": {
            "enableGatewayApi": True,
            "kserveGateway": "envoy-gateway-system/inference",
            "createGateway": False,
            "className": "envoy",
        },
    }
    runtimes = values(full, "kserve-runtime-configs")["kserve"]
    assert runtimes["servingruntime"]["enabled"] is True
    assert runtimes["llmisvcConfigs"] == {"enabled": False}


@covers("addons.workflows", field="AddonsArgs.argo.artifact_bucket", ends_in="kubernetes:helm.sh/v3:Release.values")
def test_argo_workflows(full: Recorded) -> None:
    found = values(full, "argo-workflows")
    assert found["useStaticCredentials"] is False
    assert found["server"]["enabled"] is False
    assert found["artifactRepository"] == {"archiveLogs": False}
    assert found["crds"]["full"] is False
    assert found["controller"]["workflowDefaults"]["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert found["workflow"] == {"serviceAccount": {"create": False}, "rbac": {"create": False}}
    for part, read_only in (("mainContainer", False), ("executor", True)):
        assert found[part]["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": read_only,
        }
    assert found["executor"]["resources"] == {
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": {"memory": "512Mi"},
    }
    graph = graph_of(with_values(BASE, {"argo.artifact_bucket": "ml-dev-artifacts"}))
    assert values(graph, "argo-workflows")["artifactRepository"]["s3"] == {
        "bucket": "ml-dev-artifacts",
        "endpoint": "s3.us-east-1.amazonaws.com",
        "region": "us-east-1",
        "keyFormat": "workflows/{{workflow.namespace}}/{{workflow.name}}/{{pod.name}}",
        "useSDKCreds": True,
    }


def test_pushgateway_keeps_what_was_pushed_and_who_pushed_it(full: Recorded) -> None:
    found = values(full, "prometheus-pushgateway")
    assert found["persistentVolume"] == {"enabled": True, "size": "2Gi"}
    assert found["extraArgs"][0] == "--persistence.file=/data/metrics"
    assert found["serviceMonitor"]["honorLabels"] is True
    policy = full.inputs("kubernetes:networking.k8s.io/v1:NetworkPolicy", "x-pushgateway")["spec"]
    components = {"matchExpressions": [{"key": "mlplatform.dev/component", "operator": "Exists"}]}
    assert policy["ingress"] == [
        {"from": [{"namespaceSelector": components}], "ports": [{"port": 9091, "protocol": "TCP"}]}
    ]


def test_one_replica_has_no_budget_that_holds_its_node() -> None:
    graph = graph_of({**BASE, "replicas": 1})
    assert values(graph, "kueue")["controllerManager"]["podDisruptionBudget"]["enabled"] is False
    assert values(graph, "external-secrets")["podDisruptionBudget"]["enabled"] is False
    assert values(graph, "argo-workflows")["controller"]["pdb"]["enabled"] is False
    assert values(graph, "karpenter")["replicas"] == 2


def test_no_monitors_without_their_crds() -> None:
    graph = graph_of({**BASE, "service_monitors": False, "without": ["prometheus-operator-crds"]})
    assert graph.count(MONITOR) == 0
    for row in ("karpenter", "cert-manager", "external-secrets", "argo-workflows", "dcgm-exporter", "keda"):
        assert "'enabled': True}" not in str(
            [value for key, value in walked(values(graph, row)) if key.lower().endswith("servicemonitor")]
        )
    assert values(graph, "kueue")["enablePrometheus"] is False


def walked(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    found = [(path, tree)] if path else []
    for key, value in tree.items() if isinstance(tree, dict) else ():
        found += walked(value, f"{path}.{key}" if path else key)
    return found


# --- images


@covers("addons.mirror", field="AddonsArgs.image_registry", ends_in="kubernetes:helm.sh/v3:Release.values")
@pytest.mark.parametrize("software", ["device-plugin", "operator"])
def test_every_image_comes_from_the_mirror(software: str) -> None:
    graph = graph_of(with_values(BASE, {"image_registry": REGISTRY, "gpu.software": software}))
    for row in charts(graph):
        for image in MATRIX[row].images:
            value: Any = values(graph, row)
            for part in image.key.split("."):
                value = value[part]
            assert value == REGISTRY + image.mirrored(), f"{row}: {image.key}"
    container = graph.inputs(PROXY)["spec"]["provider"]["kubernetes"]["envoyDeployment"]["container"]
    assert container == {"imageRepository": f"{REGISTRY}/envoyproxy/envoy"}


def test_no_registry_is_named_in_values_beside_the_mirror(mirrored: Recorded) -> None:
    hosts = {i.reference.partition("/")[0] for row in MATRIX.values() for i in row.images}
    for row in charts(mirrored):
        texts = [value for _, value in walked(values(mirrored, row)) if isinstance(value, str)]
        assert not [text for text in texts if text.partition("/")[0] in hosts], row


def test_images_are_listed_for_the_mirror(full: Recorded) -> None:
    listed = outputs(full)["images"]
    assert listed == sorted(set(listed))
    wanted = {i.reference for name, row in MATRIX.items() if name != "gpu-operator" for i in row.images}
    assert set(listed) == {*wanted, "docker.io/envoyproxy/envoy:distroless-v1.38.1"}


# --- the gateway


def test_gateway_ends_tls_at_an_internal_load_balancer(full: Recorded) -> None:
    service = full.inputs(PROXY)["spec"]["provider"]["kubernetes"]["envoyService"]
    prefix = "service.beta.kubernetes.io/aws-load-balancer"
    assert service == {
        "type": "LoadBalancer",
        "loadBalancerClass": "service.k8s.aws/nlb",
        "externalTrafficPolicy": "Cluster",
        "loadBalancerSourceRanges": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
        "annotations": {
            f"{prefix}-scheme": "internal",
            f"{prefix}-nlb-target-type": "ip",
            f"{prefix}-ssl-cert": CERTIFICATE,
            f"{prefix}-ssl-ports": "443",
            f"{prefix}-ssl-negotiation-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            f"{prefix}-backend-protocol": "tcp",
        },
    }
    routes = {"matchExpressions": [{"key": "mlplatform.dev/component", "operator": "Exists"}]}
    full.has(
        GATEWAY,
        {
            "metadata": {"name": "inference", "namespace": "envoy-gateway-system"},
            "spec": {
                "gatewayClassName": "envoy",
                "listeners": [
                    {
                        "name": "https",
                        "port": 443,
                        "protocol": "HTTP",
                        "allowedRoutes": {"namespaces": {"from": "Selector", "selector": routes}},
                    }
                ],
            },
        },
    )
    assert outputs(full)["gateway_name"] == "inference"
    assert outputs(full)["gateway_namespace"] == "envoy-gateway-system"


def test_gateway_without_tls_says_so() -> None:
    graph = graph_of({**BASE, "gateway": {"http_only": True}})
    graph.has(GATEWAY, {"spec": {"listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}})
    annotations = graph.inputs(PROXY)["spec"]["provider"]["kubernetes"]["envoyService"]["annotations"]
    assert not [name for name in annotations if "ssl" in name]
    assert values(graph, "kserve-resources")["kserve"]["controller"]["gateway"]["urlScheme"] == "http"


# --- storage, secrets, roles


@covers(
    "addons.storage",
    field="AddonsArgs.volume_key_arn",
    ends_in="kubernetes:storage.k8s.io/v1:StorageClass.parameters",
)
def test_default_storage_class_is_encrypted(full: Recorded) -> None:
    full.has(
        STORAGE,
        {
            "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "ebs.csi.aws.com",
            "parameters": exactly({"type": "gp3", "encrypted": "true", "kmsKeyId": KEY}),
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    )
    found = statements(full, "x-ebs-csi-key")
    assert found["Volumes"]["Resource"] == [KEY]
    assert found["Grants"]["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    full.has(ASSOCIATION, {"namespace": "kube-system", "serviceAccount": "ebs-csi-controller-sa"})


@covers(
    "addons.secrets",
    field="AddonsArgs.external_secrets.secret_prefixes",
    ends_in="aws:iam/policy:Policy.policy",
)
def test_external_secrets_reads_below_its_prefixes_only(full: Recorded) -> None:
    prefix = "arn:aws:secretsmanager:us-east-1:123456789012:secret:platform/*"
    assert statements(full, "x-external-secrets-read") == {
        "Read": {
            "Sid": "Read",
            "Effect": "Allow",
            "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            "Resource": [prefix],
        }
    }
    full.has(
        STORE,
        {
            "metadata": {"name": "secrets-manager"},
            "spec": exactly(
                {
                    "provider": {"aws": {"service": "SecretsManager", "region": "us-east-1"}},
                    "conditions": [
                        {
                            "namespaceSelector": {
                                "matchExpressions": [{"key": "mlplatform.dev/component", "operator": "Exists"}]
                            }
                        }
                    ],
                }
            ),
        },
    )
    full.has(ASSOCIATION, {"namespace": "external-secrets", "serviceAccount": "external-secrets"})
    graph = graph_of(with_values(BASE, {"external_secrets.kms_key_arns": [COPY_KEY]}))
    assert statements(graph, "x-external-secrets-read")["Keys"]["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}
    }


def test_keda_takes_the_roles_of_scalers_and_no_other(full: Recorded) -> None:
    assert statements(full, "x-keda-scalers")["Scalers"] == {
        "Sid": "Scalers",
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Resource": ["arn:aws:iam::123456789012:role/*-scaler-role-*"],
    }
    assert outputs(full)["keda_role_arn"] == full.one(ROLE, "x-keda-role")["outputs"]["arn"]
    full.has(ASSOCIATION, {"namespace": "keda", "serviceAccount": "keda-operator"})
    assert values(full, "keda")["serviceAccount"]["operator"] == {"name": "keda-operator"}


def test_roles_are_bounded() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    graph = graph_of({**BASE, "permissions_boundary_arn": boundary})
    assert {node["inputs"]["permissionsBoundary"] for node in graph.all(ROLE)} == {boundary}


# --- GPUs


def test_device_plugin_has_a_configuration_for_each_number_of_slices(full: Recorded) -> None:
    config = values(full, "nvidia-device-plugin")["config"]
    assert config["default"] == "default"
    assert set(config["map"]) == {"default", time_slicing_config(4)}
    assert yaml.safe_load(config["map"]["default"]) == {"version": "v1", "flags": {"migStrategy": "mixed"}}
    assert yaml.safe_load(config["map"]["time-slicing-4"])["sharing"]["timeSlicing"] == {
        "renameByDefault": True,
        "failRequestsGreaterThanOne": True,
        "resources": [{"name": "nvidia.com/gpu", "replicas": 4}],
    }


def test_the_operators_plugin_has_the_same(full: Recorded, operated: Recorded) -> None:
    given = values(operated, "gpu-operator")["devicePlugin"]["config"]
    assert given["data"] == values(full, "nvidia-device-plugin")["config"]["map"]
    assert given["create"] is True
    assert values(operated, "gpu-operator")["mig"] == {"strategy": "mixed"}


def test_exporter_runs_on_gpu_nodes_with_our_counters(full: Recorded) -> None:
    found = values(full, "dcgm-exporter")
    assert found["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert found["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert found["extraConfigMapVolumes"][0]["configMap"] == {
        "name": full.inputs(CONFIG_MAP, "x-dcgm-counters")["metadata"]["name"],
        "items": [{"key": "metrics", "path": "default-counters.csv"}],
    }
    assert found["kubernetes"] == {"enablePodLabels": True}
    full.has(CONFIG_MAP, {"data": {"metrics": matching(r"(DCGM_FI_\w+, (gauge|counter), [^,\n]+\n)+")}})


def test_the_operators_exporter_has_the_same_counters(operated: Recorded) -> None:
    found = values(operated, "gpu-operator")["dcgmExporter"]
    made = operated.inputs(CONFIG_MAP, "x-dcgm-counters")
    assert found["config"] == {"name": made["metadata"]["name"]}
    assert found["env"][0] == {"name": "DCGM_EXPORTER_COLLECTORS", "value": "/etc/dcgm-exporter/dcgm-metrics.csv"}
    assert made["data"]["dcgm-metrics.csv"] == made["data"]["metrics"]


def test_counters_hold_all_that_rules_and_dashboards_name() -> None:
    stack = ROOT / "components" / "mlplatform" / "monitoring_stack"
    text = "".join(path.read_text() for path in sorted(stack.glob("*.py")))
    words = text.replace("{", " ").replace("}", " ").replace("[", " ").replace("(", " ").replace('"', " ").split()
    named = {word.strip("'),") for word in words if word.startswith("DCGM_FI_")}
    assert named
    assert named <= set(COUNTERS)


def test_efa_plugin_knows_every_type_with_efa(full: Recorded) -> None:
    labels = values(full, "aws-efa-k8s-device-plugin")["supportedInstanceLabels"]
    assert labels["keys"] == ["node.kubernetes.io/instance-type"]
    assert {"p5.48xlarge", "p4d.24xlarge"} <= set(labels["values"])
    assert "g5.xlarge" not in labels["values"]


# --- everything against what is published


@pytest.mark.parametrize(
    "args", [BASE, OPERATOR, {**BASE, "image_registry": REGISTRY}], ids=["base", "operator", "mirror"]
)
def test_objects_validate(args: dict[str, Any], reference: Callable[[str], Path]) -> None:
    crds = reference("crds")
    found = [
        node["inputs"]
        for node in graph_of(args).resources
        if node["type"].startswith("kubernetes:") and "apiVersion" in node["inputs"] and node["type"] != RELEASE
    ]
    assert len(found) > 15
    assert [(given["kind"], problems(given, crds)) for given in found if problems(given, crds)] == []


# --- arguments that are refused

GIVEN = {key: value for key, value in BASE.items() if key != "trainer"}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown add-on": (
        {"without": ["kuue"]},
        (
            "AddonsArgs.without[0]: got 'kuue'; allowed are 'prometheus-operator-crds', 'karpenter', 'ebs-csi', "
            "'metrics-server', 'cert-manager', 'load-balancer-controller', 'gateway', 'external-secrets', 'kueue', "
            "'kserve', 'keda', 'argo-workflows', 'pushgateway'"
        ),
    ),
    "twice": (
        {"without": ["keda", "keda"]},
        "AddonsArgs.without: got keda more than once; allowed is once each; take the others out",
    ),
    "no versions": (
        {"eks_versions": None},
        (
            "AddonsArgs: eks_versions is missing for ebs-csi, metrics-server; give the versions that aws eks "
            "describe-addon-versions lists, or name them in without"
        ),
    ),
    "a version": (
        {"eks_versions.ebs_csi": "latest"},
        (
            "AddonsArgs.eks_versions.ebs_csi: got 'latest'; allowed is a version of an EKS add-on, "
            "such as v1.22.4-eksbuild.3"
        ),
    ),
    "no gateway": (
        {"gateway": None},
        "AddonsArgs: gateway is missing; give its settings, or name gateway in without",
    ),
    "no domain": (
        {"kserve": None},
        "AddonsArgs: kserve is missing; give its settings, or name kserve in without",
    ),
    "domain with scheme": (
        {"kserve.domain": "https://models.example.com"},
        (
            "AddonsArgs.kserve.domain: got 'https://models.example.com'; allowed is a domain without scheme and "
            "port, such "
            "as models.example.com"
        ),
    ),
    "both": (
        {"gateway.http_only": True},
        (
            "AddonsArgs.gateway: got both; allowed is exactly one of certificate_arn and http_only; give the ARN of a "
            "certificate, or http_only true for requests without TLS"
        ),
    ),
    "neither": (
        {"gateway": {}},
        (
            "AddonsArgs.gateway: got neither; allowed is exactly one of certificate_arn and http_only; give the "
            "ARN of a "
            "certificate, or http_only true for requests without TLS"
        ),
    ),
    "certificate": (
        {"gateway.certificate_arn": "models.example.com"},
        (
            "AddonsArgs.gateway.certificate_arn: got 'models.example.com'; allowed is the ARN of a certificate "
            "in ACM, such "
            "as arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
        ),
    ),
    "no sources": (
        {"gateway.source_cidrs": []},
        (
            "AddonsArgs.gateway.source_cidrs: got none; allowed are one or more; name what is needed, or switch "
            "the add-on "
            "off"
        ),
    ),
    "a source": (
        {"gateway.source_cidrs": ["10.0.0.1"]},
        (
            "AddonsArgs.gateway.source_cidrs: network '10.0.0.1' is not IPv4; allowed: address/prefix; "
            "fix: write for example 10.0.0.0/16"
        ),
    ),
    "no Envoy": ({"gateway.replicas": 0}, "AddonsArgs.gateway.replicas: got 0; allowed are 1 replicas or more"),
    "no replica": ({"replicas": 0}, "AddonsArgs.replicas: got 0; allowed are 1 replicas or more"),
    "registry with scheme": (
        {"image_registry": "https://mirror.example.com"},
        (
            "AddonsArgs.image_registry: got 'https://mirror.example.com'; allowed is a registry, with a prefix "
            "where it has "
            "one, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/mirror"
        ),
    ),
    "digest of no chart": (
        {"chart_digests": {"karpentr": DIGEST}},
        (f"AddonsArgs.chart_digests: got 'karpentr'; allowed are {', '.join(MATRIX)}; did you mean 'karpenter'?"),
    ),
    "half a digest": (
        {"chart_digests": {"karpenter": "sha256:0a1b"}},
        "AddonsArgs.chart_digests: got 'sha256:0a1b'; allowed is a digest: sha256: and 64 hexadecimal digits",
    ),
    "digest that nobody checks": (
        {"chart_digests": {"karpenter": DIGEST, "keda": DIGEST}},
        (
            "AddonsArgs: chart_digests: got keda without chart_registry; must be charts in a registry, because Helm "
            "checks no other digests. Set chart_registry, or remove these digests."
        ),
    ),
    "prefix with a star": (
        {"external_secrets.secret_prefixes": ["*"]},
        (
            "AddonsArgs.external_secrets.secret_prefixes: got '*'; allowed is the beginning of a secret's name "
            "without *, "
            "such as platform/"
        ),
    ),
    "no prefix": (
        {"external_secrets.secret_prefixes": []},
        (
            "AddonsArgs.external_secrets.secret_prefixes: got none; allowed are one or more; name what is "
            "needed, or switch "
            "the add-on off"
        ),
    ),
    "alias for a key": (
        {"external_secrets.kms_key_arns": ["alias/secrets"]},
        (
            "AddonsArgs.external_secrets.kms_key_arns: got 'alias/secrets'; allowed is the ARN of a KMS key, not of an "
            "alias, such as arn:aws:kms:eu-west-1:111122223333:key/mrk-0123456789abcdef"
        ),
    ),
    "every role": (
        {"keda.scaler_roles": ["*"]},
        (
            "AddonsArgs.keda.scaler_roles: got '*'; allowed is the name of a role, with * for any part of it but "
            "at least "
            "six characters in a row, such as *-scaler-role-*"
        ),
    ),
    "no minute": (
        {"kueue.pods_ready_minutes": 0},
        "AddonsArgs.kueue.pods_ready_minutes: got 0; allowed are 1 minutes or more",
    ),
    "one slice": ({"gpu.time_slices": [1]}, "AddonsArgs.gpu.time_slices: got 1; allowed are 2 to 64 slices of a GPU"),
    "slices twice": (
        {"gpu.time_slices": [4, 4]},
        "AddonsArgs.gpu.time_slices: got 4, 4; allowed is each number once; take the others out",
    ),
    "slices of nothing": (
        {"gpu": {"software": "none", "time_slices": [4]}},
        (
            "AddonsArgs.gpu: time_slices 4 and software none: nothing would slice a GPU; allowed are device-plugin and "
            "operator; change software, or take time_slices out"
        ),
    ),
    "bucket with path": (
        {"argo.artifact_bucket": "s3://artifacts"},
        (
            "AddonsArgs.argo.artifact_bucket: got 's3://artifacts'; allowed is the name of a bucket, "
            "not its ARN or URL, such as access-logs"
        ),
    ),
    "namespace": (
        {"argo.workflow_namespaces": ["Pipelines"]},
        (
            "AddonsArgs.argo.workflow_namespaces: Kubernetes name 'Pipelines' is not accepted; allowed: "
            "lower-case letters, "
            "digits and -, a letter or digit at both ends; fix: change the characters"
        ),
    ),
    "no disk": ({"pushgateway.disk_gib": 0}, "AddonsArgs.pushgateway.disk_gib: got 0; allowed are 1 GiB or more"),
    "no queue": (
        {"interruption_queue_name": None},
        (
            "AddonsArgs: interruption_queue_name is missing: Karpenter would not hear of interruptions; give the "
            "cluster's "
            "queue, or name karpenter in without"
        ),
    ),
    "VPC": (
        {"vpc_id": "main"},
        "AddonsArgs.vpc_id: got 'main'; allowed is the id of a VPC, such as vpc-0123456789abcdef0",
    ),
    "key": (
        {"volume_key_arn": "alias/volumes"},
        (
            "AddonsArgs.volume_key_arn: got 'alias/volumes'; allowed is the ARN of a KMS key, not of an alias, such as "
            "arn:aws:kms:eu-west-1:111122223333:key/mrk-0123456789abcdef"
        ),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(case: str) -> None:
    changes, message = BAD[case]
    with pytest.raises(InvalidArgs) as caught:
        AddonsArgs(**with_values(GIVEN, changes))
    assert str(caught.value) == message


def test_no_kubernetes_provider_is_an_error() -> None:
    with pytest.raises(Exception, match=r"^x: no Kubernetes provider; allowed is an explicit one; give"):
        record(lambda: Addons("x", AddonsArgs.of(BASE)))
