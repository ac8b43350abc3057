"""MonitoringStack, on its recorded graph; its values, against the chart's own."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples import kubernetes
from examples.monitoring_stack import BASE, KEY, RUNBOOKS, WORKSPACE
from mlplatform.core.args import InvalidArgs
from mlplatform.monitoring_stack import MonitoringStack, MonitoringStackArgs, chart
from promises import covers
from recorded import Recorded, Refused, absent, exactly, record
from schemas import problems

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
COMPONENT = "mlplatform:index:MonitoringStack"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
EXTERNAL_SECRET = "kubernetes:external-secrets.io/v1:ExternalSecret"
KEY_TYPE = "aws:kms/key:Key"
NAMESPACE = "kubernetes:core/v1:Namespace"
POLICY = "aws:iam/policy:Policy"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
RELEASE = "kubernetes:helm.sh/v3:Release"
RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
TOPIC = "aws:sns/topic:Topic"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
WORKSPACE_TYPE = "aws:amp/workspace:Workspace"

SMALLEST: dict[str, Any] = {"runbooks_url": RUNBOOKS, "cluster_name": "ml-dev", "storage_class": "encrypted-gp3"}
STORED: dict[str, Any] = {**SMALLEST, "secret_store": "secrets-manager"}

OF_SUBCHARTS = {
    "grafana.deploymentStrategy": "grafana/helm-charts, charts/grafana/values.yaml",
    "grafana.grafana.ini": "grafana/helm-charts, charts/grafana/values.yaml",
    "grafana.initChownData": "grafana/helm-charts, charts/grafana/values.yaml",
    "grafana.persistence": "grafana/helm-charts, charts/grafana/values.yaml",
    "grafana.rbac.namespaced": "grafana/helm-charts, charts/grafana/values.yaml",
    "grafana.resources": "grafana/helm-charts, charts/grafana/values.yaml",
    "grafana.sidecar.dashboards.resource": "grafana/helm-charts, charts/grafana/values.yaml",
    "grafana.sidecar.datasources.resource": "grafana/helm-charts, charts/grafana/values.yaml",
    "grafana.sidecar.datasources.searchNamespace": "grafana/helm-charts, charts/grafana/values.yaml",
    "grafana.sidecar.resources": "grafana/helm-charts, charts/grafana/values.yaml",
    "grafana.testFramework": "grafana/helm-charts, charts/grafana/values.yaml",
    "kube-state-metrics.collectors": "prometheus-community/helm-charts, charts/kube-state-metrics/values.yaml",
    "kube-state-metrics.containerSecurityContext": (
        "prometheus-community/helm-charts, charts/kube-state-metrics/values.yaml"
    ),
    "kube-state-metrics.resources": "prometheus-community/helm-charts, charts/kube-state-metrics/values.yaml",
    "prometheus-node-exporter.resources": (
        "prometheus-community/helm-charts, charts/prometheus-node-exporter/values.yaml"
    ),
}
"""Values of subcharts, whose own defaults are not in the chart's file, with where they stand."""


def graph_of(args: Mapping[str, Any], name: str = "x", **options: Any) -> Recorded:
    return record(lambda: MonitoringStack(name, MonitoringStackArgs.of(args), kubernetes(name)), **options)


def outputs(graph: Recorded) -> dict[str, Any]:
    return dict(graph.one(COMPONENT)["outputs"])


def values(graph: Recorded) -> dict[str, Any]:
    return dict(graph.inputs(RELEASE)["values"])


def configuration(graph: Recorded) -> dict[str, Any]:
    return dict(values(graph)["alertmanager"]["config"])


def spec(graph: Recorded, part: str) -> dict[str, Any]:
    return dict(graph.inputs(NETWORK_POLICY, f"x-to-{part}")["spec"])


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


def test_release_is_pinned_atomic_and_without_crds(smallest: Recorded) -> None:
    smallest.has(
        RELEASE,
        {
            "name": "x",
            "namespace": "monitoring",
            "chart": "kube-prometheus-stack",
            "version": "88.5.3",
            "repositoryOpts": {"repo": "https://prometheus-community.github.io/helm-charts"},
            "atomic": True,
            "skipCrds": True,
        },
    )


def test_release_is_the_one_whose_values_are_known(reference: Callable[[str], Path]) -> None:
    assert f"| {chart.CHART} | {chart.VERSION} |" in reference("charts/README.md").read_text()


@covers(
    "monitoring.chart",
    field="MonitoringStackArgs.cluster_name",
    ends_in="kubernetes:helm.sh/v3:Release.values.crds.enabled",
)
def test_crds_and_gpu_exporter_are_not_its_own(full: Recorded) -> None:
    assert values(full)["crds"] == {"enabled": False}
    assert "dcgm" not in json.dumps(values(full)).lower()
    assert values(full)["prometheus"]["prometheusSpec"]["externalLabels"] == {"cluster": "ml-dev"}


