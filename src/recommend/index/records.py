"""What a source hands out of an article, and many of them as one segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from recommend.index.backlinks import Backlinks
from recommend.index.lexical import TermMatrix
from recommend.index.packing import unpack
from recommend.index.segment import Segment
from recommend.index.table import SCHEMA, ArticleTable

IntArray = NDArray[np.int64]


class Record(NamedTuple):
    """One article: ``embedding`` float16 (d,) as bytes, see :func:`~recommend.index.packing.pack` for ``vectors`` and
    :func:`card_bytes` for ``card``."""

    embedding: bytes
    vectors: bytes
    card: bytes


@dataclass(frozen=True, slots=True)
class Records:
    """Articles at hand, by number in their generation, and of their neighbours that are not, the vectors."""

    rows: Mapping[int, Record] = field(default_factory=dict)
    neighbours: Mapping[int, bytes] = field(default_factory=dict)

    def joined(self, other: Records) -> Records:
        """Both."""
        return Records({**self.rows, **other.rows}, {**self.neighbours, **other.neighbours})


def card_bytes(row: Mapping[str, Any]) -> bytes:
    """A row of an article table, its columns in their order."""
    return orjson.dumps([row[name] for name in SCHEMA.names])


def assemble(records: Records, beside: Segment, *, alone: bool = False) -> tuple[Segment, IntArray]:
    """The records as a segment, ascending by id, and (n,) their numbers.

    Args:
        records: n of them.
        beside: any segment of the generation: of its dimensions, terms and labels.
        alone: whether their neighbours are not at hand, nor asked for. Of some of them they may not be: nobody compares
            those by their neighbours' words, and they stand for themselves.
    """
    rows, count = records.rows, len(records.rows)
    cards, numbers = _by_id(rows)
    ordered = [rows[number] for number in numbers.tolist()]
    others = [] if alone else [number for number in records.neighbours if number not in rows]
    packed = [record.vectors for record in ordered] + [records.neighbours[number] for number in others]
    known_matrices = (beside.matrix, beside.titles, beside.tags, beside.authors)
    widths = [*(matrix.rows.shape[1] for matrix in known_matrices), len(beside.backlinks.linking)]
    vectors = unpack(packed, widths)
    titles, tags, authors = (
        TermMatrix(matrix[:count], corpus=known.corpus)
        for matrix, known in zip(vectors.matrices[1:4], known_matrices[1:], strict=True)
    )
    neighbours = None
    if not alone:
        all_numbers = np.concatenate([numbers, np.array(others, np.int64)])
        order, wanted = np.argsort(all_numbers), vectors.neighbours[:count]
        places = order[np.searchsorted(all_numbers, wanted, sorter=order).clip(max=len(order) - 1)]
        own = np.arange(count)[:, None]
        neighbours = np.where(all_numbers[places] == wanted, places, own).astype(np.int32)
    dimension = beside.embeddings.shape[1]
    embeddings = np.frombuffer(b"".join(record.embedding for record in ordered), np.float16).reshape(-1, dimension)
    segment = replace(
        beside_parts(beside),
        table=_table(cards),
        embeddings=embeddings,
        matrix=TermMatrix(vectors.matrices[0], corpus=beside.matrix.corpus),
        groups=vectors.groups[:count],
        neighbours=neighbours,
        lengths=vectors.lengths[:count],
        titles=titles,
        tags=tags,
        authors=authors,
        backlinks=Backlinks(vectors.matrices[4][:count], beside.backlinks.linking),
    )
    return segment, numbers


def beside_parts(segment: Segment) -> Segment:
    """The parts of a segment, of whatever kind it is, as a plain one."""
    return Segment(*(getattr(segment, name) for name in Segment.__slots__))


def _by_id(rows: Mapping[int, Record]) -> tuple[list[list[Any]], IntArray]:
    """The cards in ascending order of ids, and (n,) their numbers."""
    cards: list[list[Any]] = orjson.loads(b"[" + b",".join(record.card for record in rows.values()) + b"]")
    order = sorted(range(len(cards)), key=lambda place: cards[place][0])
    return [cards[place] for place in order], np.fromiter(rows, np.int64, len(rows))[order]


def _table(cards: Sequence[Sequence[Any]]) -> ArticleTable:
    columns = zip(*cards, strict=True) if cards else [()] * len(SCHEMA)
    return ArticleTable(
        pa.RecordBatch.from_arrays([_array(list(c), f) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)
    )


def _array(values: list[Any], column: pa.Field) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return pa.array(values, column.type.value_type).dictionary_encode()
    return pa.array(values, column.type)
