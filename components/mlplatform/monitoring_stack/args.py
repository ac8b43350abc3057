"""What a monitoring stack needs to know: settings that a person writes, and what is wired from other components."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Optional, Self

from pydantic import model_validator

from mlplatform.contracts.alerts import Severity
from mlplatform.core.args import Args, In, at_least, between, checked, each, matching, one_of
from mlplatform.core.identifiers import DIGEST, REGISTRY
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.objects import NAMESPACE_NAME
from mlplatform.monitoring_stack.thresholds import AlertThresholds

TELLING = (Severity.CRITICAL, Severity.WARNING)
"""Severities of alerts that somebody is told of."""
LONGEST_WINDOW_DAYS = 3
"""Longest time that an alert looks back, those of endpoints included."""
NAMESPACE = "monitoring"
"""Namespace of everything but the node exporter."""
HISTORY_DAYS = 15
"""What Prometheus keeps by its own default (Prometheus documentation, Storage, `--storage.tsdb.retention.time`)."""
WORKSPACE_DAYS = 150
"""What a workspace keeps by AWS's own default, and the longest that it can (Amazon Managed Service for Prometheus User
Guide, Amazon Managed Service for Prometheus service quotas)."""
WORKSPACE_LONGEST_DAYS = 1095

HTTPS_URL = matching(
    r"https://[A-Za-z0-9][A-Za-z0-9.-]*(:\d+)?(/[^\s/?#]+)*",
    "an https URL without query and last slash, such as https://github.com/example/platform/blob/main/docs/runbooks",
)
_SECRET_NAME = matching(
    r"(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:)?[A-Za-z0-9/_+=.@-]+",
    "the name or the ARN of a secret in Secrets Manager, such as platform/grafana",
)
WORKSPACE_ARN = matching(
    r"arn:aws[a-z-]*:aps:[a-z0-9-]+:\d{12}:workspace/ws-[0-9a-f-]+",
    "the ARN of a workspace, such as "
    "arn:aws:aps:eu-west-1:111122223333:workspace/ws-0a1b2c3d-0000-4000-8000-0123456789ab",
)


class AlarmProtocol(StrEnum):
    """How a subscriber gets the alarms of the topic, by SNS's names."""

    EMAIL = "email"
    """As an email; whoever gets it must confirm by a link first."""
    HTTPS = "https"
    """By a POST to a URL, which must confirm first."""


ENDPOINTS: Mapping[AlarmProtocol, tuple[str, str]] = {
    AlarmProtocol.EMAIL: (r"[^@\s]+@[^@\s]+\.[^@\s]+", "an email address, such as on-call@example.com"),
    AlarmProtocol.HTTPS: (r"https://\S+", "an https URL, such as https://alarms.example.com/sns"),
}


def _named(values: Mapping[str, object]) -> Mapping[str, object]:
    for name in values:
        NAMESPACE_NAME(name)
    return values


def _namespace(name: str) -> str:
    for used in (name, nodes_namespace(name)):
        NAMESPACE_NAME(used)
    return name


def _secret(name: str) -> str:
    if "://" in name:
        raise ValueError(
            "got a URL, not shown since it may hold a token; allowed is the name or the ARN of a secret in Secrets "
            "Manager; store the URL there"
        )
    return _SECRET_NAME(name)


def nodes_namespace(namespace: str) -> str:
    """Namespace of the node exporter."""
    return f"{namespace}-nodes"


def _told(values: Sequence[Severity]) -> Sequence[Severity]:
    if not values or set(values) - set(TELLING):
        given = ", ".join(values) or "nothing"
        raise ValueError(f"got {given}; allowed are {' and '.join(TELLING)}; name one or both, or take the webhook out")
    return values


