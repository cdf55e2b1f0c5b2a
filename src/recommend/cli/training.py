"""Commands that learn from judgements: train adapter, train ranker."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer

from recommend.cli.app import Articles, Assignments, Flags, Qrels, Scratch, app
from recommend.cli.console import err, meter, out
from recommend.cli.intake import Intake
from recommend.encoder import open_encoder
from recommend.encoder.adapter import AdapterManifest, save_adapter
from recommend.errors import EvaluationError
from recommend.evaluation.experiment import scratch
from recommend.evaluation.judgements import read_qrels
from recommend.ingest import ingest
from recommend.projection import Projection
from recommend.store import Store
from recommend.training.adapter import Pairs, Recipe, train_adapter
from recommend.training.ranker import collect, fit_ranker

train = typer.Typer(no_args_is_help=True, help="Learns an adapter or a ranker from judgements.")
app.add_typer(train, name="train")


@train.command()
def adapter(
    articles: Articles,
    qrels: Qrels,
    destination: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of models/ for the adapter.")],
    hold_out: Annotated[datetime, typer.Option(help="Articles from this day on are held out to know when to stop.")],
    keep: Scratch = None,
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
) -> None:
    """Learns a small map on the frozen embeddings that brings articles of one story together."""
    settings = Flags.settings()
    judged = read_qrels(qrels)
    intake = Intake([articles])
    encoder = open_encoder(settings.encoder, settings.models)
    with TemporaryDirectory(prefix="recommend-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        store = Store(f"sqlite:///{folder / 'store.db'}")
        with meter("embedding", intake.total) as bar:
            ingest(store, encoder, intake, progress=lambda batch: bar.advance(batch.total, done=intake.consumed))
        with store.published(encoder.fingerprint) as (_, changes):
            found = [(c.article, c.embedding) for c in changes if c.article is not None and c.embedding is not None]
        store.close()
    raw = np.array([embedding for _, embedding in found], np.float32)
    border = hold_out.replace(tzinfo=hold_out.tzinfo or UTC)
    dated = [(row, article) for row, (article, _) in enumerate(found) if article.published_at is not None]
    earlier = {article.id: row for row, article in dated if article.published_at and article.published_at < border}
    later = {article.id: row for row, article in dated if article.id not in earlier}
    if not earlier or not later:
        raise EvaluationError(f"--hold-out {border:%Y-%m-%d}: all dated articles lie on one side of it")
    recipe = Recipe(seed=seed)
    with meter("training", float(recipe.steps)) as bar:
        weights, step = train_adapter(
            Projection.fit(raw).apply(raw),
            Pairs.of(judged, earlier),
            Pairs.of(judged, later),
            recipe,
            progress=lambda step, loss: err.print(f"step {step}: held-out loss {loss:.4f}"),
        )
    manifest = AdapterManifest(
        name=destination.name,
        encoder=encoder.fingerprint,
        sha256="",
        recipe=asdict(recipe),
        data=f"{Path(articles).name}, {Path(qrels).name}; held out from {border:%Y-%m-%d}",
        step=step,
    )
    save_adapter(destination, weights, manifest)
    out.print(f"adapter of step {step} written to {destination}; recommend reindex applies it")


@train.command()
def ranker(
    articles: Articles,
    qrels: Qrels,
    destination: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON file of models/.")],
    keep: Scratch = None,
    unknown_days: Annotated[
        float, typer.Option(min=0.0, help="Judgements say nothing on articles less than so many days apart.")
    ] = 0.0,
    assignments: Assignments = None,
) -> None:
    """Fits the weights of the ranker, and the curve that turns its scores into probabilities."""
    settings = Flags.settings(["policy=off", *(assignments or [])])
    judged = read_qrels(qrels)
    intake = Intake([articles])
    with scratch(intake, settings, folder=keep) as recommender, meter("ranking", float(len(judged))) as bar:
        lists = collect(recommender, judged, unknown_days=unknown_days, progress=lambda: bar.advance(1))
    fitted = fit_ranker(lists)
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.write_text(fitted.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for name, feature in fitted.features.items():
        out.print(f"{name:<10} {feature.weight:.4f}")
    out.print(f"written to {destination}; use it with ranking.model = {destination.stem!r}")
