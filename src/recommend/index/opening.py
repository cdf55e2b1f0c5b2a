"""What answers are made from, as the settings name it: a folder of snapshots, or generations on a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from recommend.errors import SettingsError
from recommend.index.live import LiveView
from recommend.index.snapshot.layout import IndexLayout
from recommend.settings import Settings
from recommend.store import Store

if TYPE_CHECKING:
    from recommend.index.pgvector.server import Server


def open_live(store: Store, settings: Settings, *, serving: bool = False) -> LiveView:
    """What holds now.

    Args:
        store: the truth.
        settings: name the index.
        serving: see :class:`~recommend.index.live.LiveView`.

    Raises:
        SnapshotError: when nothing usable is published.
        SettingsError: when a package lacks.
        StoreUnreachableError: when a server cannot be asked.
    """
    layout = IndexLayout(settings.index)
    server = open_server(settings)
    if server is None:
        return LiveView(store, layout, serving=serving)
    from recommend.index.pgvector.live import GenerationView  # only where the extra is installed

    return GenerationView(store, layout, server, staleness=settings.service.staleness, serving=serving)


@contextmanager
def opened_server(settings: Settings) -> Iterator[Server | None]:
    """The server that the settings name, its connections given back when the block ends; None when they name a folder.

    Raises:
        SettingsError: as :func:`open_server`.
    """
    server = open_server(settings)
    try:
        yield server
    finally:
        if server is not None:
            server.close()


def open_server(settings: Settings) -> Server | None:
    """The server that the settings name, None when they name a folder.

    Raises:
        SettingsError: when a package lacks, or the URL cannot be used.
    """
    if not settings.pgvector.url:
        return None
    try:
        from recommend.index.pgvector.server import Server
    except ImportError as problem:
        raise SettingsError(
            f"an index on PostgreSQL needs {problem.name}; pip install 'related-articles[pgvector]'"
        ) from None
    return Server(settings.pgvector.url, timeout=settings.pgvector.timeout, pool=settings.pgvector.pool)
