"""The route that takes impressions and clicks. Of the reader nothing is kept: no address, no agent, no cookie."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, TypeAdapter, ValidationError
from starlette.responses import Response

from recommend.articles.events import Event
from recommend_service.http.problems import BODY_PROBLEMS, LIMIT_PROBLEMS, PROBLEM
from recommend_service.state import StateOf

router = APIRouter(prefix="/v1", tags=["events"], responses=LIMIT_PROBLEMS)

_Events = TypeAdapter(Annotated[list[Event], Field(min_length=1, max_length=100)])
_ONE = Event.model_json_schema()
_SCHEMA = {"oneOf": [_ONE, {"type": "array", "items": _ONE, "minItems": 1, "maxItems": 100}]}
_EXAMPLE = {
    "kind": "click",
    "request_id": "5f0c9a52-8f3a-4e0b-9a41-0d7c1c3f6a10",
    "article_id": "story-1",
    "item_id": "story-7",
    "position": 2,
}


@router.post(
    "/events",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    responses={
        202: {"description": "Durable"},
        413: BODY_PROBLEMS[413],
        422: {**PROBLEM, "description": "One of them is no event; none is kept"},
        503: {**PROBLEM, "description": "The store cannot be used"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _SCHEMA, "example": _EXAMPLE},
                "text/plain": {"schema": {"type": "string", "description": "the same JSON: text needs no preflight"}},
            },
        }
    },
)
async def events(request: Request, state: StateOf) -> Response:
    """Keeps one event, or up to 100 in a list; durable when this returns."""
    await state.events.add(_parse(await request.body()))
    return Response(status_code=HTTPStatus.ACCEPTED, headers={"Cache-Control": "no-store"})


def _parse(body: bytes) -> list[Event]:
    try:
        given: Any = orjson.loads(body)
        return _Events.validate_python(given if isinstance(given, list) else [given])
    except orjson.JSONDecodeError as problem:
        raise RequestValidationError([{"loc": ("body",), "msg": f"is not JSON: {problem.msg}"}]) from None
    except ValidationError as problem:
        errors = problem.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**error, "loc": ("body", *error["loc"])} for error in errors]) from None
