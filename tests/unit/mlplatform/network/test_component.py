"""Network, on its recorded graph."""

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

import pulumi
import pytest

from examples.network import ADOPTED, BASE, ENDPOINTS, EXISTING, ISOLATED, KEY
from mlplatform.core.args import InvalidArgs
from mlplatform.facts.aws.cidr import plan
from mlplatform.network import NatMode, Network, NetworkArgs
from mlplatform.network.args import NEEDED_WITHOUT_NAT
from promises import covers
from recorded import Recorded, Refused, absent, exactly, json_of, record, unknown

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
TABLE = "aws:ec2/routeTable:RouteTable"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
ROUTE = "aws:ec2/route:Route"
INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
NAT = "aws:ec2/natGateway:NatGateway"
EIP = "aws:ec2/eip:Eip"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
KEY_TYPE = "aws:kms/key:Key"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
TAG = "aws:ec2/tag:Tag"
COMPONENT = "mlplatform:index:Network"

ZONES = ["us-east-1a", "us-east-1b", "us-east-1c"]
SMALLEST: dict[str, Any] = {"cidr": "10.0.0.0/16", "zones": ZONES}


def but(**changes: Any) -> dict[str, Any]:
    return {**SMALLEST, **changes}


def graph_of(args: Mapping[str, Any], **options: Any) -> Recorded:
    return record(lambda: Network("x", NetworkArgs.of(args)), **options)


def id_of(graph: Recorded, type_: str, name: str) -> str:
    return str(graph.one(type_, name)["id"])


def waits_for(graph: Recorded, type_: str, name: str = ".*") -> set[str]:
    by_urn = {node["urn"]: f"{node['type'].rpartition(':')[2]} {node['name']}" for node in graph.resources}
    return {by_urn[urn] for urn in graph.one(type_, name)["dependencies"]}


def routes(graph: Recorded) -> dict[str, dict[str, Any]]:
    return {node["name"]: node["inputs"] for node in graph.all(ROUTE)}


def services(graph: Recorded, kind: str) -> list[str]:
    found = [node["inputs"] for node in graph.all(ENDPOINT) if node["inputs"]["vpcEndpointType"] == kind]
    return sorted(inputs["serviceName"] for inputs in found)


def by_sid(statements: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in statements}


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


@pytest.fixture(scope="module")
def isolated() -> Recorded:
    return graph_of(ISOLATED)


@pytest.fixture(scope="module")
def adopted() -> Recorded:
    return graph_of(ADOPTED)


@pytest.fixture(scope="module")
def tagged() -> Recorded:
    return graph_of({**ADOPTED, "existing": {**EXISTING, "tag_subnets": True}})


# --- VPC and subnets


@covers("network.zones", field="NetworkArgs.zones", ends_in="aws:ec2/subnet:Subnet.availabilityZone")
@pytest.mark.parametrize("zones", [ZONES[:2], ZONES])
@pytest.mark.parametrize("kind", ["public", "private", "intra"])
def test_each_zone_has_a_subnet_of_each_kind(kind: str, zones: list[str]) -> None:
    graph = graph_of(but(zones=zones))
    assert [node["inputs"]["availabilityZone"] for node in graph.all(SUBNET, f"x-{kind}-.*")] == zones
    assert graph.count(SUBNET) == 3 * len(zones)


@covers("network.cidr", field="NetworkArgs.cidr", ends_in="aws:ec2/subnet:Subnet.cidrBlock")
def test_subnets_have_the_planned_blocks(smallest: Recorded) -> None:
    blocks = {node["name"]: node["inputs"]["cidrBlock"] for node in smallest.all(SUBNET)}
    assert blocks == {
        "x-private-us-east-1a": "10.0.0.0/18",
        "x-private-us-east-1b": "10.0.64.0/18",
        "x-private-us-east-1c": "10.0.128.0/18",
        "x-public-us-east-1a": "10.0.192.0/21",
        "x-public-us-east-1b": "10.0.200.0/21",
        "x-public-us-east-1c": "10.0.208.0/21",
        "x-intra-us-east-1a": "10.0.216.0/21",
        "x-intra-us-east-1b": "10.0.224.0/21",
        "x-intra-us-east-1c": "10.0.232.0/21",
    }


@pytest.mark.parametrize("cidr", ["10.0.0.0/17", "172.20.0.0/20", "192.168.4.0/22", "100.64.0.0/16", "10.9.8.0/24"])
def test_every_size_is_planned(cidr: str) -> None:
    graph = graph_of(but(cidr=cidr))
    blocks = plan(IPv4Network(cidr), 3)
    for kind in ("public", "private", "intra"):
        found = [node["inputs"]["cidrBlock"] for node in graph.all(SUBNET, f"x-{kind}-.*")]
        assert found == [str(block) for block in getattr(blocks, kind)]


