"""TREC files: judgements (qrels) and rankings (runs).

Fields are separated by blanks or by tabs; with tabs, an id may hold blanks. What trec_eval and its kind read separates
by any blank, so where an id holds one, what is written here has its ids percent-encoded (:func:`quoted`), and the name
of the run ends in ``+quoted``, by which :func:`read_run` knows to decode them.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from math import isnan
from pathlib import Path
from typing import TextIO, cast
from urllib.parse import unquote

from recommend.errors import EvaluationError, truncated_repr
from recommend.files import Kind, whole

Qrels = dict[str, dict[str, int]]
Run = dict[str, list[tuple[str, float]]]

UNKNOWN = -1
QUOTED = "+quoted"
EDITORS = Path("editors")
"""What stands for a file where the articles' own links are meant, see :mod:`recommend.evaluation.editors`."""

_RUN_FIELDS, _QRELS_FIELDS = 6, 4
_BLANK = re.compile(r"\s")
_ENCODED = re.compile(r"[\s%\x00-\x1f\x7f]")


def read_qrels(path: Path) -> Qrels:
    """Grades by query and document: lines of query, 0, document, grade, and optionally a comment; plain or .gz.

    Raises:
        EvaluationError: when the file is missing, empty, or a line is malformed (the message names it).
    """
    if path == EDITORS and not path.exists():
        raise EvaluationError(
            "links of editors are no judgements here, as most of what belongs together is not linked: give a file of "
            "TREC judgements"
        )
    qrels: Qrels = {}
    for number, line in read_columns(path):
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


def read_run(path: Path, empty: Iterable[str] = ()) -> Run:
    """Documents by query, best first: lines of query, Q0, document, rank, score, name; plain or .gz. Queries whose
    ranking is ``empty``, which no line can tell, are added.

    Raises:
        EvaluationError: when the file is missing, empty, or a line is malformed (the message names it), or ranks a
            document twice under a query.
    """
    run: Run = {query: [] for query in empty}
    for number, line in read_columns(path):
        try:
            query, _, document, _, score, *name = _run_fields(line)
            value = float(score)
            if isnan(value):  # no order is told by it
                raise ValueError(score)
        except ValueError:
            raise EvaluationError(
                f"{path}:{number}: {truncated_repr(line)} is not 'query Q0 document rank score name'"
            ) from None
        if name and name[0].endswith(QUOTED):
            query, document = unquote(query), unquote(document)
        run.setdefault(query, []).append((document, value))
    if not run:
        raise EvaluationError(f"{path} holds no ranking")
    for query, documents in run.items():
        if len({document for document, _ in documents}) < len(documents):
            raise EvaluationError(f"{path} ranks a document twice under {truncated_repr(query)}")
    return {query: sorted(documents, key=lambda item: -item[1]) for query, documents in run.items()}


def answerable_queries(qrels: Qrels, among: Collection[str] | None = None) -> list[str]:
    """The queries with a related document, one of those ``among`` where they are given: others no ranking can serve,
    and every one gets nothing for."""
    return [
        query
        for query, grades in qrels.items()
        if any(grade > 0 and (among is None or document in among) for document, grade in grades.items())
    ]


def write_qrels(qrels: Qrels, path: Path, *, quote: bool = False) -> None:
    """Writes judgements, separated by tabs, because an id may hold a blank; ``quote`` encodes those instead."""
    encode = quoted if quote else str
    with whole(path) as beside, _open(beside, "wt") as file:
        for query, grades in qrels.items():
            for document, grade in grades.items():
                file.write(f"{encode(query)}\t0\t{encode(document)}\t{grade}\n")


def write_run(run: Mapping[str, list[tuple[str, float]]], path: Path, name: str) -> None:
    """Writes a run. Scores that tie are set a hair apart, so that every reader keeps the order given. Where an id holds
    a blank, all are encoded, and the name says so."""
    quote = needs_quotes(run)
    encode, name = (quoted, name + QUOTED) if quote else (str, name)
    with whole(path) as beside, _open(beside, "wt") as file:
        for query, documents in run.items():
            for rank, (document, score) in enumerate(strictly_falling(documents), start=1):
                file.write(f"{encode(query)} Q0 {encode(document)} {rank} {score:.9g} {name}\n")


def needs_quotes(run: Mapping[str, list[tuple[str, float]]]) -> bool:
    """Whether any id of a run holds a blank."""
    return any(_BLANK.search(one) for query, documents in run.items() for one in (query, *(d for d, _ in documents)))


def quoted(id: str) -> str:
    """An id without blanks: those, controls and ``%`` as ``%`` and two hexadecimal digits for each byte of UTF-8."""
    return _ENCODED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), id)


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
        return next((line for _, line in read_columns(path)), "")
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


def read_columns(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file, plain or .gz, that are not blank, with their numbers.

    Raises:
        EvaluationError: when it cannot be read.
    """
    try:
        with _open(path, "rt") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except (OSError, EOFError, UnicodeDecodeError) as problem:
        raise EvaluationError(f"{path} cannot be read: {problem}") from None


def _open(path: Path, mode: str) -> TextIO:
    encoding = "utf-8-sig" if mode == "rt" else "utf-8"  # spreadsheets write a mark in front, which is of no id
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, mode, encoding=encoding))
    return cast("TextIO", path.open(mode, encoding=encoding))
