"""TrainingPipeline: valid sets of arguments, and for each field another value that shows in the graph."""

from examples import kubernetes
from mlplatform.training_pipeline import TrainingPipeline, TrainingPipelineArgs

ARGS = TrainingPipelineArgs
DIGESTS = [f"sha256:{str(at) * 64}" for at in range(4)]
IMAGE, OTHER_IMAGE, RUNTIME, OTHER_RUNTIME = (
    f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{name}@{digest}"
    for name, digest in zip(("fraud", "fraud", "mlplatform", "mlplatform"), DIGESTS, strict=True)
)
KEYS = [f"arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-00000000000{at}" for at in range(6)]
POLICY = "arn:aws:iam::123456789012:policy/fraud-drift-settle-1a2b3c4"
TOLERATION = {"key": "nvidia.com/gpu"}
CAPACITY = [
    {
        "flavor": flavor,
        "pool": pool,
        "tier": "spot",
        "purpose": purpose,
        "node_labels": {"karpenter.sh/nodepool": flavor},
        "cpu_millicores": 30_000,
        "memory_mib": 120_000,
        **more,
    }
    for flavor, pool, purpose, more in (
        ("steps-spot", "steps", "training", {}),
        ("more-spot", "more", "training", {}),
        (
            "training-spot",
            "training",
            "training",
            {"gpus": 4, "gpu_resource": "nvidia.com/gpu", "tolerations": [TOLERATION]},
        ),
        ("services-spot", "services", "services", {}),
    )
]
PACKAGE = """\
components: {}
deploymentSpec: {executors: {}}
pipelineInfo: {name: fraud}
root:
  dag: {tasks: {}}
  inputDefinitions:
    parameters:
      depth: {parameterType: NUMBER_INTEGER, isOptional: true, defaultValue: 3}
      requested_by: {parameterType: STRING}
schemaVersion: 2.1.0
sdkVersion: kfp-2.17.0
"""

BASE: dict[str, object] = {
    "team": "risk",
    "model": "fraud-scorer",
    "data_uri": "s3://lake-1a2b3c4/fraud/",
    "runtime_image": RUNTIME,
    "steps": {
        "image": IMAGE,
        "command": ["python", "-m", "fraud"],
        "code": {
            "repository": "https://github.com/example/fraud",
            "commit": "3f786850e387550fdab836ed7e6dc881de23001b",
        },
        "objective": {
            "metric": "accuracy",
            "goal": "maximize",
            "constraints": {"latency_ms": {"min": 0, "max": 20}},
        },
        "search": {
            "space": {
                "model": {"choice": ["forest", "linear"]},
                "depth": {"int": {"low": 2, "high": 12}},
                "rate": {"float": {"low": 1e-4, "high": 0.5, "log": True}},
            }
        },
        "train": {"gpus": 1, "pool": "training"},
        "evaluate": {"pool": "steps"},
        "jobs": {"pool": "steps"},
    },
    "schedule": {"cron": "0 4 * * 1", "stale_hours": 200},
    "worker_role_name": "queue-worker-risk-role-1a2b3c4",
    "registry_secret": "registry-credentials",
    "runbooks_url": "https://wiki.example.com/runbooks",
    "model_bucket_name": "models-1a2b3c4",
    "model_key_arn": KEYS[0],
    "feature_bucket_name": "features-1a2b3c4",
    "feature_key_arn": KEYS[1],
    "drift": {"endpoint": "fraud", "table_name": "fraud-drift-state-1a2b3c4", "settle_policy_arn": POLICY},
    "capacity": CAPACITY,
}
SMALLEST: dict[str, object] = {
    **{
        field: BASE[field]
        for field in (
            *("team", "model", "data_uri", "runtime_image", "worker_role_name", "registry_secret"),
            *("runbooks_url", "model_bucket_name", "model_key_arn"),
        )
    },
    "steps": {
        "image": IMAGE,
        "command": ["fraud"],
        "code": {"repository": "https://github.com/example/fraud"},
        "objective": {"metric": "accuracy", "goal": "maximize"},
    },
}
DISTRIBUTED: dict[str, object] = {"runtime": "pytorch", "nodes": 2}
MPI: dict[str, object] = {"runtime": "mpi", "nodes": 2}
KUBEFLOW: dict[str, object] = {
    **{
        field: BASE[field]
        for field in (
            "team",
            "model",
            "data_uri",
            "runtime_image",
            "worker_role_name",
            "registry_secret",
            "runbooks_url",
        )
    },
    "kubeflow": {"endpoint": "http://ml-pipeline.kubeflow:8888", "package": PACKAGE},
}

STEP: dict[str, object] = {
    "image": OTHER_IMAGE,
    "command": ["other"],
    "environment": {"LOG_LEVEL": "debug"},
    "cpu": "2",
    "memory": "8Gi",
    "disk": "40Gi",
    "gpus": 2,
    "shared_memory": "4Gi",
    "pool": "more",
    "timeout_minutes": 90,
    "retries": 1,
    "read_only": False,
}
ON_GPUS = {"pool": "training", "gpus": 1}