def test_a_third_zone_moves_nothing(smallest: Recorded) -> None:
    two = graph_of(but(zones=ZONES[:2]))
    for node in two.all(SUBNET):
        assert smallest.inputs(SUBNET, node["name"]) == node["inputs"]


def test_vpc_resolves_private_names(smallest: Recorded) -> None:
    smallest.has(VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": True, "enableDnsHostnames": True})


def test_default_security_group_admits_nothing(smallest: Recorded) -> None:
    vpc_id = id_of(smallest, VPC, "x-vpc")
    smallest.has(DEFAULT_GROUP, {"vpcId": vpc_id, "ingress": exactly([]), "egress": exactly([])})


def test_default_acl_and_main_route_table_are_left_alone(smallest: Recorded) -> None:
    assert smallest.count("aws:ec2/defaultNetworkAcl:DefaultNetworkAcl") == 0
    assert smallest.count("aws:ec2/defaultRouteTable:DefaultRouteTable") == 0
    assert smallest.count("aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation") == 0


def test_no_subnet_gives_public_addresses(smallest: Recorded) -> None:
    assert {node["inputs"]["mapPublicIpOnLaunch"] for node in smallest.all(SUBNET)} == {False}


@pytest.mark.parametrize("type_", [VPC, SUBNET, TABLE, INTERNET_GATEWAY, NAT, EIP, ENDPOINT, GROUP, FLOW_LOG])
def test_parts_without_a_name_of_their_own_are_tagged_with_one(full: Recorded, type_: str) -> None:
    assert full.all(type_)
    for node in full.all(type_):
        assert node["inputs"]["tags"]["Name"] == node["name"]


# --- route tables


@covers("network.subnets", field="NetworkArgs.zones", ends_in="aws:ec2/routeTableAssociation:RouteTableAssociation")
def test_each_subnet_uses_the_route_table_of_its_kind(smallest: Recorded) -> None:
    tables = {node["id"]: node["name"] for node in smallest.all(TABLE)}
    subnets = {node["id"]: node["name"] for node in smallest.all(SUBNET)}
    used = {
        subnets[node["inputs"]["subnetId"]]: tables[node["inputs"]["routeTableId"]]
        for node in smallest.all(ASSOCIATION)
    }
    private = {f"x-private-{zone}": f"x-private-{zone}" for zone in ZONES}
    assert used == {
        **{f"x-public-{zone}": "x-public" for zone in ZONES},
        **private,
        **{f"x-intra-{zone}": "x-intra" for zone in ZONES},
    }


def test_only_public_subnets_route_to_the_internet_gateway(smallest: Recorded) -> None:
    gateway_id = id_of(smallest, INTERNET_GATEWAY, "x-internet")
    to_gateway = {name for name, inputs in routes(smallest).items() if inputs.get("gatewayId") == gateway_id}
    assert to_gateway == {"x-public"}
    assert routes(smallest)["x-public"]["routeTableId"] == id_of(smallest, TABLE, "x-public")
    assert routes(smallest)["x-public"]["destinationCidrBlock"] == "0.0.0.0/0"


@pytest.mark.parametrize("nat", ["single", "per_zone"])
def test_intra_subnets_have_no_route_out(nat: str) -> None:
    graph = graph_of(but(nat=nat))
    table_id = id_of(graph, TABLE, "x-intra")
    assert [name for name, inputs in routes(graph).items() if inputs["routeTableId"] == table_id] == []


# --- NAT


def test_default_is_a_single_nat_gateway() -> None:
    assert NetworkArgs.of(SMALLEST).nat is NatMode.SINGLE


@covers("network.nat", field="NetworkArgs.nat", ends_in="aws:ec2/natGateway:NatGateway.subnetId")
@pytest.mark.parametrize(
    ("nat", "zones", "by_zone"),
    [
        ("single", ["us-east-1a"], dict.fromkeys(ZONES, "us-east-1a")),
        ("per_zone", ZONES, {zone: zone for zone in ZONES}),
    ],
)
def test_private_subnets_leave_by_nat(nat: str, zones: list[str], by_zone: dict[str, str]) -> None:
    graph = graph_of(but(nat=nat))
    assert [node["name"] for node in graph.all(NAT)] == [f"x-nat-{zone}" for zone in zones]
    for zone in zones:
        assert graph.inputs(NAT, f"x-nat-{zone}")["subnetId"] == id_of(graph, SUBNET, f"x-public-{zone}")
        assert graph.inputs(NAT, f"x-nat-{zone}")["allocationId"] == id_of(graph, EIP, f"x-nat-{zone}")
        graph.has(EIP, {"domain": "vpc"}, name=f"x-nat-{zone}")
    for zone, nat_zone in by_zone.items():
        assert routes(graph)[f"x-private-{zone}"] == {
            "routeTableId": id_of(graph, TABLE, f"x-private-{zone}"),
            "destinationCidrBlock": "0.0.0.0/0",
            "natGatewayId": id_of(graph, NAT, f"x-nat-{nat_zone}"),
        }
    ids = {zone: id_of(graph, NAT, f"x-nat-{zone}") for zone in zones}
    assert graph.one(COMPONENT)["outputs"]["nat_gateway_ids"] == ids


@covers("network.nat", field="NetworkArgs.nat", ends_in="aws:ec2/natGateway:NatGateway")
def test_without_nat_private_subnets_have_no_route_out(isolated: Recorded) -> None:
    graph = graph_of(but(nat="none", interface_endpoints=ENDPOINTS))
    assert set(routes(graph)) == {"x-public"}
    assert (graph.count(NAT), graph.count(EIP)) == (0, 0)
    assert (isolated.count(NAT), isolated.count(EIP)) == (0, 0)


@pytest.mark.parametrize("type_", [NAT, EIP])
def test_nat_waits_for_the_internet_gateway(smallest: Recorded, type_: str) -> None:
    assert "InternetGateway x-internet" in waits_for(smallest, type_)


def test_second_nat_moves_only_routes(smallest: Recorded) -> None:
    per_zone = graph_of(but(nat="per_zone"))
    for type_ in (SUBNET, TABLE, ASSOCIATION):
        before = {node["name"]: node["inputs"] for node in smallest.all(type_)}
        assert {node["name"]: node["inputs"] for node in per_zone.all(type_)} == before


def test_without_public_subnets_there_is_no_internet_gateway(isolated: Recorded) -> None:
    assert isolated.count(INTERNET_GATEWAY) == 0
    assert isolated.count(ROUTE) == 0
    assert isolated.all(SUBNET, "x-public-.*") == []
    assert isolated.all(TABLE, "x-public.*") == []


# --- endpoints


@covers("network.gateway-endpoints", field="NetworkArgs.zones", ends_in="aws:ec2/vpcEndpoint:VpcEndpoint.routeTableIds")
@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_gateway_endpoints_serve_private_and_intra_subnets(smallest: Recorded, service: str) -> None:
    roles = [*(f"x-private-{zone}" for zone in ZONES), "x-intra"]
    smallest.has(
        ENDPOINT,
        {
            "vpcEndpointType": "Gateway",
            "serviceName": f"com.amazonaws.us-east-1.{service}",
            "routeTableIds": [id_of(smallest, TABLE, role) for role in roles],
            "subnetIds": absent,
        },
        name=f"x-endpoint-{service}",
    )


def test_tables_of_own_and_trusted_accounts_only(full: Recorded) -> None:
    assert full.statements(ENDPOINT, "x-endpoint-dynamodb") == [
        {
            "Sid": "TrustedAccounts",
            "Effect": "Allow",
            "Principal": {"AWS": ["*"]},
            "Action": ["dynamodb:*"],
            "Resource": ["*"],
            "Condition": {"StringEquals": {"aws:ResourceAccount": ["123456789012", "210987654321"]}},
        }
    ]


def test_buckets_of_others_can_only_be_read(smallest: Recorded) -> None:
    statements = by_sid(smallest.statements(ENDPOINT, "x-endpoint-s3"))
    assert statements["TrustedAccounts"]["Action"] == ["s3:*"]
    assert statements["TrustedAccounts"]["Condition"] == {"StringEquals": {"aws:ResourceAccount": ["123456789012"]}}
    others = statements["OthersReadOnly"]
    assert others["Action"] == [
        "s3:CreateBucket",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:List*",
    ]
    assert others["Condition"] == {"Bool": {"aws:SecureTransport": "true"}}
    assert set(statements) == {"TrustedAccounts", "OthersReadOnly"}


def test_default_has_no_interface_endpoints(smallest: Recorded) -> None:
    assert services(smallest, "Interface") == []
    assert smallest.count(GROUP) == 0


@covers(
    "network.interface-endpoints",
    field="NetworkArgs.interface_endpoints",
    ends_in="aws:ec2/vpcEndpoint:VpcEndpoint.serviceName",
)
def test_chosen_services_have_interface_endpoints(full: Recorded) -> None:
    assert services(full, "Interface") == ["com.amazonaws.us-east-1.ecr.api", "com.amazonaws.us-east-1.logs"]
    full.has(
        ENDPOINT,
        {
            "vpcEndpointType": "Interface",
            "privateDnsEnabled": True,
            "subnetIds": [id_of(full, SUBNET, f"x-intra-{zone}") for zone in ZONES],
            "securityGroupIds": [id_of(full, GROUP, "x-endpoints")],
            "routeTableIds": absent,
        },
        name="x-endpoint-ecr-api",
    )


def test_interface_endpoints_admit_https_from_the_vpc_only(full: Recorded) -> None:
    full.has(
        GROUP, {"ingress": absent, "egress": absent, "description": "Interface endpoints: HTTPS from inside the VPC"}
    )
    assert full.inputs(INGRESS) == {
        "securityGroupId": id_of(full, GROUP, "x-endpoints"),
        "description": "HTTPS from inside the VPC",
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "cidrIpv4": "10.20.0.0/16",
    }
    assert full.count("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") == 0


def test_endpoints_are_of_the_providers_region() -> None:
    answers = {"aws:index/getRegion:getRegion": {"region": "eu-west-1", "id": "eu-west-1", "name": "eu-west-1"}}
    graph = graph_of(but(zones=["eu-west-1a", "eu-west-1b"], interface_endpoints=["sts"]), answers=answers)
    assert services(graph, "Interface") == ["com.amazonaws.eu-west-1.sts"]
    assert services(graph, "Gateway") == ["com.amazonaws.eu-west-1.dynamodb", "com.amazonaws.eu-west-1.s3"]


# --- flow logs


@covers("network.flow-logs", field="NetworkArgs.flow_logs", ends_in="aws:ec2/flowLog:FlowLog.vpcId")
def test_all_traffic_is_logged(smallest: Recorded) -> None:
    smallest.has(
        FLOW_LOG,
        {
            "vpcId": id_of(smallest, VPC, "x-vpc"),
            "trafficType": "ALL",
            "logDestinationType": "cloud-watch-logs",
            "logDestination": smallest.one(LOG_GROUP)["outputs"]["arn"],
            "iamRoleArn": smallest.one(ROLE)["outputs"]["arn"],
        },
    )


@covers(
    "network.flow-logs",
    field="NetworkFlowLogs.retention_days",
    ends_in="aws:cloudwatch/logGroup:LogGroup.retentionInDays",
)
@pytest.mark.parametrize(("flow_logs", "days"), [({}, 90), ({"retention_days": 14}, 14)])
def test_flow_logs_are_kept_for_a_time(flow_logs: dict[str, Any], days: int) -> None:
    graph_of(but(flow_logs=flow_logs)).has(LOG_GROUP, {"retentionInDays": days})


@covers("network.flow-logs", field="NetworkFlowLogs.key_arn", ends_in="aws:cloudwatch/logGroup:LogGroup.kmsKeyId")
def test_flow_logs_are_encrypted_with_an_own_key(smallest: Recorded) -> None:
    key = smallest.one(KEY_TYPE)
    smallest.has(LOG_GROUP, {"kmsKeyId": key["outputs"]["arn"]})
    assert key["inputs"]["enableKeyRotation"] is True
    logs = by_sid(smallest.statements(KEY_TYPE))["Logs"]
    assert logs["Principal"] == {"Service": ["logs.us-east-1.amazonaws.com"]}
    group_arn = smallest.one(LOG_GROUP)["outputs"]["arn"]
    assert logs["Condition"] == {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": [group_arn]}}


def test_flow_logs_are_encrypted_with_the_key_given() -> None:
    graph = graph_of(but(flow_logs={"key_arn": KEY}))
    graph.has(LOG_GROUP, {"kmsKeyId": KEY})
    assert graph.count(KEY_TYPE) == 0


def test_log_group_is_named_by_the_vpc(smallest: Recorded) -> None:
    smallest.has(LOG_GROUP, {"name": f"/aws/vpc-flow-logs/{id_of(smallest, VPC, 'x-vpc')}"})


def test_role_is_taken_by_flow_logs_of_the_account_only(smallest: Recorded) -> None:
    assert smallest.statements(ROLE, prop="assumeRolePolicy") == [
        {
            "Sid": "ServiceAssumesRole",
            "Effect": "Allow",
            "Principal": {"Service": ["vpc-flow-logs.amazonaws.com"]},
            "Action": ["sts:AssumeRole"],
            "Condition": {
                "StringEquals": {"aws:SourceAccount": "123456789012"},
                "ArnLike": {"aws:SourceArn": "arn:aws:ec2:us-east-1:123456789012:vpc-flow-log/*"},
            },
        }
    ]


def test_role_writes_to_its_log_group_only(smallest: Recorded) -> None:
    group_arn = smallest.one(LOG_GROUP)["outputs"]["arn"]
    assert smallest.statements(ROLE_POLICY) == [
        {
            "Sid": "Write",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": [group_arn, f"{group_arn}:*"],
        },
        {
            "Sid": "Find",
            "Effect": "Allow",
            "Action": ["logs:DescribeLogGroups"],
            "Resource": ["arn:aws:logs:us-east-1:123456789012:log-group:*"],
        },
    ]


def test_flow_log_waits_for_what_its_role_may_do(smallest: Recorded) -> None:
    assert "RolePolicy x-flow-logs" in waits_for(smallest, FLOW_LOG)


@pytest.mark.parametrize("type_", [FLOW_LOG, LOG_GROUP, KEY_TYPE, ROLE, ROLE_POLICY])
def test_flow_logs_can_be_off(type_: str) -> None:
    assert graph_of(but(flow_logs={"enabled": False})).count(type_) == 0


@pytest.mark.parametrize("type_", [LOG_GROUP, KEY_TYPE])
@pytest.mark.parametrize("kept", [True, False])
def test_logs_and_key_are_protected(type_: str, kept: bool) -> None:
    graph = graph_of(but(deletion_protection=kept))
    if kept:
        graph.has(type_, {}, protect=True, retain_on_delete=True)
    else:
        graph.has(type_, {}, protect=absent, retain_on_delete=absent)
    graph.has(LOG_GROUP, {"deletionProtectionEnabled": kept})


def test_what_holds_no_data_stays_replaceable(smallest: Recorded) -> None:
    for type_ in (VPC, SUBNET, ROLE, FLOW_LOG, ENDPOINT):
        assert not any(node["options"].get("protect") for node in smallest.all(type_))


# --- discovery


@covers("network.discovery-tags", field="NetworkArgs.zones", ends_in="aws:ec2/subnet:Subnet.tags")
@covers("network.discovery-tags", field="NetworkArgs.cluster_name", ends_in="aws:ec2/subnet:Subnet.tags")
@pytest.mark.parametrize(
    ("kind", "tags"),
    [
        ("public", {"kubernetes.io/role/elb": "1"}),
        ("private", {"kubernetes.io/role/internal-elb": "1", "karpenter.sh/discovery": "ml-dev"}),
        ("intra", {}),
    ],
)
def test_subnets_are_found_by_their_tags(full: Recorded, kind: str, tags: dict[str, str]) -> None:
    for zone in ZONES:
        name = f"x-{kind}-{zone}"
        assert full.inputs(SUBNET, name)["tags"] == {"Name": name, **tags}


def test_without_cluster_name_karpenter_finds_nothing(smallest: Recorded) -> None:
    assert not any("karpenter.sh/discovery" in node["inputs"]["tags"] for node in smallest.all(SUBNET))


# --- adoption


@covers("network.adoption", field="NetworkArgs.existing", ends_in="mlplatform:index:Network.private_subnet_ids")
def test_adopted_network_is_taken_as_it_is(adopted: Recorded) -> None:
    assert [node["type"] for node in adopted.resources] == [COMPONENT]
    assert adopted.one(COMPONENT)["outputs"] == {
        "vpc_id": "vpc-0123456789abcdef0",
        "vpc_cidr": "10.30.0.0/16",
        "public_subnet_ids": ["subnet-0000000000000001a", "subnet-0000000000000001b"],
        "private_subnet_ids": ["subnet-0000000000000002a", "subnet-0000000000000002b"],
        "intra_subnet_ids": ["subnet-0000000000000003a", "subnet-0000000000000003b"],
        "nat_public_ips": [],
        "nat_gateway_ids": {},
    }


def test_adopted_network_may_have_private_subnets_only() -> None:
    only = {key: value for key, value in EXISTING.items() if key not in {"public_subnet_ids", "intra_subnet_ids"}}
    outputs = graph_of({"existing": only}).one(COMPONENT)["outputs"]
    assert outputs["public_subnet_ids"] == []
    assert outputs["intra_subnet_ids"] == outputs["private_subnet_ids"] == EXISTING["private_subnet_ids"]


def test_adopted_subnets_are_tagged_if_asked_for(tagged: Recorded) -> None:
    tags = {node["name"]: tuple(node["inputs"].values()) for node in tagged.all(TAG)}
    public, private = "subnet-0000000000000001", "subnet-0000000000000002"
    assert {name: set(values) for name, values in tags.items()} == {
        "x-public-0-elb": {f"{public}a", "kubernetes.io/role/elb", "1"},
        "x-public-1-elb": {f"{public}b", "kubernetes.io/role/elb", "1"},
        "x-private-0-internal-elb": {f"{private}a", "kubernetes.io/role/internal-elb", "1"},
        "x-private-0-discovery": {f"{private}a", "karpenter.sh/discovery", "ml-dev"},
        "x-private-1-internal-elb": {f"{private}b", "kubernetes.io/role/internal-elb", "1"},
        "x-private-1-discovery": {f"{private}b", "karpenter.sh/discovery", "ml-dev"},
    }


# --- outputs


def test_outputs_are_in_the_zones_order(smallest: Recorded) -> None:
    outputs = smallest.one(COMPONENT)["outputs"]
    assert outputs["vpc_id"] == id_of(smallest, VPC, "x-vpc")
    assert outputs["vpc_cidr"] == "10.0.0.0/16"
    for kind in ("public", "private", "intra"):
        assert outputs[f"{kind}_subnet_ids"] == [id_of(smallest, SUBNET, f"x-{kind}-{zone}") for zone in ZONES]


def test_addresses_of_nat_are_an_output(smallest: Recorded, isolated: Recorded) -> None:
    smallest.has(COMPONENT, {}, outputs={"nat_public_ips": unknown})
    assert isolated.one(COMPONENT)["outputs"]["nat_public_ips"] == []
    assert isolated.one(COMPONENT)["outputs"]["public_subnet_ids"] == []


# --- arguments


def test_outputs_are_accepted_where_nothing_depends_on_the_value() -> None:
    def program() -> None:
        args = {
            **SMALLEST,
            "trusted_account_ids": [pulumi.Output.from_input("210987654321")],
            "flow_logs": {"retention_days": pulumi.Output.from_input(7), "key_arn": pulumi.Output.from_input(KEY)},
        }
        Network("x", NetworkArgs.of(args))

    graph = record(program)
    graph.has(LOG_GROUP, {"retentionInDays": 7, "kmsKeyId": KEY})
    accounts = {"StringEquals": {"aws:ResourceAccount": ["123456789012", "210987654321"]}}
    graph.has(ENDPOINT, {"policy": json_of({"Statement": [{"Condition": accounts}]})}, name="x-endpoint-dynamodb")


def test_outputs_are_accepted_for_a_network_that_exists() -> None:
    def later(value: Any) -> Any:
        return (
            [pulumi.Output.from_input(item) for item in value]
            if isinstance(value, list)
            else pulumi.Output.from_input(value)
        )

    def program() -> None:
        existing = {key: later(value) for key, value in EXISTING.items()}
        Network("x", NetworkArgs.of({"cluster_name": "ml-dev", "existing": {**existing, "tag_subnets": True}}))

    graph = record(program)
    assert graph.count(TAG) == 6
    assert graph.one(COMPONENT)["outputs"]["private_subnet_ids"] == EXISTING["private_subnet_ids"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"flow_logs": {"retention_days": 8}},
            (
                "NetworkFlowLogs.retention_days: got 8; allowed are 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, "
                "400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653 (the periods of CloudWatch Logs, in days)"
            ),
        ),
        (
            {"trusted_account_ids": ["210987654321", "me"]},
            "NetworkArgs.trusted_account_ids[1]: got 'me'; allowed is an AWS account id of twelve digits, quoted",
        ),
    ],
)
def test_bad_outputs_are_refused_when_they_resolve(values: dict[str, Any], message: str) -> None:
    def later(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: pulumi.Output.from_input(item) for key, item in value.items()}
        return [pulumi.Output.from_input(item) for item in value]

    with pytest.raises(Refused) as refused:
        record(lambda: Network("x", NetworkArgs.of(but(**{key: later(value) for key, value in values.items()}))))
    assert str(refused.value) == message


