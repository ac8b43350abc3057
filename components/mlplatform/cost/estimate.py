"""The estimate of a stack: every charge of every resource, priced, and what could not be."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from mlplatform.cost import nodes
from mlplatform.cost.model import Estimate, Item, Resource, Unpriced
from mlplatform.cost.services import SERVICES, UNCOUNTED, Charge
from mlplatform.cost.settings import CostSettings
from mlplatform.cost.stack import Stack, stack_of

NODES: Final = {nodes.NODE_GROUP: nodes.node_group, nodes.NODE_POOL: nodes.node_pool}


def estimate(resources: Iterable[Any], settings: CostSettings | None = None) -> Estimate:
    """What resources cost a month. They are those of one recorded graph; see `model.Resource`."""
    stack = stack_of(resources, settings or CostSettings())
    items: list[Item] = []
    unpriced: list[Unpriced] = []
    for resource in stack.of(*SERVICES, *UNCOUNTED, *NODES):
        component, region = stack.component_of(resource), stack.region_of(resource)
        for charge in _charges(stack, resource, region):
            priced = _priced(stack, component, resource, charge, region)
            (items if isinstance(priced, Item) else unpriced).append(priced)  # type: ignore[arg-type]
        if resource.type in UNCOUNTED:
            what = UNCOUNTED[resource.type]
            unpriced.append(Unpriced(component, resource.name, what, "nothing: it is not part of the estimate"))
    return Estimate(
        tuple(sorted(items, key=lambda item: (item.component, item.resource, item.what))),
        tuple(sorted(unpriced, key=lambda one: (one.component, one.resource, one.what))),
        tuple(_notes(stack, items)),
    )


def _charges(stack: Stack, resource: Resource, region: str | None) -> Iterator[Charge]:
    if resource.type in SERVICES:
        yield from SERVICES[resource.type](stack, resource)
    for charge in NODES[resource.type](stack, resource) if resource.type in NODES else ():
        yield from nodes.charges(stack, charge, region)


def _priced(stack: Stack, component: str, resource: Resource, charge: Charge, region: str | None) -> Item | Unpriced:
    rate = stack.rate(charge.price, region)
    if charge.quantity is None:
        fix = (
            f"assumptions.{charge.usage}"
            if charge.usage
            else "nothing: the program does not say how many nodes there may be, of which known types"
        )
        return Unpriced(component, resource.name, charge.what, fix)
    if rate is None:
        where = f" ({region})" if region else ""
        return Unpriced(component, resource.name, charge.what, f"prices.{charge.price}{where}")
    note = "; ".join(part for part in (charge.note, rate.note) if part)
    cost = charge.quantity * rate.usd
    return Item(component, resource.name, charge.what, charge.quantity, cost, rate.source, note)


def _notes(stack: Stack, items: list[Item]) -> Iterator[str]:
    assumed = stack.settings.assumptions
    yield f"a month has {assumed.hours} hours; of a pool's nodes between minimum and limit {assumed.node_share} run"
    substitutes = sorted({part for item in items for part in item.note.split("; ") if part.startswith("price of ")})
    yield from substitutes
