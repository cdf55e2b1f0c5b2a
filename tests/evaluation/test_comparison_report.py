"""The page on runs beside each other: the verdict, the boxes that changed most, and nothing from elsewhere."""

from __future__ import annotations

import re
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from recommend.evaluation.comparison_report import render_comparison
from recommend.evaluation.judgements import Qrels, Run
from recommend.evaluation.paired import compare_runs

QUERIES = [f"q{n:02}" for n in range(24)]
QRELS: Qrels = {query: {"good": 3} for query in QUERIES}


def run(good: int) -> Run:
    first, second = [("good", 2.0), ("bad", 1.0)], [("bad", 2.0), ("good", 1.0)]
    return {query: first if n < good else second for n, query in enumerate(QUERIES)}


def page(**given: Any) -> str:
    facets = {query: {"section": "Sport" if n < 6 else "World"} for n, query in enumerate(QUERIES)}
    runs = {"live": run(0), "new": run(20), "same": run(0)}
    return render_comparison(compare_runs(QRELS, runs, ["RR"], facets=facets), QRELS, runs, **given)


def test_the_page_tells_the_verdict_and_shows_both_boxes_of_what_changed_most() -> None:
    titles = {"good": "A good story", "bad": "A bad one", "q00": "The first"}
    parsed = LexborHTMLParser(page(titles=titles))
    verdicts = [one.text() for one in parsed.css(".verdict")]
    assert verdicts[0].startswith("new is better than live")
    assert verdicts[1] == "same serves every query as live does, by RR."
    changed = parsed.css("details")
    assert len(changed) == 10
    assert changed[0].css("strong")[0].text() == "The first"
    live, new = changed[0].css(".pair > div")
    for box, name, order in (
        (live, "live", ["A bad one", "A good story"]),
        (new, "new", ["A good story", "A bad one"]),
    ):
        assert box.css("h3")[0].text() == name
        assert [item.css("div")[0].text() for item in box.css("li")] == order
    assert [badge.text() for badge in new.css(".grade")] == ["3", "–"]
    assert len(parsed.css("svg.plot")) == 3
    assert "None changed." in parsed.text()


def test_the_page_needs_nothing_else_and_nothing_can_write_into_it() -> None:
    evil = "<script>alert(1)</script>"
    made_by = {
        "live": {
            "hash": evil, "snapshot": {"name": evil, "articles": 3}, "version": "1", "seed": 7,
            "encoder": {"name": evil, "fingerprint": evil, "adapter": None}, "ranker": {"name": evil, "sha256": "ab"},
        },
        "new": {},
    }  # fmt: skip
    text = page(titles={"good": evil, "q00": evil}, made_by=made_by)
    parsed = LexborHTMLParser(text)
    assert parsed.css("script, img, link, iframe, object, [src], [href], [onclick]") == []
    assert not re.search(r"url\(|@import|https?://", text)
    assert "&lt;script&gt;" in text
    assert [head.text() for head in parsed.css("h2")][-1] == "What was compared"
