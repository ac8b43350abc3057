"""Network: a VPC for nodes, pods and load balancers over two or three zones, or one that exists."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Optional, Self

import pulumi
import pulumi_aws as aws
from pydantic import model_validator

from mlplatform.core.args import Args, In, checked, distinct, each, matching, one_of
from mlplatform.core.build import Build
from mlplatform.core.identifiers import ACCOUNT, SUBNET, VPC
from mlplatform.core.keys import KEY_ARN, encryption_key
from mlplatform.core.naming import Kind, check
from mlplatform.facts.aws.cidr import ZONES, SubnetPlan, ipv4_network, is_private, plan, usable
from mlplatform.facts.aws.iam import ANYONE, Statement, dns_suffix, document, service_trust
from mlplatform.facts.aws.kms import KeyUse
from mlplatform.facts.aws.logs import RETENTION_DAYS

INTERNET = "0.0.0.0/0"
HTTPS = 443
CONTROL_PLANE_ADDRESSES = 6
"""Addresses that EKS needs in each subnet of its control plane (Amazon EKS User Guide, Networking requirements)."""

GATEWAY_ENDPOINTS = ("s3", "dynamodb")
"""Services with gateway endpoints, which cost nothing: every network has both."""
INTERFACE_ENDPOINTS = (
    # Nodes, images and pod identity.
    *("ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "sts"),
    # Karpenter and the controllers.
    *("autoscaling", "ebs", "elasticfilesystem", "elasticloadbalancing", "fsx", "pricing.api", "sqs", "ssm"),
    # Secrets and keys.
    *("kms", "secretsmanager"),
    # Session Manager, logs, metrics, traces and runtime monitoring.
    *("aps", "aps-workspaces", "ec2messages", "grafana", "grafana-workspace", "guardduty-data", "logs", "monitoring"),
    *("ssmmessages", "xray"),
    # Data.
    *("athena", "glue", "kinesis-firehose", "kinesis-streams", "lakeformation", "rds", "rds-data", "s3tables"),
    *("elasticache", "s3vectors"),
    # Training, inference and pipelines.
    *("bedrock", "bedrock-runtime", "sagemaker.api", "sagemaker.featurestore-runtime", "sagemaker.metrics"),
    *("batch", "codeartifact.api", "codeartifact.repositories", "events", "execute-api", "lambda"),
    *("sagemaker.runtime", "scheduler", "sns", "states"),
)
"""Services that can be reached by interface endpoints, by the last part of their service name (AWS PrivateLink Guide,
AWS services that integrate with AWS PrivateLink)."""
NEEDED_WITHOUT_NAT = ("ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "sqs", "ssm", "sts")
"""What nodes, Pod Identity and Karpenter call (Amazon EKS User Guide, Deploy private clusters with limited internet
access; Karpenter, Getting Started, Private Clusters)."""

# Where load balancers and nodes may be placed. There is no tag `kubernetes.io/cluster/<name>`: the AWS Load Balancer
# Controller needs it up to 2.1.1 only (its documentation, Subnet auto-discovery).
ROLE_TAGS: Mapping[str, str] = {"public": "kubernetes.io/role/elb", "private": "kubernetes.io/role/internal-elb"}
KARPENTER_TAG = "karpenter.sh/discovery"


class NatMode(StrEnum):
    """How private subnets reach the internet."""

    NONE = "none"
    """Not at all: AWS by endpoints only, images from a registry in the account."""
    SINGLE = "single"
    """By one NAT gateway in the first zone: cheapest; when that zone fails, no zone reaches the internet."""
    PER_ZONE = "per_zone"
    """By one NAT gateway a zone: a zone that fails takes no other with it, and no traffic is paid across zones."""


def _cidr(value: str) -> str:
    if not is_private(ipv4_network(value)):
        raise ValueError(
            f"got {value!r}; allowed is a range inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10; "
            "of any other, the owner on the internet would be out of reach"
        )
    plan(ipv4_network(value), max(ZONES))
    return value


def _vpc_cidr(value: str) -> str:
    return str(ipv4_network(value))


def _zones(values: Sequence[str]) -> Sequence[str]:
    for value in values:
        ZONE(value)
    if len(values) not in ZONES:
        raise ValueError(f"got {len(values)}; allowed are 2 or 3 zones; take 3 where the region has them")
    if len({_region(value) for value in values}) > 1:
        raise ValueError(f"got {', '.join(values)}; allowed are zones of one region, since a VPC lies in one")
    return distinct(values)


def _endpoint(value: str) -> str:
    if value in GATEWAY_ENDPOINTS:
        raise ValueError(f"got {value!r}, for which every network has a gateway endpoint at no cost; take it out")
    return KNOWN_ENDPOINT(value)


def _two(values: Sequence[In[str]]) -> Sequence[In[str]]:
    if len(values) < min(ZONES):
        raise ValueError(
            f"got {len(values)}; allowed are 2 or more, in different zones, as EKS requires; add the others"
        )
    return values


def _region(zone: str) -> str:
    return zone[:-1]


ZONE = matching(r"[a-z]{2,4}(-[a-z]+)+-\d[a-z]", "the name of an availability zone, such as eu-west-1a")
KNOWN_ENDPOINT = one_of(sorted(INTERFACE_ENDPOINTS))


class NetworkFlowLogs(Args):
    """Who talked to whom: the VPC's flow logs of all traffic, in an encrypted log group of CloudWatch Logs."""

    enabled: Optional[bool] = True
    """Whether flow logs are kept; on by default. CloudWatch bills them per GB, which much traffic makes dear: off is
    for environments where nobody would look into an incident."""
    retention_days: Optional[In[int]] = 90
    """Days that they are kept, one of the periods of CloudWatch Logs; 90 by default: long enough to look into an
    incident, shorter is cheaper."""
    key_arn: Optional[In[str]] = None
    """ARN of the KMS key that encrypts them; by default an own one, rotated every year. One given must admit
    CloudWatch Logs."""

    _retention = checked(one_of(RETENTION_DAYS, "the periods of CloudWatch Logs, in days"), "retention_days")
    _key = checked(KEY_ARN, "key_arn")

    @model_validator(mode="after")
    def _something_to_keep(self) -> Self:
        others = sorted(self.model_fields_set - {"enabled"})
        if not self.enabled and others:
            raise ValueError(
                f"enabled is false, and {', '.join(others)} set: nothing is kept; take one or the other out"
            )
        return self


