"""Searches a generation on PostgreSQL: embeddings by a graph of pgvector, terms by postings, filters inside both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from psycopg import sql

from pgvector import HalfVector
from recommend.index.candidate_source import Found, Matching, Nearest, Newest, Search, Want, Wanted
from recommend.index.conditions import Conditions
from recommend.index.dates import MISSING
from recommend.index.lexicon import TermVector
from recommend.index.pgvector.generations import Generation
from recommend.index.pgvector.postings import best, read_within
from recommend.index.pgvector.schema import schema_of
from recommend.index.pgvector.server import Server
from recommend.index.pgvector.where import where
from recommend.index.records import Record, Records

IntArray = NDArray[np.int64]

_KNOWN = 1_000  # articles that are kept once they were looked up
_DENSE = 1  # of the bits that say how a row was found
_LEXICAL_SPARE = 4  # times as many matches are looked at where some may be left out

_CHOSEN = """,
chosen AS MATERIALIZED (SELECT number, bit_or(kind) AS kinds FROM found GROUP BY number),
had AS MATERIALIZED (
    SELECT c.number, c.kinds, r.embedding, t.neighbours, t.vectors, t.card
    FROM chosen c JOIN {schema}.articles r USING (number) JOIN {schema}.records t USING (number))
SELECT number, kinds, embedding, vectors, card FROM had
"""

_NEIGHBOURS = """
UNION ALL
SELECT number, 0, NULL, vectors, NULL FROM {schema}.records WHERE number IN (
    SELECT unnest(neighbours) FROM had EXCEPT SELECT number FROM had)
