"""What it costs, and gains, to find boxes for stories that none shows: nDCG@10 and reach by ``policy.exposure``."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import report
from recommend.articles.article import Article
from recommend.configuration import load_settings
from recommend.evaluation.differences import compare
from recommend.evaluation.experiment import rank_queries, scratch
from recommend.evaluation.exposure import Exposure, exposure
from recommend.evaluation.judgements import Qrels, read_qrels
from recommend.evaluation.metrics import per_query
from recommend.sources import read

TUNED, CHOSEN = (0.01, 0.02, 0.05), 0.02
_DEPTH = 10


@dataclass(frozen=True)
class Set:
    """Articles with judgements.

    Attributes:
        name: of the folder that keeps them.
        file: of the data, without its ending; of the archive the articles of some ``years`` alone.
        tolerances: settings that are tried on it.
    """

    name: str
    file: str
    years: range | None
    tolerances: tuple[float, ...]

    def read(self) -> tuple[list[Article], Qrels]:
        """Both, each judgement of two articles that are there."""
        rows = read(report.data(f"{self.file}.articles.jsonl.gz"))
        articles = [row for row in rows if isinstance(row, Article) and self._has(row)]
        ids = {article.id for article in articles}
        judged = {
            query: {document: grade for document, grade in grades.items() if document in ids}
            for query, grades in read_qrels(report.data(f"{self.file}.qrels.tsv.gz")).items()
            if query in ids
        }
        return articles, {query: grades for query, grades in judged.items() if any(one > 0 for one in grades.values())}

    def _has(self, article: Article) -> bool:
        return self.years is None or (article.published_at is not None and article.published_at.year in self.years)


SETS = (
    Set("exposure-2024", "current_events_2002_2024", range(2024, 2025), TUNED),
    Set("exposure-years", "current_events_2002_2024", range(2022, 2025), (CHOSEN,)),
    Set("exposure-2025", "current_events_2025", None, (CHOSEN,)),
)


def main() -> None:
    """Writes the part ``exposure`` of docs/relevance.md."""
    parts = []
    for one in SETS:
        articles, qrels = one.read()
        plain, told = _measured(one, articles, qrels, 0.0)
        rows = [["off", *report.measured(plain, None), *_reach(told)]]
        for tolerance in one.tolerances:
            values, told = _measured(one, articles, qrels, tolerance)
            rows.append([f"`{tolerance}`", *report.measured(values, compare(plain, values)), *_reach(told)])
        header = [
            "`policy.exposure`",
            "nDCG@10 (95 %)",
            "against off",
            "significant",
            "in no box",
            "Gini",
            "most",
        ]
        which = "2025" if one.years is None else f"The archive's {' and '.join(map(str, one.years))}"
        parts += [f"{which}: {len(articles):,} articles, {len(qrels):,} queries.", report.table(header, rows)]
    report.write("relevance.md", "exposure", "\n\n".join(parts))


def _measured(one: Set, articles: list[Article], qrels: Qrels, tolerance: float) -> tuple[dict[str, float], Exposure]:
    """nDCG@10 by query, and how the boxes of five expose all articles; the policy is on."""
    settings = load_settings(None, ["policy=on", f"policy.exposure={tolerance}"], {"models": report.ROOT / "models"})
    with scratch(articles, settings, folder=report.KEPT / one.name) as recommender:
        return per_query(qrels, rank_queries(recommender, qrels, depth=_DEPTH))["nDCG@10"], exposure(recommender)


def _reach(told: Exposure) -> list[str]:
    alone, most = len(told.in_no_box), told.most_linked(1)[0].boxes
    return [f"{alone:,} ({alone / len(told.articles):.1%})", f"{told.gini:.3f}", str(most)]
