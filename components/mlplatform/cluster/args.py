"""What a cluster needs to know: settings that a person writes, and ids wired from the network."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from ipaddress import IPv4Network, collapse_addresses
from typing import Any, Optional, Self

from pydantic import model_validator

from mlplatform.core.args import Args, In, at_least, checked, distinct, each, matching, one_of
from mlplatform.core.identifiers import ADDON_VERSION, PRINCIPAL_ARN, ROLE_ARN
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.naming import Kind, check
from mlplatform.facts.aws.cidr import PRIVATE_RANGES
from mlplatform.facts.aws.instances import INSTANCE_TYPES, Architecture
from mlplatform.facts.aws.logs import RETENTION_DAYS

VERSION = "1.35"
"""Kubernetes version of a new cluster."""
NODES = 2
"""Fewest system nodes: Karpenter's two replicas must be on different hosts."""
LOG_RETENTION_DAYS = 90
"""Days that control-plane logs are kept by default."""
NETWORK_POLICY_CNI = (1, 14)
"""First version of the VPC CNI that enforces network policies (Amazon EKS User Guide, Limit Pod traffic)."""
PROXY_SKEW = 3
"""Minor versions that kube-proxy may be older than the API server (Kubernetes documentation, Version Skew Policy)."""

EVERYONE = IPv4Network("0.0.0.0/0")
SERVICE_RANGES = PRIVATE_RANGES[:3]
SERVICE_PREFIXES = range(12, 25)


class ClusterSupport(StrEnum):
    """What EKS does when a Kubernetes version leaves standard support."""

    STANDARD = "STANDARD"
    """EKS upgrades the cluster; nothing is paid for extended support."""
    EXTENDED = "EXTENDED"
    """The version stays, at the higher hourly price of extended support."""


class ClusterAccessPolicy(StrEnum):
    """EKS access policies, by AWS's names."""

    CLUSTER_ADMIN = "AmazonEKSClusterAdminPolicy"
    """Everything, like Kubernetes' cluster-admin."""
    ADMIN = "AmazonEKSAdminPolicy"
    """Most of everything, like Kubernetes' admin; meant for namespaces."""
    EDIT = "AmazonEKSEditPolicy"
    """Reads and writes most objects."""
    VIEW = "AmazonEKSViewPolicy"
    """Reads most objects, no secrets."""
    ADMIN_VIEW = "AmazonEKSAdminViewPolicy"
    """Reads everything, secrets too."""


class ClusterAmi(StrEnum):
    """Images of the system nodes, by EKS's names: Amazon Linux 2023, no accelerator."""

    X86_64 = "AL2023_x86_64_STANDARD"
    """Intel and AMD."""
    ARM64 = "AL2023_ARM_64_STANDARD"
    """Graviton."""


class ServiceLinkedRole(StrEnum):
    """Roles that AWS services own in an account, once an account."""

    AUTOSCALING = "autoscaling.amazonaws.com"
    """`AWSServiceRoleForAutoScaling`: launches managed nodes."""
    SPOT = "spot.amazonaws.com"
    """`AWSServiceRoleForEC2Spot`: launches Spot instances."""


ARCHITECTURES: Mapping[ClusterAmi, Architecture] = {
    ClusterAmi.X86_64: Architecture.X86_64,
    ClusterAmi.ARM64: Architecture.ARM64,
}


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.removeprefix("v").split(".")[:2]
    return int(major), int(minor)


def _network(value: str) -> IPv4Network:
    try:
        return IPv4Network(value)
    except ValueError:
        raise ValueError(f"got {value!r}; allowed is an IPv4 CIDR without host bits, such as 203.0.113.0/24") from None


def _closed(values: Sequence[str]) -> Sequence[str]:
    if EVERYONE in collapse_addresses(map(_network, values)):
        raise ValueError(
            f"got {', '.join(values)}, which is everyone; allowed are the ranges of your own runners and offices; "
            "name those, or leave the list empty for a private endpoint"
        )
    return values


