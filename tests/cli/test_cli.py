"""The command line: what it prints, and the exit codes 0, 1, 2 and 3."""

import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import get_args

import orjson
import pyarrow.parquet as pq
import pytest
from selectolax.lexbor import LexborHTMLParser

from recommend.articles.article import Article
from recommend.cli import workers
from recommend.cli.intake import FormatName
from recommend.configuration import load_settings
from recommend.ranking.candidates import FEATURES
from recommend.sources import Format
from running import Recommend

ROOT = Path(__file__).parents[2]
ANCHOR = "a-central-asia-condemns-drone-attack"
CLAIM = "a-lavrov-novgorod-drone-claim"
DRAFT = (
    "Drones over the residence\nMoscow says that drones attacked the residence of Russia's president; Kyiv denies it.\n"
)


@pytest.fixture
def articles(corpus: list[Article], tmp_path: Path) -> Path:
    """Eight articles as JSON lines."""
    path = tmp_path / "articles.jsonl"
    path.write_bytes(b"".join(orjson.dumps(a.model_dump(), option=orjson.OPT_APPEND_NEWLINE) for a in corpus[:8]))
    return path


def test_from_a_file_to_related_stories(recommend: Recommend, articles: Path, corpus: list[Article]) -> None:
    where = ("--store", "sqlite:///own.db", "--index", "own")
    assert recommend(*where, "ingest", articles) == (0, "8 added, 0 changed, 0 unchanged, 8 embedded\n", "")
    counts = recommend(*where, "ingest", articles, "--json").json
    assert (counts["unchanged"], counts["embedded"], counts["quarantined"], counts["rejects"]) == (8, 0, 0, None)
    planned = recommend(*where, "reindex", "--dry-run", "--json").json
    assert (planned["articles"], planned["to_embed"], planned["changes"], planned["builds"]) == (8, 0, 8, True)
    assert recommend(*where, "reindex", "--dry-run").out.startswith("would build a snapshot of 8 articles, flat; 0 ")
    assert not Path("own").exists()
    built = recommend(*where, "reindex", "--json").json
    assert (built["articles"], built["built"], built["embedded"], built["kind"]) == (8, True, 0, "flat")
    assert f"snapshot {built['name']} is up to date" in recommend(*where, "reindex").out
    assert recommend(*where, "reindex", "--full").out.startswith(f"snapshot {built['name']}.2 published: 8 articles")
    assert recommend(*where, "reindex", "--full", "--force", "--json").json["canary"]["overlap"] == 1.0
    items = recommend(*where, "related", corpus[0].id, "-k", 3, "--json").json["items"]
    assert [item["rank"] for item in items] == [1, 2, 3]
    assert {path.name for path in Path().iterdir()} >= {"own.db", "own"}
    assert not Path("index").exists()


def test_every_format_can_be_named_and_a_folder_then_holds_files_of_any_ending(
    recommend: Recommend, articles: Path
) -> None:
    folder = articles.parent / "lines"
    folder.mkdir()
    articles.rename(folder / "articles.txt")
    assert recommend("ingest", folder, "--format", "jsonl", "--no-embed").out.startswith("8 added")
    assert {*get_args(FormatName)} == {str(one) for one in Format}


def test_rows_that_are_no_articles_are_set_aside_with_their_reasons(recommend: Recommend, articles: Path) -> None:
    with articles.open("ab") as file:
        file.write(b'{"id": "x"}\nnot json\n{"id": "y", "title": "T", "published_at": "soon"}\n')
    ran = recommend("ingest", articles, "--rejects", "aside.jsonl")
    assert (ran.code, ran.out) == (3, "8 added, 0 changed, 0 unchanged, 8 embedded\n")
    assert ran.err.startswith("3 rows quarantined, with the reasons: aside.jsonl\n  1 × title is missing")
    rejects = [orjson.loads(line) for line in Path("aside.jsonl").read_bytes().splitlines()]
    assert [reject["line"] for reject in rejects] == [9, 10, 11]
    assert [reject["article_id"] for reject in rejects] == ["x", None, "y"]
    assert [reject["field"] for reject in rejects] == ["title", None, "published_at"]
    assert (rejects[2]["value"], rejects[2]["reason"]) == ("'soon'", "is not an ISO 8601 date")
    assert recommend("ingest", articles, "--json").json["quarantined"] == 3
    articles.write_bytes(b"")
    assert recommend("ingest", articles, "--rejects", "none.jsonl", "--allow-empty").code == 0
    assert not Path("none.jsonl").exists()


