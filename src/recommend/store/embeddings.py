"""The embeddings of articles, of each encoder by its fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, delete, exists, select, update

from recommend.articles.article import Article
from recommend.fingerprint import SEPARATOR, base_fingerprint
from recommend.store import revisions
from recommend.store.boilerplate import SharedSentences
from recommend.store.database import Watch, reading, upsert
from recommend.store.rows import (
    ARTICLE,
    FloatArray,
    HasText,
    Unreadable,
    article_or_fault,
    embedding_row,
    lacks_vector,
    some_at_a_time,
    vector_of,
)
from recommend.store.salvage import readable
from recommend.store.schema import articles, embeddings

_DROPPED_AT_ONCE = 500


class Embeddings:
    """The embeddings of a store. An embedding counts as long as title and body, without what is boilerplate, are those
    it was made from. Safe to share between threads; every write is durable when the method returns."""

    def __init__(self, engine: Engine, watch: Watch, boilerplate: SharedSentences) -> None:
        self._engine = engine
        self._watch = watch
        self._boilerplate = boilerplate

    def put(
        self, vectors: Sequence[tuple[HasText, FloatArray]], fingerprint: str, *, bump_revision: bool = False
    ) -> None:
        """Adds embeddings of articles that are already stored; those whose text has changed since, or that were taken
        down, get none. No revision changes, unless ``bump_revision``: then readers of the live snapshot take them
        up."""
        if not vectors:
            return
        with self._watch.writing() as connection:
            present = _text_hashes(connection, [text.id for text, _ in vectors])
            rows = [
                embedding_row(t.id, t.text_hash, v, fingerprint) for t, v in vectors if present.get(t.id) == t.text_hash
            ]
            upsert(connection, embeddings, rows)
            if bump_revision and rows:
                first = revisions.take(connection, len(rows))
                this = update(articles).where(articles.c.id == bindparam("this")).values(revision=bindparam("next"))
                numbered = enumerate((row["article_id"] for row in rows), start=first)
                connection.execute(this, [{"this": article_id, "next": revision} for revision, article_id in numbered])

    def text_hashes(self, ids: Iterable[str], fingerprint: str) -> dict[str, bytes]:
        """The text hash from which each of ``ids`` was embedded by the encoder of ``fingerprint``."""
        query = select(embeddings.c.article_id, embeddings.c.text_hash).where(embeddings.c.fingerprint == fingerprint)
        hashes: dict[str, bytes] = {}
        with reading(self._engine) as connection:
            for some in some_at_a_time(ids):
                rows = connection.execute(query.where(embeddings.c.article_id.in_(some)))
                hashes.update((row.article_id, row.text_hash) for row in rows)
        return hashes

    def of_relatives(self, texts: Iterable[HasText], fingerprint: str) -> dict[str, FloatArray]:
        """By article id, embeddings (d,) float32 of just these texts by encoders that differ from that of
        ``fingerprint`` at most in how much of long texts they read."""
        hashes = {text.id: text.text_hash for text in texts}
        base, made_by = base_fingerprint(fingerprint), embeddings.c.fingerprint
        alike = (made_by == base) | made_by.startswith(base + SEPARATOR, autoescape=True)
        columns = embeddings.c.article_id, embeddings.c.text_hash, embeddings.c.vector
        query = select(*columns).where(alike, made_by != fingerprint).order_by(made_by)
        vectors: dict[str, FloatArray] = {}
        with reading(self._engine) as connection:
            for some in some_at_a_time(hashes):
                for row in connection.execute(query.where(embeddings.c.article_id.in_(some))):
                    if hashes[row.article_id] != row.text_hash:
                        continue
                    with suppress(ValueError):  # what cannot be read is made anew
                        vector = vector_of(row.vector)
                        if vector is not None:
                            vectors[row.article_id] = vector
        return vectors

    def lacking(self, fingerprint: str, limit: int, after: str = "") -> list[Article]:
        """Up to ``limit`` articles that lack a current embedding of the encoder, without their boilerplate, by id, from
        after ``after`` on; those whose rows cannot be used are left out."""
        query = (
            select(*ARTICLE)
            .where(articles.c.id > after, lacks_vector(fingerprint))
            .order_by(articles.c.id)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            usable = self._usable(connection, query)
        return sorted(usable, key=lambda article: article.id)

    def all_lacking(self, fingerprint: str, size: int) -> Iterator[list[Article]]:
        """All articles that lack a current embedding of the encoder, without what is boilerplate, up to ``size`` at a
        time, each once, in the order of revisions; those whose rows cannot be used are left out."""
        after = 0
        lacking = lacks_vector(fingerprint)
        while True:
            some = select(articles.c.revision).where(articles.c.revision > after, lacking)
            with reading(self._engine) as connection:
                revisions = connection.execute(some.order_by(articles.c.revision).limit(size)).scalars().all()
                within = articles.c.revision > after, articles.c.revision <= max(revisions, default=after)
                lacking_articles = self._usable(connection, select(*ARTICLE).where(*within, lacking))
            if not revisions:
                return
            after = revisions[-1]
            if lacking_articles:
                yield lacking_articles

    @contextmanager
    def all_embedded(self, fingerprint: str, since: int) -> Iterator[bool]:
        """Keeps writers out while the block runs.

        Yields:
            Whether every article that changed after revision ``since`` has a current embedding of the encoder.
        """
        lacking = exists().where(articles.c.revision > since, lacks_vector(fingerprint))
        with self._watch.writing() as connection:
            revisions.lock(connection)
            yield not connection.execute(select(lacking)).scalar_one()

    def drop(self, fingerprint: str) -> int:
        """Removes all embeddings of an encoder, some in each transaction; no revision changes.

        Returns:
            How many were removed.
        """
        of_encoder = embeddings.c.fingerprint == fingerprint
        some = select(embeddings.c.article_id).where(of_encoder).limit(_DROPPED_AT_ONCE)
        dropped = 0
        while True:
            with self._watch.writing() as connection:
                ids = connection.execute(some).scalars().all()
                connection.execute(delete(embeddings).where(of_encoder, embeddings.c.article_id.in_(ids)))
            dropped += len(ids)
            if len(ids) < _DROPPED_AT_ONCE:
                return dropped

    def _usable(self, connection: Connection, query: Select[Any]) -> list[Article]:
        without = self._boilerplate.within(connection).without
        rows = readable(connection, query)
        usable = (row if isinstance(row, Unreadable) else article_or_fault(row) for row in rows)
        return [without(one) for one in usable if isinstance(one, Article)]


def _text_hashes(connection: Connection, ids: Sequence[str]) -> dict[str, bytes]:
    """By id, text hashes of the stored articles among ``ids``, whose rows are locked until the commit."""
    revisions.lock(connection)
    query = select(articles.c.id, articles.c.text_hash).where(articles.c.deleted_at.is_(None))
    hashes: dict[str, bytes] = {}
    for some in some_at_a_time(ids):
        hashes.update((row.id, row.text_hash) for row in connection.execute(query.where(articles.c.id.in_(some))))
    return hashes
