from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommend.articles.article import Article
from recommend.errors import SourceError
from recommend.sources import table as table_source
from recommend.sources.limits import LINE_LIMIT
from recommend.sources.row import Reject, Row, RowWarning
from recommend.sources.stream import ByteStream
from recommend.sources.table import read_csv


def table(data: str | bytes) -> list[Row]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read_csv(ByteStream(io.BytesIO(raw), "a.csv")))


def ids(rows: Iterable[Row]) -> list[str]:
    return [row.id for row in rows if isinstance(row, Article)]


def only_reject(rows: Iterable[Row]) -> Reject:
    (reject,) = (row for row in rows if isinstance(row, Reject))
    return reject


def test_columns_become_fields_and_empty_cells_are_absent() -> None:
    (row,) = table(
        "id,title,text,published_at,tags,authors,section,extra,rank\r\n"
        '1,"Vote, again","First\r\n\r\nsecond ""line""",2024-05-06,a;b|c,Jane Doe,,"{""desk"": 4}",9\r\n'
    )
    assert isinstance(row, Article)
    assert (row.id, row.title, row.text) == ("1", "Vote, again", 'First\n\nsecond "line"')
    assert row.published_at == datetime(2024, 5, 6, tzinfo=UTC)
    assert (row.tags, row.authors, row.section) == (["a", "b", "c"], ["Jane Doe"], None)
    assert row.extra == {"desk": 4, "rank": "9"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_tells_the_delimiter(delimiter: str) -> None:
    (row,) = table(f'id,title,note\n1,x,"a{delimiter}b"\n'.replace(",", delimiter))
    assert isinstance(row, Article)
    assert row.extra == {"note": f"a{delimiter}b"}


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert ids(table(b"\xef\xbb\xbfid,title\n1,x\n")) == ["1"]


def test_spaces_around_column_names_do_not_matter() -> None:
    assert ids(table(" id , title\n1,x\n")) == ["1"]


def test_empty_lines_and_rows_of_empty_cells_are_skipped() -> None:
    assert table("\n\nid,title\n\n   \n,\n") == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not begin with a CSV header"),
        (b"\n\n", "does not begin with a CSV header"),
        (b'"id', "does not begin with a CSV header"),
        ("id,title,заголовок\n".encode("cp1251"), "header in UTF-8"),
        (b"1,A headline,text\n", "has no column that is the title"),
        (b"id,Schlagzeile\n", "--map Schlagzeile=title"),
        (b"id,title,text,text\n", "has 2 columns 'text'"),
        (b"a" * (LINE_LIMIT + 1), "does not begin with a CSV header"),
    ],
)
def test_without_a_header_that_names_id_and_title_the_file_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        table(data)


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        ("b,x", None, "does not fit the header: 2 != 3 cells"),
        ("b", None, "does not fit the header: 1 != 3 cells"),
        ("b,x,2024-01-01,4,5", None, "does not fit the header: 5 != 3 cells"),
        (",x,", "id", "is missing"),
        ("b,,", "title", "is missing"),
        ("b,x,last week", "published_at", "is not an ISO 8601 date"),
        ("b,x\x00y,", "title", "contains a NUL byte"),
        ('b,"He said "yes" to it",', None, "is not a CSV row: "),
        ("b,x\ry,", None, "is not a CSV row: "),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_costs_no_other(bad: str, field: str | None, reason: str) -> None:
    rows = table(f'id,title,published_at\n1,"two\nlines",\n{bad}\n2,y,\n')
    assert ids(rows) == ["1", "2"]
    reject = only_reject(rows)
    assert (reject.source, reject.line, reject.field) == ("a.csv", 4, field)
    assert reject.article_id == ("b" if field not in {None, "id"} else None)
    assert reject.reason.startswith(reason)


def test_bytes_that_are_not_utf_8_cost_only_their_row() -> None:
    rows = table(b'id,title,text\n1,x,\n2,caf\xe9,\n3,z,"a\n\xff\nb"\n4,\xc3\xa9,\n')
    assert ids(rows) == ["1", "4"]
    first, second = (row for row in rows if isinstance(row, Reject))
    assert (first.line, first.article_id, first.field, first.value) == (3, "2", "title", "'caf\\udce9'")
    assert first.reason == "is not valid UTF-8: byte 0xe9"
    assert (second.line, second.article_id, second.field) == (4, "3", "text")


