"""What delivery promises, clause by clause."""

CLAUSES = {
    "delivery.oidc": "OIDC provider",
    "delivery.adopted": "adopts an existing OIDC provider",
    "delivery.preview": "one role an environment for preview (read only)",
    "delivery.deploy": "and deploy",
    "delivery.repository": "trust pinned to repository",
    "delivery.branch": "branch",
    "delivery.environment": "and environment",
    "delivery.gitlab": "the same with GitLab CI",
    "delivery.boundary": "least privilege with a permissions boundary",
    "delivery.state": "a state bucket (versioned",
    "delivery.state-kms": "KMS",
    "delivery.state-locked": "locked down)",
    "delivery.secrets-provider": "and KMS key for Pulumi's own backend and secrets provider",
    "delivery.immutable": "ECR repositories (immutable",
    "delivery.scanned": "scanned",
    "delivery.encrypted": "encrypted",
    "delivery.lifecycle": "lifecycle)",
    "delivery.pull": "pull for other accounts",
    "delivery.budgets": "budgets with alerts",
    "delivery.anomalies": "optional alerts on costs out of the ordinary",
}
