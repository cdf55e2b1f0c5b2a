"""A re-index from the command line tells which boxes it would change."""

from __future__ import annotations

from pathlib import Path

import orjson

from running import Recommend

PLACES = ("Riga", "Oslo", "Lima", "Quito", "Perth", "Cairo", "Hanoi", "Turin")
TOPICS = ("flood", "election", "strike", "harvest")


def _written(path: Path, places: tuple[str, ...]) -> None:
    """A file of short items, one on each topic in each place."""
    rows = [
        {"id": f"{topic}-{place}", "title": f"{place} {topic} report", "text": f"The {topic} in {place} goes on."}
        for topic in TOPICS
        for place in places
    ]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def test_a_build_that_is_not_published_shows_what_would_leave_and_enter_each_box(
    recommend: Recommend, tmp_path: Path
) -> None:
    _written(tmp_path / "some.jsonl", PLACES[:3])
    _written(tmp_path / "all.jsonl", PLACES)
    assert recommend("ingest", "some.jsonl").code == 0
    assert recommend("reindex").code == 0
    assert recommend("ingest", "all.jsonl").code == 0
    ran = recommend("reindex", "--no-publish")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert {"  before", "  after"} <= {*lines}
    gone, come = ({line[4:] for line in lines if line.startswith(f"  {mark} ")} for mark in "-+")
    assert gone
    assert come
    assert any(line.endswith("% as before") and line[0] != " " for line in lines)
    assert "12 boxes compared: " in ran.out
    assert "built, not published: 32 articles" in ran.out
    assert "the snapshot is 20 changes behind" in recommend("status").out
