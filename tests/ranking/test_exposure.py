"""Stories that no box would show find one, and nobody loses by it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.errors import SnapshotError
from recommend.evaluation.experiment import scratch
from recommend.evaluation.exposure import exposure
from recommend.index.snapshot.open import verify
from recommend.jobs.export.export import export
from recommend.jobs.exposure import spread_exposure
from recommend.jobs.hooks import Hooks
from recommend.jobs.reindex import reindex
from recommend.ranking.exposure import NOBODY, hosts
from recommend.settings import PolicySettings

if TYPE_CHECKING:
    from conftest import Newsroom

SIZE = 3
Lists = tuple[NDArray[np.int32], NDArray[np.float32]]


@st.composite
def lists(draw: st.DrawFn) -> Lists:
    """Of some articles what may stand in their boxes, best first, with probabilities that fall."""
    count = draw(st.integers(2, 12))
    rows = np.full((count, 8), NOBODY, np.int32)
    probabilities = np.zeros(rows.shape, np.float32)
    for row in range(count):
        others = draw(st.permutations([one for one in range(count) if one != row]))[: draw(st.integers(0, 8))]
        falling = sorted(draw(st.lists(st.floats(0, 1, width=32), min_size=len(others), max_size=len(others))))[::-1]
        rows[row, : len(others)], probabilities[row, : len(others)] = others, falling
    return rows, probabilities


def boxes(
    rows: NDArray[np.int32], probabilities: NDArray[np.float32], preferred: NDArray[np.int32], gain: float
) -> NDArray[np.int32]:
    """The boxes that come of it."""
    worth = probabilities + np.where(rows == preferred[:, None], gain, 0.0)
    order = np.argsort(-np.where(rows == NOBODY, -np.inf, worth), axis=1, kind="stable")[:, :SIZE]
    shown: NDArray[np.int32] = np.take_along_axis(rows, order, axis=1)
    return shown


@given(lists(), st.floats(0.01, 1), st.floats(0, 1))
def test_who_finds_a_box_takes_nobodys_last_and_lacks_no_more_than_is_allowed(
    given_lists: Lists, tolerance: float, floor: float
) -> None:
    rows, probabilities = given_lists
    preferred = hosts(rows, probabilities, tolerance, floor, SIZE)
    before, after = (
        Counter(boxes(rows, probabilities, one, tolerance).ravel().tolist())
        for one in (np.full(len(rows), NOBODY, np.int32), preferred)
    )
    chosen = preferred[preferred != NOBODY].tolist()
    assert len(set(chosen)) == len(chosen)
    assert all(not before[one] and after[one] for one in chosen)
    assert {one for one in before if not after[one]} <= {NOBODY}
    for host in np.flatnonzero(preferred != NOBODY).tolist():
        place = rows[host].tolist().index(preferred[host])
        last, own = probabilities[host, SIZE - 1], probabilities[host, place]
        assert place >= SIZE
        assert float(last) - float(own) < tolerance
        assert (own >= floor) == (last >= floor) or own >= floor


def test_those_with_the_fewest_boxes_to_choose_from_come_first() -> None:
    rows = np.full((8, 4), NOBODY, np.int32)
    rows[0], rows[1] = [2, 3, 4, 5], [2, 3, 4, 6]
    probabilities = np.tile(np.array([0.9, 0.8, 0.7, 0.6], np.float32), (8, 1))
    probabilities[1, 3] = 0.5
    rows[2] = [3, 4, 2, 5]
    found = hosts(rows, probabilities, 0.3, 0.0, SIZE)
    assert found[1] == 6
    assert (found == 5).sum() == 1
    assert (hosts(rows, probabilities, 0.05, 0.0, SIZE) == NOBODY).all()


ON = PolicySettings(exposure=0.5, hide_duplicates=False)


@pytest.fixture
def spread(newsroom: Newsroom, stories: list[Article]) -> Newsroom:
    """A newsroom whose snapshot was made with the setting; stories that are of no one topic stand in no box."""
    chance, words = Random(3), " ".join(one.text for one in stories).split()
    mixed = (" ".join(chance.choices(words, k=30)) for _ in range(20))
    newsroom.take(*stories, *(Article(id=f"mixed-{n:02}", title=text, text=text) for n, text in enumerate(mixed)))
    asked = replace(newsroom, settings=newsroom.settings.model_copy(update={"policy": ON}))
    exposed = partial(spread_exposure, asked.settings)
    reindex(asked.store, asked.encoder, asked.settings, hooks=Hooks(exposed=exposed))
    return asked


def test_a_reindex_finds_boxes_for_stories_that_none_showed(spread: Newsroom) -> None:
    recommender = spread.recommender()
    plain = recommender.with_settings(policy=ON.model_copy(update={"exposure": 0.0}))
    before, after = exposure(plain), exposure(recommender)
    assert len(after.in_no_box) < len(before.in_no_box)
    assert {one.id for one in after.in_no_box} <= {one.id for one in before.in_no_box}
    assert [one.items for one in after.articles] == [one.items for one in before.articles]
    assert verify(spread.layout, spread.live.name) == spread.live


def test_scores_stay_and_the_box_has_as_many_related(spread: Newsroom) -> None:
    recommender = spread.recommender()
    floor = sorted(item.score for item in recommender.related("story-00", 28))[14]
    rules = ON.model_copy(update={"floor": floor})
    for article_id in recommender.view().ids():
        plain, lifted = (
            recommender.with_settings(policy=one).answer(article_id, 5)
            for one in (rules.model_copy(update={"exposure": 0.0}), rules)
        )
        assert plain is not None
        assert lifted is not None
        assert lifted.related == plain.related
        assert len({i.id for i in lifted.items} - {i.id for i in plain.items}) <= 1


def test_a_snapshot_without_it_gives_the_boxes_that_scores_say(newsroom: Newsroom, stories: list[Article]) -> None:
    newsroom.take(*stories)
    newsroom.reindex()
    plain = newsroom.recommender()
    asked = plain.with_settings(policy=PolicySettings(exposure=0.5))
    assert all(plain.related(one.id) == asked.related(one.id) for one in stories)


def test_turning_it_on_or_off_makes_another_snapshot(spread: Newsroom) -> None:
    on = spread.live.name
    assert not reindex(spread.store, spread.encoder, spread.settings).built
    off = spread.settings.model_copy(update={"policy": PolicySettings()})
    assert reindex(spread.store, spread.encoder, off).built
    assert spread.live.name != on
    assert not spread.layout.snapshot(spread.live.name).exposure.exists()


def test_a_near_miss_says_to_whom_it_gave_way(spread: Newsroom) -> None:
    recommender = spread.recommender()
    told = set[str]()
    for article_id in recommender.view().ids():
        answer = recommender.answer(article_id, 5, explain=True)
        assert answer is not None
        told |= {miss.why for miss in answer.near_misses or []}
    assert "gives way to one that no other box shows" in told
    assert "too like another one that is shown" not in told


def test_a_row_beyond_the_snapshot_is_refused(spread: Newsroom) -> None:
    parts = spread.layout.snapshot(spread.live.name)
    harmed = np.load(parts.exposure)
    harmed[0] = len(harmed)
    np.save(parts.exposure, harmed)
    manifest = spread.live.model_copy(update={"sha256": parts.checksums()})
    parts.manifest.write_bytes(manifest.content)
    with pytest.raises(SnapshotError, match=r"exposure\.npy holds"):
        verify(spread.layout, manifest.name)


def test_an_export_gives_what_readers_see_and_an_evaluation_finds_boxes_too(
    spread: Newsroom, stories: list[Article], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender = spread.recommender()
    export(recommender, tmp_path / "boxes.jsonl", 5, workers=1)
    exported: dict[str, list[str]] = {}
    for line in (tmp_path / "boxes.jsonl").read_bytes().splitlines():
        row = orjson.loads(line)
        exported.setdefault(row["article_id"], []).append(row["related_id"])
    assert exported == {one: [item.id for item in recommender.related(one)] for one in recommender.view().ids()}
    monkeypatch.setattr("recommend.evaluation.experiment.open_encoder", lambda *_: spread.encoder)
    with scratch(stories, spread.settings) as evaluated:
        assert evaluated.view().snapshot.exposure is not None
