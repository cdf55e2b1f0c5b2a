from __future__ import annotations

import sqlite3

import httpx
import pytest
import stamina

from recommend.retries import tell_retries_plainly


def tried_again(problem: Exception) -> None:
    """Fails once with a problem, then not."""
    with stamina.set_testing(False):
        for attempt in stamina.retry_context(on=type(problem), attempts=2, wait_initial=0.01, wait_jitter=0.0):
            with attempt:
                if attempt.num == 1:
                    raise problem


def test_a_retry_is_told_in_a_sentence_that_holds_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    tell_retries_plainly()
    tried_again(httpx.ConnectError("https://me:secret@example.org is down"))
    assert caplog.messages == ["attempt failed (ConnectError); retrying in 0.0 s"]


def test_a_wait_for_another_process_that_writes_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    tell_retries_plainly()
    tried_again(sqlite3.OperationalError("database is locked"))
    assert caplog.messages == []