def leaves(given: Mapping[str, Any], known: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Paths of values that the chart's defaults do not have; what is open there, such as {}, takes anything."""
    for key, value in given.items():
        here = f"{path}{key}"
        if key not in known:
            yield here
        elif isinstance(value, dict) and isinstance(known[key], dict) and known[key]:
            yield from leaves(value, known[key], f"{here}.")


@pytest.mark.parametrize("more", [{}, {"prometheus": {"replicas": 2}, "image_registry": "mirror.example.com"}])
def test_every_value_exists_in_the_chart_or_in_a_subchart(
    more: dict[str, Any], reference: Callable[[str], Path]
) -> None:
    known = yaml.safe_load(reference("charts/kube-prometheus-stack.values.yaml").read_text())
    unknown = set(leaves(values(graph_of({**BASE, **more})), known))
    assert unknown == set(OF_SUBCHARTS)


@covers(
    "monitoring.storage",
    field="MonitoringStackArgs.storage_class, MonitoringStackArgs.prometheus.disk_gib",
    ends_in="kubernetes:helm.sh/v3:Release.values.prometheus.prometheusSpec.storageSpec",
)
def test_every_server_has_a_volume_of_the_storage_class(full: Recorded) -> None:
    found = values(full)
    claims = {
        "prometheus": found["prometheus"]["prometheusSpec"]["storageSpec"],
        "alertmanager": found["alertmanager"]["alertmanagerSpec"]["storage"],
    }
    specs = {part: claim["volumeClaimTemplate"]["spec"] for part, claim in claims.items()}
    assert {part: spec["storageClassName"] for part, spec in specs.items()} == dict.fromkeys(claims, "encrypted-gp3")
    assert {part: spec["resources"]["requests"]["storage"] for part, spec in specs.items()} == {
        "prometheus": "100Gi",
        "alertmanager": "2Gi",
    }
    assert found["grafana"]["persistence"] == {"enabled": True, "storageClassName": "encrypted-gp3", "size": "10Gi"}


def test_history_ends_by_days_and_before_the_volume_is_full(smallest: Recorded) -> None:
    server = values(smallest)["prometheus"]["prometheusSpec"]
    assert (server["retention"], server["retentionSize"], server["scrapeInterval"]) == ("15d", "80GiB", "30s")
    small = graph_of({**SMALLEST, "prometheus": {"disk_gib": 11, "retention_days": 3}})
    assert values(small)["prometheus"]["prometheusSpec"]["retentionSize"] == "8GiB"


@covers(
    "monitoring.foreign",
    field="MonitoringStackArgs.storage_class",
    ends_in="kubernetes:helm.sh/v3:Release.values.prometheus.prometheusSpec.serviceMonitorSelectorNilUsesHelmValues",
)
def test_monitors_and_rules_of_others_are_selected(smallest: Recorded) -> None:
    server = values(smallest)["prometheus"]["prometheusSpec"]
    selectors = {key: value for key, value in server.items() if key.endswith("NilUsesHelmValues")}
    assert selectors == {
        "podMonitorSelectorNilUsesHelmValues": False,
        "probeSelectorNilUsesHelmValues": False,
        "ruleSelectorNilUsesHelmValues": False,
        "scrapeConfigSelectorNilUsesHelmValues": False,
        "serviceMonitorSelectorNilUsesHelmValues": False,
    }


@covers(
    "monitoring.password",
    field="MonitoringStackArgs.grafana.admin_secret",
    ends_in="kubernetes:external-secrets.io/v1:ExternalSecret.spec.data",
)
def test_grafanas_password_comes_from_a_secret_and_is_nowhere_in_the_graph(full: Recorded) -> None:
    grafana = values(full)["grafana"]
    assert grafana["admin"] == {"existingSecret": "x-grafana-admin", "userKey": "username", "passwordKey": "password"}
    assert "adminPassword" not in json.dumps(values(full))
    full.has(
        EXTERNAL_SECRET,
        {
            "metadata": {"name": "x-grafana-admin", "namespace": "monitoring"},
            "spec": {
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": "secrets-manager"},
                "target": {"name": "x-grafana-admin", "creationPolicy": "Owner"},
                "data": [
                    {"secretKey": "username", "remoteRef": {"key": "platform/grafana", "property": "username"}},
                    {"secretKey": "password", "remoteRef": {"key": "platform/grafana", "property": "password"}},
                ],
            },
        },
        name="x-grafana-admin",
    )


def test_grafana_reads_config_maps_of_its_own_namespace_only_and_lets_nobody_in_without_login(full: Recorded) -> None:
    grafana = values(full)["grafana"]
    assert grafana["rbac"] == {"namespaced": True}
    assert grafana["sidecar"]["dashboards"] == {"searchNamespace": "monitoring", "resource": "configmap"}
    assert grafana["sidecar"]["datasources"] == {"searchNamespace": "monitoring", "resource": "configmap"}
    assert grafana["grafana.ini"]["auth.anonymous"] == {"enabled": False}
    assert grafana["grafana.ini"]["users"] == {"allow_sign_up": False}
    assert grafana["initChownData"] == {"enabled": False}


def test_without_grafana_there_is_none_and_dashboards_wait_for_another(smallest: Recorded) -> None:
    assert values(smallest)["grafana"] == {"enabled": False}
    assert "grafana_service" not in outputs(smallest)
    assert smallest.count(CONFIG_MAP) == 6
    assert smallest.count(EXTERNAL_SECRET) == 0
    assert [node["name"] for node in smallest.all(NETWORK_POLICY, ".*grafana")] == []


def test_state_metrics_never_reads_secrets(smallest: Recorded) -> None:
    collected = values(smallest)["kube-state-metrics"]["collectors"]
    assert set(collected).isdisjoint({"secrets", "configmaps"})
    # What alerts and dashboards need of it.
    assert {"deployments", "horizontalpodautoscalers", "nodes", "pods"} <= set(collected)


def test_rules_of_the_chart_are_off_where_eks_has_no_metrics_or_own_rules_watch_the_same(smallest: Recorded) -> None:
    found = values(smallest)
    off = {name for name, on in found["defaultRules"]["rules"].items() if not on}
    assert {"etcd", "kubeControllerManager", "kubeSchedulerAlerting", "kubeProxy"} <= off
    assert {"general", "kubernetesApps", "kubernetesStorage"} <= off
    for part in ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler"):
        assert found[part] == {"enabled": False}


def test_every_image_comes_from_the_registry_given(smallest: Recorded) -> None:
    mirror = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/mirror"
    assert values(graph_of({**SMALLEST, "image_registry": mirror}))["global"] == {"imageRegistry": mirror}
    assert "global" not in values(smallest)


@covers(
    "monitoring.registry",
    field="MonitoringStackArgs.chart_registry, MonitoringStackArgs.chart_digest",
    ends_in="kubernetes:helm.sh/v3:Release.chart",
)
def test_the_chart_comes_from_the_registry_given(smallest: Recorded) -> None:
    registry, digest = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/charts", f"sha256:{64 * 'a'}"
    wired = graph_of({**SMALLEST, "chart_registry": registry}).inputs(RELEASE)
    assert (wired["chart"], "repositoryOpts" in wired) == (f"oci://{registry}/kube-prometheus-stack", False)
    pinned = graph_of({**SMALLEST, "chart_registry": registry, "chart_digest": digest}).inputs(RELEASE)
    assert pinned["chart"] == f"oci://{registry}/kube-prometheus-stack@{digest}"
    assert smallest.inputs(RELEASE)["chart"] == "kube-prometheus-stack"
    assert smallest.inputs(RELEASE)["repositoryOpts"]["repo"].startswith("https://")


def test_several_servers_are_on_different_nodes_and_have_a_budget(smallest: Recorded) -> None:
    single, several = (
        values(graph)
        for graph in (smallest, graph_of({**SMALLEST, "prometheus": {"replicas": 2}, "alertmanager": {"replicas": 3}}))
    )
    for part in ("prometheus", "alertmanager"):
        assert single[part]["podDisruptionBudget"] == {"enabled": False}
        assert several[part]["podDisruptionBudget"] == {"enabled": True}
        assert several[part][f"{part}Spec"]["podAntiAffinity"] == "hard"
    assert several["prometheus"]["prometheusSpec"]["replicaExternalLabelName"] == "__replica__"
    assert "replicaExternalLabelName" not in single["prometheus"]["prometheusSpec"]


def test_namespace_is_restricted_and_the_node_exporter_has_a_privileged_one_for_itself(smallest: Recorded) -> None:
    enforce = "pod-security.kubernetes.io/enforce"
    found = {
        node["inputs"]["metadata"]["name"]: node["inputs"]["metadata"]["labels"] for node in smallest.all(NAMESPACE)
    }
    assert {name: labels[enforce] for name, labels in found.items()} == {
        "monitoring": "restricted",
        "monitoring-nodes": "privileged",
    }
    assert values(smallest)["prometheus-node-exporter"]["namespaceOverride"] == "monitoring-nodes"


def test_namespace_of_somebody_else_is_not_made() -> None:
    graph = graph_of({**SMALLEST, "create_namespace": False})
    assert [node["inputs"]["metadata"]["name"] for node in graph.all(NAMESPACE)] == ["monitoring-nodes"]


def test_everything_is_in_the_namespace_given() -> None:
    graph = graph_of({**STORED, "namespace": "observability", "grafana": {"admin_secret": "g"}})
    namespaced = [*graph.all(CONFIG_MAP), *graph.all(RULE), *graph.all(EXTERNAL_SECRET), *graph.all(NETWORK_POLICY)]
    assert {node["inputs"]["metadata"]["namespace"] for node in namespaced} == {"observability"}
    assert graph.inputs(RELEASE)["namespace"] == "observability"
    assert {node["inputs"]["namespace"] for node in graph.all(ASSOCIATION)} == {"observability"}
    assert outputs(graph)["prometheus_url"] == "http://x-prometheus.observability.svc:9090"


def test_pods_start_after_their_roles_and_secrets_and_rules_after_the_release(full: Recorded) -> None:
    release = full.one(RELEASE)
    assert {
        full.one(ASSOCIATION, "x-alertmanager-association")["urn"],
        full.one(ASSOCIATION, "x-prometheus-association")["urn"],
        full.one(EXTERNAL_SECRET, "x-alertmanager-urls")["urn"],
        full.one(EXTERNAL_SECRET, "x-grafana-admin")["urn"],
        full.one(NAMESPACE, "x-namespace")["urn"],
    } <= set(release["dependencies"])
    for rule in full.all(RULE):
        assert release["urn"] in rule["dependencies"]


@covers(
    "monitoring.sns",
    field="MonitoringStackArgs.subscriptions.endpoint",
    ends_in="kubernetes:helm.sh/v3:Release.values.alertmanager.config.receivers",
)
def test_every_alert_goes_to_the_topic(smallest: Recorded) -> None:
    config = configuration(smallest)
    topic = smallest.one(TOPIC)["outputs"]["arn"]
    sns = {
        receiver["name"]: [(config["topic_arn"], config["sigv4"]) for config in receiver.get("sns_configs", [])]
        for receiver in config["receivers"]
    }
    assert sns == {
        "null": [],
        "critical": [(topic, {"region": "us-east-1"})],
        "warning": [(topic, {"region": "us-east-1"})],
    }
    assert config["route"]["receiver"] == "warning"
    assert [(route["matchers"], route["receiver"]) for route in config["route"]["routes"]] == [
        (['alertname = "Watchdog"'], "null"),
        (['severity =~ "info|none"'], "null"),
        (['severity = "critical"'], "critical"),
    ]


def test_alertmanager_publishes_by_a_role_of_its_own(smallest: Recorded) -> None:
    topic, key = smallest.one(TOPIC)["outputs"]["arn"], smallest.one(KEY_TYPE)["outputs"]["arn"]
    assert smallest.statements(POLICY, "x-alertmanager-publish") == [
        {"Sid": "Publish", "Effect": "Allow", "Action": ["sns:Publish"], "Resource": [topic]},
        {"Sid": "Encrypt", "Effect": "Allow", "Action": ["kms:GenerateDataKey*", "kms:Decrypt"], "Resource": [key]},
    ]
    smallest.has(ASSOCIATION, {"namespace": "monitoring", "serviceAccount": "alertmanager", "clusterName": "ml-dev"})
    assert values(smallest)["alertmanager"]["serviceAccount"] == {"name": "alertmanager"}
    assert smallest.count(ASSOCIATION) == 1


@covers(
    "monitoring.webhooks",
    field="MonitoringStackArgs.alertmanager.webhooks.secret",
    ends_in="kubernetes:external-secrets.io/v1:ExternalSecret.spec.data",
)
def test_webhooks_are_read_from_files_that_secrets_manager_fills(full: Recorded) -> None:
    receivers = {receiver["name"]: receiver for receiver in configuration(full)["receivers"]}
    assert receivers["critical"]["webhook_configs"] == [
        {"url_file": "/etc/alertmanager/secrets/x-alertmanager-urls/webhook-pager", "send_resolved": True}
    ]
    assert receivers["warning"]["webhook_configs"] == []
    assert values(full)["alertmanager"]["alertmanagerSpec"]["secrets"] == ["x-alertmanager-urls"]
    assert full.inputs(EXTERNAL_SECRET, "x-alertmanager-urls")["spec"]["data"] == [
        {"secretKey": "webhook-pager", "remoteRef": {"key": "platform/pager-url"}},
        {"secretKey": "dead-man-switch", "remoteRef": {"key": "platform/switch-url"}},
    ]


def test_switch_is_called_as_often_as_asked_and_nobody_else_hears_of_it(full: Recorded) -> None:
    watchdog = configuration(full)["route"]["routes"][0]
    assert watchdog == {
        "receiver": "dead-man-switch",
        "matchers": ['alertname = "Watchdog"'],
        "group_wait": "0s",
        "group_interval": "5m",
        "repeat_interval": "1m",
    }


def test_topic_is_encrypted_and_open_to_alarms_of_the_account_by_tls_only(smallest: Recorded) -> None:
    topic = smallest.one(TOPIC)
    key = smallest.one(KEY_TYPE)["outputs"]["arn"]
    smallest.has(TOPIC, {"kmsMasterKeyId": key, "signatureVersion": 2})
    deny, alarms = smallest.statements(TOPIC_POLICY)
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", {"AWS": ["*"]}, ["sns:Publish"])
    assert alarms["Principal"] == {"Service": ["cloudwatch.amazonaws.com"]}
    assert alarms["Resource"] == [topic["outputs"]["arn"]]
    assert alarms["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:*"},
    }


