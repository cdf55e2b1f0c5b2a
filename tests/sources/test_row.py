from __future__ import annotations

import orjson
import pytest

from recommend.articles.article import Article
from recommend.sources.row import Reject, Row, RowWarning, cell_rows, parse_row, public_rows, reject_cell


def one(cells: dict[str, object], source: str, line: int) -> Row:
    (row,) = cell_rows(cells, source, line)
    return row


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
        "kind": "reject",
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
    row = one({"id": "7", "title": "Vote", "extra": '{"desk": "politics"}', "rank": "3"}, "a.csv", 2)
    assert isinstance(row, Article)
    assert row.extra == {"desk": "politics", "rank": "3"}


@pytest.mark.parametrize("extra", ["{", "[1]", "politics"])
def test_extra_that_is_no_json_object_is_left_out_with_a_warning(extra: str) -> None:
    row, warning = cell_rows({"id": "7", "title": "Vote", "extra": extra, "rank": "3"}, "a.csv", 2)
    assert isinstance(row, Article)
    assert isinstance(warning, RowWarning)
    assert (warning.line, warning.article_id, warning.field) == (2, "7", "extra")


def test_a_warning_is_written_as_a_reject_is_and_told_apart_by_its_kind() -> None:
    written = RowWarning("a.csv", 2, "7", "language", "'x y'", "is not a language").as_json()
    assert written == {"kind": "warning", "source": "a.csv", "line": 2, "article_id": "7", "field": "language",
                       "value": "'x y'", "reason": "is not a language"}  # fmt: skip


def test_what_is_public_already_is_not_kept_back_for_its_date() -> None:
    row = {"id": "7", "title": "x", "published_at": "soon", "expires_at": "later"}
    article, *warnings = public_rows(row, "a.xml", 1, base_url=None, instead={"published_at": "2026-01-05"})
    assert isinstance(article, Article)
    assert (str(article.published_at), article.expires_at) == ("2026-01-05 00:00:00+00:00", None)
    assert [warning.field for warning in warnings if isinstance(warning, RowWarning)] == ["published_at", "expires_at"]
    article, *warnings = public_rows(row, "a.xml", 1, base_url=None, instead={"published_at": "soon too"})
    assert isinstance(article, Article)
    assert (article.published_at, len(warnings)) == (None, 3)
