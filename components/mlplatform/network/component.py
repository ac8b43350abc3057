"""Network: a VPC for nodes, pods and load balancers over two or three zones, or one that exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

import pulumi
import pulumi_aws as aws

from mlplatform.core.args import In
from mlplatform.core.build import Build
from mlplatform.core.keys import encryption_key
from mlplatform.facts.aws.cidr import SubnetPlan, ipv4_network, plan
from mlplatform.facts.aws.iam import ANYONE, Statement, document, service_trust
from mlplatform.facts.aws.kms import KeyUse
from mlplatform.network.args import GATEWAY_ENDPOINTS, ExistingNetwork, NetworkArgs, NetworkFlowLogs

INTERNET = "0.0.0.0/0"
HTTPS = 443

# Where load balancers and nodes may be placed. There is no tag `kubernetes.io/cluster/<name>`: the AWS Load Balancer
# Controller needs it up to 2.1.1 only (its documentation, Subnet auto-discovery).
ROLE_TAGS: Mapping[str, str] = {"public": "kubernetes.io/role/elb", "private": "kubernetes.io/role/internal-elb"}
KARPENTER_TAG = "karpenter.sh/discovery"


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