CHANGES: dict[str, object] = {
    "team": "vision",
    "model": "churn",
    "data_uri": "s3://lake-1a2b3c4/other/",
    "reads": ["offline/", "labels/fraud/"],
    "runtime_image": OTHER_RUNTIME,
    "steps.image": OTHER_IMAGE,
    "steps.command": ["other"],
    "steps.code.repository": "https://github.com/example/other",
    "steps.code.commit": "aaaaaaaa",
    "steps.objective.metric": "auc",
    "steps.objective.goal": "minimize",
    "steps.objective.constraints.latency_ms.min": 1,
    "steps.objective.constraints.latency_ms.max": 10,
    "steps.objective.min_improvement": 0.01,
    "steps.search.space.model.choice": ["forest", "boost"],
    "steps.search.space.depth.int.low": 3,
    "steps.search.space.depth.int.high": 20,
    "steps.search.space.depth.int.step": 2,
    "steps.search.space.depth.int.log": True,
    "steps.search.space.rate.float.low": 1e-5,
    "steps.search.space.rate.float.high": 0.1,
    "steps.search.space.rate.float.log": False,
    "steps.search.trials": 40,
    "steps.search.parallelism": 2,
    "steps.search.seed": 1,
    "steps.search.patience_rounds": 5,
    "steps.search.min_delta": 0.001,
    **{
        f"steps.{step}.{field}": value
        for step in ("prepare", "features", "train", "evaluate")
        for field, value in STEP.items()
    },
    "steps.train.pool": "training",
    "steps.train.distributed.runtime": "mpi",
    "steps.train.distributed.nodes": 4,
    "steps.train.distributed.processes": 8,
    "steps.train.distributed.user": 2000,
    "steps.train.distributed.home": "/home/other",
    "steps.jobs.memory": "2Gi",
    "steps.jobs.disk": "20Gi",
    "steps.jobs.pool": "more",
    "steps.jobs.timeout_minutes": 60,
    "kubeflow.endpoint": "http://other.kubeflow:8888",
    "kubeflow.package": PACKAGE.replace("name: fraud", "name: other"),
    "kubeflow.parameters": {"depth": 5},
    "kubeflow.namespace": "risk",
    "kubeflow.token": True,
    "kubeflow.timeout_minutes": 60,
    "experiment": "fraud",
    "schedule.cron": "0 5 * * 1",
    "schedule.stale_hours": 400,
    "schedule.suspended": True,
    "priority": "low",
    "max_hours": 48,
    "keep_days": 60,
    "kms_key_arn": KEYS[2],
    "access_logs.bucket_name": "logs-1a2b3c4",
    "access_logs.retention_days": 30,
    "deletion_protection": False,
    "force_destroy": True,
    "worker_role_name": "other-role",
    "registry_secret": "other-credentials",
    "runbooks_url": "https://wiki.example.com/other",
    "queue_name": "other",
    "model_bucket_name": "others-1a2b3c4",
    "model_key_arn": KEYS[3],
    "feature_bucket_name": "others-1a2b3c4",
    "feature_key_arn": KEYS[4],
    "drift.endpoint": "churn",
    "drift.table_name": "other-state",
    "drift.settle_policy_arn": f"{POLICY}5",
    "capacity.0.pool": "others",
    "capacity.2.node_labels": {"karpenter.sh/nodepool": "other-spot"},
    "capacity.2.tolerations.0.key": "example.com/gpu",
    "capacity.2.tolerations.0.operator": "Equal",
    "capacity.2.tolerations.0.value": "true",
    "capacity.2.tolerations.0.effect": "NoExecute",
    "capacity.2.gpu_resource": "nvidia.com/gpu.shared",
}
_ONLY_KUBEFLOW = {"steps": None, "drift": None, "schedule": None, "kubeflow": KUBEFLOW["kubeflow"]}
CONTEXT: dict[str, dict[str, object]] = {
    **{
        f"steps.{step}.{field}": {f"steps.{step}.{name}": value for name, value in ON_GPUS.items()}
        for step in ("prepare", "features", "evaluate")
        for field in ("gpus", "shared_memory")
    },
    **{f"steps.train.distributed.{field}": {"steps.train.distributed": DISTRIBUTED} for field in ("nodes", "user")},
    **{f"steps.train.distributed.{field}": {"steps.train.distributed": MPI} for field in ("processes", "home")},
    "steps.train.distributed.runtime": {"steps.train.distributed": DISTRIBUTED},
    "steps.train.pool": {"steps.train": {"pool": "steps"}},
    **{path: _ONLY_KUBEFLOW for path in CHANGES if path.startswith("kubeflow.")},
    "force_destroy": {"deletion_protection": False},
    # Its steps have nodes by another tier of the same pool then.
    "capacity.0.pool": {"capacity": [*CAPACITY, {**CAPACITY[0], "flavor": "steps-other"}]},
    "capacity.2.tolerations.0.value": {"capacity.2.tolerations.0.operator": "Equal"},
}
_OF_QUEUES = "of a pool, a pipeline needs to know where its nodes are and which GPUs they have; this is for its queue"
EXCEPTIONS: dict[str, str] = {
    "capacity.0.flavor": _OF_QUEUES,
    "capacity.0.tier": _OF_QUEUES,
    "capacity.0.purpose": "decides whether the pool is accepted",
    "capacity.0.gpus": "decides whether the GPUs of steps are accepted",
    "capacity.0.cpu_millicores": _OF_QUEUES,
    "capacity.0.memory_mib": _OF_QUEUES,
    "capacity.0.standing": _OF_QUEUES,
}


def program(args: dict[str, object], name: str = "x") -> None:
    """A pipeline, and nothing beside it."""
    TrainingPipeline(name, TrainingPipelineArgs.of(args), kubernetes(name))
