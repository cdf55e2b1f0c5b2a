"""The page of judges in a real browser, against the real command's app."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn

from recommend.articles.article import Article
from recommend.evaluation.judging import SCALES, Grades, pool
from recommend_service.judging import JudgingPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ["storm", "ferry", "harbour", "election"]
ARTICLES = {
    name: Article(id=name, title=f"Story of {name}", text="First.\n\nSecond.", section="World") for name in NAMES
}
MARKUP = "<img src=x onerror=\"document.title='owned'\"> harbour"
ARTICLES["harbour"] = ARTICLES["harbour"].model_copy(update={"title": MARKUP})
RUNS = [
    {"storm": [("ferry", 2.0), ("harbour", 1.0)]},
    {"storm": [("harbour", 2.0), ("election", 1.0)]},
]


@pytest.fixture
def grades(tmp_path: Path) -> Grades:
    return Grades(tmp_path / "grades.jsonl")


@pytest.fixture
def served(grades: Grades) -> Iterator[tuple[str, JudgingPage]]:
    app = JudgingPage(pool(RUNS, 10), ARTICLES, grades, "ann", SCALES["0-3"])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", app
        server.should_exit = True
        thread.join()


@pytest.fixture
def page(browser: Browser, served: tuple[str, JudgingPage]) -> Iterator[Page]:
    """The page, opened by its address; its console stays free of errors."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{served[0]}/?token={served[1].token}")
    page.get_by_text("0 of 3 judged").wait_for()
    yield page
    context.close()
    assert errors == []


def test_pairs_are_graded_by_keyboard_taken_back_and_finished(page: Page, grades: Grades) -> None:
    assert page.get_by_role("heading", level=1).inner_text() == "Story of storm"
    assert "token" not in page.url
    first = page.get_by_role("heading", level=2).inner_text()
    page.keyboard.press("3")
    page.get_by_text("1 of 3 judged").wait_for()
    assert page.get_by_role("heading", level=2).inner_text() != first
    page.keyboard.press("9")
    page.keyboard.press("u")
    page.get_by_text("0 of 3 judged").wait_for()
    assert page.get_by_role("heading", level=2).inner_text() == first
    for count, key in enumerate("203", start=1):
        page.keyboard.press(key)
        page.get_by_text(f"{count} of 3 judged").wait_for()
    page.get_by_role("heading", name="All pairs are judged").wait_for()
    assert sorted(grades.of("ann").values()) == [0, 2, 3]
    assert all(len(one) == 2 for one in grades.of("ann"))


def test_grades_are_given_by_pointer_too_and_markup_stays_text(page: Page, grades: Grades) -> None:
    shown = set()
    for count in range(1, 4):
        shown.add(page.get_by_role("heading", level=2).inner_text())
        page.get_by_role("button", name="related", exact=False).nth(1).click()
        page.get_by_text(f"{count} of 3 judged").wait_for()
    assert MARKUP in shown
    assert page.title() == "Judge"
    assert len(grades.of("ann")) == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways_and_the_text_is_legible(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_only_who_opened_the_address_once_on_this_machine_is_answered(
    served: tuple[str, JudgingPage], grades: Grades
) -> None:
    address, app = served
    token = app.token
    with (
        httpx.Client(base_url=address, trust_env=False) as client,
        httpx.Client(base_url=address, trust_env=False) as other,
    ):
        assert [client.get(path).status_code for path in ("/", "/next", "/judge.js", "/?token=x")] == [403] * 4
        opened = client.get(f"/?token={token}")
        assert (opened.status_code, "HttpOnly" in opened.headers["set-cookie"]) == (303, True)
        assert other.get(f"/?token={token}").status_code == 403, "the address worked twice"
        assert other.get("/?token=").status_code == 403
        assert client.get("/next", headers={"Host": "evil.example"}).status_code == 421
        pair = client.get("/next").json()["pair"]
        good = {"query": "storm", "document": pair["document"]["id"], "grade": 1, "seconds": 2.0}
        malformed: list[Any] = [
            {**good, "grade": 7},
            {**good, "document": "storm"},
            {**good, "seconds": -1},
            {},
            [],
            "x",
        ]
        for bad in malformed:
            assert client.post("/grade", json=bad).status_code == 422
        assert client.post("/grade", content=b" " * 5_000).status_code == 413
        assert client.get("/../secrets").status_code == 404
        assert other.post("/grade", json=good).status_code == 403
        assert client.post("/grade", json=good).json()["judged"] == 1
    assert grades.of("ann") == {("storm", pair["document"]["id"]): 1}


def test_a_second_judge_sees_nothing_of_the_first_but_how_far_they_agree(
    served: tuple[str, JudgingPage], grades: Grades
) -> None:
    address, app = served
    with httpx.Client(base_url=address, trust_env=False) as client:
        client.get(f"/?token={app.token}")
        told = client.get("/next").json()
        assert told["pair"].keys() == {"query", "document"}
        assert told["pair"]["document"].keys() == {"id", "title", "published", "section", "site", "text"}
        assert (told["agreement"], told["pairs"]) == (None, 3)
