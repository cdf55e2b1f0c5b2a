"""TREC files, there and back."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.errors import EvaluationError
from recommend.evaluation.judgements import read_qrels, read_run, strictly_falling, write_run

NAMES = st.text(st.characters(categories=["L", "Nd"], include_characters="-_/"), min_size=1)
SCORES = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0])


def file(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["qrels.tsv", "qrels.tsv.gz"])
def test_qrels_are_read_plain_and_gzipped_with_tabs_or_spaces_and_comments(name: str, tmp_path: Path) -> None:
    text = "q1\t0\td 1\t3\tbecause of this\nq1 0 d2 0 a comment\n\nq2\t0\td1\t-1\n"
    assert read_qrels(file(tmp_path / name, text)) == {"q1": {"d 1": 3, "d2": 0}, "q2": {"d1": -1}}


@given(
    st.dictionaries(NAMES, st.lists(st.tuples(NAMES, SCORES), min_size=1, unique_by=lambda item: item[0]), min_size=1)
)
def test_a_run_is_read_back_in_the_order_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, run: dict[str, list[tuple[str, float]]]
) -> None:
    ranked = {query: sorted(documents, key=lambda item: -item[1]) for query, documents in run.items()}
    path = tmp_path_factory.mktemp("run") / "run.txt.gz"
    write_run(ranked, path, "ours")
    found = read_run(path)
    assert {q: [d for d, _ in documents] for q, documents in found.items()} == {
        q: [d for d, _ in ds] for q, ds in ranked.items()
    }
    for query, documents in found.items():
        scores = [score for _, score in documents]
        assert scores == pytest.approx([score for _, score in ranked[query]], rel=1e-4, abs=1e-3)
        assert all(later < earlier for earlier, later in zip(scores, scores[1:], strict=False))


def test_scores_that_tie_are_set_a_hair_apart() -> None:
    falling = strictly_falling([("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", 0.5)])
    assert [document for document, _ in falling] == ["a", "b", "c", "d"]
    assert falling[3] == ("d", 0.5)
    assert 1.0 > falling[1][1] > falling[2][1] > 0.99


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q1 0 d1 3\nq1 0 d2\n", "qrels.tsv:2: 'q1 0 d2' is not 'query 0 document grade'"),
        ("q1 0 d1 3\n\nq1 0 d2 high\n", "qrels.tsv:3: grade 'high' is not a whole number"),
        ("\n", "qrels.tsv holds no judgements"),
        ("\udcff", "qrels.tsv cannot be read"),
    ],
)
def test_malformed_judgements_are_named_by_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "qrels.tsv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(EvaluationError) as caught:
        read_qrels(tmp_path / "qrels.tsv")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q1 Q0 d1 1 0.5 x\nq1 Q0 d2 2\n", "run.txt:2: 'q1 Q0 d2 2' is not 'query Q0 document rank score name'"),
        ("q1 Q0 d1 1 best x\n", "run.txt:1: 'q1 Q0 d1 1 best x' is not"),
        ("", "run.txt holds no ranking"),
    ],
)
def test_a_malformed_run_is_named_by_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError) as caught:
        read_run(file(tmp_path / "run.txt", text))
    assert message in str(caught.value)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.gz").write_bytes(gzip.compress(b"q 0 d 1\n" * 99)[:-12])
    for name in ("missing.tsv", "broken.gz"):
        with pytest.raises(EvaluationError, match=f"{name} cannot be read"):
            read_qrels(tmp_path / name)
