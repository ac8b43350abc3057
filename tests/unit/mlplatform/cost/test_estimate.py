"""What a stack costs, held against amounts computed by hand, to the cent."""

import json

import pytest

from graphs import GROUP, graph, made
from mlplatform.cost import Assumptions, CostSettings, as_text, cents, estimate
from mlplatform.facts.aws.prices import PRICES
from mlplatform.preview.graph.model import Graph
from recorded import ROOT

TABLE, BUCKET = "aws:dynamodb/table:Table", "aws:s3/bucket:Bucket"
NODE_POOL, NODE_CLASS = "kubernetes:karpenter.sh/v1:NodePool", "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
USED = {
    "nat_gib": 100,
    "logs_ingested_gib": 10,
    "logs_stored_gib": 20,
    "s3_gib": 500,
    "s3_put_thousands": 100,
    "s3_get_thousands": 1000,
    "dynamodb_gib": 10,
    "dynamodb_read_millions": 8,
    "dynamodb_write_millions": 3,
    "load_balancer_lcus": 1,
    "vpc_endpoint_gib": 0,
    "lambda_millions": 1,
    "lambda_seconds": 0.5,
    "sqs_millions": 2,
}


def stack(*resources, region="us-east-1"):
    """Resources below one AWS provider in a region."""
    provider = made("aws", "pulumi:providers:aws", inputs={"region": region})
    placed = [
        type(one)(**{**vars(one), "provider": provider.urn}) if one.type.startswith("aws:") else one
        for one in resources
    ]
    return graph(provider, *placed).resources


def costs(resources, **settings):
    """USD a month of each item by resource and what is counted, in cents."""
    found = estimate(resources, CostSettings.of(settings))
    return {
        (item.resource, item.what): tuple(
            str(cents(getattr(item.cost, part))) for part in ("floor", "expected", "ceiling")
        )
        for item in found.items
    }


def same(amount):
    return (amount, amount, amount)


def unpriced(resources, **settings):
    return {(one.resource, one.what): one.fix for one in estimate(resources, CostSettings.of(settings)).unpriced}


EVERYTHING = stack(
    made("cluster", "aws:eks/cluster:Cluster"),
    made("nat", "aws:ec2/natGateway:NatGateway"),
    made("ip", "aws:ec2/eip:Eip"),
    made(
        "sts", "aws:ec2/vpcEndpoint:VpcEndpoint", inputs={"vpcEndpointType": "Interface", "subnetIds": ["a", "b", "c"]}
    ),
    made("s3", "aws:ec2/vpcEndpoint:VpcEndpoint", inputs={"vpcEndpointType": "Gateway"}),
    made("key", "aws:kms/key:Key"),
    made("secret", "aws:secretsmanager/secret:Secret"),
    made("logs", "aws:cloudwatch/logGroup:LogGroup"),
    made("objects", BUCKET),
    made("rows", TABLE, inputs={"billingMode": "PAY_PER_REQUEST", "pointInTimeRecovery": {"enabled": True}}),
    made(
        "db",
        "aws:rds/instance:Instance",
        inputs={
            "instanceClass": "db.t4g.medium",
            "engine": "postgres",
            "multiAz": True,
            "storageType": "gp3",
            "allocatedStorage": 50,
            "maxAllocatedStorage": 100,
        },
    ),
    made("web", "aws:lb/loadBalancer:LoadBalancer"),
    made("f", "aws:lambda/function:Function", inputs={"memorySize": 1024, "architectures": ["arm64"]}),
    made("jobs", "aws:sqs/queue:Queue"),
    made("alarm", "aws:cloudwatch/metricAlarm:MetricAlarm"),
    made("role", "aws:iam/role:Role"),
)


