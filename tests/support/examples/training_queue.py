"""TrainingQueue: a valid set of arguments, and for each field another value that shows in the graph."""

import json

from examples import kubernetes
from mlplatform.training_queue import TrainingQueue, TrainingQueueArgs

ARGS = TrainingQueueArgs
IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/mlplatform@sha256:{'0' * 64}"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000001"
READ = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::features/*"]}],
    }
)

RESERVED: dict[str, object] = {
    "flavor": "h100-reserved",
    "pool": "h100",
    "tier": "reserved",
    "purpose": "training",
    "node_labels": {"karpenter.sh/nodepool": "h100-reserved"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}],
    "gpu_resource": "nvidia.com/gpu",
    "gpus": 32,
    "cpu_millicores": 764_000,
    "memory_mib": 8_100_000,
    "standing": True,
}
SPOT: dict[str, object] = {
    **RESERVED,
    "flavor": "h100-spot",
    "tier": "spot",
    "node_labels": {"karpenter.sh/nodepool": "h100-spot"},
    "gpus": 16,
    "cpu_millicores": 382_000,
    "memory_mib": 4_050_000,
}
STEPS: dict[str, object] = {
    "flavor": "steps-spot",
    "pool": "steps",
    "tier": "spot",
    "purpose": "training",
    "node_labels": {"karpenter.sh/nodepool": "steps-spot"},
    "cpu_millicores": 63_500,
    "memory_mib": 249_856,
    "standing": True,
}

BASE: dict[str, object] = {
    "teams": {
        "vision": {
            "guaranteed": {"h100-reserved": 16, "steps-spot": 20},
            "borrowing_limit": {"h100-spot": 8},
            "lending_limit": {"h100-reserved": 8},
            "policies": {"read": READ},
            "managed_policy_arns": ["arn:aws:iam::123456789012:policy/models"],
        },
        "nlp": {"guaranteed": {"h100-reserved": 8}, "weight": 2},
    },
    "dispatcher": {"image": IMAGE},
    "submitters": {"pipeline": {"namespace": "pipelines", "service_account": "argo"}},
    "destinations": [
        {"namespace": "mlflow", "pod_labels": {"app": "mlflow"}, "ports": [5000]},
        {"cidr": "10.60.0.0/16", "ports": [2049]},
    ],
    "capacity": [RESERVED, SPOT, STEPS],
    "cluster_name": "ml-dev",
    "alarm_topic_arns": ["arn:aws:sns:us-east-1:123456789012:ml-alarms"],
    "keda_role_arn": "arn:aws:iam::123456789012:role/keda-operator",
    "vpc_cidr": "10.20.0.0/16",
}
SMALLEST: dict[str, object] = {
    "teams": {"vision": {}},
    **{field: BASE[field] for field in ("dispatcher", "capacity", "cluster_name", "keda_role_arn", "vpc_cidr")},
}

CHANGES: dict[str, object] = {
    "alarm_topic_arns": [],
    "teams": {"vision": {}},
    "teams.vision.guaranteed": {"h100-reserved": 8},
    "teams.vision.borrowing_limit": {"h100-spot": 0},
    "teams.vision.lending_limit": {"h100-reserved": 0},
    "teams.vision.weight": 3,
    "teams.vision.stop_policy": "Hold",
    "teams.vision.policies": {},
    "teams.vision.managed_policy_arns": [],
    "teams.vision.max_pods": 50,
    "teams.vision.max_jobs": 50,
    "dispatcher.image": f"{IMAGE[:-1]}1",
    "dispatcher.namespace": "intake",
    "dispatcher.max_replicas": 1,
    "dispatcher.polling_seconds": 60,
    "intake.visibility_seconds": 600,
    "intake.max_receives": 5,
    "intake.retention_days": 14,
    "intake.dead_letter_days": 7,
    "intake.max_wait_minutes": 60,
    "intake.kms_key_arn": KEY,
    "priorities": {"normal": 0, "urgent": 100},
    "default_priority": "high",
    "queueing_strategy": "StrictFIFO",
    "preemption.within_cluster_queue": "LowerOrNewerEqualPriority",
    "preemption.reclaim_within_cohort": "LowerPriority",
    "preemption.borrow_within_cohort": "LowerPriority",
    "flavor_fungibility.when_can_borrow": "TryNextFlavor",
    "flavor_fungibility.when_can_preempt": "MayStopSearch",
    "topology.levels": ["topology.k8s.aws/network-node-layer-3", "kubernetes.io/hostname"],
    "submitters": {},
    "submitters.pipeline.namespace": "steps",
    "submitters.pipeline.service_account": "default",
    "default_cpu": "1",
    "default_memory": "2Gi",
    "public_https": False,
    "destinations": [],
    "destinations.0.namespace": "registry",
    "destinations.0.pod_labels": {},
    "destinations.0.ports": [5001],
    "destinations.1.cidr": "10.61.0.0/16",
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
    "deletion_protection": False,
    "capacity": [RESERVED, STEPS],
    "capacity.0.flavor": "h100-block",
    "capacity.0.pool": "block",
    "capacity.0.tier": "on-demand",
    "capacity.0.purpose": "notebook",
    "capacity.0.node_labels": {"eks.amazonaws.com/nodegroup": "h100"},
    "capacity.0.tolerations": [],
    "capacity.0.tolerations.0.key": "example.com/gpu",
    "capacity.0.tolerations.0.value": "yes",
    "capacity.0.tolerations.0.effect": "NoExecute",
    "capacity.0.gpu_resource": "nvidia.com/gpu.shared",
    "capacity.0.gpus": 40,
    "capacity.0.cpu_millicores": 800_000,
    "capacity.0.memory_mib": 9_000_000,
    "cluster_name": "ml-test",
    "keda_role_arn": "arn:aws:iam::123456789012:role/keda",
    "vpc_cidr": "10.30.0.0/16",
    "service_cidr": "10.100.0.0/16",
}
_UNGUARANTEED: dict[str, object] = {"teams": {"vision": {}}}
CONTEXT: dict[str, dict[str, object]] = {
    "topology.levels": {"topology.levels": ["kubernetes.io/hostname"]},
    "capacity": {"teams.vision.borrowing_limit": {}},
    "capacity.0.flavor": _UNGUARANTEED,
    "teams.vision.guaranteed": {"teams.vision.lending_limit": {}},
}
EXCEPTIONS: dict[str, str] = {
    "capacity.tolerations.operator": "a flavor has taints, which have no operator; pods say how they tolerate them",
    "capacity.standing": "makes nothing: it says whether a topology is allowed; a test of its own reads it",
}


def program(args: dict[str, object], name: str = "x") -> None:
    """A queue, and nothing beside it."""
    TrainingQueue(name, TrainingQueueArgs.of(args), kubernetes(name))
