"""What was last counted of exposure, kept beside the snapshots for the desk: numbers alone, so that nothing of a story
that is taken down stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet
from pydantic import TypeAdapter, ValidationError

from recommend.errors import EvaluationError
from recommend.evaluation.exposure import FACETS, Exposure, Group, value_of
from recommend.evaluation.tables import write_table
from recommend.index.snapshot.layout import IndexLayout

KINDS = ("nowhere", "policy", "empty", "unreached", "most")
"""Stories in no box: left out, and kept out by policy; with an empty box, out of reach, and those in most boxes."""

_ABOUT = b"exposure"
_MOST = 100
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Counted:
    """The subject of a count, and its totals.

    Attributes:
        size, clicks, gini: as in :class:`~recommend.evaluation.exposure.Exposure`.
        revision: of the store, up to which it was counted.
        articles: how many there were.
        groups: by section, month and language, the largest first.
    """

    size: int
    clicks: int
    gini: float
    snapshot: str
    revision: int
    made_at: datetime
    articles: int
    groups: list[tuple[str, str, Group]]


_FORMAT = TypeAdapter(Counted)


@dataclass(frozen=True, slots=True)
class CountedExposure:
    """A count with a row for each article: ``id``, ``section``, ``month``, ``language``, ``boxes``, ``items``,
    ``clicks``, ``hidden`` and ``copy_of``, newest first."""

    counted: Counted
    table: pa.Table

    def only(self, kind: str, facets: Mapping[str, str]) -> pa.Table:
        """The rows of one of KINDS whose facets have some values."""
        table, clicks = self.table, self.table["clicks"]
        far = pc.fill_null(pc.greater(clicks, self.counted.clicks), True)
        alone = pc.equal(table["boxes"], 0)
        ruled = pc.or_(pc.is_valid(table["hidden"]), pc.is_valid(table["copy_of"]))
        within = {
            "nowhere": pc.and_not(alone, ruled),
            "policy": pc.and_(alone, ruled),
            "empty": pc.equal(table["items"], 0),
            "unreached": far,
        }
        if kind in within:
            table = table.filter(within[kind])
        for facet, value in facets.items():
            table = table.filter(pc.equal(table[facet], value))
        return table.sort_by([("boxes", "descending"), ("id", "ascending")])[:_MOST] if kind == "most" else table

    def counts(self) -> dict[str, int]:
        """How many rows each of KINDS has."""
        return {kind: len(self.only(kind, {})) for kind in KINDS}


def keep(layout: IndexLayout, told: Exposure, snapshot: str, revision: int) -> None:
    """Keeps a count, in the place of the one before."""
    newest_first = sorted(told.articles, key=lambda one: one.published_at or _NEVER, reverse=True)
    rows = [
        {
            "id": one.id, **{facet: value_of(one, facet) for facet in FACETS},
            "boxes": one.boxes, "items": one.items, "clicks": one.clicks,
            "hidden": one.hidden, "copy_of": one.copy_of,
        }
        for one in newest_first
    ]  # fmt: skip
    counted = Counted(
        told.size, told.clicks, told.gini, snapshot, revision, datetime.now(UTC), len(rows), list(told.groups())
    )
    about = {_ABOUT.decode(): orjson.dumps(counted, option=orjson.OPT_UTC_Z).decode()}
    write_table(pa.Table.from_pylist(rows, _SCHEMA), layout.exposure, about)


def read(layout: IndexLayout) -> CountedExposure | None:
    """The last count, None before the first.

    Raises:
        EvaluationError: when the file is malformed.
    """
    try:
        table = parquet.read_table(layout.exposure)
        return CountedExposure(_FORMAT.validate_json(table.schema.metadata[_ABOUT]), table.select(_SCHEMA.names))
    except FileNotFoundError:
        return None
    except (pa.ArrowException, ValidationError, KeyError, TypeError) as problem:
        raise EvaluationError(
            f"{layout.exposure} is malformed: {problem}; recommend exposure --desk counts anew"
        ) from None


_SCHEMA = pa.schema(
    [
        ("id", pa.string()), *((facet, pa.string()) for facet in FACETS),
        ("boxes", pa.int64()), ("items", pa.int64()), ("clicks", pa.int64()),
        ("hidden", pa.string()), ("copy_of", pa.string()),
    ]
)  # fmt: skip
