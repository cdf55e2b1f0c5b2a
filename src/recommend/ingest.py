"""The write side: articles in, row and embedding committed together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from typing import Literal

from recommend.articles.article import Article
from recommend.collisions import Collision, repeated, with_stored
from recommend.encoder import Encoder, encode_articles
from recommend.encoder.executors.engine import Engine
from recommend.encoder.executors.local import LocalEngine
from recommend.encoder.isolation import encode_each
from recommend.encoder.preparation import is_short
from recommend.store import Store
from recommend.store.rows import FloatArray, StoredState, vector_fault

BATCH = 1024

Failed = Callable[[str, str], object]
"""Called with the id of an article whose embedding failed, and the reason."""

Collided = Callable[[Collision], object]
"""Called for each story that meets another under one id or one address."""

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
    read = store.boilerplate.read().without(article)
    new = known is None or known.deleted
    stale = bool(_stale(store, encoder, [read]))
    if known is not None and known.holds(article) and not stale:
        revision = store.revision_of(article.id) if store.get(article.id) is not None else None
        if revision is not None:
            return revision, False
    vector = encode_articles(encoder, [read])[0] if new or stale else None
    written = store.write([(article, vector)], encoder.fingerprint)[0]
    return written.revision, written.before is None or written.before.deleted


def ingest(
    store: Store,
    encoder: Encoder | None,
    articles: Iterable[Article],
    *,
    republish: bool = False,
    progress: Callable[[IngestCounts], None] = lambda _: None,
    on_failure: Failed = lambda _id, _reason: None,
    on_collision: Collided = lambda _: None,
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
        on_collision: called for each story that replaces another one of its id, or shares its address.

    Raises:
        EncoderError: when the encoder fails on any text.
    """
    total, since = IngestCounts(), store.latest_revision()
    for batch in _batches(articles, on_collision):

        def tell(changed: list[Article], held: Mapping[str, StoredState]) -> None:
            for collision in with_stored(store, changed, held, since):
                on_collision(collision)

        outcomes = put_batch(store, encoder, batch, republish=republish, on_change=tell)
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
    engine: Engine | None = None,
    *,
    progress: Callable[[int], None] = lambda _: None,
    bump_revision: bool = False,
    on_failure: Failed | None = None,
) -> int:
    """Embeds every article that lacks a current embedding of the encoder; each batch is stored as soon as it is ready.

    Short texts keep the embedding that they have of an encoder that differs only in how much of long texts it reads.

    Args:
        store: the articles.
        encoder: whose embeddings.
        engine: makes them with this encoder; by default the cores of this machine.
        progress: gets the size of each batch that is durable.
        bump_revision: for the encoder of the live snapshot, see :meth:`~recommend.store.embeddings.Embeddings.put`.
        on_failure: called for each article whose embedding fails, which stays without one; logs them when not given.

    Returns:
        How many were embedded.

    Raises:
        EncoderError: when the encoder fails on any text.
        EngineError: when the engine fails; what was reported is stored, the rest the next run's work.
    """
    on_failure = on_failure or (lambda id_, reason: logger.warning("article %r was not embedded: %s", id_, reason))
    engine, total = engine or LocalEngine(encoder, BATCH), 0

    def remaining() -> Iterator[list[Article]]:
        for batch in store.embeddings.all_lacking(encoder.fingerprint, engine.batch):
            held = _held(store, encoder, batch)
            if held:
                kept = [(article, held[article.id]) for article in batch if article.id in held]
                store.embeddings.put(kept, encoder.fingerprint, bump_revision=bump_revision)
                progress(len(kept))
            if len(held) < len(batch):
                yield [article for article in batch if article.id not in held]

    with closing(engine.embeddings(remaining())) as ready:
        for done in ready:
            store.embeddings.put(
                list(zip(done.texts, done.vectors, strict=True)), encoder.fingerprint, bump_revision=bump_revision
            )
            for article_id, reason in done.failures.items():
                on_failure(article_id, reason)
            total += len(done.texts)
            progress(len(done.texts) + len(done.failures))
    return total


