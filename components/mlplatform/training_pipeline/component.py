"""TrainingPipeline: a WorkflowTemplate, what begins its runs, where they keep what they keep, and alerts."""

from typing import Any, Optional, TypeAlias

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from mlplatform.contracts import pipeline as contract
from mlplatform.contracts.alerts import rule_group
from mlplatform.core.args import InvalidArgs
from mlplatform.core.build import Build
from mlplatform.core.keys import encryption_key
from mlplatform.core.naming import Kind, check
from mlplatform.core.objects import Objects, known
from mlplatform.facts.aws.kms import KeyUse
from mlplatform.hardened_bucket import BucketLifecycle, HardenedBucket, HardenedBucketArgs
from mlplatform.training_pipeline import access, distributed, submission, workflow
from mlplatform.training_pipeline.alerts import alerts
from mlplatform.training_pipeline.args import PipelineSchedule, TrainingPipelineArgs
from mlplatform.training_pipeline.building import Pipeline, parameters

LONGEST_CRON_WORKFLOW = 52
"""Longest name of a CronWorkflow: its runs get 11 characters more (Argo Workflows, validate, ValidateCronWorkflow)."""
START_SECONDS = 3600
"""Seconds after its time in which a run may still begin: a controller that was away begins it late, not never."""
KEPT = 3
"""Finished runs of a schedule that are kept beside what their time to live keeps."""
SCHEDULED = "schedule"
"""Who asked for a run that a schedule began."""

_Build: TypeAlias = Build[TrainingPipelineArgs]


class TrainingPipeline(pulumi.ComponentResource):
    """Searches a model's parameters, holds the best trial against what serves, and registers it with where it is from.

    A run is an Argo Workflow in the namespace of a team, whose pods the team's queue admits one by one. It begins by a
    schedule, by a message of the queue, or by hand; of one pipeline one run is at work, and others wait.
    """

    namespace: pulumi.Output[str]
    """Namespace of its runs."""
    workflow_template_name: pulumi.Output[str]
    """Name of the WorkflowTemplate: `argo submit --from workflowtemplate/<name>` begins a run by hand."""
    cron_workflow_name: pulumi.Output[Optional[str]]
    """Name of the CronWorkflow; None without a schedule."""
    bucket_name: pulumi.Output[Optional[str]]
    """Bucket of what runs leave; None for a pipeline of Kubeflow."""
    bucket_arn: pulumi.Output[Optional[str]]
    """ARN of that bucket; None for a pipeline of Kubeflow."""
    key_arn: pulumi.Output[Optional[str]]
    """ARN of its key; None for a pipeline of Kubeflow."""
    policy_arn: pulumi.Output[Optional[str]]
    """ARN of the policy that the team's role has for it; None for a pipeline of Kubeflow, which needs none."""

    def __init__(self, name: str, args: TrainingPipelineArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = TrainingPipelineArgs.of(args)
        _check_names(name, args)
        super().__init__("mlplatform:index:TrainingPipeline", name, args.model_dump(exclude_none=True), opts)
        build, objects = Build.of(self, name, args), Objects.of(self, name)
        key_arn = _key_arn(build) if args.steps else None
        bucket = _bucket(build, key_arn) if key_arn is not None else None
        policy = _policy(build, bucket, key_arn) if bucket and key_arn is not None else None
        pipeline = Pipeline(name, args, build.place, bucket.bucket_name if bucket else None)
        template = _template(pipeline, objects, _ready(build, pipeline, objects, policy))
        cron = _cron(pipeline, objects, args.schedule, template) if args.schedule else None
        _alerts(build, objects)

        self.namespace = pulumi.Output.from_input(args.team)
        self.workflow_template_name = known(template, name)
        self.cron_workflow_name = _or_none(known(cron, name) if cron else None)
        self.bucket_name = _or_none(bucket.bucket_name if bucket else None)
        self.bucket_arn = _or_none(bucket.bucket_arn if bucket else None)
        self.key_arn = _or_none(key_arn)
        self.policy_arn = _or_none(policy.arn if policy else None)
        self.register_outputs(
            {
                "namespace": self.namespace,
                "workflow_template_name": self.workflow_template_name,
                "cron_workflow_name": self.cron_workflow_name,
                "bucket_name": self.bucket_name,
                "bucket_arn": self.bucket_arn,
                "key_arn": self.key_arn,
                "policy_arn": self.policy_arn,
            }
        )


def _or_none(value: pulumi.Output[str] | None) -> pulumi.Output[Optional[str]]:
    return pulumi.Output.from_input(value)


def _key_arn(build: _Build) -> pulumi.Output[str]:
    if build.args.kms_key_arn is not None:
        return pulumi.Output.from_input(build.args.kms_key_arn)
    uses: dict[KeyUse, list[pulumi.Input[str]]] = {KeyUse.S3: []}
    description = f"Runs of pipeline {build.name}"
    return encryption_key(f"{build.name}-key", description, uses, place=build.place, opts=build.kept).arn


def _bucket(build: _Build, key_arn: pulumi.Output[str]) -> HardenedBucket:
    args = build.args
    return HardenedBucket(
        f"{build.name}-runs",
        HardenedBucketArgs(
            kms_key_arn=key_arn,
            # Nothing stays for long: what is rarely read has no time to be moved.
            lifecycle=BucketLifecycle(
                expire_days={contract.RUNS: args.keep_days or 1}, noncurrent_days=1, intelligent_tiering=False
            ),
            access_logs=args.access_logs,
            deletion_protection=args.deletion_protection,
            force_destroy=args.force_destroy,
        ),
        build.inside,
    )


def _policy(build: _Build, bucket: HardenedBucket, key_arn: pulumi.Output[str]) -> aws.iam.Policy:
    return aws.iam.Policy(
        f"{build.name}-runs",
        description=f"Runs of pipeline {build.name}",
        policy=access.of_runs(build.place, build.args, bucket.bucket_arn, key_arn),
        opts=build.inside,
    )


def _ready(build: _Build, pipeline: Pipeline, objects: Objects, policy: aws.iam.Policy | None) -> list[pulumi.Resource]:
    """What a run needs before it begins."""
    args = build.args
    drift = args.drift
    attached = {
        "runs": policy.arn if policy else None,
        "settle": drift.settle_policy_arn if drift else None,
    }
    rights: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{build.name}-{role}", role=args.worker_role_name, policy_arn=arn, opts=build.inside
        )
        for role, arn in attached.items()
        if arn is not None
    ]
    return [*rights, *_runtime(pipeline, objects), *_package(args, objects)]


