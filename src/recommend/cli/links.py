"""The command that proposes links within texts: links."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from recommend.articles.article import parse_article
from recommend.cli.app import Json, app, read_settings
from recommend.cli.console import out, plain, print_json
from recommend.cli.near import near_ids
from recommend.cli.opened import open_recommender
from recommend.cli.text import read_text
from recommend.errors import UnknownArticleError
from recommend.index.dense import set_threads
from recommend.linking import FLOOR, links_of, links_to
from recommend.ranking.links import Link

_AROUND = 40


@app.command()
def links(
    context: typer.Context,
    article: Annotated[str | None, typer.Argument(metavar="ID", help="A published article.")] = None,
    text: Annotated[Path | None, typer.Option(help="A draft: first line the title, the rest the text.")] = None,
    incoming: Annotated[
        bool, typer.Option("--incoming", help="List places in older articles that should lead to this one instead.")
    ] = False,
    most: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many.")] = 10,
    floor: Annotated[float, typer.Option(min=0, max=1, help="Lowest score of a story that a link leads to.")] = FLOOR,
    json: Json = False,
) -> None:
    """Words in an article, or in a draft, and the story that a link on each should lead to."""
    if (article is None) == (text is None) or (incoming and article is None):
        raise typer.BadParameter("give either an ID, or --text FILE; --incoming takes an ID")
    settings = read_settings(context)
    set_threads(1)
    recommender = open_recommender(context, settings)
    if text is not None:
        title, _, body = read_text(text).partition("\n")
        draft = parse_article({"id": "draft", "title": title, "text": body})
        found = [links_of(recommender, draft, body, most, nameless=True, floor=floor)]
    else:
        assert article is not None
        stored = recommender.article(article)
        if stored is None:
            raise UnknownArticleError(article, near_ids(article, recommender.view().ids()))
        if incoming:
            found = links_to(recommender, article, most, floor=floor)
        else:
            found = [links_of(recommender, stored, stored.text, most, floor=floor)]
    if json:
        print_json([{"article_id": one.article_id, **asdict(link)} for one in found for link in one.links])
        return
    for one in found:
        for link in one.links:
            _print(one.article_id if incoming else None, one.text, link)
    if not any(one.links for one in found):
        out.print("no link: nothing in it names what few others have in common with a related story")


def _print(article_id: str | None, body: str, link: Link) -> None:
    end = link.offset + link.length
    before, after = body[max(0, link.offset - _AROUND) : link.offset], body[end : end + _AROUND]
    where = f"{plain(article_id)}: " if article_id else ""
    out.print(f"{where}…{_line(before)}[bold]{_line(link.text)}[/bold]{_line(after)}…")
    out.print(f"    {link.score:.2f} · at {link.offset} → {plain(link.title)} · [dim]{plain(link.id)}[/dim]")


def _line(text: str) -> str:
    return plain(text.replace("\n", " "))
