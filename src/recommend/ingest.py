"""The write side: articles in, row and embedding committed together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from itertools import islice
from typing import Literal

import numpy as np

from recommend.article import Article
from recommend.encoder import Encoder, encode_articles
from recommend.engines import Engine, LocalEngine
from recommend.store import FloatArray, Known, Store

BATCH = 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one article.

    Attributes:
        kind: ``taken_down``: left out, because its id was taken down.
        revision: at which it last changed; None when it was left out.
        embedded: whether an embedding was made.
    """

    kind: Literal["added", "changed", "unchanged", "taken_down"]
    revision: int | None
    embedded: bool


@dataclass(slots=True)
class IngestCounts:
    """What became of the articles of a run."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    taken_down: int = 0
    embedded: int = 0

    @property
    def total(self) -> int:
        """Articles that were looked at."""
        return self.added + self.changed + self.unchanged + self.taken_down

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> IngestCounts:
        """The counts of some outcomes."""
        counts = cls()
        for outcome in outcomes:
            setattr(counts, outcome.kind, getattr(counts, outcome.kind) + 1)
            counts.embedded += outcome.embedded
        return counts

    def __iadd__(self, other: IngestCounts) -> IngestCounts:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


def put(store: Store, encoder: Encoder, article: Article) -> tuple[int, bool]:
    """Stores one article with its embedding, whatever it was before: a takedown is lifted.

    Returns:
        Its revision, and whether it is new (or was taken down).
    """
    known = store.known([article.id]).get(article.id)
    new = known is None or known.deleted
    if known is not None and not new and known.content_hash == article.content_hash:
        revision = store.revision_of(article.id)
        if revision is not None and _has_embedding(store, encoder, article):
            return revision, False
    vector = None if not new and _has_embedding(store, encoder, article) else encode_articles(encoder, [article])[0]
    return store.put([(article, vector)], encoder.fingerprint)[0], new


def ingest(
    store: Store,
    encoder: Encoder,
    articles: Iterable[Article],
    *,
    republish: bool = False,
    progress: Callable[[IngestCounts], None] = lambda _: None,
) -> IngestCounts:
    """Stores articles in batches: each batch is durable before the next begins, and only what changed is embedded.

    Args:
        store: where to.
        encoder: makes the embeddings.
        articles: in any number; of two with one id the later wins.
        republish: also store articles whose id was taken down; otherwise they are left out and counted, because a
            nightly file that still carries a story must not bring it back.
        progress: called after each batch with that batch's counts.
    """
    total = IngestCounts()
    for batch in _batches(articles):
        counts = IngestCounts.of(put_batch(store, encoder, batch, republish=republish).values())
        total += counts
        progress(counts)
    return total


def embed_missing(
    store: Store,
    encoder: Encoder,
    engine: Engine | None = None,
    *,
    progress: Callable[[int], None] = lambda _: None,
    announce: bool = False,
) -> int:
    """Embeds every article that lacks a current embedding of the encoder; each batch is stored as soon as it is ready.

    Args:
        store: the articles.
        encoder: whose embeddings.
        engine: makes them with this encoder; by default the cores of this machine.
        progress: gets the size of each batch that is durable.
        announce: for the encoder of the live snapshot, see :meth:`~recommend.store.Store.put_embeddings`.

    Returns:
        How many were embedded.

    Raises:
        EngineError: when the engine fails; what was reported is stored, the rest the next run's work.
    """
    engine, total = engine or LocalEngine(encoder, BATCH), 0
    with closing(engine.embeddings(_unembedded(store, encoder.fingerprint, engine.batch))) as ready:
        for texts, vectors in ready:
            store.put_embeddings(list(zip(texts, vectors, strict=True)), encoder.fingerprint, announce=announce)
            total += len(texts)
            progress(len(texts))
    return total


def _unembedded(store: Store, fingerprint: str, batch: int) -> Iterator[list[Article]]:
    """Batches, by id, each article once, however late its embedding comes."""
    after = ""
    while articles := store.unembedded(fingerprint, batch, after):
        after = articles[-1].id
        yield articles


def put_batch(
    store: Store, encoder: Encoder, batch: Mapping[str, Article], *, republish: bool = True
) -> dict[str, Outcome]:
    """Stores articles by id in one transaction and tells what became of each; only what changed is embedded.

    Args:
        store: where to.
        encoder: makes the embeddings.
        batch: a bounded number.
        republish: also those whose id was taken down, see :func:`ingest`.
    """
    known = store.known(batch)
    held = {id_: known[id_] for id_ in batch if id_ in known}
    refused = set() if republish else {id_ for id_, state in held.items() if state.deleted}
    offered = [article for id_, article in batch.items() if id_ not in refused]
    embedded = store.embedded((article.id for article in offered), encoder.fingerprint)
    stale = [article for article in offered if embedded.get(article.id) != article.text_hash]
    vectors = _encode_once(encoder, stale)
    changed = [article for article in offered if _differs(article, held.get(article.id))]
    found = store.put(
        [(article, vectors.get(article.id)) for article in changed], encoder.fingerprint, republish=republish
    )
    revisions = dict(zip((article.id for article in changed), found, strict=True))
    store.put_embeddings(
        [(article, vectors[article.id]) for article in stale if article.id not in revisions], encoder.fingerprint
    )

    def outcome(id_: str) -> Outcome:
        before, revision = held.get(id_), revisions.get(id_)
        if id_ in refused or revision == 0:  # 0: taken down while the batch was being embedded
            return Outcome("taken_down", None, id_ in vectors)
        if revision is None:
            return Outcome("unchanged", None if before is None else before.revision, id_ in vectors)
        return Outcome("added" if before is None or before.deleted else "changed", revision, id_ in vectors)

    return {id_: outcome(id_) for id_ in batch}


def _encode_once(encoder: Encoder, articles: list[Article]) -> dict[str, FloatArray]:
    """Equal texts share an encoding."""
    distinct = {article.text_hash: article for article in articles}
    if not distinct:
        return {}
    vectors = dict(zip(distinct, encode_articles(encoder, list(distinct.values())), strict=True))
    return {article.id: np.asarray(vectors[article.text_hash], np.float32) for article in articles}


def _differs(article: Article, held: Known | None) -> bool:
    return held is None or held.deleted or held.content_hash != article.content_hash


def _has_embedding(store: Store, encoder: Encoder, article: Article) -> bool:
    return store.embedded([article.id], encoder.fingerprint).get(article.id) == article.text_hash


def _batches(articles: Iterable[Article]) -> Iterator[dict[str, Article]]:
    remaining = iter(articles)
    while batch := {article.id: article for article in islice(remaining, BATCH)}:
        yield batch
