"""What an estimate is made of: exact amounts as ranges, item by item."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any, Final, Protocol

CENT: Final = Decimal("0.01")


class Resource(Protocol):
    """What an estimate reads of a recorded resource."""

    @property
    def urn(self) -> str:
        """Its URN."""

    @property
    def type(self) -> str:
        """Its type token."""

    @property
    def name(self) -> str:
        """Its logical name."""

    @property
    def parent(self) -> str | None:
        """URN of its parent."""

    @property
    def provider(self) -> str | None:
        """URN of its explicit provider."""

    @property
    def kind(self) -> str:
        """custom, component, provider, read, remote or stack."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Its inputs."""

    @property
    def property_dependencies(self) -> Mapping[str, Sequence[str]]:
        """URNs that each of its properties was made of."""


@dataclass(frozen=True, slots=True)
class Range:
    """An amount at least, probably and at most: a number of units, or USD a month."""

    floor: Decimal
    expected: Decimal
    ceiling: Decimal

    @classmethod
    def of(cls, amount: Decimal | int) -> "Range":
        """The range of an amount that is certain."""
        return cls(Decimal(amount), Decimal(amount), Decimal(amount))

    def __add__(self, other: "Range") -> "Range":
        """The sum."""
        return Range(self.floor + other.floor, self.expected + other.expected, self.ceiling + other.ceiling)

    def __mul__(self, factor: "Decimal | int | Range") -> "Range":
        """The product, part by part."""
        by = factor if isinstance(factor, Range) else Range.of(factor)
        return Range(self.floor * by.floor, self.expected * by.expected, self.ceiling * by.ceiling)

    def to_document(self) -> dict[str, str]:
        """The range in cents, as text: floats would not be exact."""
        return {name: str(cents(getattr(self, name))) for name in ("floor", "expected", "ceiling")}


NOTHING: Final = Range.of(0)


def cents(amount: Decimal) -> Decimal:
    """An amount rounded to the cent, half a cent up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is paid for."""

    component: str
    """Name of the outermost component; empty directly in the stack."""
    resource: str
    """Logical name of the resource."""
    what: str
    """What is counted."""
    quantity: Range
    """How many units a month."""
    cost: Range
    """USD a month."""
    source: str
    """Who states the price, and when."""
    note: str = ""
    """What the amount rests on besides."""


@dataclass(frozen=True, slots=True)
class Unpriced:
    """One thing that is paid for, and that the estimate does not count."""

    component: str
    resource: str
    what: str
    """What has no price, or no assumed use."""
    fix: str
    """What to set in the settings."""


@dataclass(frozen=True)
class Estimate:
    """What a stack costs a month."""

    items: Sequence[Item]
    """Sorted by component, resource and what is counted."""
    unpriced: Sequence[Unpriced]
    """Sorted alike."""
    notes: Sequence[str] = ()
    """What all of it rests on, a line each."""

    @cached_property
    def total(self) -> Range:
        """USD a month of all that is counted."""
        return total(item.cost for item in self.items)

    @property
    def complete(self) -> bool:
        """Whether everything is counted; else every figure of the total is a floor."""
        return not self.unpriced

    @cached_property
    def by_component(self) -> Mapping[str, Range]:
        """USD a month by outermost component, sorted, those without a counted item too."""
        names = sorted({*(item.component for item in self.items), *(one.component for one in self.unpriced)})
        return {name: total(item.cost for item in self.items if item.component == name) for name in names}

    def to_document(self) -> dict[str, Any]:
        """The estimate as JSON data; amounts are texts."""
        return {
            "schema": 1,
            "currency": "USD",
            "per": "month",
            "total": self.total.to_document(),
            "complete": self.complete,
            "components": {name: cost.to_document() for name, cost in self.by_component.items()},
            "items": [
                {
                    "component": item.component,
                    "resource": item.resource,
                    "what": item.what,
                    "quantity": {
                        "floor": str(item.quantity.floor),
                        "expected": str(item.quantity.expected),
                        "ceiling": str(item.quantity.ceiling),
                    },
                    "cost": item.cost.to_document(),
                    "source": item.source,
                    "note": item.note,
                }
                for item in self.items
            ],
            "unpriced": [
                {"component": one.component, "resource": one.resource, "what": one.what, "fix": one.fix}
                for one in self.unpriced
            ],
            "notes": list(self.notes),
        }


def total(costs: Iterable[Range]) -> Range:
    """The sum of ranges."""
    return sum(costs, start=NOTHING)