"""

_SEARCH = """
WITH dense AS MATERIALIZED (
    SELECT r.number FROM {schema}.articles r WHERE {where} ORDER BY r.embedding <#> %(vector)s LIMIT %(count)s),
lexical AS MATERIALIZED (
    SELECT r.number FROM unnest(%(matches)s::integer[]) WITH ORDINALITY m(number, place)
    JOIN {schema}.articles r USING (number) WHERE {where} ORDER BY m.place LIMIT %(count)s),
{near}
found AS (
    SELECT number, 1 AS kind FROM dense UNION ALL SELECT number, 2 FROM lexical UNION ALL SELECT number, 4 FROM near)
"""

_NEAR_IN_TIME = """
newer AS MATERIALIZED (SELECT number, row_number() OVER () AS place FROM (
    SELECT number FROM {schema}.articles WHERE published_at > %(published)s
    ORDER BY published_at NULLS FIRST, id DESC LIMIT %(near)s) n),
older AS MATERIALIZED (SELECT number, row_number() OVER () AS place FROM (
    SELECT number FROM {schema}.articles WHERE published_at <= %(published)s
    ORDER BY published_at DESC NULLS LAST, id LIMIT %(near)s) o),
beside AS MATERIALIZED (
    SELECT number FROM newer WHERE place <= greatest(%(near)s / 2, %(near)s - (SELECT count(*) FROM older))
    UNION ALL
    SELECT number FROM older WHERE place <= greatest(
        %(near)s - %(near)s / 2, %(near)s - (SELECT count(*) FROM newer))),
near AS MATERIALIZED (
    SELECT r.number FROM beside b JOIN {schema}.articles r USING (number) WHERE {where}
    ORDER BY r.embedding <#> %(vector)s, r.number LIMIT %(half)s),
"""
_NOTHING_NEAR = "near AS (SELECT NULL::integer AS number WHERE false),"


class PgvectorSource:
    """A generation on a server; a :class:`~recommend.index.candidate_source.CandidateSource`."""

    def __init__(self, server: Server, generation: Generation, frequencies: NDArray[np.integer]) -> None:
        """
        Args:
            server: where it lies.
            generation: which.
            frequencies: (v,) how many articles have each term.
        """
        self._server = server
        self._schema = schema_of(generation.manifest.name)
        self._frequencies = frequencies
        self._replaced = generation.step > 0
        self.name = generation.manifest.name
        self.articles = generation.manifest.articles
        self.accesses = generation.accesses
        self._known: LRUCache[frozenset[str], Found] = LRUCache(_KNOWN)
        self._counted_sections: tuple[bytes, list[tuple[str, int]]] | None = None
        self._lock = Lock()
        self._turn: tuple[int, int, int | None] | None = None

    @cached_property
    def languages(self) -> list[str]:
        """See :attr:`~recommend.index.candidate_source.CandidateSource.languages`."""
        found = self._ask("SELECT DISTINCT language FROM {}.articles WHERE language IS NOT NULL ORDER BY 1")
        return [language for (language,) in found]

    def find(self, want: Want, gone: IntArray) -> Found:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.find`."""
        if isinstance(want, Search):
            return self._search(want, gone)
        if isinstance(want, Wanted):
            return self._looked_up(want.ids)
        if isinstance(want, Nearest):
            found = (
                "WITH found AS (SELECT number, 8 AS kind FROM (SELECT number FROM {schema}.articles"
                " ORDER BY embedding <#> %(vector)s LIMIT %(count)s) n)"
            )
            given = {"vector": HalfVector(want.vector), "count": want.count}
            return self._counted(found, given, want.count, alone=True)[0]
        return self._matching(want, gone) if isinstance(want, Matching) else self._newest(want, gone)

    def _looked_up(self, ids: frozenset[str]) -> Found:
        """The articles of some ids: one request asks for the same several times, and they never change here."""
        with self._lock:
            known = self._known.get(ids)
        if known is None:
            found = "WITH found AS (SELECT number, 8 AS kind FROM {schema}.articles WHERE id = ANY(%(ids)s))"
            known = self._fetched(found, {"ids": [one.replace("\0", "\1") for one in sorted(ids)]}, 0)
            with self._lock:
                self._known[ids] = known
        return known

    def _newest(self, want: Newest, gone: IntArray) -> Found:
        condition, given = _condition(want.conditions, gone)
        if want.section is not None:
            condition = f"{condition} AND r.section = %(newest_section)s"
            given = given | {"newest_section": want.section}
        found = (
            "WITH found AS (SELECT number, 8 AS kind FROM (SELECT r.number FROM {schema}.articles r"
            f" WHERE {condition} ORDER BY r.published_at DESC NULLS LAST, r.id LIMIT %(count)s) n)"
        )
        return self._fetched(found, given | {"count": want.count}, want.count)

    def _matching(self, want: Matching, gone: IntArray) -> Found:
        condition, given = _condition(want.conditions, gone)
        matches = self._matches(want.terms, len(want.terms.terms), _LEXICAL_SPARE * want.count)
        found = (
            "WITH found AS (SELECT number, 8 AS kind FROM (SELECT r.number FROM unnest(%(matches)s::integer[])"
            " WITH ORDINALITY m(number, place) JOIN {schema}.articles r USING (number)"
            f" WHERE {condition} ORDER BY m.place LIMIT %(count)s) n)"
        )
        return self._fetched(found, given | {"matches": matches.tolist(), "count": want.count}, want.count)

    def _search(self, want: Search, gone: IntArray) -> Found:
        query = want.query
        condition, given = ("true", {}) if want.conditions is None else _condition(want.conditions, gone)
        spare = _LEXICAL_SPARE if want.conditions is not None or self._replaced else 1
        matches = self._matches(query.terms, want.most_terms, spare * want.count)
        near = _NOTHING_NEAR
        if query.published_at != MISSING and want.near:
            near = _NEAR_IN_TIME
            given = given | {"published": query.published_at, "near": want.near, "half": want.count // 2}
        given = given | {"vector": HalfVector(query.embedding), "count": want.count, "matches": matches.tolist()}
        statement = _SEARCH.replace("{near}", near).replace("{where}", condition)
        found, near_enough = self._counted(statement, given, want.count)
        if near_enough >= want.count or want.conditions is None:
            return found
        # so few that the graph, which is searched only so far, may have missed some
        every = (
            f"WITH found AS (SELECT r.number, 8 AS kind FROM {{schema}}.articles r WHERE {condition}"
            " ORDER BY r.embedding <#> %(vector)s LIMIT %(count)s)"
        )
        return self._counted(every, given, want.count, exact=True)[0].joined(found)

    def _matches(self, terms: TermVector, most: int, count: int) -> IntArray:
        """Numbers of about the ``count`` best matches by the strongest terms, best first."""
        strongest = read_within(terms, most, self._frequencies)
        if not len(strongest.terms):
            return np.zeros(0, np.int64)
        statement = sql.SQL("SELECT term, entries FROM {}.postings WHERE term = ANY(%(terms)s)").format(self._schema)
        rows = self._server.ask(statement, {"terms": strongest.terms.tolist()})
        return best(rows, strongest, count)

    def _fetched(self, found: str, given: dict[str, Any], count: int) -> Found:
        """What a query finds, with records."""
        return self._counted(found, given, count)[0]

    def _counted(
        self, found: str, given: dict[str, Any], count: int, *, exact: bool = False, alone: bool = False
    ) -> tuple[Found, int]:
        """The same, and how many of it dense search found; ``exact`` looks at all that fulfil the conditions,
        ``alone`` brings no neighbours."""
        statement = sql.SQL(found + _CHOSEN + ("" if alone else _NEIGHBOURS)).format(schema=self._schema)
        rows = self._server.ask(statement, given, effort=count, exact=exact)
        chosen = [row for row in rows if row[1]]
        records = {n: Record(_half(embedding), vectors, card) for n, _, embedding, vectors, card in chosen}
        neighbours = {number: vectors for number, kinds, _, vectors, _ in rows if not kinds}
        numbers = np.sort(np.fromiter(records, np.int64, len(records)))
        dense = sum(kinds & _DENSE for _, kinds, *_ in chosen)
        return Found(numbers, count, len(numbers) < count, Records(records, neighbours)), dense

    def numbers(self, ids: Iterable[str]) -> IntArray:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.numbers`."""
        given = {"ids": [one.replace("\0", "\1") for one in ids]}
        statement = "SELECT number FROM {}.articles WHERE id = ANY(%(ids)s) ORDER BY number"
        return _column(self._ask(statement, given))

    def ids(self, conditions: Conditions, gone: IntArray) -> Iterator[str]:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.ids`."""
        condition, given = _condition(conditions, gone)
        statement = f"SELECT r.id FROM {{}}.articles r WHERE {condition} ORDER BY r.id"
        return (one for (one,) in self._ask(statement, given))

    def count(self, conditions: Conditions, gone: IntArray) -> int:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.count`."""
        condition, given = _condition(conditions, gone)
        return int(self._ask(f"SELECT count(*) FROM {{}}.articles r WHERE {condition}", given)[0][0])

    def of_group(self, group: int) -> Iterator[str]:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.of_group`."""
        given = {"group": int(np.uint64(group).astype(np.int64))}
        return (one for (one,) in self._ask("SELECT id FROM {}.articles WHERE duplicates = %(group)s", given))

    def sections(self, gone: IntArray) -> list[tuple[str, int]]:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.sections`."""
        counted = self._counted_sections
        if counted is not None and counted[0] == gone.tobytes():
            return counted[1]
        statement = (
            "SELECT section, count(*) FROM {}.articles WHERE section IS NOT NULL"
            " AND number <> ALL(%(gone)s::integer[]) GROUP BY section"
        )
        sections = [(section, count) for section, count in self._ask(statement, {"gone": gone.tolist()})]
        self._counted_sections = gone.tobytes(), sections
        return sections

    def next_change_at(self, now: int, embargo: int) -> int | None:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.next_change_at`."""
        told = self._turn
        if told is not None and told[1] == embargo - now and told[0] <= now < (told[2] or math.inf):
            return told[2]
        statement = (
            "SELECT (SELECT min(expires_at) FROM {0}.articles WHERE expires_at > %(now)s),"
            " (SELECT min(published_at) FROM {0}.articles WHERE published_at > %(embargo)s)"
        )
        expires, published = self._ask(statement, {"now": now, "embargo": embargo})[0]
        moments = [expires, None if published is None else published - (embargo - now)]
        moment = min((moment for moment in moments if moment is not None), default=None)
        self._turn = now, embargo - now, moment
        return moment

    def first_published(self, since: int) -> int | None:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.first_published`."""
        first: int | None = self._ask(
            "SELECT min(published_at) FROM {}.articles WHERE published_at >= %(since)s", {"since": since}
        )[0][0]
        return first

    def _ask(self, statement: str, given: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._server.ask(sql.SQL(statement).format(self._schema), given)


def _condition(conditions: Conditions, gone: IntArray) -> tuple[str, dict[str, Any]]:
    condition, given = where(conditions)
    if len(gone):
        condition, given = f"{condition} AND r.number <> ALL(%(gone)s::integer[])", given | {"gone": gone.tolist()}
    return condition, given


def _half(embedding: HalfVector) -> bytes:
    return bytes(embedding.to_numpy().tobytes())


def _column(rows: Sequence[tuple[Any, ...]]) -> IntArray:
    return np.array([value for (value,) in rows], np.int64)
