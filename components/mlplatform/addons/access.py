"""What controllers may do in AWS, as policy documents; their roles come by Pod Identity."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi

from mlplatform.addons.args import AddonsExternalSecrets, AddonsKeda
from mlplatform.addons.site import Site
from mlplatform.facts.aws.iam import Statement, dns_suffix, document
from mlplatform.facts.aws.load_balancer import controller_policy
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

EBS_POLICY: Final = "service-role/AmazonEBSCSIDriverPolicy"
"""AWS's own policy of the driver (EBS CSI driver documentation, Set up driver permissions)."""
_VOLUME_KEY: Final = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
"""What the driver needs of a key beside grants (Amazon EKS User Guide, Store Kubernetes volumes with Amazon EBS)."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Whose role it is, and what it may do."""

    role: str
    """Role of the child in the component."""
    namespace: str
    """Namespace of the service account."""
    service_account: str
    """The service account, by the name that the chart or add-on gives it."""
    policies: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Policy documents as JSON text, by a short name."""
    managed: Sequence[pulumi.Input[str]] = ()
    """ARNs of AWS's own policies."""


def workload_role(site: Site, workload: Workload) -> WorkloadRole:
    """The role of a controller's service account."""
    return WorkloadRole(
        f"{site.name}-{workload.role}",
        WorkloadRoleArgs(
            namespace=workload.namespace,
            service_account=workload.service_account,
            policies=workload.policies,
            managed_policy_arns=list(workload.managed),
            cluster_name=site.args.cluster_name,
            permissions_boundary_arn=site.args.permissions_boundary_arn,
        ),
        site.objects.inside,
    )


def ebs_csi(site: Site) -> Workload:
    """The EBS CSI driver: AWS's policy, and the key of volumes."""
    key = site.args.volume_key_arn
    grants = Statement(
        "Grants",
        ("kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"),
        (key,),
        conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
    return Workload(
        "ebs-csi",
        "kube-system",
        "ebs-csi-controller-sa",
        {"key": pulumi.Output.json_dumps(document(Statement("Volumes", _VOLUME_KEY, (key,)), grants))},
        [pulumi.Output.concat("arn:", site.place.partition, ":iam::aws:policy/", EBS_POLICY)],
    )


def load_balancer_controller(site: Site) -> Workload:
    """The AWS Load Balancer Controller."""
    text = site.place.partition.apply(lambda partition: json.dumps(controller_policy(partition)))
    return Workload("load-balancer-controller", "kube-system", "aws-load-balancer-controller", {"load-balancers": text})


def external_secrets(site: Site, args: AddonsExternalSecrets) -> Workload:
    """External Secrets: it reads the secrets below the prefixes, and nothing else of Secrets Manager."""
    names = args.secret_prefixes or ()
    arns = [site.place.arn("secretsmanager", pulumi.Output.concat("secret:", name, "*")) for name in names]
    read = Statement("Read", ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"), arns)
    via = site.place.region.apply(lambda region: f"secretsmanager.{region}.{dns_suffix(region)}")
    keys = args.kms_key_arns or ()
    decrypt = Statement("Keys", ("kms:Decrypt",), keys, conditions={"StringEquals": {"kms:ViaService": via}})
    text = pulumi.Output.json_dumps(document(*((read, decrypt) if keys else (read,))))
    return Workload("external-secrets", "external-secrets", "external-secrets", {"read": text})


def keda(site: Site, args: AddonsKeda) -> Workload:
    """KEDA's operator: it takes the roles that scalers name, each of which must also trust it."""
    arns = [site.place.arn("iam", f"role/{name}", region=False) for name in args.scaler_roles or ()]
    take = document(Statement("Scalers", ("sts:AssumeRole", "sts:TagSession"), arns))
    return Workload("keda", "keda", "keda-operator", {"scalers": pulumi.Output.json_dumps(take)})
