"""Kinds of archives beside each other in one table: a change of ranking has to gain on each, not on one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import report
from benchmarks.baselines import DEPTH, Scores, bm25, tfidf
from recommend.articles.article import Article, Status
from recommend.configuration import load_settings
from recommend.evaluation.differences import compare
from recommend.evaluation.experiment import rank_queries, scratch
from recommend.evaluation.judgements import Qrels, Run, read_qrels
from recommend.evaluation.metrics import per_query
from recommend.sources import read

MEASURE = "nDCG@10"
ARCHIVE = "current_events_2002_2024"
SAMPLE = report.ROOT / "examples" / "corpus"


@dataclass(frozen=True, slots=True)
class Kind:
    """A set of articles, and which of its judged queries are asked.

    Attributes:
        years: of the articles, the first and the last; None for all.
        queries: years of the queries, likewise.
        earlier: only articles published before the query are candidates.
        linked: each article has the links that its editors set, as an archive has that was read with its markup. Under
            an article its own say nothing, so that they can be its judgements.
    """

    label: str
    name: str
    years: tuple[int, int] | None = None
    queries: tuple[int, int] | None = None
    earlier: bool = False
    linked: bool = False


KINDS = (
    Kind("short news, 2025", "current_events_2025"),
    Kind("short news, 2024 in one year", ARCHIVE, (2024, 2024), (2024, 2024)),
    Kind("short news, 2024 in five years", ARCHIVE, (2020, 2024), (2024, 2024)),
    Kind("short news, 2024 in 22 years", ARCHIVE, (2002, 2024), (2024, 2024)),
    Kind("full-text news", "ecbplus"),
    Kind("posts with editors' links", "digitalgov"),
    Kind("the same, 2015 and later", "digitalgov", None, (2015, 2024)),
    Kind("the same, earlier posts only", "digitalgov", None, (2015, 2024), earlier=True),
    Kind("posts, the links of others known", "digitalgov", linked=True),
    Kind("the same, 2015 and later", "digitalgov", None, (2015, 2024), linked=True),
    Kind("the same, earlier posts only", "digitalgov", None, (2015, 2024), earlier=True, linked=True),
    Kind("sample corpus", SAMPLE.name),
)


def main() -> None:
    """Writes the part ``kinds`` of docs/relevance.md."""
    rows = [row for kind in KINDS for row in _rows(kind)]
    header = ["kind", "articles", "queries", "ranking", f"{MEASURE} (95 %)", "everything against it", "significant"]
    report.write("relevance.md", "kinds", report.table(header, rows))


def _rows(kind: Kind) -> Iterator[list[str]]:
    every = read_qrels(_judgements(kind))
    articles = sorted(_articles(kind), key=lambda article: article.id)
    if kind.linked:
        articles = [article.model_copy(update={"links_to": [*every.get(article.id, ())]}) for article in articles]
    dates = {article.id: article.published_at for article in articles}
    qrels = {
        query: grades
        for query, judged in every.items()
        if query in dates and _within(dates[query], kind.queries)
        for grades in [{article_id: grade for article_id, grade in judged.items() if article_id in dates}]
        if any(grade > 0 for grade in grades.values())
    }
    texts = [article.full_text for article in articles]
    runs = {
        "everything": _ours(kind, articles, qrels, ""),
        "dense alone": _ours(
            kind, articles, qrels, "lexical,context,titles,length,backlinks,time,section,tags,authors"
        ),
        "*TF-IDF, words*": _baseline(kind, articles, qrels, tfidf(texts, (1, 1))),
        "*BM25 (bm25s), whole text as query*": _baseline(kind, articles, qrels, bm25(texts, texts)),
    }
    values = {label: per_query(qrels, run, [MEASURE])[MEASURE] for label, run in runs.items()}
    for label, found in values.items():
        first = label == "everything"
        yield [
            *((kind.label, f"{len(articles):,}", f"{len(qrels):,}") if first else ("", "", "")),
            label,
            *report.measured(found, None if first else compare(found, values["everything"])),
        ]


def _articles(kind: Kind) -> Iterator[Article]:
    sample = kind.name == SAMPLE.name
    for row in read(SAMPLE / "articles.jsonl" if sample else report.data(f"{kind.name}.articles.jsonl.gz")):
        if isinstance(row, Article) and row.status == Status.PUBLISHED and _within(row.published_at, kind.years):
            yield row


def _judgements(kind: Kind) -> Path:
    sample = kind.name == SAMPLE.name
    return SAMPLE / "judgements.tsv" if sample else report.data(f"{kind.name}.qrels.tsv.gz")


def _within(date: object, years: tuple[int, int] | None) -> bool:
    return years is None or years[0] <= getattr(date, "year", 0) <= years[1]


def _ours(kind: Kind, articles: list[Article], qrels: Qrels, without: str) -> Run:
    as_of = "query" if kind.earlier else "any"
    assigned = ["policy=off", f"ranking.without={without}", f"ranking.as_of={as_of}"]
    settings = load_settings(None, assigned, {"models": report.ROOT / "models"})
    of = ["linked"] if kind.linked else map(str, kind.years or ["all"])
    folder = report.KEPT / "kinds" / kind.name / "-".join(of)
    with scratch(articles, settings, folder=folder) as recommender:
        return rank_queries(recommender, qrels)


def _baseline(kind: Kind, articles: list[Article], qrels: Qrels, scores: Scores) -> Run:
    rows = {article.id: row for row, article in enumerate(articles)}
    dates = np.array([a.published_at.timestamp() if a.published_at else np.nan for a in articles])
    run: Run = {}
    for query in qrels:
        own = rows[query]
        found = np.asarray(scores(own), np.float64).ravel().copy()
        found[own] = -np.inf
        if kind.earlier and not np.isnan(dates[own]):
            found[~(dates < dates[own])] = -np.inf
        best = [row for row in np.argsort(-found, kind="stable")[:DEPTH].tolist() if np.isfinite(found[row])]
        run[query] = [(articles[row].id, float(found[row])) for row in best]
    return run
