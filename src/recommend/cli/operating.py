"""Commands of operators: snapshots, rollback, backup, restore, doctor, status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from recommend.cli.app import FAILED, Json, app, read_settings
from recommend.cli.console import err, out, plain, print_json, print_table
from recommend.cli.encoders import open_recorded
from recommend.cli.opened import open_store
from recommend.cli.output import Force, check_folder, existing, protected
from recommend.index.snapshot.catalog import Listed, list_snapshots
from recommend.index.snapshot.layout import IndexLayout
from recommend.jobs.backup import backup as write_backup
from recommend.jobs.backup import restore as restore_backup
from recommend.jobs.doctor import examine
from recommend.jobs.rollback import rollback as roll_back
from recommend.jobs.status import SKEW, Status, read_status, set_aside, set_aside_summary


@app.command()
def snapshots(context: typer.Context, json: Json = False) -> None:
    """The snapshots that are kept, newest first, and which one is live."""
    listed = list_snapshots(IndexLayout(read_settings(context).index))
    if json:
        print_json(
            [
                {"name": one.name, "live": one.live, "age": one.age, "problem": one.problem}
                | ({} if one.manifest is None else one.manifest.model_dump(exclude={"name", "sha256"}))
                for one in listed
            ]
        )
        return
    if not listed:
        err.print("no snapshot is kept here; recommend reindex builds one")
        return
    heads = ("", "name", "age", "articles", "revision", "encoder", "index", "recall@10")
    print_table(heads, map(_snapshot_row, listed), map(_snapshot_line, listed))


def _snapshot_row(one: Listed) -> Sequence[str]:
    mark, manifest = "live" if one.live else "", one.manifest
    if manifest is None:
        return mark, one.name, one.problem or ""
    numbers = f"{manifest.articles:,}", f"{manifest.revision:,}"
    return mark, one.name, _age(one.age or 0.0), *numbers, manifest.encoder, manifest.kind, f"{manifest.recall:.3f}"


def _snapshot_line(one: Listed) -> str:
    mark, manifest = "live" if one.live else "    ", one.manifest
    if manifest is None:
        return f"{mark} {plain(one.name)}  {plain(one.problem or '')}"
    return (
        f"{mark} {one.name}  {_age(one.age or 0.0)}, {manifest.articles:,} articles, revision "
        f"{manifest.revision:,}, encoder {manifest.encoder}, {manifest.kind}, recall@10 {manifest.recall:.3f}"
    )


def _age(seconds: float) -> str:
    if seconds < -SKEW:
        return f"dated {-seconds / 3600:.1f} hours in the future"
    return f"{max(seconds, 0.0) / 3600:.1f} hours old"


@app.command()
def rollback(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Default: the one before the live one.")] = None,
    json: Json = False,
) -> None:
    """Makes an earlier snapshot the live one; what was taken down since stays gone."""
    settings = read_settings(context)
    manifest = roll_back(
        open_store(context, existing(settings)),
        settings,
        partial(open_recorded, settings),
        name,
    )
    if json:
        print_json(manifest.model_dump(exclude={"sha256"}))
    else:
        out.print(
            f"snapshot {manifest.name} is live: {manifest.articles:,} articles of revision {manifest.revision:,} and "
            "every change since; the next reindex replaces it"
        )


@app.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write the copy to.")],
    force: Force = False,
    json: Json = False,
) -> None:
    """Copies the SQLite store, consistently, even while it is in use."""
    settings = read_settings(context)
    check_folder("--out", file)
    store = open_store(context, settings.store, readonly=True, any_schema=True)
    revision = write_backup(store, file, kept=protected(context, settings), force=force)
    if json:
        print_json({"file": str(file), "revision": revision})
    else:
        out.print(f"revision {revision:,} copied to {plain(str(file))}")


@app.command()
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that recommend backup wrote.")],
    accept_lost_takedowns: Annotated[
        bool, typer.Option("--accept-lost-takedowns", help="Restore though nothing tells what was taken down since.")
    ] = False,
    json: Json = False,
) -> None:
    """Puts the articles of a backup into the store; what was taken down since stays gone."""
    settings = read_settings(context)
    layout = IndexLayout(settings.index)
    done = restore_backup(
        open_store(context, settings.store), file, layout, accept_lost_takedowns=accept_lost_takedowns
    )
    if json:
        print_json(asdict(done))
        return
    out.print(f"{done.articles:,} published articles restored, {done.withdrawn:,} taken down or withdrawn since")
    if done.snapshot is None:
        err.print("no snapshot holds what the store holds now: related stories are back after recommend reindex")
    else:
        out.print(f"snapshot {done.snapshot} is live; run recommend reindex to bring it up to date")


def _behind(state: Status) -> str:
    if state.revision_lag is None:
        return "; how far the live snapshot is behind is unknown"
    return f", the snapshot is {state.revision_lag:,} changes behind" if state.snapshot else ""


@app.command()
def doctor(context: typer.Context, json: Json = False) -> None:
    """Checks store, models and index, says how to mend what is wrong, and changes nothing."""
    findings = examine(read_settings(context))
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            out.print(f"[red]{finding.check}[/red]: {plain(finding.problem)}\n    {plain(finding.remedy)}")
        if not findings:
            out.print("nothing is wrong")
    if findings:
        raise typer.Exit(FAILED)


@app.command()
def status(
    context: typer.Context,
    max_staleness: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Fail when changes may have waited for longer.")
    ] = None,
    json: Json = False,
) -> None:
    """How old the snapshot is, how far behind the store, what waits for an embedding, how the last job ended."""
    settings = read_settings(context)
    store = open_store(context, settings.store, readonly=True)
    state = replace(read_status(store, settings), set_aside=set_aside(store, settings))
    if json:
        print_json(asdict(state))
    else:
        age = "" if state.snapshot_age is None or state.ahead else f", {state.snapshot_age / 3600:.1f} hours old"
        readable = state.revision_lag is not None
        missing = "none published; run recommend reindex" if readable else "CURRENT holds no name of one"
        out.print(f"snapshot   {plain(state.snapshot or missing)}{age}")
        out.print(f"revision   {state.revision:,}{_behind(state)}")
        out.print("articles   " + ", ".join(f"{count:,} {name}" for name, count in state.articles.items()))
        if state.ahead:
            out.print(
                f"clock      snapshot or last job are dated {state.ahead / 3600:.1f} hours in the future: set the "
                "clock right and run recommend reindex --full"
            )
        if state.due:
            out.print(f"due        {state.changed:,} articles changed since the snapshot; run recommend reindex")
        if state.encoder_matches is False:
            out.print("encoder    the settings name another one than the snapshot's; run recommend reindex")
        if state.last_run:
            why = f": {state.last_run.error}" if state.last_run.error else ""
            out.print(
                f"last job   {state.last_run.outcome}, begun {state.last_run.started:%Y-%m-%d %H:%M} UTC{plain(why)}"
            )
        if state.set_aside:
            out.print(f"set aside  {plain(set_aside_summary(state.set_aside))}")
        if state.error:
            out.print(f"error      {plain(state.error)}")
    stale = max_staleness is not None and (state.staleness is None or state.staleness > max_staleness)
    if state.error or stale or state.snapshot is None:
        raise typer.Exit(FAILED)
