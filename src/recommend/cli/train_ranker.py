"""Commands that learn what ranks: train ranker and train calibration."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from recommend.cli.app import Articles, Assignments, Qrels, Scratch, UnknownDays, read_settings
from recommend.cli.console import meter, out, plain
from recommend.cli.intake import Intake
from recommend.cli.learned import (
    check_unused,
    conclude,
    data_named,
    switch_to,
)
from recommend.cli.output import check_scratch, check_target
from recommend.cli.train_options import Force, HoldOut, Seed, Steps, train
from recommend.errors import EvaluationError
from recommend.evaluation.boxes import calibration_stats, chosen_queries, look_into_boxes
from recommend.evaluation.editors import read_judged
from recommend.evaluation.experiment import scratch
from recommend.evaluation.judgements import EDITORS, read_qrels
from recommend.files import Kept
from recommend.ranking.candidates import FEATURES
from recommend.ranking.model import Ranker
from recommend.resources import model_file
from recommend.training.card import CARD, Card
from recommend.training.held_out import Division, Verdict, held_out_queries, query_values
from recommend.training.ranker import BY_HAND, RANKER, Lists, calibrate, collect, fit_ranker, save_ranker

FloatArray = NDArray[np.float32]


@train.command()
def ranker(
    context: typer.Context,
    articles: Annotated[list[str], typer.Option(metavar="FILE", help="Anything that ingest reads; once for each set.")],
    qrels: Annotated[
        list[Path],
        typer.Option(metavar="FILE|editors", help="The judgements of each set, in the same order; as evaluate has it."),
    ],
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
            found, judged = read_judged(Intake([source]), file)
            stored = list(found)
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
        earlier_lists, later_lists = (Lists.joined(some) for some in zip(*parts, strict=True))
        fitted = fit_ranker(earlier_lists, later_lists, steps or 1000, as_in_use=EDITORS in qrels)
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
    fitted = calibration_stats(
        "learned", curve.probabilities(later.scores.astype(np.float32)).astype(np.float64), later.related
    )
    for name, one in (("in use", later.overall), ("learned", fitted)):
        out.print(f"{name:<8} said {one.predicted:.3f}   true {one.related:.3f}   ECE {one.ece:.4f}")
    if fitted.ece > later.overall.ece and not force:
        raise EvaluationError("on what is held out the curve in use is better; --force writes the other all the same")
    use = Ranker.load(model_file(settings.models, f"{settings.ranking.model}.json"))
    save_ranker(use.model_copy(update={"calibration": curve}), destination)
    switch = switch_to("ranking.model", destination.with_suffix(""), settings)
    out.print(f"written to {plain(str(destination))}; {plain(switch)}")