def test_every_service_by_hand():
    assert costs(EVERYTHING, assumptions=USED) == {
        ("cluster", "control plane, hours"): same("73.00"),  # 730 x 0.10
        ("nat", "NAT gateway, hours"): same("32.85"),  # 730 x 0.045
        ("nat", "NAT traffic, GiB"): same("4.50"),  # 100 x 0.045
        ("ip", "public IPv4 address, hours"): same("3.65"),  # 730 x 0.005
        ("sts", "interface endpoint in 3 zones, hours"): same("21.90"),  # 730 x 3 x 0.01
        ("sts", "endpoint traffic, GiB"): same("0.00"),
        ("key", "key, months"): same("1.00"),
        ("secret", "secret, months"): same("0.40"),
        ("logs", "logs taken in, GiB"): same("5.00"),  # 10 x 0.50
        ("logs", "logs kept, GiB"): same("0.60"),  # 20 x 0.03
        ("objects", "objects kept, GiB"): same("11.50"),  # 500 x 0.023
        ("objects", "writes, thousands"): same("0.50"),  # 100 x 0.005
        ("objects", "reads, thousands"): same("0.40"),  # 1000 x 0.0004
        ("rows", "items kept, GiB"): same("2.50"),  # 10 x 0.25
        ("rows", "continuous backup, GiB"): same("2.00"),  # 10 x 0.20
        ("rows", "read units, millions"): same("1.00"),  # 8 x 0.125
        ("rows", "write units, millions"): same("1.88"),  # 3 x 0.625 = 1.875
        ("db", "database db.t4g.medium, multi_az, hours"): same("94.17"),  # 730 x 0.129
        ("db", "database storage gp3, GiB"): ("11.50", "11.50", "23.00"),  # 50 and 100 x 0.23
        ("web", "application load balancer, hours"): same("16.43"),  # 730 x 0.0225 = 16.425
        ("web", "application capacity units, hours"): same("5.84"),  # 730 x 0.008
        ("f", "requests, millions"): same("0.20"),
        ("f", "run time on arm64, GiB-seconds"): same("6.67"),  # 1,000,000 x 0.5 x 1 GiB x 0.0000133334
        ("jobs", "requests, millions"): same("0.80"),  # 2 x 0.40
        ("alarm", "alarm metrics, months"): same("0.10"),
    }
    found = estimate(EVERYTHING, CostSettings.of({"assumptions": USED}))
    assert found.complete
    # 298.3767, which the rounded amounts above do not add up to; the database may grow by 11.50.
    assert found.total.to_document() == {"floor": "298.38", "expected": "298.38", "ceiling": "309.88"}


def test_what_is_used_is_never_guessed():
    found = unpriced(EVERYTHING)
    assert found["nat", "NAT traffic, GiB"] == "assumptions.nat_gib"
    assert found["f", "run time on arm64, GiB-seconds"] == "assumptions.lambda_millions"
    assert unpriced(EVERYTHING, assumptions={"lambda_millions": 1})["f", "run time on arm64, GiB-seconds"] == (
        "assumptions.lambda_seconds"
    )
    assert ("cluster", "control plane, hours") not in found
    assert not estimate(EVERYTHING).complete


@pytest.mark.parametrize("name", [name for name in Assumptions.model_fields if name not in ("hours", "node_share")])
def test_every_assumption_is_counted(name):
    others = {key: value for key, value in USED.items() if key != name}
    without = estimate(EVERYTHING, CostSettings.of({"assumptions": others}))
    with_it = estimate(EVERYTHING, CostSettings.of({"assumptions": {**others, name: 7}}))
    assert len(with_it.items) > len(without.items)
    assert len(with_it.unpriced) < len(without.unpriced)


