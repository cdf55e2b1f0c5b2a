"""The command that measures rankings: evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from recommend.cli.app import (
    QUARANTINED,
    Articles,
    Assignments,
    ClusterBy,
    Json,
    Measures,
    QrelsOrEditors,
    Scratch,
    UnknownDays,
    app,
    read_settings,
)
from recommend.cli.console import err, meter, out, plain, print_json
from recommend.cli.intake import Intake
from recommend.cli.output import Force, check_scratch, check_target
from recommend.cli.stages import Stages
from recommend.evaluation.boxes import SIZE, Boxes
from recommend.evaluation.clusters import AUTO
from recommend.evaluation.editors import read_judged
from recommend.evaluation.evaluation import Evaluation, measure
from recommend.evaluation.experiment import scratch
from recommend.evaluation.judgements import RUN, needs_quotes, write_run
from recommend.evaluation.metrics import MEASURES, parsed_measure
from recommend.evaluation.provenance import NOTES, run_notes
from recommend.evaluation.report import REPORT, render_report
from recommend.evaluation.shown import BY_BOX, totals
from recommend.evaluation.tables import TABLE, write_table
from recommend.files import Kept, Kind, file_sha256, replace_file
from recommend.index.dense import set_threads
from recommend.settings import Settings

_PARTS = 8


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
    measures: Measures = None,
    cluster_by: ClusterBy = AUTO,
    unknown_days: UnknownDays = 0.0,
    keep: Scratch = None,
    per_query: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a row for each judged query, as .parquet or .csv.")
    ] = None,
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
    check_outputs(
        context,
        settings,
        [articles, qrels],
        [
            ("--run-out", run_out, RUN),
            ("--run-out", None if run_out is None else run_notes(run_out), NOTES),
            ("--report", report, REPORT),
            ("--per-query", per_query, TABLE),
        ],
        force=force,
    )
    if per_query is not None and per_query.suffix not in (".parquet", ".csv"):
        raise typer.BadParameter("a table ends in .parquet or .csv", param_hint="--per-query")
    check_scratch(context, "--scratch", keep, settings)
    for name in measures or ():
        parsed_measure(name)
    intake = Intake([articles])
    read, judged = read_judged(intake, qrels)
    with ExitStack() as stack:
        with meter("embedding", intake.total) as bar:
            recommender = stack.enter_context(
                scratch(
                    read,
                    settings,
                    folder=keep,
                    progress=lambda batch: bar.advance(batch.total, done=intake.consumed),
                )
            )
        set_threads(1)
        with Stages() as progress:
            evaluation = measure(
                recommender,
                judged,
                measures=measures or MEASURES,
                cluster_by=cluster_by,
                queries=queries,
                unknown_days=unknown_days,
                data={path.name: file_sha256(path) for path in (Path(articles), qrels) if path.is_file()},
                folder=None if keep is None else keep / "rankings",
                progress=progress,
            )
        if run_out is not None:
            save_run(evaluation, run_out)
        if per_query is not None:
            write_table(evaluation.to_arrow(), per_query, {"hash": evaluation.provenance.hash})
        if report is not None:
            with meter("explaining") as bar:
                page = render_report(recommender, evaluation, progress=lambda: bar.advance(1))
            report.parent.mkdir(parents=True, exist_ok=True)
            replace_file(report, page.encode())
    if json:
        print_json({**evaluation.summary(), "quarantined": intake.rejected})
    else:
        _tell_measures(evaluation)
        _tell(evaluation.boxes)
        _tell_shown(evaluation)
    if intake.rejected:
        err.print(f"{intake.rejected:,} rows cannot be articles; recommend ingest tells why")
        raise typer.Exit(QUARANTINED)


def check_outputs(
    context: typer.Context,
    settings: Settings,
    inputs: Sequence[str | Path],
    targets: Sequence[tuple[str, Path | None, Kind]],
    *,
    force: bool,
) -> None:
    """Decides whether the outputs of a command, by option, may be written: over nothing that is kept, no input, and
    not over each other.

    Raises:
        OutputError: naming what would be overwritten and the way out.
    """
    others: list[Kept] = []
    for option, target, kind in targets:
        if target is not None:
            check_target(context, option, target, kind, settings, inputs=inputs, others=others, force=force)
            others.append(Kept(target, option))


def save_run(found: Evaluation, path: Path) -> None:
    """Writes the rankings as a TREC run, and what decided them beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_run(found.run, path, found.provenance.hash)
    if path.is_file():
        found.provenance.save(run_notes(path), found.run)
    if needs_quotes(found.run):
        err.print(f"ids hold blanks, which {plain(str(path))} has percent-encoded, as trec_eval splits lines at them")


def _tell_measures(found: Evaluation) -> None:
    answerable, total = len(found.answerable), len(found.qrels)
    out.print(f"{total:,} queries" + (f", {found.missing:,} of them not among the articles" if found.missing else ""))
    if answerable < total:
        out.print(f"{total - answerable:,} have nothing related to be found, and are left out: {answerable:,} stay")
    clusters = found.clusters.count(found.answerable)
    by = "query, each for itself" if found.clusters.labels is None else f"{found.clusters.by}, {clusters:,} of them"
    out.print(f"intervals by {by}; run {found.provenance.hash}")
    for name, mean in found.measures.items():
        out.print(f"{name:<8} {mean.mean:.4f}   95 % {mean}")
    for facet, group in groupby(found.segments(), lambda one: one.facet):
        parts = list(group)
        out.print(f"\n{found.read_by} by {facet}")
        for one in parts[:_PARTS]:
            out.print(f"{one.interval.mean:.4f}   95 % {one.interval!s:<17} {one.queries:>7,}   {plain(one.value)}")
        if len(parts) > _PARTS:
            out.print(f"and {len(parts) - _PARTS:,} smaller ones, see --json")


def _tell_shown(found: Evaluation) -> None:
    shown = found.shown
    out.print(f"\nWhat {shown.boxes:,} boxes of {shown.size} show as readers see them, of {shown.articles:,} articles")
    for name, mean in shown.means.items():
        out.print(f"{name:<11} {mean.mean:>9.3f}   95 % {mean}   {BY_BOX[name]}")
    for name, text in totals(shown):
        out.print(f"{name:<11} {plain(text)}")
    if found.latency is not None:
        out.print(f"\nranking took {found.latency.median:.1f} ms, 95 in 100 at most {found.latency.p95:.1f} ms")


def _tell(boxes: Boxes) -> None:
    auc = "none" if boxes.auc is None else f"{boxes.auc:.3f}"
    out.print(f"\nFirst {SIZE} under {boxes.queries:,} articles, {boxes.with_story:,} of them with a related one")
    overall = boxes.overall
    out.print(f"AUC {auc}   ECE {overall.ece:.3f}   said {overall.predicted:.3f}   true {overall.related:.3f}")
    for age in boxes.ages:
        out.print(
            f"{age.name:<14} {age.items:>6,}   ECE {age.ece:.3f}   said {age.predicted:.3f}   true {age.related:.3f}"
        )
    out.print("related from   items a box   precision   boxes with a story that have one")
    for one in boxes.thresholds:
        precision, covered = (f"{share:.3f}" if share is not None else "–" for share in (one.precision, one.covered))
        out.print(f"{one.least:>12.2f} {one.items:>13.2f} {precision:>11} {covered:>18}")
