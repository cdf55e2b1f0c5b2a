"""The command that looks at somebody's articles and writes the settings by which they are read."""

from __future__ import annotations

import re
import shlex
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.table import Table

from recommend.articles.article import Article
from recommend.articles.dates import DateOrder
from recommend.cli.app import CONFIG, FAILED, app, read_settings
from recommend.cli.columns import AllowPrivate, Columns, Dates, Encoding, Items, Query, source_settings
from recommend.cli.console import counted, err, out, plain
from recommend.cli.intake import FormatName, Intake
from recommend.cli.output import Force
from recommend.errors import OutputError, SourceError, truncated_repr
from recommend.files import replace_file
from recommend.settings import SourceSettings
from recommend.sources import Reject, RowWarning, Web
from recommend.sources.names import is_decided_by_value

_LOOKED_AT, _FETCHED, _REMARKS, _SHOWN, _SHOWN_TEXT = 200, 5, 1_000, 3, 300
_NUMBERS = re.compile(r"(\d{1,4})[/-](\d{1,2})[/-](\d{1,4})\b")


class _EnoughError(Exception):
    """So much is wrong with the first rows that the others need not be looked at."""


@dataclass(frozen=True, slots=True)
class Look:
    """The first rows of a source as they would be read."""

    articles: list[Article]
    rejects: list[Reject]
    warnings: list[RowWarning]
    intake: Intake

    @property
    def settings(self) -> SourceSettings:
        """By which they were read."""
        return self.intake.settings


@app.command()
def init(
    context: typer.Context,
    source: Annotated[
        str | None, typer.Argument(metavar="[PATH|URL]", help="A file, folder, feed, sitemap, site or database.")
    ] = None,
    format: Annotated[
        FormatName | None, typer.Option(help="Format of the file, if the ending of its name does not tell.")
    ] = None,
    query: Query = None,
    columns: Columns = None,
    items: Items = None,
    date_order: Dates = None,
    encoding: Encoding = None,
    allow_private: AllowPrivate = False,
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write the settings to.")] = CONFIG,
    force: Force = False,
) -> None:
    """Looks at your articles, shows the first as they would be read, and writes recommend.toml."""
    if source is None:
        if not sys.stdin.isatty():
            raise typer.BadParameter("give a file, a folder, a feed, a sitemap, a site or a database")
        source = typer.prompt("Where are your articles? A file, folder, feed, sitemap, site or database")
    if file.exists() and not force:
        raise OutputError(f"--out {truncated_repr(file)} exists already: --force replaces it, --out names another")
    given = read_settings(context, source_settings(columns, items, date_order, encoding)).sources
    web = Web(allow_private or given.allow_private, 0.0)
    source = _sitemap_of(source, web)
    look = _settled(source, format, query, web, given)
    _show(look, source)
    if not look.articles:
        err.print("no row can be an article yet: say more, as with --map COLUMN=title, and look again")
        raise typer.Exit(FAILED)
    replace_file(file, _toml(look).encode())
    out.print(f"\n{plain(str(file))} is written. Next:\n")
    asked = [f"--format {format}"] if format else []
    asked += [f"--query {_quoted(query)}"] if query else []
    asked += ["--allow-private"] if allow_private and not given.allow_private else []
    named = [] if file == CONFIG else [f"--config {_quoted(str(file))}"]
    for words in (["ingest", _quoted(source), *asked], ["reindex"], ["serve", "--site"]):
        out.print(plain(" ".join(["  recommend", *words, *named])))


def _sitemap_of(source: str, web: Web) -> str:
    """The sitemap of a site that is given by its front page; what else is given stays."""
    parts = urlsplit(source)
    if parts.scheme not in {"http", "https"} or parts.path not in {"", "/"} or parts.query:
        return source
    for name in ("news-sitemap.xml", "sitemap.xml", "sitemap_index.xml"):
        found = f"{source.rstrip('/')}/{name}"
        try:
            web.fetch(found, 50 * 2**20)
        except SourceError:
            continue
        out.print(f"the site's articles are listed in {plain(found)}")
        return found
    return source


