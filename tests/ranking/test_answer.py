"""What an answer tells of the articles that were chosen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from recommend.articles.article import Article
from recommend.settings import PolicySettings

if TYPE_CHECKING:
    from conftest import Newsroom

ALL_RELATED = PolicySettings(floor=0.0)
START = datetime(2025, 3, 1, 9, tzinfo=UTC)


def reasons(newsroom: Newsroom, article_id: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    answer = newsroom.recommender().with_settings(policy=ALL_RELATED).answer(article_id, 50)
    assert answer is not None
    return {item.id: (item.reason.kind, item.reason.terms) for item in answer.items}


def test_a_rare_tag_or_author_in_common_is_a_reason_and_one_that_all_have_is_none(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    tags = {"story-00": ["News", "Harbours"], "story-06": ["harbours"]}
    authors = {"story-00": ["Desk", "Ida Roy"], "story-12": ["Ida Roy"]}
    newsroom.take(
        *(
            story.model_copy(update={"tags": tags.get(story.id, ["News"]), "authors": authors.get(story.id, ["Desk"])})
            for story in stories
        )
    )
    newsroom.reindex()
    told = reasons(newsroom, "story-00")
    assert told.pop("story-06") == ("tag", ("harbours",))
    assert told.pop("story-12") == ("author", ("Ida Roy",))
    assert set(told.values()) == {("similar", ())}


def test_the_same_report_with_a_new_toll_is_an_update_under_the_old_one_and_no_reason_under_the_new(
    newsroom: Newsroom,
) -> None:
    report = (
        "The death toll of the flood at the harbour of the old town rises to {}, with {} missing in the valley below."
    )
    old, new = (
        Article(id=name, title=f"Toll {count}", text=report.format(count, count + 300), published_at=START + age)
        for name, count, age in (("old", 31, timedelta()), ("new", 48, timedelta(days=2)))
    )
    newsroom.take(old, new)
    newsroom.reindex()
    assert reasons(newsroom, "old")["new"] == ("update", ())
    assert "old" not in reasons(newsroom, "new")


def test_a_name_that_came_up_since_the_last_reindex_is_a_reason_at_once_and_the_same_as_after_the_next(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    newsroom.take(*stories)
    newsroom.reindex()
    first, second = (
        Article(id=name, title=title, text=f"{title}. {story.text}", published_at=START + age)
        for name, title, story, age in (
            ("first", "The harbour of Velmora is closed", stories[0], timedelta()),
            ("second", "Ships wait outside Velmora", stories[1], timedelta(hours=5)),
        )
    )
    newsroom.take(first, second)
    _, before = reasons(newsroom, "first")["second"]
    newsroom.reindex()
    _, after = reasons(newsroom, "first")["second"]
    assert before == after == ("Velmora",)
