"""Subnet plans: no overlaps, aligned, stable from two zones to three."""

import re
from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.facts.aws import cidr

VPCS = st.builds(
    lambda prefix, block: IPv4Network((block << (32 - prefix) & 0xFFFFFFFF, prefix)),
    st.integers(16, 24),
    st.integers(0, 2**24),
)


def blocks(plan):
    return [*plan.public, *plan.private, *plan.intra, *plan.spare]


def test_a_plan_in_full():
    plan = cidr.plan(IPv4Network("10.20.0.0/16"), 3)
    assert plan == cidr.SubnetPlan(
        private=tuple(map(IPv4Network, ("10.20.0.0/18", "10.20.64.0/18", "10.20.128.0/18"))),
        public=tuple(map(IPv4Network, ("10.20.192.0/21", "10.20.200.0/21", "10.20.208.0/21"))),
        intra=tuple(map(IPv4Network, ("10.20.216.0/21", "10.20.224.0/21", "10.20.232.0/21"))),
        spare=(IPv4Network("10.20.240.0/20"),),
    )


@pytest.mark.parametrize(
    ("vpc", "private", "public", "intra"),
    [(16, 18, 21, 21), (20, 22, 25, 25), (22, 24, 27, 27), (23, 26, 27, 27), (24, 27, 27, 28)],
)
def test_sizes(vpc, private, public, intra):
    plan = cidr.plan(IPv4Network(f"10.0.0.0/{vpc}"), 2)
    assert {block.prefixlen for block in plan.private} == {private}
    assert {block.prefixlen for block in plan.public} == {public}
    assert {block.prefixlen for block in plan.intra} == {intra}


@given(VPCS, st.sampled_from(cidr.ZONES))
def test_blocks_fill_the_vpc_exactly_once(vpc, zones):
    plan = cidr.plan(vpc, zones)
    assert [len(plan.public), len(plan.private), len(plan.intra)] == [zones] * 3
    assert all(block.subnet_of(vpc) for block in blocks(plan))
    assert not [pair for pair in combinations(blocks(plan), 2) if cidr.overlaps(*pair)]
    assert sum(block.num_addresses for block in blocks(plan)) == vpc.num_addresses


@given(VPCS, st.sampled_from(cidr.ZONES))
def test_every_subnet_is_one_that_aws_makes_and_a_load_balancer_fits(vpc, zones):
    plan = cidr.plan(vpc, zones)
    assert all(cidr.usable(block) >= 11 for block in (*plan.public, *plan.private, *plan.intra))
    assert all(block.prefixlen <= 27 for block in plan.public)


@given(VPCS, st.sampled_from(cidr.ZONES))
def test_nodes_and_pods_get_the_most(vpc, zones):
    plan = cidr.plan(vpc, zones)
    size = {kind: getattr(plan, kind)[0].num_addresses for kind in ("private", "public", "intra")}
    assert size["private"] >= size["public"] >= size["intra"]
    if vpc.prefixlen <= 22:
        assert sum(block.num_addresses for block in plan.private) == vpc.num_addresses * zones // 4


@given(VPCS)
def test_a_third_zone_moves_nothing(vpc):
    two, three = cidr.plan(vpc, 2), cidr.plan(vpc, 3)
    for kind in ("public", "private", "intra"):
        assert getattr(three, kind)[:2] == getattr(two, kind)
        assert any(getattr(three, kind)[2].subnet_of(spare) for spare in two.spare)


@pytest.mark.parametrize("prefix", [8, 15, 25, 28])
def test_vpcs_that_cannot_be_planned(prefix):
    with pytest.raises(ValueError, match=rf"^VPC 10.0.0.0/{prefix} is a /{prefix}; allowed: /16 to /24; fix: [^\n]*$"):
        cidr.plan(IPv4Network(f"10.0.0.0/{prefix}"), 3)


@pytest.mark.parametrize("zones", [0, 1, 4])
def test_zones_that_cannot_be_planned(zones):
    with pytest.raises(ValueError, match=rf"^zones is {zones}; allowed: 2 or 3; fix: "):
        cidr.plan(IPv4Network("10.0.0.0/16"), zones)


@given(VPCS)
def test_a_network_reads_as_it_is_written(network):
    assert cidr.ipv4_network(str(network)) == network


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "10.0.0.5/16",
            "network '10.0.0.5/16' has host bits set; allowed: a network address; fix: write '10.0.0.0/16'",
        ),
        *(
            (text, f"network {text!r} is not IPv4; allowed: address/prefix; fix: write for example 10.0.0.0/16")
            for text in (
                "",
                "10.0.0.0",
                "10.0.0.0/",
                "10.0.0.0/33",
                "10.0.0/8",
                "10.0.0.0/255.0.0.0",
                "fd00::/8",
                "ten/8",
            )
        ),
    ],
)
def test_texts_that_are_no_network(text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        cidr.ipv4_network(text)


@pytest.mark.parametrize(
    ("network", "private"),
    [
        ("10.0.0.0/16", True),
        ("172.31.0.0/16", True),
        ("192.168.0.0/16", True),
        ("100.64.0.0/16", True),
        ("172.32.0.0/16", False),
        ("100.128.0.0/16", False),
        ("8.8.8.0/24", False),
        ("0.0.0.0/0", False),
    ],
)
def test_private_networks(network, private):
    assert cidr.is_private(IPv4Network(network)) is private


@pytest.mark.parametrize(("network", "count"), [("10.0.0.0/18", 16379), ("10.0.0.0/28", 11), ("10.0.0.0/29", 0)])
def test_usable_addresses(network, count):
    assert cidr.usable(IPv4Network(network)) == count
