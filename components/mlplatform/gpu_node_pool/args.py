"""What a node pool needs to know: settings that a person writes, and what is wired from cluster and network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Optional, Self

from pydantic import model_validator

from mlplatform.contracts import gpu_sharing, labels
from mlplatform.core.args import Args, In, at_least, between, checked, distinct, each, matching
from mlplatform.core.capacity import Purpose, Tier
from mlplatform.core.identifiers import ACCOUNT, CRON, ROLE_ARN, SECURITY_GROUP, SUBNET, VPC
from mlplatform.core.keys import KEY_ARN
from mlplatform.facts.aws.instances import Architecture, InstanceType
from mlplatform.facts.kubernetes.allocatable import MAX_PODS, Resources
from mlplatform.gpu_node_pool import limits, selection
from mlplatform.gpu_node_pool.limits import Shares
from mlplatform.gpu_node_pool.purposes import BEHAVIOUR

DISK_GIB = 100
"""Default size of root volumes."""
LABEL_CHARACTERS = 63
"""What Kubernetes allows in the value of a label (Kubernetes documentation, Labels and Selectors)."""
RESTRICTED = ("kubernetes.io", "k8s.io", "karpenter.sh", "karpenter.k8s.aws", "eks.amazonaws.com", labels.DOMAIN)
"""Domains of labels that Kubernetes, Karpenter, EKS and these components set themselves."""
RESERVED_TAGS = ("aws:", "eks:", "karpenter.k8s.aws/", "karpenter.sh/", "kubernetes.io/cluster")
"""Beginnings of tags that AWS, EKS and Karpenter set themselves."""
ALIAS = matching(
    r"al2023@v\d{8}",
    "a pinned release of EKS's Amazon Linux 2023 image, not latest, such as al2023@v20261001",
)
SSM_PARAMETER = matching(
    r"/aws/service/(?!.*/recommended(/|$))[\w./-]+",
    "an SSM parameter of AWS's own (Karpenter may read no other) that names a release, not recommended, such as "
    "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/amazon-eks-node-al2023-x86_64-nvidia-1.35-"
    "v20261001/image_id",
)
AMI_ID = matching(r"ami-[0-9a-f]+", "the id of an image, such as ami-0123456789abcdef0")
RELEASE = matching(
    r"\d+\.\d+\.\d+-\d{8}", "a release of EKS's images for the cluster's Kubernetes version, such as 1.35.3-20261001"
)
RESERVATION = matching(r"cr-[0-9a-z]+", "the id of a capacity reservation, such as cr-0123456789abcdef0")
ZONE = matching(r"[a-z]{2}(-[a-z0-9]+)+", "an availability zone, such as eu-west-1a")
ROLE_NAME = matching(r"[\w+=,.@-]{1,64}", "the name of an IAM role, not its ARN, such as ml-prod-nodes")
_NAME = r"[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?"
KEY = matching(
    rf"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?{_NAME}", "a key of Kubernetes, with or without a domain, such as team.dev/use"
)
VALUE = matching(rf"({_NAME})?", f"letters, digits, - _ and . of at most {LABEL_CHARACTERS} characters, such as vision")


def _own_key(key: str) -> str:
    domain, slash, _ = KEY(key).rpartition("/")
    taken = [name for name in RESTRICTED if slash and (domain == name or domain.endswith(f".{name}"))]
    if taken or domain == "nvidia.com":
        raise ValueError(
            f"got {key!r}, which {domain} sets or reads itself; allowed is a domain of your own, or none; rename it"
        )
    return key


def _own_labels(values: Mapping[str, str]) -> Mapping[str, str]:
    for key, value in values.items():
        _own_key(key)
        VALUE(value)
    return values


def _another(*allowed: Tier) -> Callable[[Tier], Tier]:
    def rule(tier: Tier) -> Tier:
        if tier not in allowed:
            raise ValueError(f"got {tier.value!r}; allowed {'is' if len(allowed) == 1 else 'are'} {', '.join(allowed)}")
        return tier

    return rule


def _own_tags(values: Mapping[str, object]) -> Mapping[str, object]:
    for key in values:
        if key.startswith(RESERVED_TAGS):
            raise ValueError(
                f"got {key!r}, which Karpenter or EKS sets, and by which Karpenter knows its own; take it out"
            )
    return values


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it, in Kubernetes' words."""

    NO_SCHEDULE = "NoSchedule"
    """They are not placed on the node."""
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    """They are placed there only where nothing else fits."""
    NO_EXECUTE = "NoExecute"
    """They are not placed there, and evicted where they run."""


