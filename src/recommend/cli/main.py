"""The entry point: known errors become one line and an exit code, never a traceback."""

from __future__ import annotations

import io
import os
import sys
from tempfile import gettempdir

from recommend.cli.app import FAILED, app
from recommend.cli.console import err, flush, plain
from recommend.errors import RecommendError, truncated_repr
from recommend.retries import tell_retries_plainly


def main() -> None:
    """Runs the command line."""
    _open_streams()
    tell_retries_plainly()
    try:
        try:
            app()
        finally:
            flush()
    except BrokenPipeError:  # who read the output has gone: nobody is left to tell
        _silence()
        sys.exit(FAILED)
    except (RecommendError, OSError) as problem:  # OSError: a file to write that cannot be written
        _end(_said(problem))
    except UnicodeEncodeError as problem:  # what the locale could not read as text is none
        _end(f"{truncated_repr(problem.object)} is not text in this locale; set a UTF-8 one, as LC_ALL=C.UTF-8")
    except MemoryError:
        _end("there is not enough memory; end other processes, or give this one more")


def _open_streams() -> None:
    """Makes the standard streams fit to be used: a descriptor that is closed would become that of the next file that is
    opened, a store's for one, and a locale without our letters would end the command at the first of them."""
    for descriptor, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, flags)  # to read from 0, or to write to 1, stays an error
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _said(problem: RecommendError | OSError) -> str:
    if isinstance(problem, RecommendError) or problem.filename is not None or problem.strerror is None:
        return str(problem)
    return f"{problem.strerror}; look at the disks of the store, the index, the output and {gettempdir()}"


def _end(said: str) -> None:
    err.print(f"[red]error:[/red] {plain(said)}")
    _silence()
    sys.exit(FAILED)


def _silence() -> None:
    """What was printed and cannot be written is let go of, rather than fail once more at the end of the process."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
