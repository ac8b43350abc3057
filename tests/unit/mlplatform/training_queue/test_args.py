"""TrainingQueue's arguments: what is refused, and in which words."""

from typing import Any

import pytest

from components import with_values
from examples import kubernetes
from examples.training_queue import BASE, READ, RESERVED, SMALLEST, SPOT, STEPS
from mlplatform.core.args import InvalidArgs
from mlplatform.training_queue import TrainingQueue, TrainingQueueArgs
from recorded import Refused, record


def made(args: dict[str, Any], name: str = "x") -> TrainingQueue:
    return TrainingQueue(name, TrainingQueueArgs.of(args), kubernetes(name))


def capacity(**values: Any) -> dict[str, Any]:
    """The capacity of the example with the first tier changed."""
    return {"capacity": [{**RESERVED, **values}, SPOT, STEPS]}


def team(**values: Any) -> dict[str, Any]:
    return {"teams": {"vision": values}}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no teams": ({"teams": {}}, ".teams: got none; allowed are one or more; name a team, {} has all its defaults"),
    "team in capitals": (
        {"teams": {"Vision": {}}},
        (
            ".teams: Kubernetes name 'Vision' is not accepted; allowed: lower-case letters, digits and -, a letter or "
            "digit at both ends; fix: change the characters"
        ),
    ),
    "guarantee below zero": (
        team(guaranteed={"h100-reserved": -1}),
        ".teams.vision.guaranteed: got -1 of h100-reserved; allowed are 0 or more; leave the flavor out for none",
    ),
    "borrows below zero": (
        team(borrowing_limit={"h100-spot": -2}),
        ".teams.vision.borrowing_limit: got -2 of h100-spot; allowed are 0 or more; leave the flavor out for none",
    ),
    "half a GPU": (
        team(guaranteed={"h100-reserved": 0.5}),
        ".teams.vision.guaranteed.h100-reserved: got 0.5; allowed is a whole number",
    ),
    "lends what is not its own": (
        team(guaranteed={"h100-reserved": 4}, lending_limit={"h100-reserved": 6}),
        (
            ".teams.vision: lending_limit 6 of h100-reserved, of which 4 are guaranteed: a team lends its own only; "
            "lower it by 2, or leave it out to lend all"
        ),
    ),
    "weight below zero": (team(weight=-1), ".teams.vision.weight: got -1; allowed are 0 as weight or more"),
    "no pods": (team(max_pods=0), ".teams.vision.max_pods: got 0; allowed are 1 objects or more"),
    "no jobs": (team(max_jobs=0), ".teams.vision.max_jobs: got 0; allowed are 1 objects or more"),
    "stopped otherwise": (
        team(stop_policy="Stop"),
        ".teams.vision.stop_policy: got 'Stop'; allowed are 'None', 'Hold', 'HoldAndDrain'",
    ),
    "image by tag": (
        {"dispatcher": {"image": "registry.example.com/mlplatform:latest"}},
        (
            ".dispatcher.image: got 'registry.example.com/mlplatform:latest'; allowed is an image by its digest, "
            "which no push changes, such as "
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud@sha256:<64 hexadecimal digits>"
        ),
    ),
    "no image": (
        {"dispatcher": {}},
        ".dispatcher.image: missing; set it: Image of `mlplatform.runtime`, by digest",
    ),
    "namespace of dispatchers": (
        with_values(BASE, {"dispatcher.namespace": "a_b"}),
        (
            ".dispatcher.namespace: Kubernetes name 'a_b' is not accepted; allowed: lower-case letters, digits and -, "
            "a letter or digit at both ends; fix: change the characters"
        ),
    ),
    "no dispatchers": (
        with_values(BASE, {"dispatcher.max_replicas": 0}),
        ".dispatcher.max_replicas: got 0; allowed are 1 dispatchers or more",
    ),
    "looks too often": (
        with_values(BASE, {"dispatcher.polling_seconds": 1}),
        ".dispatcher.polling_seconds: got 1; allowed are 5 seconds or more",
    ),
    "hidden too briefly": (
        {"intake": {"visibility_seconds": 60}},
        ".intake.visibility_seconds: got 60; allowed are 120 to 3600 seconds",
    ),
    "hidden for a day": (
        {"intake": {"visibility_seconds": 43200}},
        ".intake.visibility_seconds: got 43200; allowed are 120 to 3600 seconds",
    ),
    "never received": (
        {"intake": {"max_receives": 0}},
        ".intake.max_receives: got 0; allowed are 1 to 1000 receives",
    ),
    "kept too long": ({"intake": {"retention_days": 15}}, ".intake.retention_days: got 15; allowed are 1 to 14 days"),
    "dead for too long": (
        {"intake": {"dead_letter_days": 30}},
        ".intake.dead_letter_days: got 30; allowed are 1 to 14 days",
    ),
    "no wait": ({"intake": {"max_wait_minutes": 0}}, ".intake.max_wait_minutes: got 0; allowed are 1 minutes or more"),
    "topic by name": (
        {"alarm_topic_arns": ["alarms"]},
        (
            ".alarm_topic_arns: got 'alarms'; allowed is the ARN of an SNS topic, such as "
            "arn:aws:sns:eu-west-1:111122223333:alarms"
        ),
    ),
    "alias of a key": (
        {"intake": {"kms_key_arn": "arn:aws:kms:us-east-1:123456789012:alias/sqs"}},
        (
            ".intake.kms_key_arn: got 'arn:aws:kms:us-east-1:123456789012:alias/sqs'; allowed is the ARN of a KMS key, "
            "not of an alias, such as arn:aws:kms:eu-west-1:111122223333:key/mrk-0123456789abcdef"
        ),
    ),
    "priority in capitals": (
        {"priorities": {"High": 1, "normal": 0}},
        (
            ".priorities: Kubernetes name 'High' is not accepted; allowed: lower-case letters, digits and -, a letter "
            "or digit at both ends; fix: change the characters"
        ),
    ),
    "priority too high": (
        {"priorities": {"normal": 2**31}},
        ".priorities: got 2147483648; allowed are -2147483648 to 2147483647 as the value of normal",
    ),
    "reclaims never and borrows": (
        {"preemption": {"reclaim_within_cohort": "Never", "borrow_within_cohort": "LowerPriority"}},
        (
            ".preemption: reclaim_within_cohort Never and borrow_within_cohort LowerPriority: Kueue takes the second "
            "only with the first; set reclaim_within_cohort to LowerPriority or Any"
        ),
    ),
    "strategy of another queue": (
        {"queueing_strategy": "LIFO"},
        ".queueing_strategy: got 'LIFO'; allowed are 'BestEffortFIFO', 'StrictFIFO'",
    ),
    "search of its own": (
        {"flavor_fungibility": {"when_can_borrow": "Borrow"}},
        ".flavor_fungibility.when_can_borrow: got 'Borrow'; allowed are 'MayStopSearch', 'TryNextFlavor'",
    ),
    "no levels": (
        {"topology": {"levels": []}},
        ".topology.levels: got none; allowed are one or more node labels, the widest part of the network first",
    ),
    "level twice": (
        {"topology": {"levels": ["kubernetes.io/hostname", "kubernetes.io/hostname"]}},
        (".topology.levels: got kubernetes.io/hostname more than once; allowed is once each; take the others out"),
    ),
    "level that is no label": (
        {"topology": {"levels": ["host name"]}},
        (".topology.levels: got 'host name'; allowed is the key of a node label, such as kubernetes.io/hostname"),
    ),
    "submitter in capitals": (
        {"submitters": {"Pipeline": {"namespace": "p", "service_account": "argo"}}},
        (
            ".submitters: Kubernetes name 'Pipeline' is not accepted; allowed: lower-case letters, digits and -, a "
            "letter or digit at both ends; fix: change the characters"
        ),
    ),
    "service account with a path": (
        {"submitters": {"pipeline": {"namespace": "p", "service_account": "system:argo"}}},
        (
            ".submitters.pipeline.service_account: got 'system:argo'; allowed is a DNS label of at most 63 characters, "
            "such as feature-reader"
        ),
    ),
    "CPU in words": (
        {"default_cpu": "half"},
        ".default_cpu: got 'half'; allowed is a quantity of Kubernetes, such as 500m, 2 or 16Gi",
    ),
    "memory in words": (
        {"default_memory": "1 GB"},
        ".default_memory: got '1 GB'; allowed is a quantity of Kubernetes, such as 500m, 2 or 16Gi",
    ),
    "destination of both kinds": (
        {"destinations": [{"cidr": "10.0.0.0/16", "namespace": "mlflow", "ports": [5000]}]},
        ".destinations[0]: got cidr and namespace; allowed is exactly one of cidr and namespace",
    ),
    "destination of no kind": (
        {"destinations": [{"ports": [5000]}]},
        ".destinations[0]: got neither; allowed is exactly one of cidr and namespace",
    ),
    "labels of a range": (
        {"destinations": [{"cidr": "10.0.0.0/16", "pod_labels": {"app": "x"}, "ports": [5000]}]},
        (".destinations[0]: cidr and pod_labels: a range has no labels; take pod_labels out, or give the namespace"),
    ),
    "destination without ports": (
        {"destinations": [{"namespace": "mlflow", "ports": []}]},
        ".destinations[0]: ports is empty; allowed are one or more; name the ports that are needed",
    ),
    "port that is none": (
        {"destinations": [{"namespace": "mlflow", "ports": [70000]}]},
        ".destinations[0].ports: got 70000; allowed are 1 to 65535 as port",
    ),
    "range with host bits": (
        {"destinations": [{"cidr": "10.0.0.1/16", "ports": [2049]}]},
        (
            ".destinations[0].cidr: network '10.0.0.1/16' has host bits set; allowed: a network address; fix: write "
            "'10.0.0.0/16'"
        ),
    ),
    "range that is none": (
        {"vpc_cidr": "999.0.0.0/16"},
        (".vpc_cidr: network '999.0.0.0/16' is not IPv4; allowed: address/prefix; fix: write for example 10.0.0.0/16"),
    ),
    "services that are none": (
        {"service_cidr": "fd00::/108"},
        (
            ".service_cidr: network 'fd00::/108' is not IPv4; allowed: address/prefix; fix: write for example "
            "10.0.0.0/16"
        ),
    ),
    "user instead of a role": (
        {"keda_role_arn": "arn:aws:iam::123456789012:user/keda"},
        (
            ".keda_role_arn: got 'arn:aws:iam::123456789012:user/keda'; allowed is the ARN of an IAM role, such as "
            "arn:aws:iam::111122223333:role/nodes"
        ),
    ),
    "no capacity": (
        {"capacity": []},
        ".capacity: got 0 flavors; allowed are 1 to 64; give the capacity of its pools",
    ),
    "more flavors than Kueue has": (
        {"capacity": [{**STEPS, "flavor": f"steps-{at}"} for at in range(65)]},
        ".capacity: got 65 flavors; allowed are 1 to 64; give the capacity of its pools",
    ),
    "flavor twice": (
        {"capacity": [STEPS, STEPS]},
        ".capacity: got steps-spot more than once; allowed is once each; take the others out",
    ),
    "flavor in capitals": (
        capacity(flavor="H100"),
        (
            ".capacity: Kubernetes name 'H100' is not accepted; allowed: lower-case letters, digits and -, a letter or "
            "digit at both ends; fix: change the characters"
        ),
    ),
    "inference pool": (
        capacity(purpose="inference"),
        (
            ".capacity: flavor 'h100-reserved' is of a pool for inference; allowed are training, notebook: what serves "
            "is not admitted and preempted like a job; leave that pool out"
        ),
    ),
    "GPUs without a resource": (
        capacity(gpu_resource=None),
        (".capacity: flavor 'h100-reserved' has gpus 32 and no gpu_resource: they would be in no quota; name it"),
    ),
}
CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "default that is no priority": (
        {"default_priority": "urgent"},
        ": default_priority 'urgent' is not one of priorities, which are low, normal, high; add it there",
    ),
    "no priorities": (
        {"priorities": {}},
        ": default_priority 'normal' is not one of priorities, which are none; add it there",
    ),
    "dispatchers in a team": (
        with_values(BASE, {"dispatcher.namespace": "vision"}),
        (
            ": dispatcher.namespace 'vision' is a team's: dispatchers would wait in the queue that they fill; give "
            "another"
        ),
    ),
    "unknown flavor": (
        team(guaranteed={"a100-spot": 8}),
        (": teams.vision.guaranteed names a100-spot; known flavors are h100-reserved, h100-spot, steps-spot"),
    ),
    "unknown flavor to borrow": (
        team(borrowing_limit={"h100": 8}),
        ": teams.vision.borrowing_limit names h100; known flavors are h100-reserved, h100-spot, steps-spot",
    ),
    "more than there is": (
        {"teams": {"vision": {"guaranteed": {"h100-reserved": 24}}, "nlp": {"guaranteed": {"h100-reserved": 16}}}},
        (
            ": teams are guaranteed 40 nvidia.com/gpu of h100-reserved (vision 24, nlp 16), which has 32: 8 too many; "
            "guarantee less, or raise the limit of pool h100"
        ),
    ),
    "more cores than there are": (
        team(guaranteed={"steps-spot": 64}),
        (
            ": teams are guaranteed 64 cores of steps-spot (vision 64), which has 63: 1 too many; guarantee less, or "
            "raise the limit of pool steps"
        ),
    ),
    "guarantee on a paused tier": (
        {**team(guaranteed={"h100-reserved": 1}), **capacity(gpus=0)},
        (
            ": teams are guaranteed 1 nvidia.com/gpu of h100-reserved (vision 1), which has 0: 1 too many; guarantee "
            "less, or raise the limit of pool h100"
        ),
    ),
    "topology of nodes to come": (
        {"topology": {"levels": ["kubernetes.io/hostname"]}, **capacity(standing=False)},
        (
            ": topology is set, and nodes of h100-reserved come only when a job asks: topology-aware scheduling counts "
            "Ready nodes only, so no job would ever start them; take topology out, or give a queue of standing nodes "
            "its own"
        ),
    ),
}


