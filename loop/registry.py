"""MLflow: the real server, its migrations and accounts, as the ModelRegistry's Job and Deployment start them.

What differs on this machine: the database, where it is SQLite; and that the server listens on a port of its own. Its
name, port and header `Host` stay those of its Service.
"""

import configparser
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from loop.graph import Graph
from loop.kubernetes import Cluster
from loop.machine import Machine, Process, free_port
from loop.postgres import Postgres
from loop.workloads import Kubelet, WorkloadError, pod_of

COMPONENT: Final = "mlplatform:index:ModelRegistry"
START_SECONDS: Final = 90


class Registry:
    """The server of a graph's only registry."""

    def __init__(self, graph: Graph, cluster: Cluster, machine: Machine, database: Postgres | None) -> None:
        self.cluster, self.machine = cluster, machine
        self.deployment = graph.below(COMPONENT, "kubernetes:apps/v1:Deployment")[0]["inputs"]
        self.job = graph.below(COMPONENT, "kubernetes:batch/v1:Job")[0]["inputs"]
        self.service = graph.below(COMPONENT, "kubernetes:core/v1:Service")[0]["inputs"]
        self.process: Process | None = None
        self.port = free_port()
        self.kubelet = Kubelet(machine, cluster, {"0.0.0.0": "127.0.0.1"})  # noqa: S104 - what is replaced
        if database is None:
            self.database = "SQLite"
            self.kubelet.replaced[self._uri()] = f"sqlite:///{machine.root}/mlflow.db"
            # The connection to PostgreSQL, which nothing then reads.
            self._stand_in_for_the_connection()
        else:
            self.database = database.version
            secret = self._connection()
            cluster.secret(secret["metadata"]["namespace"], secret["spec"]["target"]["name"], database.content(secret))

    def migrate(self) -> None:
        """Runs the Job that comes before the server."""
        name, namespace = self.job["metadata"]["name"], self.job["metadata"]["namespace"]
        self.kubelet.finish(self.job["spec"]["template"], name, namespace)

    def start(self) -> None:
        """Starts the server, and waits until it is ready."""
        template, metadata = self.deployment["spec"]["template"], self.deployment["metadata"]
        port = self.service["spec"]["ports"][0]

        def start(container: Mapping[str, Any], pod: Any, **given: Any) -> Process:
            return self.machine.start(container, pod, exact={str(port["targetPort"]): str(self.port)}, **given)

        (self.process,) = self.kubelet.each(template, metadata["name"], metadata["namespace"], start=start)
        host = f"{self.service['metadata']['name']}.{self.service['metadata']['namespace']}"
        for name in (host, f"{host}.svc", f"{host}.svc.cluster.local"):
            self.machine.serve(f"{name}:{port['port']}", self.port)
        probe = template["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"]
        self._wait(f"http://127.0.0.1:{self.port}{probe}")

    def stop(self) -> None:
        """Ends the server, as a node that is lost does."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    def environment(self, secret: str, namespace: str) -> dict[str, str]:
        """Variables of a client that has a Secret with credentials."""
        container = {"name": "client", "envFrom": [{"secretRef": {"name": secret}}]}
        pod = pod_of({"spec": {}}, "client", namespace)
        return self.machine.environment(container, pod)

    def _wait(self, url: str) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - a port of this machine
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
            else:
                return
            if self.process is not None and self.process.popen.poll() is not None:
                break
        raise WorkloadError(f"MLflow is not ready: {self.process.text[-3000:] if self.process else ''}")

    def _uri(self) -> str:
        """Address of the database, as the configuration of the accounts has it."""
        volumes = self.deployment["spec"]["template"]["spec"]["volumes"]
        name = next(volume["configMap"]["name"] for volume in volumes if "configMap" in volume)
        config = self.cluster.get("ConfigMap", self.deployment["metadata"]["namespace"], name)["data"]
        parser = configparser.ConfigParser()
        parser.read_string(next(text for file, text in config.items() if file.endswith(".ini")))
        return parser["mlflow"]["database_uri"]

    def _connection(self) -> Mapping[str, Any]:
        """The ExternalSecret that a pod of the server mounts."""
        volumes = self.deployment["spec"]["template"]["spec"]["volumes"]
        name = next(volume["secret"]["secretName"] for volume in volumes if "secret" in volume)
        namespace = self.deployment["metadata"]["namespace"]
        return next(
            one for one in self.cluster.all("ExternalSecret", namespace) if one["spec"]["target"]["name"] == name
        )

    def _stand_in_for_the_connection(self) -> None:
        secret = self._connection()
        files = dict.fromkeys(secret["spec"]["target"]["template"]["data"], "")
        self.cluster.secret(secret["metadata"]["namespace"], secret["spec"]["target"]["name"], files)
