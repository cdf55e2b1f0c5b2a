from __future__ import annotations

import decimal
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recommend.articles.article import Article
from recommend.errors import SourceError
from recommend.sources.parquet import read_parquet
from recommend.sources.row import Reject, Row, RowWarning

Columns = dict[str, Any]


def written(folder: Path, columns: Columns, row_group_size: int = 1_000) -> Path:
    path = folder / "a.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


def rows_of(folder: Path, columns: Columns) -> list[Row]:
    return list(read_parquet(written(folder, columns), "a.parquet"))


def ids(rows: Iterable[Row]) -> list[str]:
    return [row.id for row in rows if isinstance(row, Article)]


def test_columns_become_fields_and_nulls_are_absent(tmp_path: Path) -> None:
    first, second = rows_of(
        tmp_path,
        {
            "id": [1, 2],
            "title": ["x", "y"],
            "tags": [["a", "b"], None],
            "authors": ["Jane; Joe", None],
            "section": pa.array([b"world", None]).dictionary_encode(),
            "extra": ['{"desk": 4}', None],
            "rank": [9, None],
        },
    )
    assert isinstance(first, Article)
    assert isinstance(second, Article)
    assert (first.id, first.tags, first.authors, first.section) == ("1", ["a", "b"], ["Jane", "Joe"], "world")
    assert first.extra == {"desk": 4, "rank": 9}
    assert (second.tags, second.section, second.extra) == ([], None, {})


@pytest.mark.parametrize(
    "extra",
    [pa.array([{"desk": 4}]), pa.array([[("desk", 4)]], pa.map_(pa.string(), pa.int64()))],
)
def test_extra_may_be_a_struct_or_a_map(tmp_path: Path, extra: pa.Array[Any]) -> None:
    (row,) = rows_of(tmp_path, {"id": ["1"], "title": ["x"], "extra": extra})
    assert isinstance(row, Article)
    assert row.extra == {"desk": 4}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "Nowhere/Known"])
def test_a_timestamp_of_any_unit_and_zone_is_a_moment(tmp_path: Path, unit: Any, zone: str | None) -> None:
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    values = pa.array([moment.replace(tzinfo=None)], pa.timestamp("us")).cast(pa.timestamp(unit, zone))
    (row,) = rows_of(tmp_path, {"id": ["1"], "title": ["x"], "published_at": values})
    assert isinstance(row, Article)
    assert row.published_at == moment


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_a_date_is_its_first_moment(tmp_path: Path, kind: pa.DataType) -> None:
    values = pa.array([date(2024, 5, 6)], kind)
    (row,) = rows_of(tmp_path, {"id": ["1"], "title": ["x"], "published_at": values})
    assert isinstance(row, Article)
    assert row.published_at == datetime(2024, 5, 6, tzinfo=UTC)


def test_a_moment_beyond_the_year_9999_costs_only_its_row(tmp_path: Path) -> None:
    moments = pa.array([0, 10**12, None], pa.timestamp("s"))
    first, reject, last = rows_of(tmp_path, {"id": ["1", "2", "3"], "title": ["x"] * 3, "published_at": moments})
    assert ids([first, last]) == ["1", "3"]
    assert isinstance(reject, Reject)
    assert (reject.line, reject.article_id, reject.field) == (2, "2", "published_at")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([decimal.Decimal("1.50")]), "1.50"),
        (pa.array([b"bytes"]), "bytes"),
        (pa.array([b"bytes"], pa.binary(5)), "bytes"),
        (pa.array([5_000], pa.time32("ms")), "00:00:05.000"),
        (pa.array([1.5]), 1.5),
        (pa.array([True]), True),
        (pa.array([uuid.UUID(int=7).bytes], pa.uuid()), "00000000-0000-0000-0000-000000000007"),
        (pa.array([[1.0, 2.0]]), [1.0, 2.0]),
    ],
)
def test_an_unknown_column_of_any_type_is_kept_as_json_knows_it(
    tmp_path: Path, values: pa.Array[Any], expected: object
) -> None:
    (row,) = rows_of(tmp_path, {"id": ["1"], "title": ["x"], "note": values})
    assert isinstance(row, Article)
    assert row.extra == {"note": expected}