def test_a_database_is_a_source_by_its_url_and_a_query(recommend: Recommend, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "cms.db")) as database, database:
        database.execute("CREATE TABLE posts (slug TEXT, headline TEXT)")
        database.execute("INSERT INTO posts VALUES ('a', 'Storm hits coast'), ('b', NULL)")
    ran = recommend(
        "ingest", "sqlite:///cms.db", "--query", "SELECT slug AS id, headline AS title FROM posts", "--json"
    )
    assert (ran.code, ran.json["added"], ran.json["quarantined"]) == (3, 1, 1)
    ran = recommend("ingest", "sqlite:///cms.db")
    assert (ran.code, ran.err.strip()) == (1, "error: sqlite: a database needs a query: give one with --query")


def test_private_addresses_are_asked_only_when_allowed(recommend: Recommend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommend.sources.web._ATTEMPTS", 1)
    ran = recommend("ingest", "http://127.0.0.1:1/feed")
    assert (ran.code, "resolves to the private address" in ran.err) == (1, True)
    ran = recommend("ingest", "http://127.0.0.1:1/feed.xml", "--allow-private")
    assert (ran.code, "cannot be fetched" in ran.err) == (1, True)


def test_related_by_id_by_url_and_for_a_draft(on_sample: Recommend, corpus: list[Article]) -> None:
    ran = on_sample("related", ANCHOR)
    assert (ran.code, ran.err, ran.out.count(" · Same story: ") > 1) == (0, "", True)
    assert ran.out.startswith(" 1. ")
    url = next(article.url for article in corpus if article.id == ANCHOR)
    assert on_sample("related", f"{url}?utm_source=x#top").out == ran.out
    explained = on_sample("related", ANCHOR, "--explain", "-k", 1).out
    assert explained.count("  adds ") == len(FEATURES)
    assert "candidates removed: " in explained
    Path("draft.txt").write_text(DRAFT, encoding="utf-8")
    orders = {}
    for prefer in ("any", "near", "fresh"):
        items = on_sample("related", ANCHOR, "-k", 28, "--json", "--prefer", prefer).json["items"]
        orders[prefer] = [(item["id"], item["score"]) for item in items]
    assert sorted(orders["any"]) == sorted(orders["near"]) == sorted(orders["fresh"])
    assert orders["any"] != orders["near"] != orders["fresh"]
    answer = on_sample("related", "--text", "draft.txt", "--json").json
    assert (answer["article_id"], len(answer["items"])) == (None, 5)
    assert CLAIM in [item["id"] for item in answer["items"]]


def test_export_and_status(on_sample: Recommend) -> None:
    exported = on_sample("export", "--out", "related.jsonl", "-k", 2, "--json").json
    assert exported == {"rows": 288, "file": "related.jsonl", "revision": 146}
    assert on_sample("export", "--out", "none.jsonl", "--since", 146, "--json").json["rows"] == 0
    lines = Path("related.jsonl").read_bytes().splitlines()
    assert on_sample("export", "--out", "related.parquet", "-k", 2) == (0, "288 rows written to related.parquet\n", "")
    ids = [row["related_id"] for row in pq.read_table("related.parquet").to_pylist()]
    assert ids == [orjson.loads(line)["related_id"] for line in lines]
    found = on_sample("status", "--json").json
    assert (found["snapshot_articles"], found["revision_lag"], found["encoder_matches"]) == (144, 0, True)
    assert "144 published, 1 draft, 1 unpublished" in on_sample("status").out
    assert [on_sample("status", "--max-staleness", seconds).code for seconds in (86_400, 0)] == [0, 1]


def test_evaluate_and_compare(recommend: Recommend, articles: Path, corpus: list[Article]) -> None:
    pairs = pairwise(article.id for article in corpus[:8])
    Path("qrels.tsv").write_text("".join(f"{q}\t0\t{d}\t1\n" for q, d in pairs), encoding="utf-8")
    command = ("evaluate", "--articles", articles, "--qrels", "qrels.tsv", "--scratch", "kept")
    found = recommend(*command, "--run-out", "a.run", "--per-query", "a.csv", "--json").json
    counts = ("queries", "answerable", "unanswerable", "missing", "quarantined")
    assert [found[name] for name in counts] == [7, 7, 0, 0, 0]
    assert found["measures"].keys() == {"nDCG@5", "nDCG@10", "R@10", "RR"}
    assert found["measures"]["R@10"]["mean"] == 1.0
    assert len(Path("a.csv").read_text().splitlines()) == 8
    tags = {line.split()[-1] for line in Path("a.run").read_text().splitlines()}
    assert tags == {found["provenance"]["hash"]} == {orjson.loads(Path("a.run.json").read_bytes())["hash"]}
    assert found["provenance"]["data"].keys() == {"articles.jsonl", "qrels.tsv"}
    unseen = recommend(*command, "--set", "policy.floor=1", "--json").json  # the policy is off
    assert (unseen["measures"], unseen["boxes"]) == (found["measures"], found["boxes"])
    as_seen = recommend(
        *command, "--set", "policy=on", "--set", "policy.floor=1", "--set", "policy.fill=none", "--run-out", "b.run.gz"
    )
    assert (as_seen.code, "nDCG@10  0.0000 " in as_seen.out) == (0, True)
    lost = recommend("compare", "a.run", "b.run.gz", "--qrels", "qrels.tsv", "--measure", "RR", "--json").json
    assert lost["measures"]["RR"]["difference"]["mean"] == pytest.approx(-found["measures"]["RR"]["mean"])
    only = recommend(
        *command, "--measure", "Judged@10", "--measure", "AP(rel=2)", "--cluster-by", "section", "--json"
    ).json
    assert (only["measures"].keys(), only["clusters"]["by"]) == ({"Judged@10", "AP(rel=2)"}, "section")
    one = recommend(*command, "--queries", "1").out
    assert "intervals by query, each for itself; run " in one
    assert "coverage" in one


def test_evaluate_and_training_take_what_editors_link(recommend: Recommend, corpus: list[Article]) -> None:
    lines = []
    for article, other in pairwise(corpus[:24]):
        text = f'{article.text} <a href="{other.url}">{other.title}</a>'
        lines.append(orjson.dumps(article.model_dump(mode="json") | {"text": text}))
    Path("linked.jsonl").write_bytes(b"\n".join(lines))
    found = recommend("evaluate", "--articles", "linked.jsonl", "--qrels", "editors", "--json").json
    assert found["queries"] > 15
    compared = ("compare", "default", "policy=on", "--qrels", "editors")
    assert recommend(*compared).code == 2
    assert recommend(*compared, "--articles", "linked.jsonl", "--json").json["queries"] == found["queries"]
    refused = ("train", "calibration", "--articles", "linked.jsonl", "--qrels", "editors", "--out", "models/a.json")
    assert "links of editors are no judgements here" in recommend(*refused).err
    train = ("train", "ranker", "--articles", "linked.jsonl", "--qrels", "editors", "--out", "models/ours.json")
    assert "queries held out from" in recommend(*train, "--force").out
    assert "linked.jsonl, editors; held out" in Path("models/ours.md").read_text(encoding="utf-8")


def test_evaluate_writes_a_report_of_what_it_printed(
    recommend: Recommend, articles: Path, corpus: list[Article]
) -> None:
    pairs = pairwise(article.id for article in corpus[:8])
    Path("qrels.tsv").write_text("".join(f"{q}\t0\t{d}\t1\n" for q, d in pairs), encoding="utf-8")
    command = ("evaluate", "--articles", articles, "--qrels", "qrels.tsv", "--scratch", "kept", "--json")
    plain = recommend(*command).json
    again = recommend(*command, "--report", "new/folder/report.html", "--set", "ranking.as_of=any").json
    assert again == plain
    page = LexborHTMLParser(Path("new/folder/report.html").read_text(encoding="utf-8"))
    told = [item.text().split(None, 1)[0] for item in page.css(".figures li")]
    assert told[:4] == [f"{name}{found['mean']:.3f}95" for name, found in plain["measures"].items()]
    assert {node.text() for node in page.css("summary strong")} == {article.title for article in corpus[:7]}
    assert "articles.jsonl, qrels.tsv" in page.text()


def test_compare_tells_differences_corrected_for_several_tests_and_the_queries_behind_them(
    recommend: Recommend,
) -> None:
    queries = [f"q{n:02}" for n in range(24)]
    worse = queries[-1]
    Path("qrels.tsv").write_text("".join(f"{q}\t0\tgood\t1\n" for q in queries), encoding="utf-8")
    for name, first in (("a", {worse: "good"}), ("b", dict.fromkeys(queries[:-1], "good"))):
        lines = [
            f"{q} Q0 {first.get(q, 'bad')} 1 2 x\n{q} Q0 {'bad' if q in first else 'good'} 2 1 x\n" for q in queries
        ]
        Path(f"{name}.run").write_text("".join(lines), encoding="utf-8")
    found = recommend("compare", "a.run", "b.run", "--qrels", "qrels.tsv", "--json").json
    rank = found["measures"]["RR"]
    assert (found["queries"], rank["better"], rank["worse"]) == (24, 23, 1)
    assert rank["difference"]["mean"] == pytest.approx(0.5 * 22 / 24)
    assert rank["p_value"] < rank["p_holm"] < 0.05
    assert found["measures"]["R@10"]["p_holm"] == 1.0
    changed = found["changed"]
    assert changed["measure"] == "nDCG@10"
    assert [change["query"] for change in changed["better"]] == queries[:10]
    assert [(change["query"], change["a"]) for change in changed["worse"]] == [(worse, 1.0)]
    printed = recommend("compare", "a.run", "b.run", "--qrels", "qrels.tsv").out
    assert printed.startswith("24 queries, B − A\nnDCG@5   +0.")
    assert "p (Holm) is corrected for testing 4 differences" in printed
    assert f"Greatest losses by nDCG@10\n-0.3691   1.0000 → 0.6309   {worse}\n" in printed
    assert printed.splitlines()[-1].startswith("b.run is better than a.run (+0.3")
    same = recommend("compare", "a.run", "a.run", "--qrels", "qrels.tsv")
    assert (same.code, "Greatest" in same.out) == (2, False)
    gate = recommend("compare", "b.run", "a.run", "--qrels", "qrels.tsv", "--fail-below", "-0.005")
    assert (gate.code, gate.err) == (1, "a.run: nDCG@10 may be lower by more than -0.005 allows\n")
    assert recommend("compare", "a.run", "b.run", "--qrels", "qrels.tsv", "--fail-below", "-0.005").code == 0
    Path("short.run").write_text("".join(Path("b.run").read_text().splitlines(keepends=True)[:20]))
    refused = recommend("compare", "a.run", "short.run", "--qrels", "qrels.tsv")
    assert (refused.code, "short.run lacks 14 of 24 queries" in refused.err) == (1, True)
    three = recommend("compare", "a.run", "b.run", "short.run", "--qrels", "qrels.tsv", "--missing", "skip").out
    assert ("b.run − a.run" in three, "short.run − a.run" in three) == (True, True)


def test_ablate_and_compare_hold_settings_against_each_other(
    recommend: Recommend, articles: Path, corpus: list[Article]
) -> None:
    pairs = pairwise(article.id for article in corpus[:8])
    Path("qrels.tsv").write_text("".join(f"{q}\t0\t{d}\t1\n" for q, d in pairs), encoding="utf-8")
    given = ("--articles", articles, "--qrels", "qrels.tsv", "--scratch", "kept")
    vary = ("--vary", "ranking.without=,dense+lexical", "--plot", "new/arms.svg")
    found = recommend("ablate", *given, *vary, "--json").json
    names = ["as set", "ranking.without=none", "ranking.without=dense,lexical"]
    assert [arm["name"] for arm in found["arms"]] == names
    first, same, other = found["arms"]
    assert (first["hash"] == same["hash"], first["hash"] == other["hash"], first["differences"]) == (True, False, {})
    assert same["differences"]["RR"]["p_holm"] == 1.0
    assert other["measures"]["RR"]["mean"] != first["measures"]["RR"]["mean"]
    assert Path("new/arms.svg").read_text().startswith('<svg class="plot"')
    table = recommend("ablate", *given, "--vary", "policy.diversity=0.9", "--each").out.splitlines()
    assert [line.split()[0] for line in table[1:]] == ["arm", "as", "policy.diversity=0.9"]
    arms = recommend("compare", "default", "ranking.without=dense,lexical policy=on", *given, "--json").json
    assert arms["first"] == "default"
    assert recommend("evaluate", *given, "--run-out", "ours.trec").code == 0
    mixed = recommend("compare", "ours.trec", "default", *given).out
    assert "default and ours.trec were made by the same settings from the same articles" in mixed
    assert "default serves every query as ours.trec does, by nDCG@10." in mixed
    assert recommend("compare", "default", "policy=on", "--qrels", "qrels.tsv").code == 2
    assert "unknown" in recommend("compare", "default", "policy.nonsense=1", *given).err


def test_compare_tells_titles_and_segments_where_it_gets_the_articles(recommend: Recommend, articles: Path) -> None:
    ids = [orjson.loads(line)["id"] for line in articles.read_bytes().splitlines()]
    Path("qrels.tsv").write_text("".join(f"{q}\t0\tgood\t1\n" for q in ids), encoding="utf-8")
    for name, order in (("a", ("bad", "good")), ("b", ("good", "bad"))):
        Path(f"{name}.run").write_text("".join(f"{q} Q0 {d} {r} {9 - r} x\n" for q in ids for r, d in enumerate(order)))
    command = ("compare", "a.run", "b.run", "--qrels", "qrels.tsv", "--cluster-by", "section")
    said = recommend(*command, "--articles", articles).out
    assert (
        f"8 queries in {len({orjson.loads(line)['section'] for line in articles.read_bytes().splitlines()})} sect"
        in said
    )
    assert "By section, nDCG@10" in said
    assert "Nemo wins Eurovision" in said
    assert "a field needs the articles: --articles" in recommend(*command).err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("related a", "store sqlite:///recommend.db does not exist; recommend ingest"),
        ("export --out x.jsonl", "store sqlite:///recommend.db does not exist; recommend ingest"),
        ("ingest nope.jsonl", "nope.jsonl does not exist"),
        ("ingest articles.jsonl --rejects no/folder.jsonl", "folder 'no' does not exist"),
        ("--config nope.toml status", "config file 'nope.toml' does not exist"),
        ("--store nonsense status", "store 'nonsense' cannot be used"),
        ("--store sqlite:///no/folder.db status", "store sqlite:///no/folder.db does not exist"),
        (
            "--store sqlite:///no/folder.db ingest articles.jsonl",
            "store sqlite:///no/folder.db cannot be opened: No such file",
        ),
        ("evaluate --articles articles.jsonl --qrels nope.tsv", "nope.tsv cannot be read"),
        ("evaluate --articles x --qrels qrels.tsv --set ranking.x=1", "setting ranking.x is unknown: there are as_of"),
        ("compare nope.run other.run --qrels qrels.tsv", "nope.run cannot be read"),
    ],
)
def test_a_failure_is_one_line_and_exit_code_1(recommend: Recommend, command: str, message: str) -> None:
    Path("qrels.tsv").write_text("q\t0\td\t1\n", encoding="utf-8")
    Path("articles.jsonl").write_text("{}\n", encoding="utf-8")
    ran = recommend(*command.split())
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith("error: ")
    assert message in ran.err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("related nobody", "article 'nobody' is unknown or not published"),
        ("related https://[half/an/address", "article 'https://[half/an/address' is unknown or not published"),
        ("related --text nope.txt", "draft nope.txt cannot be read"),
        ("export --out x.csv", "export file 'x.csv' ends neither in .parquet nor in .jsonl"),
        ("related --text latin.txt", "draft latin.txt cannot be read: 'utf-8' codec can't decode byte 0xff"),
        ("export --out no/folder.jsonl", "'no"),
    ],
)
def test_a_failure_on_a_published_index_is_one_line_too(on_sample: Recommend, command: str, message: str) -> None:
    Path("latin.txt").write_bytes(b"\xff")
    ran = on_sample(*command.split())
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert message in ran.err


