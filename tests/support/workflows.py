"""What Argo's variables and templates must agree on, checked without Argo: what is named is there, and no more."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_VARIABLE = re.compile(r"\{\{([^=}][^}]*)\}\}")
_EXPRESSION = re.compile(r"\{\{=([^}]*)\}\}")
_GLOBAL = {"workflow.name", "workflow.status", "workflow.creationTimestamp.s"}


def faults(spec: Mapping[str, Any]) -> list[str]:
    """What is wrong in a Workflow's spec: unknown templates, variables and arguments, and paths that are nowhere."""
    templates = {template["name"]: template for template in spec["templates"]}
    entries = [spec["entrypoint"], *([spec["onExit"]] if "onExit" in spec else [])]
    reached = _reached(templates, entries)
    unused = [f"{name}: nothing leads to it" for name in templates if name not in reached]
    everywhere = _GLOBAL | {f"workflow.parameters.{given['name']}" for given in spec["arguments"]["parameters"]}
    found = [fault for template in templates.values() for fault in _template(template, templates, everywhere)]
    return [*unused, *found, *_unknown("metrics", spec.get("metrics"), everywhere)]


def _reached(templates: Mapping[str, Any], pending: list[str]) -> set[str]:
    reached: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in reached and name in templates:
            reached.add(name)
            pending += [step["template"] for step in _steps(templates[name])]
    return reached


def _steps(template: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [step for group in template.get("steps", []) for step in group]


def _template(template: Mapping[str, Any], templates: Mapping[str, Any], everywhere: set[str]) -> Iterator[str]:
    name = template["name"]
    kinds = [kind for kind in ("steps", "container", "resource", "suspend") if kind in template]
    if len(kinds) != 1:
        yield f"{name}: has {kinds}"
    own = everywhere | _inputs(template)
    if "steps" in template:
        yield from _of_steps(template, templates, own)
    else:
        yield from _unknown(name, {**template, "name": ""}, own | _paths(template))
        yield from _outside(template)


def _inputs(template: Mapping[str, Any]) -> set[str]:
    return {f"inputs.parameters.{given['name']}" for given in template.get("inputs", {}).get("parameters", [])}


def _paths(template: Mapping[str, Any]) -> set[str]:
    """The variables of the paths that a template declares."""
    return {
        f"{way}.{kind}.{part['name']}.path"
        for way in ("inputs", "outputs")
        for kind in ("artifacts", "parameters")
        for part in template.get(way, {}).get(kind, [])
        if (way, kind) != ("inputs", "parameters")
    }


def _of_steps(template: Mapping[str, Any], templates: Mapping[str, Any], own: set[str]) -> Iterator[str]:
    known = set(own)
    for group in template["steps"]:
        for step in group:
            where = f"{template['name']}.{step['name']}"
            called = templates.get(step["template"])
            if called is None:
                yield f"{where}: no template {step['template']}"
                continue
            given = {part["name"] for part in step.get("arguments", {}).get("parameters", [])}
            wanted = {part["name"] for part in called.get("inputs", {}).get("parameters", [])}
            if given != wanted:
                yield f"{where}: gives {sorted(given)}, wanted are {sorted(wanted)}"
            items = {found for found in _found(step) if found.startswith("item.")} if "withParam" in step else set()
            yield from _unknown(where, step, known | items)
        known |= {
            f"steps.{step['name']}.outputs.parameters.{part['name']}"
            for step in group
            for part in templates.get(step["template"], {}).get("outputs", {}).get("parameters", [])
        }


def _outside(template: Mapping[str, Any]) -> Iterator[str]:
    """Paths of artifacts and parameters that are on no volume: the container's own root may be read-only."""
    container = template.get("container", {})
    mounted = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
    volumes = {volume["name"] for volume in template.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        if mount["name"] not in volumes:
            yield f"{template['name']}: no volume {mount['name']}"
    for way in ("inputs", "outputs"):
        parts = template.get(way, {})
        paths = [artifact["path"] for artifact in parts.get("artifacts", [])]
        paths += [given["valueFrom"]["path"] for given in parts.get("parameters", []) if "valueFrom" in given]
        for path in paths:
            if not any(path.startswith(f"{mount}/") for mount in mounted):
                yield f"{template['name']}: {path} is on no volume"
        if len(set(paths)) != len(paths):
            yield f"{template['name']}: a path is there twice"


def _unknown(where: str, value: Any, known: set[str]) -> list[str]:
    return [f"{where}: {{{{{variable}}}}} is not known" for variable in sorted(_found(value) - known)]


def _found(value: Any) -> set[str]:
    """Every variable in texts at any depth, those in expressions too."""
    if isinstance(value, str):
        inside = {name for text in _EXPRESSION.findall(value) for name in re.findall(r"inputs\.parameters\.\w+", text)}
        return {name.strip() for name in _VARIABLE.findall(value)} | inside
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return {found for part in parts for found in _found(part)}
