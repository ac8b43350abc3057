"""Stands in for Argo Workflows: runs the templates of a Workflow in their own order, their containers as processes.

It knows the form of a WorkflowTemplate and no name in one. What would change a run and is not understood here is an
error; what has a meaning only on a cluster, such as resources and security contexts, is passed over, and listed below.
Source of every rule: Argo Workflows documentation, Fields, Variables, Retries, Walk Through.
"""

import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from loop import s3
from loop.expressions import holds, when
from loop.machine import Machine, Pod, Process

PARALLEL: Final = 2
"""Pods that run at once: the cores that are expected."""
DEEPEST: Final = 100
"""How deep templates may call each other: Argo's default (docs/workflow-controller-configmap, maxRecursionDepth)."""
ON_A_CLUSTER: Final = frozenset(
    (
        *("affinity", "automountServiceAccountToken", "daemon", "executor", "hostAliases", "metadata", "metrics"),
        *("nodeSelector", "podSpecPatch", "priorityClassName", "schedulerName", "securityContext", "tolerations"),
        *("volumes", "serviceAccountName", "synchronization", "parallelism", "timeout", "archiveLocation"),
    )
)
"""Fields of a template that change nothing in a process of this machine."""
UNDERSTOOD: Final = frozenset(
    (
        *("name", "inputs", "outputs", "steps", "container", "suspend", "retryStrategy", "activeDeadlineSeconds"),
        *("failFast",),
    )
)
STEP_FIELDS: Final = frozenset(("name", "template", "arguments", "when", "withParam", "withItems", "continueOn"))
OF_A_WORKFLOW: Final = frozenset(
    (
        *("entrypoint", "templates", "arguments", "onExit", "templateDefaults", "activeDeadlineSeconds"),
        *(
            "workflowTemplateRef",
            "ttlStrategy",
            "podGC",
            "podMetadata",
            "artifactGC",
            "workflowMetadata",
            "archiveLogs",
        ),
        *("podDisruptionBudget", "retryStrategy"),
        *ON_A_CLUSTER,
    )
)
_VARIABLE: Final = re.compile(r"\{\{([^{}]*)\}\}")


class WorkflowError(Exception):
    """A Workflow that this runner cannot run as Argo would."""


