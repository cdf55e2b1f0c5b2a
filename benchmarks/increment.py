"""What a change costs: a full run over 100,000 articles, then 1 % of them changed, then 0.5 % new ones.

``python -m benchmarks.increment SIZE`` takes another number and writes nothing.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import report
from benchmarks.archive import Archive, Halves
from recommend.articles.article import Article
from recommend.encoder import Encoder, encode_articles, open_encoder
from recommend.evaluation.comparison import compare
from recommend.ingest import BATCH, ingest
from recommend.jobs.hooks import Hooks
from recommend.jobs.reindex import reindex
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store

SIZE, ONE_IN, NEW = 100_000, 100, 0.005
ENCODED, ANSWERS = 1024, 500
Box = list[tuple[str, float]]

_FULL_RUN = "full run"
_AGREEMENT = ("links as after a full rebuild: before reindex", "answers identical to a full rebuild's: after reindex")


@dataclass(frozen=True)
class Corpus:
    """Articles that are there at first, with embeddings (n, d), and articles that come in later."""

    first: list[Article]
    vectors: Halves
    new: list[Article]

    @classmethod
    def of(cls, archive: Archive, size: int, *, full_length: bool) -> Corpus:
        """``size`` articles, as they are or each with the texts of its eight nearest behind its own."""
        rows = np.random.default_rng(5).permutation(len(archive.articles))[: size + round(size * NEW)]
        articles = [_lengthened(archive, row) if full_length else archive.articles[row] for row in rows.tolist()]
        return cls(articles[:size], archive.growth.real[rows[:size]], articles[size:])

    def changed(self) -> list[Article]:
        """One in a hundred, with another word before its text."""
        return [one.model_copy(update={"text": f"Again: {one.text}"}) for one in self.first[::ONE_IN]]


def main() -> None:
    """Writes the part ``increment`` of docs/benchmarks.md."""
    report.write("benchmarks.md", "increment", measured(SIZE))


def measured(size: int) -> str:
    """The table."""
    archive, settings = Archive.read(), Settings(models=report.ROOT / "models")
    encoder = open_encoder(settings.encoder, settings.models)
    short, long = (_figures(encoder, Corpus.of(archive, size, full_length=full)) for full in (False, True))
    names = [name for name in short if name != _FULL_RUN]
    rows = [[name, *_cells(short, name), *_cells(long, name)] for name in names]
    text = (
        f"{size:,} articles of the archive, as they are (short items), and each with the texts of its eight nearest "
        f"behind its own (full length). What encoding all takes is that of {ENCODED:,} of them, multiplied; what is "
        f"changed or new is encoded in fact. {report.machine()}"
    )
    header = ["", "short items", f"to the {_FULL_RUN}", "full length", f"to the {_FULL_RUN}"]
    return f"{text}\n\n{report.table(header, rows)}"


def _lengthened(archive: Archive, row: int) -> Article:
    one, near = archive.articles[row], archive.growth.near[row].tolist()
    others = [archive.articles[other].text for other in near if other not in {row, -1}]
    return one.model_copy(update={"text": "\n\n".join([one.text, *others])})


def _cells(found: dict[str, float], name: str) -> list[str]:
    if name in _AGREEMENT:
        return [f"{found[name]:.1%}", ""]
    return [f"{found[name]:.1f} s", f"{found[name] / found[_FULL_RUN]:.1%}"]


def _figures(encoder: Encoder, corpus: Corpus) -> dict[str, float]:
    """Seconds by step, and how far answers agree with those of a full rebuild."""
    folder = report.KEPT / "increment"
    shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        started = time.perf_counter()
        work()
        found[name] = time.perf_counter() - started
        print(name, f"{found[name]:.1f} s", file=sys.stderr, flush=True)

    ids = [one.id for one in corpus.first[:: max(1, len(corpus.first) // ANSWERS)]]
    changed = corpus.changed()
    try:
        store, settings = _place(folder / "grown")
        job = partial(reindex, store, encoder, settings, hooks=Hooks(canary=partial(compare, store, settings)))
        timed("encoding", lambda: encode_articles(encoder, corpus.first[:ENCODED]))
        found["encoding"] *= len(corpus.first) / ENCODED
        timed("ingest, without encoding", lambda: ingest(store, None, corpus.first))
        _embed(store, encoder, corpus.first, corpus.vectors)
        timed("reindex", job)
        found[_FULL_RUN] = sum(found.values())
        timed("1 % changed: ingest", lambda: ingest(store, encoder, changed))
        timed("1 % changed: reindex", job)
        timed("0.5 % new: ingest, which puts them into answers", lambda: ingest(store, encoder, corpus.new))
        overlaid = _boxes(store, settings, ids)
        timed("0.5 % new: reindex", job)
        updated = _boxes(store, settings, ids)
        store.close()
        store, settings = _place(folder / "rebuilt")
        ingest(store, None, corpus.first)
        _embed(store, encoder, corpus.first, corpus.vectors)
        ingest(store, encoder, [*changed, *corpus.new])
        reindex(store, encoder, settings)
        rebuilt = _boxes(store, settings, ids)
        store.close()
    finally:
        shutil.rmtree(folder)
    links = [len(dict(a).keys() & dict(b).keys()) / max(len(b), 1) for a, b in zip(overlaid, rebuilt, strict=True)]
    same = [a == b for a, b in zip(updated, rebuilt, strict=True)]
    return found | dict(zip(_AGREEMENT, (float(np.mean(links)), float(np.mean(same))), strict=True))


def _place(folder: Path) -> tuple[Store, Settings]:
    folder.mkdir(parents=True)
    url = f"sqlite:///{folder}/recommend.db"
    return Store(url), Settings(store=url, index=folder / "index", models=report.ROOT / "models")


def _embed(store: Store, encoder: Encoder, articles: list[Article], vectors: Halves) -> None:
    pairs = list(zip(articles, vectors.astype(np.float32), strict=True))
    for start in range(0, len(pairs), BATCH):
        store.embeddings.put(pairs[start : start + BATCH], encoder.fingerprint)


def _boxes(store: Store, settings: Settings, ids: list[str]) -> list[Box]:
    recommender = Recommender(store, settings)
    answers = [recommender.answer(one, 5) for one in ids]
    return [[(item.id, item.score) for item in answer.items] if answer else [] for answer in answers]


if __name__ == "__main__":
    print(measured(int(sys.argv[1])))
