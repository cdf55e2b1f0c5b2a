"""Judged pairs, from which batches are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.errors import EvaluationError

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Queries (n,) and documents (m,) as rows; document i belongs to query i, and ``hidden`` (n, m) is what is no
    negative."""

    queries: IntArray
    documents: IntArray
    hidden: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Judged pairs as rows of the embeddings.

    Attributes:
        positives: by query row, the rows related to it and their grades.
        judged: by query row, all rows with any grade, unknown ones too: never negatives.
    """

    positives: Mapping[int, tuple[IntArray, FloatArray]]
    judged: Mapping[int, IntArray]

    @classmethod
    def of(cls, qrels: Mapping[str, Mapping[str, int]], rows: Mapping[str, int]) -> Pairs:
        """Pairs of articles that are both among ``rows`` (row by id).

        Raises:
            EvaluationError: when there is not one.
        """
        positives, judged = {}, {}
        for query, grades in qrels.items():
            known = {rows[document]: grade for document, grade in grades.items() if document in rows}
            related = {row: grade for row, grade in known.items() if grade > 0}
            if query in rows and related:
                grade = np.fromiter(related.values(), np.float32)
                positives[rows[query]] = np.fromiter(related, np.int64), grade
                judged[rows[query]] = np.fromiter([rows[query], *known], np.int64)
        if not positives:
            raise EvaluationError("no judged pair is among the articles; check that both files belong together")
        return cls(positives, judged)

    @property
    def queries(self) -> IntArray:
        """(q,) rows of the queries."""
        return np.fromiter(self.positives, np.int64)

    def chances(self) -> NDArray[np.float64]:
        """(q,) with which queries are drawn: those of long stories a little more often."""
        often = np.array([len(related) ** 0.25 for related, _ in self.positives.values()])
        chances: NDArray[np.float64] = often / often.sum()
        return chances

    def related(self, query: int, rng: np.random.Generator) -> int:
        """A row related to a query, nearer ones (grade 3) a little more often."""
        rows, grades = self.positives[query]
        chances = np.where(grades >= 3, 1.5, 1.0)
        return int(rng.choice(rows, p=chances / chances.sum()))

    def batch(self, queries: IntArray, documents: IntArray) -> Batch:
        """Queries with documents of which nobody's own counts as a negative."""
        hidden = np.array([np.isin(documents, self.judged[row]) for row in queries.tolist()])
        np.fill_diagonal(hidden, val=False)
        return Batch(queries, documents, hidden)
