"""The page on which a judge grades pairs: for one judge, on this machine alone."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from recommend.articles.article import Article
from recommend.evaluation.judging import Grade, Grades, Pair, agreement, next_pair, now
from recommend_service.http.web import WEB

_COOKIE = "judge"
_BODY_LIMIT = 4_096
_TEXT_LIMIT = 40_000
_FILES = {"judge.css": "judge/judge.css", "judge.js": "judge/judge.js", "tokens.css": "tokens.css"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")

    query: str
    document: str
    grade: int | None
    seconds: float = Field(ge=0, allow_inf_nan=False)


class JudgingPage:
    """An ASGI app that shows one pair after another and keeps the grades.

    Who opens the address with the token, which is void from then on, gets a cookie, and only who has that is answered;
    so is only who asks for this machine by name, whatever a page elsewhere may lead a browser to.

    Attributes:
        token: what the address has to end in, once.
    """

    def __init__(
        self,
        pooled: Mapping[str, Mapping[str, float]],
        articles: Mapping[str, Article],
        grades: Grades,
        judge: str,
        scale: Sequence[int],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            pooled: see :func:`recommend.evaluation.judging.pool`; every article in it is among ``articles``.
            judge: who grades.
            scale: grades, rising.
            changed: called after every grade.
        """
        self.token = secrets.token_urlsafe(16)
        self._session = secrets.token_urlsafe(32)
        self._pooled, self._articles, self._grades = pooled, articles, grades
        self._judge, self._scale, self._changed = judge, scale, changed
        self._app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/next", self._next),
                Route("/grade", self._grade, methods=["POST"]),
                Route("/{name}", self._file),
            ]
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers who may ask."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        answer = self._refusal(request)
        if answer is not None:
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        host = request.headers.get("Host", "").rpartition(":")[0] or request.headers.get("Host", "")
        if host not in {"127.0.0.1", "localhost", "[::1]"}:
            return _problem(HTTPStatus.MISDIRECTED_REQUEST, "this page answers on this machine alone")
        if hmac.compare_digest(request.cookies.get(_COOKIE, "").encode(), self._session.encode()):
            return None
        given = request.query_params.get("token", "")
        if request.url.path == "/" and self.token and hmac.compare_digest(given.encode(), self.token.encode()):
            self.token = ""
            opened = RedirectResponse("/", HTTPStatus.SEE_OTHER, headers=_HEADERS)
            opened.set_cookie(_COOKIE, self._session, httponly=True, samesite="strict")
            return opened
        return _problem(HTTPStatus.FORBIDDEN, "open the address that recommend judge printed; it works once")

    async def _page(self, _: Request) -> Response:
        return FileResponse(WEB / "judge" / "judge.html", headers=_HEADERS)

    async def _file(self, request: Request) -> Response:
        path = _FILES.get(request.path_params["name"])
        if path is None:
            return _problem(HTTPStatus.NOT_FOUND, "there is no such file")
        return FileResponse(WEB / path, headers=_HEADERS)

    async def _next(self, _: Request) -> Response:
        return JSONResponse(self._state(), headers=_HEADERS)

    async def _grade(self, request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _BODY_LIMIT:
                return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "that is no grade")
        try:
            given = _Given.model_validate(orjson.loads(body))
        except (orjson.JSONDecodeError, ValidationError):
            return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, "that is no grade")
        if given.document not in self._pooled.get(given.query, {}) or given.grade not in {None, *self._scale}:
            return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, "there is no such pair, or no such grade")
        self._grades.add(Grade(given.query, given.document, given.grade, self._judge, round(given.seconds, 1), now()))
        self._changed()
        return JSONResponse(self._state(), headers=_HEADERS)

    def _state(self) -> dict[str, Any]:
        graded = self._grades.of(self._judge)
        mine = {pair: grade for pair, grade in graded.items() if pair[1] in self._pooled.get(pair[0], {})}
        pair = next_pair(self._pooled, mine, self._judge)
        last = next(reversed(mine), None)
        alpha = agreement(self._grades.by_judge(), self._scale)
        return {
            "pair": None if pair is None else self._shown(pair),
            "last": None if last is None else {"query": last[0], "document": last[1], "grade": mine[last]},
            "scale": list(self._scale),
            "judged": len(mine),
            "pairs": sum(map(len, self._pooled.values())),
            "left_here": 0 if pair is None else sum((pair[0], d) not in mine for d in self._pooled[pair[0]]),
            "judges": len(self._grades.by_judge()),
            "agreement": None if alpha is None else round(alpha, 3),
        }

    def _shown(self, pair: Pair) -> dict[str, Any]:
        """Both articles, without the source of the pair (blind judging)."""
        return {"query": self._article(pair[0]), "document": self._article(pair[1])}

    def _article(self, article_id: str) -> dict[str, Any]:
        one = self._articles[article_id]
        published = None if one.published_at is None else one.published_at.date().isoformat()
        text = one.text or one.summary or ""
        return {"id": one.id, "title": one.title, "published": published, "section": one.section, "site": one.site,
                "text": text[:_TEXT_LIMIT]}  # fmt: skip


def _problem(status: HTTPStatus, detail: str) -> Response:
    body = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    return JSONResponse(body, status, headers=_HEADERS, media_type="application/problem+json")
