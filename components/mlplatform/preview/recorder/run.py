"""Runs one Pulumi program against a recording monitor and writes down the graph that the engine would be told.

The recorder is started by its path, with the interpreter of the program that it runs, so it imports Pulumi and the
standard library and nothing else: `PYTHON recorder REQUEST.json`. It never talks to a cloud, a cluster or a backend.

The graph follows the engine and not Pulumi's test mocks: URNs carry the whole chain of parent types, a URN that is
registered twice is an error, transforms run in the engine's order (the resource's own, its ancestors', the stack's),
and children inherit protection and retention. What identifies a resource (id, ARN, generated name, URL, endpoint) is a
placeholder derived from its URN, so that documents built from it can be read; every other computed value is unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from typing import (
    Any,
    Callable,
    Iterator,
    List,
    Optional,
    Tuple,
)

import pulumi
from google.protobuf import struct_pb2
from pulumi.runtime import _callbacks as callbacks
from pulumi.runtime import mocks, rpc
from pulumi.runtime import stack as stack_module
from pulumi.runtime.config import set_all_config
from pulumi.runtime.settings import SETTINGS, set_root_resource

from .monitor import Recorder, UnreadableInputError
from .values import Object, Paths


def _logger() -> logging.Logger:
    logger = logging.Logger("pulumi")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    handler.setLevel(logging.INFO)
    logger.addHandler(handler)
    return logger


TRACE = "__recorded_traceback__"


@contextlib.contextmanager
def _traces_of_applies() -> Iterator[None]:
    """Keeps on an exception where in an `apply` it was raised: on its way through tasks, asyncio forgets it."""
    original = pulumi.Output.apply

    def apply(self: pulumi.Output[Any], func: Callable[[Any], Any], *args: Any, **kwargs: Any) -> pulumi.Output[Any]:
        def traced(value: Any) -> Any:
            try:
                return func(value)
            except Exception as error:
                error.__dict__.setdefault(TRACE, error.__traceback__)
                raise

        return original(self, traced, *args, **kwargs)

    pulumi.Output.apply = apply  # type: ignore[method-assign]
    try:
        yield
    finally:
        pulumi.Output.apply = original  # type: ignore[method-assign]


class _PatientAsyncio:
    """asyncio, but for a `wait` that ends when all tasks do, or one fails."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def wait(self, tasks: Any, **how: Any) -> Any:
        return await asyncio.wait(tasks, **{**how, "return_when": asyncio.FIRST_EXCEPTION})


@contextlib.contextmanager
def _waiting_once() -> Iterator[None]:
    """Lets Pulumi wait for all pending outputs at once.

    It waits for the first of them, then for the first of all others, and so on: of 400 resources in a chain, that takes
    nine tenths of the time.
    """
    patched: Any = stack_module
    original, patched.asyncio = patched.asyncio, _PatientAsyncio()
    try:
        yield
    finally:
        patched.asyncio = original


@contextlib.contextmanager
def _reading_inputs_as_in_an_update(recorder: Recorder) -> Iterator[None]:
    """Has the SDK read the inputs of components as it does in `pulumi up`, and in no preview.

    An update gives a component's outputs the values of the inputs of the same names, read by the types of the outputs.
    A program whose input has another type than its output passes every preview, the engine's too, and fails in `up`.
    """
    patched: Any = rpc
    original = rpc.resolve_outputs

    def problem(res: Any, inputs: struct_pb2.Struct, *how: Any, **more: Any) -> Optional[str]:
        SETTINGS.dry_run = False
        try:
            original(res, inputs, struct_pb2.Struct(), {}, {}, *how, **more)
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is what `up` would end with
            return str(error)
        finally:
            SETTINGS.dry_run = True
        return None

    def resolve_outputs(res: Any, inputs: struct_pb2.Struct, *rest: Any, **more: Any) -> None:
        _outputs, _dependencies, _resolvers, *how = rest
        if not isinstance(res, pulumi.CustomResource) and problem(res, inputs, *how, **more):
            alone = {key: struct_pb2.Struct(fields={key: value}) for key, value in inputs.fields.items()}
            raise recorder.unreadable(res, {key: problem(res, one, *how, **more) for key, one in alone.items()})
        original(res, inputs, *rest, **more)

    patched.resolve_outputs = resolve_outputs
    try:
        yield
    finally:
        patched.resolve_outputs = original


