"""What ranking costs a request: features, scores and order of 200 candidates, on one core."""

from __future__ import annotations

import time

import numpy as np

from benchmarks import report
from benchmarks.relevance import CANDIDATES
from recommend.articles.article import Article
from recommend.configuration import load_settings
from recommend.evaluation.experiment import scratch
from recommend.index.dense import set_threads
from recommend.ranking.corpus import Corpus
from recommend.ranking.features import compute_features
from recommend.ranking.model import Ranker
from recommend.ranking.scores import score
from recommend.sources import read

QUERIES = 500


def main() -> None:
    """Writes the part ``ranking`` of docs/benchmarks.md."""
    name = "current_events_2025"
    models = report.ROOT / "models"
    articles = [row for row in read(report.data(f"{name}.articles.jsonl.gz")) if isinstance(row, Article)]
    settings = load_settings(None, ["policy=off"], {"models": models})
    ranker = Ranker.load(models / f"{settings.ranking.model}.json")
    with scratch(articles, settings, folder=report.KEPT / name) as recommender:
        set_threads(1)
        segment, manifest = recommender.view().segments[0], recommender.view().snapshot.manifest
        corpus = Corpus.of(manifest)
        chosen = np.random.default_rng(7).choice(len(segment), QUERIES, replace=False)
        parts: list[tuple[float, ...]] = []
        for row in chosen.tolist():
            query = segment.query(row)
            rows = np.sort(segment.nearest(query.embedding, CANDIDATES))
            started = time.perf_counter()
            candidates = compute_features(segment, 0, query, rows)
            featured = time.perf_counter()
            scored = score(candidates, ranker, corpus.length_weight(query.term_count), corpus)
            np.lexsort((scored.rows, -scored.scores))
            parts.append((featured - started, time.perf_counter() - featured))
    features, scores = 1000 * np.median(parts, axis=0)
    total = 1000 * np.median(np.sum(parts, axis=1))
    text = "\n\n".join(
        [
            f"Medians of {QUERIES} queries, {CANDIDATES} candidates each. {report.machine()}",
            report.table(
                ["step", "ms"],
                [
                    ["features", f"{features:.2f}"],
                    ["scores, probabilities, order", f"{scores:.2f}"],
                    ["both", f"{total:.2f}"],
                ],
            ),
        ]
    )
    report.write("benchmarks.md", "ranking", text)
