"""What each part of the ranking gives, beside what a user would otherwise pick. Everything runs the production path."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks import report
from benchmarks.baselines import Baselines
from recommend.articles.article import Article
from recommend.configuration import load_settings
from recommend.encoder import encode_articles, open_encoder
from recommend.evaluation.differences import compare
from recommend.evaluation.experiment import rank_queries, scratch
from recommend.evaluation.judgements import Qrels, Run, read_qrels
from recommend.evaluation.metrics import per_query
from recommend.recommender import Recommender
from recommend.settings import EncoderSettings
from recommend.sources import read

SETS = ("current_events_2025", "ecbplus")
CANDIDATES = 200
FULL = "everything"
NO_TIME = ("indexing.expansion_time=0",)
ORIGINAL = "all-MiniLM-L6-v2"
UNTUNED = (f"encoder.name={ORIGINAL}",)

# Each variant: features that do not count, then other settings.
ADDED: dict[str, tuple[str, tuple[str, ...]]] = {
    "dense, centred": ("context,section,time", (*UNTUNED, "encoder.adapter=none", "indexing.expansion=off")),
    "+ adapter": ("context,section,time", (*UNTUNED, "indexing.expansion=off")),
    "+ tuning": ("context,section,time", ("indexing.expansion=off",)),
    "+ lexical": ("section,time", ("indexing.expansion=off",)),
    "+ expansion": ("section,time", NO_TIME),
    "+ section": ("time", NO_TIME),
    "+ time: everything": ("", ()),
}
TAKEN: dict[str, tuple[str, tuple[str, ...]]] = {
    "without tuning": ("", UNTUNED),
    "without tuning and adapter": ("", (*UNTUNED, "encoder.adapter=none")),
    "without expansion": ("", ("indexing.expansion=off",)),
    "without sections": ("section", ()),
    "without lexical context": ("context", ()),
    "without dense": ("dense", ()),
    "without time": ("time", NO_TIME),
    "without time, tuning": ("time", (*UNTUNED, *NO_TIME)),
    "without time, tuning and adapter": ("time", (*UNTUNED, "encoder.adapter=none", *NO_TIME)),
    "without time, expansion": ("time", ("indexing.expansion=off",)),
    "without time, sections": ("time,section", NO_TIME),
    "without time, lexical context": ("time,context", NO_TIME),
    "without time, dense": ("time,dense", NO_TIME),
}


def main() -> None:
    """Writes the parts of each set in docs/relevance.md."""
    for name in SETS:
        articles = sorted(_articles(name), key=lambda article: article.id)
        qrels = read_qrels(report.data(f"{name}.qrels.tsv.gz"))
        full = _measured(name, articles, qrels, "", ())
        rows = [_row(FULL, full, full)]
        rows += [_row(label, _measured(name, articles, qrels, *variant), full) for label, variant in TAKEN.items()]
        added = [_row(label, _measured(name, articles, qrels, *variant), full) for label, variant in ADDED.items()]
        earlier = _measured(name, articles, qrels, "", ("ranking.as_of=query",))
        earlier_timeless = _measured(name, articles, qrels, "time", ("ranking.as_of=query", *NO_TIME))
        baselines = _baselines(articles)
        queries = [query for query in qrels if query in baselines.rows]
        rows += [_row(label, per_query(qrels, run), full) for label, run in baselines.runs(queries).items()]
        past = [_row(FULL, earlier, earlier), _row("without time", earlier_timeless, earlier)]
        past += [
            _row(label, per_query(qrels, run), earlier) for label, run in baselines.runs(queries, earlier=True).items()
        ]
        header = ["ranking", "nDCG@10 (95 %)", "against everything", "significant", "nDCG@5", "recall@10", "MRR"]
        text = "\n\n".join(
            [
                f"{len(articles):,} articles, {len(qrels):,} queries. Baselines in italics.",
                "Each signal taken away, and the baselines:",
                report.table(header, rows),
                "Each signal added to those above it:",
                report.table(header, added),
                "Only articles published before the query are candidates (what comes later cannot be found then):",
                report.table(header, past),
                "Where candidates come from:",
                report.table(["candidates", "related articles among them"], _recall(name, articles, qrels)),
            ]
        )
        report.write("relevance.md", name, text)


def _row(label: str, measured: dict[str, dict[str, float]], full: dict[str, dict[str, float]]) -> list[str]:
    values = measured["nDCG@10"]
    difference = None if measured is full else compare(full["nDCG@10"], values)
    return [
        label,
        *report.measured(values, difference),
        *(f"{np.mean(list(measured[measure].values())):.4f}" for measure in ("nDCG@5", "R@10", "RR")),
    ]


def _articles(name: str) -> Iterator[Article]:
    for row in read(report.data(f"{name}.articles.jsonl.gz")):
        if isinstance(row, Article):
            yield row


def _measured(
    name: str, articles: list[Article], qrels: Qrels, without: str, variant: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    settings = load_settings(
        None, ["policy=off", f"ranking.without={without}", *variant], {"models": report.ROOT / "models"}
    )
    with scratch(articles, settings, folder=report.KEPT / settings.encoder.name / name) as recommender:
        run: Run = rank_queries(recommender, qrels)
    return per_query(qrels, run)


def _baselines(articles: list[Article]) -> Baselines:
    models = report.ROOT / "models"
    embeddings = encode_articles(open_encoder(EncoderSettings(name=ORIGINAL), models), articles)
    return Baselines(articles, embeddings, models / ORIGINAL)


def _recall(name: str, articles: list[Article], qrels: Qrels) -> list[list[str]]:
    settings = load_settings(None, ["policy=off"], {"models": report.ROOT / "models"})
    with scratch(articles, settings, folder=report.KEPT / settings.encoder.name / name) as recommender:
        shares = np.array([_found(recommender, query, grades) for query, grades in qrels.items()])
    names = (f"{CANDIDATES} nearest embeddings", f"{CANDIDATES} best lexical matches", "both together")
    return [[label, f"{share:.3f}"] for label, share in zip(names, np.nanmean(shares, axis=0), strict=True)]


def _found(recommender: Recommender, query: str, grades: dict[str, int]) -> list[float]:
    view = recommender.view()
    segment, place = view.segments[0], view.locate(query)
    related = {article_id for article_id, grade in grades.items() if grade > 0}
    if place is None or not related:
        return [np.nan] * 3
    asked = segment.query(place[1])
    dense = segment.nearest(asked.embedding, CANDIDATES)
    lexical = segment.matrix.search(asked.terms, CANDIDATES, recommender.settings.ranking.lexical_terms)
    both = np.union1d(dense, lexical)
    ids = [{segment.table.id(int(row)) for row in rows} for rows in (dense, lexical, both)]
    return [len(related & found) / len(related) for found in ids]