def _frames(error: BaseException, paths: Paths) -> List[Object]:
    found = [
        {"file": paths.relative(frame.filename), "line": frame.lineno, "function": frame.name, "code": frame.line or ""}
        for frame in traceback.extract_tb(error.__dict__.get(TRACE, error.__traceback__))
        if paths.is_users(frame.filename)
    ]
    if isinstance(error, SyntaxError) and error.filename and paths.is_users(error.filename):
        code = (error.text or "").strip()
        found.append({"file": paths.relative(error.filename), "line": error.lineno, "function": "", "code": code})
    return found


def _failure(error: BaseException, paths: Paths) -> Tuple[str, Object]:
    if isinstance(error, pulumi.RunError):
        return "refused", {"message": str(error), "frames": []}
    if isinstance(error, UnreadableInputError):
        return "failed", {"message": str(error), "frames": error.frames}
    lines = traceback.format_exception_only(type(error), error)
    message = lines[-1] if isinstance(error, SyntaxError) else "".join(lines)
    return "failed", {"message": message.strip(), "frames": _frames(error, paths)}


COLLECTION = (100_000, 50, 50)
"""Thresholds of the garbage collector while a program runs: its tasks and outputs all live to the end, so that looking
through them again and again is half of the time."""


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*COLLECTION)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _AtOnce(ThreadPoolExecutor):
    """Makes Pulumi's calls where they are asked for: handing each to a thread takes a fifth of the time.

    Threads still do what may wait for this one: what a program gives to them by itself, and calls by which the program
    is called back, as for transforms.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        of_pulumi = (getattr(fn, "__module__", None) or "").startswith("pulumi.")
        if not of_pulumi or _is_called_back():
            return super().submit(fn, *args, **kwargs)
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever waits for the future gets it
            future.set_exception(error)
        return future


def _is_called_back() -> bool:
    """Whether the program has transforms or the like; also where this version of Pulumi does not say."""
    return bool(getattr(getattr(callbacks, "_CallbackServicer", None), "_servicers", True))


def record(program: Callable[[], None], request: Object) -> Object:
    """Runs `program` in a stack of its own and returns the recorded graph; never raises for what the program does.

    `request` is the dictionary that `main` reads, `graph_path` and `program` aside; see `main`.
    """
    recorder = Recorder(request)
    set_all_config(dict(recorder.config), list(request.get("secret_keys") or []))
    # A root that is no stack keeps Pulumi from registering one here; run_in_stack then makes the real one, so that
    # stack outputs are registered as they are with the engine.
    SETTINGS.outputs.clear()  # of an earlier program that failed in this process
    set_root_resource(_NO_STACK)  # type: ignore[arg-type]
    mocks.set_mocks(
        recorder.mocks,
        recorder.project,
        recorder.stack,
        preview=True,
        logger=_logger(),
        monitor=recorder,
        organization=request.get("organization") or "organization",
    )
    set_root_resource(None)  # type: ignore[arg-type]
    loop = asyncio.new_event_loop()
    loop.set_default_executor(_AtOnce())
    asyncio.set_event_loop(loop)
    try:
        with _traces_of_applies(), _waiting_once(), _rare_collections(), _reading_inputs_as_in_an_update(recorder):
            loop.run_until_complete(stack_module.run_in_stack(program))
    except SystemExit as error:
        if error.code not in (None, 0):
            return recorder.graph(
                "failed", {"message": f"SystemExit: {error.code}", "frames": _frames(error, recorder.paths)}
            )
    except Exception as error:  # noqa: BLE001 - whatever the program raises is what the user wants to see
        return recorder.graph(*_failure(error, recorder.paths))
    finally:
        set_root_resource(None)  # type: ignore[arg-type]
        asyncio.set_event_loop(None)
        loop.close()
    return recorder.graph(*recorder.verdict())


_NO_STACK = object()


def _run_program(path: str) -> None:
    runpy.run_path(path, run_name="__main__")


def main(request_path: str) -> int:
    """Records the program that a request file names and writes the graph to its `graph_path`.

    The request: `schema` 1, `graph_path`, `project` {name, root}, `program` (a directory or a file), `organization`,
    `stack`, `config` {key: text}, `secret_keys`, `strict_unknowns`, `answers` {token: result or cases}.
    """
    with open(request_path, encoding="utf-8") as file:
        request = json.load(file)
    program = request["program"]
    folder = program if os.path.isdir(program) else os.path.dirname(program)
    sys.path.insert(0, folder)
    sys.argv = [program]
    graph = record(functools.partial(_run_program, program), request)
    with open(request["graph_path"], "w", encoding="utf-8") as file:
        json.dump(graph, file, sort_keys=True)
    return 0
