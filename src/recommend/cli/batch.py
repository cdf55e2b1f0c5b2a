"""Commands of batch jobs: ingest, reindex, export."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommend.articles.article import Article
from recommend.cli.app import QUARANTINED, Assignments, Json, app, read_settings
from recommend.cli.columns import AllowPrivate, Columns, Dates, Encoding, Items, Query, source_settings
from recommend.cli.console import Meter, counted, err, meter, out, plain, print_json
from recommend.cli.encoders import check_unchanged, embed_as_served, serving_encoder
from recommend.cli.intake import REJECTS, FormatName, Intake, RejectsFile
from recommend.cli.opened import open_recommender, open_store
from recommend.cli.output import Force, check_folder, check_target, existing
from recommend.cpus import available_cores
from recommend.encoder import AUTO, open_encoder
from recommend.encoder.executors.engine import EngineName, open_engine
from recommend.errors import SourceError, StoreError, truncated_repr
from recommend.evaluation.comparison import compare
from recommend.evaluation.judgements import read_qrels
from recommend.index.dense import set_threads
from recommend.ingest import ingest as ingest_articles
from recommend.jobs.comparison import Canary
from recommend.jobs.encoder_choice import decided, decided_by
from recommend.jobs.export.export import TABLE
from recommend.jobs.export.export import export as write_export
from recommend.jobs.exposure import spread_exposure
from recommend.jobs.lists import lists_to_load, make_lists
from recommend.jobs.plan import Plan, plan
from recommend.jobs.reindex import Progress, ReindexResult
from recommend.jobs.reindex import reindex as run_job
from recommend.sources import Reject, Web
from recommend.store import Store

if TYPE_CHECKING:
    from recommend.index.pgvector.server import Server
    from recommend.index.view import FixedView
    from recommend.settings import Settings

AllowEmpty = Annotated[bool, typer.Option("--allow-empty", help="Go on though there is no article.")]


@app.command()
def ingest(
    context: typer.Context,
    locations: Annotated[
        list[str],
        typer.Argument(metavar="PATH|URL…", help="Files, folders, globs, feeds, sitemaps, pages, databases, or -."),
    ],
    format: Annotated[
        FormatName | None, typer.Option(help="How they are written, if the ending does not tell.")
    ] = None,
    query: Query = None,
    columns: Columns = None,
    items: Items = None,
    date_order: Dates = None,
    encoding: Encoding = None,
    allow_private: AllowPrivate = False,
    rejects: Annotated[Path, typer.Option(help="Where rows that cannot be articles go, and warnings.")] = Path(
        "rejects.jsonl"
    ),
    republish: Annotated[bool, typer.Option("--republish", help="Also take in articles that were taken down.")] = False,
    allow_empty: AllowEmpty = False,
    embed: Annotated[bool, typer.Option(help="Embed them now, or leave that to reindex.")] = True,
    force: Force = False,
    json: Json = False,
) -> None:
    """Stores articles, each with its embedding; only what changed is embedded."""
    settings = read_settings(context, source_settings(columns, items, date_order, encoding))
    check_folder("--rejects", rejects)
    check_target(context, "--rejects", rejects, REJECTS, settings, inputs=locations, force=force)
    with RejectsFile(rejects) as rejects_file:
        web = Web(allow_private or settings.sources.allow_private, settings.sources.pause)
        intake = Intake(locations, format, rejects_file.write, web, query, settings.sources)
        store = open_store(context, settings.store)
        articles: Iterable[Article] = intake
        if embed:
            settings, articles = decided_by(settings, store, intake)
        encoder = serving_encoder(settings) if embed else None
        with meter("ingest", intake.total) as bar:
            counts = ingest_articles(
                store,
                encoder,
                articles,
                republish=republish,
                progress=lambda batch: bar.advance(batch.total, done=intake.consumed, failed=batch.failed),
                on_failure=lambda article_id, reason: rejects_file.write(_unembedded(article_id, reason)),
                on_collision=intake.collide,
            )
        if encoder is not None:
            embed_as_served(store, settings, encoder)
    if not intake.read and not intake.rejected and not allow_empty:
        what = ", ".join(map(truncated_repr, locations[:3]))
        raise SourceError(f"{what}: no article is in there; --allow-empty takes that as it is")
    if json:
        file = str(rejects) if intake.rejected or intake.warnings or counts.failed else None
        told = {
            "quarantined": intake.rejected,
            "warnings": intake.warnings,
            "rejects": file,
            "repeated": intake.repeated,
        }
        print_json({**asdict(counts), **told, **intake.columns.as_json()})
    else:
        out.print(
            f"{counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} unchanged, "
            f"{counts.embedded:,} embedded"
            + (f", {counts.taken_down:,} left out because they were taken down" if counts.taken_down else "")
        )
        for line in intake.columns.told():
            err.print(plain(line))
    where = plain(str(rejects))
    if intake.repeated and not json:
        err.print(
            f"{counted(intake.repeated, 'row repeats', 'rows repeat')} an id of this run; of each the last counts"
        )
    if intake.rejected:
        err.print(f"{counted(intake.rejected, 'row')} quarantined, with the reasons: {where}")
        for reason, count in intake.reasons.most_common(_REASONS):
            err.print(f"  {count:,} × {plain(reason)}")
    if intake.warnings:
        warnings = counted(intake.warnings, "warning")
        err.print(f"{warnings} about fields that were not taken as they were written: {where}")
    if counts.failed:
        err.print(f"{counted(counts.failed, 'article')} stored but not embedded, tried again by the next run: {where}")
    if intake.rejected or counts.failed:
        raise typer.Exit(QUARANTINED)


_REASONS = 3


def _unembedded(article_id: str, reason: str) -> Reject:
    return Reject("store", None, article_id, None, "", f"is stored, but its embedding failed: {reason}")


def _tell_failure(bar: Meter, article_id: str, reason: str) -> None:
    bar.advance(0, failed=1)
    err.print(plain(f"{article_id!r} was not embedded: {reason}"))


@app.command()
def reindex(
    context: typer.Context,
    full: Annotated[bool, typer.Option("--full", help="Build anew, even when nothing changed.")] = False,
    encoder: Annotated[str | None, typer.Option(metavar="NAME", help="Change to this encoder.")] = None,
    assignments: Assignments = None,
    engine: Annotated[EngineName, typer.Option(help="This machine's cores, or a Ray cluster.")] = EngineName.LOCAL,
    force: Annotated[bool, typer.Option("--force", help="Publish even when articles or answers went missing.")] = False,
    no_publish: Annotated[
        bool, typer.Option("--no-publish", help="Build and compare only; recommend rollback NAME publishes.")
    ] = False,
    qrels: Annotated[Path | None, typer.Option(help="TREC judgements to hold old and new against.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell cost and effect, write nothing.")] = False,
    allow_empty: AllowEmpty = False,
    json: Json = False,
) -> None:
    """Builds a snapshot of the store, verifies it, compares it with the live one and publishes it."""
    named = [] if encoder is None else [f"encoder.name={encoder}"]
    settings = read_settings(context, [*(assignments or []), *named])
    judged = None if qrels is None else read_qrels(qrels)
    if encoder is None and not dry_run and not no_publish:
        check_unchanged(settings, assignments or [])
    store = open_store(context, existing(settings), readonly=dry_run)
    if not dry_run and not allow_empty and not store.counts("")["published"]:
        raise StoreError("no published article is in the store: recommend ingest takes some in; --allow-empty goes on")
    settings = decided(settings, store, anew=encoder == AUTO)
    opened = open_encoder(settings.encoder, settings.models)
    if dry_run:
        _print_plan(plan(store, opened, settings, full=full), json)
        return
    with meter("embedding", float(store.counts(opened.fingerprint)["unembedded"])) as bar:
        result = run_job(
            store,
            opened,
            settings,
            full=full,
            force=force,
            publishes=not no_publish,
            canary=partial(compare, store, settings, judged=judged),
            exposed=partial(spread_exposure, settings, on_stage=bar.stage),
            lists=partial(make_lists, settings),
            listed=partial(lists_to_load, settings),
            agrees=partial(_agree, store, settings),
            engine=open_engine(engine, opened, settings),
            progress=Progress(
                embedded=bar.advance,
                stage=bar.stage,
                failed=partial(_tell_failure, bar),
            ),
        )
    manifest = result.manifest
    if json:
        told: dict[str, object] = {"embedded": result.embedded, "built": result.built, "published": result.published}
        told |= {"failed": result.failed, "set_aside": dict(result.set_aside)}
        canary = {"canary": result.canary and asdict(result.canary), "dropped": result.dropped}
        print_json({**manifest.model_dump(exclude={"sha256"}), **told, **canary})
        _exit(result)
        return
    if result.canary and (encoder or assignments or no_publish or judged):
        _print_canary(result.canary)
    state = ("published" if result.published else "built, not published") if result.built else "is up to date"
    out.print(
        f"snapshot {manifest.name} {state}: {manifest.articles:,} articles, {manifest.kind}, "
        f"recall@10 {manifest.recall:.3f}, {result.embedded:,} embedded"
        + ("" if result.canary is None else f", {result.canary.overlap:.0%} of the boxes as before")
        + (f", {result.dropped:,} embeddings of former encoders removed" if result.dropped else "")
    )
    if named and read_settings(context, assignments or []).encoder.name not in {encoder, AUTO}:
        err.print(f"set encoder.name = {plain(repr(encoder))} in your configuration; until then the next job refuses")
    _exit(result)


def _exit(result: ReindexResult) -> None:
    if result.failed:
        err.print(f"{result.failed:,} articles were not embedded and are not in it; the next run tries again")
    for article_id, reason in result.set_aside.items():
        err.print(plain(f"{article_id!r} is set aside: {reason}"))
    if result.failed or result.set_aside:
        raise typer.Exit(QUARANTINED)


def _agree(store: Store, settings: Settings, server: Server, name: str, made_of: FixedView | None) -> float:
    from recommend.jobs.agreement import agree  # only where the extra is installed

    return agree(store, settings, server, name, made_of)


def _print_canary(canary: Canary) -> None:
    for box in canary.changed:
        out.print(f"\n{plain(box.title)}  [dim]{plain(box.article_id)}, {box.overlap:.0%} as before[/dim]")
        for name, titles in (("before", box.before), ("after", box.after)):
            out.print(f"  {name}")
            for title in titles:
                mark = " " if title in box.before and title in box.after else "-" if name == "before" else "+"
                out.print(f"  {mark} {plain(title)}")
    out.print(
        f"\n{canary.queries:,} boxes compared: {canary.overlap:.0%} as before, empty {canary.empty_before:.1%} before, "
        f"{canary.empty:.1%} after"
    )
    for one in canary.judged:
        out.print(
            f"{one.measure:<8} {one.before:.4f} → {one.after:.4f}   95 % {one.low:+.4f} … {one.high:+.4f}   "
            f"p = {one.p_value:.4f}"
        )


def _print_plan(planned: Plan, json: bool) -> None:
    if json:
        print_json(asdict(planned))
        return
    what = (
        f"bring {planned.changes:,} changed articles to PostgreSQL"
        if planned.step
        else f"build a snapshot of {planned.articles:,} articles, {planned.kind}"
    )
    effect = f"would {what}" if planned.builds else "no build"
    out.print(
        f"{effect}; {planned.to_embed:,} articles to embed in about {planned.seconds:,.0f} s, "
        f"{planned.changes:,} changed since {planned.live or 'the beginning'}"
    )


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="Ends in .parquet or .jsonl.")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many under each article.")] = 10,
    since: Annotated[
        int | None, typer.Option(min=0, metavar="REVISION", help="Only articles that changed after it; rank 0: gone.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Processes; 0: as many as there are cores.")] = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Writes the related stories of every article to a file; run again after a kill, it goes on where it was."""
    settings = read_settings(context)
    check_folder("--out", file)
    check_target(context, "--out", file, TABLE, settings, force=force)
    set_threads(1)
    recommender = open_recommender(context, settings)
    revision = recommender.view().revision  # what comes after it is for the next export with --since
    with meter("export", float(len(recommender) if since is None else recommender.store.changes.count(since))) as bar:
        count = write_export(
            recommender, file, k, since=since, workers=workers or available_cores(), progress=bar.advance
        )
    if json:
        print_json({"rows": count, "file": str(file), "revision": revision})
    else:
        out.print(f"{counted(count, 'row')} written to {plain(str(file))}")
