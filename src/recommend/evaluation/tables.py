"""Rankings, boxes and features as Arrow tables, and any Arrow table as a data frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from recommend.errors import EvaluationError, UnknownArticleError, truncated_repr
from recommend.evaluation.judgements import Qrels, Run
from recommend.files import Kind, first_line, starts_with, whole
from recommend.inspection import candidates_of
from recommend.ranking.candidates import FEATURES
from recommend.recommender import Recommender

if TYPE_CHECKING:
    import pandas as pd


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """A table as a data frame.

    Raises:
        EvaluationError: when pandas is not installed.
    """
    try:
        return table.to_pandas()
    except ModuleNotFoundError:
        raise EvaluationError("pandas is not installed: pip install 'related-articles[notebook]'") from None


def run_table(run: Run, qrels: Qrels | None = None) -> pa.Table:
    """A row for each ranked document: query, document, rank from 1 on, score, and its grade, null where nobody judged
    it."""
    rows = [
        (query, document, rank, score, (qrels or {}).get(query, {}).get(document))
        for query, documents in run.items()
        for rank, (document, score) in enumerate(documents, start=1)
    ]
    columns = list(zip(*rows, strict=True)) or [(), (), (), (), ()]
    kinds = (pa.string(), pa.string(), pa.int32(), pa.float64(), pa.int32())
    names = ("query", "document", "rank", "score", "grade")
    return pa.table({n: pa.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)})


def box_table(recommender: Recommender, ids: Iterable[str], k: int = 5) -> pa.Table:
    """A row for each item of the boxes under some articles: article, item, rank, title, section, date, score, whether
    it is related or only fills the box, and its reason.

    Raises:
        UnknownArticleError: for an id that no published article has.
    """
    rows: list[dict[str, Any]] = []
    wanted = list(ids)
    for article_id, answer in zip(wanted, recommender.answers(wanted, k), strict=True):
        if answer is None:
            raise UnknownArticleError(article_id)
        rows += [
            {
                "article": article_id,
                "item": item.id,
                "rank": item.rank,
                "title": item.title,
                "section": item.section,
                "published_at": item.published_at,
                "score": item.score,
                "related": item.rank <= answer.related,
                "reason_kind": item.reason.kind,
                "reason": item.reason.text,
            }
            for item in answer.items
        ]
    return pa.Table.from_pylist(rows, _BOX)


_BOX = pa.schema(
    [
        ("article", pa.string()), ("item", pa.string()), ("rank", pa.int32()), ("title", pa.string()),
        ("section", pa.string()), ("published_at", pa.timestamp("us", "UTC")), ("score", pa.float64()),
        ("related", pa.bool_()), ("reason_kind", pa.string()), ("reason", pa.string()),
    ]
)  # fmt: skip


def feature_table(recommender: Recommender, qrels: Qrels) -> pa.Table:
    """A row for each candidate of each judged query: query, document, grade (null where nobody judged it), score,
    probability, and every feature, null where it says nothing. What a ranker is fitted on.

    Queries that are not among the articles have none.
    """
    columns: dict[str, list[Any]] = {name: [] for name in ("query", "document", "grade")}
    numbers: dict[str, list[np.ndarray]] = {name: [] for name in ("score", "probability", *FEATURES)}
    for query, grades in qrels.items():
        try:
            ids, candidates, _ = candidates_of(recommender, query)
        except UnknownArticleError:
            continue
        columns["query"] += [query] * len(ids)
        columns["document"] += ids
        columns["grade"] += [grades.get(one) for one in ids]
        numbers["score"].append(candidates.scores)
        numbers["probability"].append(candidates.probabilities)
        for name in FEATURES:
            numbers[name].append(candidates.feature(name))
    plain = {"query": pa.string(), "document": pa.string(), "grade": pa.int32()}
    arrays = {name: pa.array(columns[name], kind) for name, kind in plain.items()}
    for name, parts in numbers.items():
        joined = np.concatenate([np.zeros(0, np.float32), *parts])
        arrays[name] = pa.array(joined, pa.float32(), mask=np.isnan(joined))
    return pa.table(arrays)


def write_table(table: pa.Table, path: Path, about: Mapping[str, str] | None = None) -> None:
    """Writes a table as its file's name ends: .parquet, with what it is ``about`` in its metadata, or .csv.

    Raises:
        EvaluationError: for another ending.
    """
    if path.suffix not in (".parquet", ".csv"):
        raise EvaluationError(f"{truncated_repr(path)} ends neither in .parquet nor in .csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as beside:
        if path.suffix == ".csv":
            from pyarrow import csv

            csv.write_csv(table, beside)
        else:
            from pyarrow import parquet

            parquet.write_table(table.replace_schema_metadata(dict(about or {})), beside)


def _is_table(path: Path) -> bool:
    return starts_with(path, b"PAR1") or first_line(path).startswith('"query",')


TABLE = Kind("a table of queries", _is_table)
