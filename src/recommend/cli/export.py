"""Writes every box to a file, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recommend.cli.app import Json, app, read_settings
from recommend.cli.console import counted, meter, out, plain, print_json
from recommend.cli.opened import open_recommender
from recommend.cli.output import Force, check_folder, check_target
from recommend.cpus import available_cores
from recommend.index.dense import set_threads
from recommend.jobs.export.export import TABLE
from recommend.jobs.export.export import export as write_export


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="Ends in .parquet or .jsonl.")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="Number of stories under each article.")] = 10,
    since: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="REVISION",
            help="Only articles that changed after this revision; rank 0 means that an article is gone.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Number of processes; 0: one for each core.")] = 0,
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