def test_key_lets_alarms_use_it_for_this_topic(smallest: Recorded) -> None:
    statements = {statement["Sid"]: statement for statement in smallest.statements(KEY_TYPE)}
    assert set(statements) == {"AccountByIamPolicies", "AlarmsToSns", "Sns"}
    pattern = "arn:aws:sns:us-east-1:123456789012:x-alarms-*"
    assert statements["AlarmsToSns"]["Condition"]["ArnLike"] == {"kms:EncryptionContext:aws:sns:topicArn": [pattern]}
    assert smallest.one(TOPIC)["outputs"]["arn"].startswith(pattern.removesuffix("*"))
    smallest.has(KEY_TYPE, {"enableKeyRotation": True})


def test_key_given_is_used_and_none_is_made() -> None:
    graph = graph_of({**SMALLEST, "kms_key_arn": KEY, "amp": {}})
    assert graph.count(KEY_TYPE) == 0
    graph.has(TOPIC, {"kmsMasterKeyId": KEY})
    graph.has(WORKSPACE_TYPE, {"kmsKeyArn": KEY})
    assert outputs(graph)["key_arn"] == KEY


def test_subscribers_get_the_topic(full: Recorded) -> None:
    full.has(
        SUBSCRIPTION,
        {"protocol": "email", "endpoint": "on-call@example.com", "topic": full.one(TOPIC)["outputs"]["arn"]},
        name="x-alarms-on-call",
    )


