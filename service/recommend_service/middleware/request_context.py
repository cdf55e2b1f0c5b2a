"""What every request gets: an id, the headers of every response, metrics, and a line in the access log if enabled."""

from __future__ import annotations

import logging
from itertools import count
from secrets import token_hex
from time import perf_counter
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recommend_service import logs
from recommend_service.cache.response import ID_LENGTH
from recommend_service.http.paths import SLASH, keep_slashes
from recommend_service.metrics import Metrics
from recommend_service.middleware.fast_path import FastPath
from recommend_service.middleware.security_headers import secure_headers

_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"})
_PROCESS = token_hex(6)
_COUNTED = count()

logger = logging.getLogger(__name__)


class RequestContext:
    """The outermost middleware. Sets ``request_id`` in the scope, and reads what inner layers set there.

    ``cache`` (hit or miss) and ``template`` come from those who answer without a route. The log has neither bodies,
    headers nor values of parameters.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, *, access_log: bool = False, fast_path: FastPath | None = None
    ) -> None:
        """
        Args:
            app: the app behind.
            metrics: where requests are counted.
            access_log: whether each has a line in the log.
            fast_path: gives the answers that are ready, which need not pass through anything else.
        """
        self.app = app
        self.metrics = metrics
        self.access_log = access_log
        self.fast_path = fast_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = perf_counter(), 500
        scope = keep_slashes(scope)
        scope["request_id"] = request_id = new_request_id()
        logs.request_id.set(request_id)

        async def completed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *secure_headers(scope["path"])]
            await send(message)

        try:
            ready = None if self.fast_path is None else self.fast_path.answer(scope)
            if ready is None:
                await self.app(scope, receive, completed)
            else:
                start, body = ready
                await completed(start)
                await send(body)
        finally:
            seconds = perf_counter() - started
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route: str = (
                scope["template"] if "template" in scope else getattr(scope.get("route"), "path_format", "none")
            )
            cache = scope.get("cache", "none")
            self.metrics.observe(method, route, status, cache, seconds)
            if self.access_log:
                _log(scope, method, route, status, cache, seconds)


def new_request_id() -> str:
    """One that no other request of any process has."""
    return f"{_PROCESS}{next(_COUNTED):0{ID_LENGTH - len(_PROCESS)}x}"


def _log(scope: Scope, method: str, route: str, status: int, cache: str, seconds: float) -> None:
    parameters = sorted({name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), True)})
    fields = {"method": method, "route": route, "path": scope["path"].replace(SLASH, "%2F"), "parameters": parameters}
    logger.info("request", extra={**fields, "status": status, "cache": cache, "milliseconds": round(seconds * 1000, 3)})
