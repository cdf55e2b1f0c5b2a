"""How paths name articles."""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Scope

from recommend.articles.fields import same_id

SLASH = "\udc2f"
"""Stands in a decoded path for a slash that was sent as ``%2F``: no path decodes to half of a surrogate pair."""

_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)


class AnyId(Convertor[str]):
    """An article's id is opaque: slashes may be part of it, and so may line breaks, which ``path`` leaves out."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """The id, in the one form that ids are compared in."""
        return same_id(value.replace(SLASH, "/"))

    def to_string(self, value: str) -> str:
        """The id as it stands."""
        return value


register_url_convertor("id", AnyId())
ARTICLE = "{article_id:id}"
"""The part of a path that is an article's id."""


def raw_path(scope: Scope) -> bytes:
    """The path as it was sent; of servers that do not tell it, what it was decoded to."""
    sent: bytes | None = scope.get("raw_path")
    return sent if sent is not None else scope["path"].encode(errors="replace")


def keep_slashes(scope: Scope) -> Scope:
    """A request whose decoded path keeps slashes within an id (``%2F``) apart from those between the path's parts.

    So ``/v1/articles/a%2Frelated`` is the article ``a/related``, and not what is related to ``a``. The scope that was
    given stays as it is: the server has its own use for it.
    """
    sent: bytes | None = scope.get("raw_path")
    if sent is not None and b"%2" in sent:
        text = sent.decode("latin-1")
        if _ENCODED_SLASH.search(text):
            return {**scope, "path": SLASH.join(map(unquote, _ENCODED_SLASH.split(text)))}
    return scope
