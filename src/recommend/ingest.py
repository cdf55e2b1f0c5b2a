"""The write side: articles in, row and embedding committed together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from typing import Literal

import numpy as np

from recommend.article import Article
from recommend.encoder import Encoder, encode_articles
from recommend.errors import EncoderError
from recommend.store import FloatArray, Known, Store

BATCH = 1024

Failed = Callable[[str, str], object]
"""Called with the id of an article whose embedding failed, and the reason."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one article.

    Attributes:
        kind: ``taken_down``: left out, because its id was taken down.
        revision: at which it last changed; None when it was left out.
        embedded: whether an embedding was made.
        failure: why none was made although it lacks one.
    """

    kind: Literal["added", "changed", "unchanged", "taken_down"]
    revision: int | None
    embedded: bool
    failure: str | None = None


@dataclass(slots=True)
class IngestCounts:
    """What became of the articles of a run.

    Attributes:
        failed: stored without an embedding, because that failed; the next run tries again.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    taken_down: int = 0
    embedded: int = 0
    failed: int = 0

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
            counts.failed += outcome.failure is not None
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
    encoder: Encoder | None,
    articles: Iterable[Article],
    *,
    republish: bool = False,
    progress: Callable[[IngestCounts], None] = lambda _: None,
    on_failure: Failed = lambda _id, _reason: None,
) -> IngestCounts:
    """Stores articles in batches: each batch is durable before the next begins, and only what changed is embedded.

    An article whose embedding fails is stored without one; the next run, and ``reindex``, try again.

    Args:
        store: where to.
        encoder: makes the embeddings; None leaves them to ``reindex``.
        articles: in any number; of two with one id the later wins.
        republish: also store articles whose id was taken down; otherwise they are left out and counted, because a
            nightly file that still carries a story must not bring it back.
        progress: called after each batch with that batch's counts.
        on_failure: called for each article whose embedding failed.

    Raises:
        EncoderError: when the encoder fails on any text.
    """
    total = IngestCounts()
    for batch in _batches(articles):
        outcomes = put_batch(store, encoder, batch, republish=republish)
        for article_id, outcome in outcomes.items():
            if outcome.failure is not None:
                on_failure(article_id, outcome.failure)
        counts = IngestCounts.of(outcomes.values())
        total += counts
        progress(counts)
    return total


def embed_missing(
    store: Store,
    encoder: Encoder,
    *,
    progress: Callable[[int], None] = lambda _: None,
    batch: int = BATCH,
    on_failure: Failed | None = None,
) -> int:
    """Embeds every article that lacks a current embedding of the encoder; each batch is durable before the next.

    Args:
        store: the articles.
        encoder: makes the embeddings.
        progress: called with the number of each batch.
        batch: how many at a time.
        on_failure: called for each article whose embedding fails, which stays without one; logs them when not given.

    Returns:
        How many were embedded.

    Raises:
        EncoderError: when the encoder fails on any text.
    """
    on_failure = on_failure or (lambda id_, reason: logger.warning("article %r was not embedded: %s", id_, reason))
    after, total = "", 0
    while articles := store.unembedded(encoder.fingerprint, batch, after):
        vectors, failures = _encode_once(encoder, articles)
        done = [(article, vectors[article.id]) for article in articles if article.id in vectors]
        store.put_embeddings(done, encoder.fingerprint)
        for article_id, reason in failures.items():
            on_failure(article_id, reason)
        after = articles[-1].id
        total += len(done)
        progress(len(articles))
    return total


def put_batch(
    store: Store, encoder: Encoder | None, batch: Mapping[str, Article], *, republish: bool = True
) -> dict[str, Outcome]:
    """Stores articles by id in one transaction and tells what became of each; only what changed is embedded.

    Args:
        store: where to.
        encoder: makes the embeddings; None leaves them to ``reindex``.
        batch: a bounded number.
        republish: also those whose id was taken down, see :func:`ingest`.
    """
    known = store.known(batch)
    held = {id_: known[id_] for id_ in batch if id_ in known}
    refused = set() if republish else {id_ for id_, state in held.items() if state.deleted}
    offered = [article for id_, article in batch.items() if id_ not in refused]
    vectors: dict[str, FloatArray] = {}
    failures: dict[str, str] = {}
    stale: list[Article] = []
    if encoder is not None:
        embedded = store.embedded((article.id for article in offered), encoder.fingerprint)
        stale = [article for article in offered if embedded.get(article.id) != article.text_hash]
        vectors, failures = _encode_once(encoder, stale)
    changed = [article for article in offered if _differs(article, held.get(article.id))]
    fingerprint = "" if encoder is None else encoder.fingerprint
    found = store.put([(article, vectors.get(article.id)) for article in changed], fingerprint, republish=republish)
    revisions = dict(zip((article.id for article in changed), found, strict=True))
    store.put_embeddings(
        [(article, vectors[article.id]) for article in stale if article.id in vectors.keys() - revisions.keys()],
        fingerprint,
    )

    def outcome(id_: str) -> Outcome:
        before, revision = held.get(id_), revisions.get(id_)
        if id_ in refused or revision == 0:  # 0: taken down while the batch was being embedded
            return Outcome("taken_down", None, id_ in vectors)
        if revision is None:
            return Outcome("unchanged", None if before is None else before.revision, id_ in vectors, failures.get(id_))
        kind: Literal["added", "changed"] = "added" if before is None or before.deleted else "changed"
        return Outcome(kind, revision, id_ in vectors, failures.get(id_))

    return {id_: outcome(id_) for id_ in batch}


def _encode_once(encoder: Encoder, articles: list[Article]) -> tuple[dict[str, FloatArray], dict[str, str]]:
    """Embeddings, and why there is none, by id. Equal texts share an encoding."""
    distinct = {article.text_hash: article for article in articles}
    vectors, failures = _encode(encoder, list(distinct.values()))
    hashes = {article.id: article.text_hash for article in articles}
    found = {id_: vectors[key] for id_, key in hashes.items() if key in vectors}
    return found, {id_: failures[key] for id_, key in hashes.items() if key in failures}


def _encode(
    encoder: Encoder, articles: list[Article], *, tried: bool = False
) -> tuple[dict[bytes, FloatArray], dict[bytes, str]]:
    """The same by text hash. When a batch fails, its halves are tried, down to the articles that are at fault."""
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


def _differs(article: Article, held: Known | None) -> bool:
    return held is None or held.deleted or held.content_hash != article.content_hash


def _has_embedding(store: Store, encoder: Encoder, article: Article) -> bool:
    return store.embedded([article.id], encoder.fingerprint).get(article.id) == article.text_hash


def _batches(articles: Iterable[Article]) -> Iterator[dict[str, Article]]:
    remaining = iter(articles)
    while batch := {article.id: article for article in islice(remaining, BATCH)}:
        yield batch
