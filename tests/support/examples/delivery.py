"""Delivery: a valid set of arguments, and for each field another value that shows in the graph."""

from examples.hardened_bucket import COPY_KEY, KEY
from mlplatform.delivery import Delivery, DeliveryArgs

ARGS = DeliveryArgs

POLICY = "arn:aws:iam::123456789012:policy"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
GITLAB = {"project": "acme/platform/ml"}
TOPIC = "arn:aws:sns:us-east-1:123456789012:costs"
MONITOR = "arn:aws:ce::123456789012:anomalymonitor/0a1b2c3d-1111-2222-3333-4444"

BASE: dict[str, object] = {
    "github": {"repository": "acme/ml"},
    "project": "mlplatform",
    "environments": {
        "dev": {
            "deploy_policy_arns": [f"{POLICY}/deploy-dev"],
            "preview_policy_arns": ["arn:aws:iam::aws:policy/AWSSupportAccess"],
            "pushes_images": True,
        },
        "prod": {
            "deploy_policies": {"platform": '{"Version": "2012-10-17", "Statement": []}'},
            "stack": "production",
            "ci_environment": "Production",
            "preview_environment": "production-preview",
        },
    },
    "permissions_boundary_arn": f"{POLICY}/boundary",
    "state": {"replication": {"destination_bucket_arn": "arn:aws:s3:::replicas", "destination_kms_key_arn": COPY_KEY}},
    "repositories": {"ml/scorer": {"pull_account_ids": ["210987654321"], "lambda_pulls": True}, "ml/trainer": {}},
    "budgets": {"month": {"limit_usd": 5000, "emails": ["ml-costs@example.com"], "tags": {"environment": "dev"}}},
    "anomalies": {"emails": ["ml-costs@example.com"]},
}

CHANGES: dict[str, object] = {
    "github.repository": "acme@123456/ml@456789",
    "github.branch": "trunk",
    "github.branch_in_subject": False,
    "github.issuer": "https://github.example.com/_services/token",
    "gitlab.project": "acme/ml",
    "gitlab.branch": "trunk",
    "gitlab.environment_in_subject": False,
    "gitlab.issuer": "https://gitlab.example.com",
    "oidc_provider_arn": PROVIDER,
    "audience": "https://aws.example.com",
    "project": "platform",
    "environments.dev.deploy_policy_arns": [f"{POLICY}/other"],
    "environments.dev.preview_policy_arns": [],
    "environments.dev.pushes_images": False,
    "environments.dev.session_minutes": 120,
    "environments.prod.deploy_policies": {"other": '{"Version": "2012-10-17", "Statement": []}'},
    "environments.prod.stack": "live",
    "environments.prod.ci_environment": "live",
    "environments.prod.preview_environment": "look",
    "permissions_boundary_arn": f"{POLICY}/other-boundary",
    "bounds_made_roles": False,
    "state.bucket_name": "acme-pulumi-state",
    "state.kms_key_arn": KEY,
    "state.noncurrent_days": 365,
    "state.access_logs.bucket_name": "access-logs",
    "state.access_logs.retention_days": 365,
    "state.replication.destination_bucket_arn": "arn:aws:s3:::copies",
    "state.replication.destination_kms_key_arn": f"{COPY_KEY[:-1]}9",
    "state.replication.delete_markers": True,
    "repositories.ml/scorer.keep_images": 50,
    "repositories.ml/scorer.untagged_days": 1,
    "repositories.ml/scorer.pull_account_ids": [],
    "repositories.ml/scorer.lambda_pulls": False,
    "images_kms_key_arn": KEY,
    "budgets.month.limit_usd": 100,
    "budgets.month.emails": ["others@example.com"],
    "budgets.month.sns_topic_arn": TOPIC,
    "budgets.month.actual_percent": [50],
    "budgets.month.forecast_percent": [],
    "budgets.month.tags": {},
    "anomalies.emails": ["others@example.com"],
    "anomalies.impact_usd": 1000,
    "anomalies.monitor_arn": MONITOR,
    "deletion_protection": False,
    "force_destroy": True,
}
_ON_GITLAB: dict[str, object] = {
    "github": None,
    "gitlab": GITLAB,
    "environments.prod.preview_environment": None,
}
CONTEXT: dict[str, dict[str, object]] = {
    **{path: _ON_GITLAB for path in CHANGES if path.startswith("gitlab.")},
    "state.bucket_name": {"state": {"kms_key_arn": KEY}},
    "force_destroy": {"deletion_protection": False},
}
EXCEPTIONS: dict[str, str] = {}


def program(args: dict[str, object], name: str = "x") -> None:
    """A delivery, and nothing beside it."""
    Delivery(name, DeliveryArgs.of(args))
