"""The system nodes: a managed node group, encrypted, without which nothing could start Karpenter."""

import json

import pulumi
import pulumi_aws as aws

from mlplatform.cluster.args import NODES, ClusterNodes
from mlplatform.cluster.build import Build, Role, service_role
from mlplatform.facts.aws.iam import service_trust

ROOT_DEVICE = "/dev/xvda"
"""Root device of Amazon Linux 2023."""


def node_role(build: Build, role: str, description: str) -> Role:
    """Role of nodes: they join, pull images and let the Pod Identity agent work.

    What the VPC CNI may do is a role of its own, so that no other pod of the node can take it.
    """
    policies = ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"]
    if build.args.session_manager:
        policies.append("AmazonSSMManagedInstanceCore")
    return service_role(build, role, description, json.dumps(service_trust("ec2.amazonaws.com")), policies)


def system_nodes(
    build: Build, cluster_name: pulumi.Output[str], ebs_key_arn: pulumi.Output[str], before: list[pulumi.Resource]
) -> aws.eks.NodeGroup:
    """The node group; `before` is what a node needs in order to become ready."""
    nodes = build.args.nodes or ClusterNodes()
    role = node_role(build, "system-node", "System nodes, managed by EKS")
    template = _launch_template(build, nodes, ebs_key_arn)
    size = nodes.size or NODES
    taint = aws.eks.NodeGroupTaintArgs(key="CriticalAddonsOnly", value="true", effect="NO_SCHEDULE")
    return aws.eks.NodeGroup(
        f"{build.name}-system",
        cluster_name=cluster_name,
        # The control plane's version: nodes follow an upgrade instead of staying behind.
        version=build.args.version,
        release_version=nodes.release_version,
        node_role_arn=role.arn,
        subnet_ids=build.args.node_subnet_ids or [],
        ami_type=nodes.ami_type,
        capacity_type="ON_DEMAND",
        instance_types=list(nodes.instance_types or ()),
        launch_template=aws.eks.NodeGroupLaunchTemplateArgs(id=template.id, version=template.latest_version.apply(str)),
        # The desired size is not ignored: nothing else scales these nodes, and EKS refuses a minimum above it.
        scaling_config=aws.eks.NodeGroupScalingConfigArgs(min_size=size, desired_size=size, max_size=size),
        taints=[taint] if nodes.dedicated else None,
        update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
        node_repair_config=aws.eks.NodeGroupNodeRepairConfigArgs(enabled=True),
        opts=build.after(*before, *role.attachments),
    )


def _launch_template(build: Build, nodes: ClusterNodes, ebs_key_arn: pulumi.Output[str]) -> aws.ec2.LaunchTemplate:
    volume = aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
        volume_type="gp3",
        volume_size=nodes.disk_gib,
        encrypted="true",
        kms_key_id=ebs_key_arn,
        delete_on_termination="true",
    )
    return aws.ec2.LaunchTemplate(
        f"{build.name}-system",
        description=f"System nodes of EKS cluster {build.args.name}",
        update_default_version=True,
        block_device_mappings=[aws.ec2.LaunchTemplateBlockDeviceMappingArgs(device_name=ROOT_DEVICE, ebs=volume)],
        # One hop: pods, which are a hop further than the node, get no credentials of the node.
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        opts=build.inside,
    )
