"""Going back to an earlier snapshot brings nothing back that was taken down since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from recommend.articles.article import Article, Status, parse_article
from recommend.cli.app import app
from recommend.encoder import Encoder
from recommend.errors import EncoderError, SnapshotError
from recommend.index.snapshot.catalog import current_name, list_snapshots
from recommend.index.snapshot.open import verify
from recommend.index.snapshot.publishing import locked
from recommend.jobs.rollback import rollback
from recommend.stand_ins import latest_answer

if TYPE_CHECKING:
    from conftest import Newsroom


def go_back(newsroom: Newsroom, name: str | None = None) -> str:
    encoder = newsroom.encoder
    return rollback(newsroom.store, newsroom.settings, lambda _: encoder, name).name


def gone(newsroom: Newsroom, article_id: str) -> bool:
    recommender = newsroom.recommender()
    others = [item for i in recommender.view().ids() if i != article_id for item in recommender.related(i, 60)]
    assert others
    return article_id not in {item.id for item in [*others, *latest_answer(recommender, None, 99).items]}


WITHDRAWALS: dict[str, Callable[[Newsroom, Article], Any]] = {
    "takedown": lambda newsroom, story: newsroom.store.delete(story.id),
    "unpublish": lambda newsroom, story: newsroom.take(story.model_copy(update={"status": Status.UNPUBLISHED})),
    "expiry": lambda newsroom, story: newsroom.take(
        story.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
    ),
}


@pytest.mark.parametrize("how", WITHDRAWALS)
@pytest.mark.parametrize("indexed_since", [True, False])
def test_what_was_withdrawn_since_the_snapshot_stays_gone(
    newsroom: Newsroom, stories: list[Article], how: str, indexed_since: bool
) -> None:
    old, story = newsroom.live.name, stories[7]
    assert not gone(newsroom, story.id)
    running = newsroom.recommender()
    newsroom.take(parse_article({"id": "new", "title": "New"}))
    if not indexed_since:
        newsroom.reindex()
    WITHDRAWALS[how](newsroom, story)
    if indexed_since:
        newsroom.reindex()
    assert go_back(newsroom) == old == newsroom.live.name
    assert gone(newsroom, story.id)
    assert story.id not in {item.id for item in running.related("story-01", 60)}
    assert running.view().snapshot.manifest.name == old
    assert running.answer("new", 5) is not None


def test_without_a_name_no_snapshot_is_chosen_that_was_never_live(newsroom: Newsroom) -> None:
    first = newsroom.live.name
    newsroom.take(parse_article({"id": "new-0", "title": "New"}))
    built = newsroom.build().name
    newsroom.take(parse_article({"id": "new-1", "title": "New"}))
    last = newsroom.reindex().manifest.name
    assert [one.name for one in list_snapshots(newsroom.layout)] == [last, built, first]
    assert go_back(newsroom) == first == newsroom.live.name
    assert go_back(newsroom, built) == built == newsroom.live.name


def test_each_rollback_goes_one_further_back_until_there_is_none(newsroom: Newsroom) -> None:
    names = [newsroom.live.name]
    for number in range(2):
        newsroom.take(parse_article({"id": f"new-{number}", "title": "New"}))
        names.append(newsroom.reindex().manifest.name)
    assert [one.name for one in list_snapshots(newsroom.layout)] == names[::-1]
    assert [one.live for one in list_snapshots(newsroom.layout)] == [True, False, False]
    assert [go_back(newsroom), go_back(newsroom)] == names[1::-1]
    with pytest.raises(SnapshotError, match=f"no published snapshot is older than {names[0]}: name one"):
        go_back(newsroom)
    assert go_back(newsroom, names[2]) == names[2] == newsroom.live.name


@pytest.mark.databases("sqlite", "pgvector")
def test_what_was_gone_back_from_is_not_gone_back_to(newsroom: Newsroom) -> None:
    names = [newsroom.live.name]
    for number in range(3):
        newsroom.take(parse_article({"id": f"new-{number}", "title": "New"}))
        if number == 2:
            assert go_back(newsroom) == names[1]
        names.append(newsroom.reindex(full=True).manifest.name)
    assert go_back(newsroom) == names[1]


def test_a_damaged_or_unknown_snapshot_is_refused_and_the_live_one_stays(newsroom: Newsroom) -> None:
    old = newsroom.live.name
    live = newsroom.reindex(full=True).manifest.name
    file = newsroom.layout.snapshot(old).embeddings
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(SnapshotError, match=r"embeddings\.npy has SHA-256"):
        go_back(newsroom)
    with pytest.raises(SnapshotError, match="no-such-snapshot is not a snapshot"):
        go_back(newsroom, "no-such-snapshot")
    for name in ("../..", f"../snapshots/{live}", str(newsroom.layout.snapshot(live).root), ""):
        with pytest.raises(SnapshotError, match="is not a valid name of a snapshot"):
            go_back(newsroom, name)
    newsroom.layout.snapshot(old).manifest.unlink()
    assert [one.problem is None for one in list_snapshots(newsroom.layout)] == [True, False]
    with pytest.raises(SnapshotError, match="no published snapshot is older"):
        go_back(newsroom)
    assert newsroom.live.name == live


def test_a_live_snapshot_that_cannot_be_read_is_left_by_naming_another(newsroom: Newsroom) -> None:
    old, live = newsroom.live.name, newsroom.reindex(full=True).manifest.name
    newsroom.layout.snapshot(live).manifest.unlink()
    with pytest.raises(SnapshotError, match=f"the live snapshot '{live}' cannot be read: name one of {old}"):
        go_back(newsroom)
    assert go_back(newsroom, old) == old
    newsroom.layout.current.unlink()
    with pytest.raises(SnapshotError, match="no snapshot is live: name one of"):
        go_back(newsroom)


def test_a_rollback_waits_for_no_job_and_disturbs_none(newsroom: Newsroom) -> None:
    newsroom.reindex(full=True)
    with locked(newsroom.layout), pytest.raises(SnapshotError, match="another job is writing"):
        go_back(newsroom)


def test_a_change_of_encoder_is_rolled_back_and_its_later_changes_are_embedded(
    newsroom: Newsroom, other_toy_encoder: Encoder, stories: list[Article]
) -> None:
    old = newsroom.live.name
    changed = replace(newsroom, encoder=other_toy_encoder)
    live = changed.reindex().manifest
    changed.take(parse_article({**stories[0].model_dump(), "id": "late"}))
    assert (newsroom.live, newsroom.store.counts("toy")["unembedded"]) == (live, 1)
    assert go_back(newsroom) == old == current_name(newsroom.layout)
    assert newsroom.store.counts("toy")["unembedded"] == 0
    view = newsroom.recommender().view()
    segment, row = view.locate("late") or (-1, -1)
    assert float(abs(view.segments[segment].embeddings[row]).sum()) > 0
    assert verify(newsroom.layout, old).encoder == "toy"


def test_a_running_recommender_refuses_drafts_when_the_live_snapshot_is_of_another_encoder(
    newsroom: Newsroom, other_toy_encoder: Encoder
) -> None:
    draft, running = parse_article({"id": "draft", "title": "Draft"}), newsroom.recommender()
    assert running.related_to(draft)
    replace(newsroom, encoder=other_toy_encoder).reindex()
    with pytest.raises(EncoderError, match=r"has fingerprint .* != other toy of the snapshot"):
        running.related_to(draft)
    assert running.related("story-01")
    go_back(newsroom)
    assert running.related_to(draft)


def test_the_commands_list_snapshots_and_roll_back(
    newsroom: Newsroom, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom = replace(newsroom, encoder=encoder)
    old, live = newsroom.reindex().manifest.name, newsroom.reindex(full=True).manifest.name
    toy = list_snapshots(newsroom.layout)[-1].name
    monkeypatch.setenv("RECOMMEND_MODELS", str(newsroom.settings.models))
    where = ["--store", newsroom.settings.store, "--index", str(newsroom.settings.index)]

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*where, *arguments])

    listed = orjson.loads(run("snapshots", "--json").stdout)
    assert [(one["name"], one["live"], one["articles"]) for one in listed] == [
        (live, True, 60),
        (old, False, 60),
        (toy, False, 60),
    ]
    assert orjson.loads(run("rollback", "--json").stdout)["name"] == old == newsroom.live.name
    assert [line.split()[:2] for line in run("snapshots").stdout.splitlines()][1] == ["live", old]
    refused = run("rollback")
    assert refused.exit_code == 1
    assert "put back the model it was made with" in str(refused.exception)
    assert newsroom.live.name == old
    assert run("rollback", live).stdout.startswith(f"snapshot {live} is live: 60 articles")