def _routed(values: Sequence[str]) -> Sequence[str]:
    for value in _closed(values):
        if any(_network(value).overlaps(private) for private in PRIVATE_RANGES):
            raise ValueError(
                f"got {value!r}, a private range, from which nobody comes by the internet; "
                "allowed are public ranges; name it in private_access_cidrs instead"
            )
    return values


def _service_range(value: str) -> str:
    network = _network(value)
    if network.prefixlen not in SERVICE_PREFIXES or not any(network.subnet_of(private) for private in SERVICE_RANGES):
        ranges = ", ".join(map(str, SERVICE_RANGES))
        raise ValueError(f"got {value!r}; allowed is a /12 to /24 inside {ranges}, such as 172.20.0.0/16")
    return value


def _some(values: Sequence[str]) -> Sequence[str]:
    if not values:
        raise ValueError("got none; allowed are one or more; name the role that runs Pulumi, or nobody gets in")
    return distinct(values)


def _two(values: Sequence[Any]) -> Sequence[Any]:
    if len(values) < NODES:
        raise ValueError(
            f"got {len(values)}; allowed are {NODES} or more, in different zones; add the other zones' subnets"
        )
    return values


def _instance_types(values: Sequence[str]) -> Sequence[str]:
    if not values:
        raise ValueError("got none; allowed are one or more EC2 instance types, such as m7i.large")
    for value in values:
        INSTANCE_TYPE(value)
        known = INSTANCE_TYPES.get(value)
        if known and known.accelerator:
            raise ValueError(
                f"got {value!r}, which has {known.accelerator} accelerators; allowed are types without, "
                "such as m7i.large; give accelerators to a GpuNodePool"
            )
    return values


def _network_policies(value: str) -> str:
    if _minor(value) < NETWORK_POLICY_CNI:
        raise ValueError(f"got {value!r}; allowed is v1.14.0 or later, which enforces network policies")
    return value


INSTANCE_TYPE = matching(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "an EC2 instance type, such as m7i.large")
NAMESPACE = partial(check, Kind.KUBERNETES)


class ClusterAccess(Args):
    """What one IAM principal may do in the cluster."""

    principal_arn: str
    """ARN of the IAM role or user; of an assumed role, the role's and not the session's."""
    policy: ClusterAccessPolicy
    """EKS access policy that the principal gets."""
    namespaces: Optional[Sequence[str]] = []
    """Namespaces where the policy holds; the whole cluster when empty, which is the default."""

    _principal = checked(PRINCIPAL_ARN, "principal_arn")
    _namespaces = checked(each(NAMESPACE), "namespaces")


class ClusterAddonVersions(Args):
    """Versions of the EKS add-ons that a node needs, as `aws eks describe-addon-versions` lists them.

    All required: EKS's own choice would change under the same configuration.
    """

    vpc_cni: str
    """Version of vpc-cni, which gives pods their addresses; v1.14.0 or later, for network policies."""
    kube_proxy: str
    """Version of kube-proxy; of the cluster's Kubernetes version, or up to three minor versions older."""
    coredns: str
    """Version of coredns, the cluster's DNS."""
    pod_identity_agent: str
    """Version of eks-pod-identity-agent, which gives pods their IAM roles."""

    _versions = checked(ADDON_VERSION, "vpc_cni", "kube_proxy", "coredns", "pod_identity_agent")
    _enforcing = checked(_network_policies, "vpc_cni")