class ExistingNetwork(Args):
    """A VPC that somebody else made, with DNS support and DNS hostnames on."""

    vpc_id: In[str]
    """Id of the VPC."""
    vpc_cidr: In[str]
    """Its primary IPv4 range, such as 10.0.0.0/16."""
    private_subnet_ids: Sequence[In[str]]
    """Ids of two or more subnets for nodes and pods, one a zone, in the zones' order."""
    public_subnet_ids: Optional[Sequence[In[str]]] = []
    """Ids of the subnets for load balancers that face the internet, one a zone; none by default."""
    intra_subnet_ids: Optional[Sequence[In[str]]] = []
    """Ids of two or more subnets for the control plane's network interfaces and databases, one a zone; the private
    ones by default."""
    tag_subnets: Optional[bool] = False
    """Whether the subnets are tagged for discovery by load balancers and Karpenter. Off by default: whoever made them
    may take tags away that they do not know, and should set these."""

    _vpc = checked(VPC, "vpc_id")
    _cidr = checked(_vpc_cidr, "vpc_cidr")
    _ids = checked(each(SUBNET), "private_subnet_ids", "public_subnet_ids", "intra_subnet_ids")
    _distinct = checked(distinct, "private_subnet_ids", "public_subnet_ids", "intra_subnet_ids")
    _enough = checked(_two, "private_subnet_ids")

    @model_validator(mode="after")
    def _one_purpose(self) -> Self:
        both = sorted(set(_plain(self.private_subnet_ids)) & set(_plain(self.public_subnet_ids or ())))
        if both:
            raise ValueError(
                f"private_subnet_ids and public_subnet_ids both have {', '.join(both)}: a subnet either routes to an "
                "internet gateway or does not; take it out of one of them"
            )
        if self.intra_subnet_ids and len(self.intra_subnet_ids) < min(ZONES):
            raise ValueError(
                f"intra_subnet_ids has {len(self.intra_subnet_ids)}; allowed are none, or 2 or more in different "
                "zones, as EKS requires; add the others"
            )
        return self


