"""The settings of costs: what is accepted, and the message for each mistake."""

from decimal import Decimal

import pytest

from mlplatform.cost import BadSettings, CostSettings


def test_everything_may_be_left_out():
    settings = CostSettings.of({})
    assert (settings.assumptions.hours, settings.assumptions.node_share) == (Decimal(730), Decimal("0.5"))
    assert settings.assumptions.nat_gib is None
    assert (settings.ec2_price_region, settings.service_price_region, dict(settings.prices)) == (None, None, {})


def test_numbers_are_the_digits_that_were_written():
    settings = CostSettings.of({"prices": {"nat.hour": 0.1, "nat.gib": "0.2"}, "assumptions": {"nat_gib": 0.3}})
    assert settings.prices == {"nat.hour": Decimal("0.1"), "nat.gib": Decimal("0.2")}
    assert settings.assumptions.nat_gib.expected == Decimal("0.3")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"price": {}},
            "price is nothing that can be set; allowed are prices, assumptions, ec2_price_region, service_price_region",
        ),
        ({"prices": {"nat.hour": -1}}, "prices.nat.hour is -1; allowed is a number of 0 or more"),
        ({"prices": {"nat.hour": "free"}}, "prices.nat.hour is 'free'; allowed is a number"),
        ({"prices": []}, "prices is []; allowed is a mapping"),
        ({"assumptions": {"node_share": 2}}, "assumptions.node_share is 2; allowed is a number from 0 to 1"),
        (
            {"assumptions": {"nat_gib": {"expected": 1}}},
            "assumptions.nat_gib.ceiling is missing; add a number",
        ),
        (
            {"assumptions": {"nat_gib": {"floor": 3, "expected": 1, "ceiling": 2}}},
            (
                "assumptions.nat_gib does not fit: floor is 3, expected 1, ceiling 2; "
                "allowed is floor <= expected <= ceiling"
            ),
        ),
        (
            {"assumptions": {"nat_gib": {"expected": 1, "ceiling": 2, "most": 3}}},
            "assumptions.nat_gib.most is nothing that can be set; allowed are floor, expected, ceiling",
        ),
        ({"assumptions": 3}, "assumptions is 3; allowed is a mapping"),
        ({"ec2_price_region": 3}, "ec2_price_region is 3; allowed is a text"),
    ],
)
def test_mistakes_are_named(given, message):
    with pytest.raises(BadSettings) as refused:
        CostSettings.of(given)
    assert str(refused.value) == f"costs.yaml: {message}"
