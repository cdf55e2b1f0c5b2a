"""What tells the same as another, what updates it, and what goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recommend.articles.article import Article
from recommend.encoder import Encoder
from recommend.index import term_weights
from recommend.index.term_counts import TermCounts
from recommend.ranking.near_duplicates import compare, compare_pairs
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, Settings
from recommend.store import Store

DAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
REPORT = (
    "A crane fell onto the main quay of Velmora harbour, killing {} dockers and injuring {}, the port authority says."
)
TOLLS = {"toll-0": (11, 23), "toll-1": (14, 31), "toll-2": (19, 37)}
OTHERS = {
    "next": (2, "Velmora port reopens berths", "Two days after a crane collapsed, ferries moor in Velmora again."),
    "inquiry": (
        5,
        "Inquiry into Velmora crane begins",
        "Investigators question who looked after the crane on the quay.",
    ),
}


def told(*texts: str, language: str | None = None) -> tuple[list[list[bool]], list[list[bool]]]:
    """Which of some texts in a language are copies, and which updates, of each other."""
    padding = ["Parliament debates the winter budget 12", "Rovers reach the cup final", "Mites kill 34 bees"]
    counts = TermCounts.of([*texts, *padding], [*[language] * len(texts), *[None] * len(padding)])
    lexicon, matrix = term_weights.fit(counts, np.eye(len(counts), 8, dtype=np.float32))
    vectors = [matrix.vector(row) for row in range(len(texts))]
    copies, updates = compare(vectors, lexicon.numeric, PolicySettings())
    assert compare(vectors, lexicon.numeric, PolicySettings(), rows=1)[1].tolist() == updates[:1].tolist()
    left, right = np.divmod(np.arange(len(texts) ** 2), len(texts))
    pairs = compare_pairs(matrix, lexicon.numeric, left, right, PolicySettings())
    for found, square in zip(pairs, (copies, updates), strict=True):
        assert found.tolist() == square.ravel().tolist()
    return copies.tolist(), updates.tolist()


@pytest.mark.parametrize("language", [None, "en", "tr", "kk"])
def test_the_same_words_are_a_copy_and_with_other_numbers_an_update(language: str | None) -> None:
    reports = REPORT.format(11, 23), REPORT.format(11, 23), REPORT.format(14, 31)
    copies, updates = told(*reports, language=language)
    assert copies == [[True, True, False], [True, True, False], [False, False, True]]
    assert updates == [[False, False, True], [False, False, True], [True, True, False]]


def test_an_update_may_say_more_than_a_copy_may() -> None:
    longer = f"{REPORT.format(14, 31)} Divers look for two who are missing."
    copies, updates = told(REPORT.format(11, 23), longer)
    assert not copies[0][1]
    assert updates[0][1]
    assert (
        told(REPORT.format("some", "many"), longer.replace("14", "some").replace("31", "many"))[1] == [[False] * 2] * 2
    )


def test_what_goes_on_is_neither() -> None:
    closes = "Velmora harbour closes after a crane fell onto its main quay on 2 March"
    copies, updates = told(closes, "Velmora harbour reopens two berths after a crane fell onto its quay on 12 March")
    assert (copies[0][1], updates[0][1]) == (False, False)


def test_texts_without_words_are_no_copies() -> None:
    copies, updates = told("12 34", "12 34", "")
    assert not np.array(copies).any()
    assert not np.array(updates).any()


@pytest.fixture(scope="module")
def harbour(
    tmp_path_factory: pytest.TempPathFactory, corpus: list[Article], encoder: Encoder, models: object
) -> Iterator[Recommender]:
    """The sample corpus with three versions of one report, and what followed."""
    from conftest import Newsroom

    folder = tmp_path_factory.mktemp("harbour")
    settings = Settings.model_validate(
        {"store": f"sqlite:///{folder / 'recommend.db'}", "index": folder / "index", "models": models}
    )
    tolls = [
        Article(
            id=name,
            title=f"Crane falls in Velmora harbour, {tolls[0]} dead",
            text=REPORT.format(*tolls),
            published_at=DAY + timedelta(hours=9 * hours),
        )
        for hours, (name, tolls) in enumerate(TOLLS.items())
    ]
    others = [
        Article(id=name, title=title, text=text, published_at=DAY + timedelta(days=days))
        for name, (days, title, text) in OTHERS.items()
    ]
    with closing(Store(settings.store)) as store:
        newsroom = Newsroom(store, settings, encoder)
        newsroom.take(*corpus, *tolls, *others)
        newsroom.reindex()
        yield newsroom.recommender()


def box(recommender: Recommender, article_id: str) -> set[str]:
    return {item.id for item in recommender.related(article_id, 8)} & {*TOLLS, *OTHERS}


def test_of_the_versions_of_a_report_only_the_newest_is_shown_beside_what_followed(harbour: Recommender) -> None:
    assert box(harbour, "inquiry") == {"toll-2", "next"}
    assert box(harbour, "next") == {"toll-2", "inquiry"}


def test_under_an_old_version_stands_the_newest_and_under_the_newest_none(harbour: Recommender) -> None:
    assert box(harbour, "toll-0") == {"toll-2", "next", "inquiry"}
    assert box(harbour, "toll-1") == {"toll-2", "next", "inquiry"}
    assert box(harbour, "toll-2") == {"next", "inquiry"}


def test_a_version_that_comes_in_later_is_the_newest_at_once(harbour: Recommender) -> None:
    from recommend.ingest import put

    later = Article(
        id="toll-3",
        title="Crane falls in Velmora harbour, 21 dead",
        text=REPORT.format(21, 40),
        published_at=DAY + timedelta(hours=40),
    )
    try:
        put(harbour.store, harbour.encoder, later)
        shown = {item.id for item in harbour.related("inquiry", 8)}
        assert "toll-3" in shown
        assert not shown & TOLLS.keys()
    finally:
        harbour.store.delete("toll-3")


def test_what_goes_on_stays_under_an_encoder_to_which_all_texts_are_alike(harbour: Recommender) -> None:
    alike = harbour.with_settings(policy=PolicySettings(duplicate_dense=0))
    for name in ("inquiry", "next", "toll-0", "toll-1", "toll-2"):
        assert box(alike, name) == box(harbour, name)


def test_an_editor_who_pins_an_old_version_gets_it(harbour: Recommender) -> None:
    from recommend.articles.curation import Choice, Curation

    harbour.store.curations.put("inquiry", Curation(pinned=(Choice(id="toll-0"),)), "editor")
    try:
        items = harbour.related("inquiry", 8)
        assert items[0].id == "toll-0"
        assert not {item.id for item in items} & {"toll-1", "toll-2"}
    finally:
        harbour.store.curations.put("inquiry", Curation(), "editor")
