"""The fast path: cached answers and ready lists, served without routing and validation."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from time import time
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recommend.articles.fields import same_id
from recommend.errors import RecommendError
from recommend.index.filters import UNFILTERED
from recommend.index.view import View
from recommend.recommender import Recommender
from recommend_service.answering import cache_key, compute_answer
from recommend_service.cache.answers import UrlEntry
from recommend_service.cache.response import GZIP_FROM
from recommend_service.http.parameters import BoxParameters
from recommend_service.http.paths import ARTICLE, SLASH, raw_path
from recommend_service.state import ServiceState

_BEFORE, _AFTER = "/v1/articles/", "/related"
_ARTICLES = _BEFORE.encode()
_CARD = f"{_BEFORE}{ARTICLE}".replace(":id", "")
_ROUTE = f"{_CARD}{_AFTER}"
_PLAIN = {"limit", "fallback"}
_LONGEST_PLAIN, _LONGEST_KEPT = 64, 1_024  # bytes


class FastPath:
    """Gives answers that the app gave before to the same path and query string, and those that need only be looked up;
    of an article its card.

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
        box = path.endswith(b"/related")
        if not (box or path.startswith(_ARTICLES)) or scope["method"] not in {"GET", "HEAD"}:
            return None
        state = self.state()
        if state.late:
            return None  # the route waits
        try:
            recommender = state.recommender()
            if self._view is None:
                self._view = recommender.view()
                get_running_loop().call_soon(self._forget)
            if not box:
                return _card(scope, path, state, self._view.revision)
        except RecommendError:
            return None  # the route meets it again, and says what is wrong
        cache = state.recommenders().cache(recommender)
        entry, kept = cache.target(self._view, time(), (path, scope["query_string"])), "hit"
        if entry is None:
            entry, kept = self._looked_up(scope, path, state, recommender, self._view), "miss"
        if entry is None:
            return None
        if entry.ready.fallback:
            state.metrics.fallbacks.inc()
        scope["template"], scope["cache"] = entry.route, kept
        status, headers, body = entry.ready.respond(scope["headers"], scope["request_id"], self._view.revision)
        if scope["method"] == "HEAD":
            body = b""
        start = {"type": "http.response.start", "status": status, "headers": headers}
        return start, {"type": "http.response.body", "body": body}

    def _looked_up(
        self, scope: Scope, path: bytes, state: ServiceState, recommender: Recommender, view: View
    ) -> UrlEntry | None:
        """An answer that is not kept, to a plain question about an article whose best candidates are ready; None where
        it is for the app. It takes less than the app's own way to it."""
        given, decoded = _plain(scope["query_string"]), scope["path"]
        if given is None or not decoded.startswith(_BEFORE) or scope.get("root_path"):
            return None
        article_id = same_id(decoded[len(_BEFORE) : -len(_AFTER)].replace(SLASH, "/"))
        if not recommender.ranking.is_ready(view, article_id) or recommender.under_embargo(article_id, view):
            return None
        cache, asked = (
            state.recommenders().cache(recommender),
            cache_key(recommender, view, article_id, article_id, given, UNFILTERED),
        )
        ready = cache.get(view, time(), asked)
        if ready is None:
            ready, _ = compute_answer(state, recommender, view, asked, known=True)
        entry = UrlEntry(ready, _ROUTE, asked.until(None))
        if len(path) <= _LONGEST_KEPT:
            cache.put(view, asked, ready, ((path, scope["query_string"]), _ROUTE, entry.until))
        return entry

    def _forget(self) -> None:
        self._view = None


def _card(scope: Scope, path: bytes, state: ServiceState, revision: int) -> tuple[Message, Message] | None:
    """The card of an article that the app gave before at this path, and that has not changed since. What is large is
    for the app, which compresses it, and so is who asks with a key, who may see more."""
    stored = None if scope["query_string"] else state.articles.at(path, revision)
    if stored is None or len(stored.card) >= GZIP_FROM or not stored.article.is_public(datetime.now(UTC)):
        return None
    if any(name == b"authorization" for name, _ in scope["headers"]):
        return None
    scope["template"] = _CARD
    headers = [
        (b"content-length", b"%d" % len(stored.card)),
        (b"content-type", b"application/json"),
        (b"cache-control", b"public, max-age=%d" % state.settings.service.max_age),
        (b"vary", b"Authorization"),
    ]
    start = {"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers}
    return start, {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else stored.card}


@lru_cache(maxsize=256)
def _plain(query_string: bytes) -> BoxParameters | None:
    """The parameters of a query string that has no others than ``limit`` and ``fallback``; None for any other."""
    if len(query_string) > _LONGEST_PLAIN:
        return None
    given = BoxParameters.read(query_string)
    names = [name for name, _ in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)]
    once = {*names} <= _PLAIN and len({*names}) == len(names)
    plain = given is not None and once and given.fallback != "popular"  # which is counted beside this
    return given if plain else None


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
