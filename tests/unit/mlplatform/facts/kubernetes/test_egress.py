"""Egress policies: DNS and the Pod Identity agent are in each, and nothing that was not asked for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.facts.kubernetes.egress import ToCidr, ToPods, default_deny, egress

DNS = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}
POD_IDENTITY = {
    "to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}, {"ipBlock": {"cidr": "fd00:ec2::23/128"}}],
    "ports": [{"protocol": "TCP", "port": 80}],
}
DESTINATIONS = st.one_of(
    st.builds(ToCidr, st.just("10.0.0.0/16"), st.lists(st.integers(1, 65535), min_size=1)),
    st.builds(ToPods, st.just({"app": "mlflow"}), st.just(None), st.lists(st.integers(1, 65535), min_size=1)),
)


def test_nothing_but_dns_and_identity():
    assert egress({"app": "trainer"}) == {
        "podSelector": {"matchLabels": {"app": "trainer"}},
        "policyTypes": ["Egress"],
        "egress": [DNS, POD_IDENTITY],
    }


def test_every_kind_of_destination():
    spec = egress(
        {},
        to=[
            ToCidr("10.0.0.0/16", (443,)),
            ToCidr("0.0.0.0/0", (443,), except_=("10.0.0.0/8", "169.254.0.0/16")),
            ToPods({"app": "mlflow"}, ports=(5000,)),
            ToPods({}, {"kubernetes.io/metadata.name": "monitoring"}, (9091, 9090)),
        ],
    )
    assert spec["podSelector"] == {}
    assert spec["egress"] == [
        DNS,
        POD_IDENTITY,
        {"to": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 443}]},
        {
            "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "169.254.0.0/16"]}}],
            "ports": [{"protocol": "TCP", "port": 443}],
        },
        {"to": [{"podSelector": {"matchLabels": {"app": "mlflow"}}}], "ports": [{"protocol": "TCP", "port": 5000}]},
        {
            "to": [
                {
                    "podSelector": {},
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
                }
            ],
            "ports": [{"protocol": "TCP", "port": 9091}, {"protocol": "TCP", "port": 9090}],
        },
    ]


@given(st.lists(DESTINATIONS, max_size=4))
def test_dns_and_identity_are_in_every_policy(to):
    spec = egress({"app": "a"}, to=to)
    assert spec["egress"][:2] == [DNS, POD_IDENTITY]
    assert len(spec["egress"]) == 2 + len(to)
    json.dumps(spec)


def test_a_cidr_may_come_later():
    later = object()
    assert egress({}, to=[ToCidr(later, (443,))])["egress"][2]["to"] == [{"ipBlock": {"cidr": later}}]


@pytest.mark.parametrize("destination", [ToCidr("10.0.0.0/16", ()), ToPods({"app": "a"})])
def test_ports_are_needed(destination):
    with pytest.raises(ValueError, match=r"has no ports; allowed: one or more; fix: name the ports that are needed$"):
        egress({}, to=[destination])


@pytest.mark.parametrize("cidr", ["10.0.0.0/99", "10.0.0.1/16", "ten"])
@pytest.mark.parametrize("closed", [False, True])
def test_cidrs_are_checked(cidr, closed):
    destination = ToCidr("0.0.0.0/0", (443,), except_=(cidr,)) if closed else ToCidr(cidr, (443,))
    with pytest.raises(ValueError, match=f"^network '{cidr}' is not accepted; allowed: a CIDR; fix: write for example"):
        egress({}, to=[destination])


def test_default_deny_selects_every_pod_and_allows_nothing():
    assert default_deny() == {"podSelector": {}, "policyTypes": ["Ingress"]}
