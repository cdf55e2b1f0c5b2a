"""Links while writing: on names that a draft and a story share with few others, at most one in sixty words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from recommend.articles.article import Article, parse_article
from recommend.linking import links_of, links_to
from recommend.ranking.links import Link
from recommend.recommender import Recommender

if TYPE_CHECKING:
    from conftest import Newsroom, OpenNewsroom

FILLER = " ".join(f"meanwhile the council went on with its ordinary work of item {n}" for n in range(30))


def story(number: int, day: int, title: str, text: str) -> Article:
    row = {"id": f"s{number}", "title": title, "text": text, "url": f"/stories/{number}", "language": "en"}
    return parse_article({**row, "published_at": f"2026-03-{day:02}T08:00:00Z"})


STORIES = [
    story(1, 1, "Dam at Kirovets gives way", "Water broke through the dam at Kirovets and flooded the valley."),
    story(2, 3, "Minister Haldane resigns", "Minister Haldane resigned after the dam broke. The valley is flooded."),
    story(3, 5, "Valley counts cost of flood", "The flood in the valley of Kirovets destroyed farms, say farmers."),
    story(4, 2, "Cup final goes to penalties", "The cup final between two teams went to penalties after extra time."),
]
BODY = (
    f"The dam at Kirovets will be built again, the government said of the flood in the valley. {FILLER} "
    f"The dam had been a promise of Minister Haldane, who resigned. {FILLER}"
)


@pytest.fixture(scope="module")
def recommender(open_newsroom: OpenNewsroom, stories: list[Article]) -> Iterator[Recommender]:
    with open_newsroom(*STORIES, *stories) as newsroom:
        policy = newsroom.settings.policy.model_copy(update={"floor": 0.005})
        yield newsroom.recommender().with_settings(policy=policy)


def proposed(recommender: Recommender, draft: Article, body: str, most: int = 10) -> list[Link]:
    return links_of(recommender, draft, body, most, nameless=True, floor=0.0).links


def draft(body: str) -> Article:
    return Article(id="draft", title="Dam will be built again", text=body, language="en")


def test_words_that_name_what_a_draft_shares_with_a_story_lead_there(recommender: Recommender) -> None:
    links = proposed(recommender, draft(BODY), BODY)
    assert links
    assert [BODY[link.offset : link.offset + link.length] for link in links] == [link.text for link in links]
    found = {link.id: link for link in links}
    assert "Haldane" in found["s2"].text
    assert found["s2"].url == "/stories/2"
    assert any("Kirovets" in link.text for link in links)
    assert "s4" not in found


def test_no_two_links_lead_to_one_story_and_none_is_near_another(recommender: Recommender) -> None:
    links = proposed(recommender, draft(BODY), BODY)
    assert len({link.id for link in links}) == len(links)
    places = [len(BODY[: link.offset].split()) for link in links]
    assert all(after - before >= 60 for before, after in pairwise(places))
    assert proposed(recommender, draft(BODY), BODY, 1) == [max(links, key=lambda link: link.score)]


@pytest.mark.parametrize(
    ("before", "after"), [('<a href="/x">', "</a>"), ("<h2>", "</h2>"), ("<blockquote>", "</blockquote>"), ("“", "”")]
)
def test_no_link_stands_inside_links_headings_or_quotations(recommender: Recommender, before: str, after: str) -> None:
    body = f"<p>{before}Minister Haldane resigned{after} over the dam.</p><p>{FILLER}</p>"
    assert [link for link in proposed(recommender, draft(body), body) if link.text.endswith("Haldane")] == []


def test_a_story_that_is_linked_already_is_not_proposed_again(recommender: Recommender) -> None:
    body = f'<p>Read <a href="/stories/2">more</a>.</p><p>{BODY}</p>'
    assert "s2" not in {link.id for link in proposed(recommender, draft(body), body)}


@pytest.mark.parametrize("href", ["/stories/2", "../stories/2", "https://news.example/stories/2?utm_source=desk"])
def test_a_link_that_is_read_from_the_drafts_own_address_is_not_proposed_again(
    newsroom: Newsroom, stories: list[Article], href: str
) -> None:
    older = STORIES[1].model_copy(update={"url": "https://news.example/stories/2"})
    newsroom.take(older, *stories)
    newsroom.reindex()
    policy = newsroom.settings.policy.model_copy(update={"floor": 0.0})
    recommender = newsroom.recommender().with_settings(policy=policy)
    body = f'<p>Read <a href="{href}">more</a>.</p><p>{BODY}</p>'
    writing = draft(body).model_copy(update={"url": "https://news.example/drafts/7"})
    assert "s2" in {link.id for link in proposed(recommender, writing, BODY)}
    assert "s2" not in {link.id for link in proposed(recommender, writing, body)}


def test_a_stored_article_gets_no_link_that_it_had_in_its_markup(newsroom: Newsroom, stories: list[Article]) -> None:
    body = f'<p>Read <a href="/stories/2">more</a>.</p><p>{BODY}</p>'
    row = {"id": "new", "title": "Dam will be built again", "language": "en", "published_at": "2026-03-09T08:00:00Z"}
    linking, plain = parse_article({**row, "text": body}), parse_article({**row, "text": BODY})
    newsroom.take(linking, *STORIES, *stories)
    newsroom.reindex()
    policy = newsroom.settings.policy.model_copy(update={"floor": 0.0})
    recommender = newsroom.recommender().with_settings(policy=policy)
    of_each = [{link.id for link in proposed(recommender, one, one.text)} for one in (plain, linking)]
    assert of_each[0] - of_each[1] == {"s2"}


@pytest.mark.parametrize("name", ["s3", "/stories/3"])
def test_an_older_story_that_leads_to_the_new_one_already_is_not_told(
    newsroom: Newsroom, stories: list[Article], name: str
) -> None:
    policy = newsroom.settings.policy.model_copy(update={"floor": 0.005})

    def told() -> set[str | None]:
        return {
            one.article_id for one in links_to(newsroom.recommender().with_settings(policy=policy), "s3", floor=0.0)
        }

    newsroom.take(*STORIES, *stories)
    newsroom.reindex()
    before = told()
    assert "s1" in before
    newsroom.take(STORIES[0].model_copy(update={"links_to": [name]}))
    assert told() == before - {"s1"}


def test_a_link_in_a_script_without_spaces_stands_on_the_whole_name(newsroom: Newsroom, stories: list[Article]) -> None:
    text = "霧島ダムが決壊し、谷の村が浸水した。"
    older = parse_article({"id": "dam", "title": "霧島ダムが決壊", "text": text, "language": "ja"})
    newsroom.take(older, *stories)
    newsroom.reindex()
    policy = newsroom.settings.policy.model_copy(update={"floor": 0.0})
    body = "政府は霧島ダムの再建を発表した。"
    writing = Article(id="draft", title="ダム再建へ", text=body, language="ja")
    [link] = proposed(newsroom.recommender().with_settings(policy=policy), writing, body)
    assert (link.id, link.text) == ("dam", "霧島ダム")


def test_links_that_are_taken_over_one_by_one_stand_no_nearer_to_each_other(recommender: Recommender) -> None:
    at_once, body = proposed(recommender, draft(BODY), BODY), BODY
    while links := proposed(recommender, draft(body), body):
        end = links[0].offset + links[0].length
        body = f'{body[: links[0].offset]}<a href="{links[0].url}">{links[0].text}</a>{body[end:]}'
    places = [len(part.split()) for part in re.split(r"<a .*?</a>", body)]
    assert 1 < body.count("<a ") <= len(at_once)
    assert all(words >= 59 for words in places[1:-1])


def test_older_stories_are_told_where_they_should_lead_to_a_new_one(recommender: Recommender) -> None:
    found = links_to(recommender, "s3", floor=0.0)
    assert found
    for one in found:
        [link] = one.links
        assert one.article_id in {"s1", "s2"}
        assert (link.id, one.text[link.offset : link.offset + link.length]) == ("s3", link.text)


@pytest.mark.parametrize(
    ("sentence", "anchor"),
    [
        ("They met at the Stade de France on Monday.", None),
        ("The storm was a Category 5 by then.", None),
        ("It was said by Haldane of the ministry.", "Haldane"),
        ("The Temple of Kirovets was shut.", None),
        ("Robert F. Haldane spoke.", None),
        ("They are of the Asia-Haldane summit.", None),
        ("Back then Petra Haldane spoke.", "Petra Haldane"),
        ("They heard Haldane. Donald Crane spoke. 30 left.", "Haldane"),
        ("They heard Haldane. 30 people left.", "Haldane"),
    ],
)
def test_a_link_stands_on_a_whole_name(
    newsroom: Newsroom, stories: list[Article], sentence: str, anchor: str | None
) -> None:
    title = "Haldane at Stade in Category for Kirovets"
    older = story(9, 1, title, "Once, said Petra, the Stade was in a Category with Kirovets and Haldane. So Petra.")
    newsroom.take(older, *stories)
    newsroom.reindex()
    policy = newsroom.settings.policy.model_copy(update={"floor": 0.0})
    links = proposed(newsroom.recommender().with_settings(policy=policy), draft(sentence), sentence)
    assert [link.text for link in links if link.id == "s9"] == ([] if anchor is None else [anchor])


def test_a_story_that_is_hardly_related_gets_no_link(recommender: Recommender) -> None:
    links = proposed(recommender, draft(BODY), BODY)
    most = max(link.score for link in links) - 0.0001  # scores are told rounded
    kept = links_of(recommender, draft(BODY), BODY, nameless=True, floor=most).links
    assert kept
    assert all(round(link.score, 3) >= round(most, 3) for link in kept)
    assert links_of(recommender, draft(BODY), BODY, nameless=True, floor=1.0).links == []


def test_a_place_is_linked_only_near_the_beginning(newsroom: Newsroom, stories: list[Article]) -> None:
    older = story(9, 1, "Farms near Poltava are flooded", "The water of the flood stands on the farms near Poltava.")
    newsroom.take(older, *stories)
    newsroom.reindex()
    policy = newsroom.settings.policy.model_copy(update={"floor": 0.0})
    recommender = newsroom.recommender().with_settings(policy=policy)
    told = "The water of the flood now stands near Poltava, at the farms too."
    early, late = f"{told} {FILLER}", f"{FILLER} {told}"
    assert [link.text for link in proposed(recommender, draft(early), early) if link.id == "s9"] == ["Poltava"]
    assert [link.text for link in proposed(recommender, draft(late), late) if link.id == "s9"] == []
