"""The published articles as of one revision: what a snapshot is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from recommend.articles.article import Article, Status
from recommend.store import revisions
from recommend.store.database import reading
from recommend.store.rows import (
    ARTICLE,
    Published,
    Unreadable,
    article_or_fault,
    error_summary,
    some_at_a_time,
    vector_of,
    with_vectors,
)
from recommend.store.salvage import readable, readable_batches
from recommend.store.schema import articles, embeddings

_ROWS_A_BATCH = 2000


@contextmanager
def read_published(
    engine: Engine, fingerprint: str | None, held: Mapping[str, bytes] = MappingProxyType({})
) -> Iterator[tuple[int, Iterator[Published]]]:
    """All published articles, those that the encoder of ``fingerprint`` has embedded with that embedding, as of one
    revision.

    Args:
        engine: the database's.
        fingerprint: of the encoder; None for no embeddings.
        held: by id, the content hash of what the reader has already: as long as an article has that and an
            embedding, its texts are not read.

    Yields:
        The revision, and the articles in ascending order of ids (of their code points, as Python compares them),
        read in batches while the block runs.
    """
    by_id = articles.c.id.collate("BINARY" if engine.dialect.name == "sqlite" else "C")
    columns = [articles.c.id, articles.c.content_hash, articles.c.links_to]
    some = select(*columns) if fingerprint is None else select(*columns, embeddings.c.vector)
    query = (
        some.select_from(articles if fingerprint is None else with_vectors(fingerprint))
        .where(articles.c.deleted_at.is_(None), articles.c.status == Status.PUBLISHED)
        .order_by(by_id)
        .execution_options(yield_per=_ROWS_A_BATCH)
    )
    with reading(engine) as connection:
        revision = revisions.current(connection)
        batches = readable_batches(connection, query)
        embedded = fingerprint is not None
        yield revision, (one for rows in batches for one in _published(connection, rows, held, embedded))


def _published(
    connection: Connection, rows: Sequence[Row[Any] | Unreadable], held: Mapping[str, bytes], embedded: bool
) -> Iterator[Published]:
    known = [row for row in rows if not isinstance(row, Unreadable)]
    wanted = [row.id for row in known if (embedded and row.vector is None) or held.get(row.id) != row.content_hash]
    articles_by_id: dict[str, Article | str] = {}
    for some in some_at_a_time(wanted):
        for one in readable(connection, select(*ARTICLE).where(articles.c.id.in_(some))):
            articles_by_id[one.id] = one.reason if isinstance(one, Unreadable) else article_or_fault(one)
    for row in rows:
        article = row.reason if isinstance(row, Unreadable) else articles_by_id.get(row.id)
        if not isinstance(row, Unreadable) and not isinstance(row.content_hash, bytes):
            article = "content_hash is not bytes: send the article again"
        if isinstance(row, Unreadable) or isinstance(article, str):
            yield Published(row.id, b"", None, None, str(article))
            continue
        try:
            vector = vector_of(row.vector) if embedded else None
        except ValueError as problem:
            yield Published(row.id, b"", None, None, error_summary(problem))
            continue
        yield Published(row.id, row.content_hash, article, vector, links_to=row.links_to)
