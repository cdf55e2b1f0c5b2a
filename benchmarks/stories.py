"""Whether the stories that are told are running stories: held against what editors filed under one, beside plain
clustering of the same embeddings and of words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN, AgglomerativeClustering
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
from sklearn.metrics.pairwise import cosine_distances

from benchmarks import report
from recommend.articles.article import Article
from recommend.configuration import load_settings
from recommend.encoder import encode_articles
from recommend.evaluation.b_cubed import BCubed, b_cubed
from recommend.evaluation.experiment import scratch
from recommend.evaluation.intervals import interval
from recommend.evaluation.judgements import UNKNOWN, read_qrels
from recommend.recommender import Recommender
from recommend.sources import read
from recommend.story import story_of

SETS = {"2024, on which thresholds were chosen": ("current_events_2002_2024", 2024),
        "2025": ("current_events_2025", 2025)}  # fmt: skip
THRESHOLDS = np.arange(0.3, 0.86, 0.05)
SMALLEST = (2, 3, 5, 10)
LEAST = 3
_SAME_STORY = 2
"""The least grade of two that are of one running story, and not only of one wider story."""

Groups = Mapping[str, set[str]]


@dataclass(frozen=True, slots=True)
class Year:
    """A year's articles.

    Attributes:
        judged: by article, those of its story.
        unknown: by article, those of which nobody knows whether they are of its story.
        stories: by article, those of the story that is told of it.
        distances: (n, n) by what they are of: 1 − cosine.
    """

    ids: list[str]
    judged: Groups
    unknown: Groups
    stories: Groups
    distances: Mapping[str, NDArray[np.float64]]

    def measured(self, found: Groups) -> BCubed:
        """How right groups are."""
        return b_cubed({one: found.get(one, set()) - self.unknown[one] for one in self.judged}, self.judged)

    def clustered(self, method: Method) -> BCubed:
        """How right those of a method are, of which fewer than three are no story either."""
        labels = method.labels(self.distances[method.of])
        members: dict[int, set[str]] = {}
        for one, label in zip(self.ids, labels, strict=True):
            members.setdefault(label, set()).add(one)
        members.pop(-1, None)
        return self.measured({one: group for group in members.values() if len(group) >= LEAST for one in group})


@dataclass(frozen=True, slots=True)
class Method:
    """A clustering with its parameters.

    Attributes:
        of: embeddings, or words.
        how: the linkage of agglomerative clustering, or "HDBSCAN".
        parameter: the distance up to which groups are joined, or how many the smallest has.
    """

    of: str
    how: str
    parameter: float

    def labels(self, distances: NDArray[np.float64]) -> list[int]:
        """The group of each, −1 for none."""
        if self.how == "HDBSCAN":
            made = HDBSCAN(min_cluster_size=int(self.parameter), metric="precomputed", copy=True)
        else:
            made = AgglomerativeClustering(
                None, metric="precomputed", linkage=self.how, distance_threshold=self.parameter
            )
        found: list[int] = made.fit_predict(distances).tolist()
        return found

    def __str__(self) -> str:
        said = (
            f"at least {self.parameter:.0f}" if self.how == "HDBSCAN" else f"{self.how} linkage, {self.parameter:.2f}"
        )
        return f"*{self.of}: {'HDBSCAN' if self.how == 'HDBSCAN' else 'agglomerative'}, {said}*"


def main() -> None:
    """Writes the part ``stories`` of docs/relevance.md."""
    years = {label: _year(*of) for label, of in SETS.items()}
    tuned = next(iter(years.values()))
    methods = [_best(tuned, of, how) for of in tuned.distances for how in ("average", "HDBSCAN")]
    rows = [row for label, year in years.items() for row in _rows(label, year, methods)]
    header = ["articles of", "judged", "grouped by", "precision (95 %)", "recall (95 %)", "F1"]
    report.write("relevance.md", "stories", report.table(header, rows))


def _rows(label: str, year: Year, methods: list[Method]) -> Iterator[list[str]]:
    measured = {"the story so far": year.measured(year.stories), **{str(one): year.clustered(one) for one in methods}}
    for number, (name, found) in enumerate(measured.items()):
        cells = [interval(list(values.values())) for values in (found.precision, found.recall)]
        told = [f"{cell.mean:.3f} ({cell.low:.3f} … {cell.high:.3f})" for cell in cells]
        yield [*((label, f"{len(year.judged):,}") if not number else ("", "")), name, *told, f"{found.f1:.3f}"]


def _best(year: Year, of: str, how: str) -> Method:
    """The parameter with the greatest F1."""
    tried = [Method(of, how, float(one)) for one in (SMALLEST if how == "HDBSCAN" else THRESHOLDS)]
    return max(tried, key=lambda method: year.clustered(method).f1)


def _year(name: str, year: int) -> Year:
    articles = sorted(_articles(name, year), key=lambda article: article.id)
    ids = [article.id for article in articles]
    qrels = read_qrels(report.data(f"{name}.qrels.tsv.gz"))
    there, grades = set(ids), {query: of for query, of in qrels.items() if query in set(ids)}
    judged = {query: {one for one, grade in of.items() if grade >= _SAME_STORY} & there for query, of in grades.items()}
    judged = {query: others for query, others in judged.items() if others}
    unknown = {query: {one for one, grade in grades[query].items() if grade == UNKNOWN} for query in judged}
    settings = load_settings(None, [], {"models": report.ROOT / "models"})
    with scratch(articles, settings, folder=report.KEPT / "stories" / str(year)) as recommender:
        stories = {query: _told(recommender, query) for query in judged}
        embeddings = encode_articles(recommender.encoder, articles).astype(np.float64)
    counted = TfidfVectorizer(stop_words=sorted(ENGLISH_STOP_WORDS), sublinear_tf=True)
    words = counted.fit_transform(article.full_text for article in articles)
    distances = {"embeddings": cosine_distances(embeddings - embeddings.mean(0)), "TF-IDF": cosine_distances(words)}
    return Year(ids, judged, unknown, stories, distances)


def _articles(name: str, year: int) -> Iterator[Article]:
    for row in read(report.data(f"{name}.articles.jsonl.gz")):
        if isinstance(row, Article) and row.published_at is not None and row.published_at.year == year:
            yield row


def _told(recommender: Recommender, article_id: str) -> set[str]:
    story = story_of(recommender, article_id)
    return {part.id for part in story.articles} if story is not None else set()
