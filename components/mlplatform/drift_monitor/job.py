"""The CronJob: its pod, what it is told, and whom it may reach."""

from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.contracts import drift, pipeline
from mlplatform.contracts.labels import COMPONENT, NAMESPACE_NAME, PUSHGATEWAY, PUSHGATEWAY_PORT
from mlplatform.core.build import Build
from mlplatform.drift_monitor import access
from mlplatform.drift_monitor.args import DriftMonitorArgs, DriftRetraining, DriftTraining
from mlplatform.facts.kubernetes.egress import HTTPS, ToCidr, ToPods, egress, to_https
from mlplatform.facts.kubernetes.pods import container_security, pod_security

COMMAND: Final = ("python", "-m", "mlplatform.runtime", "drift")
DEADLINE_SECONDS: Final = 3600
"""Seconds after which a run is ended, should it hang; a run reads and compares for some minutes."""
RETRIES: Final = 2
"""A run that failed begins anew, and changes nothing twice."""
START_SECONDS: Final = 3600
"""Seconds after its time in which a run may still start: within the hour it has the same window."""
SUCCEEDED, FAILED = 1, 3
"""Finished runs that are kept to look at."""


def pod_labels(build: Build[DriftMonitorArgs]) -> dict[str, str]:
    """What the pods of this monitor have, and no other pod."""
    return {COMPONENT: build.name}


def reaches(build: Build[DriftMonitorArgs]) -> dict[str, object]:
    """The egress policy: AWS and the Pushgateway."""
    args = build.args
    storage = to_https(args.s3_cidrs or ())
    pushes = ToPods(PUSHGATEWAY, {NAMESPACE_NAME: str(args.pushgateway_namespace)}, (PUSHGATEWAY_PORT,))
    return egress(pod_labels(build), to=(ToCidr(args.vpc_cidr, HTTPS), *storage, pushes))


def is_reached(build: Build[DriftMonitorArgs]) -> dict[str, object]:
    """The ingress policy: by nobody."""
    return {"podSelector": {"matchLabels": pod_labels(build)}, "policyTypes": ["Ingress"]}


def spec(
    build: Build[DriftMonitorArgs], account: str, table: pulumi.Output[str] | None
) -> k8s.batch.v1.CronJobSpecArgs:
    """The CronJob's spec, for a service account and the table of the endpoint's state."""
    pod: Any = _pod(build, account, table)
    template = k8s.core.v1.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(labels=pod_labels(build)),
        spec=pod,
    )
    return k8s.batch.v1.CronJobSpecArgs(
        schedule=pulumi.Output.from_input(build.args.schedule).apply(str),
        time_zone="Etc/UTC",
        # Two runs at once would do no harm, and no good.
        concurrency_policy="Forbid",
        starting_deadline_seconds=START_SECONDS,
        successful_jobs_history_limit=SUCCEEDED,
        failed_jobs_history_limit=FAILED,
        job_template=k8s.batch.v1.JobTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=pod_labels(build)),
            spec=k8s.batch.v1.JobSpecArgs(
                backoff_limit=RETRIES, active_deadline_seconds=DEADLINE_SECONDS, template=template
            ),
        ),
    )


def _pod(build: Build[DriftMonitorArgs], account: str, table: pulumi.Output[str] | None) -> dict[str, Any]:
    args = build.args
    container = {
        "name": "drift",
        "image": args.image,
        "command": list(COMMAND),
        "env": [
            {"name": "AWS_DEFAULT_REGION", "value": build.place.region},
            {"name": drift.CONFIG, "value": pulumi.Output.json_dumps(compared(args))},
            *_asking(args, table),
        ],
        "resources": {"requests": {"cpu": args.cpu, "memory": args.memory}, "limits": {"memory": args.memory}},
        "securityContext": container_security(),
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a volume of the pod's own
    }
    return {
        "serviceAccountName": account,
        "restartPolicy": "Never",
        "securityContext": pod_security(),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
    }


def _asking(args: DriftMonitorArgs, table: pulumi.Output[str] | None) -> list[dict[str, Any]]:
    if args.retraining is None or table is None:
        return []
    value = pulumi.Output.json_dumps(asked(args, args.retraining, table))
    return [{"name": drift.REQUEST_CONFIG, "value": value}]


def compared(args: DriftMonitorArgs) -> dict[str, Any]:
    """What the job compares: `DRIFT_CONFIG`."""
    same = ("endpoint", "window_hours", "min_rows", "max_rows", "max_invalid_percent", "significance", "threshold")
    reference = args.bucket_name if args.reference_bucket_name is None else args.reference_bucket_name
    return {
        **{name: getattr(args, name) for name in (*same, "pushgateway_url")},
        "bucket": args.bucket_name,
        "reference": {"bucket": reference, "prefix": args.reference_prefix},
        "reports": {"bucket": args.bucket_name, "prefix": drift.reports(args.endpoint)},
        "thresholds": dict(args.thresholds or {}),
        "ignored": list(args.ignored_features or []),
        **({"quality": _quality(args)} if args.quality else {}),
    }


def _quality(args: DriftMonitorArgs) -> dict[str, Any]:
    given: Any = args.quality
    return {
        "metric": given.metric.value,
        "threshold": given.threshold,
        "labels": {"bucket": args.bucket_name, "prefix": access.labels(args)},
        "window_hours": given.window_hours,
        "min_rows": given.min_rows,
    }


def asked(args: DriftMonitorArgs, given: DriftRetraining, table: pulumi.Output[str]) -> dict[str, Any]:
    """How it asks for retraining: `REQUEST_CONFIG`."""
    optional = {"priority": given.priority, "topic_arn": args.topic_arn}
    return {
        "endpoint": args.endpoint,
        "table": table,
        "queue_url": args.queue and args.queue.url,
        "team": given.team,
        "kind": (given.kind or DriftTraining.WORKFLOW).value,
        "spec": pipeline.asked(given.pipeline) if given.spec is None else given.spec,
        **{name: value for name, value in optional.items() if value is not None},
        **{name: getattr(given, name) for name in ("cooldown_hours", "max_hours", "daily_budget", "monthly_budget")},
    }
