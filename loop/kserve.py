"""Stands in for KServe in Standard mode: of an InferenceService makes Deployments, and runs a pod of each.

A pod is two processes: a model's server in place of the runtime's image, and the request log's own sidecar before it.
All replicas of a Deployment are one pod here, and their ports are moved, since all pods have one address.
"""

import http.client
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from loop import s3
from loop.kubernetes import Cluster, Manifest
from loop.machine import HERE, Machine, Pod, Process, free_port

SERVER_PORT: Final = 8080
"""Port of KServe's own runtimes (kserve v0.20.0, config/runtimes)."""
FORMATS: Final = ("sklearn",)
START_SECONDS: Final = 60


@dataclass
class Served:
    """A pod that serves, or would."""

    wanted: Mapping[str, Any]
    """The predictor that it was made of."""
    labels: Mapping[str, str]
    ready: bool = False
    port: int = 0
    processes: list[Process] = field(default_factory=list)
    why: str = ""
    """Why it is not ready."""


class KServe:
    """The controller, and what it runs."""

    def __init__(self, cluster: Cluster, machine: Machine, storage: Callable[[str, str], Any]) -> None:
        """`storage` gives a client of S3, by namespace and ServiceAccount."""
        self.cluster, self.machine, self.storage = cluster, machine, storage
        self.pods: dict[tuple[str, str], Served] = {}
        """Pods by namespace and Deployment."""
        self.lock = threading.Lock()
        self.count = 0
        cluster.changed.append(self._hear)

    def start(self) -> None:
        """Serves what is there."""
        for manifest in self.cluster.all("InferenceService"):
            self.reconcile(manifest)

    def address(self, namespace: str, selector: Mapping[str, str]) -> int | None:
        """Port of a ready pod that a Service selects."""
        for (of, _), pod in list(self.pods.items()):
            if of == namespace and pod.ready and selector.items() <= dict(pod.labels).items():
                return pod.port
        return None

    def stop(self) -> None:
        """Ends all pods in order, so that their request logs are written."""
        for pod in self.pods.values():
            self._end(pod)
        self.pods.clear()

    def reconcile(self, manifest: Manifest) -> None:
        """Makes what an InferenceService wants."""
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        stable, canaries = manifest["spec"]["predictor"], manifest["spec"].get("canary") or []
        beside = sum(one["predictor"].get("minReplicas", 1) for one in canaries)
        wanted = {f"{name}-predictor": (stable, max(stable.get("minReplicas", 1) - beside, 1))}
        for one in canaries:
            predictor = one["predictor"]
            wanted[f"{name}-{predictor['name']}-predictor"] = (predictor, predictor.get("minReplicas", 1))
        with self.lock:
            for deployment, (predictor, replicas) in wanted.items():
                self._deploy(namespace, name, deployment, predictor, replicas)
            for key in [key for key in self.pods if key[0] == namespace and key[1] not in wanted]:
                if key[1].startswith(name):
                    self._end(self.pods.pop(key))
                    self.cluster.objects.pop(("apps", "deployments", *key), None)

    def _hear(self, _verb: str, manifest: Manifest) -> None:
        if manifest["kind"] == "InferenceService":
            threading.Thread(target=self.reconcile, args=(manifest,), daemon=True).start()

    def _deploy(
        self, namespace: str, service: str, deployment: str, predictor: Mapping[str, Any], replicas: int
    ) -> None:
        annotations, labels = predictor.get("annotations", {}), predictor.get("labels", {})
        made = self.cluster.put(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"namespace": namespace, "name": deployment, "labels": dict(labels)},
                "spec": {
                    "replicas": replicas,
                    "template": {"metadata": {"annotations": dict(annotations), "labels": dict(labels)}},
                },
            }
        )
        before = self.pods.get((namespace, deployment))
        pods = {key: value for key, value in predictor.items() if key not in {"minReplicas", "maxReplicas"}}
        if before is None or before.wanted != pods or not before.ready:
            after = self._run(namespace, service, deployment, pods)
            if after.ready or before is None:
                # A new pod first, then the former one goes: maxUnavailable 0.
                self.pods[namespace, deployment] = after
                if before is not None:
                    self._end(before)
        pod = self.pods[namespace, deployment]
        count = replicas if pod.ready and pod.wanted == pods else 0
        status = {"replicas": replicas, "updatedReplicas": count, "availableReplicas": count, "readyReplicas": count}
        self.cluster.status(made, {**status, "observedGeneration": made["metadata"]["generation"]})

    def _run(self, namespace: str, service: str, deployment: str, predictor: Mapping[str, Any]) -> Served:
        self.count += 1
        name = f"{deployment}-{self.count}"
        pod = Pod(
            name,
            namespace,
            predictor.get("serviceAccountName", "default"),
            predictor.get("annotations", {}),
            predictor.get("labels", {}),
        )
        served = Served(predictor, pod.labels)
        model = predictor["model"]
        if model["modelFormat"]["name"] not in FORMATS:
            served.why = f"format {model['modelFormat']['name']} is not served here"
            return served
        folder = self.machine.folder(pod) / "mnt" / "models"
        bucket, _, key = model["storageUri"].removeprefix("s3://").partition("/")
        try:
            found = s3.download(self.storage(namespace, pod.account), bucket, key, folder)
        except ClientError as error:
            found, served.why = False, str(error)
        if not found:
            served.why = served.why or f"nothing lies at {model['storageUri']}"
            return served
        port = free_port()
        server = {
            "name": "kserve-container",
            "env": model.get("env", []),
            "command": ["python", "-m", "loop.model_server"],
            "args": [f"--model_dir={folder}", f"--model_name={service}", f"--http_port={port}"],
        }
        here = {"PYTHONPATH": f"{HERE.parent}"}
        served.processes.append(self.machine.start(server, pod, changes=here))
        served.port = port
        for container in predictor.get("containers", ()):
            served.port = free_port()
            moved = {"POD_HURRY": "1"}
            for variable, value in self.machine.environment(container, pod).items():
                # The server's port in an address, and the sidecar's own.
                if value.endswith(f":{SERVER_PORT}"):
                    moved[variable] = f"{value.removesuffix(str(SERVER_PORT))}{port}"
                elif value.isdecimal() and int(value) in _ports(container):
                    moved[variable] = str(served.port)
            served.processes.append(self.machine.start(container, pod, changes=moved))
        served.ready = self._ready(served, port)
        return served

    def _ready(self, served: Served, port: int) -> bool:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if _answers(port) and _answers(served.port):
                return True
            dead = [process for process in served.processes if process.popen.poll() is not None]
            if dead:
                served.why = f"{dead[0].name} ended: {dead[0].text[-1000:]}"
                return False
            time.sleep(0.05)
        served.why = "it does not answer"
        return False

    @staticmethod
    def _end(pod: Served) -> None:
        pod.ready = False
        # The sidecar first: it lets what is under way end, and writes its last lines.
        for process in reversed(pod.processes):
            process.stop()


def _ports(container: Mapping[str, Any]) -> set[int]:
    return {int(port["containerPort"]) for port in container.get("ports", ())}


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
