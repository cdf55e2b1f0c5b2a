"""Sessions of the desk in the database."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from recommend.settings import Settings
from recommend.store import Store
from recommend.store.schema import sessions

KEY = b"k" * 32
HOUR = timedelta(hours=1)


@pytest.mark.databases
def test_a_session_is_found_by_its_token_until_it_is_closed_in_every_process(store: Store, settings: Settings) -> None:
    token, other = store.sessions.open(KEY, HOUR), store.sessions.open(KEY, HOUR)
    with closing(Store(settings.store)) as elsewhere:
        found = elsewhere.sessions.find(token)
        assert found is not None
        assert found.key_hash == KEY
        elsewhere.sessions.close(token)
    assert store.sessions.find(token) is None
    assert store.sessions.find(other) is not None


def test_what_has_ended_is_not_found_and_is_swept_out_by_the_next(store: Store) -> None:
    ended = store.sessions.open(KEY, timedelta(seconds=-1))
    assert store.sessions.find(ended) is None
    store.sessions.open(KEY, HOUR)
    with store.engine.connect() as connection:
        assert len(connection.execute(select(sessions)).all()) == 1


@pytest.mark.parametrize("token", ["", "nobody's", "\x00", "é" * 9000, "\udc80"])
def test_what_is_no_token_finds_nothing(store: Store, token: str) -> None:
    assert store.sessions.find(token) is None


def test_the_store_does_not_hold_what_the_cookie_does(store: Store, settings: Settings) -> None:
    token = store.sessions.open(KEY, HOUR)
    store.close()
    folder = Path(settings.store.removeprefix("sqlite:///")).parent
    assert all(token.encode() not in file.read_bytes() for file in folder.glob("recommend.db*") if file.is_file())