class Phase(StrEnum):
    """How a node ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    """Its container ended with another code than 0, or was too slow."""
    ERROR = "Error"
    """Its pod was taken away, or an artifact was missing."""
    SKIPPED = "Skipped"


@dataclass
class Node:
    """One execution of one template: a pod, a wait, or steps."""

    name: str
    template: str
    kind: str
    phase: Phase | None = None
    message: str = ""
    attempts: int = 1
    seconds: float = 0.0
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    process: Process | None = None

    @property
    def good(self) -> bool:
        """Whether what follows may go on."""
        return self.phase in {Phase.SUCCEEDED, Phase.SKIPPED}


@dataclass
class Run:
    """One Workflow that ran."""

    name: str
    phase: Phase = Phase.FAILED
    message: str = ""
    nodes: list[Node] = field(default_factory=list)
    """In the order of their beginning."""

    def pods(self) -> list[Node]:
        """Nodes that were containers."""
        return [node for node in self.nodes if node.kind == "container"]

    def failed(self) -> list[Node]:
        """Pods that did not end well."""
        return [node for node in self.pods() if not node.good]


@dataclass
class Hooks:
    """What others do when something happens."""

    ended: Callable[[Run, Node], None] = lambda _run, _node: None
    """A container or a wait has ended."""
    wait: Callable[[float], None] = lambda _seconds: None
    """Lets the time of a `suspend` pass."""


class Argo:
    """The controller, for one machine."""

    def __init__(
        self, machine: Machine, storage: Callable[[str, str], Any], templates: Callable[[str, str], Mapping[str, Any]]
    ) -> None:
        self.machine, self.storage, self.templates = machine, storage, templates
        self.hooks = Hooks()
        self._taken: dict[str, Callable[[], bool]] = {}

    def take(self, name: str, when: Callable[[], bool]) -> None:
        """Has the next pod of a step taken away, as a preemption does, as soon as something is so."""
        self._taken[name] = when

    def taken(self, name: str) -> Callable[[], bool] | None:
        """When the pod of a step is to be taken away; asked once."""
        return self._taken.pop(name, None)

    def run(self, workflow: Mapping[str, Any]) -> Run:
        """Runs a Workflow to its end."""
        return _Execution(self, workflow).run()


class _Execution:
    """One Workflow."""

    def __init__(self, argo: Argo, workflow: Mapping[str, Any]) -> None:
        metadata = workflow["metadata"]
        self.argo, self.namespace = argo, metadata["namespace"]
        self.spec = _spec(workflow["spec"], lambda name: argo.templates(self.namespace, name))
        self.templates = {template["name"]: self._template(template) for template in self.spec["templates"]}
        self.done = Run(metadata["name"])
        self.scope = {
            "workflow.name": metadata["name"],
            "workflow.namespace": self.namespace,
            "workflow.uid": metadata.get("uid", metadata["name"]),
            "workflow.serviceAccountName": self.spec.get("serviceAccountName", "default"),
            "workflow.creationTimestamp": metadata.get("creationTimestamp", ""),
            "workflow.mainEntrypoint": self.spec["entrypoint"],
            **{f"workflow.parameters.{name}": value for name, value in _parameters(self.spec).items()},
        }
        self.slots = threading.Semaphore(PARALLEL)
        self.lock = threading.Lock()

    def run(self) -> Run:
        """Runs the entrypoint, and then what must run whatever came of it."""
        began = time.monotonic()
        node = self._call(self.spec["entrypoint"], {"parameters": {}, "artifacts": {}}, self.done.name, 0)
        self.done.phase, self.done.message = node.phase or Phase.ERROR, node.message
        if "onExit" in self.spec:
            ended = {
                "workflow.status": str(self.done.phase),
                "workflow.duration": f"{time.monotonic() - began:.6f}",
                "workflow.failures": json.dumps(
                    [
                        {"displayName": one.name, "phase": one.phase, "message": one.message}
                        for one in self.done.failed()
                    ]
                ),
            }
            self.scope.update(ended)
            name = f"{self.done.name}.onExit"
            handler = self._call(self.spec["onExit"], {"parameters": {}, "artifacts": {}}, name, 0)
            if not handler.good and self.done.phase is Phase.SUCCEEDED:
                self.done.phase, self.done.message = handler.phase or Phase.ERROR, f"onExit: {handler.message}"
        return self.done

    def _template(self, template: Mapping[str, Any]) -> Mapping[str, Any]:
        whole = {**self.spec.get("templateDefaults", {}), **template}
        strange = sorted(set(whole) - UNDERSTOOD - ON_A_CLUSTER)
        if strange:
            raise WorkflowError(f"template {template['name']}: {', '.join(strange)} is not understood here")
        return whole

    def _call(self, name: str, arguments: Mapping[str, Any], called: str, depth: int) -> Node:
        """Runs a template with its arguments."""
        if depth > DEEPEST:
            raise WorkflowError(f"{called}: deeper than {DEEPEST} calls")
        if name not in self.templates:
            raise WorkflowError(f"{called}: no template {name}")
        template = self.templates[name]
        kind = next((key for key in ("steps", "container", "suspend") if key in template), "nothing")
        inputs = _inputs(template, arguments["parameters"], called)
        node = Node(called, name, kind, inputs=inputs)
        with self.lock:
            self.done.nodes.append(node)
        scope = {**self.scope, **{f"inputs.parameters.{key}": value for key, value in inputs.items()}}
        began = time.monotonic()
        {"steps": self._steps, "container": self._pod, "suspend": self._suspend}[kind](
            node, template, {"scope": scope, "artifacts": arguments["artifacts"], "depth": depth}
        )
        node.seconds = time.monotonic() - began
        if kind != "steps":
            self.argo.hooks.ended(self.done, node)
        return node

    # Steps.

    def _steps(self, node: Node, template: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        scope = {**given["scope"], "node.name": node.name}
        for at, group in enumerate(template["steps"]):
            calls = [call for step in group for call in self._calls(step, scope, f"{node.name}[{at}]", given)]
            with ThreadPoolExecutor(max(len(calls), 1)) as pool:
                results = list(pool.map(lambda call: call(), calls))
            bad = [made for step, made in results if not (made.good or _tolerated(step, made))]
            scope.update(_results(group, results))
            if bad:
                node.phase, node.message = bad[0].phase, f"child {bad[0].name} {bad[0].phase}: {bad[0].message}"
                return
        for output in template.get("outputs", {}).get("parameters", ()):
            source = output["valueFrom"]["parameter"]
            node.outputs[output["name"]] = _filled(source, scope)
        node.phase = Phase.SUCCEEDED

    def _calls(
        self, step: Mapping[str, Any], scope: Mapping[str, str], prefix: str, given: Mapping[str, Any]
    ) -> Iterator[Callable[[], tuple[Mapping[str, Any], Node]]]:
        strange = sorted(set(step) - STEP_FIELDS)
        if strange:
            raise WorkflowError(f"step {step['name']}: {', '.join(strange)} is not understood here")
        for name, item in _items(step, scope):
            inner = {**scope, **item}
            called = f"{prefix}.{name}"
            if "when" in step and not when(_filled(step["when"], inner)):
                yield lambda step=step, called=called: (step, self._skipped(step, called))
                continue
            arguments = _arguments(step.get("arguments", {}), inner)
            depth = given["depth"] + 1
            yield lambda step=step, arguments=arguments, called=called, depth=depth: (
                step,
                self._call(step["template"], arguments, called, depth),
            )

    def _skipped(self, step: Mapping[str, Any], called: str) -> Node:
        node = Node(called, step["template"], "skipped", Phase.SKIPPED)
        with self.lock:
            self.done.nodes.append(node)
        return node

    # Waits.

    def _suspend(self, node: Node, template: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        duration = _filled(str(template["suspend"].get("duration", "")), given["scope"])
        if not duration:
            raise WorkflowError(f"{node.name}: waits for a person")
        self.argo.hooks.wait(seconds(duration))
        node.phase = Phase.SUCCEEDED

    # Pods.

    def _pod(self, node: Node, template: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        strategy = template.get("retryStrategy") or self.spec.get("retryStrategy") or {}
        limit = int(strategy.get("limit", 0)) if strategy else 0
        for attempt in range(limit + 1):
            node.attempts, node.outputs = attempt + 1, {}
            with self.slots:
                self._attempt(node, template, {**given, "attempt": attempt})
            if node.phase is Phase.SUCCEEDED or not _again(strategy, node, attempt):
                return

    def _attempt(self, node: Node, template: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        name = f"{re.sub(r'[^a-z0-9]+', '-', node.name.lower()).strip('-')}-{given['attempt']}"
        pod = self._of(name, template, given["scope"])
        root = self.argo.machine.folder(pod)
        scope = {**given["scope"], "pod.name": name, "node.name": node.name, "retries": str(given["attempt"])}
        client = self.argo.storage(pod.namespace, pod.account)
        try:
            paths, missing = self._bring(template, given["artifacts"], scope, (root, client))
        except ClientError as error:
            paths, missing = {}, str(error)
        if missing:
            node.phase, node.message = Phase.ERROR, f"artifact missing: {missing}"
            return
        for output in _of(template, "outputs", "artifacts"):
            paths[f"outputs.artifacts.{output['name']}.path"] = str(_inside(root, output["path"]))
        for output in _of(template, "outputs", "parameters"):
            paths[f"outputs.parameters.{output['name']}.path"] = str(_inside(root, output["valueFrom"]["path"]))
        for path in paths.values():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        container = _deep({"name": "main", **template["container"]}, {**scope, **paths})
        node.process = self.argo.machine.start(container, pod, changes={"POD_HURRY": "1"})
        self._end(node, template)
        if node.phase is Phase.SUCCEEDED:
            try:
                self._keep(node, template, scope, (root, client))
            except ClientError as error:
                node.phase, node.message = Phase.ERROR, f"failed to save outputs: {error}"

    def _end(self, node: Node, template: Mapping[str, Any]) -> None:
        process = node.process
        if process is None:
            raise WorkflowError(f"{node.name}: nothing was started")
        when = self.argo.taken(node.name.rpartition(".")[2])
        if when is not None:
            while process.popen.poll() is None and not when():
                time.sleep(0.01)
            if process.popen.poll() is None:
                process.kill()
                node.phase, node.message = Phase.ERROR, "pod deleted"
                return
        deadline = template.get("activeDeadlineSeconds") or self.spec.get("activeDeadlineSeconds")
        try:
            code = process.wait(float(deadline) if deadline else None)
        except subprocess.TimeoutExpired:
            node.phase, node.message = Phase.FAILED, f"Pod was active longer than {deadline} s"
            return
        node.phase = Phase.SUCCEEDED if code == 0 else Phase.FAILED
        node.message = "" if code == 0 else f"Error (exit code {code if code >= 0 else 128 - code})"

    def _of(self, name: str, template: Mapping[str, Any], scope: Mapping[str, str]) -> Pod:
        both = [_deep(part.get(key, {}), scope) for part, key in ((self.spec, "podMetadata"), (template, "metadata"))]
        annotations, labels = (
            {key: value for part in both for key, value in part.get(kind, {}).items()}
            for kind in ("annotations", "labels")
        )
        account = template.get("serviceAccountName") or self.spec.get("serviceAccountName") or "default"
        return Pod(name, self.namespace, account, annotations, labels)

    def _bring(
        self, template: Mapping[str, Any], passed: Mapping[str, Any], scope: Mapping[str, str], pod: tuple[Path, Any]
    ) -> tuple[dict[str, str], str]:
        """Artifacts that a step gets: their paths, and the first that is missing; of a pod's folder and client."""
        root, client = pod
        paths: dict[str, str] = {}
        for artifact in _of(template, "inputs", "artifacts"):
            given = {**artifact, **passed.get(artifact["name"], {})}
            if "path" not in artifact:
                continue
            path = _inside(root, _filled(artifact["path"], scope))
            paths[f"inputs.artifacts.{artifact['name']}.path"] = str(path)
            if "raw" in given:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(_filled(given["raw"]["data"], scope))
                continue
            there = _deep(given.get("s3") or {}, scope)
            found = bool(there) and s3.download(client, there["bucket"], there["key"], path)
            if not found and not given.get("optional"):
                return paths, artifact["name"]
        return paths, ""

    def _keep(self, node: Node, template: Mapping[str, Any], scope: Mapping[str, str], pod: tuple[Path, Any]) -> None:
        """What a step left."""
        root, client = pod
        for output in _of(template, "outputs", "parameters"):
            path, source = _inside(root, output["valueFrom"]["path"]), output["valueFrom"]
            if not path.is_file() and "default" not in source:
                node.phase, node.message = Phase.ERROR, f"parameter {output['name']} was not left at {source['path']}"
                return
            node.outputs[output["name"]] = path.read_text().rstrip("\n") if path.is_file() else str(source["default"])
        for output in _of(template, "outputs", "artifacts"):
            path = _inside(root, _filled(output["path"], scope))
            if not path.exists():
                if output.get("optional"):
                    continue
                node.phase, node.message = Phase.ERROR, f"artifact {output['name']} was not left at {output['path']}"
                return
            if output.get("archive") != {"none": {}}:
                raise WorkflowError(f"{node.name}: artifact {output['name']} is packed, which is not understood here")
            there = _deep(output["s3"], scope)
            s3.upload(client, path, there["bucket"], there["key"])


