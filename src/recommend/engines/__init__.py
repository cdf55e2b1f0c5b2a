"""Engines spread the embedding of many articles: over this machine's cores, or over a Ray cluster."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.encoder import Encoder
from recommend.encoder.isolation import encode_each
from recommend.settings import Settings

FloatArray = NDArray[np.float32]


class EngineName(StrEnum):
    """The engines there are."""

    LOCAL = "local"
    RAY = "ray"


class Text(NamedTuple):
    """Which text of which article an embedding was made from."""

    id: str
    text_hash: bytes


class Embedded(NamedTuple):
    """What became of a batch: n texts with their embeddings (n, d) float32, and by article id why one has none."""

    texts: list[Text]
    vectors: FloatArray
    failures: dict[str, str]


class Engine(Protocol):
    """Anything that embeds batches of articles.

    Attributes:
        batch: articles a batch; a batch is embedded in one call of the encoder.
    """

    @property
    def batch(self) -> int: ...

    def embeddings(self, batches: Iterable[Sequence[Article]]) -> Generator[Embedded]:
        """What became of each batch, in the order in which they are ready."""
        ...


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


def open_engine(name: EngineName, encoder: Encoder, settings: Settings) -> Engine:
    """The engine of this name for an encoder that the settings name.

    Raises:
        EngineError: when the engine's package is missing.
    """
    if name is EngineName.LOCAL:
        return LocalEngine(encoder)
    from recommend.engines.cluster import RayEngine

    return RayEngine(encoder, settings)


__all__ = ["Embedded", "Engine", "EngineName", "LocalEngine", "Text", "open_engine"]
