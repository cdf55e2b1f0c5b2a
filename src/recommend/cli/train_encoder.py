"""Commands that learn what embeds: train adapter and train encoder."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from recommend.cli.app import Articles, Assignments, Qrels, Scratch
from recommend.cli.console import err, meter
from recommend.cli.learned import compare_arms, conclude, data_named, encoder_arms, switch_to
from recommend.cli.lesson import checked, lesson
from recommend.cli.train_options import Force, HoldOut, Seed, Steps, train
from recommend.encoder import open_encoder
from recommend.encoder.adapter import ADAPTER, AdapterManifest, find_adapter, save_adapter
from recommend.encoder.manifest import MANIFEST, TUNED, TUNING, EncoderManifest, read_manifest, save_tuning
from recommend.encoder.preparation import encoder_text
from recommend.errors import EncoderError
from recommend.files import replace_file
from recommend.index.projection import Projection
from recommend.resources import model_file
from recommend.training.adapter import Recipe, train_adapter
from recommend.training.card import Card
from recommend.training.encoder import Texts, TuningRecipe, tune_encoder

FloatArray = NDArray[np.float32]


@train.command()
def adapter(
    context: typer.Context,
    articles: Articles,
    qrels: Qrels,
    destination: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of models/ for the adapter.")],
    hold_out: HoldOut = None,
    steps: Steps = None,
    seed: Seed = 0,
    keep: Scratch = None,
    assignments: Assignments = None,
    force: Force = False,
) -> None:
    """Learns a small map on the frozen embeddings that brings articles of one story together."""
    settings, judged = checked(
        context, destination, ADAPTER, "adapter", articles, qrels, keep, assignments, force=force
    )
    encoder = open_encoder(settings.encoder, settings.models)
    recipe = replace(Recipe(seed=seed), **({} if steps is None else {"steps": steps}))
    with lesson(encoder, articles, judged, hold_out, seed, keep) as given:
        centred, day = Projection.fit(given.embeddings).apply(given.embeddings), given.division.day
        with meter("training", float(recipe.steps)):
            weights, step = train_adapter(centred, given.earlier, given.later, recipe, progress=_told)
        data = data_named([articles], [qrels], day)
        with TemporaryDirectory(prefix="recommend-") as temporary:
            staged = Path(temporary) / destination.name
            _save_adapter(staged, weights, encoder.fingerprint, asdict(recipe), data, step)
            others = encoder_arms(settings, adapter=("none", settings.encoder.adapter, str(staged)))
            folders = [given.folder / f"held-out-{day:%Y-%m-%d}"] * 3
            verdict = compare_arms(given.held_out, given.queries, others, folders, day)
            card = Card(
                destination.name,
                f"A {len(weights)} × {len(weights)} map on the embeddings of {settings.encoder.name} "
                f"(fingerprint `{encoder.fingerprint}`) that brings articles of one story together.",
                data,
                asdict(recipe),
                step,
                verdict,
                switch_to("encoder.adapter", destination, settings),
            )
            conclude(card, staged, destination, force=force)


@train.command()
def encoder(
    context: typer.Context,
    articles: Articles,
    qrels: Qrels,
    destination: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of models/ for the encoder.")],
    hold_out: HoldOut = None,
    steps: Steps = None,
    seed: Seed = 0,
    keep: Scratch = None,
    assignments: Assignments = None,
    force: Force = False,
) -> None:
    """Tunes the upper layers of the encoder, and an adapter behind it, to bring articles of one story together."""
    settings, judged = checked(context, destination, TUNED, "name", articles, qrels, keep, assignments, force=force)
    before = model_file(settings.models, f"{settings.encoder.name}/{MANIFEST}").parent
    if not (before / MANIFEST).is_file():
        raise EncoderError(
            f"encoder {settings.encoder.name!r} has no {MANIFEST}: a change is kept beside weights that one names; "
            "train adapter works with any encoder"
        )
    manifest = read_manifest(before)
    if manifest.layout != "transformers":
        raise EncoderError(
            f"encoder {manifest.name!r} cannot be tuned: its package holds weights that are packed to be run; "
            "train adapter works with any encoder"
        )
    current = open_encoder(settings.encoder, settings.models)
    recipe = replace(TuningRecipe(seed=seed), **({} if steps is None else {"steps": steps}))
    with lesson(current, articles, judged, hold_out, seed, keep) as given:
        start = find_adapter(settings.encoder.adapter, settings.models, current.fingerprint)
        texts = Texts(
            [encoder_text(article, settings.encoder.max_tokens) for article in given.articles],
            [article.title for article in given.articles],
            np.array([article.published_at.toordinal() if article.published_at else 0 for article in given.articles]),
            given.embeddings,
        )
        with meter("training", float(recipe.steps)):
            thin, weights, step = tune_encoder(
                manifest.source(),
                texts,
                np.eye(current.dimension, dtype=np.float32) if start is None else start.weights,
                given.earlier,
                given.later,
                recipe,
                tuning=None if manifest.tuning is None else before / TUNING,
                progress=_told,
            )
        data = data_named([articles], [qrels], given.division.day)
        with TemporaryDirectory(prefix="recommend-") as temporary:
            staged, untuned = Path(temporary) / destination.name, Path(temporary) / "untuned" / "encoder"
            tuned = save_tuning(staged, thin, manifest, asdict(recipe), data)
            fingerprint = tuned.fingerprint(settings.encoder.max_tokens)
            _save_adapter(staged, weights, fingerprint, asdict(recipe), data, step)
            _save_untuned(untuned, manifest)
            others = [
                *encoder_arms(settings, name=(str(untuned),), adapter=("none",)),
                settings,
                *encoder_arms(settings, name=(str(staged),), adapter=(str(staged),)),
            ]
            folders = [Path(temporary) / f"held-out-{i}" for i in range(3)]
            verdict = compare_arms(given.held_out, given.queries, others, folders, given.division.day)
            card = Card(
                destination.name,
                f"The encoder {manifest.name} with a low-rank change of its upper layers, and the adapter that goes "
                "with it; both bring articles of one story together.",
                data,
                asdict(recipe),
                step,
                verdict,
                switch_to("encoder.name", destination, settings),
            )
            conclude(card, staged, destination, force=force)


def _told(step: int, loss: float) -> None:
    err.print(f"step {step}: held-out loss {loss:.4f}")


def _save_adapter(
    folder: Path, weights: FloatArray, fingerprint: str, recipe: dict[str, float | int], data: str, step: int
) -> None:
    manifest = AdapterManifest(name=folder.name, encoder=fingerprint, sha256="", recipe=recipe, data=data, step=step)
    save_adapter(folder, weights, manifest)


def _save_untuned(folder: Path, manifest: EncoderManifest) -> None:
    """The encoder before anybody tuned it."""
    folder.mkdir(parents=True)
    plain_one = manifest.model_copy(update={"tuning": None, "recipe": None, "data": None})
    replace_file(folder / MANIFEST, plain_one.model_dump_json().encode())
