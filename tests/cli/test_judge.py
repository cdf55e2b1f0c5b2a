"""Judging from the command line: what is asked for, what is missing, and how far the judges are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from starlette.testclient import TestClient

from recommend.evaluation.judging import Grade, Grades
from running import Recommend

ARTICLES = "".join(f'{{"id": "{name}", "title": "Story {name} of the river"}}\n' for name in "abc")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Three articles and a run over them and one that nobody knows."""
    (tmp_path / "articles.jsonl").write_text(ARTICLES, encoding="utf-8")
    (tmp_path / "run.txt").write_text("a Q0 b 1 2.0 x\na Q0 c 2 1.0 x\na Q0 gone 3 0.5 x\n", encoding="utf-8")
    return tmp_path


def test_a_scale_that_nobody_knows_is_refused(recommend: Recommend, files: Path) -> None:
    ran = recommend("judge", "run.txt", "--scale", "0-7")
    assert ran.code == 2
    assert "'0-7' is not one of 0-3" in " ".join(ran.err.replace("│", " ").split())


def test_runs_of_other_articles_are_refused(recommend: Recommend, files: Path) -> None:
    (files / "run.txt").write_text("x Q0 y 1 2.0 x\n", encoding="utf-8")
    ran = recommend("judge", "run.txt", "--articles", "articles.jsonl")
    assert ran.code == 1
    assert "no pair of the runs is among the articles" in ran.err


def test_how_far_each_judge_is_and_how_much_they_agree_is_told(recommend: Recommend, files: Path) -> None:
    grades = Grades(files / "grades.jsonl")
    for judge, document, value in (("ann", "b", 3), ("ann", "c", 0), ("bob", "b", 3)):
        grades.add(Grade("a", document, value, judge, 1.0, datetime(2026, 1, 5, tzinfo=UTC)))
    told = recommend("judge", "run.txt", "--tell").out
    assert "ann              2 of 3 pairs" in told
    assert "bob              1 of 3 pairs" in told
    assert "alpha) not known" in told
    grades.add(Grade("a", "c", 0, "bob", 1.0, datetime(2026, 1, 5, tzinfo=UTC)))
    assert "alpha) 1.000" in recommend("judge", "run.txt", "--tell").out
    assert recommend("judge", "run.txt", "--tell", "--json").json == {
        "pairs": 3, "judges": {"ann": 2, "bob": 2}, "agreement": 1.0,
    }  # fmt: skip


def test_a_page_is_served_until_ctrl_c_and_what_was_graded_is_in_the_judgements(
    recommend: Recommend, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(server: uvicorn.Server, sockets: object) -> None:
        page: Any = server.config.app
        client = TestClient(page, base_url="http://127.0.0.1")
        client.get("/", params={"token": page.token})
        graded = {"query": "a", "document": "b", "grade": 3, "seconds": 1.5}
        assert client.post("/grade", json=graded).status_code == 200
        raise KeyboardInterrupt

    monkeypatch.setattr(uvicorn.Server, "run", interrupted)
    ran = recommend("judge", "run.txt", "--articles", "articles.jsonl", "--judge", "ann")
    assert ran.code == 0, ran.err
    assert "1 articles of the runs are not there, and are not asked for" in ran.err
    address, told = ran.out.splitlines()
    assert parse_qs(urlsplit(address).query)["token"]
    assert told == "1 pairs graded by ann; the median of all is in judged.qrels"
    assert Path("judged.qrels").read_text(encoding="utf-8").split()[3] == "3"
