"""The route that takes impressions and clicks. Of the reader nothing is kept: no address, no agent, no cookie.

What is kept names an impression that an answer of this service gave, so that nobody can make up clicks on what was
never shown, and is kept once, however often it is told.
"""

from __future__ import annotations

from http import HTTPStatus
from time import time
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.responses import Response

from recommend.articles.events import ToldEvent
from recommend_service.http.problems import BODY_PROBLEMS, LIMIT_PROBLEMS, PROBLEM
from recommend_service.impressions import Refusal
from recommend_service.robots import is_robot
from recommend_service.state import StateOf


class RefusedEvent(BaseModel):
    """An event that is not kept."""

    event: int = Field(ge=0, description="position of the event in the list that was sent, from 0")
    reason: str


class Taken(BaseModel):
    """What became of events."""

    kept: int = Field(ge=0, description="number of events that are kept now, including those that were sent before")
    refused: list[RefusedEvent]


router = APIRouter(prefix="/v1", tags=["events"], responses=LIMIT_PROBLEMS)

_Events = TypeAdapter(Annotated[list[ToldEvent], Field(min_length=1, max_length=100)])
_ONE = ToldEvent.model_json_schema()
_SCHEMA = {"oneOf": [_ONE, {"type": "array", "items": _ONE, "minItems": 1, "maxItems": 100}]}
_EXAMPLE = {
    "kind": "click",
    "impression": "AQAHj2k…",
    "view": "5f0c9a528f3a4e0b",
    "article_id": "story-1",
    "item_id": "story-7",
    "position": 2,
}


@router.post(
    "/events",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    responses={
        202: {"model": Taken, "description": "Durable, or told apart as refused"},
        413: BODY_PROBLEMS[413],
        422: {
            **PROBLEM,
            "description": "One of them is no event, or none of them speaks of an impression; none is kept",
        },
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
    """Keeps one event, or up to 100 in a list; durable when this returns.

    What names no impression that an answer gave in the last three days, or an item that was not in it, is refused, and
    the others are kept. The same told again counts once. Robots that say so are thanked, and not counted.
    """
    told, agent = _parse(await request.body()), request.headers.get("User-Agent", "")
    impressions = state.recommenders().impressions
    checked = [impressions.check(one, agent, time()) for one in told]
    refused = [RefusedEvent(event=i, reason=one.reason) for i, one in enumerate(checked) if isinstance(one, Refusal)]
    await state.events.add(checked)
    if len(refused) == len(checked) and not is_robot(agent):
        raise RequestValidationError([{"loc": ("body", one.event), "msg": one.reason} for one in refused])
    body = Taken(kept=len(checked) - len(refused), refused=refused).model_dump_json()
    return Response(body, HTTPStatus.ACCEPTED, media_type="application/json", headers={"Cache-Control": "no-store"})


def _parse(body: bytes) -> list[ToldEvent]:
    try:
        given: Any = orjson.loads(body)
        return _Events.validate_python(given if isinstance(given, list) else [given])
    except orjson.JSONDecodeError as problem:
        raise RequestValidationError([{"loc": ("body",), "msg": f"is not JSON: {problem.msg}"}]) from None
    except ValidationError as problem:
        errors = problem.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**error, "loc": ("body", *error["loc"])} for error in errors]) from None
