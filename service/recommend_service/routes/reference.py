"""The API to read: a page of the OpenAPI document, which needs no script and no other server."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from recommend_service.http.reference import render_reference

router = APIRouter(include_in_schema=False)


@router.api_route("/docs", methods=["GET", "HEAD"])
async def docs(request: Request) -> Response:
    """What can be asked for, and how."""
    root = request.scope.get("root_path", "").rstrip("/")
    page = render_reference(request.app.openapi(), root)
    return Response(page, headers={"Cache-Control": "public, max-age=300"}, media_type="text/html; charset=utf-8")
