"""NetworkPolicy specs (networking.k8s.io/v1, plain dictionaries): every egress policy is built here.

A policy that selects a pod for egress cuts everything that it does not list, DNS and the Pod Identity agent included,
and a pod without them fails with timeouts that name neither. So both are in every policy, and cannot be left out.

AWS services are reached on 443. Interface endpoints have addresses of the VPC: `ToCidr(vpc_cidr, (443,))`. The gateway
endpoints of S3 and DynamoDB do not: requests still go to the services' public addresses, only the route differs, so
they need those ranges (AWS publishes them in ip-ranges.json; `0.0.0.0/0` less the private ranges where a list is too
long).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from mlplatform.facts.aws.cidr import NEVER_PUBLIC

DNS_PORT: Final = 53
"""Port of CoreDNS, UDP and TCP."""
DNS_NAMESPACE: Final = "kube-system"
"""Namespace of CoreDNS, by the label `kubernetes.io/metadata.name` that every namespace has."""
DNS_LABELS: Final = (("k8s-app", "kube-dns"),)
"""Labels of CoreDNS's pods on EKS."""
SERVICE_CIDRS: Final = ("10.100.0.0/16", "172.20.0.0/16")
"""Ranges of which EKS takes one for Services where none is given (Amazon EKS API Reference,
KubernetesNetworkConfigRequest). The VPC CNI sees a Service's address before it is translated, so that pods which reach
the API server need this range beside the VPC's."""
POD_IDENTITY_CIDRS: Final = ("169.254.170.23/32", "fd00:ec2::23/128")
"""Link-local addresses of the Pod Identity agent on each node (EKS User Guide, Learn how EKS Pod Identity grants pods
access to AWS services)."""
POD_IDENTITY_PORT: Final = 80
"""TCP port of the Pod Identity agent."""
EVERYWHERE: Final = "0.0.0.0/0"
HTTPS: Final = (443,)


@dataclass(frozen=True, slots=True)
class ToCidr:
    """A range of addresses outside the cluster."""

    cidr: object
    """CIDR: plain text is checked at once, anything else is passed on for later."""
    ports: Sequence[int]
    """TCP ports; at least one."""
    except_: Sequence[object] = ()
    """Parts of `cidr` that stay closed; none by default."""

    def peer(self) -> dict[str, object]:
        """The destination as a NetworkPolicyPeer."""
        for cidr in (self.cidr, *self.except_):
            _check(cidr)
        block: dict[str, object] = {"cidr": self.cidr}
        if self.except_:
            block["except"] = list(self.except_)
        return {"ipBlock": block}


def to_https(cidrs: Sequence[object]) -> list[ToCidr]:
    """Port 443 of ranges; of every address, the private ones excluded."""
    return [ToCidr(cidr, HTTPS, NEVER_PUBLIC if cidr == EVERYWHERE else ()) for cidr in cidrs]


@dataclass(frozen=True, slots=True)
class ToPods:
    """Pods of the cluster. Ports are the pods' own, not those of a Service in front of them."""

    labels: Mapping[str, str]
    """Labels of the pods; empty for all pods of the namespaces."""
    namespace_labels: Mapping[str, str] | None = None
    """Labels of their namespaces; None for the policy's own namespace."""
    ports: Sequence[int] = ()
    """Ports; at least one."""
    protocols: Sequence[str] = ("TCP",)
    """Protocols of each port; TCP by default."""

    def peer(self) -> dict[str, object]:
        """The destination as a NetworkPolicyPeer."""
        peer: dict[str, object] = {"podSelector": _selector(self.labels)}
        if self.namespace_labels is not None:
            peer["namespaceSelector"] = _selector(self.namespace_labels)
        return peer


def egress(pod_selector: Mapping[str, str], *, to: Sequence[ToCidr | ToPods] = ()) -> dict[str, object]:
    """The spec that lets the selected pods reach DNS, the Pod Identity agent and `to`, and nothing else.

    An empty selector selects every pod of the namespace. ValueError for a destination without ports or with a bad CIDR.
    """
    rules = [_dns(), _pod_identity(), *(_rule(destination) for destination in to)]
    return {"podSelector": _selector(pod_selector), "policyTypes": ["Egress"], "egress": rules}


def default_deny() -> dict[str, object]:
    """The spec that closes every pod of a namespace for ingress, until another policy opens it."""
    return {"podSelector": {}, "policyTypes": ["Ingress"]}


def _check(cidr: object) -> None:
    if not isinstance(cidr, str):
        return
    try:
        ip_network(cidr)
    except ValueError:
        message = f"network {cidr!r} is not accepted; allowed: a CIDR; fix: write for example 10.0.0.0/16"
        raise ValueError(message) from None


def _rule(destination: ToCidr | ToPods) -> dict[str, object]:
    if not destination.ports:
        raise ValueError(f"{destination} has no ports; allowed: one or more; fix: name the ports that are needed")
    protocols = destination.protocols if isinstance(destination, ToPods) else ("TCP",)
    ports = [_port(port, protocol) for port in destination.ports for protocol in protocols]
    return {"to": [destination.peer()], "ports": ports}


def _dns() -> dict[str, object]:
    coredns = ToPods(dict(DNS_LABELS), {"kubernetes.io/metadata.name": DNS_NAMESPACE})
    return {"to": [coredns.peer()], "ports": [_port(DNS_PORT, "UDP"), _port(DNS_PORT)]}


def _pod_identity() -> dict[str, object]:
    return {"to": [{"ipBlock": {"cidr": cidr}} for cidr in POD_IDENTITY_CIDRS], "ports": [_port(POD_IDENTITY_PORT)]}


def _port(port: int, protocol: str = "TCP") -> dict[str, object]:
    return {"protocol": protocol, "port": port}


def _selector(labels: Mapping[str, str]) -> dict[str, object]:
    return {"matchLabels": dict(labels)} if labels else {}