def test_every_price_of_the_tables_is_asked_for():
    more = (
        made("q", "aws:sqs/queue:Queue", inputs={"fifoQueue": True}),
        made("f2", "aws:lambda/function:Function"),
        made("gateway", "kubernetes:gateway.networking.k8s.io/v1:Gateway"),
        made("volume", "aws:ebs/volume:Volume", inputs={"type": "gp3", "size": 1}),
        made(
            "db2",
            "aws:rds/instance:Instance",
            inputs={"instanceClass": "db.r7g.large", "engine": "postgres", "multiAz": True, "storageType": "gp3"},
        ),
    )
    own = [one for one in EVERYTHING if one.type.startswith("aws:")]
    found = estimate(stack(*own, *more), CostSettings.of({"assumptions": USED}))
    assert found.complete
    for key, region in PRICES:
        costly = CostSettings.of({"assumptions": {**USED, "vpc_endpoint_gib": 1}, "prices": {key: 1_000_000}})
        assert estimate(stack(*own, *more), costly).total.ceiling > 100_000, (key, region)


def test_use_may_be_a_range_and_hours_others():
    rows = costs(
        EVERYTHING,
        assumptions={"hours": 100, "nat_gib": {"floor": 10, "expected": 20, "ceiling": 30}},
    )
    assert rows["nat", "NAT traffic, GiB"] == ("0.45", "0.90", "1.35")
    assert rows["cluster", "control plane, hours"] == same("10.00")


# --- nodes -----------------------------------------------------------------------------------------------------------


def group(*kinds, **inputs):
    scaling = {"minSize": 2, "desiredSize": 3, "maxSize": 5}
    template = made(
        "template",
        "aws:ec2/launchTemplate:LaunchTemplate",
        inputs={"blockDeviceMappings": [{"ebs": {"volumeSize": 50, "volumeType": "gp3"}}]},
    )
    nodes = made(
        "nodes",
        "aws:eks/nodeGroup:NodeGroup",
        inputs={"instanceTypes": list(kinds), "scalingConfig": scaling, **inputs},
        property_dependencies={"launchTemplate": (template.urn,)},
    )
    return stack(template, nodes)


def test_a_node_group_from_minimum_over_desired_to_maximum():
    assert costs(group("m7i.xlarge")) == {
        # 2, 3 and 5 nodes x 730 x 0.2016
        ("nodes", "on-demand nodes: m7i.xlarge on-demand, hours"): ("294.34", "441.50", "735.84"),
        # 2, 3 and 5 nodes x 50 GiB x 0.08
        ("nodes", "volumes of nodes, gp3, GiB"): ("8.00", "12.00", "20.00"),
    }


def test_spot_nodes_of_several_types_cost_the_cheapest_probably_and_the_dearest_at_most():
    assert costs(group("m7i.large", "m7i.xlarge", capacityType="SPOT")) == {
        ("nodes", "spot nodes: m7i.large spot, hours"): ("52.71", "79.06", "0.00"),  # 2 and 3 x 730 x 0.0361
        ("nodes", "spot nodes: m7i.xlarge spot, hours, at most"): ("0.00", "0.00", "297.84"),  # 5 x 730 x 0.0816
        ("nodes", "volumes of nodes, gp3, GiB"): ("8.00", "12.00", "20.00"),
    }


def test_a_disk_that_nothing_names_is_that_of_eks():
    scaling = {"minSize": 1, "desiredSize": 1, "maxSize": 1}
    inputs = {"instanceTypes": ["m7i.large"], "scalingConfig": scaling}
    plain = made("nodes", "aws:eks/nodeGroup:NodeGroup", inputs=inputs)
    assert unpriced(stack(plain))["nodes", "volumes of nodes, gp2, GiB"] == "prices.ebs.gp2_gib_month (us-east-1)"


def pool(ways, kinds, limits, name="pool"):
    requirements = [
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ways},
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": kinds},
    ]
    template = {"spec": {"nodeClassRef": {"name": "nodes"}, "requirements": requirements}}
    return made(name, NODE_POOL, inputs={"spec": {"limits": limits, "template": template}})


NODES = made(
    "class",
    NODE_CLASS,
    inputs={
        "metadata": {"name": "nodes"},
        "spec": {"blockDeviceMappings": [{"ebs": {"volumeSize": "100Gi", "volumeType": "gp3"}}]},
    },
)


