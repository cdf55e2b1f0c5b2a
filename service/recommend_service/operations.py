"""Routes for those who run the service."""

from __future__ import annotations

from dataclasses import asdict

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from recommend.status import Status, read_status
from recommend_service.backend import BackendOf, RecommenderOf
from recommend_service.problems import LIMIT_PROBLEMS, PROBLEM

router = APIRouter(tags=["operations"])


@router.get("/healthz", response_class=Response, responses={200: {"description": "The process answers"}})
async def healthz() -> Response:
    """Whether the process is alive."""
    return _json({"status": "ok"})


@router.get(
    "/readyz",
    response_class=Response,
    responses={
        200: {"description": "Related stories can be served"},
        503: {**PROBLEM, "description": "Not yet, and why"},
    },
)
async def readyz(recommender: RecommenderOf) -> Response:
    """Whether related stories can be served."""
    view = recommender.view()
    return _json({"status": "ready", "snapshot": view.snapshot.manifest.name, "revision": view.revision})


@router.get(
    "/v1/status",
    response_class=Response,
    responses={
        **LIMIT_PROBLEMS,
        200: {"model": Status, "description": "The state of store and index"},
        503: {**PROBLEM, "description": "The store cannot be read, or the settings name no encoder that exists"},
    },
)
async def status(backend: BackendOf) -> Response:
    """How old the snapshot is, how far behind the store, and what waits for an embedding."""
    found = await backend.in_writer(read_status, backend.store, backend.settings)
    return _json(asdict(found))


def _json(body: dict[str, object]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json", headers={"Cache-Control": "no-store"})
