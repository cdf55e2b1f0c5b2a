"""Hands what Ghost's webhooks tell to the service: published and changed posts in, unpublished and deleted ones out.

    RELATED_ARTICLES_SERVICE=http://127.0.0.1:8000 RELATED_ARTICLES_KEY=… GHOST_SECRET=… python receiver.py --port 8020

Needs nothing but Python. Ghost repeats nothing that fails, so a sender that is answered 502 should be watched.
"""

from __future__ import annotations

import argparse
import hmac
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

_MOST = 8 << 20  # bytes of a body
_OLDEST = 300.0  # seconds
_VISIBILITY = {"public": "public", "members": "members"}  # others, "paid" and "tiers", are paid


def article(post: dict[str, Any]) -> dict[str, Any]:
    """A post of Ghost as an article."""
    tag = post.get("primary_tag") or {}
    return {
        "id": f"ghost-{post['id']}",
        "title": post["title"],
        "summary": post.get("custom_excerpt"),
        "text": post.get("html") or post.get("plaintext") or "",
        "url": post.get("url"),
        "image_url": post.get("feature_image"),
        "published_at": post.get("published_at"),
        "updated_at": post.get("updated_at"),
        "section": tag.get("name"),
        "tags": [one["name"] for one in post.get("tags") or [] if one.get("visibility", "public") == "public"],
        "authors": [one["name"] for one in post.get("authors") or []],
        "access": _VISIBILITY.get(post.get("visibility", "public"), "paid"),
    }


def change(body: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """The id that a webhook is about, and the article as it is now, None where it is public no more.

    Raises:
        ValueError: it tells of no post.
    """
    told = body.get("post") or body.get("page") or {}
    now, before = told.get("current") or {}, told.get("previous") or {}
    identity = str(now.get("id") or before.get("id") or "")
    if not identity:
        raise ValueError("tells of no post")
    shown = now.get("status") == "published"
    return f"ghost-{identity}", article(now) if shown else None


def signed(secret: str, body: bytes, header: str, now: float) -> bool:
    """Whether Ghost's header ``X-Ghost-Signature`` (``sha256=…, t=…``) is of this body, this secret and this time."""
    found = re.fullmatch(r"sha256=([0-9a-f]{64}), ?t=(\d{1,16})", header)
    if found is None or abs(now - int(found[2]) / 1000) > _OLDEST:
        return False
    wanted = hmac.new(secret.encode(), body + found[2].encode(), "sha256").hexdigest()
    return hmac.compare_digest(wanted, found[1])


def send(service: str, key: str, identity: str, given: dict[str, Any] | None) -> None:
    """Puts an article, or takes it down.

    Raises:
        OSError: the service did not take it.
    """
    request = urllib.request.Request(
        f"{service.rstrip('/')}/v1/articles/{quote(identity, safe='')}",
        method="DELETE" if given is None else "PUT",
        data=None if given is None else json.dumps(given).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=30).close()


class Receiver(BaseHTTPRequestHandler):
    """Takes webhooks, as the environment says."""

    def do_POST(self) -> None:
        """One webhook."""
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= _MOST:
            return self._answer(413)
        body = self.rfile.read(length)
        if not signed(os.environ["GHOST_SECRET"], body, self.headers.get("X-Ghost-Signature", ""), time.time()):
            return self._answer(401)
        try:
            identity, given = change(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            self.log_error("not understood: %r", problem)
            return self._answer(422)
        try:
            send(os.environ["RELATED_ARTICLES_SERVICE"], os.environ["RELATED_ARTICLES_KEY"], identity, given)
        except OSError as problem:
            self.log_error("%s was not handed on: %s", identity, problem)
            return self._answer(502)
        return self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main() -> None:
    """Serves until it is stopped."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--host", default="127.0.0.1")
    given.add_argument("--port", type=int, default=8020)
    chosen = given.parse_args()
    missing = [
        name
        for name in ("RELATED_ARTICLES_SERVICE", "RELATED_ARTICLES_KEY", "GHOST_SECRET")
        if not os.environ.get(name)
    ]
    if missing:
        sys.exit(f"set {', '.join(missing)} in the environment")
    ThreadingHTTPServer((chosen.host, chosen.port), Receiver).serve_forever()


if __name__ == "__main__":
    main()
