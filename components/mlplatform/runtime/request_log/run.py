"""The sidecar's process: it listens until it is told to end, lets what is under way end, and writes the last lines."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import boto3  # type: ignore[import-untyped]
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, hdrs, web
from botocore.config import Config as ClientConfig  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]

from mlplatform.runtime.jobs import Exit, SettingsError, parser, write
from mlplatform.runtime.request_log.exchange import Budget, Tally
from mlplatform.runtime.request_log.proxy import Proxy
from mlplatform.runtime.request_log.settings import READS, Settings
from mlplatform.runtime.request_log.writer import SECONDS, Writer

DESCRIPTION: Final = (
    "Passes requests on to a model's server and logs them with their answers to S3, until it is told to end by SIGTERM."
)
MEMORY: Final = 64 * 1024 * 1024
"""Bytes of bodies that are copied at a time: those under way, and those that wait for the writer."""
HEAD: Final = 64 * 1024
"""Bytes of a line or field of a head: what Envoy lets through by default is 60 KiB (Envoy documentation, HTTP
connection manager, max_request_headers_kb)."""
DRAIN_SECONDS: Final = 3600
"""Seconds that requests under way have when the process is told to end; the pod's grace period is what ends it."""
ONCE: Final = ClientConfig(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 1})
"""Of the client: the writer repeats by itself."""
_AUTOMATIC: Final = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.USER_AGENT)
"""Headers that a client adds by itself; the server must get those of the request only."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One process."""

    settings: Settings
    """What it was told."""
    client: Any
    """A client of S3."""
    log: Callable[..., None] = write
    """Writes a line about an event."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    """The time, in UTC."""
    seconds: float = SECONDS
    """How long a line waits at most."""

    async def serve(self, stopping: asyncio.Event) -> None:
        """Serves until the event is set, and then ends in order."""
        settings, tally = self.settings, Tally()
        writer = Writer(
            self.client,
            settings.bucket,
            settings.prefix,
            settings.model_version,
            socket.gethostname(),
            tally,
            self.log,
            self.clock,
            self.seconds,
        )
        writer.start()
        async with _session() as session:
            proxy = Proxy(
                settings.upstream, session, settings.sample_percent, Budget(MEMORY), tally, writer.put, self.clock
            )
            runner = _runner(proxy)
            await runner.setup()
            try:
                await web.TCPSite(runner, port=settings.port).start()
                self.log("info", "listening", port=settings.port, upstream=settings.upstream)
                await stopping.wait()
            finally:
                # What there is first: the pod's grace period may end before the last request does.
                writer.hasten()
                await runner.cleanup()
        await asyncio.to_thread(writer.finish)
        self.log("info", "ended")


def _session() -> ClientSession:
    """Asks the server as it was asked: nothing added, followed, unpacked or timed out."""
    # A connection each: the server may close a kept one in the moment in which the next request is sent on it, and a
    # POST can't be sent again. Within a pod a new one costs little.
    connector = TCPConnector(limit=0, force_close=True)
    return ClientSession(
        connector=connector,
        timeout=ClientTimeout(total=None, sock_connect=5),
        auto_decompress=False,
        cookie_jar=DummyCookieJar(),
        skip_auto_headers=_AUTOMATIC,
        max_line_size=HEAD,
        max_field_size=HEAD,
    )


def _runner(proxy: Proxy) -> web.AppRunner:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    return web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        # A client that has gone is gone for the server too.
        handler_cancellation=True,
        shutdown_timeout=DRAIN_SECONDS,
        max_line_size=HEAD,
        max_field_size=HEAD,
    )


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Runs the sidecar that the environment describes."""
    parser("request-log", DESCRIPTION, READS).parse_args(arguments)
    try:
        settings = Settings.of(environment)
        client = boto3.client("s3", region_name=settings.region, config=ONCE)
    except SettingsError as error:
        write("error", "misconfigured", reason=str(error))
        return Exit.MISCONFIGURED
    except BotoCoreError as error:
        write("error", "misconfigured", reason=f"{type(error).__name__}: {error}")
        return Exit.MISCONFIGURED
    try:
        asyncio.run(_until_told(Sidecar(settings, client)))
    except OSError as error:
        write("error", "failed", reason=f"port {settings.port}: {error.strerror}")
        return Exit.FAILED
    return Exit.DONE


async def _until_told(sidecar: Sidecar) -> None:
    stopping = asyncio.Event()
    for told in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(told, stopping.set)
    await sidecar.serve(stopping)
