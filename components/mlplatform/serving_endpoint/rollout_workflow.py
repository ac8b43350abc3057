"""The Workflow of a rollout (Argo Workflows, argoproj.io/v1alpha1), as plain dictionaries.

Steps only, one after the other and unrolled by weight: whoever reads it sees what happens. A gate that is not passed
fails, and so does the Workflow, whose exit handler takes the candidate back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from mlplatform.contracts import rollout
from mlplatform.contracts.labels import COMPONENT, KARPENTER_DO_NOT_DISRUPT, MANAGED_BY
from mlplatform.contracts.pipeline import output_variable
from mlplatform.core.args import In
from mlplatform.facts.kubernetes.pods import container_security, pod_security
from mlplatform.serving_endpoint.rollout_args import ServingRollout, ServingRolloutGates

API: Final = "argoproj.io/v1alpha1"
SERVICE_ACCOUNT: Final = "rollout"
"""Service account of the steps, in the endpoint's namespace."""
COMMAND: Final = ("python", "-m", "mlplatform.runtime", "promote")
CPU: Final = "100m"
SCRATCH: Final = "/tmp"  # noqa: S108 - a volume of the pod's own
"""Where a step writes: what it copies, and what it says."""
LOST: Final[Mapping[str, Any]] = MappingProxyType(
    {"retryPolicy": "OnError", "limit": "10", "backoff": {"duration": "30s", "factor": "2", "cap": "10m"}}
)
"""How often a gate is repeated whose pod was taken away: Argo calls that an error, and a verdict a failure."""
BRIEF_MINUTES: Final = 30
"""Minutes that a step may take which waits for nothing, time to get a node included."""
NODE_MINUTES: Final = 15
"""Minutes that a step which waits may take longer than what it waits for, to get a node."""
DAY: Final = 86_400
KEPT: Final[Mapping[str, int]] = MappingProxyType({"secondsAfterSuccess": DAY, "secondsAfterFailure": 14 * DAY})
"""How long a Workflow that has ended is kept to look at."""
START_SECONDS: Final = 600
"""Seconds after its time in which the schedule may still start one."""
_VERSION: Final = "{{inputs.parameters.version}}"


