"""Values of the charts: what differs from their defaults, and why.

Where a default is repeated, something else here relies on it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import pulumi
import yaml

from mlplatform.addons import gpu
from mlplatform.addons.args import AddonsArgo, AddonsKarpenter, AddonsKueue, AddonsPushgateway
from mlplatform.addons.given import Given, Values
from mlplatform.addons.matrix import MATRIX, Image
from mlplatform.contracts.labels import EFA, QUEUE, QUEUE_MANAGED
from mlplatform.facts.aws.iam import dns_suffix
from mlplatform.facts.kubernetes.pods import container_security, pod_security

GATEWAY_NAMESPACE: Final = "envoy-gateway-system"
GATEWAY_NAME: Final = "inference"
"""The Gateway of endpoints, as KServe's configuration and routes name it."""
GATEWAY_CLASS: Final = "envoy"
MONITORING: Final = "monitoring"
"""Namespace of Prometheus."""
SYSTEM_NODES: Final = ({"key": "CriticalAddonsOnly", "operator": "Exists"},)
"""Toleration of system nodes that are dedicated to the first controllers."""
RUNTIME_SECCOMP: Final = MappingProxyType({"type": "RuntimeDefault"})
ONE_GOES: Final = MappingProxyType({"maxUnavailable": 1})
"""A disruption budget that lets one pod go at a time."""
FRAMEWORKS: Final = ("batch/job", "jobset.x-k8s.io/jobset", "pod", "trainer.kubeflow.org/trainjob")
"""What Kueue admits: jobs of teams by message, and single pods, which steps of workflows are. A kind whose CRD is not
there is left alone until it is."""
NOT_QUEUED: Final = (EFA, "ephemeral-storage", "hugepages-")
"""Resources, by the beginning of their name, without a quota: no flavor declares them, and Kueue refuses a workload
that requests an undeclared one."""
UNUSED_RUNTIMES: Final = (
    "huggingfaceserver_multinode",
    "paddleserver",
    "pmmlserver",
    "predictiveserver",
    "tensorflow",
    "torchserve",
)
"""Runtimes of KServe that are left out: an image each to keep free of holes, and nobody asked for them."""


def of(row: str, given: Given) -> Values:
    """The values of a row's release, images from the mirror included."""
    made = _VALUES[row](given) if row in _VALUES else {}
    registry = given.args.image_registry
    if registry is not None:
        for image in MATRIX[row].images:
            place(made, image.key, mirrored(registry, image))
    return made


def mirrored(registry: Any, image: Image) -> pulumi.Output[str]:
    """What the value of an image holds where it comes from a mirror."""
    return pulumi.Output.concat(registry, image.mirrored())


def place(values: Values, key: str, value: object) -> None:
    """Sets the value at a dotted path."""
    *way, last = key.split(".")
    for part in way:
        values = values.setdefault(part, {})
    values[last] = value


def _karpenter(given: Given) -> Values:
    wanted = given.args.karpenter or AddonsKarpenter()
    return {
        # Of the chart, and relied on: two replicas on different hosts, never on nodes of Karpenter's own, and the
        # toleration of dedicated system nodes.
        "replicas": 2,
        "serviceAccount": {"name": "karpenter"},
        "serviceMonitor": {"enabled": given.monitored},
        "controller": {
            "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
        },
        "settings": {
            "clusterName": given.args.cluster_name,
            "interruptionQueue": given.args.interruption_queue_name,
            "isolatedVPC": wanted.isolated_vpc,
            "featureGates": {"reservedCapacity": True, "nodeOverlay": wanted.node_overlays},
        },
    }


def _load_balancer_controller(given: Given) -> Values:
    return {
        "replicaCount": given.replicas,
        "clusterName": given.args.cluster_name,
        # Pods cannot ask the instance for these: its metadata are a hop too far.
        "region": given.region,
        "vpcId": given.args.vpc_id,
        "serviceAccount": {"name": "aws-load-balancer-controller"},
        # It deletes load balancers after the pools are gone.
        "tolerations": list(SYSTEM_NODES),
        "podDisruptionBudget": dict(ONE_GOES),
        "serviceMonitor": {"enabled": given.monitored},
        "defaultTargetType": "ip",
        "defaultLoadBalancerScheme": "internal",
        # Otherwise no Service at all can be made while the controller has no ready pod. Services name their class.
        "enableServiceMutatorWebhook": False,
        # Its role may not use them.
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
        # Gateways are Envoy Gateway's.
        "controllerConfig": {"featureGates": {"ALBGatewayAPI": False, "NLBGatewayAPI": False}},
    }