@pytest.mark.parametrize(("change", "message"), {**BAD, **CONTRADICTIONS}.values(), ids=[*BAD, *CONTRADICTIONS])
def test_bad_arguments_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        TrainingQueueArgs.of({**BASE, **change})
    assert str(refused.value) == f"TrainingQueueArgs{message}"


def test_missing_arguments_are_named() -> None:
    with pytest.raises(InvalidArgs) as refused:
        TrainingQueueArgs.of({})
    assert str(refused.value) == (
        "TrainingQueueArgs.capacity: missing; set it: What the pools can hold, tier by tier, in the order in which "
        "jobs try them\n"
        "TrainingQueueArgs.cluster_name: missing; set it: EKS cluster of the pods that take the roles\n"
        "TrainingQueueArgs.dispatcher: missing; set it: What turns messages into jobs\n"
        "TrainingQueueArgs.keda_role_arn: missing; set it: ARN of the role of KEDA's operator; it alone may take the "
        "role that reads the length of the queue\n"
        "TrainingQueueArgs.teams: missing; set it: Teams, by the name of their namespace, which is made here\n"
        "TrainingQueueArgs.vpc_cidr: missing; set it: IPv4 range of the VPC, where interface endpoints and the API "
        "server's network interfaces are"
    )


@pytest.mark.parametrize(("characters", "fits"), [(43, True), (44, False)])
def test_names_that_are_too_long_are_refused_before_anything_is_made(characters: int, fits: bool) -> None:
    args = {**SMALLEST, "teams": {"t" * (characters - 1): {}}}
    if fits:
        assert record(lambda: made(args)).count("aws:iam/role:Role") == 3
        return
    with pytest.raises(Refused) as refused:
        record(lambda: made(args))
    assert str(refused.value).startswith(f"TrainingQueue 'x': IAM role 'x-worker-{'t' * 43}-role")


@pytest.mark.parametrize(
    ("name", "change", "begins"),
    [
        ("Queue", {}, "TrainingQueue 'Queue': Kubernetes name 'Queue' is not accepted"),
        ("x", {"submitters": {"s" * 41: {"namespace": "p", "service_account": "a"}}}, "TrainingQueue 'x': IAM role"),
        ("x", {"teams": {"vision": {"policies": {"p" * 105: READ}}}}, "TrainingQueue 'x': IAM policy"),
    ],
)
def test_names_are_checked_all(name: str, change: dict[str, Any], begins: str) -> None:
    with pytest.raises(Refused) as refused:
        record(lambda: made({**SMALLEST, **change}, name))
    assert str(refused.value).startswith(begins)
