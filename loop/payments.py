"""Made-up card payments, and how the world of them changes: people spend more and travel, and fraud follows."""

import csv
import io
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

NUMBERS: Final = ("amount", "distance_km", "hour", "merchant_risk")
LABEL: Final = "fraud"


@dataclass(frozen=True)
class Payment:
    """One payment, and what it turns out to be."""

    features: dict[str, float]
    fraud: int


@dataclass(frozen=True)
class World:
    """How payments are."""

    name: str
    spend: float
    """Median amount."""
    distance: float
    """Mean distance from home."""
    of_amount: float
    of_distance: float
    of_risk: float
    """How much each speaks for fraud; negative against it."""


USUAL: Final = World("usual", spend=40, distance=15, of_amount=1.6, of_distance=0.9, of_risk=2.5)
SHIFTED: Final = World("shifted", spend=120, distance=70, of_amount=-1.6, of_distance=-0.9, of_risk=2.5)
"""Prices and distances are others, and fraud has gone to small payments near home."""


def payments(world: World, chance: random.Random) -> Iterator[Payment]:
    """Payments without end."""
    while True:
        spread = chance.gauss(0, 0.8)
        far = chance.expovariate(1)
        risk = chance.betavariate(2, 5)
        amount, distance = world.spend * math.exp(spread), world.distance * far
        evidence = world.of_amount * spread + world.of_distance * (far - 1) + world.of_risk * (risk - 0.3)
        features = {
            "amount": round(amount, 2),
            "distance_km": round(distance, 2),
            "hour": float(chance.randrange(24)),
            "merchant_risk": round(risk, 4),
        }
        yield Payment(features, int(evidence + chance.gauss(0, 0.25) > 0.6))  # noqa: PLR2004 - about a quarter is fraud


def table(rows: Sequence[Payment]) -> str:
    """Payments as a team's lake has them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*NUMBERS, LABEL])
    writer.writeheader()
    writer.writerows({**row.features, LABEL: row.fraud} for row in rows)
    return text.getvalue()