def test_an_unclosed_quote_costs_only_its_row() -> None:
    rows = table('id,title,text\n1,a,b\n2,"never closed,b\n3,c,d\n4,"quoted, title",f\n5,g,h\n')
    assert ids(rows) == ["1", "3", "4", "5"]
    reject = only_reject(rows)
    assert (reject.line, reject.value) == (3, "'2,\"never closed,b'")


def test_an_unclosed_quote_costs_only_its_row_when_no_other_quote_follows() -> None:
    rows = table('id,title,text\n1,"never closed,b\n' + "".join(f"{number},c,d\n" for number in range(500)))
    assert ids(rows) == [str(number) for number in range(500)]
    assert only_reject(rows).reason == "is not a CSV row: unexpected end of data"


def test_an_unclosed_quote_costs_only_its_row_even_before_more_rows_than_one_record_may_hold() -> None:
    row = f"n,c,{'d' * 60_000}\n"
    rows = table('id,title,note\n1,"never closed,b\n' + row * 600)
    assert ids(rows) == ["n"] * 600
    assert only_reject(rows).line == 2


def test_a_faulty_row_of_many_lines_is_one_reject() -> None:
    rows = table('id,title,text\n1,a,"A long text.\n\nWith paragraphs.\n\nAnd one, more."surplus\n2,b,\n')
    assert ids(rows) == ["2"]
    reject = only_reject(rows)
    assert reject.line == 2
    assert reject.reason.endswith("(lines 2 to 6)")


def test_a_cell_longer_than_the_limit_of_the_csv_module_by_default_is_read() -> None:
    (row,) = table(f"id,title,text\n1,x,{'word ' * 100_000}\n")
    assert isinstance(row, Article)
    assert len(row.text) > 131_072


def test_a_row_of_forty_megabytes_on_one_line_is_rejected_with_its_size() -> None:
    rows = table(b'id,title,text\n1,x,\n2,y,"' + b"a" * 40 * 2**20 + b'"\n3,z,\n')
    assert ids(rows) == ["1", "3"]
    reject = only_reject(rows)
    assert reject.line == 3
    assert reject.reason == f"has {40 * 2**20 + 7:,} bytes, more than {LINE_LIMIT:,}"


