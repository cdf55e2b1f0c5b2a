"""Which queries depend on each other: those of one story, of one topic, or with one value of a field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.errors import EvaluationError, truncated_repr
from recommend.evaluation.judgements import Qrels, read_columns

AUTO, QUERIES, STORIES, TOPICS = "auto", "queries", "stories", "topics"
_LEAST, _MOST = 10, 1 / 3  # stories from which on they are told apart unasked, and how much one of them may hold
_SEED = 7

Embed = Callable[[str], NDArray[np.float32] | None]
Look = Callable[[str], Article | None]


@dataclass(frozen=True, slots=True)
class Clusters:
    """Queries by what they have in common.

    Attributes:
        by: ``queries``, ``stories``, ``topics``, a field or a file.
        labels: of each query; None where all are independent.
    """

    by: str
    labels: Mapping[str, str] | None

    def of(self, queries: Sequence[str]) -> list[str] | None:
        """The labels of some queries, in their order; None where all are independent."""
        return None if self.labels is None else [self.labels[query] for query in queries]

    def count(self, queries: Sequence[str]) -> int:
        """How many there are among some queries."""
        return len(set(queries if self.labels is None else (self.labels[query] for query in queries)))


def cluster_queries(
    by: str, qrels: Qrels, queries: Sequence[str], *, look: Look | None = None, embed: Embed | None = None
) -> Clusters:
    """The clusters that ``by`` names.

    Args:
        by: ``queries``: each by itself; ``stories``: joined by the judgements; ``topics``: stories alike in content;
            a field of the articles; a file of lines with a query, a tab and its cluster; ``auto``: stories where
            there are ten or more and none holds over a third of the queries.
        qrels: the judgements.
        queries: those to be told apart.
        look: gives the article of an id, for fields; None where there are no articles.
        embed: gives its embedding, for topics; None where there are none.

    Raises:
        EvaluationError: when what it takes is not there.
    """
    if by == QUERIES:
        return Clusters(by, None)
    if by in (AUTO, STORIES):
        stories = story_clusters(qrels)
        sizes = Counter(stories[query] for query in queries).values()
        apart = len(sizes) >= _LEAST and max(sizes) <= _MOST * len(queries)
        return Clusters(STORIES, stories) if by == STORIES or apart else Clusters(QUERIES, None)
    if by == TOPICS:
        if embed is None:
            raise EvaluationError("topics are told from embeddings, which runs lack: use stories, a field or a file")
        return Clusters(by, topic_clusters(queries, story_clusters(qrels), embed))
    if Path(by).is_file():
        return Clusters(Path(by).name, _listed(Path(by), queries))
    if look is None:
        raise EvaluationError(
            f"{truncated_repr(by)} is neither {QUERIES}, {STORIES} nor a file; a field needs the articles: --articles"
        )
    return Clusters(by, _by_field(by, queries, look))


def story_clusters(qrels: Qrels) -> dict[str, str]:
    """The story of each query, by its first article's id: what is judged related, however indirectly, is one story.

    Where judgements have several grades of related, the lowest of them joins nothing: it is a wider story.
    """
    grades_of_related = sorted({grade for grades in qrels.values() for grade in grades.values() if grade > 0})
    least = grades_of_related[min(1, len(grades_of_related) - 1)] if grades_of_related else 1
    parents: dict[str, str] = {}

    def root(one: str) -> str:
        parents.setdefault(one, one)
        while parents[one] != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        return one

    for query, grades in qrels.items():
        for document in (query, *(document for document, grade in grades.items() if grade >= least)):
            first, second = sorted((root(query), root(document)))
            parents[second] = first
    return {query: root(query) for query in qrels}


def topic_clusters(queries: Sequence[str], stories: Mapping[str, str], embed: Embed) -> dict[str, str]:
    """Stories joined by content into as many topics as the square root of the queries (k-means of the stories' mean
    embeddings); queries without an embedding are one more."""
    from sklearn.cluster import KMeans

    vectors = {query: vector for query in queries if (vector := embed(query)) is not None}
    members: dict[str, list[NDArray[np.float32]]] = {}
    for query, vector in vectors.items():
        members.setdefault(stories[query], []).append(vector)
    if not members:
        return dict.fromkeys(queries, "")
    means = np.array([np.mean(found, axis=0) for found in members.values()])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    count = min(len(means), max(1, round(len(vectors) ** 0.5)))
    labels = KMeans(count, n_init=3, random_state=_SEED).fit_predict(means)
    topics = dict(zip(members, labels.tolist(), strict=True))
    return {query: str(topics[stories[query]]) if query in vectors else "" for query in queries}


def field_value(article: Article, name: str) -> str:
    """What an article says in a field of its own, or of ``extra``, as text; a moment is its day; empty for nothing."""
    value = getattr(article, name) if name in Article.model_fields else article.extra.get(name)
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _by_field(name: str, queries: Sequence[str], look: Look) -> dict[str, str]:
    labels, fields = dict.fromkeys(queries, ""), Counter[str]()
    for query in queries:
        article = look(query)
        if article is not None:
            labels[query] = field_value(article, name)
            fields.update(article.extra.keys())
    if name not in Article.model_fields and name not in fields:
        known = ", ".join([*Article.model_fields, *sorted(fields)])
        raise EvaluationError(
            f"{truncated_repr(name)} is neither {QUERIES}, {STORIES}, {TOPICS}, a file nor a field of a judged "
            f"article; there are {known}"
        )
    return labels


def _listed(path: Path, queries: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for number, line in read_columns(path):
        query, tab, cluster = line.partition("\t")
        if not tab:
            raise EvaluationError(f"{path}:{number}: {truncated_repr(line)} is not a query, a tab and its cluster")
        labels[query] = cluster
    lacking = [query for query in queries if query not in labels]
    if lacking:
        raise EvaluationError(
            f"{path} names no cluster of {len(lacking):,} queries, as {truncated_repr(lacking[0])}; add a line for each"
        )
    return labels
