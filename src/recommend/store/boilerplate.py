"""The boilerplate sentences that the last job found."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import numpy as np
from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update

from recommend.articles.article import Article, Status
from recommend.articles.boilerplate import NOTHING, Boilerplate, Keys
from recommend.store import revisions
from recommend.store.database import Watch, reading
from recommend.store.rows import ARTICLE, Unreadable, article_or_fault, some_at_a_time
from recommend.store.salvage import readable
from recommend.store.schema import articles, boilerplate

_KEY = np.dtype("<u8")


class SharedSentences:
    """The boilerplate of a store's articles. Safe to share between threads.

    What an embedding is made from, and the text hash that tells whether it is current, leave it out.
    """

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch
        self._read: tuple[bytes, Boilerplate] = (b"", NOTHING)

    def read(self) -> Boilerplate:
        """The boilerplate as it was last settled; none at first."""
        with reading(self._engine) as connection:
            return self.within(connection)

    def within(self, connection: Connection) -> Boilerplate:
        """The same, as a transaction sees it."""
        digest = connection.execute(select(boilerplate.c.digest)).scalar()
        if digest is None:
            return NOTHING
        known, stored = self._read
        if known != digest:
            held = connection.execute(select(boilerplate.c.identities)).scalar_one()
            stored = Boilerplate.of(np.frombuffer(held, _KEY))
            self._read = digest, stored
        return stored

    def settled_at(self) -> int:
        """The revision of the articles that were counted last; -1 before the first time."""
        with reading(self._engine) as connection:
            revision = connection.execute(select(boilerplate.c.revision)).scalar()
        return -1 if revision is None else int(revision)

    def settle(self, identities: Keys, revision: int, affected: Iterable[str]) -> None:
        """Puts the boilerplate that was found among the articles of a revision in the place of what was there, in one
        transaction. No revision changes: the next snapshot tells of it.

        Args:
            identities: (b,) of the sentences.
            revision: of the articles that were counted.
            affected: ids of the published articles whose text may be another without it. Those that changed since, and
                those that are not published, are looked at anyway.
        """
        with self._watch.writing() as connection:
            revisions.lock(connection)
            before = self.within(connection)
            connection.execute(delete(boilerplate))
            held = identities.astype(_KEY).tobytes()
            row = {"digest": sha256(held).digest(), "revision": revision, "identities": held}
            connection.execute(insert(boilerplate).values(row))
            after = Boilerplate.of(identities)
            if after != before:
                others = (articles.c.revision > revision) | (articles.c.status != Status.PUBLISHED)
                live = articles.c.deleted_at.is_(None)
                also = connection.execute(select(articles.c.id).where(others, live)).scalars()
                for some in some_at_a_time({*affected, *also}):
                    _hash_again(connection, some, after)


def _hash_again(connection: Connection, ids: Iterable[str], without: Boilerplate) -> None:
    query = select(*ARTICLE).where(articles.c.id.in_(ids), articles.c.deleted_at.is_(None))
    rows = (row for row in readable(connection, query) if not isinstance(row, Unreadable))
    usable = (one for one in map(article_or_fault, rows) if isinstance(one, Article))
    changes = [{"this": one.id, "hash": without.without(one).text_hash} for one in usable]
    if changes:
        this = update(articles).where(articles.c.id == bindparam("this"))
        connection.execute(this.values(text_hash=bindparam("hash")), changes)
