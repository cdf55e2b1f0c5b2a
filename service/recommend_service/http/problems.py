"""Errors as RFC 9457 problem details."""

from __future__ import annotations

import logging
import re
from functools import cache
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from jinja2 import Template
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from recommend.errors import (
    ArticleError,
    EncoderError,
    RecommendError,
    RulesConflictError,
    RulesError,
    SnapshotError,
    StoreError,
    StoreUnreachableError,
    UnknownArticleError,
)
from recommend_service.http.templates import templates

logger = logging.getLogger(__name__)

_STATUS: dict[type[RecommendError], HTTPStatus] = {
    ArticleError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownArticleError: HTTPStatus.NOT_FOUND,
    RulesError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RulesConflictError: HTTPStatus.CONFLICT,
    SnapshotError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreUnreachableError: HTTPStatus.SERVICE_UNAVAILABLE,
    EncoderError: HTTPStatus.SERVICE_UNAVAILABLE,
}

_UNKEPT = {"Cache-Control": "no-store"}


class Problem(BaseModel):
    """What went wrong, and the way out."""

    type: str = Field(default="about:blank", description="about:blank: the status code says what kind of problem it is")
    title: str = Field(description="the status code in words")
    status: int
    detail: str = Field(description="this problem: the thing, the value and the way out")


PROBLEM = {"content": {"application/problem+json": {"schema": Problem.model_json_schema()}}}
BODY_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {**PROBLEM, "description": "The body cannot be parsed: not UTF-8, nested too deeply, a number of huge length"},
    413: {**PROBLEM, "description": "The body is too large"},
}

KEY_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {**PROBLEM, "description": "No valid key"},
    403: {**PROBLEM, "description": "The key lacks the scope that this needs"},
}
READ_PROBLEMS, OPERATOR_PROBLEMS = (
    {status: {**one, "description": f"{when}: {one['description'].lower()}"} for status, one in KEY_PROBLEMS.items()}
    for when in ("With service.read_needs_key", "Unless service.operations is open")
)
INDEX_PROBLEMS: dict[int | str, dict[str, Any]] = {
    503: {**PROBLEM, "description": "No snapshot is published, or a part cannot be opened"},
}
LIMIT_PROBLEMS: dict[int | str, dict[str, Any]] = {
    429: {**PROBLEM, "description": "Too many requests of this key or address; Retry-After says when to come back"},
    503: {**PROBLEM, "description": "Too busy or too slow; Retry-After says when to come back"},
}


def problem(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A problem as a response, which no cache keeps: many keep a 404 unless told not to, and the article may come."""
    body = Problem(title=status.phrase, status=status, detail=detail).model_dump()
    return Response(orjson.dumps(body), status, _UNKEPT | (headers or {}), "application/problem+json")


def known_problem(error: RecommendError) -> Response:
    """A known error as a response; logged where it is the service's own."""
    status = _STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s", error)
    return problem(status, str(error), headers)


def _allowed(app: FastAPI, path: str, known: str) -> set[str]:
    """The methods of every route of a path, where Starlette tells those of the first one, and HEAD wherever GET is."""
    methods = {method for method in known.split(", ") if method}
    for template, operations in app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", ".+", template), path, re.DOTALL):
            methods |= {method.upper() for method in operations}
    return methods | {"HEAD"} if "GET" in methods else methods


def _for_client(request: Request, response: Response, detail: str) -> Response:
    """A problem in the form for the client: a page for a browser that follows a link, else problem+json."""
    wants_page = request.method in {"GET", "HEAD"} and "text/html" in request.headers.get("Accept", "")
    if not wants_page or request.url.path.startswith("/v1/"):
        return response
    status = HTTPStatus(response.status_code)
    page = _page().render(root=request.scope.get("root_path", "").rstrip("/"), status=status, detail=detail)
    headers = {name: value for name, value in response.headers.items() if name in {"allow", "retry-after"}}
    return Response(page, status, _UNKEPT | headers, "text/html; charset=utf-8")


@cache
def _page() -> Template:
    return templates("problem").get_template("problem.html")


def install(app: FastAPI) -> None:
    """Makes every error of the app a problem, for browsers a page; none shows a traceback."""

    @app.exception_handler(RecommendError)
    async def _known(request: Request, error: RecommendError) -> Response:
        return _for_client(request, known_problem(error), str(error))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{where}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(sorted(_allowed(app, request.url.path, headers.get("Allow", ""))))
        detail = str(error.detail)
        return _for_client(request, problem(HTTPStatus(error.status_code), detail, headers), detail)

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        logger.error("unexpected error", exc_info=error)
        detail = "an unexpected error; it is in the service's log"
        return _for_client(request, problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail), detail)
