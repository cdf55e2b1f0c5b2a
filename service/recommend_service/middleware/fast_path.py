"""The short way to answers that are ready, past routing and validation."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable
from time import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recommend.errors import RecommendError
from recommend.index.view import View
from recommend_service.http.paths import raw_path
from recommend_service.state import ServiceState


class FastPath:
    """Gives answers that the app gave before to the same path and query string.

    They are those of the app, byte for byte but for their request id.

    What holds is looked up once in each pass of the event loop: whatever is answered in a pass was asked before it
    began, so that each request is still answered by what held after it came in.
    """

    def __init__(self, state: Callable[[], ServiceState]) -> None:
        """
        Args:
            state: gives the one with the cache, once the app has started.
        """
        self.state = state
        self._view: View | None = None

    def answer(self, scope: Scope) -> tuple[Message, Message] | None:
        """The messages that answer a request, None when there is no ready answer to it."""
        path = raw_path(scope)
        if not path.endswith(b"/related") or scope["method"] not in {"GET", "HEAD"}:
            return None
        state = self.state()
        if state.late:
            return None  # the route waits
        try:
            recommender = state.recommender()
            if self._view is None:
                self._view = recommender.view()
                get_running_loop().call_soon(self._forget)
        except RecommendError:
            return None  # the route meets it again, and says what is wrong
        entry = state.cache(recommender).target(self._view, time(), (path, scope["query_string"]))
        if entry is None:
            return None
        if entry.ready.fallback:
            state.metrics.fallbacks.inc()
        scope["template"], scope["cache"] = entry.route, "hit"
        status, headers, body = entry.ready.respond(scope["headers"], scope["request_id"], self._view.revision)
        if scope["method"] == "HEAD":
            body = b""
        start = {"type": "http.response.start", "status": status, "headers": headers}
        return start, {"type": "http.response.body", "body": body}

    def _forget(self) -> None:
        self._view = None


class FastPathMiddleware:
    """The same as a middleware, for a place behind others: what is not ready goes on to the app."""

    def __init__(self, app: ASGIApp, fast_path: FastPath) -> None:
        self.app = app
        self.fast_path = fast_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ready = self.fast_path.answer(scope) if scope["type"] == "http" else None
        if ready is None:
            await self.app(scope, receive, send)
            return
        for message in ready:
            await send(message)
