"""The command that varies settings: ablate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from recommend.cli.app import (
    Articles,
    Assignments,
    ClusterBy,
    Json,
    Measures,
    QrelsOrEditors,
    Scratch,
    app,
    read_settings,
)
from recommend.cli.console import out, plain, print_json, print_table
from recommend.cli.evaluate import check_outputs
from recommend.cli.intake import Intake
from recommend.cli.output import Force, check_scratch
from recommend.cli.stages import Stages
from recommend.evaluation.clusters import AUTO
from recommend.evaluation.editors import read_judged
from recommend.evaluation.evaluation import Evaluation, measure_arms
from recommend.evaluation.grid import arms, parse_vary, read_grid
from recommend.evaluation.metrics import MEASURES, parsed_measure
from recommend.evaluation.paired import Comparison, compare_runs
from recommend.files import Kind, file_sha256, starts_with

PLOT = Kind("a plot", lambda path: starts_with(path, b'<svg class="plot"'))


@app.command()
def ablate(
    context: typer.Context,
    articles: Articles,
    qrels: QrelsOrEditors,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V1,V2", help="Values of a setting; + between the items of one that is a list."),
    ] = None,
    grid: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help='The same as a file: "policy.diversity" = [0, 0.3].')
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="Change one setting at a time instead of combining all.")
    ] = False,
    measures: Measures = None,
    cluster_by: ClusterBy = AUTO,
    queries: Annotated[str, typer.Option(metavar="all|judged|N", help="Articles whose boxes are looked at.")] = "200",
    plot: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Write the differences as a plot.")] = None,
    keep: Scratch = None,
    assignments: Assignments = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Measures every combination of some settings, and holds each against the settings as they are.

    Articles are embedded once, unless the encoder is varied. --each tells what each setting is worth by itself;
    p (Holm) is corrected for every arm and measure.
    """
    variants = arms({**({} if grid is None else read_grid(grid)), **parse_vary(vary or ())}, each=each)
    base = ["policy=off", *(assignments or [])]
    settings = {name: read_settings(context, [*base, *own]) for name, own in variants.items()}
    own = read_settings(context, base)
    check_outputs(
        context, own, [articles, qrels, *([] if grid is None else [grid])], [("--plot", plot, PLOT)], force=force
    )
    check_scratch(context, "--scratch", keep, own)
    for name in measures or ():
        parsed_measure(name)
    read, judged = read_judged(Intake([articles]), qrels)
    listed = list(read)
    with Stages() as progress:
        evaluations = measure_arms(
            lambda: listed,
            judged,
            settings,
            folder=keep,
            progress=progress,
            measures=measures or MEASURES,
            cluster_by=cluster_by,
            queries=queries,
            data={path.name: file_sha256(path) for path in (Path(articles), qrels) if path.is_file()},
        )
    first = next(iter(evaluations.values()))
    compared = compare_runs(
        judged,
        {name: one.run for name, one in evaluations.items()},
        measures or MEASURES,
        clusters=first.clusters,
        facets=first.facets,
        missing="zero",
    )
    if plot is not None:
        plot.parent.mkdir(parents=True, exist_ok=True)
        compared.plot().save(plot)
    if json:
        print_json({"first": compared.first, "measure": compared.read_by, "arms": _rows(evaluations, compared)})
    else:
        _tell(evaluations, compared)


def _rows(evaluations: dict[str, Evaluation], compared: Comparison) -> list[dict[str, Any]]:
    contrasts = {one.name: one for one in compared.contrasts}
    means = compared.means
    return [
        {
            "name": name,
            "hash": found.provenance.hash,
            "measures": {measure: asdict(mean) for measure, mean in means[name].items()},
            "differences": {}
            if name not in contrasts
            else {
                measure: asdict(one) | {"p_holm": contrasts[name].corrected[measure]}
                for measure, one in contrasts[name].differences.items()
            },
            "shown": {one: mean.mean for one, mean in found.shown.means.items()}
            | {"coverage": found.shown.coverage, "gini": found.shown.gini},
            "latency": None if found.latency is None else asdict(found.latency),
        }
        for name, found in evaluations.items()
    ]


def _tell(evaluations: dict[str, Evaluation], compared: Comparison) -> None:
    read_by, means = compared.read_by, compared.means
    contrasts = {one.name: one for one in compared.contrasts}
    queries = compared.matched.queries
    out.print(
        f"{len(queries):,} queries, {compared.clusters.count(queries):,} {compared.clusters.by}; "
        f"differences of {read_by} from {compared.first!r}"
    )
    heads = ("arm", read_by, "difference", "95 %", "p (Holm)", "diversity", "coverage", "ms")
    rows = []
    for name, found in evaluations.items():
        cells = ["", "", ""]
        if name in contrasts:
            one = contrasts[name].differences[read_by].difference
            span = f"{one.low:+.4f} … {one.high:+.4f}" if one.is_known else "unknown"
            cells = [f"{one.mean:+.4f}", span, f"{contrasts[name].corrected[read_by]:.4f}"]
        rows.append(
            [
                name,
                f"{means[name][read_by].mean:.4f}",
                *cells,
                f"{found.shown.means['diversity'].mean:.3f}",
                f"{found.shown.coverage:.3f}",
                "" if found.latency is None else f"{found.latency.median:.1f}",
            ]
        )
    wide = [max(len(row[n]) for row in [list(heads), *rows]) for n in range(len(heads))]
    lines = [
        "   ".join(
            plain(cell.rjust(width) if n else cell.ljust(width))
            for n, (cell, width) in enumerate(zip(row, wide, strict=True))
        )
        for row in [list(heads), *rows]
    ]
    print_table(heads, rows, lines)
