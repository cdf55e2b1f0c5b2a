"""Evaluation from the command line: what is refused before anything is ranked, and what is said of the run."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from running import Ran, Recommend


@pytest.fixture
def evaluated(recommend: Recommend, tmp_path: Path) -> Recommend:
    """Runs ``recommend evaluate`` on a dozen items of two stories."""
    rows = [
        {
            "id": f"{topic}-{n}",
            "language": "en",
            "title": f"{topic} report {n}",
            "text": f"The {topic} goes on, day {n}.",
        }
        for topic in ("flood", "election")
        for n in range(6)
    ]
    (tmp_path / "articles.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    judged = [f"{topic}-{n} 0 {topic}-{n + 1} 1" for topic in ("flood", "election") for n in range(5)]
    (tmp_path / "judged.qrels").write_text("\n".join([*judged, "gone 0 flood-1 1", "flood-5 0 lost 1", ""]))

    def run(*arguments: object) -> Ran:
        return recommend("evaluate", "--articles", "articles.jsonl", "--qrels", "judged.qrels", *arguments)

    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--queries", "some"), "'some' is neither all, judged nor a number"),
        (("--queries", "0"), "'0' is neither all, judged nor a number"),
        (("--per-query", "table.txt"), "a table ends in .parquet or .csv"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_ranked(
    evaluated: Recommend, arguments: tuple[str, str], said: str
) -> None:
    ran = evaluated(*arguments)
    assert ran.code == 2
    assert said in " ".join(ran.err.replace("│", " ").split())


def test_queries_that_have_no_answer_or_no_article_are_counted_apart(
    evaluated: Recommend,
) -> None:
    ran = evaluated("--queries", "judged")
    assert ran.code == 0, ran.err
    assert "1 of them not among the articles" in ran.out
    assert "1 have nothing related to be found, and are left out" in ran.out
