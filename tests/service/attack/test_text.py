"""Texts and markup that once held an interpreter for seconds, or took gigabytes."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

from hostile import hostile
from recommend.articles.article import parse_article
from recommend.articles.text import terms

MEMORY = 300  # megabytes beyond what the process had


def read(text: str) -> tuple[float, float]:
    """Processor seconds to read an article of this text as the store and the index do, and megabytes it took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.thread_time()
    article = parse_article({"id": "a", "title": "T", "text": text})
    terms(f"{article.full_text} {article.standfirst}")
    return time.thread_time() - begun, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def test_runs_of_dots_are_read_in_time_that_grows_with_their_length(
    held: Callable[..., None], sized: Callable[[int, int], int]
) -> None:
    size = sized(30_000, 1_000_000)
    for name in ("dots", "dots behind a word", "ellipses", "question marks"):
        seconds, grown = read(hostile(name, size))
        assert grown < MEMORY
        held("B1", f"{size:,} characters of {name}", requests=0, seconds=seconds, peak_mb=grown)


def test_bombs_of_markup_take_no_more_memory_than_their_length_tells(
    held: Callable[..., None], sized: Callable[[int, int], int]
) -> None:
    size = sized(100_000, 1_000_000)
    for name in (
        "nested formatting with attributes", "nested formatting around paragraphs", "one tag of many attributes",
        "comment starts", "scripts", "attribute without an end", "nested tables",
    ):  # fmt: skip
        seconds, grown = read(hostile(name, size))
        assert grown < MEMORY
        held("B2", f"{size:,} characters of {name}", requests=0, seconds=seconds, peak_mb=grown)
