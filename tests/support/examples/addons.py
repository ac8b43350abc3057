"""Addons: a valid set of arguments, and for each field another value that shows in the graph."""

from examples import kubernetes
from examples.hardened_bucket import COPY_KEY, KEY
from mlplatform.addons import Addons, AddonsArgs

ARGS = AddonsArgs
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"

BASE: dict[str, object] = {
    "cluster_name": "ml-dev",
    "vpc_id": "vpc-0123456789abcdef0",
    "volume_key_arn": KEY,
    "interruption_queue_name": "ml-dev-interruption",
    "eks_versions": {"ebs_csi": "v1.59.0-eksbuild.1", "metrics_server": "v0.8.0-eksbuild.1"},
    "gateway": {"certificate_arn": CERTIFICATE},
    "kserve": {"domain": "models.example.com"},
    "gpu": {"time_slices": [4], "efa": True},
    "trainer": True,
}

CHANGES: dict[str, object] = {
    "without": ["keda"],
    "eks_versions.ebs_csi": "v1.59.0-eksbuild.2",
    "eks_versions.metrics_server": "v0.8.0-eksbuild.2",
    "replicas": 1,
    "image_registry": "111122223333.dkr.ecr.us-east-1.amazonaws.com/mirror",
    "chart_registry": "111122223333.dkr.ecr.us-east-1.amazonaws.com/charts",
    "chart_digests": {"karpenter": f"sha256:{64 * 'a'}"},
    "service_monitors": False,
    "karpenter.node_overlays": True,
    "karpenter.isolated_vpc": True,
    "gateway": {"http_only": True},
    "gateway.certificate_arn": f"{CERTIFICATE[:-1]}c",
    "gateway.source_cidrs": ["10.0.0.0/16"],
    "gateway.replicas": 3,
    "external_secrets.secret_prefixes": ["dev/"],
    "external_secrets.kms_key_arns": [COPY_KEY],
    "kueue.pods_ready_minutes": 30,
    "kserve.domain": "models.example.org",
    "kserve.runtimes": False,
    "keda.scaler_roles": ["queue-scaler-*"],
    "argo.server": True,
    "argo.workflow_namespaces": ["pipelines"],
    "argo.artifact_bucket": "ml-dev-artifacts",
    "pushgateway.disk_gib": 4,
    "gpu.software": "operator",
    "gpu.time_slices": [2],
    "gpu.efa": False,
    "trainer": False,
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
    "cluster_name": "ml-test",
    "vpc_id": "vpc-0123456789abcdef1",
    "volume_key_arn": COPY_KEY,
    "interruption_queue_name": "ml-test-interruption",
}
CONTEXT: dict[str, dict[str, object]] = {}
EXCEPTIONS: dict[str, str] = {
    "gateway.http_only": "excludes certificate_arn: it is changed with the whole of gateway, in one",
}


def program(args: dict[str, object], name: str = "x") -> None:
    """Add-ons, and nothing beside them."""
    Addons(name, AddonsArgs.of(args), kubernetes(name))
