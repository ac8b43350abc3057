"""Stands in for the kubelet: pods of Jobs, CronJobs and Deployments as processes, with the volumes that they mount."""

import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loop.kubernetes import Cluster
from loop.machine import Machine, Pod, Process, rewritten

LONGEST_SECONDS = 300
"""Seconds that a pod which must end may take here."""


class WorkloadError(Exception):
    """A pod that did not do what it must."""


@dataclass
class Kubelet:
    """Runs pods."""

    machine: Machine
    cluster: Cluster
    replaced: dict[str, str] = field(default_factory=dict)
    """Texts that differ on this machine, everywhere in containers and in the files that they mount."""

    def finish(self, template: Mapping[str, Any], name: str, namespace: str) -> list[Process]:
        """Runs a pod's containers one after the other, each to its end; WorkloadError where one fails."""
        ran = []
        for process in self.each(template, name, namespace):
            ran.append(process)
            code = process.wait(LONGEST_SECONDS)
            if code:
                raise WorkloadError(f"{process.name} ended with {code}: {process.text[-2000:]}")
        return ran

    def each(
        self, template: Mapping[str, Any], name: str, namespace: str, *, start: Callable[..., Process] | None = None
    ) -> Iterator[Process]:
        """Starts a pod's containers, initial ones first; the next when the one before was taken."""
        spec, pod = template["spec"], pod_of(template, name, namespace)
        volumes = self.volumes(spec, pod)
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            mounts = {mount["mountPath"]: str(volumes[mount["name"]]) for mount in container.get("volumeMounts", ())}
            yield (start or self.machine.start)(container, pod, replaced={**mounts, **self.replaced})

    def volumes(self, spec: Mapping[str, Any], pod: Pod) -> dict[str, Path]:
        """Folders with what a pod's volumes hold."""
        folder = self.machine.folder(pod)
        made = {}
        for volume in spec.get("volumes", ()):
            path = folder / volume["name"]
            path.mkdir(parents=True, exist_ok=True)
            for name, text in self._files(volume, pod).items():
                (path / name).write_text(rewritten(text, self.replaced))
            made[volume["name"]] = path
        return made

    def _files(self, volume: Mapping[str, Any], pod: Pod) -> dict[str, str]:
        if "configMap" in volume:
            return dict(self.cluster.get("ConfigMap", pod.namespace, volume["configMap"]["name"]).get("data", {}))
        if "secret" in volume:
            data = self.cluster.get("Secret", pod.namespace, volume["secret"]["secretName"]).get("data", {})
            return {key: b64decode(value).decode() for key, value in data.items()}
        if "emptyDir" in volume:
            return {}
        raise WorkloadError(f"{pod.name}: volume {volume['name']} is of a kind that is not understood here")


def pod_of(template: Mapping[str, Any], name: str, namespace: str) -> Pod:
    """What the containers of a pod template know of their pod."""
    metadata = template.get("metadata", {})
    return Pod(
        name,
        namespace,
        template["spec"].get("serviceAccountName", "default"),
        metadata.get("annotations", {}),
        metadata.get("labels", {}),
    )


def ended(process: Process, seconds: float = LONGEST_SECONDS) -> int:
    """The exit code of a process; WorkloadError where it takes too long."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise WorkloadError(f"{process.name} took longer than {seconds} s: {process.text[-2000:]}") from None
