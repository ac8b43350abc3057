"""What a drift monitor needs to know: settings that a person writes, and what is wired from the rest."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, Optional, Self

from pydantic import model_validator

from mlplatform.contracts.drift import VALUES, strange
from mlplatform.contracts.pipeline import REFERENCE
from mlplatform.contracts.request_log import prefix
from mlplatform.core.args import Args, In, at_least, between, checked, distinct, each, matching
from mlplatform.core.identifiers import BUCKET_NAME, CRON, FOLDER, IMAGE, IPV4_CIDR, QUANTITY, TOPIC_ARN, URL
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.naming import Kind, check
from mlplatform.core.objects import NAMESPACE_NAME
from mlplatform.workload_role import DNS_LABEL

MONTH_HOURS = 720
"""The longest cooldown: state is kept for twice as long."""
SPEC_CHARACTERS = 100_000
"""Longest template as JSON: what a pod's environment variable can hold is 128 KiB (Linux, MAX_ARG_STRLEN), with the
rest of its configuration."""

REFERENCE_FOLDER = matching(
    r"[\w.=-]+(/([\w.=-]|\$\{model_version\})+)*/",
    "a folder of the bucket, with / at its end and not at its beginning, and with ${model_version} below a folder, "
    "such as reference/${model_version}/",
)
QUEUE_URL = matching(
    r"https://\S+\.fifo", "the URL of a FIFO queue, such as https://sqs.eu-west-1.amazonaws.com/111122223333/jobs.fifo"
)
QUEUE_ARN = matching(
    r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[\w-]+\.fifo",
    "the ARN of a FIFO queue, such as arn:aws:sqs:eu-west-1:111122223333:jobs.fifo",
)


class DriftMetric(StrEnum):
    """How good predictions are, once labels are known."""

    ACCURACY = "accuracy"
    """Share of predictions that were right."""
    MEAN_ABSOLUTE_ERROR = "mean_absolute_error"
    """How far predictions were from the label, on average."""


class DriftTraining(StrEnum):
    """What a training is, in the words of the training queue."""

    JOB = "Job"
    """batch/v1."""
    WORKFLOW = "Workflow"
    """argoproj.io/v1alpha1."""
    TRAIN_JOB = "TrainJob"
    """trainer.kubeflow.org/v1alpha1."""


def _endpoint(name: str) -> str:
    prefix(name)
    return name


def _share(value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(f"got {value}; allowed are numbers between 0 and 1, such as 0.1")
    return value


def _shares(values: Mapping[str, float]) -> Mapping[str, float]:
    for name, value in values.items():
        if not 0 < value < 1:
            raise ValueError(f"got {value} of {name}; allowed are numbers between 0 and 1, such as 0.1")
    return values


def _spec(template: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = sorted(set(strange(template)))
    if unknown:
        known = ", ".join(f"${{request.{name}}}" for name in VALUES)
        raise ValueError(f"got {', '.join(unknown)}; allowed are {known}; correct it")
    try:
        length = len(json.dumps(template))
    except TypeError:
        # Outputs in it, which are checked by the job.
        return template
    if length > SPEC_CHARACTERS:
        raise ValueError(
            f"got {length} characters as JSON; allowed are {SPEC_CHARACTERS}; name a WorkflowTemplate instead"
        )
    return template


class DriftQuality(Args):
    """How good predictions must be. Labels are lines of JSON with `id` and `label`, in folders `dt=YYYY-MM-DD/`."""

    metric: DriftMetric
    """What is measured."""
    threshold: In[float]
    """Where it is too bad: accuracy below it, or an error above it. No default: only who knows the model can say."""
    labels_prefix: Optional[str] = None
    """Folder of the bucket where labels arrive; `labels/<endpoint>/` by default."""
    window_hours: Optional[In[int]] = 168
    """Hours of requests whose labels are looked for, 1 to 2160; 168 by default, a week, since labels come late."""
    min_rows: Optional[In[int]] = 100
    """Labelled requests below which nothing is decided, at least 1; 100 by default: an accuracy of 90 % is then known
    to about 6 points."""

    _folder = checked(FOLDER, "labels_prefix")
    _window = checked(between(1, 2160, "hours"), "window_hours")
    _rows = checked(at_least(1, "rows"), "min_rows")


class DriftRetraining(Args):
    """How retraining is asked for: one message of a training queue, never two within a cooldown."""

    team: str
    """Team of the training queue that trains."""
    pipeline: Optional[In[str]] = None
    """TrainingPipeline of that team, by its name. Exactly one of `pipeline` and `spec` is given."""
    spec: Optional[In[Mapping[str, Any]]] = None
    """The training's `spec`, in which `${request.id}`, `.endpoint`, `.window_start`, `.window_end`, `.reason` and
    `.report` stand for those of the request."""
    kind: Optional[DriftTraining] = DriftTraining.WORKFLOW
    """What `spec` is; a Workflow by default, as what runs a pipeline always is."""
    priority: Optional[In[str]] = None
    """Its WorkloadPriorityClass; the queue's default when omitted."""
    cooldown_hours: Optional[In[int]] = 24
    """Hours between two requests, 1 to 720; 24 by default: what is trained anew must first be served and seen."""
    max_hours: Optional[In[int]] = 24
    """Hours after a request in which no other is made unless its training reported its end, 1 to 720; 24 by
    default."""
    daily_budget: Optional[int] = 1
    """Requests in a day (UTC), at least 1; 1 by default."""
    monthly_budget: Optional[int] = 8
    """Requests in a month (UTC), at least 1; 8 by default, two a week: more is a model that does not fit, and another
    training will not mend it."""

    _team = checked(DNS_LABEL, "team")
    _pipeline = checked(NAMESPACE_NAME, "pipeline")
    _template = checked(_spec, "spec")
    _hours = checked(between(1, MONTH_HOURS, "hours"), "cooldown_hours", "max_hours")
    _budgets = checked(at_least(1, "requests"), "daily_budget", "monthly_budget")

    @model_validator(mode="after")
    def _one_training(self) -> Self:
        given = [name for name in ("pipeline", "spec") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"got {' and '.join(given) or 'neither'}; allowed is exactly one of pipeline and spec")
        if self.pipeline is not None and self.kind is not DriftTraining.WORKFLOW:
            raise ValueError(f"pipeline and kind {self.kind}: a pipeline runs as a Workflow; take kind out")
        return self

    @model_validator(mode="after")
    def _within_the_month(self) -> Self:
        daily, monthly = self.daily_budget or 1, self.monthly_budget or 1
        if daily > monthly:
            raise ValueError(
                f"daily_budget {daily} is more than monthly_budget {monthly}; lower it, or raise the other"
            )
        return self


