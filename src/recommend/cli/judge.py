"""The command that has people judge: judge."""

from __future__ import annotations

import getpass
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from recommend.articles.article import Article
from recommend.cli.app import Json, app, read_settings
from recommend.cli.console import err, out, plain, print_json
from recommend.cli.intake import Intake
from recommend.cli.output import Force, check_target
from recommend.errors import EvaluationError
from recommend.evaluation.judgements import QRELS, read_run, write_qrels
from recommend.evaluation.judging import GRADES, SCALES, Grades, agreement, consensus, pool
from recommend.files import Kept
from recommend.store import Store


@app.command()
def judge(
    context: typer.Context,
    runs: Annotated[list[Path], typer.Argument(metavar="RUN…", help="TREC runs, as evaluate --run-out writes them.")],
    grades: Annotated[
        Path,
        typer.Option(
            "--grades", metavar="FILE.jsonl", help="File with every judge's own grades; judging goes on where it ends."
        ),
    ] = Path("grades.jsonl"),
    qrels: Annotated[
        Path, typer.Option("--qrels", metavar="FILE", help="TREC judgements: the median of each pair's grades.")
    ] = Path("judged.qrels"),
    articles: Annotated[
        str | None, typer.Option(metavar="FILE", help="Anything that ingest reads.", show_default="the store")
    ] = None,
    depth: Annotated[int, typer.Option(min=1, max=1000, help="Places of each run that are judged.")] = 10,
    scale: Annotated[str, typer.Option(metavar="|".join(SCALES), help="0 to 3, or 0 2 4 8 16.")] = "0-3",
    name: Annotated[str, typer.Option("--judge", help="Name of the judge.", show_default="your login")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine alone; 0: any that is free.")] = 0,
    tell: Annotated[
        bool, typer.Option("--tell", help="Only tell how far the judges are, and how much they agree.")
    ] = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Opens a page on which pairs of articles are graded by keyboard, blind and shuffled.

    First come the articles on which the runs disagree most: there a grade decides most. End it with Ctrl-C at any
    time; run again, it goes on where it was.
    """
    if scale not in SCALES:
        raise typer.BadParameter(f"{scale!r} is not one of {', '.join(SCALES)}", param_hint="--scale")
    settings = read_settings(context)
    inputs: list[str | Path] = [*runs, *([articles] if articles else [])]
    check_target(context, "--grades", grades, GRADES, settings, inputs=inputs, force=False)
    others = [Kept(grades, "--grades")]
    check_target(context, "--qrels", qrels, QRELS, settings, inputs=inputs, others=others, force=force)
    pooled = pool([read_run(run) for run in runs], depth)
    kept = Grades(grades)
    if tell:
        _tell(kept, pooled, SCALES[scale], json=json)
        return
    wanted = {*pooled} | {document for documents in pooled.values() for document in documents}
    found = _articles(articles, settings.store, wanted)
    known = {
        query: shown
        for query, documents in pooled.items()
        if query in found and (shown := {d: worth for d, worth in documents.items() if d in found})
    }
    if not known:
        raise EvaluationError(
            "no pair of the runs is among the articles; check that they belong together, or --articles"
        )
    missing = len(wanted) - len(found)
    if missing:
        err.print(f"{missing:,} articles of the runs are not there, and are not asked for")
    _serve(known, found, kept, qrels, name or getpass.getuser(), SCALES[scale], port)


def _articles(location: str | None, store_url: str, wanted: set[str]) -> dict[str, Article]:
    if location is not None:
        return {article.id: article for article in Intake([location]) if article.id in wanted}
    with closing(Store(store_url, readonly=True)) as store:
        return {one.id: one for article_id in sorted(wanted) if (one := store.get(article_id)) is not None}


def _serve(
    pooled: dict[str, dict[str, float]],
    articles: dict[str, Article],
    grades: Grades,
    qrels: Path,
    judge_name: str,
    scale: tuple[int, ...],
    port: int,
) -> None:
    import uvicorn

    from recommend.cli.workers import listen

    app_of = import_module("recommend_service.judging").JudgingPage  # a service, of which the library knows nothing

    def changed() -> None:
        judged = consensus(grades.by_judge())
        if judged:
            write_qrels(judged, qrels)

    page = app_of(pooled, articles, grades, judge_name, scale, changed)
    with listen("127.0.0.1", port) as bound:
        out.print(f"http://127.0.0.1:{bound.getsockname()[1]}/?token={page.token}")
        err.print("open it once in a browser; Ctrl-C ends it, and what was graded is kept")
        server = uvicorn.Server(uvicorn.Config(page, log_level="warning", ws="none", lifespan="off"))
        with suppress(KeyboardInterrupt):
            server.run(sockets=[bound])
    count = len(grades.of(judge_name))
    out.print(f"{count:,} pairs graded by {plain(judge_name)}; the median of all is in {plain(str(qrels))}")


def _tell(grades: Grades, pooled: dict[str, dict[str, float]], scale: tuple[int, ...], *, json: bool) -> None:
    by_judge = grades.by_judge()
    pairs = {(query, document) for query, documents in pooled.items() for document in documents}
    counts = {judge: len(pairs & given.keys()) for judge, given in by_judge.items()}
    alpha = agreement(by_judge, scale)
    if json:
        print_json({"pairs": len(pairs), "judges": counts, "agreement": alpha})
        return
    for judge, count in counts.items():
        out.print(f"{plain(judge):<16} {count:,} of {len(pairs):,} pairs")
    value = "not known: no two judges graded the same pairs differently" if alpha is None else f"{alpha:.3f}"
    out.print(f"agreement (Krippendorff's alpha) {value}")
