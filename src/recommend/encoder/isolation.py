"""Encoding many articles of which some may be at fault."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.encoder.encoder import Encoder, encode_articles
from recommend.errors import EncoderError

FloatArray = NDArray[np.float32]


def encode_each(encoder: Encoder, articles: Sequence[Article]) -> tuple[dict[bytes, FloatArray], dict[bytes, str]]:
    """Embeddings (d,), and why there is none, by text hash.

    Raises:
        Exception: what the encoder raises when it fails on any text.
    """
    return _encode(encoder, articles, tried=False)


def _encode(
    encoder: Encoder, articles: Sequence[Article], *, tried: bool
) -> tuple[dict[bytes, FloatArray], dict[bytes, str]]:
    """When a batch fails, its halves are tried, down to the articles that are at fault."""
    if not articles:
        return {}, {}
    try:
        vectors = np.asarray(encode_articles(encoder, articles), np.float32)
        if not np.isfinite(vectors).all():
            raise EncoderError("an embedding has values that are not finite")
    except Exception as problem:  # whatever a text makes the encoder's runtime raise
        if not tried:
            encoder.encode(["A text that nothing is wrong with."])  # raises when it is the encoder that is at fault
        if len(articles) == 1:
            return {}, {articles[0].text_hash: str(problem) or type(problem).__name__}
        middle = len(articles) // 2
        halves = [_encode(encoder, half, tried=True) for half in (articles[:middle], articles[middle:])]
        return halves[0][0] | halves[1][0], halves[0][1] | halves[1][1]
    return {article.text_hash: vector for article, vector in zip(articles, vectors, strict=True)}, {}
