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


PIN = re.compile(
    r'action="/desk/stories/([^"/]+)/curation">\s*<input type="hidden" name="form_token" value="(\w+)">\s*'
    r'<button name="pin" value="([^"]+)">'
)


def test_a_story_out_of_reach_is_found_and_mended_by_a_pin(
    running: Any, editor: Any, count: Callable[[], None]
) -> None:
    count()
    far = rows(editor, kind="unreached")
    assert editor.get("/desk/exposure.json", params={"kind": "unreached"}).json()[0]["id"] == far[0]["id"]
    page = unescape(editor.get("/desk/exposure", params={"kind": "unreached"}).text)
    assert "Nothing has changed since" in page
    assert far[0]["title"] in page
    found = (one.groups() for one in PIN.finditer(page))
    host, token, orphan = next(one for one in found if one[2] not in running.reader.shown(one[0], limit=5))
    boxes = {row["id"]: int(row["boxes"]) for row in far}
    done = editor.post(f"/desk/stories/{host}/curation", data={"form_token": token, "pin": orphan})
    assert done.status_code == 303
    assert running.reader.shown(host, limit=5)[0] == orphan
    page = editor.get("/desk/exposure", params={"kind": "unreached"}).text
    assert "Pinned under" in page
    assert "has changed 1 time since" in page
    count()
    rest = {row["id"]: int(row["boxes"]) for kind in ("unreached", "most") for row in rows(editor, kind=kind)}
    assert rest.get(orphan, boxes[orphan] + 1) > boxes[orphan]


def test_what_policy_keeps_out_of_boxes_is_told_apart_with_its_reason_and_no_pin(
    editor: Any, count: Callable[[], None]
) -> None:
    count()
    ruled = rows(editor, kind="policy")
    assert ruled
    assert all(row["boxes"] == "0" for row in ruled)
    assert not {row["id"] for row in ruled} & {row["id"] for row in rows(editor, kind="nowhere")}
    page = editor.get("/desk/exposure", params={"kind": "policy"}).text
    assert "Policy hides letters under news" in page
    assert "Copy of <a " in page
    assert PIN.search(page) is None


def test_what_is_taken_down_is_gone_from_the_count_at_once(
    running: Any, editor: Any, count: Callable[[], None]
) -> None:
    count()
    gone = rows(editor, kind="policy")[0]
    running.writer.article("DELETE", gone["id"])
    assert gone["id"] not in {row["id"] for row in rows(editor, kind="policy")}
    assert gone["id"] not in editor.get("/desk/exposure", params={"kind": "policy"}).text
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
