"""Shared by the routes whose answers are computed for every request (uncached)."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from recommend_service.http.auth import KeyFirstRoute, require_reader
from recommend_service.http.problems import BODY_PROBLEMS, INDEX_PROBLEMS, LIMIT_PROBLEMS, READ_PROBLEMS

QUESTION_PROBLEMS = {**INDEX_PROBLEMS, **BODY_PROBLEMS, **READ_PROBLEMS}
"""What may come of a question that is sent in a body."""


def reading_router() -> APIRouter:
    """For routes that whoever may read may ask."""
    return APIRouter(
        prefix="/v1",
        tags=["related"],
        dependencies=[Depends(require_reader)],
        responses=LIMIT_PROBLEMS,
        route_class=KeyFirstRoute,
    )


def unkept(body: bytes) -> Response:
    """An answer in JSON that no cache keeps."""
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})
