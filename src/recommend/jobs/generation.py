"""A snapshot on its way to servers: loaded and verified there, made live, gone back from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from recommend.errors import SnapshotError
from recommend.index.pgvector.generations import drop, generations, live_name, prune, switch
from recommend.index.pgvector.load import load
from recommend.index.pgvector.servers import Servers
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.index.snapshot.open import open_snapshot
from recommend.jobs.hooks import Hooks
from recommend.settings import Settings


def load_generation(
    servers: Servers,
    settings: Settings,
    name: str,
    *,
    hooks: Hooks = Hooks(),
    on_stage: Callable[[str], None] = lambda _: None,
) -> Callable[[], None]:
    """Writes a snapshot to servers, unless it is there, without making it live.

    Args:
        servers: where to.
        settings: index folder, and how it is verified.
        name: of the snapshot.
        hooks: make its ready lists, which are loaded with it, so that an article has one box from the switch on; and
            compare its boxes there.
        on_stage: called with a few words when a stage begins.

    Returns:
        What makes it the live one.

    Raises:
        SnapshotError: when verification fails; nothing is left behind then.
        StoreUnreachableError: when a server refuses.
    """
    if not any(one.manifest.name == name and one.verified for one in generations(servers)):
        if settings.indexing.lists:
            on_stage("making lists ready")
            hooks.lists(name)
        ready = partial(hooks.listed, name) if settings.indexing.lists else tuple
        load(servers, open_snapshot(IndexLayout(settings.index), name), settings, lists=ready, on_stage=on_stage)
        on_stage("comparing boxes")
        try:
            hooks.agrees(servers, name, None)
        except SnapshotError:
            for server in servers:
                drop(server, name)
            raise
    return partial(switch, servers, name)


def is_live(servers: Servers, name: str) -> bool:
    """Whether a generation is the one that readers are answered from, and whole."""
    return any(one.live and one.verified and one.manifest.name == name for one in generations(servers))


def previous_generation(servers: Servers) -> Manifest:
    """The generation that was live last before the live one and is older: none that was gone back from since.

    Raises:
        SnapshotError: when none is live, or none before.
    """
    live, known = live_name(servers), [one for one in generations(servers) if one.verified]
    before = [(one.published_at, one.manifest) for one in known if live is not None and one.manifest.name < live]
    published = [(moment, manifest) for moment, manifest in before if moment is not None]
    if not published:
        raise SnapshotError(f"index {servers.name} holds no generation older than the live one, {live}")
    return max(published, key=lambda one: one[0])[1]


def prune_generations(servers: Servers, keep: int) -> list[str]:
    """Removes all but the ``keep`` latest generations that were live, and what killed loads left; the names removed."""
    published = [one.manifest.name for one in generations(servers) if one.published and one.verified]
    return prune(servers, frozenset(published[:keep]))
