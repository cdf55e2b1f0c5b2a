"""Which arms a grid of settings has."""

from __future__ import annotations

from pathlib import Path

import pytest

from recommend.errors import EvaluationError
from recommend.evaluation.grid import arms, parse_vary, read_grid


def test_a_grid_has_every_combination_after_the_settings_as_they_are() -> None:
    grid = parse_vary(["policy.diversity=0,0.3", "ranking.without=,section+tags"])
    assert grid == {"policy.diversity": ["0", "0.3"], "ranking.without": ["", "section,tags"]}
    assert arms(grid) == {
        "as set": [],
        "policy.diversity=0 ranking.without=none": ["policy.diversity=0", "ranking.without="],
        "policy.diversity=0 ranking.without=section,tags": ["policy.diversity=0", "ranking.without=section,tags"],
        "policy.diversity=0.3 ranking.without=none": ["policy.diversity=0.3", "ranking.without="],
        "policy.diversity=0.3 ranking.without=section,tags": ["policy.diversity=0.3", "ranking.without=section,tags"],
    }
    assert list(arms(grid, each=True)) == [
        "as set", "policy.diversity=0", "policy.diversity=0.3", "ranking.without=none", "ranking.without=section,tags",
    ]  # fmt: skip


def test_a_grid_is_read_from_a_file_in_tables_or_not(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text('"policy.on" = [true, false]\n[ranking]\nwithout = [["section", "tags"], []]\ncandidates = [50]\n')
    assert read_grid(path) == {
        "policy.on": ["on", "off"],
        "ranking.without": ["section,tags", ""],
        "ranking.candidates": ["50"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [("x = 3\n", "x is not a list of values"), ("x = []\n", "x is not a list"), ("[[", "cannot be read")],
)
def test_a_file_that_is_no_grid_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text(text)
    with pytest.raises(EvaluationError, match=message):
        read_grid(tmp_path / "grid.toml")


def test_what_is_no_grid_or_too_large_a_one_is_refused() -> None:
    with pytest.raises(EvaluationError, match="nothing varies: give --vary"):
        arms({})
    with pytest.raises(EvaluationError, match="--vary 'policy' is not KEY=VALUE"):
        parse_vary(["policy"])
    with pytest.raises(EvaluationError, match="has 400 arms, more than 200"):
        arms({"a": ["1"] * 20, "b": ["1"] * 20})
    assert len(arms({"a": [str(n) for n in range(20)], "b": [str(n) for n in range(20)]}, each=True)) == 41
