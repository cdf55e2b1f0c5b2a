"""What the command that looks at a source makes of how it is written."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from recommend.store import Store
from running import Recommend


def test_rows_that_are_no_utf_8_are_read_as_windows_wrote_them(recommend: Recommend) -> None:
    Path("cms.jsonl").write_bytes(b'{"id": "1", "title": "Caf\xe9 in Orl\xe9ans \x84opens\x93"}\n')
    looked = recommend("init", "cms.jsonl")
    assert looked.code == 0, looked.err
    assert "the characters are read as windows-1252" in looked.out
    assert 'encoding = "windows-1252"' in Path("recommend.toml").read_text()
    assert recommend("ingest", "cms.jsonl", "--no-embed").code == 0
    with closing(Store("sqlite:///recommend.db", readonly=True)) as store:
        article = store.get("1")
    assert article is not None
    assert article.title == "Café in Orléans „opens“"


@pytest.mark.parametrize(("date", "order"), [("14/03/2025", "dmy"), ("03/14/2025", "mdy")])
def test_dates_of_which_one_tells_the_order_are_all_read_in_it(recommend: Recommend, date: str, order: str) -> None:
    lines = [f"a,Storm,{date}", "b,Flood,04/05/2025"]
    Path("cms.csv").write_text("\n".join(["id,title,published_at", *lines]))
    assert recommend("init", "cms.csv").code == 0
    assert f'date_order = "{order}"' in Path("recommend.toml").read_text()
    assert recommend("ingest", "cms.csv", "--no-embed").code == 0
    with closing(Store("sqlite:///recommend.db", readonly=True)) as store:
        found = [store.get(name) for name in "ab"]
    assert [one and f"{one.published_at:%d %b}" for one in found] == [
        "14 Mar",
        "04 May" if order == "dmy" else "05 Apr",
    ]
