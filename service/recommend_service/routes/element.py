"""The custom element that a page loads: served whatever else the service shows."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from fastapi import APIRouter, Request, Response

from recommend_service.http.web import WEB

NAME = "related-articles.js"

router = APIRouter(include_in_schema=False)


@router.api_route(f"/assets/{NAME}", methods=["GET", "HEAD"])
async def element(request: Request) -> Response:
    """The script. Under ``?v=`` and its version it may be kept for a year, else for five minutes."""
    body, version = _read()
    kept = "31536000, immutable" if request.query_params.get("v") == version else "300"
    headers = {
        "Access-Control-Allow-Origin": "*",  # a script with a hash is only run where it may be read
        "Cache-Control": f"public, max-age={kept}",
        "ETag": f'"{version}"',
    }
    if version in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="text/javascript; charset=utf-8")


@cache
def _read() -> tuple[bytes, str]:
    body = (WEB / NAME).read_bytes()
    return body, sha256(body).hexdigest()[:16]