class PrometheusServer(Args):
    """The Prometheus server: what it scrapes with, and how much it keeps."""

    replicas: Optional[int] = 1
    """Servers that scrape the same, 1 or 2; 1 by default: alerts pause for the minutes in which it moves to another
    node. 2 cost twice, and have a disruption budget."""
    retention_days: Optional[In[int]] = HISTORY_DAYS
    """Days of history on its volume, at least 3, as far as alerts look back; 15 by default, Prometheus' own default.
    With `amp`, the workspace has the history, and 3 are enough."""
    disk_gib: Optional[In[int]] = 100
    """Size of each server's volume in GiB, at least 10; 100 by default, half a million series for 15 days at 30 seconds
    and 2 bytes a sample, with a half to spare. History is cut at 80 percent of it, whatever the days, so that it never
    is full. A volume that exists grows only by hand (Prometheus operator documentation, Resizing volumes)."""
    scrape_seconds: Optional[In[int]] = 30
    """Seconds between two scrapes, 5 to 120; 30 by default. Halving it doubles disk and memory."""
    cpu_millicores: Optional[In[int]] = 500
    """CPU that each server requests in thousandths of a core, at least 100; 500 by default. No limit: a throttled
    server is late with alerts."""
    memory_mib: Optional[In[int]] = 4096
    """Memory that each server requests, and its limit, in MiB, at least 1024; 4096 by default, 8 KiB for each of half a
    million series."""
    reader_namespaces: Optional[Sequence[str]] = ["keda"]
    """Namespaces whose pods may query it, beside its own; keda by default, which scales endpoints by its answers."""

    _readers = checked(each(NAMESPACE_NAME), "reader_namespaces")
    _replicas = checked(one_of((1, 2), "a second one has the same series as the first"), "replicas")
    _retention = checked(at_least(LONGEST_WINDOW_DAYS, "days"), "retention_days")
    _disk = checked(at_least(10, "GiB"), "disk_gib")
    _scrape = checked(between(5, 120, "seconds"), "scrape_seconds")
    _cpu = checked(at_least(100, "thousandths of a core"), "cpu_millicores")
    _memory = checked(at_least(1024, "MiB"), "memory_mib")


class AlertWebhook(Args):
    """A URL, on port 443, that Alertmanager posts alerts to. It may hold a token: only a secret's name is given."""

    secret: In[str]
    """Name or ARN of the secret in Secrets Manager whose whole text is the URL."""
    severities: Optional[Sequence[Severity]] = [Severity.CRITICAL]
    """Alerts of which severities it gets; critical by default, as for a pager."""

    _secret = checked(_secret, "secret")
    _severities = checked(_told, "severities")


class DeadManSwitch(Args):
    """A URL, on port 443, that is called while alerting works, and that raises an alarm when the calls stop."""

    secret: In[str]
    """Name or ARN of the secret in Secrets Manager whose whole text is the URL."""
    every_minutes: Optional[In[int]] = 5
    """Minutes between two calls, 2 to 60; 5 by default. The switch should wait for twice as long."""

    _secret = checked(_secret, "secret")
    _every = checked(between(2, 60, "minutes"), "every_minutes")


class AlertmanagerServer(Args):
    """Alertmanager: whom it tells of an alert, and how often."""

    replicas: Optional[int] = 1
    """Servers, 1 to 3; 1 by default: alerts are sent some minutes later when it moves to another node. Several tell
    each other what was sent, so that all but one may be gone; they have a disruption budget."""
    disk_gib: Optional[In[int]] = 2
    """Size of each server's volume in GiB, at least 1; 2 by default: it holds silences and what was sent, a few MiB."""
    group_wait_seconds: Optional[In[int]] = 30
    """Seconds that the first alert of a group waits for others, 0 to 600; 30 by default, Alertmanager's own default."""
    group_interval_minutes: Optional[In[int]] = 5
    """Minutes after which news of a group are sent, 1 to 60; 5 by default, Alertmanager's own default."""
    critical_repeat_hours: Optional[In[int]] = 4
    """Hours after which a critical alert that goes on is sent again, 1 to 120; 4 by default, Alertmanager's own
    default."""
    warning_repeat_hours: Optional[In[int]] = 24
    """Hours after which a warning that goes on is sent again, 1 to 120; 24 by default: once a working day."""
    webhooks: Optional[Mapping[str, AlertWebhook]] = {}
    """Further receivers, such as a pager or a chat, by a short name; none by default. Every alert goes to the topic in
    any case."""
    dead_man_switch: Optional[DeadManSwitch] = None
    """What notices that alerting itself is down; none by default: nobody is told then."""

    _replicas = checked(between(1, 3, "servers"), "replicas")
    _disk = checked(at_least(1, "GiB"), "disk_gib")
    _wait = checked(between(0, 600, "seconds"), "group_wait_seconds")
    _interval = checked(between(1, 60, "minutes"), "group_interval_minutes")
    # Beyond 120 hours, in which Alertmanager forgets what it has sent, an alert is sent again anyway.
    _repeat = checked(between(1, 120, "hours"), "critical_repeat_hours", "warning_repeat_hours")
    _webhooks = checked(_named, "webhooks")