class PoolNeed(Args):
    """What a node must have; each known instance type that has it may be used, except bare metal."""

    gpus: Optional[int] = None
    """GPUs of a node, at least 1; any number by default. Their memory goes with the accelerator."""
    min_vcpus: Optional[int] = None
    """vCPUs of a node at least; any number by default."""
    max_vcpus: Optional[int] = None
    """vCPUs of a node at most; any number by default."""
    min_memory_gib: Optional[int] = None
    """GiB of memory of a node at least; any by default."""
    architecture: Optional[Architecture] = Architecture.X86_64
    """Processors of the nodes, x86_64 or arm64; x86_64 by default, which every image is built for."""

    _gpus = checked(at_least(1, "GPUs"), "gpus")
    _vcpus = checked(at_least(1, "vCPUs"), "min_vcpus", "max_vcpus")
    _memory = checked(at_least(1, "GiB"), "min_memory_gib")

    def met_by(self, kind: InstanceType) -> bool:
        """Whether an instance type has it."""
        return (
            kind.architecture is self.architecture
            and self.gpus in {None, kind.accelerator_count}
            and (self.min_vcpus or 0) <= kind.vcpus <= (self.max_vcpus or kind.vcpus)
            and kind.memory_gib >= (self.min_memory_gib or 0)
        )


class PoolTier(Args):
    """How much of one kind of capacity the pool may use: a NodePool or node group of its own, and a flavor of a queue.

    The limit is a ceiling of cost and not a guarantee: EC2 may have no instance, and Karpenter, which counts nodes a
    moment late, may exceed it for as long.
    """

    limit_gpus: Optional[int] = None
    """Physical GPUs at most, whatever share of one a pod gets: a multiple of those of each instance type. Required on a
    pool with an accelerator, and only there."""
    limit_cpus: Optional[int] = None
    """vCPUs at most, enough for a node of each instance type. Required on a pool without accelerator, and only
    there."""
    limit_memory_gib: Optional[int] = None
    """GiB of memory at most, enough for a node of each instance type. Required on a pool without accelerator, and only
    there."""
    paused: Optional[bool] = False
    """Whether the tier gets no more nodes: its limit and its quota in a queue are 0; off by default. Nodes that exist
    stay until they are empty."""

    _gpus = checked(at_least(1, "GPUs"), "limit_gpus")
    _cpus = checked(at_least(1, "vCPUs"), "limit_cpus")
    _memory = checked(at_least(1, "GiB"), "limit_memory_gib")


class FallbackTier(PoolTier):
    """A tier that another kind of capacity can stand in for."""

    fallback: Optional[Tier] = None
    """What Karpenter launches in this tier where it has none of the tier's own capacity: on-demand for spot; on-demand
    or spot for reserved. Nothing by default: what is used then shows where it was planned. Set it where starting
    matters more than that. Not with `managed`."""


class SpotTier(FallbackTier):
    """Spot capacity."""

    _fallback = checked(_another(Tier.ON_DEMAND), "fallback")