def test_bytes_and_identifiers_of_128_bits_are_ids(tmp_path: Path) -> None:
    assert ids(rows_of(tmp_path, {"id": [b"a1"], "title": [b"x"]})) == ["a1"]
    column = pa.array([uuid.UUID(int=7).bytes], pa.uuid())
    assert ids(rows_of(tmp_path, {"id": column, "title": ["x"]})) == ["00000000-0000-0000-0000-000000000007"]


def test_ids_that_pandas_made_floats_are_integers_again(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, {"id": [12.0, float("nan"), 2.0**60, 1.5], "title": ["x"] * 4})
    assert ids(rows) == ["12", "1.5"]
    missing, inexact = (row for row in rows if isinstance(row, Reject))
    assert (missing.line, missing.field) == (2, "id")
    assert (inexact.line, inexact.field) == (3, "id")
    assert inexact.reason == "is a float too large to be exact: write ids as strings"


def test_null_ids_and_titles_cost_only_their_rows(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, {"id": ["1", None, "3", "4"], "title": ["x", "y", None, "z"]})
    assert ids(rows) == ["1", "4"]
    assert [(row.line, row.field) for row in rows if isinstance(row, Reject)] == [(2, "id"), (3, "title")]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("title", [["x"]]),
        ("title", [True]),
        ("published_at", [7]),
        ("published_at", [1.5]),
        ("status", ["gone"]),
    ],
)
def test_a_column_of_a_wrong_type_rejects_its_rows_by_name(tmp_path: Path, field: str, values: list[object]) -> None:
    (reject,) = rows_of(tmp_path, {"id": ["1"], "title": ["x"], field: values})
    assert isinstance(reject, Reject)
    assert (reject.line, reject.article_id, reject.field) == (1, "1", field)


def test_text_that_is_not_utf_8_costs_only_its_row(tmp_path: Path) -> None:
    first, reject, last = rows_of(tmp_path, {"id": ["1", "2", "3"], "title": [b"x", b"caf\xe9", b"\xc3\xa9"]})
    assert ids([first, last]) == ["1", "3"]
    assert reject == Reject("a.parquet", 2, "2", "title", "b'caf\\xe9'", "is not valid UTF-8: byte 0xe9")


def test_records_are_numbered_through_batches_and_row_groups(tmp_path: Path) -> None:
    titles: list[str | None] = ["x"] * 2_500
    titles[2_345] = None
    path = written(tmp_path, {"id": list(range(2_500)), "title": titles}, row_group_size=700)
    rows = list(read_parquet(path, "a.parquet"))
    assert ids(rows) == [str(number) for number in range(2_500) if number != 2_345]
    (reject,) = (row for row in rows if isinstance(row, Reject))
    assert reject.line == 2_346


def test_a_damaged_row_group_costs_only_its_records(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {"id": [str(number) for number in range(300)], "title": ["x"] * 300}
    pq.write_table(pa.table(columns), path, row_group_size=100, compression="none", use_dictionary=False)
    with pq.ParquetFile(path) as file:
        start = file.metadata.row_group(1).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)
    rows = list(read_parquet(path, "a.parquet"))
    assert ids(rows) == [str(number) for number in [*range(100), *range(200, 300)]]
    (reject,) = (row for row in rows if isinstance(row, Reject))
    assert reject.line == 101
    assert reject.reason.startswith("cannot be read, nor the records up to 200: ")


def test_large_rows_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    texts = [f"{number} {'word ' * 200_000}" for number in range(150)]
    path = tmp_path / "a.parquet"
    columns = pa.table({"id": list(range(150)), "title": ["x"] * 150, "note": texts})
    pq.write_table(columns, path, write_batch_size=1)  # else all of it were one page, and pages are read whole
    del columns, texts
    before = pa.total_allocated_bytes()
    peak = max(pa.total_allocated_bytes() - before for _ in read_parquet(path, "a.parquet"))
    assert peak < 100 * 2**20  # all rows together: 150 MB of text


