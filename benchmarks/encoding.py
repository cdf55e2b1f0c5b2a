"""The int8 encoder against the same model in torch fp32: speed side by side, similarity of vectors, cost in nDCG@10."""

from __future__ import annotations

import time

import numpy as np

from benchmarks import report
from recommend.articles.article import Article
from recommend.encoder import Encoder, open_encoder
from recommend.encoder.manifest import read_manifest
from recommend.encoder.preparation import encoder_text
from recommend.encoder.transformer import TransformerEncoder
from recommend.evaluation.judgements import read_qrels
from recommend.evaluation.metrics import per_query
from recommend.settings import EncoderSettings
from recommend.sources import read

ROUNDS = 5
TEXTS = 512


def main() -> None:
    """Writes the part ``encoding`` of docs/benchmarks.md."""
    models = report.ROOT / "models"
    settings = EncoderSettings(name="all-MiniLM-L6-v2", max_words=0)
    int8 = open_encoder(settings, models)
    source = read_manifest(models / settings.name).source()
    torch32 = TransformerEncoder(settings.model_copy(update={"name": str(source)}))
    rows = []
    for label, name in (("short items", "current_events_2025"), ("full text", "ecbplus")):
        texts = [encoder_text(article, settings.max_tokens) for article in _articles(name)]
        sample = texts[:: max(1, len(texts) // TEXTS)][:TEXTS]
        ratios, speeds = _race(int8, torch32, sample)
        own, theirs = int8.encode(texts), torch32.encode(texts)
        rows.append(
            [
                label,
                f"{np.median(speeds[1]):.0f}/s",
                f"{np.median(speeds[0]):.0f}/s",
                f"{np.median(ratios):.2f}",
                f"{(own * theirs).sum(axis=1).mean():.4f}",
                f"{_ndcg(name, theirs):.4f}",
                f"{_ndcg(name, own):.4f}",
            ]
        )
    header = ["texts", "torch fp32", "int8", "ratio", "cosine", "nDCG@10 of torch", "nDCG@10 of int8"]
    text = f"Medians of {ROUNDS} rounds in turn, {TEXTS} texts each, both with all cores. {report.machine()}"
    report.write("benchmarks.md", "encoding", f"{text}\n\n{report.table(header, rows)}")


def _articles(name: str) -> list[Article]:
    rows = read(report.data(f"{name}.articles.jsonl.gz"))
    return sorted((row for row in rows if isinstance(row, Article)), key=lambda article: article.id)


def _race(int8: Encoder, torch32: Encoder, texts: list[str]) -> tuple[list[float], tuple[list[float], list[float]]]:
    speeds: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS + 1):
        for encoder, found in zip((int8, torch32), speeds, strict=True):
            started = time.perf_counter()
            encoder.encode(texts)
            found.append(len(texts) / (time.perf_counter() - started))
    ours, theirs = speeds[0][1:], speeds[1][1:]  # the first round warms both up
    return [a / b for a, b in zip(ours, theirs, strict=True)], (ours, theirs)


def _ndcg(name: str, vectors: np.ndarray) -> float:
    """Of plain cosine nearest neighbours, so that nothing but the vectors counts."""
    ids = [article.id for article in _articles(name)]
    rows = {article_id: row for row, article_id in enumerate(ids)}
    qrels = read_qrels(report.data(f"{name}.qrels.tsv.gz"))
    run = {}
    for query in qrels:
        scores = vectors @ vectors[rows[query]]
        scores[rows[query]] = -np.inf
        best = np.argsort(-scores)[:200]
        run[query] = [(ids[row], float(scores[row])) for row in best]
    return float(np.mean(list(per_query(qrels, run, ["nDCG@10"])["nDCG@10"].values())))
