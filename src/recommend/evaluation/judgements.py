"""TREC files: judgements (qrels) and rankings (runs)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO, cast

from recommend.errors import EvaluationError, shown

Qrels = dict[str, dict[str, int]]
Run = dict[str, list[tuple[str, float]]]

UNKNOWN = -1


def read_qrels(path: Path) -> Qrels:
    """Grades by query and document: lines of query, 0, document, grade, and optionally a comment; plain or .gz.

    Raises:
        EvaluationError: when the file is missing, empty, or a line is malformed (the message names it).
    """
    qrels: Qrels = {}
    for number, line in _lines(path):
        parts = line.split("\t") if "\t" in line else line.split(None, 4)
        if len(parts) < 4:
            raise EvaluationError(f"{path}:{number}: {shown(line)} is not 'query 0 document grade'")
        try:
            grade = int(parts[3])
        except ValueError:
            raise EvaluationError(f"{path}:{number}: grade {shown(parts[3])} is not a whole number") from None
        qrels.setdefault(parts[0], {})[parts[2]] = grade
    if not qrels:
        raise EvaluationError(f"{path} holds no judgements")
    return qrels


def read_run(path: Path) -> Run:
    """Documents by query, best first: lines of query, Q0, document, rank, score, name; plain or .gz.

    Raises:
        EvaluationError: when the file is missing, empty, or a line is malformed (the message names it).
    """
    run: Run = {}
    for number, line in _lines(path):
        parts = line.split()
        try:
            query, _, document, _, score, *_ = parts
            run.setdefault(query, []).append((document, float(score)))
        except ValueError:
            raise EvaluationError(
                f"{path}:{number}: {shown(line)} is not 'query Q0 document rank score name'"
            ) from None
    if not run:
        raise EvaluationError(f"{path} holds no ranking")
    return {query: sorted(documents, key=lambda item: -item[1]) for query, documents in run.items()}


def write_qrels(qrels: Qrels, path: Path) -> None:
    """Writes judgements, separated by tabs, because an id may hold a space."""
    with _open(path, "wt") as file:
        for query, grades in qrels.items():
            for document, grade in grades.items():
                file.write(f"{query}\t0\t{document}\t{grade}\n")


def write_run(run: Mapping[str, list[tuple[str, float]]], path: Path, name: str) -> None:
    """Writes a run. Scores that tie are set a hair apart, so that every reader keeps the order given."""
    with _open(path, "wt") as file:
        for query, documents in run.items():
            for rank, (document, score) in enumerate(strictly_falling(documents), start=1):
                file.write(f"{query} Q0 {document} {rank} {score:.9g} {name}\n")


def strictly_falling(documents: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The same order with scores that fall at every step."""
    falling: list[tuple[str, float]] = []
    for document, score in documents:
        least = falling[-1][1] - max(1e-6 * abs(falling[-1][1]), 1e-6) if falling else score
        falling.append((document, min(score, least)))
    return falling


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with _open(path, "rt") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except (OSError, EOFError, UnicodeDecodeError) as problem:
        raise EvaluationError(f"{path} cannot be read: {problem}") from None


def _open(path: Path, mode: str) -> TextIO:
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, mode, encoding="utf-8"))
    return cast("TextIO", path.open(mode, encoding="utf-8"))