def _plain(values: Iterable[In[str]]) -> Iterable[str]:
    return (value for value in values if isinstance(value, str))


class NetworkSettings(Args):
    """What a person decides of a network: `cidr` and `zones` of a new one, or the ids of an `existing` one."""

    cidr: Optional[str] = None
    """Private IPv4 range of the VPC, /16 to /24. Required for a new network and without default, since ranges of
    networks that are ever to be joined must not overlap. A /16 has some 16,000 addresses a zone for nodes and pods, a
    /20 some 1,000. A change replaces the VPC and all in it."""
    zones: Optional[Sequence[str]] = None
    """Names of two or three availability zones of one region. Required for a new network. Each has its share of
    addresses by its place in the list: a third zone can be added at the end, while another order replaces subnets."""
    nat: Optional[NatMode] = NatMode.SINGLE
    """How private subnets reach the internet; by one NAT gateway by default, the cheapest that needs no interface
    endpoints. Use `per_zone` where an outage of one zone must not stop the others, `none` where nothing may leave."""
    public_subnets: Optional[bool] = True
    """Whether there are public subnets and an internet gateway, for NAT and for load balancers that face the internet;
    yes by default. Nothing in them gets a public address by itself. No needs `nat: none`."""
    interface_endpoints: Optional[Sequence[str]] = []
    """AWS services that are reached without NAT, by the last part of their endpoint's name, such as `ecr.api`. None by
    default: each is billed per hour and zone, and per GB. S3 and DynamoDB always have gateway endpoints, which are
    free. Not every service is in every zone."""
    trusted_account_ids: Optional[Sequence[In[str]]] = []
    """Further accounts whose buckets and tables may be written through the gateway endpoints; none by default: a
    stolen credential can't carry data away to another account's bucket. Buckets of others can be read."""
    flow_logs: Optional[NetworkFlowLogs] = NetworkFlowLogs()
    """Flow logs; on by default."""
    deletion_protection: Optional[bool] = True
    """Whether flow logs and their key are protected from deletion, by AWS and by Pulumi, and kept when they leave the
    program; on by default. Off is for throw-away environments."""
    existing: Optional[ExistingNetwork] = None
    """The network, where it exists: nothing is made then but tags, if asked for. None by default."""

    _cidr = checked(_cidr, "cidr")
    _zones = checked(_zones, "zones")
    _endpoints = checked(each(_endpoint), "interface_endpoints")
    _accounts = checked(each(ACCOUNT), "trusted_account_ids")
    _distinct = checked(distinct, "interface_endpoints", "trusted_account_ids")

    @property
    def nat_zones(self) -> Sequence[str]:
        """Zones that have a NAT gateway of ours."""
        zones = self.zones or ()
        return {NatMode.NONE: (), NatMode.SINGLE: zones[:1], NatMode.PER_ZONE: zones}[self.nat or NatMode.SINGLE]

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        """Exactly one of a new and an existing network, and nothing that only the other one has."""
        missing = [field for field in ("cidr", "zones") if getattr(self, field) is None]
        given = [
            name for name in type(self).model_fields if name in self.model_fields_set - {"existing", "cluster_name"}
        ]
        if self.existing is None and missing:
            fields = " and ".join(missing)
            raise ValueError(
                f"{fields} missing, and existing too: allowed is a new or an existing network; set {fields} for a new "
                "one, existing to adopt one"
            )
        if self.existing is not None and given:
            raise ValueError(
                f"{', '.join(given)} and existing: a network that exists is taken as it is; take one or the other out"
            )
        return self

    @model_validator(mode="after")
    def _a_way_out(self) -> Self:
        if self.existing is None and self.nat is not NatMode.NONE and not self.public_subnets:
            raise ValueError(
                f"nat {self.nat} and public_subnets false: NAT gateways lie in public subnets; set nat to none, or "
                "leave public_subnets out"
            )
        missing = [name for name in NEEDED_WITHOUT_NAT if name not in (self.interface_endpoints or ())]
        if self.existing is None and self.nat is NatMode.NONE and missing:
            raise ValueError(
                f"nat none and interface_endpoints without {', '.join(missing)}: no node could join; add these to "
                "interface_endpoints, or set nat to single"
            )
        return self

    @model_validator(mode="after")
    def _room_for_endpoints(self) -> Self:
        count = len(self.interface_endpoints or ())
        if not count or self.cidr is None or self.zones is None:
            return self
        intra = plan(ipv4_network(self.cidr), len(self.zones)).intra[0]
        if usable(intra) < count + CONTROL_PLANE_ADDRESSES:
            raise ValueError(
                f"cidr {self.cidr} and interface_endpoints: each intra subnet has {usable(intra)} addresses, and the "
                f"{count} endpoints and the control plane need {count + CONTROL_PLANE_ADDRESSES}; take a larger cidr "
                "or fewer endpoints"
            )
        region = _region(self.zones[0])
        if dns_suffix(region) != "amazonaws.com":
            raise ValueError(
                f"zones of {region} and interface_endpoints: their names differ from service to service there; leave "
                "interface_endpoints out"
            )
        return self


