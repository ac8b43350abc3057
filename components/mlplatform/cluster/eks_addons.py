"""The EKS add-ons without which a node is no node: network, proxy, DNS and pod identity."""

import json
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from mlplatform.cluster.args import ClusterAddonVersions
from mlplatform.cluster.build import Build, managed_policy
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs

CNI_CONFIGURATION: Mapping[str, object] = {
    "enableNetworkPolicy": "true",
    # Nodes take /28 blocks instead of addresses: more pods a node, fewer calls to EC2. One block is kept warm.
    "env": {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"},
}
"""Values of the vpc-cni add-on; its schema takes text only."""


def before_nodes(
    build: Build, cluster_name: pulumi.Output[str], versions: ClusterAddonVersions
) -> list[pulumi.Resource]:
    """DaemonSets that EKS accepts while there is no node; a node that finds them becomes ready at once.

    The agent and the role come before the CNI, whose pods ask for credentials as soon as they start; the agent itself
    uses the node's network and needs no CNI.
    """
    agent = _addon(build, cluster_name, "eks-pod-identity-agent", versions.pod_identity_agent, build.inside)
    proxy = _addon(build, cluster_name, "kube-proxy", versions.kube_proxy, build.inside)
    role = WorkloadRole(
        f"{build.name}-cni",
        WorkloadRoleArgs(
            namespace="kube-system",
            service_account="aws-node",
            managed_policy_arns=[managed_policy(build, "AmazonEKS_CNI_Policy")],
            cluster_name=cluster_name,
            permissions_boundary_arn=build.args.permissions_boundary_arn,
        ),
        build.inside,
    )
    cni = _addon(build, cluster_name, "vpc-cni", versions.vpc_cni, build.after(agent, role), CNI_CONFIGURATION)
    return [agent, proxy, cni]


def dns(
    build: Build, cluster_name: pulumi.Output[str], versions: ClusterAddonVersions, nodes: aws.eks.NodeGroup
) -> aws.eks.Addon:
    """CoreDNS: a Deployment, which needs nodes to become active."""
    return _addon(build, cluster_name, "coredns", versions.coredns, build.after(nodes))


def _addon(  # noqa: PLR0913, PLR0917 - what differs from add-on to add-on
    build: Build,
    cluster_name: pulumi.Output[str],
    addon: str,
    version: str,
    opts: pulumi.ResourceOptions,
    configuration: Mapping[str, object] | None = None,
) -> aws.eks.Addon:
    return aws.eks.Addon(
        f"{build.name}-{addon}",
        cluster_name=cluster_name,
        addon_name=addon,
        addon_version=version,
        configuration_values=json.dumps(configuration) if configuration else None,
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        opts=opts,
    )
