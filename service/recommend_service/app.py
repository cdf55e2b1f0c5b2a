"""The app factory: ``uvicorn --factory recommend_service.app:create_app``."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from recommend.errors import SnapshotError
from recommend.settings import ServiceSettings, Settings, load_settings
from recommend.vectors import set_threads
from recommend_service import articles, bulk, curation, events, operations, problems, queries, related
from recommend_service.auth import Identify
from recommend_service.backend import Backend, logger
from recommend_service.headers import SecureHeaders
from recommend_service.limits import BodyLimit, Concurrency, RateLimit, Timeout
from recommend_service.site import site_router

_GZIP_FROM = 1_000


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service.

    Args:
        settings: read from the environment, and the file that ``RECOMMEND_CONFIG`` names, when not given.
    """
    if settings is None:
        config = os.environ.get("RECOMMEND_CONFIG")
        settings = load_settings(Path(config) if config else None)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        set_threads(1)
        app.state.backend = Backend(settings)
        try:
            app.state.backend.recommender()
        except SnapshotError as problem:
            logger.warning("not ready: %s", problem)
        yield
        app.state.backend.close()

    app = FastAPI(
        title="Related Articles",
        version=version("related-articles"),
        summary="The stories that best belong under a given one.",
        lifespan=lifespan,
        redirect_slashes=False,  # a slash at the end may be part of an id
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.state.settings = settings
    problems.install(app)
    for router in (related.router, queries.router, bulk.router, curation.router, articles.router, events.router):
        app.include_router(router, responses=problems.LIMIT_PROBLEMS)
    app.include_router(operations.router)
    if settings.service.site:
        app.include_router(site_router(settings.service.site_name))
    _add_middleware(app, settings.service)
    return app


def _add_middleware(app: FastAPI, settings: ServiceSettings) -> None:
    # From the inside out: the one added last sees a request first. Headers, CORS's too, go on every answer but a 500;
    # load is shed before anything is spent on a request; the clock runs from then on; who asks is known before it is
    # counted; bodies are bounded where they are read, under what compresses the answers.
    app.add_middleware(BodyLimit, paths={bulk.PATH: settings.bulk_limit})
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM)
    if settings.rate_limit:
        app.add_middleware(RateLimit, rate=settings.rate_limit)
    app.add_middleware(Identify, settings=settings)
    app.add_middleware(Timeout, seconds=settings.timeout)
    app.add_middleware(Concurrency, limit=settings.max_concurrency)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "If-None-Match"],
            expose_headers=["ETag", "Retry-After", "X-Variant"],
        )
    app.add_middleware(SecureHeaders)