def test_a_row_of_forty_megabytes_on_many_lines_is_one_reject() -> None:
    paragraph = b'A paragraph, with a ""quote"". ' * 40 + b"\n\n"
    rows = table(b'id,title,text\n1,x,\n2,y,"' + paragraph * (40 * 2**20 // len(paragraph)) + b'end"\n3,z,\n')
    assert ids(rows) == ["1", "3"]
    reject = only_reject(rows)
    assert reject.line == 3
    assert f"more than {LINE_LIMIT:,}" in reject.reason


def test_a_line_that_is_too_long_within_a_row_costs_that_row() -> None:
    rows = table(b'id,title,text\n1,x,\n2,y,"first\n' + b"a" * (LINE_LIMIT + 1) + b'\nlast"\n3,z,\n')
    assert ids(rows) == ["1", "3"]


def test_tab_separated_values_need_no_quoting() -> None:
    rows = table('id\ttitle\ttext\n1\t"Yes" says mayor\ta\n2\t"Never closed\tb\n3\tc\td\n4\t"quoted\ttitle"\tf\n')
    assert ids(rows) == ["1", "2", "3", "4"]
    titles = [row.title for row in rows if isinstance(row, Article)]
    assert titles == ['"Yes" says mayor', '"Never closed', "c", "quoted title"]


@settings(deadline=None)
@given(st.sampled_from(["short", '"two\nlines"']), st.integers(500, 8_000))
def test_a_truncated_gzip_gives_the_rows_before_the_break_and_one_reject(body: str, end: int) -> None:
    lines = [f"{number},Title {number**7},{body}\n" for number in range(2_000)]
    packed = gzip.compress(("id,title,text\n" + "".join(lines)).encode(), compresslevel=0)  # to cut at any character
    *rows, last = read_csv(ByteStream(io.BytesIO(packed[:end]), "a.csv.gz", gzipped=True))
    assert ids(rows) == [str(number) for number in range(len(rows))]
    assert len(rows) >= 2_000 * end // len(packed) // 3
    assert isinstance(last, Reject)
    assert last.reason.startswith("breaks off here")
    assert last.line is not None
    assert abs(last.line - 2 - len(rows) * (body.count("\n") + 1)) <= 1


cell = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=20)


@settings(deadline=None)
@given(st.lists(st.tuples(cell, cell, cell), max_size=8), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_whatever_a_csv_writer_wrote_arrives_row_by_row(cells: list[tuple[str, str, str]], quoting: int) -> None:
    file = io.StringIO()
    writer = csv.writer(file, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["id", "title", "text", "note"])
    writer.writerows([f"n{number}", f"t{title}", text, note] for number, (title, text, note) in enumerate(cells))
    rows = table(file.getvalue())
    assert ids(rows) == [f"n{number}" for number in range(len(cells))]
    notes = [row.extra.get("note", "") for row in rows if isinstance(row, Article)]
    assert notes == [note for *_, note in cells]


@settings(deadline=None)
@given(st.lists(st.integers(0, 99) | st.binary(max_size=40).map(lambda line: line.replace(b'"', b"'")), max_size=20))
def test_no_line_of_random_bytes_without_quotes_raises_or_costs_a_good_one(lines: list[int | bytes]) -> None:
    data = b"".join((b"g%d,x" % line if isinstance(line, int) else line) + b"\n" for line in lines)
    rows = table(b"id,title\n" + data)
    good = [f"g{line}" for line in lines if isinstance(line, int)]
    assert [name for name in ids(rows) if name.startswith("g")] == good


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_at_all_raise(data: bytes) -> None:
    for row in table(b'id,title,text\n1,"' + data):
        assert isinstance(row, Article | Reject | RowWarning)


@pytest.mark.parametrize(
    ("data", "titles"),
    [
        ("sep=;\r\nid;title\r\n1;Hafen, zu\r\n", ["Hafen, zu"]),
        ('"sep=\t"\nid\ttitle\n1\tx\n', ["x"]),
        ("ID,Title\n1,x\n", ["x"]),
        ('id,"a|b|c|d",title\n1,,x\n', ["x"]),
        ("id,title\r1,Harbour\r2,Ferry\r", ["Harbour", "Ferry"]),
        ('id,title,text\n1,"He said \\"no\\" twice, then left",x\n2,y,"z"\n', ['He said "no" twice, then left', "y"]),
    ],
)
def test_what_spreadsheets_and_databases_write_is_understood(data: str, titles: list[str]) -> None:
    rows = table(data)
    assert [row.title for row in rows if isinstance(row, Article)] == titles
    assert len(rows) == len(titles)


@pytest.mark.parametrize("null", ["\\N", "NULL"])
def test_a_null_of_a_database_is_absent(null: str) -> None:
    (row,) = table(f"id,title,section,published_at\n1,x,{null},{null}\n")
    assert isinstance(row, Article)
    assert (row.section, row.published_at) == (None, None)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_table_in_utf_16_is_read(encoding: str) -> None:
    mark = "" if encoding == "utf-16" else "\ufeff"
    (row,) = table(f"{mark}id\ttitle\r\n1\tFähre\r\n".encode(encoding))
    assert isinstance(row, Article)
    assert row.title == "Fähre"


def test_western_text_that_is_not_utf_8_is_read_as_windows_1252_with_a_warning() -> None:
    warning, row = table("id;title\r\n1;Die Fähre – für 5 €\r\n".encode("cp1252"))
    assert isinstance(warning, RowWarning)
    assert warning.reason.startswith("is not UTF-8 and was read as windows-1252")
    assert isinstance(row, Article)
    assert row.title == "Die Fähre – für 5 €"


def test_text_of_another_script_is_not_guessed_at() -> None:
    rows = table("id;title\n1;Порт закрыт\n".encode("cp1251"))
    assert only_reject(rows).reason.startswith("is not valid UTF-8")


def test_a_table_of_too_many_columns_is_refused() -> None:
    with pytest.raises(SourceError, match="has 2,002 columns, more than 1,000"):
        table("id,title" + ",x" * 2_000 + "\n")


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_quotes_that_open_in_every_row_cost_work_in_proportion(delimiter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line closes what the line before opened and opens again: read to the limit from each, it would never end."""
    monkeypatch.setattr(table_source, "LINE_LIMIT", 20_000)
    taken: list[int] = []
    take = table_source._Lines._take

    def counted(lines: table_source._Lines) -> str:
        taken.append(1)
        return take(lines)

    monkeypatch.setattr(table_source._Lines, "_take", counted)
    work = {}
    for count in (1_000, 8_000):
        taken.clear()
        list(table(f"id{delimiter}title{delimiter}text\n" + f'x"{delimiter}y{delimiter}"z\n' * count))
        work[count] = len(taken)
    assert work[8_000] < 12 * work[1_000]
