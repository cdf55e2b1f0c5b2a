"""Rankings and boxes that are kept by the hash of what made them, so that they need not be made twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recommend.evaluation.provenance import Provenance, provenance
from recommend.evaluation.shown import Box, read_boxes
from recommend.files import whole
from recommend.inspection import ranking_of
from recommend.recommender import Recommender

Ranking = list[tuple[str, float]]

_RANKINGS = pa.schema(
    [
        ("query", pa.string()),
        ("depth", pa.int32()),
        ("milliseconds", pa.float64()),
        ("documents", pa.list_(pa.string())),
        ("scores", pa.list_(pa.float32())),
    ]
)
_BOXES = pa.schema([("query", pa.string()), ("items", pa.list_(pa.string())), ("related", pa.int32())])


class Rankings:
    """The rankings of one recommender: each is made once, and none that a folder holds already.

    Attributes:
        milliseconds: what each ranking took when it was made, by query and depth.
    """

    def __init__(self, recommender: Recommender, folder: Path | None = None) -> None:
        """
        Args:
            recommender: that ranks; its view must not change.
            folder: where rankings are kept; None keeps none.
        """
        self._recommender = recommender
        self._folder = folder
        self._made: dict[tuple[str, int], Ranking] = {}
        self.milliseconds: dict[tuple[str, int], float] = {}
        if folder is not None:
            self._load(self._file(provenance(recommender), "rankings"))
        self._known = len(self._made)

    def rank(self, query: str, depth: int) -> Ranking:
        """The ``depth`` best documents of a query, as :func:`~recommend.inspection.ranking_of` gives them.

        Raises:
            UnknownArticleError: when no published article has the id.
        """
        key = query, depth
        if key not in self._made:
            began = time.perf_counter()
            self._made[key] = ranking_of(self._recommender, query, depth)
            self.milliseconds[key] = 1000 * (time.perf_counter() - began)
        return self._made[key]

    def save(self) -> None:
        """Keeps what was made, where there is a folder."""
        if self._folder is None or len(self._made) == self._known:
            return
        rows = [
            {
                "query": query,
                "depth": depth,
                "milliseconds": self.milliseconds[query, depth],
                "documents": [document for document, _ in ranking],
                "scores": [score for _, score in ranking],
            }
            for (query, depth), ranking in self._made.items()
        ]
        _write(pa.Table.from_pylist(rows, _RANKINGS), self._file(provenance(self._recommender), "rankings"))
        self._known = len(self._made)

    def boxes(self, ids: Sequence[str], size: int, progress: Callable[[], None]) -> list[Box]:
        """The boxes under some articles, see :func:`~recommend.evaluation.shown.read_boxes`."""
        if self._folder is None:
            return read_boxes(self._recommender, ids, size, progress)
        policy = self._recommender.settings.policy.model_copy(update={"on": True})
        file = self._file(provenance(self._recommender.with_settings(policy=policy)), f"boxes-{size}")
        table = _read(file, _BOXES)
        kept = {} if table is None else {row["query"]: row for row in table.to_pylist()}
        made = read_boxes(self._recommender, [one for one in ids if one not in kept], size, progress)
        boxes = {query: Box(query, tuple(row["items"]), row["related"]) for query, row in kept.items()}
        boxes |= {box.article_id: box for box in made}
        if made:
            rows = [{"query": b.article_id, "items": list(b.items), "related": b.related} for b in boxes.values()]
            _write(pa.Table.from_pylist(rows, _BOXES), file)
        return [boxes[one] for one in ids if one in boxes]

    def _file(self, made_by: Provenance, what: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{made_by.hash}.{what}.parquet"

    def _load(self, file: Path) -> None:
        table = _read(file, _RANKINGS)
        for row in [] if table is None else table.to_pylist():
            key = row["query"], row["depth"]
            self._made[key] = list(zip(row["documents"], row["scores"], strict=True))
            self.milliseconds[key] = row["milliseconds"]


def _read(file: Path, schema: pa.Schema) -> pa.Table | None:
    """A file that was written so; None for any other, which is then made again."""
    try:
        table = pq.read_table(file) if file.is_file() else None
    except (OSError, pa.ArrowInvalid):
        return None
    return table if table is not None and table.schema.equals(schema) else None


def _write(table: pa.Table, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole(file) as beside:
        pq.write_table(table, beside, compression="zstd")