@dataclass(frozen=True, slots=True)
class Workflow:
    """The Workflow of one endpoint."""

    name: str
    """Name of it and of its schedule."""
    endpoint: str
    """The endpoint."""
    given: ServingRollout
    """How its model is rolled out."""
    image: In[str]
    """Image of every step."""
    environment: Sequence[Mapping[str, Any]]
    """Environment variables of every step."""
    credentials: str
    """Secret with MLflow's variables."""

    def spec(self) -> dict[str, Any]:
        """The spec of the WorkflowTemplate."""
        return {
            "entrypoint": "rollout",
            "onExit": "exit",
            "arguments": {"parameters": [{"name": rollout.PARAMETER, "value": ""}]},
            "serviceAccountName": SERVICE_ACCOUNT,
            "podMetadata": {
                "labels": {COMPONENT: self.name, MANAGED_BY[0]: MANAGED_BY[1]},
                "annotations": {KARPENTER_DO_NOT_DISRUPT: "true"},
            },
            "securityContext": pod_security(),
            "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": self.given.disk}}],
            # One at a time, also of those that are started by hand.
            "synchronization": {"mutexes": [{"name": self.name}]},
            "ttlStrategy": dict(KEPT),
            "podGC": {"strategy": "OnPodSuccess"},
            "metrics": {"prometheus": [self._counter()]},
            "templates": [*self._orders(), *self._steps()],
        }

    def schedule(self) -> dict[str, Any]:
        """The spec of the CronWorkflow."""
        return {
            "schedules": [self.given.schedule],
            "timezone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": START_SECONDS,
            "suspend": self.given.suspended,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "workflowSpec": {"workflowTemplateRef": {"name": self.name}},
        }

    def _counter(self) -> dict[str, Any]:
        return {
            "name": rollout.RUNS,
            "help": "Rollouts that have ended, those that found nothing to do among them",
            "labels": [
                {"key": "endpoint", "value": self.endpoint},
                {"key": "status", "value": "{{workflow.status}}"},
            ],
            "counter": {"value": "1"},
        }

    def _orders(self) -> Iterator[dict[str, Any]]:
        """What follows what."""
        planned = "{{steps.plan.outputs.parameters."
        version = {"parameters": [{"name": "version", "value": f"{planned}version}}}}"}]}
        modes = {"by-steps": rollout.STEPS, "at-once": rollout.FIRST}
        chosen = [
            {"name": name, "template": name, "arguments": version, "when": f"{planned}mode}}}} == {mode}"}
            for name, mode in modes.items()
        ]
        yield {"name": "rollout", "steps": [[{"name": rollout.PLAN, "template": rollout.PLAN}], chosen]}
        yield _order("by-steps", [_step(rollout.COPY), _step(rollout.START), *self._weights(), _step(rollout.FINISH)])
        yield _order("at-once", [_step(rollout.COPY), _step(rollout.FINISH)])
        failed = "{{workflow.status}} != Succeeded"
        yield {
            "name": "exit",
            "steps": [[{"name": rollout.ROLLBACK, "template": rollout.ROLLBACK, "when": failed}]],
        }

    def _weights(self) -> Iterator[dict[str, Any]]:
        for percent in self.given.weights or ():
            yield _step(rollout.WEIGHT, percent)
            yield {"name": f"wait-{percent}", "template": "wait"}
            yield {**_step(rollout.GATE), "name": f"{rollout.GATE}-{percent}"}

    def _steps(self) -> Iterator[dict[str, Any]]:
        """What a step does."""
        given = self.given
        ready = int(given.ready_minutes or 0) + NODE_MINUTES
        patience = int((given.gates or ServingRolloutGates()).patience_minutes or 0) + NODE_MINUTES
        yield self._plan()
        yield self._job(rollout.COPY, ready)
        yield self._job(rollout.START, ready)
        yield self._job(rollout.WEIGHT, BRIEF_MINUTES, ("--percent", "{{inputs.parameters.percent}}"), ("percent",))
        yield {"name": "wait", "suspend": {"duration": f"{given.wait_minutes}m"}}
        gate = self._job(rollout.GATE, patience, ("--window", str(given.wait_minutes)))
        yield {**gate, "retryStrategy": dict(LOST)}
        yield self._job(rollout.FINISH, ready)
        back = self._container(rollout.ROLLBACK, ("--reason", "a step failed; see Workflow {{workflow.name}}"), {})
        yield {"name": rollout.ROLLBACK, **self._bounds(ready), "container": back}

    def _plan(self) -> dict[str, Any]:
        arguments = ("--version", f"{{{{workflow.parameters.{rollout.PARAMETER}}}}}")
        files = {output_variable(output): f"{{{{outputs.parameters.{output}.path}}}}" for output in rollout.OUTPUTS}
        outputs = [{"name": output, "valueFrom": {"path": f"{SCRATCH}/{output}"}} for output in rollout.OUTPUTS]
        return {
            "name": rollout.PLAN,
            **self._bounds(BRIEF_MINUTES),
            "container": self._container(rollout.PLAN, arguments, files),
            "outputs": {"parameters": outputs},
        }

    def _job(
        self, verb: str, minutes: int, arguments: Sequence[str] = (), inputs: Sequence[str] = ()
    ) -> dict[str, Any]:
        return {
            "name": verb,
            **self._bounds(minutes),
            "inputs": {"parameters": [{"name": name} for name in ("version", *inputs)]},
            "container": self._container(verb, ("--version", _VERSION, *arguments), {}),
        }

    def _bounds(self, minutes: int) -> dict[str, Any]:
        backoff = {"duration": "30s", "factor": "2", "cap": "5m"}
        # Of the whole of it, the time that a pod waits for a node included.
        return {
            "timeout": f"{minutes}m",
            "retryStrategy": {"retryPolicy": "Always", "limit": str(self.given.retries), "backoff": backoff},
        }

    def _container(self, verb: str, arguments: Sequence[str], variables: Mapping[str, str]) -> dict[str, Any]:
        memory = {"memory": self.given.memory}
        disk = {"ephemeral-storage": self.given.disk}
        return {
            "image": self.image,
            "command": list(COMMAND),
            "args": [verb, *arguments],
            "env": [*self.environment, *({"name": name, "value": value} for name, value in variables.items())],
            "envFrom": [{"secretRef": {"name": self.credentials}}],
            "resources": {"requests": {"cpu": CPU, **memory, **disk}, "limits": {**memory, **disk}},
            "securityContext": container_security(),
            "volumeMounts": [{"name": "tmp", "mountPath": SCRATCH}],
        }


def _order(name: str, steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "inputs": {"parameters": [{"name": "version"}]}, "steps": [[step] for step in steps]}


def _step(verb: str, percent: int | None = None) -> dict[str, Any]:
    parameters = [{"name": "version", "value": _VERSION}]
    if percent is not None:
        parameters.append({"name": "percent", "value": str(percent)})
    name = verb if percent is None else f"{verb}-{percent}"
    return {"name": name, "template": verb, "arguments": {"parameters": parameters}}