def put_batch(
    store: Store,
    encoder: Encoder | None,
    batch: Mapping[str, Article],
    *,
    republish: bool = True,
    on_change: Callable[[list[Article], Mapping[str, StoredState]], object] = lambda _articles, _held: None,
) -> dict[str, Outcome]:
    """Stores articles by id in one transaction and returns the outcome of each; only what changed is embedded.

    Args:
        store: where to.
        encoder: makes the embeddings; None leaves them to ``reindex``.
        batch: a bounded number.
        republish: also those whose id was taken down, see :func:`ingest`.
        on_change: called with the articles that are new or changed, and what is held of the batch.
    """
    known = store.known(batch)
    held = {id_: known[id_] for id_ in batch if id_ in known}
    refused = set() if republish else {id_ for id_, state in held.items() if state.deleted}
    offered = [article for id_, article in batch.items() if id_ not in refused]
    vectors: dict[str, FloatArray] = {}
    embedded: dict[str, FloatArray] = {}
    failures: dict[str, str] = {}
    stale: list[Article] = []
    if encoder is not None:
        stale = _stale(store, encoder, [*map(store.boilerplate.read().without, offered)])
        kept = _held(store, encoder, stale)
        embedded, failures = _encode_once(encoder, [article for article in stale if article.id not in kept])
        vectors = kept | embedded
    changed = [article for article in offered if (one := held.get(article.id)) is None or not one.holds(article)]
    on_change(changed, held)
    fingerprint = "" if encoder is None else encoder.fingerprint
    outcomes = store.write(
        [(article, vectors.get(article.id)) for article in changed], fingerprint, republish=republish
    )
    written = dict(zip((article.id for article in changed), outcomes, strict=True))
    store.embeddings.put(
        [(article, vectors[article.id]) for article in stale if article.id in vectors.keys() - written.keys()],
        fingerprint,
    )

    def outcome(id_: str) -> Outcome:
        mine = written.get(id_)
        if id_ in refused or (mine is not None and mine.revision == 0):  # 0: taken down while it was being embedded
            return Outcome("taken_down", None, id_ in embedded)
        before = held.get(id_) if mine is None else mine.before  # another process may have written it meanwhile
        revision = mine.revision if mine is not None else None if before is None else before.revision
        kind: Literal["added", "changed", "unchanged"] = "unchanged"
        if before is None or before.deleted:
            kind = "added"
        elif mine is not None and not before.holds(batch[id_]):
            kind = "changed"
        return Outcome(kind, revision, id_ in embedded, failures.get(id_))

    return {id_: outcome(id_) for id_ in batch}


def _held(store: Store, encoder: Encoder, articles: Sequence[Article]) -> dict[str, FloatArray]:
    """By id, stored embeddings of short articles by other encoders that can be reused: they differ only in how much of
    long texts they read."""
    short = [article for article in articles if is_short(article, encoder.max_tokens)]
    found = store.embeddings.of_relatives(short, encoder.fingerprint) if short else {}
    return {id_: vector for id_, vector in found.items() if vector_fault(vector, encoder.dimension) is None}


def _encode_once(encoder: Encoder, articles: list[Article]) -> tuple[dict[str, FloatArray], dict[str, str]]:
    """Embeddings, and why there is none, by id. Equal texts share an encoding."""
    distinct = {article.text_hash: article for article in articles}
    vectors, failures = encode_each(encoder, list(distinct.values()))
    hashes = {article.id: article.text_hash for article in articles}
    by_id = {id_: vectors[key] for id_, key in hashes.items() if key in vectors}
    return by_id, {id_: failures[key] for id_, key in hashes.items() if key in failures}


def _stale(store: Store, encoder: Encoder, articles: Sequence[Article]) -> list[Article]:
    """Articles without a current embedding of the encoder: never embedded, or title or body changed since."""
    embedded = store.embeddings.text_hashes((article.id for article in articles), encoder.fingerprint)
    return [article for article in articles if embedded.get(article.id) != article.text_hash]


def _batches(articles: Iterable[Article], on_collision: Collided) -> Iterator[dict[str, Article]]:
    remaining, batch = iter(articles), dict[str, Article]()
    for article in remaining:
        if (earlier := batch.get(article.id)) is not None and (collision := repeated(earlier, article)) is not None:
            on_collision(collision)
        batch[article.id] = article
        if len(batch) == BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch
