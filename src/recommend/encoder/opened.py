"""The encoder that is open, and the one in its place when a snapshot needs another."""

from __future__ import annotations

from pathlib import Path

from recommend.encoder.encoder import Encoder, check_encoder, open_encoder
from recommend.errors import EncoderError
from recommend.settings import EncoderSettings

_THREADS_A_TEXT = 2  # drafts and changes come one at a time


class OpenEncoder:
    """Holds one encoder at a time, opened at first use."""

    def __init__(self, models: Path, encoder: Encoder | None = None) -> None:
        """
        Args:
            models: see :func:`~recommend.encoder.open_encoder`.
            encoder: one that is open already.
        """
        self._models = models
        self._encoders = {} if encoder is None else {encoder.fingerprint: encoder}
        self._failed = False

    def get(self, settings: EncoderSettings, fingerprint: str) -> Encoder:
        """The encoder of a fingerprint, which the settings name.

        Raises:
            EncoderError: when it cannot be opened, or has another fingerprint: vectors of two never meet.
        """
        encoder = self._encoders.get(fingerprint)
        if encoder is None:
            try:
                encoder = open_encoder(settings, self._models, fingerprint, threads_a_text=_THREADS_A_TEXT)
            except EncoderError:
                self._failed = True
                raise
            self._failed = False
            self._encoders.clear()  # one in memory is enough: the one before serves no snapshot any more
            self._encoders[fingerprint] = encoder
        return encoder

    def check(self, settings: EncoderSettings, fingerprint: str) -> None:
        """Looks whether the encoder's files are there; opens it only where that failed before.

        Raises:
            EncoderError: when it cannot be used.
        """
        if self._failed:
            self.get(settings, fingerprint)
        elif fingerprint not in self._encoders:
            check_encoder(settings, self._models)