class DriftMonitorSettings(Args):
    """What a person decides of a drift monitor."""

    endpoint: str
    """Endpoint that is watched: the folder of its request log, `requests/<endpoint>/`."""
    reference_prefix: Optional[str] = f"{REFERENCE}${{model_version}}/"
    """Folder with what the model was trained on, lines of JSON with `features` and `prediction`; `${model_version}` in
    it stands for the model and version that answer, so that a new version is compared with its own reference.
    `reference/${model_version}/` by default, where a TrainingPipeline leaves it."""
    schedule: Optional[In[str]] = "30 1 * * *"
    """When it looks, as cron in UTC; at 1:30 every day by default: windows then neither overlap nor leave a gap."""
    window_hours: Optional[In[int]] = 24
    """Hours that are compared, 1 to 168; 24 by default, so that day and night are in it."""
    threshold: Optional[In[float]] = 0.1
    """Distance from which a feature has drifted, between 0 and 1; 0.1 by default: a tenth of the requests has moved.
    For numbers it is the statistic of Kolmogorov and Smirnov, for categories the total variation."""
    thresholds: Optional[Mapping[str, float]] = {}
    """The same by feature, and for `prediction`; none by default."""
    significance: Optional[In[float]] = 0.01
    """Chance that a look finds a drift where there is none, over all features, between 0 and 1; 0.01 by default: with
    daily looks, once in three months. A distance beyond the threshold counts only when chance explains it less."""
    ignored_features: Optional[Sequence[str]] = []
    """Features that are not looked at, such as ids and times, which always differ; none by default."""
    min_rows: Optional[In[int]] = 500
    """Requests in the window below which nothing is decided, at least 20; 500 by default: a distance of 0.1 is then
    beyond chance for a few features."""
    max_rows: Optional[In[int]] = 20_000
    """Rows of each side that are compared, at least 1000; 20000 by default, which fit the memory: more of them would
    find no drift of 0.1 that these miss. Which ones are taken is always the same."""
    max_invalid_percent: Optional[In[float]] = 1.0
    """Share of rows, 0 to 100 percent, that may lack a column or have a value of another type; 1 by default. Beyond it
    the data are bad: that is an alert and never a retraining."""
    quality: Optional[DriftQuality] = None
    """How good predictions must be, where labels arrive; not looked at by default."""
    retraining: Optional[DriftRetraining] = None
    """How retraining is asked for; by default it is not, and drift is an alert only."""
    stale_hours: Optional[int] = 26
    """Hours without a run that ended well after which that is an alert, 1 to 336; 26 by default, for a daily
    `schedule`."""
    namespace: Optional[str] = None
    """Namespace that is there already, and has the label mlplatform.dev/component by which the Pushgateway lets it in;
    by default one is made with the name of the component."""
    cpu: Optional[In[str]] = "500m"
    """CPU that the job asks for; 500m by default."""
    memory: Optional[In[str]] = "1Gi"
    """Memory that the job gets and may not exceed; 1Gi by default, for `max_rows` of some dozens of features."""
    kms_key_arn: Optional[In[str]] = None
    """KMS key of the table; by default an own one, rotated every year. One given must let the account's IAM policies
    allow its use by DynamoDB. Without `retraining` there is no table."""
    permissions_boundary_arn: Optional[In[str]] = None
    """Policy that bounds what the role of the job can ever do; none by default."""
    deletion_protection: Optional[bool] = True
    """Whether table and key are protected from deletion, by AWS and by Pulumi, and kept when they leave the program; on
    by default: without the table the cooldown is forgotten. Off is for throw-away environments."""

    _endpoint = checked(_endpoint, "endpoint")
    _folder = checked(REFERENCE_FOLDER, "reference_prefix")
    _schedule = checked(CRON, "schedule")
    _window = checked(between(1, 168, "hours"), "window_hours")
    _share = checked(_share, "threshold", "significance")
    _shares = checked(_shares, "thresholds")
    _ignored = checked(distinct, "ignored_features")
    _min = checked(at_least(20, "rows"), "min_rows")
    _max = checked(at_least(1000, "rows"), "max_rows")
    _invalid = checked(between(0, 100, "percent"), "max_invalid_percent")
    _stale = checked(between(1, 336, "hours"), "stale_hours")
    _namespace = checked(NAMESPACE_NAME, "namespace")
    _quantities = checked(QUANTITY, "cpu", "memory")
    _key = checked(KEY_ARN, "kms_key_arn")

    @model_validator(mode="after")
    def _looked_at(self) -> Self:
        both = sorted(set(self.thresholds or {}) & set(self.ignored_features or []))
        if both:
            raise ValueError(
                f"{', '.join(both)} is in thresholds and in ignored_features; allowed is one of them; take it out of "
                "the other"
            )
        return self


