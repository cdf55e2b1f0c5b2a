"""The desk over HTTP, as a browser without scripts sends it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from html import unescape
from typing import Any
from uuid import uuid4

import pytest

from recommend.settings import Settings
from recommend.store import Store
from recommend.store.keys import Scope

STORY = "a-central-asia-condemns-drone-attack"
PAGES = (
    "/desk", f"/desk/stories/{STORY}", "/desk/draft", "/desk/try", "/desk/rules", "/desk/eyes", "/desk/exposure",
    "/desk/history",
)  # fmt: skip
Enter = Callable[..., Any]


@pytest.fixture(scope="module")
def enter(newsroom: Any, connect: Any) -> Iterator[Enter]:
    """Signs in with a new key of some scopes; gives the client, which keeps the cookie."""
    clients = []

    def entered(*scopes: Scope, at: Any = newsroom) -> Any:
        client = connect(at.address)
        with closing(Store(at.settings.store)) as store:
            secret = store.keys.create(f"editor {uuid4()}", scopes or [Scope.CURATE])
        answer = client.post("/desk/sign-in", data={"key": secret, "next": ""})
        assert answer.status_code == 303, answer.text
        clients.append(client)
        return client

    yield entered
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def editor(enter: Enter) -> Any:
    return enter()


@pytest.fixture
def untouched(newsroom: Any) -> Iterator[None]:
    """Takes back what a test decided about the story."""
    yield
    newsroom.writer.put(f"/v1/articles/{STORY}/curation", json={})


def token(client: Any) -> str:
    found = re.search(r'name="form_token" value="(\w+)"', client.get("/desk/draft").text)
    assert found is not None
    return found[1]


def act(client: Any, article_id: str = STORY, **fields: Any) -> Any:
    return client.post(f"/desk/stories/{article_id}/curation", data={"form_token": token(client), **fields})


def items(client: Any, article_id: str = STORY) -> list[str]:
    """The ids of the box in their order, as the page shows it."""
    return re.findall(r'data-order value="([^"]+)"', client.get(f"/desk/stories/{article_id}").text)


@pytest.mark.parametrize("path", [*PAGES, "/desk/status"])
def test_who_has_not_signed_in_is_led_to_the_door_and_back(newsroom: Any, path: str) -> None:
    answer = newsroom.reader.get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/desk/sign-in?next={path}"
    assert "Drone" not in answer.text


def test_a_key_becomes_a_cookie_that_no_script_and_no_other_site_sees(newsroom: Any, enter: Enter) -> None:
    with closing(Store(newsroom.settings.store)) as store:
        secret = store.keys.create(str(uuid4()), [Scope.CURATE])
    answer = newsroom.reader.post("/desk/sign-in", data={"key": secret, "next": "/desk/eyes"})
    cookie = answer.headers["Set-Cookie"]
    assert answer.headers["Location"] == "/desk/eyes"
    assert secret not in cookie
    assert {"HttpOnly", "Path=/desk", "SameSite=strict", "Max-Age=14400"} <= set(cookie.split("; "))
    newsroom.reader.cookies.clear()


@pytest.mark.parametrize(
    "away", ["https://evil.example/", "//evil.example", "/desk/../", "/deskevil", "/desk/\\evil", "javascript:alert(1)"]
)
def test_the_door_leads_nowhere_but_to_the_desk(newsroom: Any, away: str) -> None:
    with closing(Store(newsroom.settings.store)) as store:
        secret = store.keys.create(str(uuid4()), [Scope.CURATE])
    answer = newsroom.reader.post("/desk/sign-in", data={"key": secret, "next": away})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk")
    newsroom.reader.cookies.clear()


def test_no_key_that_may_not_curate_opens_the_desk(newsroom: Any, enter: Enter) -> None:
    with closing(Store(newsroom.settings.store)) as store:
        writer = store.keys.create(str(uuid4()), [Scope.WRITE])
    for wrong in ("", "nonsense", "\x00", writer):
        refused = newsroom.reader.post("/desk/sign-in", data={"key": wrong})
        assert (refused.status_code, "Set-Cookie" in refused.headers) == (403, False)
    operator = enter(Scope.READ)
    assert operator.get("/desk/status").status_code == 200
    for path in PAGES:
        assert operator.get(path).status_code == 403
    assert act_of(operator).status_code == 403


def act_of(client: Any) -> Any:
    """A form that is sent without any page."""
    return client.post(f"/desk/stories/{STORY}/curation", data={"pin": STORY})


def test_pages_are_kept_by_no_cache_and_run_nothing_that_is_not_ours(editor: Any) -> None:
    for path in (*PAGES, "/desk/sign-in", "/desk/nothing-here"):
        answer = editor.get(path)
        assert answer.headers["X-Frame-Options"] == "DENY"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?! defer src=\"/assets/)| on\w+=| style=|https?://(?!www\.w3)", answer.text)
        if answer.status_code == 200:
            assert answer.headers["Cache-Control"] == "no-store"


def test_a_session_ends_when_one_signs_out_and_when_its_key_is_revoked(
    newsroom: Any, enter: Enter, connect: Any
) -> None:
    client = enter()
    cookie = client.cookies["desk"]
    client.post("/desk/sign-out", data={"form_token": token(client)})
    with connect(newsroom.address, cookies={"desk": cookie}) as stolen:
        assert stolen.get("/desk").status_code == 303
    name = f"leaving {uuid4()}"
    with closing(Store(newsroom.settings.store)) as store, connect(newsroom.address) as other:
        other.post("/desk/sign-in", data={"key": store.keys.create(name, [Scope.CURATE])})
        assert other.get("/desk").status_code == 200
        store.keys.revoke(name)
        assert other.get("/desk").status_code == 303


def test_the_cookie_counts_on_the_desk_alone(newsroom: Any, editor: Any) -> None:
    headers = {"Cookie": f"desk={editor.cookies['desk']}"}
    assert newsroom.reader.get(f"/v1/articles/{STORY}/curation", headers=headers).status_code == 401
    assert newsroom.reader.put(f"/v1/articles/{STORY}/curation", json={}, headers=headers).status_code == 401


@pytest.mark.parametrize("fields", [{}, {"form_token": ""}, {"form_token": "0" * 64}])
def test_a_form_of_another_page_changes_nothing(newsroom: Any, editor: Any, fields: dict[str, str]) -> None:
    before = items(editor)
    other = next(iter(before))
    path = f"/desk/stories/{STORY}/curation"
    assert editor.post(path, data={"block": other, **fields}).status_code == 403
    assert editor.post("/desk/history", data={"undo": "1", **fields}).status_code == 403
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    sent = {"form_token": token(editor), "block": other}
    assert editor.post(path, data=sent, headers=elsewhere).status_code == 403
    assert items(editor) == before


def test_pins_blocks_and_order_are_what_readers_see(newsroom: Any, editor: Any, untouched: None) -> None:
    first, second, third, *_ = items(editor)
    assert act(editor, pin=third).status_code == 303
    assert items(editor)[:3] == [third, first, second]
    act(editor, block=first)
    assert first not in items(editor)
    assert newsroom.reader.shown(STORY, limit=5) == items(editor)
    act(editor, up=second)
    assert items(editor)[:2] == [second, third]
    shown = items(editor)
    meant = [shown[1], shown[2], shown[0], *shown[3:]]
    act(editor, order=meant, upto="3")
    assert items(editor) == newsroom.reader.shown(STORY, limit=5) == meant
    act(editor, unblock=first)
    assert first in newsroom.reader.shown(STORY)


def test_a_story_is_hidden_until_a_moment_and_shown_again(newsroom: Any, editor: Any) -> None:
    article_id = f"kite-{uuid4()}"
    body = {"title": f"Kite {article_id}", "section": "Kites", "published_at": "2026-01-02T08:00:00Z"}
    newsroom.writer.article("PUT", article_id, json=body)

    def listed() -> bool:
        return bool(newsroom.reader.get("/v1/articles", params={"section": "Kites"}).json()["items"])

    assert act(editor, article_id, hide="1").status_code == 422
    assert act(editor, article_id, hide="1", until="2020-01-01T00:00").status_code == 422
    assert listed()
    act(editor, article_id, hide="1", until="2999-01-01T00:00")
    assert not listed()
    assert "Hidden until 1 Jan 2999" in editor.get(f"/desk/stories/{article_id}").text
    act(editor, article_id, show="1")
    assert listed()
    newsroom.writer.article("DELETE", article_id)
    assert editor.get(f"/desk/stories/{article_id}").status_code == 404
    assert act(editor, article_id, pin=STORY).status_code == 404


@pytest.mark.parametrize(
    "fields", [{}, {"pin": "nobody"}, {"pin": STORY}, {"block": ""}, {"pin": STORY, "until": "soon"}, {"up": "nobody"}]
)
def test_what_cannot_be_done_is_told_and_changes_nothing(newsroom: Any, editor: Any, fields: dict[str, str]) -> None:
    revision = newsroom.reader.get("/readyz").json()["revision"]
    answer = act(editor, **fields)
    assert answer.status_code == (303 if "up" in fields else 422)
    assert newsroom.reader.get("/readyz").json()["revision"] == revision


def test_history_tells_who_did_what_and_undo_takes_it_back(
    newsroom: Any, enter: Enter, editor: Any, untouched: None
) -> None:
    before, other = items(editor), enter()
    act(editor, block=before[0])
    act(other, pin=before[4])
    log = unescape(editor.get("/desk/history").text)
    assert log.index("Pinned") < log.index("Blocked")
    latest = re.findall(r'name="undo" value="(\d+)"', log)
    assert len(set(re.findall(r"<bdi>(editor [0-9a-f-]+)</bdi>", log))) >= 2
    undone = other.post("/desk/history", data={"form_token": token(other), "undo": latest[0]})
    assert (undone.status_code, undone.headers["Location"]) == (303, "/desk/history")
    assert before[0] not in items(editor)
    editor.post("/desk/history", data={"form_token": token(editor), "undo": latest[1], "from": "story"})
    assert items(editor) == before == newsroom.reader.shown(STORY, limit=5)
    for nothing in ("", "0", "x", "9" * 30):
        answer = editor.post("/desk/history", data={"form_token": token(editor), "undo": nothing})
        assert answer.status_code == 422


def test_why_another_story_is_not_in_the_box_is_told(editor: Any) -> None:
    page = unescape(editor.get(f"/desk/stories/{STORY}", params={"other": "c-valencia-floods-toll"}).text)
    assert "Not in the box" in page
    assert "by score alone" in page
    assert editor.get(f"/desk/stories/{STORY}", params={"other": "nobody"}).status_code == 404


def test_a_draft_has_its_box_and_is_not_kept(newsroom: Any, editor: Any) -> None:
    revision = newsroom.reader.get("/readyz").json()["revision"]
    draft = {"title": "Leaders condemn the drone attack on Novgorod", "text": "Tokayev and Mirziyoyev spoke to Putin."}
    whole = editor.post("/desk/draft", data={"form_token": token(editor), **draft})
    part = editor.post("/desk/draft", data={"form_token": token(editor), "part": "1", **draft})
    assert STORY in whole.text
    assert STORY in part.text
    assert ("<html" in whole.text, "<html" in part.text) == (True, False)
    assert editor.post("/desk/draft", data={"form_token": token(editor)}).status_code == 422
    wrong = {"title": "x", "published_at": "soon"}
    assert editor.post("/desk/draft", data={"form_token": token(editor), **wrong}).status_code in {200, 422}
    assert newsroom.reader.get("/readyz").json()["revision"] == revision


def test_a_setting_is_tried_without_any_reader_seeing_it(newsroom: Any, editor: Any) -> None:
    before = newsroom.reader.box(STORY).items
    page = unescape(editor.get("/desk/try", params={"try": "1", "floor": "0.99", "fill": "none"}).text)
    assert "of 10 boxes would be others" in page
    assert 'fill = "none"' in page
    assert "floor = 0.99" in page
    one = unescape(editor.get("/desk/try", params={"try": "1", "hide_duplicates": "1", "ids": STORY}).text)
    assert "0 of 1 boxes would be others" in one
    assert "To publish" not in one
    assert editor.get("/desk/try", params={"try": "1", "floor": "7"}).status_code == 422
    assert newsroom.reader.box(STORY).items == before


def test_boxes_that_need_eyes_are_listed_by_what_is_wrong(editor: Any) -> None:
    page = editor.get("/desk/eyes").text
    assert "Only filled, nothing related" in page
    assert "Stories that nobody recommends" in page
    cursor = re.search(r'href="(/desk/eyes\?cursor=[^"]+)"', page)
    assert cursor is not None
    assert editor.get(unescape(cursor[1])).status_code == 200


def test_what_stories_say_is_text_and_no_markup(newsroom: Any, editor: Any) -> None:
    article_id = "<script>alert(1)</script>"
    hostile = '"><img src=x onerror=alert(1)> {{ 7 * 7 }} \u202eevil'
    body = {"title": hostile, "summary": hostile, "section": hostile, "published_at": "2026-01-02T08:00:00Z"}
    newsroom.writer.article("PUT", article_id, json=body)
    pages = [
        editor.get("/desk"),
        editor.get("/desk", params={"query": hostile, "section": hostile}),
        editor.get("/desk/stories/%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
        editor.get("/desk/sign-in", params={"next": hostile}),
        editor.post("/desk/draft", data={"form_token": token(editor), "title": hostile, "text": hostile}),
        editor.get("/desk/eyes"),
    ]
    for page in pages:
        assert page.status_code == 200
        assert "<img" not in page.text
        assert "<script>alert" not in page.text
    newsroom.writer.article("DELETE", article_id)


def test_without_the_setting_there_is_no_desk(sample: Settings, serve: Any) -> None:
    service = sample.service.model_copy(update={"desk": False})
    with serve(sample.model_copy(update={"service": service})) as running:
        assert running.reader.get("/desk").status_code == 404
        assert running.reader.get("/desk/sign-in").status_code == 404


def test_how_the_service_stands_is_told_from_its_own_metrics(newsroom: Any, enter: Enter) -> None:
    operator = enter(Scope.READ)
    newsroom.reader.box(STORY)
    event = {"article_id": STORY, "item_id": "x", "position": 1}
    for kind in ("impression", "impression", "click"):
        newsroom.reader.post("/v1/events", json={"kind": kind, **event})
    page = operator.get("/desk/status").text
    assert newsroom.reader.get("/readyz").json()["snapshot"] in page
    assert "Boxes by the time they took" in page
    assert "Last job" in page
    assert "What readers did" in page


def test_a_curator_sees_the_status_only_where_operations_are_open(newsroom: Any, serve: Any, enter: Enter) -> None:
    assert enter(Scope.CURATE).get("/desk/status").status_code == 200
    service = newsroom.settings.service.model_copy(update={"operations": "key"})
    with serve(newsroom.settings.model_copy(update={"service": service})) as closed:
        assert enter(Scope.CURATE, at=closed).get("/desk/status").status_code == 403
        assert enter(Scope.READ, at=closed).get("/desk/status").status_code == 200


def test_rules_are_written_tried_published_and_taken_back(newsroom: Any, editor: Any) -> None:
    first, second = newsroom.reader.shown(STORY)[:2]
    document = f'[[rules]]\nname = "Not <this>"\nwhen.id = "{STORY}"\nthen.leave_out.id = "{first}"\n'

    def send(**fields: Any) -> Any:
        return editor.post("/desk/rules", data={"form_token": token(editor), **fields})

    tried = send(do="try", document=document)
    assert tried.status_code == 200
    assert "1 of 1 boxes would be others" in tried.text
    assert "Not &lt;this&gt;" in tried.text
    assert newsroom.reader.shown(STORY)[0] == first
    assert "related items in the boxes tried: " in tried.text
    bare = send(do="try", document=document.replace("leave_out.id", "only.tag"))
    assert "the newest stand in (<code>fallback: latest</code>)" in bare.text
    assert "1 left with nothing of their own" in bare.text
    refused = send(do="put", document=document.replace("leave_out", "leaf_out"))
    assert refused.status_code == 422
    assert "then.leaf_out is unknown" in unescape(refused.text)
    assert unescape(refused.text).count("leaf_out.id") == 1, "what was written is still there"
    published = send(do="put", document=document, over=_held(editor))
    assert published.status_code == 303
    confirmed = editor.get(published.headers["Location"]).text
    assert f"Published, revision {_held(editor)}." in confirmed
    assert "To be looked at" not in confirmed
    assert newsroom.reader.shown(STORY)[0] == second
    page = editor.get("/desk/rules").text
    assert 'then.leave_out = { id = "' in unescape(page)
    assert "gives way to the rule" in unescape(editor.get(f"/desk/stories/{STORY}").text)
    emptied = send(do="put", document="", over=_held(editor))
    assert emptied.status_code == 422
    assert "write rules = []" in unescape(emptied.text)
    late = send(do="put", document="rules = []", over=0)
    assert late.status_code == 409
    assert "read them anew" in late.text
    revision = re.findall(r'name="undo" value="(\d+)"', page)[0]
    asked = send(do="put", document=document.replace("leave_out.id", "only.tag"), over=_held(editor))
    assert asked.status_code == 200
    assert "1 would have nothing of their own" in asked.text
    assert _held(editor) == revision, "nothing is published before that is answered"
    sure = send(do="put all the same", document=document.replace("leave_out.id", "only.tag"), over=_held(editor))
    assert "only: matches no story" in editor.get(sure.headers["Location"]).text
    assert send(undo=revision).status_code == 303
    assert newsroom.reader.shown(STORY)[0] == first


def _held(client: Any) -> str:
    found = re.search(r'name="over" value="(\d+)"', client.get("/desk/rules").text)
    assert found is not None
    return found[1]