class NetworkArgs(NetworkSettings):
    """All that a network needs to know."""

    cluster_name: Optional[str] = None
    """Name of the EKS cluster that Karpenter looks for on private subnets; plain, since the tag is there before the
    cluster. Not tagged by default."""

    _cluster_name = checked(partial(check, Kind.EKS_CLUSTER), "cluster_name")


class Network(pulumi.ComponentResource):
    """A VPC with public, private and intra subnets in each zone, the ways out that were asked for, and flow logs.

    Give `depends_on=[network]` to whatever starts nodes: they need routes and endpoints, not only subnets. Adopted, the
    network is taken as it is.
    """

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""
    vpc_cidr: pulumi.Output[str]
    """Its IPv4 range."""
    public_subnet_ids: pulumi.Output[Sequence[str]]
    """Ids of the public subnets in the zones' order, for load balancers that face the internet; may be empty."""
    private_subnet_ids: pulumi.Output[Sequence[str]]
    """Ids of the private subnets in the zones' order, for nodes, pods and internal load balancers."""
    intra_subnet_ids: pulumi.Output[Sequence[str]]
    """Ids of the subnets without route to the internet in the zones' order, for the control plane and databases."""
    nat_public_ips: pulumi.Output[Sequence[str]]
    """Addresses from which the internet sees the private subnets, for allow lists of others; empty without own NAT."""
    nat_gateway_ids: pulumi.Output[Mapping[str, str]]
    """Ids of the NAT gateways, by zone; empty without own NAT. `NetworkArgs.nat_zones` says which zones have one."""

    def __init__(self, name: str, args: NetworkArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = NetworkArgs.of(args)
        super().__init__("mlplatform:index:Network", name, args.model_dump(exclude_none=True), opts)
        build = _Build.of(self, name, args)
        made = _create(build) if args.existing is None else _adopt(build, args.existing)
        self.vpc_id = made.vpc_id
        self.vpc_cidr = made.vpc_cidr
        self.public_subnet_ids = made.public_subnet_ids
        self.private_subnet_ids = made.private_subnet_ids
        self.intra_subnet_ids = made.intra_subnet_ids
        self.nat_public_ips = made.nat_public_ips
        self.nat_gateway_ids = made.nat_gateway_ids
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "vpc_cidr": self.vpc_cidr,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
                "intra_subnet_ids": self.intra_subnet_ids,
                "nat_public_ips": self.nat_public_ips,
                "nat_gateway_ids": self.nat_gateway_ids,
            }
        )


@dataclass(frozen=True, slots=True)
class _Made:
    """What a network hands out, whoever made it."""

    vpc_id: pulumi.Output[str]
    vpc_cidr: pulumi.Output[str]
    public_subnet_ids: pulumi.Output[Sequence[str]]
    private_subnet_ids: pulumi.Output[Sequence[str]]
    intra_subnet_ids: pulumi.Output[Sequence[str]]
    nat_public_ips: pulumi.Output[Sequence[str]]
    nat_gateway_ids: pulumi.Output[Mapping[str, str]]


class _Build(Build[NetworkArgs]):
    """One network under construction."""

    @property
    def zones(self) -> Sequence[str]:
        """Zones of the subnets."""
        return self.args.zones or ()

    def tags(self, role: str) -> dict[str, str]:
        """The tag by which the console shows a part of a VPC, which has no other name."""
        return {"Name": f"{self.name}-{role}"}


