"""The real archive, and as many articles as are wanted made from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from recommend.arrays import to_float32
from recommend.articles.article import Article
from recommend.encoder import open_encoder
from recommend.index.dense import KINDS, VectorIndex
from recommend.settings import EncoderSettings
from recommend.store import Store

Halves = NDArray[np.float16]
IntArray = NDArray[np.int64]

_BLOCK = 65_536
_NEAR = 9


@dataclass(frozen=True)
class Mixed:
    """Points between real embeddings and near ones.

    Attributes:
        own, other: (m,) rows of the two; ``share`` (m,) 0 … 0.5, how much the other counts.
        vectors: (m, d) of unit length.
    """

    own: IntArray
    other: IntArray
    share: NDArray[np.float32]
    vectors: Halves


@dataclass(frozen=True)
class Growth:
    """Makes any number of embeddings from real ones (n, d), with the real ones' own neighbourhoods."""

    real: Halves

    @cached_property
    def near(self) -> IntArray:
        """(n, 9) rows of the nearest of each, itself among them; -1 where there are fewer."""
        index = VectorIndex.build(self.real, KINDS["ivf-pq"])
        blocks = np.array_split(self.real, 128)
        return np.concatenate([index.search_many(to_float32(block), _NEAR)[0] for block in blocks])

    def blocks(self, size: int) -> Iterator[Mixed]:
        """``size`` embeddings, the same ones each time."""
        chance = np.random.default_rng(6)
        for start in range(0, size, _BLOCK):
            own = chance.integers(0, len(self.real), min(_BLOCK, size - start))
            other = np.maximum(self.near[own, chance.integers(0, _NEAR, len(own))], 0)
            share = 0.5 * chance.random((len(own), 1), dtype=np.float32)
            mixed = (1 - share) * to_float32(self.real[own]) + share * to_float32(self.real[other])
            mixed += np.asarray(chance.normal(scale=0.01, size=mixed.shape), np.float32)
            mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
            yield Mixed(own, other, share[:, 0], mixed.astype(np.float16))

    def vectors(self, size: int) -> Halves:
        """(size, d), all in memory."""
        return np.concatenate([block.vectors for block in self.blocks(size)])


@dataclass(frozen=True)
class Archive:
    """The articles of the main job with the encoder's embeddings (n, d).

    Attributes:
        fingerprint: of that encoder.
    """

    articles: list[Article]
    growth: Growth
    fingerprint: str

    @classmethod
    def read(cls) -> Archive:
        """From the store that the benchmark ``main_job`` has left."""
        folder = report.KEPT / "current_events_2002_2024"
        fingerprint = open_encoder(EncoderSettings(), report.ROOT / "models").fingerprint
        store = Store(f"sqlite:///{folder}/recommend.db")
        if store.counts(fingerprint)["unembedded"] or not store.latest_revision():
            raise SystemExit("run the benchmark main_job first: its store has the real embeddings")
        with store.published(fingerprint) as (_, changes):
            found = [(change.article, change.embedding) for change in changes]
        store.close()
        articles = [article for article, vector in found if article is not None and vector is not None]
        vectors = np.array([vector for _, vector in found if vector is not None], np.float16)
        return cls(articles, Growth(vectors), fingerprint)

    def sampled(self, size: int) -> Iterator[tuple[list[Article], Halves]]:
        """Batches of ``size`` articles in all: some of the real ones, or more, made from pairs of them that are near.

        A made one has the date of one, the words of both, as many of each as its embedding has of each, and an id of
        its own. No word is new: there are fewer rare terms than in as many real articles.
        """
        if size <= len(self.articles):
            chosen = np.random.default_rng(5).permutation(len(self.articles))[:size]
            for rows in np.array_split(chosen, size // _BLOCK + 1):
                yield [self.articles[row] for row in rows], self.growth.real[rows]
            return
        chance = np.random.default_rng(8)
        for number, block in enumerate(self.growth.blocks(size)):
            pairs = zip(block.own.tolist(), block.other.tolist(), block.share.tolist(), strict=True)
            yield [self._made(number, i, *pair, chance) for i, pair in enumerate(pairs)], block.vectors

    def _made(self, block: int, i: int, own: int, other: int, share: float, chance: np.random.Generator) -> Article:
        first, second = self.articles[own], self.articles[other].text.split()
        words = first.text.split()
        for place in np.flatnonzero(chance.random(min(len(words), len(second))) < share):
            words[place] = second[place]
        text = " ".join(words)
        values = {"id": f"{first.id}-{block}-{i}", "title": " ".join(words[:18]), "text": text, "url": None}
        return first.model_copy(update=values)
