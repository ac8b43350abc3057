"""What a rollout is made of: its Workflow and schedule, its identity and rights, and an alert when it fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.contracts import rollout as contract
from mlplatform.contracts.alerts import rule_group
from mlplatform.contracts.labels import COMPONENT, NAMESPACE_NAME, PROMETHEUS, PROMETHEUS_PORT
from mlplatform.contracts.registry import PORT
from mlplatform.core.external_secret import API as SECRETS_API
from mlplatform.core.objects import Objects
from mlplatform.core.place import Place
from mlplatform.core.registry_account import RegistryAccess, RegistryAccount, credentials
from mlplatform.facts.kubernetes.egress import SERVICE_CIDRS, ToCidr, ToPods, default_deny, egress
from mlplatform.serving_endpoint import network, rollout_access, rollout_config, rollout_workflow
from mlplatform.serving_endpoint.access import ModelSource
from mlplatform.serving_endpoint.alerts import rollout_failed
from mlplatform.serving_endpoint.args import ServingEndpointArgs
from mlplatform.serving_endpoint.rollout_access import EXECUTOR, Function, Rule
from mlplatform.serving_endpoint.rollout_args import ServingRollout
from mlplatform.serving_endpoint.rollout_workflow import SERVICE_ACCOUNT, Workflow
from mlplatform.serving_endpoint.serverless import LIVE
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

RBAC: Final = "rbac.authorization.k8s.io"
ROLE: Final = "rollout"
"""Last part of the names of its objects."""


@dataclass(frozen=True, slots=True)
class Rollouts:
    """The rollouts of an endpoint under construction."""

    name: str
    """Name of the endpoint."""
    args: ServingEndpointArgs
    """What it was asked to be."""
    given: ServingRollout
    """How its model is rolled out."""
    objects: Objects
    """Maker of its objects."""
    place: Place
    """Account, region and partition."""
    namespace: pulumi.Output[str]
    """Namespace of the Workflow, known when that exists."""

    @property
    def workflow(self) -> str:
        """Name of the Workflow and of what belongs to it."""
        return f"{self.name}-{ROLE}"

    @property
    def namespace_name(self) -> str:
        """Name of the namespace, known at once."""
        return namespace_name(self.name, self.args, self.given)

    @property
    def pods(self) -> dict[str, str]:
        """Labels of its pods; those of servers are others."""
        return {COMPONENT: self.workflow}


def namespace_name(name: str, args: ServingEndpointArgs, given: ServingRollout) -> str:
    """Name of the namespace where a rollout runs: the endpoint's own, or one made for it."""
    return (given.namespace if args.serverless else args.namespace) or name


def on_kubernetes(rollouts: Rollouts, deployments: Mapping[str, str]) -> None:
    """Makes the rollouts of an endpoint on Kubernetes."""
    args = rollouts.args
    where = rollout_config.on_kubernetes(rollouts.name, args, rollouts.given, deployments)
    rules = rollout_access.rules(rollouts.name, args.kind, deployments)
    _create(rollouts, where, rules, {}, [])


def of_function(rollouts: Rollouts, function: Function) -> None:
    """Makes the rollouts of a function, in a namespace that admits nobody."""
    where = {"function": function.name, "alias": LIVE}
    policies = {"function": rollout_access.publication(rollouts.place, function)}
    closed = rollouts.objects.network_policy("rollout-ingress", default_deny(), namespace=rollouts.namespace)
    _create(rollouts, where, [], policies, [closed])


def _create(
    rollouts: Rollouts,
    where: Mapping[str, Any],
    rules: Sequence[Rule],
    policies: Mapping[str, pulumi.Output[str]],
    after: Sequence[pulumi.Resource],
) -> None:
    ready = [*after, _role(rollouts, policies), *_account(rollouts, rules), _egress(rollouts), _credentials(rollouts)]
    _workflow(rollouts, where, ready)
    _alerts(rollouts)


def _role(rollouts: Rollouts, policies: Mapping[str, pulumi.Output[str]]) -> WorkloadRole:
    args = rollouts.args
    model = ModelSource(args.model_bucket_name, args.model.name, args.model.version, args.model_key_arn)
    return WorkloadRole(
        rollouts.workflow,
        WorkloadRoleArgs(
            namespace=rollouts.namespace_name,
            service_account=SERVICE_ACCOUNT,
            policies={"promotion": rollout_access.promotion(rollouts.place, model), **policies},
            cluster_name=args.cluster_name,
            permissions_boundary_arn=args.permissions_boundary_arn,
        ),
        rollouts.objects.inside,
    )


