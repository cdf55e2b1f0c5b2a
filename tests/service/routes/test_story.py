from __future__ import annotations

from typing import Any

from recommend.articles.article import Article
from recommend_service.http.schemas import StoryBody


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
