"""MonitoringStack: what watches the platform, and whom it tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, TypeAlias

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from mlplatform.core.args import InvalidArgs
from mlplatform.core.build import Build
from mlplatform.core.charts import chart_source
from mlplatform.core.external_secret import API, external_secret
from mlplatform.core.keys import encryption_key
from mlplatform.core.naming import Kind, check
from mlplatform.core.objects import Objects
from mlplatform.facts.aws.kms import KeyUse
from mlplatform.monitoring_stack import alarms, chart, network, rules
from mlplatform.monitoring_stack.alertmanager import urls
from mlplatform.monitoring_stack.amp import Workspace
from mlplatform.monitoring_stack.args import (
    AlertmanagerServer,
    MonitoringStackArgs,
    nodes_namespace,
)
from mlplatform.monitoring_stack.dashboards import dashboards
from mlplatform.monitoring_stack.thresholds import AlertThresholds
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

URLS, ADMIN = "alertmanager-urls", "grafana-admin"
"""Roles of the Secrets that are filled from Secrets Manager."""
REFRESH = "1h"
"""How often External Secrets looks for a new value: rotation of a URL or a password is no emergency."""
INSTALL_SECONDS = 900
"""Time that the release may take: nodes for it, its images and its volumes."""
HISTORY = 5
"""Revisions that Helm keeps, each a Secret with all values."""
_PRIVILEGED = {"pod-security.kubernetes.io/enforce": "privileged", "pod-security.kubernetes.io/warn": "privileged"}
_FROM_THE_CLUSTER = frozenset(("cluster_name", "interruption_queue_name", "secret_store", "storage_class"))

_Build: TypeAlias = Build[MonitoringStackArgs]


@dataclass(frozen=True, slots=True)
class _Home:
    """Where the objects of a stack are, and what must be there before them."""

    build: _Build
    objects: Objects
    namespaces: Sequence[pulumi.Resource]

    @property
    def namespace(self) -> str:
        """Name of the namespace."""
        return str(self.build.args.namespace)

    def after(self, *resources: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of an object that must wait for others, and for the namespaces."""
        return self.objects.after(*self.namespaces, *resources)


