"""The difference of two recorded graphs.

Both graphs are what a program asks for. What exists is not known here, and neither is what a provider decides while it
runs: only `pulumi preview` knows that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.change import OF_EFFECT, ORDER, Action, Change, Diff, Step
from mlplatform.preview.graph.identity import managed, name_of, pairs, tail
from mlplatform.preview.graph.model import Graph, Resource
from mlplatform.preview.graph.replacements import Effect, effect, lost_with, regional
from mlplatform.preview.graph.values import MISSING, Path, differences, parsed_path, within

Json = Any

OPTIONS: Final = (
    "additional_secret_outputs",
    "custom_timeouts",
    "delete_before_replace",
    "ignore_changes",
    "protect",
    "replace_on_changes",
    "retain_on_delete",
)
"""Options whose change is shown. Parents and aliases show as renames, dependencies have no effect of their own."""
SHORTEST_INPUT: Final = 3
"""Characters of an input from which on it says something that a generated id holds it."""


def compare(before: Graph, after: Graph) -> Diff:
    """What it takes to get from one graph to another; raises BadInput for graphs that cannot be compared."""
    if before.strict_unknowns != after.strict_unknowns:
        with_, without = ("the former", "the latter") if before.strict_unknowns else ("the latter", "the former")
        raise BadInput(
            f"of the two graphs {with_} was recorded with --strict-unknowns and {without} without, so no id in them is "
            "the same; record both alike"
        )
    return _Comparison(before, after).result()


class _Comparison:
    """Two graphs, and which resource of the one is which of the other."""

    def __init__(self, before: Graph, after: Graph) -> None:
        self.before, self.after = before, after
        self.pairs = pairs(before, after)
        self.past = {old: new for new, old in self.pairs.items()}
        self.steps: dict[str, Step] = {}
        self._placeholders = tuple(_placeholders(graph) for graph in (before, after))

    def result(self) -> Diff:
        """The difference, sorted."""
        self.steps = {step.urn: step for step in self._own_steps()}
        Cascade(self).run()
        made = _with_hints(self.steps.values(), self.before, self.after)
        steps = sorted(made, key=lambda step: (step.component, ORDER[step.action], step.urn))
        return Diff(
            self.after.project,
            self.after.stack,
            tuple(steps),
            tuple(self._outputs()),
            len(managed(self.after)) - sum(step.action is not Action.DELETE for step in steps),
        )

    def _own_steps(self) -> Iterator[Step]:
        for new in managed(self.after):
            if new.urn not in self.pairs:
                yield _step(Action.CREATE, self.after, new)
                continue
            old = self.before.by_urn[self.pairs[new.urn]]
            step = self.step(old, new, tuple(self._changes(old, new)))
            if step:
                yield step
        for old in managed(self.before):
            if old.urn not in self.past:
                yield _with_past(_step(Action.DELETE, self.before, old), old)

    def step(self, old: Resource, new: Resource, changes: tuple[Change, ...]) -> Step | None:
        """The step of a resource that is in both graphs; None where nothing happens to it."""
        was = old.urn if tail(old.urn) != tail(new.urn) else None
        if not changes and was is None:
            return None
        worst = max((change.effect for change in changes), key=lambda one: one.rank, default=None)
        action = OF_EFFECT[worst] if worst else Action.RENAME
        return _with_past(replace(_step(action, self.after, new), was=was, changes=changes), old)

    # -- one resource

    def _changes(self, old: Resource, new: Resource) -> Iterator[Change]:
        ignored = [parsed_path(path) for path in new.options.get("ignore_changes", ())]
        forced = [parsed_path(path) for path in new.options.get("replace_on_changes", ())]
        for path, was, now in self._inputs(old, new):
            if any(within(path, outer) for outer in ignored):
                continue
            asked = any(within(path, outer) for outer in forced)
            yield Change(path, was, now, Effect.REPLACE if asked else self.effect_on(new, path))
        yield from self._region(old, new)
        yield from self._provider(old, new)
        yield from self._options(old, new)

    def _inputs(self, old: Resource, new: Resource) -> Iterator[tuple[Path, Json, Json]]:
        for key in sorted({*old.inputs, *new.inputs}):
            was, now = old.inputs.get(key, MISSING), new.inputs.get(key, MISSING)
            if was != now:
                sources = old.property_dependencies.get(key, ())
                yield from differences(_translated(was, self._moved(sources)), now, (key,))

    def effect_on(self, resource: Resource, path: Path) -> Effect:
        """What a change of a property does; nothing but an update to a component, which exists in the program only."""
        if resource.kind == "component":
            return Effect.UPDATE
        settings = resource if resource.kind == "provider" else self.after.by_urn.get(resource.provider or "")
        return effect(resource.type, _of_property(resource.inputs, path), settings.inputs if settings else None)

    def _region(self, old: Resource, new: Resource) -> Iterator[Change]:
        was, now = _region(self.before, old), _region(self.after, new)
        given = old.inputs.get("region") != new.inputs.get("region")
        if new.kind == "custom" and regional(new.type) and was and now and was != now and not given:
            yield Change(("region",), was, now, Effect.REPLACE, "of its provider")

    def _provider(self, old: Resource, new: Resource) -> Iterator[Change]:
        known = self.past.get(old.provider or "", old.provider)
        if known == new.provider or new.kind not in ("custom", "remote"):
            return
        before, after = self.before.by_urn.get(old.provider or ""), self.after.by_urn.get(new.provider or "")
        was, now = (name_of(urn) if urn else "the default" for urn in (old.provider, new.provider))
        yield Change(("provider",), was, now, _effect_of_other(before, after))

    def _options(self, old: Resource, new: Resource) -> Iterator[Change]:
        for name in OPTIONS:
            was, now = old.options.get(name), new.options.get(name)
            if (was or None) != (now or None):
                there, here = (MISSING if value is None else value for value in (was, now))
                yield Change(("options", name), there, here, Effect.UPDATE)
        was, now = (resource.options.get("replacement_trigger", MISSING) for resource in (old, new))
        if was != now:
            yield Change(("options", "replacement_trigger"), was, now, Effect.REPLACE)

    # -- ids that differ only because the resource is called otherwise

    def _moved(self, sources: Sequence[str]) -> dict[str, str]:
        """The ids, ARNs and names of resources before, each with what it is after."""
        moved: dict[str, str] = {}
        old, new = self._placeholders
        for urn in sources:
            there = new.get(self.past.get(urn, ""), {})
            moved.update(
                {value: there[key] for key, value in old.get(urn, {}).items() if there.get(key, value) != value}
            )
        return moved

    def fresh(self, urn: str) -> frozenset[str]:
        """Ids and names of a resource that are others once it is replaced: those that no input of it determines."""
        given = [
            value
            for key, value in self.after.by_urn[urn].inputs.items()
            if key != "region" and isinstance(value, str) and len(value) >= SHORTEST_INPUT
        ]
        values = self._placeholders[1].get(urn, {}).values()
        return frozenset(value for value in values if not any(one in value for one in given))

    def _outputs(self) -> Iterator[Change]:
        moved = self._moved(tuple(self.past))
        translated = _translated(dict(self.before.outputs), moved)
        for path, was, now in differences(translated, dict(self.after.outputs)):
            yield Change(path, was, now, Effect.UPDATE)


class Cascade:
    """What follows from replacements: who uses an id that is then another one, or is managed by a replaced provider."""

    def __init__(self, comparison: _Comparison) -> None:
        self.all = comparison
        self.users: dict[str, set[tuple[str, str]]] = {}
        self.managed: dict[str, list[str]] = {}
        self.together: dict[str, list[str]] = {}
        for resource in managed(comparison.after):
            for key, sources in resource.property_dependencies.items():
                for source in sources:
                    self.users.setdefault(source, set()).add((resource.urn, key))
            self.managed.setdefault(resource.provider or "", []).append(resource.urn)
            for source in resource.options.get("replace_with", ()):
                self.together.setdefault(source, []).append(resource.urn)

    def run(self) -> None:
        """Goes from what is replaced for certain to what follows, until nothing more does."""
        done: set[str] = set()
        round_ = {step.urn for step in self.all.steps.values() if step.action is Action.REPLACE}
        while round_:
            done |= round_
            found = [item for urn in sorted(round_) for item in self._consequences(urn)]
            round_ = {user for user, changes in found if self._add(user, changes) and self._replaced(user)} - done

    def _replaced(self, urn: str) -> bool:
        return urn in self.all.steps and self.all.steps[urn].action is Action.REPLACE

    def _consequences(self, urn: str) -> Iterator[tuple[str, list[Change]]]:
        name = name_of(urn)
        fresh = self.all.fresh(urn)
        for user, key in sorted(self.users.get(urn, ())):
            resource = self.all.after.by_urn[user]
            paths = _holding(resource.inputs.get(key), fresh, (key,)) if fresh else ()
            note = f"it comes from {name}, which is replaced"
            yield user, [Change(path, MISSING, MISSING, self.all.effect_on(resource, path), note) for path in paths]
        why = f"{name} is replaced"
        if self.all.after.by_urn[urn].kind == "provider":
            for user in self.managed.get(urn, ()):
                yield user, [Change(("provider",), MISSING, MISSING, Effect.REPLACE, why)]
        for user in self.together.get(urn, ()):
            yield user, [Change(("options", "replace_with"), MISSING, MISSING, Effect.REPLACE, why)]

    def _add(self, urn: str, changes: list[Change]) -> bool:
        """Adds changes to the step of a resource that was there before; says whether there was something to add."""
        if urn not in self.all.pairs:
            return False
        there = self.all.steps[urn].changes if urn in self.all.steps else ()
        # A worse effect counts, though the path changes anyway.
        known = {change.path: change.effect.rank for change in there}
        added = [change for change in changes if known.get(change.path, -1) < change.effect.rank]
        if not added:
            return False
        kept = [change for change in there if change.path not in {one.path for one in added}]
        merged = tuple(sorted([*kept, *added], key=lambda change: _order(change.path)))
        old = self.all.before.by_urn[self.all.pairs[urn]]
        step = self.all.step(old, self.all.after.by_urn[urn], merged)
        if step:
            self.all.steps[urn] = step
        return True


def _order(path: Path) -> tuple[tuple[int, str, int], ...]:
    """A path as a key to sort by: numbers by value, after texts."""
    return tuple((1, "", step) if isinstance(step, int) else (0, step, 0) for step in path)


def _of_property(inputs: Json, path: Path) -> Path:
    """The path without its steps inside a text: to a provider, a document is one value."""
    value = inputs
    for at, step in enumerate(path):
        if isinstance(value, str):
            return path[:at]
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return path
    return path


def _holding(value: Json, texts: frozenset[str], path: Path) -> Iterator[Path]:
    """Where in a value one of these texts stands."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _holding(value[key], texts, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _holding(item, texts, (*path, at))
    elif isinstance(value, str) and any(text in value for text in texts):
        yield path


