"""Who may speak to the pods of the stack, and whom they may speak to, as specs of network policies.

Only pods of the stack are closed: what else lives in its namespace, such as a Pushgateway, is its owner's. The node
exporter has its host's network, which no policy governs.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from mlplatform.contracts.labels import APP, NAMESPACE_NAME, PROMETHEUS
from mlplatform.facts.kubernetes.egress import ToCidr, ToPods, egress
from mlplatform.monitoring_stack.args import MonitoringStackArgs, PrometheusServer
from mlplatform.monitoring_stack.chart import CHART

ALERTMANAGER: Final[Mapping[str, str]] = {APP: "alertmanager"}
"""Labels that Prometheus Operator gives the pods."""
GRAFANA: Final[Mapping[str, str]] = {APP: "grafana"}
STATE_METRICS: Final[Mapping[str, str]] = {APP: "kube-state-metrics"}
OPERATOR: Final[Mapping[str, str]] = {"app": f"{CHART}-operator"}
"""Labels that the chart and its subcharts give the pods."""
QUERIES, RELOADER = 9090, 8080
ALERTS, GOSSIP = 9093, 9094
GRAFANA_PORT: Final = 3000
STATE_METRICS_PORT: Final = 8080
WEBHOOK_PORT: Final = 10250
"""Ports of the pods themselves (the chart's default values; Alertmanager's `--cluster.listen-address`)."""
GOSSIPED: Final = ("TCP", "UDP")
"""How replicas of Alertmanager tell each other what was sent."""
# The API server, AWS and the webhooks of people: their addresses are not known here.
HTTPS: Final = ToCidr("0.0.0.0/0", (443,))

Spec = dict[str, object]


def policies(args: MonitoringStackArgs) -> Mapping[str, Spec]:
    """The spec of a policy for each part of the stack, by its name.

    Prometheus is closed for those who come only: it scrapes pods on whatever port they have.
    """
    specs = {
        "prometheus": _closed(PROMETHEUS, _prometheus_is_asked(args)),
        "alertmanager": _closed(
            ALERTMANAGER,
            [
                _from_pods([PROMETHEUS, GRAFANA], [ALERTS]),
                _from_pods([PROMETHEUS], [RELOADER]),
                _from_pods([ALERTMANAGER], [GOSSIP], GOSSIPED),
            ],
            egress(ALERTMANAGER, to=[HTTPS, ToPods(ALERTMANAGER, ports=[GOSSIP], protocols=GOSSIPED)]),
        ),
        "state-metrics": _closed(
            STATE_METRICS,
            [_from_pods([PROMETHEUS], [STATE_METRICS_PORT])],
            egress(STATE_METRICS, to=[HTTPS]),
        ),
        # The API server asks its webhook, from addresses of the VPC that differ from cluster to cluster.
        "operator": _closed(OPERATOR, [{"ports": [_port(WEBHOOK_PORT)]}], egress(OPERATOR, to=[HTTPS])),
    }
    if args.grafana:
        to: list[ToCidr | ToPods] = [
            HTTPS,
            ToPods(PROMETHEUS, ports=[QUERIES]),
            ToPods(ALERTMANAGER, ports=[ALERTS]),
        ]
        specs["grafana"] = _closed(GRAFANA, [_from_pods([PROMETHEUS], [GRAFANA_PORT])], egress(GRAFANA, to=to))
    return specs


def _prometheus_is_asked(args: MonitoringStackArgs) -> Sequence[Spec]:
    readers = [*((args.prometheus or PrometheusServer()).reader_namespaces or ()), *(args.gated_namespaces or ())]
    spaces = [{"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: reader}}} for reader in readers]
    return [
        {"from": [{"podSelector": {}}, *spaces], "ports": [_port(QUERIES)]},
        _from_pods([PROMETHEUS], [RELOADER]),
    ]


def _closed(labels: Mapping[str, str], ingress: Sequence[Spec], outward: Spec | None = None) -> Spec:
    both = {**outward, "policyTypes": ["Ingress", "Egress"]} if outward else {"policyTypes": ["Ingress"]}
    return {**both, "podSelector": {"matchLabels": dict(labels)}, "ingress": list(ingress)}


def _from_pods(peers: Sequence[Mapping[str, str]], ports: Sequence[int], protocols: Sequence[str] = ("TCP",)) -> Spec:
    return {
        "from": [_pods(labels) for labels in peers],
        "ports": [_port(port, protocol) for port in ports for protocol in protocols],
    }


def _pods(labels: Mapping[str, str]) -> Spec:
    return {"podSelector": {"matchLabels": dict(labels)}}


def _port(port: int, protocol: str = "TCP") -> Spec:
    return {"protocol": protocol, "port": port}
