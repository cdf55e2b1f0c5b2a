"""The box as markup."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from selectolax.lexbor import LexborHTMLParser

STORY = "a-central-asia-condemns-drone-attack"
PATH = f"/v1/articles/{STORY}/related.html"


def _titles(markup: str) -> list[str]:
    return [link.text() for link in LexborHTMLParser(markup).css("a[part=link]")]


def _first(markup: str, selector: str) -> Any:
    found = LexborHTMLParser(markup).css_first(selector)
    assert found is not None, selector
    return found


def test_it_holds_what_the_answer_holds_and_tells_fillers_apart(reader: Any) -> None:
    answer = reader.get(f"/v1/articles/{STORY}/related").json()
    found = reader.get(PATH)
    tree = LexborHTMLParser(found.text)
    assert _titles(found.text) == [item["title"] for item in answer["items"]]
    headings = [heading.text() for heading in tree.css("h2")]
    assert headings == ["Related articles", "More articles"][: len(headings)]
    assert len(tree.css("ol[part=list] li")) == answer["related"]
    assert _first(found.text, "nav").attributes["aria-labelledby"] == _first(found.text, "h2").attributes["id"]
    assert _first(found.text, "link").attributes["href"].startswith("/assets/related-box.css?v=")
    assert tree.css("script:not([type='application/ld+json'])") == []


def test_search_engines_get_a_list_of_its_addresses(reader: Any) -> None:
    listed = json.loads(_first(reader.get(PATH).text, "script").text())
    assert listed["@type"] == "ItemList"
    answer = reader.get(f"/v1/articles/{STORY}/related").json()
    assert [entry["url"] for entry in listed["itemListElement"]] == [item["url"] for item in answer["items"]]
    assert [entry["position"] for entry in listed["itemListElement"]] == [1, 2, 3, 4, 5]


def test_it_is_found_by_url_and_unchanged_is_told_in_few_bytes(reader: Any) -> None:
    url = reader.get(f"/v1/articles/{STORY}").json()["url"]
    found = reader.get("/v1/related.html", params={"url": url})
    assert found.text == reader.get(PATH).text
    assert (
        found.headers["Cache-Control"]
        == reader.get(f"/v1/articles/{STORY}/related").headers["Cache-Control"].split(", stale")[0]
    )
    tag = found.headers["ETag"]
    for given in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = reader.get(PATH, headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["Vary"]) == (304, b"", "Accept-Encoding")


@pytest.mark.parametrize("path", [PATH, "/assets/related-articles.js"])
def test_the_tag_of_what_is_compressed_for_some_is_not_that_of_its_bytes(reader: Any, path: str) -> None:
    zipped, plain = (reader.get(path, headers={"Accept-Encoding": coding}) for coding in ("gzip", "identity"))
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.headers["ETag"] == plain.headers["ETag"]
    assert plain.headers["ETag"].startswith("W/")


def test_it_looks_as_asked(reader: Any) -> None:
    asked = {"layout": "cards", "lead": "true", "link": "/stories/{id}", "heading": "Mehr <b>", "lang": "de",
             "root": "https://recommend.example/", "reason": "none", "page": "true", "limit": "3"}  # fmt: skip
    markup = reader.get(PATH, params=asked).text
    tree = LexborHTMLParser(markup)
    assert _first(markup, "html").attributes["lang"] == "de"
    assert _first(markup, "nav").attributes["class"] == "cards"
    assert _first(markup, "h2").text() == "Mehr <b>"
    assert _first(markup, "li").attributes["part"] == "item lead"
    assert (_first(markup, "a[part=link]").attributes["href"] or "").startswith("/stories/")
    assert all("https://recommend.example/assets/" in (one.attributes["href"] or "") for one in tree.css("link"))
    assert tree.css("[part=reason]") == []
    assert "2025" in _first(markup, "time").text()
    assert tree.css("script") == [], "links of this site's paths alone are nothing for search engines"


@pytest.mark.parametrize(
    "asked",
    [{"link": "javascript:alert(1)//{id}"}, {"link": '/"><script>'}, {"root": "data:text/css,*"}, {"layout": "grid"},
     {"limit": "51"}, {"colour": "red"}],
)  # fmt: skip
def test_what_could_be_no_address_or_layout_is_refused(reader: Any, asked: dict[str, str]) -> None:
    assert reader.get(PATH, params=asked).status_code == 422


def test_an_unknown_article_gets_the_latest_or_404(reader: Any) -> None:
    latest = LexborHTMLParser(reader.get("/v1/articles/none/related.html?lang=fr").text)
    assert [heading.text() for heading in latest.css("h2")] == ["Derniers articles"]
    assert reader.get("/v1/articles/none/related.html?fallback=none").status_code == 404


def test_no_article_becomes_markup_and_one_taken_down_is_gone_at_once(newsroom: Any) -> None:
    story = newsroom.reader.get(f"/v1/articles/{STORY}").json()
    hostile = "&lt;script&gt;alert(1)&lt;/script&gt; \u202e"
    body = {"title": f"{story['title']} {hostile}", "summary": f"{story['summary']} {hostile}", "section": hostile,
            "url": "https://news.example/x?a=</script><script>", "published_at": story["published_at"]}  # fmt: skip
    newsroom.writer.article("PUT", "hostile", json=body)
    newsroom.writer.article("PUT", "later", json={**body, "title": "Drone attack condemned in Astana and Bishkek"})
    shown = [newsroom.reader.get(f"/v1/articles/{one}/related.html?limit=50").text for one in (STORY, "later")]
    assert any("alert(1)" in markup for markup in shown)
    for markup in shown:
        tree = LexborHTMLParser(markup)
        assert [one.attributes.get("type") for one in tree.css("script")] == ["application/ld+json"]
        json.loads(_first(markup, "script").text())
    for one in ("hostile", "later"):
        newsroom.writer.article("DELETE", one)
    after = newsroom.reader.get(PATH + "?limit=50").text
    assert "alert(1)" not in after
    assert quote("Drone attack condemned in Astana") not in after