class DriftQueue(Args):
    """The SQS queue of a training queue."""

    url: In[str]
    """Its URL."""
    arn: In[str]
    """Its ARN."""
    key_arn: In[str]
    """KMS key of its messages."""

    _url = checked(QUEUE_URL, "url")
    _arn = checked(QUEUE_ARN, "arn")
    _key = checked(KEY_ARN, "key_arn")


class DriftMonitorArgs(DriftMonitorSettings):
    """What a drift monitor needs to know."""

    image: In[str]
    """Image of `mlplatform.runtime`, by digest."""
    bucket_name: In[str]
    """Feature bucket: request log, reference and labels are read there, and reports written below `drift/`."""
    bucket_key_arn: In[str]
    """KMS key of the bucket."""
    cluster_name: In[str]
    """EKS cluster whose pod takes the role."""
    vpc_cidr: In[str]
    """IPv4 range of the cluster's VPC, where interface endpoints are."""
    runbooks_url: str
    """Where `docs/runbooks` is published, for the links of alerts."""
    reference_bucket_name: Optional[In[str]] = None
    """Bucket of the reference; the feature bucket by default."""
    reference_key_arn: Optional[In[str]] = None
    """KMS key of that bucket; needed with `reference_bucket_name`."""
    queue: Optional[DriftQueue] = None
    """Queue that retraining is asked of; needed with `retraining`."""
    topic_arn: Optional[In[str]] = None
    """SNS topic that hears of every request for retraining; none by default. Alerts go the way of Prometheus."""
    topic_key_arn: Optional[In[str]] = None
    """KMS key of that topic; none by default, for a topic without one."""
    s3_cidrs: Optional[Sequence[In[str]]] = ["0.0.0.0/0"]
    """Ranges on whose port 443 S3 and DynamoDB are reached, as gateway endpoints keep their public addresses. Every
    address by default, private ones excluded: AWS's list changes. Name its ranges where data must not leave by
    HTTPS."""
    pushgateway_url: Optional[In[str]] = "http://prometheus-pushgateway.monitoring:9091"
    """Pushgateway that gauges go to; by default that of its chart in the namespace monitoring."""
    pushgateway_namespace: Optional[str] = "monitoring"
    """Namespace of the Pushgateway's pods, which listen on 9091; monitoring by default."""

    _image = checked(IMAGE, "image")
    _buckets = checked(BUCKET_NAME, "bucket_name", "reference_bucket_name")
    _keys = checked(KEY_ARN, "bucket_key_arn", "reference_key_arn", "topic_key_arn")
    _topic = checked(TOPIC_ARN, "topic_arn")
    _cidr = checked(IPV4_CIDR, "vpc_cidr")
    _cidrs = checked(each(IPV4_CIDR), "s3_cidrs")
    _urls = checked(URL, "runbooks_url", "pushgateway_url")
    _pushes = checked(partial(check, Kind.KUBERNETES), "pushgateway_namespace")

    @model_validator(mode="after")
    def _together(self) -> Self:
        pairs = (
            *(("retraining", "queue"), ("queue", "retraining"), ("topic_arn", "retraining")),
            *(("reference_bucket_name", "reference_key_arn"), ("reference_key_arn", "reference_bucket_name")),
            ("topic_key_arn", "topic_arn"),
        )
        for given, needed in pairs:
            if getattr(self, given) is not None and getattr(self, needed) is None:
                raise ValueError(f"{given} is set and {needed} is not; set both or none")
        return self