def _settled(source: str, format: FormatName | None, query: str | None, web: Web, given: SourceSettings) -> Look:
    """The first rows, read once more where they tell the order of their dates, or that they are not in UTF-8."""
    look = _look(source, format, query, web, given)
    if not given.encoding and any("is not valid UTF-8" in one.reason for one in look.rejects):
        look = _look(source, format, query, web, look.settings.model_copy(update={"encoding": "windows-1252"}))
    order = "" if given.date_order else _order_of(look.intake.columns.dates)
    if order:
        look = _look(source, format, query, web, look.settings.model_copy(update={"date_order": order}))
    return look


def _look(source: str, format: FormatName | None, query: str | None, web: Web, given: SourceSettings) -> Look:
    remarks: list[Reject | RowWarning] = []

    def note(remark: Reject | RowWarning) -> None:
        remarks.append(remark)
        if len(remarks) >= _REMARKS:
            raise _EnoughError

    intake, articles = Intake([source], format, note, web, query, given), list[Article]()
    with suppress(_EnoughError):
        articles.extend(islice(intake, _FETCHED if source.startswith(("http://", "https://")) else _LOOKED_AT))
    rejects = [one for one in remarks if isinstance(one, Reject)]
    return Look(articles, rejects, [one for one in remarks if isinstance(one, RowWarning)], intake)


def _order_of(dates: list[str]) -> DateOrder | str:
    """The order that the dates have which can be read in one way only; empty where none tells, or they contradict."""
    told: set[DateOrder] = set()
    for date in dates:
        if (found := _NUMBERS.match(date)) and len(found[1]) <= 2:
            first, second = int(found[1]), int(found[2])
            if first <= 12 < second:
                told.add("mdy")
            elif second <= 12 < first <= 31:
                told.add("dmy")
    return told.pop() if len(told) == 1 else ""


def _show(look: Look, source: str) -> None:
    columns = look.intake.columns
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True, min_width=len("section"))
    table.add_column(overflow="ellipsis", no_wrap=True)
    for one in look.articles[:_SHOWN]:
        date = "" if one.published_at is None else f"{one.published_at:%Y-%m-%d %H:%M}"
        text = one.text.replace("\n", " ")[:_SHOWN_TEXT]
        shown = {
            "id": one.id,
            "title": one.title,
            "text": text,
            "date": date,
            "section": one.section,
            "address": one.url,
        }
        for name, value in shown.items():
            table.add_row(name, plain(value or "–"))
        table.add_row()
    out.print(f"The first rows of {plain(source)} as they would be read:\n")
    out.print(table)
    for line in columns.messages():
        out.print(plain(line))
    for name, missing in (
        ("text", "their titles alone are compared"),
        ("published_at", "nothing is known of their age"),
    ):
        if look.articles and not any(getattr(one, name) for one in look.articles):
            out.print(f"no row has a {name}: {missing}; --map COLUMN={name} names one")
    told = look.settings
    if told.encoding:
        out.print(f"the characters are read as {told.encoding}")
    if told.date_order:
        out.print(f"dates such as 3/4/2025 are read as {told.date_order}")
    drafts = Counter(one.status for one in look.articles)
    states = ", ".join(f"{count:,} {status}" for status, count in drafts.items())
    out.print(f"{counted(len(look.articles), 'article')} looked at ({states or 'none'})")
    for reason, count in look.intake.reasons.most_common(_SHOWN):
        out.print(f"  {counted(count, 'row')} would be rejected: {plain(reason)}")
    left_out = Counter(f"{one.field} {one.reason}" for one in look.warnings)
    for reason, count in left_out.most_common(_SHOWN):
        out.print(f"  {counted(count, 'field')} would be left out: {plain(reason)}")


def _toml(look: Look) -> str:
    told, columns = look.settings, look.intake.columns
    pairs = {name: field for name, field in columns.understood.items() if not is_decided_by_value(name)} | told.map
    items = told.items or next(iter(columns.items.values()), "")
    named = (("items", items), ("date_order", told.date_order), ("encoding", told.encoding))
    read = [f"sources.{name} = {_quoted_toml(value)}" for name, value in named if value]
    read += [f"sources.map.{_quoted_toml(column)} = {_quoted_toml(field)}" for column, field in pairs.items()]
    lines = ["# Written by recommend init; every setting: recommend config show --all", "", *read]
    lines += [
        *([""] if read else []),
        '# service.cors_origins = ["https://news.example"]  # whose pages may ask for boxes',
    ]
    return "\n".join(lines) + "\n"


def _quoted_toml(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c for c in escaped) + '"'


def _quoted(text: str) -> str:
    return shlex.quote(text)
