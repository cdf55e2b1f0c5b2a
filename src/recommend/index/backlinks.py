"""Backlinks: which articles of an archive link to each of its articles.

What editors link often is worth a link: of two articles as near to a story, its writer links the one that others have
linked before (incoming links as evidence of worth: Brin and Page, 1998; Kleinberg, 1999). What an article itself links
to is no evidence under it: it stands in its text already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recommend.arrays import load_mmap
from recommend.articles.addresses import canonical_url
from recommend.index.dates import MISSING
from recommend.index.label_worth import LEAST_PAIRS, discriminant
from recommend.index.lexical import stack
from recommend.index.lexicon import TermVector
from recommend.index.table import ArticleTable

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
Groups = NDArray[np.uint64]

_FURNITURE, _LEAST_FURNITURE = 0.2, 10
_DAY = 86_400
_ARRAYS = ("indptr", "indices", "data")


@dataclass(frozen=True, slots=True)
class Backlinks:
    """The backlinks of n articles.

    Attributes:
        rows: (n, l) float32, an entry where an article is linked to: the day, since 1970, on which the link was
            published, NaN where that is unknown.
        linking: (l,) uint64 ascending, the duplicate groups of all articles of the archive that link to one of it;
            copies link once.
        own: (n,) uint64 the duplicate groups by which the articles themselves link; None: their own.
    """

    rows: sparse.csr_array
    linking: Groups
    own: Groups | None = None

    @classmethod
    def none(cls, count: int, linking: Groups | None = None) -> Backlinks:
        """Of so many articles to which nothing links."""
        groups = np.zeros(0, np.uint64) if linking is None else linking
        return cls(sparse.csr_array((count, len(groups)), dtype=np.float32), groups)

    @classmethod
    def of(cls, table: ArticleTable, links_to: Sequence[Sequence[str]], groups: Groups) -> Backlinks:
        """The backlinks among the articles of a table.

        Args:
            table: of n articles.
            links_to: (n,) ids and canonical addresses that each links to; those of no article count for nothing.
            groups: (n,) duplicate groups.
        """
        if not any(links_to):
            return cls.none(len(table))
        sources, targets = _pairs(table, links_to)
        apart = groups[sources] != groups[targets]
        sources, targets = sources[apart], targets[apart]
        linking, columns = np.unique(groups[sources], return_inverse=True)
        moments = table.published_at[sources]
        days = np.where(moments == MISSING, np.inf, moments / _DAY)
        order = np.lexsort((days, columns, targets))  # of copies, the first to link
        targets, columns, days = targets[order], columns[order], days[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = (np.diff(targets) != 0) | (np.diff(columns) != 0)
        counts = np.bincount(targets[first], minlength=len(table))
        first &= counts[targets] <= most_linking(len(linking))
        dated = np.where(np.isinf(days), np.nan, days)[first].astype(np.float32)
        matrix = sparse.csr_array((dated, (targets[first], columns[first])), shape=(len(table), len(linking)))
        return cls(matrix, linking)

    @classmethod
    def of_vectors(cls, vectors: Sequence[TermVector], linking: Groups, own: Groups) -> Backlinks:
        """Of articles whose backlinks are known by :meth:`vector`, and which link by groups of their ``own``."""
        return cls(stack(vectors, len(linking)).rows, linking, own)

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def vector(self, row: int) -> TermVector:
        """The entries of an article."""
        span = slice(self.rows.indptr[row], self.rows.indptr[row + 1])
        return TermVector(self.rows.indices[span].astype(np.int64), np.asarray(self.rows.data[span]))

    def evidence(self, rows: Sequence[IntArray], groups: Sequence[int], before: Sequence[int | None]) -> FloatArray:
        """(m,) ln(1 + how many others link to it) of the articles at some rows for each of some queries, one query's
        after the other's; NaN in an archive without links.

        Args:
            rows: of each query.
            groups: the queries' duplicate groups: what a query itself links to counts for nothing under it.
            before: seconds since 1970; links from then on count for nothing. None: all count.
        """
        both = np.concatenate(rows)
        if not len(self.linking):
            return np.full(len(both), np.nan, np.float32)
        starts = self.rows.indptr[both].astype(np.int64)
        counts = self.rows.indptr[both + 1] - starts
        ends = np.cumsum(counts)
        places = np.repeat(starts - (ends - counts), counts) + np.arange(ends[-1] if len(ends) else 0)
        of = np.repeat(np.arange(len(both)), counts)
        sizes = [*map(len, rows)]
        counted: NDArray[np.bool_] = self.rows.indices[places] != np.repeat([*map(self._column, groups)], sizes)[of]
        if any(moment is not None for moment in before):
            days = np.array([np.inf if moment is None else moment / _DAY for moment in before], np.float32)  # as kept
            until = np.repeat(days, sizes)[of]
            counted &= (self.rows.data[places] < until) | np.isinf(until)
        evidence: FloatArray = np.log1p(np.bincount(of, counted, minlength=len(both))).astype(np.float32)
        return evidence

    def evidence_under(self, row: int, groups: Groups) -> FloatArray:
        """(m,) the same of one article under queries of some groups (m,)."""
        if not len(self.linking):
            return np.full(len(groups), np.nan, np.float32)
        columns = self.vector(row).terms
        counts = len(columns) - np.isin(groups, self.linking[columns])
        evidence: FloatArray = np.log1p(counts).astype(np.float32)
        return evidence

    def worth(self, neighbours: NDArray[np.int32], groups: Groups) -> dict[str, float]:
        """By feature, as of :func:`recommend.index.label_worth.measure`: the log-odds that a unit of the evidence adds
        to an article being linked, and not merely near in content. 0 where what is linked is linked by others no
        oftener; left out where too few links tell.

        Args:
            neighbours: (n, c) rows of each article's nearest by content alone.
            groups: (n,) duplicate groups.
        """
        counts, width = np.diff(self.rows.indptr), self.rows.shape[1]
        if self.rows.nnz < LEAST_PAIRS:
            return {}
        linked = np.log1p(np.repeat(counts, counts) - 1)
        own = np.searchsorted(self.linking, groups).clip(max=len(self.linking) - 1)
        links = np.flatnonzero(self.linking[own] == groups)
        near = neighbours[links].ravel().astype(np.int64)
        entries = np.repeat(np.arange(len(self)), counts) * width + self.rows.indices
        by_itself = np.isin(near * width + np.repeat(own[links], neighbours.shape[1]), entries)
        others = near != np.repeat(links, neighbours.shape[1])
        beside = np.log1p((counts[near] - by_itself)[others])
        return {"backlinks": round(discriminant(linked, beside), 3)}

    def save(self, folder: Path) -> None:
        """Writes a folder of .npy arrays."""
        folder.mkdir()
        for name in _ARRAYS:
            np.save(folder / f"rows.{name}.npy", getattr(self.rows, name))
        np.save(folder / "linking.npy", self.linking)

    @classmethod
    def load(cls, folder: Path) -> Backlinks:
        """Opens what :meth:`save` wrote, mapped into memory."""
        indptr, indices, data = (load_mmap(folder / f"rows.{name}.npy") for name in _ARRAYS)
        linking = cls.load_linking(folder)
        shape = len(indptr) - 1, len(linking)
        return cls(sparse.csr_array((data, indices, indptr), shape=shape, copy=False), linking)

    @staticmethod
    def load_linking(folder: Path) -> Groups:
        """The groups alone."""
        groups: Groups = load_mmap(folder / "linking.npy")
        return groups

    def _column(self, group: int) -> int:
        """That of a duplicate group, -1 where it links to nothing."""
        place = int(np.searchsorted(self.linking, np.uint64(group)))
        return place if place < len(self.linking) and int(self.linking[place]) == group else -1


def most_linking(articles: int) -> float:
    """How many of so many linking articles at most link to a story. What more of them link to is part of the page: a
    footer, an imprint."""
    return max(_FURNITURE * articles, _LEAST_FURNITURE)


def _pairs(table: ArticleTable, links_to: Sequence[Sequence[str]]) -> tuple[IntArray, IntArray]:
    """(p,) rows of articles that link, and (p,) of those that they link to."""
    by_name = _rows_by_name(table)
    pairs = [(row, by_name[name]) for row, names in enumerate(links_to) for name in names if name in by_name]
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _rows_by_name(table: ArticleTable) -> Mapping[str, int]:
    """By id and by canonical address; an id goes before an address."""
    urls = ((url, row) for row, url in enumerate(table.batch.column("url").to_pylist()) if url is not None)
    return {canonical_url(url): row for url, row in urls} | {one: row for row, one in enumerate(table.ids())}