class GrafanaServer(Args):
    """Grafana, with the dashboards of the platform; reached by a port forward, and never without a login."""

    admin_secret: In[str]
    """Name or ARN of the secret in Secrets Manager with the administrator's `username` and `password`, as JSON. Grafana
    reads it when its volume is new; a password that changes later is set by `grafana cli admin
    reset-admin-password`."""
    disk_gib: Optional[In[int]] = 10
    """Size of its volume in GiB, at least 1; 10 by default: it holds users, sessions and what people draw themselves.
    The dashboards of the platform come from the program."""

    _secret = checked(_secret, "admin_secret")
    _disk = checked(at_least(1, "GiB"), "disk_gib")


class AlarmSubscription(Args):
    """One subscriber of the topic."""

    protocol: AlarmProtocol
    """How it gets the alarms: email or https."""
    endpoint: str
    """Address or URL. It is shown in plain text: a URL with a token belongs into `alertmanager.webhooks`."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        pattern, allowed = ENDPOINTS[self.protocol]
        if not re.fullmatch(pattern, self.endpoint):
            raise ValueError(f"endpoint {self.endpoint!r} and protocol {self.protocol.value}: allowed is {allowed}")
        return self


class AwsAlarmThresholds(Args):
    """From which values on CloudWatch alarms of the platform's AWS parts are sent."""

    interruption_age_seconds: Optional[In[int]] = 60
    """Age of the oldest message of Karpenter's interruption queue in seconds, 10 to 300; 60 by default: Spot gives two
    minutes' notice, and of those Karpenter would have lost half. The queue drops messages after 300 seconds."""
    throttles: Optional[In[int]] = 100
    """Throttled requests of a feature table within five minutes, at least 1; 100 by default: AWS's SDKs try again, so
    that readers notice a throttle only where there are many."""
    dropped_packets: Optional[In[int]] = 100
    """Packets that a NAT gateway drops within five minutes, at least 1; 100 by default, since single ones are sent
    again by TCP."""

    _age = checked(between(10, 300, "seconds"), "interruption_age_seconds")
    _throttles = checked(at_least(1, "requests"), "throttles")
    _dropped = checked(at_least(1, "packets"), "dropped_packets")


class ManagedPrometheus(Args):
    """Amazon Managed Service for Prometheus: a copy of every series that outlives the cluster."""

    workspace_arn: Optional[In[str]] = None
    """ARN of a workspace that exists; by default an own one is made."""
    retention_days: Optional[In[int]] = WORKSPACE_DAYS
    """Days that an own workspace keeps metrics, 1 to 1095; 150 by default, AWS's own default."""

    _arn = checked(WORKSPACE_ARN, "workspace_arn")
    _retention = checked(between(1, WORKSPACE_LONGEST_DAYS, "days"), "retention_days")

    @model_validator(mode="after")
    def _own_or_given(self) -> Self:
        if self.workspace_arn is not None and "retention_days" in self.model_fields_set:
            raise ValueError(
                "workspace_arn and retention_days: how long a workspace of others keeps metrics is theirs to say; "
                "take one of them out"
            )
        return self


