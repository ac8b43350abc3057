"""What a network needs to know: settings that a person writes, and the cluster that its subnets are tagged for."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import partial
from typing import Optional, Self

from pydantic import model_validator

from mlplatform.core.args import Args, In, checked, distinct, each, matching, one_of
from mlplatform.core.identifiers import ACCOUNT, SUBNET, VPC
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.naming import Kind, check
from mlplatform.facts.aws.cidr import ZONES, ipv4_network, is_private, plan, usable
from mlplatform.facts.aws.iam import dns_suffix
from mlplatform.facts.aws.logs import RETENTION_DAYS

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
