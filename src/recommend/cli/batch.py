"""Commands of batch jobs: ingest, reindex, export."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from recommend.canary import compare
from recommend.cli.app import QUARANTINED, Flags, Json, app
from recommend.cli.console import err, meter, out, print_json
from recommend.cli.intake import FormatName, Intake, RejectsFile
from recommend.encoder import open_encoder
from recommend.export import export as write_export
from recommend.ingest import ingest as ingest_articles
from recommend.recommender import Recommender
from recommend.reindex import Plan, plan
from recommend.reindex import reindex as run_job
from recommend.sources import Web
from recommend.store import Store
from recommend.vectors import set_threads


@app.command()
def ingest(
    locations: Annotated[
        list[str],
        typer.Argument(metavar="PATH|URL…", help="Files, folders, globs, feeds, sitemaps, pages, databases, or -."),
    ],
    format: Annotated[
        FormatName | None, typer.Option(help="How they are written, if the ending does not tell.")
    ] = None,
    query: Annotated[str | None, typer.Option(help="SQL that gives the articles of a database URL.")] = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Let URLs lead to addresses of private networks.")
    ] = False,
    rejects: Annotated[Path, typer.Option(help="Where rows go that cannot be articles.")] = Path("rejects.jsonl"),
    republish: Annotated[bool, typer.Option("--republish", help="Also take in articles that were taken down.")] = False,
    json: Json = False,
) -> None:
    """Stores articles, each with its embedding; only what changed is embedded."""
    settings = Flags.settings()
    with RejectsFile(rejects) as rejects_file:
        web = Web(allow_private or settings.sources.allow_private, settings.sources.pause)
        intake = Intake(locations, format, rejects_file.write, web, query)
        store = Store(settings.store)
        encoder = open_encoder(settings.encoder, settings.models)
        with meter("ingest", intake.total) as bar:
            counts = ingest_articles(
                store,
                encoder,
                intake,
                republish=republish,
                progress=lambda batch: bar.advance(batch.total, done=intake.consumed),
            )
    if json:
        file = str(rejects) if intake.rejected else None
        print_json({**asdict(counts), "quarantined": intake.rejected, "rejects": file})
    else:
        out.print(
            f"{counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} unchanged, "
            f"{counts.embedded:,} embedded"
            + (f", {counts.taken_down:,} left out because they were taken down" if counts.taken_down else "")
        )
    if intake.rejected:
        err.print(f"{intake.rejected:,} rows quarantined, with their reasons: {rejects}")
        raise typer.Exit(QUARANTINED)


@app.command()
def reindex(
    full: Annotated[bool, typer.Option("--full", help="Build even when nothing changed.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Publish even when articles or answers went missing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell cost and effect, write nothing.")] = False,
    json: Json = False,
) -> None:
    """Builds a snapshot of the store, verifies it and publishes it."""
    settings = Flags.settings()
    store = Store(settings.store)
    encoder = open_encoder(settings.encoder, settings.models)
    if dry_run:
        _print_plan(plan(store, encoder, settings, full=full), json)
        return
    with meter("embedding", float(store.counts(encoder.fingerprint)["unembedded"])) as bar:
        result = run_job(
            store,
            encoder,
            settings,
            full=full,
            force=force,
            canary=partial(compare, store, settings),
            on_embedded=bar.advance,
            on_stage=lambda stage: err.print(f"{stage} …", style="dim") if err.is_terminal else None,
        )
    manifest = result.manifest
    if json:
        told = {"embedded": result.embedded, "built": result.built, "canary": result.canary and asdict(result.canary)}
        print_json({**manifest.model_dump(exclude={"sha256"}), **told})
        return
    state = "published" if result.built else "is up to date"
    out.print(
        f"snapshot {manifest.name} {state}: {manifest.articles:,} articles, {manifest.kind}, "
        f"recall@10 {manifest.recall:.3f}, {result.embedded:,} embedded"
        + ("" if result.canary is None else f", {result.canary.overlap:.0%} of the boxes as before")
    )


def _print_plan(planned: Plan, json: bool) -> None:
    if json:
        print_json(asdict(planned))
        return
    effect = (
        f"would build a snapshot of {planned.articles:,} articles, {planned.kind}" if planned.builds else "no build"
    )
    out.print(
        f"{effect}; {planned.to_embed:,} articles to embed in about {planned.seconds:,.0f} s, "
        f"{planned.changes:,} changed since {planned.live or 'the beginning'}"
    )


@app.command()
def export(
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="Ends in .parquet or .jsonl.")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many under each article.")] = 10,
    since: Annotated[
        int | None, typer.Option(min=0, metavar="REVISION", help="Only articles that changed after it; rank 0: gone.")
    ] = None,
    json: Json = False,
) -> None:
    """Writes the related stories of every article to a file."""
    settings = Flags.settings()
    set_threads(1)
    recommender = Recommender(Store(settings.store), settings)
    revision = recommender.view().revision  # what comes after it is for the next export with --since
    with meter("export", float(len(recommender) if since is None else recommender.store.changed_since(since))) as bar:
        count = write_export(recommender, file, k, since=since, progress=lambda: bar.advance(1))
    if json:
        print_json({"rows": count, "file": str(file), "revision": revision})
    else:
        out.print(f"{count:,} rows written to {file}")
