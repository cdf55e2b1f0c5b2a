"""Rules from the command line: tried, put, shown, taken back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from typer.testing import CliRunner

from recommend.articles.rule_documents import read_rules, read_toml, written
from recommend.cli.app import app
from recommend.errors import RulesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Newsroom


@pytest.fixture
def run(newsroom: Newsroom) -> Callable[..., str]:
    """Runs ``recommend rules`` on the newsroom, and gives what it printed."""
    where = ["--store", newsroom.settings.store, "--index", str(newsroom.settings.index)]

    def command(*arguments: str) -> str:
        ran = CliRunner().invoke(app, [*where, "rules", *arguments])
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    return command


def test_an_editor_tries_rules_puts_them_and_takes_them_back(
    newsroom: Newsroom, run: Callable[..., str], tmp_path: Path
) -> None:
    recommender = newsroom.recommender()
    first, second, third = (item.id for item in recommender.related("story-00", 3))
    file, qrels = tmp_path / "rules.toml", tmp_path / "qrels.txt"
    file.write_text(
        f'[[rules]]\nname = "out"\nwhen.id = "story-00"\nthen.leave_out.id = "{first}"\n'
        '[[rules]]\nname = "idle"\nthen.prefer.tag = "unheard-of"\n',
        encoding="utf-8",
    )
    qrels.write_text(f"story-00 0 {first} 1\nstory-00 0 {third} 1\n", encoding="utf-8")
    told = run("try", str(file), "story-00", "-k", "2", "--qrels", str(qrels))
    assert "out  1 stories, 1 candidates" in told
    assert "! prefer: matches no story" in told
    assert "0 boxes better, 1 worse" in told
    assert "related items in the boxes tried: " in told
    bare = tmp_path / "bare.toml"
    bare.write_text('[[rules]]\nname = "bare"\nthen.only.tag = "unheard-of"\n', encoding="utf-8")
    told = run("try", str(bare), "story-00", "-k", "2")
    assert "nothing is left; what stands in, fallback: latest" in told
    assert len(re.findall(r"^  [ +↕] 0\.\d\d  ", told, re.MULTILINE)) == 2
    as_json = orjson.loads(run("try", str(file), "story-00", "-k", "2", "--json"))
    (box,) = as_json["boxes"]
    assert [item["id"] for item in box["before"]] == [first, second]
    assert [(item["id"], item["step"]) for item in box["after"]] == [(second, "moved"), (third, "came")]
    assert recommender.related("story-00", 1)[0].id == first

    assert "2 rules hold from revision" in run("put", str(file), "--by", "Ana")
    assert [item.id for item in recommender.related("story-00", 2)] == [second, third]
    assert read_toml(run("show")) == read_toml(file.read_text(encoding="utf-8"))
    (change,) = orjson.loads(run("history", "--json"))
    assert (change["changed_by"], [rule["name"] for rule in change["rules"]]) == ("Ana", ["out", "idle"])

    assert "holds again" in run("undo", str(change["revision"]))
    assert recommender.related("story-00", 1)[0].id == first
    assert [line.split("  ")[-1] for line in run("history").splitlines()] == ["none", "out (leave_out), idle (prefer)"]
    run("put", str(file))
    assert run("history").splitlines()[0].endswith(f"again, as from revision {change['revision']} on")


def test_the_rule_by_which_an_item_stands_in_a_box_is_printed_below_it(
    newsroom: Newsroom, run: Callable[..., str], tmp_path: Path
) -> None:
    third = newsroom.recommender().related("story-00", 3)[2].id
    file = tmp_path / "rules.toml"
    file.write_text(f'[[rules]]\nname = "Guide first"\nthen.pin = "{third}"\n', encoding="utf-8")
    run("put", str(file))
    where = ["--store", newsroom.settings.store, "--index", str(newsroom.settings.index)]
    lines = CliRunner().invoke(app, [*where, "related", "story-00", "-k", "3"]).stdout.splitlines()
    assert lines[2] == "      by the rule Guide first"
    assert sum("by the rule" in line for line in lines) == 1


def test_who_is_strict_puts_no_rules_of_which_something_is_to_be_looked_at(newsroom: Newsroom, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rules]]\nname = "A"\nthen.leave_out.tag = "unheard-of"\n', encoding="utf-8")
    where = ["--store", newsroom.settings.store, "--index", str(newsroom.settings.index)]
    ran = CliRunner().invoke(app, [*where, "rules", "put", "--strict", str(file)])
    assert isinstance(ran.exception, RulesError)
    assert "'A' leave_out: matches no story" in str(ran.exception)
    assert newsroom.store.rules.get() is None


def test_what_is_wrong_in_the_file_is_told_and_nothing_is_put(newsroom: Newsroom, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rules]]\nname = "A"\nthen.boost = 3\n', encoding="utf-8")
    ran = CliRunner().invoke(app, ["--store", newsroom.settings.store, "rules", "put", str(file)])
    assert ran.exit_code != 0
    assert isinstance(ran.exception, RulesError)
    assert "then.boost is unknown" in str(ran.exception)
    assert newsroom.store.rules.get() is None


def test_an_empty_file_takes_no_rules_away_and_a_written_out_none_does(
    newsroom: Newsroom, run: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rules]]\nname = "A"\nthen.leave_out.tag = "x"\n', encoding="utf-8")
    assert "1 rule holds from" in run("put", str(file))
    ran = CliRunner().invoke(app, ["--store", newsroom.settings.store, "rules", "put", "-"], input="")
    assert isinstance(ran.exception, RulesError)
    assert "write rules = []" in str(ran.exception)
    assert [rule.name for rule in newsroom.store.rules.get().book.rules] == ["A"]  # type: ignore[union-attr]
    file.write_text("rules = []\n", encoding="utf-8")
    assert "no rules hold from" in run("put", str(file))


def test_every_document_is_written_so_that_it_can_be_read() -> None:
    book = read_rules(
        {
            "rules": [
                {
                    "name": 'a "quoted"\u007f name\n',
                    "on": False,
                    "from": "2026-01-01T00:00:00Z",
                    "when": {"not": [{"any": [{"tag": ["x", "y"]}, {"max_age": 2.5}]}]},
                    "then": {"at_most": 2, "per": "author"},
                },
                {"name": "b", "then": {"only": {"series": "Serie: ", "all": [{"id": "1"}]}}},
            ]
        }
    )
    assert read_toml(written(book)) == book


def test_where_there_are_no_rules_yet_showing_them_says_how_they_come_about(newsroom: Newsroom) -> None:
    where = ["--store", newsroom.settings.store, "--index", str(newsroom.settings.index)]
    for command, said in (("show", "there are no rules yet; recommend rules put"), ("history", "nobody has put any")):
        ran = CliRunner().invoke(app, [*where, "rules", command])
        assert ran.exit_code == 0
        assert ran.stdout == ""
        assert said in ran.stderr


def test_rules_may_be_put_before_there_is_a_snapshot_to_hold_them_against(tmp_path: Path) -> None:
    where = ["--store", f"sqlite:///{tmp_path / 'recommend.db'}", "--index", str(tmp_path / "index")]
    (tmp_path / "none.jsonl").write_text('{"id": "a", "title": "One"}\n', encoding="utf-8")
    file = tmp_path / "rules.toml"
    file.write_text('[[rules]]\nname = "out"\nthen.leave_out.tag = "x"\n', encoding="utf-8")
    rejects = ["--no-embed", "--rejects", str(tmp_path / "rejects.jsonl")]
    assert CliRunner().invoke(app, [*where, "ingest", str(tmp_path / "none.jsonl"), *rejects]).exit_code == 0
    ran = CliRunner().invoke(app, [*where, "rules", "put", str(file), "--json"])
    assert ran.exit_code == 0, ran.output
    assert "what the rules come to is not known yet" in ran.stderr
    assert orjson.loads(ran.stdout)["checked"] == []
