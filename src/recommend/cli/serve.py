"""Commands that answer over HTTP: serve, demo.

The process that looks after workers answers nothing itself: it loads the settings, and nothing of the index.
"""

from __future__ import annotations

import math
import os
from contextlib import nullcontext
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommend.cli.app import QUARANTINED, Flags, app, given_flags, read_settings
from recommend.cli.console import out, print_json_line
from recommend.cli.metrics_folder import metrics_folder

if TYPE_CHECKING:
    from socket import socket

    from recommend.settings import Settings

_DEMO = Path("demo")


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
    from recommend.cli.output import check_scratch
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
            "recommend_service.start:create_app",
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
        record = {"level": "INFO", "name": "recommend.serve", "message": f"listening on {at}", "address": at}
        print_json_line({**record, "request_id": None, "timestamp": datetime.now(UTC)})
        return
    out.print(f"[bold]{at}/[/bold]  (Ctrl-C ends it)" if settings.service.site else f"[bold]{at}[/bold]")
    if not settings.service.site:
        out.print(f"  a box      {at}/v1/articles/ID/related\n  the API    {at}/docs\n  (Ctrl-C ends it)")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