def test_a_node_pool_from_none_to_its_limit():
    given = stack(NODES, pool(["spot", "on-demand"], ["g5.xlarge"], {"nvidia.com/gpu": "8"}))
    assert costs(given) == {
        ("pool", "spot or on-demand nodes: g5.xlarge spot, hours"): ("0.00", "1239.83", "0.00"),  # 4 x 730 x 0.4246
        # 8 x 730 x 1.006
        ("pool", "spot or on-demand nodes: g5.xlarge on-demand, hours, at most"): ("0.00", "0.00", "5875.04"),
        ("pool", "volumes of nodes, gp3, GiB"): ("0.00", "32.00", "64.00"),  # 4 and 8 x 100 x 0.08
    }
    assert costs(given, assumptions={"node_share": 1})["pool", "volumes of nodes, gp3, GiB"][1] == "64.00"


@pytest.mark.parametrize(
    ("kinds", "limits", "nodes"),
    [
        (["m7i.2xlarge"], {"cpu": "32", "memory": "1000Gi"}, 4),
        (["m7i.2xlarge"], {"cpu": "320", "memory": "64Gi"}, 2),
        (["m7i.2xlarge"], {"cpu": "9"}, 1),
        (["m7i.2xlarge"], {"cpu": "500m"}, 0),
        (["p5.48xlarge"], {"nvidia.com/gpu": "16", "nvidia.com/gpu.shared": "64"}, 2),
        (["m7i.2xlarge"], {"cpu": "0"}, 0),
    ],
)
def test_the_nodes_that_limits_allow(kinds, limits, nodes):
    found = estimate(stack(NODES, pool(["on-demand"], kinds, limits)))
    assert sum(item.quantity.ceiling for item in found.items if "volumes" in item.what) == nodes * 100


def test_reserved_capacity_is_paid_for_whether_it_is_used_or_not():
    given = stack(NODES, pool(["reserved"], ["m7i.large"], {"cpu": "8"}))
    assert costs(given) == {
        ("pool", "reserved nodes: m7i.large on-demand, hours"): same("294.34"),  # 4 x 730 x 0.1008
        ("pool", "volumes of nodes, gp3, GiB"): ("0.00", "16.00", "32.00"),  # 2 and 4 x 100 x 0.08
    }
    (item,) = [item for item in estimate(given).items if "nodes: " in item.what]
    assert item.note == "a reservation is paid for whether it is used or not; here at the on-demand price"


def test_nodes_of_unknown_number_or_type_are_not_counted():
    fix = "nothing: the program does not say how many nodes there may be, of which known types"
    uncounted = [
        made("pool", NODE_POOL, inputs={"spec": {"limits": {"cpu": "8"}}}),
        pool(["on-demand"], ["m7i.large"], {}),
        pool(["on-demand"], ["m7i.large"], {"nvidia.com/gpu": "8"}),
        pool(["on-demand"], ["m7i.large", "x99.huge"], {"cpu": "8"}),
    ]
    for one in uncounted:
        assert unpriced(stack(one)) == {("pool", "on-demand nodes"): fix}
    unknown = {
        "instanceTypes": ["m7i.large"],
        "scalingConfig": {"minSize": 1, "desiredSize": "[unknown]", "maxSize": 3},
    }
    assert unpriced(stack(made("nodes", "aws:eks/nodeGroup:NodeGroup", inputs=unknown))) == {
        ("nodes", "on-demand nodes"): fix
    }


def test_a_pool_that_is_paused_costs_nothing():
    found = estimate(stack(pool(["on-demand"], ["m7i.large"], {"cpu": "0", "memory": "0Gi"})))
    assert (found.complete, found.total.ceiling, len(found.items)) == (True, 0, 1)


# --- prices ----------------------------------------------------------------------------------------------------------

CLUSTER = made("cluster", "aws:eks/cluster:Cluster")
NAT = made("nat", "aws:ec2/natGateway:NatGateway")


