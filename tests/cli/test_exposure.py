"""The command that tells which stories boxes lead to."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from recommend.evaluation.exposure import exposure
from running import Recommend

if TYPE_CHECKING:
    from conftest import Newsroom

ASKED = ("exposure", "-k", 3, "--front", 4, "--clicks", 2)


def test_it_tells_what_is_in_no_box_and_what_nobody_reaches(on_toys: Recommend, newsroom: Newsroom) -> None:
    told = exposure(newsroom.recommender(), 3, front=4, clicks=2)
    found = on_toys(*ASKED, "--json").json
    assert (found["articles"], found["size"], found["clicks"]) == (60, 3, 2)
    assert found["in_no_box"] == [one.id for one in told.in_no_box]
    assert found["reasons"][0].keys() == {"id", "title", "reason"}
    assert found["by_policy"] == len(told.by_policy)
    assert found["unreached"] == [one.id for one in told.unreached]
    assert sum(group["articles"] for group in found["groups"] if group["facet"] == "section") == 60
    ran = on_toys(*ASKED, "--out", "all.csv")
    assert ran.out.startswith(f"in no box        {len(told.in_no_box)} of 60 (")
    assert f"{len(told.unreached)} of 60 (" in ran.out
    alone = sorted(told.in_no_box, key=lambda one: one.by_policy)[0]
    assert f"{alone.id} · {alone.reason}" in ran.out
    assert told.most_linked(1)[0].id in ran.out
    with Path("all.csv").open(newline="") as file:
        rows = {row["id"]: int(row["boxes"]) for row in csv.DictReader(file)}
    assert rows == {one.id: one.boxes for one in told.articles}
    assert (on_toys(*ASKED, "--out", "nowhere/all.csv").code, Path("nowhere").exists()) == (1, False)
