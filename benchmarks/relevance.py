"""What each part of the ranking gives, beside what a user would otherwise pick. Everything runs the production path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks import report
from recommend.article import Article
from recommend.encoder import encode_articles
from recommend.evaluation.experiment import rank_queries, scratch
from recommend.evaluation.judgements import Qrels, Run, read_qrels
from recommend.evaluation.metrics import compare, interval, per_query
from recommend.settings import load_settings
from recommend.sources import read

SETS = ("current_events_2025", "ecbplus")
KEPT = Path(os.environ.get("RECOMMEND_SCRATCH", "/tmp")) / "recommend-relevance"
NO_TIME = ("ranking.without=time", "indexing.company_time=0")
VARIANTS: dict[str, tuple[str, ...]] = {
    "everything": (),
    "without the adapter": ("encoder.adapter=none",),
    "without company": ("indexing.company=off",),
    "without sections": ("ranking.without=section",),
    "without lexical context": ("ranking.without=context",),
    "without dense": ("ranking.without=dense",),
    "without time": NO_TIME,
    "without time and sections": ("ranking.without=time,section", "indexing.company_time=0"),
    "only earlier articles": ("ranking.as_of=query",),
}


def main() -> None:
    """Writes the part of each set in docs/relevance.md."""
    for name in SETS:
        articles = sorted(_articles(name), key=lambda article: article.id)
        qrels = read_qrels(report.data(f"{name}.qrels.tsv.gz"))
        runs = {label: _run(name, articles, qrels, variant) for label, variant in VARIANTS.items()}
        runs |= _baselines(name, articles, qrels)
        values = {label: per_query(qrels, run) for label, run in runs.items()}
        full = values["everything"]["nDCG@10"]
        rows = []
        for label, measured in values.items():
            mean = interval(list(measured["nDCG@10"].values()))
            difference = compare(full, measured["nDCG@10"])
            change = difference.difference
            apart = "" if label == "everything" else f"{change.mean:+.4f} ({change.low:+.4f} … {change.high:+.4f})"
            rows.append(
                [
                    label,
                    f"{mean.mean:.4f} ({mean.low:.4f} … {mean.high:.4f})",
                    apart,
                    "" if label == "everything" else "yes" if difference.p_value < 0.05 else "no",
                    *(f"{np.mean(list(measured[measure].values())):.4f}" for measure in ("nDCG@5", "R@10", "RR")),
                ]
            )
        header = ["ranking", "nDCG@10 (95 %)", "against everything", "significant", "nDCG@5", "recall@10", "MRR"]
        text = f"{len(articles):,} articles, {len(qrels):,} queries.\n\n{report.table(header, rows)}"
        report.write("relevance.md", name, text)


def _articles(name: str) -> Iterator[Article]:
    for row in read(report.data(f"{name}.articles.jsonl.gz")):
        if isinstance(row, Article):
            yield row


def _run(name: str, articles: list[Article], qrels: Qrels, variant: tuple[str, ...]) -> Run:
    settings = load_settings(None, ["policy=off", *variant], {"models": report.ROOT / "models"})
    with scratch(articles, settings, folder=KEPT / name) as recommender:
        return rank_queries(recommender, qrels)


def _baselines(name: str, articles: list[Article], qrels: Qrels) -> dict[str, Run]:
    """Plain nearest neighbours, as common plug-ins rank: by one embedding, or by one bag of words."""
    settings = load_settings(None, ["policy=off"], {"models": report.ROOT / "models"})
    with scratch(articles, settings, folder=KEPT / name) as recommender:
        dense = encode_articles(recommender.encoder, articles)
    texts = [article.full_text for article in articles]
    bags = TfidfVectorizer(stop_words="english", sublinear_tf=True, dtype=np.float32)
    pairs = TfidfVectorizer(stop_words="english", sublinear_tf=True, dtype=np.float32, ngram_range=(1, 2))
    ids = [article.id for article in articles]
    rows = {article_id: row for row, article_id in enumerate(ids)}

    def nearest(vectors: object) -> Run:
        run: Run = {}
        for query in qrels:
            scores = np.asarray(_scores(vectors, rows[query])).ravel()
            scores[rows[query]] = -np.inf
            best = np.argsort(-scores, kind="stable")[:500]
            run[query] = [(ids[row], float(scores[row])) for row in best]
        return run

    return {
        "*baseline:* MiniLM nearest neighbours": nearest(dense),
        "*baseline:* TF-IDF, words": nearest(bags.fit_transform(texts)),
        "*baseline:* TF-IDF, words and pairs of words": nearest(pairs.fit_transform(texts)),
    }


def _scores(vectors: object, row: int) -> object:
    if isinstance(vectors, np.ndarray):
        return vectors @ vectors[row]
    return (vectors @ vectors[row].T).toarray()  # type: ignore[attr-defined, index]  # a scipy matrix
