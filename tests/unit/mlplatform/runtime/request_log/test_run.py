"""The sidecar as it runs: a server before it, requests on the loopback, and a bucket that may fail."""

import asyncio
import contextlib
import gzip
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import aiohttp
import boto3
import jsonschema
import pytest
from aiohttp import web
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from mlplatform.contracts import request_log
from mlplatform.contracts.request_log import SCHEMA, sampled
from mlplatform.runtime.drift.storage import Storage
from mlplatform.runtime.request_log import run, writer
from mlplatform.runtime.request_log.exchange import Budget, Copy, Exchange, Reason, Tally
from mlplatform.runtime.request_log.rows import LIMIT, MOST
from mlplatform.runtime.request_log.run import Sidecar, main
from mlplatform.runtime.request_log.settings import READS, Settings
from mlplatform.runtime.request_log.writer import Writer
from recorded import ROOT

VALID = jsonschema.Draft202012Validator(SCHEMA)
BUCKET = "features"
HEAD: dict[str, Any] = {"max_line_size": run.HEAD, "max_field_size": run.HEAD}
CAME = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
ASKED = {"instances": [{"amount": 1}, {"amount": 2}]}
ANSWERED = {"predictions": [0, 1]}
ENVIRONMENT = {
    **request_log.env(bucket=BUCKET, endpoint="fraud", model="fraud", version="7", sample_percent="100"),
    request_log.UPSTREAM: "http://127.0.0.1:1",
    request_log.PORT: "1",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


class Bucket:
    """A client of S3 that keeps what is put; `faults` are raised first, each once."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults: list[Exception] = []
        self.puts: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - as boto3 has it
        assert self.gate.wait(30)
        self.puts.append(Key)
        if self.faults:
            raise self.faults.pop(0)
        assert Bucket == BUCKET
        self.objects[Key] = Body

    def lines(self) -> list[dict[str, Any]]:
        texts = [gzip.decompress(self.objects[key]).decode() for key in sorted(self.objects)]
        found = [json.loads(line) for text in texts for line in text.splitlines()]
        for line in found:
            VALID.validate(line)
        return found


@dataclass
class World:
    """A server, the sidecar before it, and who asks."""

    url: str
    session: aiohttp.ClientSession
    stopping: asyncio.Event
    task: asyncio.Task[None]
    bucket: Bucket
    logs: list[dict[str, Any]] = field(default_factory=list)

    async def ended(self) -> None:
        self.stopping.set()
        await asyncio.wait_for(self.task, 20)

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for line in self.logs:
            if line["event"] == "logged":
                for name in sorted(set(line) - {"level", "event"}):
                    found[name] = found.get(name, 0) + line[name]
        return found


def free_port() -> int:
    """A port that nobody listens on, and that no outgoing connection is given meanwhile: those begin at 32768."""
    while True:
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", random.randrange(20000, 32000)))  # noqa: S311 - no secret
            return int(found.getsockname()[1])


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def model(_: web.Request) -> web.StreamResponse:
    return web.json_response(ANSWERED)


@asynccontextmanager
async def world(handler: Handler | None = model, *, percent: str = "100", seconds: float = 60) -> AsyncIterator[World]:
    """The sidecar before a server that answers as the handler does; before none where there is no handler."""
    logs: list[dict[str, Any]] = []
    bucket, stopping, upstream, port = Bucket(), asyncio.Event(), free_port(), free_port()
    runner = None
    if handler:
        runner = web.ServerRunner(web.Server(handler, auto_decompress=False, **HEAD))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", upstream).start()
    settings = Settings.of(
        {
            **ENVIRONMENT,
            request_log.UPSTREAM: f"http://127.0.0.1:{upstream}",
            request_log.PORT: str(port),
            request_log.SAMPLE_PERCENT: percent,
        }
    )

    def log(level: str, event: str, **about: object) -> None:
        logs.append({"level": level, "event": event, **about})

    task = asyncio.create_task(Sidecar(settings, bucket, log, lambda: CAME, seconds).serve(stopping))
    while not any(line["event"] == "listening" for line in logs):
        await asyncio.sleep(0.01)
        assert not task.done(), task.result()
    async with aiohttp.ClientSession(auto_decompress=False, **HEAD) as session:
        made = World(f"http://127.0.0.1:{port}", session, stopping, task, bucket, logs)
        try:
            yield made
        finally:
            await made.ended()
            if runner:
                await runner.cleanup()


def scenario(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """A test that is a coroutine."""

    def run_it() -> None:
        asyncio.run(asyncio.wait_for(test(), 60))

    run_it.__name__, run_it.__doc__ = test.__name__, test.__doc__
    return run_it


@scenario
async def test_a_request_is_answered_and_logged() -> None:
    async with world() as it:
        async with it.session.post(it.url, json=ASKED, headers={"X-Request-ID": "r-1"}) as answer:
            assert (answer.status, await answer.json()) == (200, ANSWERED)
            assert answer.headers["X-Request-ID"] == "r-1"
            assert answer.content_type == "application/json"
        await it.ended()
        about = {"schema_version": 1, "time": "2026-01-31T12:00:00.000Z", "model_version": "fraud/7"}
        assert it.bucket.lines() == [
            {**about, "id": "r-1-0", "features": {"amount": 1}, "prediction": 0},
            {**about, "id": "r-1-1", "features": {"amount": 2}, "prediction": 1},
        ]
        (key,) = it.bucket.objects
        pattern = rf"requests/fraud/dt=2026-01-31/120000-{re.escape(socket.gethostname())}-[0-9a-f]{{8}}-1\.jsonl\.gz"
        assert re.fullmatch(pattern, key)
        assert it.counts() == {"written": 2}
        assert [line["event"] for line in it.logs] == ["listening", "logged", "ended"]


@scenario
async def test_what_passes_is_not_changed() -> None:
    seen: dict[str, Any] = {}

    async def echo(request: web.Request) -> web.StreamResponse:
        seen.update(method=request.method, path=request.raw_path, headers=request.headers, body=await request.read())
        headers = {"X-Own": "a", "Set-Cookie": "b=c", "Content-Encoding": "gzip", "Connection": "x-hop", "X-Hop": "1"}
        return web.Response(status=418, reason="No coffee", body=gzip.compress(b"tea"), headers=headers)

    async with world(echo) as it:
        packed = gzip.compress(b'{"a": 1}')
        sent = {
            "Content-Encoding": "gzip",
            "Authorization": "Bearer t",
            "Host": "fraud.example.org",
            "User-Agent": "us",
            "Connection": "keep-alive, x-hop",
            "X-Hop": "1",
            "Accept-Encoding": "gzip",
        }
        path = "/v1/models/a%2Fb:predict?x=%20y&x=2"
        url = aiohttp.client.URL(it.url + path, encoded=True)
        async with it.session.put(
            url, data=packed, headers=sent, skip_auto_headers=["Accept", "Content-Type"]
        ) as answer:
            assert (answer.status, answer.reason) == (418, "No coffee")
            assert gzip.decompress(await answer.read()) == b"tea"
            assert {"X-Own", "Set-Cookie", "Content-Encoding", "Content-Length"} <= set(answer.headers)
            assert "X-Hop" not in answer.headers
            name = answer.headers["X-Request-ID"]
    assert (seen["method"], seen["path"], seen["body"]) == ("PUT", path, packed)
    assert dict(seen["headers"]) == {
        **{key: value for key, value in sent.items() if key not in {"Connection", "X-Hop"}},
        "Content-Length": str(len(packed)),
        "X-Request-ID": name,
        "Connection": "close",
    }


@scenario
async def test_health_and_other_requests_pass_uncounted() -> None:
    async with world() as it:
        for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
            async with it.session.request(method, f"{it.url}/v2/health/ready") as answer:
                assert answer.status == 200
        await it.ended()
        assert (it.bucket.lines(), it.counts()) == ([], {})


@scenario
async def test_long_heads_and_answers_without_a_body_pass() -> None:
    long = "x" * 50_000

    async def empty(request: web.Request) -> web.StreamResponse:
        assert request.headers["X-Long"] == long
        return web.Response(status=204, headers={"X-Long": long})

    async with world(empty) as it, it.session.post(it.url, headers={"X-Long": long}) as answer:
        assert (answer.status, answer.headers["X-Long"], await answer.read()) == (204, long, b"")


@scenario
async def test_only_the_sample_is_logged() -> None:
    names = [f"r-{number}" for number in range(40)]
    async with world(percent="25") as it:
        for name in names:
            async with it.session.post(it.url, json=ASKED, headers={"X-Request-ID": name}) as answer:
                assert answer.status == 200
        await it.ended()
        logged = {line["id"].rpartition("-")[0] for line in it.bucket.lines()}
        assert logged == {name for name in names if sampled(name, 25)}
        assert 0 < len(logged) < len(names)
        assert set(it.counts()) == {"written"}


@scenario
async def test_a_request_without_an_id_gets_one_that_the_server_and_the_client_see() -> None:
    seen = []

    async def remember(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers["X-Request-ID"])
        return web.json_response({"prediction": 1})

    async with world(remember) as it:
        names = []
        for header in ({}, {"X-Request-ID": "with space"}):
            async with it.session.post(it.url, json={"features": {"a": 1}}, headers=header) as answer:
                names.append(answer.headers["X-Request-ID"])
        await it.ended()
        assert names == seen == [line["id"] for line in it.bucket.lines()]
        assert len(set(names)) == 2


@scenario
async def test_the_servers_own_id_is_what_the_client_sees() -> None:
    async def own(_: web.Request) -> web.StreamResponse:
        return web.json_response(ANSWERED, headers={"X-Request-Id": "its-own"})

    async with world(own) as it, it.session.post(it.url, json=ASKED) as answer:
        assert answer.headers.getall("X-Request-ID") == ["its-own"]


@scenario
async def test_what_is_not_logged_passes_and_is_counted() -> None:
    async def by_path(request: web.Request) -> web.StreamResponse:
        await request.content.read()
        if request.path == "/fails":
            return web.json_response({"error": "bad"}, status=500)
        if request.path == "/large":
            return web.Response(body=b" " * (LIMIT + 1))
        return web.Response(text="hello")

    async with world(by_path) as it:
        large = b" " * (LIMIT + 1)
        for path, body, status in (
            ("/fails", b"{}", 500),
            ("/text", b"{}", 200),
            ("/text", large, 200),
            ("/large", b"{}", 200),
        ):
            async with it.session.post(it.url + path, data=body) as answer:
                assert answer.status == status
                await answer.read()
        await it.ended()
        assert (it.bucket.lines(), it.counts()) == ([], {"failed": 1, "form": 1, "large": 2})


@scenario
async def test_bodies_stream_both_ways() -> None:
    """The first part of the answer is there before the last part of the request is."""
    asked = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        async for chunk in request.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
        return response

    async def parts() -> AsyncIterator[bytes]:
        yield b'{"features": {"a": 1}, '
        await asked.wait()
        yield b'"prediction": 2}'

    async with world(stream) as it:
        async with it.session.post(it.url, data=parts()) as answer:
            assert "Content-Length" not in answer.headers
            assert await answer.content.readany() == b'{"features": {"a": 1}, '
            asked.set()
            assert await answer.content.read() == b'"prediction": 2}'
        await it.ended()
        assert [(line["features"], line["prediction"]) for line in it.bucket.lines()] == [({"a": 1}, 2)]


@scenario
async def test_without_a_server_the_answer_says_so() -> None:
    async with world(None) as it:
        async with it.session.post(it.url, json=ASKED) as answer:
            assert (answer.status, await answer.text()) == (
                503,
                "request log: the server does not accept connections\n",
            )
        await it.ended()
        assert it.counts() == {"failed": 1}


@scenario
async def test_a_server_that_breaks_off_is_seen_by_the_client() -> None:
    async def breaks(request: web.Request) -> web.StreamResponse:
        if request.path == "/later":
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b"half")
        assert request.transport
        request.transport.abort()
        return web.Response()

    async with world(breaks) as it:
        async with it.session.post(it.url, json=ASKED) as answer:
            assert (answer.status, await answer.text()) == (502, "request log: the server broke the connection off\n")
        with pytest.raises(aiohttp.ClientError):
            async with it.session.post(f"{it.url}/later", json=ASKED) as answer:
                await answer.read()
        await it.ended()
        assert it.counts() == {"failed": 2}


@scenario
async def test_a_client_that_has_gone_is_gone_for_the_server_too() -> None:
    reached, gone = asyncio.Event(), asyncio.Event()

    async def waits(request: web.Request) -> web.StreamResponse:
        reached.set()
        while request.transport and not request.transport.is_closing():
            await asyncio.sleep(0.01)
        gone.set()
        return web.Response()

    async with world(waits) as it:
        asking = asyncio.create_task(it.session.post(it.url, json=ASKED))
        await asyncio.wait_for(reached.wait(), 10)
        asking.cancel()
        await asyncio.wait_for(gone.wait(), 10)
        await it.ended()
        assert it.counts() == {"failed": 1}


@scenario
async def test_a_target_that_is_no_path_is_refused() -> None:
    async with world() as it:
        host, port = it.url.removeprefix("http://").split(":")
        reader, writing = await asyncio.open_connection(host, int(port))
        writing.write(b"GET http://elsewhere.example.org/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writing.close()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.endswith(b"request log: the request's target must be a path\n")


@scenario
async def test_what_is_under_way_ends_before_the_process_does_and_is_logged() -> None:
    reached, free = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        if request.path == "/slow":
            reached.set()
            await free.wait()
        return web.json_response(ANSWERED)

    async with world(slow) as it:
        async with it.session.post(it.url, json=ASKED, headers={"X-Request-ID": "first"}) as answer:
            await answer.read()
        asking = asyncio.create_task(it.session.post(f"{it.url}/slow", json=ASKED, headers={"X-Request-ID": "last"}))
        await asyncio.wait_for(reached.wait(), 10)
        it.stopping.set()
        while not it.bucket.objects:
            # What was there is written at once, while the last request is under way.
            await asyncio.sleep(0.01)
        assert {line["id"] for line in it.bucket.lines()} == {"first-0", "first-1"}
        with pytest.raises(aiohttp.ClientConnectorError):
            await aiohttp.ClientSession.request(it.session, "GET", it.url)
        free.set()
        answer = await asyncio.wait_for(asking, 10)
        assert (answer.status, await answer.json()) == (200, ANSWERED)
        await it.ended()
        assert {line["id"] for line in it.bucket.lines()} == {"first-0", "first-1", "last-0", "last-1"}


@scenario
async def test_no_request_waits_while_the_bucket_hangs_and_what_is_too_much_is_counted() -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run, "MEMORY", 400)
        async with world(seconds=0.01) as it:
            it.bucket.gate.clear()
            for number in range(20):
                async with it.session.post(it.url, json=ASKED, headers={"X-Request-ID": f"r-{number:02}"}) as answer:
                    assert (answer.status, await answer.json()) == (200, ANSWERED)
            it.bucket.gate.set()
            await it.ended()
            counts = it.counts()
            assert counts["busy"] > 0
            assert counts["written"] == 2 * (20 - counts["busy"]) == len(it.bucket.lines())
            assert "warning" in {line["level"] for line in it.logs}


def exchange(number: int, came: datetime = CAME, asked: bytes = b'{"features": {"a": 1}}') -> Exchange:
    budget = Budget(1 << 20)
    made = Exchange(f"r-{number}", came, Copy(budget), Copy(budget))
    made.asked.add(asked)
    made.answered.add(b'{"prediction": 1}')
    return made


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def events() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def writing(bucket: Bucket, events: list[dict[str, Any]]) -> Iterator[Writer]:
    def log(level: str, event: str, **about: object) -> None:
        events.append({"level": level, "event": event, **about})

    made = Writer(bucket, BUCKET, "requests/fraud/", "fraud/7", "pod", Tally(), log, lambda: CAME, 60)
    made.start()
    yield made
    made.finish()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_lines_lie_by_the_day_of_their_request(writing: Writer, bucket: Bucket) -> None:
    for number, came in enumerate([CAME, CAME + timedelta(days=1), CAME]):
        writing.put(exchange(number, came))
    writing.finish()
    names = [re.sub(r"-[0-9a-f]{8}-", "-RUN-", key) for key in bucket.puts]
    assert names == [
        "requests/fraud/dt=2026-01-31/120000-pod-RUN-1.jsonl.gz",
        "requests/fraud/dt=2026-02-01/120000-pod-RUN-2.jsonl.gz",
    ]
    assert [line["id"] for line in bucket.lines()] == ["r-0", "r-2", "r-1"]


@pytest.mark.parametrize("limit", ["LINES", "BYTES"])
def test_a_full_batch_is_written_at_once(limit: str, monkeypatch: pytest.MonkeyPatch, writing: Writer) -> None:
    monkeypatch.setattr(writer, limit, 2 if limit == "LINES" else 250)
    assert isinstance(writing.client, Bucket)
    for number in range(2):
        writing.put(exchange(number))
    until(lambda: len(writing.client.objects) == 1)
    assert [line["id"] for line in writing.client.lines()] == ["r-0", "r-1"]


def test_a_batch_is_written_when_it_is_due(bucket: Bucket, events: list[dict[str, Any]]) -> None:
    made = Writer(
        bucket, BUCKET, "p/", "fraud/7", "pod", Tally(), lambda *_, **about: events.append(about), seconds=0.05
    )
    made.start()
    made.put(exchange(0))
    until(lambda: events)
    made.tally.add(Reason.FAILED)
    # Also where there is nothing but counts.
    until(lambda: len(events) == 2)
    made.finish()
    assert events == [{"written": 1}, {"failed": 1}]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch, writing: Writer) -> list[float]:
    """Pauses that were made, none of which takes time."""
    pauses: list[float] = []
    monkeypatch.setattr(writing._hurry, "wait", pauses.append)
    return pauses


def fault(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret"}}, "PutObject")


def test_what_fails_is_tried_again_under_the_same_key(
    writing: Writer, bucket: Bucket, events: list[dict[str, Any]], hurried: list[float]
) -> None:
    bucket.faults = [fault("SlowDown"), EndpointConnectionError(endpoint_url="http://secret")]
    writing.put(exchange(0))
    writing.finish()
    assert len(set(bucket.puts)) == 1
    assert (len(bucket.puts), hurried) == (3, [1, 2])
    assert [line["id"] for line in bucket.lines()] == ["r-0"]
    reasons = [event.get("reason") for event in events]
    assert reasons == ["PutObject: SlowDown", "EndpointConnectionError", None]
    assert events[-1] == {"level": "info", "event": "logged", "written": 1}


def test_what_fails_too_often_is_lost_and_counted(
    writing: Writer, bucket: Bucket, events: list[dict[str, Any]], hurried: list[float]
) -> None:
    bucket.faults = [fault("AccessDenied")] * (len(writer.PAUSES) + 1)
    writing.put(exchange(0))
    writing.hasten()
    until(lambda: len(events) == len(writer.PAUSES) + 2)
    writing.put(exchange(1))
    writing.finish()
    assert hurried == list(writer.PAUSES)
    assert [event["event"] for event in events] == [*["retry"] * len(writer.PAUSES), "lost", "logged", "logged"]
    assert events[-2] == {"level": "warning", "event": "logged", "lost": 1}
    assert [line["id"] for line in bucket.lines()] == ["r-1"]


def test_what_nobody_foresaw_does_not_end_the_log(
    writing: Writer, bucket: Bucket, events: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Exchange, "lines", lambda *_: 1 / 0)
        writing.put(exchange(0))
        writing.hasten()
        until(lambda: len(events) == 2)
    writing.put(exchange(1))
    writing.finish()
    assert events[:2] == [
        {"level": "error", "event": "unforeseen", "reason": "ZeroDivisionError"},
        {"level": "info", "event": "logged", "form": 1},
    ]
    assert [line["id"] for line in bucket.lines()] == ["r-1"]


def test_memory_is_given_back_when_lines_are_made(writing: Writer) -> None:
    made = [exchange(0), exchange(1, asked=b"{")]
    for one in made:
        writing.put(one)
    writing.finish()
    assert [(one.asked.data, one.answered.data) for one in made] == [(b"", b"")] * 2


def test_the_drift_job_reads_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        made = Writer(s3, BUCKET, "requests/fraud/", "fraud/7", "pod", Tally(), lambda *_, **__: None, lambda: CAME)
        made.start()
        made.put(exchange(0))
        made.finish()
        lines = list(Storage(s3).lines(BUCKET, request_log.partition("fraud", CAME.date())))
    assert [json.loads(line)["id"] for line in lines] == ["r-0"]


WRONG = {
    request_log.PORT: ("0", "allowed is greater than or equal to 1"),
    request_log.UPSTREAM: ("127.0.0.1:8080", "String should match pattern '^http://[^/?#\\s]+$'"),
    request_log.BUCKET: ("", "String should have at least 3 characters"),
    request_log.PREFIX: ("fraud/", "String should match pattern '^requests/[^/]+/$'"),
    request_log.SAMPLE_PERCENT: ("101", "allowed is less than or equal to 100"),
    request_log.MODEL_VERSION: ("fraud", "String should match pattern '^[^/]+/[^/]+$'"),
    request_log.VERSION: ("2", "String should match pattern '^1$'"),
    "AWS_DEFAULT_REGION": ("", "String should have at least 1 character"),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_bad_environment_is_one_line(name: str, lines: Callable[[], list[dict[str, Any]]]) -> None:
    value, reason = WRONG[name]
    assert main([], {**ENVIRONMENT, name: value}) == 2
    assert main([], {key: found for key, found in ENVIRONMENT.items() if key != name}) == 2
    assert [(line["level"], line["event"], line["reason"]) for line in lines()] == [
        ("error", "misconfigured", f"{name}: {reason}"),
        ("error", "misconfigured", f"{name}: Field required"),
    ]


def test_the_environment_is_what_the_contract_names() -> None:
    assert set(WRONG) == set(READS) == set(ENVIRONMENT)
    assert set(request_log.VARIABLES) < set(READS)
    assert Settings.of(ENVIRONMENT).sample_percent == 100


def test_the_page_has_every_reason_and_every_limit() -> None:
    page = " ".join((ROOT / "docs" / "runtime.md").read_text().split())
    assert re.findall(r"\| `(\w+)` \| [^|]+ \|(?= |$)", page.partition("once a minute:")[2]) == [
        reason.value for reason in Reason if reason is not Reason.OUTSIDE
    ]
    assert f"beyond {LIMIT // 2**20} MiB, or a request has more than {MOST} instances" in page
    assert f"{run.MEMORY // 2**20} MiB of bodies wait" in page
    assert (len(writer.PAUSES) + 1, sum(writer.PAUSES)) == (7, 61)


def test_a_port_that_is_taken_is_one_line(lines: Callable[[], list[dict[str, Any]]]) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104 - as the sidecar does
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main([], {**ENVIRONMENT, request_log.PORT: port}) == 1
    (line,) = lines()
    assert (line["event"], line["reason"].split(":")[0]) == ("failed", f"port {port}")


class Put(BaseHTTPRequestHandler):
    """S3 and the model's server, in one."""

    put: dict[str, bytes]

    def do_PUT(self) -> None:
        self.put[unquote(self.path)] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(json.dumps(ANSWERED).encode())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, dict[str, bytes]]]:
    put: dict[str, bytes] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Put,), {"put": put}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", put
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_the_process_writes_its_last_lines_when_it_is_told_to_end(
    told: signal.Signals, elsewhere: tuple[str, dict[str, bytes]]
) -> None:
    url, put = elsewhere
    port = free_port()
    environment = {
        **os.environ,
        **ENVIRONMENT,
        request_log.UPSTREAM: url,
        request_log.PORT: str(port),
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    command = [sys.executable, "-m", "mlplatform.runtime", "request-log"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["event"] == "listening"

        async def ask() -> None:
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"http://127.0.0.1:{port}", json=ASKED) as answer,
            ):
                assert await answer.json(content_type=None) == ANSWERED

        asyncio.run(ask())
        process.send_signal(told)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["logged", "ended"]
    ((path, body),) = put.items()
    assert re.fullmatch(rf"/{BUCKET}/requests/fraud/dt=[0-9-]{{10}}/[0-9]{{6}}-.*-1\.jsonl\.gz", path)
    assert len(gzip.decompress(body).splitlines()) == 2
