"""The command that tells which stories boxes lead to: exposure."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from recommend.cli.app import Json, app, read_settings
from recommend.cli.console import meter, out, plain, print_json
from recommend.cli.opened import open_recommender
from recommend.cli.output import Force, check_folder, check_target
from recommend.evaluation.counted_exposure import keep
from recommend.evaluation.exposure import TABLE, Exposed, Exposure
from recommend.evaluation.exposure import exposure as measure
from recommend.evaluation.tables import write_table
from recommend.index.dense import set_threads
from recommend.index.snapshot.layout import IndexLayout

_MOST_LINKED = 5
_MOST_GROUPS = 12
_MOST_ALONE = 10


@app.command()
def exposure(
    context: typer.Context,
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="Items of a box.")] = 5,
    front: Annotated[
        int, typer.Option(min=1, max=1000, help="Number of newest articles that the front page lists.")
    ] = 20,
    clicks: Annotated[
        int, typer.Option(min=1, help="Clicks from the front page within which an article counts as reached.")
    ] = 3,
    file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write all articles to a file, .csv or .parquet.")
    ] = None,
    desk: Annotated[bool, typer.Option("--desk", help="Keep the result in the index folder, for the desk.")] = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Which stories no box leads to, which many do, and which cannot be reached from the front page."""
    settings = read_settings(context)
    if file is not None:
        check_folder("--out", file)
        check_target(context, "--out", file, TABLE, settings, force=force)
    set_threads(1)
    recommender = open_recommender(context, settings).pinned()
    with meter("boxes", float(len(recommender))) as bar:
        counted = measure(recommender, k, front=front, clicks=clicks, progress=lambda: bar.advance(1))
    if file is not None:
        write_table(counted.table(), file)
    if desk:
        keep(IndexLayout(settings.index), counted, recommender.snapshot, recommender.view().revision)
    if json:
        print_json(_as_json(counted))
        return
    _print(counted)
    if file is not None:
        out.print(f"all articles written to {plain(str(file))}")


def _as_json(told: Exposure) -> dict[str, object]:
    return {
        "articles": len(told.articles),
        "size": told.size,
        "clicks": told.clicks,
        "in_no_box": [one.id for one in told.in_no_box],
        "by_policy": len(told.by_policy),
        "reasons": [{"id": one.id, "title": one.title, "reason": one.reason} for one in told.in_no_box],
        "dead_ends": [one.id for one in told.dead_ends],
        "unreached": [one.id for one in told.unreached],
        "gini": told.gini,
        "most_linked": [asdict(one) for one in told.most_linked(_MOST_LINKED)],
        "groups": [{"facet": facet, "value": value, **asdict(group)} for facet, value, group in told.groups()],
    }


def _print(told: Exposure) -> None:
    count = len(told.articles)

    def share(some: list[Exposed]) -> str:
        return f"{len(some):,} of {count:,} ({len(some) / max(count, 1):.1%})"

    out.print(f"in no box        {share(told.in_no_box)}, {len(told.by_policy):,} of them by policy")
    for one in sorted(told.in_no_box, key=lambda one: one.by_policy)[:_MOST_ALONE]:
        out.print(f"                 {plain(one.title)} · [dim]{plain(one.id)}[/dim] · {plain(one.reason)}")
    if (more := len(told.in_no_box) - _MOST_ALONE) > 0:
        out.print(f"                 and {more:,} more: --out FILE or --json tells all", style="dim")
    out.print(f"not reached      {share(told.unreached)} within {told.clicks} clicks of the front page")
    out.print(f"empty box        {share(told.dead_ends)}")
    out.print(f"Gini             {told.gini:.3f} of how many boxes each stands in: 0 all alike, 1 one has all")
    for one in told.most_linked(_MOST_LINKED):
        out.print(f"most linked      {one.boxes:>4} boxes · {plain(one.title)} · [dim]{plain(one.id)}[/dim]")
    for facet, groups in groupby(told.groups(), key=lambda row: row[0]):
        table = Table(facet, "articles", "in no box", "not reached", box=None)
        rows = list(groups)
        for _, value, group in rows[:_MOST_GROUPS]:
            shares = (f"{part:,} ({part / group.articles:.0%})" for part in (group.in_no_box, group.unreached))
            table.add_row(plain(value), f"{group.articles:,}", *shares)
        out.print(table)
        if len(rows) > _MOST_GROUPS:
            out.print(f"and {len(rows) - _MOST_GROUPS:,} more", style="dim")
