"""Bounds on what a request may send."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recommend_service.problems import problem

BODY_LIMIT = 8 * 1024 * 1024


class BodyLimit:
    """Answers 413 to bodies over ``limit`` bytes, announced or streamed, without keeping them in memory.

    ``paths`` have limits of their own.
    """

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT, paths: Mapping[str, int] | None = None) -> None:
        self.app = app
        self.limit = limit
        self.paths = paths or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.paths.get(scope["path"].removeprefix(scope.get("root_path", "")), self.limit)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        detail = f"the body is larger than {limit} bytes"
        if announced.isdigit() and int(announced) > limit:
            await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)(scope, receive, send)
            return
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                # FastAPI turns any other error of reading a body into a 400
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
            return message

        await self.app(scope, bounded, send)
