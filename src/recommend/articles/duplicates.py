"""Exact duplicates: articles with the same words share a group key (a fingerprint of the text)."""

from __future__ import annotations

import re
from hashlib import blake2b

from recommend.articles.article import Article

_ENOUGH_WORDS = 20
_WORD = re.compile(r"\w+")


def group_key(article: Article) -> int:
    """A 64-bit key that articles with the same text share, whatever their case, punctuation and markup.

    From 20 words on the body alone decides, so that wire copy under another headline is recognised; below that,
    headline and body together.
    """
    body = _WORD.findall(article.body.casefold())
    words = body if len(body) >= _ENOUGH_WORDS else _WORD.findall(article.title.casefold()) + body
    return int.from_bytes(blake2b(" ".join(words).encode(), digest_size=8).digest(), "little")
