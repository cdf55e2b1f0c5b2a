"""Logs: for machines one JSON object a line, each with the request it belongs to; on a terminal lines to read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

from pythonjsonlogger.orjson import OrjsonFormatter

from recommend.errors import visible
from recommend.retries import tell_retries_plainly

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that is being answered, None outside of requests."""

_LOGGERS = ("recommend", "recommend_service", "stamina", "uvicorn")


@contextmanager
def json_logs(stream: TextIO | None = None) -> Iterator[None]:
    """While it lasts, what this project and uvicorn log goes out as JSON lines, from INFO on; on a terminal in words.

    Args:
        stream: where to; standard error when not given.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Readable() if handler.stream.isatty() else _for_machines())
    handler.addFilter(_with_request_id)
    tell_retries_plainly()
    before = {}
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        before[name] = logger.handlers, logger.level, logger.propagate
        logger.handlers, logger.propagate = (
            [handler],
            False,
        )  # a library may have set the root's handlers up: no line twice
        if name != "uvicorn":
            logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for name, (handlers, level, propagate) in before.items():
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)


def _for_machines() -> logging.Formatter:
    return OrjsonFormatter(
        "{levelname}{name}{message}{request_id}", style="{", timestamp=True, rename_fields={"levelname": "level"}
    )


class _Readable(logging.Formatter):
    """Time, level where it is more than news, and message, none of which a terminal would obey."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname}{message}", "%H:%M:%S", style="{")

    def format(self, record: logging.LogRecord) -> str:
        record.levelname = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return visible(super().format(record))


def _with_request_id(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    return True