class ReservedTier(FallbackTier):
    """Capacity that is reserved already, by id or by tags; nothing here buys any."""

    reservation_ids: Optional[Sequence[In[str]]] = []
    """Ids of On-Demand Capacity Reservations or capacity blocks; none by default, then `reservation_tags` is needed.
    With `managed` exactly one."""
    reservation_tags: Optional[Mapping[str, str]] = {}
    """Tags that the reservations have, all of them; none by default, then `reservation_ids` is needed. New reservations
    with these tags are used without a change here. Not with `managed`."""
    owner_id: Optional[In[str]] = None
    """Account that owns the reservations that `reservation_tags` select; any by default that shares some with this
    one."""
    capacity_block: Optional[bool] = False
    """Whether they are capacity blocks for ML; off by default. EC2 ends a block's instances half an hour before the
    block, and Karpenter drains them ten minutes before that: jobs must have their checkpoints by then. Set `paused`
    when the block has ended."""

    _fallback = checked(_another(Tier.ON_DEMAND, Tier.SPOT), "fallback")
    _ids = checked(each(RESERVATION), "reservation_ids")
    _owner = checked(ACCOUNT, "owner_id")

    @model_validator(mode="after")
    def _by_id_or_tags(self) -> Self:
        given = [field for field in ("reservation_ids", "reservation_tags") if getattr(self, field)]
        if len(given) != 1:
            raise ValueError(
                f"got {' and '.join(given) or 'no reservation'}; allowed is exactly one of reservation_ids and "
                "reservation_tags; say by it what is reserved"
            )
        if self.owner_id is not None and not self.reservation_tags:
            raise ValueError("owner_id and reservation_ids: an id has one owner anyway; take owner_id out")
        return self


class PoolPlacementGroup(Args):
    """A cluster placement group: nodes close to each other, at the price of fewer places where EC2 finds one."""

    name: Optional[In[str]] = None
    """Name of a cluster placement group that exists, such as that in which capacity is reserved; by default one is
    made."""


class PoolSharing(Args):
    """How several pods share a GPU: exactly one of `time_slices` and `mig_profile`."""

    time_slices: Optional[int] = None
    """Pods that take turns on each GPU, at least 2. Nothing parts their memory, nor keeps one from slowing the others:
    for notebooks and small models. The device plugin needs a configuration of that name."""
    mig_profile: Optional[str] = None
    """Partition of which each GPU has as many as fit, such as 1g.10gb: memory and cores of its own. Needs the GPU
    operator's MIG manager."""

    _slices = checked(at_least(2, "pods"), "time_slices")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [field for field in ("time_slices", "mig_profile") if getattr(self, field) is not None]
        if len(given) != 1:
            raise ValueError(
                f"got {' and '.join(given) or 'neither'}; allowed is exactly one: time_slices, mig_profile"
            )
        return self


class PoolTaint(Args):
    """A taint of every node, beside that of GPUs."""

    key: str
    """Key of the taint, of a domain of your own."""
    value: Optional[str] = None
    """Value of the taint; none by default."""
    effect: Optional[TaintEffect] = TaintEffect.NO_SCHEDULE
    """What happens to pods that do not tolerate it; NoSchedule by default."""

    _key = checked(_own_key, "key")
    _value = checked(VALUE, "value")


class PoolWorkingHours(Args):
    """When people work, in UTC: Karpenter then ends empty nodes only."""

    start: Optional[str] = "0 6 * * mon-fri"
    """Beginning of working hours as a time of cron, in UTC; 0 6 * * mon-fri by default."""
    hours: Optional[int] = 14
    """Hours that they last, 1 to 24; 14 by default: from the first in Europe's east to the last in its west."""

    _start = checked(CRON, "start")
    _hours = checked(between(1, 24, "hours"), "hours")


class PoolDaemons(Args):
    """What DaemonSets request on every node: it is taken off what pods can have there."""

    cpu_millicores: Optional[int] = 500
    """Thousandths of a core; 500 by default, several times what network, storage and identity agents request. A reserve
    too small admits jobs that find no place; one too large wastes its share of each node."""
    memory_mib: Optional[int] = 1024
    """MiB; 1024 by default, for the same reason."""

    _cpu = checked(at_least(0, "thousandths of a core"), "cpu_millicores")
    _memory = checked(at_least(0, "MiB"), "memory_mib")


