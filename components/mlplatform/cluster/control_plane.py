"""The control plane: EKS with its log group, keys, role and access entries, or one that exists."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from mlplatform.cluster.args import ClusterAccess, ClusterAccessPolicy, ExistingCluster
from mlplatform.cluster.build import Build, Role, key_arn, service_role
from mlplatform.facts.aws.iam import Statement, document, service_trust
from mlplatform.facts.aws.kms import KeyUse

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""Every log that a control plane can write."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What the rest needs of a control plane, whoever made it."""

    name: pulumi.Output[str]
    """Name of the cluster."""
    arn: pulumi.Output[str]
    """ARN of the cluster."""
    endpoint: pulumi.Output[str]
    """URL of the API server."""
    certificate_authority: pulumi.Output[str]
    """Base64 of its certificate authority."""
    security_group_id: pulumi.Output[str]
    """Id of the cluster security group."""
    access: Sequence[pulumi.Resource] = field(default=())
    """What lets people and programs in."""


def adopt(name: str, existing: ExistingCluster) -> ControlPlane:
    """The control plane of that name that somebody else made."""
    return ControlPlane(
        name=pulumi.Output.from_input(name),
        arn=pulumi.Output.from_input(existing.arn),
        endpoint=pulumi.Output.from_input(existing.endpoint),
        certificate_authority=pulumi.Output.from_input(existing.certificate_authority),
        security_group_id=pulumi.Output.from_input(existing.security_group_id),
    )


def create(build: Build) -> ControlPlane:
    """A control plane of our own."""
    logs = _log_group(build)
    role = _cluster_role(build)
    cluster = _cluster(build, role, logs)
    security_group_id = cluster.vpc_config.apply(lambda vpc: str(vpc.cluster_security_group_id))
    return ControlPlane(
        name=cluster.name,
        arn=cluster.arn,
        endpoint=cluster.endpoint,
        certificate_authority=cluster.certificate_authority.apply(lambda authority: str(authority.data)),
        security_group_id=security_group_id,
        access=[*_access(build, cluster), *_private_access(build, security_group_id)],
    )


def _log_group(build: Build) -> aws.cloudwatch.LogGroup:
    name = f"/aws/eks/{build.args.name}/cluster"
    group_arn = build.place.arn("logs", f"log-group:{name}")
    key = key_arn(
        build,
        build.args.logs_key_arn,
        "logs-key",
        f"Control-plane logs of EKS cluster {build.args.name}",
        uses={KeyUse.LOGS: [group_arn]},
        opts=build.kept,
    )
    return aws.cloudwatch.LogGroup(
        f"{build.name}-logs",
        name=name,
        retention_in_days=build.args.log_retention_days,
        kms_key_id=key,
        deletion_protection_enabled=build.args.deletion_protection,
        opts=build.kept,
    )


def _cluster_role(build: Build) -> Role:
    # EKS sends both keys with every call that it makes for the cluster (EKS User Guide, Cross-service confused deputy
    # prevention).
    trust = pulumi.Output.json_dumps(
        service_trust(
            "eks.amazonaws.com",
            source_account=build.place.account_id,
            source_arn=build.place.arn("eks", f"cluster/{build.args.name}"),
        )
    )
    description = f"Control plane of EKS cluster {build.args.name}"
    return service_role(build, "cluster-role", description, trust, ["AmazonEKSClusterPolicy"])


def _secrets_key(build: Build, role: Role) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
    description = f"Secrets of EKS cluster {build.args.name}"
    given = build.args.secrets_key_arn
    arn = key_arn(build, given, "secrets-key", description, uses={KeyUse.EKS: [role.arn]}, opts=build.kept)
    if given is None:
        return arn, []
    # A key of somebody else's cannot name a role that is only made now.
    actions = ("kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey")
    policy = aws.iam.RolePolicy(
        f"{build.name}-secrets-key",
        role=role.name,
        policy=pulumi.Output.json_dumps(document(Statement("SecretsKey", actions, (arn,)))),
        opts=build.inside,
    )
    return arn, [policy]


def _cluster(build: Build, role: Role, logs: aws.cloudwatch.LogGroup) -> aws.eks.Cluster:
    args = build.args
    secrets_key, policies = _secrets_key(build, role)
    return aws.eks.Cluster(
        f"{build.name}-cluster",
        name=args.name,
        version=args.version,
        role_arn=role.arn,
        access_config=aws.eks.ClusterAccessConfigArgs(
            authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
        ),
        bootstrap_self_managed_addons=False,
        deletion_protection=args.deletion_protection,
        enabled_cluster_log_types=list(LOG_TYPES),
        encryption_config=aws.eks.ClusterEncryptionConfigArgs(
            provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=secrets_key), resources=["secrets"]
        ),
        kubernetes_network_config=aws.eks.ClusterKubernetesNetworkConfigArgs(
            ip_family="ipv4", service_ipv4_cidr=args.service_cidr
        ),
        upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type=args.support),
        vpc_config=aws.eks.ClusterVpcConfigArgs(
            subnet_ids=args.control_plane_subnet_ids or [],
            endpoint_private_access=True,
            endpoint_public_access=bool(args.public_access_cidrs),
            public_access_cidrs=list(args.public_access_cidrs or ()) or None,
        ),
        zonal_shift_config=aws.eks.ClusterZonalShiftConfigArgs(enabled=args.zonal_shift),
        # Without the log group EKS makes one, unencrypted and for ever; without the policies it cannot tidy up.
        opts=build.after(logs, *role.attachments, *policies, kept=True),
    )


def _granted(build: Build) -> Iterator[ClusterAccess]:
    for arn in build.args.deployer_arns or ():
        yield ClusterAccess(principal_arn=arn, policy=ClusterAccessPolicy.CLUSTER_ADMIN)
    yield from build.args.access or ()


def _access(build: Build, cluster: aws.eks.Cluster) -> list[pulumi.Resource]:
    entries: dict[str, aws.eks.AccessEntry] = {}
    associations: list[pulumi.Resource] = []
    for granted in _granted(build):
        # Names come from the ARN, so that the order of the list means nothing.
        principal = granted.principal_arn
        digest = hashlib.sha256(principal.encode()).hexdigest()[:6]
        name = f"{build.name}-access-{principal.rpartition('/')[2]}-{digest}"
        if principal not in entries:
            entries[principal] = aws.eks.AccessEntry(
                name, cluster_name=cluster.name, principal_arn=principal, opts=build.inside
            )
        scope = aws.eks.AccessPolicyAssociationAccessScopeArgs(
            type="namespace" if granted.namespaces else "cluster", namespaces=list(granted.namespaces or ()) or None
        )
        policy = pulumi.Output.concat(
            "arn:", build.place.partition, f":eks::aws:cluster-access-policy/{granted.policy.value}"
        )
        association = aws.eks.AccessPolicyAssociation(
            f"{name}-{granted.policy.value}",
            cluster_name=cluster.name,
            principal_arn=entries[principal].principal_arn,
            policy_arn=policy,
            access_scope=scope,
            opts=build.inside,
        )
        associations.append(association)
    return associations


def _private_access(build: Build, security_group_id: pulumi.Output[str]) -> list[pulumi.Resource]:
    return [
        aws.vpc.SecurityGroupIngressRule(
            f"{build.name}-api-{cidr.replace('/', '-')}",
            security_group_id=security_group_id,
            description="Kubernetes API from a private range",
            cidr_ipv4=cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=build.inside,
        )
        for cidr in build.args.private_access_cidrs or ()
    ]