@pytest.mark.parametrize(
    ("host", "setting", "rule"),
    [
        ("127.0.0.1", "auto", "open"), ("localhost", "auto", "open"), ("::1", "auto", "open"),
        ("0.0.0.0", "auto", "key"), ("::", "auto", "key"), ("10.0.0.7", "auto", "key"), ("news.example", "auto", "key"),
        ("0.0.0.0", "open", "open"), ("127.0.0.1", "key", "key"),
    ],
)  # fmt: skip
def test_who_may_watch_a_service_follows_from_where_it_listens(
    recommend: Recommend, monkeypatch: pytest.MonkeyPatch, host: str, setting: str, rule: str
) -> None:
    served: list[str] = []
    monkeypatch.setattr(os, "environ", os.environ.copy())
    bound = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(workers, "listen", lambda *_: bound)
    monkeypatch.setattr(workers, "run_workers", lambda *_, **__: served.append(load_settings().service.operations))
    monkeypatch.setenv("RECOMMEND_SERVICE__OPERATIONS", setting)
    assert recommend("serve", "--host", host).code == 0
    assert served == [rule]
    bound.close()


WRONG = [
    "",
    "bogus",
    "related",
    "related a --text b",
    "related a -k 0",
    "related a --prefer old",
    "ingest",
    "serve --port 99999",
    "reindex -x",
]


@pytest.mark.parametrize("command", WRONG)
def test_wrong_usage_is_exit_code_2(recommend: Recommend, command: str) -> None:
    assert recommend(*command.split()).code == 2


def test_the_installed_command_ends_without_a_traceback(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("recommend")), "related", "a"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    message = "error: store sqlite:///recommend.db does not exist; recommend ingest or recommend restore begins one\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", message)
