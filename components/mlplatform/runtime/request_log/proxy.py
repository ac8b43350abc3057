"""Passes requests on to the server, and copies of those that are logged to the writer."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientSession, StreamReader, hdrs, web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from mlplatform.contracts.request_log import sampled
from mlplatform.runtime.request_log.exchange import HEADER, Budget, Copy, Exchange, Reason, Tally, identity

_OWN_HOP: Final = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that are between two neighbours (RFC 9110, 7.6.1, and its list for intermediaries); `expect` is answered
here."""
_GOOD: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Proxy:
    """Stands before one server."""

    upstream: str
    """The server's address, without a path."""
    session: ClientSession
    """Asks the server."""
    percent: float
    """Share of the requests that is logged."""
    budget: Budget
    """Memory for copies."""
    tally: Tally
    """What is counted."""
    put: Callable[[Exchange], None]
    """Takes an exchange that is to be logged; does not wait."""
    clock: Callable[[], datetime]
    """The time, in UTC."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Passes one request on, and its answer back; logs it where it is a POST that the sample has."""
        name = identity(request.headers.get(HEADER))
        wanted = request.method == hdrs.METH_POST and sampled(name, self.percent)
        exchange = self._exchange(name, None if wanted else Reason.OUTSIDE)
        answered = False
        try:
            response = await self._passed(request, exchange)
            answered = response.status in _GOOD
        finally:
            # Also when either side has gone away in the middle.
            self._logged(exchange, answered=answered)
        return response

    def _exchange(self, name: str, given_up: Reason | None) -> Exchange:
        asked, answered = (Copy(self.budget, given_up=given_up) for _ in range(2))
        return Exchange(name, self.clock(), asked, answered)

    async def _passed(self, request: web.Request, exchange: Exchange) -> web.StreamResponse:
        if not request.raw_path.startswith("/"):
            return _error(400, "the request's target must be a path")
        response: web.StreamResponse | None = None
        try:
            async with self._asked(request, exchange) as answer:
                exchange.answered_encoding = answer.headers.get(hdrs.CONTENT_ENCODING, "")
                response = _begun(answer, exchange.id)
                await response.prepare(request)
                async for chunk in _copied(answer.content, exchange.answered):
                    await response.write(chunk)
                await response.write_eof()
        except ClientConnectorError:
            return _error(503, "the server does not accept connections")
        except ClientError:
            if response is None:
                return _error(502, "the server broke the connection off")
            exchange.answered.drop(Reason.FAILED)
            # What has begun can't be told from what is whole by anything but a connection that breaks off.
            if request.transport:
                request.transport.abort()
        return response

    def _asked(self, request: web.Request, exchange: Exchange) -> AbstractAsyncContextManager[ClientResponse]:
        """The server's answer."""
        exchange.asked_encoding = request.headers.get(hdrs.CONTENT_ENCODING, "")
        headers = _forwarded(request.headers)
        headers[HEADER] = exchange.id
        return self.session.request(
            request.method,
            URL(f"{self.upstream}{request.raw_path}", encoded=True),
            headers=headers,
            data=_copied(request.content, exchange.asked) if request.body_exists else None,
            allow_redirects=False,
        )

    def _logged(self, exchange: Exchange, *, answered: bool) -> None:
        reason = exchange.given_up or (None if answered else Reason.FAILED)
        if reason is None:
            self.put(exchange)
            return
        exchange.release()
        if reason is not Reason.OUTSIDE:
            self.tally.add(reason)


async def _copied(content: StreamReader, copy: Copy) -> AsyncIterator[bytes]:
    """What passes, as it comes."""
    async for chunk in content.iter_any():
        copy.add(chunk)
        yield chunk


def _begun(answer: ClientResponse, name: str) -> web.StreamResponse:
    headers = _forwarded(answer.headers)
    # So that whoever asked can name the request when its label is known.
    headers.setdefault(HEADER, name)
    return web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)


def _forwarded(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Headers without those that are between two neighbours."""
    named = {name.strip().lower() for value in headers.getall(hdrs.CONNECTION, []) for name in value.split(",")}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _OWN_HOP | named)


def _error(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"request log: {text}\n")
