"""Routes for those who run the service."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from typing import Literal

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from recommend.errors import RecommendError, StoreError
from recommend.jobs.status import Status, set_aside_summary
from recommend.recommender import Recommender
from recommend_service.http.auth import may_operate, require_operator
from recommend_service.http.problems import LIMIT_PROBLEMS, OPERATOR_PROBLEMS, PROBLEM
from recommend_service.metrics import CONTENT_TYPE
from recommend_service.state import ServiceState, StateOf

router = APIRouter(tags=["operations"])
logger = logging.getLogger(__name__)

_STATUS_SECONDS = 2.0


class Readiness(BaseModel):
    """What this worker can do."""

    status: Literal["ready", "degraded"]
    snapshot: str
    revision: int
    writable: bool | None = Field(description="whether the store takes changes; null: that cannot be told in time")
    problems: list[str] | None = Field(
        description="what cannot be done at present; empty when ready; null for those whom service.operations keeps out"
    )


@router.get("/healthz", response_class=Response, responses={200: {"description": "The process answers"}})
async def healthz() -> Response:
    """Whether the process is alive."""
    return _json({"status": "ok"})


@router.get(
    "/readyz",
    response_class=Response,
    responses={
        200: {"model": Readiness, "description": "Related stories can be served"},
        503: {**PROBLEM, "description": "Not yet, and why"},
    },
)
async def readyz(request: Request) -> Response:
    """Whether related stories can be served: a snapshot is open, if need be an older one, the store can be read, and so
    can the index where it is on a server.

    `degraded` when that is so, but something else is not: a published snapshot that cannot be opened, a store that
    takes no changes, an encoder that is missing, articles that had to be set aside. What cannot be told within a fifth
    of a second is among the problems.
    """
    state: ServiceState = request.app.state.service
    await state.caught_up()
    recommender = state.recommender()
    view = recommender.view()
    readable = await state.readable.result()
    if readable.holds is False:
        raise StoreError(readable.problem)
    searchable = await state.searchable.result()
    if searchable.holds is False:
        raise StoreError(searchable.problem)
    writable, encodes = await state.writable.result(state.store.health.writable), await state.encodes.result()
    problems = [one.problem for one in (readable, searchable, writable, encodes) if one.problem]
    if recommender.problem is not None:
        problems.insert(0, recommender.problem)
    if view.set_aside:
        problems.append(set_aside_summary(view.set_aside))
    return _json(
        {
            "status": "degraded" if problems else "ready",
            "snapshot": view.snapshot.manifest.name,
            "revision": view.revision,
            "writable": writable.holds,
            "problems": problems if may_operate(request) else None,
        }
    )


@router.get(
    "/v1/status",
    dependencies=[Depends(require_operator)],
    response_class=Response,
    responses={
        **LIMIT_PROBLEMS,
        **OPERATOR_PROBLEMS,
        200: {"model": Status, "description": "The state of store and index"},
        503: {**PROBLEM, "description": "The store cannot be read, or the settings name no encoder that exists"},
    },
)
async def status(state: StateOf) -> Response:
    """How old the snapshot is, how far behind the store, and what waits for an embedding."""
    state_now = await state.status(state.settings.service.timeout)
    recommender = _open_recommender(state)
    if recommender is not None:
        aside = dict(recommender.set_aside)
        state_now = replace(state_now, error=state_now.error or recommender.problem, set_aside=aside)
    return _json(asdict(state_now))


@router.get(
    "/metrics",
    dependencies=[Depends(require_operator)],
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {}}},
        503: {**PROBLEM, "description": "The key cannot be looked up: the store cannot be read"},
        **OPERATOR_PROBLEMS,
    },
)
async def metrics(state: StateOf) -> Response:
    """Counts and state in the Prometheus text format."""
    try:
        status_now = await state.status(_STATUS_SECONDS)
        text = state.metrics.render(status_now, _open_recommender(state))
    except RecommendError as problem:
        logger.error("metrics lack the state of store and index: %s", problem)
        text = state.metrics.render(None, None)
    return Response(text, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _open_recommender(state: ServiceState) -> Recommender | None:
    try:
        return state.recommender()
    except RecommendError:
        return None  # the status says so


def _json(body: dict[str, object]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json", headers={"Cache-Control": "no-store"})