class KarpenterNodes(Args):
    """Nodes that Karpenter launches when pods wait for them and ends when they are empty, from zero.

    Of the image, exactly one field is given; all pin it, since a new image replaces nodes. It is Amazon Linux 2023,
    which takes the settings that nodes get here.
    """

    ami_alias: Optional[str] = None
    """Release of EKS's image, such as al2023@v20261001; Karpenter takes the variant with NVIDIA's driver for GPUs."""
    ami_ssm_parameter: Optional[str] = None
    """SSM parameter that holds the id of one release of AWS's images; with an accelerator, one with NVIDIA's driver."""
    ami_id: Optional[In[str]] = None
    """Id of an image of your own, made from EKS's Amazon Linux 2023; with an accelerator, with NVIDIA's driver."""

    _alias = checked(ALIAS, "ami_alias")
    _parameter = checked(SSM_PARAMETER, "ami_ssm_parameter")
    _id = checked(AMI_ID, "ami_id")

    @model_validator(mode="after")
    def _one_image(self) -> Self:
        fields = ("ami_alias", "ami_ssm_parameter", "ami_id")
        given = [field for field in fields if getattr(self, field) is not None]
        if len(given) != 1:
            raise ValueError(f"got {' and '.join(given) or 'no image'}; allowed is exactly one of {', '.join(fields)}")
        return self


class ManagedNodes(Args):
    """Nodes of EKS managed node groups, one group a tier: as many as the limit allows, there before any job.

    Nothing scales them: the limit is the bill. They suit capacity that is paid for anyway, and queues that know the
    topology of the network.
    """

    release_version: str
    """Release of EKS's Amazon Linux 2023 image, such as 1.35.3-20261001. A change replaces every node, one at a time,
    with what runs there: change it while the queue is held."""

    _release = checked(RELEASE, "release_version")


