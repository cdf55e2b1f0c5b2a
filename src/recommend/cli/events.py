"""Commands on what readers did: events export, events ctr, events qrels."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from recommend.cli.app import Json, app, read_settings
from recommend.cli.console import out, plain, print_json
from recommend.cli.output import Force, check_target, existing
from recommend.errors import EvaluationError
from recommend.evaluation.clicks import click_through, qrels_from_clicks
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
app.add_typer(events, name="events")

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
def ctr(
    context: typer.Context,
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="Positions that count.")] = 5,
    since: Since = None,
    json: Json = False,
) -> None:
    """Prints clicks per impression of each variant with 95 % intervals."""
    with closing(Store(read_settings(context).store, readonly=True)) as store:
        rates = click_through(store.events.read(since), k)
    if json:
        print_json([{"variant": variant, **asdict(rate)} for variant, rate in rates.items()])
        return
    for variant, rate in rates.items():
        name = "(none)" if variant is None else variant
        out.print(
            f"{plain(name):<16} CTR@{k} {rate.rate:.4f}   95 % {rate.low:.4f} … {rate.high:.4f}   "
            f"{rate.clicks:,} of {rate.impressions:,}"
        )


@events.command()
def qrels(
    context: typer.Context,
    destination: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="TREC judgements: query 0 document grade.")
    ],
    min_clicks: Annotated[int, typer.Option(min=1, help="Least clicks on an item under an article.")] = 2,
    since: Since = None,
    force: Force = False,
) -> None:
    """Writes the pairs that readers clicked as judgements, for train adapter."""
    settings = read_settings(context)
    check_target(context, "--out", destination, QRELS, settings, force=force)
    with closing(Store(settings.store, readonly=True)) as store:
        clicked = qrels_from_clicks(store.events.read(since), min_clicks)
    if not clicked:
        raise EvaluationError(f"no item was clicked {min_clicks} times under one article; lower --min-clicks")
    write_qrels(clicked, destination)
    out.print(
        f"{sum(map(len, clicked.values())):,} pairs of {len(clicked):,} articles written to {plain(str(destination))}"
    )
