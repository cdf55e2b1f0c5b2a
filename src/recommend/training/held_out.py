"""What training is judged by: later articles, which it does not learn from, ranked through the production path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from recommend.articles.article import Article
from recommend.errors import EvaluationError
from recommend.evaluation.differences import compare
from recommend.evaluation.experiment import rank_queries
from recommend.evaluation.intervals import interval
from recommend.evaluation.judgements import Qrels
from recommend.evaluation.metrics import READ_BY, per_query
from recommend.recommender import Recommender

_PART = 0.2
_QUERIES = 500


@dataclass(frozen=True, slots=True)
class Division:
    """Articles before a day, to learn from, and those from then on, to judge by.

    Attributes:
        day: UTC.
        earlier, later: rows by id; an article without a date is among the earlier ones.
    """

    day: datetime
    earlier: dict[str, int]
    later: dict[str, int]

    @classmethod
    def at(cls, articles: Sequence[Article], day: datetime | None) -> Division:
        """Divides articles at a day; by default at one that leaves a fifth of those with a date.

        Raises:
            EvaluationError: when all dated articles lie on one side of it.
        """
        dates = sorted(article.published_at for article in articles if article.published_at is not None)
        if day is None and dates:
            day = dates[int((1 - _PART) * len(dates))]
        if day is None:
            raise EvaluationError("none of the articles has a date: what is learned cannot be told on later ones")
        border = day.replace(tzinfo=day.tzinfo or UTC)
        rows = {article.id: row for row, article in enumerate(articles)}
        later = {a.id: rows[a.id] for a in articles if a.published_at is not None and a.published_at >= border}
        if not later or len(later) == len(dates):
            raise EvaluationError(f"--hold-out {border:%Y-%m-%d}: all dated articles lie on one side of it")
        return cls(border, {i: row for i, row in rows.items() if i not in later}, later)


def held_out_queries(judged: Qrels, later: Iterable[str], among: Iterable[str], seed: int) -> Qrels:
    """The judgements that learning is told by: of queries among ``later``, on articles ``among`` which one is related,
    at most 500 queries drawn by ``seed``.

    Raises:
        EvaluationError: when there is none.
    """
    queries, ranked = set(later), set(among)
    qrels: Qrels = {}
    for query, grades in judged.items():
        known = {document: grade for document, grade in grades.items() if document in ranked}
        if query in queries and max(known.values(), default=0) > 0:
            qrels[query] = known
    if not qrels:
        raise EvaluationError("no held-out article has a judged one beside it; choose an earlier --hold-out")
    chosen = np.random.default_rng(seed).permutation(len(qrels))[:_QUERIES]
    names = sorted(qrels)
    return {names[i]: qrels[names[i]] for i in sorted(chosen.tolist())}


def query_values(recommender: Recommender, judged: Qrels) -> dict[str, float]:
    """nDCG@10 of each query's ranking."""
    return per_query(judged, rank_queries(recommender, judged), [READ_BY])[READ_BY]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was learned, on queries held out, beside what is in use and beside nothing.

    Attributes:
        nothing, in_use, learned: mean nDCG@10.
        low, high: the 95 % interval of the difference to what is in use.
        queries: how many.
        day: from which on they were published.
    """

    nothing: float
    in_use: float
    learned: float
    low: float
    high: float
    queries: int
    day: datetime

    @classmethod
    def of(
        cls,
        nothing: Mapping[str, float],
        in_use: Mapping[str, float],
        learned: Mapping[str, float],
        day: datetime,
    ) -> Verdict:
        """That on the values of the same queries."""
        none, used, new = (interval(list(values.values())).mean for values in (nothing, in_use, learned))
        difference = compare(in_use, learned).difference
        return cls(none, used, new, difference.low, difference.high, len(learned), day)

    @property
    def worse(self) -> str | None:
        """Why what was learned should not be used; None where it may."""
        for name, value in (("what is in use", self.in_use), ("nothing", self.nothing)):
            if self.learned < value:
                return f"{READ_BY} {self.learned:.4f} < {value:.4f} with {name}"
        return None

    def lines(self) -> list[str]:
        """For people to read."""
        gain = self.learned - self.in_use
        return [
            f"{READ_BY} on {self.queries:,} queries held out from {self.day:%Y-%m-%d}",
            f"  nothing           {self.nothing:.4f}",
            f"  what is in use    {self.in_use:.4f}",
            f"  what was learned  {self.learned:.4f}   {gain:+.4f}, 95 % {self.low:+.4f} … {self.high:+.4f}",
        ]
