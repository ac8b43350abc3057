"""The Gateway of endpoints: CRDs, Envoy Gateway, and Envoy behind an internal Network Load Balancer.

Ownership: the Gateway API's CRDs (standard channel), the admission policy that guards their upgrades, and Envoy
Gateway's own CRDs come from their own chart, so that an upgrade changes them. The copies in Envoy Gateway's chart are
skipped: Helm creates them once and never changes them, and they are of the experimental channel.

On the way down, everything goes before what must clean up after it: the Gateway, then its class, which Envoy Gateway
holds until the Gateway's Envoys are gone, then Envoy Gateway, then the namespace, which waits for the Service of the
load balancer, and only then the controller that deletes it.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.addons.args import Addon, AddonsGateway
from mlplatform.addons.matrix import ENVOY
from mlplatform.addons.site import Site
from mlplatform.addons.values import GATEWAY_CLASS, GATEWAY_NAME, GATEWAY_NAMESPACE, mirrored
from mlplatform.contracts.labels import COMPONENT

GATEWAY_API: Final = "gateway.networking.k8s.io/v1"
ENVOY_API: Final = "gateway.envoyproxy.io/v1alpha1"
CONTROLLER: Final = "gateway.envoyproxy.io/gatewayclass-controller"
LOAD_BALANCER: Final = "service.beta.kubernetes.io/aws-load-balancer"
LOAD_BALANCER_CLASS: Final = "service.k8s.aws/nlb"
"""Services of this class are the AWS Load Balancer Controller's, and nobody else's."""
TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.2 and 1.3 only, with forward secrecy (Elastic Load Balancing, Security policies)."""
PROXIES: Final = MappingProxyType({"gateway.envoyproxy.io/owning-gateway-name": GATEWAY_NAME})
"""Labels of the Gateway's Envoy pods; Envoy Gateway sets them."""
CONTROLLERS: Final = MappingProxyType({"app.kubernetes.io/name": "gateway-helm"})
"""Labels of Envoy Gateway's own pods, as its chart has them."""


def install(site: Site) -> pulumi.Resource:
    """The Gateway, and all that it needs."""
    args = site.args.gateway or AddonsGateway(http_only=True)
    balancing = site.after(Addon.LOAD_BALANCER_CONTROLLER)
    namespace = site.namespace(GATEWAY_NAMESPACE, *balancing)
    crds = site.rendered("gateway-crds-helm")
    controller = site.release("gateway-helm", crds)
    site.images.add(ENVOY)
    proxy = _object(site, "envoy-proxy", ENVOY_API, "EnvoyProxy", _proxy(site, args), [crds, *namespace])
    gateway_class = site.objects.custom(
        "gateway-class",
        GATEWAY_API,
        "GatewayClass",
        {
            "controllerName": CONTROLLER,
            "parametersRef": {
                "group": ENVOY_API.partition("/")[0],
                "kind": "EnvoyProxy",
                "name": GATEWAY_NAME,
                "namespace": GATEWAY_NAMESPACE,
            },
        },
        metadata=site.objects.metadata("gateway-class", name=GATEWAY_CLASS),
        opts=site.objects.after(controller, proxy),
    )
    if site.given.monitored:
        _monitors(site, [*namespace, *site.monitoring])
    return _object(site, "gateway", GATEWAY_API, "Gateway", _gateway(args), [gateway_class, *balancing])


def _object(  # noqa: PLR0913, PLR0917 - the parts of an object
    site: Site, role: str, api: str, kind: str, spec: Any, after: Sequence[pulumi.Resource]
) -> k8s.apiextensions.CustomResource:
    metadata = site.objects.metadata(role, name=GATEWAY_NAME, namespace=GATEWAY_NAMESPACE)
    return site.objects.custom(role, api, kind, spec, metadata=metadata, opts=site.objects.after(*after))


def _gateway(args: AddonsGateway) -> dict[str, Any]:
    # The load balancer has ended TLS: what comes to the port of HTTPS is HTTP.
    name, port = ("http", 80) if args.http_only else ("https", 443)
    # Namespaces that a component made; a label of everybody's own would let everybody in.
    routes = {"matchExpressions": [{"key": COMPONENT, "operator": "Exists"}]}
    listener = {
        "name": name,
        "port": port,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "Selector", "selector": routes}},
    }
    return {"gatewayClassName": GATEWAY_CLASS, "listeners": [listener]}


def _proxy(site: Site, args: AddonsGateway) -> dict[str, Any]:
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(PROXIES)},
    }
    registry = site.args.image_registry
    image = {} if registry is None else {"container": {ENVOY.key: mirrored(registry, ENVOY)}}
    service = {
        "type": "LoadBalancer",
        "loadBalancerClass": LOAD_BALANCER_CLASS,
        "externalTrafficPolicy": "Cluster",
        "loadBalancerSourceRanges": list(args.source_cidrs or ()),
        "annotations": _annotations(args),
    }
    kubernetes = {
        "envoyDeployment": {"replicas": args.replicas, "pod": {"topologySpreadConstraints": [spread]}, **image},
        "envoyPDB": {"maxUnavailable": 1},
        "envoyService": service,
    }
    return {"provider": {"type": "Kubernetes", "kubernetes": kubernetes}}


def _annotations(args: AddonsGateway) -> dict[str, Any]:
    balancer = {f"{LOAD_BALANCER}-scheme": "internal", f"{LOAD_BALANCER}-nlb-target-type": "ip"}
    if args.certificate_arn is None:
        return balancer
    return {
        **balancer,
        f"{LOAD_BALANCER}-ssl-cert": args.certificate_arn,
        f"{LOAD_BALANCER}-ssl-ports": "443",
        f"{LOAD_BALANCER}-ssl-negotiation-policy": TLS_POLICY,
        f"{LOAD_BALANCER}-backend-protocol": "tcp",
    }


def _monitors(site: Site, after: Sequence[pulumi.Resource]) -> None:
    """PodMonitors of Envoy Gateway and of its Envoys, which the chart has not."""
    for role, labels, path in (
        ("envoy-gateway-metrics", CONTROLLERS, "/metrics"),
        ("envoy-metrics", PROXIES, "/stats/prometheus"),
    ):
        site.objects.custom(
            role,
            "monitoring.coreos.com/v1",
            "PodMonitor",
            {"selector": {"matchLabels": dict(labels)}, "podMetricsEndpoints": [{"port": "metrics", "path": path}]},
            metadata=site.objects.metadata(role, namespace=GATEWAY_NAMESPACE),
            opts=site.objects.after(*after),
        )
