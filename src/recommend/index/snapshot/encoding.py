"""The encoder of the live snapshot, and the one in its place when a snapshot needs another."""

from __future__ import annotations

import logging
from pathlib import Path

from recommend.articles.article import Article
from recommend.encoder import Encoder, check_encoder, encode_articles, open_encoder
from recommend.errors import EncoderError
from recommend.index.query import Query
from recommend.index.snapshot.layout import Manifest
from recommend.index.snapshot.open import Snapshot
from recommend.settings import EncoderSettings

logger = logging.getLogger(__name__)

_THREADS_A_TEXT = 2  # drafts and changes come one at a time


class SnapshotEncoder:
    """Holds the encoder of one snapshot at a time, and that of the next while this is awaited, whatever the settings
    name by now; opened at first use."""

    def __init__(self, settings: EncoderSettings, models: Path, encoder: Encoder | None = None) -> None:
        """
        Args:
            settings: threads and device.
            models: see :func:`~recommend.encoder.open_encoder`.
            encoder: one that is open already.
        """
        self._settings = settings
        self._models = models
        self._encoders = {} if encoder is None else {encoder.fingerprint: encoder}
        self._served = "" if encoder is None else encoder.fingerprint
        self._failed = False

    def of(self, snapshot: Snapshot) -> Encoder:
        """The encoder of a snapshot.

        Raises:
            EncoderError: when it cannot be opened, or is not the one it was: vectors of two never meet.
        """
        manifest = snapshot.manifest
        try:
            encoder = self._of(manifest)
        except EncoderError:
            self._failed = True
            raise
        self._failed = False
        if manifest.encoder != self._served:  # the one before serves no snapshot any more
            self._served = manifest.encoder
            self._encoders = {manifest.encoder: encoder}
        return encoder

    def of_awaited(self, manifest: Manifest) -> Encoder | None:
        """The encoder of a snapshot that is not served yet, beside that of the one that is; None where it cannot be
        opened, so that what needs no other is done all the same."""
        try:
            return self._of(manifest)
        except EncoderError as problem:
            logger.warning("snapshot %s will find what is stored now by its words alone: %s", manifest.name, problem)
            return None

    def _of(self, manifest: Manifest) -> Encoder:
        encoder = self._encoders.get(manifest.encoder)
        if encoder is None:
            settings = manifest.encoder_settings(self._settings)
            encoder = open_encoder(settings, self._models, manifest.encoder, threads_a_text=_THREADS_A_TEXT)
            self._encoders[manifest.encoder] = encoder
        return encoder

    def check(self, snapshot: Snapshot) -> None:
        """Looks whether the encoder's files are there; opens it only where that failed before.

        Raises:
            EncoderError: when it cannot be used.
        """
        if self._failed:
            self.of(snapshot)
        elif snapshot.manifest.encoder not in self._encoders:
            check_encoder(snapshot.manifest.encoder_settings(self._settings), self._models)

    def query(self, snapshot: Snapshot, article: Article) -> Query:
        """The query that an article makes which need not be stored.

        Raises:
            EncoderError: as :meth:`of`.
        """
        embedding = encode_articles(self.of(snapshot), [snapshot.boilerplate.without(article)])[0]
        return snapshot.prepare(article, embedding).query()