@dataclass(frozen=True, slots=True)
class _Subnets:
    """The subnets of one kind in the zones' order, and the route tables that they use."""

    ids: Sequence[pulumi.Output[str]]
    route_table_ids: Sequence[pulumi.Output[str]]


NO_SUBNETS = _Subnets((), ())


def _adopt(build: _Build, existing: ExistingNetwork) -> _Made:
    """The network that somebody else made."""
    public = existing.public_subnet_ids or ()
    private = existing.private_subnet_ids
    if existing.tag_subnets:
        for kind, subnet_ids in (("public", public), ("private", private)):
            for at, subnet_id in enumerate(subnet_ids):
                for key, value in _discovery_tags(kind, build.args.cluster_name).items():
                    name = f"{build.name}-{kind}-{at}-{key.rpartition('/')[2]}"
                    aws.ec2.Tag(name, resource_id=subnet_id, key=key, value=value, opts=build.inside)
    return _Made(
        vpc_id=pulumi.Output.from_input(existing.vpc_id),
        vpc_cidr=pulumi.Output.from_input(existing.vpc_cidr),
        public_subnet_ids=_all(public),
        private_subnet_ids=_all(private),
        intra_subnet_ids=_all(existing.intra_subnet_ids or private),
        nat_public_ips=_all(()),
        nat_gateway_ids=pulumi.Output.from_input({}),
    )


def _create(build: _Build) -> _Made:
    """A network of our own."""
    vpc = _vpc(build)
    blocks = plan(ipv4_network(build.args.cidr or ""), len(build.zones))
    public = _subnets(build, vpc, "public", blocks) if build.args.public_subnets else NO_SUBNETS
    private = _subnets(build, vpc, "private", blocks)
    intra = _subnets(build, vpc, "intra", blocks)
    nats = _ways_out(build, vpc, public, private)
    _gateway_endpoints(build, vpc, [*private.route_table_ids, *intra.route_table_ids])
    _interface_endpoints(build, vpc, intra)
    _flow_logs(build, vpc, build.args.flow_logs or NetworkFlowLogs())
    return _Made(
        vpc_id=vpc.id,
        vpc_cidr=vpc.cidr_block,
        public_subnet_ids=_all(public.ids),
        private_subnet_ids=_all(private.ids),
        intra_subnet_ids=_all(intra.ids),
        nat_public_ips=_all([nat.public_ip for nat in nats.values()]),
        nat_gateway_ids=pulumi.Output.all(**{zone: nat.id for zone, nat in nats.items()}),
    )


def _all(values: Sequence[In[str]]) -> pulumi.Output[Sequence[str]]:
    return pulumi.Output.all(*values).apply(list)


def _vpc(build: _Build) -> aws.ec2.Vpc:
    vpc = aws.ec2.Vpc(
        f"{build.name}-vpc",
        cidr_block=build.args.cidr,
        # Private names of endpoints, and of the cluster's API server, need both.
        enable_dns_support=True,
        enable_dns_hostnames=True,
        tags=build.tags("vpc"),
        opts=build.inside,
    )
    # Whatever is started without a security group gets this one: it admits nothing and nobody. The default network ACL
    # stays open, since security groups decide, and the main route table has no subnet and no route out of the VPC.
    aws.ec2.DefaultSecurityGroup(
        f"{build.name}-default",
        vpc_id=vpc.id,
        ingress=[],
        egress=[],
        tags=build.tags("default-unused"),
        opts=build.inside,
    )
    return vpc


def _subnets(build: _Build, vpc: aws.ec2.Vpc, kind: str, blocks: SubnetPlan) -> _Subnets:
    """A subnet a zone. Private ones have a route table each, also with one NAT, so that a second one moves nothing."""
    roles = [f"private-{zone}" for zone in build.zones] if kind == "private" else [kind]
    tables = [
        aws.ec2.RouteTable(f"{build.name}-{role}", vpc_id=vpc.id, tags=build.tags(role), opts=build.inside)
        for role in roles
    ]
    subnet_ids = []
    for at, (zone, block) in enumerate(zip(build.zones, getattr(blocks, kind), strict=True)):
        role = f"{kind}-{zone}"
        subnet = aws.ec2.Subnet(
            f"{build.name}-{role}",
            vpc_id=vpc.id,
            availability_zone=zone,
            cidr_block=str(block),
            map_public_ip_on_launch=False,
            tags={**build.tags(role), **_discovery_tags(kind, build.args.cluster_name)},
            opts=build.inside,
        )
        aws.ec2.RouteTableAssociation(
            f"{build.name}-{role}", subnet_id=subnet.id, route_table_id=tables[at % len(tables)].id, opts=build.inside
        )
        subnet_ids.append(subnet.id)
    return _Subnets(subnet_ids, [table.id for table in tables])


