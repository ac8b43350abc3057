"""What a training pipeline needs to know: settings that a person writes, and what is wired from the rest."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Self

from pydantic import model_validator

from mlplatform.contracts import kubeflow
from mlplatform.contracts.request_log import prefix
from mlplatform.core.args import Args, In, at_least, between, checked, each, matching
from mlplatform.core.capacity import Capacity
from mlplatform.core.identifiers import BUCKET_NAME, CRON, FOLDER, IMAGE, MODEL_NAME, ROLE_NAME, URL
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.objects import NAMESPACE_NAME
from mlplatform.hardened_bucket import AccessLogs, refuse_both
from mlplatform.training_pipeline.step_args import PipelineStep, PipelineSteps, PipelineTraining

WEEK_HOURS = 168
SPARE_MINUTES = 30
"""Minutes that the step which submits to Kubeflow has beside those of its run, to begin and to end it."""
LONGEST_STALE_HOURS = 31 * 24
SHORTEST_KEEP_DAYS = 2
"""A run may end the day after it began."""

POLICY_ARN = matching(
    r"arn:aws[a-z-]*:iam::\d{12}:policy/[\w+=,.@/-]+",
    "the ARN of a managed policy, such as arn:aws:iam::111122223333:policy/settle",
)
TABLE_NAME = matching(r"[A-Za-z0-9._-]{3,255}", "the name of a table, such as fraud-drift-state-1a2b3c4")


def _endpoint(name: str) -> str:
    prefix(name)
    return name


def _package(text: str) -> str:
    kubeflow.read(text)
    return text


class PipelineSchedule(Args):
    """Runs that nobody asks for."""

    cron: In[str]
    """When a run begins, as cron in UTC. One that is still at work is not disturbed: its next time is left out."""
    stale_hours: int
    """Hours since the beginning of the last run that ended well after which that is an alert, 1 to 744. No default:
    only who sets `cron` knows how far runs are apart."""
    suspended: Optional[In[bool]] = False
    """Whether no run begins by itself for now; off by default."""

    _cron = checked(CRON, "cron")
    _stale = checked(between(1, LONGEST_STALE_HOURS, "hours"), "stale_hours")


class PipelineKubeflow(Args):
    """A pipeline of Kubeflow: a package as kfp 2 or TFX compile it, submitted to a Kubeflow Pipelines."""

    endpoint: In[str]
    """Address of the Kubeflow Pipelines API, without `/apis`."""
    package: In[str]
    """The compiled package, as text: IR YAML, at most 1 MiB."""
    parameters: Optional[Mapping[str, Any]] = {}
    """Parameters of every run, of those that the package declares; none by default. Where it declares them, a run also
    gets `data_uri`, `model`, `requested_by`, `request_id`, `run` and `tracking_uri`."""
    namespace: Optional[In[str]] = None
    """Profile of Kubeflow whose experiment it is, where there are several users; none by default."""
    token: Optional[bool] = False
    """Whether the API wants a token of the service account, for the audience `pipelines.kubeflow.org`, as a Kubeflow
    with several users does; not by default."""
    timeout_minutes: Optional[int] = 1380
    """Minutes after which a run that has not ended is ended, 1 to 10080, and half an hour before `max_hours`; 1380 by
    default, 23 hours."""

    _endpoint = checked(URL, "endpoint")
    _package = checked(_package, "package")
    _namespace = checked(NAMESPACE_NAME, "namespace")
    _timeout = checked(between(1, 10_080, "minutes"), "timeout_minutes")

    @model_validator(mode="after")
    def _declared(self) -> Self:
        if isinstance(self.package, str):
            kubeflow.read(self.package).check(self.parameters or {})
        return self


class TrainingPipelineSettings(Args):
    """What a person decides of a training pipeline."""

    team: str
    """Team of the training queue whose pipeline it is, which is also the namespace of its runs."""
    model: str
    """Registered model that it makes versions of. Its own versions are all that it may read of the promoted models."""
    reads: Optional[Sequence[str]] = ["offline/"]
    """Folders of the feature bucket that its steps read; the offline features by default. Requests and labels lie in
    others, for a model that learns from what it was asked."""
    data_uri: Optional[In[str]] = None
    """Address of the data that a run is trained on, unless it is given another; by default the first of `reads` in the
    feature bucket. `prepare` reads it; what lies elsewhere by rights that the team's role has by itself."""
    steps: Optional[PipelineSteps] = None
    """A pipeline of the team's own image. Exactly one of `steps` and `kubeflow` is given."""
    kubeflow: Optional[PipelineKubeflow] = None
    """A pipeline of Kubeflow."""
    experiment: Optional[str] = None
    """Experiment of the registry, or of Kubeflow, that has its runs; the pipeline's name by default."""
    schedule: Optional[PipelineSchedule] = None
    """When runs begin by themselves; by default they are asked for, by a message of the queue or by hand."""
    priority: Optional[In[str]] = "normal"
    """WorkloadPriorityClass of its pods; normal by default."""
    max_hours: Optional[In[int]] = 24
    """Hours after which a run is ended, 1 to 168, what it waits for the queue included; 24 by default."""
    keep_days: Optional[In[int]] = 30
    """Days after which what a run has left is deleted from the bucket, at least 2; 30 by default: time to look into a
    run. What is registered lies in the registry."""
    kms_key_arn: Optional[In[str]] = None
    """KMS key of the bucket; by default an own one, rotated every year. One given must let the account's IAM policies
    allow its use by S3."""
    access_logs: Optional[AccessLogs] = AccessLogs()
    """Where the access logs of the bucket go; to an own bucket by default."""
    deletion_protection: Optional[bool] = True
    """Whether bucket and key are protected from deletion by Pulumi, and kept when they leave the program; on by
    default. Off is for throw-away environments."""
    force_destroy: Optional[bool] = False
    """Whether deleting the pipeline deletes what its runs have left; off by default: S3 then refuses to delete what is
    not empty."""

    _team = checked(NAMESPACE_NAME, "team")
    _model = checked(MODEL_NAME, "model")
    _data = checked(matching(r"[^\s{}]+", "an address without spaces and braces, such as s3://lake/fraud/"), "data_uri")
    _reads = checked(each(FOLDER), "reads")
    _experiment = checked(matching(r"[\w./ -]{1,250}", "letters, digits, spaces, _, ., / and -"), "experiment")
    _priority = checked(NAMESPACE_NAME, "priority")
    _hours = checked(between(1, WEEK_HOURS, "hours"), "max_hours")
    _keep = checked(at_least(SHORTEST_KEEP_DAYS, "days"), "keep_days")
    _key = checked(KEY_ARN, "kms_key_arn")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in ("steps", "kubeflow") if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(
                f"got {' and '.join(given) or 'none'} of steps, kubeflow; allowed is exactly one; "
                f"{'take the other out' if given else 'set one'}"
            )
        return self

    @model_validator(mode="after")
    def _ended_there_first(self) -> Self:
        hours, minutes = self.max_hours, (self.kubeflow.timeout_minutes or 0) if self.kubeflow else 0
        if isinstance(hours, int) and minutes > hours * 60 - SPARE_MINUTES:
            most = hours * 60 - SPARE_MINUTES
            raise ValueError(
                f"kubeflow.timeout_minutes {minutes} and max_hours {hours}: the step would end first, and the run at "
                f"Kubeflow go on; allowed are {most} minutes or less; lower it, or raise max_hours"
            )
        return self

    @model_validator(mode="after")
    def _kept_or_destroyed(self) -> Self:
        refuse_both(deletion_protection=self.deletion_protection, force_destroy=self.force_destroy)
        return self


