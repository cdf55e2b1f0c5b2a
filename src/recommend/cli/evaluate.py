"""Commands that judge: evaluate, compare."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from recommend.cli.app import (
    QUARANTINED,
    Articles,
    Assignments,
    Json,
    Qrels,
    QrelsOrEditors,
    Scratch,
    UnknownDays,
    app,
    read_settings,
)
from recommend.cli.console import err, meter, out, plain, print_json
from recommend.cli.intake import Intake
from recommend.cli.output import Force, check_scratch, check_target
from recommend.evaluation.boxes import SIZE, Boxes, chosen_queries, look_into_boxes
from recommend.evaluation.editors import read_judged
from recommend.evaluation.experiment import rank_queries, scratch
from recommend.evaluation.judgements import RUN, read_qrels, read_run, write_run
from recommend.evaluation.metrics import READ_BY, holm, interval, most_changed, per_query
from recommend.evaluation.metrics import compare as compare_values
from recommend.evaluation.report import REPORT, render_report
from recommend.files import Kept, replace_file
from recommend.index.dense import set_threads


@app.command()
def evaluate(
    context: typer.Context,
    articles: Articles,
    qrels: QrelsOrEditors,
    run_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the ranking as a TREC run.")] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page with the queries to read.")
    ] = None,
    queries: Annotated[
        str,
        typer.Option(
            metavar="all|judged|N",
            help="Articles whose boxes are looked at: every one, those judged, or N drawn at random.",
        ),
    ] = "1000",
    unknown_days: UnknownDays = 0.0,
    keep: Scratch = None,
    assignments: Assignments = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Ranks judged queries through the production path and measures the rankings.

    The display policy is off, because such judgements speak of relatedness alone; --set policy=on measures the box as
    readers see it. Under random articles, those without a story among them, it also measures whether what is called
    related is, from each threshold on.
    """
    if queries not in ("all", "judged") and not (queries.isdecimal() and int(queries)):
        raise typer.BadParameter(f"{queries!r} is neither all, judged nor a number", param_hint="--queries")
    settings = read_settings(context, ["policy=off", *(assignments or [])])
    inputs: list[str | Path] = [articles, qrels]
    if run_out is not None:
        check_target(context, "--run-out", run_out, RUN, settings, inputs=inputs, force=force)
    if report is not None:
        others = [] if run_out is None else [Kept(run_out, "--run-out")]
        check_target(context, "--report", report, REPORT, settings, inputs=inputs, others=others, force=force)
    check_scratch(context, "--scratch", keep, settings)
    intake = Intake([articles])
    found, judged = read_judged(intake, qrels)
    with ExitStack() as stack:
        with meter("embedding", intake.total) as bar:
            recommender = stack.enter_context(
                scratch(
                    found,
                    settings,
                    folder=keep,
                    progress=lambda batch: bar.advance(batch.total, done=intake.consumed),
                )
            )
        set_threads(1)
        with meter("ranking", float(len(judged))) as bar:
            run = rank_queries(recommender, judged, progress=lambda: bar.advance(1))
        values = per_query(judged, run)
        asked = chosen_queries(queries, sorted(recommender.view().ids()), judged)
        with meter("looking into boxes", float(len(asked))) as bar:
            boxes = look_into_boxes(
                recommender, judged, asked, unknown_days=unknown_days, progress=lambda: bar.advance(1)
            )
        if run_out is not None:
            run_out.parent.mkdir(parents=True, exist_ok=True)
            write_run(run, run_out, "recommend")
        if report is not None:
            with meter("explaining") as bar:
                sources = [Path(articles).name, qrels.name]
                page = render_report(
                    recommender, judged, run, values, sources=sources, boxes=boxes, progress=lambda: bar.advance(1)
                )
            report.parent.mkdir(parents=True, exist_ok=True)
            replace_file(report, page.encode())
    means = {measure: interval(list(by_query.values())) for measure, by_query in values.items()}
    missing = len(judged) - len(run)
    if json:
        counts = {"queries": len(judged), "missing": missing, "quarantined": intake.rejected}
        measures = {measure: asdict(mean) for measure, mean in means.items()}
        print_json({**counts, "measures": measures, "boxes": boxes.summary()})
    else:
        out.print(f"{len(judged):,} queries" + (f", {missing:,} of them not among the articles" if missing else ""))
        for measure, mean in means.items():
            out.print(f"{measure:<8} {mean.mean:.4f}   95 % {mean.low:.4f} … {mean.high:.4f}")
        _tell(boxes)
    if intake.rejected:
        err.print(f"{intake.rejected:,} rows cannot be articles; recommend ingest tells why")
        raise typer.Exit(QUARANTINED)


def _tell(boxes: Boxes) -> None:
    auc = "none" if boxes.auc is None else f"{boxes.auc:.3f}"
    out.print(f"\nFirst {SIZE} under {boxes.queries:,} articles, {boxes.with_story:,} of them with a related one")
    out.print(f"AUC {auc}   ECE {boxes.said.ece:.3f}   said {boxes.said.predicted:.3f}   true {boxes.said.related:.3f}")
    for age in boxes.ages:
        out.print(
            f"{age.name:<14} {age.items:>6,}   ECE {age.ece:.3f}   said {age.predicted:.3f}   true {age.related:.3f}"
        )
    out.print("related from   items a box   precision   boxes with a story that have one")
    for one in boxes.thresholds:
        precision, covered = (f"{share:.3f}" if share is not None else "–" for share in (one.precision, one.covered))
        out.print(f"{one.least:>12.2f} {one.items:>13.2f} {precision:>11} {covered:>18}")


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A TREC run.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another.")],
    qrels: Qrels,
    json: Json = False,
) -> None:
    """Tells whether run B serves readers better than run A: differences with intervals and a paired test.

    Several measures are several chances to find a difference: "p (Holm)" is corrected for that.
    """
    judged = read_qrels(qrels)
    values_a, values_b = (per_query(judged, read_run(run)) for run in (run_a, run_b))
    differences = {measure: compare_values(values_a[measure], values_b[measure]) for measure in values_a}
    corrected = dict(zip(differences, holm([compared.p_value for compared in differences.values()]), strict=True))
    better, worse = most_changed(values_a[READ_BY], values_b[READ_BY])
    if json:
        measures = {name: asdict(compared) | {"p_holm": corrected[name]} for name, compared in differences.items()}
        changed = {"measure": READ_BY, "better": [*map(asdict, better)], "worse": [*map(asdict, worse)]}
        print_json({"queries": len(judged), "measures": measures, "changed": changed})
        return
    out.print(f"{len(judged):,} queries, B − A")
    for measure, compared in differences.items():
        mean = compared.difference
        out.print(
            f"{measure:<8} {mean.mean:+.4f}   95 % {mean.low:+.4f} … {mean.high:+.4f}   p = {compared.p_value:.4f}   "
            f"p (Holm) = {corrected[measure]:.4f}   {compared.better:,} better, {compared.worse:,} worse"
        )
    out.print(f"p (Holm) is corrected for testing {len(differences)} measures; the intervals are not")
    for title, changes in (("gains", better), ("losses", worse)):
        if changes:
            out.print(f"\nGreatest {title} by {READ_BY}")
        for change in changes:
            out.print(f"{change.b - change.a:+.4f}   {change.a:.4f} → {change.b:.4f}   {plain(change.query)}")
