"""DriftMonitor: a job that compares, a table that holds the cooldown, and alerts."""

from dataclasses import dataclass
from typing import Optional, TypeAlias

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from mlplatform.contracts import drift
from mlplatform.contracts.alerts import rule_group
from mlplatform.core.args import InvalidArgs
from mlplatform.core.build import Build
from mlplatform.core.keys import encryption_key
from mlplatform.core.naming import Kind, check
from mlplatform.core.objects import Objects, known
from mlplatform.drift_monitor import access, job
from mlplatform.drift_monitor.alerts import alerts
from mlplatform.drift_monitor.args import DriftMonitorArgs
from mlplatform.facts.aws.kms import KeyUse
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

MONITOR = "monitor"
LONGEST_CRON_JOB = 52
"""Longest name of a CronJob: its Jobs get 11 characters more (Kubernetes documentation, CronJob)."""

_Build: TypeAlias = Build[DriftMonitorArgs]


@dataclass(frozen=True, slots=True)
class _State:
    """Where the endpoint's state is held."""

    table: aws.dynamodb.Table
    key_arn: pulumi.Output[str]


class DriftMonitor(pulumi.ComponentResource):
    """Compares what an endpoint is asked with what its model was trained on, and asks for one retraining if it drifted.

    Bad data are an alert and never a retraining. Of retrainings there is one a cooldown, one at a time, and as many a
    day and month as its budgets say, whatever runs beside it or dies: the table decides, by conditional writes.
    """

    namespace: pulumi.Output[str]
    """Namespace of the job."""
    cron_job_name: pulumi.Output[str]
    """Name of the CronJob; `kubectl create job --from=cronjob/<name>` looks at once."""
    role_arn: pulumi.Output[str]
    """ARN of the role of the job."""
    reports_uri: pulumi.Output[str]
    """Folder with the reports, one a window."""
    table_name: pulumi.Output[Optional[str]]
    """Name of the table with the endpoint's state; None without `retraining`."""
    table_arn: pulumi.Output[Optional[str]]
    """ARN of that table; None without `retraining`."""
    settle_policy_arn: pulumi.Output[Optional[str]]
    """ARN of the managed policy that lets a training report its end by `python -m mlplatform.runtime request settle`,
    for the role of the team that trains; None without `retraining`."""

    def __init__(self, name: str, args: DriftMonitorArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = DriftMonitorArgs.of(args)
        _check_names(name)
        # The state outlives the cluster: were its name registered, the table would wait for it.
        props = args.model_dump(exclude_none=True, exclude={"cluster_name"})
        super().__init__("mlplatform:index:DriftMonitor", name, props, opts)
        build, objects = Build.of(self, name, args), Objects.of(self, name)
        state = _state(build) if args.retraining else None
        namespace = _namespace(build, objects)
        role = _role(build, state)
        cron_job = _cron_job(build, objects, namespace, role, state)
        _alerts(build, objects, namespace)
        nothing: pulumi.Output[Optional[str]] = pulumi.Output.from_input(None)

        self.namespace = namespace
        self.cron_job_name = known(cron_job, f"{name}-{MONITOR}")
        self.role_arn = role.role_arn
        self.reports_uri = pulumi.Output.concat("s3://", args.bucket_name, "/", drift.reports(args.endpoint))
        self.table_name = state.table.name if state else nothing
        self.table_arn = state.table.arn if state else nothing
        self.settle_policy_arn = _settle_policy(build, state).arn if state else nothing
        self.register_outputs(
            {
                "namespace": self.namespace,
                "cron_job_name": self.cron_job_name,
                "role_arn": self.role_arn,
                "reports_uri": self.reports_uri,
                "table_name": self.table_name,
                "table_arn": self.table_arn,
                "settle_policy_arn": self.settle_policy_arn,
            }
        )


def _state(build: _Build) -> _State:
    key_arn = _key_arn(build)
    table = aws.dynamodb.Table(
        f"{build.name}-state",
        attributes=[aws.dynamodb.TableAttributeArgs(name=drift.TABLE_KEY, type="S")],
        hash_key=drift.TABLE_KEY,
        # Some requests a day.
        billing_mode="PAY_PER_REQUEST",
        point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=True),
        server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(enabled=True, kms_key_arn=key_arn),
        ttl=aws.dynamodb.TableTtlArgs(enabled=True, attribute_name=drift.TABLE_TTL),
        deletion_protection_enabled=build.args.deletion_protection,
        opts=build.kept,
    )
    return _State(table, key_arn)


