from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from selectolax.lexbor import LexborHTMLParser

from recommend.articles.article import Article
from recommend_service.http.schemas import StoryBody
from recommend_service.routes.story import StoryParameters


def _story(reader: Any, article_id: str) -> StoryBody | None:
    answer = reader.get(f"/v1/articles/{article_id}/story")
    return StoryBody.model_validate_json(answer.content) if answer.status_code == 200 else None


def test_a_story_is_told_until_one_of_it_is_taken_down(newsroom: Any, corpus: list[Article]) -> None:
    stories = (_story(newsroom.reader, article.id) for article in corpus)
    story = next(one for one in stories if one and len(one.articles) > 3)
    gone = next(part.id for part in story.articles if part.id != story.article_id)
    newsroom.writer.article("DELETE", gone)
    after = _story(newsroom.reader, story.article_id)
    assert after
    assert gone not in {part.id for part in after.articles}
    assert _story(newsroom.reader, gone) is None
    assert newsroom.reader.get("/v1/articles/unheard-of/story").status_code == 404


def _told(reader: Any, corpus: list[Article]) -> StoryBody:
    """A story of the sample."""
    stories = (_story(reader, article.id) for article in corpus)
    return next(one for one in stories if one and len(one.articles) > 3)


def test_it_is_told_by_url_in_few_articles_and_narrowed_as_boxes_are(reader: Any, corpus: list[Article]) -> None:
    story = _told(reader, corpus)
    url = next(article.url for article in corpus if article.id == story.article_id)
    few = reader.get("/v1/story", params={"url": url, "limit": 3}).json()
    assert (len(few["articles"]), few["total"], few["heading"]) == (3, len(story.articles), "The story so far")
    assert "max-age" in reader.get("/v1/story", params={"url": url}).headers["Cache-Control"]
    out = next(part.id for part in story.articles if part.id != story.article_id)
    narrowed = reader.get(f"/v1/articles/{story.article_id}/story", params={"exclude": out}).json()
    assert out not in {part["id"] for part in narrowed["articles"]}
    assert reader.get("/v1/story", params={"url": "https://unheard.example/of"}).status_code == 404
    for unknown in ({"colour": "red"}, {"explain": "true"}):
        assert reader.get(f"/v1/articles/{story.article_id}/story", params=unknown).status_code == 422


def test_a_story_is_told_to_the_element_with_every_attribute_that_a_box_is_asked_for_by(
    reader: Any, corpus: list[Article]
) -> None:
    source = (Path(__file__).parents[3] / "service" / "web" / "element" / "source.js").read_text()
    asked = re.search(r"const ASKED = \[(.*?)\]", source)
    assert asked is not None
    names = [name.replace("-", "_") for name in re.findall('"(.*?)"', asked[1])]
    assert {"fallback", "variant", "section"} <= {*names}
    assert {*names} <= {*StoryParameters.model_fields}
    story = _told(reader, corpus)
    answer = reader.get(f"/v1/articles/{story.article_id}/story", params={"fallback": "popular"})
    assert len(answer.json()["articles"]) == len(story.articles)


def test_the_box_is_a_timeline_where_there_is_a_story_and_a_list_where_there_is_none(
    reader: Any, corpus: list[Article]
) -> None:
    story = _told(reader, corpus)
    asked = {"layout": "timeline", "limit": 50, "link": "/stories/{id}"}
    tree = LexborHTMLParser(reader.get(f"/v1/articles/{story.article_id}/related.html", params=asked).text)
    assert [one.text() for one in tree.css("a[part=link]")] == [part.title for part in story.articles]
    assert [one.text() for one in tree.css("[part=role]")] == [part.label for part in story.articles if part.label]
    (own,) = tree.css("a[aria-current=page]")
    assert "href" not in own.attributes
    assert len(tree.css("a[href^='/stories/']")) == len(story.articles) - 1
    dates = [one.attributes["datetime"] or "" for one in tree.css("time")]
    assert dates == sorted(dates)
    lonely = next(a.id for a in corpus if (one := _story(reader, a.id)) and not one.articles)
    timeline, plain = (
        reader.get(f"/v1/articles/{lonely}/related.html", params={"layout": layout}).text
        for layout in ("timeline", "list")
    )
    assert timeline == plain
    german = reader.get(f"/v1/articles/{story.article_id}/related.html", params={**asked, "lang": "de"}).text
    assert re.findall("Was bisher geschah|Anfang", german) == ["Was bisher geschah", "Anfang"]


def test_the_site_has_a_page_for_each_story_and_says_where_there_is_none(reader: Any, corpus: list[Article]) -> None:
    story = _told(reader, corpus)
    path = f"/timelines/{quote(story.article_id, safe='')}"
    assert path in reader.get(f"/stories/{quote(story.article_id, safe='')}").text
    page = LexborHTMLParser(reader.get(path).text)
    (name,) = page.css("h1")
    assert name.text() == story.name
    links = [one.attributes["href"] for one in page.css("main a[part=link]")]
    assert links == [f"/stories/{quote(part.id, safe='')}" for part in story.articles]
    assert reader.head(path).status_code == 200
    lonely = next(a.id for a in corpus if (one := _story(reader, a.id)) and not one.articles)
    assert "/timelines/" not in reader.get(f"/stories/{lonely}").text
    empty = reader.get(f"/timelines/{lonely}")
    assert (empty.status_code, "No running story" in empty.text) == (200, True)
    assert reader.get("/timelines/unheard-of").status_code == 404


def test_what_is_taken_down_is_off_every_timeline_at_once_and_no_title_becomes_markup(
    newsroom: Any, corpus: list[Article]
) -> None:
    story = _told(newsroom.reader, corpus)
    by_id = {article.id: article for article in corpus}
    gone = next(part.id for part in story.articles if part.id != story.article_id)
    body = by_id[gone].model_dump(mode="json", exclude={"id"})
    title = f"{body['title']} &lt;script&gt;alert(1)&lt;/script&gt;"
    newsroom.writer.article("PUT", gone, json={**body, "title": title})
    paths = [f"/timelines/{quote(story.article_id, safe='')}",
             f"/v1/articles/{quote(story.article_id, safe='')}/related.html?layout=timeline&limit=50"]  # fmt: skip
    shown = [newsroom.reader.get(path).text for path in paths]
    assert all("alert(1)" in one and "<script>alert" not in one for one in shown)
    newsroom.writer.article("DELETE", gone)
    assert not any("alert(1)" in newsroom.reader.get(path).text for path in paths)
