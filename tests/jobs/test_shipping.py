"""Snapshots that are shipped: whole or not at all, verified, and with what was taken down since."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Newsroom, OpenNewsroom
from recommend.articles.article import Article
from recommend.errors import SnapshotError
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.jobs.shipping import fetch, ship


@pytest.fixture
def there(tmp_path: Path) -> IndexLayout:
    return IndexLayout(tmp_path / "replica")


def elsewhere(newsroom: Newsroom, layout: IndexLayout) -> Newsroom:
    return replace(newsroom, settings=newsroom.settings.model_copy(update={"index": layout.root}))


def test_another_machine_gives_the_same_boxes_and_none_that_was_taken_down_since(
    newsroom: Newsroom, there: IndexLayout, tmp_path: Path
) -> None:
    url = f"file://{tmp_path / 'shelf'}"
    shipped = ship(newsroom.layout, url)
    fetched = fetch(there, url, keep=2)
    assert fetched is not None
    assert fetched.name == shipped.name
    assert shipped.name == newsroom.live.name
    before = [item.id for item in newsroom.recommender().related("story-00", 10)]
    replica = elsewhere(newsroom, there)
    assert [item.id for item in replica.recommender().related("story-00", 10)] == before
    newsroom.store.delete(before[0])
    assert before[0] not in {item.id for item in replica.recommender().related("story-00", 10)}
    assert fetch(there, url, keep=2) is None


def test_only_what_changed_is_copied(
    newsroom: Newsroom, there: IndexLayout, tmp_path: Path, stories: list[Article]
) -> None:
    url = str(tmp_path / "shelf")
    first = ship(newsroom.layout, url)
    again = ship(newsroom.layout, url)
    assert again.files == 1  # the manifest, without which none is whole
    fetch(there, url, keep=2)
    newsroom.take(stories[0].model_copy(update={"id": "story-99", "title": "Another title altogether"}))
    newsroom.reindex()
    second = ship(newsroom.layout, url)
    assert second.name != first.name
    fetched = fetch(there, url, keep=2)
    assert fetched is not None
    assert fetched.name == current_name(there) == second.name
    assert fetched.files < first.files - 1


def test_what_was_changed_on_the_way_is_refused_and_what_was_live_stays(
    newsroom: Newsroom, there: IndexLayout, tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    ship(newsroom.layout, str(shelf))
    fetch(there, str(shelf), keep=2)
    live = current_name(there)
    newsroom.reindex(full=True)
    name = ship(newsroom.layout, str(shelf)).name
    file = shelf / "snapshots" / name / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b'"embeddings.npy"', b'"../embeddings.npy"'))
    with pytest.raises(SnapshotError, match="not a file of a snapshot"):
        fetch(there, str(shelf), keep=2)
    ship(newsroom.layout, str(shelf))
    (shelf / "snapshots" / name / "groups.npy").write_bytes(b"torn")
    (there.snapshot(live or "").root / "groups.npy").unlink()
    with pytest.raises(SnapshotError, match="SHA-256 differs"):
        fetch(there, str(shelf), keep=2)
    assert current_name(there) == live
    assert not [path for path in there.snapshots.iterdir() if path.name == name or path.name.startswith(".")]


def test_half_a_shipment_is_nobodys(newsroom: Newsroom, there: IndexLayout, tmp_path: Path) -> None:
    def dies(file: str) -> None:
        if file == "manifest.json":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ship(newsroom.layout, str(tmp_path / "shelf"), on_file=dies)
    with pytest.raises(SnapshotError, match="CURRENT"):
        fetch(there, str(tmp_path / "shelf"), keep=2)
    assert current_name(there) is None


def test_a_place_that_cannot_be_is_told(newsroom: Newsroom, tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="nowhere://"):
        ship(newsroom.layout, "nowhere://bucket/path")
    (tmp_path / "file").touch()
    with pytest.raises(SnapshotError, match="file"):
        ship(newsroom.layout, str(tmp_path / "file" / "below"))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("CURRENT", b"../elsewhere\n", "CURRENT names '../elsewhere', which is not a snapshot"),
        ("CURRENT", b"r" * 1_001, "CURRENT has more than 1,000 bytes"),
        ("snapshots/{name}/manifest.json", b"{}", r"manifest\.json of {name}: Field required"),
    ],
)
def test_what_is_no_shipment_is_refused_and_nothing_is_brought(
    newsroom: Newsroom, there: IndexLayout, tmp_path: Path, file: str, content: bytes, message: str
) -> None:
    name = ship(newsroom.layout, str(tmp_path / "shelf")).name
    (tmp_path / "shelf" / file.format(name=name)).write_bytes(content)
    with pytest.raises(SnapshotError, match=message.format(name=name)):
        fetch(there, str(tmp_path / "shelf"), keep=2)
    assert current_name(there) is None


def test_without_a_live_snapshot_there_is_nothing_to_ship(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="holds no published snapshot; run recommend reindex"):
        ship(IndexLayout(tmp_path / "index"), str(tmp_path / "shelf"))
    assert not (tmp_path / "shelf").exists()


def test_where_the_live_manifest_is_torn_everything_is_fetched_anew(
    newsroom: Newsroom, there: IndexLayout, tmp_path: Path, stories: list[Article]
) -> None:
    url = str(tmp_path / "shelf")
    first = ship(newsroom.layout, url)
    fetch(there, url, keep=2)
    there.snapshot(first.name).manifest.write_bytes(b"{")
    newsroom.take(stories[0].model_copy(update={"id": "story-99"}))
    newsroom.reindex()
    second = ship(newsroom.layout, url)
    fetched = fetch(there, url, keep=2)
    assert fetched is not None
    assert (fetched.name, fetched.files) == (second.name, len(newsroom.live.sha256))


def test_another_snapshot_of_one_name_is_refused_on_either_side_until_it_has_another_name(
    newsroom: Newsroom, there: IndexLayout, tmp_path: Path, open_newsroom: OpenNewsroom, stories: list[Article]
) -> None:
    shelf = tmp_path / "shelf"
    first = ship(newsroom.layout, str(shelf))
    fetch(there, str(shelf), keep=2)
    with open_newsroom(*(story.model_copy(update={"title": story.title[::-1]}) for story in stories)) as anew:
        assert anew.live.name == first.name
        with pytest.raises(SnapshotError, match=f"another snapshot of the name {first.name}"):
            ship(anew.layout, str(shelf))
        shutil.rmtree(shelf)
        ship(anew.layout, str(shelf))
        with pytest.raises(SnapshotError, match=f"another snapshot of the name {first.name}"):
            fetch(there, str(shelf), keep=2)
        anew.reindex(full=True)
        second = ship(anew.layout, str(shelf))
        fetched = fetch(there, str(shelf), keep=2)
        assert fetched is not None
        assert fetched.name == second.name == current_name(there)


def test_what_a_killed_shipment_left_is_not_taken_for_what_another_one_ships(
    newsroom: Newsroom, there: IndexLayout, tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    parts = newsroom.layout.snapshot(newsroom.live.name)
    left = shelf / "snapshots" / newsroom.live.name / "embeddings.npy"
    left.parent.mkdir(parents=True)
    left.write_bytes(bytes((parts.root / "embeddings.npy").stat().st_size))
    ship(newsroom.layout, str(shelf))
    assert fetch(there, str(shelf), keep=2) is not None


def test_a_live_snapshot_whose_folder_is_gone_is_brought_again(
    newsroom: Newsroom, there: IndexLayout, tmp_path: Path
) -> None:
    name = ship(newsroom.layout, str(tmp_path / "shelf")).name
    fetch(there, str(tmp_path / "shelf"), keep=2)
    shutil.rmtree(there.snapshot(name).root)
    fetched = fetch(there, str(tmp_path / "shelf"), keep=2)
    assert fetched is not None
    assert fetched.name == name
