"""Commands that learn from judgements: train encoder, train adapter, train ranker."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from recommend.cli.app import Articles, Assignments, Qrels, Scratch, UnknownDays, app, read_settings
from recommend.cli.console import err, meter, out, plain
from recommend.cli.intake import Intake
from recommend.cli.learned import (
    check_unused,
    compare_arms,
    conclude,
    data_named,
    embedded,
    encoder_arms,
    switch_to,
    working_folder,
)
from recommend.cli.output import check_scratch, check_target
from recommend.encoder import open_encoder
from recommend.encoder.adapter import ADAPTER, AdapterManifest, find_adapter, save_adapter
from recommend.encoder.manifest import MANIFEST, TUNED, TUNING, EncoderManifest, read_manifest, save_tuning
from recommend.encoder.preparation import encoder_text
from recommend.errors import EncoderError, EvaluationError
from recommend.evaluation.boxes import chosen_queries, look_into_boxes, said
from recommend.evaluation.experiment import scratch
from recommend.evaluation.judgements import read_qrels
from recommend.files import Kept, replace_file
from recommend.index.projection import Projection
from recommend.jobs.encoder_choice import decided
from recommend.ranking.candidates import FEATURES
from recommend.ranking.model import Ranker
from recommend.resources import model_file
from recommend.training.adapter import Pairs, Recipe, train_adapter
from recommend.training.card import CARD, Card
from recommend.training.encoder import Texts, TuningRecipe, tune_encoder
from recommend.training.held_out import Division, Verdict, held_out_queries, query_values
from recommend.training.ranker import BY_HAND, RANKER, Lists, calibrate, collect, fit_ranker, save_ranker

FloatArray = NDArray[np.float32]

train = typer.Typer(no_args_is_help=True, help="Learns an encoder, an adapter or a ranker from judgements.")
app.add_typer(train, name="train")

HoldOut = Annotated[
    datetime | None,
    typer.Option(help="Articles from this day on are held out to tell what is learned; by default the last fifth."),
]
Steps = Annotated[int | None, typer.Option(min=1, help="Of training; the best on what is held out is kept.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the random numbers.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace what exists there, whatever it is, and write what is worse, too.")
]


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
    settings = decided(read_settings(context, ["policy=off", *(assignments or [])]))
    check_target(context, "--out", destination, ADAPTER, settings, inputs=[articles, qrels], force=force)
    check_unused(destination, {"encoder.adapter": settings.encoder.adapter}, settings, force=force)
    check_scratch(context, "--scratch", keep, settings)
    judged = read_qrels(qrels)
    encoder = open_encoder(settings.encoder, settings.models)
    recipe = replace(Recipe(seed=seed), **({} if steps is None else {"steps": steps}))
    with working_folder(keep) as folder:
        stored, raw = embedded(encoder, articles, folder)
        division = Division.at(stored, hold_out)
        queries = held_out_queries(judged, division.later, division.later, seed)
        with meter("training", float(recipe.steps)):
            weights, step = train_adapter(
                Projection.fit(raw).apply(raw),
                Pairs.of(judged, division.earlier),
                Pairs.of(judged, division.later),
                recipe,
                progress=_told,
            )
        data = data_named([articles], [qrels], division.day)
        with TemporaryDirectory(prefix="recommend-") as temporary:
            staged = Path(temporary) / destination.name
            _save_adapter(staged, weights, encoder.fingerprint, asdict(recipe), data, step)
            others = encoder_arms(settings, adapter=("none", settings.encoder.adapter, str(staged)))
            later = [stored[row] for row in division.later.values()]
            verdict = compare_arms(
                later, queries, others, [folder / f"held-out-{division.day:%Y-%m-%d}"] * 3, division.day
            )
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
    settings = decided(read_settings(context, ["policy=off", *(assignments or [])]))
    check_target(context, "--out", destination, TUNED, settings, inputs=[articles, qrels], force=force)
    check_unused(destination, {"encoder.name": settings.encoder.name}, settings, force=force)
    check_scratch(context, "--scratch", keep, settings)
    judged = read_qrels(qrels)
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
    with working_folder(keep) as folder:
        stored, raw = embedded(current, articles, folder)
        division = Division.at(stored, hold_out)
        queries = held_out_queries(judged, division.later, division.later, seed)
        start = find_adapter(settings.encoder.adapter, settings.models, current.fingerprint)
        texts = Texts(
            [encoder_text(article, settings.encoder.max_tokens) for article in stored],
            [article.title for article in stored],
            np.array([article.published_at.toordinal() if article.published_at else 0 for article in stored]),
            raw,
        )
        with meter("training", float(recipe.steps)):
            thin, weights, step = tune_encoder(
                manifest.source(),
                texts,
                np.eye(current.dimension, dtype=np.float32) if start is None else start.weights,
                Pairs.of(judged, division.earlier),
                Pairs.of(judged, division.later),
                recipe,
                tuning=None if manifest.tuning is None else before / TUNING,
                progress=_told,
            )
        data = data_named([articles], [qrels], division.day)
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
            later = [stored[row] for row in division.later.values()]
            folders = [Path(temporary) / f"held-out-{i}" for i in range(3)]
            verdict = compare_arms(later, queries, others, folders, division.day)
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


@train.command()
def ranker(
    context: typer.Context,
    articles: Annotated[list[str], typer.Option(metavar="FILE", help="Anything that ingest reads; once for each set.")],
    qrels: Annotated[list[Path], typer.Option(metavar="FILE", help="The judgements of each set, in the same order.")],
    destination: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON file of models/.")],
    hold_out: HoldOut = None,
    steps: Steps = None,
    seed: Seed = 0,
    keep: Scratch = None,
    unknown_days: UnknownDays = 0.0,
    assignments: Assignments = None,
    force: Force = False,
) -> None:
    """Fits the weights of the ranker, and the curve that turns its scores into probabilities, to one or more sets."""
    settings = read_settings(context, ["policy=off", *(assignments or [])])
    if len(articles) != len(qrels):
        raise EvaluationError(f"--articles is given {len(articles)} times, --qrels {len(qrels)}: every set needs both")
    inputs: list[str | Path] = [*articles, *qrels]
    check_target(context, "--out", destination, RANKER, settings, inputs=inputs, force=force)
    card_file, others = destination.with_suffix(".md"), [Kept(destination, "--out")]
    check_target(context, "the card of --out", card_file, CARD, settings, inputs=inputs, others=others, force=force)
    check_unused(destination.with_suffix(""), {"ranking.model": settings.ranking.model}, settings, force=force)
    check_scratch(context, "--scratch", keep, settings)
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(TemporaryDirectory(prefix="recommend-")))
        parts: list[tuple[Lists, Lists]] = []
        sets, days = [], []
        for number, (source, file) in enumerate(zip(articles, qrels, strict=True)):
            judged, stored = read_qrels(file), list(Intake([source]))
            division = Division.at(stored, hold_out)
            folder = keep and keep / str(number)
            recommender = stack.enter_context(scratch(stored, settings, folder=folder))
            earlier = {query: grades for query, grades in judged.items() if query in division.earlier}
            later = held_out_queries(judged, division.later, [article.id for article in stored], seed)
            with meter("collecting", float(len(earlier) + len(later))) as bar:
                gather = partial(collect, recommender, unknown_days=unknown_days, progress=partial(bar.advance, 1))
                parts.append((gather(earlier), gather(later)))
            sets.append((recommender, later))
            days.append(division.day)
        fitted = fit_ranker(
            Lists.joined([part for part, _ in parts]), Lists.joined([part for _, part in parts]), steps or 1000
        )
        staged = temporary / destination.name
        save_ranker(fitted, staged)
        use = settings.ranking
        arms = [
            use.model_copy(update={"without": [name for name in FEATURES if name != "dense"]}),
            use,
            use.model_copy(update={"model": str(staged.with_suffix(""))}),
        ]
        values: list[dict[str, float]] = [{}, {}, {}]
        with meter("comparing", float(3 * sum(len(later) for _, later in sets))) as bar:
            for number, (recommender, later) in enumerate(sets):
                for arm, own in zip(arms, values, strict=True):
                    measured = query_values(recommender.with_settings(ranking=arm), later)
                    own.update({f"{number} {query}": value for query, value in measured.items()})
                    bar.advance(len(later))
        for name, feature in fitted.features.items():
            out.print(f"{name:<10} {feature.short:.4f} for short items, {feature.long:.4f} for long ones")
        card = Card(
            destination.stem,
            "The weights of the ranking, for short items and for long ones, and the curve that turns its scores into "
            "probabilities.",
            data_named(articles, qrels, min(days)),
            {"steps": steps or 1000, "seed": seed},
            None,
            Verdict.of(values[0], values[1], values[2], min(days)),
            switch_to("ranking.model", destination.with_suffix(""), settings),
            BY_HAND,
        )
        conclude(card, staged, destination, force=force)


@train.command()
def calibration(
    context: typer.Context,
    articles: Articles,
    qrels: Qrels,
    destination: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON file of models/.")],
    hold_out: HoldOut = None,
    queries: Annotated[int, typer.Option(min=1, help="Random articles to look under, of either side.")] = 2000,
    unknown_days: UnknownDays = 0.0,
    keep: Scratch = None,
    assignments: Assignments = None,
    force: Force = False,
) -> None:
    """Fits anew the curve that turns the ranker's scores into probabilities; the weights stay.

    It learns from the first items under random articles, those without a story among them, so that judgements have to
    be as complete as can be: what nobody judged counts as unrelated.
    """
    settings = read_settings(context, ["policy=off", *(assignments or [])])
    check_target(context, "--out", destination, RANKER, settings, inputs=[articles, qrels], force=force)
    check_scratch(context, "--scratch", keep, settings)
    judged, found = read_qrels(qrels), list(Intake([articles]))
    division = Division.at(found, hold_out)
    with scratch(found, settings, folder=keep) as recommender:
        sides, published = [], set(recommender.view().ids())
        for side in (division.earlier, division.later):
            drawn = chosen_queries(str(queries), sorted(published & side.keys()), judged)
            with meter("looking into boxes", float(len(drawn))) as bar:
                advance = partial(bar.advance, 1)
                sides.append(look_into_boxes(recommender, judged, drawn, unknown_days=unknown_days, progress=advance))
    earlier, later = sides
    curve = calibrate(earlier.scores, earlier.related)
    fitted = said("learned", curve.probabilities(later.scores.astype(np.float32)).astype(np.float64), later.related)
    for name, one in (("in use", later.said), ("learned", fitted)):
        out.print(f"{name:<8} said {one.predicted:.3f}   true {one.related:.3f}   ECE {one.ece:.4f}")
    if fitted.ece > later.said.ece and not force:
        raise EvaluationError("on what is held out the curve in use is better; --force writes the other all the same")
    use = Ranker.load(model_file(settings.models, f"{settings.ranking.model}.json"))
    save_ranker(use.model_copy(update={"calibration": curve}), destination)
    switch = switch_to("ranking.model", destination.with_suffix(""), settings)
    out.print(f"written to {plain(str(destination))}; {plain(switch)}")


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
