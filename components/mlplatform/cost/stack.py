"""A stack as an estimate sees it: its resources, what they were made of, where they are, and what is paid there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from mlplatform.cost.model import Range, Resource
from mlplatform.cost.settings import CostSettings, Usage
from mlplatform.facts.aws.instances import INSTANCE_TYPES
from mlplatform.facts.aws.prices import PRICES

KUBERNETES: Final = "kubernetes:"
SHOWN_KINDS: Final = ("component", "remote")


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit costs."""

    usd: Decimal
    source: str
    note: str = ""


@dataclass(frozen=True)
class Stack:
    """The resources of one stack, and a person's settings."""

    resources: tuple[Resource, ...]
    settings: CostSettings

    @cached_property
    def by_urn(self) -> Mapping[str, Resource]:
        """Every resource by its URN."""
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def region(self) -> str | None:
        """The region of the stack's AWS providers, where all have one; that of Kubernetes objects too."""
        regions = {
            resource.inputs.get("region") for resource in self.resources if resource.type == "pulumi:providers:aws"
        }
        (only,) = regions if len(regions) == 1 else (None,)
        return only if isinstance(only, str) else None

    def region_of(self, resource: Resource) -> str | None:
        """Where a resource is: its own region, its provider's, or the stack's."""
        provider = self.by_urn.get(resource.provider or "")
        own = resource.inputs.get("region") or (provider.inputs.get("region") if provider else None)
        return own if isinstance(own, str) and not resource.type.startswith(KUBERNETES) else self.region

    def component_of(self, resource: Resource) -> str:
        """Name of the outermost component around a resource, or its own if it is one."""
        outer = ""
        at: Resource | None = resource
        while at is not None:
            outer = at.name if at.kind in SHOWN_KINDS else outer
            at = self.by_urn.get(at.parent or "")
        return outer

    def of(self, *types: str) -> Iterator[Resource]:
        """The resources of some types."""
        return (resource for resource in self.resources if resource.type in types and resource.kind == "custom")

    def source_of(self, resource: Resource, key: str, type_: str) -> Resource | None:
        """The resource of a type that a property was made of."""
        sources = (self.by_urn.get(urn) for urn in resource.property_dependencies.get(key, ()))
        return next((source for source in sources if source is not None and source.type == type_), None)

    # -- prices

    def rate(self, key: str, region: str | None) -> Rate | None:
        """What a unit costs in a region: the person's price, the table's, or that of the region that stands in."""
        given = self.settings.prices.get(f"{key}@{region}", self.settings.prices.get(key))
        if given is not None:
            return Rate(given, "costs.yaml")
        stand_in = self.settings.ec2_price_region if key.startswith("ec2.") else self.settings.service_price_region
        for place in dict.fromkeys((region, stand_in)):
            found = _listed(key, place) if place else None
            if found:
                note = "" if place == region else f"price of {place} for {region or 'an unknown region'}"
                return Rate(found.usd, found.source, note)
        return None

    def used(self, name: str) -> Range | None:
        """How much of something is assumed to be used; None where nothing is said."""
        usage: Usage | None = getattr(self.settings.assumptions, name)
        return Range(usage.floor, usage.expected, usage.ceiling) if usage else None


def _listed(key: str, region: str) -> Rate | None:
    if key.startswith("ec2."):
        return _instance(key, region)
    found = PRICES.get((key, region))
    return Rate(found.usd, ", ".join(part for part in (found.source, found.day) if part)) if found else None


def _instance(key: str, region: str) -> Rate | None:
    """The price of `ec2.<type>.on_demand_hour` or `ec2.<type>.spot_hour`."""
    name, _, way = key.removeprefix("ec2.").rpartition(".")
    kind = INSTANCE_TYPES.get(name)
    if kind is None or kind.price_region != region:
        return None
    usd = kind.on_demand_usd_hour if way == "on_demand_hour" else kind.spot_usd_hour
    return None if usd is None else Rate(usd, kind.price_source)


def stack_of(resources: Iterable[Any], settings: CostSettings) -> Stack:
    """The stack of some resources, in the order of their URNs."""
    return Stack(tuple(sorted(resources, key=lambda resource: str(resource.urn))), settings)
