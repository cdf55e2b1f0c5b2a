"""Candidates from PostgreSQL with pgvector: the same boxes as over the snapshot that a generation was loaded from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from psycopg import sql
from sqlalchemy import make_url

from recommend.articles.article import Access, Article
from recommend.articles.curation import Curation
from recommend.articles.rule_documents import read_rules
from recommend.encoder import Encoder
from recommend.errors import SnapshotError, StoreUnreachableError
from recommend.index.conditions import Conditions
from recommend.index.filters import Filters
from recommend.index.gathered import Gathered
from recommend.index.live import SnapshotView
from recommend.index.pgvector.generations import generations, live_name
from recommend.index.pgvector.live import LoadedView
from recommend.index.pgvector.schema import schema_of
from recommend.index.pgvector.server import CATALOG
from recommend.index.pgvector.servers import Servers
from recommend.index.pgvector.where import where
from recommend.index.snapshot.layout import IndexLayout
from recommend.jobs.agreement import agree
from recommend.jobs.generation import load_generation
from recommend.jobs.hooks import Hooks
from recommend.jobs.rollback import rollback
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.matching import Story
from recommend.ranking.rules import Ruling
from recommend.recommender import Recommender
from recommend.settings import PgvectorSettings, PolicySettings, Settings
from recommend.store import Store

if TYPE_CHECKING:
    from conftest import Newsroom
    from servers import Server

pytestmark = pytest.mark.databases("pgvector")

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def shown(recommender: Recommender, article_id: str, **filters: Any) -> list[str]:
    return [item.id for item in recommender.related(article_id, 50, **filters)]


def test_boxes_are_those_of_the_snapshot(
    indexed: tuple[Settings, Store], pgvector: Server, encoder: Encoder, tmp_path: Any
) -> None:
    settings, store = indexed
    with pgvector.database() as url:
        remote = settings.model_copy(update={"pgvector": PgvectorSettings(url=url)})
        name = open_snapshot_name(settings)
        servers, layout = Servers([url]), IndexLayout(tmp_path / "elsewhere")
        load_generation(servers, remote, name, hooks=Hooks(agrees=partial(agree, store, remote)))
        there = Recommender(store, remote, encoder, view=LoadedView(servers, layout, name))
        here = Recommender(store, settings, encoder, view=SnapshotView(IndexLayout(settings.index), name))
        ids = [*here.view().ids()]
        assert [*there.view().ids()] == ids
        assert len(there.view()) == len(ids)
        shares = []
        for article_id in ids[::9]:
            one, other = (side.answer(article_id, 5) for side in (here, there))
            assert one is not None
            assert other is not None
            both = {item.id for item in one.items} & {item.id for item in other.items}
            shares.append(len(both) / max(len(one.items), len(other.items), 1))
            reasons = [{item.id: (item.reason, item.score) for item in side.items} for side in (one, other)]
            assert all(reasons[0][i] == reasons[1][i] for i in both)
        assert np.mean(shares) >= 0.98
        assert here.listing.sections() == there.listing.sections()
        assert [item.id for item in here.listing.latest(20)] == [item.id for item in there.listing.latest(20)]
        history = [answer.answer_history(ids[:3], 5) for answer in (here, there)]
        assert [item.id for item in history[0].items] == [item.id for item in history[1].items]


def open_snapshot_name(settings: Settings) -> str:
    return (settings.index / "CURRENT").read_text().strip()


def test_what_is_taken_down_changed_or_published_holds_at_once(newsroom: Newsroom, stories: list[Article]) -> None:
    one, other = newsroom.recommender(), newsroom.recommender()
    first = shown(one, "story-00")
    assert first
    newsroom.store.delete(first[0])
    newsroom.take(replace_text(stories[6], "story-99"))
    for recommender in (one, other):
        box = shown(recommender, "story-00")
        assert first[0] not in box
        assert "story-99" in box
        assert recommender.answer(first[0], 5) is None
        assert len(recommender.view()) == len(stories)
        assert first[0] not in [*recommender.view().ids()]


def replace_text(article: Article, article_id: str) -> Article:
    words = article.text.split()
    return article.model_copy(update={"id": article_id, "title": " ".join(words[:6]), "text": " ".join(words[::2])})


def test_editors_pin_block_and_hide(newsroom: Newsroom) -> None:
    recommender = newsroom.recommender()
    box = shown(recommender, "story-00")
    pinned, blocked, hidden = box[-1], box[0], box[1]
    curation = Curation.model_validate({"pinned": [{"id": pinned}], "blocked": [{"id": blocked}]})
    newsroom.store.curations.put("story-00", curation, "editor")
    newsroom.store.curations.put(hidden, Curation(hidden_until=NOW + DAY), "editor")
    after = shown(recommender, "story-00")
    assert after[0] == pinned
    assert not {blocked, hidden} & set(after)


def test_a_condition_says_of_all_rows_what_a_mask_says_of_those_at_hand(newsroom: Newsroom, servers: Servers) -> None:
    dated = [
        article.model_copy(
            update={
                "published_at": None if n % 7 == 0 else NOW - n * DAY,
                "expires_at": NOW - DAY if n % 11 == 0 else None,
                "section": [None, "World", "Sport"][n % 3],
                "language": [None, "en-GB", "es", "en"][n % 4],
                "site": ["one", "two"][n % 2],
                "genre": [None, "news", "opinion"][n % 3],
                "access": [Access.PUBLIC, Access.PAID][n % 2],
                "evergreen": n % 5 == 0,
                "tags": [["a"], ["a", "b"], []][n % 3],
            }
        )
        for n, article in enumerate(article.model_copy() for article in _stories(newsroom))
    ]
    newsroom.take(*dated)
    newsroom.reindex()
    here = SnapshotView(newsroom.layout, newsroom.live.name).refresh()
    policies = [PolicySettings(), PolicySettings(max_age={"World": 20, "*": 40}), PolicySettings(on=False)]
    filters = [
        Filters(section="World"),
        Filters(language="en", tag="a"),
        Filters(site="two", since=NOW - 30 * DAY, until=NOW - 3 * DAY, exclude=frozenset({"story-05"})),
        Filters(access=frozenset({Access.PAID})),
        Filters(section="World,Sport", not_tag="b", not_language="es"),
        Filters(tag="a+b,c", genre="news,opinion", not_site="two"),
    ]
    schema = schema_of(newsroom.live.name)
    for policy, chosen, row in product(policies, filters, (1, 2, 7)):
        settings = newsroom.settings.model_copy(update={"policy": policy})
        eligibility = Eligibility(here, chosen, NOW.timestamp(), settings)
        masks = eligibility.under(here.segments[0].query(row))
        wanted = np.arange(60) if masks[0] is None else np.flatnonzero(masks[0])
        condition, given = where(masks.conditions)
        statement = sql.SQL("SELECT number FROM {}.articles r WHERE " + condition + " ORDER BY 1").format(schema)
        assert [number for (number,) in servers[0].ask(statement, given)] == wanted.tolist()
    assert where(Conditions()) == ("true", {})
    eligibility = Eligibility(here, Filters(), NOW.timestamp(), newsroom.settings)
    for match, action in product(MATCHES, ("leave_out", "only")):
        rules = read_rules({"rules": [{"name": "one", "then": {action: match}}]}).rules
        masks = Ruling.of(rules, Story(), eligibility.today).masks(here, eligibility.under(None))
        wanted = np.arange(60) if masks[0] is None else np.flatnonzero(masks[0])
        condition, given = where(masks.conditions)
        statement = sql.SQL("SELECT number FROM {}.articles r WHERE " + condition + " ORDER BY 1").format(schema)
        assert [number for (number,) in servers[0].ask(statement, given)] == wanted.tolist()


MATCHES: list[dict[str, Any]] = [
    {"section": ["World", "Nowhere"]},
    {"tag": ["b", "c"], "genre": "news"},
    {"language": "en", "not": {"site": "two"}},
    {"max_age": 20, "min_age": 5},
    {"id": ["story-05", "story-06"]},
    {"any": [{"section": "World"}, {"all": [{"tag": "b"}, {"not": [{"min_age": 10}]}]}]},
    {"not": [{"section": "World"}, {"tag": "b"}]},
]


def test_rules_of_editors_hold(newsroom: Newsroom, stories: list[Article]) -> None:
    newsroom.take(*(story.model_copy(update={"authors": [f"author {n % 4}"]}) for n, story in enumerate(stories)))
    newsroom.reindex()
    recommender = newsroom.recommender()
    box = shown(recommender, "story-00")
    rules = [
        {"name": "out", "then": {"leave_out": {"id": box[0]}}},
        {"name": "by whom", "then": {"leave_out": {"author": "author 1"}}},
        {"name": "few", "then": {"at_most": 2, "per": "author"}},
        {"name": "pin", "then": {"pin": "story-38", "position": 2}},
    ]
    newsroom.store.rules.put(read_rules({"rules": rules}), "editor")
    items = recommender.related("story-00", 6)
    authors = [item.authors[0] for item in items]
    assert len(items) == 6
    assert "story-38" in {item.id for item in items[:2]}  # before what only fills
    assert "author 1" not in authors
    assert max(map(authors.count, authors)) == 2
    assert box[0] not in {item.id for item in items}


def _stories(newsroom: Newsroom) -> Iterator[Article]:
    for number in range(60):
        article = newsroom.store.get(f"story-{number:02}")
        assert article is not None
        yield article


def test_words_find_what_they_find_in_the_snapshot_in_every_language(newsroom: Newsroom) -> None:
    text = "Las inundaciones dejaron varias familias sin casa en la provincia de Valencia"
    flood = Article(id="flood", title="Inundaciones en Valencia", text=text, language="es-ES")
    newsroom.take(flood, *(one.model_copy(update={"language": "en"}) for one in _stories(newsroom)))
    newsroom.reindex(full=True)
    view = SnapshotView(newsroom.layout, newsroom.live.name)
    here = Recommender(newsroom.store, newsroom.settings, newsroom.encoder, view=view).listing
    there = newsroom.recommender().listing
    assert [card.id for card in there.search("inundación", 5).cards] == ["flood"]
    word = newsroom.recommender().view().snapshot.lexicon.terms(np.array([3]))[0]
    for words in ("inundación", "familia provincia", word, "story-03", "unheard of", ""):
        one, other = here.search(words, 5), there.search(words, 5)
        assert ([card.id for card in one.cards], one.total, one.last) == (
            [card.id for card in other.cards],
            other.total,
            other.last,
        )
    assert len(there.spread(7)) == 7


def test_boxes_in_languages_with_pieces_beside_words_are_those_of_the_snapshot(
    newsroom: Newsroom, in_languages: list[Article]
) -> None:
    newsroom.take(*in_languages)
    newsroom.reindex(full=True)
    view = SnapshotView(newsroom.layout, newsroom.live.name)
    here, there = Recommender(newsroom.store, newsroom.settings, newsroom.encoder, view=view), newsroom.recommender()
    assert min(here.view().snapshot.lexicon.weights) < 0
    for article in in_languages[::3]:
        boxes = [[(item.id, item.score, item.reason) for item in side.related(article.id, 5)] for side in (here, there)]
        assert boxes[0] == boxes[1]


def test_a_reindex_switches_and_a_rollback_goes_back(
    newsroom: Newsroom, servers: Servers, stories: list[Article]
) -> None:
    before = live_name(servers)
    recommender = newsroom.recommender()
    newsroom.take(replace_text(stories[6], "story-99"))
    newsroom.reindex()
    after = live_name(servers)
    assert after != before
    assert after == newsroom.live.name
    newsroom.store.delete("story-99")
    rollback(newsroom.store, newsroom.settings, lambda _: newsroom.encoder)
    assert live_name(servers) == before
    again = newsroom.recommender()
    assert again.snapshot == before
    assert "story-99" not in shown(again, "story-00")
    assert recommender.problem is None


def test_a_load_that_dies_leaves_the_live_generation_and_the_next_one_clears_up(
    newsroom: Newsroom, servers: Servers, stories: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live_name(servers)
    newsroom.take(replace_text(stories[6], "story-99"))

    def dies(*_: object) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("recommend.index.pgvector.load._verify", dies)
        with pytest.raises(KeyboardInterrupt):
            newsroom.reindex(full=True)
    assert live_name(servers) == before
    assert shown(newsroom.recommender(), "story-00")
    newsroom.reindex(full=True)
    names = {one.manifest.name for one in generations(servers)}
    schemas = servers[0].ask(f"SELECT nspname FROM pg_namespace WHERE starts_with(nspname, '{CATALOG}_')")
    assert {name for (name,) in schemas} == {f"{CATALOG}_{name}" for name in names}


def test_a_generation_that_differs_from_its_snapshot_is_refused(
    newsroom: Newsroom, servers: Servers, stories: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live_name(servers)
    newsroom.take(replace_text(stories[6], "story-99"))
    monkeypatch.setattr("recommend.jobs.agreement._share", lambda *_: 0.5)
    with pytest.raises(SnapshotError, match="of the boxes of 20 articles are as before"):
        newsroom.reindex(full=True)
    assert live_name(servers) == before


def test_vectors_of_two_encoders_never_meet(newsroom: Newsroom, other_toy_encoder: Encoder, servers: Servers) -> None:
    moved = replace(newsroom, encoder=other_toy_encoder)
    moved.reindex()
    assert live_name(servers) == moved.live.name
    kept = {one.manifest.encoder for one in generations(servers)}
    assert kept == {"toy", other_toy_encoder.fingerprint}
    assert shown(moved.recommender(), "story-00")


def test_a_machine_without_the_snapshot_answers_from_the_server_and_keeps_statistics_only(
    newsroom: Newsroom, tmp_path: Any
) -> None:
    settings = newsroom.settings.model_copy(update={"index": tmp_path / "elsewhere"})
    recommender = Recommender(newsroom.store, settings, newsroom.encoder)
    assert shown(recommender, "story-00") == shown(newsroom.recommender(), "story-00")
    held = {path.name for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()}
    assert not held & {"embeddings.npy", "articles.arrow", "vectors.faiss", "rows.data.npy"}
    first = recommender.view().segments[0]
    assert isinstance(first, Gathered)
    assert len(first) == 0
    (settings.index / "snapshots" / newsroom.live.name / "boilerplate.npy").write_bytes(b"torn")
    with pytest.raises(SnapshotError, match="SHA-256"):
        Recommender(newsroom.store, settings, newsroom.encoder)


def test_a_lost_server_is_told_and_once_it_is_back_nothing_need_be_restarted(
    newsroom: Newsroom, pgvector: Server
) -> None:
    recommender = newsroom.recommender().pinned()
    before = shown(recommender, "story-01")
    name = make_url(newsroom.settings.store).database
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    pgvector.sql(cut)
    assert shown(recommender, "story-01") == before
    pgvector.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    pgvector.sql(cut)
    with pytest.raises(StoreUnreachableError, match="cannot be asked"):
        shown(recommender, "story-02")
    with pytest.raises(StoreUnreachableError):
        recommender.check_searchable()
    pgvector.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    recommender.check_searchable()
    assert shown(recommender, "story-02")
