"""Takes articles into the store, from the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from recommend.articles.article import Article
from recommend.cli.app import QUARANTINED, AllowEmpty, Json, app, read_settings
from recommend.cli.columns import AllowPrivate, Columns, Dates, Encoding, Items, Query, source_settings
from recommend.cli.console import counted, err, meter, out, plain, print_json
from recommend.cli.encoders import embed_as_served, serving_encoder
from recommend.cli.intake import REJECTS, FormatName, Intake, RejectsFile
from recommend.cli.opened import open_store
from recommend.cli.output import Force, check_folder, check_target
from recommend.errors import SourceError, truncated_repr
from recommend.ingest import ingest as ingest_articles
from recommend.jobs.encoder_choice import decided_by
from recommend.sources import Reject, Web

_REASONS = 3


@app.command()
def ingest(
    context: typer.Context,
    locations: Annotated[
        list[str],
        typer.Argument(metavar="PATH|URL…", help="Files, folders, globs, feeds, sitemaps, pages, databases, or -."),
    ],
    format: Annotated[
        FormatName | None, typer.Option(help="Format of the files, if the ending of their names does not tell.")
    ] = None,
    query: Query = None,
    columns: Columns = None,
    items: Items = None,
    date_order: Dates = None,
    encoding: Encoding = None,
    allow_private: AllowPrivate = False,
    rejects: Annotated[Path, typer.Option(help="File for rows that cannot be articles, and for warnings.")] = Path(
        "rejects.jsonl"
    ),
    republish: Annotated[bool, typer.Option("--republish", help="Also take in articles that were taken down.")] = False,
    allow_empty: AllowEmpty = False,
    embed: Annotated[bool, typer.Option(help="Embed the articles now, or leave that to reindex.")] = True,
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
        report = {
            "quarantined": intake.rejected,
            "warnings": intake.warnings,
            "rejects": file,
            "repeated": intake.repeated,
        }
        print_json({**asdict(counts), **report, **intake.columns.as_json()})
    else:
        out.print(
            f"{counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} unchanged, "
            f"{counts.embedded:,} embedded"
            + (f", {counts.taken_down:,} left out because they were taken down" if counts.taken_down else "")
        )
        for line in intake.columns.messages():
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


def _unembedded(article_id: str, reason: str) -> Reject:
    return Reject("store", None, article_id, None, "", f"is stored, but its embedding failed: {reason}")