class PipelineDrift(Args):
    """The drift monitor whose requests for retraining its runs answer."""

    endpoint: str
    """Endpoint that it watches."""
    table_name: In[str]
    """Table with the endpoint's state: its output `table_name`."""
    settle_policy_arn: In[str]
    """Policy by which a run reports its end: its output `settle_policy_arn`, attached to the team's role."""

    _endpoint = checked(_endpoint, "endpoint")
    _table = checked(TABLE_NAME, "table_name")
    _policy = checked(POLICY_ARN, "settle_policy_arn")


class TrainingPipelineArgs(TrainingPipelineSettings):
    """What a training pipeline needs to know."""

    runtime_image: In[str]
    """Image of `mlplatform.runtime`, by digest. Required: nobody publishes one."""
    worker_role_name: In[str]
    """Role of the team's pods: the output `worker_role_names` of the training queue."""
    registry_secret: In[str]
    """Secret in the team's namespace with address, account and password of the registry, as variables of MLflow: the
    output `credentials` of the model registry. The account must be a writer's."""
    runbooks_url: str
    """Where `docs/runbooks` is published, for the links of alerts."""
    queue_name: Optional[In[str]] = "default"
    """LocalQueue of the team's namespace that its pods wait in; default by default."""
    model_bucket_name: Optional[In[str]] = None
    """Bucket of the promoted models, where `steps` find the champion; needed with `steps`."""
    model_key_arn: Optional[In[str]] = None
    """KMS key of that bucket; needed with `steps`."""
    feature_bucket_name: Optional[In[str]] = None
    """Feature bucket, whose `reads` are read, and to which a version's reference for drift is written; none by
    default."""
    feature_key_arn: Optional[In[str]] = None
    """KMS key of that bucket; needed with `feature_bucket_name`."""
    drift: Optional[PipelineDrift] = None
    """The drift monitor whose requests its runs answer; none by default."""
    capacity: Optional[Sequence[Capacity]] = []
    """What the queue's pools can hold, for steps that name a `pool`; nothing by default."""

    _image = checked(IMAGE, "runtime_image")
    _role = checked(ROLE_NAME, "worker_role_name")
    _names = checked(NAMESPACE_NAME, "registry_secret", "queue_name")
    _runbooks = checked(URL, "runbooks_url")
    _buckets = checked(BUCKET_NAME, "model_bucket_name", "feature_bucket_name")
    _keys = checked(KEY_ARN, "model_key_arn", "feature_key_arn")

    def tiers(self, pool: Optional[str]) -> Sequence[Capacity]:
        """The tiers of a pool; none without one."""
        return [tier for tier in self.capacity or [] if tier.pool == pool]

    @model_validator(mode="after")
    def _wired(self) -> Self:
        needed = {
            "steps": ("model_bucket_name", "model_key_arn"),
            "feature_bucket_name": ("feature_key_arn",),
            "feature_key_arn": ("feature_bucket_name",),
        }
        for given, fields in needed.items():
            missing = [field for field in fields if getattr(self, field) is None]
            if getattr(self, given) is not None and missing:
                raise ValueError(f"{given} without {', '.join(missing)}: needed for {given}; set them")
        return self

    @model_validator(mode="after")
    def _has_data(self) -> Self:
        if self.data_uri is None and not (self.reads and self.feature_bucket_name is not None):
            raise ValueError(
                "neither data_uri nor a feature bucket with reads: there would be nothing to train on; set data_uri, "
                "or feature_bucket_name, feature_key_arn and reads"
            )
        return self

    @model_validator(mode="after")
    def _pools_exist(self) -> Self:
        for field, pool in (self.steps.pools if self.steps else {}).items():
            if pool is not None:
                self._check_pool(f"steps.{field}.pool", pool)
        return self

    def _check_pool(self, field: str, pool: str) -> None:
        known = sorted({tier.pool for tier in self.capacity or [] if tier.queued})
        tiers = self.tiers(pool)
        if not tiers:
            raise ValueError(f"{field} {pool!r} is unknown; known are {', '.join(known) or 'none'}; name one of them")
        if not tiers[0].queued:
            raise ValueError(
                f"{field} {pool!r} is for {tiers[0].purpose}, of which no queue has quota; allowed are "
                f"{', '.join(known) or 'none'}; name one of them"
            )

    @model_validator(mode="after")
    def _gpus_exist(self) -> Self:
        for name, step in (self.steps.named if self.steps else {}).items():
            if step.gpus:
                self._check_gpus(f"steps.{name}.gpus", step, step.gpus)
        return self

    def _check_gpus(self, field: str, step: PipelineStep, gpus: int) -> None:
        there = sum(tier.gpus or 0 for tier in self.tiers(step.pool))
        if not there:
            where = f"pool {step.pool!r}, which has none" if step.pool else "no pool"
            raise ValueError(
                f"{field} {gpus} and {where}: without the labels and tolerations of a GPU pool no pod would start; set "
                "pool to one with GPUs"
            )
        how = step.distributed if isinstance(step, PipelineTraining) else None
        most = gpus * (how.nodes if how else 1)
        if most > there:
            on_nodes, them = (f" on {how.nodes} nodes are {most}", "them") if how else ("", "it")
            raise ValueError(
                f"{field} {gpus}{on_nodes}, and pool {step.pool!r} has {there} in all; lower {them}, or raise the "
                "pool's limit"
            )