class ClusterNodes(Args):
    """The system nodes: they run Karpenter and the first controllers, everything else gets nodes from Karpenter."""

    instance_types: Optional[Sequence[str]] = ["m7i.large"]
    """EC2 instance types without accelerator, in order of preference; m7i.large by default, the smallest of its
    family."""
    ami_type: Optional[ClusterAmi] = ClusterAmi.X86_64
    """Image of the nodes; Amazon Linux 2023 for Intel and AMD by default. All instance types must be of its
    architecture."""
    size: Optional[In[int]] = NODES
    """Number of nodes, at least and by default 2: Karpenter's replicas must be on different hosts. Nothing scales
    them but this field, so a change by hand is undone by the next update."""
    disk_gib: Optional[In[int]] = 50
    """Size of the root volume in GiB, at least 20, the size of the image; 50 by default, room for controllers'
    images."""
    release_version: Optional[str] = None
    """Release of the image, such as 1.35.0-20260101, of the cluster's Kubernetes version; by default the latest one
    when the nodes are made or change version."""
    dedicated: Optional[bool] = False
    """Whether the nodes are tainted `CriticalAddonsOnly`. Karpenter and CoreDNS tolerate it, most controllers do not
    until told so, and would wait for nodes that only a Karpenter pool brings: hence off by default."""

    _types = checked(_instance_types, "instance_types")
    _size = checked(at_least(NODES, "nodes"), "size")
    _disk = checked(at_least(20, "GiB"), "disk_gib")
    _release = checked(
        matching(r"\d+\.\d+\.\d+-\d{8}", "a release of EKS's images, such as 1.35.0-20260101"), "release_version"
    )

    @model_validator(mode="after")
    def _one_architecture(self) -> Self:
        wanted = ARCHITECTURES[self.ami_type or ClusterAmi.X86_64]
        known = (INSTANCE_TYPES[name] for name in self.instance_types or () if name in INSTANCE_TYPES)
        others = [kind.name for kind in known if kind.architecture is not wanted]
        if others:
            raise ValueError(
                f"instance_types {', '.join(others)} and ami_type {self.ami_type}: "
                f"the image is for {wanted}; change one of them"
            )
        return self


class ExistingCluster(Args):
    """An EKS cluster that somebody else made.

    Its authentication mode is API or API_AND_CONFIG_MAP, and it has the Pod Identity agent.
    """

    arn: In[str]
    """ARN of the cluster."""
    endpoint: In[str]
    """URL of its API server."""
    certificate_authority: In[str]
    """Base64 of its certificate authority."""
    security_group_id: In[str]
    """Id of the cluster security group that EKS made."""

    _arn = checked(matching(r"arn:aws[a-z-]*:eks:[a-z0-9-]+:\d{12}:cluster/.+", "the ARN of an EKS cluster"), "arn")
    _endpoint = checked(matching(r"https://\S+", "an https URL"), "endpoint")
    _group = checked(
        matching(r"sg-[0-9a-f]+", "the id of a security group, such as sg-0123456789abcdef0"), "security_group_id"
    )


class ExistingKarpenter(Args):
    """What Karpenter has in AWS already."""

    node_role_arn: In[str]
    """ARN of the role of Karpenter's nodes; it has an access entry of type EC2_LINUX."""
    controller_role_arn: In[str]
    """ARN of the role of Karpenter's controller."""
    interruption_queue_name: In[str]
    """Name of the SQS queue of interruption events."""

    _roles = checked(ROLE_ARN, "node_role_arn", "controller_role_arn")


