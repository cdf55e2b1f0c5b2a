"""Security headers of every response, added by :mod:`recommend_service.middleware.request_context`.

Strict-Transport-Security is left to the proxy that ends TLS: this process does not know whether there is one.
"""

from __future__ import annotations

from recommend_service.http.sessions import DESK

_EVERYWHERE = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
]
_DATA = [
    *_EVERYWHERE,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
]
_MARKUP = [  # a part of a page, or a page in a frame: it may show pictures of any site, and runs nothing
    *_EVERYWHERE,
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; img-src 'self' http: https:"),
]
_PAGES = [
    *_EVERYWHERE,
    (b"content-security-policy", b"default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"),
    (b"x-frame-options", b"SAMEORIGIN"),
]
_DESK = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-frame-options", b"DENY"),
]


def secure_headers(path: str) -> list[tuple[bytes, bytes]]:
    """The security headers of a path: strictest for JSON, for the site's pages what the custom element needs."""
    if path.startswith("/v1/") and path.endswith("/related.html"):
        return _MARKUP
    if path == DESK or path.startswith(f"{DESK}/"):
        return _DESK
    return _DATA if path.startswith("/v1/") else _PAGES
