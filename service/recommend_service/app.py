"""The app factory: ``uvicorn --factory recommend_service.app:create_app``."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from importlib.metadata import version
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from recommend.configuration import load_settings
from recommend.errors import SnapshotError, StoreUnreachableError
from recommend.index.dense import set_threads
from recommend.settings import ServiceSettings, Settings
from recommend_service.cache.response import GZIP_FROM
from recommend_service.connections import Connections
from recommend_service.desk.router import router as desk
from recommend_service.http import problems
from recommend_service.logs import json_logs
from recommend_service.metrics import Metrics
from recommend_service.middleware.authentication import Authentication
from recommend_service.middleware.fast_path import FastPath, FastPathMiddleware
from recommend_service.middleware.head import Head
from recommend_service.middleware.limits import (
    OPEN_BODY_LIMIT,
    SIGN_IN_BODY_LIMIT,
    BodyLimit,
    Concurrency,
    RateLimit,
    Timeout,
    made_at_once,
)
from recommend_service.middleware.request_context import RequestContext
from recommend_service.reindex_watch import ReindexWatch
from recommend_service.routes import (
    articles,
    assets,
    boxes,
    bulk,
    curation,
    drafts,
    events,
    links,
    listing,
    operations,
    page,
    reference,
    related,
    rules,
    story,
)
from recommend_service.routes.newsroom import OWN, newsroom_router
from recommend_service.routes.site import site_router
from recommend_service.state import ServiceState, logger
from recommend_service.warming import warmer


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service.

    Args:
        settings: read from the environment, and the file that ``RECOMMEND_CONFIG`` names, when not given.
    """
    if settings is None:
        config = os.environ.get("RECOMMEND_CONFIG")
        settings = load_settings(Path(config) if config else None)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, object]]:
        set_threads(1)
        state = app.state.service = ServiceState(settings, app.state.metrics)
        state.warmer = partial(warmer, state)
        with json_logs(), closing(state):
            try:
                await to_thread.run_sync(state.open)
            except (SnapshotError, StoreUnreachableError) as problem:
                logger.warning("not ready: %s", problem)
            gc.collect()
            gc.freeze()  # what is open now stays: looking through it for garbage would hold up requests
            watches = [asyncio.create_task(one) for one in (ReindexWatch(state).watch(), state.follow())]
            yield {"connections": Connections(settings.service)}
            for watch in watches:
                watch.cancel()
            await asyncio.wait(watches)
            gc.unfreeze()

    app = Service(
        title="Related Articles",
        version=version("related-articles"),
        summary="The stories that best belong under a given one.",
        lifespan=lifespan,
        docs_url=None,  # routes.reference has a page of its own: FastAPI's need scripts of other servers
        redoc_url=None,
        redirect_slashes=False,  # a slash at the end may be part of an id
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.state.settings = settings
    app.state.metrics = Metrics()
    problems.install(app)
    # in front, and not by include_router: a route that is tried in vain costs some time, a router far more
    modules = (
        related,
        boxes,
        operations,
        drafts,
        links,
        page,
        story,
        bulk,
        curation,
        rules,
        listing,
        articles,
        events,
        assets,
        reference,
    )
    app.router.routes[:0] = [route for module in modules for route in module.router.routes]
    if settings.service.desk:
        app.include_router(desk)
    if settings.service.site:
        texts = "text" in settings.service.public_fields
        own = OWN if settings.service.site_publishing else None
        app.include_router(site_router(settings.service.site_name, texts=texts, own=own))
        if own is not None:
            app.include_router(newsroom_router(settings.service.site_name))

    def started() -> ServiceState:
        state: ServiceState = app.state.service
        return state

    fast_path = FastPath(started)
    _add_middleware(app, settings, fast_path)
    app.entry = _entry(app, settings.service, fast_path)
    return app


class Service(FastAPI):
    """FastAPI with a stack of middleware in front of its own, which alone takes longer than an answer that is ready.

    Attributes:
        entry: where requests come in; leads on to :meth:`behind`.
    """

    entry: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers requests through the middleware in front."""
        await (self.entry if scope["type"] == "http" else self.behind)(scope, receive, send)

    async def behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers through FastAPI."""
        await super().__call__(scope, receive, send)


class Compression(GZipMiddleware):
    """For all but what is made at once: that is small, or compresses itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compresses what is large enough."""
        await (self.app if made_at_once(scope) else super().__call__)(scope, receive, send)


def _entry(app: Service, settings: ServiceSettings, fast_path: FastPath) -> ASGIApp:
    """Everything is counted, and every answer has its headers, CORS's too.

    An answer that is ready takes less than to count or to refuse a request, so no load is shed before it; only where
    callers are to be known or counted, it has its place behind that.
    """
    ready = None if settings.read_needs_key or settings.rate_limit else fast_path
    if not settings.cors_origins:
        return RequestContext(app.behind, app.state.metrics, access_log=settings.access_log, fast_path=ready)
    shared = CORSMiddleware(
        app.behind if ready is None else FastPathMiddleware(app.behind, ready),
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "If-None-Match"],
        expose_headers=["ETag", "Retry-After", "X-Variant"],
    )
    return RequestContext(shared, app.state.metrics, access_log=settings.access_log)


def _add_middleware(app: FastAPI, all_settings: Settings, fast_path: FastPath) -> None:
    settings = all_settings.service
    # From the inside out: the one added last sees a request first. HEAD becomes GET; load is shed before anything is
    # spent on a request; the clock runs from then on; who asks is known before it is counted; bodies are bounded where
    # they are read, under what compresses the answers.
    bodies = dict.fromkeys(("/v1/related", "/v1/related:page", "/v1/links", "/v1/events"), OPEN_BODY_LIMIT)
    bodies[bulk.PATH] = settings.bulk_limit
    bodies["/desk/sign-in"] = SIGN_IN_BODY_LIMIT
    app.add_middleware(BodyLimit, paths=bodies, patience=2 * settings.timeout)
    app.add_middleware(Compression, minimum_size=GZIP_FROM)
    if settings.rate_limit:
        if not settings.read_needs_key:
            app.add_middleware(FastPathMiddleware, fast_path=fast_path)
        app.add_middleware(RateLimit, rate=settings.rate_limit)
    app.add_middleware(Authentication, settings=settings)
    app.add_middleware(Timeout, seconds=settings.timeout, keys_afar=not all_settings.store.startswith("sqlite"))
    app.add_middleware(Concurrency, limit=settings.max_concurrency, uploads=settings.uploads)
    app.add_middleware(Head)
