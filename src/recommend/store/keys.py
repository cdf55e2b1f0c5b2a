"""API keys: their secrets are shown once and kept as SHA-256 only; 256 random bits need no salt and no stretching.

A change of keys takes no revision of the store. Answers do not depend on keys, so a revision would only discard cached
answers and count as a lag of the index. The store's watch tells of any commit, and that is enough to keep
:meth:`Keys.find` current.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import Engine, delete, insert, select, update

from recommend.errors import KeyNameError, truncated_repr
from recommend.store.database import Watch, reading
from recommend.store.schema import keys

PREFIX = "ra_"
"""What every secret begins with, so that scanners for leaked secrets can find it."""

_SECRET_BYTES = 32
_NAME_LENGTH = 100


class Scope(StrEnum):
    """What a key allows. None includes another."""

    READ = "read"
    WRITE = "write"
    CURATE = "curate"


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret. ``revoked_at`` is None while it is valid."""

    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None = None


class Keys:
    """The keys of a store. Safe to share between threads."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch
        self._seen: tuple[int, list[tuple[bytes, Key]]] | None = None

    def create(self, name: str, scopes: Iterable[Scope]) -> str:
        """Makes a key.

        Returns:
            Its secret, which is kept nowhere.

        Raises:
            KeyNameError: when the name is taken, by a revoked key too, or is not 1 to 100 printable characters.
        """
        if not (name.strip() == name and 0 < len(name) <= _NAME_LENGTH and name.isprintable()):
            raise KeyNameError(f"key {truncated_repr(name)}: a name is 1 to {_NAME_LENGTH} printable characters")
        secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        with self._watch.writing() as connection:
            if connection.execute(select(keys.c.name).where(keys.c.name == name)).first() is not None:
                raise KeyNameError(f"key {truncated_repr(name)} exists; names are never used twice, choose another one")
            row = {"name": name, "hash": sha256(secret.encode()).digest(), "scopes": sorted(set(scopes))}
            connection.execute(insert(keys).values(**row, created_at=datetime.now(UTC)))
        return secret

    def revoke(self, name: str) -> None:
        """Makes a key invalid for good. Revoking it again changes nothing.

        Raises:
            KeyNameError: when there is none of this name.
        """
        with self._watch.writing() as connection:
            if connection.execute(select(keys.c.name).where(keys.c.name == name)).first() is None:
                raise KeyNameError(f"key {truncated_repr(name)} is unknown; recommend keys list shows all")
            valid = update(keys).where(keys.c.name == name, keys.c.revoked_at.is_(None))
            connection.execute(valid.values(revoked_at=datetime.now(UTC)))

    def remove(self, name: str) -> None:
        """Removes a key whose secret nobody was told, so that its name is free again."""
        with self._watch.writing() as connection:
            connection.execute(delete(keys).where(keys.c.name == name))

    def all(self) -> list[Key]:
        """Every key, revoked ones too, by name."""
        return [key for _, key in self._read()]

    def find(self, hashed: bytes) -> Key | None:
        """The valid key whose secret has this SHA-256, current up to the staleness of the store.

        Every key is compared in constant time: how long it takes tells how many there are, and nothing else.
        """
        version = self._watch.version()
        seen = self._seen
        if seen is None or seen[0] != version:
            seen = self._seen = (version, [(known, key) for known, key in self._read() if key.revoked_at is None])
        match = None
        for known, key in seen[1]:
            if hmac.compare_digest(known, hashed):
                match = key
        return match

    def _read(self) -> list[tuple[bytes, Key]]:
        with reading(self._engine) as connection:
            rows = connection.execute(select(keys).order_by(keys.c.name)).all()
        return [
            (row.hash, Key(row.name, frozenset(map(Scope, row.scopes)), row.created_at, row.revoked_at)) for row in rows
        ]