class ClusterSettings(Args):
    """What a person decides of a cluster."""

    name: str
    """Name of the EKS cluster itself, 1 to 100 letters, digits, - and _: log group and discovery tags need it before
    the cluster exists. A change replaces the cluster."""
    version: Optional[str] = VERSION
    """Kubernetes version of control plane and nodes, quoted: 1.35 by default. It can only be raised, by one minor
    version at a time."""
    support: Optional[ClusterSupport] = ClusterSupport.STANDARD
    """What happens when the version leaves standard support; STANDARD by default, which never costs more."""
    deployer_arns: Optional[Sequence[str]] = None
    """ARNs of the IAM roles or users that administer the cluster, each with an access entry: whoever runs Pulumi must
    be one. Required for a new cluster, since its creator gets no rights from creating it."""
    access: Optional[Sequence[ClusterAccess]] = []
    """Further principals and what they may do; none by default."""
    kubeconfig_role_arn: Optional[str] = None
    """Role that Pulumi takes to talk to the cluster, one of `deployer_arns`; by default whoever runs Pulumi. Needed
    where the AWS provider takes a role, since `aws eks get-token` does not know of it."""
    public_access_cidrs: Optional[Sequence[str]] = []
    """Public IPv4 ranges that may reach the API server over the internet; none by default, then the endpoint is
    private only. Everyone (0.0.0.0/0) is an error."""
    private_access_cidrs: Optional[Sequence[str]] = []
    """Private IPv4 ranges, of runners or a VPN, that may reach the private endpoint; none by default: only nodes and
    pods can, and who is forwarded by one."""
    service_cidr: Optional[str] = None
    """IPv4 range of Kubernetes services, /12 to /24 and private, apart from the VPC's; EKS's choice by default. A
    change replaces the cluster."""
    zonal_shift: Optional[bool] = False
    """Whether AWS's zonal shift may move the cluster's traffic out of an impaired zone; off by default, as in EKS:
    two of three zones must carry all then."""
    log_retention_days: Optional[In[int]] = LOG_RETENTION_DAYS
    """Days that all five control-plane logs are kept, one of the periods of CloudWatch Logs; 90 by default: long
    enough to look into an incident, shorter is cheaper."""
    addon_versions: Optional[ClusterAddonVersions] = None
    """Versions of the EKS add-ons for network, DNS and identity. Required for a new cluster."""
    nodes: Optional[ClusterNodes] = ClusterNodes()
    """The system nodes; two m7i.large by default."""
    session_manager: Optional[bool] = True
    """Whether nodes can be reached through SSM Session Manager, no port open, by whom IAM allows it; on by default,
    since a forwarded port is how a private endpoint is reached without a VPN."""
    secrets_key_arn: Optional[In[str]] = None
    """KMS key that encrypts Kubernetes secrets; by default an own one, rotated every year. One given must let the
    account's IAM policies allow its use. A change replaces the cluster."""
    logs_key_arn: Optional[In[str]] = None
    """KMS key that encrypts the control-plane logs; by default an own one. One given must admit CloudWatch Logs."""
    ebs_key_arn: Optional[In[str]] = None
    """KMS key that encrypts the nodes' volumes; by default an own one. One given must admit Karpenter's controller
    and the service-linked roles of Auto Scaling and Spot."""
    create_service_linked_roles: Optional[Sequence[ServiceLinkedRole]] = []
    """Service-linked roles to create. The own key of the nodes' volumes names both, and AWS refuses it while one is
    missing; to create one that exists fails too. None by default: most accounts have them, and one account has
    several clusters. `aws iam create-service-linked-role --aws-service-name spot.amazonaws.com` does the same by
    hand."""
    permissions_boundary_arn: Optional[In[str]] = None
    """Policy that bounds what every role made here can ever do; none by default."""
    deletion_protection: Optional[bool] = True
    """Whether cluster, logs and keys are protected from deletion, by AWS and by Pulumi, and kept when they leave the
    program; on by default. Off is for throw-away environments."""
    existing: Optional[ExistingCluster] = None
    """The cluster of that name, where it exists: no control plane and no system nodes are made then. None by
    default."""
    existing_karpenter: Optional[ExistingKarpenter] = None
    """Karpenter's roles and queue, where an existing cluster has them; by default they are made."""

    _name = checked(partial(check, Kind.EKS_CLUSTER), "name")
    _version = checked(matching(r"1\.\d{2}", 'a Kubernetes version of EKS in quotes, such as "1.35"'), "version")
    _deployers = checked(_some, "deployer_arns")
    _principals = checked(each(PRINCIPAL_ARN), "deployer_arns")
    _kubeconfig_role = checked(ROLE_ARN, "kubeconfig_role_arn")
    _public = checked(_routed, "public_access_cidrs")
    _private = checked(_closed, "private_access_cidrs")
    _distinct = checked(distinct, "public_access_cidrs", "private_access_cidrs", "create_service_linked_roles")
    _services = checked(_service_range, "service_cidr")
    _retention = checked(one_of(RETENTION_DAYS, "the periods of CloudWatch Logs, in days"), "log_retention_days")
    _keys = checked(KEY_ARN, "secrets_key_arn", "logs_key_arn", "ebs_key_arn")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        """Exactly one of a new and an existing cluster, and nothing that only the other one has."""
        if self.existing is None:
            self._refuse(MADE_WITH_EXISTING, "existing", missing=True)
            missing = [field for field in REQUIRED_OF_NEW if getattr(self, field) is None]
            if missing:
                raise ValueError(
                    f"{' and '.join(missing)} missing, and existing too: allowed is a new or an existing cluster; "
                    f"set {' and '.join(missing)} for a new one, existing to adopt one"
                )
        else:
            self._refuse(MADE_WITH_NEW, "existing")
        if self.existing_karpenter is not None:
            self._refuse(MADE_WITH_KARPENTER, "existing_karpenter")
        return self

    def _refuse(self, fields: Iterable[str], other: str, *, missing: bool = False) -> None:
        given = [field for field in fields if field in self.model_fields_set]
        if given and missing:
            raise ValueError(
                f"{', '.join(given)} without {other}: only an adopted cluster has it; set {other} or take it out"
            )
        if given:
            raise ValueError(f"{', '.join(given)} and {other}: what exists is not made anew; take one or the other out")

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        arn = self.existing.arn if self.existing else None
        if isinstance(arn, str) and arn.rpartition("/")[2] != self.name:
            raise ValueError(
                f"name {self.name!r} and existing.arn {arn!r}: they name different clusters; correct one of them"
            )
        return self

    @model_validator(mode="after")
    def _one_version(self) -> Self:
        cluster = _minor(self.version or VERSION)
        release = self.nodes.release_version if self.nodes else None
        if release and _minor(release) != cluster:
            raise ValueError(
                f"version {self.version!r} and nodes.release_version {release!r}: the image is of another Kubernetes "
                f"version; take a release that begins with {self.version}"
            )
        proxy = self.addon_versions.kube_proxy if self.addon_versions else None
        if proxy and not cluster[1] - PROXY_SKEW <= _minor(proxy)[1] <= cluster[1]:
            raise ValueError(
                f"version {self.version!r} and addon_versions.kube_proxy {proxy!r}: kube-proxy may be up to "
                f"{PROXY_SKEW} minor versions older and never newer; take one of v{self.version}"
            )
        return self

    @model_validator(mode="after")
    def _one_access(self) -> Self:
        deployers = self.deployer_arns or ()
        access = self.access or ()
        both = sorted({item.principal_arn for item in access} & set(deployers))
        if both:
            raise ValueError(
                f"deployer_arns and access: {', '.join(both)} is in both; a principal has one access entry; "
                "take it out of access"
            )
        pairs = [f"{item.policy.value} for {item.principal_arn}" for item in access]
        twice = sorted({pair for pair in pairs if pairs.count(pair) > 1})
        if twice:
            raise ValueError(
                f"access has {', '.join(twice)} more than once; allowed is once; put all namespaces into one"
            )
        if deployers and self.kubeconfig_role_arn and self.kubeconfig_role_arn not in deployers:
            raise ValueError(
                f"kubeconfig_role_arn {self.kubeconfig_role_arn!r} and deployer_arns: it is not one of them, so the "
                "cluster would refuse it; add it to deployer_arns"
            )
        return self


