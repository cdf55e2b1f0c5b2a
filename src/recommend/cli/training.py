"""Commands that learn from judgements: train encoder, train adapter, train ranker."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.cli.app import Articles, Assignments, Flags, Qrels, Scratch, app
from recommend.cli.console import err, meter, out, plain
from recommend.cli.intake import Intake
from recommend.cli.output import Force, check_scratch, check_target
from recommend.encoder import Encoder, open_encoder
from recommend.encoder.adapter import ADAPTER, AdapterManifest, find_adapter, save_adapter
from recommend.encoder.manifest import MANIFEST, TUNED, read_manifest, save_tuning
from recommend.encoder.preparation import encoder_text
from recommend.errors import EncoderError, EvaluationError
from recommend.evaluation.experiment import scratch
from recommend.evaluation.judgements import read_qrels
from recommend.index.projection import Projection
from recommend.ingest import ingest
from recommend.resources import model_file
from recommend.store import Store
from recommend.training.adapter import Pairs, Recipe, train_adapter
from recommend.training.encoder import Texts, TuningRecipe, tune_encoder
from recommend.training.ranker import RANKER, Lists, collect, fit_ranker, save_ranker

FloatArray = NDArray[np.float32]

train = typer.Typer(no_args_is_help=True, help="Learns an encoder, an adapter or a ranker from judgements.")
app.add_typer(train, name="train")


HoldOut = Annotated[datetime, typer.Option(help="Articles from this day on are held out to tell what is learned.")]
Seed = Annotated[int, typer.Option(help="Of the random numbers.")]


@train.command()
def adapter(
    articles: Articles,
    qrels: Qrels,
    destination: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of models/ for the adapter.")],
    hold_out: HoldOut,
    keep: Scratch = None,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Learns a small map on the frozen embeddings that brings articles of one story together."""
    settings = Flags.settings()
    check_target("--out", destination, ADAPTER, settings, inputs=[articles, qrels], force=force)
    check_scratch("--scratch", keep, settings)
    judged = read_qrels(qrels)
    encoder = open_encoder(settings.encoder, settings.models)
    found, raw = _embedded(encoder, articles, keep)
    earlier, later = _divided(found, hold_out)
    recipe = Recipe(seed=seed)
    with meter("training", float(recipe.steps)):
        weights, step = train_adapter(
            Projection.fit(raw).apply(raw),
            Pairs.of(judged, earlier),
            Pairs.of(judged, later),
            recipe,
            progress=lambda step, loss: err.print(f"step {step}: held-out loss {loss:.4f}"),
        )
    data = _data(articles, qrels, hold_out)
    _save_adapter(destination, weights, encoder.fingerprint, asdict(recipe), data, step)
    out.print(f"adapter of step {step} written to {plain(str(destination))}; recommend reindex applies it")