def test_a_region_without_a_price_is_unpriced_and_the_total_unknown():
    there = stack(CLUSTER, region="eu-west-1")
    assert unpriced(there) == {("cluster", "control plane, hours"): "prices.eks.cluster_hour (eu-west-1)"}
    text = as_text(estimate(there))
    assert text.splitlines()[0] == "Cost a month in USD, a floor: not all is counted, see below"
    (last,) = [line for line in text.splitlines() if line.startswith("total")]
    assert last.split() == ["total", "unknown", "unknown", "unknown"]


def test_a_component_of_which_nothing_is_counted_is_unknown_and_never_zero():
    outer = made("outer", GROUP)
    objects = made("objects", BUCKET, parent=outer.urn, parents=GROUP)
    lines = as_text(estimate(stack(outer, objects, NAT))).splitlines()
    assert [line.split() for line in lines if line.startswith(("outer", "(stack)", "total"))] == [
        ["(stack)", "32.85+", "32.85+", "32.85+"],
        ["outer", "unknown", "unknown", "unknown"],
        ["total", "32.85+", "32.85+", "32.85+"],
    ]


def test_each_region_has_its_own_prices():
    assert costs(stack(NAT, region="eu-west-1"))["nat", "NAT gateway, hours"] == same("35.04")  # 730 x 0.048
    moved = made("nat", "aws:ec2/natGateway:NatGateway", inputs={"region": "eu-west-1"})
    assert costs(stack(moved))["nat", "NAT gateway, hours"] == same("35.04")


def test_a_price_of_ones_own_wins_and_may_be_for_one_region():
    there = stack(CLUSTER, region="eu-west-1")
    assert costs(there, prices={"eks.cluster_hour": 0.2}) == {("cluster", "control plane, hours"): same("146.00")}
    assert costs(there, prices={"eks.cluster_hour@eu-west-1": 0.3, "eks.cluster_hour": 0.2}) == {
        ("cluster", "control plane, hours"): same("219.00")
    }
    assert costs(there, prices={"eks.cluster_hour@us-west-2": 0.3}) == {}
    assert costs(stack(CLUSTER), prices={"eks.cluster_hour": 0}) == {("cluster", "control plane, hours"): same("0.00")}


def test_another_regions_prices_stand_in_only_where_one_says_so():
    group_there = stack(
        made(
            "nodes",
            "aws:eks/nodeGroup:NodeGroup",
            inputs={
                "instanceTypes": ["m7i.large"],
                "scalingConfig": {"minSize": 1, "desiredSize": 1, "maxSize": 1},
            },
        ),
        CLUSTER,
        region="eu-west-1",
    )
    key = ("nodes", "on-demand nodes")
    assert unpriced(group_there)[key] == "prices.ec2.m7i.large.on_demand_hour (eu-west-1)"
    with_ec2 = estimate(group_there, CostSettings.of({"ec2_price_region": "us-east-1"}))
    assert "price of us-east-1 for eu-west-1" in with_ec2.notes
    assert [item.resource for item in with_ec2.items] == ["nodes"]
    both = {"ec2_price_region": "us-east-1", "service_price_region": "us-east-1"}
    assert costs(group_there, **both)["cluster", "control plane, hours"] == same("73.00")


def test_what_is_paid_for_and_never_counted_is_named():
    assert unpriced(stack(made("images", "aws:ecr/repository:Repository"))) == {
        ("images", "images kept"): "nothing: it is not part of the estimate"
    }


def test_what_kubernetes_asks_a_load_balancer_for():
    given = stack(
        made("gateway", "kubernetes:gateway.networking.k8s.io/v1:Gateway"),
        made("public", "kubernetes:core/v1:Service", inputs={"spec": {"type": "LoadBalancer"}}),
        made("private", "kubernetes:core/v1:Service", inputs={"spec": {"type": "ClusterIP"}}),
        made("odd", "kubernetes:core/v1:Service"),
    )
    assert costs(given, assumptions={"load_balancer_lcus": 2}) == {
        (name, what): same(amount)
        for name in ("gateway", "public")
        for what, amount in (
            ("network load balancer, hours", "16.43"),  # 730 x 0.0225
            ("network capacity units, hours", "8.76"),  # 2 x 730 x 0.006
        )
    }


