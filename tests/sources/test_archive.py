"""Archives of Substack and Medium, in the form in which those hand them out."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from recommend.articles.article import Article
from recommend.errors import SourceError
from recommend.sources import Reject, archive, read

HEADER = "post_id,post_date,is_published,email_sent_at,inbox_sent_at,type,audience,title,subtitle,podcast_url\n"
MEDIUM = """<!DOCTYPE html><html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8">
<title>{title}</title></head><body><article class="h-entry"><header><h1 class="p-name">{title}</h1></header>
<section data-field="subtitle" class="p-summary">Divers look at the quay.</section>
<section data-field="body" class="e-content"><section name="d4" class="section section--body section--first">
<div class="section-divider"><hr class="section-divider"></div><div class="section-content">
<h3 name="a1" id="a1" class="graf graf--h3 graf--leading graf--title">{title}</h3>
<p name="b2" id="b2" class="graf graf--p">A crane fell onto the quay — ferries wait.</p>
<figure class="graf graf--figure"><img class="graf-image" src="https://cdn-images-1.medium.com/max/800/1*crane.jpeg">
</figure></div></section></section>{footer}</article></body></html>"""
FOOTER = """<footer><p>By <a href="https://medium.com/@ana" class="p-author h-card">Ana Ruiz</a> on
<a href="https://medium.com/p/1f3a5c7e9b2d"><time class="dt-published" datetime="2024-05-01T10:00:00.000Z">May 1, 2024
</time></a>.</p><p><a href="https://medium.com/@ana/crane-falls-1f3a5c7e9b2d" class="p-canonical">Canonical link</a></p>
<p>Exported from <a href="https://medium.com">Medium</a> on June 2, 2024.</p></footer>"""


def packed(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def test_an_archive_of_substack_gives_its_posts_with_who_may_read_them(tmp_path: Path) -> None:
    table = (
        HEADER + '101.crane,2024-05-01T10:00:00.000Z,true,,,newsletter,everyone,Crane falls,"Ferries wait, it says",\n'
        "102.budget,2024-05-02T10:00:00.000Z,true,,,newsletter,only_paid,Budget passes,,\n"
        "103.idea,,false,,,newsletter,everyone,An idea,,\n"
        "104.about,2024-05-02T10:00:00.000Z,true,,,page,everyone,About,,\n"
        "105.bees,2024-05-03T10:00:00.000Z,false,,,podcast,only_free,Bees,,https://api.substack.com/feed/podcast/1.mp3\n"
    )
    files: dict[str, str | bytes] = {"posts.csv": table, "subscribers.csv": "email\na@b.example\n"}
    files |= {f"posts/{key}.html": f"<p>Text of <em>{key}</em>.</p>" for key in ("101.crane", "102.budget", "103.idea")}
    rows = list(read(packed(tmp_path / "export.zip", files)))
    found = {row.id: row for row in rows if isinstance(row, Article)}
    assert len(found) == len(rows)
    assert {name: (a.status, a.access) for name, a in found.items()} == {
        "101.crane": ("published", "public"),
        "102.budget": ("published", "paid"),
        "103.idea": ("draft", "public"),
        "105.bees": ("draft", "members"),
    }
    crane = found["101.crane"]
    assert (crane.title, crane.summary, crane.text) == ("Crane falls", "Ferries wait, it says", "Text of 101.crane.")
    assert crane.published_at is not None
    assert crane.published_at.isoformat() == "2024-05-01T10:00:00+00:00"


def test_an_archive_of_medium_gives_its_posts_under_their_addresses_and_drafts_as_drafts(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "README.html": "<p>Your archive</p>",
        "claps/claps-0001.html": "<ul class='h-feed'></ul>",
        "posts/2024-05-01_Crane-falls-1f3a5c7e9b2d.html": MEDIUM.format(title="Crane falls", footer=FOOTER),
        "posts/draft_An-idea-2f3a5c7e9b2d.html": MEDIUM.format(title="An idea", footer=""),
    }
    rows = [row for row in read(packed(tmp_path / "medium-export.zip", files)) if isinstance(row, Article)]
    assert [(row.id, row.title, row.status) for row in rows] == [
        ("https://medium.com/@ana/crane-falls-1f3a5c7e9b2d", "Crane falls", "published"),
        ("2f3a5c7e9b2d", "An idea", "draft"),
    ]
    assert rows[0].text == "A crane fell onto the quay — ferries wait."
    assert (rows[0].summary, rows[0].authors) == ("Divers look at the quay.", ["Ana Ruiz"])
    assert rows[0].image_url == "https://cdn-images-1.medium.com/max/800/1*crane.jpeg"


def test_a_post_that_is_too_large_or_damaged_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LINE_LIMIT", 5_000)
    table = HEADER + "".join(f"{n},2024-05-01T10:00:00Z,true,,,newsletter,everyone,Post {n},,\n" for n in (1, 2, 3))
    path = packed(
        tmp_path / "a.zip", {"posts.csv": table, "posts/1.html": b"a" * 9_000, "posts/2.html": b"<p>Two</p>" * 40}
    )
    content = path.read_bytes()
    where = content.index(b"posts/2.html") + len("posts/2.html")
    path.write_bytes(content[:where] + b"\xff\xff" + content[where + 2 :])
    rows = list(read(path))
    assert [(row.article_id, row.line) for row in rows if isinstance(row, Reject)] == [("1", 1), ("2", 2)]
    assert [row.id for row in rows if isinstance(row, Article)] == ["3"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"plain text"])
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.zip cannot be read"):
        list(read(tmp_path / "a.zip"))


def test_a_zip_of_something_else_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="unpack it and ingest the folder"):
        list(read(packed(tmp_path / "a.zip", {"articles.jsonl": "{}"})))