class GpuNodePoolSettings(Args):
    """What a person decides of a node pool."""

    purpose: Purpose
    """What the pool is for: training, inference, notebook or services. It decides when nodes are ended, and that pools
    for inference and services are in no queue."""
    accelerator: Optional[str] = None
    """NVIDIA GPU of the nodes, such as H100, A10G or L40S. Without one, which is the default, it is a pool of CPU
    nodes."""
    instance_types: Optional[Sequence[str]] = []
    """EC2 instance types that may be used, of one architecture; none by default, then `need` is needed."""
    need: Optional[PoolNeed] = None
    """What a node must have, instead of `instance_types`: more types, and a better chance of finding one."""
    reserved: Optional[ReservedTier] = None
    """Reserved capacity; none by default."""
    on_demand: Optional[PoolTier] = None
    """On-demand capacity; none by default."""
    spot: Optional[SpotTier] = None
    """Spot capacity, which EC2 takes back with two minutes' notice; none by default."""
    order: Optional[Sequence[Tier]] = []
    """Order in which the tiers are used; reserved, on-demand, spot by default: what is paid for, then what stays, then
    what is taken back. It is an order of quota: a queue goes on to the next tier when the quota of one is used, not
    when EC2 has no stock."""
    zones: Optional[Sequence[str]] = []
    """Availability zones of the nodes; all that the subnets are in by default. Exactly one with `efa`."""
    efa: Optional[bool] = False
    """Whether nodes get all Elastic Fabric Adapters of their type, with a security group of their own; off by default:
    only jobs of several nodes use them. Pods then request the number of the output `efa_interfaces`."""
    placement_group: Optional[PoolPlacementGroup] = None
    """A cluster placement group, `{}` to make one; none by default, since it narrows where EC2 finds nodes, and
    capacity blocks are close together anyway."""
    sharing: Optional[PoolSharing] = None
    """How pods share GPUs; whole GPUs by default."""
    karpenter: Optional[KarpenterNodes] = None
    """Nodes from Karpenter; this or `managed`."""
    managed: Optional[ManagedNodes] = None
    """Nodes of managed node groups; this or `karpenter`."""
    disk_gib: Optional[In[int]] = DISK_GIB
    """Size of the encrypted root volume in GiB, at least 20, the size of the image; 100 by default, room for several
    large images beside it. Where local disks are joined, images and logs are there instead."""
    instance_store: Optional[bool] = True
    """Whether local disks, where a type has some, are joined into one that holds images, logs and `emptyDir` volumes;
    on by default: they are paid for, faster than the root volume, and encrypted by the hardware."""
    labels: Optional[Mapping[str, str]] = {}
    """Further labels of the nodes, of a domain of your own; none by default."""
    taints: Optional[Sequence[PoolTaint]] = []
    """Further taints of the nodes; none by default. With an accelerator there is `nvidia.com/gpu` anyway."""
    max_job_hours: Optional[int] = None
    """Hours that the longest job runs, at least 1, on a pool for training: nodes older than a month are then replaced,
    each job having that long to end. None by default: nodes stay until they are empty, and a job is never ended, but a
    node that is never empty is never updated."""
    working_hours: Optional[PoolWorkingHours] = None
    """When nodes of a pool for notebooks are left alone; by default on weekdays from 6 to 20 o'clock UTC. Outside of
    them, outdated nodes are replaced within the hour, with the notebooks that still run there."""
    max_pods: Optional[int] = MAX_PODS
    """Pods of a node at most, 10 to 250; 110 by default, what Kubernetes is tested for. Each keeps 11 MiB of the node's
    memory for the kubelet."""
    daemons: Optional[PoolDaemons] = PoolDaemons()
    """What DaemonSets request on every node."""

    _accelerator = checked(selection.accelerator, "accelerator")
    _known = checked(each(selection.known), "instance_types")
    _distinct = checked(distinct, "instance_types", "zones", "order")
    _zones = checked(each(ZONE), "zones")
    _disk = checked(at_least(20, "GiB"), "disk_gib")
    _labels = checked(_own_labels, "labels")
    _hours = checked(at_least(1, "hours"), "max_job_hours")
    _pods = checked(between(10, 250, "pods"), "max_pods")

    @property
    def kinds(self) -> tuple[InstanceType, ...]:
        """The instance types that may be used."""
        if self.need is not None:
            return selection.needed(self.accelerator, self.need.met_by)
        return selection.named(self.accelerator, self.instance_types or ())

    @property
    def given(self) -> dict[Tier, PoolTier]:
        """The tiers that are given, in the order in which they are used."""
        tiers = [(tier, getattr(self, _field(tier))) for tier in self.order or BEHAVIOUR[self.purpose].order]
        return {tier: found for tier, found in tiers if found is not None}

    @property
    def shares(self) -> Shares:
        """What a pod can ask for of a GPU, and how many each GPU has of it."""
        if self.sharing is None:
            return Shares(labels.GPU, 1)
        if self.sharing.mig_profile is not None:
            profile = self.sharing.mig_profile
            fitting = gpu_sharing.MIG_PROFILES[str(self.accelerator)][profile]
            return Shares(gpu_sharing.mig_resource(profile), fitting)
        return Shares(gpu_sharing.TIME_SLICE, self.sharing.time_slices or 1)

    @property
    def daemon_resources(self) -> Resources:
        """What DaemonSets request on every node."""
        daemons = self.daemons or PoolDaemons()
        return Resources(daemons.cpu_millicores or 0, daemons.memory_mib or 0)

    @property
    def sharing_label(self) -> dict[str, str]:
        """The label by which the GPU software shares the GPUs of a node; none where they are not shared."""
        if self.sharing is None:
            return {}
        if self.sharing.mig_profile is not None:
            return {gpu_sharing.MIG_CONFIG: gpu_sharing.mig_config(self.sharing.mig_profile)}
        return {gpu_sharing.DEVICE_PLUGIN_CONFIG: gpu_sharing.time_slicing_config(self.sharing.time_slices or 1)}

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        self._exactly_one("instance_types", "need", why="name types, or say what a node must have")
        self._exactly_one("karpenter", "managed", why="most pools are Karpenter's, which pays for nodes in use only")
        if not self.given:
            raise ValueError(
                "reserved, on_demand and spot are missing; allowed are one or more; set one, with its limit"
            )
        return self

    def _exactly_one(self, *fields: str, why: str) -> None:
        found = [field for field in fields if getattr(self, field)]
        if len(found) != 1:
            raise ValueError(
                f"got {' and '.join(found) or 'neither'}; allowed is exactly one of {', '.join(fields)}; {why}"
            )

    @model_validator(mode="after")
    def _gpus_fit(self) -> Self:
        if self.accelerator is None:
            self._refuse(("efa", "sharing"), "and no accelerator: only GPUs are shared and connected; set accelerator")
            if self.need is not None and self.need.gpus is not None:
                raise ValueError(f"need.gpus {self.need.gpus} and no accelerator: say of which GPU; set accelerator")
        if self.sharing is not None and self.sharing.mig_profile is not None:
            profiles = gpu_sharing.MIG_PROFILES.get(str(self.accelerator), {})
            if self.sharing.mig_profile not in profiles:
                raise ValueError(_no_profile(self.sharing.mig_profile, str(self.accelerator), list(profiles)))
        return self

    @model_validator(mode="after")
    def _types_fit(self) -> Self:
        kinds = self.kinds
        if self.efa:
            selection.fabric(kinds)
        for tier, given in self.given.items():
            limits.check(
                _field(tier),
                kinds,
                gpus=given.limit_gpus,
                cpus=given.limit_cpus,
                memory_gib=given.limit_memory_gib,
            )
        return self

    @model_validator(mode="after")
    def _tiers_fit(self) -> Self:
        tiers = [tier for tier in Tier if getattr(self, _field(tier)) is not None]
        if self.order and set(self.order) != set(tiers):
            raise ValueError(
                f"order {', '.join(self.order)} and the tiers given, {', '.join(tiers)}: allowed is an order of "
                "exactly these; name each once, or leave order out"
            )
        if self.reserved and self.reserved.capacity_block and self.reserved.fallback is not None:
            raise ValueError(
                f"reserved.capacity_block and reserved.fallback {self.reserved.fallback.value!r}: nodes of a block end "
                f"with it, and those of a fallback would not; set {_field(self.reserved.fallback)} instead, with a "
                "limit of its own"
            )
        return self

    @model_validator(mode="after")
    def _purpose_fits(self) -> Self:
        if self.purpose is not Purpose.TRAINING:
            self._refuse(
                ("max_job_hours",), f"and purpose {self.purpose}: only pools for training wait for jobs; take it out"
            )
        if self.purpose is not Purpose.NOTEBOOK:
            self._refuse(
                ("working_hours",), f"and purpose {self.purpose}: only pools for notebooks keep hours; take it out"
            )
        return self

    @model_validator(mode="after")
    def _fabric_fits(self) -> Self:
        if self.efa and self.karpenter and len(self.zones or ()) != 1:
            raise ValueError(
                f"efa and zones {', '.join(self.zones or ()) or 'of all subnets'}: EFA does not leave a zone; allowed "
                "is exactly one; name the zone"
            )
        if self.placement_group is None or self.reserved is None:
            return self
        if self.reserved.capacity_block:
            raise ValueError(
                "placement_group and reserved.capacity_block: a block's instances are close together already, and EC2 "
                "takes no placement group with one; take placement_group out"
            )
        if self.placement_group.name is None:
            raise ValueError(
                "placement_group without name, and reserved: capacity that is reserved cannot be in a group made after "
                "it; set placement_group.name to the group of the reservation"
            )
        return self

    @model_validator(mode="after")
    def _managed_fits(self) -> Self:
        if self.managed is not None:
            self._refuse(
                ("zones", "max_job_hours", "working_hours"),
                "and managed: a node group is where its subnets are, and replaces no node by itself; take it out",
            )
            for problem in self._unmanageable():
                raise ValueError(problem)
        return self

    def _unmanageable(self) -> Iterator[str]:
        for tier, given in self.given.items():
            if isinstance(given, FallbackTier) and given.fallback is not None:
                yield f"{_field(tier)}.fallback and managed: a node group has one capacity type; add a tier of that one"
        sizes = sorted({int(kind.accelerator_count) for kind in self.kinds})
        if len(sizes) > 1:
            yield (
                f"instance types with {', '.join(map(str, sizes))} GPUs and managed: the number of nodes would say "
                "nothing of the number of GPUs; keep types with one number of GPUs"
            )
        reserved = self.reserved
        if reserved is None:
            return
        if len(reserved.reservation_ids or ()) != 1:
            yield (
                "reserved and managed: a launch template has exactly one reservation; name one in "
                "reserved.reservation_ids, or use karpenter"
            )
        if reserved.capacity_block and len(self.kinds) != 1:
            yield (
                f"reserved.capacity_block, managed and {len(self.kinds)} instance types: a block is of one; "
                "keep that one"
            )

    def _refuse(self, fields: Sequence[str], why: str) -> None:
        found = [field for field in fields if getattr(self, field)]
        if found:
            raise ValueError(f"{', '.join(found)} {why}")


