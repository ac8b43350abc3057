"""What lies between nodes: the security group that Elastic Fabric Adapter needs, and a placement group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import pulumi
import pulumi_aws as aws

from mlplatform.facts.aws.efa import Interface
from mlplatform.gpu_node_pool import selection
from mlplatform.gpu_node_pool.args import GpuNodePoolArgs


@dataclass(frozen=True, slots=True)
class Fabric:
    """How the nodes of a pool are connected, whichever way they are launched."""

    security_group_ids: Sequence[pulumi.Input[str]]
    """Security groups of every interface."""
    interfaces: Sequence[Interface] = ()
    """The interfaces of a node with EFA; none means the usual one."""
    placement_group: Optional[pulumi.Input[str]] = None
    """Name of the placement group."""
    made: Sequence[pulumi.Resource] = ()
    """What must exist before the first node."""

    @property
    def adapters(self) -> int:
        """Elastic Fabric Adapters of a node."""
        return max(0, len(self.interfaces) - 1)


def create(name: str, args: GpuNodePoolArgs, inside: pulumi.ResourceOptions) -> Fabric:
    """The security group and the placement group that the arguments ask for."""
    groups: list[pulumi.Input[str]] = list(args.security_group_ids)
    made: list[pulumi.Resource] = []
    placement = args.placement_group.name if args.placement_group else None
    if args.efa:
        group, rules = _security_group(name, args, inside)
        groups.append(group.id)
        made.extend(rules)
    if args.placement_group and placement is None:
        cluster = aws.ec2.PlacementGroup(f"{name}-nodes", strategy="cluster", opts=inside)
        placement = cluster.name
        made.append(cluster)
    return Fabric(
        security_group_ids=groups,
        interfaces=selection.fabric(args.kinds) if args.efa else (),
        placement_group=placement,
        made=made,
    )


def _security_group(
    name: str, args: GpuNodePoolArgs, inside: pulumi.ResourceOptions
) -> tuple[aws.ec2.SecurityGroup, Sequence[pulumi.Resource]]:
    """EFA works only where all traffic is allowed in from and out to one security group of both ends.

    Amazon EC2 User Guide, Get started with EFA and MPI, Prepare an EFA-enabled security group: the rule outwards must
    name the group too, one to everywhere does not do.
    """
    group = aws.ec2.SecurityGroup(
        f"{name}-efa",
        description=f"Elastic Fabric Adapter between the nodes of pool {name}",
        vpc_id=args.vpc_id,
        opts=inside,
    )
    inwards = aws.vpc.SecurityGroupIngressRule(
        f"{name}-efa-in",
        description="From the nodes of the pool",
        security_group_id=group.id,
        referenced_security_group_id=group.id,
        ip_protocol="-1",
        opts=inside,
    )
    outwards = aws.vpc.SecurityGroupEgressRule(
        f"{name}-efa-out",
        description="To the nodes of the pool",
        security_group_id=group.id,
        referenced_security_group_id=group.id,
        ip_protocol="-1",
        opts=inside,
    )
    return group, [inwards, outwards]
