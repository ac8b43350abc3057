"""The pool as managed node groups of EKS: one launch template and one group a tier."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from mlplatform.core.capacity import Purpose, Tier
from mlplatform.facts.aws.instances import Architecture
from mlplatform.facts.kubernetes.allocatable import kubelet
from mlplatform.gpu_node_pool import flavors
from mlplatform.gpu_node_pool.args import GpuNodePoolArgs, ManagedNodes, PoolTier, ReservedTier, TaintEffect
from mlplatform.gpu_node_pool.fabric import Fabric

ROOT_DEVICE: Final = "/dev/xvda"
"""Root device of Amazon Linux 2023."""
IMAGES: Final[Mapping[tuple[Architecture, bool], str]] = {
    (Architecture.X86_64, False): "AL2023_x86_64_STANDARD",
    (Architecture.ARM64, False): "AL2023_ARM_64_STANDARD",
    (Architecture.X86_64, True): "AL2023_x86_64_NVIDIA",
    (Architecture.ARM64, True): "AL2023_ARM_64_NVIDIA",
}
"""EKS's image by architecture and whether there are GPUs (EKS API model, AMITypes)."""
CAPACITY_TYPES: Final[Mapping[Tier, str]] = {
    Tier.RESERVED: "ON_DEMAND",
    Tier.ON_DEMAND: "ON_DEMAND",
    Tier.SPOT: "SPOT",
}
CAPACITY_BLOCK: Final = "CAPACITY_BLOCK"
EFFECTS: Final[Mapping[TaintEffect, str]] = {
    TaintEffect.NO_SCHEDULE: "NO_SCHEDULE",
    TaintEffect.PREFER_NO_SCHEDULE: "PREFER_NO_SCHEDULE",
    TaintEffect.NO_EXECUTE: "NO_EXECUTE",
}
"""EKS's names."""
REPAIRED: Final = (Purpose.INFERENCE, Purpose.SERVICES)
"""Purposes whose nodes EKS may replace when it thinks them unhealthy: no job runs there that would be lost."""


def create(
    name: str, args: GpuNodePoolArgs, nodes: ManagedNodes, fabric: Fabric, inside: pulumi.ResourceOptions
) -> None:
    """A launch template and a node group for each tier."""
    after = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=list(fabric.made)))
    for tier, given in args.given.items():
        flavor = flavors.flavor(name, tier)
        template = _launch_template(flavor, args, given, fabric, inside)
        block = _in_a_block(given)
        size = min(flavors.limit(given).nodes(kind) for kind in args.kinds)
        aws.eks.NodeGroup(
            flavor,
            cluster_name=args.cluster_name,
            # EKS labels the nodes with it, and a queue's flavor selects them by that label.
            node_group_name=flavor,
            node_role_arn=args.node_role_arn or "",
            subnet_ids=args.subnet_ids or [],
            version=".".join(nodes.release_version.split(".")[:2]),
            release_version=nodes.release_version,
            ami_type=IMAGES[args.kinds[0].architecture, args.accelerator is not None],
            capacity_type=CAPACITY_BLOCK if block else CAPACITY_TYPES[tier],
            # For a capacity block, the launch template has it.
            instance_types=None if block else [kind.name for kind in args.kinds],
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            # EKS allows no maximum of 0.
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(min_size=size, desired_size=size, max_size=max(1, size)),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            node_repair_config=aws.eks.NodeGroupNodeRepairConfigArgs(enabled=args.purpose in REPAIRED),
            labels=flavors.node_labels(name, args),
            taints=[
                aws.eks.NodeGroupTaintArgs(key=key, value=value or None, effect=EFFECTS[effect])
                for key, value, effect in flavors.taints(args)
            ],
            opts=after,
        )


def _in_a_block(given: PoolTier) -> bool:
    return isinstance(given, ReservedTier) and bool(given.capacity_block)


def _launch_template(
    flavor: str, args: GpuNodePoolArgs, given: PoolTier, fabric: Fabric, inside: pulumi.ResourceOptions
) -> aws.ec2.LaunchTemplate:
    volume = aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
        volume_type="gp3",
        volume_size=args.disk_gib,
        encrypted="true",
        kms_key_id=args.ebs_key_arn,
        delete_on_termination="true",
    )
    placement = fabric.placement_group
    return aws.ec2.LaunchTemplate(
        flavor,
        description=f"Nodes of {flavor}",
        update_default_version=True,
        instance_type=args.kinds[0].name if _in_a_block(given) else None,
        block_device_mappings=[aws.ec2.LaunchTemplateBlockDeviceMappingArgs(device_name=ROOT_DEVICE, ebs=volume)],
        # One hop: pods, which are a hop further than the node, get no credentials of the node.
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        placement=aws.ec2.LaunchTemplatePlacementArgs(group_name=placement) if placement is not None else None,
        user_data=base64.b64encode(user_data(args).encode()).decode(),
        tag_specifications=[
            aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=args.tags)
            for kind in (("instance", "volume") if args.tags else ())
        ],
        **_network(fabric),
        **_reservation(given),
        opts=inside,
    )


def _network(fabric: Fabric) -> dict[str, Any]:
    """Security groups, which a template with interfaces has in each of them."""
    if not fabric.interfaces:
        return {"vpc_security_group_ids": list(fabric.security_group_ids)}
    interfaces = [
        aws.ec2.LaunchTemplateNetworkInterfaceArgs(
            network_card_index=one.network_card,
            device_index=one.device,
            interface_type=one.kind,
            security_groups=list(fabric.security_group_ids),
            delete_on_termination="true",
        )
        for one in fabric.interfaces
    ]
    return {"network_interfaces": interfaces}


def _reservation(given: PoolTier) -> dict[str, Any]:
    """The reservation, and no instance outside of it.

    Amazon EKS User Guide, Create a managed node group with Capacity Blocks for ML: market, target and instance type.
    """
    if not isinstance(given, ReservedTier) or not given.reservation_ids:
        return {}
    target = aws.ec2.LaunchTemplateCapacityReservationSpecificationCapacityReservationTargetArgs(
        capacity_reservation_id=given.reservation_ids[0]
    )
    market = aws.ec2.LaunchTemplateInstanceMarketOptionsArgs(market_type="capacity-block")
    return {
        "capacity_reservation_specification": aws.ec2.LaunchTemplateCapacityReservationSpecificationArgs(
            capacity_reservation_target=target
        ),
        "instance_market_options": market if given.capacity_block else None,
    }


def user_data(args: GpuNodePoolArgs) -> str:
    """A part of nodeadm's configuration; EKS adds its own, with the cluster's name and endpoint.

    awslabs/amazon-eks-ami, nodeadm: NodeConfig node.eks.aws/v1alpha1. JSON is YAML.
    """
    storage = {"instance": {"localStorage": {"strategy": "RAID0"}}} if args.instance_store else {}
    config = {
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {**storage, "kubelet": {"config": kubelet(args.max_pods or 0)}},
    }
    lines = [
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="//"',
        "",
        "--//",
        "Content-Type: application/node.eks.aws",
        "",
        json.dumps(config, sort_keys=True),
        "--//--",
        "",
    ]
    return "\n".join(lines)
