"""Where something given is not used, or nothing would come of it, a word is said."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from recommend.articles.article import Article
from recommend.cli.near import near_ids
from recommend.store import Store

Recommend = Callable[..., Any]


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    """Two articles as JSON lines."""
    path = tmp_path / "articles.jsonl"
    path.write_bytes(b'{"id": "a", "title": "Storm hits the coast"}\n{"id": "b", "title": "Ferries stay in port"}\n')
    return path


def test_an_id_that_repeats_in_one_run_is_counted(recommend: Recommend, articles: Path) -> None:
    articles.write_bytes(articles.read_bytes() * 2)
    ran = recommend("ingest", articles, "--no-embed")
    assert (ran.code, ran.err) == (0, "2 rows repeat an id of this run; of each the last counts\n")
    assert recommend("ingest", articles, "--no-embed", "--json").json["repeated"] == 2


def test_a_source_without_an_article_fails_unless_that_is_allowed(recommend: Recommend, articles: Path) -> None:
    articles.write_bytes(b"")
    ran = recommend("ingest", articles, "--no-embed")
    assert (ran.code, "no article is in there; --allow-empty" in ran.err) == (1, True)
    assert recommend("ingest", articles, "--no-embed", "--allow-empty").code == 0


def test_a_clean_run_leaves_no_rejects_of_an_earlier_one(recommend: Recommend, articles: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b'{"id": "x"}\n')
    assert recommend("ingest", articles, tmp_path / "bad.jsonl", "--no-embed").code == 3
    assert Path("rejects.jsonl").exists()
    assert recommend("ingest", articles, "--no-embed").code == 0
    assert not Path("rejects.jsonl").exists()


def test_a_query_without_a_database_is_refused_and_a_path_that_leads_nowhere_is_named(
    recommend: Recommend, articles: Path
) -> None:
    for command in ("ingest", "init"):
        ran = recommend(command, articles, "--query", "SELECT 1")
        assert ran.code == 1
        assert "--query is for databases, and '" in ran.err
        assert ran.err.endswith(" is none\n")
    ran = recommend("ingest", articles, "--no-embed", "--items", "data.stories")
    assert (ran.code, ran.err) == (0, "--items data.stories is for a JSON document: it was not used here\n")


def test_the_reasons_of_rejects_are_told_where_they_are_counted(recommend: Recommend, articles: Path) -> None:
    with articles.open("ab") as file:
        file.write(b'{"id": "x"}\n{"id": "y"}\n{"id": "z", "title": "T", "published_at": "03/04/2026"}\n')
    said = recommend("ingest", articles, "--no-embed").err.splitlines()
    assert said[0] == "3 rows quarantined, with the reasons: rejects.jsonl"
    assert said[1].startswith("  2 × title is missing")
    assert "--date-order" in said[2]


def test_columns_are_read_in_their_own_words_by_flags_and_by_settings(recommend: Recommend, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Schlagzeile;date;publishd_at\nSturm;11/03/2026;x\n", encoding="utf-8")
    ran = recommend("ingest", "a.csv", "--no-embed")
    assert (ran.code, "--map Schlagzeile=title" in ran.err) == (1, True)
    ran = recommend("ingest", "a.csv", "--no-embed", "--map", 'Schlagzeile=title,section="News"', "--date-order", "dmy")
    assert (ran.code, ran.out) == (0, "1 added, 0 changed, 0 unchanged, 0 embedded\n")
    assert "read as date → published_at" in ran.err
    assert "publishd_at (published_at?)" in ran.err
    Path("recommend.toml").write_text(
        '[sources]\ndate_order = "dmy"\n[sources.map]\nSchlagzeile = "title"\nsection = "News"\n', encoding="utf-8"
    )
    again = recommend("ingest", "a.csv", "--no-embed", "--config", "recommend.toml", "--json").json
    assert (again["unchanged"], again["unused"]) == (1, {"publishd_at": "published_at"})


def test_an_empty_index_is_not_published_unless_that_is_allowed(recommend: Recommend, articles: Path) -> None:
    ran = recommend("reindex")
    assert (ran.code, "recommend ingest begins one" in ran.err) == (1, True)
    assert not Path("recommend.db").exists()
    articles.write_bytes(b'{"id": "a", "title": "Not yet", "status": "draft"}\n')
    assert recommend("ingest", articles, "--no-embed").code == 0
    ran = recommend("reindex")
    assert (ran.code, "no published article is in the store" in ran.err) == (1, True)
    assert not Path("index").exists()
    assert recommend("reindex", "--allow-empty").code == 0


def test_without_a_snapshot_status_fails(recommend: Recommend, articles: Path) -> None:
    recommend("ingest", articles, "--no-embed")
    ran = recommend("status")
    assert (ran.code, "none published; run recommend reindex" in ran.out) == (1, True)


@pytest.mark.parametrize(
    "command",
    ["status", "doctor", "snapshots", "related x", "keys list", "keys revoke x", "rollback", "export --out x.jsonl",
     "backup --out x.db", "reindex", "reindex --dry-run", "events export --out x.jsonl"],
)  # fmt: skip
def test_what_reads_creates_nothing(recommend: Recommend, tmp_path: Path, command: str) -> None:
    assert recommend(*command.split()).code in {0, 1, 2}
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("index")] == []


def test_another_store_than_the_indexes_is_called_that(on_sample: Recommend, tmp_path: Path) -> None:
    with closing(Store(f"sqlite:///{tmp_path}/other.db")) as other:
        other.put([(Article(id="a", title="T"), None)], "")
    ran = on_sample("status", "--store", f"sqlite:///{tmp_path}/other.db")
    assert ran.code == 1
    assert "belongs to another store" in ran.out.replace("\n", " ")
    assert "-" not in ran.out.partition("changes behind")[0].rpartition("snapshot is")[2]


def test_global_options_stand_anywhere(recommend: Recommend, articles: Path, tmp_path: Path) -> None:
    assert recommend("ingest", articles, "--store", "sqlite:///own.db", "--no-embed").code == 0
    assert recommend("ingest", "--no-embed", "--store=sqlite:///own.db", articles).code == 0
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {"articles", "own"}
    assert recommend("status", "--store").code == 2


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_in_use_is_said_before_anything_is_done(recommend: Recommend, tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = recommend(command, "--port", port)
    assert (ran.code, ran.out) == (1, "")
    assert f"port {port} of 127.0.0.1 is in use" in ran.err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("command", ["export --out", "backup --out", "ingest articles.jsonl --rejects"])
def test_a_folder_that_is_missing_is_named(recommend: Recommend, articles: Path, command: str) -> None:
    ran = recommend(*command.split(), "nowhere/x.jsonl")
    assert (ran.code, "folder 'nowhere' does not exist" in ran.err) == (1, True)


def test_an_unknown_id_is_answered_with_near_ones(on_sample: Recommend) -> None:
    ran = on_sample("related", "a-lavrov-novgorod-drone-clam")
    assert (ran.code, "did you mean 'a-lavrov-novgorod-drone-claim'?" in ran.err) == (1, True)


def test_ids_that_hold_the_word_come_before_those_spelled_like_it() -> None:
    assert near_ids("storm", ["form", "storms-2", "a-storm"]) == ["a-storm", "storms-2"]
    assert near_ids("zzz", ["form"]) == []
    many = [f"story-{number}" for number in range(30_000)]
    assert near_ids("stori-29999", many)[0].startswith("story-")


def test_a_list_of_nothing_says_so(recommend: Recommend, articles: Path) -> None:
    recommend("ingest", articles, "--no-embed")
    assert "no snapshot is kept here" in recommend("snapshots").err
    assert "there are no keys yet" in recommend("keys", "list").err
    assert orjson.loads(recommend("keys", "list", "--json").out) == []
