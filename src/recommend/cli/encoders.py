"""Which encoder a command works with: the live snapshot's, unless it is told to change it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from recommend.encoder import Encoder, open_encoder, resolve_encoder_name
from recommend.errors import EncoderError, SettingsError
from recommend.fingerprint import words_read
from recommend.index.snapshot.catalog import live_manifest
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.ingest import embed_missing
from recommend.jobs.encoder_choice import decided
from recommend.settings import Settings
from recommend.store import Store

logger = logging.getLogger(__name__)


def open_recorded(settings: Settings, manifest: Manifest) -> Encoder:
    """The encoder that made a snapshot.

    Raises:
        EncoderError: when it is not there any more.
    """
    return open_encoder(manifest.encoder_settings(settings.encoder), settings.models, manifest.encoder)


def serving_encoder(settings: Settings) -> Encoder:
    """The encoder that readers need embeddings of, the live snapshot's; that of the settings where there is none."""
    live = live_manifest(IndexLayout(settings.index))
    if live is not None:
        try:
            return open_recorded(settings, live)
        except EncoderError as problem:
            logger.warning("new articles are found by their words alone until the next reindex: %s", problem)
    return open_encoder(settings.encoder, settings.models)


def embed_as_served(store: Store, settings: Settings, encoder: Encoder) -> int:
    """Embeds what was stored with ``encoder`` if a snapshot of another one went live meanwhile; returns how many."""
    live = live_manifest(IndexLayout(settings.index))
    if live is None or live.encoder == encoder.fingerprint:
        return 0
    serving = serving_encoder(settings)
    if serving.fingerprint != live.encoder:
        return 0
    return embed_missing(store, serving, bump_revision=True)


def check_unchanged(settings: Settings, assignments: Sequence[str]) -> None:
    """A nightly job changes the encoder of the live snapshot neither forth nor back, unless it is told to.

    Raises:
        SettingsError: when the settings name another encoder than the live snapshot's and no assignment does.
    """
    live, own = live_manifest(IndexLayout(settings.index)), decided(settings).encoder
    if live is None or any(assignment.strip().startswith("encoder.") for assignment in assignments):
        return
    name = resolve_encoder_name(own.name, settings.models)
    read = live.max_tokens, words_read(live.encoder)
    if (live.encoder_name, *read) != (name, own.max_tokens, own.max_words):
        raise SettingsError(
            f"encoder.name = {name!r} with encoder.max_tokens = {own.max_tokens} and encoder.max_words = "
            f"{own.max_words} is not the encoder of the live snapshot, {live.encoder_name!r} with {read[0]} and "
            f"{read[1]}: change it with recommend reindex --encoder {name}, or set all three back to the live one's"
        )
