"""Which instance types a pool may use: those named, or those that a need describes; all of one kind."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from math import lcm
from typing import Final, Optional

from mlplatform.facts.aws import efa
from mlplatform.facts.aws.instances import (
    INSTANCE_TYPES,
    InstanceType,
    accelerators,
    instance_type,
    with_accelerator,
)

NEURON: Final = ("Inferentia2", "Trainium", "Trainium2")
"""Accelerators that need AWS's Neuron device plugin, which no add-on here brings."""
NVIDIA: Final = tuple(name for name in accelerators() if name not in NEURON)
"""Accelerators that a pool may have."""


def accelerator(name: str) -> str:
    """Rule for the name of an accelerator."""
    if name in NEURON:
        raise ValueError(
            f"got {name!r}, which needs AWS's Neuron device plugin, and no add-on here brings it; "
            f"allowed are {', '.join(NVIDIA)}"
        )
    if name not in NVIDIA:
        nearest = get_close_matches(name, NVIDIA, n=1, cutoff=0.0)[0]
        raise ValueError(f"got {name!r}; allowed are {', '.join(NVIDIA)}; did you mean {nearest!r}?")
    return name


def known(name: str) -> str:
    """Rule for the name of an instance type."""
    instance_type(name)
    return name


def named(wanted: Optional[str], names: Sequence[str]) -> tuple[InstanceType, ...]:
    """The types of these names; ValueError where they are not all of the accelerator wanted, or not of one kind."""
    kinds = tuple(instance_type(name) for name in names)
    wrong = [kind for kind in kinds if kind.accelerator != wanted]
    if wrong:
        given = ", ".join(f"{kind.name} ({kind.accelerator or 'no accelerator'})" for kind in wrong)
        raise ValueError(f"instance_types {given} and {_wanted(wanted)}: {_alternatives(wanted, wrong)}")
    _whole(kinds)
    _one(kinds, lambda kind: kind.architecture.value, "architectures", "one pool has one")
    return kinds


def needed(wanted: Optional[str], met_by: Callable[[InstanceType], bool]) -> tuple[InstanceType, ...]:
    """The types that meet a need, the smallest first; ValueError where there is none.

    Bare metal is by name only: it takes long to start.
    """
    without = tuple(kind for kind in INSTANCE_TYPES.values() if not kind.accelerator)
    candidates = with_accelerator(wanted) if wanted else without
    # A share of a GPU is no GPU: such types are only ever meant by name, and refused there.
    whole = [kind for kind in candidates if not wanted or kind.whole_accelerators]
    found = tuple(kind for kind in whole if met_by(kind) and not kind.name.endswith(".metal"))
    if not found:
        raise ValueError(
            f"need and {_wanted(wanted)}: no known instance type has all of it; there are {described(candidates)}"
        )
    return found


def described(kinds: Iterable[InstanceType]) -> str:
    """Instance types with what a need can ask of them."""
    return ", ".join(
        f"{kind.name} ({_gpus(kind)}{kind.vcpus} vCPUs, {kind.memory_gib} GiB, {kind.architecture})" for kind in kinds
    )


def fabric(kinds: Sequence[InstanceType]) -> tuple[efa.Interface, ...]:
    """The interfaces of types with EFA; ValueError where one has none, or where they differ."""
    without = [kind for kind in kinds if not kind.efa_interfaces]
    if without:
        wanted = without[0].accelerator
        others = [kind.name for kind in INSTANCE_TYPES.values() if kind.accelerator == wanted and kind.efa_interfaces]
        raise ValueError(
            f"efa and {_names(without)}: they have no EFA; allowed are {', '.join(others) or 'other accelerators'}; "
            "take the types out, or efa"
        )
    _one(kinds, _cards, "layouts of EFA", "with efa, one pool has one")
    return efa.layout(kinds[0])


def gpus_a_node(kinds: Sequence[InstanceType]) -> int:
    """The number that a limit in GPUs must be a multiple of."""
    return lcm(*(int(kind.accelerator_count) for kind in kinds))


def _whole(kinds: Sequence[InstanceType]) -> None:
    shares = [kind for kind in kinds if kind.accelerator and not kind.whole_accelerators]
    if shares:
        others = [kind.name for kind in with_accelerator(str(shares[0].accelerator)) if kind.whole_accelerators]
        raise ValueError(
            f"instance_types {_names(shares)}: they have a share of a GPU, and limits are in whole ones; "
            f"allowed are {', '.join(others)}"
        )


def _one(kinds: Sequence[InstanceType], key: Callable[[InstanceType], str], what: str, why: str) -> None:
    groups: dict[str, list[InstanceType]] = {}
    for kind in kinds:
        groups.setdefault(key(kind), []).append(kind)
    if len(groups) > 1:
        raise ValueError(
            f"instance types of different {what}, {_grouped(groups)}: {why}; keep the types of one of them"
        )


def _grouped(groups: Mapping[str, Sequence[InstanceType]]) -> str:
    return "; ".join(f"{name}: {_names(kinds)}" for name, kinds in groups.items())


def _alternatives(wanted: Optional[str], wrong: Sequence[InstanceType]) -> str:
    if wanted is None:
        return f"a pool without accelerator has CPU types only; set accelerator: {wrong[0].accelerator}"
    return f"allowed are {', '.join(kind.name for kind in with_accelerator(wanted) if kind.whole_accelerators)}"


def _wanted(wanted: Optional[str]) -> str:
    return f"accelerator {wanted!r}" if wanted else "no accelerator"


def _gpus(kind: InstanceType) -> str:
    if not kind.accelerator:
        return ""
    return f"{kind.accelerator_count} GPU{'' if kind.accelerator_count == 1 else 's'}, "


def _cards(kind: InstanceType) -> str:
    return f"{kind.efa_interfaces} card{'' if kind.efa_interfaces == 1 else 's'}"


def _names(kinds: Iterable[InstanceType]) -> str:
    return ", ".join(kind.name for kind in kinds)
