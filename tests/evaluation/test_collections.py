"""Collections of others, from tiny files in the form that each comes in."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import pytest

from recommend.cli import main
from recommend.cli.intake import Intake
from recommend.errors import EvaluationError
from recommend.evaluation.collections.huggingface import read_huggingface
from recommend.evaluation.collections.ir_folder import read_ir_folder
from recommend.evaluation.collections.mind import read_mind
from recommend.evaluation.collections.trec_news import read_trec_news
from recommend.evaluation.judgements import read_qrels

POST = {
    "id": "b2e89334-33f9-11e1-825f-dabc29fd7071",
    "article_url": "https://www.washingtonpost.com/sports/colleges/danny-coale/2011/12/31/gIQAAaW4SP_story.html",
    "title": "Danny Coale, Jarrett Boykin are a perfect 1-2 punch for Virginia Tech",
    "author": "Mark Giannotto",
    "published_date": 1325376562000,
    "contents": [
        {"content": "Colleges", "mime": "text/plain", "type": "kicker"},
        {"content": "Danny Coale, Jarrett Boykin are a perfect 1-2 punch", "mime": "text/plain", "type": "title"},
        {"fullcaption": "A catch.", "imageURL": "https://img.example/1.jpg", "mime": "image/jpeg", "type": "image"},
        {"content": "NEW ORLEANS — Whenever a <b>Virginia Tech</b> offensive coach", "mime": "text/html",
         "subtype": "paragraph", "type": "sanitized_html"},
        None,
        {"content": "is asked about them.", "subtype": "paragraph", "type": "sanitized_html", "mime": "text/html"},
    ],
    "type": "article",
    "source": "The Washington Post",
}  # fmt: skip
OPINION = {**POST, "id": "9171debc", "contents": [{"content": "Opinion", "type": "kicker"}], "published_date": None}
TOPICS = """
<top>
<num> Number: 321 </num>
<docid>9171debc</docid>
<url>https://www.washingtonpost.com/news/women-of-color</url>
</top>