def _spec(spec: Mapping[str, Any], template: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    """The spec of a Workflow laid over that of the template it refers to."""
    whole = dict(spec)
    if "workflowTemplateRef" in spec:
        under = template(spec["workflowTemplateRef"]["name"])["spec"]
        whole = {**under, **spec}
        parameters = {one["name"]: one for one in under.get("arguments", {}).get("parameters", ())}
        parameters.update({one["name"]: one for one in spec.get("arguments", {}).get("parameters", ())})
        whole["arguments"] = {"parameters": list(parameters.values())}
    strange = sorted(set(whole) - OF_A_WORKFLOW)
    if strange:
        raise WorkflowError(f"spec: {', '.join(strange)} is not understood here")
    return whole


def _parameters(spec: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for parameter in spec.get("arguments", {}).get("parameters", ()):
        if "value" not in parameter:
            raise WorkflowError(f"parameter {parameter['name']} has no value")
        found[parameter["name"]] = str(parameter["value"])
    return found


def _inputs(template: Mapping[str, Any], given: Mapping[str, str], called: str) -> dict[str, str]:
    found = {}
    for parameter in _of(template, "inputs", "parameters"):
        name = parameter["name"]
        if name not in given and "value" not in parameter and "default" not in parameter:
            raise WorkflowError(f"{called}: no argument {name}")
        found[name] = given.get(name, str(parameter.get("value", parameter.get("default"))))
    return found


def _arguments(arguments: Mapping[str, Any], scope: Mapping[str, str]) -> dict[str, Any]:
    parameters = {one["name"]: _filled(str(one["value"]), scope) for one in arguments.get("parameters", ())}
    artifacts = {}
    for one in arguments.get("artifacts", ()):
        if "from" in one:
            raise WorkflowError(f"artifact {one['name']}: `from` is not understood here; name its place in S3")
        artifacts[one["name"]] = _deep(one, scope)
    return {"parameters": parameters, "artifacts": artifacts}


def _items(step: Mapping[str, Any], scope: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Names and variables of a step: one, or one for each item."""
    if "withParam" not in step and "withItems" not in step:
        yield step["name"], {}
        return
    items = json.loads(_filled(step["withParam"], scope)) if "withParam" in step else step["withItems"]
    for at, item in enumerate(items):
        # Objects of objects, such as the parameters of a trial, are JSON where they are referred to as a whole.
        parts = {f"item.{key}": _text(value) for key, value in item.items()} if isinstance(item, dict) else {}
        yield f"{step['name']}({at})", {"item": _text(item), **parts}


def _results(group: Sequence[Mapping[str, Any]], results: Sequence[tuple[Mapping[str, Any], Node]]) -> dict[str, str]:
    """Variables of the steps of a group: of a step of many their outputs as a list."""
    scope: dict[str, str] = {}
    for step in group:
        nodes = [node for of, node in results if of is step]
        many = "withParam" in step or "withItems" in step
        prefix = f"steps.{step['name']}"
        if many:
            names = sorted({name for node in nodes for name in node.outputs})
            for name in names:
                values = [node.outputs[name] for node in nodes if name in node.outputs]
                scope[f"{prefix}.outputs.parameters.{name}"] = json.dumps(values)
        for node in () if many else nodes:
            scope[f"{prefix}.status"] = str(node.phase)
            for name, value in node.outputs.items():
                scope[f"{prefix}.outputs.parameters.{name}"] = value
    return scope


def _tolerated(step: Mapping[str, Any], node: Node) -> bool:
    on = step.get("continueOn", {})
    return bool(on.get("failed") and node.phase is Phase.FAILED) or bool(on.get("error") and node.phase is Phase.ERROR)


def _again(strategy: Mapping[str, Any], node: Node, attempt: int) -> bool:
    if not strategy:
        return False
    expression = strategy.get("expression")
    # With an expression the policy is Always, else OnFailure (docs/retries.md).
    policy = strategy.get("retryPolicy") or ("Always" if expression else "OnFailure")
    fits = {"Always": (Phase.FAILED, Phase.ERROR), "OnFailure": (Phase.FAILED,), "OnError": (Phase.ERROR,)}
    if policy not in fits:
        raise WorkflowError(f"{node.name}: retryPolicy {policy} is not understood here")
    if node.phase not in fits[policy]:
        return False
    code = re.search(r"exit code (\d+)", node.message)
    last = {
        "lastRetry.status": str(node.phase),
        "lastRetry.exitCode": code[1] if code else "-1",
        "lastRetry.message": node.message,
        "retries": str(attempt),
    }
    return not expression or holds(expression, last)


def seconds(duration: str) -> float:
    """Seconds of a duration such as 90, 10m or 1h30m."""
    if re.fullmatch(r"\d+(\.\d+)?", duration):
        return float(duration)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", duration)
    if not parts or "".join(map("".join, parts)) != duration:
        raise WorkflowError(f"{duration!r} is no duration")
    return sum(float(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}[unit] for number, unit in parts)


def _filled(text: str, scope: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1].strip()
        if name.startswith("="):
            raise WorkflowError(f"expression {found[0]} is not understood here")
        if name not in scope:
            raise WorkflowError(f"nothing known has the value of {found[0]}")
        return scope[name]

    return _VARIABLE.sub(value, text)


def _deep(value: Any, scope: Mapping[str, str]) -> Any:
    """A value with all variables in its texts replaced."""
    if isinstance(value, str):
        return _filled(value, scope)
    if isinstance(value, Mapping):
        return {key: _deep(item, scope) for key, item in value.items()}
    return [_deep(item, scope) for item in value] if isinstance(value, list | tuple) else value


def _of(template: Mapping[str, Any], side: str, kind: str) -> Sequence[Mapping[str, Any]]:
    return template.get(side, {}).get(kind, ())


def _inside(root: Path, path: str) -> Path:
    """Where a container's path lies in the folder of its pod."""
    return root / path.lstrip("/")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
