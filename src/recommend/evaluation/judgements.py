"""TREC files: judgements (qrels) and rankings (runs)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO, cast

from recommend.errors import EvaluationError, truncated_repr
from recommend.files import Kind, whole

Qrels = dict[str, dict[str, int]]
Run = dict[str, list[tuple[str, float]]]

UNKNOWN = -1
_RUN_FIELDS, _QRELS_FIELDS = 6, 4


def read_qrels(path: Path) -> Qrels:
    """Grades by query and document: lines of query, 0, document, grade, and optionally a comment; plain or .gz.

    Raises:
        EvaluationError: when the file is missing, empty, or a line is malformed (the message names it).
    """
    qrels: Qrels = {}
    for number, line in _lines(path):
        parts = line.split("\t") if "\t" in line else line.split(None, 4)
        if len(parts) < 4:
            raise EvaluationError(f"{path}:{number}: {truncated_repr(line)} is not 'query 0 document grade'")
        try:
            grade = int(parts[3])
        except ValueError:
            raise EvaluationError(f"{path}:{number}: grade {truncated_repr(parts[3])} is not a whole number") from None
        qrels.setdefault(parts[0], {})[parts[2]] = grade
    if not qrels:
        raise EvaluationError(f"{path} holds no judgements")
    return qrels


def read_run(path: Path) -> Run:
    """Documents by query, best first: lines of query, Q0, document, rank, score, name, with tabs between them where an
    id holds a blank; plain or .gz.

    Raises:
        EvaluationError: when the file is missing, empty, or a line is malformed (the message names it).
    """
    run: Run = {}
    for number, line in _lines(path):
        try:
            query, _, document, _, score, *_ = _run_fields(line)
            run.setdefault(query, []).append((document, float(score)))
        except ValueError:
            raise EvaluationError(
                f"{path}:{number}: {truncated_repr(line)} is not 'query Q0 document rank score name'"
            ) from None
    if not run:
        raise EvaluationError(f"{path} holds no ranking")
    return {query: sorted(documents, key=lambda item: -item[1]) for query, documents in run.items()}


def write_qrels(qrels: Qrels, path: Path) -> None:
    """Writes judgements, separated by tabs, because an id may hold a space."""
    with whole(path) as beside, _open(beside, "wt") as file:
        for query, grades in qrels.items():
            for document, grade in grades.items():
                file.write(f"{query}\t0\t{document}\t{grade}\n")


def write_run(run: Mapping[str, list[tuple[str, float]]], path: Path, name: str) -> None:
    """Writes a run. Scores that tie are set a hair apart, so that every reader keeps the order given. A line with a
    blank in an id has tabs between its fields."""
    with whole(path) as beside, _open(beside, "wt") as file:
        for query, documents in run.items():
            for rank, (document, score) in enumerate(strictly_falling(documents), start=1):
                between = " " if [query, document] == f"{query} {document}".split() else "\t"
                file.write(between.join((query, "Q0", document, str(rank), f"{score:.9g}", name)) + "\n")


def strictly_falling(documents: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The same order with scores that fall at every step."""
    falling: list[tuple[str, float]] = []
    for document, score in documents:
        least = falling[-1][1] - max(1e-6 * abs(falling[-1][1]), 1e-6) if falling else score
        falling.append((document, min(score, least)))
    return falling


def _run_fields(line: str) -> list[str]:
    fields = line.split("\t")
    return fields if len(fields) == _RUN_FIELDS else line.split()


def _first(path: Path) -> str:
    try:
        return next((line for _, line in _lines(path)), "")
    except EvaluationError:
        return ""


def _is_run(path: Path) -> bool:
    fields = _run_fields(_first(path))
    return len(fields) == _RUN_FIELDS and fields[1] == "Q0"


def _is_qrels(path: Path) -> bool:
    fields = _first(path).split("\t")
    return len(fields) == _QRELS_FIELDS and fields[1] == "0"


RUN = Kind("a TREC run", _is_run)
QRELS = Kind("judgements that were written so", _is_qrels)


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
