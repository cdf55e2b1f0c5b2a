from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from recommend.articles.article import Article
from recommend_service.http.schemas import Stored

OLD_STORY, DRAFT = "a-central-asia-condemns-drone-attack", "b-draft-tiktok-user-questions"
FOLLOW_UP = {
    "title": "Kazakhstan's president repeats his condemnation of the drone attack on Putin's Novgorod residence",
    "text": "Central Asian leaders had condemned the alleged drone attack; Kyiv calls the claim a fabrication.",
    "url": "https://meridian-courier.example/world/follow-up",
    "published_at": "2026-01-02T08:00:00Z",
    "section": "World",
    "language": "en",
}


def _put(newsroom: Any, article_id: str, **fields: Any) -> Stored:
    response = newsroom.writer.article("PUT", article_id, json={**FOLLOW_UP, **fields})
    assert response.status_code in {200, 201}, response.text
    return Stored.model_validate_json(response.content)


@pytest.fixture
def follow_up(newsroom: Any) -> Iterator[str]:
    """The id of a published follow-up of the old story, gone again after the test."""
    article_id = f"follow-up-{uuid4()}"
    _put(newsroom, article_id)
    yield article_id
    newsroom.writer.article("DELETE", article_id)


def _assert_gone(newsroom: Any, article_id: str) -> None:
    """From everywhere a reader may look, at the first look."""
    reader, at_the_time = newsroom.reader, {"since": "2026-01-02T08:00:00Z", "until": "2026-01-02T08:00:00Z"}
    assert article_id not in reader.shown(OLD_STORY)
    assert article_id not in reader.shown(OLD_STORY, **at_the_time)
    assert article_id not in reader.shown("no-such-article", **at_the_time)
    assert reader.box(article_id).fallback == "latest"
    assert article_id not in reader.shown(article_id)
    by_url = {"url": FOLLOW_UP["url"]}
    assert reader.get("/v1/related", params=by_url).json()["article_id"] == FOLLOW_UP["url"]
    assert reader.get("/v1/related", params={**by_url, "fallback": "none"}).status_code == 404
    assert reader.article("GET", article_id).status_code == 404
    draft = reader.post("/v1/related", json=FOLLOW_UP, params={"limit": 50}).json()
    assert article_id not in {item["id"] for item in draft["items"]}
    assert reader.get(f"/stories/{article_id}").status_code == 404
    assert article_id not in reader.get("/", params={"section": "World"}).text


def test_a_new_article_is_created_an_equal_one_changes_nothing_and_a_changed_one_replaces_it(newsroom: Any) -> None:
    answers = [
        newsroom.writer.article("PUT", "thrice", json={"id": "thrice", "title": title, "byline": "kept"})
        for title in ("Storks return early", "Storks return early", "Storks <em>return</em> late")
    ]
    created, unchanged, replaced = (Stored.model_validate_json(answer.content) for answer in answers)
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert created.revision == unchanged.revision < replaced.revision
    stored = newsroom.writer.article("GET", "thrice").json()
    assert stored.keys() == Article.model_fields.keys()
    assert Article.model_validate(stored).title == "Storks return late"
    assert stored["extra"] == {"byline": "kept"}


def test_an_address_leads_to_the_article_that_took_it_over_by_the_next_answer(newsroom: Any) -> None:
    def asked(*tried: str) -> list[str]:
        found = (newsroom.reader.get("/v1/related", params={"url": "https://news.example/live"}) for _ in tried)
        return [answer.json()["article_id"] for answer in found]

    def put(name: str, **fields: str) -> None:
        row = {"url": "https://news.example/live", "text": "Leaders of Central Asia condemned it.", **fields}
        assert newsroom.writer.article("PUT", name, json=row).status_code == 201

    put("live-1", title="Central Asian leaders condemn the drone attack once more")
    assert asked("first", "kept") == ["live-1", "live-1"]
    put("live-2", title="Knitting with zebras", text="Wool and needles.", published_at="2001-01-01T00:00:00Z")
    assert asked("first", "kept") == ["live-2", "live-2"]
    assert newsroom.writer.article("DELETE", "live-2").status_code == 204
    assert asked("first", "kept") == ["live-1", "live-1"]


def test_a_new_article_is_recommended_under_an_old_story_by_the_next_answer(newsroom: Any) -> None:
    related = f"/v1/articles/{OLD_STORY}/related"
    tag = newsroom.reader.get(related).headers["ETag"]
    stored = _put(newsroom, "next-answer")
    after = newsroom.reader.get(related, headers={"If-None-Match": tag}).json()
    assert after["revision"] == stored.revision
    assert "next-answer" in {item["id"] for item in after["items"]}
    assert OLD_STORY in newsroom.reader.shown("next-answer")
    by_url = newsroom.reader.get("/v1/related", params={"url": FOLLOW_UP["url"]}).json()
    assert by_url["article_id"] == "next-answer"
    newsroom.writer.article("DELETE", "next-answer")


def test_a_change_of_headline_and_section_is_shown_by_the_next_answer(newsroom: Any, follow_up: str) -> None:
    _put(newsroom, follow_up, title="Astana repeats it", section="Politics")
    shown = {item.id: item for item in newsroom.reader.box(OLD_STORY, limit=50).items}[follow_up]
    assert (shown.title, shown.section) == ("Astana repeats it", "Politics")
    assert follow_up not in newsroom.reader.shown(OLD_STORY, section="World")