class MonitoringStack(pulumi.ComponentResource):
    """Prometheus, Alertmanager and Grafana with the platform's alerts and dashboards, and CloudWatch's alarms.

    All alerts and alarms go to one topic. Volumes in the cluster go with it: with `amp`, metrics outlive it.
    """

    namespace: pulumi.Output[str]
    """Namespace of the stack."""
    prometheus_url: pulumi.Output[str]
    """URL of Prometheus inside the cluster, for scalers and jobs."""
    alertmanager_url: pulumi.Output[str]
    """URL of Alertmanager inside the cluster."""
    grafana_service: pulumi.Output[Optional[str]]
    """Service of Grafana, for `kubectl port-forward`; none without Grafana."""
    topic_arn: pulumi.Output[str]
    """ARN of the topic that alerts and alarms go to; the target for alarms of other components."""
    key_arn: pulumi.Output[str]
    """ARN of the key of topic and workspace."""
    alertmanager_role_arn: pulumi.Output[str]
    """ARN of the role with which Alertmanager sends to the topic."""
    workspace_arn: pulumi.Output[Optional[str]]
    """ARN of the workspace of Amazon Managed Service for Prometheus; none without `amp`."""
    workspace_endpoint: pulumi.Output[Optional[str]]
    """URL with a last slash below which the workspace's Prometheus API lies; none without `amp`."""

    def __init__(self, name: str, args: MonitoringStackArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = MonitoringStackArgs.of(args)
        _check_name(name)
        # Alarms and workspace outlive the cluster: were these registered, all would wait for it.
        props = args.model_dump(exclude_none=True, exclude=set(_FROM_THE_CLUSTER))
        super().__init__("mlplatform:index:MonitoringStack", name, props, opts)
        build, objects = Build.of(self, name, args), Objects.of(self, name)
        self.key_arn = _key_arn(build)
        topic = alarms.topic(build, self.key_arn)
        alarms.alarms(build, topic)
        workspace = Workspace.of(build, args.amp, self.key_arn) if args.amp else None
        sender = _role(build, chart.ALERTMANAGER, {"publish": alarms.publish(topic.arn, self.key_arn)})
        roles = [sender, *([_role(build, chart.PROMETHEUS, {"write": workspace.write_policy})] if workspace else [])]
        home = _Home(build, objects, _namespaces(build, objects))
        _policies(home)
        release = _release(home, topic, workspace, [*roles, *_secrets(home)])
        _rules(home, release)
        _dashboards(home)

        self.namespace = pulumi.Output.from_input(home.namespace)
        self.prometheus_url = pulumi.Output.from_input(f"http://{name}-prometheus.{home.namespace}.svc:9090")
        self.alertmanager_url = pulumi.Output.from_input(f"http://{name}-alertmanager.{home.namespace}.svc:9093")
        self.grafana_service = pulumi.Output.from_input(f"{name}-grafana" if args.grafana else None)
        self.topic_arn = topic.arn
        self.alertmanager_role_arn = sender.role_arn
        self.workspace_arn = pulumi.Output.from_input(workspace.arn if workspace else None)
        self.workspace_endpoint = pulumi.Output.from_input(workspace.endpoint if workspace else None)
        self.register_outputs(
            {
                "namespace": self.namespace,
                "prometheus_url": self.prometheus_url,
                "alertmanager_url": self.alertmanager_url,
                "grafana_service": self.grafana_service,
                "topic_arn": self.topic_arn,
                "key_arn": self.key_arn,
                "alertmanager_role_arn": self.alertmanager_role_arn,
                "workspace_arn": self.workspace_arn,
                "workspace_endpoint": self.workspace_endpoint,
            }
        )


def _check_name(name: str) -> None:
    if len(name) > chart.LONGEST_NAME:
        raise InvalidArgs(
            f"MonitoringStack {name!r}: the name has {len(name)} characters; allowed are {chart.LONGEST_NAME}, since "
            "the chart makes names of it; choose a shorter one"
        )
    try:
        check(Kind.KUBERNETES, name)
    except ValueError as error:
        raise InvalidArgs(f"MonitoringStack {name!r}: {error}") from None


def _key_arn(build: _Build) -> pulumi.Output[str]:
    if build.args.kms_key_arn is not None:
        return pulumi.Output.from_input(build.args.kms_key_arn)
    uses: dict[KeyUse, Sequence[pulumi.Input[str]]] = {
        # By its name: the topic needs the key first.
        KeyUse.ALARMS_TO_SNS: [build.place.arn("sns", f"{alarms.topic_name(build.name)}-*")],
        KeyUse.SNS: [],
    }
    return encryption_key(f"{build.name}-key", "Alarms and metrics", uses, place=build.place, opts=build.kept).arn


def _role(build: _Build, service_account: str, policies: Mapping[str, pulumi.Input[str]]) -> WorkloadRole:
    return WorkloadRole(
        f"{build.name}-{service_account}",
        WorkloadRoleArgs(
            namespace=str(build.args.namespace),
            service_account=service_account,
            policies=policies,
            cluster_name=build.args.cluster_name,
            permissions_boundary_arn=build.args.permissions_boundary_arn,
        ),
        build.inside,
    )


def _namespaces(build: _Build, objects: Objects) -> Sequence[pulumi.Resource]:
    namespace = str(build.args.namespace)
    nodes = objects.namespace("nodes", name=nodes_namespace(namespace), labels=_PRIVILEGED)
    if not build.args.create_namespace:
        return [nodes]
    return [objects.namespace("namespace", name=namespace), nodes]


def _policies(home: _Home) -> None:
    for part, spec in network.policies(home.build.args).items():
        home.objects.network_policy(f"to-{part}", spec, namespace=home.namespace, opts=home.after())


def _secrets(home: _Home) -> Sequence[pulumi.Resource]:
    """Secrets with what is read from Secrets Manager, of which this program knows the names only."""
    args = home.build.args
    by_key = urls(args.alertmanager or AlertmanagerServer())
    found = []
    if by_key:
        found.append(_secret(home, URLS, {key: {"key": secret} for key, secret in by_key.items()}))
    if args.grafana:
        secret = args.grafana.admin_secret
        keys = chart.ADMIN_KEYS.values()
        found.append(_secret(home, ADMIN, {key: {"key": secret, "property": key} for key in keys}))
    return found


def _secret(home: _Home, role: str, data: Mapping[str, Mapping[str, pulumi.Input[str]]]) -> pulumi.Resource:
    spec = external_secret(home.build.args.secret_store or "", f"{home.build.name}-{role}", REFRESH, data)
    metadata = home.objects.metadata(role, namespace=home.namespace)
    return home.objects.custom(role, API, "ExternalSecret", spec, metadata=metadata, opts=home.after())


def _release(
    home: _Home, topic: aws.sns.Topic, workspace: Workspace | None, before: Sequence[pulumi.Resource]
) -> k8s.helm.v3.Release:
    """The chart; after the roles, since a pod that starts before its association never gets credentials."""
    build = home.build
    wired = chart.Wired(
        topic_arn=topic.arn,
        region=build.place.region,
        urls_secret=f"{build.name}-{URLS}",
        admin_secret=f"{build.name}-{ADMIN}",
        remote_write=workspace.remote_write if workspace else None,
    )
    source = chart_source(
        chart.CHART, chart.REPOSITORY, registry=build.args.chart_registry, digest=build.args.chart_digest
    )
    return k8s.helm.v3.Release(
        f"{build.name}-release",
        name=build.name,
        namespace=home.namespace,
        chart=source.chart,
        version=chart.VERSION,
        repository_opts=source.repository_opts,
        values=chart.values(build.name, build.args, wired),
        atomic=True,
        skip_crds=True,
        timeout=INSTALL_SECONDS,
        max_history=HISTORY,
        opts=home.after(*before),
    )


def _rules(home: _Home, release: k8s.helm.v3.Release) -> None:
    """After the release, whose webhook refuses rules that Prometheus could not load."""
    args = home.build.args
    specs = rules.specs(args.thresholds or AlertThresholds(), args.runbooks_url, home.namespace)
    for part, spec in specs.items():
        role = f"rules-{part}"
        metadata = home.objects.metadata(role, namespace=home.namespace)
        home.objects.custom(
            role, "monitoring.coreos.com/v1", "PrometheusRule", spec, metadata=metadata, opts=home.after(release)
        )


def _dashboards(home: _Home) -> None:
    """Also without Grafana here: one of somebody else's loads them by their label."""
    for part, model in dashboards().items():
        role = f"dashboard-{part}"
        k8s.core.v1.ConfigMap(
            f"{home.build.name}-{role}",
            metadata=home.objects.metadata(role, namespace=home.namespace, labels=dict([chart.GRAFANA_DASHBOARD])),
            data={f"{part}.json": model},
            opts=home.after(),
        )
