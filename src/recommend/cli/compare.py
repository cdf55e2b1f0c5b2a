"""The command that holds runs against each other: compare."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from recommend.articles.article import Article
from recommend.cli.app import FAILED, ClusterBy, Json, Measures, Qrels, Scratch, app, read_settings
from recommend.cli.console import err, out, plain, print_json
from recommend.cli.evaluate import check_outputs
from recommend.cli.intake import Intake
from recommend.cli.output import Force, check_scratch
from recommend.cli.stages import Stages
from recommend.evaluation.clusters import AUTO, cluster_queries
from recommend.evaluation.comparison_report import COMPARISON, render_comparison
from recommend.evaluation.editors import read_judged
from recommend.evaluation.evaluation import Evaluation, measure_arms
from recommend.evaluation.facets import Facets, facets_of
from recommend.evaluation.judgements import EDITORS, read_run
from recommend.evaluation.metrics import MEASURES
from recommend.evaluation.paired import Comparison, Contrast, Missing, compare_runs
from recommend.evaluation.provenance import read_notes, unlike
from recommend.files import replace_file
from recommend.settings import Settings

DEFAULT = "default"


@app.command()
def compare(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN_A RUN_B…",
            help="TREC runs, or settings, as policy=on or 'ranking.without=section policy=on', or default; the others "
            "are held against the first.",
        ),
    ],
    qrels: Qrels,
    measures: Measures = None,
    cluster_by: ClusterBy = AUTO,
    articles: Annotated[
        str | None, typer.Option(metavar="FILE", help="The articles, for segments, fields and titles.")
    ] = None,
    keep: Scratch = None,
    missing: Annotated[
        Missing, typer.Option(help="What to do about queries that one run ranks and another does not.")
    ] = "refuse",
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page with the boxes that changed most.")
    ] = None,
    fail_below: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="Exit 1 unless the interval of every difference lies above, as -0.005."),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Tells whether run B serves readers better than run A: differences with intervals and a paired test.

    Several measures and runs are several chances to find a difference: "p (Holm)" is corrected for all of them. Runs
    of other queries than those judged, and runs cut short, are refused. Settings in place of runs rank --articles.
    """
    files = [Path(one) for one in runs if Path(one).is_file() or not _is_settings(one)]
    arms = {one: ["policy=off", *_assigned(one)] for one in runs if one not in map(str, files)}
    if len({*files}) + len(arms) < 2:
        raise typer.BadParameter("give two different runs or more", param_hint="RUN_A RUN_B…")
    if arms and articles is None:
        raise typer.BadParameter("settings are compared by ranking articles: name them", param_hint="--articles")
    settings = {name: read_settings(context, assigned) for name, assigned in arms.items()}
    own = read_settings(context)
    inputs: list[str | Path] = [qrels, *files, *([] if articles is None else [articles])]
    check_outputs(context, own, inputs, [("--report", report, COMPARISON)], force=force)
    check_scratch(context, "--scratch", keep, own)
    if qrels == EDITORS and articles is None:
        raise typer.BadParameter("editors' links are read from the articles: name them", param_hint="--articles")
    judged, known = _judged(articles, qrels)
    notes = {_name(path, files): read_notes(path) or {} for path in files}
    read = {_name(path, files): read_run(path, notes[_name(path, files)].get("empty", ())) for path in files}
    ranked = _ranked(list(known.values()), judged, settings, keep) if settings else {}
    read |= {name: one.run for name, one in ranked.items()}
    notes |= {name: asdict(one.provenance) for name, one in ranked.items()}
    read = {name: read[name] for name in dict.fromkeys(_called(one, files) for one in runs)}
    newest = max((a.published_at for a in known.values() if a.published_at is not None), default=None)
    facets: dict[str, Facets] = {query: facets_of(known[query], newest) for query in judged if query in known}
    clusters = cluster_queries(cluster_by, judged, list(judged), look=known.get if articles is not None else None)
    result = compare_runs(
        judged, read, measures or MEASURES, clusters=clusters, facets=facets, missing=missing, changed=10
    )
    result.matched.notes.extend(unlike(notes))
    titles = {article_id: article.title for article_id, article in known.items()}
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        replace_file(report, render_comparison(result, judged, read, titles=titles, made_by=notes).encode())
    if json:
        print_json(summary(result))
    else:
        tell(result, titles)
    failing = [] if fail_below is None else result.fails(fail_below)
    if failing:
        err.print(f"{', '.join(map(plain, failing))}: {result.read_by} may be lower by more than {fail_below:g} allows")
        raise typer.Exit(FAILED)