@pytest.mark.parametrize("args", [BASE, ISOLATED, ADOPTED, SMALLEST], ids=["full", "isolated", "adopted", "smallest"])
def test_records_with_everything_unknown(args: dict[str, Any]) -> None:
    strict = graph_of(args, strict=True)
    assert [node["urn"] for node in strict.resources] == [node["urn"] for node in graph_of(args).resources]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "host bits": (
        but(cidr="10.0.0.1/16"),
        (
            "NetworkArgs.cidr: network '10.0.0.1/16' has host bits set; allowed: a network address; fix: write "
            "'10.0.0.0/16'"
        ),
    ),
    "no network": (
        but(cidr="10.0.0.0"),
        (
            "NetworkArgs.cidr: network '10.0.0.0' is not IPv4; allowed: address/prefix; fix: write for example "
            "10.0.0.0/16"
        ),
    ),
    "public range": (
        but(cidr="8.8.0.0/16"),
        (
            "NetworkArgs.cidr: got '8.8.0.0/16'; allowed is a range inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 "
            "or 100.64.0.0/10; of any other, the owner on the internet would be out of reach"
        ),
    ),
    "too large": (
        but(cidr="10.0.0.0/8"),
        (
            "NetworkArgs.cidr: VPC 10.0.0.0/8 is a /8; allowed: /16 to /24; fix: take a /16, or less where space is "
            "short"
        ),
    ),
    "one zone": (
        but(zones=["us-east-1a"]),
        "NetworkArgs.zones: got 1; allowed are 2 or 3 zones; take 3 where the region has them",
    ),
    "a zone twice": (
        but(zones=["us-east-1a", "us-east-1a"]),
        "NetworkArgs.zones: got us-east-1a more than once; allowed is once each; take the others out",
    ),
    "two regions": (
        but(zones=["us-east-1a", "us-west-2a"]),
        ("NetworkArgs.zones: got us-east-1a, us-west-2a; allowed are zones of one region, since a VPC lies in one"),
    ),
    "local zone": (
        but(zones=["us-west-2-lax-1a", "us-west-2a"]),
        ("NetworkArgs.zones: got 'us-west-2-lax-1a'; allowed is the name of an availability zone, such as eu-west-1a"),
    ),
    "nat": (but(nat="two"), "NetworkArgs.nat: got 'two'; allowed are 'none', 'single', 'per_zone'"),
    "gateway service": (
        but(interface_endpoints=["s3"]),
        (
            "NetworkArgs.interface_endpoints: got 's3', for which every network has a gateway endpoint at no cost; "
            "take it out"
        ),
    ),
    "endpoint twice": (
        but(interface_endpoints=["sts", "sts"]),
        "NetworkArgs.interface_endpoints: got sts more than once; allowed is once each; take the others out",
    ),
    "account": (
        but(trusted_account_ids=["12345"]),
        "NetworkArgs.trusted_account_ids: got '12345'; allowed is an AWS account id of twelve digits, quoted",
    ),
    "cluster name": (
        but(cluster_name="ml dev"),
        (
            "NetworkArgs.cluster_name: EKS cluster 'ml dev' is not accepted; allowed: letters, digits, - and _, first "
            "a letter or digit; fix: change the characters"
        ),
    ),
    "key alias": (
        but(flow_logs={"key_arn": "alias/logs"}),
        (
            "NetworkArgs.flow_logs.key_arn: got 'alias/logs'; allowed is the ARN of a KMS key, not of an alias, such "
            "as arn:aws:kms:eu-west-1:111122223333:key/mrk-0123456789abcdef"
        ),
    ),
    "output for a plain field": (
        but(cidr=pulumi.Output.from_input("10.0.0.0/16")),
        "NetworkArgs.cidr: got an output; allowed is a plain value, known before anything is created",
    ),
    "unknown field": (
        but(cider="10.0.0.0/16"),
        (
            "NetworkArgs.cider: unknown field; known are cidr, cluster_name, deletion_protection, existing, "
            "flow_logs, interface_endpoints, nat, public_subnets, trusted_account_ids, zones; did you mean 'cidr'?"
        ),
    ),
    "id of a VPC": (
        {"existing": {**EXISTING, "vpc_id": "my-vpc"}},
        "NetworkArgs.existing.vpc_id: got 'my-vpc'; allowed is the id of a VPC, such as vpc-0123456789abcdef0",
    ),
    "id of a subnet": (
        {"existing": {**EXISTING, "public_subnet_ids": ["public"]}},
        (
            "NetworkArgs.existing.public_subnet_ids: got 'public'; allowed is the id of a subnet, such as "
            "subnet-0123456789abcdef0"
        ),
    ),
    "one private subnet": (
        {"existing": {**EXISTING, "private_subnet_ids": ["subnet-0a"]}},
        (
            "NetworkArgs.existing.private_subnet_ids: got 1; allowed are 2 or more, in different zones, as EKS "
            "requires; add the others"
        ),
    ),
    "no private subnets": (
        {"existing": {"vpc_id": "vpc-0a", "vpc_cidr": "10.0.0.0/16"}},
        (
            "NetworkArgs.existing.private_subnet_ids: missing; set it: Ids of two or more subnets for nodes and pods, "
            "one a zone, in the zones' order"
        ),
    ),
}

CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "neither new nor existing": (
        {},
        (
            "NetworkArgs: cidr and zones missing, and existing too: allowed is a new or an existing network; set cidr "
            "and zones for a new one, existing to adopt one"
        ),
    ),
    "range without zones": (
        {"cidr": "10.0.0.0/16"},
        (
            "NetworkArgs: zones missing, and existing too: allowed is a new or an existing network; set zones for a "
            "new one, existing to adopt one"
        ),
    ),
    "new and existing": (
        {**ADOPTED, "nat": "per_zone", "cidr": "10.0.0.0/16"},
        "NetworkArgs: cidr, nat and existing: a network that exists is taken as it is; take one or the other out",
    ),
    "NAT without public subnets": (
        but(public_subnets=False),
        (
            "NetworkArgs: nat single and public_subnets false: NAT gateways lie in public subnets; set nat to none, "
            "or leave public_subnets out"
        ),
    ),
    "no NAT and no endpoints": (
        but(nat="none", interface_endpoints=["ec2", "ecr.api", "logs", "sts"]),
        (
            "NetworkArgs: nat none and interface_endpoints without ecr.dkr, eks, eks-auth, sqs, ssm: no node could "
            "join; add these to interface_endpoints, or set nat to single"
        ),
    ),
    "endpoints without room": (
        but(cidr="10.0.0.0/24", interface_endpoints=[*ENDPOINTS[:5], "logs"]),
        (
            "NetworkArgs: cidr 10.0.0.0/24 and interface_endpoints: each intra subnet has 11 addresses, and the 6 "
            "endpoints and the control plane need 12; take a larger cidr or fewer endpoints"
        ),
    ),
    "endpoints elsewhere": (
        but(zones=["cn-north-1a", "cn-north-1b"], interface_endpoints=["sts"]),
        (
            "NetworkArgs: zones of cn-north-1 and interface_endpoints: their names differ from service to service "
            "there; leave interface_endpoints out"
        ),
    ),
    "retention of nothing": (
        but(flow_logs={"enabled": False, "retention_days": 7}),
        ("NetworkArgs.flow_logs: enabled is false, and retention_days set: nothing is kept; take one or the other out"),
    ),
    "private and public": (
        {"existing": {**EXISTING, "public_subnet_ids": EXISTING["private_subnet_ids"]}},
        (
            "NetworkArgs.existing: private_subnet_ids and public_subnet_ids both have subnet-0000000000000002a, "
            "subnet-0000000000000002b: a subnet either routes to an internet gateway or does not; take it out of one "
            "of them"
        ),
    ),
    "one intra subnet": (
        {"existing": {**EXISTING, "intra_subnet_ids": ["subnet-0a"]}},
        (
            "NetworkArgs.existing: intra_subnet_ids has 1; allowed are none, or 2 or more in different zones, as EKS "
            "requires; add the others"
        ),
    ),
}


@pytest.mark.parametrize(("args", "message"), [*BAD.values(), *CONTRADICTIONS.values()], ids=[*BAD, *CONTRADICTIONS])
def test_bad_arguments_are_refused(args: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        NetworkArgs.of(args)
    assert str(refused.value) == message


def test_unknown_service_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidArgs) as refused:
        NetworkArgs.of(but(interface_endpoints=["ecr.dkt"]))
    text = str(refused.value)
    assert text.startswith("NetworkArgs.interface_endpoints: got 'ecr.dkt'; allowed are ")
    assert text.endswith("; did you mean 'ecr.dkr'?")
    assert "\n" not in text


@pytest.mark.parametrize("service", NEEDED_WITHOUT_NAT)
def test_without_nat_no_needed_endpoint_may_miss(service: str) -> None:
    with pytest.raises(InvalidArgs, match=f"interface_endpoints without {service}: no node could join"):
        NetworkArgs.of(but(nat="none", interface_endpoints=[name for name in ENDPOINTS if name != service]))


def test_five_endpoints_fit_into_the_smallest_network() -> None:
    assert NetworkArgs.of(but(cidr="10.0.0.0/24", interface_endpoints=ENDPOINTS[:5])).interface_endpoints
