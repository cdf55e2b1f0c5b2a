"""TREC files, there and back."""

import gzip
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.errors import EvaluationError
from recommend.evaluation.judgements import (
    Run,
    answerable_queries,
    quoted,
    read_qrels,
    read_run,
    strictly_falling,
    write_qrels,
    write_run,
)

CHARACTERS = st.characters(categories=["L", "Nd", "Zs"], include_characters="-_/%")
NAMES = st.text(CHARACTERS, min_size=1).filter(lambda name: name == name.strip())
SCORES = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0])


DOCUMENTS = st.lists(st.tuples(NAMES, SCORES), min_size=1, unique_by=lambda item: item[0])


@pytest.mark.parametrize("name", ["qrels.tsv", "qrels.tsv.gz"])
def test_qrels_are_read_plain_and_gzipped_with_tabs_or_spaces_and_comments(name: str, tmp_path: Path) -> None:
    text = "q1\t0\td 1\t3\tbecause of this\nq1 0 d2 0 a comment\n\nq2\t0\td1\t-1\n"
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    assert read_qrels(tmp_path / name) == {"q1": {"d 1": 3, "d2": 0}, "q2": {"d1": -1}}


@pytest.mark.parametrize("name", ["judged.txt", "judged.txt.gz"])
def test_a_mark_of_the_encoding_in_front_is_of_no_id(name: str, tmp_path: Path) -> None:
    def write(text: str) -> Path:
        data = text.encode("utf-8-sig")
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return tmp_path / name

    assert read_qrels(write("q1\t0\td1\t1\r\nq1\t0\td2\t2\r\n")) == {"q1": {"d1": 1, "d2": 2}}
    assert read_run(write("q1 Q0 d1 1 0.5 ours\n")) == {"q1": [("d1", 0.5)]}


@given(st.dictionaries(NAMES, DOCUMENTS.map(lambda found: sorted(found, key=lambda item: -item[1])), min_size=1))
def test_a_run_is_read_back_in_the_order_it_was_written(tmp_path_factory: pytest.TempPathFactory, run: Run) -> None:
    path = tmp_path_factory.mktemp("run") / "run.txt.gz"
    write_run(run, path, "ours")
    found = read_run(path)
    assert found.keys() == run.keys()
    for query, documents in found.items():
        assert [document for document, _ in documents] == [document for document, _ in run[query]]
        scores = [score for _, score in documents]
        assert scores == pytest.approx([score for _, score in run[query]], rel=1e-4, abs=1e-3)
        assert all(later < earlier for earlier, later in pairwise(scores))


def test_where_an_id_holds_a_blank_all_are_encoded_so_that_lines_have_six_fields(tmp_path: Path) -> None:
    write_run({"q": [("a b", 2.0), ("50%20", 1.0)]}, tmp_path / "run", "ours")
    assert (tmp_path / "run").read_text() == "q Q0 a%20b 1 2 ours+quoted\nq Q0 50%2520 2 1 ours+quoted\n"
    assert [document for document, _ in read_run(tmp_path / "run")["q"]] == ["a b", "50%20"]
    write_run({"q": [("50%20", 1.0)]}, tmp_path / "plain", "ours")
    assert (tmp_path / "plain").read_text() == "q Q0 50%20 1 1 ours\n"
    assert read_run(tmp_path / "plain") == {"q": [("50%20", 1.0)]}


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_ids_survive_and_are_read_by_what_splits_lines_at_blanks(
    tmp_path_factory: pytest.TempPathFactory, query: str, document: str
) -> None:
    query, document = (one.encode(errors="replace").decode() for one in (query, document))
    path = tmp_path_factory.mktemp("run") / "run.txt"
    write_run({query: [(f"{document} x", 1.0)]}, path, "ours")
    assert read_run(path) == {query: [(f"{document} x", 1.0)]}
    (found,) = ir_measures.read_trec_run(str(path))  # type: ignore[no-untyped-call]
    assert (unquote(found.query_id), unquote(found.doc_id)) == (query, f"{document} x")
    write_qrels({query: {f"{document} x": 2}}, path, quote=True)
    (judged,) = ir_measures.read_trec_qrels(str(path))  # type: ignore[no-untyped-call]
    assert (judged.query_id, judged.doc_id) == (quoted(query), quoted(f"{document} x"))


def test_a_run_with_tabs_between_ids_with_blanks_is_read(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("q\tQ0\ta b\t1\t2\tours\nq Q0 c 2 1 ours\n")
    assert read_run(tmp_path / "run") == {"q": [("a b", 2.0), ("c", 1.0)]}


def test_queries_without_a_related_document_are_not_answerable() -> None:
    qrels = {"q1": {"a": 1}, "q2": {"a": 0, "b": -1}, "q3": {"b": 2}}
    assert answerable_queries(qrels) == ["q1", "q3"]
    assert answerable_queries(qrels, {"a"}) == ["q1"]


def test_scores_that_tie_are_set_a_hair_apart() -> None:
    falling = strictly_falling([("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", 0.5)])
    assert [document for document, _ in falling] == ["a", "b", "c", "d"]
    assert 1.0 > falling[1][1] > falling[2][1] > 0.99 > falling[3][1] == 0.5


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_qrels, "q1 0 d1 3\nq1 0 d2\n", ":2: 'q1 0 d2' is not 'query 0 document grade'"),
        (read_qrels, "q1 0 d1 3\n\nq1 0 d2 high\n", ":3: grade 'high' is not a whole number"),
        (read_qrels, "\n", " holds no judgements"),
        (read_qrels, "\udcff", " cannot be read"),
        (read_run, "q1 Q0 d1 1 0.5 x\nq1 Q0 d2 2\n", ":2: 'q1 Q0 d2 2' is not 'query Q0 document rank score name'"),
        (read_run, "q1 Q0 d1 1 best x\n", ":1: 'q1 Q0 d1 1 best x' is not"),
        (read_run, "q1 Q0 d1 1 0.5 x\nq1 Q0 d2 2 nan x\n", ":2: 'q1 Q0 d2 2 nan x' is not"),
        (read_run, "q Q0 d 1 2 x\nq Q0 d 2 1 x\n", " ranks a document twice under 'q'"),
        (read_run, "", " holds no ranking"),
    ],
)
def test_a_malformed_file_is_named_by_line(
    read: Callable[[Path], object], text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "judged.txt").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(EvaluationError) as caught:
        read(tmp_path / "judged.txt")
    assert str(tmp_path / "judged.txt") + message in str(caught.value)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.gz").write_bytes(gzip.compress(b"q 0 d 1\n" * 99)[:-12])
    for name in ("missing.tsv", "broken.gz"):
        with pytest.raises(EvaluationError, match=f"{name} cannot be read"):
            read_qrels(tmp_path / name)
