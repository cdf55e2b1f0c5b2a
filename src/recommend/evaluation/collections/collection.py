"""A published test collection: articles, and judgements of some of them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, cast

import orjson

from recommend.errors import EvaluationError, truncated_repr
from recommend.evaluation.judgements import Qrels, write_qrels
from recommend.files import whole

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Collection:
    """Articles, read as they are asked for, and judgements.

    Attributes:
        articles: rows as :mod:`recommend.sources` reads them.
        qrels: grades by the id of an article and that of another; empty where the collection has none.
        notes: what was left out and why, known once ``articles`` are read.
    """

    articles: Iterator[Row]
    qrels: Qrels
    notes: list[str] = field(default_factory=list)

    def write(self, articles: Path, qrels: Path) -> int:
        """Writes the articles as JSON lines, the judgements, if any, as TREC's; whole or not at all.

        Returns:
            The number of articles.
        """
        count = 0
        with whole(articles) as beside, beside.open("wb") as file:
            for row in self.articles:
                kept = {name: value for name, value in row.items() if value not in (None, "", [])}
                file.write(orjson.dumps(kept, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z, default=str))
                count += 1
        if not count:
            articles.unlink()
            raise EvaluationError("the collection holds no articles")
        if self.qrels:
            write_qrels(self.qrels, qrels)
        return count


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank with their numbers, of a text file, plain or .gz.

    Raises:
        EvaluationError: when it cannot be read.
    """
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except (OSError, EOFError, UnicodeDecodeError) as problem:
        raise EvaluationError(f"{path} cannot be read: {problem}") from None


def json_lines(path: Path) -> Iterator[tuple[int, Row]]:
    """Objects of a file of JSON lines.

    Raises:
        EvaluationError: for a line that holds none.
    """
    for number, line in lines(path):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = None
        if not isinstance(row, dict):
            raise EvaluationError(f"{path}:{number}: {truncated_repr(line)} is not a JSON object")
        yield number, row


def matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Files anywhere in a folder whose names match any of some patterns, by name."""
    return sorted({path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()})


def wanted(folder: Path, patterns: Sequence[str], what: str) -> list[Path]:
    """The same.

    Raises:
        EvaluationError: when there is none.
    """
    files = matching(folder, patterns)
    if not files:
        raise EvaluationError(f"{folder} has no {what}: a file named {' or '.join(patterns)}")
    return files


def _open(path: Path) -> TextIO:
    opened = gzip.open if path.suffix == ".gz" else open
    return cast("TextIO", opened(path, "rt", encoding="utf-8", newline="\n"))
