"""No component fails for resources that do not exist, its own or those that its arguments come from."""

import itertools
from typing import Any

import pytest

from components import EXAMPLES, with_values
from placeholders import Skipped, of_skipped, run


def bases(name: str) -> list[dict[str, Any]]:
    """The arguments of a component's example, once for each way of using it."""
    module = EXAMPLES[name]
    found: list[dict[str, Any]] = []
    for path in module.CHANGES:
        base = with_values(module.BASE, module.CONTEXT.get(path, {}))
        found += [base] if base not in found else []
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_placeholders_of_its_own_resources(name: str) -> None:
    for base, preview in zip(bases(name), itertools.cycle([True, False])):
        run(lambda base=base: EXAMPLES[name].program(base), preview=preview)


@pytest.mark.parametrize("name", EXAMPLES)
def test_placeholders_in_its_arguments(name: str) -> None:
    module = EXAMPLES[name]
    for base, preview in zip(bases(name), itertools.cycle([False, True])):
        run(lambda base=base: module.program(of_skipped(base, module.ARGS, Skipped())), preview=preview)
