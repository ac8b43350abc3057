"""The pack in the real engine: a recorded graph as a state file, through `pulumi policy analyze`."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from mlplatform.preview.recorder import SECRET, UNKNOWN

# The engine starts a pack that is a file as it is. A pack that is a folder needs the host of its language, which comes
# with the CLI's distribution and not with its source.
PACK = """#!/bin/sh
exec {python} -u -m pulumi.policy "$1" {pack}
"""


def state(graph: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded graph as the engine's state: what is unknown as Pulumi's sentinel, and secrets too."""
    by_urn = {node["urn"]: node for node in graph["resources"]}
    nodes = [node for node in graph["resources"] if node["kind"] not in {"read", "stack"}]
    return {
        "version": 3,
        "deployment": {
            "manifest": {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""},
            "resources": [_resource(node, by_urn) for node in _in_order(nodes)],
        },
    }


def _resource(node: Mapping[str, Any], by_urn: Mapping[str, Any]) -> dict[str, Any]:
    provider = by_urn.get(node["provider"])
    parts = {
        "urn": node["urn"],
        "type": node["type"],
        "custom": node["kind"] != "component",
        "id": "" if node["kind"] == "component" else _hidden(node["id"]) or "id",
        "inputs": _hidden(node["inputs"]),
        "outputs": _hidden({**node["inputs"], **node["outputs"]}),
        "parent": node["parent"],
        "dependencies": node["dependencies"],
        "propertyDependencies": node["property_dependencies"],
        "protect": bool(node["options"].get("protect")),
        "provider": f"{provider['urn']}::{provider['id']}" if provider else "",
    }
    return {key: value for key, value in parts.items() if value not in (None, "", [], {})}


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    return UNKNOWN_STRING_VALUE if isinstance(value, str) and (UNKNOWN in value or SECRET in value) else value


def _in_order(nodes: list[Any]) -> list[Any]:
    """What a resource needs before it, as a state must have it."""
    left = {node["urn"]: node for node in nodes}
    done: dict[str, Any] = {}

    def put(urn: str) -> None:
        node = left.pop(urn, None)
        if node is None:
            return
        for needed in (node["parent"], node["provider"], *node["dependencies"]):
            put(needed)
        done[urn] = node

    for urn in list(left):
        put(urn)
    return list(done.values())


def analyzed(graph: Mapping[str, Any], pack: Path, config: Mapping[str, Any], folder: Path) -> Any:
    """What the engine says of a graph's state, as it prints it."""
    program = folder / "pack"
    program.write_text(PACK.format(python=sys.executable, pack=pack))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    file, settings = folder / "state.json", folder / "config.json"
    file.write_text(json.dumps(state(graph)))
    settings.write_text(json.dumps(config))
    environment = {
        **os.environ,
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    command = ["pulumi", "policy", "analyze", "--policy-pack", str(program), "--policy-pack-config", str(settings)]
    command += ["--file", str(file), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
