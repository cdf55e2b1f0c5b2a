"""Options that say how a source, and its columns, are to be read."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
import typer

from recommend.sources.column_map import read_pairs

Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="COLUMN=FIELD,…",
        help='Which column, or path within JSON, is which field: headline=title,body=text,section="News".',
    ),
]
Items = Annotated[
    str | None,
    typer.Option(
        "--items",
        metavar="PATH",
        help="Path to the list of articles within a JSON document, for example data.stories[*].",
    ),
]
Dates = Annotated[
    Literal["dmy", "mdy", "ymd"] | None,
    typer.Option("--date-order", help="Order of day, month and year in dates such as 3/4/2025."),
]
Query = Annotated[str | None, typer.Option(help="SQL that gives the articles of a database URL.")]
AllowPrivate = Annotated[bool, typer.Option("--allow-private", help="Let URLs lead to addresses of private networks.")]
Encoding = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Character encoding of the files, for example windows-1252; default: UTF-8."),
]


def source_settings(
    columns: list[str] | None, items: str | None, date_order: str | None, encoding: str | None
) -> list[str]:
    """Assignments of settings that say what the options say.

    Raises:
        SettingsError: naming the part of ``--map`` that is no pair.
    """
    pairs = {left: right for text in columns or [] for left, right in read_pairs(text).items()}
    given = {"items": items, "date_order": date_order, "encoding": encoding}
    assignments = [f"sources.{name}={value}" for name, value in given.items() if value is not None]
    return [*assignments, f"sources.map={orjson.dumps(pairs).decode()}"] if pairs else assignments
