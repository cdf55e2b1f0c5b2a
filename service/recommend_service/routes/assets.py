"""The files of all pages, the custom element among them: served whatever else the service shows."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, HTTPException, Request, Response

from recommend_service.http.assets import asset

router = APIRouter(include_in_schema=False)


@router.api_route("/assets/{name}", methods=["GET", "HEAD"])
async def serve(request: Request, name: str) -> Response:
    """A style sheet, a script or an image."""
    content = asset(name)
    if content is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such file")
    return content.response(request)
