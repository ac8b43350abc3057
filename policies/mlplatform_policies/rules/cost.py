"""Cost and capacity: what may run, how much of it at most, and what is never switched off."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from mlplatform.contracts.labels import GPU
from mlplatform.facts.aws.instances import INSTANCE_TYPES
from mlplatform_policies.model import (
    ADVICE,
    ALWAYS,
    Findings,
    Found,
    Parameter,
    Parameters,
    Rule,
    Severity,
    StackRule,
    Subject,
)
from mlplatform_policies.nodes import (
    INSTANCES,
    NODE_GROUP,
    NODE_POOLS,
    gpu_types,
    gpus_of,
    instance_types,
    most_nodes,
    pool_of,
)
from mlplatform_policies.pods import KINDS, Pod, containers, pods
from mlplatform_policies.reading import each, gathered, listed, mapping, plain, settle, shown, text, within
from mlplatform_policies.relations import BUCKETS, companions, of_kinds

HOURS_A_MONTH: Final = 730
"""What AWS's price pages take for a month: 8,760 hours a year by twelve."""
DOMAIN: Final = "aws:sagemaker/domain:Domain"
NOTEBOOK: Final = "aws:sagemaker/notebookInstance:NotebookInstance"
IDLE: Final = ("defaultUserSettings", "jupyterLabAppSettings", "appLifecycleManagement", "idleSettings")
NAT: Final = "aws:ec2/natGateway:NatGateway"


def gpu_types_allowed(subject: Subject, given: Parameters) -> Findings:
    """A GPU that the environment has no use for."""
    if subject.kind in NODE_POOLS:
        pool = pool_of(subject)
        found = pool.types if pool.has_gpus else []
    else:
        found = list(gpu_types(subject))
    for accelerator, name in {kind.accelerator: kind.name for kind in found if kind.accelerator}.items():
        if accelerator not in given["accelerators"]:
            yield f"{name} has a {accelerator}; allowed are {shown(given['accelerators'])}."


def gpu_count(subjects: Sequence[Subject], given: Parameters) -> Found:
    """More GPUs, all pools and groups at their limits, than the environment may have."""
    late: list[Exception] = []
    counts = _counts(subjects, _most_gpus, late)
    total = sum((count for _, count in counts), Decimal(0))
    if total > given["max_gpus"]:
        parts = shown(f"{name} {plain(count)}" for name, count in sorted(counts))
        yield None, f"There may be {plain(total)} GPUs ({parts}); allowed are {given['max_gpus']:g}."
    settle(late)


def _counts(
    subjects: Sequence[Subject], read: Callable[[Subject], Decimal], late: list[Exception]
) -> list[tuple[str, Decimal]]:
    """What each pool, group and instance has of something, by name, where it has any."""
    nodes = of_kinds(subjects, (*NODE_POOLS, *INSTANCES))
    return [(name, count) for name, count in gathered(nodes, lambda node: (node.name, read(node)), late) if count]


def _most_gpus(subject: Subject) -> Decimal:
    if subject.kind in NODE_POOLS:
        return pool_of(subject).gpu_limit or Decimal(0)
    return most_nodes(subject) * max((kind.accelerator_count for kind in gpu_types(subject)), default=Decimal(0))


def pool_limited(subject: Subject, _: Parameters) -> Findings:
    """A pool that may start GPUs without end."""
    pool = pool_of(subject)
    if pool.may_have_gpus and pool.gpu_limit is None:
        yield f"The pool may start GPU instances and has no limit of {GPU}."


def nodes_tainted(subject: Subject, _: Parameters) -> Findings:
    """GPU nodes that take any pod."""
    if subject.kind in NODE_POOLS:
        pool = pool_of(subject)
        taints = [text(taint, "effect") for taint in listed(pool.spec, "template", "spec", "taints")]
        needed = pool.has_gpus
    else:
        taints = [text(taint, "effect") for taint in listed(subject.props, "taints")]
        needed = any(True for _ in gpu_types(subject))
    if needed and not {"NoSchedule", "NO_SCHEDULE", "NoExecute", "NO_EXECUTE"} & set(taints):
        yield "The GPU nodes have no taint, so pods without GPU fill them."