def test_provisioned_capacity_another_engine_and_a_fifo_queue_have_keys_of_their_own():
    found = unpriced(
        stack(
            made("rows", TABLE, inputs={"readCapacity": 5, "writeCapacity": 5}),
            made("db", "aws:rds/instance:Instance", inputs={"instanceClass": "db.t4g.medium", "engine": "mysql"}),
        )
    )
    assert found["rows", "read capacity units, hours"] == "prices.dynamodb.read_capacity_hour (us-east-1)"
    assert found["db", "database db.t4g.medium, single_az, hours"] == (
        "prices.rds.mysql.db.t4g.medium.single_az_hour (us-east-1)"
    )
    fifo = stack(made("q", "aws:sqs/queue:Queue", inputs={"fifoQueue": True}))
    assert costs(fifo, assumptions={"sqs_millions": 1}) == {("q", "requests, millions"): same("0.50")}


# --- the whole -------------------------------------------------------------------------------------------------------


def test_costs_are_by_outermost_component():
    outer = made("outer", GROUP)
    inner = made("inner", GROUP, parent=outer.urn, parents=GROUP)
    key = made("key", "aws:kms/key:Key", parent=inner.urn, parents=f"{GROUP}${GROUP}")
    found = estimate(stack(outer, inner, key, NAT))
    assert {name: str(cents(cost.floor)) for name, cost in found.by_component.items()} == {"": "32.85", "outer": "1.00"}


def test_the_report():
    assert as_text(estimate(stack(NAT, made("keys", GROUP)))) == (
        "Cost a month in USD, a floor: not all is counted, see below\n"
        "\n"
        "component                         floor      expected       ceiling\n"
        "(stack)                          32.85+        32.85+        32.85+\n"
        "  nat: NAT gateway, hours         32.85         32.85         32.85\n"
        "total                            32.85+        32.85+        32.85+\n"
        "\n"
        "Not counted, for want of a price or of an assumed use; what to set in costs.yaml:\n"
        "  (stack): nat: NAT traffic, GiB: assumptions.nat_gib\n"
        "\n"
        "note: a month has 730 hours; of a pool's nodes between minimum and limit 0.5 run\n"
        "\n"
        "Prices:\n"
        "  AWS price list, AmazonEC2 20260831181331, us-east-1, 2026-08-31\n"
    )


def test_an_empty_stack_costs_nothing():
    found = estimate(stack())
    assert (found.items, found.complete) == ((), True)
    assert "total" in as_text(found)
    assert "0.00" in as_text(found)


def test_the_order_of_resources_leaves_no_trace():
    settings = CostSettings.of({"assumptions": USED})
    one, other = (json.dumps(estimate(r, settings).to_document()) for r in (EVERYTHING, tuple(reversed(EVERYTHING))))
    assert one == other


def test_the_estimate_as_data():
    document = estimate(stack(made("key", "aws:kms/key:Key"))).to_document()
    assert document["items"] == [
        {
            "component": "",
            "resource": "key",
            "what": "key, months",
            "quantity": {"floor": "1", "expected": "1", "ceiling": "1"},
            "cost": {"floor": "1.00", "expected": "1.00", "ceiling": "1.00"},
            "source": "AWS price list, awskms 20260831092318, us-east-1, 2026-08-31",
            "note": "",
        }
    ]
    assert (document["complete"], document["total"]["floor"], document["unpriced"]) == (True, "1.00", [])


