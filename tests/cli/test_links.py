"""The command that proposes links within texts."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from recommend.articles.article import Article
from running import Recommend

OLD = "Water broke through the dam at Kirovets, and Minister Haldane resigned over the flood in the valley."
NEW = "The dam at Kirovets will be built again after the flood in the valley, the government said."


@pytest.fixture
def of_dams(recommend: Recommend, corpus: list[Article]) -> Recommend:
    """Two stories about one dam beside a few others, and a floor so low that they are related."""
    rows = [
        {"id": f"dam-{n}", "title": text[:40], "text": text, "language": "en"} for n, text in enumerate((OLD, NEW), 1)
    ]
    dated = [{**row, "published_at": f"2026-03-0{n}"} for n, row in enumerate(rows, 1)]
    lines = map(orjson.dumps, [*(one.model_dump() for one in corpus[:8]), *dated])
    Path("articles.jsonl").write_bytes(b"\n".join(lines))
    Path("recommend.toml").write_text("[policy]\nfloor = 0.0\n", encoding="utf-8")
    assert (recommend("ingest", "articles.jsonl").code, recommend("reindex").code) == (0, 0)
    return recommend


def test_a_published_story_is_told_where_it_should_link_and_what_should_lead_to_it(of_dams: Recommend) -> None:
    links = of_dams("links", "dam-2", "--floor", 0, "--json").json
    [link] = [one for one in links if one["id"] == "dam-1"]
    assert "Kirovets" in link["text"]
    assert NEW[link["offset"] : link["offset"] + link["length"]] == link["text"]
    told = of_dams("links", "dam-2", "--floor", 0).out
    assert f"{NEW[: link['offset']]}{link['text']}" in told
    assert "dam-1" in told
    [incoming] = of_dams("links", "dam-2", "--incoming", "--floor", 0, "--json").json
    assert (incoming["article_id"], incoming["id"]) == ("dam-1", "dam-2")
    assert of_dams("links", "dam-2", "--incoming", "--floor", 0).out.startswith("dam-1: …")


def test_what_has_nothing_in_common_gets_no_link_and_what_is_unknown_is_named(of_dams: Recommend) -> None:
    Path("draft.txt").write_text("Bread rises\nFlour, water and salt.", encoding="utf-8")
    assert of_dams("links", "--text", "draft.txt").out.startswith(
        "no link: nothing in it names what few others have in common"
    )
    unknown = of_dams("links", "dam-3")
    assert unknown.code == 1
    assert "article 'dam-3' is unknown or not published" in unknown.err
    assert "dam-2" in unknown.err
    assert (of_dams("links").code, of_dams("links", "--incoming", "--text", "draft.txt").code) == (2, 2)