def summary(found: Comparison) -> dict[str, Any]:
    """A comparison as JSON; measures and changes of the second run at the top, as there were before there were more."""
    runs = {one.name: _plain(one) for one in found.contrasts}
    second = runs[found.contrasts[0].name]
    return {
        "queries": len(found.matched.queries),
        "unanswerable": found.matched.unanswerable,
        "unranked": found.matched.unranked,
        "notes": found.matched.notes,
        "clusters": {"by": found.clusters.by, "count": found.clusters.count(found.matched.queries)},
        "first": found.first,
        "means": {
            name: {measure: asdict(mean) for measure, mean in means.items()} for name, means in found.means.items()
        },
        "measures": second["measures"],
        "changed": {"measure": found.read_by, **second["changed"]},
        "runs": runs,
        "verdicts": found.verdicts(),
    }


def _plain(one: Contrast) -> dict[str, Any]:
    return {
        "measures": {m: asdict(found) | {"p_holm": one.corrected[m]} for m, found in one.differences.items()},
        "changed": {"better": [*map(asdict, one.better)], "worse": [*map(asdict, one.worse)]},
        "segments": [*map(asdict, one.segments)],
    }


def tell(found: Comparison, titles: dict[str, str]) -> None:
    """Prints a comparison for people."""
    queries, by = found.matched.queries, found.clusters.by
    clusters = "" if found.clusters.labels is None else f" in {found.clusters.count(queries):,} {by}"
    out.print(f"{len(queries):,} queries{clusters}" + (", B − A" if len(found.contrasts) == 1 else ""))
    for count, what in (
        (found.matched.unanswerable, "have no related document"),
        (found.matched.unranked, "are ranked by no run"),
    ):
        if count:
            out.print(f"{count:,} judged queries {what}, and are left out")
    for note in found.matched.notes:
        out.print(plain(note))
    for one in found.contrasts:
        if len(found.contrasts) > 1:
            out.print(f"\n{plain(one.name)} − {plain(found.first)}")
        for measure, compared in one.differences.items():
            mean = compared.difference
            span = f"95 % {mean.low:+.4f} … {mean.high:+.4f}" if mean.is_known else "no interval from one cluster"
            out.print(
                f"{measure:<8} {mean.mean:+.4f}   {span}   p = {compared.p_value:.4f}   "
                f"p (Holm) = {one.corrected[measure]:.4f}   d = {compared.effect:+.2f}   "
                f"{compared.better:,} better, {compared.worse:,} worse"
            )
    tests = sum(len(one.differences) for one in found.contrasts)
    out.print(f"p (Holm) is corrected for testing {tests} differences; the intervals are not")
    for one in found.contrasts:
        _tell_changes(found, one, titles)
    out.print()
    for verdict in found.verdicts():
        out.print(plain(verdict))


def _tell_changes(found: Comparison, one: Contrast, titles: dict[str, str]) -> None:
    of = f" of {plain(one.name)}" if len(found.contrasts) > 1 else ""
    for title, changes in (("gains", one.better), ("losses", one.worse)):
        if changes:
            out.print(f"\nGreatest {title}{of} by {found.read_by}")
        for change in changes:
            name = plain(change.query) + (f"   {plain(titles[change.query])}" if change.query in titles else "")
            out.print(f"{change.b - change.a:+.4f}   {change.a:.4f} → {change.b:.4f}   {name}")
    facet = ""
    for part in one.segments:
        if part.facet != facet:
            facet = part.facet
            out.print(f"\nBy {facet}{of}, {found.read_by}")
        mean = part.difference.difference
        out.print(
            f"{mean.mean:+.4f}   95 % {mean.low:+.4f} … {mean.high:+.4f}   {part.difference.better:,} better, "
            f"{part.difference.worse:,} worse of {part.queries:,}   {plain(part.value)}"
        )


def _is_settings(given: str) -> bool:
    return given == DEFAULT or "=" in given


def _assigned(given: str) -> list[str]:
    return [] if given == DEFAULT else given.split()


def _ranked(
    articles: list[Article], judged: dict[str, dict[str, int]], arms: dict[str, Settings], keep: Path | None
) -> dict[str, Evaluation]:
    with Stages() as progress:
        return measure_arms(lambda: articles, judged, arms, folder=keep, progress=progress, queries="1")


def _called(given: str, files: list[Path]) -> str:
    return _name(Path(given), files) if Path(given) in files else given


def _name(path: Path, files: list[Path]) -> str:
    """What a run is called: its file's name, or the whole path where two have the same."""
    return path.name if sum(other.name == path.name for other in files) == 1 else str(path)


def _judged(location: str | None, qrels: Path) -> tuple[dict[str, dict[str, int]], dict[str, Article]]:
    """The judgements, and the articles by id."""
    read, judged = read_judged(() if location is None else Intake([location]), qrels)
    return judged, {article.id: article for article in read}
