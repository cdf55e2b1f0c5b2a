"""What a command reads from, closed when the command ends."""

from __future__ import annotations

from contextlib import closing

import typer

from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store


def open_store(context: typer.Context, url: str, *, readonly: bool = False, any_schema: bool = False) -> Store:
    """The store of a URL.

    Raises:
        StoreError: when it cannot be opened.
    """
    return context.with_resource(closing(Store(url, readonly=readonly, any_schema=any_schema)))


def open_recommender(context: typer.Context, settings: Settings) -> Recommender:
    """What answers by the settings, and writes nothing.

    Raises:
        StoreError, SnapshotError, SettingsError: when one of its parts cannot be used.
    """
    return Recommender(open_store(context, settings.store, readonly=True), settings)
