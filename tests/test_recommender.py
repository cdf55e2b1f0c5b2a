"""The read side: full and clean lists, the same every time."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.article import Article, Status, parse_article
from recommend.encoder import Encoder
from recommend.errors import EncoderError, SnapshotError, UnknownArticleError
from recommend.ingest import ingest
from recommend.ranking import Ranker
from recommend.recommender import Recommender
from recommend.reindex import reindex
from recommend.settings import PolicySettings, RankingSettings, Settings
from recommend.store import Store
from recommend.table import Filters, primary_language

NOW = datetime.now(UTC).replace(microsecond=0)
HIDDEN = {"opinion", "letters", "live", "sponsored", "correction"}
SECTIONS, LANGUAGES, TAGS = ["World", "Sport"], ["en", "en-GB", "es"], ["a", "b"]
ANCHOR = "a-central-asia-condemns-drone-attack"
Build = Callable[[list[Article], int], Recommender]


def _crowd() -> list[Article]:
    """240 articles of every description; every tenth has the text of the one before under another headline."""
    chance = random.Random(3)
    words = ["".join(chance.choices("bdfgklmnprst", k=3) + chance.choices("aeiou", k=2)) for _ in range(600)]
    rows: list[dict[str, Any]] = []
    for n in range(240):
        text = rows[-1]["text"] if n % 10 == 9 else " ".join(chance.choices(words, k=25))
        rows.append(
            {
                "id": f"{chance.randrange(1000):03}-{n}",
                "title": " ".join(chance.choices(words, k=5)),
                "text": text,
                "status": chance.choice(["published"] * 8 + ["draft", "unpublished"]),
                "published_at": chance.choice(
                    [None, *[NOW - timedelta(days=d) for d in range(1, 9)], NOW + timedelta(days=1)]
                ),
                "expires_at": chance.choice([None] * 6 + [NOW - timedelta(days=1), NOW + timedelta(days=1)]),
                "section": chance.choice([None, *SECTIONS]),
                "language": chance.choice([None, *LANGUAGES]),
                "site": chance.choice([None, "one", "two"]),
                "genre": chance.choice([None, "news", "opinion", "live"]),
                "tags": chance.sample(TAGS, chance.randrange(3)),
            }
        )
    return [parse_article(row) for row in rows]


CROWD = _crowd()
PUBLISHED = [article for article in CROWD if article.status == Status.PUBLISHED]
FILTERS = st.builds(
    Filters,
    section=st.sampled_from([None, None, *SECTIONS, "Unheard of"]),
    language=st.sampled_from([None, None, *LANGUAGES]),
    site=st.sampled_from([None, None, "one"]),
    tag=st.sampled_from([None, None, *TAGS]),
    since=st.sampled_from([None, None, NOW - timedelta(days=5)]),
    until=st.sampled_from([None, None, NOW - timedelta(days=3)]),
    exclude=st.frozensets(st.sampled_from([article.id for article in CROWD]), max_size=40),
)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory, toy_encoder: Encoder) -> Iterator[Build]:
    """Indexes some articles, puts the rest on top as changes since, and opens a recommender."""
    opened: list[Store] = []

    def build(articles: list[Article], later: int = 0, **ranking: Any) -> Recommender:
        folder = tmp_path_factory.mktemp("built")
        settings = Settings(
            store=f"sqlite:///{folder / 'recommend.db'}", index=folder / "index", ranking=RankingSettings(**ranking)
        )
        store = Store(settings.store)
        opened.append(store)
        ingest(store, toy_encoder, articles[later:])
        reindex(store, toy_encoder, settings)
        ingest(store, toy_encoder, articles[:later])
        return Recommender(store, settings, toy_encoder)

    yield build
    for store in opened:
        store.close()


@pytest.fixture(scope="module")
def crowd(build: Build) -> Recommender:
    return build(CROWD, 80, candidates=10)  # type: ignore[call-arg]


@pytest.fixture
def sample(indexed: tuple[Settings, Store]) -> Recommender:
    settings, store = indexed
    return Recommender(store, settings)


def configured(recommender: Recommender, **groups: Any) -> Recommender:
    """The same articles under other settings."""
    return Recommender(recommender.store, recommender.settings.model_copy(update=groups), recommender._encoder)


def eligible(query: Article, filters: Filters) -> dict[str, Article]:
    """What may stand under an article, told from the articles alone; one of several with the same text."""
    language = filters.language or query.language
    found = [
        a
        for a in PUBLISHED
        if (a.expires_at is None or a.expires_at > NOW)
        and (a.published_at is None or a.published_at <= NOW)
        and (language is None or a.language is None or primary_language(a.language) == primary_language(language))
        and (a.genre not in HIDDEN or a.genre == query.genre)
        and (filters.section is None or a.section == filters.section)
        and (filters.site is None or a.site == filters.site)
        and (filters.tag is None or filters.tag in a.tags)
        and (filters.since is None or (a.published_at is not None and a.published_at >= filters.since))
        and (filters.until is None or (a.published_at is not None and a.published_at <= filters.until))
        and a.id not in filters.exclude
        and a.text != query.text
    ]
    return {a.id: a for a in found}


@given(st.sampled_from(PUBLISHED), FILTERS, st.sampled_from([1, 5, 20, 300]))
def test_the_list_is_full_and_clean_whenever_enough_articles_are_eligible(
    crowd: Recommender, query: Article, filters: Filters, k: int
) -> None:
    answer = crowd.answer(query.id, k, filters)
    assert answer is not None
    allowed = eligible(query, filters)
    ids = [item.id for item in answer.items]
    assert set(ids) <= allowed.keys()
    texts = [allowed[i].text for i in ids]
    assert len(texts) == len(set(texts)) == min(k, len({a.text for a in allowed.values()}))
    assert (answer.short is None) == (len(ids) == k)
    assert [item.rank for item in answer.items] == list(range(1, len(ids) + 1))
    assert [item.score for item in answer.items] == sorted((item.score for item in answer.items), reverse=True)
    assert crowd.answer(query.id, k, filters) == answer


def test_another_process_on_the_same_store_gives_the_same_answers(crowd: Recommender) -> None:
    twin = Recommender.open(crowd.settings.index, crowd.settings.store, crowd.settings)
    for article in PUBLISHED[::7]:
        assert twin.answer(article.id, 10, explain=True) == crowd.answer(article.id, 10, explain=True)
        assert twin.rank(article.id, 30) == crowd.rank(article.id, 30)


def test_a_draft_is_answered_like_the_article_it_becomes(crowd: Recommender) -> None:
    for article in PUBLISHED[::9]:
        stored = {item.id: item.score for item in crowd.related(article.id, 20)}
        items = {item.id: item.score for item in crowd.related_to(article, 20)}
        assert len(items.keys() & stored.keys()) >= 0.9 * len(stored)
        assert all(score == pytest.approx(stored.get(i, score), abs=0.02) for i, score in items.items())
        copy = crowd.related_to(article.model_copy(update={"id": "not stored"}), 20)
        assert {item.id for item in copy} <= eligible(article, Filters()).keys()


def test_an_unknown_or_unpublished_article_is_named(crowd: Recommender) -> None:
    draft = next(article for article in CROWD if article.status == Status.DRAFT)
    for article_id in ("nobody", "", draft.id):
        assert crowd.answer(article_id, 5) is None
        assert crowd.article(article_id) is None
        for ask in (crowd.related, crowd.rank):
            with pytest.raises(UnknownArticleError, match=f"article '{article_id}' is unknown or not published"):
                ask(article_id, 5)
    assert crowd.article(PUBLISHED[0].id) == PUBLISHED[0]


def test_latest_is_the_newest_that_readers_may_see_page_by_page(crowd: Recommender) -> None:
    visible = [a for a in eligible(Article(id="x", title="x"), Filters()).values()]
    visible.sort(key=lambda a: (-a.published_at.timestamp() if a.published_at else np.inf, a.id))
    newest = crowd.latest(1000)
    assert [item.id for item in newest] == [a.id for a in visible]
    assert [*crowd.latest(7), *crowd.latest(1000, offset=7)] == [*newest[:7], *crowd.latest(1000, offset=7)]
    assert [item.id for item in crowd.latest(1000, offset=7)] == [item.id for item in newest[7:]]
    assert [item.id for item in crowd.latest(9, section="World")] == [a.id for a in visible if a.section == "World"][:9]
    first = newest[0].id
    answer = crowd.latest_answer(first, 3, Filters(exclude=frozenset({newest[1].id})))
    assert ([item.id for item in answer.items], answer.fallback) == ([item.id for item in newest[2:5]], "latest")
    assert {(item.reason.kind, item.score) for item in answer.items} == {("latest", 0.0)}


def test_sections_are_counted_largest_first(crowd: Recommender) -> None:
    names = [article.section for article in PUBLISHED]
    assert dict(crowd.sections()) == {name: names.count(name) for name in SECTIONS}
    assert [count for _, count in crowd.sections()] == sorted(map(names.count, SECTIONS), reverse=True)
    assert len(crowd) == len(PUBLISHED)


def test_with_the_policy_off_duplicates_expired_ones_and_every_genre_are_ranked(crowd: Recommender) -> None:
    off = configured(crowd, policy=PolicySettings(on=False))
    query = PUBLISHED[0]
    assert {i for i, _ in off.rank(query.id, 1000)} == {a.id for a in PUBLISHED} - {query.id}


def test_only_earlier_articles_are_candidates_as_of_the_query(crowd: Recommender) -> None:
    earlier = configured(crowd, ranking=RankingSettings(candidates=10, as_of="query"))
    for query in PUBLISHED[::5]:
        dates = [item.published_at for item in earlier.related(query.id, 300)]
        known = [date for date in dates if date is not None]
        if query.published_at is not None:
            assert len(known) == len(dates)
            assert all(date < query.published_at for date in known)
            assert len(dates) == len(
                {
                    a.text
                    for a in eligible(query, Filters()).values()
                    if a.published_at and a.published_at < query.published_at
                }
            )


def test_the_floor_leaves_out_what_is_unlikely_and_says_so(crowd: Recommender) -> None:
    query = PUBLISHED[0].id
    scores = [item.score for item in crowd.related(query, 300)]
    answer = configured(crowd, policy=PolicySettings(floor=scores[3] - 1e-4)).answer(query, 300)
    assert answer is not None
    assert 4 <= len(answer.items) < len(scores)
    assert f"{answer.removed['floor']} removed by floor" in (answer.short or "")


def test_explanations_add_up_to_the_score(sample: Recommender) -> None:
    ranker = Ranker.load(Path(sample.settings.models) / "news-linear.json")
    answer = sample.answer(ANCHOR, 10, explain=True)
    assert answer is not None
    for item in answer.items:
        assert item.explanation is not None
        assert item.explanation.keys() == ranker.features.keys()
        total = sum(part["adds"] or 0.0 for part in item.explanation.values())
        assert item.score == pytest.approx(1 / (1 + np.exp(-(ranker.slope * total + ranker.intercept))), abs=2e-4)


def test_the_story_this_began_with_has_its_own_story_on_top_and_its_neighbours_below(sample: Recommender) -> None:
    items = sample.related(ANCHOR, 10)
    ids = [item.id for item in items]
    story = {
        "a-lavrov-novgorod-drone-claim",
        "a-us-intelligence-no-attempt-residence",
        "a-russia-hands-drone-evidence-attache",
    }
    assert set(ids[:3]) == story
    assert {item.reason.kind for item in items[:3]} == {"story"}
    assert {"a-zelensky-trump-mar-a-lago", "a-paris-coalition-willing-declaration"} < set(ids)
    assert not {"a-wire-central-asia-drone-attack", "a-opinion-drone-claim-did-its-work", ANCHOR} & set(ids)


def test_a_story_is_followed_in_its_own_language(sample: Recommender, corpus: list[Article]) -> None:
    for query in corpus:
        if query.status == Status.PUBLISHED and query.language == "es":
            assert {sample.store.get(i.id).language for i in sample.related(query.id)} == {"es"}  # type: ignore[union-attr]
            english = sample.related(query.id, language="en")
            assert len(english) == 5


@pytest.mark.parametrize("later", [0, 2, 5])
@pytest.mark.parametrize("bare", [[], ["text"], ["published_at", "section"]])
def test_five_articles_in_all_are_enough(build: Build, later: int, bare: list[str]) -> None:
    words = ["storm", "flood", "vote", "goal", "film"]
    rows = [
        {"id": w, "title": f"A {w}", "text": f"More on {w}", "published_at": NOW - timedelta(days=n), "section": "W"}
        for n, w in enumerate(words)
    ]
    few = build([parse_article({k: v for k, v in row.items() if k not in bare}) for row in rows], later)
    for query in words:
        answer = few.answer(query, 5, explain=True)
        assert answer is not None
        assert {item.id for item in answer.items} == set(words) - {query}
        assert answer.short == "only 4 of 4 other articles are eligible"
    assert few.answer_to(Article(id="x", title="Storm at sea"), 6).short == "only 5 of 5 other articles are eligible"


def test_a_lone_article_and_an_empty_store_give_empty_lists(build: Build) -> None:
    lone = build([Article(id="a", title="Storm")], 0)
    assert lone.related("a") == []
    assert [item.id for item in lone.related_to(Article(id="b", title="Calm"))] == ["a"]
    empty = build([], 0)
    assert (len(empty), empty.latest(5), empty.sections()) == (0, [], [])
    assert empty.related_to(Article(id="b", title="Calm")) == []


def test_an_encoder_other_than_the_snapshots_answers_no_drafts(crowd: Recommender, other_toy_encoder: Encoder) -> None:
    other = Recommender(crowd.store, crowd.settings, other_toy_encoder)
    assert other.related(PUBLISHED[0].id) == crowd.related(PUBLISHED[0].id)
    with pytest.raises(EncoderError, match="has fingerprint other toy != toy of the snapshot; run recommend reindex"):
        other.related_to(PUBLISHED[0])


def test_without_a_snapshot_there_is_nothing_to_open(settings: Settings, store: Store) -> None:
    with pytest.raises(SnapshotError, match="holds no published snapshot; run recommend reindex"):
        Recommender(store, settings)
