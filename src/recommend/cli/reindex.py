"""Builds and publishes a snapshot, from the command line."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommend.cli.app import QUARANTINED, AllowEmpty, Assignments, Json, app, read_settings
from recommend.cli.console import Meter, err, meter, out, plain, print_json
from recommend.cli.encoders import check_unchanged
from recommend.cli.opened import open_store
from recommend.cli.output import existing
from recommend.encoder import AUTO, open_encoder
from recommend.encoder.executors.engine import EngineName, open_engine
from recommend.errors import StoreError
from recommend.evaluation.comparison import compare
from recommend.evaluation.judgements import read_qrels
from recommend.jobs.comparison import Canary
from recommend.jobs.encoder_choice import decided
from recommend.jobs.exposure import spread_exposure
from recommend.jobs.hooks import Hooks
from recommend.jobs.lists import lists_to_load, make_lists
from recommend.jobs.plan import Plan, plan
from recommend.jobs.reindex import Progress, ReindexResult
from recommend.jobs.reindex import reindex as run_job
from recommend.store import Store

if TYPE_CHECKING:
    from recommend.index.pgvector.servers import Servers
    from recommend.index.view import FixedView
    from recommend.settings import Settings


@app.command()
def reindex(
    context: typer.Context,
    full: Annotated[bool, typer.Option("--full", help="Build everything anew, even when nothing changed.")] = False,
    encoder: Annotated[str | None, typer.Option(metavar="NAME", help="Change to this encoder.")] = None,
    assignments: Assignments = None,
    engine: Annotated[
        EngineName, typer.Option(help="Where articles are embedded: on this machine's cores, or on a Ray cluster.")
    ] = EngineName.LOCAL,
    force: Annotated[bool, typer.Option("--force", help="Publish even when articles or answers went missing.")] = False,
    no_publish: Annotated[
        bool, typer.Option("--no-publish", help="Build and compare only; recommend rollback NAME publishes.")
    ] = False,
    qrels: Annotated[
        Path | None, typer.Option(help="TREC judgements by which the new snapshot is compared with the live one.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what it would cost and change; write nothing.")
    ] = False,
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
        raise StoreError("no published article is in the store: recommend ingest adds some; or give --allow-empty")
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
            hooks=Hooks(
                canary=partial(compare, store, settings, judged=judged),
                exposed=partial(spread_exposure, settings, on_stage=bar.stage),
                lists=partial(make_lists, settings),
                listed=partial(lists_to_load, settings),
                agrees=partial(_agree, store, settings),
            ),
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
        f"snapshot {manifest.name} {state}: {manifest.articles:,} articles"
        + (f" with {manifest.links:,} links among them" if manifest.links else "")
        + f", {manifest.kind}, "
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


def _agree(store: Store, settings: Settings, servers: Servers, name: str, made_of: FixedView | None) -> float:
    from recommend.jobs.agreement import agree  # only where the extra is installed

    return agree(store, settings, servers, name, made_of)


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


def _tell_failure(bar: Meter, article_id: str, reason: str) -> None:
    bar.advance(0, failed=1)
    err.print(plain(f"{article_id!r} was not embedded: {reason}"))
