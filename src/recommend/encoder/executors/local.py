"""The engine that embeds on the cores of this machine."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

import numpy as np

from recommend.articles.article import Article
from recommend.encoder import Encoder
from recommend.encoder.executors.engine import Embedded, Text
from recommend.encoder.isolation import encode_each


class LocalEngine:
    """Embeds on the cores of this machine, one batch after another."""

    def __init__(self, encoder: Encoder, batch: int = 1024) -> None:
        self._encoder = encoder
        self.batch = batch

    def embeddings(self, batches: Iterable[Sequence[Article]]) -> Generator[Embedded]:
        """See :class:`Engine`."""
        for articles in batches:
            vectors, failures = encode_each(self._encoder, articles)
            done = [article for article in articles if article.text_hash in vectors]
            yield Embedded(
                [Text(article.id, article.text_hash) for article in done],
                np.array([vectors[article.text_hash] for article in done], np.float32),
                {a.id: failures[a.text_hash] for a in articles if a.text_hash in failures},
            )