def pods_ask_rightly(subject: Subject, _: Parameters) -> Findings:
    """A pod that asks for a GPU and cannot have one."""
    yield from each(pods(subject), _asks_rightly)


def _asks_rightly(pod: Pod) -> Findings:
    asking = [container for container in containers(pod) if gpus_of(within(container.spec, "resources"))]
    for container in asking:
        limits = mapping(container.spec, "resources", "limits")
        if not any(str(name).startswith("nvidia.com/") for name in list(limits)):
            yield f"{container.where} requests a GPU without a limit, which Kubernetes refuses."
    if asking and not any(_tolerates(toleration) for toleration in pod.items("tolerations")):
        yield f"{pod.where} asks for a GPU and does not tolerate the taint {GPU}."


def _tolerates(toleration: Any) -> bool:
    return text(toleration, "key") in {"", GPU} and text(toleration, "effect") in {"", "NoSchedule"}


def monthly_cost(subjects: Sequence[Subject], given: Parameters) -> Found:
    """More money a month, all nodes on demand and at their limits, than the environment may cost."""
    late: list[Exception] = []
    costs = _counts(subjects, lambda node: _most_usd_hour(node) * HOURS_A_MONTH, late)
    total = sum((cost for _, cost in costs), Decimal(0))
    if total > given["max_usd"]:
        dearest = sorted(costs, key=lambda item: (-item[1], item[0]))[:3]
        parts = shown(f"{name} {cost:.0f}" for name, cost in dearest)
        yield None, f"Nodes may cost {total:.0f} USD a month (most: {parts}); allowed are {given['max_usd']:g}."
    settle(late)


def _most_usd_hour(subject: Subject) -> Decimal:
    if subject.kind in NODE_POOLS:
        return pool_of(subject).most_usd_hour
    kinds = [INSTANCE_TYPES[name] for name in instance_types(subject) if name in INSTANCE_TYPES]
    return most_nodes(subject) * max((kind.on_demand_usd_hour or Decimal(0) for kind in kinds), default=Decimal(0))


def idle_notebooks(subject: Subject, _: Parameters) -> Findings:
    """A notebook that runs, and costs, while nobody works."""
    if subject.kind == NOTEBOOK:
        if not text(subject.props, "lifecycleConfigName"):
            yield "Nothing stops the notebook when nobody works."
    elif within(subject.props, *IDLE, "lifecycleManagement") != "ENABLED":
        yield "Nothing stops the domain's notebooks when nobody works."