REQUIRED_OF_NEW = ("deployer_arns", "addon_versions")
MADE_WITH_NEW = (
    *("version", "support", "deployer_arns", "access", "public_access_cidrs", "private_access_cidrs", "service_cidr"),
    *("zonal_shift", "log_retention_days", "addon_versions", "nodes", "secrets_key_arn", "logs_key_arn"),
)
MADE_WITH_EXISTING = ("existing_karpenter",)
MADE_WITH_KARPENTER = ("session_manager", "permissions_boundary_arn")


class ClusterArgs(ClusterSettings):
    """All that a cluster needs to know."""

    control_plane_subnet_ids: Optional[In[Sequence[In[str]]]] = None
    """Ids of two or more subnets in different zones for the control plane's network interfaces: small ones without a
    route to the internet do. Required for a new cluster, not used for an existing one."""
    node_subnet_ids: Optional[In[Sequence[In[str]]]] = None
    """Ids of two or more private subnets in different zones for the system nodes. Required for a new cluster, not
    used for an existing one."""

    _zones = checked(_two, "control_plane_subnet_ids", "node_subnet_ids")

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        missing = [field for field in ("control_plane_subnet_ids", "node_subnet_ids") if getattr(self, field) is None]
        if self.existing is None and missing:
            raise ValueError(
                f"{' and '.join(missing)} missing: a new cluster needs two or more subnets in different zones; set it"
            )
        return self
