"""A process of its own for parsers that may take long over some input: it is ended when it does, and nothing is lost.

What goes in are bytes and a few words about them; what comes back is JSON.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from threading import Lock, Timer
from typing import Any, BinaryIO, cast

import orjson

from recommend.sources.limits import MEMORY, SECONDS, SECONDS_A_MEGABYTE

Parser = Callable[[bytes, Mapping[str, str]], object]


class ParsingError(Exception):
    """A parser was ended, or failed; the message is a clause that completes "<document> …"."""


class _Process:
    """Starts when it is first asked, and again after it was ended."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: subprocess.Popen[bytes] | None = None

    def ask(self, parser: str, data: bytes, told: Mapping[str, str], seconds: float) -> Any:
        with self._lock:
            running = self._running or self._start()
            timer = Timer(seconds, running.kill)
            timer.start()
            try:
                answer = _exchange(running, {"parser": parser, "size": len(data), "told": dict(told)}, data)
            except OSError:
                answer = None
            finally:
                timer.cancel()
            if answer is None:
                self._end()
                raise ParsingError(f"takes more than {seconds:.0f} seconds, or too much memory, to parse")
        if "error" in answer:
            raise ParsingError(answer["error"])
        return answer["found"]

    def _start(self) -> subprocess.Popen[bytes]:
        self._running = subprocess.Popen(  # noqa: S603 - this module
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        return self._running

    def _end(self) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            running.kill()
            for pipe in (running.stdin, running.stdout):
                with contextlib.suppress(OSError):  # what it never took in
                    cast(BinaryIO, pipe).close()
            running.wait()

    def end(self) -> None:
        with self._lock:
            self._end()


_process = _Process()
atexit.register(_process.end)


def parse(parser: str, data: bytes, told: Mapping[str, str]) -> Any:
    """What one of ``parsers`` finds in some bytes.

    Raises:
        ParsingError: it takes too long or too much memory, or fails.
    """
    return _process.ask(parser, data, told, SECONDS + SECONDS_A_MEGABYTE * len(data) / 2**20)


def _exchange(running: subprocess.Popen[bytes], head: Mapping[str, object], data: bytes) -> dict[str, Any] | None:
    sink, source = cast(BinaryIO, running.stdin), cast(BinaryIO, running.stdout)
    sink.write(orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE) + data)
    sink.flush()
    answer = source.readline()
    return orjson.loads(answer) if answer.endswith(b"\n") else None


def _parsers() -> dict[str, Parser]:
    from recommend.sources.archive import find_medium_post
    from recommend.sources.feed import find_entries
    from recommend.sources.markdown import find_story
    from recommend.sources.page import find_article

    return {"feed": find_entries, "page": find_article, "markdown": find_story, "medium": find_medium_post}


def _serve() -> None:
    """Answers until nobody asks any more."""
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    parsers = _parsers()
    while line := source.readline():
        head = orjson.loads(line)
        try:
            answer = orjson.dumps({"found": parsers[head["parser"]](source.read(head["size"]), head["told"])})
        except Exception as problem:  # whatever foreign markup makes a parser raise is that document's matter
            answer = orjson.dumps({"error": f"cannot be parsed: {type(problem).__name__}: {str(problem)[:200]}"})
        sink.write(answer + b"\n")
        sink.flush()


if __name__ == "__main__":
    _serve()
