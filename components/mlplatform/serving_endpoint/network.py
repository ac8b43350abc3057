"""Who may speak to the pods of an endpoint, and whom they may speak to, as specs of network policies."""

from collections.abc import Sequence
from typing import Final

from mlplatform.contracts.labels import NAMESPACE_NAME, PROMETHEUS
from mlplatform.facts.kubernetes.egress import ToCidr, egress, to_https
from mlplatform.serving_endpoint.args import ServingEndpointArgs, ServingGateway

HTTPS: Final = 443
GATEWAY_LABEL: Final = "gateway.envoyproxy.io/owning-gateway-name"
"""On the Envoy pods of a Gateway, its name: Envoy Gateway sets it."""


def to_aws(args: ServingEndpointArgs) -> list[ToCidr]:
    """The interface endpoints of the VPC, and S3."""
    return [ToCidr(args.vpc_cidr, (HTTPS,)), *to_https(args.s3_cidrs or ())]


def to_the_outside(args: ServingEndpointArgs) -> dict[str, object]:
    """The spec that lets every pod of the namespace reach AWS, DNS and Pod Identity, and nothing else."""
    return egress({}, to=to_aws(args))


def from_gateway_and_prometheus(
    args: ServingEndpointArgs, *, port: object, metrics: Sequence[object]
) -> dict[str, object]:
    """The spec that lets the Gateway's Envoy pods reach `port`, Prometheus the ports of metrics, nobody else any."""
    gateway = args.gateway or ServingGateway()
    rules = [_from(str(gateway.namespace), {GATEWAY_LABEL: gateway.name}, port)]
    rules += [_from(str(args.monitoring_namespace), dict(PROMETHEUS), scraped) for scraped in metrics]
    return {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": rules}


def _from(namespace: str, labels: dict[str, object], port: object) -> dict[str, object]:
    peer = {
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: namespace}},
        "podSelector": {"matchLabels": labels},
    }
    return {"from": [peer], "ports": [{"protocol": "TCP", "port": port}]}
