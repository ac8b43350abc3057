"""Containers as processes of this machine: their own command, arguments and variables, nothing of this shell's."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from loop.clock import Clock

HERE: Final = Path(__file__).parent
SHIM: Final = HERE / "pod"
"""Folder with what a pod has and a process lacks."""
IMAGES: Final = HERE / "images"
"""What images hold beside this environment, by the last part of their repository."""
DOCKERFILES: Final = {"mlplatform-runtime": HERE.parent / "components/mlplatform/runtime/Dockerfile"}
"""How images are made that are made here: their entry point is that of a container without a command."""
_FIELD: Final = re.compile(r"metadata\.(?:(annotations|labels)\['(.+)'\]|(name|namespace))")
_REFERENCE: Final = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
GRACE_SECONDS: Final = 20
"""Seconds that a process has to end after SIGTERM."""


class MachineError(Exception):
    """A pod that cannot be run here."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass(frozen=True)
class Pod:
    """What a container knows of its pod."""

    name: str
    namespace: str
    account: str = "default"
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def value(self, path: str) -> str:
        """A field that the downward API gives."""
        found = _FIELD.fullmatch(path)
        if not found:
            raise MachineError(f"{self.name}: the downward API gives no {path} here")
        part, key, plain = found.groups()
        values: Any = getattr(self, part or plain)
        return str(values[key]) if part else str(values)


