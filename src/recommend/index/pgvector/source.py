"""Searches a generation on PostgreSQL: embeddings by a graph of pgvector, terms by postings, filters inside both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from psycopg import sql

from pgvector import HalfVector
from recommend.index.candidate_source import Found, Listed, Matching, Nearest, Newest, Numbered, Search, Want, Wanted
from recommend.index.conditions import Conditions
from recommend.index.dates import MISSING
from recommend.index.lexicon import TermVector
from recommend.index.pgvector import statements
from recommend.index.pgvector.generations import Generation
from recommend.index.pgvector.postings import best, read_within
from recommend.index.pgvector.schema import schema_of
from recommend.index.pgvector.server import Server
from recommend.index.pgvector.where import where
from recommend.index.records import Record, Records

IntArray = NDArray[np.int64]

_KEPT = 32_000_000  # bytes of articles and lists that are kept once they were looked up: here they never change
_BEFORE = 2  # numbers of two bytes before the elements of an embedding
_DENSE = 1  # of the bits that say how a row was found
_LEXICAL_SPARE = 4  # times as many matches are looked at where some may be left out


class PgvectorSource:
    """A generation, or its shard, on a server; a :class:`~recommend.index.candidate_source.CandidateSource`."""

    def __init__(self, server: Server, generation: Generation, frequencies: NDArray[np.integer]) -> None:
        """
        Args:
            server: where it lies.
            generation: which.
            frequencies: (v,) how many articles have each term.
        """
        self.is_partial = False
        self._server = server
        self._schema = schema_of(generation.manifest.name)
        self._frequencies = frequencies
        self.is_step = generation.step > 0
        self.name = generation.manifest.name
        self.articles = generation.manifest.articles
        self.accesses = generation.accesses
        self._kept: LRUCache[object, Found] = LRUCache(_KEPT, _size)
        self._listed_by: dict[bytes, bool] = {}
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
        if isinstance(want, Wanted | Numbered | Listed):
            return self._looked_up(want)
        if isinstance(want, Nearest):
            found = (
                "WITH found AS (SELECT number, 8 AS kind FROM (SELECT number FROM {schema}.articles"
                " ORDER BY embedding <#> %(vector)s LIMIT %(count)s) n)"
            )
            given = {"vector": HalfVector(want.vector), "count": want.count}
            return self._counted(found, given, want.count, alone=True)[0]
        return self._matching(want, gone) if isinstance(want, Matching) else self._newest(want, gone)

    def _looked_up(self, want: Wanted | Numbered | Listed) -> Found:
        """The articles of some ids or numbers, or of a list: one request asks for the same several times."""
        with self._lock:
            known = self._kept.get(want)
        if known is None:
            known = self._listed(want) if isinstance(want, Listed) else self._articles(want)
            with self._lock, suppress(ValueError):  # more than is kept at all
                self._kept[want] = known
        return known

    def _articles(self, want: Wanted | Numbered) -> Found:
        if isinstance(want, Numbered):
            found = "WITH found AS (SELECT unnest(%(numbers)s::integer[]) AS number, 8 AS kind)"
            return self._counted(found, {"numbers": sorted(want.numbers)}, 0, alone=True)[0]
        found = "WITH found AS (SELECT number, 8 AS kind FROM {schema}.articles WHERE id = ANY(%(ids)s))"
        return self._fetched(found, {"ids": [one.replace("\0", "\1") for one in sorted(want.ids)]}, 0)

    def _listed(self, want: Listed) -> Found:
        if want.made_by not in self._listed_by:
            any_of_it = "SELECT EXISTS (SELECT FROM {}.ready WHERE made_by = %(made_by)s)"
            self._listed_by[want.made_by] = self._ask(any_of_it, {"made_by": want.made_by})[0][0]
        given = {"number": want.number, "made_by": want.made_by}
        rows = self._formatted(statements.LISTED, given) if self._listed_by[want.made_by] else []
        ready, on_it = next(((found, on_it) for number, _, found, on_it in rows if number is None), (b"", b""))
        numbers = np.sort(np.frombuffer(on_it or b"", ">i4").astype(np.int64))
        records = _records([row for row in rows if row[0] is not None])
        return Found(numbers, 0, False, Records(records), ready)

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
        parts = "true"
        if want.brought:
            condition, parts = f"{condition} AND r.since > 0", "since > 0"
        spare = _LEXICAL_SPARE if want.conditions is not None or self.is_step else 1
        matches = self._matches(query.terms, want.most_terms, spare * want.count, parts)
        near = statements.NOTHING_NEAR
        if query.published_at != MISSING and want.near:
            near = statements.NEAR_IN_TIME
            given = given | {"published": query.published_at, "near": want.near, "half": want.count // 2}
        given = given | {"vector": HalfVector(query.embedding), "count": want.count, "matches": matches.tolist()}
        statement = statements.SEARCH.replace("{near}", near).replace("{where}", condition)
        found, near_enough = self._counted(statement, given, want.count)
        if near_enough >= want.count or want.conditions is None:
            return found
        # so few that the graph, which is searched only so far, may have missed some
        every = (
            f"WITH found AS (SELECT r.number, 8 AS kind FROM {{schema}}.articles r WHERE {condition}"
            " ORDER BY r.embedding <#> %(vector)s LIMIT %(count)s)"
        )
        return self._counted(every, given, want.count, exact=True)[0].joined(found)

    def _matches(self, terms: TermVector, most: int, count: int, condition: str = "true") -> IntArray:
        """Numbers of about the ``count`` best matches by the strongest terms, best first, in those parts of postings
        that fulfil a condition."""
        strongest = read_within(terms, most, self._frequencies)
        if not len(strongest.terms):
            return np.zeros(0, np.int64)
        statement = f"SELECT term, entries FROM {{}}.postings WHERE term = ANY(%(terms)s) AND {condition}"
        rows = self._ask(statement, {"terms": strongest.terms.tolist()})
        return best(rows, strongest, count)

    def _fetched(self, found: str, given: dict[str, Any], count: int) -> Found:
        """What a query finds, with records."""
        return self._counted(found, given, count)[0]

    def _counted(
        self, found: str, given: dict[str, Any], count: int, *, exact: bool = False, alone: bool = False
    ) -> tuple[Found, int]:
        """The same, and how many of it dense search found; ``exact`` looks at all that fulfil the conditions,
        ``alone`` brings no neighbours."""
        statement = found + statements.CHOSEN + ("" if alone else statements.NEIGHBOURS)
        rows = self._formatted(statement, given, effort=count, exact=exact)
        chosen = [row for row in rows if row[1]]
        records = _records([(number, *row) for number, _, *row in chosen])
        neighbours = {number: vectors for number, kinds, _, vectors, _ in rows if not kinds}
        dense = sum(kinds & _DENSE for _, kinds, *_ in chosen)
        return Found(_sorted(records), count, len(records) < count, Records(records, neighbours)), dense

    def numbers(self, ids: Iterable[str]) -> tuple[IntArray, frozenset[str]]:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.numbers`."""
        given = {"ids": [one.replace("\0", "\1") for one in ids]}
        statement = "SELECT number FROM {}.articles WHERE id = ANY(%(ids)s) ORDER BY number"
        return _column(self._ask(statement, given)), frozenset()

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
        turn = self._turn
        if turn is not None and turn[1] == embargo - now and turn[0] <= now < (turn[2] or math.inf):
            return turn[2]
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

    def _formatted(self, statement: str, given: dict[str, Any], **planned: Any) -> list[tuple[Any, ...]]:
        return self._server.ask(sql.SQL(statement).format(schema=self._schema), given, **planned)

    def _ask(self, statement: str, given: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._server.ask(sql.SQL(statement).format(self._schema), given)


def _condition(conditions: Conditions, gone: IntArray) -> tuple[str, dict[str, Any]]:
    condition, given = where(conditions)
    if len(gone):
        condition, given = f"{condition} AND r.number <> ALL(%(gone)s::integer[])", given | {"gone": gone.tolist()}
    return condition, given


def _size(found: Found) -> int:
    """About the bytes that it takes."""
    rows, neighbours = found.records.rows.values(), found.records.neighbours.values()
    return len(found.ready) + sum(map(len, neighbours)) + sum(sum(map(len, row)) for row in rows)


def _records(rows: Sequence[tuple[Any, ...]]) -> dict[int, Record]:
    """Of numbers, embeddings as pgvector sends them (two numbers, then the elements, the first byte first), vectors and
    cards, each article by its number."""
    if not rows:
        return {}
    sent = np.frombuffer(b"".join(embedding for _, embedding, _, _ in rows), ">u2").reshape(len(rows), -1)
    embeddings = sent[:, _BEFORE:].astype("<u2")
    return {
        number: Record(embedding.tobytes(), vectors, card)
        for (number, _, vectors, card), embedding in zip(rows, embeddings, strict=True)
    }


def _sorted(records: Mapping[int, Record]) -> IntArray:
    return np.sort(np.fromiter(records, np.int64, len(records)))


def _column(rows: Sequence[tuple[Any, ...]]) -> IntArray:
    return np.array([value for (value,) in rows], np.int64)
