"""Logs retries as plain sentences, and only where they matter."""

from __future__ import annotations

import logging


def tell_retries_plainly() -> None:
    """From now on, what stamina logs in this process reads as a sentence, and that SQLite was busy is not logged: the
    wait is short, and whoever waits too long says so."""
    logging.getLogger("stamina").addFilter(_plainly)


def _plainly(record: logging.LogRecord) -> bool:
    cause = str(getattr(record, "stamina.caused_by", ""))
    if cause.startswith("OperationalError("):
        return False
    wait = getattr(record, "stamina.wait_for", None)
    if wait is not None:
        kind = cause.partition("(")[0]  # all else may hold an address with its password
        record.msg, record.args = f"attempt failed ({kind}); retrying in {wait:.1f} s", ()
    return True