@covers(
    "monitoring.alarms",
    field="MonitoringStackArgs.interruption_queue_name, MonitoringStackArgs.feature_tables, "
    "MonitoringStackArgs.nat_gateways",
    ends_in="aws:cloudwatch/metricAlarm:MetricAlarm.dimensions",
)
def test_every_part_of_aws_has_its_alarms_to_the_topic_and_back(full: Recorded) -> None:
    found = {
        node["name"]: (node["inputs"]["namespace"], node["inputs"]["metricName"], node["inputs"]["dimensions"])
        for node in full.all(ALARM)
    }
    topic = full.one(TOPIC)["outputs"]
    assert found == {
        "x-interruption": ("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": "karpenter-ml-dev"}),
        "x-reads-user_stats": ("AWS/DynamoDB", "ReadThrottleEvents", {"TableName": "fraud_dev.user_stats"}),
        "x-writes-user_stats": ("AWS/DynamoDB", "WriteThrottleEvents", {"TableName": "fraud_dev.user_stats"}),
        "x-ports-a": ("AWS/NATGateway", "ErrorPortAllocation", {"NatGatewayId": "nat-0123456789abcdef0"}),
        "x-drops-a": ("AWS/NATGateway", "PacketsDropCount", {"NatGatewayId": "nat-0123456789abcdef0"}),
        "x-deliveries": ("AWS/SNS", "NumberOfNotificationsFailed", {"TopicName": topic["name"]}),
    }
    for node in full.all(ALARM):
        assert node["inputs"]["alarmActions"] == node["inputs"]["okActions"] == [topic["arn"]]
        assert node["inputs"]["treatMissingData"] == "notBreaching"
        assert "{" not in node["inputs"]["alarmDescription"]


