"""GpuNodePool: nodes for one purpose, bought in up to three ways, each limited; with or without GPUs."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import pulumi

from mlplatform.core.args import InvalidArgs
from mlplatform.core.capacity import Capacity, Tier
from mlplatform.core.naming import Kind, check
from mlplatform.core.objects import Objects
from mlplatform.gpu_node_pool import fabric, flavors, karpenter, managed
from mlplatform.gpu_node_pool.args import GpuNodePoolArgs


class GpuNodePool(pulumi.ComponentResource):
    """Nodes for one purpose: reserved, on demand and Spot, each a NodePool (or node group) with a limit of its own.

    Nothing here ends a node on which a training job runs: Karpenter may end empty nodes only, nodes do not expire, and
    drift waits, all as long as pods say `karpenter.sh/do-not-disrupt: "true"` and `max_job_hours` is kept. EC2 may: it
    takes Spot instances back, ends capacity blocks and retires hardware, so jobs must write checkpoints.

    Delete pools before Karpenter: without it, nobody ends their nodes.
    """

    capacity: Sequence[Capacity]
    """What each tier can hold, in the order in which they are used: flavors and quotas of a TrainingQueue, places of a
    ServingEndpoint. Plain, since it comes from the arguments alone."""
    service_quotas: pulumi.Output[Sequence[Mapping[str, Any]]]
    """EC2's quotas that the limits need: `code`, `name`, `vcpus`, and whether code and name are `verified`. Ask AWS for
    them before nodes do: new accounts have 0 for GPUs."""
    instance_types: pulumi.Output[Sequence[str]]
    """The instance types that may be used."""
    efa_interfaces: pulumi.Output[int]
    """Elastic Fabric Adapters of a node: what the only pod of a node requests of `vpc.amazonaws.com/efa`. 0 without."""

    def __init__(self, name: str, args: GpuNodePoolArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = GpuNodePoolArgs.of(args)
        _check_name(name)
        super().__init__("mlplatform:index:GpuNodePool", name, args.model_dump(exclude_none=True), opts)
        inside = pulumi.ResourceOptions(parent=self)
        objects = Objects.of(self, name) if args.karpenter else None
        connected = fabric.create(name, args, inside)
        if args.karpenter and objects:
            karpenter.create(objects, args, args.karpenter, connected)
        if args.managed:
            managed.create(name, args, args.managed, connected, inside)

        self.capacity = flavors.capacity(name, args)
        self.service_quotas = pulumi.Output.from_input(flavors.service_quotas(args))
        self.instance_types = pulumi.Output.from_input([kind.name for kind in args.kinds])
        self.efa_interfaces = pulumi.Output.from_input(connected.adapters)
        self.register_outputs(
            {
                "capacity": [tier.model_dump(mode="json", exclude_none=True) for tier in self.capacity],
                "service_quotas": self.service_quotas,
                "instance_types": self.instance_types,
                "efa_interfaces": self.efa_interfaces,
            }
        )


def _check_name(name: str) -> None:
    """That of the NodePool with the longest name, and of a security group, fit, so that each can be added later."""
    try:
        check(Kind.KUBERNETES, flavors.flavor(name, Tier.ON_DEMAND))
        check(Kind.SECURITY_GROUP, f"{name}-efa", autonamed=True)
    except ValueError as error:
        raise InvalidArgs(f"GpuNodePool {name!r}: {error}") from None
