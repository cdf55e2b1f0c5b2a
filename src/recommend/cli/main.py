"""The entry point: known errors become one line and an exit code, never a traceback."""

from __future__ import annotations

import sys

from recommend.cli.app import FAILED, app
from recommend.cli.console import err, plain
from recommend.errors import RecommendError


def main() -> None:
    """Runs the command line."""
    try:
        app()
    except (RecommendError, OSError) as problem:  # OSError: a file to write that cannot be written
        err.print(f"[red]error:[/red] {plain(str(problem))}")
        sys.exit(FAILED)
