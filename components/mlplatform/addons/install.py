"""How each add-on is installed, and what whoever uses it waits for."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from mlplatform.addons import access, gateway
from mlplatform.addons.args import Addon, AddonsExternalSecrets, AddonsGpu, AddonsKeda, AddonsKServe, GpuSoftware
from mlplatform.addons.gpu import counters, counters_name
from mlplatform.addons.site import Site
from mlplatform.addons.values import MONITORING
from mlplatform.contracts.labels import COMPONENT, PUSHGATEWAY, PUSHGATEWAY_PORT
from mlplatform.facts.kubernetes.egress import egress

STORAGE_CLASS: Final = "gp3"
SECRET_STORE: Final = "secrets-manager"  # noqa: S105 - the name of a store
GPU_NAMESPACE: Final = "gpu-software"
GPU_SOFTWARE: Final = "gpu-software"
EFA: Final = "efa"
TRAINER: Final = "trainer"
KEDA_ROLE: Final = "keda"
SECRETS_ROLE: Final = "external-secrets"

_Install = Callable[[Site], pulumi.Resource]


def everything(site: Site) -> None:
    """Installs what is not switched off, in an order in which each finds what it waits for."""
    site.namespace(MONITORING)
    for addon, install in _ADDONS.items():
        if site.args.has(addon):
            site.ready[addon.value] = install(site)
    wanted = site.args.gpu or AddonsGpu()
    if wanted.software is not GpuSoftware.NONE:
        site.ready[GPU_SOFTWARE] = _gpu(site, wanted)
    if wanted.efa:
        site.ready[EFA] = site.release("aws-efa-k8s-device-plugin")
    if site.args.trainer:
        site.ready[TRAINER] = site.release("kubeflow-trainer")


def _monitors(site: Site) -> pulumi.Resource:
    return site.release("prometheus-operator-crds")


def _karpenter(site: Site) -> pulumi.Resource:
    crds = site.release("karpenter-crd")
    return site.release("karpenter", crds)


def _ebs_csi(site: Site) -> pulumi.Resource:
    role = access.workload_role(site, access.ebs_csi(site))
    addon = _by_eks(site, Addon.EBS_CSI, "aws-ebs-csi-driver", role)
    return k8s.storage.v1.StorageClass(
        f"{site.name}-{STORAGE_CLASS}",
        metadata=site.objects.metadata(
            STORAGE_CLASS,
            name=STORAGE_CLASS,
            annotations={"storageclass.kubernetes.io/is-default-class": "true"},
        ),
        provisioner="ebs.csi.aws.com",
        parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": site.args.volume_key_arn},
        # A volume is of one zone: that of the pod.
        volume_binding_mode="WaitForFirstConsumer",
        reclaim_policy="Delete",
        allow_volume_expansion=True,
        opts=site.objects.after(addon),
    )


def _metrics_server(site: Site) -> pulumi.Resource:
    return _by_eks(site, Addon.METRICS_SERVER, "metrics-server", *site.after(Addon.KARPENTER))


def _by_eks(site: Site, addon: Addon, name: str, *after: pulumi.Resource) -> aws.eks.Addon:
    versions = site.args.eks_versions
    version = getattr(versions, addon.name.lower()) if versions else None
    site.versions[addon.value] = str(version)
    return aws.eks.Addon(
        f"{site.name}-{addon.value}",
        cluster_name=site.args.cluster_name,
        addon_name=name,
        addon_version=version,
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        opts=site.objects.after(*after),
    )


def _cert_manager(site: Site) -> pulumi.Resource:
    return site.release("cert-manager")


def _load_balancer_controller(site: Site) -> pulumi.Resource:
    role = access.workload_role(site, access.load_balancer_controller(site))
    return site.release("aws-load-balancer-controller", role)


def _external_secrets(site: Site) -> pulumi.Resource:
    allowed = site.args.external_secrets or AddonsExternalSecrets()
    role = access.workload_role(site, access.external_secrets(site, allowed))
    site.roles[SECRETS_ROLE] = role
    controller = site.release("external-secrets", role)
    return site.objects.custom(
        "secret-store",
        "external-secrets.io/v1",
        "ClusterSecretStore",
        {
            # No `auth`: the operator's own role, by Pod Identity.
            "provider": {"aws": {"service": "SecretsManager", "region": site.place.region}},
            # Namespaces that a component made; in any other one, an ExternalSecret reads nothing.
            "conditions": [{"namespaceSelector": {"matchExpressions": [{"key": COMPONENT, "operator": "Exists"}]}}],
        },
        metadata=site.objects.metadata("secret-store", name=SECRET_STORE),
        opts=site.objects.after(controller),
    )


def _kueue(site: Site) -> pulumi.Resource:
    return site.release("kueue")


def _kserve(site: Site) -> pulumi.Resource:
    crds = site.release("kserve-crd")
    controller = site.release("kserve-resources", crds, *site.after(Addon.CERT_MANAGER, Addon.GATEWAY))
    settings = site.args.kserve
    if isinstance(settings, AddonsKServe) and not settings.runtimes:
        return controller
    # Its webhook looks at each runtime.
    return site.release("kserve-runtime-configs", controller)


def _keda(site: Site) -> pulumi.Resource:
    role = access.workload_role(site, access.keda(site, site.args.keda or AddonsKeda()))
    site.roles[KEDA_ROLE] = role
    return site.release("keda", role)


def _argo(site: Site) -> pulumi.Resource:
    return site.release("argo-workflows")


def _pushgateway(site: Site) -> pulumi.Resource:
    # Whoever reaches it can push what alerts go by: namespaces that a component made can, Prometheus' own among them.
    allowed = {"namespaceSelector": {"matchExpressions": [{"key": COMPONENT, "operator": "Exists"}]}}
    ingress = [{"from": [allowed], "ports": [{"port": PUSHGATEWAY_PORT, "protocol": "TCP"}]}]
    spec = {**egress(PUSHGATEWAY), "policyTypes": ["Ingress", "Egress"], "ingress": ingress}
    closed = site.objects.network_policy(
        "pushgateway", spec, namespace=MONITORING, opts=site.objects.after(*site.namespace(MONITORING))
    )
    return site.release("prometheus-pushgateway", closed, *site.after(Addon.EBS_CSI))


def _gpu(site: Site, wanted: AddonsGpu) -> pulumi.Resource:
    metadata = site.objects.metadata("dcgm-counters", namespace=GPU_NAMESPACE)
    listed = k8s.core.v1.ConfigMap(
        counters_name(site.given),
        metadata=metadata,
        # The exporter's chart and the operator mount a key each.
        data={"metrics": counters(), "dcgm-metrics.csv": counters()},
        opts=site.objects.after(*site.namespace(GPU_NAMESPACE)),
    )
    if wanted.software is GpuSoftware.OPERATOR:
        return site.release("gpu-operator", listed)
    plugin = site.release("nvidia-device-plugin")
    return site.release("dcgm-exporter", listed, plugin)


_ADDONS: Final[Mapping[Addon, _Install]] = MappingProxyType(
    {
        Addon.PROMETHEUS_OPERATOR_CRDS: _monitors,
        Addon.KARPENTER: _karpenter,
        Addon.EBS_CSI: _ebs_csi,
        Addon.METRICS_SERVER: _metrics_server,
        Addon.CERT_MANAGER: _cert_manager,
        Addon.LOAD_BALANCER_CONTROLLER: _load_balancer_controller,
        Addon.GATEWAY: gateway.install,
        Addon.EXTERNAL_SECRETS: _external_secrets,
        Addon.KUEUE: _kueue,
        Addon.KSERVE: _kserve,
        Addon.KEDA: _keda,
        Addon.ARGO_WORKFLOWS: _argo,
        Addon.PUSHGATEWAY: _pushgateway,
    }
)
"""In the order of installation."""