def _discovery_tags(kind: str, cluster_name: Optional[str]) -> dict[str, str]:
    role = {ROLE_TAGS[kind]: "1"} if kind in ROLE_TAGS else {}
    nodes = {KARPENTER_TAG: cluster_name} if kind == "private" and cluster_name else {}
    return {**role, **nodes}


def _ways_out(build: _Build, vpc: aws.ec2.Vpc, public: _Subnets, private: _Subnets) -> Mapping[str, aws.ec2.NatGateway]:
    """Routes to the internet; the NAT gateways on them, by zone."""
    if not public.ids:
        return {}
    gateway = aws.ec2.InternetGateway(
        f"{build.name}-internet", vpc_id=vpc.id, tags=build.tags("internet"), opts=build.inside
    )
    aws.ec2.Route(
        f"{build.name}-public",
        route_table_id=public.route_table_ids[0],
        destination_cidr_block=INTERNET,
        gateway_id=gateway.id,
        opts=build.inside,
    )
    nats = {
        zone: _nat(build, zone, subnet_id, gateway)
        for zone, subnet_id in zip(build.args.nat_zones, public.ids, strict=False)
    }
    for zone, table_id in zip(build.zones if nats else (), private.route_table_ids, strict=False):
        aws.ec2.Route(
            f"{build.name}-private-{zone}",
            route_table_id=table_id,
            destination_cidr_block=INTERNET,
            nat_gateway_id=nats.get(zone, next(iter(nats.values()))).id,
            opts=build.inside,
        )
    return nats


def _nat(
    build: _Build, zone: str, subnet_id: pulumi.Output[str], gateway: aws.ec2.InternetGateway
) -> aws.ec2.NatGateway:
    role = f"nat-{zone}"
    # Neither address nor gateway works, or can be taken away again, without the internet gateway.
    opts = build.after(gateway)
    address = aws.ec2.Eip(f"{build.name}-{role}", domain="vpc", tags=build.tags(role), opts=opts)
    return aws.ec2.NatGateway(
        f"{build.name}-{role}", subnet_id=subnet_id, allocation_id=address.id, tags=build.tags(role), opts=opts
    )


def _service_name(build: _Build, service: str) -> pulumi.Output[str]:
    return pulumi.Output.concat("com.amazonaws.", build.place.region, f".{service}")


def _gateway_endpoints(build: _Build, vpc: aws.ec2.Vpc, route_table_ids: Sequence[pulumi.Output[str]]) -> None:
    for service in GATEWAY_ENDPOINTS:
        role = f"endpoint-{service}"
        aws.ec2.VpcEndpoint(
            f"{build.name}-{role}",
            vpc_id=vpc.id,
            vpc_endpoint_type="Gateway",
            service_name=_service_name(build, service),
            route_table_ids=route_table_ids,
            policy=pulumi.Output.json_dumps(_gateway_policy(build, service)),
            tags=build.tags(role),
            opts=build.inside,
        )


def _gateway_policy(build: _Build, service: str) -> dict[str, object]:
    """Everything with the own account's and trusted accounts' data; with others' objects, reading only.

    Image layers, package repositories and open data lie in buckets of others. IAM still decides who may do what.
    """
    accounts = [build.place.account_id, *(build.args.trusted_account_ids or ())]
    own = Statement(
        sid="TrustedAccounts",
        actions=(f"{service}:*",),
        resources=("*",),
        principals=ANYONE,
        conditions={"StringEquals": {"aws:ResourceAccount": accounts}},
    )
    others = Statement(
        sid="OthersReadOnly",
        # A bucket that is only being made has no account yet.
        actions=("s3:CreateBucket", "s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion", "s3:List*"),
        resources=("*",),
        principals=ANYONE,
        conditions={"Bool": {"aws:SecureTransport": "true"}},
    )
    return document(own, others) if service == "s3" else document(own)