@pytest.mark.parametrize("data", [b"", b"id,title\n1,x\n", b"PAR1" + b"\x00" * 50 + b"PAR1"])
def test_what_is_not_parquet_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="is not Parquet or is damaged"):
        list(read_parquet(path, str(path)))


def test_without_columns_id_and_title_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no column that is the title"):
        rows_of(tmp_path, {"id": ["1"], "Schlagzeile": ["x"]})


@pytest.mark.parametrize(("field", "values"), [("tags", [7]), ("tags", [[["x"]]]), ("extra", [7]), ("language", [7.5])])
def test_an_optional_column_of_a_wrong_type_is_left_out_with_warnings(
    tmp_path: Path, field: str, values: list[object]
) -> None:
    row, warning = rows_of(tmp_path, {"id": ["1"], "title": ["x"], field: values})
    assert isinstance(row, Article)
    assert isinstance(warning, RowWarning)
    assert (warning.line, warning.article_id, warning.field) == (1, "1", field)


def test_numbers_since_1970_nulls_in_lists_and_authors_as_objects_are_understood(tmp_path: Path) -> None:
    columns: Columns = {
        "id": [1, 2],
        "title": ["x", "y"],
        "published_at": [1741000000000, 1741000000],
        "updated_at": [1741000000.0, None],
        "tags": [["a", None], None],
        "authors": pa.array([[{"name": "Ann Lee", "id": 1}], []]),
    }
    first, second = rows_of(tmp_path, columns)
    assert isinstance(first, Article)
    assert isinstance(second, Article)
    moment = datetime(2025, 3, 3, 11, 6, 40, tzinfo=UTC)
    assert (first.published_at, second.published_at, first.updated_at) == (moment, moment, moment)
    assert (first.tags, first.authors) == (["a"], ["Ann Lee"])


def shared_by_rows() -> pa.Table:
    note = pa.DictionaryArray.from_arrays(pa.array(np.zeros(20_000, np.int32)), pa.array(["x" * 3_200_000]))
    return pa.table({"id": pa.array(range(20_000)), "title": ["x"] * 20_000, "note": note})


def shared_by_a_list() -> pa.Table:
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1_000_000, np.int32)), pa.array(["y" * 1_000]))
    return pa.table({"id": ["1"], "title": ["x"], "tags": pa.ListArray.from_arrays(pa.array([0, 1_000_000]), texts)})


def many_numbers() -> pa.Table:
    numbers = pa.ListArray.from_arrays(pa.array([0, 5_000_000]), pa.array(np.zeros(5_000_000)))
    return pa.table({"id": ["1"], "title": ["x"], "note": numbers})


def one_letter() -> pa.Table:
    return pa.table({"id": ["1"], "title": ["x"], "text": ["z" * 100_000_000]})


@pytest.mark.parametrize("make", [shared_by_rows, shared_by_a_list, many_numbers, one_letter])
def test_a_small_file_that_holds_very_much_costs_rows_and_no_memory(
    tmp_path: Path, make: Callable[[], pa.Table]
) -> None:
    path, dictionary = tmp_path / "a.parquet", make is not one_letter
    pq.write_table(make(), path, compression="zstd", dictionary_pagesize_limit=2**26, use_dictionary=dictionary)
    assert path.stat().st_size < 300_000
    before, peak, found = pa.total_allocated_bytes(), 0, list[Row]()
    for row in read_parquet(path, "a.parquet"):
        found.append(row)
        peak = max(peak, pa.total_allocated_bytes() - before)
    reject = next(row for row in found if isinstance(row, Reject))
    assert "times" in reject.reason or "more than 16,777,216" in reject.reason
    assert len(found) < 60
    assert peak < 150 * 2**20