def _cert_manager(given: Given) -> Values:
    budget = {"enabled": True, **ONE_GOES}
    return {
        # Helm leaves the CRDs when the release goes: with them it would take every certificate.
        "crds": {"enabled": True, "keep": True},
        "replicaCount": given.replicas,
        "podDisruptionBudget": budget,
        "webhook": {"replicaCount": given.replicas, "podDisruptionBudget": budget},
        "cainjector": {"replicaCount": given.replicas, "podDisruptionBudget": budget},
        # The default is kube-system, where it would need rights of its own.
        "global": {"leaderElection": {"namespace": "cert-manager"}},
        "prometheus": {"servicemonitor": {"enabled": given.monitored}},
    }


def _gateway_crds(_: Given) -> Values:
    return {"crds": {"gatewayAPI": {"enabled": True, "channel": "standard"}, "envoyGateway": {"enabled": True}}}


def _gateway(given: Given) -> Values:
    return {
        # The chart of CRDs has it.
        "crds": {"gatewayAPI": {"safeUpgradePolicy": {"enabled": False}}},
        # It deletes the Service of a Gateway after the pools are gone.
        "deployment": {"replicas": given.replicas, "pod": {"tolerations": list(SYSTEM_NODES)}},
        "config": {
            "envoyGateway": {
                "gateway": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
                "provider": {"type": "Kubernetes"},
                "logging": {"level": {"default": "info"}},
            }
        },
    }


def _external_secrets(given: Given) -> Values:
    return {
        "installCRDs": True,
        "replicaCount": given.replicas,
        "leaderElect": True,
        "serviceAccount": {"name": "external-secrets"},
        "podDisruptionBudget": given.one_stays,
        "serviceMonitor": {"enabled": given.monitored},
        "webhook": {"replicaCount": given.replicas, "podDisruptionBudget": given.one_stays},
    }


def kueue_configuration(args: AddonsKueue) -> Mapping[str, object]:
    """Kueue's own configuration: that of the chart, and what quotas here rely on."""
    timeout = pulumi.Output.concat(pulumi.Output.from_input(args.pods_ready_minutes).apply(str), "m")
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": ":8081"},
        "metrics": {"bindAddress": ":8443", "enableClusterQueueResources": True},
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": True, "resourceName": "c1f6bfd2.kueue.x-k8s.io"},
        "controller": {
            "groupKindConcurrency": {
                "Job.batch": 5,
                "Pod": 5,
                "Workload.kueue.x-k8s.io": 10,
                "LocalQueue.kueue.x-k8s.io": 5,
                "ClusterQueue.kueue.x-k8s.io": 5,
                "ResourceFlavor.kueue.x-k8s.io": 1,
            }
        },
        "clientConnection": {"qps": 300, "burst": 500},
        # Quota says that a job may run, not that EC2 has the instances. Without a limit of tries: a job that waits for
        # scarce GPUs must not be given up.
        "waitForPodsReady": {
            "timeout": timeout,
            "recoveryTimeout": timeout,
            "blockAdmission": False,
            "requeuingStrategy": {"timestamp": "Eviction", "backoffBaseSeconds": 60, "backoffMaxSeconds": 3600},
        },
        "manageJobsWithoutQueueName": True,
        # The chart takes its webhooks' selector from this (from 0.19), so that no other namespace waits for Kueue.
        "managedJobsNamespaceSelector": {"matchLabels": {QUEUE: QUEUE_MANAGED}},
        "integrations": {"frameworks": list(FRAMEWORKS)},
        "fairSharing": {"preemptionStrategies": ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]},
        "resources": {"excludeResourcePrefixes": list(NOT_QUEUED)},
    }


def _kueue(given: Given) -> Values:
    configuration = pulumi.Output.from_input(kueue_configuration(given.args.kueue or AddonsKueue()))
    repository, _, tag = MATRIX["kueue"].images[0].reference.rpartition(":")
    return {
        "enablePrometheus": given.monitored,
        "metrics": {"prometheusNamespace": MONITORING},
        "managerConfig": {
            "controllerManagerConfigYaml": configuration.apply(lambda known: yaml.safe_dump(known, sort_keys=True))
        },
        "controllerManager": {
            "replicas": given.replicas,
            "podDisruptionBudget": given.one_stays,
            "manager": {
                # Said in full: the defaults of a development chart are a staging image.
                "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"}
            },
        },
    }


def _kserve(given: Given) -> Values:
    settings = given.args.kserve
    secure = bool(given.args.gateway and not given.args.gateway.http_only)
    return {
        "kserve": {
            "controller": {
                # The chart and its ConfigMap still default to Knative.
                "deploymentMode": "Standard",
                "gateway": {
                    "domain": settings.domain if settings else None,
                    "domainTemplate": "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}",
                    "urlScheme": "https" if secure else "http",
                    "disableIstioVirtualHost": True,
                    "ingressGateway": {
                        "enableGatewayApi": True,
                        "kserveGateway": f"{GATEWAY_NAMESPACE}/{GATEWAY_NAME}",
                        "createGateway": False,
                        "className": GATEWAY_CLASS,
                    },
                },
            }
        }
    }


