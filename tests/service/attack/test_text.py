"""Texts and markup that once held an interpreter for seconds, or took gigabytes."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

from growth import MOST, TIMES, grows, seconds
from hostile import NAMES, hostile
from recommend.articles.article import Article, parse_article
from recommend.articles.limits import TEXT_LIMIT
from recommend.articles.text import terms

MEMORY = 300  # megabytes beyond what the process had


def read(text: str) -> Article:
    """Reads an article of this text as the store and the index do."""
    article = parse_article({"id": "a", "title": "T", "text": text})
    terms(f"{article.full_text} {article.standfirst}")
    return article


def measured(text: str) -> tuple[float, float]:
    """Processor seconds that takes, and megabytes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.thread_time()
    read(text)
    return time.thread_time() - begun, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def test_runs_of_dots_are_read_in_time_that_grows_with_their_length(
    held: Callable[..., None], sized: Callable[[int, int], int]
) -> None:
    size = sized(30_000, 1_000_000)
    for name in ("dots", "dots behind a word", "ellipses", "question marks"):
        taken, grown = measured(hostile(name, size)[:size])
        assert grown < MEMORY
        held("B1", f"{size:,} characters of {name}", requests=0, seconds=taken, peak_mb=grown)


def test_no_row_that_is_accepted_is_longer_to_prepare_than_its_length_tells(
    held: Callable[..., None], sized: Callable[[int, int], int]
) -> None:
    size = sized(64_000, TEXT_LIMIT)
    slowest = 0.0
    for name in NAMES:
        small, large = hostile(name, size // TIMES)[: size // TIMES], hostile(name, size)[:size]
        assert grows(read, small, large) <= MOST, name
        slowest = max(slowest, seconds(read, large, 1))
    held("B1", f"{size:,} characters of {len(NAMES)} kinds, the slowest", requests=0, seconds=slowest)


def test_bombs_of_markup_take_no_more_memory_than_their_length_tells(
    held: Callable[..., None], sized: Callable[[int, int], int]
) -> None:
    size = sized(100_000, 1_000_000)
    for name in (
        "nested formatting with attributes", "nested formatting around paragraphs", "one tag of many attributes",
        "comment starts", "scripts", "attribute without an end", "nested tables",
    ):  # fmt: skip
        taken, grown = measured(hostile(name, size)[:size])
        assert grown < MEMORY
        held("B2", f"{size:,} characters of {name}", requests=0, seconds=taken, peak_mb=grown)
