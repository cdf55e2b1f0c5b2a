"""An archive for rules of editors, any rules over it, and what every answer under them promises."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from recommend.articles.article import Article, parse_article
from recommend.articles.rules import Match, RuleBook
from recommend.index.filters import Filters
from recommend.ranking.answer import Answer, Recommendation
from recommend.ranking.matching import Story, holds
from recommend.recommender import Recommender
from recommend.settings import PolicySettings

NOW = datetime.now(UTC).replace(microsecond=0)
COUNT = 240


def _articles(count: int) -> list[Article]:
    chance = Random(7)
    words = ["".join(chance.choices("bdfgklmnprst", k=3) + chance.choices("aeiou", k=2)) for _ in range(480)]
    words = [word.title() if n % 3 else word for n, word in enumerate(words)]  # some are names
    found = []
    for n in range(count):
        topic = n % 8
        own = words[topic * 40 : topic * 40 + 40] * 3 + words
        row: dict[str, Any] = {
            "id": f"a{n:03}",
            "title": " ".join(chance.choices(own, k=6)),
            "text": " ".join(chance.choices(own, k=chance.choice([20, 60, 120]))),
            "published_at": NOW - timedelta(days=chance.randrange(90)) if n % 9 else None,
            "section": ["World", "Sport", "Culture", None][n % 4],
            "site": ["north", "south", None][n % 3],
            "genre": [None, "news", "opinion"][n % 11 % 3],
            "authors": [["Ana"], ["Ben", "Cid"], [], ["Dora"], ["Ana", "Eva"]][n % 5],
            "tags": [[f"t{topic}"], ["2024", f"t{topic}"], ["Series: Sea"], []][n // 8 % 4],
        }
        found.append(parse_article(row))
    return found


ARTICLES = {article.id: article for article in _articles(COUNT + 40)}

IDS = st.sampled_from([*ARTICLES])
FIELDS = st.one_of(
    st.builds(lambda v: {"section": v}, st.sampled_from(["World", "Sport", "Culture", "Nowhere"])),
    st.builds(lambda v: {"site": v}, st.sampled_from(["north", "south"])),
    st.builds(lambda v: {"author": v}, st.sampled_from(["Ana", "Ben", "Dora"])),
    st.builds(lambda v: {"tag": v}, st.sampled_from(["2024", "t0", "t1", "Series: Sea"])),
    st.builds(lambda v: {"genre": v}, st.sampled_from(["news", "opinion"])),
    st.builds(lambda v: {"max_age": v}, st.sampled_from([10, 40])),
    st.builds(lambda v: {"min_age": v}, st.sampled_from([10, 40])),
    st.builds(lambda v: {"id": v}, IDS),
)
MATCHES = st.one_of(
    FIELDS,
    st.builds(lambda a, b: a | b, FIELDS, FIELDS),
    st.builds(lambda a: {"not": a}, FIELDS),
    st.builds(lambda a, b: {"any": [a, b]}, FIELDS, FIELDS),
)
CANDIDATES = st.one_of(
    MATCHES,
    st.builds(lambda v: {"same": v}, st.sampled_from(["section", "author", "site"])),
    st.just({"series": "Series: "}),
)
THEN = st.one_of(
    st.builds(lambda a, f: {"prefer": a, "factor": f}, CANDIDATES, st.sampled_from([1.5, 4, 10])),
    st.builds(lambda a, f: {"hold_back": a, "factor": f}, CANDIDATES, st.sampled_from([1.5, 4, 10])),
    st.builds(lambda a: {"leave_out": a}, CANDIDATES),
    st.builds(lambda a: {"only": a}, CANDIDATES),
    st.builds(
        lambda n, per: {"at_most": n, "per": per},
        st.sampled_from([1, 2]),
        st.sampled_from(["author", "section", "site"]),
    ),
    st.builds(lambda a, n: {"pin": a, "position": n}, IDS, st.sampled_from([1, 3])),
    st.just({"latest_of_story": True}),
    st.builds(lambda v: {"ignore": {"tag": v, "section": "World", "author": "Ana"}}, st.sampled_from(["2024", "t1"])),
)
RULES = st.lists(
    st.builds(lambda when, then: {"when": when, "then": then}, st.one_of(st.just({}), MATCHES), THEN), max_size=4
)
FILTERS = st.builds(
    Filters,
    section=st.sampled_from([None, None, None, "World"]),
    exclude=st.frozensets(IDS, max_size=10),
    prefer=st.sampled_from([None, None, "near"]),
)
POLICIES = st.builds(
    PolicySettings,
    diversity=st.sampled_from([0.0, 0.0, 0.4]),
    readable=st.sampled_from([0, 0, 2]),
    hide_duplicates=st.booleans(),
    fill=st.sampled_from(["related", "section", "none"]),
    freshness_half_life=st.just(10.0),
)


def hold(recommender: Recommender, answer: Answer, k: int, filters: Filters, book: RuleBook) -> None:
    """Holds an answer against what was promised."""
    today = int(NOW.timestamp() // 86_400) * 86_400
    assert len(answer.items) <= k
    ids = [item.id for item in answer.items]
    assert len({*ids, answer.article_id}) == len(ids) + 1
    assert not filters.exclude & {*ids}
    view = recommender.view()
    assert all(view.locate(one) is not None for one in ids)
    assert filters.section is None or {item.section for item in answer.items} <= {filters.section}
    assert len(ids) == k or answer.short
    related = [item.reason.kind not in ("section", "latest") for item in answer.items]
    assert all(related[: answer.related])
    place = view.locate(answer.article_id or "")
    assert place is not None
    story = Story.of(view.segments[place[0]].table.card(place[1]), answer.article_id, today)
    for rule in book.rules:
        if not holds(rule.when, story, today):
            continue
        match = rule.then.named and story.resolved(rule.then.named)
        for item in answer.items:
            if match is not None and item.reason.kind != "pinned":
                _hold_item(match, item, rule.then.action, today)
        if rule.then.at_most is not None and rule.then.per is not None:
            free = [item for item in answer.items if item.reason.kind != "pinned"]
            counts = Counter(value for item in free for value in _values(item, rule.then.per) if value)
            assert max(counts.values(), default=0) <= rule.then.at_most


def _values(item: Recommendation, per: str) -> list[str | None]:
    return [*item.authors] if per == "author" else [item.section if per == "section" else item.site]


def _hold_item(match: Match, item: Recommendation, action: str, today: int) -> None:
    if item.published_at is None and any(part.max_age or part.min_age for part in match.parts()):
        return  # a candidate without a date is of no age; a story without one is of today
    meant = holds(match, Story.of(item, item.id, today), today)
    assert not (action == "leave_out" and meant)
    assert not (action == "only" and not meant)
