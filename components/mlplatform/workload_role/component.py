"""WorkloadRole: the IAM role of one Kubernetes service account, delivered by EKS Pod Identity."""

import json
from collections.abc import Mapping, Sequence
from typing import Optional

import pulumi
import pulumi_aws as aws

from mlplatform.core.args import Args, In, checked, matching
from mlplatform.facts.aws.iam import pod_identity_trust

DNS_LABEL = matching(
    r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "a DNS label of at most 63 characters, such as feature-reader"
)


class WorkloadRoleArgs(Args):
    """Who takes the role, and what it may do."""

    namespace: str
    """Namespace of the service account."""
    service_account: str
    """Name of the service account; Pod Identity matches by it, so it is fixed and not generated."""
    policies: Optional[Mapping[str, In[str]]] = {}
    """IAM policy documents as JSON text, by a short name; each becomes a managed policy of its own. None by default."""
    managed_policy_arns: Optional[Sequence[In[str]]] = []
    """ARNs of further managed policies to attach. None by default."""
    cluster_name: Optional[In[str]] = None
    """EKS cluster whose pods take the role; without one, the role is made and no association."""
    permissions_boundary_arn: Optional[In[str]] = None
    """Policy that bounds what the role can ever do; none by default."""

    _names = checked(DNS_LABEL, "namespace", "service_account")


class WorkloadRole(pulumi.ComponentResource):
    """An IAM role that the pods of one service account take through EKS Pod Identity, and nobody else."""

    role_arn: pulumi.Output[str]
    """ARN of the role."""
    role_name: pulumi.Output[str]
    """Name of the role."""

    def __init__(self, name: str, args: WorkloadRoleArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = WorkloadRoleArgs.of(args)
        super().__init__("mlplatform:index:WorkloadRole", name, args.model_dump(exclude_none=True), opts)
        inside = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            description=f"{args.namespace}/{args.service_account} by EKS Pod Identity",
            assume_role_policy=json.dumps(
                pod_identity_trust(namespace=args.namespace, service_account=args.service_account)
            ),
            permissions_boundary=args.permissions_boundary_arn,
            opts=inside,
        )
        for short, document in (args.policies or {}).items():
            policy = aws.iam.Policy(f"{name}-{short}", policy=document, opts=inside)
            aws.iam.RolePolicyAttachment(f"{name}-{short}", role=role.name, policy_arn=policy.arn, opts=inside)
        for at, arn in enumerate(args.managed_policy_arns or ()):
            aws.iam.RolePolicyAttachment(f"{name}-managed-{at}", role=role.name, policy_arn=arn, opts=inside)
        if args.cluster_name is not None:
            aws.eks.PodIdentityAssociation(
                f"{name}-association",
                cluster_name=args.cluster_name,
                namespace=args.namespace,
                service_account=args.service_account,
                role_arn=role.arn,
                opts=inside,
            )
        self.role_arn = role.arn
        self.role_name = role.name
        self.register_outputs({"role_arn": self.role_arn, "role_name": self.role_name})