@dataclass
class Process:
    """One running container."""

    name: str
    log: Path
    popen: "subprocess.Popen[bytes]"

    @property
    def text(self) -> str:
        """What it wrote."""
        return self.log.read_text(errors="replace")

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of JSON that it wrote."""
        found = []
        for line in self.text.splitlines():
            if line.startswith("{"):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    continue
        return found

    def wait(self, seconds: float | None = None) -> int:
        """Its exit code; killed where it takes longer."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Ends it at once, with all that it started."""
        _signal(self.popen, signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> int:
        """Ends it as the kubelet does: SIGTERM, and SIGKILL to what is left later."""
        _signal(self.popen, signal.SIGTERM)
        try:
            return self.popen.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return int(self.popen.returncode)


def _signal(popen: "subprocess.Popen[bytes]", number: int) -> None:
    if popen.poll() is None:
        # Each process is a group of its own, and this one was started here.
        os.killpg(popen.pid, number)


class Machine:
    """Where processes run."""

    def __init__(self, root: Path, clock: Clock, region: str) -> None:
        self.root, self.clock, self.region = root, clock, region
        self.variables: dict[str, str] = {}
        """What every pod has: credentials and addresses of what stands in."""
        self.lookup: Callable[[str, str, str], Mapping[str, Any]] = _nothing
        """The object of a kind, namespace and name: Secrets and ConfigMaps."""
        self.account: Callable[[str, str], Mapping[str, str]] = lambda _namespace, _name: {}
        """Variables of a ServiceAccount, by namespace and name: how it finds the API server."""
        self.running: list[Process] = []
        self._names = root / "names.json"
        self._known: dict[str, int] = {}
        self._lock = threading.Lock()
        for folder in ("logs", "pods"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        self._names.write_text("{}")

    def serve(self, address: str, port: int) -> None:
        """Lets the name and port of a Service lead to a port of this machine."""
        with self._lock:
            self._known[address] = port
            fresh = self._names.with_suffix(".new")
            fresh.write_text(json.dumps(self._known, sort_keys=True))
            fresh.replace(self._names)

    def folder(self, pod: Pod) -> Path:
        """The file system that a pod may write to."""
        folder = self.root / "pods" / pod.name
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        return folder

    def environment(self, container: Mapping[str, Any], pod: Pod) -> dict[str, str]:
        """The variables of a container, with all references resolved."""
        given: dict[str, str] = {}
        for source in container.get("envFrom", ()):
            given.update(self._all_of(source, pod))
        for variable in container.get("env", ()):
            given[variable["name"]] = self._value(variable, given, pod)
        return given

    def start(
        self,
        container: Mapping[str, Any],
        pod: Pod,
        *,
        changes: Mapping[str, str] | None = None,
        replaced: Mapping[str, str] | None = None,
        exact: Mapping[str, str] | None = None,
    ) -> Process:
        """Starts a container.

        `changes` are variables that differ here, `replaced` texts anywhere such as paths of mounts, `exact` whole
        arguments such as ports.
        """
        given = self.environment(container, pod)
        entry = container.get("command") or entry_point(container.get("image", ""))
        if not entry:
            raise MachineError(f"{pod.name}: container {container['name']} has no command, and its image is not here")
        command = [_expanded(part, given) for part in (*entry, *container.get("args", ()))]
        command = [rewritten(part, replaced or {}) for part in command]
        given = {key: rewritten(value, replaced or {}) for key, value in given.items()}
        command = [(exact or {}).get(part, part) for part in command]
        environment = {**self._base(container, pod), **given, **(changes or {})}
        name = f"{pod.name}-{container['name']}"
        log = self.root / "logs" / f"{name}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(  # noqa: S603 - what the graph says
                command,
                env=environment,
                cwd=self.folder(pod),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(name, log, popen)
        self.running = [one for one in self.running if one.popen.poll() is None] + [process]
        return process

    def stop(self) -> None:
        """Ends all that runs."""
        for process in reversed(self.running):
            _signal(process.popen, signal.SIGTERM)
        for process in reversed(self.running):
            process.stop()
        self.running = []

    def _base(self, container: Mapping[str, Any], pod: Pod) -> dict[str, str]:
        folder = self.folder(pod)
        return {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin")),
            "HOME": str(folder / "tmp"),
            "TMPDIR": str(folder / "tmp"),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(map(str, (SHIM, *_image(container.get("image", ""))))),
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1",
            "POD_CLOCK": str(self.clock.path),
            "POD_NAMES": str(self._names),
            **self.account(pod.namespace, pod.account),
            **self.variables,
        }

    def _all_of(self, source: Mapping[str, Any], pod: Pod) -> Mapping[str, str]:
        kind, reference = next((key, source[key]) for key in ("secretRef", "configMapRef") if key in source)
        data = self._data(kind.removesuffix("Ref"), pod, reference)
        return {f"{source.get('prefix', '')}{key}": value for key, value in data.items()}

    def _value(self, variable: Mapping[str, Any], given: Mapping[str, str], pod: Pod) -> str:
        source = variable.get("valueFrom")
        if source is None:
            return _expanded(str(variable.get("value", "")), given)
        if "fieldRef" in source:
            return pod.value(source["fieldRef"]["fieldPath"])
        kind = next((key for key in ("secretKeyRef", "configMapKeyRef") if key in source), None)
        if kind is None:
            raise MachineError(f"{pod.name}: {variable['name']} from {', '.join(source)} is not known here")
        return self._data(kind.removesuffix("KeyRef"), pod, source[kind])[source[kind]["key"]]

    def _data(self, kind: str, pod: Pod, reference: Mapping[str, Any]) -> Mapping[str, str]:
        found = self.lookup({"secret": "Secret", "configMap": "ConfigMap"}[kind], pod.namespace, reference["name"])
        if not found and not reference.get("optional"):
            raise MachineError(f"{pod.name}: no {kind} {reference['name']} in {pod.namespace}")
        data = found.get("data") or {}
        return {key: b64decode(value).decode() for key, value in data.items()} if kind == "secret" else data


def _nothing(_kind: str, _namespace: str, _name: str) -> Mapping[str, Any]:
    return {}


def rewritten(text: str, changes: Mapping[str, str]) -> str:
    """The text with other texts in it replaced, the longest first, and none of what was put in."""
    if not changes:
        return text
    longest = sorted(changes, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest)), lambda found: changes[found[0]], text)


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """The text with `$(NAME)` replaced where the variable is known, as Kubernetes does."""
    return _REFERENCE.sub(lambda found: variables.get(found[1], found[0]), text)


def entry_point(image: str) -> Sequence[str]:
    """The entry point of an image, as its Dockerfile has it; none of one that is not made here."""
    path = DOCKERFILES.get(_repository(image))
    found = re.search(r"(?m)^ENTRYPOINT (\[.*\])$", path.read_text()) if path else None
    return json.loads(found[1]) if found else ()


def _image(reference: str) -> Sequence[Path]:
    folder = IMAGES / _repository(reference)
    return (folder,) if folder.is_dir() else ()


def _repository(reference: str) -> str:
    """The last part of an image's repository."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
