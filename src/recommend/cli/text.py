"""Texts that a user hands to a command."""

from __future__ import annotations

import sys
from pathlib import Path

from recommend.errors import SourceError


def read_text(path: Path, what: str = "draft") -> str:
    """The text of a file, or of standard input for ``-``; ``what`` is what it should hold.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise SourceError(f"{what} {path} cannot be read: {problem}") from None
