"""The short way to answers that are ready, past routing and validation."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable
from time import time

from starlette.types import ASGIApp, Receive, Scope, Send

from recommend.errors import RecommendError
from recommend.live import View
from recommend_service.backend import Backend
from recommend_service.cache import Target


class HotPath:
    """Gives answers that the app gave before to the same path and query string; everything else goes on to the app.

    The answers are those of the app, byte for byte but for their request id.

    What holds is looked up once a turn of the event loop: whatever is answered in a turn was asked before the turn
    began, so that each request is still answered by what held after it came in.
    """

    def __init__(self, app: ASGIApp, backend: Callable[[], Backend]) -> None:
        """
        Args:
            app: the app behind.
            backend: gives the one with the cache, once the app has started.
        """
        self.app = app
        self.backend = backend
        self._view: View | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        scope["template"], scope["cache"] = found.route, "hit"
        status, headers, body = found.ready.respond(scope["headers"], scope["request_id"])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _find(self, scope: Scope) -> Target | None:
        path: str = scope["path"]
        if not path.endswith("/related") or scope["method"] not in {"GET", "HEAD"}:
            return None
        backend = self.backend()
        try:
            recommender = backend.recommender()
            if self._view is None:
                self._view = recommender.view()
                get_running_loop().call_soon(self._forget)
        except RecommendError:
            return None  # the route meets it again, and says what is wrong
        found = backend.cache(recommender).target(self._view, time(), (path, scope["query_string"]))
        if found is not None and found.ready.fallback:
            backend.metrics.fallbacks.inc()
        return found

    def _forget(self) -> None:
        self._view = None
