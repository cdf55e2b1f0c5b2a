"""Sessions of the desk: an editor's key turned into a cookie for a few hours. Of the cookie the store has the SHA-256
only, so that nobody can make one from a copy of the store."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import Engine, delete, insert, select

from recommend.store.database import Watch, reading
from recommend.store.schema import sessions

_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """A session that has not ended.

    Attributes:
        key_hash: SHA-256 of the key that it was opened with, which says what it allows.
    """

    key_hash: bytes
    expires_at: datetime


class Sessions:
    """The sessions of a store. Safe to share between threads. They take no revision: answers do not depend on them."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch

    def open(self, key_hash: bytes, lasting: timedelta) -> str:
        """Opens a session of a key; returns the token, which is kept nowhere. Those that have ended are swept out."""
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), datetime.now(UTC)
        with self._watch.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
            row = {"hash": _hash(token), "key_hash": key_hash, "expires_at": now + lasting}
            connection.execute(insert(sessions).values(row))
        return token

    def find(self, token: str) -> Session | None:
        """The session of a token, None where there is none or it has ended."""
        with reading(self._engine) as connection:
            row = connection.execute(select(sessions).where(sessions.c.hash == _hash(token))).first()
        if row is None or row.expires_at <= datetime.now(UTC):
            return None
        return Session(row.key_hash, row.expires_at)

    def close(self, token: str) -> None:
        """Ends a session."""
        with self._watch.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.hash == _hash(token)))


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()
