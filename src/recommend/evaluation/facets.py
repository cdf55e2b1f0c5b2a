"""What tells queries apart for readers and editors: section, language, site, length, age."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recommend.articles.article import Article
from recommend.evaluation.clusters import Clusters
from recommend.evaluation.intervals import Interval, interval

Facets = Mapping[str, str]
"""Values by facet, of one query."""

FACETS = ("section", "language", "site", "length", "age")
_LENGTHS = ((60, "under 60 words"), (300, "60–299 words"), (1000, "300–999 words"))
_AGES = ((31, "the last month"), (366, "the last year"), (5 * 366, "one to five years before"))
_LEAST = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """The mean of a measure within the queries that have one value of a facet."""

    facet: str
    value: str
    queries: int
    interval: Interval


def facets_of(article: Article | None, newest: datetime | None) -> dict[str, str]:
    """Section, language, site, length and age of an article; of none, for a query that is not among the articles.

    Args:
        article: the query's.
        newest: the date of the newest article, from which age is counted.
    """
    if article is None:
        return dict.fromkeys(FACETS, "")
    words = len(article.full_text.split())
    return {
        "section": article.section or "none",
        "language": article.language or "none",
        "site": article.site or "none",
        "length": next((name for least, name in _LENGTHS if words < least), "1000 words and more"),
        "age": _age(article.published_at, newest),
    }


def grouped(facets: Mapping[str, Facets], queries: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Facet, value and queries of every segment of at least two, the largest of each facet first; a facet with
    one of them has none."""
    names = dict.fromkeys(name for query in queries for name in facets.get(query, {}))
    for name in names:
        groups: dict[str, list[str]] = {}
        for query in queries:
            if value := facets.get(query, {}).get(name, ""):
                groups.setdefault(value, []).append(query)
        large = [(value, members) for value, members in groups.items() if len(members) >= _LEAST]
        if len(large) > 1:
            for value, members in sorted(large, key=lambda item: (-len(item[1]), item[0])):
                yield name, value, members


def segments(
    values: Mapping[str, float], facets: Mapping[str, Facets], queries: Sequence[str], clusters: Clusters
) -> list[Segment]:
    """The mean of a measure, by query, within every segment of some queries."""
    return [
        Segment(name, value, len(members), interval([values[query] for query in members], clusters.of(members)))
        for name, value, members in grouped(facets, queries)
    ]


def _age(published: datetime | None, newest: datetime | None) -> str:
    if published is None or newest is None:
        return "undated"
    return next((name for days, name in _AGES if newest - published <= timedelta(days)), "more than five years before")
