"""The command that shows a box: related."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from recommend.articles.article import Access, parse_article
from recommend.cli.app import Assignments, Json, app, read_settings
from recommend.cli.console import err, out, plain, print_json
from recommend.cli.near import near_ids
from recommend.cli.opened import open_recommender
from recommend.cli.text import read_text
from recommend.errors import UnknownArticleError
from recommend.index.dense import set_threads
from recommend.index.filters import Filters, Prefer
from recommend.ranking.answer import Recommendation


@app.command()
def related(
    context: typer.Context,
    article: Annotated[str | None, typer.Argument(metavar="ID|URL", help="A published article.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many.")] = 5,
    text: Annotated[Path | None, typer.Option(help="A draft: first line the title, the rest the text.")] = None,
    prefer: Annotated[
        Prefer | None, typer.Option(help="What comes first: the best (any), of its time (near), or new (fresh).")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Explain each story: features, rules, and what just missed the box.")
    ] = False,
    assignments: Assignments = None,
    json: Json = False,
) -> None:
    """The stories that belong under an article, or under a draft."""

    if (article is None) == (text is None):
        raise typer.BadParameter("give either an ID or URL, or --text FILE")
    settings = read_settings(context, assignments or [])
    set_threads(1)
    recommender = open_recommender(context, settings)
    filters = Filters(prefer=prefer)
    if text is not None:
        title, _, body = read_text(text).partition("\n")
        draft = parse_article({"id": "draft", "title": title, "text": body})
        answer = recommender.answer_to(draft, k, filters, explain=explain, nameless=True)
    else:
        assert article is not None
        found = recommender.answer(article, k, filters, explain=explain)
        if found is None and (by_url := recommender.store.find_url(article)) is not None:
            found = recommender.answer(by_url, k, filters, explain=explain)
        if found is None:
            raise UnknownArticleError(article, near_ids(article, recommender.view().ids()))
        answer = found
    if json:
        shown = asdict(replace(answer, basis=None))
        del shown["basis"]  # what caches go by
        print_json(shown)
        return
    for item in answer.items:
        if item.rank == answer.related + 1:
            out.print(f"{'—' * 12} not related, but to fill the box", style="dim")
        _print_item(item)
    if answer.short:
        err.print(answer.short)
    if explain:
        removed = ", ".join(f"{count} by {rule}" for rule, count in answer.removed.items()) or "none"
        out.print(f"candidates removed: {removed}", style="dim")
        for miss in answer.near_misses or []:
            out.print(f"not shown: {miss.score:.2f} {plain(miss.title)} · {miss.why} · {plain(miss.id)}", style="dim")


def _print_item(item: Recommendation) -> None:
    date = f"{item.published_at:%Y-%m-%d}" if item.published_at else "undated   "
    closed = "" if item.access == Access.PUBLIC else f" · {item.access}"
    out.print(f"{item.rank:>2}. [bold]{plain(item.title)}[/bold]{closed}")
    out.print(f"    {item.score:.2f} · {date} · {plain(item.reason.text)} · [dim]{plain(item.id)}[/dim]")
    if by := getattr(item.reason, "rules", ()):
        out.print(f"      by the rule {plain(', '.join(by))}", style="dim")
    for name, part in (item.explanation or {}).items():
        value = "unknown" if part["value"] is None else f"{part['value']:.3f}"
        out.print(f"      {name:<10} {value:>8}  adds {part['adds']:+.3f}", style="dim")
