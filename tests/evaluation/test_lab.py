"""What commands do, as functions: the same figures from files, articles and grades."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from recommend import ablate, compare, evaluate
from recommend.articles.article import Article
from recommend.errors import EvaluationError
from recommend.evaluation.judgements import Qrels, write_qrels, write_run
from recommend.evaluation.provenance import run_notes

QRELS: Qrels = {
    "c-change6-far-side-landing": {"c-change6-capsule-returns": 3},
    "c-change6-capsule-returns": {"c-change6-far-side-landing": 3},
}


def test_files_and_what_they_hold_give_the_same(
    corpus: list[Article], models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOMMEND_MODELS", str(models))
    some, kept = corpus[:8], tmp_path / "kept"
    articles, judged = tmp_path / "articles.jsonl", tmp_path / "judged.tsv"
    articles.write_bytes(b"".join(orjson.dumps(a.model_dump(), option=orjson.OPT_APPEND_NEWLINE) for a in some))
    write_qrels(QRELS, judged)
    found = evaluate(articles, judged, queries="judged", scratch=kept)
    same = evaluate(some, QRELS, queries="judged", scratch=kept)
    assert (same.run, same.provenance.hash) == (found.run, found.provenance.hash)
    assert sorted(found.provenance.data) == ["articles.jsonl", "judged.tsv"]
    assert not same.provenance.data
    write_run(found.run, tmp_path / "ours.trec", found.provenance.hash)
    found.provenance.save(run_notes(tmp_path / "ours.trec"), found.run)
    held = compare({"file": tmp_path / "ours.trec", "evaluation": found, "run": found.run}, judged, articles=articles)
    assert held.verdicts()[1] == "run serves every query as file does, by nDCG@10."
    vary: dict[str, list[object]] = {"ranking.without": [["dense", "lexical"]], "policy.on": [True]}
    parts = ablate(some, QRELS, vary, queries="1", scratch=kept)
    assert list(parts.evaluations) == ["as set", "ranking.without=dense,lexical policy.on=on"]
    assert parts.to_arrow().num_rows == 8
    assert parts.plot().svg.startswith("<svg")
    with pytest.raises(EvaluationError, match="cannot be read"):
        evaluate(some, tmp_path / "nope.tsv")
