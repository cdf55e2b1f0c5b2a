"""What to judge, and what was: pairs that several rankings bring, grades by several judges."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from math import log2
from pathlib import Path
from statistics import median_low

import numpy as np
import orjson
from pydantic import TypeAdapter, ValidationError

from recommend.errors import EvaluationError, truncated_repr
from recommend.evaluation.judgements import Qrels, Run
from recommend.files import Kind, first_line

SCALES: Mapping[str, tuple[int, ...]] = {"0-3": (0, 1, 2, 3), "background": (0, 2, 4, 8, 16)}
"""Grades by the name of their scale: 0 to 3, or those of TREC's background linking, whose gains they are."""

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Grade:
    """What one judge thinks of a pair.

    Attributes:
        grade: None takes back what the judge gave before.
        seconds: from the pair being shown to the grade.
    """

    query: str
    document: str
    grade: int | None
    judge: str
    seconds: float
    judged_at: datetime


_GRADE = TypeAdapter(Grade)


class Grades:
    """The grades in a file of JSON lines, to which each is added as it is given, and fsynced: none is lost.

    Of one judge's grades of a pair the last counts.
    """

    def __init__(self, path: Path) -> None:
        """
        Raises:
            EvaluationError: for a line that is no grade; an unfinished last one, which a crash left, is passed over.
        """
        self._path = path
        self._held: dict[tuple[str, str, str], Grade] = {}
        self._ended = True
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        for number, line in enumerate(lines, start=1):
            try:
                self._note(_GRADE.validate_json(line))
            except ValidationError:
                if number < len(lines) or line.endswith(b"\n"):
                    shown = truncated_repr(line.decode(errors="replace"))
                    raise EvaluationError(f"{path}:{number}: {shown} is not a grade; give another --out") from None
                self._ended = False

    def add(self, grade: Grade) -> None:
        """Adds a grade; durable when this returns."""
        with self._path.open("ab") as file:
            file.write((b"" if self._ended else b"\n") + orjson.dumps(_GRADE.dump_python(grade)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._ended = True
        self._note(grade)

    def of(self, judge: str) -> dict[Pair, int]:
        """The grades of a judge by pair, in the order in which they were given."""
        return {(g.query, g.document): g.grade for g in self._held.values() if g.judge == judge and g.grade is not None}

    def by_judge(self) -> dict[str, dict[Pair, int]]:
        """The same of all judges."""
        return {judge: given for judge in sorted({g.judge for g in self._held.values()}) if (given := self.of(judge))}

    def _note(self, grade: Grade) -> None:
        key = grade.query, grade.document, grade.judge
        self._held.pop(key, None)
        self._held[key] = grade


def _is_grades(path: Path) -> bool:
    try:
        _GRADE.validate_json(first_line(path))
    except ValidationError:
        return False
    return True


GRADES = Kind("a file of grades", _is_grades)


def consensus(by_judge: Mapping[str, Mapping[Pair, int]]) -> Qrels:
    """The median of each pair's grades, the lower of two in the middle, by query."""
    pairs: dict[Pair, list[int]] = {}
    for given in by_judge.values():
        for pair, grade in given.items():
            pairs.setdefault(pair, []).append(grade)
    qrels: Qrels = {}
    for (query, document), grades in sorted(pairs.items()):
        qrels.setdefault(query, {})[document] = median_low(grades)
    return qrels


def agreement(by_judge: Mapping[str, Mapping[Pair, int]], scale: Sequence[int]) -> float | None:
    """Krippendorff's alpha of ordinal grades: 1 where judges agree, 0 where as by chance, below where they contradict
    each other; None where no pair was graded by two, or all grades are the same.

    Source: Krippendorff, Content Analysis (4th ed., 2018), chapter 12.
    """
    pairs = sorted(set().union(*by_judge.values())) if by_judge else []
    data = np.array([[given.get(pair, np.nan) for pair in pairs] for given in by_judge.values()], float)
    if len(data) < 2:
        return None
    twice = np.isfinite(data).sum(0) >= 2
    if not twice.any() or len(np.unique(data[:, twice][np.isfinite(data[:, twice])])) < 2:
        return None
    import krippendorff  # for those who judge

    return float(krippendorff.alpha(data[:, twice], level_of_measurement="ordinal", value_domain=list(scale)))


def pool(runs: Sequence[Run], depth: int) -> dict[str, dict[str, float]]:
    """How much runs disagree on each pair that any has among its first ``depth``, by query and document: the greatest
    difference of what its place counts for (as in DCG), 0…1. With one run, what its place counts for."""
    disagreement: dict[str, dict[str, float]] = {}
    for query in dict.fromkeys(query for run in runs for query in run):
        places = [
            {document: 1 / log2(rank + 1) for rank, (document, _) in enumerate(run.get(query, [])[:depth], start=1)}
            for run in runs
        ]
        for document in dict.fromkeys(document for one in places for document in one):
            worth = [one.get(document, 0.0) for one in places]
            least = min(worth) if len(worth) > 1 else 0.0
            disagreement.setdefault(query, {})[document] = max(worth) - least
    return disagreement


def next_pair(pooled: Mapping[str, Mapping[str, float]], graded: Iterable[Pair], judge: str) -> Pair | None:
    """What a judge should grade next; None when all is graded.

    The query on whose ungraded pairs runs disagree most, and that was begun before another; of its pairs any, in an
    order that tells nothing of ranks or runs, other for each judge.
    """
    done = set(graded)
    left = {query: [d for d in documents if (query, d) not in done] for query, documents in pooled.items()}
    begun = {query for query, _ in done}
    open_queries = [query for query, documents in left.items() if documents]
    if not open_queries:
        return None

    def first(query: str) -> tuple[bool, float, str]:
        return query not in begun, -sum(pooled[query][document] for document in left[query]), query

    query = min(open_queries, key=first)
    return query, min(left[query], key=lambda document: _shuffled(judge, query, document))


def now() -> datetime:
    """The moment of a grade."""
    return datetime.now(UTC)


def _shuffled(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=8).digest()
