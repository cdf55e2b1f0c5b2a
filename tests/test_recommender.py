"""The read side: full and clean lists, the same every time."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from effort import examples
from recommend.articles.article import Article, Status, parse_article
from recommend.articles.curation import Choice, Curation
from recommend.articles.languages import same_language
from recommend.encoder import Encoder
from recommend.errors import EncoderError, SnapshotError, UnknownArticleError
from recommend.index.dense import VectorIndex
from recommend.index.filters import Filters
from recommend.ingest import ingest
from recommend.inspection import ranking_of
from recommend.jobs.agreement import agree
from recommend.jobs.hooks import Hooks
from recommend.jobs.reindex import reindex
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, RankingSettings, Settings
from recommend.stand_ins import latest_answer
from recommend.store import Store

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
HIDDEN = {"opinion", "letters", "live", "sponsored", "correction"}
pytestmark = pytest.mark.databases("sqlite", "pgvector")

SECTIONS, LANGUAGES, TAGS = ["World", "Sport"], ["en", "en-GB", "es"], ["a", "b"]
ANCHOR = "a-central-asia-condemns-drone-attack"
Build = Callable[..., Recommender]


def _crowd() -> list[Article]:
    """240 articles of every description; every tenth has the text of the one before under another headline."""
    chance = random.Random(3)
    words = ["".join(chance.choices("bdfgklmnprst", k=3) + chance.choices("aeiou", k=2)) for _ in range(600)]
    values: dict[str, list[Any]] = {
        "status": ["published"] * 8 + ["draft", "unpublished"],
        "published_at": [None, *[NOW - DAY * n for n in range(1, 9)], NOW + DAY],
        "expires_at": [None] * 6 + [NOW - DAY, NOW + DAY],
        "section": [None, *SECTIONS],
        "language": [None, *LANGUAGES],
        "site": [None, "one", "two"],
        "genre": [None, "news", "opinion", "live"],
        "tags": [[], ["a"], ["b", "a"]],
    }
    rows: list[dict[str, Any]] = []
    for n in range(240):
        row = {name: chance.choice(choices) for name, choices in values.items()}
        row |= {"id": f"{chance.randrange(1000):03}-{n}", "title": " ".join(chance.choices(words, k=5))}
        rows.append({**row, "text": rows[-1]["text"] if n % 10 == 9 else " ".join(chance.choices(words, k=25))})
    return [parse_article(row) for row in rows]


CROWD = _crowd()
PUBLISHED = [article for article in CROWD if article.status == Status.PUBLISHED]
FILTERS = st.builds(
    Filters,
    section=st.sampled_from([None, None, *SECTIONS, "Unheard of"]),
    language=st.sampled_from([None, None, *LANGUAGES]),
    site=st.sampled_from([None, None, "one"]),
    tag=st.sampled_from([None, None, *TAGS]),
    since=st.sampled_from([None, None, NOW - 5 * DAY]),
    until=st.sampled_from([None, None, NOW - 3 * DAY]),
    exclude=st.frozensets(st.sampled_from([article.id for article in CROWD]), max_size=40),
)


@pytest.fixture(scope="module")
def build(new_index: Callable[[], Settings], toy_encoder: Encoder) -> Iterator[Build]:
    """Indexes some articles, puts the first ``later`` of them on top as changes, and opens a recommender."""
    with ExitStack() as stack:

        def build(articles: list[Article], later: int = 0) -> Recommender:
            settings = new_index().model_copy(update={"ranking": RankingSettings(candidates=10)})
            store = stack.enter_context(closing(Store(settings.store, staleness=0)))
            ingest(store, toy_encoder, articles[later:])
            reindex(store, toy_encoder, settings, hooks=Hooks(agrees=partial(agree, store, settings)))
            ingest(store, toy_encoder, articles[:later])
            return Recommender(store, settings, toy_encoder)

        yield build


@pytest.fixture(scope="module")
def crowd(build: Build) -> Recommender:
    return build(CROWD, 80)


@pytest.fixture
def sample(indexed: tuple[Settings, Store], encoder: Encoder) -> Recommender:
    return Recommender(indexed[1], indexed[0], encoder)


VISIBLE = [
    article
    for article in PUBLISHED
    if (article.expires_at is None or article.expires_at > NOW)
    and (article.published_at is None or article.published_at <= NOW)
]


def eligible(query: Article, filters: Filters) -> dict[str, Article]:
    """What may stand under an article, told from the articles alone."""
    found = [
        a
        for a in VISIBLE
        if same_language(a.language, filters.language or query.language)
        and (a.genre not in HIDDEN or a.genre == query.genre)
        and passes(a, filters)
        and a.text != query.text
    ]
    return {a.id: a for a in found}


def passes(a: Article, filters: Filters) -> bool:
    """Whether an article meets the conditions of a request."""
    return (
        same_language(a.language, filters.language)
        and (filters.section is None or a.section == filters.section)
        and (filters.site is None or a.site == filters.site)
        and (filters.tag is None or filters.tag in a.tags)
        and (filters.since is None or (a.published_at is not None and a.published_at >= filters.since))
        and (filters.until is None or (a.published_at is not None and a.published_at <= filters.until))
        and a.id not in filters.exclude
    )


@hypothesis_settings(max_examples=examples(50, 100))
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
    with closing(twin.store):
        for article in PUBLISHED[::7]:
            assert twin.answer(article.id, 10, explain=True) == crowd.answer(article.id, 10, explain=True)
            assert ranking_of(twin, article.id, 30) == ranking_of(crowd, article.id, 30)


def test_a_draft_is_answered_much_like_the_article_it_becomes(sample: Recommender, corpus: list[Article]) -> None:
    shared, apart = list[float](), list[float]()
    for article in corpus[::9]:
        if article.status == Status.PUBLISHED:
            stored = {item.id: item.score for item in sample.related(article.id)}
            draft = {item.id: item.score for item in sample.related_to(article)}
            shared.append(len(stored.keys() & draft.keys()) / len(stored))
            apart.extend(abs(stored[i] - draft[i]) for i in stored.keys() & draft.keys())
            copy = sample.related_to(article.model_copy(update={"id": "unheard of"}), 20)
            assert article.id not in {item.id for item in copy}
    assert np.mean(shared) > 0.9
    assert np.median(apart) < 0.03


def test_an_unknown_or_unpublished_article_is_named(crowd: Recommender) -> None:
    draft = next(article for article in CROWD if article.status == Status.DRAFT)
    for article_id in ("nobody", "", draft.id):
        assert crowd.answer(article_id, 5) is None
        for ask in (crowd.related, partial(ranking_of, crowd)):
            with pytest.raises(UnknownArticleError, match=f"article '{article_id}' is unknown or not published"):
                ask(article_id, 5)


def test_readers_may_open_what_is_published_now_and_nothing_else(crowd: Recommender) -> None:
    opened = [crowd.article(article.id) for article in CROWD]
    assert [article for article in opened if article is not None] == VISIBLE
    assert crowd.article("nobody") is None


def test_latest_is_the_newest_of_any_genre_page_by_page_and_of_news_as_a_fallback(crowd: Recommender) -> None:
    ordered = sorted(VISIBLE, key=lambda a: (-a.published_at.timestamp() if a.published_at else np.inf, a.id))
    newest = [article.id for article in ordered]
    assert [item.id for item in crowd.listing.latest(1000)] == newest
    assert [item.id for page in range(0, 1000, 70) for item in crowd.listing.latest(70, offset=page)] == newest
    assert [item.id for item in crowd.listing.latest(9, section="World")] == [
        a.id for a in ordered if a.section == "World"
    ][:9]
    news = [article.id for article in ordered if article.genre not in HIDDEN]
    answer = latest_answer(crowd, news[0], 3, Filters(exclude=frozenset({news[1]})))
    assert ([item.id for item in answer.items], answer.fallback) == (news[2:5], "latest")
    assert {(item.reason.kind, item.score) for item in answer.items} == {("latest", 0.0)}


def test_sections_are_counted_largest_first(crowd: Recommender) -> None:
    names = [article.section for article in PUBLISHED]
    assert dict(crowd.listing.sections()) == {name: names.count(name) for name in SECTIONS}
    assert [count for _, count in crowd.listing.sections()] == sorted(map(names.count, SECTIONS), reverse=True)
    assert len(crowd) == len(PUBLISHED)


def test_with_the_policy_off_duplicates_expired_ones_and_every_genre_are_ranked(crowd: Recommender) -> None:
    off = crowd.with_settings(policy=PolicySettings(on=False))
    assert {i for i, _ in ranking_of(off, PUBLISHED[0].id, 1000)} == {a.id for a in PUBLISHED[1:]}


def test_only_earlier_articles_are_candidates_as_of_the_query(crowd: Recommender) -> None:
    earlier = crowd.with_settings(ranking=RankingSettings(candidates=10, as_of="query"))
    for query in PUBLISHED[::5]:
        if query.published_at is not None:
            found = [
                a for a in eligible(query, Filters()).values() if a.published_at and a.published_at < query.published_at
            ]
            items = earlier.related(query.id, 300)
            assert {item.id for item in items} <= {a.id for a in found}
            assert len(items) == len({a.text for a in found})


def test_the_floor_leaves_out_what_is_unlikely_and_says_so(crowd: Recommender) -> None:
    query = PUBLISHED[0].id
    scores = [item.score for item in crowd.related(query, 300)]
    answer = crowd.with_settings(policy=PolicySettings(floor=scores[3] - 1e-4, fill="none")).answer(query, 300)
    assert answer is not None
    assert 4 <= len(answer.items) < len(scores)
    assert f"{answer.removed['floor']} removed by floor" in (answer.short or "")


def test_the_story_this_began_with_has_its_own_story_on_top_and_its_neighbours_below(sample: Recommender) -> None:
    items = sample.related(ANCHOR, 10)
    ids = [item.id for item in items]
    story = ["a-lavrov-novgorod-drone-claim", "a-us-intelligence-no-attempt-residence"]
    assert {*story, "a-russia-hands-drone-evidence-attache"} == set(ids[:3])
    assert {item.reason.kind for item in items[:3]} == {"story"}
    assert {"a-zelensky-trump-mar-a-lago", "a-paris-coalition-willing-declaration"} < set(ids)
    assert not {"a-wire-central-asia-drone-attack", "a-opinion-drone-claim-did-its-work", ANCHOR} & set(ids)


@pytest.mark.parametrize(
    ("later", "bare"), [(0, []), (0, ["text"]), (2, ["text"]), (5, []), (5, ["published_at", "section"])]
)
def test_five_articles_in_all_are_enough(build: Build, later: int, bare: list[str]) -> None:
    words = ["storm", "flood", "vote", "goal", "film"]
    rows = [
        {"id": w, "title": f"A {w}", "text": f"More on {w}", "published_at": NOW - n * DAY, "section": "W"}
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
    assert (len(empty), empty.listing.latest(5), empty.listing.sections()) == (0, [], [])
    assert empty.related_to(Article(id="b", title="Calm")) == []


def test_an_encoder_other_than_the_snapshots_answers_no_drafts(crowd: Recommender, other_toy_encoder: Encoder) -> None:
    other = Recommender(crowd.store, crowd.settings, other_toy_encoder)
    assert other.related(PUBLISHED[0].id) == crowd.related(PUBLISHED[0].id)
    with pytest.raises(
        EncoderError, match=r"has fingerprint .* != toy of the snapshot; put back the model it was made with"
    ):
        other.related_to(PUBLISHED[0])


def test_without_a_snapshot_there_is_nothing_to_open(settings: Settings, store: Store) -> None:
    with pytest.raises(SnapshotError, match="holds no published snapshot; run recommend reindex"):
        Recommender(store, settings)


def test_other_settings_rank_the_same_view_and_leave_the_recommender_as_it_was(newsroom: Any) -> None:
    recommender = newsroom.recommender()
    before = recommender.related("story-00", 20)
    dense = recommender.with_settings(ranking=RankingSettings(without=["lexical", "context", "time", "section"]))
    strict = recommender.with_settings(policy=PolicySettings(floor=1.0, fill="none"))
    assert dense.view() is strict.view() is recommender.view()
    assert [one.score for one in dense.related("story-00", 20)] != [one.score for one in before]
    assert strict.related("story-00", 20) == []
    assert recommender.related("story-00", 20) == before
    newsroom.store.delete(before[0].id)
    assert before[0].id not in {one.id for one in dense.related("story-00", 50)}


@pytest.fixture(scope="module")
def curated(build: Build) -> Recommender:
    """The crowd again, for editors."""
    return build(CROWD, 80)


CROWD_IDS = st.sampled_from([article.id for article in CROWD])
UNTIL = st.sampled_from([None, None, NOW + DAY, NOW - DAY])
PINNED = st.dictionaries(CROWD_IDS | st.just("nobody"), UNTIL, max_size=7)
BLOCKED = st.dictionaries(CROWD_IDS | st.just("nobody"), UNTIL, max_size=60)


@hypothesis_settings(max_examples=examples(30, 60))
@given(
    st.sampled_from(PUBLISHED), PINNED, BLOCKED, st.dictionaries(CROWD_IDS, UNTIL, max_size=3), FILTERS,
    st.sampled_from([1, 5, 20, 300]),
)  # fmt: skip
def test_pins_come_first_blocked_and_hidden_ones_never_and_the_list_is_still_full(
    curated: Recommender,
    query: Article,
    pinned: dict[str, datetime | None],
    blocked: dict[str, datetime | None],
    hidden: dict[str, datetime | None],
    filters: Filters,
    k: int,
) -> None:
    def holding(untils: dict[str, datetime | None]) -> list[str]:
        return [article_id for article_id, until in untils.items() if until is None or until > NOW]

    curations = {article_id: Curation(hidden_until=until) for article_id, until in hidden.items()}
    choices = [tuple(Choice(id=i, until=until) for i, until in untils.items()) for untils in (pinned, blocked)]
    own = Curation(pinned=choices[0], blocked=choices[1], hidden_until=hidden.get(query.id))
    for article_id, curation in (curations | {query.id: own}).items():
        curated.store.curations.put(article_id, curation, "editor")
    answer, fallback = curated.answer(query.id, k, filters), latest_answer(curated, query.id, k, filters)
    for article_id in {*curations, query.id}:
        curated.store.curations.put(article_id, Curation(), "editor")

    assert answer is not None
    gone = {query.id, *holding(blocked), *(i for i, until in hidden.items() if until is not None and until > NOW)}
    visible = {a.id: a for a in VISIBLE if a.id not in gone}
    first = [i for i in holding(pinned) if i in visible and passes(visible[i], filters)][:k]
    allowed = {i: a for i, a in eligible(query, filters).items() if i in visible and i not in first}
    ids = [item.id for item in answer.items]
    assert ids[: len(first)] == first
    assert [item.reason.kind == "pinned" for item in answer.items] == [i in first for i in ids]
    assert set(ids[len(first) :]) <= allowed.keys()
    shown = [visible[i].text for i in ids[len(first) :]]
    others = {a.text for a in allowed.values()} - {visible[i].text for i in first}
    assert len(shown) == len(set(shown)) == min(k - len(first), len(others))
    assert set(shown) <= others
    assert (answer.short is None) == (len(ids) == k)

    newest = [item.id for item in fallback.items]
    news = [i for i, a in visible.items() if passes(a, filters) and a.genre not in HIDDEN and i not in first]
    assert newest[: len(first)] == first
    assert set(newest[len(first) :]) <= set(news)
    assert len(newest) == min(k, len(first) + len(news))


@pytest.mark.databases("sqlite")
def test_many_answers_at_once_are_those_given_one_by_one_and_search_together(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommend.index.snapshot.open.SMALLEST_INDEXED", 1)
    monkeypatch.setattr("recommend.index.dense._EXACT_ROWS", 0)
    monkeypatch.setattr("recommend.index.dense._EXACT_SHARE", 0)
    recommender = build(CROWD, 80)
    ids = [article.id for article in PUBLISHED]
    recommender.store.curations.put(ids[-1], Curation(blocked=tuple(Choice(id=one) for one in ids[100:110])), "editor")
    searches: list[int] = []
    search_each = VectorIndex.search_each

    def count(index: VectorIndex, queries: NDArray[np.float32], *given: Any) -> list[NDArray[np.int64]]:
        searches.append(len(queries))
        return search_each(index, queries, *given)

    monkeypatch.setattr(VectorIndex, "search_each", count)
    expected = [recommender.answer(one, 3) for one in [*ids, "unknown"]]
    alone = len(searches)
    assert list(recommender.answers([*ids, "unknown"], 3)) == expected
    assert expected[-1] is None
    together = searches[alone:]
    assert sum(together) >= len(ids)
    assert len(together) < alone / 2
