"""Commands that judge: evaluate, compare."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from recommend.cli.app import QUARANTINED, Assignments, Flags, Json, app
from recommend.cli.console import err, meter, out, print_json
from recommend.cli.intake import Intake
from recommend.evaluation.experiment import rank_queries, scratch
from recommend.evaluation.judgements import read_qrels, read_run, write_run
from recommend.evaluation.metrics import compare as compare_values
from recommend.evaluation.metrics import interval, per_query
from recommend.vectors import set_threads


@app.command()
def evaluate(
    articles: Annotated[str, typer.Option(metavar="FILE", help="Anything that ingest reads.")],
    qrels: Annotated[Path, typer.Option(metavar="FILE", help="TREC judgements: query 0 document grade.")],
    run_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the ranking as a TREC run.")] = None,
    keep: Annotated[
        Path | None, typer.Option("--scratch", metavar="DIR", help="Keep store and index here for next time.")
    ] = None,
    assignments: Assignments = None,
    json: Json = False,
) -> None:
    """Ranks judged queries through the production path and measures the rankings.

    The display policy is off, because such judgements speak of relatedness alone; --set policy=on measures the box as
    readers see it.
    """
    settings = Flags.settings(["policy=off", *(assignments or [])])
    judged = read_qrels(qrels)
    intake = Intake([articles])
    with ExitStack() as stack:
        with meter("embedding", intake.total) as bar:
            recommender = stack.enter_context(
                scratch(
                    intake,
                    settings,
                    folder=keep,
                    progress=lambda batch: bar.advance(batch.total, done=intake.consumed),
                )
            )
        set_threads(1)
        with meter("ranking", float(len(judged))) as bar:
            run = rank_queries(recommender, judged, progress=lambda: bar.advance(1))
    values = per_query(judged, run)
    if run_out is not None:
        write_run(run, run_out, "recommend")
    means = {measure: interval(list(by_query.values())) for measure, by_query in values.items()}
    missing = len(judged) - len(run)
    if json:
        counts = {"queries": len(judged), "missing": missing, "quarantined": intake.rejected}
        print_json({**counts, "measures": {measure: asdict(mean) for measure, mean in means.items()}})
    else:
        out.print(f"{len(judged):,} queries" + (f", {missing:,} of them not among the articles" if missing else ""))
        for measure, mean in means.items():
            out.print(f"{measure:<8} {mean.mean:.4f}   95 % {mean.low:.4f} … {mean.high:.4f}")
    if intake.rejected:
        err.print(f"{intake.rejected:,} rows cannot be articles; recommend ingest tells why")
        raise typer.Exit(QUARANTINED)


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A TREC run.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another.")],
    qrels: Annotated[Path, typer.Option(metavar="FILE", help="TREC judgements: query 0 document grade.")],
    json: Json = False,
) -> None:
    """Tells whether run B serves readers better than run A: differences with intervals and a paired test."""
    judged = read_qrels(qrels)
    values_a, values_b = (per_query(judged, read_run(run)) for run in (run_a, run_b))
    differences = {measure: compare_values(values_a[measure], values_b[measure]) for measure in values_a}
    if json:
        print_json({measure: asdict(difference) for measure, difference in differences.items()})
        return
    out.print(f"{len(judged):,} queries, B − A")
    for measure, found in differences.items():
        mean = found.difference
        out.print(
            f"{measure:<8} {mean.mean:+.4f}   95 % {mean.low:+.4f} … {mean.high:+.4f}   p = {found.p_value:.4f}   "
            f"{found.better:,} better, {found.worse:,} worse"
        )
