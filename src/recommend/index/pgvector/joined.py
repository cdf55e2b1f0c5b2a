"""The shards of one generation, each on a server of its own, searched at once and joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import merge
from math import ceil, sqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recommend.errors import StoreUnreachableError
from recommend.index.candidate_source import Found, Listed, Numbered, Search, Want, Wanted
from recommend.index.conditions import Conditions
from recommend.index.pgvector.servers import Servers
from recommend.index.pgvector.shards import shard_of
from recommend.index.pgvector.source import PgvectorSource
from recommend.index.records import Records

IntArray = NDArray[np.int64]
T = TypeVar("T")

_SPARE = 3  # standard deviations of how many of the best lie in one shard


class JoinedSource:
    """Some sources, each of a shard, as one; a :class:`~recommend.index.candidate_source.CandidateSource`.

    What is searched for is asked of all, an id of the one that its hash names. What a server that does not answer holds
    is missing from searches, which say so; of an id that only it could know, nothing is told.
    """

    def __init__(self, servers: Servers, sources: Sequence[PgvectorSource]) -> None:
        """
        Args:
            servers: asks them.
            sources: one for each.
        """
        self._servers = servers
        self._sources = sources
        self.articles = sources[0].articles
        self.accesses = sources[0].accesses
        self.is_step = sources[0].is_step

    @property
    def is_partial(self) -> bool:
        """See :attr:`~recommend.index.candidate_source.CandidateSource.is_partial`."""
        return self._servers.problem is not None

    @property
    def languages(self) -> list[str]:
        """See :attr:`~recommend.index.candidate_source.CandidateSource.languages`."""
        return sorted(set[str]().union(*self._each(lambda source: source.languages)))

    def find(self, want: Want, gone: IntArray) -> Found:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.find`."""
        if isinstance(want, Wanted):
            return self._wanted(want, gone)
        if isinstance(want, Listed):
            return self._listed(want, gone)
        asked: Want = want
        if isinstance(want, Search):  # ranking would look at several times as many as it needs
            asked = replace(want, count=self._share(want.count), near=self._share(want.near))
        count = getattr(want, "count", 0)
        return self._found(dict.fromkeys(range(len(self._sources)), asked), gone, count)

    def _share(self, count: int) -> int:
        """How many of the ``count`` best one shard has at most, as good as always."""
        mean = count / len(self._sources)
        return min(count, ceil(mean + _SPARE * sqrt(mean)))

    def _wanted(self, want: Wanted, gone: IntArray) -> Found:
        by_shard = self._by_shard(want.ids)
        return self._found({number: Wanted(frozenset(ids)) for number, ids in by_shard.items()}, gone, 0)

    def _listed(self, want: Listed, gone: IntArray) -> Found:
        """In two rounds: the list with those of its articles that are beside it, then the others."""
        owner = shard_of(want.id, len(self._sources))
        listed = self._found({owner: want}, gone, 0)
        others = Numbered(frozenset(listed.numbers.tolist()).difference(listed.records.rows))
        if not others.numbers:
            return listed
        found = self._found({number: others for number in range(len(self._sources)) if number != owner}, gone, 0)
        records = listed.records.joined(found.records)
        return replace(listed, records=records, partial=listed.partial or found.partial)

    def _found(self, asked: Mapping[int, Want], gone: IntArray, count: int) -> Found:
        """What the sources of some numbers find, each asked for something."""
        results = self._servers.each(lambda number: self._sources[number].find(asked[number], gone), asked)
        silent = asked.keys() - results.keys()
        if len(silent) == len(self._sources):
            raise self._nobody()
        unknown = (want.ids for number in silent if isinstance(want := asked[number], Wanted))
        found, records = [*results.values()], Records()
        for one in found:
            records = records.joined(one.records)
        numbers: IntArray = np.concatenate([np.zeros(0, np.int64), *(one.numbers for one in found)])
        return Found(
            np.unique(numbers),
            count,
            all(one.exhaustive for one in found),
            records,
            b"".join(one.ready for one in found),
            bool(silent),
            frozenset[str]().union(*unknown),
        )

    def numbers(self, ids: Iterable[str]) -> tuple[IntArray, frozenset[str]]:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.numbers`."""
        by_shard = self._by_shard(ids)
        results = self._servers.each(lambda number: self._sources[number].numbers(by_shard[number])[0], by_shard)
        silent = (by_shard[number] for number in by_shard.keys() - results.keys())
        numbers: IntArray = np.concatenate([np.zeros(0, np.int64), *results.values()])
        return np.sort(numbers), frozenset[str]().union(*silent)

    def ids(self, conditions: Conditions, gone: IntArray) -> Iterator[str]:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.ids`."""
        return merge(*self._each(lambda source: source.ids(conditions, gone)))

    def count(self, conditions: Conditions, gone: IntArray) -> int:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.count`."""
        return sum(self._each(lambda source: source.count(conditions, gone)))

    def of_group(self, group: int) -> Iterator[str]:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.of_group`."""
        return merge(*self._each(lambda source: sorted(source.of_group(group))))

    def sections(self, gone: IntArray) -> list[tuple[str, int]]:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.sections`."""
        counts: Counter[str] = Counter()
        for sections in self._each(lambda source: source.sections(gone)):
            counts.update(dict(sections))
        return [*counts.items()]

    def next_change_at(self, now: int, embargo: int) -> int | None:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.next_change_at`; where that cannot be told, at
        once."""
        moments = self._each(lambda source: source.next_change_at(now, embargo))
        return _first([*moments, now + 1] if len(moments) < len(self._sources) else moments)

    def first_published(self, since: int) -> int | None:
        """See :meth:`~recommend.index.candidate_source.CandidateSource.first_published`."""
        return _first(self._each(lambda source: source.first_published(since)))

    def _each(self, work: Callable[[PgvectorSource], T]) -> list[T]:
        """What all say that answer."""
        results = self._servers.each(lambda number: work(self._sources[number]))
        if not results:
            raise self._nobody()
        return [*results.values()]

    def _nobody(self) -> StoreUnreachableError:
        return StoreUnreachableError(self._servers.problem or "no server of the index answers")

    def _by_shard(self, ids: Iterable[str]) -> dict[int, list[str]]:
        found = dict[int, list[str]]()
        for one in ids:
            found.setdefault(shard_of(one, len(self._sources)), []).append(one)
        return found


def _first(moments: Iterable[int | None]) -> int | None:
    return min((moment for moment in moments if moment is not None), default=None)
