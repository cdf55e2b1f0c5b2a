"""How often the rule for near-duplicates is right, on pairs of short news items that were read and labelled."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from recommend.arrays import to_float32
from recommend.articles.article import Article
from recommend.configuration import load_settings
from recommend.evaluation.experiment import scratch
from recommend.index.segment import Segment
from recommend.ranking.near_duplicates import compare
from recommend.recommender import Recommender
from recommend.sources import read

LABELS = Path(__file__).with_suffix(".tsv")
SETS = {"current_events_2002_2024": ("2020", "2021", "2022"), "current_events_2025": ("2025",)}
BEFORE = 0.7

Pairs = NDArray[np.int64]
Rule = Callable[[Segment, NDArray[np.bool_], Pairs], bool]


def main() -> None:
    """Writes the part ``near_duplicates`` of docs/relevance.md."""
    settings = load_settings(None, [], {"models": report.ROOT / "models"})
    with LABELS.open(encoding="utf-8", newline="") as file:
        labels = list(csv.DictReader(file, delimiter="\t"))
    rows = list[list[str]]()
    for name, years in SETS.items():
        articles = [
            row
            for row in read(report.data(f"{name}.articles.jsonl.gz"))
            if isinstance(row, Article) and row.published_at is not None and str(row.published_at.year) in years
        ]
        mine = [label for label in labels if label["set"] == name]
        with scratch(articles, settings, folder=report.KEPT / "near_duplicates" / name) as recommender:
            for rule, says in (("before", _before), ("now", _now)):
                when = "–".join(dict.fromkeys((years[0], years[-1])))
                rows.append([when, str(len(mine)), rule, *_right(recommender, mine, says)])
    header = ["years", "pairs", "rule", "precision", "recall"]
    report.write("relevance.md", "near_duplicates", report.table(header, rows))


def _right(recommender: Recommender, labels: list[dict[str, str]], says: Rule) -> tuple[str, str]:
    """Precision and recall of a rule."""
    view, least = recommender.view(), recommender.settings.policy.duplicate_dense
    segment, numeric = view.segments[0], view.snapshot.lexicon.numeric
    pairs = [np.array([view.locate(label["left"]), view.locate(label["right"])])[:, 1] for label in labels]
    found = np.array([_near(segment, pair, least) and says(segment, numeric, pair) for pair in pairs])
    same = np.array([label["same"] == "1" for label in labels])
    both = np.count_nonzero(found & same)
    return f"{both / np.count_nonzero(found):.2f}", f"{both / np.count_nonzero(same):.2f}"


def _near(segment: Segment, pair: Pairs, least: float) -> bool:
    left, right = to_float32(segment.embeddings[pair])
    return bool(left @ right >= least)


def _before(segment: Segment, _numeric: NDArray[np.bool_], pair: Pairs) -> bool:
    """One least lexical cosine, numbers included."""
    return bool(segment.matrix.pairs(pair[:1], pair[1:])[0] >= BEFORE)


def _now(segment: Segment, numeric: NDArray[np.bool_], pair: Pairs) -> bool:
    rules = load_settings(None, [], {}).policy
    copies, updates = compare([segment.matrix.vector(row) for row in pair.tolist()], numeric, rules)
    return bool(copies[0, 1] or updates[0, 1])
