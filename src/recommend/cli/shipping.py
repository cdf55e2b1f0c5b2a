"""Commands that move snapshots between machines."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from recommend.cli.app import Json, app, read_settings
from recommend.cli.console import err, print_json
from recommend.errors import SnapshotError
from recommend.index.snapshot.layout import IndexLayout
from recommend.jobs.shipping import Shipment, fetch, ship

_WHERE = "A folder, or a URL that fsspec reads and writes, as s3://bucket/path (pip install s3fs)."


@app.command()
def publish(
    context: typer.Context,
    destination: Annotated[str, typer.Argument(metavar="URL", help=_WHERE)],
    json: Json = False,
) -> None:
    """Copies the live snapshot to where other machines follow it."""
    settings = read_settings(context)
    _told(ship(IndexLayout(settings.index), destination), "is at", destination, json=json)


@app.command()
def follow(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="URL", help=_WHERE)],
    every: Annotated[float, typer.Option(min=1.0, help="Seconds between looks.")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, then stop.")] = False,
    json: Json = False,
) -> None:
    """Keeps this machine's index at the snapshot that was published elsewhere; each is verified before it is used.

    When a look fails, a line says so, the live snapshot stays, and the next look tries again.
    """
    settings = read_settings(context)
    layout = IndexLayout(settings.index)
    while True:
        try:
            fetched = fetch(layout, source, keep=settings.indexing.keep)
        except SnapshotError as problem:
            if once:
                raise
            err.print(f"still looking: {problem}", markup=False)
        else:
            if fetched is not None:
                _told(fetched, "is live, from", source, json=json)
            elif once:
                err.print("nothing newer is there")
        if once:
            return
        time.sleep(every)


def _told(moved: Shipment, how: str, where: str, *, json: bool) -> None:
    if json:
        print_json({"snapshot": moved.name, "files": moved.files, "bytes": moved.size})
    else:
        err.print(f"{moved.name} {how} {where}: {moved.files} files, {moved.size / 1e6:,.1f} MB copied", markup=False)
