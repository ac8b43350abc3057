"""The kubeconfig of an EKS cluster: no secret of its own, a token is fetched whenever one is needed."""

import json
from typing import Optional


def kubeconfig(
    name: str, region: str, endpoint: str, certificate_authority: str, role_arn: Optional[str] = None
) -> str:
    """A kubeconfig as JSON text, for any client that can run the AWS CLI; `role_arn`, if given, is taken first."""
    command = ["eks", "get-token", "--cluster-name", name, "--region", region, "--output", "json"]
    token = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": [*command, *(["--role-arn", role_arn] if role_arn else [])],
        "interactiveMode": "Never",
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": endpoint, "certificate-authority-data": certificate_authority}}
            ],
            "users": [{"name": name, "user": {"exec": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
