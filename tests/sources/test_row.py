from __future__ import annotations

import orjson
import pytest

from recommend.article import Article
from recommend.errors import SourceError
from recommend.sources.row import Reject, check_columns, parse_cells, parse_row, reject_cell


def test_a_mapping_becomes_an_article() -> None:
    row = parse_row({"id": 7, "title": "Vote &amp; count"}, "a.jsonl", 3)
    assert isinstance(row, Article)
    assert (row.id, row.title) == ("7", "Vote & count")


def test_a_reject_names_source_line_id_field_value_and_reason() -> None:
    row = parse_row({"id": "7", "title": "Vote", "published_at": "soon"}, "a.jsonl", 3)
    assert row == Reject("a.jsonl", 3, "7", "published_at", "'soon'", "is not an ISO 8601 date")


def test_a_reject_is_ready_for_a_json_writer() -> None:
    row = reject_cell({"id": "caf\udce9", "title": "\udcff"}, "title", "a.csv", 2, "is not valid UTF-8")
    assert orjson.loads(orjson.dumps(row.as_json())) == {
        "source": "a.csv",
        "line": 2,
        "article_id": "caf?",
        "field": "title",
        "value": "'\\udcff'",
        "reason": "is not valid UTF-8",
    }


def test_a_value_is_cut_for_display() -> None:
    row = parse_row({"id": "7", "title": "x" * 5_001}, "a.jsonl", 1)
    assert isinstance(row, Reject)
    assert len(row.value) <= 80
    assert row.reason == "has 5001 characters, more than 5000"


def test_a_value_nested_beyond_what_can_be_shown_is_rejected() -> None:
    nested: list[object] = []
    for _ in range(5_000):
        nested = [nested]
    assert isinstance(parse_row({"id": "7", "title": nested}, "a.jsonl", 1), Reject)


def test_extra_written_as_json_in_a_cell_is_read() -> None:
    row = parse_cells({"id": "7", "title": "Vote", "extra": '{"desk": "politics"}', "rank": "3"}, "a.csv", 2)
    assert isinstance(row, Article)
    assert row.extra == {"desk": "politics", "rank": "3"}


@pytest.mark.parametrize("extra", ["{", "[1]", "politics"])
def test_extra_that_is_no_json_object_is_rejected(extra: str) -> None:
    row = parse_cells({"id": "7", "title": "Vote", "extra": extra}, "a.csv", 2)
    assert isinstance(row, Reject)
    assert (row.line, row.article_id, row.field) == (2, "7", "extra")


def test_columns_must_name_id_and_title_once() -> None:
    check_columns(["id", "title", "", ""], "a.csv")
    with pytest.raises(SourceError, match=r"a\.csv has no column 'title' \(found: 'id, headline'\)"):
        check_columns(["id", "headline"], "a.csv")
    with pytest.raises(SourceError, match="2 columns 'text'"):
        check_columns(["id", "title", "text", "text"], "a.csv")
