"""Runs the benchmarks named on the command line, or all of them."""

from __future__ import annotations

import sys
from importlib import import_module

BENCHMARKS = (
    "encoding",
    "main_job",
    "overlay",
    "ready",
    "increment",
    "scale",
    "index_kinds",
    "export",
    "pgvector",
    "partitions",
    "ranking",
    "relevance",
    "exposure",
    "kinds",
    "stories",
    "rules",
    "near_duplicates",
    "service",
    "goals",
)


def main() -> None:
    """Runs benchmarks one after the other, so that they do not slow each other down."""
    for name in sys.argv[1:] or BENCHMARKS:
        if name not in BENCHMARKS:
            sys.exit(f"{name!r} is no benchmark: there are {', '.join(BENCHMARKS)}")
        import_module(f"benchmarks.{name}").main()


main()
