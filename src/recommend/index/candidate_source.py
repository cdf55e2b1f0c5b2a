"""The protocol of an index on another server: requests for candidates, and their results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommend.errors import RecommendError
from recommend.index.conditions import Conditions
from recommend.index.lexicon import TermVector
from recommend.index.query import Query
from recommend.index.records import Records

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The articles of some ids."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Numbered:
    """The articles of some numbers, without their neighbours."""

    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The ``count`` nearest embeddings to a vector (d,) float32."""

    vector: FloatArray
    count: int


@dataclass(frozen=True, slots=True)
class Search:
    """What :meth:`~recommend.index.segment.Segment.retrieve` brings.

    Attributes:
        query: of which embedding, terms and date count.
        count: candidates of dense search, and again of lexical search.
        near: of as many articles nearest in time the nearest embeddings; 0: none.
        most_terms: of the query, that fetch candidates.
        conditions: that hold of all; None: filtered by nothing.
        brought: whether only those are wanted that were brought since everything was built.
    """

    query: Query
    count: int
    near: int
    most_terms: int
    conditions: Conditions | None
    brought: bool = False

    @property
    def key(self) -> object:
        """The same of equal searches but for ``count``."""
        return self.query.embedding.tobytes(), self.query.terms.terms.tobytes(), self.conditions, self.brought


@dataclass(frozen=True, slots=True)
class Newest:
    """The ``count`` newest articles of a section, or of all, ties by id."""

    conditions: Conditions
    section: str | None
    count: int

    @property
    def key(self) -> object:
        """The same but for ``count``."""
        return "newest", self.conditions, self.section


@dataclass(frozen=True, slots=True)
class Matching:
    """About the ``count`` best matches of some terms that fulfil the conditions."""

    terms: TermVector
    conditions: Conditions
    count: int

    @property
    def key(self) -> object:
        """The same but for ``count``."""
        return "matching", self.terms.terms.tobytes(), self.conditions


@dataclass(frozen=True, slots=True)
class Listed:
    """The ready list of the article of a number and an id, by the digest of all that it was ``made_by``, and the
    articles on it: without their neighbours."""

    number: int
    made_by: bytes
    id: str

    @property
    def key(self) -> object:
        """Of equal ones the same."""
        return self


Want = Wanted | Numbered | Nearest | Search | Newest | Matching | Listed


class NotAtHand(RecommendError):  # noqa: N818  # no fault: it asks for rows
    """Raised when a request needs rows that are not in memory; :func:`~recommend.index.over.over` fetches them."""

    def __init__(self, want: Want) -> None:
        super().__init__("this needs an index of snapshots: the articles of this one lie on a server (pgvector.url)")
        self.want = want


@dataclass(frozen=True, slots=True)
class Found:
    """What a source found.

    Attributes:
        numbers: ascending, in the generation; of a list all that are on it.
        count: how many each search was for.
        exhaustive: whether there are no others.
        records: of all these that there are.
        ready: the list that was asked for, as bytes; empty where there is none.
        partial: whether a part of the source was not asked, as it does not answer; ``unknown`` are the ids of which
            only that could tell.
    """

    numbers: IntArray
    count: int
    exhaustive: bool
    records: Records
    ready: bytes = b""
    partial: bool = False
    unknown: frozenset[str] = frozenset()

    def joined(self, other: Found) -> Found:
        """What both found, of which this one tells whether there are others."""
        numbers = np.union1d(self.numbers, other.numbers)
        return Found(numbers, self.count, self.exhaustive, self.records.joined(other.records))


class CandidateSource(Protocol):
    """Keeps a generation of articles and searches it: all that ranking needs of an index that lies elsewhere."""

    @property
    def articles(self) -> int:
        """How many there are."""

    @property
    def accesses(self) -> frozenset[str]:
        """Those that any of them has."""

    @property
    def languages(self) -> list[str]:
        """Primary parts of those that any of them has."""

    @property
    def is_step(self) -> bool:
        """Whether some were brought since everything was built."""

    @property
    def is_partial(self) -> bool:
        """Whether a part of it does not answer at present, and is done without."""

    def find(self, want: Want, gone: IntArray) -> Found:
        """What is wanted, where conditions are set without the numbers ``gone``.

        Raises:
            StoreUnreachableError: when the source cannot be asked, or not in time.
        """

    def numbers(self, ids: Iterable[str]) -> tuple[IntArray, frozenset[str]]:
        """Of those of the ids that are in the generation, ascending; and those of which that cannot be told."""

    def ids(self, conditions: Conditions, gone: IntArray) -> Iterator[str]:
        """The ids of all that fulfil the conditions without the numbers ``gone``, in their order."""

    def count(self, conditions: Conditions, gone: IntArray) -> int:
        """How many those are."""

    def of_group(self, group: int) -> Iterator[str]:
        """The ids of the articles of a duplicate group."""

    def sections(self, gone: IntArray) -> list[tuple[str, int]]:
        """Names of sections and their numbers of articles, without those ``gone``."""

    def next_change_at(self, now: int, embargo: int) -> int | None:
        """As :meth:`~recommend.index.timeline.Timeline.next_change_at`."""

    def first_published(self, since: int) -> int | None:
        """As :meth:`~recommend.index.timeline.Timeline.first_published`."""
