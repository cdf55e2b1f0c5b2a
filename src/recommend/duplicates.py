"""Groups of articles that tell readers the same words twice."""

from __future__ import annotations

from hashlib import blake2b

from recommend.article import Article
from recommend.text import terms

_ENOUGH_WORDS = 20


def group_key(article: Article) -> int:
    """A 64-bit key that articles with the same text share, whatever their case, accents, punctuation and markup.

    From 20 words on the body alone decides, so that wire copy under another headline is recognised; below that,
    headline and body together.
    """
    body = terms(article.body)
    words = body if len(body) >= _ENOUGH_WORDS else terms(article.title) + body
    return int.from_bytes(blake2b(" ".join(words).encode(), digest_size=8).digest(), "little")
