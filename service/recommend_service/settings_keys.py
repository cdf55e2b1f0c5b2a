"""The keys that the settings know by their hash, beside those of the store."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import UTC, datetime

from recommend.store.keys import Key, Scope


class SettingsKeys:
    """Keys with every scope, named ``settings:`` and the first 8 digits of their hash."""

    def __init__(self, hashes: Iterable[str]) -> None:
        """
        Args:
            hashes: SHA-256 of the secrets, in hexadecimal digits.
        """
        now = datetime.now(UTC)
        self._keys = [(bytes.fromhex(one), Key(f"settings:{one[:8].lower()}", frozenset(Scope), now)) for one in hashes]

    def find(self, hashed: bytes) -> Key | None:
        """The key whose secret has this SHA-256; it takes as long whichever that is."""
        match = None
        for known, key in self._keys:
            if hmac.compare_digest(known, hashed):
                match = key
        return match
