"""Bounds on what requests may cost. Each is pure ASGI and counts in its own worker process, not across them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from http import HTTPStatus
from ipaddress import IPv4Address, ip_address

from anyio import CancelScope
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recommend_service.http.problems import problem

BODY_LIMIT = 8 * 1024 * 1024
OPEN_BODY_LIMIT = 2 * 1024 * 1024
"""Of bodies that need no key: drafts, histories, events. What a few megabytes spell out takes many times their size."""
SIGN_IN_BODY_LIMIT = 16 * 1024
"""Of the one form that anybody may send."""
_SET_SECONDS = 1.0  # by which a clock that is kept right never jumps
UNLIMITED = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that are answered however busy the service is: those who watch it need them most then."""


_AT_ONCE = frozenset({"/healthz", "/readyz"})
_BY_URL = "/v1/related"
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_LEAST_SPEED = 1_000


def made_at_once(scope: Scope) -> bool:
    """Whether an answer is made without waiting for anything but the compute lock, and no body is read."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    path: str = scope["path"]
    return (path.endswith("/related") and not path.endswith(_BY_URL)) or path in _AT_ONCE


class Concurrency:
    """Answers 503 at once when ``limit`` requests are at work, rather than let all of them wait.

    Of these at most ``uploads`` may have a body: however slowly those come, the other places are for readers.
    """

    def __init__(self, app: ASGIApp, limit: int, uploads: int) -> None:
        self.app = app
        self.limit = limit
        self.uploads = uploads
        self.running = 0
        self.uploading = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNLIMITED:
            await self.app(scope, receive, send)
            return
        upload = scope["method"] not in _BODILESS and _has_body(scope)
        if self.running >= self.limit or (upload and self.uploading >= self.uploads):
            _shed(scope, "concurrency")
            full = f"{self.limit} requests" if self.running >= self.limit else f"{self.uploads} requests with a body"
            detail = f"{full} are at work already; try again"
            headers = {"Retry-After": "1"}
            await problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers)(scope, receive, send)
            return
        self.running += 1
        self.uploading += upload
        try:
            await self.app(scope, receive, send)
        finally:
            self.running -= 1
            self.uploading -= upload


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 "))
        for name, value in scope["headers"]
    )


class Timeout:
    """Answers 503 when no answer has begun after ``seconds``, the time for sending the body included.

    What waits is cancelled. What already runs in a thread cannot be, so a write may still be carried out. Answers that
    are made at once need no clock, and would spend more on it than on most else.
    """

    def __init__(self, app: ASGIApp, seconds: float, *, keys_afar: bool = False) -> None:
        """
        Args:
            app: the app behind.
            seconds: until an answer must begin.
            keys_afar: whether a request with a key waits for a database on another machine.
        """
        self.app = app
        self.seconds = seconds
        self.keys_afar = keys_afar

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (made_at_once(scope) and not self.keys_afar):
            await self.app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        late: asyncio.Task[None] | None = None

        def expire() -> None:
            nonlocal late
            detail = f"no answer began within {self.seconds:g} seconds; a write may still be carried out"
            answer = problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "1"})
            # a task of its own: leaving the scope below waits for threads, and the client shall not
            late = loop.create_task(answer(scope, receive, send))
            work.cancel()

        async def in_time(message: Message) -> None:
            if late is None:
                timer.cancel()
                await send(message)

        timer = loop.call_later(self.seconds, expire)
        try:
            with CancelScope() as work:
                await self.app(scope, receive, in_time)
        finally:
            timer.cancel()
        if late is not None:
            _shed(scope, "timeout")
            await late


class RateLimit:
    """Answers 429 to a key, or an address without a valid key, that asks more often than ``rate``, as ``600/minute``;
    IPv6 addresses of one network count as one.

    Windows are fixed and begin with a client's first request, so across the end of one up to twice as many get through.
    They are counted by the system's clock: when that is set, all begin anew.
    """

    def __init__(self, app: ASGIApp, rate: str) -> None:
        self.app = app
        self._rate = parse(rate)
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._offset = time.time() - time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNLIMITED:
            await self.app(scope, receive, send)
            return
        name, address = scope["state"]["key_name"], scope["client"]
        client = ("address", _counted_as(address[0]) if address else "") if name is None else ("key", name)
        offset = time.time() - time.monotonic()
        if abs(offset - self._offset) > _SET_SECONDS:
            self._storage.reset()
        self._offset = offset
        if self._limiter.hit(self._rate, *client):
            await self.app(scope, receive, send)
            return
        ends = self._limiter.get_window_stats(self._rate, *client).reset_time
        _shed(scope, "rate")
        headers = {"Retry-After": str(max(1, math.ceil(ends - time.time())))}
        detail = f"more than {self._rate} from this {client[0]}; try again after the seconds in Retry-After"
        await problem(HTTPStatus.TOO_MANY_REQUESTS, detail, headers)(scope, receive, send)


def _counted_as(address: str) -> str:
    """The address, of IPv6 the first 64 bits: whoever has one there has all, and could take another each time."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    mapped = known if isinstance(known, IPv4Address) else known.ipv4_mapped
    return str(mapped or int(known) >> 64)


def _shed(scope: Scope, reason: str) -> None:
    scope["app"].state.metrics.shed.labels(reason).inc()


class BodyLimit:
    """Answers 413 to bodies over ``limit`` bytes, announced or streamed, without keeping them in memory.

    ``paths`` have limits of their own. A body that is answered while it comes in, to which :class:`Timeout` does not
    apply any more, must come at a thousand bytes a second once it has been waited for ``patience`` seconds.
    """

    def __init__(
        self, app: ASGIApp, limit: int = BODY_LIMIT, paths: Mapping[str, int] | None = None, patience: float = 20.0
    ) -> None:
        self.app = app
        self.limit = limit
        self.paths = paths or {}
        self.patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or made_at_once(scope):
            await self.app(scope, receive, send)
            return
        limit = self.paths.get(scope["path"].removeprefix(scope.get("root_path", "")), self.limit)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        detail = f"the body is larger than {limit} bytes"
        if announced.isdigit() and int(announced) > limit:
            await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)(scope, receive, send)
            return
        read, waited = 0, 0.0

        async def bounded() -> Message:
            nonlocal read, waited
            began = time.monotonic()
            try:
                # what has come in faster earns a longer wait
                async with asyncio.timeout(self.patience + read / _LEAST_SPEED - waited):
                    message = await receive()
            except TimeoutError:
                # FastAPI turns any other error of reading a body into a 400
                slow = (
                    f"{read} bytes of the body came in {self.patience + read / _LEAST_SPEED:.0f} seconds; send faster"
                )
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, slow) from None
            waited += time.monotonic() - began
            read += len(message.get("body", b""))
            if read > limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
            return message

        await self.app(scope, bounded, send)