def _kserve_runtimes(_: Given) -> Values:
    left_out = {runtime: {"disabled": True} for runtime in UNUSED_RUNTIMES}
    return {"kserve": {"servingruntime": {"enabled": True, **left_out}, "llmisvcConfigs": {"enabled": False}}}


def _keda(given: Given) -> Values:
    parts = ("operator", "metricServer", "webhooks")
    monitor = {"enabled": True, "serviceMonitor": {"enabled": given.monitored}}
    return {
        "crds": {"install": True},
        "clusterName": given.args.cluster_name,
        "serviceAccount": {"operator": {"name": "keda-operator"}},
        "operator": {"replicaCount": given.replicas},
        "metricsServer": {"replicaCount": given.replicas},
        "webhooks": {"replicaCount": given.replicas},
        "podDisruptionBudget": {part: dict(ONE_GOES) for part in parts},
        "prometheus": dict.fromkeys(parts, monitor),
        "image": {"pullPolicy": "IfNotPresent"},
    }


def _argo(given: Given) -> Values:
    wanted = given.args.argo or AddonsArgo()
    named = list(wanted.workflow_namespaces or ())
    return {
        # In full they are fetched from GitHub by a Job of the release.
        "crds": {"install": True, "keep": True, "full": False},
        "images": {"pullPolicy": "IfNotPresent"},
        "workflow": {"serviceAccount": {"create": bool(named)}, "rbac": {"create": bool(named)}},
        "controller": {
            "replicas": given.replicas,
            "pdb": given.one_stays,
            "workflowNamespaces": named,
            "podSecurityContext": {"seccompProfile": dict(RUNTIME_SECCOMP)},
            # A user too: the image of init and wait has none.
            "workflowDefaults": {"spec": {"securityContext": pod_security()}},
            "metricsConfig": {"enabled": True},
            "serviceMonitor": {"enabled": given.monitored},
        },
        "mainContainer": {"securityContext": container_security(read_only=False)},
        # Of the containers init and wait. Without requests, each would take a namespace's default out of its quota.
        "executor": {
            "securityContext": container_security(),
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        },
        "server": {
            "enabled": bool(wanted.server),
            "podSecurityContext": {"seccompProfile": dict(RUNTIME_SECCOMP)},
            "authModes": ["client"],
        },
        # Workflows use the role of their own service account.
        "useStaticCredentials": False,
        "artifactRepository": _artifacts(given, wanted),
    }


def _artifacts(given: Given, wanted: AddonsArgo) -> Values:
    if wanted.artifact_bucket is None:
        return {"archiveLogs": False}
    s3 = {
        "bucket": wanted.artifact_bucket,
        "endpoint": given.region.apply(lambda region: f"s3.{region}.{dns_suffix(region)}"),
        "region": given.region,
        "keyFormat": "workflows/{{workflow.namespace}}/{{workflow.name}}/{{pod.name}}",
        "useSDKCreds": True,
    }
    return {"archiveLogs": True, "s3": s3}


def _pushgateway(given: Given) -> Values:
    disk = (given.args.pushgateway or AddonsPushgateway()).disk_gib
    return {
        "extraArgs": ["--persistence.file=/data/metrics", "--persistence.interval=1m"],
        "persistentVolume": {
            "enabled": True,
            "size": pulumi.Output.concat(pulumi.Output.from_input(disk).apply(str), "Gi"),
        },
        "securityContext": {
            "fsGroup": 65534,
            "runAsUser": 65534,
            "runAsNonRoot": True,
            "seccompProfile": dict(RUNTIME_SECCOMP),
        },
        "containerSecurityContext": container_security(),
        # Labels are those of who pushed.
        "serviceMonitor": {"enabled": given.monitored, "namespace": MONITORING, "honorLabels": True},
    }


def _trainer(given: Given) -> Values:
    return {"jobset": {"install": True}, "manager": {"replicas": given.replicas}}


_VALUES: Final[Mapping[str, Callable[[Given], Values]]] = MappingProxyType(
    {
        "karpenter": _karpenter,
        "aws-load-balancer-controller": _load_balancer_controller,
        "cert-manager": _cert_manager,
        "gateway-crds-helm": _gateway_crds,
        "gateway-helm": _gateway,
        "external-secrets": _external_secrets,
        "kueue": _kueue,
        "kserve-resources": _kserve,
        "kserve-runtime-configs": _kserve_runtimes,
        "keda": _keda,
        "argo-workflows": _argo,
        "prometheus-pushgateway": _pushgateway,
        "kubeflow-trainer": _trainer,
        **gpu.VALUES,
    }
)
"""Values by row; a row without is installed as its chart has it."""