def unfinished_uploads(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A bucket that keeps, and pays for, parts of uploads that were never finished."""
    buckets = of_kinds(subjects, BUCKETS)
    lifecycles = companions(
        buckets,
        subjects,
        (
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
        ),
        "bucket",
    )

    def judge(bucket: Subject) -> Found:
        rules = [rule for lifecycle in lifecycles(bucket) for rule in listed(lifecycle.props, "rules")]
        own = listed(bucket.props, "lifecycleRules")
        if not any(_ends_uploads(rule) for rule in (*rules, *own)):
            yield bucket, "Parts of unfinished uploads are kept, and paid, for ever."

    yield from each(buckets, judge)


def _ends_uploads(rule: Any) -> bool:
    return bool(within(rule, "abortIncompleteMultipartUpload") or within(rule, "abortIncompleteMultipartUploadDays"))


def nat_gateways(subjects: Sequence[Subject], given: Parameters) -> Found:
    """More NAT gateways than the environment needs; each costs by the hour and by the byte."""
    found = of_kinds(subjects, (NAT,))
    if len(found) > given["max_gateways"]:
        yield None, f"There are {len(found)} NAT gateways; allowed are {given['max_gateways']:g}."


RULES: Final = (
    Rule(
        id="gpu-instance-allowed",
        kinds=(*NODE_POOLS, *INSTANCES),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="A node with GPUs costs from a fifth of a dollar to more than a hundred an hour.",
        fix="Choose another instance type, or allow the accelerator in the environment's configuration.",
        parameters={
            "accelerators": Parameter(
                ["A10G", "L4", "T4"],
                {"type": "array", "items": {"type": "string"}},
                "Names of the accelerators that the environment may have.",
            )
        },
        check=gpu_types_allowed,
    ),
    StackRule(
        id="gpu-count-limit",
        kinds=(*NODE_POOLS, *INSTANCES),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="Pools that are limited one by one are not limited together.",
        fix="Lower the limits, or raise max_gpus in the environment's configuration.",
        parameters={
            "max_gpus": Parameter(
                8, {"type": "number", "minimum": 0}, "GPUs that there may be with every pool and group at its limit."
            )
        },
        check=gpu_count,
    ),
    Rule(
        id="gpu-pool-has-limit",
        kinds=NODE_POOLS,
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="A loop that submits jobs buys GPUs until the account's quota ends.",
        fix="Set spec.limits with nvidia.com/gpu, or keep the pool to instance types without one.",
        check=pool_limited,
    ),
    Rule(
        id="gpu-nodes-tainted",
        kinds=(*NODE_POOLS, NODE_GROUP),
        severity=Severity.MEDIUM,
        levels=ALWAYS,
        why="A web server on a GPU node keeps the node, and its price, for as long as it runs.",
        fix="Add the taint nvidia.com/gpu with effect NoSchedule.",
        check=nodes_tainted,
    ),
    Rule(
        id="gpu-pods-limit-and-tolerate",
        kinds=KINDS,
        severity=Severity.LOW,
        levels=ADVICE,
        why="The pod waits for ever, or is refused.",
        fix="Set limits of nvidia.com/gpu, and a toleration with that key and operator Exists.",
        check=pods_ask_rightly,
    ),
    StackRule(
        id="monthly-cost-budget",
        kinds=(*NODE_POOLS, *INSTANCES),
        severity=Severity.MEDIUM,
        levels=ADVICE,
        why="A limit in GPUs says nothing to who pays.",
        fix="Lower the limits, choose smaller types, or raise max_usd in the environment's configuration.",
        parameters={
            "max_usd": Parameter(
                10000,
                {"type": "number", "minimum": 0},
                "USD a month, of nodes alone: all on demand, at their limits, at mlplatform's prices.",
            )
        },
        check=monthly_cost,
    ),
    Rule(
        id="notebook-idle-shutdown",
        kinds=(DOMAIN, NOTEBOOK),
        severity=Severity.LOW,
        levels=ADVICE,
        why="A notebook is left running over the weekend.",
        fix="Set lifecycle_config_name, or the domain's idle_settings with lifecycle_management='ENABLED'.",
        check=idle_notebooks,
    ),
    StackRule(
        id="s3-abort-incomplete-uploads",
        kinds=BUCKETS,
        severity=Severity.LOW,
        levels=ADVICE,
        why="Checkpoints are large, and uploads of killed jobs are never finished.",
        fix="Add a BucketLifecycleConfiguration with abort_incomplete_multipart_upload.",
        frameworks=("AWS FSBP S3.13", "CKV_AWS_300"),
        check=unfinished_uploads,
    ),
    StackRule(
        id="nat-gateways-bounded",
        kinds=(NAT,),
        severity=Severity.LOW,
        levels=ADVICE,
        why="Each costs by the hour, used or not, and by the byte.",
        fix="Share one a zone, or add endpoints for what goes to AWS.",
        parameters={"max_gateways": Parameter(3, {"type": "number", "minimum": 0}, "NAT gateways that there may be.")},
        check=nat_gateways,
    ),
)
"""Rules about cost and capacity, in the order of the documentation."""
