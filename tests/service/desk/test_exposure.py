"""The page that tells which stories no box leads to, and mends that."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from html import unescape
from io import StringIO
from typing import Any

import pytest

from recommend.index.snapshot.layout import IndexLayout
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.keys import Scope


@pytest.fixture
def running(copied: Settings, serve: Any) -> Iterator[Any]:
    with serve(copied) as service:
        yield service


@pytest.fixture
def editor(running: Any, connect: Any) -> Iterator[Any]:
    with connect(running.address) as client:
        with closing(Store(running.settings.store)) as store:
            secret = store.keys.create("Ana", [Scope.CURATE])
        client.post("/desk/sign-in", data={"key": secret})
        yield client


@pytest.fixture
def count(running: Any, count_exposure: Any) -> Callable[[], None]:
    return partial(count_exposure, running.settings)


def rows(editor: Any, **asked: str) -> list[dict[str, str]]:
    answer = editor.get("/desk/exposure.csv", params=asked)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return [*csv.DictReader(StringIO(answer.text))]


def test_before_the_first_count_the_page_says_so_and_how_to_make_one(editor: Any) -> None:
    page = editor.get("/desk/exposure")
    assert page.status_code == 200
    assert "Nothing has been counted yet" in page.text
    assert editor.get("/desk/exposure.csv").status_code == 422


def test_a_story_in_no_box_is_found_and_mended_by_a_pin(running: Any, editor: Any, count: Callable[[], None]) -> None:
    count()
    alone = rows(editor, kind="nowhere")
    assert alone
    assert all(row["boxes"] == "0" for row in alone)
    assert editor.get("/desk/exposure.json", params={"kind": "nowhere"}).json()[0]["id"] == alone[0]["id"]
    page = unescape(editor.get("/desk/exposure").text)
    assert "Nothing has changed since" in page
    assert alone[0]["title"] in page
    host, token, orphan = re.search(
        r'action="/desk/stories/([^"/]+)/curation">\s*<input type="hidden" name="form_token" value="(\w+)">\s*'
        r'<button name="pin" value="([^"]+)">',
        page,
    ).groups()  # type: ignore[union-attr]
    done = editor.post(f"/desk/stories/{host}/curation", data={"form_token": token, "pin": orphan})
    assert done.status_code == 303
    assert running.reader.shown(host, limit=5)[0] == orphan
    page = editor.get("/desk/exposure").text
    assert "Pinned under" in page
    assert "has changed 1 time since" in page
    count()
    assert orphan not in {row["id"] for row in rows(editor, kind="nowhere")}


def test_what_is_taken_down_is_gone_from_the_count_at_once(
    running: Any, editor: Any, count: Callable[[], None]
) -> None:
    count()
    gone = rows(editor, kind="nowhere")[0]
    running.writer.article("DELETE", gone["id"])
    assert gone["id"] not in {row["id"] for row in rows(editor, kind="nowhere")}
    assert gone["id"] not in editor.get("/desk/exposure").text
    assert gone["title"].encode() not in IndexLayout(running.settings.index).exposure.read_bytes()


def test_every_kind_is_listed_by_section_month_and_language(
    running: Any, editor: Any, count: Callable[[], None]
) -> None:
    count()
    everybody = {row["id"]: row for kind in ("nowhere", "unreached", "most") for row in rows(editor, kind=kind)}
    most = [int(row["boxes"]) for row in rows(editor, kind="most")]
    assert most == sorted(most, reverse=True)
    for facet, value in (("section", "World"), ("language", "es"), ("month", "2025-12")):
        some = rows(editor, kind="most", **{facet: value})
        assert some
        told = {row["published_at"][:7] if facet == "month" else row[facet] for row in some}
        assert told == {value}
        assert value in editor.get("/desk/exposure", params={"kind": "most", facet: value}).text
    assert everybody
    assert editor.get("/desk/exposure", params={"kind": "strange"}).status_code == 422
    assert editor.get("/desk/exposure.pdf").status_code in {404, 422}


def test_a_count_that_is_damaged_is_told(running: Any, editor: Any) -> None:
    IndexLayout(running.settings.index).exposure.write_bytes(b"PAR1 nothing")
    page = editor.get("/desk/exposure")
    assert page.status_code == 503
    assert "counts anew" in page.text