def test_alarms_have_the_thresholds_given() -> None:
    given = {"interruption_age_seconds": 120, "throttles": 7, "dropped_packets": 9}
    graph = graph_of({**BASE, "aws_thresholds": given})
    found = {node["name"]: node["inputs"]["threshold"] for node in graph.all(ALARM)}
    assert found == {
        "x-interruption": 120,
        "x-reads-user_stats": 7,
        "x-writes-user_stats": 7,
        "x-ports-a": 1,
        "x-drops-a": 9,
        "x-deliveries": 1,
    }


def test_without_parts_only_the_topic_is_watched(smallest: Recorded) -> None:
    assert [node["name"] for node in smallest.all(ALARM)] == ["x-deliveries"]


@covers(
    "monitoring.amp",
    field="MonitoringStackArgs.amp.retention_days",
    ends_in="kubernetes:helm.sh/v3:Release.values.prometheus.prometheusSpec.remoteWrite",
)
def test_every_series_is_written_to_the_workspace_by_a_role_that_may_only_write(full: Recorded) -> None:
    workspace = full.one(WORKSPACE_TYPE)
    (written,) = values(full)["prometheus"]["prometheusSpec"]["remoteWrite"]
    assert written["url"] == f"{outputs(full)['workspace_endpoint']}api/v1/remote_write"
    assert written["sigv4"] == {"region": "us-east-1"}
    assert full.statements(POLICY, "x-prometheus-write") == [
        {
            "Sid": "Write",
            "Effect": "Allow",
            "Action": ["aps:RemoteWrite"],
            "Resource": [workspace["outputs"]["arn"]],
        }
    ]
    full.has(WORKSPACE_TYPE, {"kmsKeyArn": full.one(KEY_TYPE)["outputs"]["arn"]}, protect=True, retain_on_delete=True)
    full.has("aws:amp/workspaceConfiguration:WorkspaceConfiguration", {"retentionPeriodInDays": 150})
    assert values(full)["prometheus"]["serviceAccount"] == {"name": "prometheus"}


def test_workspace_that_exists_is_written_to_and_none_is_made() -> None:
    graph = graph_of({**SMALLEST, "amp": {"workspace_arn": WORKSPACE}})
    assert graph.count(WORKSPACE_TYPE) == 0
    (written,) = values(graph)["prometheus"]["prometheusSpec"]["remoteWrite"]
    base = "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-0a1b2c3d-0000-4000-8000-0123456789ab/"
    assert written["url"] == f"{base}api/v1/remote_write"
    assert outputs(graph)["workspace_endpoint"] == base
    assert graph.statements(POLICY, "x-prometheus-write")[0]["Resource"] == [WORKSPACE]


def test_without_amp_nothing_leaves_the_cluster(smallest: Recorded) -> None:
    assert "remoteWrite" not in values(smallest)["prometheus"]["prometheusSpec"]
    assert "workspace_arn" not in outputs(smallest)
    assert [node["name"] for node in smallest.all(ASSOCIATION)] == ["x-alertmanager-association"]


def test_throw_away_stack_is_not_protected() -> None:
    graph = graph_of({**BASE, "deletion_protection": False})
    assert [node["name"] for node in graph.resources if node["options"].get("protect")] == []


def test_prometheus_is_asked_by_its_own_namespace_and_its_readers(smallest: Recorded) -> None:
    closed = spec(smallest, "prometheus")
    assert closed["policyTypes"] == ["Ingress"]
    keda = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}
    assert closed["ingress"][0] == {
        "from": [{"podSelector": {}}, keda],
        "ports": [{"protocol": "TCP", "port": 9090}],
    }
    nobody = graph_of({**SMALLEST, "prometheus": {"reader_namespaces": []}})
    assert spec(nobody, "prometheus")["ingress"][0]["from"] == [{"podSelector": {}}]