def _placeholders(graph: Graph) -> dict[str, dict[str, str]]:
    """What stands for ids, ARNs and generated names, by resource and property."""
    found: dict[str, dict[str, str]] = {}
    for one in graph.placeholders:
        found.setdefault(one.urn, {})[one.property] = one.value
    return found


def _translated(value: Json, moved: Mapping[str, str]) -> Json:
    """A value with every text of `moved` in it replaced, longer ones first."""
    if not moved or value is MISSING:
        return value
    pattern = re.compile("|".join(re.escape(text) for text in sorted(moved, key=len, reverse=True)))

    def inside(one: Json) -> Json:
        if isinstance(one, str):
            return pattern.sub(lambda found: moved[found.group()], one)
        if isinstance(one, Mapping):
            return {key: inside(item) for key, item in one.items()}
        return [inside(item) for item in one] if isinstance(one, list) else one

    return inside(value)


def _region(graph: Graph, resource: Resource) -> str | None:
    provider = graph.by_urn.get(resource.provider or "")
    found = resource.inputs.get("region") or (provider.inputs.get("region") if provider else None)
    return found if isinstance(found, str) else None


def _effect_of_other(before: Resource | None, after: Resource | None) -> Effect:
    """What it does to a resource that another provider manages it: nothing, where both are set up alike.

    The engine asks the new provider to compare the settings of both.
    """
    if before is None or after is None:
        return Effect.MAY_REPLACE
    if before.inputs == after.inputs:
        return Effect.UPDATE
    clusters = [provider.inputs.get("clusterIdentifier") for provider in (before, after)]
    if all(clusters):
        return Effect.UPDATE if clusters[0] == clusters[1] else Effect.REPLACE
    return Effect.MAY_REPLACE