<top>
<num>Number: 322</num> <docid>{}</docid>
</top>
""".format(POST["id"])


def lines(path: Path, *rows: object) -> Path:
    content = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture
def trec(tmp_path: Path) -> Path:
    folder = tmp_path / "trec"
    lines(
        folder / "data" / "TREC_Washington_Post_collection.v2.jl.gz", POST, OPINION, {**POST, "id": "x", "title": None}
    )
    (folder / "newsir18-topics.txt").write_text(TOPICS, encoding="utf-8")
    (folder / "newsir18-qrels.txt").write_text(
        f"321 0 {POST['id']} 16\n322 0 9171debc 0\n999 0 a 2\n", encoding="utf-8"
    )
    return folder


def test_topics_of_background_linking_are_their_articles_and_keep_their_grades(trec: Path) -> None:
    found = read_trec_news(trec)
    post, opinion = found.articles
    assert found.qrels == {"9171debc": {POST["id"]: 16}, POST["id"]: {"9171debc": 0}}
    assert (post["section"], post["authors"], post["genre"]) == ("Colleges", ["Mark Giannotto"], "news")
    assert post["published_at"].isoformat() == "2012-01-01T00:09:22+00:00"
    assert (opinion["genre"], opinion["published_at"]) == ("opinion", None)
    assert sorted(found.notes) == [
        "1 articles have no title and were left out",
        "topic 999 of newsir18-qrels.txt is in no file of topics",
    ]


MIND_NEWS = (
    "N55528\tlifestyle\tlifestyleroyals\tThe Brands Queen Elizabeth Swears By\tShop the notebooks.\t"
    'https://assets.msn.com/labs/mind/AAGH0ET.html\t[{"Label": "Elizabeth II", "Type": "P"}]\t[]\n'
    "N19639\thealth\tweightloss\t50 Worst Habits For Belly Fat\tThese seemingly harmless habits\thttps://x.example/1\t[]\t[]\n"
    "N61837\tnews\tnewsworld\tThe Cost of Trump's Aid Freeze\t\thttps://x.example/2\t[]\t[]\n"
)
BEHAVIOURS = (
    "1\tU13740\t11/11/2019 9:05:58 AM\tN61837 N55528\tN19639-1 N61837-0\n"
    "2\tU91836\t11/12/2019 6:11:30 PM\tN55528\tN19639-1 N61837-0\n"
    "3\tU73700\t11/14/2019 7:01:48 AM\tN19639\tN55528-1\n"
    "4\tU34670\t11/11/2019 5:28:05 AM\t\tN55528-1\n"
)


def test_what_readers_of_mind_went_on_to_is_related_to_what_they_had_read_last(tmp_path: Path) -> None:
    for split in ("MINDsmall_train", "MINDsmall_dev"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "news.tsv").write_text(MIND_NEWS, encoding="utf-8")
    (tmp_path / "MINDsmall_train" / "behaviors.tsv").write_text(BEHAVIOURS, encoding="utf-8")
    found = read_mind(tmp_path)
    articles = list(found.articles)
    assert [one["id"] for one in articles] == ["N55528", "N19639", "N61837"]
    assert (articles[0]["section"], articles[0]["tags"]) == ("lifestyle", ["lifestyleroyals"])
    assert found.qrels == {"N55528": {"N19639": 1, "N61837": 0}}
    assert read_mind(tmp_path, least=1).qrels["N19639"] == {"N55528": 1}


def test_a_folder_of_ir_datasets_has_documents_queries_and_judgements(tmp_path: Path) -> None:
    lines(
        tmp_path / "docs.jsonl.gz",
        {"doc_id": "d1", "title": "One", "body": "First."},
        {"doc_id": "d2", "text": "Two words"},
    )
    lines(tmp_path / "queries.jsonl", {"query_id": "7", "doc_id": "d1"}, {"query_id": "8", "text": "two words"})
    (tmp_path / "qrels").write_text("7 0 d2 4\n8 0 d1 1\n", encoding="utf-8")
    found = read_ir_folder(tmp_path)
    assert [(one["id"], one["title"]) for one in found.articles] == [
        ("d1", "One"), ("d2", "Two words"), ("query:8", "two words"),
    ]  # fmt: skip
    assert found.qrels == {"d1": {"d2": 4}, "query:8": {"d1": 1}}
    assert len(found.notes) == 1


def test_a_folder_of_beir_is_read_as_well(tmp_path: Path) -> None:
    lines(tmp_path / "corpus.jsonl", {"_id": "d1", "title": "", "text": "A long first line " * 20, "metadata": {}})
    lines(tmp_path / "queries.jsonl", {"_id": "q1", "text": "long line"})
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t2\n", encoding="utf-8")
    found = read_ir_folder(tmp_path)
    assert found.qrels == {"query:q1": {"d1": 2}}
    assert len(next(found.articles)["title"]) <= 120


def test_tables_of_ids_and_texts_are_documents_too(tmp_path: Path) -> None:
    (tmp_path / "docs.tsv").write_text("d1\tSome text\nd2\tOther text\n", encoding="utf-8")
    (tmp_path / "queries.tsv").write_text("q1\tsome\n", encoding="utf-8")
    (tmp_path / "qrels.txt").write_text("q1 0 d1 1\n", encoding="utf-8")
    found = read_ir_folder(tmp_path)
    assert [one["id"] for one in found.articles] == ["d1", "d2", "query:q1"]


def saved(folder: Path, rows: list[dict[str, object]]) -> None:
    """As ``Dataset.save_to_disk`` writes it."""
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(rows)
    with (
        pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as out,
    ):
        out.write_table(table)
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_fingerprint": "5d5f", "_split": folder.name}
    (folder / "state.json").write_bytes(orjson.dumps(state))
    (folder / "dataset_info.json").write_bytes(b"{}")


def test_a_data_set_of_hugging_face_is_read_from_disk_with_all_its_splits(tmp_path: Path) -> None:
    saved(tmp_path / "news" / "train", [{"headline": "One", "body": "a"}, {"headline": "Two", "body": "b"}])
    saved(tmp_path / "news" / "test", [{"id": "own", "headline": "Three", "body": "c"}])
    (tmp_path / "news" / "dataset_dict.json").write_bytes(b'{"splits": ["train", "test"]}')
    rows = list(read_huggingface(tmp_path / "news").articles)
    assert [row["id"] for row in rows] == ["train-0", "train-1", "own"]
    assert [row["id"] for row in read_huggingface(tmp_path / "news" / "train").articles] == ["train-0", "train-1"]


BROKEN: dict[str, tuple[Callable[[Path], object], dict[str, str], str]] = {
    "no articles": (read_trec_news, {"a-topics": TOPICS, "a-qrels": "321 0 a 1"}, "has no articles"),
    "no topics": (read_trec_news, {"a.jl": "{}", "b-topics": "nothing", "a-qrels": "321 0 a 1"}, "holds no topics"),
    "half a topic": (read_trec_news, {"a.jl": "{}", "topics": "<top><num>3</num></top>", "qrels": "3 0 a 1"},
                     "lacks its"),
    "short news": (read_mind, {"news.tsv": "N1\tnews\n"}, r"news.tsv:1: 2 != 8 fields"),
    "short behaviour": (read_mind, {"news.tsv": MIND_NEWS, "behaviors.tsv": "1\tU1\n"}, r"behaviors.tsv:1: 2 != 5"),
    "no judgements": (read_ir_folder, {"docs.jsonl": "{}"}, "has no judgements"),
    "no JSON": (read_ir_folder, {"docs.jsonl": "{", "qrels": "a 0 b 1"}, r"docs.jsonl:1: '{' is not a JSON object"),
    "no id": (read_ir_folder, {"docs.jsonl": '{"text": "a"}', "qrels": "a 0 b 1"}, "has no doc_id"),
    "a score of words": (read_ir_folder, {"docs.jsonl": "{}", "qrels.tsv": "query-id\tcorpus-id\tscore\na\tb\tc"},
                         "is not"),
    "not saved": (read_huggingface, {"a.arrow": "x"}, "save_to_disk"),
    "not Arrow": (read_huggingface, {"state.json": '{"_data_files": [{"filename": "a"}]}', "a": "xyz"},
                  "cannot be read"),
    "no files": (read_huggingface, {"state.json": "{}"}, "names no data files"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_missing_or_malformed_is_named(tmp_path: Path, case: str) -> None:
    read, files, message = BROKEN[case]
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(EvaluationError, match=message):
        list(read(tmp_path).articles)  # type: ignore[attr-defined]


def test_the_command_writes_what_evaluate_reads(
    trec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["recommend", "collection", *arguments])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    monkeypatch.chdir(tmp_path)
    assert run("trec-news", str(trec)) == 0
    assert "2 judgements of 2 articles" in capsys.readouterr().out
    articles = list(Intake(["collection.jsonl"]))
    assert [article.id for article in articles] == [POST["id"], "9171debc"]
    assert "Whenever a Virginia Tech offensive coach" in articles[0].text
    assert read_qrels(tmp_path / "collection.qrels")["9171debc"] == {POST["id"]: 16}
    assert run("trec-news", str(trec), "--json") == 0
    assert orjson.loads(capsys.readouterr().out)["articles"] == 2
    assert run("unheard-of", str(trec)) == 2
    assert run("mind", str(tmp_path)) == 1
