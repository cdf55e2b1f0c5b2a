"""What answers are made from, as the settings name it: a folder of snapshots, or generations on servers."""

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
    from recommend.index.pgvector.servers import Servers


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
    servers = open_servers(settings, partial=serving and settings.pgvector.partial == "answer")
    if servers is None:
        return LiveView(store, layout, serving=serving)
    from recommend.index.pgvector.live import GenerationView  # only where the extra is installed

    return GenerationView(store, layout, servers, staleness=settings.service.staleness, serving=serving)


@contextmanager
def opened_servers(settings: Settings) -> Iterator[Servers | None]:
    """The servers that the settings name, connections given back when the block ends; None when they name a folder.

    Raises:
        SettingsError: as :func:`open_servers`.
    """
    servers = open_servers(settings)
    try:
        yield servers
    finally:
        if servers is not None:
            servers.close()


def open_servers(settings: Settings, *, partial: bool = False) -> Servers | None:
    """The servers that the settings name, None when they name a folder.

    Args:
        settings: which.
        partial: whether answers go on from the others where one does not answer; jobs do not.

    Raises:
        SettingsError: when a package lacks, or a URL cannot be used.
    """
    given = settings.pgvector
    if not given.url:
        return None
    try:
        from recommend.index.pgvector.servers import Servers
    except ImportError as problem:
        raise SettingsError(
            f"an index on PostgreSQL needs {problem.name}; pip install 'related-articles[pgvector]'"
        ) from None
    return Servers([given.url, *given.shards], timeout=given.timeout, pool=given.pool, partial=partial)