def _step(action: Action, graph: Graph, resource: Resource) -> Step:
    around = [one for one in graph.ancestors(resource.urn) if one.kind in ("component", "remote")]
    outer = around[-1] if around else resource if resource.kind in ("component", "remote") else None
    return Step(
        action, resource.urn, resource.type, resource.name, resource.kind, component=outer.name if outer else ""
    )


def _with_past(step: Step, old: Resource) -> Step:
    return replace(
        step,
        loses=lost_with(old.type, old.inputs),
        protected=bool(old.options.get("protect")),
        retained=bool(old.options.get("retain_on_delete")),
    )


def _with_hints(steps: Iterable[Step], before: Graph, after: Graph) -> Iterator[Step]:
    """The steps; a stateful resource that goes while one like it comes has probably been renamed."""
    every = list(steps)
    coming: dict[tuple[str, str], list[Step]] = {}
    for step in every:
        if step.action is Action.CREATE:
            coming.setdefault(_alike(step, after), []).append(step)
    for step in every:
        twins = coming.get(_alike(step, before), []) if step.action is Action.DELETE and step.loses else []
        if len(twins) == 1:
            alias = f'aliases=["{step.urn}"]'
            yield replace(step, hint=f"{twins[0].name} comes with the same inputs; if it is the same, give it {alias}")
        else:
            yield step


def _alike(step: Step, graph: Graph) -> tuple[str, str]:
    return step.type, json.dumps(dict(graph.by_urn[step.urn].inputs), sort_keys=True)
