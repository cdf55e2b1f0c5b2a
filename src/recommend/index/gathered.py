"""A segment of the rows that one request fetched from a generation on a server, ranked like any other segment.

A row that is not in memory raises :class:`NotAtHand`; it is fetched, and the request is run again. So ranking stays one
pure path over arrays, wherever the articles are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommend.errors import StoreUnreachableError, truncated_repr
from recommend.index.candidate_source import (
    CandidateSource,
    Found,
    Listed,
    Matching,
    Nearest,
    Newest,
    NotAtHand,
    Search,
    Want,
    Wanted,
)
from recommend.index.conditions import Conditions
from recommend.index.labels import NONE
from recommend.index.lexicon import TermVector
from recommend.index.query import Query
from recommend.index.records import Records, assemble, beside_parts
from recommend.index.segment import Segment
from recommend.settings import RankingSettings

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def _no_numbers() -> IntArray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Gathered(Segment):
    """Those articles of a generation that are at hand.

    Attributes:
        source: keeps all.
        records: at hand.
        numbers: (n,) int64 of the rows in the generation.
        gone: (g,) int64 numbers of all that changed since, ascending.
        unresolved: ids of what changed since while it could not be told whether they have a number.
        found: what searches brought.
        absent: ids that are none of the generation's; ``unknown`` those of which it cannot be told.
        lacked: whether a part of the source was done without.
    """

    source: CandidateSource
    records: Records = field(default_factory=Records)
    numbers: IntArray = field(default_factory=_no_numbers)
    gone: IntArray = field(default_factory=_no_numbers)
    unresolved: frozenset[str] = frozenset()
    found: Mapping[object, Found] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    lacked: bool = False

    @classmethod
    def beginning(cls, segment: Segment, source: CandidateSource) -> Gathered:
        """Nothing at hand; ``segment``, of no articles, tells of dimensions, terms and labels."""
        return cls(**_parts(segment), source=source)

    def check(self) -> None:
        """Looks whether it can be searched.

        Raises:
            StoreUnreachableError: when the source does not answer.
        """
        self.source.first_published(0)

    @property
    def is_whole(self) -> bool:
        """Whether all articles are at hand."""
        return False

    @property
    def is_partial(self) -> bool:
        """See :attr:`~recommend.index.segment.Segment.is_partial`."""
        return self.lacked or self.source.is_partial

    @property
    def total(self) -> int:
        """How many articles there are to search, at hand or not."""
        return self.source.articles

    def row(self, article_id: str) -> int | None:
        """The row of an id, None when there is none.

        Raises:
            StoreUnreachableError: when that cannot be told.
        """
        self.bring([article_id])
        if article_id in self.unknown:
            raise StoreUnreachableError(
                f"the only server of the index that may hold article {truncated_repr(article_id)} does not answer"
            )
        return self.table.row(article_id)

    def bring(self, ids: Iterable[str]) -> None:
        """Has the articles of some ids at hand."""
        known = self.absent | self.unknown | self.unresolved
        lacking = frozenset(one for one in ids if one not in known and self.table.row(one) is None)
        if lacking:
            raise NotAtHand(Wanted(lacking))

    def links_of(self, article_id: str) -> tuple[TermVector, int | None]:
        """See :meth:`~recommend.index.segment.Segment.links_of`."""
        if not len(self.backlinks.linking):
            return NONE, None
        here = self if self.table.row(article_id) is not None else self.gather(Wanted(frozenset([article_id])))
        row = here.table.row(article_id)
        return (NONE, None) if row is None else (here.backlinks.vector(row), int(here.groups[row]))

    def bring_newest(self, conditions: Conditions, section: str | None, count: int) -> None:
        """Has the ``count`` newest articles at hand that fulfil the conditions, of a section if one is given."""
        self._searched(Newest(conditions, section, count))

    def bring_matching(self, terms: TermVector, conditions: Conditions, count: int) -> None:
        """Has about the ``count`` best matches of some terms at hand that fulfil the conditions."""
        if len(terms.terms):
            self._searched(Matching(terms, conditions, count))

    def around(self, vector: FloatArray, count: int) -> Segment:
        """A segment that has the ``count`` embeddings nearest to a vector (d,) at hand, without their neighbours."""
        return self.gather(Nearest(vector.astype(np.float32), count))

    def retrieve(
        self,
        query: Query,
        count: int,
        settings: RankingSettings,
        allowed: BoolArray | None,
        conditions: Conditions | None = None,
    ) -> IntArray:
        """See :meth:`~recommend.index.segment.Segment.retrieve`."""
        near = 0 if self.time_curve.flat else settings.near_in_time
        search = Search(query, count, near, settings.lexical_terms, None)
        unfiltered = None if conditions is None else self.found.get(search.key)
        if unfiltered is not None and (unfiltered.count == count or unfiltered.exhaustive):
            rows = self._rows(unfiltered.numbers)
            if unfiltered.exhaustive or allowed is None or allowed[rows].all():
                return rows if allowed is None else rows[allowed[rows]]
        rows = self._rows(self._searched(replace(search, conditions=conditions)))
        return rows if allowed is None else rows[allowed[rows]]

    def retrieve_each(self, queries: Sequence[Query], count: int, settings: RankingSettings) -> list[IntArray]:
        """See :meth:`~recommend.index.segment.Segment.retrieve_each`."""
        return [self.retrieve(query, count, settings, None) for query in queries]

    def retrieve_brought(self, query: Query, count: int, settings: RankingSettings) -> IntArray:
        """See :meth:`~recommend.index.segment.Segment.retrieve_brought`."""
        if not self.source.is_step:
            return _no_numbers()
        search = Search(query, count, 0, settings.lexical_terms, None, brought=True)
        return self._rows(self._searched(search))

    def ready(self, row: int, made_by: bytes) -> bytes:
        """The ready list of an article at hand, by what it was made by; empty where there is none."""
        want = Listed(int(self.numbers[row]), made_by, self.table.id(row))
        if want.key not in self.found:
            raise NotAtHand(want)
        return self.found[want.key].ready

    def rows_of(self, numbers: IntArray) -> IntArray:
        """(n,) rows of the articles of some numbers, -1 of those that are not at hand."""
        if not len(self.numbers):
            return np.full(len(numbers), -1)
        order = np.argsort(self.numbers)
        places = order[np.searchsorted(self.numbers, numbers, sorter=order).clip(max=len(order) - 1)]
        return np.where(self.numbers[places] == numbers, places, -1)

    def without(self, ids: Iterable[str], alive: BoolArray | None) -> tuple[Segment, BoolArray | None]:
        """See :meth:`~recommend.index.segment.Segment.without`."""
        numbers, unresolved = self.source.numbers(self.unresolved.union(ids))
        after = replace(self, gone=np.union1d(self.gone, numbers), unresolved=unresolved)
        return after, after.alive()

    def alive(self) -> BoolArray | None:
        """(n,) which rows are not gone; None when none is."""
        mask = ~np.isin(self.numbers, self.gone)
        mask[[row for one in self.unresolved if (row := self.table.row(one)) is not None]] = False
        return None if mask.all() else mask

    def passing(self, mask: BoolArray | None, conditions: Conditions) -> int:
        """How many articles fulfil the conditions."""
        return self.source.count(self._resolved(conditions), self.gone)

    def without_numbers(self, gone: IntArray) -> Segment:
        """See :meth:`~recommend.index.segment.Segment.without_numbers`."""
        return replace(self, gone=gone)

    def ids(self, alive: BoolArray | None, conditions: Conditions | None = None) -> Iterator[str]:
        """The ids of all articles that are not gone and fulfil the conditions."""
        return self.source.ids(self._resolved(conditions or Conditions()), self.gone)

    def of_group(self, group: int) -> Iterator[str]:
        """The ids of the articles of a duplicate group."""
        return self.source.of_group(group)

    def _resolved(self, conditions: Conditions) -> Conditions:
        """With those that changed since by their ids, where numbers do not tell."""
        return replace(conditions, without=conditions.without | self.unresolved) if self.unresolved else conditions

    def count(self, alive: BoolArray | None) -> int:
        """How many those are."""
        return self.total - len(self.gone)

    def sections(self, alive: BoolArray | None) -> list[tuple[str, int]]:
        """Names of sections, and how many of those articles each has."""
        return self.source.sections(self.gone)

    @property
    def accesses(self) -> frozenset[str]:
        """Those that any article has."""
        return self.source.accesses

    @property
    def languages(self) -> list[str]:
        """Primary parts of those that any article has."""
        return self.source.languages

    def next_change_at(self, now: int, embargo: int) -> int | None:
        """See :meth:`~recommend.index.timeline.Timeline.next_change_at`."""
        return self.source.next_change_at(now, embargo)

    def first_published(self, since: int) -> int | None:
        """See :meth:`~recommend.index.timeline.Timeline.first_published`."""
        return self.source.first_published(since)

    def gather(self, want: Want) -> Gathered:
        """With what is wanted at hand."""
        asked = want
        if isinstance(want, Search | Newest | Matching) and want.conditions is not None:
            asked = replace(want, conditions=self._resolved(want.conditions))
        brought = self.source.find(asked, self.gone)
        records = self.records.joined(brought.records)
        segment, numbers = assemble(records, self, alone=isinstance(want, Nearest))
        found, absent = self.found, self.absent
        if isinstance(want, Search | Newest | Matching | Listed):
            found = {**found, want.key: replace(brought, records=Records())}
        elif isinstance(want, Wanted):
            absent |= {one for one in want.ids - brought.unknown if segment.table.row(one) is None}
        return Gathered(
            **_parts(segment),
            source=self.source,
            records=records,
            numbers=numbers,
            gone=self.gone,
            unresolved=self.unresolved,
            found=found,
            absent=absent,
            unknown=self.unknown | brought.unknown,
            lacked=self.lacked or brought.partial,
        )

    def _searched(self, want: Search | Newest | Matching) -> IntArray:
        found = self.found.get(want.key)
        if found is None or (found.count < want.count and not found.exhaustive):
            raise NotAtHand(want)
        return found.numbers

    def _rows(self, numbers: IntArray) -> IntArray:
        return np.sort(self.rows_of(numbers))


def _parts(segment: Segment) -> dict[str, Any]:
    plain = beside_parts(segment)
    return {name: getattr(plain, name) for name in Segment.__slots__}
