"""Files of pages: style sheets, scripts and images, which browsers keep for as long as they stay what they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from fastapi import Request, Response

from recommend_service.http.web import WEB

_CSS, _SCRIPT, _SVG = "text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"
_FILES = {  # by name: where below WEB, and what they are
    "related-articles.js": ("element/related-articles.js", _SCRIPT),
    "related-box.css": ("element/related-box.css", _CSS),
    "tokens.css": ("tokens.css", _CSS),
    "site.css": ("site/site.css", _CSS),
    "desk.css": ("desk/desk.css", _CSS),
    "desk.js": ("desk/desk.js", _SCRIPT),
    "reference.css": ("reference/reference.css", _CSS),
    "favicon.svg": ("site/favicon.svg", _SVG),
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load.

    Attributes:
        version: changes with its bytes.
    """

    body: bytes
    media_type: str
    version: str

    def response(self, request: Request) -> Response:
        """The file: for a year to who asked for this version of it by ``?v=``, else for five minutes."""
        kept = "31536000, immutable" if request.query_params.get("v") == self.version else "300"
        headers = {
            "Access-Control-Allow-Origin": "*",  # a script with a hash is only run where it may be read
            "Cache-Control": f"public, max-age={kept}",
            "ETag": f'W/"{self.version}"',  # its bytes are others where it is compressed
        }
        if self.version in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers={**headers, "Vary": "Accept-Encoding"})
        return Response(self.body, headers=headers, media_type=self.media_type)


def asset(name: str) -> Asset | None:
    """The file of a name, as it is when it is asked for first; None where pages load none of that name.

    Raises:
        OSError: it is missing.
    """
    return _read(name) if name in _FILES else None


def asset_path(name: str) -> str:
    """Where this version of a file is served, below the root of the service.

    Raises:
        KeyError: pages load none of that name.
        OSError: it is missing.
    """
    return f"/assets/{name}?v={_read(name).version}"


@cache
def _read(name: str) -> Asset:
    path, media_type = _FILES[name]
    body = (WEB / path).read_bytes()
    return Asset(body, media_type, sha256(body).hexdigest()[:16])