def _interface_endpoints(build: _Build, vpc: aws.ec2.Vpc, intra: _Subnets) -> None:
    """Interface endpoints in the intra subnets, which all subnets reach, so that pods lose no addresses to them."""
    services = build.args.interface_endpoints or ()
    if not services:
        return
    group = _endpoint_security_group(build, vpc)
    for service in services:
        role = f"endpoint-{service.replace('.', '-')}"
        aws.ec2.VpcEndpoint(
            f"{build.name}-{role}",
            vpc_id=vpc.id,
            vpc_endpoint_type="Interface",
            service_name=_service_name(build, service),
            # Clients find the endpoint by the service's usual name.
            private_dns_enabled=True,
            subnet_ids=intra.ids,
            security_group_ids=[group.id],
            tags=build.tags(role),
            opts=build.inside,
        )


def _endpoint_security_group(build: _Build, vpc: aws.ec2.Vpc) -> aws.ec2.SecurityGroup:
    role = "endpoints"
    group = aws.ec2.SecurityGroup(
        f"{build.name}-{role}",
        description="Interface endpoints: HTTPS from inside the VPC",
        vpc_id=vpc.id,
        tags=build.tags(role),
        opts=build.inside,
    )
    aws.vpc.SecurityGroupIngressRule(
        f"{build.name}-{role}",
        security_group_id=group.id,
        description="HTTPS from inside the VPC",
        ip_protocol="tcp",
        from_port=HTTPS,
        to_port=HTTPS,
        cidr_ipv4=vpc.cidr_block,
        opts=build.inside,
    )
    return group


def _flow_logs(build: _Build, vpc: aws.ec2.Vpc, settings: NetworkFlowLogs) -> None:
    if not settings.enabled:
        return
    # Named by the VPC: a key policy names its log group, and a VPC that replaces another has a group of its own.
    group_name = pulumi.Output.concat("/aws/vpc-flow-logs/", vpc.id)
    group_arn = build.place.arn("logs", pulumi.Output.concat("log-group:", group_name))
    group = aws.cloudwatch.LogGroup(
        f"{build.name}-flow-logs",
        name=group_name,
        retention_in_days=settings.retention_days,
        kms_key_id=_flow_logs_key(build, group_arn) if settings.key_arn is None else settings.key_arn,
        deletion_protection_enabled=build.args.deletion_protection,
        opts=build.kept,
    )
    role, policy = _flow_logs_role(build, group_arn)
    aws.ec2.FlowLog(
        f"{build.name}-flow-logs",
        vpc_id=vpc.id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        tags=build.tags("flow-logs"),
        opts=build.after(policy),
    )


def _flow_logs_key(build: _Build, group_arn: pulumi.Output[str]) -> pulumi.Output[str]:
    name, uses = f"{build.name}-flow-logs-key", {KeyUse.LOGS: [group_arn]}
    return encryption_key(name, f"Flow logs of {build.name}", uses, place=build.place, opts=build.kept).arn


def _flow_logs_role(build: _Build, group_arn: pulumi.Output[str]) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    # Both conditions as in the Amazon VPC User Guide, IAM role for publishing flow logs to CloudWatch Logs.
    trust = service_trust(
        "vpc-flow-logs.amazonaws.com",
        source_account=build.place.account_id,
        source_arn=build.place.arn("ec2", "vpc-flow-log/*"),
    )
    role = aws.iam.Role(
        f"{build.name}-flow-logs",
        description=f"Flow logs of {build.name}, to their own log group",
        assume_role_policy=pulumi.Output.json_dumps(trust),
        opts=build.inside,
    )
    write = Statement(
        sid="Write",
        actions=("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
        resources=(group_arn, pulumi.Output.concat(group_arn, ":*")),
    )
    # Listing can't be narrowed to one group.
    find = Statement("Find", ("logs:DescribeLogGroups",), (build.place.arn("logs", "log-group:*"),))
    policy = aws.iam.RolePolicy(
        f"{build.name}-flow-logs",
        role=role.name,
        policy=pulumi.Output.json_dumps(document(write, find)),
        opts=build.inside,
    )
    return role, policy
