"""Routes for those who run the service."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from typing import Literal

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from recommend.errors import RecommendError, SnapshotError
from recommend.recommender import Recommender
from recommend.status import Status, read_status
from recommend_service.auth import may_operate, require_operator
from recommend_service.backend import Backend, BackendOf, RecommenderOf
from recommend_service.metrics import CONTENT_TYPE
from recommend_service.problems import LIMIT_PROBLEMS, OPERATOR_PROBLEMS, PROBLEM

router = APIRouter(tags=["operations"])
logger = logging.getLogger(__name__)


class Readiness(BaseModel):
    """What this worker can do."""

    status: Literal["ready", "degraded"]
    snapshot: str
    revision: int
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
async def readyz(request: Request, backend: BackendOf, recommender: RecommenderOf) -> Response:
    """Whether related stories can be served: a snapshot is open, if need be an older one, and the store can be read.

    `degraded` when that is so, but something else is not: a published snapshot that cannot be opened, a store that
    takes no changes, an encoder that is missing.
    """
    await to_thread.run_sync(backend.store.check)
    view = recommender.view()
    problems = await backend.problems()
    return _json(
        Readiness(
            status="degraded" if problems else "ready",
            snapshot=view.snapshot.manifest.name,
            revision=view.revision,
            problems=problems if may_operate(request.state.key, backend.settings.service) else None,
        ).model_dump()
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
async def status(backend: BackendOf) -> Response:
    """How old the snapshot is, how far behind the store, and what waits for an embedding."""
    found = await backend.in_writer(read_status, backend.store, backend.settings)
    recommender = _open_recommender(backend)
    if recommender is not None:
        recommender.view()
        found = replace(found, error=found.error or recommender.problem)
    return _json(asdict(found))


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
async def metrics(backend: BackendOf) -> Response:
    """Counts and state in the Prometheus text format."""
    try:
        found = await backend.in_writer(read_status, backend.store, backend.settings)
        text = backend.metrics.render(found, _open_recommender(backend))
    except RecommendError as problem:
        logger.error("metrics without state: %s", problem)
        text = backend.metrics.render(None, None)
    return Response(text, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _open_recommender(backend: Backend) -> Recommender | None:
    try:
        return backend.recommender()
    except SnapshotError:
        return None  # the status says so


def _json(body: dict[str, object]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json", headers={"Cache-Control": "no-store"})