def test_prometheus_is_asked_by_the_gates_of_rollouts(smallest: Recorded) -> None:
    gated = graph_of({**SMALLEST, "gated_namespaces": ["fraud"]})
    assert spec(gated, "prometheus")["ingress"][0]["from"] == [
        *spec(smallest, "prometheus")["ingress"][0]["from"],
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "fraud"}}},
    ]


def test_alertmanager_speaks_to_its_replicas_and_to_port_443_only(smallest: Recorded) -> None:
    closed = spec(smallest, "alertmanager")
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    *_, https, peers = closed["egress"]
    assert https == {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"protocol": "TCP", "port": 443}]}
    assert peers == {
        "to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "alertmanager"}}}],
        "ports": [{"protocol": "TCP", "port": 9094}, {"protocol": "UDP", "port": 9094}],
    }


@pytest.mark.parametrize("part", ["alertmanager", "grafana", "operator", "state-metrics"])
def test_what_is_closed_outward_reaches_dns_and_pod_identity(full: Recorded, part: str) -> None:
    ports = [port["port"] for rule in spec(full, part)["egress"] for port in rule["ports"]]
    assert {53, 80} <= set(ports)
    assert spec(full, part)["podSelector"]["matchLabels"]


def test_policies_leave_other_pods_of_the_namespace_alone(full: Recorded) -> None:
    assert all(node["inputs"]["spec"]["podSelector"].get("matchLabels") for node in full.all(NETWORK_POLICY))


def test_rules_and_dashboards_are_objects_of_the_namespace(smallest: Recorded) -> None:
    parts = ["cost", "gpus", "pipelines", "platform", "pools", "queues", "serving"]
    assert [node["name"] for node in smallest.all(RULE)] == [f"x-rules-{part}" for part in parts]
    for part in ("cost", "gpus", "models", "pools", "queues", "serving"):
        smallest.has(
            CONFIG_MAP,
            {"metadata": {"name": f"x-dashboard-{part}", "labels": {"grafana_dashboard": "1"}}},
            name=f"x-dashboard-{part}",
        )
        assert list(smallest.inputs(CONFIG_MAP, f"x-dashboard-{part}")["data"]) == [f"{part}.json"]


def test_thresholds_reach_the_rules() -> None:
    graph = graph_of({**SMALLEST, "thresholds": {"gpu_idle_percent": 17, "gpu_idle_minutes": 41}})
    rules = {rule["alert"]: rule for rule in graph.inputs(RULE, "x-rules-gpus")["spec"]["groups"][0]["rules"][1:]}
    assert "< 17 / 100" in rules["GpuIdle"]["expr"]
    assert rules["GpuIdle"]["for"] == "41m"


def test_every_object_validates(full: Recorded, reference: Callable[[str], Path]) -> None:
    crds = reference("crds")
    objects = [
        node["inputs"]
        for node in full.resources
        if node["type"].startswith("kubernetes:") and "apiVersion" in node["inputs"]
    ]
    assert len(objects) == 22
    assert [found for item in objects for found in problems(item, crds)] == []


def test_volumes_and_servers_fit_what_the_operator_takes(full: Recorded, reference: Callable[[str], Path]) -> None:
    crds = reference("crds")
    server = values(full)["prometheus"]["prometheusSpec"]
    names = {"storageSpec": "storage"}
    left_out = {key for key in server if key.endswith("NilUsesHelmValues") or key.startswith("podAntiAffinity")}
    spec = {names.get(key, key): value for key, value in server.items() if key not in left_out}
    manifest = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": "x"}, "spec": spec}
    assert problems(manifest, crds) == []


def test_outputs_say_where_it_is_found(full: Recorded) -> None:
    found = outputs(full)
    assert found["namespace"] == "monitoring"
    assert found["prometheus_url"] == "http://x-prometheus.monitoring.svc:9090"
    assert found["alertmanager_url"] == "http://x-alertmanager.monitoring.svc:9093"
    assert found["grafana_service"] == "x-grafana"
    assert found["topic_arn"] == full.one(TOPIC)["outputs"]["arn"]
    assert found["workspace_arn"] == full.one(WORKSPACE_TYPE)["outputs"]["arn"]


def test_what_comes_from_the_cluster_is_not_registered_so_that_alarms_do_not_wait_for_it(full: Recorded) -> None:
    full.has(
        COMPONENT,
        {"cluster_name": absent, "storage_class": absent, "secret_store": absent, "interruption_queue_name": absent},
    )


def test_no_secret_is_in_the_graph_but_its_name(full: Recorded) -> None:
    full.has(EXTERNAL_SECRET, {"spec": {"refreshInterval": "1h"}}, name="x-alertmanager-urls")
    data = full.inputs(EXTERNAL_SECRET, "x-alertmanager-urls")["spec"]["data"]
    assert exactly([{"key"}, {"key"}]).fits([set(item["remoteRef"]) for item in data])


