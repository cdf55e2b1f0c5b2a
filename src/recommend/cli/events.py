"""Commands on the log of what readers did: events summary, events export, events prune, events qrels."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from recommend.cli.app import Json, read_settings
from recommend.cli.console import out, plain, print_json
from recommend.cli.output import Force, check_target, existing
from recommend.errors import EvaluationError
from recommend.evaluation.clicks import co_clicks, qrels_from_clicks
from recommend.evaluation.impressions import impression_log
from recommend.evaluation.judgements import QRELS, write_qrels
from recommend.jobs.export.files import table_kind, write_rows
from recommend.store import Store

SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("request_id", pa.string()),
        ("article_id", pa.string()),
        ("item_id", pa.string()),
        ("position", pa.int32()),
        ("variant", pa.string()),
        ("happened_at", pa.timestamp("us", "UTC")),
        ("impression", pa.string()),
        ("view", pa.string()),
        ("unit", pa.string()),
        ("settings", pa.string()),
        ("base", pa.int32()),
        ("up", pa.float64()),
        ("down", pa.float64()),
        ("team", pa.int32()),
    ]
)

EVENTS = table_kind("such a table of events", SCHEMA)

events = typer.Typer(no_args_is_help=True, help="Impressions and clicks.")
"""The group, to which cli.clicks adds what clicks tell."""

Since = Annotated[datetime | None, typer.Option(help="Only events from this moment on (UTC).")]


@events.command()
def export(
    context: typer.Context,
    destination: Annotated[Path, typer.Option("--out", metavar="FILE", help="A .parquet, .jsonl or .csv file.")],
    since: Since = None,
    force: Force = False,
) -> None:
    """Writes all events to one file."""
    settings = read_settings(context)
    check_target(context, "--out", destination, EVENTS, settings, force=force)
    with closing(Store(settings.store, readonly=True)) as store:
        rows = ({name: getattr(event, name) for name in SCHEMA.names} for event in store.events.read(since))
        count = write_rows(rows, destination, SCHEMA)
    out.print(f"{count:,} events written to {plain(str(destination))}")


@events.command()
def prune(
    context: typer.Context,
    keep_days: Annotated[
        int | None, typer.Option(min=1, help="Days that are kept.", show_default="events.keep_days")
    ] = None,
) -> None:
    """Deletes events that happened too long ago; the service does so by itself where events.keep_days is set."""
    settings = read_settings(context)
    days = keep_days or settings.events.keep_days
    if not days:
        raise typer.BadParameter("events.keep_days is 0, which keeps all: give the days", param_hint="--keep-days")
    with closing(Store(existing(settings))) as store:
        out.print(f"{store.events.prune(days):,} events deleted")


@events.command()
def summary(context: typer.Context, since: Since = None, json: Json = False) -> None:
    """Tells what the log holds, and what was refused and why."""
    with closing(Store(read_settings(context).store, readonly=True)) as store:
        log, refused = impression_log(store.events.read(since)), store.events.refused(since)
        first, last = store.events.span(since)
    looks = len(set(log.view.tolist()))
    units = len(set(log.unit.tolist())) if log.with_units == 1 else None
    if json:
        totals = {"first": first, "last": last, "looks": looks, "units": units, "seen": int(log.seen.sum())}
        counts = {"clicks": int(log.clicked.sum()), "unsigned": log.unsigned, "unseen_clicks": log.unseen_clicks}
        print_json({**totals, **counts, "refused": refused})
        return
    if first is not None and last is not None:
        out.print(f"{first:%Y-%m-%d} to {last:%Y-%m-%d}")
    out.print(f"{looks:,} looks at boxes" + ("" if units is None else f" by {units:,} units of readers"))
    out.print(f"{int(log.seen.sum()):,} items seen, {int(log.clicked.sum()):,} clicked")
    for count, what in ((log.unsigned, "events name no impression and do not count"),
                        (log.unseen_clicks, "clicks on what was not seen in the same look do not count")):  # fmt: skip
        if count:
            out.print(f"{count:,} {what}")
    for reason, count in refused.items():
        out.print(f"{count:,} refused: {reason}")


@events.command()
def qrels(
    context: typer.Context,
    destination: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="TREC judgements: query 0 document grade.")
    ],
    min_clicks: Annotated[int, typer.Option(min=1, help="Least looks in which both were clicked, or readers.")] = 2,
    together: Annotated[
        bool,
        typer.Option("--co-clicks", help="Pairs that the same readers clicked, instead of what they clicked under."),
    ] = False,
    since: Since = None,
    force: Force = False,
) -> None:
    """Writes the pairs that readers clicked as judgements, for train ranker, adapter and encoder."""
    settings = read_settings(context)
    check_target(context, "--out", destination, QRELS, settings, force=force)
    with closing(Store(settings.store, readonly=True)) as store:
        log = impression_log(store.events.read(since))
    clicked = co_clicks(log, min_clicks) if together else qrels_from_clicks(log, min_clicks)
    if not clicked:
        what = "no two items were clicked by" if together else "no item was clicked under one article in"
        many = f"{min_clicks} {'units of readers' if together else 'looks'}"
        raise EvaluationError(f"{what} {many}; lower --min-clicks, or wait")
    write_qrels(clicked, destination)
    out.print(
        f"{sum(map(len, clicked.values())):,} pairs of {len(clicked):,} articles written to {plain(str(destination))}"
    )