def test_a_deleted_article_is_gone_everywhere_at_once_and_deleting_again_is_no_error(
    newsroom: Any, follow_up: str
) -> None:
    assert follow_up in newsroom.reader.shown(OLD_STORY)
    for _ in range(2):
        assert newsroom.writer.article("DELETE", follow_up).status_code == 204
        _assert_gone(newsroom, follow_up)
    assert newsroom.writer.article("GET", follow_up).status_code == 404
    assert newsroom.writer.article("DELETE", "never-heard-of").status_code == 204


def test_a_deleted_article_of_the_snapshot_is_gone_and_comes_back_when_put_again(newsroom: Any) -> None:
    taken = "a-lavrov-novgorod-drone-claim"
    article = newsroom.writer.article("GET", taken).json()
    assert taken in newsroom.reader.shown(OLD_STORY)
    newsroom.writer.article("DELETE", taken)
    assert taken not in newsroom.reader.shown(OLD_STORY)
    assert newsroom.reader.article("GET", taken).status_code == 404
    assert newsroom.writer.article("PUT", taken, json=article).status_code == 201
    assert taken in newsroom.reader.shown(OLD_STORY)


@pytest.mark.parametrize("status", ["unpublished", "draft"])
def test_an_unpublished_article_is_gone_for_readers_and_stays_for_those_with_a_key(
    newsroom: Any, follow_up: str, status: str
) -> None:
    _put(newsroom, follow_up, status=status)
    _assert_gone(newsroom, follow_up)
    assert newsroom.writer.article("GET", follow_up).json()["status"] == status
    assert follow_up not in newsroom.writer.shown(OLD_STORY)
    _put(newsroom, follow_up)
    assert follow_up in newsroom.reader.shown(OLD_STORY)
    assert newsroom.reader.article("GET", follow_up).status_code == 200


def test_an_expired_article_is_never_in_a_box(newsroom: Any, follow_up: str) -> None:
    _put(newsroom, follow_up, expires_at="2026-01-03")
    assert follow_up not in newsroom.reader.shown(OLD_STORY)
    assert follow_up not in newsroom.reader.shown("no-such-article", since="2026-01-02", until="2026-01-03")
    _put(newsroom, follow_up, expires_at="2999-01-01")
    assert follow_up in newsroom.reader.shown(OLD_STORY)


@pytest.mark.parametrize(
    "article_id",
    ["2026/01/05/a-story", "/leading", "trailing/", "a//b", "a b", "Überschrift 中文 🗞", "100%", "%2F", "a?b#c",
     "related", "x/related/y", "a+b&c=d", "a;b,c", "\"quoted'", "~.-_", "x" * 512, "urn:uuid:1", "\\", "﷽" * 100],
)  # fmt: skip
def test_any_id_makes_the_whole_round_its_slashes_escaped_or_not(newsroom: Any, article_id: str) -> None:
    assert newsroom.writer.article("PUT", article_id, json={"title": "A", "id": article_id}).status_code == 201
    for safe in ("", "/"):
        assert newsroom.reader.get(f"/v1/articles/{quote(article_id, safe=safe)}").json()["id"] == article_id
    assert newsroom.reader.box(article_id, fallback="none").article_id == article_id
    assert newsroom.writer.article("DELETE", article_id).status_code == 204
    assert newsroom.reader.article("GET", article_id).status_code == 404


@pytest.mark.parametrize("ending", ["related", "related.html", "story", "why", "curation"])
def test_an_id_may_end_as_a_route_does_where_its_slashes_are_escaped(newsroom: Any, ending: str) -> None:
    article_id = f"2026/01/05/{ending}"
    assert newsroom.writer.article("PUT", article_id, json={"title": "A"}).status_code == 201
    assert newsroom.reader.article("GET", article_id).json()["id"] == article_id
    assert newsroom.reader.box(article_id, fallback="none").article_id == article_id
    assert newsroom.writer.article("DELETE", article_id).status_code == 204


@pytest.mark.parametrize("given", ["another", "", None, 7, ["body-id"]])
def test_an_id_in_the_body_must_be_the_one_in_the_path(newsroom: Any, given: object) -> None:
    refused = newsroom.writer.article("PUT", "body-id", json={"id": given, "title": "Two ids"})
    assert refused.status_code == 422
    assert "is not the id in the path, 'body-id'" in refused.json()["detail"]
    assert newsroom.writer.article("GET", "body-id").status_code == 404


@pytest.mark.parametrize("credentials", ["", "Bearer wrong", "Basic a2V5", "Bearer {stored}"])
def test_without_a_valid_key_nothing_is_written_and_no_draft_is_read(newsroom: Any, credentials: str) -> None:
    reader, stored = newsroom.reader, newsroom.settings.service.api_keys[0]
    headers = {"Authorization": credentials.format(stored=stored)} if credentials else {}
    revision = reader.get("/readyz").json()["revision"]
    for method in ("PUT", "DELETE"):
        refused = reader.article(method, OLD_STORY, json={"title": "Mine now"}, headers=headers)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "wrong" not in refused.text
    assert reader.get("/readyz").json()["revision"] == revision
    assert reader.article("GET", DRAFT, headers=headers).status_code == 404
    assert newsroom.writer.article("GET", DRAFT).json()["status"] == "draft"


def test_an_id_with_a_line_break_is_refused_and_never_found(newsroom: Any) -> None:
    assert newsroom.writer.article("PUT", "a\nb", json={"title": "Lines break"}).status_code == 422
    assert newsroom.writer.article("DELETE", "a\nb").status_code == 204
    missing = newsroom.writer.article("GET", "a\nb")
    assert (missing.status_code, missing.json()["detail"]) == (404, r"article 'a\nb' is unknown or not published")
