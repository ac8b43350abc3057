"""What goes wrong in machine learning in particular: quotas, evictions, endpoints, models and feature data."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from mlplatform.contracts.labels import GPU, KARPENTER_CAPACITY_TYPE, KARPENTER_NODE_POOL
from mlplatform_policies.documents import INLINE, Statement, of_identity, of_resource
from mlplatform_policies.model import (
    ALWAYS,
    PRODUCTION,
    Findings,
    Found,
    Parameter,
    Parameters,
    Rule,
    Severity,
    StackRule,
    Subject,
)
from mlplatform_policies.nodes import FLAVOR, NODE_GROUP, NODE_POOLS, PURPOSE, pool_of
from mlplatform_policies.pods import Pod, pods
from mlplatform_policies.reading import (
    each,
    gathered,
    listed,
    mapping,
    matches_any,
    number,
    plain,
    quantity,
    settle,
    shown,
    text,
    within,
)
from mlplatform_policies.relations import BUCKETS, of_kinds

QUEUES: Final = ("kubernetes:kueue.x-k8s.io/*:ClusterQueue", "kubernetes:kueue.x-k8s.io/*:Cohort")
INFERENCE_SERVICE: Final = "kubernetes:serving.kserve.io/v1beta1:InferenceService"
SCALED_OBJECT: Final = "kubernetes:keda.sh/v1alpha1:ScaledObject"
DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
PROMETHEUS_RULE: Final = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
SAGEMAKER_ENDPOINT: Final = "aws:sagemaker/endpoint:Endpoint"
ALIAS: Final = "aws:lambda/alias:Alias"
TABLE: Final = "aws:dynamodb/table:Table"
BUCKET_POLICY: Final = "aws:s3/bucketPolicy:BucketPolicy"
FEATURE_STORE: Final = "mlplatform:index:FeatureStore"
DRIFT_MONITOR: Final = "mlplatform:index:DriftMonitor"
AUTOSCALER: Final = "serving.kserve.io/autoscalerClass"
"""Annotation of KServe; `none` and `external` mean that KServe does not scale (KServe's CRDs and documentation)."""
TRAINING: Final = ("training", "notebook")
"""Purposes of pools whose pods cannot be started again without loss."""
READS: Final = ("s3:GetObject", "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan")
MUTABLE: Final = ("current", "latest", "main", "master", "prod", "production", "stable")
"""Names of what is another model tomorrow."""


def quota_within_pools(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A flavor whose queues promise more GPUs than its pool may start."""
    late: list[Exception] = []
    pools = dict(gathered(of_kinds(subjects, NODE_POOLS), lambda pool: (_name(pool), pool), late))
    flavors = dict(gathered(of_kinds(subjects, (FLAVOR,)), lambda flavor: (_name(flavor), _pool_name(flavor)), late))
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for quotas in gathered(of_kinds(subjects, QUEUES), lambda queue: [*_quotas(queue)], late):
        for flavor, promised in quotas:
            sums[flavor] += promised

    def judge(flavor: str) -> Found:
        name = flavors.get(flavor)
        pool = pools.get(name) if name else None
        limit = pool_of(pool).gpu_limit if pool else None
        if limit is not None and sums[flavor] > limit:
            what = f"Queues promise {plain(sums[flavor])} GPUs of flavor {flavor}"
            yield pool, f"{what}; its pool's limit is {plain(limit)}."

    yield from each(sorted(sums), judge)
    settle(late)


def _name(subject: Subject) -> str:
    return text(subject.props, "metadata", "name")


def _pool_name(flavor: Subject) -> str:
    """The pool that a flavor stands for."""
    return text(flavor.props, "spec", "nodeLabels", KARPENTER_NODE_POOL)


def _quotas(queue: Subject) -> Iterator[tuple[str, Decimal]]:
    for group in listed(queue.props, "spec", "resourceGroups"):
        for flavor in listed(group, "flavors"):
            for resource in listed(flavor, "resources"):
                if within(resource, "name") == GPU:
                    yield text(flavor, "name"), quantity(resource, "nominalQuota") or Decimal(0)


def consolidation(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A pool of jobs whose nodes Karpenter ends under them."""
    late: list[Exception] = []
    queued = {*gathered(of_kinds(subjects, (FLAVOR,)), _pool_name, late)} - {""}

    def judge(subject: Subject) -> Found:
        pool = pool_of(subject)
        if pool.label(PURPOSE) in TRAINING or _name(subject) in queued:
            yield from ((subject, finding) for finding in _evicts(pool.spec))

    yield from each(of_kinds(subjects, NODE_POOLS), judge)
    settle(late)


def _evicts(spec: Any) -> Findings:
    policy = within(spec, "disruption", "consolidationPolicy") or "WhenEmptyOrUnderutilized"
    if policy != "WhenEmpty" and not any(map(_never, listed(spec, "disruption", "budgets"))):
        yield f"consolidationPolicy is {policy}: Karpenter evicts running jobs to save a node."
    expire = within(spec, "template", "spec", "expireAfter") or "720h"
    if expire != "Never" and not within(spec, "template", "spec", "terminationGracePeriod"):
        yield f"Nodes expire after {expire}, which no budget stops, and evicts running jobs."


def _never(budget: Any) -> bool:
    reasons = listed(budget, "reasons")
    always = not within(budget, "schedule") and (not reasons or "Underutilized" in reasons)
    return always and str(within(budget, "nodes")) in {"0", "0%"}


def spot_serving(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A server on nodes that EC2 takes back within two minutes."""
    late: list[Exception] = []
    pools = of_kinds(subjects, NODE_POOLS)
    bought = gathered(pools, lambda pool: (_name(pool), "spot" in pool_of(pool).capacity_types), late)
    spot = {name for name, is_spot in bought if name and is_spot}

    def judge(subject: Subject) -> Found:
        if subject.kind in NODE_POOLS:
            if pool_of(subject).label(PURPOSE) == "inference" and "spot" in pool_of(subject).capacity_types:
                yield subject, "The pool serves models and buys spot capacity."
        elif subject.kind == NODE_GROUP:
            if within(subject.props, "labels", PURPOSE) == "inference" and subject.props.get("capacityType") == "SPOT":
                yield subject, "The node group serves models and buys spot capacity."
        else:
            yield from each(pods(subject), lambda pod: _on_spot(subject, pod, spot))

    yield from each([*pools, *of_kinds(subjects, (NODE_GROUP, INFERENCE_SERVICE, DEPLOYMENT))], judge)
    settle(late)


def _on_spot(server: Subject, pod: Pod, spot: set[str]) -> Found:
    selector = mapping(pod.spec, "nodeSelector")
    if selector.get(KARPENTER_CAPACITY_TYPE) == "spot" or text(selector, KARPENTER_NODE_POOL) in spot:
        yield server, f"{pod.where} runs on spot capacity."


def bounds(subject: Subject, _: Parameters) -> Findings:
    """An endpoint that scales without end, or not at all."""
    if subject.kind == SCALED_OBJECT:
        if within(subject.props, "spec", "maxReplicaCount") is None:
            yield "maxReplicaCount is absent: KEDA scales to 100 replicas."
        return
    if text(subject.props, "metadata", "annotations", AUTOSCALER) in {"none", "external"}:
        return
    if not within(subject.props, "spec", "predictor", "maxReplicas"):
        yield "spec.predictor.maxReplicas is absent: the endpoint does not scale with its load."


def alerted(subjects: Sequence[Subject], _: Parameters) -> Found:
    """An endpoint whose failure nobody hears of."""
    watchers = of_kinds(subjects, (PROMETHEUS_RULE, ALARM))
    beside = {watcher.parent for watcher in watchers if watcher.parent}

    def judge(endpoint: Subject) -> Found:
        if endpoint.parent in beside:
            return
        name, late = _endpoint_name(endpoint), list[Exception]()
        if any(gathered(watchers, lambda watcher: _names(watcher, name), late)):
            return
        settle(late)
        yield endpoint, f"No alert names the endpoint {name}."

    yield from each(of_kinds(subjects, (INFERENCE_SERVICE, SAGEMAKER_ENDPOINT)), judge)


def _endpoint_name(endpoint: Subject) -> str:
    return text(endpoint.props, "name") if endpoint.kind == SAGEMAKER_ENDPOINT else _name(endpoint)


def _names(watcher: Subject, name: str) -> bool:
    """Whether an alarm has the name as a dimension, or a rule has it in an expression, as a whole word."""
    if watcher.kind == ALARM:
        dimensions = mapping(watcher.props, "dimensions")
        return name in [dimensions[key] for key in dimensions]
    groups = listed(watcher.props, "spec", "groups")
    texts = [str(within(rule, "expr")) for group in groups for rule in listed(group, "rules")]
    whole = re.compile(rf"(?<![\w-]){re.escape(name)}(-predictor)?(?![\w-])")  # KServe's Deployment has the suffix
    return any(whole.search(text) for text in texts)


def rollback(subject: Subject, _: Parameters) -> Findings:
    """An endpoint that cannot go back to what it served before."""
    if subject.kind == SAGEMAKER_ENDPOINT:
        if not within(subject.props, "deploymentConfig", "autoRollbackConfiguration", "alarms"):
            yield "No alarm brings back the configuration before."
    elif subject.kind == ALIAS:
        if subject.props.get("functionVersion") == "$LATEST":
            yield "The alias is on $LATEST: there is no version to go back to."
    elif number(subject.props, "spec", "revisionHistoryLimit") == 0:
        yield "revisionHistoryLimit is 0: there is no revision to go back to."


def pinned_models(service: Subject, _: Parameters) -> Findings:
    """A model that is another one tomorrow."""
    canaries = listed(service.props, "spec", "canary")
    predictors = [within(service.props, "spec", "predictor"), *(within(canary, "predictor") for canary in canaries)]
    yield from each(predictors, _pinned_model)


def _pinned_model(predictor: Any) -> Findings:
    uri = text(predictor, "model", "storageUri") or text(predictor, "model", "storage", "path")
    if uri and not _pinned(uri):
        yield f"The model {uri} names no version."


def _pinned(uri: str) -> bool:
    scheme, _, rest = uri.partition("://")
    if scheme == "oci":
        return "@sha256:" in rest
    if scheme == "hf":
        revision = rest.rpartition("/")[2].partition(":")[2]
        return bool(revision) and revision not in MUTABLE
    parts = [part for part in rest.split("/") if part]
    return len(parts) > 2 and parts[-1].lower() not in MUTABLE  # noqa: PLR2004 - bucket, model, version


def feature_readers(subjects: Sequence[Subject], given: Parameters) -> Found:
    """Feature data that somebody reads by other ways than the feature store's own policies."""
    data = {subject.urn: subject for subject in of_kinds(subjects, (*BUCKETS, TABLE)) if _of_store(subject)}

    def judge(policy: Subject) -> Found:
        needed = {urn for urns in policy.needs.values() for urn in urns}
        if _of_store(policy) or matches_any(policy.urn.split("::", 2)[-1], given["readers"]):
            return
        found = list(of_resource(policy) if policy.kind == BUCKET_POLICY else of_identity(policy))
        read = [item.name for urn, item in sorted(data.items()) if urn in needed and _reads(found, _physical(item))]
        if read:
            yield policy, f"The policy lets others read feature data: {shown(read)}."

    yield from each(of_kinds(subjects, (*INLINE, BUCKET_POLICY)), judge)


def _physical(data: Subject) -> str:
    return text(data.props, "name" if data.kind == TABLE else "bucket")


def _of_store(subject: Subject) -> bool:
    return f"{FEATURE_STORE}$" in subject.urn


def _reads(found: Sequence[Statement], name: str) -> bool:
    """Whether a statement allows to read what has that name."""
    return any(
        statement.allows
        and any(statement.can(action) for action in READS)
        and (statement.on_everything or any(name in arn for arn in statement.resources))
        for statement in found
    )


def cooldown(monitor: Subject, _: Parameters) -> Findings:
    """A drift monitor that asks for one training after the other."""
    retraining = monitor.props.get("retraining")
    # Without it the monitor raises alerts, and nothing else.
    if retraining is not None and not within(retraining, "cooldown_hours"):
        yield "The monitor asks for one training after the other: it has no cooldown."


RULES: Final = (
    StackRule(
        id="gpu-quota-within-pools",
        kinds=QUEUES,
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="A job is admitted and waits for a node that the pool may never start.",
        fix="Derive the quotas from the pools: TrainingQueueArgs.capacity takes GpuNodePool.capacity.",
        check=quota_within_pools,
    ),
    StackRule(
        id="training-not-evicted",
        kinds=NODE_POOLS,
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="Days of training are lost to save minutes of a node.",
        fix="Set consolidationPolicy to WhenEmpty, and expireAfter to Never or terminationGracePeriod above any job.",
        check=consolidation,
    ),
    StackRule(
        id="spot-not-in-prod-serving",
        kinds=(*NODE_POOLS, NODE_GROUP, INFERENCE_SERVICE, DEPLOYMENT),
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="EC2 takes all servers of a type back at once, within two minutes.",
        fix="Buy on demand, or reserve; spot is for jobs that write checkpoints.",
        check=spot_serving,
    ),
    Rule(
        id="endpoint-autoscaling-bounds",
        kinds=(INFERENCE_SERVICE, SCALED_OBJECT),
        severity=Severity.MEDIUM,
        levels=PRODUCTION,
        why="Load ends the endpoint, or the endpoint ends the budget.",
        fix="Set the largest number of replicas.",
        check=bounds,
    ),
    StackRule(
        id="endpoint-alerted",
        kinds=(INFERENCE_SERVICE, SAGEMAKER_ENDPOINT),
        severity=Severity.MEDIUM,
        levels=PRODUCTION,
        why="Users find out before the team does.",
        fix="Add a PrometheusRule or an alarm for the endpoint, beside it in its component.",
        check=alerted,
    ),
    Rule(
        id="endpoint-rollback",
        kinds=(SAGEMAKER_ENDPOINT, ALIAS, DEPLOYMENT),
        severity=Severity.MEDIUM,
        levels=PRODUCTION,
        why="A bad model stays until somebody builds a good one.",
        fix="Set deployment_config.auto_rollback_configuration; publish versions; keep revisions.",
        check=rollback,
    ),
    Rule(
        id="model-version-pinned",
        kinds=(INFERENCE_SERVICE,),
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="A restarted server loads another model than its neighbours, and nothing says so.",
        fix="Name a version: s3://bucket/model/version/, hf://organisation/model:revision, oci://repository@sha256:....",
        check=pinned_models,
    ),
    StackRule(
        id="feature-data-readers",
        kinds=(*INLINE, BUCKET_POLICY),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="Features are about people: who reads them is decided in one place.",
        fix="Attach the feature store's own policies, or name the reader in the environment's configuration.",
        parameters={
            "readers": Parameter(
                [],
                {"type": "array", "items": {"type": "string"}},
                "Patterns of URNs, from the type on, of policies that may read feature data.",
            )
        },
        check=feature_readers,
    ),
    Rule(
        id="drift-monitor-cooldown",
        kinds=(DRIFT_MONITOR,),
        severity=Severity.MEDIUM,
        levels=ALWAYS,
        why="One drift that stays asks for a training every hour.",
        fix="Set retraining.cooldown_hours of the monitor.",
        check=cooldown,
    ),
)
"""Rules about machine learning, in the order of the documentation."""