class MonitoringStackSettings(Args):
    """What a person decides of a monitoring stack."""

    runbooks_url: str
    """URL under which the pages of `docs/runbooks` are published, one an alert: every alert links to its own."""
    thresholds: Optional[AlertThresholds] = AlertThresholds()
    """From which values on the alerts of GPUs, queues, pools, serving and cost are sent."""
    aws_thresholds: Optional[AwsAlarmThresholds] = AwsAlarmThresholds()
    """From which values on the CloudWatch alarms are sent."""
    prometheus: Optional[PrometheusServer] = PrometheusServer()
    """The Prometheus server."""
    alertmanager: Optional[AlertmanagerServer] = AlertmanagerServer()
    """Alertmanager."""
    grafana: Optional[GrafanaServer] = None
    """Grafana; none by default, since it takes an administrator's password, for which there is no default."""
    amp: Optional[ManagedPrometheus] = None
    """Amazon Managed Service for Prometheus, which gets a copy of every series; none by default: it is paid by the
    sample."""
    subscriptions: Optional[Mapping[str, AlarmSubscription]] = {}
    """Who gets what is sent to the topic, by a short name; nobody by default. AWS and the cluster both send there."""
    namespace: Optional[str] = NAMESPACE
    """Namespace of the stack; monitoring by default. The node exporter, which needs its hosts, has `<namespace>-nodes`
    for itself."""
    image_registry: Optional[In[str]] = None
    """Registry that has a copy of every image under its own path, as a cluster without NAT needs; by default images
    come from where the chart has them."""
    chart_registry: Optional[In[str]] = None
    """Registry that the chart kube-prometheus-stack comes from, below its own name; by default its publisher's
    repository. The machine that runs `pulumi up` pulls the chart."""
    chart_digest: Optional[str] = None
    """Digest of the chart in `chart_registry`; none by default, and then the version alone selects it."""
    kms_key_arn: Optional[In[str]] = None
    """KMS key that encrypts topic and workspace; by default an own one, rotated every year. One given must let
    CloudWatch alarms use it, and the account's IAM policies through SNS and the workspace's service."""
    permissions_boundary_arn: Optional[In[str]] = None
    """Policy that bounds what every role made here can ever do; none by default."""
    deletion_protection: Optional[bool] = True
    """Whether workspace and key are protected from deletion, and kept when they leave the program; on by default. Off
    is for throw-away environments. Volumes in the cluster go with their namespace in any case."""

    @property
    def secret_readers(self) -> Sequence[str]:
        """Fields that name a secret of Secrets Manager."""
        alertmanager = self.alertmanager or AlertmanagerServer()
        return [
            *(["grafana"] if self.grafana else []),
            *(f"alertmanager.webhooks.{name}" for name in alertmanager.webhooks or {}),
            *(["alertmanager.dead_man_switch"] if alertmanager.dead_man_switch else []),
        ]

    _runbooks = checked(HTTPS_URL, "runbooks_url")
    _subscriptions = checked(_named, "subscriptions")
    _namespace = checked(_namespace, "namespace")
    _registries = checked(REGISTRY, "image_registry", "chart_registry")
    _digest = checked(DIGEST, "chart_digest")
    _key = checked(KEY_ARN, "kms_key_arn")

    @model_validator(mode="after")
    def _digest_that_helm_checks(self) -> Self:
        if self.chart_digest is not None and self.chart_registry is None:
            raise ValueError(
                f"chart_digest: got {self.chart_digest!r} without chart_registry; must be of a chart in a registry, "
                "because Helm checks no other digests. Set chart_registry, or remove chart_digest."
            )
        return self


class MonitoringStackArgs(MonitoringStackSettings):
    """What a monitoring stack needs to know."""

    cluster_name: In[str]
    """EKS cluster that is watched: its pods take the roles, and its name is the label `cluster` of everything sent."""
    storage_class: In[str]
    """StorageClass of every volume, one that encrypts them: EKS has no default one, and its older ones do not."""
    secret_store: Optional[In[str]] = None
    """ClusterSecretStore through which External Secrets reads Secrets Manager; needed with Grafana, webhooks and a dead
    man's switch."""
    create_namespace: Optional[bool] = True
    """Whether the namespace is made here; on by default. Off where the Pushgateway's owner has made it."""
    interruption_queue_name: Optional[In[str]] = None
    """Name of Karpenter's interruption queue, to watch; none by default."""
    feature_tables: Optional[Mapping[str, In[str]]] = {}
    """Names of the feature store's tables to watch, by feature view; none by default."""
    nat_gateways: Optional[Mapping[str, In[str]]] = {}
    """Ids of the NAT gateways to watch, by a short name such as their zone; none by default."""
    gated_namespaces: Optional[Sequence[str]] = []
    """Namespaces of rollouts, whose gates ask Prometheus too; none by default."""

    _gated = checked(each(NAMESPACE_NAME), "gated_namespaces")

    @model_validator(mode="after")
    def _has_store(self) -> Self:
        readers = self.secret_readers
        if readers and self.secret_store is None:
            raise ValueError(
                f"secret_store and {', '.join(readers)}: no store for what is read from Secrets Manager; "
                "give the name of a ClusterSecretStore, or leave the others out"
            )
        return self