def test_a_stack_without_a_kubernetes_provider_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        record(lambda: MonitoringStack("x", MonitoringStackArgs.of(SMALLEST)))
    assert str(refused.value) == (
        "x: no Kubernetes provider; allowed is an explicit one; give ResourceOptions(providers=[..., "
        "cluster.kubernetes])"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "a-very-long-name-for-a-stack",
            (
                "MonitoringStack 'a-very-long-name-for-a-stack': the name has 28 characters; allowed are 26, since "
                "the chart "
                "makes names of it; choose a shorter one"
            ),
        ),
        (
            "Monitoring",
            (
                "MonitoringStack 'Monitoring': Kubernetes name 'Monitoring' is not accepted; allowed: lower-case "
                "letters, "
                "digits and -, a letter or digit at both ends; fix: change the characters"
            ),
        ),
    ],
)
def test_names_that_the_chart_cannot_use_are_refused(name: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        graph_of(SMALLEST, name)
    assert str(refused.value) == message


NAMED = (
    "is not accepted; allowed: lower-case letters, digits and -, a letter or digit at both ends; fix: change the "
    "characters"
)
SECRET = "allowed is the name or the ARN of a secret in Secrets Manager, such as platform/grafana"
BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"runbooks_url": "http://wiki/runbooks/"},
        (
            ".runbooks_url: got 'http://wiki/runbooks/'; allowed is an https URL without query and last slash, such as "
            "https://github.com/example/platform/blob/main/docs/runbooks"
        ),
    ),
    (
        {"prometheus": {"replicas": 3}},
        ".prometheus.replicas: got 3; allowed are 1, 2 (a second one has the same series as the first)",
    ),
    ({"prometheus": {"retention_days": 1}}, ".prometheus.retention_days: got 1; allowed are 3 days or more"),
    ({"prometheus": {"disk_gib": 5}}, ".prometheus.disk_gib: got 5; allowed are 10 GiB or more"),
    ({"prometheus": {"scrape_seconds": 1}}, ".prometheus.scrape_seconds: got 1; allowed are 5 to 120 seconds"),
    (
        {"prometheus": {"cpu_millicores": 10}},
        ".prometheus.cpu_millicores: got 10; allowed are 100 thousandths of a core or more",
    ),
    ({"prometheus": {"memory_mib": 512}}, ".prometheus.memory_mib: got 512; allowed are 1024 MiB or more"),
    (
        {"prometheus": {"reader_namespaces": ["Keda"]}},
        f".prometheus.reader_namespaces: Kubernetes name 'Keda' {NAMED}",
    ),
    ({"alertmanager": {"replicas": 5}}, ".alertmanager.replicas: got 5; allowed are 1 to 3 servers"),
    ({"alertmanager": {"disk_gib": 0}}, ".alertmanager.disk_gib: got 0; allowed are 1 GiB or more"),
    (
        {"alertmanager": {"group_wait_seconds": 900}},
        ".alertmanager.group_wait_seconds: got 900; allowed are 0 to 600 seconds",
    ),
    (
        {"alertmanager": {"group_interval_minutes": 0}},
        ".alertmanager.group_interval_minutes: got 0; allowed are 1 to 60 minutes",
    ),
    (
        {"alertmanager": {"critical_repeat_hours": 200}},
        ".alertmanager.critical_repeat_hours: got 200; allowed are 1 to 120 hours",
    ),
    (
        {"alertmanager": {"webhooks": {"Pager!": {"secret": "x"}}}},
        f".alertmanager.webhooks: Kubernetes name 'Pager!' {NAMED}",
    ),
    (
        {"alertmanager": {"webhooks": {"pager": {"secret": "https://hooks.example.com/T0/token"}}}},
        (
            ".alertmanager.webhooks.pager.secret: got a URL, not shown since it may hold a token; allowed is the "
            "name or the "
            "ARN of a secret in Secrets Manager; store the URL there"
        ),
    ),
    (
        {"alertmanager": {"webhooks": {"pager": {"secret": "x", "severities": ["none"]}}}},
        (
            ".alertmanager.webhooks.pager.severities: got none; allowed are critical and warning; name one or both, "
            "or take "
            "the webhook out"
        ),
    ),
    (
        {"alertmanager": {"webhooks": {"pager": {"secret": "x", "severities": []}}}},
        (
            ".alertmanager.webhooks.pager.severities: got nothing; allowed are critical and warning; name one or "
            "both, or "
            "take the webhook out"
        ),
    ),
    (
        {"alertmanager": {"dead_man_switch": {"secret": "x", "every_minutes": 1}}},
        ".alertmanager.dead_man_switch.every_minutes: got 1; allowed are 2 to 60 minutes",
    ),
    ({"grafana": {"admin_secret": "a b"}}, f".grafana.admin_secret: got 'a b'; {SECRET}"),
    ({"grafana": {"admin_secret": "a", "disk_gib": 0}}, ".grafana.disk_gib: got 0; allowed are 1 GiB or more"),
    (
        {"grafana": {}},
        (
            ".grafana.admin_secret: missing; set it: Name or ARN of the secret in Secrets Manager with the "
            "administrator's "
            "`username` and `password`, as JSON"
        ),
    ),
    (
        {"subscriptions": {"on-call": {"protocol": "email", "endpoint": "https://example.com"}}},
        (
            ".subscriptions.on-call: endpoint 'https://example.com' and protocol email: allowed is an email address, "
            "such as "
            "on-call@example.com"
        ),
    ),
    (
        {"subscriptions": {"on-call": {"protocol": "https", "endpoint": "on-call@example.com"}}},
        (
            ".subscriptions.on-call: endpoint 'on-call@example.com' and protocol https: allowed is an https URL, "
            "such as "
            "https://alarms.example.com/sns"
        ),
    ),
    (
        {"subscriptions": {"On Call": {"protocol": "email", "endpoint": "on-call@example.com"}}},
        f".subscriptions: Kubernetes name 'On Call' {NAMED}",
    ),
    (
        {"aws_thresholds": {"interruption_age_seconds": 600}},
        ".aws_thresholds.interruption_age_seconds: got 600; allowed are 10 to 300 seconds",
    ),
    ({"aws_thresholds": {"throttles": 0}}, ".aws_thresholds.throttles: got 0; allowed are 1 requests or more"),
    (
        {"aws_thresholds": {"dropped_packets": 0}},
        ".aws_thresholds.dropped_packets: got 0; allowed are 1 packets or more",
    ),
    (
        {"amp": {"workspace_arn": "ws-1"}},
        (
            ".amp.workspace_arn: got 'ws-1'; allowed is the ARN of a workspace, such as "
            "arn:aws:aps:eu-west-1:111122223333:workspace/ws-0a1b2c3d-0000-4000-8000-0123456789ab"
        ),
    ),
    ({"amp": {"retention_days": 2000}}, ".amp.retention_days: got 2000; allowed are 1 to 1095 days"),
    (
        {"amp": {"workspace_arn": WORKSPACE, "retention_days": 30}},
        (
            ".amp: workspace_arn and retention_days: how long a workspace of others keeps metrics is theirs to say; "
            "take one "
            "of them out"
        ),
    ),
    ({"namespace": "Monitoring"}, f".namespace: Kubernetes name 'Monitoring' {NAMED}"),
    (
        {"namespace": "m" * 60},
        f".namespace: Kubernetes name '{'m' * 60}-nodes' has 66 characters; allowed: 63; fix: take away 3",
    ),
    (
        {"image_registry": "https://mirror.example.com/"},
        (
            ".image_registry: got 'https://mirror.example.com/'; allowed is a registry, with a prefix where it has "
            "one, such "
            "as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/mirror"
        ),
    ),
    (
        {"chart_digest": f"sha256:{64 * 'a'}"},
        (
            f": chart_digest: got 'sha256:{64 * 'a'}' without chart_registry; must be of a chart in a registry, "
            "because Helm checks no other digests. Set chart_registry, or remove chart_digest."
        ),
    ),
    (
        {"kms_key_arn": "alias/x"},
        (
            ".kms_key_arn: got 'alias/x'; allowed is the ARN of a KMS key, not of an alias, such as "
            "arn:aws:kms:eu-west-1:111122223333:key/mrk-0123456789abcdef"
        ),
    ),
    ({"thresholds": {"gpu_idle_percent": 0}}, ".thresholds.gpu_idle_percent: got 0; allowed are 1 to 99 percent"),
    (
        {"thresholds": {"queue_wait_minutes": 600}},
        ".thresholds.queue_wait_minutes: got 600; allowed are 1 to 170 minutes",
    ),
    ({"thresholds": {"gpu_idle_minutes": 0}}, ".thresholds.gpu_idle_minutes: got 0; allowed are 1 to 1440 minutes"),
    ({"thresholds": {"borrowing_hours": 500}}, ".thresholds.borrowing_hours: got 500; allowed are 1 to 168 hours"),
    (
        {"thresholds": {"preemptions_per_hour": 0}},
        ".thresholds.preemptions_per_hour: got 0; allowed are 1 an hour or more",
    ),
    (
        {"thresholds": {"gateway_requests_per_minute": 0}},
        ".thresholds.gateway_requests_per_minute: got 0; allowed are 1 requests a minute or more",
    ),
    (
        {"thresholds": {"gpu_hours_per_day": {"training-spot": 0}}},
        ".thresholds.gpu_hours_per_day: got 0; allowed are 1 GPU hours a day or more",
    ),
    ({"thresholds": {"usd_per_day": 0}}, ".thresholds.usd_per_day: got 0; allowed are 1 US dollars a day or more"),
    ({"thresholds": {"certificate_days": 90}}, ".thresholds.certificate_days: got 90; allowed are 1 to 60 days"),
]


@pytest.mark.parametrize(("given", "message"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_bad_arguments_say_where_what_and_how(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        MonitoringStackArgs.of({**STORED, **given})
    assert str(refused.value) == f"MonitoringStackArgs{message}"


def test_what_is_read_from_secrets_manager_needs_a_store() -> None:
    given = {
        "grafana": {"admin_secret": "g"},
        "alertmanager": {"webhooks": {"pager": {"secret": "x"}}, "dead_man_switch": {"secret": "y"}},
    }
    with pytest.raises(InvalidArgs) as refused:
        MonitoringStackArgs.of({**SMALLEST, **given})
    assert str(refused.value) == (
        "MonitoringStackArgs: secret_store and grafana, alertmanager.webhooks.pager, alertmanager.dead_man_switch: no "
        "store for what is read from Secrets Manager; give the name of a ClusterSecretStore, or leave the others out"
    )