def _field(tier: Tier) -> str:
    return tier.replace("-", "_")


def _no_profile(profile: str, accelerator: str, profiles: Sequence[str]) -> str:
    if not profiles:
        with_mig = ", ".join(gpu_sharing.MIG_PROFILES)
        return f"sharing.mig_profile and accelerator {accelerator!r}, which has no MIG; allowed are {with_mig}"
    return f"sharing.mig_profile {profile!r} and accelerator {accelerator!r}; allowed there are {', '.join(profiles)}"


class GpuNodePoolArgs(GpuNodePoolSettings):
    """What a node pool needs to know."""

    cluster_name: In[str]
    """EKS cluster that the nodes join. Karpenter looks for subnets with the tag `karpenter.sh/discovery` of that value
    where `subnet_ids` names none."""
    security_group_ids: Sequence[In[str]]
    """Ids of the security groups of the nodes: the cluster security group that EKS made, at least."""
    ebs_key_arn: In[str]
    """KMS key that encrypts the nodes' volumes; it must admit Karpenter's controller and the service-linked roles of
    Auto Scaling and Spot."""
    node_role_name: Optional[In[str]] = None
    """Name of the role of nodes that Karpenter launches; needed with `karpenter`."""
    node_role_arn: Optional[In[str]] = None
    """ARN of the role of the nodes of a managed node group; needed with `managed`. EKS makes its access entry."""
    subnet_ids: Optional[In[Sequence[In[str]]]] = None
    """Ids of the subnets of the nodes; with `karpenter` by default all that have the discovery tag, with `managed`
    needed: exactly one with `efa`."""
    vpc_id: Optional[In[str]] = None
    """VPC of the nodes; needed with `efa`, for its security group."""
    node_overlays: Optional[bool] = False
    """Whether Karpenter's feature gate NodeOverlay is on; off by default, as in its chart. Needed for `sharing`, since
    Karpenter launches nodes for a share of a GPU only where an overlay tells it of shares."""
    tags: Optional[Mapping[str, In[str]]] = {}
    """Tags of the instances and their volumes; none by default. The AWS provider's default tags do not reach them: they
    are launched by Karpenter or EKS."""

    _groups = checked(each(SECURITY_GROUP), "security_group_ids")
    _key = checked(KEY_ARN, "ebs_key_arn")
    _role_name = checked(ROLE_NAME, "node_role_name")
    _role_arn = checked(ROLE_ARN, "node_role_arn")
    _subnets = checked(each(SUBNET), "subnet_ids")
    _vpc = checked(VPC, "vpc_id")
    _tags = checked(_own_tags, "tags")

    @model_validator(mode="after")
    def _wired(self) -> Self:
        needed: Mapping[str, Sequence[str]] = {
            "karpenter": ("node_role_name",) if self.karpenter else (),
            "managed": ("node_role_arn", "subnet_ids") if self.managed else (),
            "efa": ("vpc_id",) if self.efa else (),
        }
        for why, fields in needed.items():
            missing = [field for field in fields if getattr(self, field) is None]
            if missing:
                raise ValueError(f"{why} without {', '.join(missing)}: needed for {why}; set {', '.join(missing)}")
        if not self.security_group_ids:
            raise ValueError("security_group_ids is empty; allowed are one or more; give the cluster security group")
        return self

    @model_validator(mode="after")
    def _in_one_subnet(self) -> Self:
        subnets = self.subnet_ids
        if self.efa and self.managed and isinstance(subnets, Sequence) and len(subnets) != 1:
            raise ValueError(
                f"efa, managed and {len(subnets)} subnet_ids: EFA does not leave a zone; allowed is exactly one; "
                "keep one"
            )
        return self

    @model_validator(mode="after")
    def _overlaid(self) -> Self:
        if self.sharing and self.karpenter and not self.node_overlays:
            raise ValueError(
                "sharing and node_overlays false: Karpenter knows whole GPUs only, and would launch nothing for a "
                "share; turn its feature gate NodeOverlay on, and set node_overlays to true"
            )
        return self