def _key_arn(build: _Build) -> pulumi.Output[str]:
    if build.args.kms_key_arn is not None:
        return pulumi.Output.from_input(build.args.kms_key_arn)
    description = f"Requests for retraining of endpoint {build.args.endpoint}"
    uses: dict[KeyUse, list[pulumi.Input[str]]] = {KeyUse.DYNAMODB: []}
    return encryption_key(f"{build.name}-key", description, uses, place=build.place, opts=build.kept).arn


def _namespace(build: _Build, objects: Objects) -> pulumi.Output[str]:
    if build.args.namespace is not None:
        return pulumi.Output.from_input(build.args.namespace)
    return objects.namespace_name("namespace", name=build.name)


def _role(build: _Build, state: _State | None) -> WorkloadRole:
    args = build.args
    asks = {"requests": access.of_requests(build, state.table.arn, state.key_arn)} if state else {}
    return WorkloadRole(
        f"{build.name}-{MONITOR}",
        WorkloadRoleArgs(
            namespace=args.namespace or build.name,
            service_account=f"{build.name}-{MONITOR}",
            policies={"data": access.of_data(build), **asks},
            cluster_name=args.cluster_name,
            permissions_boundary_arn=args.permissions_boundary_arn,
        ),
        build.inside,
    )


def _cron_job(
    build: _Build,
    objects: Objects,
    namespace: pulumi.Output[str],
    role: WorkloadRole,
    state: _State | None,
) -> k8s.batch.v1.CronJob:
    account = f"{build.name}-{MONITOR}"
    ready = [
        role,
        objects.network_policy("egress", job.reaches(build), namespace=namespace),
        objects.network_policy("ingress", job.is_reached(build), namespace=namespace),
        k8s.core.v1.ServiceAccount(
            account, metadata=objects.metadata(MONITOR, namespace=namespace), opts=objects.inside
        ),
    ]
    return k8s.batch.v1.CronJob(
        account,
        metadata=objects.metadata(MONITOR, namespace=namespace),
        spec=job.spec(build, account, state.table.name if state else None),
        opts=objects.after(*ready),
    )


def _alerts(build: _Build, objects: Objects, namespace: pulumi.Output[str]) -> None:
    args = build.args
    rules = alerts(args.endpoint, stale_hours=args.stale_hours or 1)
    # Rules of all monitors have the same names; the endpoint tells their alerts apart.
    group = {
        **rule_group(f"drift-{args.endpoint}", rules, args.runbooks_url),
        "labels": {"endpoint": args.endpoint},
    }
    objects.custom(
        "alerts",
        "monitoring.coreos.com/v1",
        "PrometheusRule",
        {"groups": [group]},
        metadata=objects.metadata("alerts", namespace=namespace),
    )


def _settle_policy(build: _Build, state: _State) -> aws.iam.Policy:
    return aws.iam.Policy(
        f"{build.name}-settle",
        description=f"Reports the end of a retraining of endpoint {build.args.endpoint}",
        policy=access.of_the_end(build.place, build.args.endpoint, state.table.arn, state.key_arn),
        opts=build.inside,
    )


def _check_names(name: str) -> None:
    cron_job = f"{name}-{MONITOR}"
    over = len(cron_job) - LONGEST_CRON_JOB
    if over > 0:
        raise InvalidArgs(
            f"DriftMonitor {name!r}: CronJob {cron_job!r} has {len(cron_job)} characters; allowed: {LONGEST_CRON_JOB}; "
            f"fix: take away {over}"
        )
    try:
        check(Kind.KUBERNETES, name)
    except ValueError as error:
        raise InvalidArgs(f"DriftMonitor {name!r}: {error}") from None