@train.command()
def encoder(
    articles: Articles,
    qrels: Qrels,
    destination: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of models/ for the encoder.")],
    hold_out: HoldOut,
    keep: Scratch = None,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Tunes the upper layers of the encoder, and an adapter behind it, to bring articles of one story together."""
    settings = Flags.settings()
    check_target("--out", destination, TUNED, settings, inputs=[articles, qrels], force=force)
    check_scratch("--scratch", keep, settings)
    judged = read_qrels(qrels)
    original = read_manifest(model_file(settings.models, f"{settings.encoder.name}/{MANIFEST}").parent)
    if original.tuning is not None:
        raise EncoderError(f"encoder {original.name!r} is tuned; set encoder.name to the one that it was tuned from")
    untuned = open_encoder(settings.encoder, settings.models)
    found, raw = _embedded(untuned, articles, keep)
    earlier, later = _divided(found, hold_out)
    start = find_adapter(settings.encoder.adapter, settings.models, untuned.fingerprint)
    recipe = TuningRecipe(seed=seed)
    texts = Texts(
        [encoder_text(article, settings.encoder.max_tokens) for article in found],
        [article.title for article in found],
        np.array([article.published_at.toordinal() if article.published_at else 0 for article in found]),
        raw,
    )
    with meter("training", float(recipe.steps)):
        thin, weights = tune_encoder(
            original.source(),
            texts,
            np.eye(untuned.dimension, dtype=np.float32) if start is None else start.weights,
            Pairs.of(judged, earlier),
            Pairs.of(judged, later),
            recipe,
            progress=lambda step, loss: err.print(f"step {step}: held-out loss {loss:.4f}"),
        )
    data = _data(articles, qrels, hold_out)
    manifest = save_tuning(destination, thin, original, asdict(recipe), data)
    fingerprint = manifest.fingerprint(settings.encoder.max_tokens)
    _save_adapter(destination, weights, fingerprint, asdict(recipe), data, recipe.steps)
    out.print(f"written to {plain(str(destination))}; use it with encoder.name = {plain(repr(destination.name))}")


def _embedded(encoder: Encoder, articles: str, keep: Path | None) -> tuple[list[Article], FloatArray]:
    """The articles and what the encoder makes of them, (n, d)."""
    intake = Intake([articles])
    with TemporaryDirectory(prefix="recommend-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        store = Store(f"sqlite:///{folder / 'store.db'}")
        with meter("embedding", intake.total) as bar:
            ingest(store, encoder, intake, progress=lambda batch: bar.advance(batch.total, done=intake.consumed))
        with store.published(encoder.fingerprint) as (_, changes):
            found = [(c.article, c.embedding) for c in changes if c.article is not None and c.embedding is not None]
        store.close()
    return [article for article, _ in found], np.array([embedding for _, embedding in found], np.float32)


def _divided(found: list[Article], hold_out: datetime) -> tuple[dict[str, int], dict[str, int]]:
    """Rows by id of the articles before a day, and of those from then on."""
    border = hold_out.replace(tzinfo=hold_out.tzinfo or UTC)
    dated = [(row, article) for row, article in enumerate(found) if article.published_at is not None]
    earlier = {article.id: row for row, article in dated if article.published_at and article.published_at < border}
    later = {article.id: row for row, article in dated if article.id not in earlier}
    if not earlier or not later:
        raise EvaluationError(f"--hold-out {border:%Y-%m-%d}: all dated articles lie on one side of it")
    return earlier, later


def _data(articles: str, qrels: Path, hold_out: datetime) -> str:
    return f"{Path(articles).name}, {qrels.name}; held out from {hold_out:%Y-%m-%d}"


def _save_adapter(
    folder: Path, weights: FloatArray, fingerprint: str, recipe: dict[str, float | int], data: str, step: int
) -> None:
    manifest = AdapterManifest(name=folder.name, encoder=fingerprint, sha256="", recipe=recipe, data=data, step=step)
    save_adapter(folder, weights, manifest)


@train.command()
def ranker(
    articles: Annotated[list[str], typer.Option(metavar="FILE", help="Anything that ingest reads; once for each set.")],
    qrels: Annotated[list[Path], typer.Option(metavar="FILE", help="The judgements of each set, in the same order.")],
    destination: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON file of models/.")],
    keep: Scratch = None,
    unknown_days: Annotated[
        float, typer.Option(min=0.0, help="Judgements say nothing on articles less than so many days apart.")
    ] = 0.0,
    assignments: Assignments = None,
    force: Force = False,
) -> None:
    """Fits the weights of the ranker, and the curve that turns its scores into probabilities, to one or more sets."""
    settings = Flags.settings(["policy=off", *(assignments or [])])
    if len(articles) != len(qrels):
        raise EvaluationError(f"--articles is given {len(articles)} times, --qrels {len(qrels)}: every set needs both")
    check_target("--out", destination, RANKER, settings, inputs=[*articles, *qrels], force=force)
    check_scratch("--scratch", keep, settings)
    parts = []
    for number, (source, judgements) in enumerate(zip(articles, qrels, strict=True)):
        judged = read_qrels(judgements)
        folder = keep and keep / str(number)
        intake = Intake([source])
        with scratch(intake, settings, folder=folder) as recommender, meter("ranking", float(len(judged))) as bar:
            parts.append(collect(recommender, judged, unknown_days=unknown_days, progress=partial(bar.advance, 1)))
    fitted = fit_ranker(Lists.joined(parts))
    save_ranker(fitted, destination)
    for name, feature in fitted.features.items():
        out.print(f"{name:<10} {feature.short:.4f} for short items, {feature.long:.4f} for long ones")
    out.print(f"written to {plain(str(destination))}; use it with ranking.model = {plain(repr(destination.stem))}")
