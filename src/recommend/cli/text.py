"""Texts that a user hands to a command."""

from __future__ import annotations

import sys
from pathlib import Path

from recommend.errors import SourceError


def read_text(path: Path) -> str:
    """The text of a file, or of standard input for ``-``.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise SourceError(f"draft {path} cannot be read: {problem}") from None