def _account(rollouts: Rollouts, rules: Sequence[Rule]) -> list[pulumi.Resource]:
    """The service account of the steps, and what it may do with the endpoint's objects."""
    objects, namespace = rollouts.objects, rollouts.namespace
    account = k8s.core.v1.ServiceAccount(
        rollouts.workflow,
        metadata=objects.metadata(ROLE, name=SERVICE_ACCOUNT, namespace=namespace),
        opts=objects.inside,
    )
    metadata = objects.metadata(ROLE, namespace=namespace)
    allowed = [
        k8s.rbac.v1.PolicyRuleArgs(
            api_groups=[group], resources=list(kinds), resource_names=list(names) or None, verbs=list(verbs)
        )
        for group, kinds, names, verbs in (*rules, EXECUTOR)
    ]
    role = k8s.rbac.v1.Role(rollouts.workflow, metadata=metadata, rules=allowed, opts=objects.inside)
    binding = k8s.rbac.v1.RoleBinding(
        rollouts.workflow,
        metadata=metadata,
        role_ref=k8s.rbac.v1.RoleRefArgs(api_group=RBAC, kind="Role", name=rollouts.workflow),
        subjects=[k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=SERVICE_ACCOUNT, namespace=namespace)],
        opts=objects.after(role),
    )
    return [account, binding]


def _egress(rollouts: Rollouts) -> pulumi.Resource:
    """Whom its pods reach: AWS and the API server, the registry, and Prometheus."""
    args = rollouts.args
    services = SERVICE_CIDRS if args.service_cidr is None else (args.service_cidr,)
    spec = egress(
        rollouts.pods,
        to=[
            *network.to_aws(args),
            *(ToCidr(cidr, (network.HTTPS,)) for cidr in services),
            ToPods({}, {NAMESPACE_NAME: str(args.registry_namespace)}, (PORT,)),
            ToPods(PROMETHEUS, {NAMESPACE_NAME: str(args.monitoring_namespace)}, (PROMETHEUS_PORT,)),
        ],
    )
    return rollouts.objects.network_policy(ROLE, spec, namespace=rollouts.namespace)


def _credentials(rollouts: Rollouts) -> pulumi.Resource:
    """The registry's account: a rollout moves aliases."""
    account = RegistryAccount.of(rollouts.args.registry)
    return rollouts.objects.custom(
        ROLE,
        SECRETS_API,
        "ExternalSecret",
        credentials(rollouts.workflow, account, RegistryAccess.WRITER),
        metadata=rollouts.objects.metadata(ROLE, namespace=rollouts.namespace),
    )


def _workflow(rollouts: Rollouts, where: Mapping[str, Any], ready: Sequence[pulumi.Resource]) -> None:
    config = rollout_config.configuration(rollouts.name, rollouts.args, rollouts.given, where)
    environment = [
        {"name": "AWS_DEFAULT_REGION", "value": rollouts.place.region},
        {"name": contract.CONFIG, "value": pulumi.Output.json_dumps(config)},
    ]
    image = rollouts.args.runtime_image or ""
    workflow = Workflow(rollouts.workflow, rollouts.name, rollouts.given, image, environment, rollouts.workflow)
    objects = rollouts.objects
    metadata = objects.metadata(ROLE, namespace=rollouts.namespace)
    template = objects.custom(
        f"{ROLE}-workflow",
        rollout_workflow.API,
        "WorkflowTemplate",
        workflow.spec(),
        metadata=metadata,
        opts=objects.after(*ready),
    )
    objects.custom(
        f"{ROLE}-schedule",
        rollout_workflow.API,
        "CronWorkflow",
        workflow.schedule(),
        metadata=metadata,
        opts=objects.after(template),
    )


def _alerts(rollouts: Rollouts) -> None:
    group = {
        **rule_group(f"rollout-{rollouts.name}", [rollout_failed(rollouts.name)], rollouts.args.runbooks_url),
        "labels": {"endpoint": rollouts.name, "namespace": rollouts.namespace_name},
    }
    rollouts.objects.custom(
        f"{ROLE}-alerts",
        "monitoring.coreos.com/v1",
        "PrometheusRule",
        {"groups": [group]},
        metadata=rollouts.objects.metadata(f"{ROLE}-alerts", namespace=rollouts.namespace),
    )
