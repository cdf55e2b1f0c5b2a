"""An editor's week at the desk of one worker, and what the other shows readers meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from functools import partial
from html import unescape
from typing import Any

import httpx

from recommend.articles.article import Article
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.keys import Scope

ANEW = httpx.Limits(max_keepalive_connections=0)
STORY, WRITTEN = "a-central-asia-condemns-drone-attack", "a-lee-shanghai-ends-china-trip"


class Desk:
    """The desk of one worker, without scripts."""

    def __init__(self, workers: Any, worker: int, connect: Any, secret: str) -> None:
        self._workers, self._worker, self._connect = workers, worker, connect
        self._client = connect(workers.address, limits=ANEW)
        with workers.only(worker):
            entered = self._client.post("/desk/sign-in", data={"key": secret})
            assert entered.headers["Location"] == "/desk"
            found = re.search(r'name="form_token" value="(\w+)"', self._client.get("/desk/draft").text)
        assert found is not None
        self._token = found[1]

    def page(self, path: str) -> str:
        """What a page says."""
        with self._workers.only(self._worker):
            answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)

    def send(self, path: str, **fields: Any) -> str:
        """Sends a form; what comes back says."""
        with self._workers.only(self._worker):
            answer = self._client.post(path, data={"form_token": self._token, **fields})
        assert answer.status_code in {200, 303}, answer.text
        return unescape(answer.text)

    def close(self) -> None:
        self._client.close()


def test_an_editors_week(
    copied: Settings, serve_workers: Any, connect: Any, count_exposure: Any, corpus: list[Article]
) -> None:
    with closing(Store(copied.store)) as store:
        secret = store.keys.create("Ana", [Scope.CURATE])
    with serve_workers(copied) as workers, connect(workers.address, limits=ANEW) as reader:
        one, other = workers.processes
        desk = Desk(workers, one, connect, secret)

        def readers(article_id: str) -> list[str]:
            """What the other worker shows."""
            with workers.only(other):
                shown: list[str] = reader.shown(article_id, limit=5)
            return shown

        _rules(desk, readers)
        _front_page(workers, other, reader, corpus)
        _orphan(desk, readers, partial(count_exposure, copied))
        _draft(desk, next(article for article in corpus if article.id == WRITTEN))
        _running_story(desk, workers, other, reader)
        desk.close()


def _rules(desk: Desk, readers: Any) -> None:
    """Monday: a rule is tried, published, seen, undone."""
    before = readers(STORY)
    rule = f'[[rules]]\nname = "not this"\nwhen.id = "{STORY}"\nthen.leave_out.id = "{before[0]}"\n'
    assert "1 of 1 boxes would be others" in desk.send("/desk/rules", do="try", document=rule)
    assert readers(STORY) == before
    held = re.search(r'name="over" value="(\d+)"', desk.page("/desk/rules"))
    assert held is not None
    desk.send("/desk/rules", do="put", document=rule, over=held[1])
    assert readers(STORY)[:4] == before[1:]
    undo = re.search(r'name="undo" value="(\d+)"', desk.page("/desk/rules"))
    assert undo is not None
    desk.send("/desk/rules", undo=undo[1])
    assert readers(STORY) == before


def _front_page(workers: Any, other: int, reader: Any, corpus: list[Article]) -> None:
    """Tuesday: twelve boxes of one page, in which no story stands twice."""
    dated = sorted((a for a in corpus if a.published_at), key=lambda a: (str(a.published_at), a.id), reverse=True)
    with workers.only(other):
        front = [a.id for a in dated if reader.get(f"/v1/articles/{a.id}").status_code == 200][:12]
        boxes = reader.post("/v1/related:page", json={"ids": front}, params={"limit": 4}).json()["boxes"]
    ids = [item["id"] for box in boxes for item in box["items"]]
    assert len(ids) == len({*ids, *front}) - len(front) == 48


def _orphan(desk: Desk, readers: Any, count: Callable[[], None]) -> None:
    """Wednesday: a story that nobody reaches is found, and pinned where it belongs."""
    count()
    found = re.findall(
        r'action="/desk/stories/([^"/]+)/curation">\s*<input [^>]*>\s*<button name="pin" value="([^"]+)">',
        desk.page("/desk/exposure?kind=unreached"),
    )
    host, orphan = next((host, orphan) for host, orphan in found if orphan not in readers(host))
    desk.send(f"/desk/stories/{host}/curation", pin=orphan)
    assert readers(host)[0] == orphan
    count()
    assert f'value="{orphan}">Pin it under “<bdi>{host}' not in desk.page("/desk/exposure?kind=unreached")


def _draft(desk: Desk, story: Article) -> None:
    """Thursday: three links are chosen among those proposed, and taken over into a draft."""
    draft = {"title": f"{story.title}, again", "text": story.text, "section": story.section, "language": story.language}
    draft["published_at"] = f"{story.published_at:%Y-%m-%dT%H:%M}"
    proposed = re.findall(r'name="take" value="([^"]+)"', desk.send("/desk/draft", **draft))
    page = desk.send("/desk/draft", **draft, links="1", take=proposed[:3])
    written = re.search(r'<textarea id="text"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert written is not None
    assert written[1].count("<a href=") == 3
    assert re.sub(r"</?a[^>]*>", "", written[1]) == story.text
    assert {*proposed}.isdisjoint(re.findall(r'name="take" value="([^"]+)"', page))


def _running_story(desk: Desk, workers: Any, other: int, reader: Any) -> None:
    """Friday: the running story, at the desk and over HTTP."""
    with workers.only(other):
        told = reader.get(f"/v1/articles/{STORY}/story").json()
    assert len(told["articles"]) >= 3
    page = desk.page(f"/desk/stories/{STORY}")
    assert told["name"] in page
    assert all(part["title"] in page for part in told["articles"])
