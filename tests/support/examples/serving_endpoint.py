"""ServingEndpoint: a valid set of arguments of each kind, and for each field another value that shows in the graph."""

from examples import kubernetes
from examples.hardened_bucket import KEY
from mlplatform.serving_endpoint import ServingEndpoint, ServingEndpointArgs

ARGS = ServingEndpointArgs

IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/fraud@sha256:{'1' * 64}"
NEXT = f"{IMAGE[:-64]}{'2' * 64}"
WRITER = f"{IMAGE[:-64]}{'3' * 64}"
MODELS_KEY = "arn:aws:kms:us-east-1:123456789012:key/models"
FEATURES_KEY = "arn:aws:kms:us-east-1:123456789012:key/features"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
CALLER = "arn:aws:iam::123456789012:role/checkout"
API = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/*/POST/predict"

MODEL: dict[str, object] = {"name": "fraud", "version": "17"}
STORES: dict[str, object] = {
    "model_bucket_name": "models",
    "model_key_arn": MODELS_KEY,
    "feature_bucket_name": "features",
    "feature_key_arn": FEATURES_KEY,
}
WIRED: dict[str, object] = {
    **STORES,
    "cluster_name": "ml-dev",
    "vpc_cidr": "10.0.0.0/16",
    "domain": "models.example.com",
    "runbooks_url": "https://wiki.example.com/runbooks",
}
TIER: dict[str, object] = {
    "flavor": "l40s-on-demand",
    "pool": "l40s",
    "tier": "on-demand",
    "purpose": "inference",
    "node_labels": {"karpenter.sh/nodepool": "l40s-on-demand"},
    "tolerations": [{"key": "nvidia.com/gpu"}],
    "gpu_resource": "nvidia.com/gpu",
    "gpus": 8,
    "cpu_millicores": 32000,
    "memory_mib": 131072,
}
REGISTRY: dict[str, object] = {
    "tracking_uri": "http://registry.model-registry:5000",
    "credentials_secret": "platform/registry",
    "secret_store": "secrets-manager",
}
RUNTIME = f"{IMAGE[:-64]}{'4' * 64}"
ROLLOUT: dict[str, object] = {}
TRIGGER: dict[str, object] = {"query": "sum(vllm:num_requests_waiting)", "threshold": 8}

CONTAINER: dict[str, object] = {
    "model": MODEL,
    "container": {"image": IMAGE, "ready_path": "/ready", "live_path": "/live", "metrics": {}},
    "canary": {"model_version": "18", "percent": 5},
    "pool": "l40s",
    "capacity": [TIER],
    "request_log": {"image": WRITER},
    **WIRED,
}
KSERVE: dict[str, object] = {
    "model": MODEL,
    "kserve": {"model_format": "sklearn"},
    "canary": {"model_version": "18", "percent": 5},
    "scaling": {"min_replicas": 2, "max_replicas": 2},
    "request_log": {"image": WRITER},
    **WIRED,
}
SERVERLESS: dict[str, object] = {
    "model": MODEL,
    "serverless": {
        "image": IMAGE,
        "reserved_concurrency": 20,
        "stable_version": "7",
        "canary": {"model_version": "18", "percent": 5},
        "invoker_arns": [CALLER],
        "vpc": {
            "vpc_id": "vpc-0a1b2c3d",
            "subnet_ids": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
            "cidrs": ["10.0.0.0/16"],
            "prefix_list_ids": ["pl-0a1b2c3d"],
        },
    },
    "request_log": {},
    "alarm_topic_arns": [TOPIC],
    **STORES,
}
KINDS = {"container": CONTAINER, "kserve": KSERVE, "serverless": SERVERLESS}
BASE = CONTAINER
_WITHOUT_CANARY: dict[str, dict[str, object]] = {
    "container": {key: value for key, value in CONTAINER.items() if key != "canary"},
    "kserve": {key: value for key, value in KSERVE.items() if key != "canary"},
    "serverless": {
        **SERVERLESS,
        "serverless": {"image": IMAGE, "reserved_concurrency": 20},
        "cluster_name": "ml-dev",
        "vpc_cidr": "10.0.0.0/16",
        "runbooks_url": "https://wiki.example.com/runbooks",
    },
}
ROLLED = {
    kind: {**args, "rollout": ROLLOUT, "registry": REGISTRY, "runtime_image": RUNTIME}
    for kind, args in _WITHOUT_CANARY.items()
}
"""The kinds with rollouts, which declare their candidates by themselves."""


def _instead(kind: str, **changes: object) -> dict[str, object]:
    """What makes BASE an endpoint of another kind; null is taken for left out."""
    return {**dict.fromkeys(BASE), **KINDS[kind], **changes}


_KSERVE: dict[str, object] = {
    "model_format": "onnx",
    "runtime": "kserve-mlserver",
    "protocol": "v1",
    "image": NEXT,
    "args": ["--workers=2"],
    "environment": {"OMP_NUM_THREADS": "1"},
    "user": 1001,
    "metrics.path": "/v2/metrics",
    "metrics.port": 8082,
}
_SERVERLESS: dict[str, object] = {
    "image": NEXT,
    "reserved_concurrency": 40,
    "architecture": "arm64",
    "memory_mib": 3538,
    "timeout_seconds": 60,
    "ephemeral_storage_mib": 1024,
    "environment": {"OMP_NUM_THREADS": "1"},
    "function_name": "fraud-scorer",
    "stable_version": "6",
    "canary.model_version": "19",
    "canary.image": NEXT,
    "provisioned_concurrency": 5,
    "invoker_arns": [],
    "api_execution_arn": API,
    "vpc.vpc_id": "vpc-1a1b2c3d",
    "vpc.subnet_ids": ["subnet-2a1b2c3d"],
    "vpc.cidrs": ["10.1.0.0/16"],
    "vpc.prefix_list_ids": [],
    "tracing": False,
    "max_error_percent": 1,
    "log_retention_days": 30,
    "key_arn": KEY,
    "deletion_protection": False,
}

CHANGES: dict[str, object] = {
    "model.name": "risk",
    "model.version": "16",
    "container.image": NEXT,
    "container.ready_path": "/loaded",
    "container.live_path": "/alive",
    "container.port": 8000,
    "container.command": ["serve"],
    "container.args": ["--workers=2"],
    "container.environment": {"OMP_NUM_THREADS": "1"},
    "container.wait_until_ready": True,
    "container.user": 1001,
    "container.read_only": False,
    "container.metrics.path": "/prometheus",
    "container.metrics.port": 9000,
    "canary.model_version": "19",
    "canary.image": NEXT,
    "canary.percent": 10,
    "canary.replicas": 2,
    "scaling.min_replicas": 3,
    "scaling.max_replicas": 8,
    "scaling.cpu_percent": 50,
    "scaling.trigger.query": "sum(vllm:num_requests_running)",
    "scaling.trigger.threshold": 4,
    "resources.cpu": "2",
    "resources.memory": "8Gi",
    "resources.disk": "20Gi",
    "resources.gpus": 1,
    "resources.shared_memory": "2Gi",
    "pool": "services",
    "startup_seconds": 1800,
    "timeout_seconds": 120,
    "objectives.availability_percent": 99.9,
    "objectives.p95_milliseconds": 250,
    "objectives.p99_milliseconds": 2000,
    "namespace": "fraud",
    "request_log.image": NEXT,
    "request_log.args": [],
    "request_log.sample_percent": 10,
    "permissions_boundary_arn": BOUNDARY,
    "runtime_image": NEXT,
    "rollout.schedule": "0 * * * *",
    "rollout.suspended": True,
    "rollout.weights": [10, 50],
    "rollout.wait_minutes": 30,
    "rollout.gates.min_requests": 1000,
    "rollout.gates.patience_minutes": 120,
    "rollout.gates.max_error_percent": 0.5,
    "rollout.gates.max_p99_milliseconds": 800,
    "rollout.gates.max_drifted_features": 0,
    "rollout.gates.more": [{"name": "refusals", "query": "sum(refusals)", "max": 1}],
    "rollout.gates.more.0.name": "refused",
    "rollout.gates.more.0.query": "max(refusals)",
    "rollout.gates.more.0.max": 2,
    "rollout.replicas": 3,
    "rollout.ready_minutes": 90,
    "rollout.retries": 1,
    "rollout.memory": "1Gi",
    "rollout.disk": "20Gi",
    "rollout.namespace": "promotions",
    "registry.tracking_uri": "https://mlflow.example.com",
    "registry.credentials_secret": "platform/mlflow",
    "registry.secret_store": "others",
    "registry.existing": True,
    "registry_namespace": "mlflow",
    "service_cidr": "172.20.0.0/16",
    "model_bucket_name": "promoted",
    "model_key_arn": KEY,
    "feature_bucket_name": "history",
    "feature_key_arn": KEY,
    "alarm_topic_arns": [f"{TOPIC}-others"],
    "cluster_name": "ml-test",
    "vpc_cidr": "10.1.0.0/16",
    "s3_cidrs": ["52.216.0.0/15"],
    "domain": "models.example.org",
    "gateway.namespace": "gateways",
    "gateway.name": "models",
    "gateway.tls": False,
    "monitoring_namespace": "observability",
    "prometheus_url": "http://prometheus.monitoring.svc:9090",
    "runbooks_url": "https://runbooks.example.com",
    **{f"kserve.{field}": value for field, value in _KSERVE.items()},
    **{f"serverless.{field}": value for field, value in _SERVERLESS.items()},
    "capacity.0.node_labels": {"karpenter.sh/nodepool": "l40s-spot"},
    "capacity.0.tolerations.0.key": "example.com/gpu",
    "capacity.0.tolerations.0.operator": "Equal",
    "capacity.0.tolerations.0.value": "true",
    "capacity.0.tolerations.0.effect": "NoExecute",
    "capacity.0.gpu_resource": "nvidia.com/gpu.shared",
    "capacity.0.pool": "others",
}

_TRIGGERED: dict[str, object] = {"scaling": {"trigger": TRIGGER}}
_GPU: dict[str, object] = {**_TRIGGERED, "resources": {"gpus": 1}}
_LAMBDA = {**SERVERLESS["serverless"]}  # type: ignore[dict-item] # a mapping
_PLAIN = {key: value for key, value in _LAMBDA.items() if key not in {"canary", "stable_version"}}
_OTHER_POOL = {**TIER, "pool": "services", "flavor": "services", "node_labels": {"karpenter.sh/nodepool": "services"}}

_CONTAINER_ROLLED: dict[str, object] = {**dict.fromkeys(BASE), **ROLLED["container"]}
_GATED: dict[str, object] = {"gates": {"more": [{"name": "one", "query": "sum(refusals)", "max": 1}]}}
_OF_ROLLOUTS = ("rollout.", "runtime_image", "registry.", "registry_namespace", "service_cidr")

CONTEXT: dict[str, dict[str, object]] = {
    **{path: _CONTAINER_ROLLED for path in CHANGES if path.startswith(_OF_ROLLOUTS)},
    **{path: {**_CONTAINER_ROLLED, "rollout": _GATED} for path in CHANGES if path.startswith("rollout.gates.more.0.")},
    "rollout.namespace": {**dict.fromkeys(BASE), **ROLLED["serverless"]},
    **{f"kserve.{field}": _instead("kserve") for field in _KSERVE},
    **{f"serverless.{field}": _instead("serverless") for field in _SERVERLESS},
    "serverless.provisioned_concurrency": _instead("serverless", serverless=_PLAIN),
    "serverless.api_execution_arn": _instead("serverless", serverless={**_LAMBDA, "invoker_arns": []}),
    "alarm_topic_arns": _instead("serverless"),
    "container.metrics.port": {"container.metrics": {"path": "/metrics"}},
    "scaling.trigger.query": _TRIGGERED,
    "scaling.trigger.threshold": _TRIGGERED,
    "prometheus_url": _TRIGGERED,
    "resources.gpus": _TRIGGERED,
    "resources.shared_memory": _GPU,
    "capacity.0.gpu_resource": _GPU,
    "pool": {"capacity": [TIER, _OTHER_POOL]},
    "capacity.0.pool": {"capacity": [TIER, {**TIER, "flavor": "l40s-spot", "node_labels": {"spot": "true"}}]},
    "capacity.0.tolerations.0.value": {"capacity.0.tolerations.0.operator": "Equal"},
}
_ONLY_CHECKED = "says what a trigger is, so that scaling to zero is refused or accepted"
_OF_QUEUES = "of a pool, an endpoint needs to know where its nodes are and which GPUs they have; this is for its queue"
EXCEPTIONS: dict[str, str] = {
    "scaling.trigger.exists_at_zero": _ONLY_CHECKED,
    "serverless.canary.percent": "a weight by the version's number, which is known when the version is published",
    "capacity.0.flavor": _OF_QUEUES,
    "capacity.0.tier": _OF_QUEUES,
    "capacity.0.purpose": "decides whether the pool is accepted",
    "capacity.0.gpus": "decides whether the replicas' GPUs are accepted",
    "capacity.0.cpu_millicores": _OF_QUEUES,
    "capacity.0.memory_mib": _OF_QUEUES,
    "capacity.0.standing": _OF_QUEUES,
}


def program(args: dict[str, object], name: str = "x") -> None:
    """An endpoint, and nothing beside it but the provider of its cluster."""
    ServingEndpoint(name, ServingEndpointArgs.of(args), kubernetes(name))
