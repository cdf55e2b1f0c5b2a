"""Engines spread the embedding of many articles: over this machine's cores, or over a Ray cluster."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.encoder import Encoder
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


def open_engine(name: EngineName, encoder: Encoder, settings: Settings) -> Engine:
    """The engine of this name for an encoder that the settings name.

    Raises:
        EngineError: when the engine's package is missing.
    """
    if name is EngineName.LOCAL:
        from recommend.encoder.executors.local import LocalEngine

        return LocalEngine(encoder)
    from recommend.encoder.executors.ray import RayEngine

    return RayEngine(encoder, settings)
