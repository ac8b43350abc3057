"""What a change does to a stack, resource by resource, property by property."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from mlplatform.preview.graph.replacements import Effect
from mlplatform.preview.graph.values import MISSING, Path, shown_path

Json = Any


class Action(StrEnum):
    """What happens to a resource, the worst first."""

    DELETE = "delete"
    REPLACE = "replace"
    MAY_REPLACE = "may-replace"
    CREATE = "create"
    UPDATE = "update"
    RENAME = "rename"
    """Nothing but its URN changes."""


ORDER: Final = {action: at for at, action in enumerate(Action)}
"""Place of an action in lists."""
OF_EFFECT: Final = {
    Effect.UPDATE: Action.UPDATE,
    Effect.MAY_REPLACE: Action.MAY_REPLACE,
    Effect.REPLACE: Action.REPLACE,
}


@dataclass(frozen=True)
class Change:
    """One property that differs."""

    path: Path
    before: Json
    """MISSING where the property is new, or where only its source is known to change."""
    after: Json
    """MISSING where the property is gone."""
    effect: Effect
    note: str = ""
    """Why it changes, where the program does not say so itself."""

    @property
    def name(self) -> str:
        """The path in words."""
        return shown_path(self.path)

    def to_document(self) -> dict[str, Json]:
        """The change as JSON data."""
        values = {"before": self.before, "after": self.after}
        given = {key: value for key, value in values.items() if value is not MISSING}
        return {"path": self.name, "effect": self.effect.value, **given, **({"note": self.note} if self.note else {})}


@dataclass(frozen=True)
class Step:
    """What a change does to one resource."""

    action: Action
    urn: str
    """After the change; before it, of a resource that is deleted."""
    type: str
    name: str
    kind: str
    component: str
    """Name of the outermost component around it, or its own; empty directly in the stack."""
    was: str | None = None
    """Its URN before, where that is another one."""
    changes: tuple[Change, ...] = ()
    loses: str | None = None
    """What is lost when it is deleted or replaced; None for a resource that keeps nothing."""
    protected: bool = False
    """Whether it was protected before the change: the engine refuses to delete it."""
    retained: bool = False
    """Whether it was to be retained before the change: it stays in the cloud when its deletion is asked for."""
    hint: str = ""
    """What the author probably meant."""

    @property
    def forced_by(self) -> tuple[str, ...]:
        """The properties for which it is, or may be, replaced."""
        wanted = {Action.REPLACE: Effect.REPLACE, Action.MAY_REPLACE: Effect.MAY_REPLACE}.get(self.action)
        return tuple(change.name for change in self.changes if change.effect is wanted)

    @property
    def loss(self) -> bool:
        """Whether something stateful is deleted or replaced for certain."""
        return self.loses is not None and self.action in (Action.DELETE, Action.REPLACE)

    @property
    def refused(self) -> bool:
        """Whether the engine refuses it: it deletes and replaces nothing that is protected."""
        return self.protected and self.action in (Action.DELETE, Action.REPLACE)

    @property
    def dangerous(self) -> bool:
        """Whether a reviewer must see it first: what is refused, a loss, a possible one, or protection taken away."""
        at_risk = self.loss or self.action is Action.MAY_REPLACE or self.unprotected
        return self.refused or (self.loses is not None and at_risk)

    @property
    def unprotected(self) -> bool:
        """Whether the change takes its protection away."""
        return any(change.path == ("options", "protect") and change.before is True for change in self.changes)

    def to_document(self) -> dict[str, Json]:
        """The step as JSON data."""
        return {
            "action": self.action.value,
            "urn": self.urn,
            "was": self.was,
            "type": self.type,
            "name": self.name,
            "component": self.component,
            "changes": [change.to_document() for change in self.changes],
            "forced_by": list(self.forced_by),
            "loses": self.loses if self.dangerous else None,
            "loss": self.loss,
            "protected": self.protected,
            "retained": self.retained,
            "hint": self.hint,
        }


@dataclass(frozen=True)
class Diff:
    """What a change does to a stack."""

    project: str
    stack: str
    steps: tuple[Step, ...]
    """Sorted by component, action and URN."""
    outputs: tuple[Change, ...] = ()
    """Stack outputs that differ."""
    unchanged: int = 0
    """Resources that stay as they are."""

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return not self.steps and not self.outputs

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many resources meet each action, all actions named."""
        counted = Counter(step.action.value for step in self.steps)
        return {action.value: counted[action.value] for action in Action}

    @cached_property
    def dangers(self) -> tuple[Step, ...]:
        """What a reviewer must see first, the worst first."""
        found = [step for step in self.steps if step.dangerous]
        return tuple(sorted(found, key=lambda step: (not step.loss, ORDER[step.action], step.component, step.urn)))

    @property
    def losses(self) -> tuple[Step, ...]:
        """Stateful resources that are deleted or replaced for certain."""
        return tuple(step for step in self.dangers if step.loss)

    @cached_property
    def by_component(self) -> Mapping[str, tuple[Step, ...]]:
        """The steps by outermost component, sorted; the empty name is the stack itself."""
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            found.setdefault(step.component, []).append(step)
        return {component: tuple(found[component]) for component in sorted(found)}

    def to_document(self) -> dict[str, Json]:
        """The difference as JSON data, dangers first."""
        return {
            "schema": 1,
            "project": self.project,
            "stack": self.stack,
            "counts": dict(self.counts),
            "unchanged": self.unchanged,
            "dangers": [step.urn for step in self.dangers],
            "losses": [step.urn for step in self.losses],
            "steps": [step.to_document() for step in self.steps],
            "outputs": [change.to_document() for change in self.outputs],
        }

    def to_json(self) -> str:
        """The difference as JSON: sorted, indented by two, the same bytes for the same graphs."""
        return json.dumps(self.to_document(), indent=2, sort_keys=True) + "\n"
