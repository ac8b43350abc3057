"""An estimate for people, as text."""

from collections.abc import Iterator

from mlplatform.cost.model import Estimate, Range, cents

HEAD = ("floor", "expected", "ceiling")
WIDTH = 14

Shown = tuple[str, str, str]
"""Floor, expected and ceiling as text."""


def usd(cost: Range) -> Shown:
    """A cost in USD, to the cent, with separators of thousands."""
    return (f"{cents(cost.floor):,}", f"{cents(cost.expected):,}", f"{cents(cost.ceiling):,}")


def as_text(found: Estimate) -> str:
    """The estimate by component and item; what is not counted; what it rests on. The same bytes for the same stack."""
    lines = ["Cost a month in USD" + ("" if found.complete else ", a floor: not all is counted, see below"), ""]
    lines += _table(found, items=True)
    lines += _uncounted(found)
    lines += ["", *(f"note: {note}" for note in found.notes)]
    sources = sorted({item.source for item in found.items})
    lines += ["", "Prices:", *(f"  {source}" for source in sources)] if sources else []
    return "\n".join([*lines, ""])


def as_summary(found: Estimate) -> str:
    """The estimate by component, with how much is not counted; nothing where nothing costs."""
    if not found.items and not found.unpriced:
        return ""
    lines = ["Cost a month in USD", "", *_table(found, items=False)]
    if found.unpriced:
        lines += ["", f"{len(found.unpriced)} things are not counted, so that + is a floor; --costs lists them"]
    return "\n".join([*lines, ""])


def _table(found: Estimate, *, items: bool) -> Iterator[str]:
    labels = _labels(found) if items else []
    width = max([len("component"), *(len(name or "(stack)") for name in found.by_component), *map(len, labels)])
    yield _row("component", HEAD, width)
    for component in found.by_component:
        yield _row(component or "(stack)", amounts(found, component), width)
        inside = (item for item in found.items if item.component == component)
        yield from (_row(f"  {item.resource}: {item.what}", usd(item.cost), width) for item in inside if items)
    yield _row("total", total(found), width)


def total(found: Estimate) -> Shown:
    """The total in USD; see `amounts`."""
    return _amounts(found.total, counted=bool(found.items), whole=found.complete)


def amounts(found: Estimate, component: str) -> Shown:
    """What a component costs in USD: `unknown` where nothing of it is counted, with `+` where not all is.

    It is never zero for want of a price.
    """
    return _amounts(
        found.by_component[component],
        counted=any(item.component == component for item in found.items),
        whole=not any(one.component == component for one in found.unpriced),
    )


def _amounts(cost: Range, *, counted: bool, whole: bool) -> Shown:
    if not whole and not counted:
        return ("unknown",) * 3
    floor, expected, ceiling = usd(cost)
    mark = "" if whole else "+"
    return (f"{floor}{mark}", f"{expected}{mark}", f"{ceiling}{mark}")


def _labels(found: Estimate) -> Iterator[str]:
    return (f"  {item.resource}: {item.what}" for item in found.items)


def _row(label: str, columns: tuple[str, ...], width: int) -> str:
    return f"{label:<{width}}" + "".join(f"{column:>{WIDTH}}" for column in columns)


def _uncounted(found: Estimate) -> Iterator[str]:
    if found.unpriced:
        yield from ("", "Not counted, for want of a price or of an assumed use; what to set in costs.yaml:")
    for one in found.unpriced:
        yield f"  {one.component or '(stack)'}: {one.resource}: {one.what}: {one.fix}"