def _runtime(pipeline: Pipeline, objects: Objects) -> list[pulumi.Resource]:
    steps = pipeline.args.steps
    given = steps.train if steps else None
    if steps is None or given is None or given.distributed is None:
        return []
    spec = distributed.runtime(pipeline, steps, given, given.distributed)
    metadata = objects.metadata(distributed.ROLE, namespace=pipeline.args.team)
    return [objects.custom(distributed.ROLE, distributed.API, "TrainingRuntime", spec, metadata=metadata)]


def _package(args: TrainingPipelineArgs, objects: Objects) -> list[pulumi.Resource]:
    if args.kubeflow is None:
        return []
    metadata = objects.metadata(submission.ROLE, namespace=args.team)
    return [
        k8s.core.v1.ConfigMap(
            f"{objects.name}-{submission.ROLE}",
            metadata=metadata,
            data={submission.FILE: args.kubeflow.package},
            opts=objects.inside,
        )
    ]


def _template(pipeline: Pipeline, objects: Objects, ready: list[pulumi.Resource]) -> Any:
    metadata = objects.metadata("template", name=pipeline.name, namespace=pipeline.args.team)
    return objects.custom(
        "template",
        workflow.API,
        "WorkflowTemplate",
        workflow.spec(pipeline),
        metadata=metadata,
        opts=objects.after(*ready),
    )


def _cron(pipeline: Pipeline, objects: Objects, given: PipelineSchedule, template: pulumi.Resource) -> Any:
    spec = {
        "schedules": [given.cron],
        "timezone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": START_SECONDS,
        "suspend": given.suspended,
        "successfulJobsHistoryLimit": KEPT,
        "failedJobsHistoryLimit": KEPT,
        "workflowSpec": {
            "workflowTemplateRef": {"name": pipeline.name},
            "arguments": parameters({contract.REQUESTED_BY: SCHEDULED}),
        },
    }
    metadata = objects.metadata("schedule", name=pipeline.name, namespace=pipeline.args.team)
    return objects.custom(
        "schedule", workflow.API, "CronWorkflow", spec, metadata=metadata, opts=objects.after(template)
    )


def _alerts(build: _Build, objects: Objects) -> None:
    args = build.args
    rules = alerts(args.team, build.name, stale_hours=args.schedule.stale_hours if args.schedule else None)
    group = rule_group(f"pipeline-{args.team}-{build.name}", rules, args.runbooks_url)
    objects.custom(
        "alerts",
        "monitoring.coreos.com/v1",
        "PrometheusRule",
        {"groups": [group]},
        metadata=objects.metadata("alerts", namespace=args.team),
    )


def _check_names(name: str, args: TrainingPipelineArgs) -> None:
    """Of all names made of the pipeline's, these leave the least room."""
    steps = args.steps
    limits = {
        "CronWorkflow": LONGEST_CRON_WORKFLOW if args.schedule else None,
        "its TrainJobs": distributed.LONGEST_NAME if steps and steps.train and steps.train.distributed else None,
    }
    for what, longest in limits.items():
        over = len(name) - longest if longest is not None else 0
        if over > 0:
            raise InvalidArgs(
                f"TrainingPipeline {name!r}: {len(name)} characters; allowed: {longest}, for {what}; fix: take away "
                f"{over}"
            )
    try:
        check(Kind.KUBERNETES, f"{name}-{submission.ROLE}")
        if steps:
            check(Kind.S3_BUCKET, f"{name}-runs-logs-bucket", autonamed=True)
    except ValueError as error:
        raise InvalidArgs(f"TrainingPipeline {name!r}: {error}") from None
