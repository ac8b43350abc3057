"""The recorded graph of an environment: what its program asked the engine to make."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """A graph, as `mlplatform preview STACK --format json` writes it."""

    raw: Mapping[str, Any]

    @classmethod
    def of(cls, stack: str, project: Path) -> "Graph":
        """Records the graph of an environment of a project, with this environment's Python instead of the project's."""
        with tempfile.TemporaryDirectory(prefix="loop-") as scratch:
            folder = Path(scratch)
            for name in ("Pulumi.yaml", "stacks", "policies"):
                (folder / name).symlink_to(project / name)
            (folder / ".venv").symlink_to(sys.prefix)
            command = [Path(sys.executable).with_name("mlplatform"), "preview", stack, "--project", folder]
            done = subprocess.run(  # noqa: S603 - this project's own command
                [*command, "--no-policies", "--format", "json"], capture_output=True, text=True, check=False
            )
        if done.returncode:
            raise SystemExit(f"the preview of {stack} ended with {done.returncode}: {done.stderr}")
        return cls(json.loads(done.stdout))

    @classmethod
    def read(cls, path: Path) -> "Graph":
        """A graph that was recorded before."""
        return cls(json.loads(path.read_text()))

    @property
    def resources(self) -> list[Resource]:
        """All resources."""
        return list(self.raw["resources"])

    def of_type(self, *types: str) -> list[Resource]:
        """Resources of types."""
        return [resource for resource in self.resources if resource["type"] in types]

    def one(self, type_: str, name: str = "") -> Resource:
        """The only resource of a type, and of a logical name where given."""
        found = [resource for resource in self.of_type(type_) if not name or resource["name"] == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} resources {type_} {name} in the graph, not one")
        return found[0]

    def below(self, component: str, type_: str) -> list[Resource]:
        """Resources of a type inside components of a type token."""
        return [one for one in self.of_type(type_) if any(up["type"] == component for up in self.above(one))]

    def above(self, resource: Resource) -> Iterator[Resource]:
        """The chain of parents, nearest first."""
        by_urn = {one["urn"]: one for one in self.resources}
        while resource["parent"] in by_urn:
            resource = by_urn[resource["parent"]]
            yield resource

    def objects(self) -> Iterator[dict[str, Any]]:
        """The objects of Kubernetes, as manifests."""
        for resource in self.resources:
            package, _, rest = resource["type"].partition(":")
            if package == "kubernetes" and resource["kind"] == "custom" and "metadata" in resource["inputs"]:
                version, _, kind = rest.rpartition(":")
                # The core group has no name in the API.
                yield {"apiVersion": version.removeprefix("core/"), "kind": kind, **resource["inputs"]}

    @property
    def account(self) -> str:
        """The account, which ARNs name."""
        return str(json.loads(self.one("pulumi:providers:aws")["inputs"]["allowedAccountIds"])[0])

    @property
    def region(self) -> str:
        """The region."""
        return str(self.one("pulumi:providers:aws")["inputs"]["region"])
