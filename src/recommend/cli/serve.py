"""Commands that answer: related, serve, demo."""

from __future__ import annotations

import math
import os
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommend.articles.article import Access, parse_article
from recommend.cli.app import QUARANTINED, Assignments, Flags, Json, app, given_flags, read_settings
from recommend.cli.console import err, out, plain, print_json, print_json_line
from recommend.cli.metrics_folder import metrics_folder
from recommend.cli.near import near_ids
from recommend.cli.opened import open_recommender
from recommend.cli.output import check_scratch
from recommend.cli.text import read_text
from recommend.errors import UnknownArticleError
from recommend.index.dense import set_threads
from recommend.index.filters import Filters, Prefer
from recommend.ranking.answer import Recommendation
from recommend.settings import Settings

if TYPE_CHECKING:
    from socket import socket

_DEMO = Path("demo")


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


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    site: Annotated[bool, typer.Option("--site", help="Also serve the demonstration site at /.")] = False,
) -> None:
    """Serves the HTTP API."""
    from recommend.cli.workers import listen

    settings = read_settings(context, ["service.site=true"] if site else [])
    with listen(host, port) as bound:
        _serve(settings, bound, host, workers)


@app.command()
def demo(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(metavar="FILE", help="Your own articles instead of the sample.")] = None,
    folder: Annotated[
        Path, typer.Option(metavar="DIR", help="Where store and index of the demonstration live.")
    ] = _DEMO,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Indexes a sample newspaper and serves it with related stories under each article.

    It shows the sample's texts, but only the cards of your own articles.
    """

    from recommend.cli.ingest import ingest
    from recommend.cli.reindex import reindex
    from recommend.cli.workers import listen
    from recommend.resources import bundled

    with listen(host, port) as bound:
        if folder != _DEMO:  # which is the demonstration's, whatever the settings name
            check_scratch(context, "--folder", folder, read_settings(context))
        folder.mkdir(parents=True, exist_ok=True)
        context.obj = Flags(f"sqlite:///{folder / 'recommend.db'}", str(folder / "index"), given_flags(context).config)
        source = data or bundled("examples") / "corpus" / "articles.jsonl"
        try:
            ingest(context, [str(source)], rejects=folder / "rejects.jsonl")
        except typer.Exit as done:
            if done.exit_code != QUARANTINED:
                raise
        reindex(context)
        name = "Related Articles" if data else "The Meridian Courier"
        texts = [] if data else ['service.public_fields=["text"]']  # the sample's are anybody's
        own = [] if data or not _is_loopback(host) else ["service.site_publishing=true"]
        settings = read_settings(context, ["service.site=true", f"service.site_name={name}", *texts, *own])
        _serve(settings, bound, host, 1)


def _serve(settings: Settings, bound: socket, host: str, workers: int) -> None:
    from recommend.cli.workers import run_workers

    own = settings.service.operations if ":" in settings.service.operations else None
    for name, value in settings.environment().items():
        os.environ[name] = value
    if settings.service.operations == "auto":  # by its own name, which counts for more than the group's
        os.environ["RECOMMEND_SERVICE__OPERATIONS"] = "open" if _is_loopback(host) else "key"
    proxies = [str(network) for network in settings.service.trusted_proxies]
    with metrics_folder() if workers > 1 else nullcontext() as folder:
        if folder is not None:
            os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(folder))
        _announce(settings, host, bound.getsockname()[1])
        run_workers(
            "recommend_service.app:create_app",
            bound,
            own=own,
            factory=True,
            workers=workers,
            http="recommend_service.connections:BoundedProtocol",
            ws="none",
            log_level="warning",
            access_log=False,  # the service has its own
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
            timeout_keep_alive=settings.service.idle_timeout,
            timeout_graceful_shutdown=math.ceil(settings.service.timeout),  # by then every answer has begun
        )


def _announce(settings: Settings, host: str, port: int) -> None:
    """Tells where the service listens: on a terminal in words, elsewhere as the lines of its log are written."""
    at = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if not out.is_terminal:
        told = {"level": "INFO", "name": "recommend.serve", "message": f"listening on {at}", "address": at}
        print_json_line({**told, "request_id": None, "timestamp": datetime.now(UTC)})
        return
    out.print(f"[bold]{at}/[/bold]  (Ctrl-C ends it)" if settings.service.site else f"[bold]{at}[/bold]")
    if not settings.service.site:
        out.print(f"  a box      {at}/v1/articles/ID/related\n  the API    {at}/docs\n  (Ctrl-C ends it)")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