# Prices of us-east-1 stand in for those of eu-west-1, but for NAT gateways, which have their own.
GROUND = {
    ("addons-gateway", "network load balancer, hours"): same("16.43"),  # 730 x 0.0225
    ("cluster-cluster", "control plane, hours"): same("73.00"),  # 730 x 0.10
    ("cluster-ebs-key", "key, months"): same("1.00"),
    ("cluster-logs-key", "key, months"): same("1.00"),
    ("cluster-secrets-key", "key, months"): same("1.00"),
    ("features-key", "key, months"): same("1.00"),
    ("network-flow-logs-key", "key, months"): same("1.00"),
    ("network-nat-eu-west-1a", "NAT gateway, hours"): same("35.04"),  # 730 x 0.048
    ("network-nat-eu-west-1a", "public IPv4 address, hours"): same("3.65"),  # 730 x 0.005
}
TWO_SYSTEM_NODES = {
    ("cluster-system", "on-demand nodes: m7i.large on-demand, hours"): same("147.17"),  # 2 x 730 x 0.1008
    ("cluster-system", "volumes of nodes, gp3, GiB"): same("8.00"),  # 2 x 50 x 0.08
}
ENVIRONMENTS = {
    "dev": {
        **GROUND,
        **TWO_SYSTEM_NODES,
        # 4 GPUs: half of four nodes of the cheapest type, four of the dearest, with a volume of 100 GiB each
        ("training-spot", "spot nodes: g5.xlarge spot, hours"): ("0.00", "619.92", "0.00"),  # 2 x 730 x 0.4246
        ("training-spot", "spot nodes: g5.4xlarge spot, hours, at most"): (
            "0.00",
            "0.00",
            "1874.64",
        ),  # 4 x 730 x 0.6420
        ("training-spot", "volumes of nodes, gp3, GiB"): ("0.00", "16.00", "32.00"),  # 2 and 4 x 100 x 0.08
    },
    "staging": {
        **GROUND,
        **TWO_SYSTEM_NODES,
        # 8 GPUs: one node
        ("training-on-demand", "on-demand nodes: p5.48xlarge on-demand, hours"): ("0.00", "20089.60", "40179.20"),
        ("training-reserved", "reserved nodes: p5.48xlarge on-demand, hours"): same("0.00"),  # paused
    },
    "prod": {
        **GROUND,
        ("network-nat-eu-west-1b", "NAT gateway, hours"): same("35.04"),
        ("network-nat-eu-west-1c", "NAT gateway, hours"): same("35.04"),
        ("network-endpoint-ecr-api", "interface endpoint in 3 zones, hours"): same("21.90"),  # 730 x 3 x 0.01
        ("network-endpoint-sts", "interface endpoint in 3 zones, hours"): same("21.90"),
        ("cluster-system", "on-demand nodes: m7i.xlarge on-demand, hours"): same("441.50"),  # 3 x 730 x 0.2016
        ("cluster-system", "volumes of nodes, gp3, GiB"): same("12.00"),  # 3 x 50 x 0.08
        # 32 GPUs: four nodes, paid for in any case; 4 x 730 x 55.04
        ("training-reserved", "reserved nodes: p5.48xlarge on-demand, hours"): same("160716.80"),
        # 12 GPUs: half of twelve nodes of the cheapest type, twelve of the dearest
        ("inference-on-demand", "on-demand nodes: g6e.xlarge on-demand, hours"): ("0.00", "8151.18", "0.00"),
    },
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_environments_by_hand(name):
    golden = Graph.of(json.loads((ROOT / "tests" / "golden" / f"{name}.json").read_text()))
    stand_in = {"ec2_price_region": "us-east-1", "service_price_region": "us-east-1"}
    found = costs(golden.resources, **stand_in)
    assert {key: found.get(key) for key in ENVIRONMENTS[name]} == ENVIRONMENTS[name]
    assert len({resource for resource, _ in ENVIRONMENTS[name]}) >= 10
    whole = estimate(golden.resources, CostSettings.of(stand_in))
    assert whole.total.floor <= whole.total.expected <= whole.total.ceiling
    assert not whole.complete
    assert "price of us-east-1 for eu-west-1" in whole.notes
